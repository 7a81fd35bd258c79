#!/bin/sh
# run.sh BUILD [HALF] - runs every test and adds up their counts, in two halves
# side by side, or one: programs or commands. The last line is "N passed, N
# failed"; exit 0 if none failed and everything could run. With FORCED=1,
# without what is compiled with flags of its own, so that those of the build
# make no difference.
build=$1 halves=${2:-programs commands}

# Runs a command whose last line is "N passed, N failed".
part() { # title command...
    title=$1
    shift
    "$@" >"$out" 2>&1
    status=$?
    line=$(tail -n 1 "$out")
    case $line in
    *' passed, '*' failed')
        p=${line%% passed*}
        f=${line##*, }
        f=${f%% failed}
        ;;
    *)
        p=0 f=1
        echo "FAIL $title: ended without a count (status $status)"
        ;;
    esac
    if [ "$status" != 0 ] && [ "$f" = 0 ]; then f=1; fi
    if [ "$f" != 0 ]; then sed 's/^/    /' "$out"; fi
    printf '%-28s %s passed, %s failed\n' "$title" "$p" "$f"
    echo "$p $f" >>"$counts"
}

programs() {
    for t in errors digest tar decoder json archive spool layout image layer \
        codec artifact index rules check check_read hosted move system; do
        part "$t" "$build/test_$t"
    done
    part kernels "$build/test_kernels" 100000
    # Against Python's reading of the same.
    if command -v python3 >/dev/null; then
        part 'tars of python' python3 tests/decoder_compare.py "$build"
        part 'json of python' python3 tests/json_compare.py "$build"
    else
        echo 'skipped: comparisons with python, for there is no python3'
    fi
    part 'header vectors' "$build/headers" tests/vectors/headers.tsv
    part 'driver vectors' sh tests/driver.sh "$build/replay" \
        tests/vectors/driver "$build/driver"
    part 'faults' "$build/faults"
    part 'model' "$build/model" 100000
    for t in reader json check import; do
        part "corpus, $t" "$build/fuzz_$t" tests/fuzz/corpus/$t/*
    done
    if [ -z "${FORCED:-}" ]; then
        part 'freestanding' sh tests/freestanding.sh "$build"
        part 'header file' sh tests/header.sh "$build"
    fi
}

commands() {
    part 'examples' sh tests/examples.sh "$build"
    part 'command' sh tests/command.sh "$build"
    part 'compression' sh tests/compress.sh "$build"
    part 'artifact command' sh tests/artifact.sh "$build"
    part 'reading commands' sh tests/read.sh "$build"
    part 'sloci-image' sh tests/sloci.sh "$build"
}

# What it says goes to a file, and a mark there says that it came to its end.
half() { # function
    out=$build/$1.out counts=$build/$1.counts
    "$1"
    echo end >>"$counts"
}

if [ ! -x "$build/ocitar" ] && [ $# = 1 ]; then
    echo "run.sh: no programs in $build: make programs" >&2
    exit 2
fi
rm -f "$build"/*.counts
for h in $halves; do half "$h" >"$build/$h.said" 2>&1 & done
wait
for h in $halves; do cat "$build/$h.said"; done
awk -v halves="$(echo "$halves" | wc -w)" '
    $1 == "end" { halves--; next } { p += $1; f += $2 }
    END { f += halves != 0; printf "%d passed, %d failed\n", p, f
        exit f != 0 || p == 0 }' "$build"/*.counts
