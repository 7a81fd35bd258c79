#!/bin/sh
# deep.sh TIER - the slower looks at the code, one tier a call:
#
#   analyze   gcc -fanalyzer and clang-tidy find nothing
#   valgrind  the test programs that msan has not, and two others, under
#             valgrind
#   msan      the test programs under clang's MemorySanitizer
#   m32       the whole suite, built for 32 bits
#   options   each configuration macro alone, run over what it leaves
#   kernels   a million messages, each way to compute SHA-256 (the suite with
#             one way only: coverage.sh, sanitize.sh, and fresh.sh with a flag)
#
# Ends with "N passed, N failed". A tool that is missing is a failure.
tier=$1
work=build/deep
# shellcheck source=tests/count.sh
. tests/count.sh
mkdir -p "$work" || exit 2

implementation() {
    printf '#define OCITAR_IMPLEMENTATION\n#include "ocitar.h"\n' >"$work/i.c"
}

gcc_analyzer() {
    gcc -std=c99 -O1 -fanalyzer -Wall -Wextra -Werror "$@" -I. -c \
        -o "$work/i.o" "$work/i.c"
}

# Left out of clang-tidy, each with its reason:
#   easily-swappable-parameters, reserved-identifier, cert-dcl37/51: pointer
#     and length stand side by side by design; the feature macros of POSIX
#     are reserved names that a program is meant to define
#   DeprecatedOrUnsafeBufferHandling: wants C11's Annex K, which libcs lack
tidy() {
    command -v clang-tidy || return 1
    clang-tidy --quiet --header-filter='.*' --warnings-as-errors='*' \
        --checks='-*,bugprone-*,cert-*,clang-analyzer-*,misc-*,performance-*,portability-*,-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier,-cert-dcl37-c,-cert-dcl51-cpp,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling' \
        "$work/i.c" -- -std=c99 -I.
}

programs='errors digest tar decoder json archive spool layout image layer artifact
    index rules kernels move hosted'

under_valgrind() { # program
    valgrind -q --error-exitcode=9 --leak-check=full --track-fds=no "$@"
}

clang_msan() { # argument...
    clang -std=c99 -O1 -g -fsanitize=memory -fsanitize-memory-track-origins \
        -fno-sanitize-recover=all -I. "$@"
}

under_msan() { # name
    library=$work/msan.o
    if grep -q 'define OCITAR_IMPLEMENTATION' "tests/test_$1.c"; then
        library='' # it has its own
    fi
    # shellcheck disable=SC2086
    clang_msan -o "$work/msan_$1" "tests/test_$1.c" $library &&
        "$work/msan_$1"
}

# gcc-12-multilib without gcc-multilib does not find <asm/*.h> by itself.
compiler_of_32_bits() { # name compiler
    printf '#!/bin/sh\nexec %s -m32 -idirafter %s "$@"\n' "$2" \
        /usr/include/x86_64-linux-gnu >"$work/$1" && chmod +x "$work/$1"
}

runs_32_bits() {
    printf 'int main(void) { return 0; }\n' >"$work/runs.c" &&
        gcc -m32 -o "$work/runs" "$work/runs.c" && "$work/runs"
}

suite_of_32_bits() {
    tree=$work/m32
    here=$(pwd)/$work
    compiler_of_32_bits cc32 gcc &&
        rm -rf "$tree" && mkdir -p "$tree" &&
        tar -c --exclude=./build --exclude=./.git . | tar -x -C "$tree" &&
        (cd "$tree" && CXX=none make test CC="$here/cc32")
}

# A 64-bit build and a 32-bit build write the same bytes.
same_bytes_of_32_bits() {
    make -s build/hello_image &&
        build/hello_image | cat >"$work/a.tar" &&
        "$work/m32/build/hello_image" | cat >"$work/b.tar"
    # the architecture in the config differs, and with it two digests
    cmp -s "$work/a.tar" "$work/b.tar" && return 1
    build/replay tests/vectors/driver/image.txt "$work/a.tar" &&
        "$work/m32/build/replay" tests/vectors/driver/image.txt "$work/b.tar" &&
        cmp "$work/a.tar" "$work/b.tar"
}

# With the library compiled apart, or (static) into the program itself.
option() { # test static flags...
    test=$1 library=tests/implementation.c
    if [ "$2" = static ]; then library=''; fi
    shift 2
    # shellcheck disable=SC2086
    ${CC:-cc} -std=c99 -O1 -Wall -Wextra -Werror "$@" -I. \
        -o "$work/option" "tests/$test.c" $library &&
        "$work/option" >"$work/option.out" &&
        tail -n 1 "$work/option.out" | grep ', 0 failed'
}

options() {
    for test in faults test_archive; do
        check "NO_HOSTED, $test" option $test apart -DOCITAR_NO_HOSTED
        check "NO_SHA512, $test" option $test apart -DOCITAR_NO_SHA512
        check "STATIC, $test" option $test static -DOCITAR_STATIC
        check "own mem functions, $test" option $test apart \
            -include string.h -DOCITAR_MEMCPY=memcpy \
            -DOCITAR_MEMMOVE=memmove -DOCITAR_MEMSET=memset \
            -DOCITAR_MEMCMP=memcmp -DOCITAR_NO_HOSTED
    done
}

kernels() {
    check 'a million messages' sh -c \
        'make -s build/test_kernels && build/test_kernels 1000000'
}

case $tier in
kernels)
    kernels
    ;;
options)
    options
    ;;
analyze)
    implementation
    check 'gcc -fanalyzer' gcc_analyzer
    check 'clang-tidy' tidy
    ;;
valgrind)
    for p in hosted move index; do
        make -s "build/test_$p" || exit 2
        check "valgrind $p" under_valgrind "build/test_$p"
    done
    make -s build/model && check 'valgrind model' under_valgrind build/model 2000
    ;;
msan)
    check 'the library' clang_msan -c -o "$work/msan.o" tests/implementation.c
    # not hosted: clang 14 does not know that glibc's fstat fills its struct
    for p in $programs; do
        case $p in
        hosted | move) ;;
        *) check "msan $p" under_msan "$p" ;;
        esac
    done
    ;;
m32)
    if runs_32_bits; then
        check 'the suite, 32 bits' suite_of_32_bits
        check 'the same bytes' same_bytes_of_32_bits
    else
        echo 'skipped: this kernel runs no 32-bit programs, but see cross.sh'
    fi
    ;;
*)
    echo 'usage: deep.sh analyze|valgrind|msan|m32|options|kernels' >&2
    exit 2
    ;;
esac
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
