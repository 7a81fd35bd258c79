"""bench.py [OPTION...] - how fast ocitar is, against others on this machine.

Every ratio is of two things that took turns in this run, and of their medians;
beside it are those of the least times and of the processors' seconds. No
figure makes it fail: it does so only if something could not run, or if two
ways that should do the same did not. Prints a table; build/bench.md has it,
too, and build/bench.svg a picture of it (with --quick: build/bench-quick.*).

  --quick       small sizes, two rounds: only to see that all of it runs
  --rounds N    nine, if not given
  --peers       buildah, umoci, skopeo and sloci-image, too, where they are
                (buildah as root; sloci-image is the file $SLOCI_IMAGE)
  --only A,B    some of: hash portable blobs writes tree file pipe verify
                memory
  --build DIR   where `make bench` left the programs; build, if not given
  --keep        measures nothing: copies the last picture to tests/bench.svg
                and the last table into README.md

Needs 6 GiB of room in the build directory, and Linux. Of openssl, GNU tar,
bsdtar, strace and clang what is missing is left out, and that is said. The
tree that is packed is Debian's in $OCITAR_CACHE if that is set (made by
debootstrap if it is not there), or else a copy of what /usr/share has, up to
200 MB.
"""
import argparse
import os
import pathlib
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
import xml.etree.ElementTree
import xml.sax.saxutils

MIB = 1 << 20
REFERENCE = "localhost/bench:1"


class Failed(Exception):
    """What could not run, in words."""


# ---- running ---------------------------------------------------------------

class Sample:
    """What one run took: seconds by the clock and of processors, by itself if
    it says so, and peak KiB of its largest process."""

    def __init__(self, wall, cpu, peak, said):
        self.wall, self.cpu, self.peak = wall, cpu, peak
        inner = re.search(r"^seconds: (\S+) (\S+)$", said, re.M)
        if inner:
            self.wall, self.cpu = map(float, inner.groups())


class Runner:
    """Runs programs in a directory of its own, which it removes."""

    def __init__(self, build, work):
        self.build, self.work = build, work
        self.peak = str(build / "bench_peak")
        self.environment = dict(os.environ, TMPDIR=str(work), LC_ALL="C")
        self.still = ["setarch", "-R"]
        if not first_line(*self.still, "echo", "ok"):
            self.still = []

    def path(self, name):
        return str(self.work / name)

    def tool(self, name):
        return str(self.build / name)

    def run(self, *command, source=None, out=subprocess.DEVNULL):
        """One program, through bench_peak: a child of Python's own would have
        Python's peak. Not at addresses that chance chooses: how much of a
        library is in memory hangs on them."""
        begin = time.monotonic()
        child = subprocess.Popen(
            [*self.still, self.peak, str(1 << 40), *command], stdin=source or
            subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE,
            cwd=self.work, env=self.environment)
        return self.end(child, begin, command)

    def end(self, child, begin, command):
        said = child.stderr.read().decode(errors="replace")
        child.stderr.close()
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - begin
        child.returncode = status
        peak = re.search(r"^peak: (\d+) KiB", said, re.M)
        if status != 0 or peak is None:
            raise Failed("%s ended with %d: %s" % (" ".join(command), status,
                                                   said.strip()))
        return Sample(wall, usage.ru_utime + usage.ru_stime,
                      int(peak.group(1)), said)

    def pipeline(self, command, feed=None, source=None):
        """A program that writes to a pipe which is read; and reads from one,
        if so many bytes are to be fed."""
        bench = self.tool("bench")
        feeder = None
        if feed is not None:
            feeder = subprocess.Popen([bench, "feed", str(feed)],
                                      stdout=subprocess.PIPE)
            source = feeder.stdout
        drain = subprocess.Popen([bench, "drain"], stdin=subprocess.PIPE)
        try:
            return self.run(*command, source=source, out=drain.stdin)
        finally:
            drain.stdin.close()
            if feeder is not None:
                feeder.stdout.close()
            for end in (feeder, drain):
                if end is not None and end.wait() != 0:
                    raise Failed("an end of a pipe failed")

    def script(self, text, **more):
        return self.run("sh", "-ec", text, **more)

    def remove(self, name):
        path = self.work / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.exists():
            path.unlink()


