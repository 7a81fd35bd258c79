#!/bin/sh
# read.sh BUILD - verify, ls, cat, index, export and import from outside: what
# they find, write and say, how they exit. The last line is "N passed, N
# failed".
if [ $# != 1 ]; then
    echo 'usage: read.sh BUILD' >&2
    exit 2
fi
build=$(cd "$1" && pwd) || exit 2
ocitar=$build/ocitar
dir=$build/read.test
passed=0 failed=0
unset SOURCE_DATE_EPOCH TMPDIR
LC_ALL=C
export LC_ALL

# shellcheck source=tests/command_checks.sh
. "$(dirname "$0")/command_checks.sh"
has python3 || echo 'python3 is not installed: JSON is searched, not parsed'

# The members of what ls and verify find, for json().
ls_keys="set(o) == {'archive', 'images'} and all(set(i) <= {'digest', 'size',
    'mediaType', 'artifactType', 'name', 'reference', 'platform', 'config',
    'layers', 'manifests'} for i in o['images'])"

# An archive taken apart into u/, to be changed, and put together again.
unpack() { # archive
    chmod -R u+w u 2>/dev/null
    rm -rf u
    mkdir u && tar -xf "$1" -C u && chmod -R u+w u
}

again() { # archive
    (cd u && tar -cf "../$1" ./*)
}

# The path of a blob in a layout.
path_of() { # digest
    echo "blobs/$(echo "$1" | tr : /)"
}

# The first digest and its size in a document.
first_digest() { # file
    sed 's/.*"digest":"\(sha256:[0-9a-f]*\)".*/\1/;t
s/.*//' "$1" | head -n 1
}

# The digest of the only manifest of an archive.
manifest_of() { # archive
    tar -xOf "$1" index.json | first_digest -
}

config_of() { # archive
    tar -xOf "$1" "$(path_of "$(manifest_of "$1")")" |
        sed 's/.*"config":{\([^}]*\)}.*/\1/' | first_digest -
}

layer_of() { # archive
    tar -xOf "$1" "$(path_of "$(manifest_of "$1")")" |
        sed 's/.*"layers":\[{\([^}]*\)}.*/\1/' | first_digest -
}

# Changes a blob in u/ by sed, and what refers to it in FILE... of u/.
edit_blob() { # digest script file...
    was=$1
    sed "$2" "u/$(path_of "$was")" >new
    edited=$(sum_of new)
    size=$(($(wc -c <new)))
    shift 2
    for file; do
        sed "s|\"digest\":\"$was\"|\"digest\":\"$edited\"|
s|\\(\"$edited\",\"mediaType\":\"[^\"]*\",\\(\"platform\":{[^}]*},\\)*\\)\
\"size\":[0-9]*|\\1\"size\":$size|" "u/$file" >changed
        mv changed "u/$file"
    done
    rm "u/$(path_of "$was")"
    mv new "u/$(path_of "$edited")"
}

# An archive like A.tar, with its manifest or config changed.
with_manifest() { # script archive
    unpack a.tar
    rm u/manifest.json
    edit_blob "$manifest" "$1" index.json
    again "$2"
}

with_config() { # script archive
    unpack a.tar
    rm u/manifest.json
    edit_blob "$config" "$1" "$(path_of "$manifest")"
    edit_blob "$manifest" '' index.json
    again "$2"
}

with_index() { # script archive
    unpack "${3:-a.tar}"
    sed "$1" u/index.json >edited && mv edited u/index.json
    again "$2"
}

# The bytes of a document in an archive or layout, by the command.
names_in() { # archive: one line an image
    "$ocitar" ls "$1" 2>/dev/null | grep -v '^ '
}

images_in() { # archive count
    [ "$(names_in "$1" | wc -l)" -eq "$2" ]
}

narrow() { # file
    fails grep -q '.\{81\}' "$1"
}

# ---- inputs -----------------------------------------------------------------

rm -rf "$dir"
mkdir -p "$dir/r1" "$dir/r2" "$dir/big"
cd "$dir" || exit 2
echo hello >r1/hello
echo 'the other layer' >r2/other
i=0
while [ $i -lt 20000 ]; do
    echo "a line of a longer file, number $i"
    i=$((i + 1))
done >big/long
echo firmware >fw.bin
printf '{"spdxVersion":"SPDX-2.3"}' >sbom.json

image() { # archive arguments...
    output=$1
    shift
    "$ocitar" pack --quiet --mtime 0 --owner 0:0 -o "$output" "$@"
}

image a.tar -m amd64 r1 r2 example.org/app:1
image b.tar -m arm64 r1 example.org/app:1
image c.tar -m armv7l r2 c
image big.tar -m s390x r2 big big:1
image layout/ --no-docker-manifest -m amd64 r1 r2 example.org/app:1
image 512.tar -m amd64 --digest sha512 r1 x:512
"$ocitar" artifact --quiet -o art.tar fw.bin sbom.json:application/spdx+json \
    fw:2
"$ocitar" index --quiet -o flat.tar a.tar b.tar c.tar app:1
"$ocitar" index --quiet --nested -o nested.tar a.tar b.tar c.tar app:1
"$ocitar" import --quiet a.tar many && "$ocitar" import --quiet art.tar many &&
    "$ocitar" import --quiet c.tar many
"$ocitar" export --quiet many many.tar
"$ocitar" export --quiet layout layout.tar
sha256sum ./*.tar >sums
manifest=$(manifest_of a.tar)
config=$(config_of a.tar)
layer=$(layer_of a.tar)

# ---- verify: what is valid --------------------------------------------------

for archive in a.tar b.tar c.tar big.tar layout layout/ 512.tar art.tar \
    flat.tar nested.tar many many.tar; do
    run verify $archive
    check "verify $archive: done" done_well
    check "verify $archive: one line" [ "$(cat out)" = \
        "$archive: valid: 0 errors, 0 warnings, 0 notes" ]
done
for kind in gzip zstd; do
    if built $kind; then
        image $kind.tar --compress $kind r1 r2 x:1
        run verify --strict $kind.tar
        check "verify $kind: done" done_well
        check "verify $kind: no word" grep -q '0 warnings, 0 notes$' out
        rm $kind.tar
    fi
done
# shellcheck disable=SC2002
cat a.tar | "$ocitar" verify - >out 2>err
status=$?
check 'verify - of a pipe: done' done_well
check 'verify - of a pipe' grep -q '^standard input: valid: 0 errors' out
"$ocitar" verify - <a.tar >out 2>err
status=$?
check 'verify - of a file: done' done_well
check 'verify - of a file' grep -q '^standard input: valid: 0 errors' out
mkfifo fifo
cat a.tar >fifo &
run verify fifo
wait
check 'verify of a fifo' done_well
run verify --strict a.tar
check 'verify --strict' done_well
run verify --quiet a.tar
check 'verify --quiet: nothing' [ "$status" = 0 -a ! -s out -a ! -s err ]
run verify --json a.tar
check 'verify --json: done' done_well
check 'verify --json' json out "o == {'archive': 'a.tar', 'valid': True,
    'errors': 0, 'warnings': 0, 'notes': 0, 'findings': []}" '"valid":true'
run verify --progress a.tar
check 'verify --progress' grep -q 'iB' err
run verify --progress --quiet a.tar
check 'verify --progress --quiet: nothing' done_well

# More blobs than there is room for at first.
mkdir files
i=0
while [ $i -lt 1100 ]; do
    echo $i >files/$i
    i=$((i + 1))
done
# in two, as artifact has all of its files open at a time
"$ocitar" artifact --quiet -o x.tar files/[1-5]* x:1
"$ocitar" artifact --quiet -o y.tar files/[06-9]* x:1
"$ocitar" index --quiet -o files.tar x.tar y.tar x:1
run verify --strict files.tar
check 'verify: 1100 files' done_well
# shellcheck disable=SC2002
cat files.tar | "$ocitar" verify --strict - >out 2>err
status=$?
check 'verify: 1100 files, a pipe' done_well
run ls files.tar
check 'ls: 1100 files: done' done_well
check 'ls: 1100 files' [ "$(wc -l <out)" -eq 1102 ]
run cat files.tar "$(sum_of files/1099)"
check 'cat: of 1100 files' [ "$(cat out)" = 1099 ]
rm -r files files.tar

# ---- verify: what is not ----------------------------------------------------

# Is the output of verify one line a finding, this one among them, and then the
# summary? It exits with 1 if there is an error; messages it has none.
findings() { # severity rule text archive
    prefix=$(printf '%-7s %2d  ' "$1" "$2")
    there=no errors=0 good='not valid' last=
    while IFS= read -r line; do
        case $line in
        "$prefix"*"$3"*) there=yes ;;
        esac
        case $last in
        '') ;;
        'error   '*) errors=1 ;;
        'warning '* | 'note    '*) ;;
        *)
            echo "no finding: $last"
            return 1
            ;;
        esac
        last=$line
    done <out
    [ $errors = 1 ] || good=valid
    echo "exit $status, $there: $last"
    cat out err
    [ $there = yes ] && [ "$status" = $errors ] && ! [ -s err ] || return 1
    case $last in
    "$4: $good: "*' error'*', '*' warning'*', '*' note'*) ;;
    *) return 1 ;;
    esac
    # names in quotes may be long, and digests stand in some lines twice
    fails grep -q '^[^"]\{97\}' out
}

finds() { # severity rule text archive
    run verify "$4"
    check "verify $4: $1 $2: $3" findings "$@"
}

head -c 3000 a.tar >short.tar
finds error 61 'it ends before its end mark' short.tar
head -c $(($(wc -c <a.tar) - 1024)) a.tar >noend.tar
finds error 61 'it ends before its end mark' noend.tar
: >empty.tar
finds error 61 'it ends' empty.tar
for bytes in 0 511 512 2000; do
    head -c $bytes a.tar | "$ocitar" verify - >out 2>err
    check "a pipe of $bytes bytes: exit 1" [ $? = 1 -a ! -s err ]
    check "a pipe of $bytes bytes: said" grep -q '^error   61  it ends' out
done
head -c 4096 "$ocitar" >other.tar
finds error 61 'header checksum' other.tar
cp a.tar flipped.tar
printf X | dd of=flipped.tar bs=1 seek=700 conv=notrunc 2>/dev/null
finds error 61 'header checksum' flipped.tar
cp a.tar twice.tar
(cd layout && tar -rf ../twice.tar index.json)
finds error 61 '"index.json": an entry twice' twice.tar
cp a.tar twice.tar
(cd layout && tar -rf ../twice.tar "$(path_of "$layer")")
finds error 61 'an entry twice' twice.tar
tar -P -cf absolute.tar -C layout blobs oci-layout index.json "$dir/fw.bin" \
    2>/dev/null
finds error 61 'fw.bin": a name that leaves the root' absolute.tar
tar -P -cf dots.tar -C layout blobs oci-layout index.json ../fw.bin
finds error 61 '"../fw.bin": a name that leaves the root' dots.tar
unpack a.tar
sed 's/hello/hellO/' "u/$(path_of "$layer")" >new
mv new "u/$(path_of "$layer")"
again x.tar
finds error 4 'the digest in its name' x.tar
finds error 55 'a layer is a whole tar' x.tar
finds error 4 'the digest in its name' u
unpack a.tar
echo more >>"u/$(path_of "$layer")"
again x.tar
finds error 14 "its descriptor's size: 2048 != 2053" x.tar
finds error 14 "its descriptor's size: 2048 != 2053" u
unpack a.tar
rm "u/$(path_of "$layer")"
again missing.tar
finds warning 7 "$(echo "$layer" | cut -c 8-19): it is referred to" missing.tar
finds warning 7 "$(echo "$layer" | cut -c 8-19): it is referred to" u
unpack a.tar
echo more >u/extra
cp sbom.json "u/$(path_of "$(sum_of sbom.json)")"
mkdir u/blobs/md5
echo x >u/blobs/md5/00
again extra.tar
for archive in extra.tar u; do
    finds note 8 'extra": not so: a file is one' $archive
    finds note 6 "$(sum_of sbom.json | cut -c 8-19): nothing refers" $archive
    finds note 23 'md5/00": not verified' $archive
done
unpack a.tar
rm u/oci-layout
again x.tar
finds error 2 missing x.tar
finds error 2 missing u
echo '{"imageLayoutVersion":"2.0.0"}' >u/oci-layout
finds error 2 '"oci-layout"' u
unpack a.tar
rm u/index.json
finds error 3 missing u
mkdir nothing
finds error 3 missing nothing
finds warning 1 missing nothing
finds error 2 missing r1
unpack a.tar
mv "u/$(path_of "$layer")" moved
ln -s ../../../moved "u/$(path_of "$layer")"
finds error 61 ': a link, a device' u
unpack a.tar
mv u/index.json moved
ln -s ../moved u/index.json
finds error 61 '"index.json": a link' u
unpack a.tar
mv u/blobs away
ln -s ../away u/blobs
finds error 61 '"blobs": a link' u
rm -rf away
unpack a.tar
mkfifo "u/$(path_of "$(sum_of fw.bin)")" u/fifo
finds error 61 ': a link, a device' u
finds error 61 '"fifo": a link, a device' u
with_index 's/"size":[0-9]*/"size":1/' size.tar
finds error 14 "its descriptor's size: 1 != " size.tar
with_index 's/"size":[0-9]*/"size":-1/' x.tar
finds error 13 '"index.json": not so: a descriptor has a size' x.tar
with_index 's/"digest"/"digest":"x","digest"/' x.tar
finds error 26 'no name twice' x.tar
with_index 's/"digest":"sha256:./"digest":"sha256:G/' x.tar
finds error 20 '64 lower-case' x.tar
with_index 's/}$//' x.tar
finds error 3 'index.json is' x.tar
with_index 's/"platform":{[^}]*},//' unsaid.tar
finds warning 19 'has its platform' unsaid.tar
with_manifest '' x.tar
run verify x.tar
check 'the edits of these tests do no harm' grep -q \
    '^x.tar: valid: 0 errors, 0 warnings, 0 notes' out
with_manifest 's/"schemaVersion":2/"schemaVersion":1/' x.tar
finds error 31 schemaVersion x.tar
with_config 's/"architecture":"amd64",//' x.tar
finds error 47 'an architecture and an os' x.tar
with_config 's/"architecture":"amd64"/"architecture":"arm64"/' lying.tar
finds warning 54 "a descriptor's platform" lying.tar
with_config 's/"diff_ids":\["sha256:./"diff_ids":["sha256:0/' x.tar
finds error 49 'diff_ids are' x.tar

run verify --strict lying.tar
check '--strict: a warning is an error' [ "$status" = 1 -a ! -s err ]
check '--strict: a warning is an error, said' grep -q '^error   54' out
run verify --strict missing.tar
check '--strict: what is missing is an error' [ "$status" = 1 ]
check '--strict: what is missing is an error, said' grep -q '^error    7' out
run verify --strict extra.tar
check '--strict: a note is none' done_well
run verify --quiet extra.tar
check '--quiet: no notes' [ "$status" = 0 -a ! -s out -a ! -s err ]
run verify --quiet lying.tar
check '--quiet: no warnings' [ "$status" = 0 -a ! -s out -a ! -s err ]
run verify --quiet --strict lying.tar
check '--quiet: errors' [ "$status" = 1 -a "$(wc -l <out)" -eq 1 ]
run verify --json size.tar
check '--json: not valid: exit 1' [ "$status" = 1 -a ! -s err ]
check '--json: not valid' json out "o['archive'] == 'size.tar' and
    o['valid'] is False and o['errors'] == 1 and o['findings'] == [{
    'rule': 14, 'severity': 'error', 'kind': 'invalid',
    'text': 'a blob has its descriptor\\'s size',
    'digest': '$manifest', 'expectedSize': 1,
    'actualSize': $(tar -xOf a.tar "$(path_of "$manifest")" | wc -c)}]" \
    '"rule":14'
run verify --json missing.tar
check '--json: missing' json out "o['valid'] and o['warnings'] == 1 and
    [(f['rule'], f['kind'], f['digest']) for f in o['findings']] ==
    [(7, 'missing', '$layer')]" '"kind":"missing"'
run verify --json dots.tar
check '--json: a name' json out "o['findings'][0]['name'] == '../fw.bin'" \
    '"name":"../fw.bin"'
unpack a.tar
sed 's/hello/hellO/' "u/$(path_of "$layer")" >new
sum=$(sum_of new)
mv new "u/$(path_of "$layer")"
run verify --json u
check '--json: digests' json out "any(f['rule'] == 4 and
    f['expected'] == f['digest'] == '$layer' and f['actual'] == '$sum'
    for f in o['findings'])" "\"actual\":\"$sum\""
unpack a.tar
: >"u/$(printf 'a\377\033"\n b')"
run verify --json u
check '--json: a name of any bytes' json out \
    "o['notes'] == 1 and o['findings'][0]['name'].startswith('a')" '"name":"a'
run verify u
check 'a name of any bytes is one line' [ "$(wc -l <out)" -eq 2 ]
check 'a name of any bytes is quoted' fails grep -q "$(printf '\033')" out
run verify none.tar
check 'no archive' failed_so 1 'none.tar: No such file'
"$ocitar" verify - <layout >out 2>err
status=$?
check 'standard input is a directory' failed_so 1 'standard input: Is a dir'
"$ocitar" verify - <&- >out 2>err
status=$?
check 'standard input is closed' failed_so 1 'standard input: '
"$ocitar" verify a.tar 2>err >&-
status=$?
check 'verify: standard output is closed' failed_so 1 'standard output: '

# ---- ls ---------------------------------------------------------------------

for archive in a.tar b.tar c.tar layout 512.tar art.tar flat.tar nested.tar \
    many many.tar; do
    run ls $archive
    check "ls $archive: done" done_well
    check "ls $archive: 80 columns" narrow out
    run ls --json $archive
    check "ls --json $archive: done" done_well
    check "ls --json $archive: its keys" json out "$ls_keys" '"images":[{'
done
run ls a.tar
check 'ls: the image' grep -q "^example.org/app:1  linux/amd64  \
$(echo "$manifest" | cut -c -19)\$" out
check 'ls: a layer' grep -q "^ *2048  $(echo "$layer" | cut -c -19)  \
application/vnd.oci.image.layer.v1.tar\$" out
check 'ls: its layers' [ "$(wc -l <out)" -eq 3 ]
cp out list
run ls layout
check 'ls: a directory lists the same' cmp out list
# shellcheck disable=SC2002
cat a.tar | "$ocitar" ls - >out 2>err
check 'ls: a pipe lists the same' cmp out list
"$ocitar" ls - <a.tar >out 2>err
check 'ls -: a file lists the same' cmp out list
run ls many
check 'ls: three images' grep -q '^example.org/app:1 ' out
check 'ls: the third of three' grep -q '^c:latest  linux/arm/v7  ' out
check 'ls: an artifact has no platform' grep -q '^fw:2  -  sha256:' out
check 'ls: a title' grep -q '^ *9  sha256:.*  fw.bin$' out
check 'ls: in their order' [ "$(names_in many | cut -d ' ' -f 1 |
    tr '\n' ' ')" = 'example.org/app:1 fw:2 c:latest ' ]
run ls nested.tar
check 'ls: a nested index' [ "$(head -n 1 out | cut -c -10)" = 'app:1  -  ' ]
check 'ls: what is in it' grep -q '^  (no name)  linux/arm/v7  sha256:' out
check 'ls: layers in it' [ "$(grep -c '^          ' out)" -eq 4 ]
run ls --json nested.tar
check 'ls --json: a nested index' json out "len(o['images']) == 1 and
    o['images'][0]['layers'] == [] and
    [m['platform']['architecture'] for m in o['images'][0]['manifests']] ==
    ['amd64', 'arm64', 'arm']" '"manifests":[{"digest"'
run ls --json a.tar
check 'ls --json: an image' json out "o['archive'] == 'a.tar' and
    o['images'] == [{'digest': '$manifest',
    'size': $(tar -xOf a.tar "$(path_of "$manifest")" | wc -c),
    'mediaType': 'application/vnd.oci.image.manifest.v1+json',
    'name': 'example.org/app:1', 'reference': '1',
    'platform': {'os': 'linux', 'architecture': 'amd64'},
    'config': {'digest': '$config',
    'size': $(tar -xOf a.tar "$(path_of "$config")" | wc -c),
    'mediaType': 'application/vnd.oci.image.config.v1+json'},
    'layers': o['images'][0]['layers'], 'manifests': []}] and
    [l['digest'] for l in o['images'][0]['layers']][0] == '$layer'" "$layer"
run ls --json c.tar
check 'ls --json: a variant' json out "o['images'][0]['platform'] ==
    {'os': 'linux', 'architecture': 'arm', 'variant': 'v7'}" '"variant":"v7"'
run ls --json art.tar
check 'ls --json: an artifact' json out "'platform' not in o['images'][0] and
    o['images'][0]['artifactType'] == 'application/vnd.unknown.artifact.v1' and
    [l['title'] for l in o['images'][0]['layers']] ==
    ['fw.bin', 'sbom.json']" '"title":"sbom.json"'
run ls unsaid.tar
check 'ls: a platform that only the config has' grep -q ' linux/amd64 ' out
run ls missing.tar
check 'ls: what is missing is listed' grep -q "$(echo "$layer" |
    cut -c -19)" out
