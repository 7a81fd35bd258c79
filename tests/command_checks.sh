# command_checks.sh - what the tests of the command share; they set $ocitar and
# $dir, and read it. Not a program by itself.

check() { # what command...
    what=$1
    shift
    if "$@" >"$dir/said" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $what"
        sed 's/^/    /' "$dir/said"
    fi
}

fails() { ! "$@"; }

# The command, with its output and messages in files.
run() { # arguments...
    "$ocitar" "$@" >"$dir/out" 2>"$dir/err"
    status=$?
}

# Exit 0 and no word on standard error.
done_well() { [ "$status" = 0 ] && ! [ -s "$dir/err" ]; }

# Exit CODE with a line "ocitar: ..." that has TEXT in it.
failed_so() { # code text
    cat "$dir/err"
    [ "$status" = "$1" ] && grep '^ocitar: ' "$dir/err" | grep -qF -- "$2"
}

# A wrong command line: exit 2, the offender is named, nothing is written.
wrong() { # offender arguments...
    offender=$1
    shift
    rm -f "$dir/w.tar"
    run "$@"
    check "wrong: $*" failed_so 2 "$offender"
    check "wrong: $*: nothing written" fails [ -e "$dir/w.tar" ]
}

# A failure: exit 1, the path is named, no archive and no temporary file.
bad() { # text arguments...
    text=$1
    shift
    run "$@"
    check "bad: $*" failed_so 1 "$text"
    check "bad: $*: nothing left" nothing_left
}

nothing_left() {
    [ -z "$(find "$dir" -name '.*.tar.*' -o -name 'bad.tar')" ]
}
