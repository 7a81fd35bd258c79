#!/bin/sh
# engines.sh BUILD - docker and podman load and run the demo; every consumer
# takes the archive of uart_image, which was written twice over a line that can
# only send, with its metadata first. Ends with "N passed, N failed".
#
# Needs root and Debian's packages docker.io podman runc containerd skopeo umoci
# oci-image-tool. Each daemon has its own root, and is stopped at the end.
cd "$(dirname "$0")/.." || exit 2
build=${1:-build}
# shellcheck source=tests/real.sh
. tests/real.sh
needs dockerd docker podman runc containerd ctr skopeo umoci oci-image-tool
if ! [ -e "$build/demo/demo.tar" ]; then
    echo 'engines.sh: make demo before it' >&2
    exit 2
fi

# ---- docker -----------------------------------------------------------------

# shellcheck disable=SC2086 # $docker is a command and its options
check_docker() {
    check 'docker: starts' docker_start
    check 'docker load' $docker load -i "$build/demo/demo.tar"
    check 'docker run' says "$work/demo.says" $docker run --rm \
        --network none localhost/ocitar-demo:latest
    check 'docker load, metadata first' $docker load -i "$work/uart.tar"
    check 'docker: it has its name' $docker image inspect device/firmware:7
}

# ---- podman -----------------------------------------------------------------

# shellcheck disable=SC2086
check_podman() {
    check 'podman load' $pod load -q -i "$build/demo/demo.tar"
    check 'podman run' says "$work/demo.says" $pod run --rm -q \
        --network=none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 \
        localhost/ocitar-demo:latest
    check 'podman load, metadata first' $pod load -q -i "$work/uart.tar"
}

# ---- the others -------------------------------------------------------------

# Import exits 0 even when nothing came in, so look.
# shellcheck disable=SC2086
imports() {
    $ctr images import --platform linux/arm/v7 --no-unpack "$work/uart.tar" &&
        $ctr images ls -q | grep -x -F device/firmware:7
}

check_others() {
    check 'containerd: starts' containerd_start
    check 'ctr images import, metadata first' imports
    check 'skopeo copy, metadata first' skopeo --insecure-policy copy -q \
        "oci-archive:$work/uart.tar" "oci:$work/copy:7"
    mkdir "$work/layout"
    check 'tar -x, metadata first' tar -xf "$work/uart.tar" -C "$work/layout"
    check 'oci-image-tool, metadata first' \
        oci-image-tool validate --type image "$work/layout"
    check 'umoci unpack, metadata first' \
        umoci unpack --image "$work/layout:7" "$work/bundle"
    check 'its files are there' grep -q baud= \
        "$work/bundle/rootfs/settings.txt"
}

cgroups
"$build/ocitar" --version >"$work/demo.says"
check 'uart_image: sends' sh -c "'$build/uart_image' >'$work/uart.tar'"
check 'uart_image: metadata first' sh -c \
    "tar -tf '$work/uart.tar' | sed -n 3p | grep -x oci-layout"
check_docker
check_podman
check_others
counts