def take_turns(ways, rounds, after=None):
    """Each way once a round, first one that is not counted. Their order turns
    from round to round: it is not always the same that runs behind a busy
    one."""
    samples = {name: [] for name in ways}
    names = list(ways)
    for i in range(-1, rounds):
        for name in names:
            sample = ways[name]()
            if after is not None:
                after()
            if i >= 0:
                samples[name].append(sample)
        names = names[1:] + names[:1]
    return samples


# ---- the table -------------------------------------------------------------

class Row:
    """One comparison, of numbers or of Samples' seconds by the clock or of the
    processor. `goal` is a factor of the peer's: "speed" at least it, "time" at
    most it; ratios are told as the goal wants them."""

    def __init__(self, what, peer, ours, theirs, unit="s", goal=None,
                 kind="speed", show=False):
        self.what, self.peer, self.unit = what, peer, unit
        self.goal, self.kind, self.show = goal, kind, show
        self.work = ""
        if unit == "s" and theirs is not None:
            self.work = "%.2f" % self.factor(
                statistics.median(s.cpu for s in ours),
                statistics.median(s.cpu for s in theirs))
        ours, theirs = self.numbers(ours), self.numbers(theirs)
        self.ours, self.theirs = statistics.median(ours), None
        self.ratio, self.least = self.ours, min(ours)
        if theirs is not None:
            self.theirs = statistics.median(theirs)
            self.ratio = self.factor(self.ours, self.theirs)
            self.least = self.factor(min(ours), min(theirs))

    def numbers(self, samples):
        if self.unit == "s" and samples is not None:
            return [s.wall for s in samples]
        if self.unit == "s CPU":
            return [s.cpu for s in samples]
        return samples

    def factor(self, ours, theirs):
        return theirs / ours if self.kind == "speed" else ours / theirs

    def good(self, value):
        if self.theirs is not None and self.kind == "speed":
            return value >= self.goal
        return value <= self.goal

    def verdict(self):
        if self.goal is None:
            return ""
        if self.good(self.ratio) == self.good(self.least):
            return "yes" if self.good(self.ratio) else "no"
        return "yes, the least no" if self.good(self.ratio) else \
            "no, the least yes"

    def goal_text(self):
        if self.goal is None:
            return ""
        if self.theirs is None:
            return "<= %s" % amount(self.goal, self.unit)
        return "%s %.2f" % (">=" if self.kind == "speed" else "<=", self.goal)

    def cells(self):
        theirs = ratio = ""
        least = amount(self.least, self.unit) if self.unit == "ns" else ""
        if self.theirs is not None:
            theirs = amount(self.theirs, self.unit)
            ratio = "%.2fx the %s" % (self.ratio, self.kind)
            least = "%.2f" % self.least
        return [self.what, amount(self.ours, self.unit), self.peer, theirs,
                ratio, least, self.work, self.goal_text(), self.verdict()]


HEAD = ["what", "ours", "against", "theirs", "ratio", "of the least",
        "of CPU", "goal", "met"]


def amount(value, unit):
    if unit == "ns":
        return "%.0f ns" % value if value < 10000 else \
            "%.1f us" % (value / 1e3)
    if unit in ("s", "s CPU"):
        return "%.3f %s" % (value, unit)
    if unit == "KiB":
        return "%d KiB" % value
    return "%d" % value


def markdown(rows, columns=range(9)):
    cells = [[row[i] for i in columns] for row in
             [HEAD] + [row.cells() for row in rows]]
    cells.insert(1, ["---"] * len(columns))
    return "".join("| " + " | ".join(line) + " |\n" for line in cells)


def plain(rows):
    cells = [HEAD] + [row.cells() for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(HEAD))]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(line, widths)).rstrip()
        for line in cells)


def middle(samples):
    return statistics.median(s.wall for s in samples)


# ---- what is measured ------------------------------------------------------

