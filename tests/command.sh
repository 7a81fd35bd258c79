#!/bin/sh
# command.sh BUILD - the command from outside: what it writes, what it says,
# how it exits. The last line is "N passed, N failed".
if [ $# != 1 ]; then
    echo 'usage: command.sh BUILD' >&2
    exit 2
fi
build=$(cd "$1" && pwd) || exit 2
ocitar=$build/ocitar
dir=$build/command.test
passed=0 failed=0
unset SOURCE_DATE_EPOCH TMPDIR
LC_ALL=C
export LC_ALL

# shellcheck source=tests/command_checks.sh
. "$(dirname "$0")/command_checks.sh"

# Packs the small root with one more option and looks for a text.
shows() { # text arguments...
    text=$1
    shift
    run pack -o "$dir/o.tar" "$@" "$dir/small" x:1
    check "option: $*: done" done_well
    check "option: $*: shown" in_archive "$dir/o.tar" "$text"
}

blobs_right() { # archive
    layers "$1" >/dev/null
    for blob in "$dir"/x/blobs/sha256/*; do
        sum=$(sha256sum <"$blob")
        [ "${sum%% *}" = "${blob##*/}" ] || return 1
    done
}

# ---- inputs -----------------------------------------------------------------

rm -rf "$dir"
mkdir -p "$dir/root/etc" "$dir/root/bin" "$dir/small" "$dir/cwd"
echo one >"$dir/root/etc/a"
ln "$dir/root/etc/a" "$dir/root/etc/hard"
ln -s ../etc/a "$dir/root/bin/soft"
mkfifo "$dir/root/pipe"
: >"$dir/root/empty"
chmod 4755 "$dir/root/etc/a"
i=0
while [ $i -lt 3000 ]; do
    echo "a line of a longer file, number $i"
    i=$((i + 1))
done >"$dir/root/bin/long"
echo hello >"$dir/small/hello"
touch -t 202001020304.05 "$dir/small/hello"
tar -cf "$dir/small.tar" -C "$dir/small" hello
tar -cf "$dir/root.tar" -C "$dir/root" .

# ---- the archive ------------------------------------------------------------

run pack -o "$dir/a.tar" "$dir/root" localhost:5000/some/name:tag
check 'a directory: done' done_well
check 'a directory: one line' [ "$(wc -l <"$dir/out")" -eq 1 ]
check 'the line: reference' grep -q '^localhost:5000/some/name:tag  ' \
    "$dir/out"
check 'the line: layers' grep -q '  1 layer  ' "$dir/out"
check 'the line: size' grep -q "  $(($(wc -c <"$dir/a.tar"))) bytes  " \
    "$dir/out"
check 'the line: file' grep -q -- "  -> $dir/a.tar\$" "$dir/out"
digest=$(sed 's/.*  sha256:\([0-9a-f]*\)  .*/\1/' "$dir/out")
manifest=application/vnd.oci.image.manifest.v1+json
check 'the line: manifest' in_archive "$dir/a.tar" \
    "\"digest\":\"sha256:$digest\",\"mediaType\":\"$manifest\""
check 'names of blobs' blobs_right "$dir/a.tar"
check 'index.json is last' [ "$(tar -tf "$dir/a.tar" | tail -n 1)" = \
    index.json ]
check 'containerd name' in_archive "$dir/a.tar" \
    '"io.containerd.image.name":"localhost:5000/some/name:tag"'
check 'ref name' in_archive "$dir/a.tar" \
    '"org.opencontainers.image.ref.name":"tag"'
check 'no date without one' fails in_archive "$dir/a.tar" '"created"'
l=$(layer "$dir/a.tar")
check 'layer: names in order' [ "$(tar -tf "$l" | tr '\n' ' ')" = \
    'bin/ bin/long bin/soft empty etc/ etc/a etc/hard pipe ' ]
tar -tvf "$l" >"$dir/list"
check 'layer: hard link' grep -q '^h.* etc/hard link to etc/a' "$dir/list"
check 'layer: symbolic link' grep -q '^l.* bin/soft -> \.\./etc/a' \
    "$dir/list"
check 'layer: fifo' grep -q '^p.* pipe$' "$dir/list"
check 'layer: mode' grep -q '^-rwsr-xr-x.* etc/a$' "$dir/list"
tar -xOf "$l" bin/long >"$dir/long"
check 'layer: content' cmp "$dir/long" "$dir/root/bin/long"
run pack -o "$dir/a2.tar" "$dir/root/" localhost:5000/some/name:tag
check 'the same bytes again' cmp "$dir/a.tar" "$dir/a2.tar"
cp -R -p "$dir/root" "$dir/copy" && rm "$dir/copy/etc/hard" &&
    ln "$dir/copy/etc/a" "$dir/copy/etc/hard" &&
    touch -r "$dir/root/etc" "$dir/copy/etc"
run pack -o "$dir/a2.tar" "$dir/copy" localhost:5000/some/name:tag
check 'the same bytes from a copy' cmp "$dir/a.tar" "$dir/a2.tar"
rm -rf "$dir/copy"

run pack -o "$dir/t.tar" "$dir/root.tar" x:1
check 'a tar: done' done_well
check 'a tar: as it is' cmp "$(layer "$dir/t.tar")" "$dir/root.tar"
"$ocitar" pack -o "$dir/t2.tar" - x:1 <"$dir/root.tar" >/dev/null
check 'standard input: done' [ $? = 0 ]
check 'standard input equals a file' cmp "$dir/t.tar" "$dir/t2.tar"
# shellcheck disable=SC2002
cat "$dir/root.tar" | "$ocitar" pack -o "$dir/t2.tar" - x:1 >/dev/null
check 'a pipe equals a file' cmp "$dir/t.tar" "$dir/t2.tar"
mkfifo "$dir/in.fifo"
cat "$dir/root.tar" >"$dir/in.fifo" &
run pack -o "$dir/t2.tar" "$dir/in.fifo" x:1
check 'a fifo equals a file' cmp "$dir/t.tar" "$dir/t2.tar"
wait
size=$(($(wc -c <"$dir/small.tar")))
head -c 1024 "$dir/small.tar" >"$dir/short.tar"
head -c 1024 /dev/zero >"$dir/zeros.tar"
run pack -o "$dir/t2.tar" "$dir/zeros.tar" x:1
check 'a tar without entries: done' done_well

