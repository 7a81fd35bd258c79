#!/bin/sh
# consumers.sh BUILD - through every consumer that can take it: an image of
# three layers with whiteouts (made by a C program over ocitar.h, of tars by
# the command, in gzip, in zstd), which sees what the whiteouts left where it
# runs; an index of two platforms, flat and nested; artifacts. Ends with
# "N passed, N failed".
#
# Needs root and Debian's packages gcc libc6-dev zstd skopeo umoci runc
# oci-image-tool containerd docker-registry docker.io podman buildah python3.
#
# What none of them can take, and is not tried: zstd by docker 20, umoci and
# oci-image-tool; an index by umoci, and by docker 20, which knows but one
# platform; a flat one by containerd 1.6, where the second image takes the
# first one's name; artifacts by all but skopeo, a registry and containerd.
cd "$(dirname "$0")/.." || exit 2
build=${1:-build}
# shellcheck source=tests/real.sh
. tests/real.sh
needs gcc zstd skopeo umoci runc oci-image-tool containerd ctr \
    docker-registry dockerd docker podman buildah python3
for file in "$build/ocitar" "$build/firmware"; do
    if [ ! -e "$file" ]; then
        echo "consumers.sh: no $file; run make all" >&2
        exit 2
    fi
done
case $(uname -m) in
x86_64) arch=amd64 other=arm64 ;;
aarch64) arch=arm64 other=amd64 ;;
*) arch=$(uname -m) other=amd64 ;;
esac

# ---- images -----------------------------------------------------------------

compile() {
    gcc -std=c99 -Os -static -o "$work/look" tests/look.c &&
        gcc -std=c99 -O1 -I. -o "$work/whiteouts" tests/whiteouts.c
}

# What is left of the layers, whoever puts them together.
expect() {
    cat <<END
changed/
changed/in: in a directory
dir/
dir/again: $arch
kept: kept
opaque/
opaque/new: new
swap: a file now
wide/
END
}

ten=0123456789
long=$ten$ten$ten$ten$ten$ten$ten$ten$ten$ten$ten$ten$ten

# The same layers as whiteouts.c writes, by other means: GNU tar.
tars() {
    l=$work/l u=$work/u t=$work/t
    mkdir -p "$l/bin" "$l/data/dir/sub" "$l/data/opaque/deep" \
        "$l/data/swap" "$l/data/wide" "$u/data/changed" "$u/data/opaque" \
        "$u/data/wide" "$t/data/dir" &&
        cp "$work/look" "$l/bin/look" && cd "$l/data" || return 1
    echo hidden >.hidden
    echo 'a long name' >$long
    echo 'a file' >changed
    echo a >dir/a
    echo b >dir/sub/b
    echo old >file
    echo kept >kept
    ln kept hard
    ln -s kept link
    echo x >opaque/deep/x
    echo old >opaque/old
    echo in >swap/in
    echo snow >wide/☃
    cd "$u/data" || return 1
    : >.wh..hidden
    : >.wh.$long
    : >.wh.dir
    : >.wh.file
    : >.wh.hard
    : >.wh.link
    echo 'in a directory' >changed/in
    : >opaque/.wh..wh..opq
    echo new >opaque/new
    echo 'a file now' >swap
    : >wide/.wh.☃
    printf %s "$arch" >"$t/data/dir/again"
    cd "$work" || return 1
    for layer in l u t; do
        tar --sort=name --owner=0 --group=0 --numeric-owner --format=posix \
            -C $layer -cf $layer.tar . || return 1
    done
    gzip -9 <l.tar >l.tar.gz && zstd -q l.tar -o l.tar.zst
}

make_tars() {
    (tars)
}

pack() { # output option... layer...
    out=$1
    shift
    "$build/ocitar" pack --quiet --cmd /bin/look --cmd /data -o "$out" \
        "$@" "$work/u.tar" "$work/t.tar" localhost/whiteouts:1
}

# ---- consumers --------------------------------------------------------------

# The digest of what an archive's or layout's index.json has first.
first() { # archive
    if [ -d "$1" ]; then
        cat "$1/index.json"
    else
        tar -xOf "$1" index.json
    fi | python3 -c 'import json, sys
print(json.load(sys.stdin)["manifests"][0]["digest"])'
}

inspects() { # archive architecture
    skopeo inspect "oci-archive:$1:1" | tee "$work/said" |
        grep -F "\"Architecture\": \"$2\"" &&
        grep -F "\"Digest\": \"$(first "$1")\"" "$work/said"
}

copies() { # archive tag
    rm -rf "$work/copy"
    skopeo --insecure-policy copy -q --all --preserve-digests \
        "oci-archive:$1:$2" "oci:$work/copy:$2"
}

