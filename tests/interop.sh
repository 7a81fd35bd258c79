#!/bin/sh
# interop.sh BUILD - the real consumers of images over what the command packs:
# skopeo, oci-image-tool, umoci, runc, containerd and a registry; the
# containers run and their output is checked. Two images: BUILD/demo/demo.tar
# (make demo) and a Debian root file system of about 200 MB with a layer of
# odd files over it. The last line is "N passed, N failed".
#
# Needs root and Debian's packages skopeo umoci runc containerd
# oci-image-tool docker-registry debootstrap gcc-12-multilib clang.
# The Debian tree is kept in $OCITAR_CACHE if that is set, else it is removed.
cd "$(dirname "$0")/.." || exit 2
build=${1:-build}
# shellcheck source=tests/real.sh
. tests/real.sh
. tests/run32.sh
needs skopeo umoci runc containerd ctr oci-image-tool docker-registry \
    debootstrap gcc clang
for file in "$build/ocitar" "$build/demo/demo.tar"; do
    if [ ! -e "$file" ]; then
        echo "interop.sh: no $file; run make demo" >&2
        exit 2
    fi
done

# ---- images -----------------------------------------------------------------

# What root file systems have and this one has not: long names, links to
# them, a fifo, bits above 0777, great owners, a time before 1970, UTF-8,
# no bytes.
odd_tree() { # directory
    part=01234567890123456789012345678901234567890123456789
    part=${part}01234567890123456789
    long=$1/odd/$part/$part/$part/$part
    mkdir -p "$long" && echo long >"$long/$part" &&
        ln "$long/$part" "$1/odd/hard link" &&
        ln -s "$part/$part/$part/$part" "$1/odd/symlink" &&
        mkfifo "$1/odd/fifo" && mknod "$1/odd/block" b 7 123456 &&
        echo name >"$1/odd/né ☃" && : >"$1/odd/empty" &&
        echo setuid >"$1/odd/setuid" &&
        chown 4000000000:70000 "$1/odd/setuid" &&
        chmod 6755 "$1/odd/setuid" && chmod 1777 "$1/odd" &&
        touch -d '1969-12-31 23:59:00 UTC' "$1/odd/empty" &&
        touch -d '2001-02-03 04:05:06 UTC' "$1/odd/setuid"
}

# Packs the two layers with a build of the command, for this machine: a build
# for another one would say so.
pack_debian() { # command archive
    SOURCE_DATE_EPOCH=1700000000 "$1" pack --arch "$(uname -m)" \
        --cmd /bin/sh --cmd -c \
        --cmd 'cat /etc/debian_version; echo alive' --output "$2" \
        "$debian" "$work/odd" localhost/debian:bookworm
}

compile() { # compiler flag...
    rm -f "$work/ocitar"
    "$@" -std=c99 -I. -o "$work/ocitar" examples/ocitar.c || return 1
    case $* in
    *-m32*) run32 "$work/ocitar" ;;
    esac
}

same_bytes() { # command
    pack_debian "$1" "$work/again.tar" &&
        cmp "$work/debian.tar" "$work/again.tar"
}

same_bytes_piped() {
    pack_debian "$build/ocitar" - 2>"$work/messages" |
        cmp "$work/debian.tar" -
}

check_bytes() {
    check 'debian: the same bytes again' same_bytes "$build/ocitar"
    check 'debian: the same bytes to a pipe' same_bytes_piped
    # Without gcc-multilib, a 32-bit gcc does not see <asm/*.h> by itself.
    for compiler in 'gcc -O0' 'clang -O2' \
        'gcc -m32 -O2 -idirafter /usr/include/x86_64-linux-gnu'; do
        # shellcheck disable=SC2086 # a compiler and its flags
        check "${compiler% -idir*}: compiles the command" compile $compiler
        check "${compiler% -idir*}: the same bytes" same_bytes "$work/ocitar"
    done
    rm -f "$work/again.tar"
}

# ---- skopeo, oci-image-tool, umoci, runc ------------------------------------

# What index.json says of its only manifest. The JSON is canonical: one form.
member() { # archive key
    tar -xOf "$1" index.json | sed -n "s/.*\"$2\":\"\\([^\"]*\\)\".*/\\1/p"
}

inspects() { # archive
    skopeo inspect "oci-archive:$1" | tee "$work/log" |
        grep -F "\"Digest\": \"$(member "$1" digest)\""
}

validates() { # layout tag
    oci-image-tool validate --type image --ref "name=$2" "$1"
}

# A changed byte in the first blob, the layer: who takes that checks nothing.
damage() { # archive copy
    cp "$1" "$2" && printf '\377' | dd of="$2" bs=1 seek=2500 conv=notrunc
}

check_layouts() { # name archive tag
    check "$1: skopeo inspect" inspects "$2"
    check "$1: skopeo copy to a layout" \
        skopeo --insecure-policy copy -q "oci-archive:$2" "oci:$work/copy:$3"
    check "$1: oci-image-tool on the copy" validates "$work/copy" "$3"
    rm -rf "$work/copy"
    check "$1: skopeo copy, nothing compressed" skopeo --insecure-policy \
        copy -q --preserve-digests "oci-archive:$2" "oci:$work/copy:$3"
    mkdir -p "$work/layout"
    check "$1: tar -x" tar -xf "$2" -C "$work/layout"
    check "$1: oci-image-tool on the archive" validates "$work/layout" "$3"
    check "$1: the same blobs in both" \
        diff -r "$work/copy/blobs" "$work/layout/blobs"
    rm -rf "$work/copy"
}