run pack -o "$dir/l.tar" "$dir/root.tar" "$dir/small" "$dir/root.tar" x:1
check 'three layers: done' done_well
check 'three layers: said' grep -q '  3 layers  ' "$dir/out"
check 'three layers: in order' [ "$(layers "$dir/l.tar" | wc -l)" -eq 3 ]
check 'three layers: the second' [ \
    "$(tar -xOf "$(layer "$dir/l.tar" 2)" hello)" = hello ]
check 'three layers: the same one once' [ "$(tar -tf "$dir/l.tar" |
    grep -c 'sha256/.')" = 4 ]

# ---- options ----------------------------------------------------------------

shows '"architecture":"arm64"' -m arm64
shows '"architecture":"amd64"' -m x86_64
shows '"architecture":"arm64"' --arch aarch64
shows '"architecture":"arm"' --arch=armv7l
shows '"variant":"v7"' -marmv7l
shows '"variant":"v6"' -m armv6l
shows '"architecture":"386"' -m i686
shows '"architecture":"386"' -m i386
shows '"architecture":"mips64le"' -m mips64el
shows '"architecture":"s390x"' -m s390x
shows '"architecture":"loong64"' -m loongarch64
shows '"architecture":"mipsle"' -m mipsel
shows '"architecture":"arm","os":"linux","variant":"v8"' -m armv8l
shows '"architecture":"something"' -m something
shows '"variant":"v5"' -m armv7l --arch-variant v5
shows '"os":"freebsd"' --os freebsd
shows '"architecture":"arm","os":"linux","variant":"v7"' \
    --platform linux/arm/v7
shows '"architecture":"riscv64","os":"linux"}' --platform linux/riscv64
shows '"author":"A. U. Thor <a@example.org>"' \
    -a 'A. U. Thor <a@example.org>'
shows '"Cmd":["-c","","b \"q\""]' -c -c --cmd= '--cmd=b "q"'
shows '"Entrypoint":["/bin/a","b"]' -C /bin/a --entrypoint b
shows '"Env":["A=1","B="]' -e A=1 --env B=
shows '"Labels":{"k":"v=w","l":""}' -l k=v=w --label l=
shows '"org.opencontainers.image.title":"t"' -l .title=t
shows '{"annotations":{"a.b":"c"},"config"' --annotation a.b=c
shows '"org.opencontainers.image.url":"u"' --annotation .url=u
shows '"ExposedPorts":{"53/udp":{},"80":{}}' -p 80 --port 53/udp
shows '"Volumes":{"/d":{},"/e":{}}' -v /e --volume /d
shows '"User":"1:2"' -u 1:2
shows '"WorkingDir":"/w"' -w /w
shows '"StopSignal":"SIGQUIT"' --stop-signal SIGQUIT
shows '"created":"1970-01-01T00:00:01Z"' --created 1
shows '"created":"2024-02-29T11:30:00.5Z"' \
    --created 2024-02-29T12:30:00.500+01:00
shows '"created":"0000-01-01T00:00:00Z"' --created 0000-01-01T00:00:00Z
shows '"created":"9999-12-31T23:59:59Z"' --created 9999-12-31T23:59:59z
shows '"created":"2000-03-01T00:00:00Z"' --created '2000-02-29 23:00:00-01:00'
shows '"history":[{"created_by":"one"}]' --history one
shows '[{"created_by":"one"},{"created_by":"two","empty_layer":true}]' \
    --history one --history two
shows '"RepoTags":["x:1","y:2","r:5/z:latest"]' --ref y:2 --ref r:5/z
shows '"io.containerd.image.name":"r:5/z:latest"' --ref y:2 --ref r:5/z
type=application/vnd.docker
shows "\"$type.distribution.manifest.v2+json\"" --docker-types
shows "\"$type.container.image.v1+json\"" --docker-types
shows "\"$type.image.rootfs.diff.tar\"" --docker-types
shows '"digest":"sha512:' --digest sha512
shows '"digest":"sha256:' --digest sha256
shows '"imageLayoutVersion"' -t --tar
shows '"RepoTags":["x:1"]' --memory 0
shows '"Cmd":["--quiet"]' --cmd --quiet

run pack -o "$dir/o.tar" --no-docker-manifest "$dir/small" x:1
check '--no-docker-manifest' fails sh -c \
    "tar -tf '$dir/o.tar' | grep manifest.json"
run pack -o "$dir/o.tar" --quiet "$dir/small" x:1
check '--quiet' done_well
check '--quiet says nothing' fails [ -s "$dir/out" ]
run pack "$dir/small" x:1 -o "$dir/o.tar" -w /after
check 'options after operands' in_archive "$dir/o.tar" '"WorkingDir":"/after"'
mkdir "$dir/cwd/-odd"
(cd "$dir/cwd" && "$ocitar" pack -oo.tar -- -odd x:1 >/dev/null)
check '-- and an attached value' [ -f "$dir/cwd/o.tar" ]
run pack -tto "$dir/o.tar" "$dir/small" x:1
check 'letters together' done_well
run pack -o "$dir/o.tar" --owner 12:34 "$dir/root" x:1
check '--owner' [ "$(tar --numeric-owner -tvf "$(layer "$dir/o.tar")" |
    grep -c ' 12/34 ')" = 8 ]
