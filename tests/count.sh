# shellcheck shell=sh
# count.sh - sourced: counted checks, whose words are in $work/log.
passed=0 failed=0

check() { # title command...
    title=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
        echo "ok   $title"
    else
        failed=$((failed + 1))
        echo "FAIL $title"
        tail -n 30 "$work/log" | sed 's/^/    /'
    fi
}
