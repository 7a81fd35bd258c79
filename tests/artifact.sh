#!/bin/sh
# artifact.sh BUILD - `ocitar artifact` from outside: what it writes, what it
# says, how it exits. The last line is "N passed, N failed".
if [ $# != 1 ]; then
    echo 'usage: artifact.sh BUILD' >&2
    exit 2
fi
build=$(cd "$1" && pwd) || exit 2
ocitar=$build/ocitar
dir=$build/artifact.test
passed=0 failed=0
unset SOURCE_DATE_EPOCH TMPDIR
LC_ALL=C
export LC_ALL

# shellcheck source=tests/command_checks.sh
. "$(dirname "$0")/command_checks.sh"

title=org.opencontainers.image.title
unknown=application/vnd.unknown.artifact.v1
octets=application/octet-stream

blob() { # archive digest
    tar -xOf "$1" "blobs/$(echo "$2" | tr : /)"
}

# The manifest of an archive with one.
manifest() { # archive
    blob "$1" "$(tar -xOf "$1" index.json |
        sed 's/.*"digest":"\([a-z0-9:]*\)".*/\1/')"
}

# The descriptor of a file, as canonical JSON has it.
described() { # file type title [data]
    echo "{\"annotations\":{\"$title\":\"$3\"},${4:+\"data\":\"$4\",}\
\"digest\":\"$(sum_of "$1")\",\"mediaType\":\"$2\",\
\"size\":$(($(wc -c <"$1")))}"
}

# The manifest has this file, and the archive its bytes.
has_file() { # archive file type title [data]
    manifest "$1" | grep -qF "$(described "$2" "$3" "$4" "${5:-}")" &&
        blob "$1" "$(sum_of "$2")" | cmp - "$2"
}

# One more option, and a text that it leaves in the manifest or the index.
shows() { # text arguments...
    text=$1
    shift
    run artifact -o "$dir/o.tar" "$@" fw.bin x:1
    check "option: $*: done" done_well
    check "option: $*: shown" in_archive "$dir/o.tar" "$text"
}

# ---- inputs -----------------------------------------------------------------

rm -rf "$dir"
mkdir -p "$dir/sub" "$dir/w:application"
cd "$dir" || exit 2
i=0
while [ $i -lt 30000 ]; do
    echo "a line of a longer file, number $i"
    i=$((i + 1))
done >fw.bin
printf '{"spdxVersion":"SPDX-2.3"}' >sbom.json
echo hello >sub/hello
: >empty
echo colon >a:b
echo whole >w:application/json

# ---- the archive ------------------------------------------------------------

run artifact -o "$dir/a.tar" fw.bin sbom.json:application/spdx+json sub/hello \
    localhost:5000/some/name:tag
check 'files: done' done_well
cp out line
check 'files: one line' [ "$(wc -l <line)" -eq 1 ]
check 'the line: reference' grep -q '^localhost:5000/some/name:tag  ' line
check 'the line: type' grep -q "  $unknown  " line
check 'the line: files' grep -q '  3 files  ' line
check 'the line: size' grep -q "  $(($(wc -c <a.tar))) bytes  " line
check 'the line: file' grep -q -- "  -> $dir/a.tar\$" line
check 'the line: manifest' [ "sha256:$(manifest a.tar | sha256sum |
    cut -d ' ' -f 1)" = "$(sed 's/.*  \(sha256:[0-9a-f]*\)  .*/\1/' line)" ]
check 'a file' has_file a.tar fw.bin $octets fw.bin
check 'a file with a type' has_file a.tar sbom.json application/spdx+json \
    sbom.json
check 'a title is the last part of a path' has_file a.tar sub/hello $octets \
    hello
manifest a.tar >m
check 'in their order' grep -q 'fw\.bin.*sbom\.json.*hello' m
check 'the type of the artifact' grep -q "\"artifactType\":\"$unknown\"" m
check 'the type in the index' sh -c "tar -xOf a.tar index.json |
    grep -q '\"artifactType\":\"$unknown\"'"
