#!/bin/sh
# ratio.sh BUILD [RUNS] - prints, and never asserts, how long it takes to make
# an image of the Debian tree (about 200 MB): this command against GNU tar and
# openssl by hand, against buildah and against the original sloci-image.
# Medians of RUNS interleaved runs, nine if not given, after one that is not
# counted; peak memory is that of the largest process. Fails only if something
# could not run.
#
# Needs root, 1.5 GB of room in $TMPDIR and Debian's packages gcc buildah
# openssl python3 debootstrap tar gzip. sloci-image, of
# github.com/jirutka/sloci-image, is the file $SLOCI_IMAGE, or it is left out.
# The Debian tree is kept in $OCITAR_CACHE if that is set.
cd "$(dirname "$0")/.." || exit 2
build=${1:-build}
runs=${2:-9}
# shellcheck source=tests/real.sh
. tests/real.sh
needs gcc buildah openssl python3 debootstrap tar gzip
debian_tree || exit 1
mkdir "$work/bin" "$work/out" "$work/tmp" || exit 2
gcc -O1 -o "$work/bin/peak" tests/peak.c || exit 2

# A program of the name in $work/bin, from standard input.
program() { # name
    {
        echo '#!/bin/sh'
        echo 'set -e'
        echo "build='$PWD/$build' tree='$debian' storage='$storage'"
        echo "out='$work/out' TMPDIR='$work/tmp'"
        # shellcheck disable=SC2016
        echo 'export TMPDIR; cd "$out"'
        cat
    } >"$work/bin/$1" && chmod 755 "$work/bin/$1"
}

program ocitar <<'END'
"$build/ocitar" pack --quiet -o image.tar "$tree" localhost/debian:1
END
program ocitar-gzip <<'END'
"$build/ocitar" pack --quiet --compress gzip -o image.tar "$tree" \
    localhost/debian:1
END
# What is the least by hand: the layer, its digest, the archive around it.
program tar-openssl-tar <<'END'
mkdir -p l/blobs/sha256
tar -C "$tree" --numeric-owner --acls --xattrs --posix -cf l/layer.tar .
digest=$(openssl dgst -sha256 -r l/layer.tar)
mv l/layer.tar "l/blobs/sha256/${digest%% *}"
tar -C l -cf image.tar .
END
program buildah-plain <<'END'
c=$(buildah $storage from -q scratch)
buildah $storage add -q "$c" "$tree" / >/dev/null
buildah $storage commit -q --disable-compression "$c" \
    oci-archive:image.tar:debian >/dev/null
END
program buildah-gzip <<'END'
c=$(buildah $storage from -q scratch)
buildah $storage add -q "$c" "$tree" / >/dev/null
buildah $storage commit -q --disable-compression=false "$c" \
    oci-archive:image.tar:debian >/dev/null
END
programs='ocitar tar-openssl-tar buildah-plain ocitar-gzip buildah-gzip'
if [ -n "${SLOCI_IMAGE:-}" ] && [ -e "$SLOCI_IMAGE" ]; then
    cp "$SLOCI_IMAGE" "$work/sloci-image" || exit 2
    program sloci-image <<'END'
sh ../sloci-image --tar "$tree" debian:1
mv debian-1-*.tar image.tar
END
    programs="$programs sloci-image"
else
    echo 'ratio.sh: no file SLOCI_IMAGE, left out'
fi

# After each run, untimed: what it made is looked at and removed.
program clean <<'END'
test "$(stat -c %s image.tar)" -gt 10000000
rm -rf ./*
buildah $storage rm -a >/dev/null
sync
END

sed -n 's/^model name[^:]*: */CPU: /p' /proc/cpuinfo | head -n 1
echo "processors: $(nproc), SHA instructions: $(grep -c -w -m 1 sha_ni \
    /proc/cpuinfo)"
echo "kernel: $(uname -sr), file system: $(stat -f -c %T "$work"), load:" \
    "$(cut -d ' ' -f 1-3 /proc/loadavg)"
echo "tree: $(du -s --apparent-size -BM "$debian" | cut -f 1)," \
    "$(find "$debian" | wc -l) files"
# shellcheck disable=SC2086 # words
python3 tests/ratio.py "$work/bin" "$runs" $programs