check_damaged() { # archive
    damage "$1" "$work/damaged.tar" 2>"$work/log"
    check 'a damaged layer: skopeo refuses it' refuses \
        skopeo --insecure-policy copy -q "oci-archive:$work/damaged.tar" \
        "oci:$work/copy:latest"
    rm -rf "$work/copy" "$work/damaged.tar"
}

runs_in_runc() { # file with the output
    sed -i 's/"terminal": *true/"terminal": false/' "$work/bundle/config.json"
    says "$1" runc --root "$work/runc" run --bundle "$work/bundle" "$ours"
}

check_runc() { # name tag file
    check "$1: umoci unpack" \
        umoci unpack --image "$work/layout:$2" "$work/bundle"
    check "$1: runc run" runs_in_runc "$3"
    rm -rf "$work/layout"
}

# ---- the unpacked tree ------------------------------------------------------

# One line for each file: name, type, mode, owner, link, time, links, size;
# then the digests. Times as packed: whole seconds, none later than the epoch.
describe() { # directory
    (
        cd "$1" || exit 1
        find . -mindepth 1 -printf '%p\t%y\t%m\t%U:%G\t%l\t%T@\t%n\t%s\n' |
            awk -F '\t' -v OFS='\t' '{
                if ($6 > 1700000000) $6 = 1700000000
                $6 = int($6)
                if ($2 == "d") $7 = $8 = "-"
                print
            }' | sort
        find . -type f -exec sha256sum {} + | sort
    )
}

# The Debian tree with the odd one over it is what umoci unpacked.
same_tree() {
    mkdir "$work/want" && cp -a "$debian/." "$work/odd/." "$work/want" &&
        describe "$work/want" >"$work/want.txt" &&
        describe "$work/bundle/rootfs" >"$work/got.txt" &&
        rm -rf "$work/want" && test -s "$work/got.txt" &&
        diff "$work/want.txt" "$work/got.txt"
}

# ---- containerd -------------------------------------------------------------

# shellcheck disable=SC2086 # $ctr is a command and its options
imports() { # archive or "-"
    $ctr images import --snapshotter native --base-name localhost/base "$1"
}

# shellcheck disable=SC2002 # a pipe is the point: a file could be sought
imports_pipe() { # archive
    cat "$1" | imports -
}

# Import exits 0 even when nothing came in.
lists() { # reference
    $ctr images ls -q | grep -x -F "$1"
}

# Every blob there and unpacked.
complete() { # reference
    $ctr images check --snapshotter native "name==$1" | tee "$work/log" |
        grep -E 'complete \(([0-9]+)/\1\).*true'
}

# containerd's content does not depend on the namespace, so that a second
# import into the same daemon would find all blobs there: a new one for each.
# shellcheck disable=SC2086 # $ctr is a command and its options
check_containerd() { # name archive reference file
    for from in imports imports_pipe; do
        check "$1: containerd starts" containerd_start
        check "$1: ctr $from" $from "$2"
        check "$1: ctr images ls" lists "$3"
        check "$1: ctr images check" complete "$3"
        check "$1: ctr run" says "$4" \
            $ctr run --rm --snapshotter native "$3" "$ours"
        containerd_stop
    done
}

# ---- a registry -------------------------------------------------------------

push() { # archive name
    skopeo --insecure-policy copy -q --all --preserve-digests \
        --dest-tls-verify=false "oci-archive:$1" \
        "docker://127.0.0.1:$port/$2:1"
}

pull() { # archive name
    skopeo --insecure-policy copy -q --all --preserve-digests \
        --src-tls-verify=false "docker://127.0.0.1:$port/$2:1" \
        "oci-archive:$work/pulled.tar:1" &&
        [ "$(member "$1" digest)" = "$(member "$work/pulled.tar" digest)" ]
}

check_registry() { # name archive
    check "$1: a registry starts" registry_start
    check "$1: skopeo copy to the registry" push "$2" "$1"
    check "$1: and back, the same digest" pull "$2" "$1"
    stop "$registry"
    registry=''
    rm -rf "$work/registry" "$work/pulled.tar"
}

# ---- the run ----------------------------------------------------------------

cgroups
"$build/ocitar" --version >"$work/demo.says"
check_layouts demo "$build/demo/demo.tar" latest
check_runc demo latest "$work/demo.says"
rm -rf "$work/bundle"
check_damaged "$build/demo/demo.tar"
check_containerd demo "$build/demo/demo.tar" localhost/ocitar-demo:latest \
    "$work/demo.says"
check_registry demo "$build/demo/demo.tar"

check 'debian: debootstrap' debian_tree
check 'debian: odd files' odd_tree "$work/odd"
check 'debian: ocitar pack' pack_debian "$build/ocitar" "$work/debian.tar"
{ cat "$debian/etc/debian_version" && echo alive; } >"$work/debian.says"
check_bytes
check_layouts debian "$work/debian.tar" bookworm
check_runc debian bookworm "$work/debian.says"
check 'debian: the tree is what was packed' same_tree
rm -rf "$work/bundle"
check_containerd debian "$work/debian.tar" localhost/debian:bookworm \
    "$work/debian.says"
check_registry debian "$work/debian.tar"

counts
