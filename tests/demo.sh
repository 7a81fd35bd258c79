#!/bin/sh
# demo.sh CC BUILD - packs a small root file system, with the command itself
# as its only program, into BUILD/demo/demo.tar, and says how to run it. The
# same compiler gives the same bytes on every run and for every user.
if [ $# != 2 ]; then
    echo 'usage: demo.sh CC BUILD' >&2
    exit 2
fi
CC=$1
build=$2
demo=$build/demo
root=$demo/rootfs
image=$demo/demo.tar
set -e

rm -rf "$demo"
mkdir -p "$root/bin" "$root/etc" "$root/root" "$root/tmp"

cat >"$root/etc/passwd" <<'END'
root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
END
cat >"$root/etc/os-release" <<'END'
NAME="ocitar demo"
ID=ocitar-demo
VERSION_ID=1
PRETTY_NAME="A root file system that packed itself"
END
ln -s ../bin/ocitar "$root/root/ocitar"

# An image that has no libc needs a program that needs none. No debug info: it
# names the directory that it was compiled in.
source=$(dirname "$0")/../examples/ocitar.c
include=$(dirname "$0")/..
flags="-std=c99 -O2 -g0 -I$include"
# shellcheck disable=SC2086
if $CC -static $flags -o "$root/bin/ocitar" "$source" 2>"$demo/static.log"
then
    runs=yes
else
    echo 'demo: no static linking with this compiler (BUILD/demo/static.log);'
    echo 'demo: a dynamic program goes in, which will not run in the image'
    $CC $flags -o "$root/bin/ocitar" "$source"
    runs=no
fi

# Neither the umask nor the clock may show.
chmod 0755 "$root/bin" "$root/etc" "$root/bin/ocitar"
chmod 0700 "$root/root"
chmod 1777 "$root/tmp"
chmod 0644 "$root/etc/passwd" "$root/etc/os-release"

SOURCE_DATE_EPOCH=1700000000
export SOURCE_DATE_EPOCH
"$build/ocitar" pack --output "$image" --owner 0:0 \
    --entrypoint /bin/ocitar --cmd --version \
    --label .title='ocitar demo' --history 'ocitar pack rootfs' \
    "$root" localhost/ocitar-demo:latest

if command -v tar >/dev/null 2>&1; then
    echo
    echo "tar -tvf $image"
    tar -tvf "$image"
fi

cat <<END

To run it, which prints the version of ocitar:

  podman load -i $image
  podman run --rm localhost/ocitar-demo:latest

  docker load -i $image
  docker run --rm localhost/ocitar-demo:latest

  ctr images import $image
  ctr run --rm localhost/ocitar-demo:latest demo
END
if [ "$runs" = no ]; then
    echo
    echo '(but see above: its program is not static)'
fi
