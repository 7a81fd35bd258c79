#!/bin/sh
# compilers.sh - what grid.sh and cross.sh leave out: all of clang's warnings,
# the newest clang and its standards, flags that change what a type or a unit
# is, and other libraries' headers around this one. Ends with
# "N passed, N failed".
#
# Debian's packages: gcc g++ clang clang-19 gcc-mingw-w64-x86-64 libstb-dev
# libsqlite3-dev zlib1g-dev. What is not installed is named and left out; with
# GRID_ALL=1 that is a failure.
cd "$(dirname "$0")/.." || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
# shellcheck source=tests/count.sh
. tests/count.sh

WARN='-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow
    -Wundef -Wcast-qual -Wcast-align -Werror'

# there WHAT COMMAND... - is it here? Whether not is a failure is GRID_ALL's
# to say.
there() {
    what=$1
    shift
    if "$@" >/dev/null 2>&1; then return 0; fi
    echo "$what is not installed"
    failed=$((failed + ${GRID_ALL:-0}))
    return 1
}

# ---- what is compiled -------------------------------------------------------

src=$work/src
mkdir "$src" || exit 2
printf '#define OCITAR_IMPLEMENTATION\n#include "ocitar.h"\n' >"$src/impl.c"
printf '#define OCITAR_STATIC\n#include "ocitar.h"\n' >"$src/static.c"
printf '#include "ocitar.h"\n' >"$src/plain.c"

# Left out of -Weverything, each with its reason:
#   padded: members stand in the order in which they are to be read
#   unsafe-buffer-usage: C has no other buffers than pointers
#   comma: two assignments in one statement, where they are one thing
#   conditional-uninitialized: set where the error code says so, which gcc and
#     clang's other warnings follow, and this one does not
#   reserved-macro-identifier, reserved-identifier: POSIX's feature macros
#   old-style-cast, zero-as-null-pointer-constant: it is C, in C++ too
#   c++98-compat-pedantic: C++11 is the oldest that is promised
#   used-but-marked-unused: a private copy is marked, as all of it may be used
#   unknown-warning-option: an older clang has not all of these
EVERYTHING='-Weverything -Werror -Wno-unknown-warning-option -Wno-padded
    -Wno-unsafe-buffer-usage -Wno-comma -Wno-conditional-uninitialized
    -Wno-reserved-macro-identifier -Wno-reserved-identifier
    -Wno-old-style-cast -Wno-zero-as-null-pointer-constant
    -Wno-used-but-marked-unused -Wno-c++98-compat-pedantic'

# Clang's warnings do not need an object, or the optimiser.
# shellcheck disable=SC2086 # flags are words
everything() { # compiler language standard flag...
    cc=$1 lang=$2 std=$3
    shift 3
    for source in impl static plain; do
        "$cc" -x "$lang" "-std=$std" $EVERYTHING -fsyntax-only -I. "$@" \
            "$src/$source.c" || return 1
    done
}

# The strict flags of grid.sh, for a compiler that it does not have.
# shellcheck disable=SC2086
strict() { # compiler language standard
    for source in impl static plain; do
        "$1" -x "$2" "-std=$3" $WARN -fsyntax-only -I. "$src/$source.c" ||
            return 1
    done
}

clangs() {
    for v in '' -19; do
        there "clang$v" command -v "clang$v" || continue
        for option in OCITAR_NO_HOSTED OCITAR_NO_SHA512 OCITAR_API=extern \
            OCITAR_WRITER_ONLY OCITAR_CHECKER_ONLY; do
            check "clang$v -Weverything c99 $option" \
                everything "clang$v" c "c99" "-D$option"
        done
        check "clang++$v -Weverything c++11" everything "clang++$v" c++ c++11
    done
    if there clang-19 command -v clang-19; then
        for std in c99 c23; do
            check "clang-19 $std" strict clang-19 c $std
        done
        for std in c++11 c++23; do
            check "clang++-19 $std" strict clang++-19 c++ $std
        done
    fi
}

# ---- MSVC -------------------------------------------------------------------

