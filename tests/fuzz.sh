#!/bin/sh
# fuzz.sh [SECONDS [TARGET...]] - fuzzes under ASan and UBSan, each target for
# so many seconds (60), beginning with the corpus; ends with "N passed, N
# failed". Needs clang with libFuzzer (libclang-rt-14-dev). New inputs are left
# in build/fuzz/TARGET; `fuzz.sh merge` makes the corpus of them.
cd "$(dirname "$0")/.." || exit 2
seconds=${1:-60}
[ $# -gt 0 ] && shift
targets=${*:-reader json check import}
mkdir -p build/fuzz
passed=0 failed=0
fuzzing() { # argument...
    clang -std=c99 -O1 -g -fsanitize=fuzzer,address,undefined \
        -fno-sanitize-recover=all -I. -Itests/fuzz "$@"
}
fuzzing -c -o build/fuzz/library.o tests/implementation.c || exit 2
for t in $targets; do
    fuzzing -o "build/fuzz/$t.fuzz" "tests/fuzz/$t.c" build/fuzz/library.o ||
        exit 2
    mkdir -p "build/fuzz/$t" "tests/fuzz/corpus/$t"
    if [ "$seconds" = merge ]; then
        rm -rf "build/fuzz/$t.merged" && mkdir "build/fuzz/$t.merged"
        "build/fuzz/$t.fuzz" -merge=1 -max_len=4096 "build/fuzz/$t.merged" \
            "tests/fuzz/corpus/$t" "build/fuzz/$t" >"build/fuzz/$t.log" 2>&1
        continue
    fi
    if "build/fuzz/$t.fuzz" -max_total_time="$seconds" -max_len=4096 \
        -artifact_prefix="build/fuzz/$t." "build/fuzz/$t" \
        "tests/fuzz/corpus/$t" >"build/fuzz/$t.log" 2>&1; then
        passed=$((passed + 1))
        echo "$t: $(grep -E '^Done|DONE' "build/fuzz/$t.log" | tail -n 1)"
    else
        failed=$((failed + 1))
        echo "FAIL $t"
        tail -n 30 "build/fuzz/$t.log"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
