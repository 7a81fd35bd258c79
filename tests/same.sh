#!/bin/sh
# same.sh BUILD - the same input gives the same bytes: one odd tree (see
# tests/tree.py), packed from copies made in another order, with directories
# read in another order, under other umasks, locales, time zones and users, by
# other compilers, with and without the processor's SHA instructions, into a
# file, a pipe and a layout directory. Ends with "N passed, N failed".
#
# Needs root, a file system with extended attributes for $TMPDIR, and Debian's
# packages gcc gcc-12-multilib clang python3 locales tzdata util-linux.
cd "$(dirname "$0")/.." || exit 2
build=${1:-build}
# shellcheck source=tests/real.sh
. tests/real.sh
. tests/run32.sh
needs gcc clang python3 localedef setpriv
tests=$PWD/tests
source=$PWD/examples/ocitar.c
header=$PWD
unset SOURCE_DATE_EPOCH TZ LC_ALL LANG
chmod 755 "$work" # for nobody

# Packs with the command $1 and compares with the first archive, $want.
pack() { # command tree output option...
    command=$1 tree=$2 out=$3
    shift 3
    "$command" pack --quiet --nanoseconds --platform linux/amd64 -o "$out" \
        "$@" "$tree" localhost/same:1
}

same() { # command tree option...
    command=$1 tree=$2
    shift 2
    rm -f "$work/again.tar"
    pack "$command" "$tree" "$work/again.tar" "$@" &&
        cmp "$want" "$work/again.tar"
}

same_piped() { # command tree option...
    command=$1 tree=$2
    shift 2
    { pack "$command" "$tree" - "$@" || echo failed; } | cat |
        cmp "$want" -
}

# All of it: the archive has the files of the layout, and one more.
same_layout() { # command tree option...
    command=$1 tree=$2
    shift 2
    rm -rf "$work/again" "$work/unpacked"
    pack "$command" "$tree" "$work/again/" "$@" &&
        mkdir "$work/unpacked" && tar -xf "$want" -C "$work/unpacked" &&
        diff -r "$work/unpacked/blobs" "$work/again/blobs" &&
        cmp "$work/unpacked/index.json" "$work/again/index.json" &&
        cmp "$work/unpacked/oci-layout" "$work/again/oci-layout" &&
        test "$(find "$work/again/blobs" -type f | wc -l)" = 3
}

same_masked() { # umask
    (umask "$1" && same "$work/ocitar" "$work/tree" &&
        same_piped "$work/ocitar" "$work/tree" &&
        same_layout "$work/ocitar" "$work/tree")
}

with() { # NAME=VALUE
    env "$1" "$work/ocitar" pack --quiet --nanoseconds \
        --platform linux/amd64 -o - "$work/tree" localhost/same:1 |
        cmp "$want" -
}

from() { # directory operand
    (cd "$1" && same "$work/ocitar" "$2")
}

make_trees() {
    mkdir "$work/tree" && python3 "$tests/tree.py" make "$work/tree" 4 &&
        cp -a --sparse=always "$work/tree" "$work/copy"
}

# Every name is made in the reverse order, links before what was first.
copy_backwards() {
    mkdir "$work/backwards" &&
        (cd "$work/tree" && find . -mindepth 1 -print0 | sort -zr |
            tar -c --posix --xattrs --xattrs-include='*' --numeric-owner \
                --no-recursion --null --files-from=- --sparse) |
        tar -xp --xattrs --xattrs-include='*' --numeric-owner \
            --delay-directory-restore --warning=none -C "$work/backwards" &&
        relink "$work/backwards" && touch -r "$work/tree" "$work/backwards" &&
        python3 "$tests/tree.py" compare "$work/tree" "$work/backwards"
}

# GNU tar makes two files of a device or fifo with two names.
relink() { # tree
    for name in char block fifo; do
        rm "$1/odd/again/$name" &&
            ln "$1/odd/$name" "$1/odd/again/$name" || return 1
    done
    touch -r "$work/tree/odd/again" "$1/odd/again"
}

# The shim does what it is for, else it proves nothing.
read_backwards() {
    gcc -shared -fPIC -O1 -o "$work/readdir.so" "$tests/readdir.c" -ldl &&
        ls -U "$work/tree/odd" >"$work/forwards.txt" &&
        LD_PRELOAD=$work/readdir.so ls -U "$work/tree/odd" \
            >"$work/backwards.txt" &&
        refuses cmp "$work/forwards.txt" "$work/backwards.txt" &&
        tac "$work/backwards.txt" | cmp - "$work/forwards.txt"
}

turkish() {
    mkdir "$work/locale" &&
        localedef -i tr_TR -f UTF-8 "$work/locale/tr_TR.UTF-8" &&
        test "$(LOCPATH=$work/locale LC_ALL=tr_TR.UTF-8 locale decimal_point)" \
            = ','
}

in_turkish() {
    LOCPATH=$work/locale with LC_ALL=tr_TR.UTF-8
}

compile() { # compiler flag...
    rm -f "$work/other"
    "$@" -std=c99 -I"$header" -o "$work/other" "$source" || return 1
    case $* in
    *-m32*) run32 "$work/other" ;;
    esac
}

