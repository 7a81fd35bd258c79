"""coverage.py TREE - adds up gcov's reports on ocitar.h and prints them.

Every test program holds a copy of the header's code, so a line counts as run
if it ran in one of them, a branch as taken if it was taken in one of them.
Lists what no test reached. Exit 1 below the limits (97 % lines, 92 %
branches).

What is left has one of these reasons: it needs a state that cannot be arranged
in a test that any machine runs (standard descriptors closed, ten thousand
leftover files, paths beyond 4096 bytes, no memory for a few hundred bytes); or
it guards against a driver or caller that breaks its contract; or it is a number
that no memory could hold.
"""
import gzip
import json
import pathlib
import subprocess
import sys

LINES, BRANCHES = 97.0, 92.0


def reports(tree):
    for data in sorted(tree.glob("build/**/*.gcda")):
        text = subprocess.run(
            ["gcov", "--json-format", "--branch-probabilities", "--stdout",
             data.name],
            cwd=data.parent, capture_output=True, check=True).stdout
        if text[:2] == b"\x1f\x8b":
            text = gzip.decompress(text)
        for line in text.splitlines():
            if line.strip():
                yield json.loads(line)


def main(tree):
    lines, branches = {}, {}
    for report in reports(tree):
        for file in report["files"]:
            if pathlib.PurePath(file["file"]).name != "ocitar.h":
                continue
            for line in file["lines"]:
                n = line["line_number"]
                lines[n] = lines.get(n, 0) + line["count"]
                got = [b["count"] for b in line["branches"]]
                old = branches.setdefault(n, [0] * len(got))
                if len(old) < len(got):
                    old.extend([0] * (len(got) - len(old)))
                for i, count in enumerate(got):
                    old[i] += count
    total = sum(len(b) for b in branches.values())
    taken = sum(c > 0 for b in branches.values() for c in b)
    run = sum(c > 0 for c in lines.values())
    source = (tree / "ocitar.h").read_text().splitlines()
    print("lines that no test runs:")
    for n in sorted(n for n, c in lines.items() if c == 0):
        print(f"{n:6}: {source[n - 1].strip()}")
    if "--branches" in sys.argv:
        print("branches that no test takes:")
        for n in sorted(branches):
            if lines[n] and 0 in branches[n]:
                print(f"{n:6}: {branches[n].count(0)} of {len(branches[n])}: "
                      f"{source[n - 1].strip()}")
    line_share = 100.0 * run / max(len(lines), 1)
    branch_share = 100.0 * taken / max(total, 1)
    print(f"{run} of {len(lines)} lines ({line_share:.1f} %), "
          f"{taken} of {total} branches ({branch_share:.1f} %)")
    return not (line_share >= LINES and branch_share >= BRANCHES)


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
