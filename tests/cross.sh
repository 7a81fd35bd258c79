#!/bin/sh
# cross.sh [TARGET...] - ocitar.h on other machines: each target is built with
# its compiler and run, in an emulator where it must be. Ends with a table and
# "N passed, N failed". Without a TARGET all of them, two at a time, or as
# many as JOBS says.
#
# What is not installed is named and left out; with CROSS_ALL=1 that is a
# failure. Each target must write the same image, byte for byte, whose digest
# stands in tests/target/short.c.
# shellcheck disable=SC2086 # cc, run, flags and the like are words
cd "$(dirname "$0")/.." || exit 2

# In the order in which they are begun: the slow ones first.
targets='musl powerpc armhf s390x riscv64 aarch64 i386 wasm windows clang-19 tcc
    cortex-m0 cortex-m3 cortex-m4 rv32imac atmega1284p atmega2560 host'

WARN='-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef
    -Wcast-qual -Wcast-align -Werror'
tests='test_errors test_digest test_tar test_decoder test_json test_archive
    test_spool test_layout test_image test_layer test_codec test_artifact
    test_index test_rules test_check'
hosted='test_hosted test_kernels faults'

# ---- what all targets share -------------------------------------------------

# The table's line of this target; ends it.
row() { # result
    printf '%s\t%s\t%s\t%s\n' "$name" "$compiler" "$runner" "$1" \
        >"$work/$name.row"
    exit 0
}

needs() { # command...
    for command in "$@"; do
        command -v "$command" >/dev/null || row "missing: $command"
    done
}

# The C library for a compiler is a package of its own.
library() { # what compiler flag...
    what=$1
    shift
    echo 'int main(void) { return 0; }' >"$dir/main.c"
    "$@" -o "$dir/main" "$dir/main.c" || row "missing: $what"
}

# "gcc 12.2.0" of a command.
compiler_of() { # command
    compiler="$1 $("$1" -dumpversion 2>/dev/null)"
}

# A command that must succeed.
must() { # command...
    echo "+ $*"
    "$@" || row FAILED
}

# A program whose last line counts its checks.
counted() { # command...
    echo "+ $*"
    timeout 300 "$@" </dev/null >"$dir/out" 2>&1
    status=$?
    tr -d '\r' <"$dir/out" | tail -n 1 >"$dir/last"
    read -r n word rest <"$dir/last"
    if [ "$status" != 0 ] || [ "$word $rest" != 'passed, 0 failed' ]; then
        cat "$dir/out"
        echo "exit $status"
        row FAILED
    fi
    checks=$((checks + n))
}

# A program that says PASS. Emulators' exit codes are not to be trusted.
passes() { # command...
    echo "+ $*"
    timeout 120 "$@" </dev/null >"$dir/out" 2>&1
    if ! grep -q PASS "$dir/out" || grep -q FAIL "$dir/out"; then
        cat "$dir/out"
        row FAILED
    fi
}

# The digest that each target must come to.
image_digest() {
    sed -n '/define IMAGE_DIGEST/{n;s/.*sha256:\([0-9a-f]*\).*/\1/p;}' \
        tests/target/short.c
}

# The same by other means than the library's own.
is_the_image() { # file
    echo "$(image_digest)  $1" >"$dir/sum"
    must sha256sum -c "$dir/sum"
}

# ---- systems ----------------------------------------------------------------

