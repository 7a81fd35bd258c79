#!/bin/sh
# header.sh BUILD - checks ocitar.h as a file: the quick start program, every
# way to include it, what it leaves in an object. Ends with
# "N passed, N failed".
build=${1:-build}
header=ocitar.h
cc=${CC:-cc}
cxx=${CXX:-c++}
work=$build/header
strict='-Wall -Wextra -Wpedantic -Wshadow -Wundef -Werror'
passed=0 failed=0
rm -rf "$work"
mkdir -p "$work" || exit 2

check() { # title command...
    title=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL header: $title"
        sed 's/^/    /' "$work/log" | head -n 20
    fi
}

refuses() { ! "$@"; }
empty() { [ ! -s "$1" ] || { cat "$1"; return 1; }; }

# Compiles standard input to the object $work/NAME.o.
object() { # name flags...
    name=$1
    shift
    cat >"$work/$name.c"
    # shellcheck disable=SC2086
    "$cc" -std=c99 $strict -I. "$@" -c -o "$work/$name.o" "$work/$name.c"
}

link_objects() { # program objects...
    "$cc" -o "$@"
}

# -- the quick start program --

sed -n '/-- begin quick start --/,/-- end quick start --/p' "$header" |
    sed '1d;$d; s/^    //' >"$work/quick_start.c"

check 'the quick start program is there' \
    grep -q 'ocitar_archive_finish' "$work/quick_start.c"
check 'it compiles as strictly as can be' \
    "$cc" -std=c99 -Wall -Wextra -Werror -I. -o "$work/quick_start" \
    "$work/quick_start.c"

run_quick_start() { "$work/quick_start" >"$work/quick_start.tar"; }
check 'it runs' run_quick_start
check 'it fails on a full device' refuses sh -c \
    '[ -e /dev/full ] && "$0" >/dev/full' "$work/quick_start"

names() { tar tf "$work/quick_start.tar" | sed 's|/[0-9a-f]\{64\}$|/X|'; }
expected_names() {
    printf '%s\n' blobs/ blobs/sha256/ blobs/sha256/X blobs/sha256/X \
        blobs/sha256/X oci-layout manifest.json index.json
}
entries() {
    names >"$work/names"
    expected_names | cmp - "$work/names"
}
check 'what it writes is what "what it writes" says' entries

# Every blob is named by its digest.
digests() {
    mkdir -p "$work/unpacked" &&
        tar xf "$work/quick_start.tar" -C "$work/unpacked" || return 1
    for blob in "$work"/unpacked/blobs/sha256/*; do
        [ "$(sha256sum <"$blob")" = "${blob##*/}  -" ] || return 1
    done
}
if command -v sha256sum >/dev/null; then
    check 'each blob has the digest that names it' digests
fi

same_output() {
    "$build/hello_image" >"$work/hello_image.tar" &&
        cmp "$work/quick_start.tar" "$work/hello_image.tar"
}
if [ -x "$build/hello_image" ]; then
    check 'examples/hello_image writes the same' same_output
fi

# Does examples/hello_image.c hold the program, line by line, in one piece?
same_text() {
    awk 'NR == FNR { want = want $0 "\n"; next } { got = got $0 "\n" }
         END { exit index(got, want) == 0 }' \
        "$work/quick_start.c" examples/hello_image.c
}
if grep -q 'ocitar_archive_finish' examples/hello_image.c 2>/dev/null; then
    check 'examples/hello_image.c is that program' same_text
fi

# -- ways to include it --

plain='#include "ocitar.h"
int use(void);
int use(void) { return (int)sizeof(ocitar_archive) + OCITAR_E_SYSTEM; }'
user='#include "ocitar.h"
int main(void) { return ocitar_error_name(0)[0] == 79 ? 0 : 1; }'

plain_twice() { printf '%s\n%s\n' '#include "ocitar.h"' "$plain"; }
implemented() { printf '#define OCITAR_IMPLEMENTATION\n%s\n' "$plain"; }
implemented_twice() {
    printf '#define OCITAR_IMPLEMENTATION\n#include "ocitar.h"\n%s\n' "$plain"
}
plain_first() {
    printf '%s\n#define OCITAR_IMPLEMENTATION\n#include "ocitar.h"\n' \
        '#include "ocitar.h"'
}
private() { printf '#define OCITAR_STATIC\n%s\n' "$user"; }

declarations() { echo "$plain" | object plain "$@"; }
check 'declarations alone' declarations
check 'declarations alone, without the hosted ones' \
    declarations -DOCITAR_NO_HOSTED