# It is not here: clang stands in for it, with the little that is needed of its
# library's headers. With the instructions it takes the branch that is spelled
# out for MSVC.
write_library() {
    mkdir "$work/msvc"
    printf '%s\n' '#include <stddef.h>' 'void *malloc(size_t);' \
        'void free(void *);' 'void *_aligned_malloc(size_t, size_t);' \
        'void _aligned_free(void *);' >"$work/msvc/stdlib.h"
    printf '%s\n' '#include <stddef.h>' 'void *memset(void *, int, size_t);' \
        'void *memcpy(void *, const void *, size_t);' \
        'void *memmove(void *, const void *, size_t);' \
        'int memcmp(const void *, const void *, size_t);' \
        >"$work/msvc/string.h"
    echo 'typedef int jmp_buf[16];' >"$work/msvc/setjmp.h"
    : >"$work/msvc/malloc.h"
}

as_msvc() { # flag...
    clang --target=x86_64-pc-windows-msvc -fms-extensions \
        -fms-compatibility-version=19.30 -DOCITAR_NO_HOSTED -Wall -Wextra \
        -Werror -isystem "$work/msvc" -I. "$@" -c -o "$work/msvc.o" \
        "$src/impl.c"
}

msvc() {
    there clang command -v clang || return
    write_library
    check "MSVC's C" as_msvc -std=c99
    check "MSVC's C++" as_msvc -x c++ -std=c++17
    check "MSVC's instructions" as_msvc -std=c99 -msha -msse4.1
    check 'they are what it takes' has_rounds
}

has_rounds() {
    as_msvc -O1 -msha -msse4.1 -S && grep -q sha256rnds2 "$work/msvc.o"
}

# ---- flags ------------------------------------------------------------------

# A test program by a compiler, over an implementation that is an object.
run_test() { # compiler object test flag...
    cc=$1 object=$2 test=$3
    shift 3
    "$cc" -std=c99 -I. "$@" -o "$work/test" "tests/$test.c" "$object" &&
        "$work/test" >"$work/test.out" && tail -n 1 "$work/test.out" &&
        tail -n 1 "$work/test.out" | grep -q ' passed, 0 failed$'
}

# The implementation with flags that tests are not compiled with: a struct or
# an argument that came out otherwise would show.
flags() { # compiler tests flag...
    cc=$1 tests=$2
    shift 2
    there "$cc" command -v "$cc" || return
    rm -f "$work/f.o"
    # shellcheck disable=SC2086
    check "$cc $*" "$cc" -std=c99 $WARN -I. "$@" -c -o "$work/f.o" \
        "$src/impl.c"
    for test in $tests; do
        check "$cc $*, $test" run_test "$cc" "$work/f.o" "test_$test" \
            -DOCITAR_NO_HOSTED
    done
}

# With -flto the tests are part of it, and what does not fit is an error.
lto() { # compiler
    there "$1" command -v "$1" || return
    check "$1 -flto" run_test "$1" tests/implementation.c test_image \
        -O2 -flto -Wall -Wextra -Werror
}

# ---- neighbours -------------------------------------------------------------

# One unit with what others have in headers: libraries of one header, whose
# implementations are there, too, and large ones. ocitar.h stands first and
# last, and its implementation between; so the system's headers are told from
# outside what it would tell them.
write_neighbours() {
    cat >"$work/neighbours.c" <<'END'
#include "ocitar.h"
#include <zlib.h>
#include <sqlite3.h>
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>
#define STB_SPRINTF_IMPLEMENTATION
#include <stb/stb_sprintf.h>
#define OCITAR_IMPLEMENTATION
#include "ocitar.h"
#define STB_DS_IMPLEMENTATION
#include <stb/stb_ds.h>
#define STB_RECT_PACK_IMPLEMENTATION
#include <stb/stb_rect_pack.h>
#define STB_TRUETYPE_IMPLEMENTATION
#include <stb/stb_truetype.h>
#define STB_C_LEXER_IMPLEMENTATION
#include <stb/stb_c_lexer.h>
#include "ocitar.h"
int main(void)
{
    static char text[OCITAR_DIGEST_TEXT_MAX];
    ocitar_digest digest;
    ocitar_digest_of(&digest, OCITAR_SHA256, "abc", 3);
    ocitar_digest_format(&digest, text);
    return strncmp(text, "sha256:ba7816bf", 15) != 0 ||
           crc32(0, (const Bytef *)"abc", 3) != 0x352441c2 ||
           sqlite3_libversion_number() != SQLITE_VERSION_NUMBER;
}
END
}

