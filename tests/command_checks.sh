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

has() { # program
    command -v "$1" >/dev/null 2>&1
}

# Was this ocitar built with the library?
built() { # gzip or zstd
    ! "$ocitar" pack --compress "$1" --dry-run /dev/null x:1 2>&1 |
        grep -q 'this ocitar was built without'
}

in_archive() { # archive text
    tar -xOf "$1" | tr -d '\000' | grep -qF -- "$2"
}

# The layers of an archive, in order, as files.
layers() { # archive
    rm -rf "$dir/x"
    mkdir "$dir/x" && tar -xf "$1" -C "$dir/x" || return 1
    tr '[]' '\n\n' <"$dir/x/manifest.json" | grep '^"blobs' | head -n 1 |
        tr ',' '\n' | tr -d '"' | sed "s|^|$dir/x/|"
}

layer() { # archive [number]
    layers "$1" | sed -n "${2:-1}p"
}

# Is this true of the JSON object in a file, `o` to python3? Without python3:
# is the text in it?
json() { # file expression text
    cat "$1"
    if has python3; then
        python3 -c 'import hashlib, json, sys
o = json.load(open(sys.argv[1], encoding="utf-8"))
sys.exit(not eval("(" + sys.argv[2] + ")"))' "$1" "$2"
    else
        grep -qF -- "$3" "$1"
    fi
}

sum_of() { # file
    sum=$(sha256sum <"$1")
    echo "sha256:${sum%% *}"
}