nothing_there() {
    nm "$work/plain.o" | sed '/ use$/d' | grep ocitar >"$work/names"
    empty "$work/names"
}
check 'declarations leave nothing in an object' nothing_there

twice() { plain_twice | object twice; }
check 'included twice' twice
whole() { implemented | object whole -O1; }
check 'implemented' whole
whole_twice() { implemented_twice | object whole_twice; }
check 'implemented once, though included twice' whole_twice
declared_first() { plain_first | object declared_first -DOCITAR_NO_HOSTED; }
check 'declared first, implemented then' declared_first

two_units() {
    echo "$user" | object user &&
        link_objects "$work/two_units" "$work/user.o" "$work/whole.o" &&
        "$work/two_units"
}
check 'two translation units' two_units

two_private() {
    private | object private_a &&
        printf '#define OCITAR_STATIC\n#define main other\n%s\n' \
            "int main(void);$user" | sed 's/;#include/;\n#include/' |
        object private_b &&
        link_objects "$work/two_private" "$work/private_a.o" \
            "$work/private_b.o" && "$work/two_private"
}
check 'two private copies in one program' two_private
private_names() {
    nm "$work/private_a.o" | grep ' [A-TV-Z] ocitar' >"$work/names"
    empty "$work/names"
}
check 'a private copy exports nothing' private_names

visible() {
    implemented | object visible \
        '-DOCITAR_API=__attribute__((visibility("hidden")))'
}
check 'OCITAR_API of your own' visible

core() { implemented | object core -O1 -DOCITAR_NO_HOSTED; }
check 'without the hosted part' core
free() { implemented | object free -O1 -DOCITAR_NO_HOSTED -ffreestanding; }
check 'for a machine without a C library' free
short() {
    implemented | object short -O1 -DOCITAR_NO_HOSTED -DOCITAR_NO_SHA512
}
check 'without SHA-512' short
smaller() {
    [ "$(size "$work/short.o" | awk 'NR == 2 { print $1 }')" -lt \
        "$(size "$work/core.o" | awk 'NR == 2 { print $1 }')" ]
}
check 'and then it is smaller' smaller

no_sha512() {
    printf '%s\n' '#define OCITAR_IMPLEMENTATION' '#include "ocitar.h"' \
        'int main(void) {' \
        'ocitar_digest d;' \
        'if (ocitar_digest_length(OCITAR_SHA512) != 0) return 1;' \
        'if (ocitar_digest_of(&d, OCITAR_SHA384, "", 0) !=' \
        '    OCITAR_E_UNSUPPORTED) return 2;' \
        'return ocitar_digest_of(&d, OCITAR_SHA256, "", 0); }' |
        object no_sha512 -DOCITAR_NO_SHA512 &&
        link_objects "$work/no_sha512" "$work/no_sha512.o" &&
        "$work/no_sha512"
}
check 'without SHA-512 it is E_UNSUPPORTED' no_sha512

mem='-DOCITAR_MEMCPY=memcpy -DOCITAR_MEMMOVE=memmove'
mem="$mem -DOCITAR_MEMSET=memset -DOCITAR_MEMCMP=memcmp"
own_mem() {
    # shellcheck disable=SC2086
    { echo '#include <string.h>'; implemented; } |
        object own_mem -DOCITAR_NO_HOSTED $mem
}
check 'all four mem functions of your own' own_mem
one_mem() { implemented | object one_mem "$@"; }
for macro in MEMCPY=memcpy MEMMOVE=memmove MEMSET=memset MEMCMP=memcmp; do
    check "only OCITAR_${macro%=*} is an error" \
        refuses one_mem -DOCITAR_NO_HOSTED "-DOCITAR_$macro"
    one_mem -DOCITAR_NO_HOSTED "-DOCITAR_$macro" 2>"$work/messages"
    check '... that says so' grep -q 'or none' "$work/messages"
done

plus() { # name flags...
    name=$1
    shift
    # shellcheck disable=SC2086
    "$cxx" -std=c++11 -Wall -Wextra -Wpedantic -Wshadow -Wundef -Werror -I. \
        "$@" -x c++ -c -o "$work/$name.o" -
}
plus_plain() { echo "$plain" | plus plus_plain; }
plus_whole() { implemented | plus plus_whole; }
plus_user() {
    echo "$user" | plus plus_user &&
        "$cxx" -o "$work/plus_user" "$work/plus_user.o" "$work/whole.o" &&
        "$work/plus_user"
}
if command -v "$cxx" >/dev/null 2>&1; then
    check 'declarations as C++' plus_plain
    check 'implemented as C++' plus_whole
    check 'used from C++, implemented in C' plus_user