run pack -o "$dir/o.tar" --mtime 1000000000 "$dir/small" x:1
check '--mtime clamps' sh -c "TZ=UTC tar -tvf '$(layer "$dir/o.tar")' |
    grep '2001-09-09 01:46'"
run pack -o "$dir/o.tar" --mtime 2000000000 "$dir/small" x:1
check '--mtime keeps what is earlier' sh -c \
    "tar -tvf '$(layer "$dir/o.tar")' | grep '2020-01-02 03:04'"

# What the layer holds of a root, by names; or with modes.
holds() { # names option...
    names=$1
    shift
    run pack -o "$dir/o.tar" "$@" "$dir/root" x:1
    check "holds: $*: done" done_well
    check "holds: $*" [ "$(tar -tf "$(layer "$dir/o.tar")" |
        tr '\n' ' ')" = "$names" ]
}

holds 'bin/ bin/long bin/soft empty etc/ etc/a etc/hard pipe ' \
    --exclude none --exclude bin/a --exclude long/ong --exclude on
holds './ bin/ bin/long bin/soft empty etc/ etc/a etc/hard pipe ' --with-root
holds 'bin/ bin/long bin/soft empty pipe ' --exclude etc
holds 'bin/ bin/long bin/soft empty etc/ pipe ' --exclude 'etc/*'
holds 'bin/ bin/long empty etc/ etc/a pipe ' --exclude etc/hard \
    --exclude 'so??'
holds 'bin/ empty etc/ etc/a etc/hard pipe ' --exclude 'b**/*o*'
holds 'bin/ bin/long bin/soft empty pipe ' --exclude /etc
holds 'bin/ bin/long bin/soft empty etc/ etc/a etc/hard pipe ' --exclude /soft
holds '' --exclude '*'
run pack -o "$dir/o.tar" --mode-mask 4011 "$dir/root" x:1
check '--mode-mask' sh -c "tar -tvf '$(layer "$dir/o.tar")' |
    grep '^-rwxr--r--.* etc/a\$'"
run pack -o "$dir/o.tar" --nanoseconds --mtime 1000000000 "$dir/small" x:1
check '--nanoseconds --mtime' sh -c "TZ=UTC tar --full-time -tvf \
    '$(layer "$dir/o.tar")' | grep '2001-09-09 01:46:40 '"
touch -d '2020-01-02 03:04:05.123456789' "$dir/small/hello"
run pack -o "$dir/o.tar" --nanoseconds "$dir/small" x:1
check '--nanoseconds' sh -c "tar --full-time -tvf \
    '$(layer "$dir/o.tar")' | grep '03:04:05.123456789'"
run pack -o "$dir/o.tar" "$dir/small" x:1
check 'no --nanoseconds' fails grep -q 'mtime=' "$(layer "$dir/o.tar")"
touch -t 202001020304.05 "$dir/small/hello"
if python3 -c 'import os, sys
os.setxattr(sys.argv[1], "user.test", b"value")' "$dir/small/hello" \
    2>/dev/null; then
    run pack -o "$dir/o.tar" "$dir/small" x:1
    check 'extended attributes' grep -aq 'SCHILY.xattr.user.test=value' \
        "$(layer "$dir/o.tar")"
    run pack -o "$dir/o.tar" --no-xattrs "$dir/small" x:1
    check '--no-xattrs' fails grep -aq SCHILY "$(layer "$dir/o.tar")"
    python3 -c 'import os, sys
os.removexattr(sys.argv[1], "user.test")' "$dir/small/hello"
else
    run pack -o "$dir/o.tar" --no-xattrs "$dir/small" x:1
    check '--no-xattrs' done_well
fi
run --version
check '--version' grep -q '^ocitar [0-9]' "$dir/out"
run pack -V
check 'pack -V' grep -q '^ocitar [0-9]' "$dir/out"
run --help
check '--help: done' done_well
check '--help' grep -q '^Usage: ' "$dir/out"
run pack --help
check 'pack --help: done' done_well
for option in arch arch-variant os platform author cmd entrypoint env label \
    annotation port volume user working-dir created stop-signal history ref \
    owner mtime mode-mask nanoseconds no-xattrs with-root exclude digest \
    compress memory output no-docker-manifest docker-types dry-run json \
    progress quiet tar \
    version help; do
    check "pack --help has --$option" grep -q -- "--$option " "$dir/out"
done
check 'pack --help: 80 columns' fails grep -q \
    '.\{81\}' \
    "$dir/out"

# ---- SOURCE_DATE_EPOCH ------------------------------------------------------

SOURCE_DATE_EPOCH=1000000000
export SOURCE_DATE_EPOCH
shows '"created":"2001-09-09T01:46:40Z"' -u 1
check 'SOURCE_DATE_EPOCH clamps' sh -c \
    "TZ=UTC tar -tvf '$(layer "$dir/o.tar")' | grep '2001-09-09 01:46'"
shows '"created":"1970-01-01T00:00:05Z"' --created 5
shows '"history":[{"created":"2001-09-09T01:46:40Z","created_by":"h"}]' \
    --history h
run pack -o "$dir/o.tar" --mtime 1500000000 "$dir/small" x:1
check '--mtime before SOURCE_DATE_EPOCH' sh -c \
    "TZ=UTC tar -tvf '$(layer "$dir/o.tar")' | grep '2017-07-14 02:40'"
for SOURCE_DATE_EPOCH in '' x 1x -1 ' 1' 1e9 99999999999999999999; do
    wrong SOURCE_DATE_EPOCH pack -o "$dir/w.tar" "$dir/small" x:1
done
unset SOURCE_DATE_EPOCH

# ---- outputs ----------------------------------------------------------------

(cd "$dir/cwd" &&
    "$ocitar" pack ../small localhost:5000/a/some.name >/dev/null)
