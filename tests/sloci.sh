#!/bin/sh
# sloci.sh BUILD - the command called as sloci-image: its command line, what it
# leaves, and under which names. The last line is "N passed, N failed".
if [ $# != 1 ]; then
    echo 'usage: sloci.sh BUILD' >&2
    exit 2
fi
build=$(cd "$1" && pwd) || exit 2
dir=$build/sloci.test
ocitar=$build/ocitar
passed=0 failed=0
unset SOURCE_DATE_EPOCH TMPDIR DEBUG
LC_ALL=C
export LC_ALL

# shellcheck source=tests/command_checks.sh
. "$(dirname "$0")/command_checks.sh"

# The blob of a layout directory that a document names first.
named() { # layout document
    echo "$1/blobs/sha256/$(sed 's/.*"digest":"sha256:\([0-9a-f]*\)".*/\1/' \
        "$2")"
}

manifest() { # layout
    named "$1" "$1/index.json"
}

config() { # layout
    sed 's/.*"config":{"digest":"sha256:\([0-9a-f]*\)".*/\1/' \
        "$(manifest "$1")" | sed "s|^|$1/blobs/sha256/|"
}

# Quiet success.
silent() { done_well && ! [ -s "$dir/out" ]; }

# One more option, and a text in the config, or in another document.
shows() { # text arguments...
    text=$1
    shift
    rm -rf i
    run "$@" root i:1
    check "option: $*: done" silent
    check "option: $*" grep -qF -- "$text" "$(config i)" i/index.json
}

lacks() { # text arguments...
    text=$1
    shift
    rm -rf i
    run "$@" root i:1
    check "option: $*: done" silent
    check "option: $*: no $text" fails grep -qF -- "$text" "$(config i)" \
        i/index.json
}

# It leaves this file, an archive, and nothing else.
leaves() { # file arguments...
    file=$1
    shift
    rm -rf out.d
    mkdir out.d
    run "$@"
    check "$*: done" silent
    check "$*: leaves $file" [ "$(find out.d -type f)" = "out.d/$file" ]
    check "$*: no directory image" fails [ -e out.d/n/index.json ]
    check "$*: an archive of a layout" sh -c "tar -tf 'out.d/$file' |
        grep -q '^index.json'"
}

# ---- inputs -----------------------------------------------------------------

rm -rf "$dir"
mkdir -p "$dir/bin" "$dir/root/etc"
cd "$dir" || exit 2
echo hello >root/etc/hello
echo long long long long long long long long long long >root/etc/long
ln -s etc/hello root/link
touch -t 202001020304.05 root/etc/hello root/etc/long root/etc root
tar -cf root.tar -C root .
if built gzip; then zip=+gzip; else zip=; fi
ln -s "$build/ocitar" bin/sloci-image
ln -s "$build/ocitar" bin/host-sloci-image
ocitar=$dir/bin/sloci-image
machine=$(uname -m)

# ---- a layout directory -----------------------------------------------------

run root image:tag
check 'a directory: done' silent
check 'a directory: its files' [ "$(cd image && find . -type f |
    sed 's|sha256/.*|.|' | sort | tr '\n' ' ')" = \
    './blobs/. ./blobs/. ./blobs/. ./index.json ./oci-layout ' ]
check 'oci-layout' grep -qF '{"imageLayoutVersion":"1.0.0"}' image/oci-layout
check 'index.json: the tag' grep -qF \
    '"annotations":{"org.opencontainers.image.ref.name":"tag"}' \
    image/index.json
check 'index.json: one manifest' [ "$(tr ',' '\n' <image/index.json |
    grep -c '"digest"')" = 1 ]
check 'names of blobs' sh -c 'cd image/blobs/sha256 && for b in *; do
    [ "$(sha256sum <"$b")" = "$b  -" ] || exit 1; done'
type=application/vnd.oci.image.layer.v1.tar$zip
check 'the manifest: one layer' grep -q \
    "\"mediaType\":\"$type\",\"size\":[0-9]*}\]" "$(manifest image)"
check 'no date without one' fails grep -q '"created":' "$(config image)"
check 'the history' grep -qF '"history":[{"created_by":""}]' "$(config image)"
check 'no Cmd, no Entrypoint, no Labels' grep -qF '"config":{},' \
    "$(config image)"
layer=$(sed 's/.*"layers":\[{"digest":"sha256:\([0-9a-f]*\)".*/\1/' \
    "$(manifest image)")
cp "image/blobs/sha256/$layer" layer
if [ -n "$zip" ]; then
    check 'the layer: gzip' [ "$(od -An -tx1 -N 3 layer | tr -d ' ')" = \
        1f8b08 ]
    if has gzip; then gzip -dc <layer >layer.tar; else cp root.tar layer.tar; fi
else
    cp layer layer.tar
fi
check 'the layer: its names' [ "$(tar -tf layer.tar | sed 's|^\./\(.\)|\1|' |
    sort | tr '\n' ' ')" = './ etc/ etc/hello etc/long link ' ]
if [ -z "$zip" ] || has gzip; then
    check 'the layer: the diffID' grep -qF "$(sum_of layer.tar)" \
        "$(config image)"
fi
run root image2:tag
check 'the same again' diff -r image image2
run root image
check 'one that is there: exit 1' failed_so 1 'image/: not empty'
check 'one that is there: stays' diff -r image image2
(cd root && "$ocitar" . ../image3:tag) >out 2>err
check 'of .: the same' diff -r image image3
run root ./new/deep/er/image:tag
check 'directories above it: done' silent
check 'directories above it: the same' diff -r image new/deep/er/image
run root "$dir/Upper_CASE/im age"
check 'a path that no reference has: done' silent
check 'no tag is latest' grep -qF '.ref.name":"latest"' \
    'Upper_CASE/im age/index.json'
run root image4/:V.1_2-x
check 'a slash before the tag: done' silent
check 'a slash before the tag' grep -qF '.ref.name":"V.1_2-x"' \
    image4/index.json
run root a:b/image
check 'a colon in a directory: done' silent
check 'a colon in a directory' grep -qF '.ref.name":"latest"' \
    a:b/image/index.json
mkdir image5
run root image5
check 'an empty directory is taken' silent
"$dir/bin/host-sloci-image" root image6:tag >out 2>err
check 'a name that ends in sloci-image' diff -r image image6
(PATH=$dir/bin:$PATH && sloci-image root image7:tag) >out 2>err
check 'found by PATH' diff -r image image7
ln -s "$build/ocitar" bin/sloci-image2
"$dir/bin/sloci-image2" root image8 >out 2>err
check 'another name is the command itself' [ $? = 2 ]

# ---- archives ---------------------------------------------------------------

leaves "n-1-$machine-linux.oci-image.tar" -t root out.d/n:1
leaves "n-latest-$machine-linux.oci-image.tar" --tar root out.d/n
leaves n-1-amd64-linux.oci-image.tar --arch amd64 -t root out.d/n:1
leaves n-1-x86_64-linux.oci-image.tar -m x86_64 -t root out.d/n:1
leaves n-1-arm-v7-linux.oci-image.tar -t --arch arm --arch-variant v7 root \
    out.d/n:1
leaves n-1-armv7l-linux.oci-image.tar -t -m armv7l root out.d/n:1
leaves n-1-arm64-freebsd.oci-image.tar -t -m arm64 --os freebsd root out.d/n:1
leaves n-1.2-arm64-linux.oci-image.tar -t -m arm64 root "$dir/out.d/n/:1.2"
leaves a/b/n-1-arm64-linux.oci-image.tar -t -m arm64 root out.d/a/b/n:1
run -t -m arm64 root out.d/a/b/n:1
check 'an archive that is there is replaced' silent
run --arch arm64 root out.d/n:1
run --arch arm64 -t root out.d/n:1
tar -xf out.d/n-1-arm64-linux.oci-image.tar -C new
rm -rf new/deep
check 'an archive is the directory' diff -r new out.d/n

# ---- options ----------------------------------------------------------------

shows '"architecture":"arm64"' --arch arm64
shows '"architecture":"arm64"' -m aarch64
shows '"architecture":"amd64"' -m x86_64
shows '"architecture":"386"' -m x86
shows '"architecture":"386"' -m i686
shows '"architecture":"arm"' -m armv7l
shows '"variant":"v7"' -m armv7l
shows '"architecture":"arm"' -m armhf
shows '"architecture":"arm"' -m armeb
shows '"architecture":"riscv64"' -m riscv64
shows '"architecture":"odd"' -m odd
shows '"variant":"v6"' -m arm --arch-variant v6
shows '"os":"linux"' -m arm
shows '"os":"freebsd"' --os freebsd
shows '"author":"A. U. Thor <a@example.org>"' -a 'A. U. Thor <a@example.org>'
shows '"history":[{"created_by":"me"}]' --author me
shows '"Cmd":["a","","b \"q\""]' -c a -c '' --cmd 'b "q"'
shows '"Entrypoint":["/bin/a","b"]' -C /bin/a --entrypoint b
shows '"Env":["A=1","B="]' -e A=1 --env B=
shows '"k":"v=w"' --label k=v=w
shows '"org.opencontainers.image.title":"t"' -l .title=t
shows '"ExposedPorts":{"53/udp":{},"80":{},"81/tcp":{}}' -p 80 --port 53/udp \
    --expose 81/tcp
shows '"User":"1:2"' -u 1:2
shows '"Volumes":{"/d":{},"/e":{}}' -v /e --volume /d
shows '"WorkingDir":"/w"' -w /w
shows '"Cmd":["-t"]' --cmd -t
lacks Entrypoint --entrypoint ''
lacks Cmd --cmd ''
lacks author --author ''
lacks User --user ''
lacks WorkingDir --working-dir ''
lacks variant -m arm --arch-variant ''
lacks ExposedPorts --port ''
lacks Volumes --volume ''
run --debug root i2:1
check '--debug: done' [ "$status" = 0 ]
check '--debug: a line on standard error' grep -q '^i2:1  linux/' err
check '--debug: nothing on standard output' fails [ -s out ]
run --version
check '--version' grep -q '^sloci-image (ocitar [0-9.]*)$' out
run -V
check '-V' done_well
run --help
check '--help: done' done_well
for option in arch arch-variant os author entrypoint cmd env label port expose \
    user volume working-dir tar debug version help; do
    check "--help has --$option" grep -q -- "--$option\>" out
done
check '--help: 80 columns' fails grep -q '.\{81\}' out
SOURCE_DATE_EPOCH=1000000000
export SOURCE_DATE_EPOCH
date='"created":"2001-09-09T01:46:40Z"'
shows "$date,\"history\":[{$date,\"created_by\":\"me\"}]" -a me
unset SOURCE_DATE_EPOCH

# ---- tars -------------------------------------------------------------------

cp root.tar keep.tar
run root.tar t:1
check 'a tar: done' silent
check 'a tar: it stays' cmp root.tar keep.tar
check 'a tar: the diffID' grep -qF "$(sum_of root.tar)" "$(config t)"
if [ -n "$zip" ] && has gzip; then
    gzip -c <root.tar >root.tar.gz
    cp root.tar.gz keep.tar.gz
    run root.tar.gz z:1
    check 'a tar.gz: done' silent
    check 'a tar.gz: it stays' cmp root.tar.gz keep.tar.gz
    check 'a tar.gz: as it is' cmp root.tar.gz \
        "z/blobs/sha256/$(sha256sum <root.tar.gz | cut -d ' ' -f 1)"
    check 'a tar.gz: the diffID' grep -qF "$(sum_of root.tar)" "$(config z)"
fi

# ---- as Buildroot calls it --------------------------------------------------

mkdir -p host/bin target/bin images
ln -s "$build/ocitar" host/bin/sloci-image
echo program >target/bin/program
export SOURCE_DATE_EPOCH=1700000000
rm -rf "$dir/images/rootfs-oci"
"$dir/host/bin/sloci-image" --arch arm --arch-variant v7 \
    --entrypoint 'sh' --entrypoint '-c'  --cmd 'echo "a  b"' \
    --author "Buildroot" --user "1000:1000" --label "version=1" \
    --label ".url=https://example.org" --env "PATH=/bin" --env "TERM=vt100" \
    --working-dir "/root" --port "80" --port "53/udp" \
    "$dir/target" "$dir/images/rootfs-oci:latest" >out 2>err
status=$?
check 'Buildroot: done' silent
tr -d '\n' >want <<'END'
"config":{"Cmd":["echo \"a  b\""],"Entrypoint":["sh","-c"],
"Env":["PATH=/bin","TERM=vt100"],"ExposedPorts":{"53/udp":{},"80":{}},
"Labels":{"org.opencontainers.image.url":"https://example.org","version":"1"},
"User":"1000:1000","WorkingDir":"/root"},"created":"2023-11-14T22:13:20Z",
"history":[{"created":"2023-11-14T22:13:20Z","created_by":"Buildroot"}],
"os":"linux","rootfs"
END
check 'Buildroot: the config' grep -qF "$(cat want)" \
    "$(config images/rootfs-oci)"
check 'Buildroot: the index' grep -qF \
    '"platform":{"architecture":"arm","os":"linux","variant":"v7"}' \
    images/rootfs-oci/index.json
rm -rf "$dir/images/rootfs-oci"
# nothing configured: one empty argument each
"$dir/host/bin/sloci-image" --arch amd64   --entrypoint '' --cmd '' --tar \
    "$dir/target" "$dir/images/rootfs-oci:latest" >out 2>err
status=$?
check 'Buildroot, an archive: done' silent
check 'Buildroot, an archive: its name' [ "$(ls images)" = \
    rootfs-oci-latest-amd64-linux.oci-image.tar ]
check 'Buildroot, an archive: no Entrypoint, no Cmd' in_archive \
    images/rootfs-oci-latest-amd64-linux.oci-image.tar '"config":{},'
unset SOURCE_DATE_EPOCH

# ---- errors -----------------------------------------------------------------

# Exit 2, and nothing is made.
refused() { # offender arguments...
    offender=$1
    shift
    run "$@"
    check "wrong: $*" failed_so 2 "$offender"
    check "wrong: $*: the help" grep -q "^try 'sloci-image --help'" err
    check "wrong: $*: nothing made" fails [ -e bad ]
}

refused 'ROOTFS and NAME are missing'
refused 'ROOTFS or NAME is missing' root
refused 'no more' root root bad
refused --json --json root bad
for o in --output=x -o --platform --compress --created --exclude --dry-run \
    --quiet --ref --artifact-type --no-docker-manifest --bad -x; do
    refused "$o" "$o" root bad
done
refused '--env A' --env A root bad
refused '--label A' --label A root bad
refused "--env " --env '' root bad
refused '--port x' --port x root bad
refused '--port 80' -p 80 --port 80 root bad
refused ': not a NAME' root ''
refused ': not a NAME' root :tag
refused ': not a NAME' root bad:
refused '--cmd: a value is missing' root bad --cmd
refused 'not UTF-8' --author "$(printf 'a\377')" root bad
run none bad
check 'no such ROOTFS' failed_so 1 'none: No such file'
run root root/new
check 'an image in its ROOTFS' failed_so 1 'inside the input'
run root root.tar/x
check 'a file in the way' failed_so 1 'root.tar/x/: Not a directory'
run root root.tar
check 'a file of that name' failed_so 1 'root.tar/: '
echo text >text
run text bad
check 'no tar' failed_so 1 'text: not a tar'

cd "$build" || exit 2
chmod -R u+w "$dir"
rm -rf "$dir"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