neighbours() { # compiler flag...
    cc=$1
    shift
    "$cc" "$@" -Wall -Wextra -Wshadow -Werror -D_GNU_SOURCE \
        -D_FILE_OFFSET_BITS=64 -I. -o "$work/neighbours" \
        "$work/neighbours.c" -lz -lsqlite3 -lm && "$work/neighbours"
}

# windows.h has macros such as near, small, min, ERROR and interface.
windows() {
    printf '#include %s\n' '<windows.h>' '"ocitar.h"' >"$work/w.c"
    printf '%s\n' '#define OCITAR_IMPLEMENTATION' '#include "ocitar.h"' \
        >>"$work/w.c"
    x86_64-w64-mingw32-gcc -DOCITAR_NO_HOSTED -Wall -Wextra -Werror -I. \
        -fsyntax-only "$work/w.c"
}

# Macros that the header itself leaves: its own, and POSIX's three.
macros() { # flag...
    gcc -std=c99 -dD -E -I. "$@" "$src/impl.c" |
        awk '/^# [0-9]/ { ours = $3 == "\"./ocitar.h\"" ||
                $3 == "\"ocitar.h\"" }
            ours && $1 == "#define" { print $2 }' >"$work/macros"
    grep -q '^OCITAR_VERSION$' "$work/macros" &&
        ! grep -v -e '^OCITAR_' -e '^_GNU_SOURCE$' \
            -e '^_FILE_OFFSET_BITS$' -e '^_TIME_BITS$' "$work/macros"
}

# Whatever has a name at the top of the file, static or not.
symbols() {
    gcc -std=c99 -O0 -DOCITAR_NO_INTRINSICS -I. -c -o "$work/s.o" \
        "$src/impl.c" && nm "$work/s.o" |
        awk 'NF == 3 { print $3 }' | grep -v '\.[0-9]*$' >"$work/symbols"
    grep -q '^ocitar_archive_begin$' "$work/symbols" &&
        ! grep -v '^ocitar_' "$work/symbols"
}

have_neighbours() {
    printf '#include <zlib.h>\n#include <sqlite3.h>\n%s\n' \
        '#include <stb/stb_image.h>' |
        gcc -fsyntax-only -x c -
}

all_neighbours() {
    check 'macros are called OCITAR_' macros
    check 'so they are in the core' macros -DOCITAR_NO_HOSTED
    check 'all symbols are called ocitar_' symbols
    if there x86_64-w64-mingw32-gcc command -v x86_64-w64-mingw32-gcc; then
        check 'windows.h before it' windows
    fi
    there 'libstb-dev, libsqlite3-dev or zlib1g-dev' have_neighbours || return
    write_neighbours
    check 'neighbours, C99' neighbours gcc -std=c99
    check 'neighbours, with linux and unix as macros' neighbours gcc -std=gnu17
    check 'neighbours, C++' neighbours g++ -x c++ -std=gnu++17 -Wno-shadow
}

# ---- all of it --------------------------------------------------------------

headers() {
    clangs
    msvc
    all_neighbours
}

all_flags() {
    flags gcc 'image check' -O1 -fshort-enums -funsigned-char
    flags gcc 'tar' -O2 -fno-strict-aliasing -DOCITAR_NO_HOSTED
    flags gcc 'archive' -O3 -ffreestanding -DOCITAR_NO_HOSTED
    flags clang 'index' -Oz -fshort-enums -funsigned-char -ffreestanding \
        -DOCITAR_NO_HOSTED
    lto gcc
    lto clang
}

# half FUNCTION - in a place of its own, with its words and its counts there.
half() {
    work=$work/$1
    mkdir "$work" && "$1" >"$work/out" 2>&1
    echo "$passed $failed" >"$work/count"
}

half headers &
if [ "${JOBS:-2}" = 1 ]; then wait; fi
half all_flags &
wait
cat "$work/headers/out" "$work/all_flags/out"
cat "$work"/*/count | awk '{ p += $1; f += $2 }
    END { printf "%d passed, %d failed\n", p, f
        exit NR != 2 || f != 0 || p == 0 }'
