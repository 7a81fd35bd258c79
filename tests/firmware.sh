#!/bin/sh
# firmware.sh BUILD - examples/firmware on emulated boards: what the writer
# sends is loaded by others and by the command, and is what a host sends; the
# checker starts what is good and nothing else. And what the writer needs of a
# C library. The last line is "N passed, N failed".
#
# Needs Debian's packages gcc-arm-none-eabi picolibc-arm-none-eabi clang
# qemu-system-arm skopeo umoci tar. One that is missing is a failure.
if [ $# != 1 ]; then
    echo 'usage: firmware.sh BUILD' >&2
    exit 2
fi
ocitar=$(cd "$1" && pwd)/ocitar || exit 2
cd "$(dirname "$0")/.." || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
LC_ALL=C
export LC_ALL
# shellcheck source=tests/count.sh
. tests/count.sh

for tool in arm-none-eabi-gcc clang qemu-system-arm skopeo umoci "$ocitar"; do
    if ! command -v "$tool" >/dev/null; then
        echo "firmware.sh: $tool is not installed" >&2
        exit 2
    fi
done

# make's targets, each build in a directory of its own: for the core of a
# Cortex-M0 on a larger board, where there is a second line to say what was
# used; by another compiler; or as they are.
build() { # name argument...
    name=$1
    shift
    case $name in
    m0) set -- "$@" CPU=cortex-m0 CFLAGS='-Os -DMEASURE' ;;
    clang) set -- "$@" CC='clang --target=thumbv6m-none-eabi' ;;
    esac
    make -s -C examples/firmware BUILD="$work/$name" "$@"
}

# A board until it resets itself. The archive's line, then the words' if it
# has a line for them.
emulate() { # board program archive words
    case $1 in
    mps2) machine=mps2-an385 ;;
    *) machine=$1 ;;
    esac
    rm -f "$3" "$4"
    timeout 60 qemu-system-arm -M "$machine" -display none -monitor none \
        -no-reboot -kernel "$2" -serial "file:$3" -serial "file:$4"
}

# ---- the writer -------------------------------------------------------------

# The one manifest that index.json names.
manifest() { # archive
    tar -xOf "$1" index.json | sed 's/.*"digest":"\([a-z0-9:]*\)".*/\1/'
}

sends() { # name board
    emulate "$2" "$work/$1/writer.elf" "$work/$1.tar" "$work/$1.words" &&
        [ -s "$work/$1.tar" ] && cat "$work/$1.words" &&
        ! grep -e FAIL -e FAULT "$work/$1.words"
}

# The blob's bytes are those of the file that was built in.
carries() { # archive file
    sum=$(sha256sum <"$2")
    tar -xOf "$1" "blobs/sha256/${sum%% *}" | cmp - "$2"
}

# skopeo checks each digest on its way. Its dir: has the layer by its digest.
skopeo_loads() { # archive file
    sum=$(sha256sum <"$2")
    rm -rf "$work/dir"
    skopeo inspect --raw "oci-archive:$1" | grep -F "sha256:${sum%% *}" &&
        skopeo copy "oci-archive:$1" "dir:$work/dir" &&
        cmp "$work/dir/${sum%% *}" "$2"
}

# umoci reads, renames, and throws away what nothing refers to.
umoci_edits() { # archive
    rm -rf "$work/layout"
    mkdir "$work/layout" && tar -xf "$1" -C "$work/layout" &&
        [ "$(umoci ls --layout "$work/layout")" = 7 ] &&
        umoci tag --image "$work/layout:7" new &&
        umoci rm --image "$work/layout:7" &&
        umoci gc --layout "$work/layout" &&
        [ "$(umoci ls --layout "$work/layout")" = new ] &&
        "$ocitar" verify --quiet --strict "$work/layout"
}

# The same calls on this machine, where each thing has another size.
host_writes() { # file way
    cc=${CC:-cc} host=$work/host-$2
    if ! [ -e "$host.o" ]; then
        $cc -std=c99 -O1 -I. "-D$2" -c -o "$host.o" \
            examples/firmware/writer.c || return 1
    fi
    $cc -c "-DCONTENT=\"$1\"" '-DEXPECTED=""' -o "$work/content.o" \
        examples/firmware/content.S &&
        $cc -std=c99 -z noexecstack -o "$host" "$host.o" \
            examples/firmware/words.c tests/firmware_board.c \
            "$work/content.o" &&
        "$host"
}

