#!/bin/sh
# freestanding.sh BUILD - the core without libc, and what it costs in memory.
# Ends with "N passed, N failed".
build=$1
cc=${CC:-cc}
work=$build/freestanding
passed=0 failed=0
mkdir -p "$work" || exit 2

check() { # title command...
    title=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $title"
        sed 's/^/    /' "$work/log"
    fi
}

flags='-std=c99 -Wall -Wextra -Werror -Wno-unused-function -I.'
free='-ffreestanding -nostdlib -fno-builtin -fno-stack-protector -fno-pic'

core_needs_only_mem() {
    printf '#define OCITAR_NO_HOSTED\n#define OCITAR_IMPLEMENTATION\n%s\n' \
        '#include "ocitar.h"' >"$work/core.c"
    $cc $flags -Os -ffreestanding -c -o "$work/core.o" "$work/core.c" || return 1
    ! nm -u "$work/core.o" | awk '{print $2}' |
        grep -v -x 'memcpy\|memmove\|memset\|memcmp\|__stack_chk_fail\|_GLOBAL_OFFSET_TABLE_\|__u\?divdi3\|__u\?moddi3\|__u\?divmoddi4'
}

core_has_no_data() {
    size -A "$work/core.o" |
        awk '$1 ~ /^\.(data|bss|tdata|tbss)$/ {n += $2} END {exit n != 0}'
}

# Which headers does the core pull in? The compiler's own, and no other.
core_includes() {
    $cc $flags -ffreestanding -M -MG "$work/core.c" | tr ' \\' '\n\n' |
        grep '\.h$' | grep -v 'ocitar\.h$' | sed 's|.*/||' | sort -u >"$work/h"
    ! grep -v -x 'stddef.h\|stdint.h\|stdint-gcc.h\|limits.h\|syslimits.h' \
        "$work/h"
}

runs_without_libc() {
    # without -static some linkers ask for an interpreter that is not there
    $cc $flags $free -O1 -static -Wl,-e,start -o "$work/free" \
        tests/freestanding.c &&
        "$work/free" >"$work/free.tar"
}

same_as_hosted() {
    $cc $flags -DHOSTED -O2 -o "$work/hosted" tests/freestanding.c &&
        "$work/hosted" >"$work/hosted.tar" &&
        cmp "$work/free.tar" "$work/hosted.tar"
}

memory_table() {
    $cc $flags -o "$work/memory" tests/memory.c && "$work/memory"
}

check 'the core needs the four mem functions, and nothing else' \
    core_needs_only_mem
check 'the core has neither .data nor .bss' core_has_no_data
check 'the core includes stddef.h and stdint.h, and no other' core_includes
machine() { # the system calls of the test are written for two
    printf '%s\n' '#if defined __linux__ && defined __x86_64__' here \
        '#elif defined __linux__ && defined __aarch64__' here '#endif' |
        $cc -E -P -x c - | grep here
}
case $(machine) in
here)
    check 'an image is written without libc' runs_without_libc
    check 'its bytes are those of the hosted build' same_as_hosted
    ;;
*) echo "not run here: a program without libc" ;;
esac
check 'the memory table of the README holds' memory_table
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