run ls size.tar
check 'ls: broken: the list' grep -q '^example.org/app:1  linux/amd64' out
check 'ls: broken: why' failed_so 1 'size.tar: rule 14: '
check 'ls: broken: what to do' grep -q 'ocitar verify' err
run ls twice.tar
check 'ls: an entry twice: the list' grep -q '^example.org/app:1 ' out
check 'ls: an entry twice: why' failed_so 1 'twice.tar: rule 61: '
run ls --json size.tar
check 'ls --json: broken' json out "len(o['images']) == 1" '"images":[{'
run ls short.tar
check 'ls: cut short' failed_so 1 'short.tar: rule 61: '
run ls none.tar
check 'ls: no archive' failed_so 1 'none.tar: No such file'
"$ocitar" ls a.tar 2>err >&-
status=$?
check 'ls: standard output is closed' failed_so 1 'standard output: '

# ---- cat --------------------------------------------------------------------

# What `ocitar cat` writes is the blob of that digest.
cats() { # digest arguments...
    sum=$1
    shift
    run cat "$@"
    check "cat $*: done" done_well
    check "cat $*" [ "$(sum_of out)" = "$sum" ]
}

for archive in a.tar layout; do
    for digest in "$manifest" "$config" "$layer"; do
        cats "$digest" $archive "$digest"
    done
    cats "$manifest" $archive example.org/app:1
    cats "$manifest" $archive 1
    cats "$manifest" --platform linux/amd64 $archive 1