# The test programs, the short suite, and an image beyond 4 GiB of a file.
# The longest loops take every ninth round, or emulated every 25th. `run` is the
# emulator.
system_tests() { # test...
    must $cc -std=c99 -O1 $WARN -I. -c -o "$dir/library.o" \
        tests/implementation.c
    for t in "$@"; do
        objects=$dir/library.o
        if grep -q 'define OCITAR_IMPLEMENTATION' "tests/$t.c"; then
            objects='' # it has its own
        fi
        must $cc -std=c99 $flags -I. -o "$dir/$t" "tests/$t.c" $objects
        counted $run "$dir/$t"
    done
    must $cc -std=c99 -O1 $WARN -I. -o "$dir/short" tests/target/short.c \
        tests/target/stdio.c "$dir/library.o"
    passes $run "$dir/short"
    must $cc -std=c99 -O1 $WARN -I. -o "$dir/file" tests/target/short.c \
        tests/target/file.c "$dir/library.o"
    passes $run "$dir/file" "$dir/image"
    rm "$dir/image"
    $run "$dir/file" - >"$dir/image.tar"
    is_the_image "$dir/image.tar"
}

all_tests() {
    system_tests $tests $hosted
    row "ok, $checks checks"
}

# Another processor, on Linux.
emulated() { # compiler emulator flag...
    cc=$1 run=$2
    shift 2
    needs "$cc" "$run"
    compiler_of "$cc"
    runner=$run
    cc="$cc -static"
    flags="-DCHECK_STEP=25 $*"
    library "a C library for $name" $cc
    case $name in
    aarch64) all_tests ;;
    armhf | s390x) system_tests $tests test_hosted faults ;;
    *) system_tests $tests ;;
    esac
    row "ok, $checks checks"
}

# gcc-12-multilib without gcc-multilib does not find <asm/*.h> by itself. Not
# every 64-bit kernel runs 32-bit programs.
i386() {
    needs gcc-12
    compiler_of gcc-12
    compiler="$compiler -m32"
    cc='gcc-12 -m32 -static -idirafter /usr/include/x86_64-linux-gnu'
    library 'a 32-bit C library' $cc
    if "$dir/main"; then
        runner=here run='' flags=''
    else
        needs qemu-i386-static
        runner=qemu-i386-static run=qemu-i386-static flags=-DCHECK_STEP=25
    fi
    system_tests $tests test_hosted
    row "ok, $checks checks"
}

# Another compiler or C library.
native() { # compiler flag...
    cc=$1
    shift
    needs "$cc"
    compiler_of "$cc"
    runner=here run='' flags=-DCHECK_STEP=9
    cc="$cc $*"
    library "a C library for $name" $cc
}

# `make test` does the rest.
host() {
    native cc
    system_tests
    row ok
}

compiler() { # compiler
    native "$1"
    all_tests
}

# With tests of the command: this is another C library, too.
musl() {
    native musl-gcc -static
    system_tests $tests $hosted test_move
    must $cc -std=c99 -O1 $WARN -I. -o "$dir/ocitar" examples/ocitar.c
    for script in command read; do
        counted env CC=musl-gcc sh "tests/$script.sh" "$dir"
    done
    row "ok, $checks checks"
}

# Other than the core itself nothing here is for Windows. All programs in one
# go: the first one takes its time.
windows() {
    wine=$(command -v wine64 || echo /usr/lib/wine/wine64)
    cc=x86_64-w64-mingw32-gcc
    needs $cc "$wine"
    compiler_of $cc
    runner=wine64
    cc="$cc -static -DOCITAR_NO_HOSTED"
    library 'a C library for Windows' $cc
    must $cc -std=c99 -O1 $WARN -I. -c -o "$dir/library.o" \
        tests/implementation.c
    for t in $tests; do
        must $cc -std=c99 -I. -o "$dir/$t.exe" "tests/$t.c" \
            "$dir/library.o"
        printf '%s.exe >%s.out\r\n' "$t" "$t"
    done >"$dir/all.bat"
    for t in stdio file; do
        must $cc -std=c99 -O1 $WARN -I. -o "$dir/$t.exe" \
            tests/target/short.c "tests/target/$t.c" "$dir/library.o"
    done >&2
    printf 'stdio.exe >stdio.out\r\nfile.exe image >file.out\r\n%s\r\n' \
        'file.exe - >image.tar' >>"$dir/all.bat"
    windows_run "$wine" || row FAILED
    for t in $tests; do counted cat "$dir/$t.out"; done
    for t in stdio file; do passes cat "$dir/$t.out"; done
    is_the_image "$dir/image.tar"
    row "ok, $checks checks"
}