check 'the default output' [ -f "$dir/cwd/some.name-latest.tar" ]
(cd "$dir/cwd" && "$ocitar" pack ../small name:1.2 >/dev/null)
check 'the default output, a tag' [ -f "$dir/cwd/name-1.2.tar" ]
run pack -o "$dir/o.tar" --memory 4K "$dir/root" localhost:5000/some/name:tag
"$ocitar" pack -o - "$dir/root" localhost:5000/some/name:tag \
    >"$dir/s.tar" 2>"$dir/err"
check '-o - to a file: exit 0' [ $? = 0 ]
check '-o - to a file: the same' cmp "$dir/s.tar" "$dir/a.tar"
check '-o -: the line is on standard error' grep -q -- '-> standard output' \
    "$dir/err"
for memory in 0 1 4k 1M; do
    "$ocitar" pack -o - --memory $memory "$dir/root" \
        localhost:5000/some/name:tag 2>/dev/null | cat >"$dir/s.tar"
    check "-o - to a pipe, --memory $memory" cmp "$dir/s.tar" "$dir/a.tar"
done
: >"$dir/s.tar"
"$ocitar" pack -o - "$dir/root" localhost:5000/some/name:tag \
    >>"$dir/s.tar" 2>/dev/null
check '-o - appended to a file' cmp "$dir/s.tar" "$dir/a.tar"
echo before >"$dir/s.tar"
{
    echo before
    cat "$dir/a.tar"
} >"$dir/s2.tar"
{
    cat "$dir/s.tar"
    "$ocitar" pack -o - "$dir/root" localhost:5000/some/name:tag 2>/dev/null
} >"$dir/s3.tar"
check '-o - after other bytes' cmp "$dir/s3.tar" "$dir/s2.tar"
mkfifo "$dir/out.fifo"
cat "$dir/out.fifo" >"$dir/s.tar" &
run pack -o "$dir/out.fifo" "$dir/root" localhost:5000/some/name:tag
wait
check 'a fifo: done' done_well
check 'a fifo: the same bytes' cmp "$dir/s.tar" "$dir/a.tar"
check 'a fifo stays one' [ -p "$dir/out.fifo" ]
run pack -o /dev/null "$dir/small" x:1
check '/dev/null: done' done_well
check '/dev/null stays a device' [ -c /dev/null ]
echo old >"$dir/link.target"
ln -s link.target "$dir/link"
run pack -o "$dir/link" "$dir/small" x:1
check 'a link is followed' [ -L "$dir/link" ]
check 'a link: its file is the archive' tar -tf "$dir/link.target"
if [ -w /dev/full ]; then
    run pack -o /dev/full "$dir/root" x:1
    check '/dev/full' failed_so 1 '/dev/full: No space left'
    "$ocitar" pack -o - "$dir/root" x:1 >/dev/full 2>"$dir/err"
    status=$?
    check '-o - to /dev/full' failed_so 1 'standard output: No space left'
    "$ocitar" pack -o "$dir/o.tar" "$dir/root" x:1 >/dev/full 2>"$dir/err"
    status=$?
    check 'the line to /dev/full' failed_so 1 'standard output: No space left'
    "$ocitar" --help >/dev/full 2>"$dir/err"
    status=$?
    check '--help to /dev/full' failed_so 1 'standard output: No space left'
fi
rm -f "$dir/o.tar"
"$ocitar" pack -o - "$dir/small" x:1 >&- 2>"$dir/err"
status=$?
check '-o - closed' failed_so 1 'standard output: '
"$ocitar" pack -o "$dir/o.tar" "$dir/small" x:1 >&- 2>"$dir/err"
status=$?
check 'closed standard output' failed_so 1 'standard output: '
check 'closed standard output: the archive is whole' tar -tf "$dir/o.tar"
"$ocitar" pack --quiet -o "$dir/o.tar" "$dir/small" x:1 >&- 2>&- <&-
check 'all closed, --quiet' [ $? = 0 ]
check 'all closed: the archive is whole' tar -tf "$dir/o.tar"
"$ocitar" pack -o "$dir/o.tar" - x:1 <&- >/dev/null 2>"$dir/err"
status=$?
check 'closed standard input' failed_so 1 'standard input: '
{
    "$ocitar" pack -o - "$dir/root" x:1 2>"$dir/err"
    echo $? >"$dir/status"
} | :
status=$(cat "$dir/status")
check 'a reader that went away is no signal' failed_so 1 \
    'standard output: Broken pipe'
(
    trap '' PIPE
    "$ocitar" pack -o - "$dir/root" x:1 2>"$dir/err"
    echo $? >"$dir/status"
) | :
status=$(cat "$dir/status")
check 'the same with SIGPIPE ignored' failed_so 1 \
    'standard output: Broken pipe'

mkfifo "$dir/slow"
"$ocitar" pack -o "$dir/k.tar" "$dir/small" - x:1 \
    <"$dir/slow" >/dev/null 2>&1 &
pid=$!
exec 5>"$dir/slow"
head -c 300000 /dev/zero >&5
i=0
while [ -z "$(find "$dir" -name '.k.tar.*')" ] && [ $i -lt 9 ]; do
    sleep 1
    i=$((i + 1))
done
check 'killed: was at work' [ -n "$(find "$dir" -name '.k.tar.*')" ]
kill -TERM $pid
wait $pid 2>/dev/null
check 'killed: by the signal' [ $? -gt 128 ]
exec 5>&-
check 'killed: nothing left' [ -z "$(find "$dir" -name k.tar \
    -o -name '.k.tar.*')" ]

# ---- dry run ----------------------------------------------------------------

run pack --dry-run -o "$dir/dry.tar" "$dir/root" "$dir/small.tar" x:1
check '--dry-run: done' done_well
check '--dry-run: nothing written' fails [ -e "$dir/dry.tar" ]
cp "$dir/out" "$dir/dry"
run pack -o "$dir/dry.tar" "$dir/root" "$dir/small.tar" x:1
size=$(($(wc -c <"$dir/dry.tar")))
check '--dry-run: the size' grep -q "  $size bytes  " "$dir/dry"
check '--dry-run: the manifest' grep -qF \
    "$(sed 's/.*  \(sha256:[0-9a-f]*\)  .*/\1/' "$dir/out")" "$dir/dry"