done
cats "$(manifest_of c.tar)" c.tar c
cats "$(manifest_of c.tar)" c.tar c:latest
cats "$(manifest_of c.tar)" c.tar latest
cats "$(manifest_of c.tar)" many c
cats "$(manifest_of art.tar)" many fw:2
cats "$(sum_of fw.bin)" many "$(sum_of fw.bin)"
for archive in flat.tar nested.tar; do
    cats "$(manifest_of b.tar)" --platform linux/arm64 $archive app:1
    cats "$(manifest_of b.tar)" --platform linux/aarch64 $archive 1
    cats "$(manifest_of c.tar)" --platform linux/arm/v7 $archive app:1
    cats "$(manifest_of c.tar)" --platform linux/arm $archive app:1
done
cats "$(manifest_of nested.tar)" nested.tar app:1
run cat 512.tar "$(tar -xOf 512.tar index.json |
    sed 's/.*"digest":"\([^"]*\)".*/\1/')"
check 'cat: sha512' grep -q '"config":{"digest":"sha512:' out
# shellcheck disable=SC2002
cat a.tar | "$ocitar" cat - "$layer" >out 2>err
check 'cat -: a pipe' [ "$(sum_of out)" = "$layer" ]
"$ocitar" cat - "$layer" <a.tar >out 2>err
check 'cat -: a file' [ "$(sum_of out)" = "$layer" ]
cats "$manifest" size.tar "$manifest"
for name in none:1 app:1 2 example.org/app sha256:00 \
    "$(sum_of fw.bin)" -; do
    run cat a.tar -- "$name"
    check "cat $name: said" failed_so 1 "a.tar: no $name in it"
    check "cat $name: nothing written" [ ! -s out ]
