#!/bin/sh
# coverage.sh BUILD - builds the tests with gcov's counters in a tree of their
# own, runs them, and prints how much of ocitar.h they reach.
set -e
tree=$1/coverage
rm -rf "$tree"
mkdir -p "$tree"
tar -c --exclude=./build --exclude=./.git . | tar -x -C "$tree"
(
    cd "$tree"
    FORCED=1 make test CC="${CC:-gcc}" CFLAGS='-O0 -g --coverage' \
        >test.log 2>&1 ||
        { tail -n 40 test.log; exit 1; }
    tail -n 1 test.log
)
python3 tests/coverage.py "$tree" "$2"
