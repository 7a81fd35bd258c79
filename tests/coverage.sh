#!/bin/sh
# coverage.sh BUILD - builds the tests with gcov's counters in a tree of their
# own, runs them, and prints how much of ocitar.h they reach. Where the
# processor has instructions for SHA-256 they are taken without being asked for:
# so the whole suite passes with them and nothing else.
set -e
tree=$1/coverage
rm -rf "$tree"
mkdir -p "$tree"
tar -c --exclude=./build --exclude=./.git . | tar -x -C "$tree"
(
    cd "$tree"
    force=
    if grep -qw -e sha_ni -e sha2 /proc/cpuinfo; then
        force=-DOCITAR_FORCE_INTRINSICS
    fi
    FORCED=1 make test CC="${CC:-gcc}" CFLAGS='-O0 -g --coverage' \
        CPPFLAGS=$force >test.log 2>&1 ||
        { tail -n 40 test.log; exit 1; }
    tail -n 1 test.log
)
python3 tests/coverage.py "$tree" "$2"
