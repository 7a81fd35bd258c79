#!/bin/sh
# rootfs.sh BUILD - a Debian root file system with odd files of every kind in
# it: packed, unpacked by umoci and by GNU tar, it is the same tree in every
# field (tests/tree.py says which, and what a reader cannot keep). Ends with
# "N passed, N failed".
#
# Needs root, a file system with extended attributes for $TMPDIR with 1.5 GB of
# room, and Debian's packages umoci python3 tar debootstrap. The Debian tree is
# kept in $OCITAR_CACHE if that is set.
cd "$(dirname "$0")/.." || exit 2
build=${1:-build}
# shellcheck source=tests/real.sh
. tests/real.sh
needs umoci python3 tar debootstrap

copy() { # from to
    cp -a --sparse=always "$1" "$2"
}

# Both trees as one: what odd_tree adds to the copy of Debian's.
whole_tree() {
    copy "$debian" "$work/tree" && python3 tests/tree.py make "$work/tree"
}

small_tree() {
    mkdir "$work/small" && python3 tests/tree.py make "$work/small"
}

# Each field of its own, changed, is a difference.
finds() { # number
    rm -rf "$work/spoilt" && copy "$work/small" "$work/spoilt" &&
        python3 tests/tree.py spoil "$work/spoilt" "$1" &&
        python3 tests/tree.py compare "$work/small" "$work/spoilt"
    [ $? = 4 ]
}

# No umask, and no setting of ours, may show in what a reader makes.
unpacked_by_umoci() { # layout
    rm -rf "$work/got"
    umoci raw unpack --image "$1:1" "$work/got" &&
        python3 tests/tree.py compare "$work/tree" "$work/got" umoci
}

layer_of() { # layout: the blob of its only layer, which is the largest file
    find "$1/blobs" -type f -printf '%s %p\n' | sort -n | tail -n 1 |
        cut -d ' ' -f 2
}

# Its warnings are about times before 1970 and after 2242.
unpacked_by_tar() { # layout
    rm -rf "$work/got"
    mkdir "$work/got" &&
        tar --numeric-owner --xattrs --xattrs-include='*' --warning=none \
            -xpf "$(layer_of "$1")" -C "$work/got" &&
        python3 tests/tree.py compare "$work/tree" "$work/got" tar
}

pack() { # output option...
    out=$1
    shift
    "$build/ocitar" pack --quiet --nanoseconds --with-root --arch amd64 \
        --output "$out" "$@" "$work/tree" localhost/tree:1
}

# GNU tar writes %3D for it.
equals() {
    mkdir -p "$work/equals" && : >"$work/equals/file" &&
        python3 -c 'import os, sys
os.setxattr(sys.argv[1], "user.a=b", b"c")' "$work/equals/file" &&
        "$build/ocitar" pack --quiet -o "$work/equals.tar" "$work/equals" a:1
}

from_archive() {
    pack "$work/tree.tar" && mkdir "$work/layout" &&
        tar -xf "$work/tree.tar" -C "$work/layout" && rm "$work/tree.tar"
}

check 'the comparison: an odd tree' small_tree
check 'the comparison: a copy is the same' sh -c \
    "cp -a '$work/small' '$work/spoilt' &&
    python3 tests/tree.py compare '$work/small' '$work/spoilt'"
way=0
while [ $way -lt 11 ]; do
    check "the comparison: finds change $way" finds $way
    way=$((way + 1))
done
rm -rf "$work/spoilt" "$work/small"

still 'an attribute with = in its name, which pax has no place for' equals
check 'debootstrap' debian_tree
check 'the tree' whole_tree
check 'ocitar pack' from_archive
check 'ocitar verify' "$build/ocitar" verify --quiet "$work/layout"
check 'umoci: the same tree' unpacked_by_umoci "$work/layout"
tail -n 1 "$work/log"
check 'GNU tar: the same tree' unpacked_by_tar "$work/layout"
tail -n 1 "$work/log"
rm -rf "$work/layout"
check 'ocitar pack, gzip' pack "$work/layout/" --compress gzip
check 'gzip: ocitar verify' "$build/ocitar" verify --quiet "$work/layout"
check 'gzip: umoci, the same tree' unpacked_by_umoci "$work/layout"
check 'gzip: GNU tar, the same tree' unpacked_by_tar "$work/layout"
counts