tr ' ' '\n' <"$dir/dry" | grep '^sha256:' | sort -u | sed 's/.*://' \
    >"$dir/dry.all"
layers "$dir/dry.tar" >/dev/null
for blob in "$dir"/x/blobs/sha256/*; do echo "${blob##*/}"; done |
    sort >"$dir/real.all"
check '--dry-run: all digests' cmp "$dir/dry.all" "$dir/real.all"
run pack --dry-run -o - "$dir/small" x:1
check '--dry-run -o -: text on standard output' grep -q '^manifest ' \
    "$dir/out"
wrong --dry-run pack --dry-run - x:1

# ---- --json -----------------------------------------------------------------

name=localhost:5000/some/name
run pack --json -o "$dir/o.tar" --ref y "$dir/root" $name:tag
check '--json: done' done_well
cp "$dir/out" "$dir/json"
check '--json: one line' [ "$(wc -l <"$dir/json")" -eq 1 ]
run pack --json -o "$dir/o2.tar" "$dir/root" $name:tag
check '--json: the same bytes as without' cmp "$dir/o2.tar" "$dir/a.tar"
tar -xOf "$dir/o.tar" index.json >"$dir/index.json"
size=$(($(wc -c <"$dir/o.tar")))
index=$(sum_of "$dir/index.json")
l=$(layer "$dir/o.tar")
sum=sha256:${l##*/}
config=$(tar -xOf "$dir/o.tar" "blobs/sha256/$digest" |
    sed 's/.*"config":{"digest":"\([a-z0-9:]*\)".*/\1/')

# Is that member in the object?
member() { # member
    check "--json: $1" json "$dir/json" \
        "all(o[k] == v for k, v in json.loads(r'{$1}').items())" "$1"
}

member "\"reference\":\"$name:tag\""
member "\"references\":[\"$name:tag\",\"y:latest\"]"
member "\"output\":\"$dir/o.tar\""
member '"dryRun":false'
member "\"size\":$size"
member "\"index\":\"$index\""
member "\"mediaType\":\"$manifest\""
member "\"manifest\":\"sha256:$digest\""
member "\"manifestSize\":$(($(tar -xOf "$dir/o.tar" \
    "blobs/sha256/$digest" | wc -c)))"
member "\"config\":\"$config\""
type=application/vnd.oci.image.layer.v1.tar
sizes="\"mediaType\":\"$type\",\"size\":$(($(wc -c <"$l")))"
ids="\"digest\":\"$sum\",\"diffID\":\"$sum\",\"chainID\":\"$sum\""
member "\"layers\":[{$sizes,$ids,\"source\":\"$dir/root\"}]"
check '--json: no other members' json "$dir/json" 'len(o) == 12' '{'
run pack --json -o "$dir/layout.j/" --ref y "$dir/root" $name:tag
check '--json, a layout directory: done' done_well
check '--json, a layout directory: as the archive' json "$dir/out" \
    "{**o, 'output': '$dir/o.tar', 'size': $size} ==
    json.load(open('$dir/json')) and 'size' not in o" "$index"
rm -rf "$dir/layout.j"
run pack --json --dry-run -o "$dir/o3.tar" --ref y "$dir/root" $name:tag
check '--json --dry-run: done' done_well
check '--json --dry-run: nothing written' fails [ -e "$dir/o3.tar" ]
check '--json --dry-run: as without' json "$dir/out" \
    "o == {**json.load(open('$dir/json')), 'output': '$dir/o3.tar',
    'dryRun': True}" '"dryRun":true'
run pack --json --dry-run -o - --ref y "$dir/root" $name:tag
check '--json --dry-run -o -: on standard output' json "$dir/out" \
    "o['index'] == '$index'" "$index"
for memory in 0 1M; do
    "$ocitar" pack --json -o - --memory $memory --ref y "$dir/root" \
        $name:tag 2>"$dir/err" | cat >"$dir/o3.tar"
    check '--json -o -: the archive' cmp "$dir/o3.tar" "$dir/o.tar"
    check '--json -o -: on standard error' json "$dir/err" \
        "o == {**json.load(open('$dir/json')), 'output': '-'}" \
        '"output":"-"'
done
"$ocitar" pack --json -o - --ref y "$dir/root" $name:tag 2>"$dir/err" \
    >"$dir/o3.tar"
check '--json -o - to a file: the archive' cmp "$dir/o3.tar" "$dir/o.tar"
check '--json -o - to a file: on standard error' json "$dir/err" \
    "o['index'] == '$index'" "$index"
run pack --json --quiet -o "$dir/o.tar" --ref y "$dir/root" $name:tag
check '--json --quiet' cmp "$dir/out" "$dir/json"
"$ocitar" pack --json -o "$dir/o.tar" --platform linux/arm/v7 --docker-types \
    "$dir/small" - "$dir/small" x <"$dir/root.tar" >"$dir/out"
check '--json: no tag is latest' json "$dir/out" \
    "o['reference'] == 'x:latest' and o['references'] == ['x:latest']" \
    '"references":["x:latest"]'
check '--json: the platform' json "$dir/out" "o['platform'] ==
    {'os': 'linux', 'architecture': 'arm', 'variant': 'v7'}" \
    '"platform":{"os":"linux","architecture":"arm","variant":"v7"}'
check '--json: standard input' json "$dir/out" \
    "[l['source'] for l in o['layers']] ==
    ['$dir/small', '-', '$dir/small']" '"source":"-"'
check "--json: docker's types" json "$dir/out" \
    "'docker.image.rootfs.diff.tar' in o['layers'][0]['mediaType'] and
    'docker.distribution' in o['mediaType']" docker.distribution
