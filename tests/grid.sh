#!/bin/sh
# grid.sh - the warning grid: the header, the examples and the tests through
# every compiler and standard that it promises, with warnings as errors. One
# line for each; the last line is "N passed, N failed".
#
# A compiler that is not installed is named and left out; with GRID_ALL=1
# that is a failure. Lines run two at a time, or as JOBS says.
#
# What takes the time is the optimiser, so it runs where it has something to
# say: gcc's over each configuration in the oldest standard of each language,
# and over the whole header in the newest and for 32 bits, too. Clang's warnings
# come before it. The standards between have the whole header, a private copy
# and the core by itself.
cd "$(dirname "$0")/.." || exit 2
if [ "${1:-}" = --line ]; then
    work=$2
else
    work=$(mktemp -d) || exit 2
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' INT TERM HUP
fi

WARN='-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow
    -Wundef -Wcast-qual -Wcast-align -Werror'
WARN_C='-Wstrict-prototypes -Wmissing-prototypes'

# ---- what is compiled -------------------------------------------------------

# Each source is C and C++. The header stands first in all of them, as it must
# where the hosted section is compiled: no source sets a feature macro.
write_sources() {
    cat >"$work/impl.c" <<'END'
#define OCITAR_IMPLEMENTATION
#include "ocitar.h"
END
    cat >"$work/static.c" <<'END'
#define OCITAR_STATIC
#include "ocitar.h"
END
    cat >"$work/plain.c" <<'END'
#include "ocitar.h"
END
    cat "$work/plain.c" "$work/plain.c" >"$work/twice.c"
    cat "$work/impl.c" "$work/plain.c" >"$work/impl_twice.c"
    cat "$work/static.c" "$work/plain.c" >"$work/static_twice.c"
    cat >"$work/late.c" <<'END'
#include "ocitar.h"
#define OCITAR_IMPLEMENTATION
#include "ocitar.h"
END
    write_program
}

# A program of three units: main, one with a private copy, the implementation.
# It computes a digest in both copies, and so shows that the linker keeps
# them apart.
write_program() {
    cat >"$work/private.c" <<'END'
#define OCITAR_STATIC
#include "ocitar.h"
size_t private_name(char out[OCITAR_DIGEST_TEXT_MAX]);
size_t private_name(char out[OCITAR_DIGEST_TEXT_MAX])
{
    ocitar_digest digest;

    if (ocitar_digest_of(&digest, OCITAR_SHA256, "abc", 3) != OCITAR_OK)
        return 0;
    return ocitar_digest_format(&digest, out);
}
END
    cat >"$work/main.c" <<'END'
#include "ocitar.h"
#include <string.h>
size_t private_name(char out[OCITAR_DIGEST_TEXT_MAX]);
int main(void)
{
    char mine[OCITAR_DIGEST_TEXT_MAX], other[OCITAR_DIGEST_TEXT_MAX];
    ocitar_digest digest;

    if (ocitar_digest_of(&digest, OCITAR_SHA256, "abc", 3) != OCITAR_OK)
        return 1;
    if (ocitar_digest_format(&digest, mine) != private_name(other))
        return 2;
    return strcmp(mine, other) != 0 || strncmp(mine, "sha256:ba7816bf", 15);
}
END
}

# ---- checks -----------------------------------------------------------------

# check TITLE COMMAND... - counts it; a failed one shows the first messages.
check() {
    title=$1
    shift
    if "$@" >"$out.log" 2>&1; then
        p=$((p + 1))
    else
        f=$((f + 1))
        echo "FAIL $cc $std $bits: $title"
        sed -n '1,20s/^/    /p' "$out.log"
    fi
}

# compile SOURCE FLAG... - in the language and standard of the line, to $out.o.
compile() {
    source=$1
    shift
    # shellcheck disable=SC2086 # flags are words, and no -m32 is none
    "$cc" $bits -x "$lang" "-std=$std" $flags -I. "$@" -c -o "$out.o" "$source"
}

# look TITLE SOURCE FLAG... - for its warnings alone. Some of gcc's need the
# optimiser, others vanish with it.
look() {
    what=$1 source=$2
    shift 2
    case $depth in
    deep)
        check "$what -O0" compile "$source" -O0 "$@"
        check "$what -O2" compile "$source" -O2 "$@"
        ;;
    *) check "$what" compile "$source" -fsyntax-only "$@" ;;
    esac
}

check_header() {
    look 'OCITAR_STATIC' "$work/static.c"
    look 'OCITAR_NO_HOSTED' "$work/impl.c" -DOCITAR_NO_HOSTED
    if [ "$depth" = between ]; then return; fi
    look 'OCITAR_NO_SHA512' "$work/impl.c" -DOCITAR_NO_SHA512
    look 'neither hosted nor SHA-512' "$work/impl.c" -DOCITAR_NO_HOSTED \
        -DOCITAR_NO_SHA512
    depth=shallow
    look 'plain' "$work/plain.c"
    look 'plain, no hosted' "$work/plain.c" -DOCITAR_NO_HOSTED
    look 'plain, no SHA-512' "$work/plain.c" -DOCITAR_NO_SHA512
    look 'twice' "$work/twice.c"
    look 'implementation, then plain' "$work/impl_twice.c"
    look 'OCITAR_STATIC, then plain' "$work/static_twice.c"
    look 'plain, then implementation' "$work/late.c" -DOCITAR_NO_HOSTED
}

