#!/bin/sh
# foreign.sh BUILD - what others write: `ocitar verify` has no error for it,
# and export, import and export again give the same bytes, which others take.
# The others are skopeo, umoci, buildah, podman, containerd, docker (through
# skopeo) and tar. Ends with "N passed, N failed".
#
# Needs root and Debian's packages gcc libc6-dev skopeo umoci runc containerd
# docker.io podman buildah python3.
#
# docker 20 saves no OCI layout (25 and later do): its own archive has neither
# oci-layout nor index.json, and is refused.
cd "$(dirname "$0")/.." || exit 2
build=${1:-build}
# shellcheck source=tests/real.sh
. tests/real.sh
needs gcc skopeo umoci runc containerd ctr dockerd docker podman buildah \
    python3
demo=$PWD/$build/demo/demo.tar
tests=$PWD/tests
ocitar=$PWD/$build/ocitar
program=$PWD/$build/demo/rootfs/bin/ocitar
header=$PWD
if [ ! -e "$demo" ] || [ ! -e "$program" ]; then
    echo 'foreign.sh: make demo before it' >&2
    exit 2
fi
cd "$work" || exit 2

# ---- what others write ------------------------------------------------------

copy() { # from to option...
    from=$1 to=$2
    shift 2
    skopeo --insecure-policy copy -q "$@" "$from" "$to"
}

by_skopeo() {
    copy "oci-archive:$demo" oci-archive:skopeo.tar:a &&
        copy "oci-archive:$demo" oci:skopeo:a &&
        copy "oci-archive:$demo" oci:skopeo-zstd:a \
            --dest-compress-format zstd &&
        copy "docker-archive:$demo" oci:skopeo-docker:a &&
        copy "oci-archive:$demo" oci:skopeo-two:a &&
        copy docker-archive:"$demo" oci:skopeo-two:b
}

# shellcheck disable=SC2086 # $docker, $pod, $ctr: a command and its options
by_docker() {
    docker_start && $docker load -i "$demo" &&
        $docker save -o docker-save.tar localhost/ocitar-demo:latest &&
        copy docker-daemon:localhost/ocitar-demo:latest \
            oci-archive:docker-daemon.tar:a \
            --src-daemon-host "unix://$work/docker/sock" &&
        copy docker-daemon:localhost/ocitar-demo:latest \
            oci:docker-daemon:a \
            --src-daemon-host "unix://$work/docker/sock"
    status=$?
    docker_stop
    return $status
}

# umoci's own diff: a layer of all, then one with whiteouts.
by_umoci() {
    umoci init --layout umoci && umoci new --image umoci:empty &&
        umoci unpack --image umoci:empty one &&
        mkdir one/rootfs/bin one/rootfs/gone &&
        cp "$program" one/rootfs/bin/ && echo gone >one/rootfs/gone/file &&
        umoci repack --image umoci:one one &&
        umoci unpack --image umoci:one two && rm -r two/rootfs/gone &&
        echo new >two/rootfs/new && umoci repack --image umoci:two two &&
        umoci config --image umoci:two --tag set --config.cmd /bin/ocitar \
            --config.cmd --version --config.env A=B --author me &&
        umoci tag --image umoci:set again && umoci gc --layout umoci
    status=$?
    rm -rf one two
    return $status
}

# shellcheck disable=SC2086
by_buildah() {
    bud="buildah $storage"
    c=$($bud from -q scratch) && $bud add -q "$c" "$program" /bin/ &&
        $bud config --cmd '["/bin/ocitar","--version"]' "$c" &&
        $bud commit -q "$c" oci-archive:buildah.tar:localhost/b:1 &&
        $bud commit -q --disable-compression=false "$c" \
            oci-archive:buildah-gzip.tar:localhost/b:1 &&
        $bud commit -q "$c" localhost/b:2 &&
        $bud push -q --compression-format zstd localhost/b:2 \
            oci-archive:buildah-zstd.tar:2 &&
        $bud push -q localhost/b:2 oci:buildah-dir:2 &&
        $bud manifest create localhost/list:1 &&
        $bud manifest add localhost/list:1 oci-archive:buildah.tar &&
        $bud manifest add localhost/list:1 oci-archive:other.tar &&
        $bud manifest push -q --all localhost/list:1 \
            oci-archive:buildah-list.tar:l &&
        $bud rm "$c"
}

