#!/bin/sh
# examples.sh BUILD - runs the example programs and looks at what they write.
# The last line is "N passed, N failed".
if [ $# != 1 ]; then
    echo 'usage: examples.sh BUILD' >&2
    exit 2
fi
build=$(cd "$1" && pwd) || exit 2
dir=$build/examples.test
passed=0 failed=0

check() { # what command...
    what=$1
    shift
    if "$@" >"$dir/out" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $what"
        sed 's/^/    /' "$dir/out"
    fi
}

fails() { ! "$@"; }

# Every blob's name is its digest.
blobs_right() { # archive
    rm -rf "$dir/x"
    mkdir "$dir/x" || return 1
    tar -xf "$1" -C "$dir/x" || return 1
    n=0
    for blob in "$dir"/x/blobs/sha256/*; do
        sum=$(sha256sum <"$blob") || return 1
        [ "${sum%% *}" = "${blob##*/}" ] || return 1
        n=$((n + 1))
    done
    [ "$n" -ge 3 ]
}

# The last entry is index.json, the file is whole blocks, two of zeros last.
shape_right() { # archive
    [ "$(tar -tf "$1" | tail -n 1)" = index.json ] || return 1
    [ $(($(wc -c <"$1") % 512)) = 0 ] || return 1
    [ "$(tail -c 1024 "$1" | tr -d '\000' | wc -c)" -eq 0 ]
}