printf '{}' >braces
check 'the config is empty' grep -qF "\"config\":{\"data\":\"e30=\",\
\"digest\":\"$(sum_of braces)\",\
\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"size\":2}" m
check 'no date, annotation, subject' fails grep -Eq 'created|"subject"' m
check 'no platform' fails in_archive a.tar '"platform"'
check 'no manifest.json of docker' fails sh -c \
    'tar -tf a.tar | grep manifest.json'
check 'index.json is last' [ "$(tar -tf a.tar | tail -n 1)" = index.json ]
check 'its name' in_archive a.tar '"localhost:5000/some/name:tag"'

run artifact -o "$dir/b.tar" fw.bin sbom.json:application/spdx+json sub/hello \
    localhost:5000/some/name:tag
check 'the same bytes again' cmp a.tar b.tar
for memory in 0 1M; do
    "$ocitar" artifact --memory $memory -o - fw.bin \
        sbom.json:application/spdx+json sub/hello \
        localhost:5000/some/name:tag 2>err | cat >b.tar
    check "-o - to a pipe, --memory $memory" cmp a.tar b.tar
    check '-o -: the line is on standard error' grep -q '3 files' err
done
"$ocitar" artifact -o - fw.bin sbom.json:application/spdx+json sub/hello \
    localhost:5000/some/name:tag >b.tar 2>err
check '-o - to a file' cmp a.tar b.tar
run artifact -o "$dir/layout/" fw.bin sbom.json:application/spdx+json \
    sub/hello localhost:5000/some/name:tag
check 'a layout directory: done' done_well
mkdir unpacked && tar -xf a.tar -C unpacked
check 'a layout directory is what the tar unpacks to' diff -r layout unpacked
run artifact -o "$dir/o.tar" fw.bin fw.bin sbom.json fw.bin x:1
check 'a file again: done' done_well
check 'a file again: its blob once' [ "$(tar -tf o.tar |
    grep -c 'sha256/.')" = 4 ]
run artifact -o "$dir/o.tar" empty /dev/null fw.bin x:1
check 'empty files: done' done_well
check 'empty files' has_file o.tar empty $octets empty
run artifact fw.bin some/name
check 'the default output' [ -f name-latest.tar ]

# Fifteen of several lengths, more than are hashed at a time, and a pipe among
# them.
files='01 02 03 04 05 06 07 08 09 10 11 12 13 14 15'
for n in $files; do head -c "$n$n" fw.bin | tail -c +"$n" >"many$n"; done
cat many03 many14 | "$ocitar" artifact -o many.tar many01 many02 many03 many04 \
    - many05 many06 many07 many08 many09 many10 many11 many12 many13 many14 \
    many15 fw.bin x:1 >out 2>err
check 'many files: exit 0' [ $? = 0 ]
for n in $files; do
    check "many files: $n" has_file many.tar "many$n" $octets "many$n"
done
check 'many files: the long one' has_file many.tar fw.bin $octets fw.bin
cat many03 many14 >piped
check 'many files: the pipe' sh -c \
    "tar -xOf many.tar 'blobs/$(sum_of piped | tr : /)' | cmp - piped"
manifest many.tar | tr , '\n' |
    sed -n "s/.*$title\":\"\([a-z0-9.]*\)\".*/\1/p" >titles
# shellcheck disable=SC2086 # words
{ printf 'many%s\n' $files; echo fw.bin; } >names
check 'many files: in their order' cmp names titles
# A file that opens and cannot be read, where there is one.
if [ -e /proc/self/mem ]; then
    run artifact -o "$dir/o2.tar" many01 /proc/self/mem many02 x:1
    check 'a fault among many names its file' \
        grep -q '^ocitar: /proc/self/mem: ' err
    check 'a fault among many: no output' [ ! -e o2.tar ]
fi

# ---- media types, and standard input ----------------------------------------

# An operand, and the file, type and title that it becomes.
becomes() { # operand file type title
    run artifact -o "$dir/o.tar" "$1" x:1
    check "operand $1: done" done_well
    check "operand $1" has_file o.tar "$2" "$3" "$4"
}

