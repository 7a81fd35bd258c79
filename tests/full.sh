#!/bin/sh
# full.sh BUILD - real full disks: the output, then the temporary directory,
# then a layout, are on a tmpfs of 1 MiB. Needs root. Ends with "N passed, N
# failed".
build=$(cd "${1:-build}" && pwd) || exit 2
work=$(mktemp -d) || exit 2
passed=0 failed=0
cleanup() {
    umount "$work/small"
    rm -rf "$work"
}
mkdir "$work/small" "$work/root" &&
    mount -t tmpfs -o size=1m tmpfs "$work/small" || exit 2
trap cleanup EXIT
head -c 3000000 /dev/urandom >"$work/root/body"
echo old >"$work/small/image.tar"

check() { # title command...
    title=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok   $title"
    else
        failed=$((failed + 1))
        echo "FAIL $title"
        cat "$work/err"
    fi
}

says() { grep -q "^ocitar: $1: No space left on device" "$work/err"; }

"$build/ocitar" pack -o "$work/small/image.tar" "$work/root" full:1 \
    2>"$work/err"
check 'a full output: exit 1' [ $? = 1 ]
check 'a full output: is named' says "$work/small/image.tar"
check 'a full output: the old file stays' grep -qx old "$work/small/image.tar"
check 'a full output: nothing beside it' [ "$(ls -A "$work/small")" = image.tar ]
{
    TMPDIR=$work/small "$build/ocitar" pack --memory 64K -o - "$work/root" \
        full:1 2>"$work/err"
    echo $? >"$work/status"
} | cat >"$work/out.tar"
check 'a full temporary directory: exit 1' grep -qx 1 "$work/status"
check 'a full temporary directory: is named' says "$work/small.*"
no_index() { ! tar -tf "$work/out.tar" 2>&1 | grep -q index.json; }
check 'a full temporary directory: no archive' no_index

"$build/ocitar" pack --quiet -o "$work/full.tar" "$work/root" full:1 &&
    "$build/ocitar" artifact --quiet -o "$work/one.tar" "$0" one:1 || exit 2
for command in index export; do
    case $command in
    index) set -- -o "$work/small/image.tar" "$work/full.tar" x:1 ;;
    *) set -- "$work/full.tar" "$work/small/image.tar" ;;
    esac
    "$build/ocitar" $command "$@" 2>"$work/err"
    check "$command, a full output: exit 1" [ $? = 1 ]
    check "$command, a full output: is named" says "$work/small/image.tar"
    check "$command, a full output: the old file stays" \
        grep -qx old "$work/small/image.tar"
    check "$command, a full output: nothing beside it" \
        [ "$(ls -A "$work/small")" = image.tar ]
done
# shellcheck disable=SC2002
cat "$work/full.tar" | TMPDIR=$work/small "$build/ocitar" import - \
    "$work/none" 2>"$work/err"
check 'import, a full temporary directory: exit 1' [ $? = 1 ]
check 'import, a full temporary directory: is named' says "$work/small.*"
check 'import, a full temporary directory: no layout' [ ! -e "$work/none" ]
"$build/ocitar" import --quiet "$work/one.tar" "$work/small/layout" || exit 2
cp "$work/small/layout/index.json" "$work/index"
"$build/ocitar" import "$work/full.tar" "$work/small/layout" 2>"$work/err"
check 'import, a full layout: exit 1' [ $? = 1 ]
check 'import, a full layout: is named' says "$work/small/layout"
check 'import, a full layout: the old index.json' cmp "$work/index" \
    "$work/small/layout/index.json"
check 'import, a full layout: valid' "$build/ocitar" verify \
    "$work/small/layout"
check 'import, a full layout: nothing half there' \
    [ -z "$(find "$work/small/layout" -name '.ocitar*')" ]
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
