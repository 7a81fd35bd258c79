#!/bin/sh
# engines.sh BUILD - docker and podman load and run the demo; every consumer
# takes the archive of uart_image, which was written twice over a line that can
# only send, with its metadata first. Ends with "N passed, N failed".
#
# Needs root and Debian's packages docker.io podman runc containerd skopeo umoci
# oci-image-tool. Each daemon has its own root, and is stopped at the end.
cd "$(dirname "$0")/.." || exit 2
build=${1:-build}
passed=0 failed=0
for tool in dockerd docker podman runc containerd ctr skopeo umoci \
    oci-image-tool; do
    if ! command -v $tool >/dev/null; then
        echo "engines.sh: $tool is not installed" >&2
        exit 2
    fi
done
if [ "$(id -u)" != 0 ] || ! [ -e "$build/demo/demo.tar" ]; then
    echo 'engines.sh: needs root, and make demo before it' >&2
    exit 2
fi

work=$(mktemp -d) || exit 2
pids='' mounted=''

cleanup() {
    trap '' INT TERM HUP
    for pid in $pids; do
        kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
    done
    podman --root "$work/podman" --runroot "$work/podman-run" \
        --storage-driver vfs rmi -af >/dev/null 2>&1
    grep -F " $work/" /proc/mounts | cut -d ' ' -f 2 | sort -r |
        xargs -r umount -l
    if [ -n "$mounted" ]; then umount /sys/fs/cgroup; fi
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

check() { # title command...
    title=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
        echo "ok   $title"
    else
        failed=$((failed + 1))
        echo "FAIL $title"
        tail -n 20 "$work/log" | sed 's/^/    /'
    fi
}

says() { # file command...
    want=$1
    shift
    timeout 120 "$@" </dev/null >"$work/said" || return 1
    diff "$want" "$work/said"
}

# Waits until a command succeeds, as a daemon needs its time.
await() { # pid command...
    pid=$1
    shift
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ $tries = 150 ] || ! kill -0 "$pid"; then return 1; fi
        sleep 0.2
    done
}

# ---- docker -----------------------------------------------------------------

docker="docker -H unix://$work/docker.sock"

docker_start() {
    dockerd --iptables=false --ip6tables=false --bridge=none \
        --storage-driver=vfs --data-root="$work/docker" \
        --exec-root="$work/docker-exec" --pidfile="$work/docker.pid" \
        -H "unix://$work/docker.sock" >"$work/dockerd.log" 2>&1 &
    pids="$pids $!"
    await $! $docker version || { tail "$work/dockerd.log"; return 1; }
}

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

pod="podman --root $work/podman --runroot $work/podman-run --storage-driver vfs"
pod="$pod --cgroup-manager=cgroupfs --runtime runc"

# shellcheck disable=SC2086
check_podman() {
    check 'podman load' $pod load -q -i "$build/demo/demo.tar"
    check 'podman run' says "$work/demo.says" $pod run --rm -q \
        --network=none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 \
        localhost/ocitar-demo:latest
    check 'podman load, metadata first' $pod load -q -i "$work/uart.tar"
}

# ---- the others -------------------------------------------------------------

ctr="ctr -a $work/containerd.sock -n engines"

containerd_start() {
    cat >"$work/containerd.toml" <<END
version = 2
root = "$work/containerd"
state = "$work/containerd-state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
  address = "$work/containerd.sock"
END
    containerd -c "$work/containerd.toml" >"$work/containerd.log" 2>&1 &
    pids="$pids $!"
    # shellcheck disable=SC2086
    await $! $ctr version || { tail "$work/containerd.log"; return 1; }
}

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

if ! grep -q ' /sys/fs/cgroup' /proc/mounts; then
    mount -t cgroup2 cgroup2 /sys/fs/cgroup && mounted=yes
fi
"$build/ocitar" --version >"$work/demo.says"
check 'uart_image: sends' sh -c "'$build/uart_image' >'$work/uart.tar'"
check 'uart_image: metadata first' sh -c \
    "tar -tf '$work/uart.tar' | sed -n 3p | grep -x oci-layout"
check_docker
check_podman
check_others
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