else
    echo "skipped: as C++, for there is no $cxx"
fi

# -- what it leaves in an object --

undefined() { # object more...
    object_file=$1
    shift
    nm "$object_file" | awk '$1 == "U" { print $2 }' >"$work/undefined"
    printf '%s\n' memcpy memmove memset memcmp _GLOBAL_OFFSET_TABLE_ "$@" |
        grep -v -x -F -f - "$work/undefined" |
        grep -v '^__.*div\|^__.*mod' >"$work/names" # 64 bits on 32
    empty "$work/names"
}
check 'the core needs four mem functions and nothing else' \
    undefined "$work/free.o"
# A compiler that may take a C library for granted knows two short cuts.
check 'nor does it elsewhere' undefined "$work/core.o" strlen bcmp
check 'nor without SHA-512' undefined "$work/short.o" strlen bcmp

exported() {
    nm "$work/$1.o" | awk '$2 ~ /^[A-TV-Z]$/ { print $3 }' |
        grep -v -x -e use -e '__x86.get_pc_thunk.*' >"$work/names"
    grep -q '^ocitar_archive_begin$' "$work/names" || return 1
    if grep -v '^ocitar_' "$work/names" || grep '^ocitar_i_' "$work/names"
    then
        return 1
    fi
}
check 'all that the core exports is called ocitar_' exported core
check 'all that the whole exports is called ocitar_' exported whole

# Each exported function is declared, and each declared one is there.
declared() {
    "$cc" -E -P -I. -x c "$work/plain.c" 2>/dev/null | tr '\n' ' ' |
        grep -o 'ocitar_[a-z0-9_]*(' | tr -d '(' | sort -u >"$work/declared"
    nm "$work/whole.o" | awk '$2 == "T" { print $3 }' |
        grep -v -x -e use -e '__x86.get_pc_thunk.*' |
        sort >"$work/defined"
    cmp "$work/declared" "$work/defined"
}
check 'what is declared is what is defined' declared

# Constants that hold pointers are in .data.rel.ro, which is no data.
no_data() { # object
    size -A "$1" >"$work/sections" && grep -q '^\.text' "$work/sections" &&
        awk '/^\.(t?data|t?bss)/ && !/^\.data\.rel\.ro/ { n += $2 }
             END { exit n != 0 }' "$work/sections"
}
check 'the core has no .data and no .bss' no_data "$work/core.o"
check 'nor has the whole' no_data "$work/whole.o"

# -- the text --

long_lines() {
    awk 'length > 80 { print FILENAME ":" FNR; bad = 1 } END { exit bad }' \
        "$header"
}
check 'no line is longer than 80 columns' long_lines
ascii_only() {
    LC_ALL=C awk '/[^ -~]/ { print FILENAME ":" FNR; bad = 1 }
                  END { exit bad }' "$header"
}
check 'nothing but printable ASCII, and no tabs' ascii_only

includes() {
    sed '/^#if.*OCITAR_IMPLEMENTATION || defined OCITAR_STATIC$/,$d' \
        "$header" | sed '1,/^#define OCITAR_H$/d' |
        sed -n 's/^# *include *//p' | sort >"$work/includes"
    printf '<stddef.h>\n<stdint.h>\n' | cmp - "$work/includes"
}
check 'declarations include stddef.h and stdint.h, no more' includes

# A static function that is declared before it is defined: order says what a
# section may call. A declaration ends with ");" before any "{".
forward() {
    awk '/^static [^=]*\(/ { open = 1; line = FNR }
         open && /\{/ { open = 0 }
         open && /\);/ { print FILENAME ":" line; bad = 1; open = 0 }
         END { exit bad }' "$header"
}
check 'no static function is declared before its definition' forward

# The rules of the checker, as README lists them.
rules() {
    sed -n '/^OCITAR_API const char \*ocitar_rule_text(int rule)$/,/^}/{
        s/^        "\(.*\)",*$/\1/p
        }' "$header" | awk '{ print "| " NR - 1 " | " $0 " |" }' \
        >"$work/rules"
    grep -c . "$work/rules" | grep -qx 62 &&
        sed -n '/^| rule | what holds |$/,/^$/s/^| [0-9].*/&/p' README.md |
        cmp - "$work/rules"
}
if [ -e README.md ]; then
    check 'README has the rules, word by word' rules
fi

version() {
    grep -q "^VERSION = $(sed -n 's/^#define OCITAR_VERSION "\(.*\)"/\1/p' \
        "$header")$" Makefile
}
if [ -e Makefile ]; then
    check 'the version is the Makefile'\''s' version
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