done
run cat --platform linux/riscv64 flat.tar app:1
check 'cat: no such platform' failed_so 1 'flat.tar: no app:1 of that platform'
run cat missing.tar "$layer"
check 'cat: a blob that is missing' failed_so 1 "no $layer in it"
unpack a.tar
sed 's/hello/hellO/' "u/$(path_of "$layer")" >new
mv new "u/$(path_of "$layer")"
run cat u "$layer"
check 'cat: a wrong blob' failed_so 1 'not what the digest says'
"$ocitar" cat a.tar 1 2>err >&-
status=$?
check 'cat: standard output is closed' failed_so 1 'standard output: '
if [ -w /dev/full ]; then
    "$ocitar" cat a.tar 1 2>err >/dev/full
    status=$?
    check 'cat: a full standard output' failed_so 1 'standard output: No space'
fi

# A blob changes while the reader of a pipe has only taken the first byte.
changing() { # how command...
    unpack big.tar
    blob=u/$(path_of "$(tar -xOf big.tar "$(path_of "$(manifest_of big.tar)")" |
        sed 's/.*"digest":"\(sha256:[0-9a-f]*\)".*/\1/')")
    how=$1
    shift
    {
        "$@" 2>err
        echo $? >status
    } | {
        dd bs=1 count=1 2>/dev/null
        case $how in
        shorter) head -c 5000 "$blob" >new && cat new >"$blob" ;;
        *) printf X | dd of="$blob" bs=1 seek=700000 conv=notrunc 2>/dev/null ;;
        esac
        cat
    } >out
    status=$(cat status)
}

big=$(tar -xOf big.tar "$(path_of "$(manifest_of big.tar)")" |
    sed 's/.*"digest":"\(sha256:[0-9a-f]*\)".*/\1/')
changing bytes "$ocitar" cat u "$big"
check 'cat: a blob that changes' failed_so 1 'u: what was written is not'
changing shorter "$ocitar" cat u "$big"
check 'cat: a blob that becomes shorter' failed_so 1 'u: it became shorter'
changing bytes "$ocitar" export u -
check 'export: a blob that changes' failed_so 1 'u: '
check 'export: a blob that changes: no archive' fails "$ocitar" verify out
changing shorter "$ocitar" index -o - u a.tar x:1
check 'index: a blob that becomes shorter' failed_so 1 'u: '
check 'index: a blob that becomes shorter: no archive' fails "$ocitar" \
    verify out

# ---- index ------------------------------------------------------------------

# All blobs of the inputs are in the archive as they were, each once.
has_blobs() { # archive input...
    tar -tf "$1" | grep 'sha256/.' | sort >have
    uniq -d have | grep . && return 1
    for input; do
        [ "$input" = "$1" ] && continue
        tar -tf "$input" | grep 'sha256/.' | sort >want
        comm -13 have want | grep . && return 1
    done
    "$ocitar" verify --strict "$1"
}

platforms() { # archive
    "$ocitar" ls "$1" | sed -n 's/.*  \(linux[^ ]*\)  .*/\1/p' | tr '\n' ' '
}

for way in '' --nested; do
    run index $way -o x.tar a.tar b.tar app:1
    check "index $way: done" done_well
    check "index $way: one line" [ "$(cat out)" = "2 images  \
$(($(wc -c <x.tar))) bytes  $(tar -xOf x.tar index.json >i
        sum_of i)  -> x.tar" ]
    check "index $way: all blobs, byte for byte" has_blobs x.tar a.tar b.tar
    check "index $way: platforms" [ "$(platforms x.tar)" = \
        'linux/amd64 linux/arm64 ' ]
    cp x.tar y.tar
    run index $way -o x.tar a.tar b.tar app:1
    check "index $way: the same bytes again" cmp x.tar y.tar
    "$ocitar" index $way -o - a.tar b.tar app:1 2>err | cat >y.tar
    check "index $way -o -: a pipe" cmp x.tar y.tar
    check "index $way -o -: the line is on standard error" grep -q \
        '  -> standard output$' err
    "$ocitar" index $way -o - a.tar b.tar app:1 >y.tar 2>err
    check "index $way -o -: a file" cmp x.tar y.tar
    run index $way --dry-run -o dry.tar a.tar b.tar app:1
    check "index $way --dry-run: done" done_well
    check "index $way --dry-run: nothing written" [ ! -e dry.tar ]
    check "index $way --dry-run: size and digest" [ "$(cat out)" = "2 images  \
$(($(wc -c <x.tar))) bytes  $(sum_of i)  -> nothing written" ]
    run index $way --json -o x.tar a.tar b.tar app:1
    check "index $way --json: done" done_well
    check "index $way --json: the same bytes" cmp x.tar y.tar
    check "index $way --json" json out "o == {'output': 'x.tar',
        'dryRun': False, 'size': $(wc -c <x.tar), 'index': '$(sum_of i)',
        'images': 2}" "\"index\":\"$(sum_of i)\""
    run index $way --json --dry-run -o x.tar a.tar b.tar app:1
    check "index $way --json --dry-run" json out "o == {'output': 'x.tar',
        'dryRun': True, 'size': $(wc -c <y.tar), 'index': '$(sum_of i)',
        'images': 2}" '"dryRun":true'
    run index $way -o x.tar a.tar b.tar c.tar app:1
    check "index $way, three: done" done_well
    check "index $way, three: platforms" [ "$(platforms x.tar)" = \
        'linux/amd64 linux/arm64 linux/arm/v7 ' ]
    check "index $way, three: all blobs" has_blobs x.tar a.tar b.tar c.tar
    for input in flat.tar nested.tar; do
        run index $way -o y.tar $input app:1
        check "index $way of $input: done" done_well
        check "index $way of $input: the images" [ \
            "$("$ocitar" ls y.tar)" = "$("$ocitar" ls x.tar)" ]
    done
    run index $way -o y.tar nested.tar art.tar big.tar app:1
    check "index $way, an artifact: done" done_well
    check "index $way, an artifact: all" grep -q '^5 images  ' out
    check "index $way, an artifact: valid" "$ocitar" verify --strict y.tar
    check "index $way, an artifact: its files" [ "$("$ocitar" cat y.tar \
        "$(sum_of fw.bin)")" = firmware ]
    run index $way -o y.tar layout b.tar app:1
    check "index $way, a directory: done" done_well
    check "index $way, a directory: all blobs" has_blobs y.tar a.tar b.tar
    # shellcheck disable=SC2002
    cat a.tar | "$ocitar" index $way -o y.tar - b.tar app:1 >out 2>err
    status=$?
    check "index $way, a pipe: done" done_well
    "$ocitar" index $way -o z.tar - b.tar app:1 <a.tar >out 2>err
    check "index $way, a pipe equals a file" cmp y.tar z.tar
    run index $way -o y.tar many.tar b.tar app:1
    check "index $way, several images: done" done_well
    check "index $way, several images: all" grep -q '^4 images  ' out
    check "index $way, several images: valid" "$ocitar" verify --strict y.tar
    # an editor's own members stay
    with_index 's/"annotations":{/"x-own":[1,{"b":null}],"annotations":{'\