check '--json: ChainIDs' json "$dir/out" "(lambda l: all(
    b['chainID'] == 'sha256:' + hashlib.sha256(
        (a['chainID'] + ' ' + b['diffID']).encode()).hexdigest()
    for a, b in zip(l, l[1:])) and l[0]['chainID'] == l[0]['diffID'] and
    len(l) == 3)(o['layers'])" chainID
odd="$dir/odd \"\\ $(printf '\t\001\303\274') $(printf '\377\355\240\200')"
mkdir "$odd"
echo odd >"$odd/file"
run pack --json -o "$dir/o.tar" "$odd" x:1
check '--json, an odd path: done' done_well
check '--json, an odd path' json "$dir/out" "o['layers'][0]['source'] ==
    '$dir/odd \"\\\\ \\t\\x01\\u00fc ' + '\\ufffd' * 4" \
    'odd \"\\ \u0009\u0001'
run pack --json -o "$dir/bad.tar" "$dir/none" x:1
check '--json: a failure prints no object' fails [ -s "$dir/out" ]
if [ -w /dev/full ]; then
    "$ocitar" pack --json -o "$dir/o.tar" "$dir/root" x:1 >/dev/full \
        2>"$dir/err"
    status=$?
    check '--json to /dev/full' failed_so 1 'standard output: No space left'
fi
wrong --json=1 pack --json=1 -o "$dir/w.tar" "$dir/small" x:1

# ---- --progress -------------------------------------------------------------

# The last line of it is blanks, with the cursor before them.
cleared() {
    [ "$(tail -c 1 "$dir/err" | od -An -c | tr -d ' ')" = '\r' ] &&
        ! tr '\r' '\n' <"$dir/err" | tail -n 1 | grep -q '[^ ]'
}

# It was shown; how often?
drawn() { # how often at most
    n=$(tr '\r' '\n' <"$dir/err" | grep -c 'iB/s')
    echo "drawn $n times"
    [ "$n" -gt 0 ] && [ "$n" -le "$1" ]
}

run pack --progress -o "$dir/o.tar" "$dir/root" $name:tag
check '--progress: done' [ "$status" = 0 ]
check '--progress: the same bytes' cmp "$dir/o.tar" "$dir/a.tar"
check '--progress: shown' drawn 1000
check '--progress: cleared' cleared
check '--progress: no total of a directory' fails grep -q ' of ' "$dir/err"
check '--progress: the line on standard output' grep -q -- '-> ' "$dir/out"
run pack --progress -o "$dir/o.tar" "$dir/small.tar" "$dir/root.tar" x:1
check '--progress: a total of tars' grep -q ' of [0-9]' "$dir/err"
run pack --progress -o "$dir/o.tar" "$dir/small.tar" "$dir/small" x:1
check '--progress: no total of both' fails grep -q ' of ' "$dir/err"
"$ocitar" pack --progress -o - "$dir/root" $name:tag 2>"$dir/err" |
    cat >"$dir/o.tar"
check '--progress -o -: the same bytes' cmp "$dir/o.tar" "$dir/a.tar"
check '--progress -o -: the line comes after it' sh -c \
    "tr '\r' '\n' <'$dir/err' | tail -n 1 | grep -q '^localhost.*-> '"
"$ocitar" pack --progress -o - "$dir/root" $name:tag 2>"$dir/err" \
    >"$dir/o.tar"
check '--progress -o - to a file: the same bytes' cmp "$dir/o.tar" \
    "$dir/a.tar"
run pack --progress --json -o "$dir/o.tar" "$dir/root" $name:tag
check '--progress --json: the same bytes' cmp "$dir/o.tar" "$dir/a.tar"
check '--progress --json: shown' drawn 1000
check '--progress --json: the object' json "$dir/out" \
    "o['manifest'] == 'sha256:$digest'" "sha256:$digest"
run pack --progress --dry-run "$dir/root" $name:tag
check '--progress --dry-run: shown' drawn 1000
run pack --progress -o "$dir/layout.p/" "$dir/root" x:1
check '--progress, a layout directory: shown' drawn 1000
rm -rf "$dir/layout.p"
run pack --progress --quiet -o "$dir/o.tar" "$dir/root" x:1
check '--progress --quiet: nothing' done_well
run pack -o "$dir/o.tar" "$dir/root" x:1
check 'no terminal, no progress' done_well
run pack --progress -o "$dir/bad.tar" "$dir/small" "$dir/text" x:1
check '--progress: a failure' [ "$status" = 1 ]
head -c 10000000 /dev/zero >"$dir/zeros.tar"
# shellcheck disable=SC2002
cat "$dir/zeros.tar" | "$ocitar" pack --progress -o "$dir/o.tar" - x:1 \
    >/dev/null 2>"$dir/err"
check '--progress: seldom enough' drawn 30
mkfifo "$dir/slow2"
(
    head -c 100000 /dev/zero
    sleep 1
    head -c 900000 /dev/zero
) >"$dir/slow2" &
run pack --progress -o "$dir/o.tar" "$dir/slow2" x:1
wait
check '--progress: often enough' sh -c \
    "[ \$(tr '\r' '\n' <'$dir/err' | grep -c 'iB/s') -gt 1 ]"
if has python3; then
    cat >"$dir/terminal.py" <<'END'
import os, subprocess, sys
master, slave = os.openpty()
p = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=slave)
os.write(slave, b"end")
text = b""
while not text.endswith(b"end"):
    text += os.read(master, 65536)
print("shown" if b"iB/s" in text else "not shown", p.returncode)
END
    for o in '' --progress --quiet --json '--json --progress'; do
        # shellcheck disable=SC2086
        said=$(python3 "$dir/terminal.py" "$ocitar" pack $o \
            -o "$dir/o.tar" "$dir/root" $name:tag)
        case $o in
        --quiet | --json) check "a terminal, $o" [ "$said" = 'not shown 0' ] ;;
        *) check "a terminal, $o" [ "$said" = 'shown 0' ] ;;
        esac
        check "a terminal, $o: the same bytes" cmp "$dir/o.tar" "$dir/a.tar"
    done
