"""ratio.py DIRECTORY RUNS PROGRAM... - runs each program of the directory in
turn, RUNS times and once before that, and `clean` after each; prints the
medians, and how many times what the first of its kind takes. The directory has
`peak`, of tests/peak.c, too: a child of python's has python's peak memory."""
import os
import statistics
import subprocess
import sys
import time


def run(directory, name):
    peak = [os.path.join(directory, 'peak'), str(1 << 40)]
    begin = time.monotonic()
    child = subprocess.Popen(peak + [os.path.join(directory, name)],
                             stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = child.stderr.read().decode(errors='replace')
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - begin
    child.returncode = status
    if status != 0:
        sys.exit('%s ended with %d: %s' % (name, status, said))
    kib = int(said.rsplit('peak: ', 1)[1].split()[0])
    return wall, usage.ru_utime + usage.ru_stime, kib / 1024


def main():
    directory, runs, programs = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    seen = {name: [] for name in programs}
    for i in range(runs + 1):
        for name in programs:
            sample = run(directory, name)
            size = os.path.getsize(os.path.join(directory, '../out/image.tar'))
            run(directory, 'clean')
            if i > 0:
                seen[name].append(sample + (size / 1e6,))
    print('%-16s %8s %15s %8s %9s %8s %6s' % (
        'medians', 'seconds', 'least to most', 'CPU s', 'peak MiB', 'MB out',
        'ratio'))
    base = {}
    for name in programs:
        wall, cpu, rss, size = zip(*seen[name])
        middle = statistics.median(wall)
        kind = 'gzip' if 'gzip' in name or 'sloci' in name else 'plain'
        base.setdefault(kind, middle)
        print('%-16s %8.2f %6.2f to %5.2f %8.2f %9.1f %8.1f %6.2f' % (
            name, middle, min(wall), max(wall), statistics.median(cpu),
            statistics.median(rss), size[0], middle / base[kind]))


main()