validates() { # archive
    rm -rf "$work/layout"
    mkdir "$work/layout" && tar -xf "$1" -C "$work/layout" &&
        oci-image-tool validate --type image "$work/layout"
}

runs_in_runc() { # file archive
    rm -rf "$work/layout" "$work/bundle"
    mkdir "$work/layout" && tar -xf "$2" -C "$work/layout" &&
        umoci unpack --image "$work/layout:1" "$work/bundle" &&
        sed -i 's/"terminal": *true/"terminal": false/' \
            "$work/bundle/config.json" &&
        says "$1" runc --root "$work/runc" run --bundle "$work/bundle" "$ours"
}

# Import exits 0 even when nothing came in.
# shellcheck disable=SC2086 # $ctr is a command and its options
imports() { # archive reference option...
    archive=$1 reference=$2
    shift 2
    containerd_start && $ctr images import --snapshotter native \
        --base-name localhost/base "$@" "$archive" &&
        $ctr images ls -q | grep -x -F "$reference"
}

# shellcheck disable=SC2086
runs_in_ctr() { # file archive reference
    imports "$2" "$3" &&
        says "$1" $ctr run --rm --snapshotter native "$3" "$ours"
    status=$?
    containerd_stop
    return $status
}

# shellcheck disable=SC2086
runs_in_docker() { # file archive reference
    $docker load -i "$2" &&
        says "$1" $docker run --rm --network none "$3" &&
        $docker rmi -f "$3"
}

limits='--network=none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024'

# shellcheck disable=SC2086
runs_in_podman() { # file archive reference
    $pod load -q -i "$2" && says "$1" $pod run --rm -q $limits "$3" &&
        $pod rmi -f "$3"
}

# shellcheck disable=SC2086
runs_in_buildah() { # file archive
    container=$(buildah $storage from -q "oci-archive:$2") &&
        says "$1" buildah $storage run --isolation chroot "$container" \
            /bin/look /data &&
        buildah $storage rm "$container"
}

pushes() { # archive tag name
    skopeo --insecure-policy copy -q --all --preserve-digests \
        --dest-tls-verify=false "oci-archive:$1:$2" \
        "docker://127.0.0.1:$port/$3:$2"
}

pulls() { # tag name digest
    rm -rf "$work/pulled"
    skopeo --insecure-policy copy -q --all --preserve-digests \
        --src-tls-verify=false "docker://127.0.0.1:$port/$2:$1" \
        "oci:$work/pulled:$1" && [ "$(first "$work/pulled")" = "$3" ] &&
        "$build/ocitar" verify --quiet "$work/pulled"
}

# Those that take all but zstd, then those that take zstd, too.
check_image() { # name archive
    check "$1: ocitar verify" "$build/ocitar" verify --strict --quiet "$2"
    if [ "$1" != zstd ]; then
        check "$1: oci-image-tool validate" validates "$2"
        check "$1: umoci unpack, runc run" runs_in_runc "$work/says" "$2"
        check "$1: docker load, run" \
            runs_in_docker "$work/says" "$2" localhost/whiteouts:1
    fi
    check "$1: skopeo inspect" inspects "$2" "$arch"
    check "$1: skopeo copy" copies "$2" 1
    check "$1: ctr import, run" \
        runs_in_ctr "$work/says" "$2" localhost/whiteouts:1
    check "$1: podman load, run" \
        runs_in_podman "$work/says" "$2" localhost/whiteouts:1
    check "$1: buildah from, run" runs_in_buildah "$work/says" "$2"
    check "$1: a push to the registry" pushes "$2" 1 "$1"
    check "$1: and a pull" pulls 1 "$1" "$(first "$2")"
}

# Whether a check of these would see a whiteout that hides nothing.
sees_more() {
    rm -f "$work/none.tar"
    "$build/ocitar" pack --quiet --cmd /bin/look --cmd /data \
        -o "$work/none.tar" "$work/l.tar" localhost/whiteouts:1 &&
        refuses "$1" "$work/says" "$work/none.tar" localhost/whiteouts:1 &&
        grep -q 'opaque/old: old' "$work/said"
}

# ---- two platforms ----------------------------------------------------------

make_indexes() {
    "$work/whiteouts" "$work/look" $other "$work/other.tar" &&
        "$build/ocitar" index --quiet -o "$work/flat.tar" \
            "$work/c.tar" "$work/other.tar" localhost/multi:1 &&
        "$build/ocitar" index --quiet --nested -o "$work/nested.tar" \
            "$work/other.tar" "$work/c.tar" localhost/multi:1
}

# Both platforms came through, blobs and all. (Not strictly: skopeo's index.json
# has no mediaType.)
both() { # layout
    for a in $arch $other; do
        skopeo --override-arch "$a" inspect "oci:$1:1" |
            grep -F "\"Architecture\": \"$a\"" || return 1
    done
    "$build/ocitar" verify --quiet "$1"
}