fi
wrong --progress=1 pack --progress=1 -o "$dir/w.tar" "$dir/small" x:1

# ---- wrong command lines ----------------------------------------------------

run
check 'no arguments: exit 2' [ "$status" = 2 ]
check 'no arguments: help' grep -q '^Usage: ' "$dir/err"
wrong unpack unpack "$dir/small" x:1
wrong --bad --bad
wrong ROOTFS pack
wrong ROOTFS pack x:1
for o in --bad --artifact-type --config --inline --debug --out -x -q; do
    wrong $o pack $o -o "$dir/w.tar" "$dir/small" x:1
done
wrong -tx pack -tx -o "$dir/w.tar" "$dir/small" x:1
wrong --quiet=1 pack --quiet=1 -o "$dir/w.tar" "$dir/small" x:1
wrong --output pack "$dir/small" x:1 --output
wrong -o pack "$dir/small" x:1 -o
wrong --output pack --output= "$dir/small" x:1
set -- -m '' --arch '' --arch-variant '' --os '' --platform linux \
    --platform /arm --platform linux/ --platform linux/arm/ \
    --platform a/b/c/d --author '' --env A --env =B --label k --label =v \
    --label .=v --annotation k --annotation =v --port '' --port x --port 0 \
    --port 65536 --port /tcp --port 80/ --port 80/xyz --port 80x \
    --volume '' --user '' --working-dir '' --stop-signal '' --created '' \
    --created today --created -1 --created 253402300800 \
    --created 2023-02-29T00:00:00Z --created 2024-13-01T00:00:00Z \
    --created 2024-00-01T00:00:00Z --created 2024-01-00T00:00:00Z \
    --created 2024-01-01T24:00:00Z --created 2024-01-01 \
    --created 2024-01-01T00:00:00 --created 2024-01-01T00:00:00.Z \
    --created 2024-01-01T00:00:00Zx --created 9999-12-31T23:59:59-01:00 \
    --owner 1 --owner 1: --owner :1 --owner a:b --owner 4294967296:0 \
    --mtime '' --mtime x --mtime 1.5 --mode-mask '' --mode-mask 8 \
    --mode-mask 0x7 --mode-mask 17777 --mode-mask 7777777777777 \
    --exclude '' --exclude etc/ --exclude ./etc --exclude / \
    --ref '' --ref X --ref x:1 --ref y: --ref "y@sha256:$digest" \
    --digest md5 --digest sha384 \
    --memory '' --memory K --memory 1T --memory 1KK --memory -1 \
    --memory 99999999999999999999 --memory 18446744073709551615G
