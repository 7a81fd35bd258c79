"""size.py [--update] [--all] - what the library takes of a device, by target
and profile, against tests/size.txt.

Of a linked program that calls what tests/size.c calls (with libgcc, without a
C library, -Os): .text, .rodata, .data, .bss; the deepest stack, where the
compiler tells (gcc's call graph; the user's functions count nothing); and the
sizes of all public structs. Fails if something grew by more than 2 % and the
table does not say so; --update writes the table; --all: a compiler that is
missing is a failure, too. Goals that are not met are named, and no failure.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import stack

TABLE = pathlib.Path("tests/size.txt")
TARGETS = [
    ("cortex-m0", "arm-none-eabi", ["-mcpu=cortex-m0", "-mthumb"]),
    ("cortex-m4", "arm-none-eabi", ["-mcpu=cortex-m4", "-mthumb"]),
    ("rv32imac", "riscv64-unknown-elf",
     ["-march=rv32imac", "-mabi=ilp32", "-ffreestanding"]),
    ("avr", "avr", ["-mmcu=atmega1284p"]),
    ("x86-64", "", ["-fno-pic", "-no-pie", "-fno-asynchronous-unwind-tables",
                    "-fcf-protection=none"]),
]
LEAN = ["SMALL", "NO_SHA512", "NO_ERROR_TEXT"]
PROFILES = [  # name, what is called, macros, goal on cortex-m0
    ("writer", ["WRITER"],
     LEAN + ["WRITER_ONLY", "NO_PAX", "NO_IMAGE"], 2560),
    ("images", ["WRITER", "IMAGE"], LEAN + ["WRITER_ONLY", "NO_PAX"], 7168),
    ("core", ["CHECKER"],
     LEAN + ["CHECKER_ONLY", "NO_PAX", "CHECKER_CORE"], 8192),
    ("checker", ["CHECKER"], LEAN + ["CHECKER_ONLY"], 12288),
    ("all", ["WRITER", "IMAGE", "CHECKER"], [], None),
]
STACK_GOAL = 1024


def tool(prefix, name):
    return f"{prefix}-{name}" if prefix else name


def sections(prefix, flags, calls, macros, work):
    program = f"{work}/program"
    subprocess.run(
        [tool(prefix, "gcc"), *flags, "-std=c99", "-Os", "-I.",
         "-ffunction-sections", "-fdata-sections", "-nostdlib",
         "-nostartfiles", "-static", "-Wl,--gc-sections", "-Wl,-e,start",
         "-Wl,-u,start", "-Wl,--unresolved-symbols=ignore-all",
         *[f"-DSIZE_{c}" for c in calls], *[f"-DOCITAR_{m}" for m in macros],
         "-o", program, "tests/size.c", "-lgcc"],
        check=True, stderr=subprocess.DEVNULL)
    text = subprocess.run([tool(prefix, "size"), "-A", program], check=True,
                          capture_output=True, text=True).stdout
    sums = {"text": 0, "rodata": 0, "data": 0, "bss": 0}
    for name, size in re.findall(r"^\.(\S+)\s+(\d+)", text, re.M):
        for key in sums:
            if name == key or name.startswith(key + "."):
                sums[key] += int(size)
    return sums


def struct_names():
    text = pathlib.Path("ocitar.h").read_text()
    core = text[:text.index("/* ---- hosted")]
    return sorted(set(re.findall(r"^typedef struct (ocitar_\w+)", core, re.M)))


def struct_sizes(prefix, flags, work):
    names = struct_names()
    source = pathlib.Path(work, "structs.c")
    source.write_text('#include "ocitar.h"\n' + "".join(
        f"char size_{n}[sizeof({n})];\n" for n in names))
    subprocess.run([tool(prefix, "gcc"), *flags, "-std=c99", "-I.",
                    "-fno-common", "-c", "-o", f"{work}/structs.o",
                    str(source)], check=True)
    text = subprocess.run([tool(prefix, "nm"), "-S", f"{work}/structs.o"],
                          check=True, capture_output=True, text=True).stdout
    found = {n: s for s, n in re.findall(r"\w+ (\w+) \w size_(\w+)", text)}
    return {n: int(found[n], 16) for n in names}


def deepest(prefix, flags, macros):
    if prefix == "avr":
        return None  # Debian's is gcc 5, which does not tell
    paths = stack.measure([tool(prefix, "gcc"), *flags], macros)
    return max(size for size, _ in paths.values())


def measure(missing):
    table = {}
    with tempfile.TemporaryDirectory() as work:
        for target, prefix, flags in TARGETS:
            if shutil.which(tool(prefix, "gcc")) is None:
                missing.append(f"{target} ({tool(prefix, 'gcc')})")
                continue
            for profile, calls, macros, _ in PROFILES:
                row = sections(prefix, flags, calls, macros, work)
                row["stack"] = deepest(prefix, flags, macros)
                for key, value in row.items():
                    if value is not None:
                        table[target, profile, key] = value
            for name, size in struct_sizes(prefix, flags, work).items():
                table[target, "sizeof", name] = size
    return table


def read_table():
    table = {}
    for line in TABLE.read_text().splitlines() if TABLE.exists() else []:
        if line and not line.startswith("#"):
            target, profile, key, value = line.split()
            table[target, profile, key] = int(value)
    return table


def write_table(table):
    TABLE.write_text(
        "# Bytes, by size.py --update: target, profile, what, how many.\n"
        + "".join(f"{t} {p} {k} {v}\n" for (t, p, k), v in table.items()))


def report(table):
    print(f"{'':10} {'':9}" + "".join(
        f"{k:>8}" for k in ("text", "rodata", "data", "bss", "stack")))
    for target, _, _ in TARGETS:
        for profile, _, _, goal in PROFILES:
            if (target, profile, "text") not in table:
                continue
            values = [table.get((target, profile, k)) for k in
                      ("text", "rodata", "data", "bss", "stack")]
            note = ""
            if target == "cortex-m0" and goal:
                rom = values[0] + values[1]
                note = f"  {rom} of {goal}" + (
                    "" if rom <= goal else ", not met")
            if values[4] and values[4] > STACK_GOAL and target != "x86-64":
                note += f"  stack over {STACK_GOAL}"
            print(f"{target:10} {profile:9}" + "".join(
                f"{'' if v is None else v:>8}" for v in values) + note)


def compare(table, old):
    grown = 0
    for key, value in table.items():
        was = old.get(key)
        if was == value:
            continue
        name = " ".join(key)
        print(f"{name}: {'new' if was is None else was} -> {value}")
        if was is None or value > was + was // 50:
            grown += 1
    return grown


def main(arguments):
    missing = []
    table = measure(missing)
    report(table)
    for name in missing:
        print(f"missing: {name}")
    old = read_table()
    if "--update" in arguments:
        old.update(table)
        write_table(old)
        return
    grown = compare(table, old)
    if grown:
        print("more than tests/size.txt has: make size UPDATE=--update, in "
              "the same commit, if that is meant")
    failed = grown > 0 or (missing and "--all" in arguments)
    print(f"{len(table) - grown} passed, {grown + len(missing)} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
