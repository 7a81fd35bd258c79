# shellcheck shell=sh
# real.sh - sourced by the scripts that run real consumers, after they set
# `build`: counted checks, a directory $work of their own, daemons with all
# their state in it, and the Debian tree. All ends and goes with the script.
# shellcheck source=tests/count.sh
. tests/count.sh
work='' registry='' containerd='' dockerd='' mounted=''
ours=ocitar-$$ # names containers, cgroups and the namespace in containerd
run=/run/containerd had_run=''
if [ -e $run ]; then had_run=yes; fi

# needs TOOL... - or the script could not do what it promises.
needs() {
    if [ "$(id -u)" != 0 ]; then
        echo "${0##*/}: needs root" >&2
        exit 2
    fi
    for tool in "$@"; do
        if ! command -v "$tool" >/dev/null; then
            echo "${0##*/}: $tool is not installed" >&2
            exit 2
        fi
    done
    work=$(mktemp -d) || exit 2
    trap cleanup EXIT
    trap 'exit 1' INT TERM HUP PIPE # a reader that goes, too
    # podman and buildah need no daemon, but a place of their own.
    storage="--root $work/podman --runroot $work/podman-run"
    storage="$storage --storage-driver vfs"
    pod="podman $storage --cgroup-manager=cgroupfs --runtime runc"
}

# Ends a process that this script started, and waits until it has.
stop() { # pid
    if [ -n "$1" ]; then
        kill "$1" 2>/dev/null
        wait "$1" 2>/dev/null
    fi
}

# shellcheck disable=SC2086 # $pod is a command and its options
cleanup() {
    trap '' INT TERM HUP PIPE
    runc --root "$work/runc" delete -f "$ours" >/dev/null 2>&1
    containerd_stop
    docker_stop
    stop "$registry"
    if [ -e "$work/podman" ]; then $pod rmi -af >/dev/null 2>&1; fi
    # What an interrupted run left mounted, the deepest first.
    grep -F " $work/" /proc/mounts | cut -d ' ' -f 2 | sort -r |
        xargs -r umount -l
    if [ -n "$mounted" ]; then umount /sys/fs/cgroup; fi
    rmdir "/sys/fs/cgroup/$ours" /sys/fs/cgroup/*/"$ours" 2>/dev/null
    # ctr and the shims have their sockets here, wherever the state is.
    if [ -z "$had_run" ]; then
        find $run -depth -type d -empty -delete 2>/dev/null
    fi
    rm -rf "$work"
}

# A machine without an init system may have none, and runc needs it.
cgroups() {
    if ! grep -q ' /sys/fs/cgroup' /proc/mounts; then
        mount -t cgroup2 cgroup2 /sys/fs/cgroup && mounted=yes
    fi
}

# ---- checks -----------------------------------------------------------------

# check TITLE COMMAND... - counts it; a failed one shows what it said.
# still TITLE COMMAND... - what fails by a defect of ocitar's that is known: it
# is told, not counted, and fails once it does not, to become a check.
still() {
    title=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        failed=$((failed + 1))
        echo "FAIL $title: is mended; make it a check"
    else
        echo "open $title"
        tail -n 2 "$work/log" | sed 's/^/    /'
    fi
}

# The command's output, and nothing else, is a file's text.
says() { # file command...
    want=$1
    shift
    timeout 120 "$@" </dev/null >"$work/said" || return 1
    diff "$want" "$work/said"
}

# A command that fails, as it should. One that is not there does not count.
refuses() { # command...
    "$@"
    status=$?
    [ $status != 0 ] && [ $status -lt 126 ]
}

counts() {
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ]
}

# ---- the Debian tree --------------------------------------------------------

# The mirror that apt uses, so that a machine with a near one asks that.
mirror() {
    # shellcheck disable=SC2016 # apt's variable
    url=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' \
        'Codename: bookworm' 'Component: main' 'Created-By: Packages' |
        head -n 1)
    echo "${url:-http://deb.debian.org/debian}"
}

# Under its own name only when complete. It is kept in $OCITAR_CACHE if that
# is set, else it goes with $work.
debian_tree() {
    debian=${OCITAR_CACHE:-$work/cache}/debian-bookworm
    if [ -e "$debian" ]; then return; fi
    echo "making the Debian root file system, $debian"
    mkdir -p "${debian%/*}" "$work/half" &&
        debootstrap --variant=minbase bookworm "$work/half/debian" \
            "$(mirror)" >"$work/debootstrap.log" 2>&1 &&
        cp -a "$work/half/debian" "$debian.$$" &&
        mv "$debian.$$" "$debian" && rm -rf "$work/half" && return
    tail -n 20 "$work/debootstrap.log"
    rm -rf "$debian.$$"
    return 1
}

# ---- daemons ----------------------------------------------------------------

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

# With its own root, state and socket; no plugin that would write elsewhere.
# Its content does not depend on the namespace, so that what was imported once
# would be found again: a new one for each image.
# shellcheck disable=SC2086
containerd_start() {
    ctr="ctr -a $work/containerd/sock -n $ours"
    mkdir -p "$work/containerd"
    cat >"$work/containerd/config.toml" <<END
version = 2
root = "$work/containerd/root"
state = "$work/containerd/state"
disabled_plugins = [
  "io.containerd.grpc.v1.cri",
  "io.containerd.internal.v1.opt",
]
[grpc]
  address = "$work/containerd/sock"
END
    containerd -c "$work/containerd/config.toml" \
        >"$work/containerd/log" 2>&1 &
    containerd=$!
    await $! $ctr version || { tail "$work/containerd/log"; return 1; }
}

# A task outlives the daemon in its shim, so it goes first.
# shellcheck disable=SC2086
containerd_stop() {
    if [ -z "$containerd" ]; then return; fi
    for task in $($ctr tasks ls -q 2>/dev/null); do
        $ctr tasks rm -f "$task"
    done >/dev/null 2>&1
    stop "$containerd"
    containerd=''
    rm -rf "$work/containerd"
}

# shellcheck disable=SC2086
docker_start() {
    docker="docker -H unix://$work/docker/sock"
    mkdir -p "$work/docker"
    dockerd --iptables=false --ip6tables=false --bridge=none \
        --storage-driver=vfs --data-root="$work/docker/root" \
        --exec-root="$work/docker/exec" --pidfile="$work/docker/pid" \
        -H "unix://$work/docker/sock" >"$work/docker/log" 2>&1 &
    dockerd=$!
    await $! $docker version || { tail "$work/docker/log"; return 1; }
}

docker_stop() {
    stop "$dockerd"
    dockerd=''
}

# On the first port of ours that is free.
registry_start() {
    for port in 5022 5023 5024 5025 5026; do
        cat >"$work/registry.yml" <<END
version: 0.1
storage:
  filesystem:
    rootdirectory: $work/registry
http:
  addr: 127.0.0.1:$port
END
        docker-registry serve "$work/registry.yml" \
            >"$work/registry.log" 2>&1 &
        registry=$!
        sleep 1
        if kill -0 "$registry"; then return; fi
        registry=''
    done
    tail "$work/registry.log"
    return 1
}