becomes "$dir/fw.bin" fw.bin $octets fw.bin
becomes "$dir/fw.bin:text/plain" fw.bin text/plain fw.bin
becomes a:b a:b $octets a:b
becomes a:b:text/plain a:b text/plain a:b
becomes w:application/json w:application/json $octets json
becomes w:application/json:text/x w:application/json text/x json
becomes 'fw.bin:Aa0/0!#$&-^_.+' fw.bin 'Aa0/0!#$&-^_.+' fw.bin
# shellcheck disable=SC2002
for type in '' :application/x; do
    cat fw.bin | "$ocitar" artifact -o o.tar "-$type" x:1 >out 2>err
    check "standard input -$type: exit 0" [ $? = 0 ]
    manifest o.tar >m
    check "standard input -$type: no title" fails grep -q "$title" m
    check "standard input -$type: its type" grep -qF \
        "\"mediaType\":\"${type#:}" m
    check "standard input -$type: its bytes" sh -c \
        "tar -xOf o.tar 'blobs/$(sum_of fw.bin | tr : /)' | cmp - fw.bin"
    "$ocitar" artifact -o o2.tar "-$type" x:1 <fw.bin >out 2>err
    check "standard input -$type: a file as a pipe" cmp o.tar o2.tar
    cat fw.bin | "$ocitar" artifact -o - --memory 1K "-$type" x:1 2>err |
        cat >o2.tar
    check "standard input -$type: pipe to pipe" cmp o.tar o2.tar
done
mkfifo fifo
cat fw.bin >fifo &
run artifact -o "$dir/o.tar" fifo:text/plain x:1
wait
check 'a fifo' has_file o.tar fw.bin text/plain fifo
ln -s fw.bin link
becomes link fw.bin $octets link

# ---- options ----------------------------------------------------------------

type=application/vnd.example.firmware.v1
shows "\"artifactType\":\"$type\"" --artifact-type $type
shows '{"annotations":{"a.b":"c"},"artifactType"' --annotation a.b=c
shows '"org.opencontainers.image.url":"u"' --annotation .url=u
shows '"org.opencontainers.image.created":"1970-01-01T00:00:00Z"' --created 0
shows '.created":"2024-02-29T11:30:00.5Z"' \
    --created 2024-02-29T12:30:00.500+01:00
shows '.created":"2024-03-01T00:00:00.000000001Z"' \
    --created 2024-03-01T00:00:00.000000001Z
shows '.created":"0000-01-01T00:00:00Z"' --created 0000-01-01T00:00:00Z
shows '.created":"0004-02-29T23:59:59Z"' --created 0004-02-29T23:59:59Z
shows '.created":"1969-12-31T23:59:59.1Z"' --created 1969-12-31T23:59:59.1Z
shows '.created":"2000-12-31T10:00:00Z"' --created 2000-12-31T10:00:00Z
shows '.created":"9999-12-31T23:59:59Z"' --created 253402300799
shows '"platform":{"architecture":"arm","os":"none","variant":"v6"}' \
    --platform none/arm/v6
shows '"io.containerd.image.name":"y:latest"' --ref y
shows '"digest":"sha512:' --digest sha512
shows '"mediaType"' --memory 0
hex=$(sum_of fw.bin)
image=application/vnd.oci.image.manifest.v1+json
shows "\"subject\":{\"digest\":\"$hex\",\"mediaType\":\"$image\",\"size\":12}" \
    --subject "$hex,12"
shows '"mediaType":"application/x+y","size":0}' \
    --subject "$hex,0,application/x+y"

# The config in a manifest.
config() { # file type
    echo "\"config\":{\"digest\":\"$(sum_of "$1")\",\"mediaType\":\"$2\",\
\"size\":$(($(wc -c <"$1")))}"
}

shows "$(config sbom.json application/vnd.unknown.config.v1+json)" \
    --config sbom.json