# shellcheck disable=SC2086
by_podman() {
    $pod load -q -i "$demo" &&
        $pod save -q --format oci-archive -o podman.tar \
            localhost/ocitar-demo:latest &&
        $pod save -q --format oci-dir -o podman-dir \
            localhost/ocitar-demo:latest
}

# Reads directories from their end: a file system keeps them in one order.
backwards() {
    gcc -shared -fPIC -O1 -o readdir.so "$tests/readdir.c" -ldl
}

# A nested index of two platforms, for those who write such out again.
two_platforms() {
    case $(uname -m) in
    x86_64) here=amd64 there=arm64 ;;
    aarch64) here=arm64 there=amd64 ;;
    *) here=$(uname -m) there=amd64 ;;
    esac
    gcc -std=c99 -O1 -I"$header" -o whiteouts "$tests/whiteouts.c" &&
        ./whiteouts "$program" $there other.tar &&
        ./whiteouts "$program" "$here" this.tar &&
        "$ocitar" index --quiet --nested -o nested.tar this.tar other.tar \
            localhost/n:1
}

# shellcheck disable=SC2086
by_containerd() {
    containerd_start &&
        $ctr images import --no-unpack --base-name x "$demo" &&
        $ctr images import --no-unpack --all-platforms --base-name x \
            nested.tar &&
        $ctr images export containerd.tar localhost/ocitar-demo:latest &&
        $ctr images export --skip-manifest-json containerd-only.tar \
            localhost/ocitar-demo:latest &&
        $ctr images export --all-platforms containerd-list.tar \
            localhost/n:1 &&
        $ctr images export containerd-half.tar localhost/n:1 &&
        $ctr images export --all-platforms containerd-both.tar \
            localhost/n:1 localhost/ocitar-demo:latest
    status=$?
    containerd_stop
    return $status
}

by_tar() {
    tar -C skopeo -cf tar.tar . &&
        tar -C skopeo --format=posix -cf tar-pax.tar \
            oci-layout index.json blobs
}

# ---- what becomes of it -----------------------------------------------------

verifies() { # layout
    "$ocitar" verify "$1" && "$ocitar" verify --quiet "$1" >said &&
        ! test -s said
}

# From an archive, blobs keep its order; from a directory they have one of
# their own, which is the same ever after.
round() { # layout
    rm -rf in again
    "$ocitar" export --quiet "$1" - >first.tar &&
        "$ocitar" import --quiet - in <first.tar &&
        "$ocitar" export --quiet in second.tar &&
        "$ocitar" import --quiet second.tar again &&
        "$ocitar" export --quiet again - | cmp second.tar - &&
        LD_PRELOAD=$work/readdir.so "$ocitar" export --quiet in - |
        cmp second.tar - &&
        "$ocitar" export --quiet second.tar - | cmp second.tar - &&
        diff -r in again && verifies first.tar && verifies in || return 1
    if [ -d "$1" ]; then cmp first.tar second.tar; fi
}

# The blobs of the original are those that came through.
same_blobs() { # layout
    if [ -d "$1" ]; then
        diff -r "$1/blobs" in/blobs
    else
        rm -rf out
        mkdir out && tar -xf "$1" -C out && diff -r out/blobs in/blobs
    fi
}

taken_by_skopeo() { # name
    rm -rf copied
    skopeo --insecure-policy copy -q --all --preserve-digests "oci:in:$1" \
        oci:copied:a || return 1
    # Of several images only one is copied; else all is the same.
    diff -r in/blobs copied/blobs >differ
    ! grep -v '^Only in in/blobs/sha256: ' differ &&
        "$ocitar" verify --quiet copied
}

taken_by_umoci() { # name
    rm -rf unpacked
    umoci raw unpack --image "in:$1" unpacked &&
        cmp "$program" unpacked/bin/ocitar
}

# umoci knows neither zstd nor indexes, nor skopeo which of two is meant.
check_layout() { # layout name [without umoci]
    check "$1: ocitar verify" verifies "$1"
    check "$1: export, import, export" round "$1"
    check "$1: the same blobs" same_blobs "$1"
    check "$1: skopeo copy of the import" taken_by_skopeo "$2"
    if [ "${3:-}" = '' ]; then
        check "$1: umoci unpack of the import" taken_by_umoci "$2"
    fi
}

refused() { # archive: it is not one
    refuses "$ocitar" verify --quiet "$1" &&
        refuses "$ocitar" export --quiet "$1" - >/dev/null
}