'"com.example.key":"v",/' own.tar
    run index $way -o y.tar own.tar b.tar app:1
    check "index $way, own members: done" done_well
    check "index $way, own members: an annotation" in_archive y.tar \
        '"com.example.key":"v"'
    check "index $way, own members: any" in_archive y.tar \
        '"x-own":[1,{"b":null}]'
    check "index $way, own members: the name" fails in_archive y.tar \
        example.org
    check "index $way, own members: valid" "$ocitar" verify --strict y.tar
done
run index -o x.tar a.tar b.tar app:1
check 'index: all have the name' [ "$(names_in x.tar | cut -d ' ' -f 1 |
    tr '\n' ' ')" = 'app:1 app:1 ' ]
check 'index: docker has its manifest.json' sh -c \
    'tar -tf x.tar | grep -qx manifest.json'
run index --nested -o x.tar a.tar b.tar app:1
check 'index --nested: the index has it' [ \
    "$(names_in x.tar | cut -d ' ' -f 1)" = app:1 ]
run index --no-docker-manifest -o x.tar a.tar b.tar app:1
check '--no-docker-manifest: done' done_well
check '--no-docker-manifest' fails sh -c \
    'tar -tf x.tar | grep -qx manifest.json'
run index a.tar b.tar localhost:5000/some/name:tag
check 'index: the default output' [ -f name-tag.tar ]
run index a.tar b.tar some/other
check 'index: the default output without a tag' [ -f other-latest.tar ]
names_in other-latest.tar >names
check 'index: the default tag' grep -q '^some/other:latest ' names
run index --quiet -o x.tar a.tar b.tar app:1
check 'index --quiet: nothing' [ "$status" = 0 -a ! -s out -a ! -s err ]
run index --progress -o x.tar a.tar b.tar app:1
check 'index --progress' grep -q 'iB' err
check 'index: a blob of both is there once' [ "$(tar -tf x.tar |
    grep -c "$(path_of "$layer")")" = 1 ]

bad 'a.tar: a second image for linux/amd64' index -o bad.tar a.tar a.tar x:1
bad 'a.tar: a second image for linux/amd64' index --nested -o bad.tar \
    flat.tar a.tar x:1
bad 'many.tar: a second image for linux/arm/v7' index -o bad.tar c.tar \
    many.tar x:1
bad 'none.tar: No such file' index -o bad.tar a.tar none.tar x:1
bad 'short.tar: rule 61' index -o bad.tar a.tar short.tar x:1
bad 'size.tar: rule 14' index -o bad.tar size.tar b.tar x:1
bad 'other.tar: rule 61' index -o bad.tar other.tar x:1
bad 'missing.tar: it lacks blobs' index -o bad.tar b.tar missing.tar x:1
bad 'nothing: rule ' index -o bad.tar nothing x:1
bad 'none/bad.tar: No such file' index -o none/bad.tar a.tar x:1
bad 'many: Is a directory' index -o many a.tar x:1
bad 'the output would be inside' index -o layout/bad.tar layout b.tar x:1
cp -R layout other
bad 'the output would be inside' export other other/index.json
check 'export into what it reads: nothing changed' diff -r layout other
chmod -R u+w other && rm -rf other
check 'no input was changed' sha256sum -c sums
cp a.tar self.tar
run index -o self.tar self.tar b.tar x:1
check 'index: an input that is the output: done' done_well
check 'index: an input that is the output: all' has_blobs self.tar a.tar b.tar
cp a.tar self.tar
run index -o self.tar self.tar short.tar x:1
check 'index: an input that is the output, and a failure' cmp a.tar self.tar
# shellcheck disable=SC2094
"$ocitar" index -o - b.tar self.tar x:1 >>self.tar 2>err
status=$?
check 'index: standard output is an input' failed_so 1 \
    'self.tar: this is the output'
# shellcheck disable=SC2094
"$ocitar" export self.tar - >>self.tar 2>err
status=$?
check 'export: standard output is an input' failed_so 1 \
    'self.tar: this is the output'
# shellcheck disable=SC2094
"$ocitar" export - - 1<>self.tar 2>err <self.tar
status=$?
check 'export: both are one file' failed_so 1 'standard input: this is the o'
check 'standard output is an input: it did not change' cmp a.tar self.tar
if [ -w /dev/full ]; then
    run index -o /dev/full a.tar b.tar x:1
    check 'index: /dev/full' failed_so 1 '/dev/full: No space left'
fi

# A limit on files' sizes stands for a full disk: EFBIG, or a signal that
# nothing can clean up after.
limited() { # arguments...
    (
        trap '' XFSZ
        ulimit -f 200
        "$ocitar" "$@" >out 2>err
    )
    status=$?
}

killed() { # arguments...
    (
        # shellcheck disable=SC3045
        ulimit -c 0
        ulimit -f 200
        "$ocitar" "$@" >out
        exit $?
    ) 2>/dev/null # where this shell says how it ended
    status=$?
}

limited index -o bad.tar a.tar big.tar x:1
check 'index: a full disk' failed_so 1 'bad.tar: File too large'
check 'index: a full disk: nothing left' nothing_left
echo precious >keep.tar
limited index -o keep.tar a.tar big.tar x:1
check 'index: a full disk keeps the old file' [ "$(cat keep.tar)" = precious ]
killed index -o keep.tar a.tar big.tar x:1
check 'index: killed' [ "$status" -gt 128 ]
check 'index: killed, it keeps the old file' [ "$(cat keep.tar)" = precious ]
rm -f .keep.tar.*

# ---- export -----------------------------------------------------------------

