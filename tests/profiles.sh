#!/bin/sh
# profiles.sh BUILD - every configuration macro alone and every pair of them
# compiles without a warning, and what it leaves works; pairs that contradict
# each other are refused with words. Ends with "N passed, N failed".
build=$1
work=$build/profiles
passed=0 failed=0
mkdir -p "$work" || exit 2

flags='-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow
    -Wundef -Werror'
macros='WRITER_ONLY CHECKER_ONLY CHECKER_CORE NO_IMAGE NO_PAX NO_SHA512
    NO_INTRINSICS NO_HOSTED NO_ERROR_TEXT SMALL'
jobs=${PROFILE_JOBS:-2}

# What cannot be together.
contradict() {
    case "$1 $2" in
    'WRITER_ONLY CHECKER_ONLY' | 'WRITER_ONLY CHECKER_CORE') return 0 ;;
    esac
    return 1
}

# One build, in the background: its result is a file.
one() { # compiler macro...
    cc=$1
    name=$(echo "$*" | tr ' ' '+')
    defines=$(for m in ${2:-} ${3:-}; do printf ' -DOCITAR_%s' "$m"; done)
    # shellcheck disable=SC2086
    if $cc $flags -O0 $defines -I. -o "$work/$name" tests/profile.c \
        >"$work/$name.log" 2>&1 &&
        "$work/$name" "$work" >>"$work/$name.log" 2>&1; then
        echo ok >"$work/$name.result"
    else
        echo FAIL >"$work/$name.result"
    fi
    rm -f "$work/$name"
}

refused() { # compiler macro macro
    name=$(echo "$*" | tr ' ' '+')
    if $1 -I. "-DOCITAR_$2" "-DOCITAR_$3" -fsyntax-only tests/profile.c \
        >"$work/$name.log" 2>&1 || ! grep -q '#error.*define\|#error.*drop' \
        "$work/$name.log"; then
        echo FAIL >"$work/$name.result"
    else
        echo ok >"$work/$name.result"
    fi
}

compilers=
for c in gcc clang; do
    if command -v $c >/dev/null; then compilers="$compilers $c"; fi
done
if [ -z "$compilers" ]; then compilers=${CC:-cc}; fi
if [ -n "${PROFILES_ALL:-}" ] && [ "$compilers" != ' gcc clang' ]; then
    echo "FAIL gcc and clang are promised, here are:$compilers"
    failed=1
fi
first=${compilers# }
first=${first%% *}

rm -f "$work"/*.result
# shellcheck disable=SC2086
$first $flags -O0 -I. -o "$work/full" tests/profile.c &&
    "$work/full" "$work" make >"$work/full.log" || {
    cat "$work/full.log"
    echo '0 passed, 1 failed'
    exit 1
}

running=0
start() { # function arguments...
    "$@" &
    running=$((running + 1))
    if [ "$running" -ge "$jobs" ]; then
        wait
        running=0
    fi
}

for c in $compilers; do
    start one "$c"
    for a in $macros; do start one "$c" "$a"; done
done
for a in $macros; do
    after=
    for b in $macros; do
        if [ -n "$after" ]; then
            if contradict "$a" "$b"; then
                start refused "$first" "$a" "$b"
            else
                start one "$first" "$a" "$b"
            fi
        fi
        if [ "$a" = "$b" ]; then after=1; fi
    done
done
start refused "$first" NO_INTRINSICS FORCE_INTRINSICS

# CHECKER_CORE leaves code out, which `core` only passes by: what they find in
# broken archives is the same.
core_finds() { # macro...
    # shellcheck disable=SC2086
    $first $flags -O2 "$@" -I. -o "$work/core" tests/core.c &&
        "$work/core" "$work"/*.tar
}
same_core() {
    {
        with=$(core_finds -DOCITAR_CHECKER_CORE) && without=$(core_finds) &&
            echo "$with" && [ "$with" = "$without" ] && echo ok
    } >"$work/core.log" 2>&1
    tail -n 1 "$work/core.log" >"$work/core.result"
}
start same_core
wait

for r in "$work"/*.result; do
    name=$(basename "$r" .result)
    if [ "$(cat "$r")" = ok ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $name"
        tail -n 12 "$work/$name.log" | sed 's/^/    /'
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
