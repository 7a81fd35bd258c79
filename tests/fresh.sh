#!/bin/sh
# fresh.sh [CPPFLAGS] - what a newcomer does: a clone of the last commit, then
# make demo and make test, with a compiler and make and no tools beyond those
# that every system has. Nothing of this working tree, and no other compiler or
# consumer, can be what makes it pass. Exit 0 if both targets did. With
# CPPFLAGS, without the tests that have flags of their own.
flags=$*
cd "$(dirname "$0")/.." || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

# A PATH of our own: the compiler with its binutils, make, and the programs of
# Debian's essential packages. What is missing here is missing there too.
link_tools() { # directory
    mkdir "$1" || return 1
    for tool in $(dpkg-query -L bash binutils coreutils dash debianutils \
        diffutils findutils grep gzip hostname mawk sed tar util-linux |
        grep -E '^(/usr)?/s?bin/.'); do
        ln -sf "$tool" "$1/"
    done
    # awk is an alternative, which no package lists.
    for tool in awk gcc cc make; do
        ln -sf "$(command -v $tool)" "$1/" || return 1
    done
}

run() { # target
    echo "make $1"
    env -i PATH="$work/bin" HOME="$work" TMPDIR="$work/tmp" LC_ALL=C \
        ${flags:+FORCED=1} make -C "$work/clone" --no-print-directory "$1" CPPFLAGS="$flags" \
        >"$work/log" 2>&1
    status=$?
    tail -n 2 "$work/log"
    if [ $status != 0 ]; then
        echo "FAIL make $1 in a fresh clone ended with $status"
        grep -v ' -std=c99 ' "$work/log" | tail -n 60 | sed 's/^/    /'
    fi
    return $status
}

# A CI machine may hold the tree for another user, which git wants allowed,
# by a file: options do not reach the other end of a clone.
printf '[safe]\n\tdirectory = *\n' >"$work/.gitconfig"
HOME=$work git clone -q "file://$PWD" "$work/clone" || exit 1
link_tools "$work/bin" && mkdir "$work/tmp" || exit 1
run demo || exit 1
run test || exit 1
echo 'a fresh clone works'