class Bench:
    """The groups of rows; each is a method."""

    def __init__(self, options, runner):
        self.options, self.r = options, runner
        self.quick, self.rounds = options.quick, options.rounds
        self.rows, self.notes, self.panels = [], [], []
        self.ocitar = runner.tool("ocitar")
        self.file_size = (8 if self.quick else 1024) * MIB
        self.tree = None
        self.times = {}

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)
            print("bench: " + text, flush=True)

    def add(self, *row, **more):
        self.rows.append(Row(*row, **more))

    def panel(self, title, bars, unit):
        self.panels.append((title, bars, unit))

    def has(self, tool):
        if shutil.which(tool):
            return True
        self.note("no %s: what it is measured against is left out" % tool)
        return False

    def compilers(self, kind):
        found = [c for c in ("gcc", "clang")
                 if (self.r.build / (kind + c)).exists()]
        if "clang" not in found:
            self.note("no clang: its build is left out")
        return found

    def big_file(self, name="big", part=1):
        """A file of the large size, or of a part of it."""
        if not os.path.exists(self.r.path(name)):
            self.r.run(self.r.tool("bench"), "fill", self.r.path(name),
                       str(self.file_size // part), str(1 + len(name) * 7 +
                                                        ord(name[-1])))
        return self.r.path(name)

    def samples_of(self, program, *command):
        """{(name, size): [nanoseconds]} of a program that prints them."""
        text = subprocess.run([program, *map(str, command)], check=True,
                              stdout=subprocess.PIPE, text=True).stdout
        samples = {}
        for line in text.splitlines():
            name, size, value = line.split()
            samples.setdefault((name, int(size)), []).append(float(value))
        return samples

    # -- SHA-256 in memory --

    def hash(self):
        for compiler in self.compilers("bench_"):
            s = self.samples_of(self.r.tool("bench_" + compiler), "hash",
                                self.rounds, 1 if self.quick else 20)
            if ("evp", 64) not in s:
                self.note("no libcrypto: OpenSSL's EVP is left out")
            else:
                self.hash_alone(compiler, s)
            self.hash_together(compiler, s)

    def hash_alone(self, compiler, s):
        for (name, size) in sorted(k for k in s if k[0] == "one"):
            goal = 1.5 if size <= 100 else 0.97 if size >= 16384 else None
            self.add("SHA-256 of %s, %s" % (size_text(size), compiler),
                     "OpenSSL EVP", s[name, size], s["evp", size], unit="ns",
                     goal=goal, show=compiler == "gcc" and
                     size in (64, 16384))
        if compiler == "gcc":
            bars = [(label, statistics.median(s[way, 16384])) for label, way in
                    (("ocitar, three at once", "three"),
                     ("ocitar, two at once", "two"), ("ocitar", "one"),
                     ("OpenSSL EVP", "evp"))]
            self.panel("SHA-256 of 16 KiB, microseconds each",
                       [(label, v / 1e3) for label, v in bars], "%.1f")

    def hash_together(self, compiler, s):
        amd = "AuthenticAMD" in cpu_info()
        goals = {"two": 1.9 if compiler == "clang" else 1.75, "three": 2.2}
        for way in ("two", "three"):
            for size in sorted(size for n, size in s if n == way):
                goal = None if size < 16384 else goals[way] if amd else 0.98
                self.add("%s messages of %s at once, %s" %
                         (way, size_text(size), compiler), "one of ours",
                         s[way, size], s["one", size], unit="ns", goal=goal,
                         show=compiler == "gcc" and
                         size == 16384)

    def portable(self):
        if not self.has("sha256sum"):
            return
        linked = subprocess.run(["ldd", shutil.which("sha256sum")], text=True,
                                stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, check=False).stdout
        peer = "sha256sum"
        if "libcrypto" in linked:
            peer += " (with libcrypto)"
        size = (4 if self.quick else 128) * MIB
        path = self.big_file("portable", self.file_size // size)
        ways = {"peer": lambda: self.r.run("sha256sum", path)}
        for compiler in self.compilers("bench_portable_"):
            tool = self.r.tool("bench_portable_" + compiler)
            ways[compiler] = lambda tool=tool: self.r.run(tool, "sum", path)
        s = take_turns(ways, self.rounds)
        for compiler in ways:
            if compiler != "peer":
                self.add("portable C, a file of %s, %s" %
                         (size_text(size), compiler), peer, s[compiler],
                         s["peer"], unit="s CPU", goal=1.25,
                         show=compiler == "gcc")
        self.r.remove("portable")

    # -- small blobs --

    def blobs(self):
        count = 500 if self.quick else 20000
        goals = {("one", 100): 200, ("one", 4096): 3000,
                 ("together", 100): 200, ("together", 4096): 1900}
        for compiler in self.compilers("bench_"):
            s = self.samples_of(self.r.tool("bench_" + compiler), "blobs",
                                self.rounds, count)
            for (way, size), values in sorted(s.items(), key=lambda i: i[0]
                                              [1]):
                what = "a blob" if way == "one" else "one of 12 blobs"
                self.add("%s of %s to nothing, %s" %
                         (what, size_text(size), compiler), "", values, None,
                         unit="ns", show=compiler == "gcc",
                         goal=goals.get((way, size)))

    def writes(self):
        if not self.has("strace"):
            return
        count = 200 if self.quick else 10000
        log, out = self.r.path("strace"), self.r.path("small")
        # of the process that does the work, so not through bench_peak
        subprocess.run(
            ["strace", "-o", log, "-e",
             "trace=write,writev,pwrite64,sendfile,splice",
             self.r.tool("bench"), "small", out, str(count), "100"],
            check=True)
        with open(log) as f:
            sizes = [int(m.group(1)) for m in
                     (re.search(r"\) += (-?\d+)$", line) for line in f) if m]
        pieces = -(-os.path.getsize(out) // 65536)
        if sum(sizes) != os.path.getsize(out):
            raise Failed("strace saw %d bytes written" % sum(sizes))
        self.add("write calls for %d blobs of 100 B" % count, "one a 64 KiB",
                 [len(sizes)], [pieces], unit="", goal=1.0, kind="time")
        self.add("the same: empty ones", "", [sizes.count(0)], None, unit="",
                 goal=0)
        self.r.remove("small")

    # -- a tree --

    def tree_of_debian(self):
        cache = os.environ.get("OCITAR_CACHE")
        if not cache or self.quick:
            return None
        if not os.path.exists(cache + "/debian-bookworm") and \
                shutil.which("debootstrap") and os.getuid() == 0:
            subprocess.run(["sh", "-c", ". tests/real.sh; needs; debian_tree"],
                           check=True)
        tree = cache + "/debian-bookworm"
        return tree if os.path.exists(tree) else None

    def tree_of_system(self):
        """A copy: what is measured must stay as it is."""
        limit, got = (4 if self.quick else 200) * 1000000, 0
        tree = self.r.work / "tree"
        for path, directories, files in os.walk("/usr/share"):
            directories.sort()
            to = tree / path.lstrip("/")
            to.mkdir(parents=True)
            for name in sorted(files):
                source = os.path.join(path, name)
                try:
                    if os.path.islink(source) or os.path.isfile(source):
                        shutil.copy2(source, to / name, follow_symlinks=False)
                        got += os.lstat(source).st_size
                except PermissionError:
                    pass
                if got >= limit:
                    return str(tree)
        return str(tree)

    def find_tree(self):
        tree, name = self.tree_of_debian(), "Debian's root file system"
        if tree is None:
            tree, name = self.tree_of_system(), "a copy of /usr/share"
        count = size = 0
        for path, directories, files in os.walk(tree):
            count += len(directories) + len(files)
            size += sum(os.lstat(os.path.join(path, f)).st_size for f in files)
        self.note("the tree is %s, %.0f MB, %d files" %
                  (name, size / 1e6, count))
        self.tree_text = "%.0f MB, %d files" % (size / 1e6, count)
        return tree

    def clean_out(self):
        self.r.remove("out")
        (self.r.work / "out").mkdir()
        if self.options.peers and shutil.which("buildah"):
            subprocess.run(["sh", "-c", "buildah %s rm -a >/dev/null" %
                            self.storage()], check=True)

    def storage(self):
        return ("--root {0}/podman --runroot {0}/podman-run "
                "--storage-driver vfs".format(self.r.work))

    def programs(self):
        """What packs the tree: {name: script}. It compresses where its name
        has gzip."""
        ours = "'%s' pack --quiet -o image.tar '%s' %s" % (
            self.ocitar, self.tree, REFERENCE)
        flags = "--numeric-owner --acls --xattrs --posix"
        gnu = subprocess.run(["tar", "--version"], text=True, check=False,
                             stdout=subprocess.PIPE).stdout
        found = {"ocitar": ours}
        if "GNU tar" in gnu and self.has("openssl"):
            found["tar, openssl, tar"] = (
                "mkdir -p l/blobs/sha256\n"
                "tar -C '%s' %s -cf l/layer.tar .\n"
                "d=$(openssl dgst -sha256 -r l/layer.tar)\n"
                "mv l/layer.tar \"l/blobs/sha256/${d%%%% *}\"\n"
                "tar -C l -cf image.tar ." % (self.tree, flags))
        if self.options.peers:
            found.update(self.peers(ours))
        return found

    def peers(self, ours):
        buildah = (
            "c=$(buildah {0} from -q scratch)\n"
            "buildah {0} add -q \"$c\" '{1}' / >/dev/null\n"
            "buildah {0} commit -q --disable-compression={2} \"$c\" "
            "oci-archive:image.tar:bench >/dev/null")
        found = {"ocitar, gzip": ours.replace("--quiet",
                                              "--quiet --compress gzip")}
        if self.has("buildah"):
            found["buildah"] = buildah.format(self.storage(), self.tree,
                                              "true")
            found["buildah, gzip"] = buildah.format(self.storage(), self.tree,
                                                    "false")
        if self.has("umoci"):
            found["umoci and tar, gzip"] = (
                "umoci init --layout l\n"
                "umoci new --image l:bench\n"
                "umoci insert --image l:bench '%s' /\n"
                "tar -C l -cf image.tar ." % self.tree)
        sloci = os.environ.get("SLOCI_IMAGE", "")
        if os.path.isfile(sloci):
            found["sloci-image, gzip"] = (
                "sh '%s' --tar '%s' bench:1\nmv bench-1-*.tar image.tar" %
                (os.path.abspath(sloci), self.tree))
        else:
            self.note("no file SLOCI_IMAGE: sloci-image is left out")
        return found

    def tree_run(self, script):
        sample = self.r.script("cd out\n" + script)
        if os.path.getsize(self.r.path("out/image.tar")) < 100000:
            raise Failed("no image of the tree: " + script)
        return sample

    def pack_tree(self):
        self.tree = self.find_tree()
        self.clean_out()
        programs = self.programs()
        ways = {name: lambda script=script: self.tree_run(script)
                for name, script in programs.items()}
        s = take_turns(ways, self.rounds, self.clean_out)
        for name in programs:
            base = "ocitar, gzip" if "gzip" in name else "ocitar"
            if name != base:
                self.add("pack a tree, %s%s" % (
                    self.tree_text, ", gzip" if "gzip" in name else ""),
                    name.replace(", gzip", ""), s[base],
                    s[name], show=True)
        bars = [(name, middle(s[name]))
                for name in programs if "gzip" not in name]
        self.panel("Packing a tree of %s, seconds" % self.tree_text, bars,
                   "%.2f")
        if self.options.peers and self.has("skopeo"):
            self.unpack_tree()

    def unpack_tree(self):
        """An archive into a layout directory, checked on the way."""
        self.tree_run(self.programs()["ocitar"])
        os.rename(self.r.path("out/image.tar"), self.r.path("image.tar"))
        s = take_turns({
            "ocitar": lambda: self.r.script(
                "cd out; '%s' import --quiet ../image.tar l" % self.ocitar),
            "skopeo": lambda: self.r.script(
                "cd out; skopeo copy -q --insecure-policy "
                "--dest-oci-accept-uncompressed-layers "
                "oci-archive:../image.tar oci:l:bench"),
        }, self.rounds, self.clean_out)
        self.add("import into a directory", "skopeo copy", s["ocitar"],
                 s["skopeo"], show=True)
        self.r.remove("image.tar")

    # -- a large file --

    def to_file(self, *command):
        sample = self.r.run(*command)
        size = os.path.getsize(self.r.path("out.tar"))
        if size < self.file_size:
            raise Failed("%s wrote %d bytes" % (" ".join(command), size))
        return sample

    def file(self):
        path, bench = self.big_file(), self.r.tool("bench")
        out = self.r.path("out.tar")
        (self.r.work / "one").mkdir(exist_ok=True)
        os.link(path, self.r.path("one/body"))
        ways = {
            "hash": lambda: self.r.run(bench, "memory",
                                       str(self.file_size)),
            "64": lambda: self.to_file(bench, "file", path, out, "65536"),
            "256": lambda: self.to_file(bench, "file", path, out, "262144"),
            "artifact": lambda: self.to_file(
                self.ocitar, "artifact", "--quiet", "-o", out, path,
                REFERENCE),
            "pack": lambda: self.to_file(
                self.ocitar, "pack", "--quiet", "-o", out,
                self.r.path("one"), REFERENCE),
            "cp": lambda: self.to_file("cp", path, out),
            "GNU tar": lambda: self.to_file(
                "tar", "-C", str(self.r.work), "-cf", out, "big"),
        }
        if self.has("bsdtar"):
            ways["bsdtar"] = lambda: self.to_file(
                "bsdtar", "-C", str(self.r.work), "-cf", out, "big")
        s = take_turns(ways, self.rounds, lambda: self.r.remove("out.tar"))
        self.file_rows(ways, s)
        self.r.remove("one")

    def file_rows(self, ways, s):
        size = size_text(self.file_size)
        alone = s["hash"]
        for way, goal in ("64", 1.8), ("256", 1.65):
            self.add("a file of %s to an archive, %s KiB buffer" % (size, way),
                     "its hash in memory", s[way], alone, goal=goal,
                     kind="time", show=way == "64")
        for way in "artifact", "pack":
            self.add("ocitar %s of %s" % (way, size), "its hash in memory",
                     s[way], alone, kind="time")
        for peer in "cp", "GNU tar", "bsdtar":
            if peer in ways:
                self.add("ocitar artifact of %s" % size, peer,
                         s["artifact"], s[peer], kind="time",
                         show=True)
        self.panel("A file of %s into an archive, seconds" % size,
                   [("SHA-256 of it in memory", middle(alone))] +
                   [(label, middle(s[way]))
                    for label, way in (
                        ("ocitar artifact", "artifact"),
                        ("ocitar pack", "pack"), ("cp", "cp"),
                        ("GNU tar", "GNU tar"), ("bsdtar", "bsdtar"))
                    if way in ways], "%.2f")

    def from_file(self, path, *command):
        with open(path, "rb") as source:
            return self.r.pipeline(command, source=source)

    def pipe(self):
        path, bench = self.big_file(), self.r.tool("bench")
        artifact = (self.ocitar, "artifact", "--quiet", "-o", "-")
        size = self.file_size // 4
        s = take_turns({
            "hash": lambda: self.r.run(bench, "memory",
                                       str(self.file_size)),
            "64": lambda: self.from_file(path, bench, "pipe", "65536"),
            "256": lambda: self.from_file(path, bench, "pipe", "262144"),
            "file": lambda: self.r.pipeline(artifact + (path, REFERENCE)),
            "quarter": lambda: self.r.run(bench, "memory", str(size)),
            "through": lambda: self.r.pipeline((bench, "pipe", "65536"),
                                               feed=size),
            "stream": lambda: self.r.pipeline(artifact + ("-", REFERENCE),
                                              feed=size),
        }, self.rounds)
        text, quarter = size_text(self.file_size), size_text(size)
        for what, way in (
                ("a file of %s to a pipe, 64 KiB buffer" % text, "64"),
                ("a file of %s to a pipe, 256 KiB buffer" % text, "256"),
                ("ocitar artifact of %s to a pipe" % text, "file")):
            self.add(what, "its hash in memory", s[way], s["hash"], goal=1.45,
                     kind="time", show=way == "file")
        for what, way in (
                ("%s from a pipe to a pipe, 64 KiB buffer" % quarter,
                 "through"),
                ("ocitar artifact of %s from a pipe to a pipe" % quarter,
                 "stream")):
            self.add(what, "its hash in memory", s[way], s["quarter"],
                     goal=2.3, kind="time", show=way == "stream")

    def verify(self):
        if not self.has("openssl"):
            return
        four = []
        for name in "abcd":
            (self.r.work / ("layer" + name)).mkdir(exist_ok=True)
            self.big_file("layer%s/body%s" % (name, name), 4)
            four.append(self.r.path("layer" + name))
        self.r.run(self.ocitar, "pack", "--quiet", "-o",
                   self.r.path("four.tar"), *four, REFERENCE)
        for name in "abcd":
            self.r.remove("layer" + name)
        (self.r.work / "one").mkdir(exist_ok=True)
        os.rename(self.big_file(), self.r.path("one/body"))
        self.r.run(self.ocitar, "pack", "--quiet", "-o",
                   self.r.path("one.tar"), self.r.path("one"), REFERENCE)
        self.r.remove("one")
        self.verify_rows(self.r.path("one.tar"), self.r.path("four.tar"))
        self.r.remove("one.tar")
        self.r.remove("four.tar")

    def verify_stream(self, path):
        with open(path, "rb") as source:
            return self.r.run(self.ocitar, "verify", "--quiet", "-",
                              source=source)

    def verify_rows(self, one, four):
        s = take_turns({
            "openssl": lambda: self.r.run("openssl", "dgst", "-sha256", one),
            "stream": lambda: self.verify_stream(one),
            "file": lambda: self.r.run(self.ocitar, "verify", "--quiet", one),
            "four": lambda: self.r.run(self.ocitar, "verify", "--quiet", four),
        }, self.rounds)
        size = size_text(self.file_size)
        for what, way, goal in (
                ("verify %s, one layer, as a stream" % size, "stream", 1.05),
                ("verify %s, one layer" % size, "file", 1.05),
                ("verify %s, four equal layers" % size, "four", 0.6)):
            self.add(what, "openssl dgst", s[way], s["openssl"],
                     unit="s CPU", goal=goal, kind="time",
                     show=way != "file")
        self.panel("Checking an archive of %s, seconds" % size,
                   [(label, middle(s[way])) for label, way in
                    (("ocitar verify, four layers", "four"),
                     ("ocitar verify, one layer", "file"),
                     ("openssl dgst -sha256", "openssl"))], "%.2f")

    # -- memory --

    def memory(self):
        least = 16 if self.quick else 1024
        artifact = (self.ocitar, "artifact", "--quiet", "-o")
        peaks = {}
        for factor in 1, 16:
            path = self.r.path("sparse")
            with open(path, "wb") as f:
                f.truncate(least * MIB * factor)
            peaks[factor] = [
                self.r.pipeline(artifact + ("-", path, REFERENCE)).peak
                for _ in range(3 if factor == 1 else 1)]
            if factor == 1:
                self.peak("a file of %s to a file" % size_text(least * MIB),
                          self.r.run(*artifact, self.r.path("out.tar"), path,
                                     REFERENCE).peak)
                self.r.remove("out.tar")
            self.r.remove("sparse")
        for factor, peak in peaks.items():
            self.peak("a file of %s to a pipe" %
                      size_text(least * MIB * factor), max(peak))
        self.add("peak memory, 16 times as large", "the smaller", peaks[16],
                 peaks[1], unit="KiB", goal=1.01, kind="time")
        self.peak("%s from a pipe to a pipe" % size_text(least * MIB),
                  self.r.pipeline((self.r.tool("bench"), "pipe", "65536"),
                                  feed=least * MIB).peak)
        self.peak("the same, ocitar artifact", self.r.pipeline(
            artifact + ("-", "-", REFERENCE), feed=least * MIB).peak)

    def peak(self, what, value):
        self.add("peak memory, " + what, "", [value], None, unit="KiB",
                 goal=2560, show="file of" in what and "pipe" in what)


GROUPS = {"hash": Bench.hash, "portable": Bench.portable,
          "blobs": Bench.blobs, "writes": Bench.writes,
          "tree": Bench.pack_tree, "file": Bench.file, "pipe": Bench.pipe,
          "verify": Bench.verify, "memory": Bench.memory}


def size_text(size):
    for unit in "B", "KiB", "MiB", "GiB":
        if size < 1024 or size % 1024 or unit == "GiB":
            return "%d %s" % (size, unit)
        size //= 1024
    return ""


# ---- the machine -----------------------------------------------------------

def cpu_info():
    with open("/proc/cpuinfo") as f:
        return f.read()


def first_line(*command):
    """Of what a command says, "" if it cannot run."""
    try:
        return subprocess.run(command, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT,
                              check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError):
        return ""


def file_system(path):
    found = ("", "?")
    with open("/proc/mounts") as f:
        for line in f:
            _, where, kind = line.split()[:3]
            inside = str(path).startswith(where.rstrip("/") + "/")
            if inside and len(where) >= len(found[0]):
                found = (where, kind)
    return found[1]


def machine(work):
    info = cpu_info()
    model = re.search(r"^model name\s*: *(.*)$", info, re.M)
    family = re.search(r"^cpu family\s*: *(.*)$", info, re.M)
    parts = ["%s%s, %d cores, SHA instructions: %s" % (
        model.group(1) if model else platform.machine(),
        " (family %s)" % family.group(1) if family else "",
        len(os.sched_getaffinity(0)),
        "yes" if re.search(r"\bsha_ni\b", info) else "no")]
    parts.append("%s %s" % (platform.system(), platform.release()))
    parts.append(file_system(work))
    parts += [line for line in (first_line("gcc", "--version"),
                                first_line("clang", "--version"),
                                first_line("openssl", "version")) if line]
    return "; ".join(parts)


def state():
    """What else went on. Without free memory a write waits for some."""
    with open("/proc/loadavg") as f:
        load = f.read().split()[:3]
    with open("/proc/meminfo") as f:
        free = re.search(r"MemFree: *(\d+) kB", f.read())
    return "load %s, %d MiB of memory free" % (
        " ".join(load), int(free.group(1)) // 1024)


# ---- the picture -----------------------------------------------------------

STYLE = """
text { font: 13px sans-serif; fill: #57606a; }
.title { font-weight: bold; }
.other { fill: #9aa4af; }
.ours { fill: #2f81f7; }
@media (prefers-color-scheme: dark) {
  text { fill: #adbac7; }
  .other { fill: #636e7b; }
}
"""


def picture(panels):
    """Bars, the shorter the better; ours are blue."""
    left, width, line, y = 230, 420, 22, 8
    parts = []
    for title, bars, form in panels:
        most = max(value for _, value in bars)
        y += line
        parts.append('<text class="title" x="8" y="%d">%s</text>' %
                     (y, xml.sax.saxutils.escape(title)))
        for label, value in bars:
            y += line
            long = max(1, round(value / most * width))
            parts.append('<text x="%d" y="%d" text-anchor="end">%s</text>' %
                         (left - 8, y, xml.sax.saxutils.escape(label)))
            parts.append('<rect class="%s" x="%d" y="%d" width="%d" '
                         'height="14" rx="2"/>' % (
                             "ours" if label.startswith("ocitar") else
                             "other", left, y - 12, long))
            parts.append('<text x="%d" y="%d">%s</text>' %
                         (left + long + 8, y, form % value))
        y += line // 2
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="720" height="%d" '
            'viewBox="0 0 720 %d" role="img">\n<title>How long ocitar and '
            'others take; shorter is better</title>\n<style>%s</style>\n%s\n'
            '</svg>\n' % (y + 8, y + 8, STYLE, "\n".join(parts)))


# ---- results ---------------------------------------------------------------

MARK = "<!-- bench -->\n", "<!-- bench end -->\n"


def write_results(bench, base):
    where = machine(bench.r.work)
    text = "# Speed of ocitar\n\n"
    if bench.quick:
        text += ("A quick run, with two rounds of small sizes: it shows that "
                 "all of it runs.\nIts figures mean nothing.\n\n")
    text += "%s. Medians of %d rounds; at the end %s.\n\n" % (
        where, bench.rounds, state())
    text += markdown(bench.rows) + "\n"
    text += "".join("- %s\n" % note for note in bench.notes)
    base.with_suffix(".md").write_text(text)
    image = picture(bench.panels)
    xml.etree.ElementTree.fromstring(image)
    base.with_suffix(".svg").write_text(image)
    shown = [row for row in bench.rows if row.show or row.goal is not None]
    base.with_suffix(".readme").write_text(
        markdown(shown, (0, 1, 2, 3, 4, 7, 8)) + "\n" + "%s. Medians of %d rounds; "
        "%s.\n" % (where, bench.rounds, "; ".join(bench.notes)))


def keep(build):
    """The last full run becomes what the README shows."""
    table = (build / "bench.readme").read_text()
    readme = pathlib.Path("README.md")
    before, rest = readme.read_text().split(MARK[0])
    _, after = rest.split(MARK[1])
    readme.write_text(before + MARK[0] + table + MARK[1] + after)
    shutil.copy(build / "bench.svg", "tests/bench.svg")


def parse(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for flag in "--quick", "--peers", "--keep":
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", default="")
    parser.add_argument("--build", default="build")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (2 if options.quick else 9)
    options.only = [g for g in options.only.split(",") if g] or list(GROUPS)
    for group in options.only:
        if group not in GROUPS:
            parser.error("no group " + group)
    return options


def main():
    options = parse(sys.argv[1:])
    os.chdir(pathlib.Path(__file__).parent.parent)
    build = pathlib.Path(options.build).absolute()
    if options.keep:
        keep(build)
        return
    work = build / "bench.d"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        bench = Bench(options, Runner(build, work))
        if not options.quick and \
                shutil.disk_usage(work).free < 6 * bench.file_size:
            raise Failed("less than 6 GiB of room in " + str(work))
        for group in options.only:
            print("bench: " + group, flush=True)
            GROUPS[group](bench)
    except (Failed, subprocess.CalledProcessError) as why:
        sys.exit("bench: %s" % why)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    write_results(bench, build / ("bench-quick" if options.quick else
                                  "bench"))
    print(plain(bench.rows))


main()