run export layout x.tar
check 'export: done' done_well
tar -xOf x.tar index.json >i
check 'export: one line' [ "$(cat out)" = \
    "1 image  $(($(wc -c <x.tar))) bytes  $(sum_of i)  -> x.tar" ]
check 'export: all blobs' has_blobs x.tar a.tar
check 'export: the same index.json' cmp i layout/index.json
"$ocitar" export layout - 2>err | cat >y.tar
check 'export: a pipe' cmp x.tar y.tar
"$ocitar" export layout - >y.tar 2>err
check 'export: standard output' cmp x.tar y.tar
check 'export: the line is on standard error' grep -q standard err
run export --json layout x.tar
check 'export --json' json out "o == {'output': 'x.tar', 'dryRun': False,
    'size': $(wc -c <x.tar), 'index': '$(sum_of i)', 'images': 1}" \
    '"images":1'
run export --dry-run layout dry.tar
check 'export --dry-run' [ "$(cat out)" = \
    "1 image  $(($(wc -c <x.tar))) bytes  $(sum_of i)  -> nothing written" ]
check 'export --dry-run: nothing written' [ ! -e dry.tar ]
run export --quiet layout x.tar
check 'export --quiet: nothing' [ "$status" = 0 -a ! -s out -a ! -s err ]
run export a.tar x.tar
check 'export: an archive' cmp a.tar x.tar
"$ocitar" export - - <a.tar 2>err >y.tar
check 'export: from - to -' cmp a.tar y.tar
# shellcheck disable=SC2002
cat a.tar | "$ocitar" export - y.tar >out 2>err
check 'export: from a pipe' cmp a.tar y.tar
run export --no-docker-manifest layout x.tar
check 'export --no-docker-manifest' fails sh -c \
    'tar -tf x.tar | grep -qx manifest.json'
for archive in flat.tar nested.tar many 512.tar own.tar; do
    for name in '' "$(names_in $archive | sed 's/ .*//;q')"; do
        run export $archive x.tar ${name:+"$name"}
        check "export $archive $name: done" done_well
        check "export $archive $name: valid" "$ocitar" verify x.tar
    done
done
check 'export: own members' in_archive x.tar '"x-own":[1,{"b":null}]'
check 'export: own annotations' in_archive x.tar '"com.example.key":"v"'

# What is in an archive after an export with these words.
exports() { # names arguments...
    names=$1
    shift
    run export "$@"
    check "export $*: done" done_well
    check "export $*: what it has" [ "$(names_in x.tar |
        sed 's/  sha256:.*//' | tr -s ' \n' ' |')" = "$names" ]
    check "export $*: valid, and no more" "$ocitar" verify --strict x.tar
}

exports 'c:latest linux/arm/v7|' many x.tar c
exports 'fw:2 -|' many x.tar fw:2
exports 'fw:2 -|c:latest linux/arm/v7|' many x.tar 2 latest
exports 'c:latest linux/arm/v7|fw:2 -|' many x.tar latest 2
exports 'example.org/app:1 linux/amd64|' many x.tar 1
exports 'example.org/app:1 linux/amd64|' many x.tar "$manifest"
exports 'example.org/app:1 linux/amd64|' many x.tar 1 "$manifest" 1
exports 'app:1 linux/amd64|app:1 linux/arm64|app:1 linux/arm/v7|' \
    flat.tar x.tar app:1
exports 'app:1 -|' nested.tar x.tar app:1
exports 'app:1 linux/arm64|' --platform linux/arm64 flat.tar x.tar
exports 'app:1 linux/arm64|' --platform linux/arm64 flat.tar x.tar app:1
exports 'app:1 linux/arm64|' --platform linux/arm64 nested.tar x.tar
exports 'app:1 linux/arm/v7|' --platform linux/armv7l nested.tar x.tar app:1
exports 'c:latest linux/arm/v7|' --platform linux/arm many x.tar
bad 'many: no none:1 in it' export many bad.tar none:1
bad 'many: no none:1 in it' export many bad.tar fw:2 none:1
bad 'many: no image of that platform' export --platform linux/riscv64 many \
    bad.tar
bad 'many: no fw:2 of that platform' export --platform linux/amd64 many \
    bad.tar fw:2
bad 'size.tar: rule 14' export size.tar bad.tar
bad 'none: No such file' export none bad.tar
bad 'r1: rule ' export r1 bad.tar
bad 'none/bad.tar: No such file' export layout none/bad.tar
bad 'many: Is a directory' export layout many
limited export big.tar bad.tar
check 'export: a full disk' failed_so 1 'bad.tar: File too large'
check 'export: a full disk: nothing left' nothing_left
run export missing.tar x.tar
check 'export: what is missing' [ "$status" = 0 ]

# ---- import -----------------------------------------------------------------

imported() { # directory names
    "$ocitar" verify "$1" && [ "$(names_in "$1" | sed 's/ .*//' |
        tr '\n' ' ')" = "$2 " ]
}

for input in a.tar flat.tar nested.tar many 512.tar own.tar art.tar; do
    rm -rf l1
    run import $input l1
    check "import $input: done" done_well
    check "import $input: valid" "$ocitar" verify --strict l1
    check "import $input: its images" [ "$("$ocitar" ls l1)" = \
        "$("$ocitar" ls $input)" ]
    "$ocitar" export --quiet l1 x.tar
    rm -rf l2
    "$ocitar" import --quiet x.tar l2
    "$ocitar" export --quiet l2 y.tar
    check "export|import|export $input: the same bytes" cmp x.tar y.tar
    check "import|export|import $input: the same files" diff -r l1 l2
done
rm -rf l1 l2
run import a.tar l1
check 'import: one line' [ "$(cat out)" = \
    "1 image  $(sum_of l1/index.json)  -> l1" ]
check 'import: what pack writes into a directory' diff -r layout l1
mkdir l2
run import a.tar l2/
check 'import into an empty directory: done' done_well
check 'import into an empty directory' diff -r layout l2
rm -rf l2
run import --json a.tar l2
check 'import --json' json out "o == {'output': 'l2', 'images': 1,
    'index': '$(sum_of l2/index.json)'}" '"output":"l2"'
rm -rf l2
# shellcheck disable=SC2002
cat a.tar | "$ocitar" import - l2 >out 2>err
status=$?
check 'import -: a pipe: done' done_well
check 'import -: a pipe' diff -r layout l2
rm -rf l2
"$ocitar" import - l2 <a.tar >out 2>err
check 'import -: a file' diff -r layout l2
# shellcheck disable=SC2002
cat a.tar | TMPDIR=$dir/none "$ocitar" import - l3 >out 2>err
status=$?
check 'import -: no directory for temporary files' failed_so 1 \
    "$dir/none (TMPDIR, or /tmp): No such file"
check 'import -: no directory for temporary files: no layout' [ ! -e l3 ]
run import --quiet a.tar l2
check 'import --quiet: nothing' [ "$status" = 0 -a ! -s out -a ! -s err ]
check 'import: the same once more changes nothing' diff -r layout l2
run import l2 l2
check 'import: a layout into itself' done_well
check 'import: a layout into itself: nothing changed' diff -r layout l2
ls -l "l2/$(path_of "$layer")" >mode
check 'import: blobs cannot be written' grep -q '^-r--' mode

run import art.tar l2
check 'import: a second image: done' done_well
check 'import: a second image' imported l2 'example.org/app:1 fw:2'
check 'import: its files' [ "$("$ocitar" cat l2 \
    "$(sum_of fw.bin)")" = firmware ]
