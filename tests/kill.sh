#!/bin/sh
# kill.sh BUILD - kills the command at 100 points of a pack; the file under
# the final name is the old one or the new one, whole. Then at 50 points of an
# import: the index.json is the old one or the new one, and the layout valid.
# Needs timeout(1) with fractions of a second. Ends with "N passed, N failed".
build=$1
work=$build/kill
passed=0 failed=0
rm -rf "$work"
mkdir -p "$work/root" || exit 2
if ! timeout -s KILL 0.5 true 2>/dev/null; then
    echo 'not run here: no timeout(1) with fractions'
    echo '0 passed, 0 failed'
    exit 0
fi
i=0
while [ $i -lt 200 ]; do
    head -c 100000 "$build/ocitar" >"$work/root/$i"
    i=$((i + 1))
done
pack() { "$build/ocitar" pack --quiet --mtime 0 --owner 0:0 -o "$work/image.tar" "$work/root" kill:1; }
pack && mv "$work/image.tar" "$work/new.tar" || exit 2
echo 'the old file' >"$work/old.tar"

i=0 olds=0
while [ $i -lt 100 ]; do
    cp "$work/old.tar" "$work/image.tar"
    # a whole pack takes some tenths of a second: the points lie before, in
    # and after it
    timeout -s KILL "0.$(printf '%03d' $((i * 3 + 1)))" \
        "$build/ocitar" pack --quiet --mtime 0 --owner 0:0 \
        -o "$work/image.tar" "$work/root" kill:1 >/dev/null 2>&1
    if cmp -s "$work/image.tar" "$work/old.tar"; then
        olds=$((olds + 1))
        passed=$((passed + 1))
    elif cmp -s "$work/image.tar" "$work/new.tar"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL killed at point $i: neither the old file nor the new one"
    fi
    i=$((i + 1))
done
echo "$olds times the old file, $((passed - olds)) times the new one"

# The same with a layout that has an image.
import() { "$build/ocitar" import --quiet "$@"; }

"$build/ocitar" artifact --quiet -o "$work/small.tar" "$0" old:1 &&
    import "$work/small.tar" "$work/old" && cp -R "$work/old" "$work/full" &&
    import "$work/new.tar" "$work/full" || exit 2
i=0 olds=0 before=$passed
while [ $i -lt 50 ]; do
    rm -rf "$work/layout"
    cp -R "$work/old" "$work/layout"
    timeout -s KILL "0.$(printf '%03d' $((i * 3 + 1)))" \
        "$build/ocitar" import --quiet "$work/new.tar" "$work/layout" \
        >/dev/null 2>&1
    if ! "$build/ocitar" verify --quiet "$work/layout"; then
        failed=$((failed + 1))
        echo "FAIL import killed at point $i: not valid"
    elif cmp -s "$work/layout/index.json" "$work/old/index.json"; then
        olds=$((olds + 1))
        passed=$((passed + 1))
    elif cmp -s "$work/layout/index.json" "$work/full/index.json"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL import killed at point $i: neither index.json"
    fi
    # and once more, in what that left
    if import "$work/new.tar" "$work/layout" &&
        cmp -s "$work/layout/index.json" "$work/full/index.json"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL import killed at point $i: not to be repeated"
    fi
    i=$((i + 1))
done
echo "import: $olds times the old index.json, \
$(((passed - before) - 50 - olds)) times the new one"
rm -rf "$work"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
