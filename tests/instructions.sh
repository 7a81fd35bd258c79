#!/bin/sh
# instructions.sh BUILD [UPDATE] - counts the instructions of fixed pieces of
# work (tests/instructions.c, portable C, gcc -O2, under callgrind) and
# compares them with tests/instructions.txt: more than 10 % above is a failure.
# Ends with "N passed, N failed". With anything as UPDATE it writes the table
# instead. Counts are those of one major version of gcc: by others they are
# not judged. Needs gcc and valgrind. What memcpy and its like take is libc's,
# and hangs on the processor a little.
build=${1:-build}
table=tests/instructions.txt
passed=0 failed=0
compiler="gcc $(gcc -dumpversion | cut -d . -f 1)" || exit 2

count() { # workload
    valgrind --tool=callgrind --toggle-collect=work \
        --callgrind-out-file=/dev/null "$build/instructions" "$1" \
        2>"$build/instructions.log" || return 1
    sed -n 's/^.*Collected : \([0-9]*\)$/\1/p' "$build/instructions.log"
}

# One line of the comparison; false if it is too much.
compare() { # workload before now
    awk -v name="$1" -v before="${2:-0}" -v now="${3:-0}" 'BEGIN {
        bad = before == 0 || now == 0 || now > before * 1.1
        change = before == 0 ? "new" : \
            sprintf("%+.1f %%", (now / before - 1) * 100)
        printf "%-4s %-8s %10d %10d %9s\n", bad ? "FAIL" : "ok", name, \
            before, now, change
        exit bad
    }'
}

workloads=$("$build/instructions" list) || exit 2
{
    echo "# $compiler -O2, portable C; see tests/instructions.sh"
    for w in $workloads; do
        n=$(count "$w") || {
            cat "$build/instructions.log" >&2
            exit 2
        }
        echo "$w $n"
    done
} >"$build/instructions.new" || exit 2
if [ -n "${2:-}" ]; then
    cp "$build/instructions.new" $table
    cat $table
    exit
fi
for w in $workloads; do
    if compare "$w" "$(sed -n "s/^$w //p" $table)" \
        "$(sed -n "s/^$w //p" "$build/instructions.new")"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
case $(head -n 1 $table) in
"# $compiler "*) ;;
*)
    echo "$compiler is not the table's compiler: not judged"
    failed=0
    ;;
esac
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