run import c.tar l2 example.org/app:1
check 'import: the name of another: done' done_well
check 'import: the name of another replaces it' imported l2 \
    'fw:2 example.org/app:1'
check 'import: the name of another: it is the new one' [ \
    "$(platforms l2)" = 'linux/arm/v7 ' ]
check 'import: the old blobs stay' [ -f "l2/$(path_of "$layer")" ]
run import a.tar l2 new/name
check 'import: a new name: done' done_well
check 'import: a new name without a tag' imported l2 \
    'fw:2 example.org/app:1 new/name:latest'
run import b.tar l2 new/name:latest
check 'import: the same, with the tag' imported l2 \
    'fw:2 example.org/app:1 new/name:latest'
check 'import: the same, with the tag: another image' [ \
    "$(manifest_of b.tar)" = "$("$ocitar" cat l2 new/name >x; sum_of x)" ]
run import c.tar l2 new/name
check 'import: the same, without the tag' imported l2 \
    'fw:2 example.org/app:1 new/name:latest'
run import flat.tar l2
check 'import: three of one name' imported l2 \
    'fw:2 example.org/app:1 new/name:latest app:1 app:1 app:1'
run import flat.tar l2
check 'import: three of one name, again' imported l2 \
    'fw:2 example.org/app:1 new/name:latest app:1 app:1 app:1'
run import nested.tar l2
check 'import: one replaces the three' imported l2 \
    'fw:2 example.org/app:1 new/name:latest app:1'

# What others have written into the layout's index.json stays there.
rm -rf l2
cp -R layout l2
sed 's/^{/{"annotations":{"com.example.all":"\\u0041 b","x":""},/
s/"annotations":{"io/"x-own":[1,{"b":null}],"annotations":{"com.example.one":'\
'"v","io/' layout/index.json >new
rm -f l2/index.json
mv new l2/index.json
run import art.tar l2
check 'import: own members: done' done_well
check 'import: own members: valid' "$ocitar" verify --strict l2
for text in '"x-own":[1,{"b":null}]' '"com.example.one":"v"' '"x":""' \
    '"com.example.all":"A b"'; do
    check "import: $text stays" grep -qF "$text" l2/index.json
done
check 'import: own members stay where they were' json l2/index.json \
    "o['annotations'] == {'com.example.all': 'A b', 'x': ''} and
    o['manifests'][0]['x-own'] == [1, {'b': None}] and
    o['manifests'][0]['annotations']['com.example.one'] == 'v'" '"manifests":'

# A failure, and the layout is as it was: l3 like `before`.
no_import() { # text arguments...
    text=$1
    shift
    rm -rf before
    cp -R l3 before
    run import "$@"
    check "import $*: said" failed_so 1 "$text"
    check "import $*: nothing changed" diff -r before l3
}

rm -rf l3
cp -R layout l3
cp -R layout lm
run import flat.tar lm x:2
check 'import: one name for all platforms' [ \
    "$("$ocitar" ls lm | grep -c '^x:2  linux/')" = 3 ]
run export lm many2.tar
no_import 'short.tar: rule 61' short.tar l3
no_import 'size.tar: rule 14' size.tar l3
no_import 'missing.tar: it lacks blobs of example.org/app:1' missing.tar l3
no_import 'none.tar: No such file' none.tar l3
no_import 'nothing: rule ' nothing l3
no_import 'many2.tar: it has 4 images' many2.tar l3 x:1
no_import 'a.tar: Not a directory' b.tar a.tar
no_import 'none/new: No such file' b.tar none/new
no_import 'r1: not empty, and no image layout' b.tar r1
check 'import: what is no layout did not change' [ "$(ls r1)" = hello ]
for input in short.tar size.tar missing.tar none.tar; do
    run import $input none
    check "import $input: no directory is made" [ ! -e none ]
done
run import many2.tar none x:1
check 'import: a name for three: no directory is made' [ ! -e none ]
echo '{"manifests":[' >l3/new
rm -f l3/index.json
mv l3/new l3/index.json
no_import 'l3: rule 3' b.tar l3
rm -f l3/index.json
run import b.tar l3
check 'import: a layout that never had an index.json' done_well
check 'import: a layout that never had an index.json: done' imported l3 \
    example.org/app:1

# Links lead nowhere.
mkdir outside
for link in blobs blobs/sha256; do
    for kind in layout new; do
        rm -rf l3
        if [ $kind = layout ]; then
            cp -R layout l3
            chmod -R u+w l3
            rm -r l3/$link
        else
            mkdir l3
            [ $link = blobs ] || mkdir l3/blobs
        fi
        ln -s "$dir/outside" l3/$link
        no_import 'l3: ' art.tar l3
        check "import: $link is a link: nothing outside" [ -z "$(ls outside)" ]
    done
done
rm -rf l3
cp -R layout l3
mv l3/index.json outside/index.json
ln -s ../outside/index.json l3/index.json
no_import 'l3: rule 61' art.tar l3
check 'import: index.json is a link: its target' cmp outside/index.json \
    layout/index.json
rm -f outside/index.json
run import art.tar l3
check 'import: index.json is a link to nothing' failed_so 1 'l3: rule 61'
check 'import: index.json is a link to nothing: as it was' [ -L l3/index.json \
    -a -z "$(ls outside)" ]
rm -rf l3
cp -R layout l3
sed 's/fi/FI/' fw.bin >outside/file
cp outside/file file
ln -s ../../../outside/file "l3/$(path_of "$(sum_of fw.bin)")"
run import art.tar l3
check 'import: a blob is a link: done' done_well
check 'import: a blob is a link: it is replaced' "$ocitar" verify l3
check 'import: a blob is a link: its target' cmp file outside/file
rm -rf l3 l4
cp -R layout l3
ln -s l3 l4
run import art.tar l4
check 'import: the directory itself may be a link' imported l3 \
    'example.org/app:1 fw:2'
if [ "$(id -u)" != 0 ]; then
    for part in . blobs/sha256; do
        rm -rf l3
        cp -R layout l3
        chmod a-w l3/$part
        run import art.tar l3
        check "import: $part is locked: said" failed_so 1 \
            'l3: Permission denied'
        check "import: $part is locked: nothing counts" imported l3 \
            example.org/app:1
        chmod u+w l3/$part
    done
    mkdir locked
    chmod 555 locked
    run import art.tar locked/new
    check 'import: a new one in a directory that is locked' failed_so 1 \
        'locked/new: Permission denied'
fi

# A full disk and a kill: the old index.json, and all is well the next time.
for how in limited killed; do
    for kind in layout new; do
        rm -rf l3
        if [ $kind = layout ]; then cp -R layout l3; fi
        $how import big.tar l3
        if [ $how = limited ]; then
            check "import: $how, $kind: said" failed_so 1 'l3: File too large'
            check "import: $how, $kind: nothing half there" \
                [ -z "$(find l3 -name '.ocitar*')" ]
        else
            check "import: $how, $kind: status" [ "$status" -gt 128 ]
        fi
        if [ $kind = layout ]; then
            check "import: $how: the old index.json" cmp layout/index.json \
                l3/index.json
            check "import: $how: valid" imported l3 example.org/app:1
            check "import: $how: exported" "$ocitar" export l3 x.tar
            check "import: $how: as before" cmp layout.tar x.tar
        else
            check "import: $how: no index.json" [ ! -e l3/index.json ]
        fi
        run import big.tar l3
        check "import: $how, $kind, then again: done" done_well
        check "import: $how, $kind, then again: valid" "$ocitar" verify l3
        check "import: $how, $kind, then again: it is there" [ "$("$ocitar" \
            cat l3 "$big" >x; sum_of x)" = "$big" ]
    done
done
check 'no input was changed' sha256sum -c sums

# ---- wrong command lines ----------------------------------------------------

for c in verify ls cat index export import; do
    run $c --help
    check "$c --help: done" done_well
    check "$c --help: usage" grep -q "^Usage: ocitar $c \[options\] " out
    check "$c --help: 80 columns" narrow out
    run --help
    check "--help has $c" grep -q "^       ocitar $c \[options\] " out
    case $c in
    verify) options='strict json quiet progress' ;;
    ls) options='json progress quiet' ;;
    cat) options='platform progress quiet' ;;
    index) options='nested output no-docker-manifest dry-run json progress' ;;
    export) options='platform no-docker-manifest dry-run json progress' ;;
    import) options='json progress quiet' ;;
    esac
    run $c --help
    for o in $options; do
        check "$c --help has --$o" grep -q -- "--$o" out
    done
    wrong "$c: " $c
    for o in --bad --bad=x -z --cmd=x --compress=none --ref=x:1 --tar \
        --created=1; do
        wrong "${o%%=x}" $c $o a.tar w.tar x:1
    done
    case $c in
    verify | ls)
        wrong "w.tar: one operand too many" $c a.tar w.tar
        wrong "-: one operand too many" $c - -
        ;;
    cat) wrong 'w.tar: one operand too many' cat a.tar 1 w.tar ;;
    import) wrong 'w.tar: one operand too many' import a.tar l9 x:1 w.tar ;;
    esac
    check "wrong: it names the help of $c" grep -q \
        "^try 'ocitar $c --help'" err