shows "$(config sbom.json a/b)" --config sbom.json:a/b
check '--config: its bytes' sh -c "tar -xOf o.tar \
    'blobs/$(sum_of sbom.json | tr : /)' | cmp - sbom.json"
shows "$(config empty a/b)" --config /dev/null:a/b
shows "$(config w:application/json application/vnd.unknown.config.v1+json)" \
    --config w:application/json
run artifact -o "$dir/o.tar" --inline 26 fw.bin sbom.json sub/hello empty x:1
check '--inline: done' done_well
check '--inline: not the larger one' has_file o.tar fw.bin $octets fw.bin
check '--inline: one of that size' has_file o.tar sbom.json $octets \
    sbom.json eyJzcGR4VmVyc2lvbiI6IlNQRFgtMi4zIn0=
check '--inline: a smaller one' has_file o.tar sub/hello $octets hello \
    aGVsbG8K
check '--inline: not an empty one' has_file o.tar empty $octets empty
run artifact -o "$dir/o.tar" --inline 25 sbom.json x:1
check '--inline: not one byte more' has_file o.tar sbom.json $octets sbom.json
head -c 4096 fw.bin >most
run artifact -o "$dir/o.tar" --inline 4K most x:1
check '--inline 4K: the most' has_file o.tar most $octets most \
    "$(base64 -w 0 <most)"
"$ocitar" artifact -o o.tar --inline 6 - x:1 <sub/hello >out 2>err
check '--inline: standard input' in_archive o.tar '"data":"aGVsbG8K"'
# shellcheck disable=SC2002
cat sub/hello | "$ocitar" artifact -o o.tar --inline 6 - x:1 >out 2>err
check '--inline: a pipe' in_archive o.tar '"data":"aGVsbG8K"'
run artifact fw.bin x:1 --quiet -o "$dir/o.tar"
check '--quiet says nothing' [ "$status" = 0 -a ! -s out -a ! -s err ]
SOURCE_DATE_EPOCH=1000000000
export SOURCE_DATE_EPOCH
shows '"org.opencontainers.image.created":"2001-09-09T01:46:40Z"' --memory 1
shows '.created":"1970-01-01T00:00:05Z"' --created 5
shows '{"org.opencontainers.image.created":"mine"}' --annotation .created=mine
wrong --created artifact -o "$dir/w.tar" --created 5 \
    --annotation .created=mine fw.bin x:1
SOURCE_DATE_EPOCH=x
wrong SOURCE_DATE_EPOCH artifact -o "$dir/w.tar" fw.bin x:1
unset SOURCE_DATE_EPOCH
wrong --created artifact -o "$dir/w.tar" --annotation .created=mine \
    --created 5 fw.bin x:1
run artifact --help
check '--help: done' done_well
for option in artifact-type config subject annotation created platform inline \
    ref digest output memory dry-run json progress quiet version help; do
    check "--help has --$option" grep -q -- "--$option " out
done
check '--help: 80 columns' fails grep -q '.\{81\}' out
run artifact -V
check '-V' grep -q '^ocitar [0-9]' out
run --help
check 'ocitar --help has artifact' grep -q 'ocitar artifact ' out

# ---- --dry-run, --json, --progress ------------------------------------------

set -- --platform linux/arm64 --inline 100 --config sbom.json fw.bin \
    sbom.json:application/spdx+json fw.bin x:1
run artifact -o "$dir/a.tar" "$@"
run artifact --dry-run -o "$dir/dry.tar" "$@"
check '--dry-run: done' done_well
check '--dry-run: nothing written' fails [ -e dry.tar ]
check '--dry-run: the size' grep -q "  $(($(wc -c <a.tar))) bytes  " out
tr ' ' '\n' <out | grep '^sha256:' | sort -u | tr : / >dry
tar -tf a.tar | sed -n 's|^blobs/\(sha256/.\)|\1|p' | sort >real
check '--dry-run: all digests' cmp dry real
run artifact --json -o "$dir/b.tar" "$@"
check '--json: done' done_well
check '--json: the same bytes' cmp a.tar b.tar
cp out json
tar -xOf a.tar index.json >index
check '--json: the digests' json json "o['index'] == '$(sum_of index)' and
    o['config'] == '$(sum_of sbom.json)' and
    o['size'] == $(($(wc -c <a.tar))) and
    o['mediaType'] == '$image'" "$(sum_of index)"
