#!/bin/sh
# sanitize.sh - everything built with clang's address and undefined-behaviour
# sanitizers, and the whole suite run over that, with each message in the last
# of three lanes; and the test programs with gcc's undefined-behaviour
# sanitizer, with portable SHA-256 and no other. The last line is "N passed, N
# failed".
#
# The makefile writes to build/, so it runs in a copy of the tree. A compiler
# that is not installed is named; with GRID_ALL=1 that is a failure.
cd "$(dirname "$0")/.." || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
passed=0 failed=0

sanitizers() { # compiler
    what=address,undefined
    if [ "$1" = gcc ]; then what=undefined; fi
    echo "-g -O1 -fno-omit-frame-pointer -fsanitize=$what" \
        -fno-sanitize-recover=all
}
UBSAN_OPTIONS=print_stacktrace=1
export UBSAN_OPTIONS

# Looking for leaks at the end of a process takes twice what all else does, and
# the command's tests are some thousand processes.
with_leaks() { # 1 or 0, command...
    ASAN_OPTIONS=detect_leaks=$1:detect_stack_use_after_return=1
    export ASAN_OPTIONS
    shift
    "$@"
}

# Proof that a report ends a program: without it a green run says nothing.
sanitizes() { # compiler
    cat >"$work/bad.c" <<'END'
int main(int argc, char **argv)
{
    int big = 0x7fffffff;

    (void)argv;
    return big + argc == 0; /* overflows */
}
END
    # shellcheck disable=SC2086 # flags are words
    "$1" $(sanitizers "$1") -o "$work/bad" "$work/bad.c" && ! "$work/bad" 2>/dev/null
}

copy_tree() { # to
    mkdir "$1" && tar -cf - --exclude=./build --exclude=./.git . |
        tar -xf - -C "$1"
}

# Adds a run's last line to the counts; a run without one is a failure.
count() { # log status
    line=$(tail -n 1 "$1")
    case $line in
    *' passed, '*' failed')
        f=${line##*, }
        f=${f%% failed}
        passed=$((passed + ${line%% passed*}))
        ;;
    *) f=0 ;;
    esac
    if [ "$2" != 0 ] && [ "$f" = 0 ]; then f=1; fi
    failed=$((failed + f))
}

# What failed and where, without the sanitizers' maps of memory.
report() { # file...
    cat "$@" | grep -E '^ *(FAIL|#[0-6] |SUMMARY)|ERROR: |[a-z] error:|Error ' |
        sed -n '1,80s/^/    /p'
}

run_tests() { # compiler flag
    if ! sanitizes "$1"; then
        echo "FAIL $1: its sanitizers do not work here"
        failed=$((failed + 1))
        return
    fi
    what=programs
    if [ "$1" = gcc ]; then what=test-programs; fi
    copy_tree "$work/$1"
    if ! make -C "$work/$1" -j2 $what CC="$1" CFLAGS="$(sanitizers "$1")" \
        CPPFLAGS="$2" >"$work/log" 2>&1; then
        echo "FAIL $1: the programs"
        report "$work/log"
        failed=$((failed + 1))
        return
    fi
    run_part "$1" 1 run.sh build programs
    if [ "$1" = clang ]; then
        run_part "$1" 0 run.sh build commands
        run_part "$1" 1 compress.sh build # of the command, what has a heap
    fi
}

run_part() { # compiler leaks script argument...
    log=$work/log
    (
        cd "$work/$1" || exit 2
        CC=$1 leaks=$2 script=tests/$3
        shift 3
        export CC FORCED=1
        with_leaks "$leaks" sh "$script" "$@"
    ) >"$log" 2>&1
    status=$?
    count "$log" $status
    if [ $status != 0 ]; then
        echo "FAIL $1: $3 ended with $status"
        report "$log"
    fi
    shift 2
    echo "$compiler sanitized, $*: $line"
}

flag_of() { # compiler
    if [ "$1" = clang ] && grep -qw -e sha_ni -e sha2 /proc/cpuinfo; then
        echo -DOCITAR_I_TEST_LANES
    else
        echo -DOCITAR_NO_INTRINSICS
    fi
}

for compiler in gcc clang; do
    if command -v $compiler >/dev/null; then
        run_tests $compiler "$(flag_of $compiler)"
    else
        echo "$compiler is not installed"
        failed=$((failed + ${GRID_ALL:-0}))
    fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed != 0 ]
