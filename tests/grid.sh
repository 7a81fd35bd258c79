#!/bin/sh
# grid.sh - the warning grid: the header, the examples and the tests through
# every compiler and standard that it promises, with warnings as errors. One
# line for each; the last line is "N passed, N failed".
#
# A compiler that is not installed is named and left out; with GRID_ALL=1
# that is a failure. Two compilers run side by side.
cd "$(dirname "$0")/.." || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

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

# Some of gcc's warnings need the optimiser, others vanish with it: the
# implementation is compiled with and without.
check_header() {
    for O in -O0 -O2; do
        check "implementation $O" compile "$work/impl.c" $O
        check "OCITAR_STATIC $O" compile "$work/static.c" $O
        check "OCITAR_NO_HOSTED $O" compile "$work/impl.c" $O -DOCITAR_NO_HOSTED
        check "OCITAR_NO_SHA512 $O" compile "$work/impl.c" $O -DOCITAR_NO_SHA512
    done
    check 'neither hosted nor SHA-512' compile "$work/impl.c" -O2 \
        -DOCITAR_NO_HOSTED -DOCITAR_NO_SHA512
    check 'plain' compile "$work/plain.c" -O0
    check 'plain, no hosted' compile "$work/plain.c" -O0 -DOCITAR_NO_HOSTED
    check 'plain, no SHA-512' compile "$work/plain.c" -O0 -DOCITAR_NO_SHA512
    check 'twice' compile "$work/twice.c" -O0
    check 'implementation, then plain' compile "$work/impl_twice.c" -O0
    check 'OCITAR_STATIC, then plain' compile "$work/static_twice.c" -O0
    check 'plain, then implementation' compile "$work/late.c" -O0 \
        -DOCITAR_NO_HOSTED
}

# Every unit to an object, then linked and run, at both levels.
# shellcheck disable=SC2086 # no word where there is no -m32
program() { # -O
    compile "$work/impl.c" "$1" && mv "$out.o" "$out.impl.o" &&
        compile "$work/private.c" "$1" && mv "$out.o" "$out.private.o" &&
        compile "$work/main.c" "$1" &&
        "$cc" $bits -o "$out.exe" "$out.o" "$out.impl.o" "$out.private.o" &&
        "$out.exe"
}

check_program() {
    check 'three units -O0' program -O0
    check 'three units -O2' program -O2
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
}

end() { # what
    printf '%-8s %-6s %-4s %-9s %s passed, %s failed\n' \
        "$cc" "$std" "$bits" "$1" "$p" "$f"
    echo "$p $f" >>"$out.count"
}

line_header() {
    begin "$1" "$2" "$3" "$4"
    check_header
    check_program
    end header
}

# All programs of the project, in the oldest C. HOSTED is for freestanding.c,
# whose other half has a tier of its own and system calls for 64 bits only.
line_programs() {
    begin "$1" c c99 "$2"
    O=-O0 # only gcc warns of what its optimiser sees, and once is enough
    if [ "$cc$bits" = gcc ]; then O=-O2; fi
    for source in examples/*.c tests/*.c; do
        if [ -e "$source" ]; then
            check "$source" compile "$source" $O -DHOSTED
        fi
    done
    end programs
}

# missing WHAT - says so; whether it is a failure is GRID_ALL's to say.
missing() {
    echo "$1 is not installed"
    echo "0 ${GRID_ALL:-0}" >>"$work/missing.count"
}

# pair COMMAND GCC CLANG ARGUMENT... - the line for both, side by side. Their
# output is kept apart, and shown in order.
pair() {
    command=$1 first=$2 second=$3
    shift 3
    for compiler in "$first" "$second"; do
        if command -v "$compiler" >/dev/null; then
            "$command" "$compiler" "$@" >"$work/$compiler.out" 2>&1 &
        else
            missing "$compiler" >"$work/$compiler.out"
        fi
    done
    wait
    cat "$work/$first.out" "$work/$second.out"
}

write_sources
for standard in c99 c11 c17; do
    pair line_header gcc clang c $standard
done
for standard in c++11 c++14 c++17 c++20; do
    pair line_header g++ clang++ c++ $standard
done
pair line_programs gcc clang

# Sizes that do not fit a long, or a size_t, warn on 32 bits only.
if gcc -m32 -x c -o "$work/32" - <<'END' 2>/dev/null; then
#include <stdio.h>
int main(void) { return 0; }
END
    pair line_header gcc clang c c99 -m32
    pair line_programs gcc clang -m32
else
    missing 'a 32-bit C library'
fi

cat "$work"/*.count >"$work/all"
awk '{ p += $1; f += $2 }
    END { printf "%d passed, %d failed\n", p, f; exit f != 0 || p == 0 }' \
    "$work/all"