# All of them, and nothing after them: what a board with one line has to say
# of a failure would stand there.
same_as_host() { # archive file way
    host_writes "$2" "$3" >"$work/host.tar" && cmp "$1" "$work/host.tar"
}

# writer NAME BOARD WAY FILE ARGUMENT... - builds, runs, and looks at it all.
writer() {
    name=$1 board=$2 way=$3 file=$4
    shift 4
    check "$name: built" build "$name" writer BOARD="$board" WAY="$way" "$@"
    check "$name: sends" sends "$name" "$board"
    check "$name: carries the firmware" carries "$work/$name.tar" "$file"
    check "$name: ocitar verify" \
        "$ocitar" verify --quiet --strict "$work/$name.tar"
    check "$name: skopeo" skopeo_loads "$work/$name.tar" "$file"
    check "$name: umoci" umoci_edits "$work/$name.tar"
    check "$name: the bytes of a host" \
        same_as_host "$work/$name.tar" "$file" "$way"
}

# ---- the checker ------------------------------------------------------------

# The checker with an archive in flash, run until it ends. Its words are at
# $work/words.
check_archive() { # name board archive digest
    build "$1" checker BOARD="$2" ARCHIVE="$3" EXPECTED="$4" || return 1
    if [ "$2" = mps2 ]; then
        emulate "$2" "$work/$1/checker.elf" "$work/none" "$work/words"
    else
        emulate "$2" "$work/$1/checker.elf" "$work/words" "$work/none"
    fi
    cat "$work/words"
}

# It passes, and what is in the slot starts.
installs() { # name board archive
    check_archive "$1" "$2" "$3" "$(manifest "$3")" &&
        grep -q '^PASS: ' "$work/words" &&
        [ "$(tail -n 1 "$work/words")" = 'the update runs' ]
}

# It says so, and starts nothing.
refuses() { # words name board archive digest
    words=$1
    shift
    check_archive "$@" && grep -q "^$words" "$work/words" &&
        grep -q '^FAIL: ' "$work/words" &&
        ! grep -q -e '^PASS' -e FAULT -e 'update runs' "$work/words"
}

# The good archive with one thing changed.
broken() { # rule name command...
    broken="rule $1: $2" rule=$1
    shift 2
    cp "$good" "$work/broken.tar"
    check "$broken: made" changed "$@"
    check "$broken" refuses "rule $rule: " "$checker" mps2 \
        "$work/broken.tar" "$(manifest "$good")"
}

changed() { # command...
    "$@" && ! cmp -s "$good" "$work/broken.tar"
}

replace() { # text by
    sed -i "s/$1/$2/" "$work/broken.tar"
}

cut() {
    head -c "$1" "$good" >"$work/broken.tar"
}

without() { # entry
    tar --delete -f "$work/broken.tar" "$1"
}

# ---- the C library ----------------------------------------------------------

# What a link took out of archives: file and symbol, as its map lists them.
taken() { # map
    sed '1d; /^[A-Z].*[a-z]$/,$d' "$1" | awk '/^\// { file = $1 }
        /\([a-zA-Z0-9_]*\)$/ && !/^\/[^ ]*$/ { print file, $NF }'
}

# Of libgcc what it likes, of all else the four.
needs_only_mem() { # map
    taken "$1" >"$work/taken"
    grep -q 'libc\.a(.*) (memcpy)$' "$work/taken" || return 1
    ! grep -v 'libgcc\.a(' "$work/taken" |
        grep -v ' (\(memcpy\|memmove\|memset\|memcmp\))$'
}

# The objects that are there, linked with a libc for the four.
link_with_libc() { # name flag...
    rm -rf "$work/libc"
    cp -R "$work/$1" "$work/libc" && rm "$work/libc/mem.o" || return 1
    shift
    build libc writer BOARD=microbit MEM= \
        LIBC="-L$picolibc $* -lc" && needs_only_mem "$work/libc/writer.map"
}

# One that does need more, to show that it would be seen.
more_is_seen() { # name
    link_with_libc "$1" -Wl,-u,strlen && return 1
    cat "$work/taken"
    grep 'libc\.a(.*) (strlen)$' "$work/taken"
}

