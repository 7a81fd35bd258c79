#!/bin/sh
# integrate.sh BUILD - ocitar in the build systems of others: tests/consumers
# are built against the tree, and against what was installed from it; the
# Buildroot package runs over a stand-in for Buildroot, and in the tree
# $BUILDROOT if that is set. Ends with "N passed, N failed".
#
# Needs Debian's packages gcc g++ make cmake pkg-config zlib1g-dev fakeroot
# and, with $BUILDROOT, rsync cpio bc unzip file wget python3-magic
# python3-flake8. One that is missing is a failure.
if [ $# != 1 ]; then
    echo 'usage: integrate.sh BUILD' >&2
    exit 2
fi
ocitar=$(cd "$1" && pwd)/ocitar || exit 2
cd "$(dirname "$0")/.." || exit 2
top=$PWD
for tool in gcc g++ make cmake pkg-config fakeroot "$ocitar"; do
    if ! command -v "$tool" >/dev/null; then
        echo "integrate.sh: $tool is not installed" >&2
        exit 2
    fi
done
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
unset SOURCE_DATE_EPOCH PKG_CONFIG_PATH PKG_CONFIG_LIBDIR MAKEFLAGS
umask 022
# shellcheck source=tests/count.sh
. tests/count.sh
version=$(sed -n 's/^#define OCITAR_VERSION "\(.*\)"/\1/p' ocitar.h)

fails() { ! "$@"; }

# The consumers stand apart, so that no path leads back to the tree by chance.
mkdir "$work/src" && cp -R tests/consumers/. "$work/src" || exit 2

# What a consumer's program does: the version, and a tar.
works() { # program
    [ "$("$1" --version)" = "$version" ] && "$1" >"$work/hello.tar" &&
        [ "$(tar -xOf "$work/hello.tar" hello)" = hello ]
}

# With warnings as errors: the header may have none in others' builds.
configure() { # source build argument...
    source=$1 to=$2
    shift 2
    cmake -S "$source" -B "$to" -DCMAKE_C_FLAGS='-Wall -Wextra -Werror' "$@"
}

builds() { # source build argument...
    configure "$@" && cmake --build "$2" && works "$2/program"
}

# ---- CMake ------------------------------------------------------------------

check 'cmake, add_subdirectory' builds "$work/src/cmake" "$work/sub" \
    "-DOCITAR_SOURCE=$top"
nothing_more() {
    cmake --install "$work/sub" --prefix "$work/none" &&
        ! find "$work/none" "$work/sub" -type f -name 'ocitar*' |
        grep -v -e '\.cmake$' -e CMakeFiles
}
check '... builds and installs nothing else' nothing_more

installs() {
    configure "$top" "$work/alone" -DCMAKE_INSTALL_PREFIX="$work/usr" &&
        cmake --build "$work/alone" && cmake --install "$work/alone" &&
        cmp ocitar.h "$work/usr/include/ocitar.h"
}
check 'cmake, alone: header and command' installs

# It has the codecs that the Makefile's has, and writes the same.
packs() { # command
    for way in none gzip zstd; do
        "$1" pack --quiet --platform linux/amd64 --compress $way -o - \
            tests/consumers x:1 || echo refused
    done
}
same_command() {
    packs "$ocitar" >"$work/a" 2>"$work/log.a"
    packs "$work/usr/bin/ocitar" >"$work/b" 2>"$work/log.b"
    cmp "$work/a" "$work/b" && cmp "$work/log.a" "$work/log.b"
}
check '... a command as the Makefile builds it' same_command

found() { # version
    builds "$work/src/find_package" "$work/found.$1" "-DWANTED=$1" \
        "-DCMAKE_PREFIX_PATH=$work/usr" && works "$work/found.$1/plus" &&
        [ "$(cat "$work/found.$1/version")" = "$version" ]
}
check "find_package(ocitar $version), C and C++" found "$version"
not_found() { # version
    rm -rf "$work/not"
    ! configure "$work/src/find_package" "$work/not" "-DWANTED=$1" \
        "-DCMAKE_PREFIX_PATH=$work/usr" >"$work/said" 2>&1 &&
        grep 'requested version' "$work/said"
}
major=${version%%.*} minor=${version#*.} minor=${minor%%.*}
older=$major.0
if [ "$minor" = 0 ]; then older=$((major - 1)); fi
for other in "$older" "$major.$((minor + 1))" "$((major + 1)).$minor" \
    "$major.$minor.99"; do
    check "find_package(ocitar $other) is refused" not_found "$other"
done

# ---- pkg-config -------------------------------------------------------------

by_pkg_config() { # directory of ocitar.pc
    mkdir -p "$work/pc" && rm -f "$work/pc/program" &&
        PKG_CONFIG_PATH=$1 make -C "$work/src/pkgconfig" TO="$work/pc" &&
        works "$work/pc/program" &&
        [ "$(PKG_CONFIG_PATH=$1 pkg-config --modversion ocitar)" = "$version" ]
}
check 'pkg-config, installed by cmake' by_pkg_config \
    "$(dirname "$(find "$work/usr" -name ocitar.pc)")"

# As packages are made: for one place, while it is in another.
staged() {
    make install-header PREFIX=/usr DESTDIR="$work/root" &&
        PKG_CONFIG_SYSROOT_DIR=$work/root PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 \
            by_pkg_config "$work/root/usr/lib/pkgconfig"
}
check 'pkg-config, make install, staged' staged

# ---- Buildroot --------------------------------------------------------------

external=$top/packaging/buildroot

stub_builds() {
    make -f "$top/tests/consumers/buildroot/stub.mk" -C "$work" \
        WORK="$work/br" BR2_EXTERNAL_OCITAR_PATH="$external" "$@"
}
stub_installs() {
    mkdir -p "$work/br/host/bin" && echo other >"$work/br/host/bin/sloci-image"
    stub_builds ocitar host-ocitar &&
        cmp ocitar.h "$work/br/staging/usr/include/ocitar.h" &&
        "$work/br/host/bin/sloci-image" --version | grep "ocitar $version"
}
check 'buildroot, stand-in: installs, over a sloci-image' stub_installs

# What fs/oci does: a script under fakeroot, which owns all and has devices.
# Run by nobody, where that can be: root needs no fakeroot.
root_file_system() {
    mkdir -p "$work/target/dev" "$work/target/bin" "$work/images" &&
        cp "$top/tests/consumers/library.c" "$work/target/bin/sh" &&
        cat >"$work/fakeroot" <<END || return 1
#!/bin/sh
set -e
chown -h -R 0:0 '$work/target'
mknod '$work/target/dev/null' c 1 3
'$work/br/host/bin/sloci-image' --arch arm64 --entrypoint 'sh' \
    --cmd '-c' --cmd 'echo hello' --author "Buildroot" --user "0" \
    --env "A=1" --tar '$work/target' '$work/images/rootfs-oci:7'
END
    chmod -R go+rX "$work" && chmod 755 "$work/fakeroot"
    if [ "$(id -u)" = 0 ]; then
        chown -R nobody "$work/target" "$work/images" &&
            setpriv --reuid=nobody --clear-groups fakeroot -- "$work/fakeroot"
    else
        fakeroot -- "$work/fakeroot"
    fi
}
check 'buildroot, stand-in: what fs/oci runs' root_file_system
image=$work/images/rootfs-oci-7-arm64-linux.oci-image.tar
check '... ocitar verify' "$ocitar" verify --strict --quiet "$image"
owned_by_root() {
    "$ocitar" ls "$image" &&
        layer=$("$ocitar" ls "$image" |
            sed -n 's/.*sha256:\([0-9a-f]*\)  application.*/\1/p') &&
        tar -xOf "$image" --wildcards "blobs/sha256/$layer*" |
        tar -tvzf - --numeric-owner >"$work/listed" || return 1
    cat "$work/listed"
    grep -q '^crw.* 0/0 .* 1,3 .*dev/null$' "$work/listed" &&
        ! grep -v ' 0/0 ' "$work/listed"
}
check '... the owners and devices of fakeroot' owned_by_root

# What can be said without Buildroot: the version, the licence, and the form
# of the files (its manual: tabs, lines of help, the header, two spaces).
grep_says() { # text file
    grep -F -- "$1" "$2"
}
check 'buildroot: the version' grep_says "OCITAR_VERSION = $version" \
    "$external/package/ocitar/ocitar.mk"
licence=$(sha256sum <LICENSE)
check 'buildroot: the hash of the licence' grep_says \
    "sha256  ${licence%% *}  LICENSE" "$external/package/ocitar/ocitar.hash"
well_formed() {
    find "$external" -type f -exec awk 'FNR == 1 { help = 0 }
        /[ \t]$/ || length > 80 && FILENAME !~ /hash$/ ||
        FILENAME ~ /\.mk$/ && /^ / ||
        FILENAME ~ /package.*Config/ && !help && !/^config |^\t[a-z]/ ||
        FILENAME ~ /package.*Config/ && help && (!/^\t  [^ ]/ || length > 65) {
            bad = 1
            print FILENAME ": " $0
        }
        /^\thelp$/ { help = 1 }
        END { exit bad }' {} + &&
        head -n 1 "$external/package/ocitar/ocitar.mk" | grep -x '#\{80\}'
}
check 'buildroot: the form of its files' well_formed

# ---- Buildroot itself -------------------------------------------------------

# Its own package infrastructure and its own fs/oci. What would be downloaded
# or takes an hour is taken for done: other packages, and the target's.
buildroot() { # target...
    make -C "$BUILDROOT" O="$work/out" BR2_EXTERNAL="$external" \
        -o host-skeleton -o host-tar -o host-libzlib -o host-zlib \
        -o host-pkgconf -o host-sloci-image -o skeleton -o toolchain \
        -o rootfs-common -o target-finalize "$@"
}
buildroot_configured() {
    cat >"$work/defconfig" <<'END' || return 1
BR2_aarch64=y
BR2_TOOLCHAIN_EXTERNAL=y
BR2_PACKAGE_OCITAR=y
BR2_PACKAGE_HOST_OCITAR=y
BR2_TARGET_ROOTFS_OCI=y
BR2_TARGET_ROOTFS_OCI_ENTRYPOINT="sh"
BR2_TARGET_ROOTFS_OCI_CMD="-c \"echo hello\""
BR2_TARGET_ROOTFS_OCI_TAG="7"
BR2_TARGET_ROOTFS_OCI_ARCHIVE=y
END
    buildroot BR2_DEFCONFIG="$work/defconfig" defconfig &&
        grep '^BR2_PACKAGE_HOST_OCITAR=y' "$work/out/.config" &&
        grep '^BR2_PACKAGE_OCITAR=y' "$work/out/.config"
}
buildroot_builds() {
    bin=$work/out/host/bin
    mkdir -p "$bin" "$work/out/host/lib/pkgconfig" &&
        cp "$(pkg-config --variable=pcfiledir zlib)/zlib.pc" \
            "$work/out/host/lib/pkgconfig/" &&
        ln -s "$(command -v pkg-config)" "$bin/pkg-config" &&
        ln -s "$(command -v fakeroot)" "$bin/fakeroot" &&
        printf '#!/bin/sh\n' >"$bin/makedevs" && chmod 755 "$bin/makedevs" &&
        buildroot host-ocitar ocitar &&
        "$bin/sloci-image" --version | grep "ocitar $version" &&
        find "$work/out/host" -name ocitar.h | grep sysroot
}
buildroot_packs() {
    fs=$work/out/build/buildroot-fs
    mkdir -p "$work/out/target/run" "$work/out/target/tmp" "$fs" &&
        echo hello >"$work/out/target/hello" &&
        : >"$fs/full_users_table.txt" && : >"$fs/full_devices_table.txt" &&
        buildroot rootfs-oci && "$ocitar" verify --strict \
        "$work/out/images/rootfs-oci-7-arm64-linux.oci-image.tar"
}
buildroot_likes_it() {
    find "$external" -type f -exec /usr/bin/python3 \
        "$BUILDROOT/utils/check-package" -b {} +
}

if [ -n "${BUILDROOT:-}" ]; then
    check 'in Buildroot: check-package' buildroot_likes_it
    check 'in Buildroot: configured' buildroot_configured
    check 'in Buildroot: host-ocitar and ocitar' buildroot_builds
    check 'in Buildroot: fs/oci' buildroot_packs
else
    echo "not run: in Buildroot itself, for BUILDROOT is not set"
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