done
wrong 'ARCHIVE is missing' verify
wrong 'ARCHIVE is missing' ls --json
wrong 'DIGEST or NAME' cat a.tar
wrong 'ARCHIVE or NAME is missing' index a.tar
wrong 'LAYOUT or ARCHIVE is missing' export layout
wrong 'ARCHIVE or LAYOUT_DIR is missing' import a.tar
wrong 'verify: an empty operand' verify ''
wrong 'ls: an empty operand' ls ''
wrong 'an empty operand' cat '' 1
wrong 'an empty operand' cat a.tar ''
wrong 'an empty operand' export layout ''
wrong 'an empty operand' export layout w.tar ''
wrong 'an empty operand' import a.tar ''
wrong 'an empty operand' import a.tar l9 ''
wrong 'an empty operand' index -o w.tar a.tar '' x:1
wrong 'standard input can be read only once' index -o w.tar - - x:1
wrong 'standard input can be read only once' index -o w.tar - a.tar - x:1
for name in X :x x: /x 'x y' x@y - "x@$manifest"; do
    wrong "$name: " index -o w.tar a.tar "$name"
    wrong "$name: " import a.tar l9 "$name"
done
check 'wrong: no layout is made' [ ! -e l9 ]
for o in --strict --nested --output --dry-run --platform --no-docker-manifest
do
    case $o in
    --output | --platform) value=linux/arm ;;
    *) value= ;;
    esac
    for c in verify ls cat index export import; do
        case $c$o in
        verify--strict | index--nested | index--output | *[xt]--dry-run | \
            cat--platform | export--platform | *x--no-docker-manifest | \
            export--no-docker-manifest) ;;
        *) wrong "$o: unknown option" $c $o $value a.tar w.tar x:1 ;;
        esac
    done
done
wrong '--json: unknown option' cat --json a.tar 1
for value in '' linux /arm linux/ linux/arm/ linux/arm/v7/x; do
    wrong "--platform $value" cat --platform "$value" a.tar 1
    wrong "--platform $value" export --platform "$value" a.tar w.tar
done
wrong '--platform: a value is missing' cat a.tar 1 --platform
wrong '--output: a value is missing' index a.tar x:1 --output
wrong '--strict=1: this option takes no value' verify --strict=1 a.tar

# ---- any input --------------------------------------------------------------

# One byte of a small archive, then of a document in a layout, is another. No
# command is ended by a signal, and none writes what is not valid.
unpack art.tar
rm u/manifest.json 2>/dev/null
cp -R u same
set -- index.json oci-layout "$(path_of "$(manifest_of art.tar)")"
size=$(($(wc -c <art.tar)))
seed=1 i=0 crashed='' zeros=0
while [ $i -lt 300 ]; do
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    at=$((seed / 256 % size))
    case $((seed / 16777216 % 12)) in
    0) byte='\000' ;;
    1) byte='\377' ;;
    2) byte=9 ;;
    3) byte=0 ;;
    4) byte='"' ;;
    5) byte='}' ;;
    6) byte='[' ;;
    7) byte=, ;;
    8) byte='\134' ;;
    9) byte=/ ;;
    10) byte=: ;;
    *) byte='\303' ;;
    esac
    if [ $i -lt 150 ]; then
        m=m.tar target=m.tar
        cat art.tar >m.tar
    else
        m=u
        file=$1
        shift
        set -- "$@" "$file"
        cat "same/$file" >"u/$file"
        at=$((at % $(wc -c <"same/$file"))) target=u/$file
    fi
    # shellcheck disable=SC2059
    printf "$byte" | dd of="$target" bs=1 seek=$at \
        conv=notrunc 2>/dev/null
    for c in verify ls import; do
        if [ $c = import ]; then "$ocitar" import $m m; else
            "$ocitar" $c $m
        fi >out 2>err
        status=$?
        [ $status = 0 ] && zeros=$((zeros + 1))
        if [ $status -gt 1 ]; then crashed="$crashed $c:$i:$status"; fi
    done
    if [ $m = u ]; then cat "same/$file" >"u/$file"; fi
    i=$((i + 1))
done
check "mutated inputs: exit 0 or 1, but for$crashed" [ -z "$crashed" ]
check "mutated inputs: $zeros of 900 are still good" [ $zeros -lt 600 ]
check 'mutated inputs: what they left is a layout' "$ocitar" verify m

# A digest of an algorithm that nobody here knows, out of a directory.
unpack a.tar
hex=$(printf '%064d' 7)
mkdir -p u/blobs/blake3
echo x >u/blobs/blake3/$hex
with_index "s/\"digest\":\"sha256:[0-9a-f]*\"/\"digest\":\"blake3:$hex\"/;
    s/\"size\":[0-9]*/\"size\":2/" b3.tar
rm -rf u3
mkdir u3
tar -xf b3.tar -C u3
for c in "export u3 b4.tar" "import u3 l4" "cat u3 blake3:$hex"; do
    # shellcheck disable=SC2086 # a command and its operands
    run $c
    check "$c: exit 1" [ "$status" = 1 ]
done
# Names with escapes could not be told from those that are put beside them.
with_index 's/"annotations"/"annotat\\u0069ons"/' esc.tar
run import esc.tar l4
check 'import: a name with an escape: exit 1' [ "$status" = 1 ]
# More names than layers and blobs together.
for i in 1 2 3 4 5 6 7 8 9; do printf ' --ref n%s/app:%s' $i $i; done >refs
# shellcheck disable=SC2046 # options
"$ocitar" pack --quiet $(cat refs) -o names.tar r1 r2 big app:1
rm -rf l4
run import names.tar l4
check 'import: many names' done_well
run export l4 names2.tar
check 'export: many names' [ "$("$ocitar" ls names2.tar | grep -c /app:)" = 9 ]

cd "$build" || exit 2
chmod -R u+w "$dir"
rm -rf "$dir"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