# What nobody can read: no trusted attributes, nothing that is only root's.
plain_tree() {
    mkdir -p "$work/plain/a/b" && echo a >"$work/plain/a/a" &&
        echo b >"$work/plain/a/b/ü" && ln "$work/plain/a/a" "$work/plain/b" &&
        ln -s a "$work/plain/link" && mkfifo "$work/plain/fifo" &&
        chown 65534:65534 "$work/plain/fifo" && chmod 1755 "$work/plain/a" &&
        chown 1:2 "$work/plain/a/b" && chmod 4755 "$work/plain/a/b/ü" &&
        python3 -c 'import os, sys
os.setxattr(sys.argv[1], "user.x", b"\0x")' "$work/plain/a/a"
}

as_nobody() {
    mkdir "$work/nobody" && chmod 777 "$work/nobody" &&
        want=$work/plain.tar &&
        pack "$work/ocitar" "$work/plain" "$want" --owner 0:0 &&
        TMPDIR=$work/nobody setpriv --reuid=65534 --regid=65534 \
            --clear-groups sh -c "umask 027; id -u | grep -x 65534 &&
            '$work/ocitar' pack --quiet --nanoseconds --owner 0:0 \
                --platform linux/amd64 -o '$work/nobody/again.tar' \
                '$work/plain' localhost/same:1" &&
        cmp "$want" "$work/nobody/again.tar"
    status=$?
    want=$work/want.tar
    return $status
}

# A difference in the tree is one in the bytes; of its times, too.
differs() { # command...
    rm -rf "$work/other tree"
    cp -a --sparse=always "$work/tree" "$work/other tree" &&
        (cd "$work/other tree/odd" && "$@") &&
        pack "$work/ocitar" "$work/other tree" "$work/again.tar" &&
        refuses cmp -s "$want" "$work/again.tar"
    status=$?
    rm -rf "$work/other tree"
    return $status
}

want=$work/want.tar
cp "$build/ocitar" "$work/ocitar" || exit 2
check 'an odd tree and a copy' make_trees
check 'ocitar pack' pack "$work/ocitar" "$work/tree" "$want"
check 'again' same "$work/ocitar" "$work/tree"
check 'into a pipe' same_piped "$work/ocitar" "$work/tree"
check 'into a pipe, waiting in a file' \
    same_piped "$work/ocitar" "$work/tree" --memory 1
check 'into a layout directory' same_layout "$work/ocitar" "$work/tree"
check 'a touched file: other bytes' \
    differs touch -d @1700000000.123456788 'time 1700000000123456789'
check 'a linked file apart: other bytes' \
    differs sh -c 'cp -a usual x && mv x usual'
check 'a copy' same "$work/ocitar" "$work/copy"
check 'a copy made backwards' copy_backwards
check 'of that one' same "$work/ocitar" "$work/backwards"
check 'directories that read backwards' read_backwards
check 'of those' with "LD_PRELOAD=$work/readdir.so"
check 'a path with a slash' same "$work/ocitar" "$work/tree/"
check 'from within' from "$work/tree" .
check 'from below' from "$work/tree/odd" ..
check 'umask 000' same_masked 000
check 'umask 077' same_masked 077
for locale in C C.UTF-8 POSIX; do
    check "LC_ALL=$locale" with LC_ALL=$locale
done
check 'a Turkish locale' turkish
check 'LC_ALL=tr_TR.UTF-8' in_turkish
check 'the zones are known' test \
    "$(TZ=Asia/Kolkata date +%z) $(TZ=America/St_Johns date -d @0 +%z)" \
    = '+0530 -0330'
for zone in UTC Asia/Kolkata America/St_Johns IST-5:30 NST3:30NDT; do
    check "TZ=$zone" with TZ=$zone
done
check 'a plain tree' plain_tree
check 'as nobody' as_nobody
# Without gcc-multilib, a 32-bit gcc does not see <asm/*.h> by itself.
include='-idirafter /usr/include/x86_64-linux-gnu'
m32="-m32 -O2 $include"
for compiler in 'gcc -O0' 'gcc -O2' 'clang -O2' "gcc $m32" \
    'gcc -O2 -DOCITAR_NO_INTRINSICS' 'gcc -O2 -funsigned-char'; do
    name=${compiler% -idir*}
    # shellcheck disable=SC2086 # a compiler and its flags
    check "$name: compiles" compile $compiler
    check "$name: into a file" same "$work/other" "$work/tree"
    check "$name: into a pipe" same_piped "$work/other" "$work/tree"
    check "$name: into a layout" same_layout "$work/other" "$work/tree"
done
late() {
    mkdir -p "$work/late" && : >"$work/late/file" &&
        touch -d 2040-01-01T00:00:00Z "$work/late/file" &&
        pack "$work/other" "$work/late" "$work/again.tar"
}
# shellcheck disable=SC2086
check 'gcc -m32: compiles' compile gcc -m32 $include
check 'gcc -m32: a file of 2040' late
counts