# umoci insert 0.4.7 leaves out the padding of the file and the end of the tar.
endless() {
    umoci init --layout insert && umoci new --image insert:a &&
        umoci tag --image insert:a b &&
        umoci insert --image insert:a "$program" /bin/ocitar &&
        layer=$(find insert/blobs -size +100k) &&
        ! gzip -dc "$layer" | tail -c 1024 | tr -d '\0' | cmp -s - /dev/null &&
        "$ocitar" verify insert >said && cat said &&
        [ "$(grep -c ^warning said)" -ge 1 ] && grep '^warning *55 ' said
}

# One such image should not stand in the way of the others in the layout.
beside() {
    "$ocitar" export --quiet insert beside.tar b
}

# By default only this platform's blobs are there: a part, and valid. It goes
# on as the one platform.
half() {
    verifies containerd-half.tar &&
        "$ocitar" export --quiet --platform "linux/$here" \
            containerd-half.tar half.tar &&
        rm -rf in && "$ocitar" import --quiet half.tar in && verifies in
}

# Many images, and those of several layouts in one. containerd's of the name
# takes the place of podman's; to skopeo it is called by its tag.
together() {
    rm -rf in again
    for layout in skopeo.tar umoci podman-dir containerd-both.tar \
        buildah-list.tar; do
        "$ocitar" import --quiet $layout in || return 1
    done
    verifies in && "$ocitar" export --quiet in all.tar &&
        "$ocitar" import --quiet all.tar again &&
        "$ocitar" export --quiet again - | cmp all.tar - &&
        for name in a set latest 1 l; do
            skopeo --insecure-policy copy -q --all --preserve-digests \
                "oci:in:$name" oci:copied:x || return 1
        done
}

# shellcheck disable=SC2086
loads_in_containerd() {
    "$program" --version >version
    "$ocitar" export --quiet umoci loads.tar && containerd_start &&
        $ctr images import --snapshotter native --base-name localhost/u \
            loads.tar &&
        $ctr images check --snapshotter native name==localhost/u:set |
            grep -E 'complete \(([0-9]+)/\1\).*true' &&
        says version $ctr run --rm --snapshotter native localhost/u:set \
            "$ours"
    status=$?
    containerd_stop
    return $status
}

# A changed byte in a blob of each is an error.
damaged() { # archive
    cp "$1" damaged.tar &&
        at=$(python3 -c 'import sys, tarfile
t = max(tarfile.open(sys.argv[1]), key=lambda m: m.size)
print(t.offset_data + t.size // 2)' damaged.tar) &&
        printf '\125\252' |
        dd of=damaged.tar bs=1 seek="$at" conv=notrunc 2>/dev/null &&
        refuses "$ocitar" verify --quiet damaged.tar
}

cgroups
check 'skopeo copies' by_skopeo
check 'docker saves, skopeo asks its daemon' by_docker
check 'directories that read backwards' backwards
check 'two platforms' two_platforms
check 'umoci repacks' by_umoci
check 'buildah commits' by_buildah
check 'podman saves' by_podman
check 'containerd exports' by_containerd
check 'tar' by_tar
for layout in skopeo.tar skopeo skopeo-docker docker-daemon.tar \
    docker-daemon tar.tar tar-pax.tar; do
    check_layout $layout a
done
check_layout skopeo-two b
check_layout skopeo-zstd a no
for tag in one two set again; do
    check_layout umoci $tag
done
check_layout buildah.tar localhost/b:1
check_layout buildah-gzip.tar localhost/b:1
check_layout buildah-dir 2
check_layout buildah-zstd.tar 2 no
check_layout buildah-list.tar l no
check_layout podman.tar localhost/ocitar-demo:latest
check_layout podman-dir localhost/ocitar-demo:latest
check_layout containerd.tar latest
check_layout containerd-only.tar latest
check_layout containerd-list.tar 1 no
check 'containerd-half.tar: one platform of two' half
check 'all in one layout' together
check 'umoci: containerd takes the export' loads_in_containerd
check 'umoci insert: the tar without an end is found' endless
check 'umoci insert: export of another image' beside
check 'containerd-half.tar: import as it is' \
    "$ocitar" import --quiet containerd-half.tar halves
check 'docker-save.tar: no layout, refused' refused docker-save.tar
for archive in skopeo.tar buildah.tar podman.tar containerd.tar; do
    check "$archive: a changed byte is found" damaged $archive
done
counts
