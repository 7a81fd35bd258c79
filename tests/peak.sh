#!/bin/sh
# peak.sh BUILD - a layer of 1 GiB and its peak memory: to a file at most
# 4 MiB, from a pipe to a pipe at most 8 MiB (and a temporary file). Needs
# Linux and 2 GiB of room in $TMPDIR. Ends with "N passed, N failed".
build=$(cd "${1:-build}" && pwd) || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
${CC:-cc} -O1 -o "$work/peak" "$(dirname "$0")/peak.c" || exit 2
mkdir "$work/root"
truncate -s 1G "$work/root/body"

count() { # title status
    if [ "$2" = 0 ]; then
        passed=$((passed + 1))
        echo "ok   $1"
    else
        failed=$((failed + 1))
        echo "FAIL $1"
    fi
}

"$work/peak" 4096 "$build/ocitar" pack --quiet -o "$work/out.tar" \
    "$work/root" big:1
count 'a directory to a file' $?
rm -f "$work/out.tar"
{
    tar -C "$work/root" -cf - body
    echo $? >"$work/tar"
} | {
    "$work/peak" 8192 "$build/ocitar" pack --quiet -o - - big:1
    echo $? >"$work/status"
} | cat >/dev/null
count 'a pipe to a pipe' "$(($(cat "$work/tar") + $(cat "$work/status")))"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
