# run32.sh - for other scripts: run32 PROGRAM lets a 32-bit program run, where
# this kernel does not do it, by qemu-i386-static.
run32() {
    if "$1" --version >/dev/null 2>&1; then return 0; fi
    mv "$1" "$1.elf" &&
        printf '#!/bin/sh\nexec qemu-i386-static "%s.elf" "$@"\n' "$1" >"$1" &&
        chmod +x "$1" && "$1" --version >/dev/null
}