manifest a.tar >m
check '--json: the manifest' json json "o['manifest'] == '$(sum_of m)' and
    o['manifestSize'] == $(($(wc -c <m)))" "$(sum_of m)"
check '--json: type and platform' json json "o['artifactType'] == '$unknown'
    and o['platform'] == {'os': 'linux', 'architecture': 'arm64'}" "$unknown"
check '--json: the files' json json "o['layers'][1] == {
    'mediaType': 'application/spdx+json', 'size': 26,
    'digest': '$(sum_of sbom.json)', 'source': 'sbom.json'} and
    [l['source'] for l in o['layers']] == ['fw.bin', 'sbom.json', 'fw.bin']" \
    '"source":"sbom.json"'
run artifact --json --dry-run -o "$dir/b.tar" "$@"
check '--json --dry-run' json out \
    "o == {**json.load(open('json')), 'dryRun': True}" '"dryRun":true'
"$ocitar" artifact --json -o - "$@" 2>err | cat >b.tar
check '--json -o -: the same bytes' cmp a.tar b.tar
check '--json -o -: on standard error' json err \
    "o == {**json.load(open('json')), 'output': '-'}" '"output":"-"'
"$ocitar" artifact --json -o b.tar -:text/plain x <fw.bin >out 2>err
check '--json: standard input' json out "o['layers'][0]['source'] == '-' and
    'platform' not in o" '"source":"-"'
run artifact --progress -o "$dir/b.tar" "$@"
check '--progress: the same bytes' cmp a.tar b.tar
check '--progress: shown, with a total' grep -q 'iB of [0-9.]* [KM]iB  ' err
"$ocitar" artifact --progress -o - - x:1 <fw.bin 2>err | cat >b.tar
check '--progress: standard input' grep -q 'iB/s' err
head -c 20000000 /dev/zero >zeros
run artifact --progress -o "$dir/b.tar" zeros x:1
done=$(tr '\r' '\n' <err | grep -c 'iB of 19\.1 MiB')
check '--progress: of a larger file' [ "$done" -gt 0 ]
check '--progress: never more than all' fails grep -q \
    '[2-9][0-9]\.[0-9] MiB of' err
run artifact --progress --quiet -o "$dir/b.tar" "$@"
check '--progress --quiet: nothing' done_well

# ---- wrong command lines ----------------------------------------------------

wrong 'FILE and NAME are missing' artifact
wrong 'FILE or NAME is missing' artifact x:1
wrong 'FILE: must not be empty' artifact -o "$dir/w.tar" '' x:1
for o in --bad --arch=arm --cmd=x --env=A=1 --label=a=b --exclude=x --tar -t \
    -m --owner=0:0 --compress=none --no-docker-manifest --docker-types \
    --history=x --mtime=1 --debug; do
    wrong $o artifact $o -o "$dir/w.tar" fw.bin x:1
done
check 'wrong: it names the help' grep -q "^try 'ocitar artifact --help'" err
set -- --artifact-type '' --artifact-type x --artifact-type a/b/c \
    --artifact-type a/ --artifact-type /b --artifact-type 'a/b c' \
    --artifact-type .a/b --artifact-type a/+b --artifact-type 'a/b;c' \
    --artifact-type "a/$(printf '%0128d' 0)" \
    --config '' --annotation x --annotation =x --created '' --created x \
    --platform linux --platform linux/ --inline '' --inline x --inline 4097 \
    --inline 1M --inline -1 --ref X --ref x:1 --digest md5 --memory x \
    --subject '' --subject x --subject "$hex" --subject "$hex," \
    --subject "$hex,x" --subject "$hex,-1" --subject "$hex,1," \
    --subject "$hex,1,x" --subject "$hex,,a/b" --subject ",1" \
    --subject "md5:1,1" --subject "${hex}0,1" --subject "$hex,1,a/b,c" \
    --subject "$hex,9223372036854775808"