# ---- all of it --------------------------------------------------------------

picolibc=/usr/lib/picolibc/arm-none-eabi/lib/release
picolibc=$picolibc/$(arm-none-eabi-gcc -mcpu=cortex-m0 -mthumb \
    -print-multi-directory)
if ! [ -e "$picolibc/libc.a" ]; then
    echo 'firmware.sh: picolibc-arm-none-eabi is not installed' >&2
    exit 2
fi

# 60,000 bytes, without a pattern that would hide a lost piece.
awk 'BEGIN { for (i = 0; i < 6000; i++) printf "%09d\n", i * 7919 }' \
    >"$work/large"

writer m0 mps2 REHEARSE "$work/m0/update.bin"
writer m3-large mps2 KNOWN "$work/large" FIRMWARE="$work/large"
writer microbit microbit REHEARSE "$work/microbit/update.bin"
writer microbit-known microbit KNOWN "$work/microbit-known/update.bin"
writer clang microbit REHEARSE "$work/clang/update.bin"

# at_most FILE WHAT BYTES - what a program says that it took.
at_most() {
    took=$(sed -n "s/.*$2 \([0-9]*\).*/\1/p" "$1")
    echo "$2 $took of $3"
    [ "$took" -le "$3" ]
}

address() { # program symbol
    arm-none-eabi-nm "$1" | sed -n "s/^\(.*\) . $2\$/0x\1/p"
}

# Code and constants, without the file that is carried.
code_of() { # program
    all=$(arm-none-eabi-size "$1" | awk 'NR == 2 { print $1 }')
    first=$(address "$1" content) last=$(address "$1" content_end)
    echo "code $((all - (last - first)))"
}

# README.md there has these figures.
figures() { # program words code memory stack
    { code_of "$1" && grep memory "$2"; } >"$work/figures" &&
        at_most "$work/figures" code "$3" &&
        at_most "$work/figures" memory "$4" &&
        at_most "$work/figures" stack "$5"
}

check 'm0: the writer fits' figures "$work/m0/writer.elf" "$work/m0.words" \
    26112 2048 2432
sed 's/^/     /' "$work/figures"

check 'm0: the checker starts what it sent' installs m0 mps2 "$work/m0.tar"
cp "$work/words" "$work/figures.words"
check 'm0: the checker fits' figures "$work/m0/checker.elf" \
    "$work/figures.words" 23552 4352 1280
sed 's/^/     /' "$work/figures"
check 'microbit: the checker starts what it sent' installs microbit microbit \
    "$work/microbit.tar"
check 'metadata last: likewise' installs microbit microbit \
    "$work/microbit-known.tar"
check 'clang: likewise' installs clang microbit "$work/clang.tar"

# A container tool's archive of the same: other bytes, the same manifest.
recopies() {
    skopeo copy -q "oci-archive:$work/m0.tar" "oci-archive:$work/copy.tar" &&
        ! cmp -s "$work/m0.tar" "$work/copy.tar"
}
check 'a copy by skopeo: made' recopies
check 'a copy by skopeo: starts' installs m0 mps2 "$work/copy.tar"

good=$work/m0.tar checker=m0
firmware=$(sha256sum <"$work/m0/update.bin")
firmware=blobs/sha256/${firmware%% *}
check 'rule 0: another manifest is expected' refuses 'rule 0: ' "$checker" \
    mps2 "$good" "$(manifest "$work/m3-large.tar")"
broken 2 'no oci-layout' without oci-layout
broken 3 'no index.json' without index.json
broken 4 'a byte of the firmware' replace 'the update runs' 'the update ruNs'
broken 7 'no firmware' without "$firmware"
broken 14 'a size in index.json' replace '"size":504' '"size":505'
broken 3 'index.json is not JSON' replace '"manifests":\[' '"manifests";['
broken 61 'cut before the end' cut 4000
check 'too large for the slot' refuses FAIL microbit microbit \
    "$work/m3-large.tar" "$(manifest "$work/m3-large.tar")"
check 'no digest to expect' refuses FAIL m0 mps2 "$good" ''

check 'the writer needs four functions of a C library' \
    link_with_libc microbit
sed 's/^/     /; s|/.*/||' "$work/taken"
check 'a fifth would be seen' more_is_seen microbit

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