copies_both() { # archive
    copies "$1" 1 && both "$work/copy"
}

pulls_both() { # tag name digest
    pulls "$@" && both "$work/pulled"
}

# shellcheck disable=SC2086
imports_both() { # archive reference
    imports "$1" "$2" --all-platforms --no-unpack &&
        $ctr images ls | grep -F linux/$arch | grep -F linux/$other &&
        $ctr images check --snapshotter native "name==$2" | tee "$work/log" |
        grep -E 'complete \(([0-9]+)/\1\)'
    status=$?
    containerd_stop
    return $status
}

# The nested one: everyone chooses the machine's platform, in whatever order
# they stand. Of a flat one, skopeo takes the first of the name, and podman,
# too: this machine's comes first.
check_indexes() {
    check 'index: made' make_indexes
    for form in flat nested; do
        check "$form: ocitar verify" \
            "$build/ocitar" verify --strict --quiet "$work/$form.tar"
        check "$form: oci-image-tool validate" validates "$work/$form.tar"
        check "$form: skopeo inspect" inspects "$work/$form.tar" "$arch"
        check "$form: podman load, run" runs_in_podman "$work/says" \
            "$work/$form.tar" localhost/multi:1
    done
    check 'nested: skopeo copy, both' copies_both "$work/nested.tar"
    check 'nested: ctr import, run' \
        runs_in_ctr "$work/says" "$work/nested.tar" localhost/multi:1
    check 'nested: ctr import, both' \
        imports_both "$work/nested.tar" localhost/multi:1
    check 'nested: buildah from, run' \
        runs_in_buildah "$work/says" "$work/nested.tar"
    check 'nested: a push to the registry' pushes "$work/nested.tar" 1 nested
    check 'nested: and a pull, both' pulls_both 1 nested \
        "$(first "$work/nested.tar")"
    check 'flat: skopeo copy' copies "$work/flat.tar" 1
}

# ---- artifacts --------------------------------------------------------------

imports_artifact() { # archive reference
    imports "$1" "$2" --all-platforms --no-unpack
    status=$?
    containerd_stop
    return $status
}

make_artifact() {
    echo firmware >"$work/fw.bin"
    "$build/ocitar" artifact --quiet -o "$work/artifact.tar" \
        --artifact-type application/vnd.example.firmware.v1 \
        "$work/fw.bin" "$work/look:application/x-elf" localhost/fw:1
}

check_artifacts() {
    check 'firmware: made' "$build/firmware" "$work/firmware.tar"
    check 'firmware: ocitar verify' \
        "$build/ocitar" verify --quiet "$work/firmware.tar"
    check 'artifact: made' make_artifact
    check 'artifact: ocitar verify' \
        "$build/ocitar" verify --strict --quiet "$work/artifact.tar"
    for tag in 7-v6 7-v8; do
        check "firmware: skopeo copy, $tag" copies "$work/firmware.tar" $tag
        check "firmware: ctr import, $tag" \
            imports_artifact "$work/firmware.tar" devices/pump:$tag
        check "firmware: a push to the registry, $tag" \
            pushes "$work/firmware.tar" $tag pump
        check "firmware: and a pull, $tag" \
            pulls $tag pump "$(first "$work/copy")"
    done
    check 'artifact: skopeo copy' copies "$work/artifact.tar" 1
    check 'artifact: ctr import' \
        imports_artifact "$work/artifact.tar" localhost/fw:1
    check 'artifact: a push to the registry' pushes "$work/artifact.tar" 1 fw
    check 'artifact: and a pull' pulls 1 fw "$(first "$work/artifact.tar")"
}

# ---- the run ----------------------------------------------------------------

cgroups
expect >"$work/says"
check 'compile' compile
check 'whiteouts.c writes an image' \
    "$work/whiteouts" "$work/look" "$arch" "$work/c.tar"
check 'tars' make_tars
check 'ocitar pack, tars' pack "$work/tars.tar" "$work/l.tar"
check 'ocitar pack, gzip' \
    pack "$work/gzip.tar" --compress gzip "$work/l.tar.gz"
check 'ocitar pack, zstd' \
    pack "$work/zstd.tar" --compress zstd "$work/l.tar.zst"
check 'a registry starts' registry_start
check 'docker starts' docker_start
for consumer in runs_in_runc runs_in_docker runs_in_ctr runs_in_podman \
    runs_in_buildah; do
    check "without the upper layers: $consumer sees more" sees_more $consumer
done
for image in c tars gzip zstd; do
    check_image $image "$work/$image.tar"
done
docker_stop
check_indexes
check_artifacts
counts