windows_run() { # wine
    (
        cd "$dir" || exit 1
        unset DISPLAY
        export WINEPREFIX="$dir/wine" WINEDEBUG=-all \
            WINEDLLOVERRIDES='mscoree,mshtml,winemenubuilder.exe='
        mkdir "$WINEPREFIX" && timeout 300 "$1" cmd /c all.bat </dev/null
        status=$?
        "$(dirname "$1")/wineserver64" -k # only that of this prefix
        rm -f image
        exit $status
    )
}

# Without threads: node 20 crashes while it leaves a program that ran long.
wasm() {
    node='node --no-warnings --single-threaded tests/target/wasi.mjs'
    needs clang wasm-ld-14 node
    compiler_of clang
    runner=node
    cc='clang --target=wasm32-wasi -O1 -DOCITAR_NO_HOSTED'
    cc="$cc -D_WASI_EMULATED_PROCESS_CLOCKS"
    link='-Wl,-z,stack-size=1048576 -lwasi-emulated-process-clocks'
    library 'wasi-libc' $cc
    must $cc -std=c99 $WARN -I. -c -o "$dir/library.o" tests/implementation.c
    for t in $tests; do
        must $cc -std=c99 -DCHECK_STEP=9 -I. -o "$dir/$t" "tests/$t.c" \
            "$dir/library.o" $link
        counted $node "$dir/$t"
    done
    must $cc -std=c99 $WARN -I. -o "$dir/short" tests/target/short.c \
        tests/target/stdio.c "$dir/library.o" $link
    passes $node "$dir/short"
    row "ok, $checks checks"
}

# ---- devices: the short suite alone -----------------------------------------

SMALL='-Os -ffunction-sections -fdata-sections -Wl,--gc-sections
    -DOCITAR_NO_HOSTED -I. -Itests/target'

# Bytes of flash and of RAM, without the stack, of suite and library.
sizes() { # size program
    "$1" -A "$2" | awk '
        /^\.(text|init|data|rodata)/ { flash += $2 }
        /^\.(data|bss|noinit)/ { ram += $2 }
        END { printf "%d bytes of flash, %d of RAM", flash, ram }'
}

# picolibc, talking through the emulator's debugger. The linker sees to it that
# 4 KiB of the RAM remain for the stack.
picolibc() { # prefix flash size ram size flag...
    prefix=$1
    places="--defsym=__flash=$2,--defsym=__flash_size=$3"
    places="$places,--defsym=__ram=$4,--defsym=__ram_size=$5"
    shift 5
    cc="$prefix-gcc --specs=picolibc.specs --oslib=semihost --crt0=hosted $*"
    needs "$prefix-gcc"
    compiler_of "$prefix-gcc"
    library picolibc $cc
    must $cc -std=c99 $SMALL $WARN -Wl,"$places,--defsym=__stack_size=0x1000" \
        -o "$dir/short" tests/target/short.c tests/target/stdio.c \
        tests/implementation.c
}

arm() { # machine flash size ram size flag...
    machine=$1
    shift
    picolibc arm-none-eabi "$@" -mthumb
    needs qemu-system-arm
    runner="qemu -M $machine"
    passes qemu-system-arm -M "$machine" -nographic -semihosting-config \
        enable=on,target=native -kernel "$dir/short"
    row "ok, $(sizes arm-none-eabi-size "$dir/short")"
}

riscv32() {
    picolibc riscv64-unknown-elf 0x80000000 0x40000 0x80040000 0x4000 \
        -march=rv32imac -mabi=ilp32
    needs qemu-system-riscv32
    runner='qemu -M virt'
    passes qemu-system-riscv32 -M virt -bios none -nographic \
        -semihosting-config enable=on,target=native -kernel "$dir/short"
    row "ok, $(sizes riscv64-unknown-elf-size "$dir/short")"
}

