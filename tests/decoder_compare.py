#!/usr/bin/env python3
"""decoder_compare.py BUILD - archives that Python's tarfile writes, in each of
its formats, are read by Python and by ocitar_reader: the same entries? The
last line is "N passed, N failed"."""

import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zlib
from fractions import Fraction
from io import BytesIO

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
TYPES = [tarfile.REGTYPE] * 4 + [
    tarfile.AREGTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE,
    tarfile.BLKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE]
LENGTHS = [1, 2, 30, 31, 32, 33, 99, 100, 101, 102, 155, 156, 157, 255, 256,
           257, 511, 512, 513, 1100, 4000]
SIGNS = ['a', 'b', 'Z', '0', '.', '-', ' ', '=', '\n', '/', '\u00e9',
         '\u20ac', '\U0001f600', '\udcff']
SIZES = [0, 1, 3, 511, 512, 513, 1024, 5000]
NUMBERS = [0, 1, 1000, 0o7777777, 0o10000000, 2**31, 2**32 - 2, 2**40]
SECONDS = [0, 1, 1700000000, 0o77777777777, 0o100000000000, -1, -1700000000]


def text(rng, length):
    plain = rng.random() < 0.7
    s = ''.join(rng.choice(SIGNS[:10] if plain else SIGNS)
                for _ in range(length))
    return s.strip('/') or 'n'


def length(rng):
    return rng.choice(LENGTHS) if rng.random() < 0.4 else rng.randint(1, 40)


def entry(rng, form):
    info = tarfile.TarInfo(text(rng, length(rng)))
    info.type = rng.choice(TYPES)
    if info.type == tarfile.AREGTYPE:
        # Python takes one for a directory if the header's cut name ends in a
        # slash; the name that counts is the long one's.
        info.name = 'old/' + text(rng, 1)
    info.mode = rng.randrange(0o10000)
    info.uid = rng.choice(NUMBERS)
    info.gid = rng.choice(NUMBERS)
    info.uname = text(rng, rng.choice([1, 5, 31, 32, 33]))
    info.gname = text(rng, 4) if rng.random() < 0.5 else ''
    info.mtime = rng.choice(SECONDS)
    if form == tarfile.PAX_FORMAT and rng.random() < 0.5:
        info.mtime += rng.randrange(512) / 512  # nine digits say it exactly
    if info.type in (tarfile.LNKTYPE, tarfile.SYMTYPE):
        info.linkname = text(rng, length(rng))
    if info.type in (tarfile.CHRTYPE, tarfile.BLKTYPE):
        info.devmajor = rng.randrange(0o7777777)
        info.devminor = rng.randrange(256)
    if form == tarfile.PAX_FORMAT and rng.random() < 0.3:
        info.pax_headers = {'SCHILY.xattr.user.k': text(rng, length(rng)),
                            'comment': text(rng, 700)}
    body = b''
    if info.type in tarfile.REGULAR_TYPES:
        body = rng.randbytes(rng.choice(SIZES))
        info.size = len(body)
    return info, body


def write(path, rng, form):
    """Writes an archive, in blocks of a size of its own."""
    head = {}
    if form == tarfile.PAX_FORMAT and rng.random() < 0.5:
        head = {'comment': text(rng, 100)}
    with tarfile.open(path, 'w', format=form, encoding='utf-8',
                      errors='surrogateescape', pax_headers=head) as tar:
        if head:  # without an entry Python would not read it
            tar.addfile(tarfile.TarInfo('first'))
        for _ in range(rng.randint(0, 12)):
            info, body = entry(rng, form)
            try:
                info.tobuf(form, 'utf-8', 'surrogateescape')
            except ValueError:  # a ustar that cannot be
                continue
            tar.addfile(info, BytesIO(body))


def hexed(name):
    return name.encode('utf-8', 'surrogateescape').hex() or '-'


def lines(path):
    """What `test_decoder dump` is to print of the archive."""
    out = []
    with tarfile.open(path, encoding='utf-8',
                      errors='surrogateescape') as tar:
        for info in tar:
            body = b''
            if info.isreg():
                body = tar.extractfile(info).read()
            when = Fraction(info.pax_headers.get('mtime', info.mtime))
            kind = info.type.decode().replace('\0', '0')
            name = info.name + ('/' if info.isdir() else '')
            out.append(' '.join([
                kind, hexed(name), hexed(info.linkname), hexed(info.uname),
                hexed(info.gname), str(info.size), str(info.mode),
                str(info.uid), str(info.gid), str(when // 1),
                str(int(when % 1 * 10**9)), str(info.devmajor),
                str(info.devminor), str(zlib.adler32(body))]))
    return out + ['OK']


def main():
    rng = random.Random(1)
    work = tempfile.mkdtemp()
    passed = failed = entries = 0
    try:
        paths = [os.path.join(work, str(i)) for i in range(210)]
        for i, path in enumerate(paths):
            write(path, rng, FORMATS[i % 3])
        got = subprocess.run(
            [os.path.join(sys.argv[1], 'test_decoder'), 'dump'] + paths,
            check=True, stdout=subprocess.PIPE).stdout.decode().split('\n')
        for path in paths:
            want = lines(path)
            have, got = got[:len(want)], got[len(want):]
            entries += len(want) - 1
            if want == have:
                passed += 1
                continue
            failed += 1
            print('FAIL archive', os.path.basename(path))
            for a, b in zip(want, have):
                if a != b:
                    print('  python ', a)
                    print('  decoder', b)
            break  # what follows is shifted
        if entries < 900:
            failed += 1
            print('FAIL only', entries, 'entries')
    finally:
        shutil.rmtree(work)
    print(f'{passed} passed, {failed} failed')
    return failed != 0


sys.exit(main())