# Every unit to an object, then linked and run. Of the whole implementation
# these are the warnings, too.
# shellcheck disable=SC2086 # no word where there is no -m32
program() { # -O
    compile "$work/impl.c" "$1" && mv "$out.o" "$out.impl.o" &&
        compile "$work/private.c" "$1" && mv "$out.o" "$out.private.o" &&
        compile "$work/main.c" "$1" &&
        "$cc" $bits -o "$out.exe" "$out.o" "$out.impl.o" "$out.private.o" &&
        ${bits:+$run32} "$out.exe"
}

check_program() {
    check 'three units -O0' program -O0
    case $depth in
    deep | whole) check 'three units -O2' program -O2 ;;
    esac
}

# ---- lines ------------------------------------------------------------------

# begin COMPILER LANGUAGE STANDARD [-m32]: the variables that checks read.
begin() {
    cc=$1 lang=$2 std=$3 bits=$4 p=0 f=0 out=$work/$1.$3$4 flags=$WARN
    if [ "$lang" = c ]; then flags="$WARN $WARN_C"; fi
    # gcc finds Debian's <asm/*.h> for both sizes, clang for its own only.
    if [ "$bits" = -m32 ]; then
        flags="$flags -idirafter /usr/include/x86_64-linux-gnu"
    fi
    case $cc$std$bits in
    gccc99 | g++c++11) depth=deep ;; # each configuration by the optimiser
    *c99 | *c99-m32 | *c++11 | gccc2x | g++c++2b) depth=whole ;;
    *c1? | *++14 | *++17 | *++20) depth=between ;;
    *) depth=shallow ;;
    esac
}

end() { # what
    printf '%-8s %-6s %-4s %-9s %s passed, %s failed\n' \
        "$cc" "$std" "$bits" "$1" "$p" "$f"
    echo "$p $f" >"$out.$1.count"
}

line_header() { # compiler language standard [-m32]
    begin "$@"
    check_program
    check_header
    end header
}

# Programs of the project, in the oldest C. HOSTED is for freestanding.c,
# whose other half has a tier of its own and system calls for 64 bits only.
# Only gcc warns of what its optimiser sees, and once is enough.
line_programs() { # compiler [-m32]
    begin "$1" c c99 "${2:-}"
    O=-fsyntax-only # make builds them, with WERROR=-Werror
    for source in examples/*.c tests/*.c; do
        if [ -e "$source" ]; then
            check "$source" compile "$source" $O -DHOSTED
        fi
    done
    end programs
}

# A line of the list below has a process of its own, and says all at once.
if [ "${1:-}" = --line ]; then
    what=$3
    shift 3
    said=$work/$(echo "$what" "$@" | tr ' ' .).out
    "line_$what" "$@" >"$said" 2>&1
    cat "$said"
    exit
fi

# ---- the list ---------------------------------------------------------------

# missing WHAT - says so; whether it is a failure is GRID_ALL's to say.
missing() {
    echo "$1 is not installed"
    echo "0 ${GRID_ALL:-0}" >>"$work/missing"
}

# The longest first, so that jobs end together.
cat >"$work/list" <<'END'
header gcc c c99
header g++ c++ c++11
header gcc c c99 -m32
header gcc c c2x
header g++ c++ c++2b
header clang c c99
header clang c c99 -m32
header clang++ c++ c++11
header gcc c c11
header gcc c c17
header g++ c++ c++14
header g++ c++ c++17
header g++ c++ c++20
programs clang
header clang c c11
header clang c c17
header clang c c2x
header clang++ c++ c++14
header clang++ c++ c++17
header clang++ c++ c++20
header clang++ c++ c++2b
END

without() { # pattern
    grep -v -e "$1" "$work/list" >"$work/rest"
    mv "$work/rest" "$work/list"
}

for compiler in gcc g++ clang clang++; do
    if ! command -v $compiler >/dev/null; then
        missing $compiler
        without " $compiler\( \|\$\)"
    fi
done

# Sizes that do not fit a long, or a size_t, warn on 32 bits only. Not every
# kernel runs such programs; then qemu must.
run32=
printf '#include <stdio.h>\nint main(void) { return 0; }\n' >"$work/32.c"
if ! gcc -m32 -o "$work/32" "$work/32.c" 2>/dev/null; then
    missing 'a 32-bit C library'
    without '-m32$'
elif ! "$work/32" 2>/dev/null; then
    run32=qemu-i386-static
    if ! command -v $run32 >/dev/null; then
        missing "$run32, without which this kernel runs no 32-bit program,"
        without '^header.*-m32$'
    fi
fi
export run32

write_sources
xargs -P "${JOBS:-2}" -L 1 sh tests/grid.sh --line "$work" <"$work/list"
touch "$work/missing"
awk -v lines="$(grep -c . "$work/list")" '{ p += $1; f += $2 }
    FILENAME ~ /count$/ { lines-- }
    END { printf "%d passed, %d failed\n", p, f
        exit f != 0 || p == 0 || lines != 0 }' \
    "$work"/*.count "$work/missing"