# A program for each part of the suite, which leaves some of it unused. gcc 5
# has a warning for comparisons that cannot fail where size_t has 16 bits.
avr() { # part...
    needs avr-gcc simavr
    compiler_of avr-gcc
    runner=simavr
    cc="avr-gcc -mmcu=$name -DF_CPU=16000000UL"
    library avr-libc $cc
    said=''
    for part in "$@"; do
        must $cc -std=c99 $SMALL -mrelax -Wall -Wextra -Wno-type-limits \
            -Wno-unused -Werror -DOCITAR_STATIC -DOCITAR_SMALL \
            -DOCITAR_NO_ERROR_TEXT "-DSHORT_PARTS=SHORT_$part" \
            -DSHORT_FLIPS=2 -o "$dir/$part" tests/target/short.c \
            tests/target/avr.c
        passes simavr -m "$name" -f 16000000 "$dir/$part"
        said="$said, $part"
    done
    row "ok: ${said#, }; $(sizes avr-size "$dir/$part")"
}

# ---- one target, or all -----------------------------------------------------

target() {
    case $name in
    host) host ;;
    aarch64) emulated aarch64-linux-gnu-gcc qemu-aarch64-static ;;
    armhf) emulated arm-linux-gnueabihf-gcc qemu-arm-static ;;
    riscv64) emulated riscv64-linux-gnu-gcc qemu-riscv64-static ;;
    s390x) emulated s390x-linux-gnu-gcc qemu-s390x-static ;;
    powerpc)
        emulated powerpc-linux-gnu-gcc qemu-ppc-static \
            '-DCHECK_ARCHITECTURE="ppc"'
        ;;
    i386) i386 ;;
    musl) musl ;;
    clang-19 | tcc) compiler "$name" ;;
    windows) windows ;;
    wasm) wasm ;;
    cortex-m0) arm microbit 0 0x40000 0x20000000 0x4000 -mcpu=cortex-m0 ;;
    cortex-m3) arm lm3s6965evb 0 0x40000 0x20000000 0x10000 -mcpu=cortex-m3 ;;
    cortex-m4) arm mps2-an386 0 0x400000 0x20000000 0x400000 -mcpu=cortex-m4 ;;
    rv32imac) riscv32 ;;
    atmega1284p) avr DIGEST TAR JSON BLOB IMAGE CHECK ;;
    atmega2560) avr DIGEST TAR JSON BLOB ;;
    *) echo "no target $name" >&2 && exit 2 ;;
    esac
}

# `cross.sh --one WORK TARGET` is how this script calls itself.
if [ "$1" = --one ]; then
    work=$2 name=$3 dir=$2/$3 compiler=- runner=- checks=0
    mkdir -p "$dir" || exit 2
    printf '%s ...\n' "$name"
    start=$(date +%s)
    (target >"$work/$name.log" 2>&1)
    printf '%s: %s, %d s\n' "$name" "$(cut -f 4 "$work/$name.row")" \
        $(($(date +%s) - start))
    rm -rf "$dir"
    exit 0
fi

work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
if [ $# != 0 ]; then targets=$*; fi
printf '%s\n' $targets | xargs -n 1 -P "${JOBS:-2}" sh "$0" --one "$work"

passed=0 failed=0
printf '\n%-12s %-31s %-20s %s\n' target compiler 'run by' result
for name in $targets; do
    IFS='	' read -r _ compiler runner result <"$work/$name.row" ||
        result=FAILED
    printf '%-12s %-31s %-20s %s\n' "$name" "$compiler" "$runner" "$result"
    case $result in
    ok*) passed=$((passed + 1)) ;;
    missing*) failed=$((failed + ${CROSS_ALL:-0})) ;;
    *)
        failed=$((failed + 1))
        tail -n 40 "$work/$name.log" >>"$work/why"
        ;;
    esac
done
if [ -e "$work/why" ]; then cat "$work/why"; fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