while [ $# -gt 0 ]; do
    wrong "$1 $2" pack "$1" "$2" -o "$dir/w.tar" "$dir/small" x:1
    shift 2
done
wrong '-l k=2' pack -l k=1 -l k=2 -o "$dir/w.tar" "$dir/small" x:1
wrong '--ref y:latest' pack --ref y --ref y:latest -o "$dir/w.tar" \
    "$dir/small" x:1
wrong --docker-types pack --docker-types --annotation a=b -o "$dir/w.tar" \
    "$dir/small" x:1
wrong '-p 80' pack -p 80 -p 80 -o "$dir/w.tar" "$dir/small" x:1
wrong '-v /d' pack -v /d -v /d -o "$dir/w.tar" "$dir/small" x:1
invalid=$(printf 'a\377b')
for o in -a -c -C -u -w -v --stop-signal --history --os -m \
    --exclude; do
    wrong "$o " pack $o "$invalid" -o "$dir/w.tar" "$dir/small" x:1
done
for name in x: x:. :x /x x/ x//y 'x y' x:a:b x@y "x@sha256:$digest" ''; do
    wrong "$name: " pack -o "$dir/w.tar" "$dir/small" "$name"
done
wrong 'standard input' pack -o "$dir/w.tar" - - x:1
wrong ROOTFS pack -o "$dir/w.tar" '' x:1

# ---- wrong inputs -----------------------------------------------------------

bad "$dir/none: No such file" pack -o "$dir/bad.tar" "$dir/none" x:1
bad "$dir/none: No such file" pack -o "$dir/bad.tar" "$dir/small" \
    "$dir/none" x:1
: >"$dir/nothing"
bad "$dir/nothing: empty" pack -o "$dir/bad.tar" "$dir/nothing" x:1
bad '/dev/null: empty' pack -o "$dir/bad.tar" /dev/null x:1
echo text >"$dir/text"
bad "$dir/text: not a tar" pack -o "$dir/bad.tar" "$dir/text" x:1
bad "$dir/text: not a tar" pack -o "$dir/bad.tar" "$dir/small" "$dir/text" x:1
bad "$dir/root/bin/long: not a tar" pack -o "$dir/bad.tar" \
    "$dir/root/bin/long" x:1
head -c 1025 "$dir/small.tar" >"$dir/cut"
bad "$dir/cut: not a tar: its length" pack -o "$dir/bad.tar" "$dir/cut" x:1
head -c 100 "$dir/small.tar" >"$dir/cut"
bad "$dir/cut: not a tar" pack -o "$dir/bad.tar" "$dir/cut" x:1
head -c 1024 "$dir/small.tar" >"$dir/cut"
bad "$dir/cut: not complete" pack -o "$dir/bad.tar" "$dir/cut" x:1
head -c 51200 "$dir/root.tar" >"$dir/cut"
bad "$dir/cut: not complete" pack -o "$dir/bad.tar" "$dir/cut" x:1
printf '\3757zXZ\000' >"$dir/xz"
printf 'BZh91AY' >"$dir/bz2"
for z in xz bz2; do
    bad "$dir/$z: compressed" pack -o "$dir/bad.tar" "$dir/$z" x:1
    head -c 5000 /dev/zero >>"$dir/$z"
    bad "$dir/$z: compressed" pack -o "$dir/bad.tar" "$dir/$z" x:1
done
"$ocitar" pack -o "$dir/bad.tar" - x:1 <"$dir/text" >/dev/null 2>"$dir/err"
status=$?
check 'bad: standard input' failed_so 1 'standard input: not a tar'
if [ "$(id -u)" != 0 ]; then
    mkdir "$dir/locked"
    echo secret >"$dir/locked/secret"
    chmod 000 "$dir/locked/secret"
    bad "$dir/locked/secret: Permission denied" pack -o "$dir/bad.tar" \
        "$dir/locked" x:1
    mkdir "$dir/readonly"
    chmod 555 "$dir/readonly"
    bad "$dir/readonly/bad.tar: Permission denied" pack \
        -o "$dir/readonly/bad.tar" "$dir/small" x:1
fi
bad "$dir/none/bad.tar: No such file" pack -o "$dir/none/bad.tar" \
    "$dir/small" x:1
bad "$dir/cwd: Is a directory (with a / at its end" pack -o "$dir/cwd" "$dir/small" x:1

echo precious >"$dir/keep.tar"
run pack -o "$dir/keep.tar" "$dir/small" "$dir/text" x:1
check 'a failure keeps the old file' [ "$(cat "$dir/keep.tar")" = precious ]
check 'a failure leaves no temporary file' nothing_left
chmod 640 "$dir/keep.tar"
run pack -o "$dir/keep.tar" "$dir/small" x:1
check 'a success replaces it' tar -tf "$dir/keep.tar"
check 'a success keeps its mode' [ -n "$(find "$dir/keep.tar" -perm 640)" ]

TMPDIR=$dir/none
export TMPDIR
"$ocitar" pack -o - --memory 1K "$dir/root" x:1 2>"$dir/err" | cat >/dev/null
check 'no temporary directory: a message' grep -qF \
    "$dir/none (TMPDIR, or /tmp): No such file" "$dir/err"
run pack --memory 1K -o "$dir/o.tar" "$dir/root" x:1
check 'no temporary directory: a file needs none' done_well
run pack --memory 1K --dry-run "$dir/root" x:1
check 'no temporary directory: a dry run needs none' done_well
unset TMPDIR

# ---- the output within the input --------------------------------------------

bad 'inside the input' pack -o "$dir/small/bad.tar" "$dir/small" x:1
bad 'inside the input' pack -o "$dir/root/etc/bad.tar" "$dir/small" \
    "$dir/root" x:1
ln -s root "$dir/alias"
bad 'inside the input' pack -o "$dir/root/etc/bad.tar" "$dir/alias" x:1
bad 'inside the input' pack -o "$dir/alias/etc/../bad.tar" "$dir/root" x:1
bad 'inside the input' pack --dry-run -o "$dir/root/bad.tar" "$dir/root" x:1
(cd "$dir/root" && "$ocitar" pack . x:1) >"$dir/out" 2>"$dir/err"
status=$?
check 'packing . into .' failed_so 1 'inside the input .'
check 'packing . into .: nothing left' fails [ -e "$dir/root/x-1.tar" ]
(cd "$dir/root" && "$ocitar" pack -o ../up.tar . x:1) >"$dir/out" 2>"$dir/err"
status=$?
check 'packing . beside it' done_well
"$ocitar" pack -o - "$dir/small" x:1 >"$dir/small/z.tar" 2>"$dir/err"
status=$?
check 'standard output within the input' failed_so 1 \
    "$dir/small/z.tar: this is the output"
rm -f "$dir/small/z.tar"
cp "$dir/small.tar" "$dir/self.tar"
"$ocitar" pack -o - "$dir/self.tar" x:1 >>"$dir/self.tar" 2>"$dir/err"
status=$?
check 'standard output is the input' failed_so 1 'self.tar: this is the output'
cp "$dir/small.tar" "$dir/self.tar"
run pack -o "$dir/self.tar" "$dir/self.tar" x:1
check 'an input may be replaced by the output' tar -tf "$dir/self.tar"

# ---- a layout directory -----------------------------------------------------

run pack -o "$dir/layout/" "$dir/small" x:1
check 'a layout directory' done_well
run pack -o "$dir/o.tar" "$dir/small" x:1
mkdir "$dir/unpacked"
tar -xf "$dir/o.tar" -C "$dir/unpacked"
check 'it is what the tar unpacks to' diff -r "$dir/layout" "$dir/unpacked"
check 'its blobs are read-only' [ -z "$(find "$dir/layout/blobs" -type f \
    ! -perm 444)" ]
bad "$dir/layout/: not empty" pack -o "$dir/layout/" "$dir/small" y:2
check 'the layout that was there stays' diff -r "$dir/layout" "$dir/unpacked"
mkdir "$dir/layout2"
run pack -o "$dir/layout2/" "$dir/small" x:1
check 'an empty directory is taken' done_well
check 'no temporary file stays' [ -z "$(find "$dir/layout" -name '.ocitar*')" ]
bad "$dir/none/layout/" pack -o "$dir/none/layout/" "$dir/small" x:1
bad "inside the input" pack -o "$dir/small/layout/" "$dir/small" x:1

# ---- sockets ----------------------------------------------------------------

if command -v python3 >/dev/null 2>&1; then
    (cd "$dir/small" && python3 -c \
        'import socket; socket.socket(socket.AF_UNIX).bind("sock")')
    run pack -o "$dir/o.tar" "$dir/small" x:1
    check 'a socket: done' [ "$status" = 0 ]
    check 'a socket: a warning' failed_so 0 "$dir/small/sock: "
    rm -f "$dir/small/sock"
fi

chmod -R u+w "$dir"
rm -rf "$dir"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
