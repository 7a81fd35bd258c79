#!/bin/sh
# driver.sh REPLAY VECTORS WORK - plays every script of a folder and holds the
# result against what it should be; prints "N passed, N failed".
#
# Each script is judged by its class in EXPECT.tsv: the bytes (NAME.tar, or
# NAME.expect.tar where the seed was wrong), and for each call whether it may
# succeed. Two checks a script.
replay=$1 vectors=$2 work=$3
passed=0 failed=0
mkdir -p "$work" || exit 2

pass() { passed=$((passed + 1)); }
fail() { failed=$((failed + 1)); echo "FAIL driver $1"; }

check_bytes() { # name class
    want=$vectors/$1.tar
    if [ -e "$vectors/$1.expect.tar" ]; then want=$vectors/$1.expect.tar; fi
    if [ -e "$want" ]; then
        if cmp -s "$want" "$work/out.tar"; then pass; else fail "$1: bytes"; fi
    else # too large to keep: its digest is the script's last line
        sum=$(sha256sum "$work/out.tar" | cut -d ' ' -f 1)
        if tail -n 1 "$vectors/$1.txt" | grep -q "$sum"; then
            pass
        else
            fail "$1: digest"
        fi
    fi
}

# Where the seed was right, each call ends as it did there. Where it was not,
# EXPECT.tsv names the calls that fail; where a name is refused, one does.
check_calls() { # name class what
    grep ' => ' "$work/got.txt" | sed 's/ => ok.*/ => ok/; s/ => err.*/ => err/' \
        >"$work/got"
    case $2 in
    same)
        grep -v '^#' "$vectors/$1.txt" | grep ' => ' |
            sed 's/ => ok.*/ => ok/; s/ => [ep][ra].*/ => err/' >"$work/want"
        cmp -s "$work/want" "$work/got"
        ;;
    better)
        case $3 in
        *'errors at: '*) echo "${3#*errors at: }" | sed 's/, */\n/g' ;;
        esac >"$work/want"
        grep ' => err' "$work/got" | cut -d ' ' -f 1 | cmp -s "$work/want" -
        ;;
    refused)
        [ "$(grep -c '^f.* => err' "$work/got")" -ge 1 ]
        ;;
    fails) # from the first error on, every call that emits answers it
        sed '1,/ => err/d' "$work/got" | grep -q '^\(commit\|fclose\|close\)' ||
            grep -q ' => err' "$work/got" || return 1
        ! sed '1,/ => err/d' "$work/got" |
            grep '^\(init\|commit\|fclose\|close\) \?.* => ok$' >/dev/null
        ;;
    *) return 1 ;;
    esac
}

while IFS='	' read -r name class rest; do
    case $name in '' | \#*) continue ;; esac
    if ! "$replay" "$vectors/$name.txt" "$work/out.tar" >"$work/got.txt"; then
        fail "$name: cannot be played"
        continue
    fi
    check_bytes "$name" "$class"
    if check_calls "$name" "$class" "$rest"; then
        pass
    else
        fail "$name: calls"
    fi
done <"$vectors/EXPECT.tsv"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