# A file in the layers: blobs are tars, or JSON.
in_layers() { # archive name
    rm -rf "$dir/x"
    mkdir "$dir/x" || return 1
    tar -xf "$1" -C "$dir/x" || return 1
    for blob in "$dir"/x/blobs/sha256/*; do
        if tar -xOf "$blob" "$2" 2>/dev/null; then return 0; fi
    done
    return 1
}

in_archive() { # archive text
    tar -xOf "$1" | tr -d '\000' | grep -F "$2"
}

rm -rf "$dir"
mkdir -p "$dir"

for e in hello_image to_stdout fixed_memory; do
    run=$build/$e
    "$run" >"$dir/$e.tar" 2>"$dir/$e.err"
    check "$e: exit 0" [ $? = 0 ]
    "$run" 2>/dev/null | cat >"$dir/$e.pipe.tar"
    check "$e: a pipe equals a file" cmp "$dir/$e.tar" "$dir/$e.pipe.tar"
    "$run" >"$dir/$e.again.tar" 2>/dev/null
    check "$e: the same bytes again" cmp "$dir/$e.tar" "$dir/$e.again.tar"
    : >"$dir/$e.append.tar"
    "$run" >>"$dir/$e.append.tar" 2>/dev/null
    check "$e: the same bytes appended" cmp "$dir/$e.tar" "$dir/$e.append.tar"
    check "$e: tar reads it" tar -tf "$dir/$e.tar"
    check "$e: its shape" shape_right "$dir/$e.tar"
    check "$e: names of blobs" blobs_right "$dir/$e.tar"
    if [ -w /dev/full ]; then
        "$run" >/dev/full 2>"$dir/err"
        check "$e: a full device, exit 1" [ $? = 1 ]
        check "$e: a full device, a message" grep "^$e: " "$dir/err"
    fi
done

check 'hello_image: says nothing' fails [ -s "$dir/hello_image.err" ]
check 'hello_image: its file' [ "$(in_layers "$dir/hello_image.tar" \
    hello.txt)" = 'hello, world' ]
check 'hello_image: its name' in_archive "$dir/hello_image.tar" \
    localhost/hello:latest

t=$dir/to_stdout.tar
check 'to_stdout: says nothing' fails [ -s "$dir/to_stdout.err" ]
check 'to_stdout: its name' in_archive "$t" localhost/to_stdout:1
check 'to_stdout: cmd' in_archive "$t" '"Cmd":["/bin/greet"]'
check 'to_stdout: env' in_archive "$t" '"Env":["PATH=/bin","GREETING=hello"]'
check 'to_stdout: label' in_archive "$t" \
    '"Labels":{"org.opencontainers.image.title":"to_stdout"}'
in_layers "$t" bin/greet >"$dir/greet"
check 'to_stdout: its script' grep -F 'echo "$GREETING"' "$dir/greet"
in_layers "$t" etc/numbers >"$dir/numbers"
check 'to_stdout: its long file' [ "$(wc -l <"$dir/numbers")" -eq 20000 ]
check 'to_stdout: its last line' [ "$(tail -n 1 "$dir/numbers")" = \
    '  19999' ]
"$build/to_stdout" >&- 2>"$dir/err"
check 'to_stdout: a closed output, exit 1' [ $? = 1 ]
check 'to_stdout: a closed output, a message' grep '^to_stdout: ' "$dir/err"

t=$dir/fixed_memory.tar
"$build/fixed_memory" "$dir/named.tar" 2>"$dir/named.err"
check 'fixed_memory: to a name, exit 0' [ $? = 0 ]
check 'fixed_memory: to a name, the same' cmp "$t" "$dir/named.tar"
size=$(($(wc -c <"$t")))
check 'fixed_memory: the size was announced' \
    grep "^fixed_memory: $size bytes to come" "$dir/fixed_memory.err"
check 'fixed_memory: its name' in_archive "$t" localhost/device:7
check 'fixed_memory: its platform' in_archive "$t" '"variant":"v7"'
check 'fixed_memory: a file' [ "$(in_layers "$t" etc/version)" = 7.1 ]
in_layers "$t" samples >"$dir/samples"
check 'fixed_memory: the long file' [ "$(wc -l <"$dir/samples")" -eq 1000 ]
"$build/fixed_memory" "$dir/no/such/place" 2>"$dir/err"
check 'fixed_memory: no such directory, exit 1' [ $? = 1 ]
check 'fixed_memory: names it' grep no/such/place "$dir/err"

"$build/firmware" "$dir/firmware.tar"
check 'firmware: exit 0' [ $? = 0 ]
"$build/firmware" - >"$dir/again.tar"
check 'firmware: the same again' cmp "$dir/firmware.tar" "$dir/again.tar"
check 'firmware: blobs' blobs_right "$dir/firmware.tar"
check 'firmware: shape' shape_right "$dir/firmware.tar"
check 'firmware: two boards' in_archive "$dir/firmware.tar" '"variant":"v8"'
check 'firmware: a subject' in_archive "$dir/firmware.tar" '"subject":{'
check 'firmware: no entry twice' \
    [ -z "$(tar -tf "$dir/firmware.tar" | sort | uniq -d)" ]
"$build/firmware" "$dir/no/such/place" 2>"$dir/err"
check 'firmware: no such directory, exit 1' [ $? = 1 ]

"$build/uart_image" >"$dir/uart.tar" 2>"$dir/err"
check 'uart_image: exit 0' [ $? = 0 ]
check 'uart_image: blobs' blobs_right "$dir/uart.tar"
check 'uart_image: metadata first' \
    [ "$(tar -tf "$dir/uart.tar" | sed -n 5p)" = index.json ]
check 'uart_image: the size was announced' \
    grep " $(($(wc -c <"$dir/uart.tar"))) bytes" "$dir/err"

# In a directory of its own, where the spare slot is.
ota() { # archive arguments...
    archive=$1
    shift
    (cd "$dir/ota" && "$ota_verify" "$@" <"../$archive" >../ota.out \
        2>../ota.err)
}
mkdir -p "$dir/ota"
ota_verify=$(cd "$build" && pwd)/ota_verify
manifest=sha256:$(tar -xOf "$dir/uart.tar" index.json |
    sed 's/.*"digest":"sha256:\([0-9a-f]*\)".*/\1/')
ota uart.tar
check 'ota_verify: exit 0' [ $? = 0 ]
check 'ota_verify: its payload' grep -aq 'not really a firmware' \
    "$dir/ota/slot.bin"
check 'ota_verify: at most 8 KiB' [ \
    "$(sed 's/.*in \([0-9]*\) bytes.*/\1/' "$dir/ota.out")" -le 8192 ]
ota uart.tar "$manifest"
check 'ota_verify: the expected manifest' [ $? = 0 ]
ota uart.tar "sha256:$(printf '%064d' 0)"
check 'ota_verify: another one, exit 1' [ $? = 1 ]
check 'ota_verify: said' grep -q 'rule 0' "$dir/ota.err"
check 'ota_verify: the slot is empty' fails [ -e "$dir/ota/slot.bin" ]
sed 's/really/REALLY/' "$dir/uart.tar" >"$dir/bad.tar"
ota bad.tar
check 'ota_verify: a changed payload, exit 1' [ $? = 1 ]
check 'ota_verify: a changed payload, said' grep -q 'rule 4' "$dir/ota.err"
head -c 9000 "$dir/uart.tar" >"$dir/bad.tar"
ota bad.tar
check 'ota_verify: cut, exit 1' [ $? = 1 ]
ota hello_image.tar
check 'ota_verify: blobs first, nothing to take' [ $? = 1 ]

rm -rf "$dir"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
