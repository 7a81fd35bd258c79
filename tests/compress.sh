#!/bin/sh
# compress.sh BUILD - gzip and zstd in the command: what it makes with
# --compress and of inputs that are compressed, or, where it was built without
# a library, what it says. The last line is "N passed, N failed".
if [ $# != 1 ]; then
    echo 'usage: compress.sh BUILD' >&2
    exit 2
fi
build=$(cd "$1" && pwd) || exit 2
here=$(cd "$(dirname "$0")" && pwd) || exit 2
ocitar=$build/ocitar
dir=$build/compress.test
passed=0 failed=0
unset SOURCE_DATE_EPOCH TMPDIR
LC_ALL=C
export LC_ALL

# shellcheck source=tests/command_checks.sh
. "$(dirname "$0")/command_checks.sh"

# The manifest names this type and no other one of a layer.
typed() { # archive suffix
    type=application/vnd.oci.image.layer.v1.tar
    tar -xOf "$1" | tr -d '\000' | tr ',{}' '\n\n\n' |
        grep "^\"mediaType\":\"$type" | sort -u >"$dir/types"
    [ "$(cat "$dir/types")" = "\"mediaType\":\"$type$2\"" ]
}

# The config's diffID is the digest of this file.
diff_id_of() { # archive file
    sum=$(sha256sum <"$2")
    in_archive "$1" "\"diff_ids\":[\"sha256:${sum%% *}\"]"
}

bytes_at() { # file offset count
    od -An -v -tx1 -j "$2" -N "$3" "$1" | tr -d ' \n'
}

# ---- inputs -----------------------------------------------------------------

rm -rf "$dir"
mkdir -p "$dir/root/etc" "$dir/small"
i=0
while [ $i -lt 20000 ]; do
    echo "line $i, of a file that can be compressed $((i * 7919 % 10007))"
    i=$((i + 1))
done >"$dir/root/long"
head -c 300000 "$ocitar" >"$dir/root/etc/program"
echo hello >"$dir/small/hello"
tar -cf "$dir/root.tar" -C "$dir/root" .
run pack -o "$dir/plain.tar" "$dir/root" x:1
check 'not compressed: done' done_well
check 'not compressed: the type' typed "$dir/plain.tar" ''
cp "$(layer "$dir/plain.tar")" "$dir/root.layer"
run pack -o "$dir/none.tar" --compress none "$dir/root" x:1
check '--compress none is as without' cmp "$dir/none.tar" "$dir/plain.tar"
for z in '' none: none:0 None xz bzip2 lz4 gzi gzipp ' gzip' none,gzip :6; do
    wrong 'must be none' pack --compress "$z" -o "$dir/w.tar" "$dir/small" x:1
done
wrong 'a value is missing' pack "$dir/small" x:1 --compress
printf '\3757zXZ\000' >"$dir/xz"
printf 'BZh91AY' >"$dir/bz2"
for z in xz bz2; do
    head -c 5000 /dev/zero >>"$dir/$z"
    bad "$dir/$z: compressed with " pack -o "$dir/bad.tar" "$dir/$z" x:1
    bad 'decompress it first' pack --compress none -o "$dir/bad.tar" \
        "$dir/$z" x:1
done

# ---- one of them ------------------------------------------------------------

# What it says without the library.
without() { # name library beginning
    echo "not built in: $1"
    why="$1: this ocitar was built without $2"
    wrong "$why" pack --compress "$1" -o "$dir/w.tar" "$dir/small" x:1
    wrong "built without $2" pack --compress "$1:5" -o "$dir/w.tar" \
        "$dir/small" x:1
    # shellcheck disable=SC2059 # the beginning is a format
    printf "$3" >"$dir/in.$1"
    for i in 1 2; do
        bad "$dir/in.$1: compressed with $why" pack -o "$dir/bad.tar" \
            "$dir/in.$1" x:1
        bad "$dir/in.$1: compressed with $why" pack -o "$dir/bad.tar" \
            "$dir/small" "$dir/in.$1" x:1
        head -c 5000 /dev/zero >>"$dir/in.$1"
    done
}

# Decompressed by its own program, if it is here, a file is another one.
unpacks_to() { # name file
    ! has "$1" || "$1" -dc <"$2" | cmp - "$3"
}

# A layer that was compressed just now.
makes() { # name value archive from uncompressed
    run pack --compress "$2" -o "$3" "$4" x:1
    check "$2 of ${4##*/}: done" done_well
    check "$2 of ${4##*/}: the type" typed "$3" "+$1"
    check "$2 of ${4##*/}: the diffID" diff_id_of "$3" "$5"
    check "$2 of ${4##*/}: smaller" [ "${2%:0}" != "$2" -o \
        "$(($(wc -c <"$3")))" -lt "$(($(wc -c <"$5")))" ]
    l=$(layer "$3")
    check "$2 of ${4##*/}: its content" unpacks_to "$1" "$l" "$5"
}

# An input that is compressed: kept byte for byte.
keeps() { # name file uncompressed [option...]
    name=$1 file=$2 tar=$3
    shift 3
    run pack "$@" -o "$dir/kept.tar" "$file" x:1
    check "$name, an input ($*): done" done_well
    check "$name, an input ($*): the bytes" cmp "$(layer "$dir/kept.tar")" \
        "$file"
    check "$name, an input ($*): the type" typed "$dir/kept.tar" "+$name"
    check "$name, an input ($*): the diffID" diff_id_of "$dir/kept.tar" "$tar"
}

refused() { # text file
    bad "$2: $1" pack -o "$dir/bad.tar" "$2" x:1
}

# Cut at many places, damaged at many, with something behind it.
damaged() { # name file
    cut=$dir/cut.$1
    size=$(($(wc -c <"$2")))
    for at in 5 9 10 11 12 17 18 100 1000 131071 131072 131073 $((size / 2)) \
        $((size - 9)) $((size - 8)) $((size - 5)) $((size - 4)) \
        $((size - 1)); do
        head -c $at "$2" >"$cut"
        refused "corrupt or incomplete $1" "$cut"
    done
    for at in 10 15 1000 131070 $((size / 3)) $((size / 2)) $((size - 4)); do
        cp "$2" "$cut"
        chmod u+w "$cut"
        printf '\377\376\375\374' |
            dd of="$cut" bs=1 seek=$at conv=notrunc 2>/dev/null
        run pack -o "$dir/bad.tar" "$cut" x:1
        check "$1, damaged at $at" failed_so 1 "$cut: "
        check "$1, damaged at $at: nothing left" nothing_left
    done
    for behind in x 'something longer than a header' '\0' '\037\213'; do
        # shellcheck disable=SC2059
        { cat "$2" && printf "$behind"; } >"$cut"
        refused "corrupt or incomplete $1" "$cut"
    done
    "$ocitar" pack -o "$dir/bad.tar" - x:1 <"$cut" >/dev/null 2>"$dir/err"
    status=$?
    check "$1, damaged, standard input" failed_so 1 \
        "standard input: corrupt or incomplete $1"
    cp "$dir/plain.tar" "$dir/old.tar"
    run pack -o "$dir/old.tar" "$dir/small" "$cut" x:1
    check "$1, damaged: exit 1" [ "$status" = 1 ]
    check "$1, damaged: the old file stays" cmp "$dir/old.tar" \
        "$dir/plain.tar"
    "$ocitar" pack -o - "$cut" x:1 2>"$dir/err" | cat >/dev/null
    check "$1, damaged, to a pipe" grep -qF "$cut: corrupt" "$dir/err"
}

# In one whole piece, but no tar.
no_tar() { # name
    "$1" -c </dev/null >"$dir/no.$1"
    refused "in the $1: empty, not a tar" "$dir/no.$1"
    echo text | "$1" -c >"$dir/no.$1"
    refused "in the $1: not a tar" "$dir/no.$1"
    "$1" -c <"$dir/root/long" >"$dir/no.$1"
    refused "in the $1: not a tar" "$dir/no.$1"
    head -c 51200 "$dir/root.tar" | "$1" -c >"$dir/no.$1"
    refused "in the $1: not complete" "$dir/no.$1"
    head -c 51201 "$dir/root.tar" | "$1" -c >"$dir/no.$1"
    refused "in the $1: not a tar: its length" "$dir/no.$1"
    "$1" -c <"$dir/root.tar" | "$1" -c >"$dir/no.$1"
    refused "in the $1: not a tar" "$dir/no.$1"
}

# Both ways, and both ends of the pipe.
with() { # name levels... : the lowest, the usual, the highest
    name=$1 low=$2 usual=$3 high=$4
    for level in '' ":$low" ":$usual" ":$high"; do
        makes "$name" "$name$level" "$dir/z$level.tar" "$dir/root" \
            "$dir/root.layer"
    done
    check "$name: $usual is the usual level" cmp "$dir/z.tar" \
        "$dir/z:$usual.tar"
    check "$name: levels differ" fails cmp -s "$dir/z:$low.tar" \
        "$dir/z:$high.tar"
    run pack --compress "$name" -o "$dir/z2.tar" "$dir/root" x:1
    check "$name: the same bytes again" cmp "$dir/z.tar" "$dir/z2.tar"
    "$ocitar" pack --compress "$name" -o - --memory 1K "$dir/root" x:1 \
        2>/dev/null | cat >"$dir/z2.tar"
    check "$name: the same bytes to a pipe" cmp "$dir/z.tar" "$dir/z2.tar"
    makes "$name" "$name" "$dir/t.tar" "$dir/root.tar" "$dir/root.tar"
    # shellcheck disable=SC2002
    cat "$dir/root.tar" | "$ocitar" pack --compress "$name" -o "$dir/t2.tar" \
        - x:1 >/dev/null
    check "$name: the same bytes from a pipe" cmp "$dir/t.tar" "$dir/t2.tar"
    bad "$dir/root/long: not a tar" pack --compress "$name" \
        -o "$dir/bad.tar" "$dir/root/long" x:1
    head -c 51200 "$dir/root.tar" >"$dir/cut"
    bad "$dir/cut: not complete" pack --compress "$name" -o "$dir/bad.tar" \
        "$dir/cut" x:1
    run pack --compress "$name" --compress none -o "$dir/z2.tar" "$dir/root" x:1
    check "$name: the last --compress counts" cmp "$dir/z2.tar" \
        "$dir/plain.tar"
    run pack --compress "$name" --digest sha512 -o "$dir/z2.tar" "$dir/root" x:1
    check "$name: sha512: done" done_well
    check "$name: sha512: the diffID" diff_id_of "$dir/z2.tar" "$dir/root.layer"
    run pack --compress "$name" -o "$dir/layout/" "$dir/root" x:1
    check "$name: a layout directory" done_well
    rm -rf "$dir/layout"
    run pack --compress "$name" --dry-run "$dir/root" x:1
    l=$(layer "$dir/z.tar")
    check "$name: --dry-run has its digest" grep -q \
        "^layer     sha256:${l##*/}  " "$dir/out"

    cp "$(layer "$dir/t.tar")" "$dir/in.$name"
    keeps "$name" "$dir/in.$name" "$dir/root.tar"
    keeps "$name" "$dir/in.$name" "$dir/root.tar" --compress "$name:$low"
    "$ocitar" pack -o "$dir/t2.tar" - x:1 <"$dir/in.$name" >/dev/null
    check "$name, standard input: as a file" cmp "$dir/t2.tar" "$dir/kept.tar"
    "$ocitar" pack -o - --memory 1K "$dir/in.$name" x:1 2>/dev/null |
        cat >"$dir/t2.tar"
    check "$name, to a pipe: as a file" cmp "$dir/t2.tar" "$dir/kept.tar"
    run pack --compress "$name" -o "$dir/l.tar" "$dir/in.$name" "$dir/small" \
        "$dir/root.tar" "$dir/in.$name" x:1
    check "$name: layers of all kinds: done" done_well
    check "$name: layers of all kinds: the same one once" cmp \
        "$(layer "$dir/l.tar" 1)" "$(layer "$dir/l.tar" 4)"
    damaged "$name" "$dir/in.$name"
    if has "$name"; then
        "$name" -c <"$dir/root.tar" >"$dir/own.$name"
        keeps "$name" "$dir/own.$name" "$dir/root.tar"
        # two members or frames
        {
            head -c 12345 "$dir/root.tar" | "$name" -c
            tail -c +12346 "$dir/root.tar" | "$name" -c
        } >"$dir/two.$name"
        keeps "$name" "$dir/two.$name" "$dir/root.tar"
        no_tar "$name"
    else
        echo "no $name program here: what it says of layers is not checked"
    fi
}

if built gzip; then
    with gzip 0 6 9
    for z in gzip: gzip:10 gzip:-1 gzip:x gzip:6x 'gzip: 6' gzip:6: \
        gzip:4294967302 gzip:99999999999999999999; do
        wrong 'must be none' pack --compress "$z" -o "$dir/w.tar" \
            "$dir/small" x:1
    done
    l=$(layer "$dir/z.tar")
    # magic, deflate, no flags (so no name), MTIME 0, no extra flags, OS 255
    check 'gzip: its header' [ "$(bytes_at "$l" 0 10)" = \
        1f8b08000000000000ff ]
else
    without gzip zlib '\037\213\010\000'
fi
if built zstd; then
    with zstd 1 3 19
    for z in zstd: zstd:0 zstd:20 zstd:22 zstd:-1 zstd:x zstd:3x zstd:259; do
        wrong 'must be none' pack --compress "$z" -o "$dir/w.tar" \
            "$dir/small" x:1
    done
    l=$(layer "$dir/z.tar")
    # the descriptor's bit 2: a checksum follows
    check 'zstd: its magic' [ "$(bytes_at "$l" 0 4)" = 28b52ffd ]
    check 'zstd: it has a checksum' [ $((0x$(bytes_at "$l" 4 1) & 4)) = 4 ]
    { printf '\120\052\115\030\003\000\000\000abc' && cat "$dir/in.zstd"; } \
        >"$dir/skip.zstd"
    keeps zstd "$dir/skip.zstd" "$dir/root.tar"
    if has zstd; then
        zstd -q --long=31 --no-check -c <"$dir/root.tar" >"$dir/long.zstd"
        bad "$dir/long.zstd: zstd with a window" pack -o "$dir/bad.tar" \
            "$dir/long.zstd" x:1
    fi
else
    without zstd libzstd '\050\265\057\375\000'
fi

# ---- both, and memory -------------------------------------------------------

if built gzip && built zstd; then
    run pack --compress zstd -o "$dir/l.tar" "$dir/in.gzip" "$dir/root" x:1
    check 'gzip stays gzip beside zstd' done_well
    check 'gzip stays gzip beside zstd: bytes' cmp "$(layer "$dir/l.tar")" \
        "$dir/in.gzip"
    check 'gzip stays gzip beside zstd: the types' [ "$(tar -xOf \
        "$dir/l.tar" | tr -d '\000' | tr ',{}' '\n\n\n' |
        grep -c 'layer.v1.tar+\(gzip\|zstd\)"')" = 2 ]
fi

# A layer of 64 MiB, made and read, in at most 16 MiB.
small() { # title arguments...
    title=$1
    shift
    check "$title: at most 16 MiB" "$dir/peak" 16384 "$ocitar" pack --quiet "$@"
}

if grep -q __asan_init "$ocitar"; then
    echo 'sanitized: memory is not measured'
elif [ "$(uname)" = Linux ] &&
    ${CC:-cc} -O1 -o "$dir/peak" "$here/peak.c" 2>/dev/null; then
    mkdir "$dir/big"
    dd if=/dev/zero of="$dir/big/body" bs=1048576 seek=64 count=0 2>/dev/null
    for name in gzip zstd; do
        built $name || continue
        small "$name, made" --compress $name -o "$dir/b.tar" "$dir/big" x:1
        cp "$(layer "$dir/b.tar")" "$dir/big.$name"
        small "$name, read" -o "$dir/b.tar" "$dir/big.$name" x:1
    done
else
    echo 'memory is not measured here'
fi

chmod -R u+w "$dir"
rm -rf "$dir"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