while [ $# -gt 0 ]; do
    wrong "$1 $2" artifact "$1" "$2" -o "$dir/w.tar" fw.bin x:1
    shift 2
done
wrong '.created' artifact -o "$dir/w.tar" --annotation .created=1 \
    --created 1 fw.bin x:1
for name in x: :x /x X 'x y' x@y ''; do
    wrong "$name: " artifact -o "$dir/w.tar" fw.bin "$name"
done
wrong 'standard input' artifact -o "$dir/w.tar" - - x:1
wrong 'standard input' artifact -o "$dir/w.tar" - -:text/plain x:1
wrong --dry-run artifact --dry-run - x:1
wrong --dry-run artifact --dry-run -:text/plain x:1

# ---- wrong inputs -----------------------------------------------------------

bad 'none: No such file' artifact -o "$dir/bad.tar" none x:1
bad 'none: No such file' artifact -o "$dir/bad.tar" fw.bin none:text/plain x:1
bad 'none:text: No such file' artifact -o "$dir/bad.tar" none:text x:1
bad 'sub: a directory' artifact -o "$dir/bad.tar" sub x:1
bad 'sub/: a directory' artifact -o "$dir/bad.tar" fw.bin sub/ x:1
bad 'none: No such file' artifact -o "$dir/bad.tar" --config none fw.bin x:1
bad 'sub: Is a directory' artifact -o "$dir/bad.tar" --config sub fw.bin x:1
head -c 4194305 /dev/zero >large
bad 'large: a config of more than' artifact -o "$dir/bad.tar" \
    --config large:a/b fw.bin x:1
head -c 4194304 /dev/zero >large
run artifact -o "$dir/o.tar" --config large:a/b fw.bin x:1
check 'a config of 4 MiB' done_well
rm -f large zeros
invalid=$(printf 'a\377b')
echo x >"$invalid"
bad 'its name is not UTF-8' artifact -o "$dir/bad.tar" "$invalid" x:1
if [ -r /proc/self/io ]; then # reading counts in it
    bad '/proc/self/io: ' artifact -o "$dir/bad.tar" /proc/self/io x:1
    bad '/proc/self/io: ' artifact -o "$dir/bad.tar" fw.bin /proc/self/io x:1
fi
if [ -r /proc/self/mem ]; then
    bad '/proc/self/mem: I' artifact -o "$dir/bad.tar" \
        /proc/self/mem x:1
fi
if [ "$(id -u)" != 0 ]; then
    echo secret >locked
    chmod 000 locked
    bad 'locked: Permission denied' artifact -o "$dir/bad.tar" locked x:1
    bad 'locked: Permission denied' artifact -o "$dir/bad.tar" \
        --config locked fw.bin x:1
fi
cp fw.bin self
"$ocitar" artifact -o - self x:1 >>self 2>err
status=$?
check 'standard output is a file of it' failed_so 1 'self: this is the output'
cp fw.bin self
run artifact -o "$dir/self" self x:1
check 'a file may be replaced by the output' has_file self fw.bin $octets self
bad 'none/bad.tar: No such file' artifact -o none/bad.tar fw.bin x:1
"$ocitar" artifact -o o.tar - x:1 <&- >out 2>err
status=$?
check 'closed standard input' failed_so 1 'standard input: '
if [ -w /dev/full ]; then
    run artifact -o /dev/full fw.bin x:1
    check '/dev/full' failed_so 1 '/dev/full: No space left'
fi
echo precious >keep.tar
run artifact -o "$dir/keep.tar" fw.bin none x:1
check 'a failure keeps the old file' [ "$(cat keep.tar)" = precious ]

cd "$build" || exit 2
chmod -R u+w "$dir"
rm -rf "$dir"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
