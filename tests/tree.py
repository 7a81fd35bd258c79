#!/usr/bin/env python3
"""tree.py make DIR [MIB] - adds to a root file system what few have, as DIR/odd;
a sparse file of 64 MiB, or of MIB, with it.
tree.py compare WANT GOT [READER] - every field of every file of two trees:
type, mode, owner, link count, which names are one file, device, size, content,
link, extended attributes, time of modification to the nanosecond. A line each
difference; exit 4 if there is one that LOST does not list for that reader.
tree.py spoil DIR COUNT - changes one field of a copy, one of COUNT ways: what
compare must find.

The directories' own link counts and sizes belong to the file system and are
left out; so are access and change times, which no image has. A directory is
compared with itself under "." as well. As root."""
import errno
import hashlib
import os
import stat
import struct
import sys

# What a reader cannot keep, and why: {reader: {(path, field): reason}}.
# Nothing is here for ocitar's sake: GNU tar, which reads the same layer, has
# to keep all of what another one is excused from.
#
# umoci 0.4.7 keeps all fields but this one; sockets, which no tar holds, are
# not in the tree.
EMPTY = 'an empty value in pax means "no such record" to Go\'s archive/tar'
LOST = {
    'umoci': {
        (b'odd/xattrs/empty', 'xattr user.empty'): EMPTY,
    },
    'tar': {},
}

# Where ocitar itself differs, until it is mended. A line that is not needed
# is an error, so that it goes then.
OPEN = {}


# ---- what is there ----------------------------------------------------------

def digest(path):
    h = hashlib.sha256()
    with open(path, 'rb', buffering=0) as f:
        while True:
            block = f.read(1 << 20)
            if not block:
                return h.hexdigest()
            h.update(block)


def xattrs(path):
    names = os.listxattr(path, follow_symlinks=False)
    return {name: os.getxattr(path, name, follow_symlinks=False)
            for name in names}


def describe(path, st):
    kind = stat.S_IFMT(st.st_mode)
    d = {
        'type': kind,
        'mode': oct(stat.S_IMODE(st.st_mode)),
        'owner': '%d:%d' % (st.st_uid, st.st_gid),
        'mtime': st.st_mtime_ns,
    }
    if kind != stat.S_IFDIR:
        d['links'] = st.st_nlink
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        d['device'] = '%d:%d' % (os.major(st.st_rdev), os.minor(st.st_rdev))
    if kind == stat.S_IFLNK:
        d['link'] = os.readlink(path)
    if kind == stat.S_IFREG:
        d['size'] = st.st_size
        d['content'] = digest(path)
    for name, value in xattrs(path).items():
        d['xattr ' + name] = value
    return d


def scan(root):
    """{path: fields}; "same" is the first name of a file that has several."""
    root = os.fsencode(root)
    found, first = {}, {}
    todo = [b'.']
    while todo:
        name = todo.pop()
        path = os.path.join(root, name)
        st = os.lstat(path)
        found[name] = describe(path, st)
        if stat.S_ISDIR(st.st_mode):
            for entry in os.listdir(path):
                todo.append(entry if name == b'.' else name + b'/' + entry)
        elif st.st_nlink > 1:
            first.setdefault((st.st_dev, st.st_ino), []).append(name)
    for names in first.values():
        for name in names:
            found[name]['same'] = min(names)
    return found


def compare(want, got, reader=''):
    """Without a reader nothing is excused: the trees are to be equal."""
    want, got = scan(want), scan(got)
    lost = LOST.get(reader, {})
    still = dict(OPEN) if reader else {}
    bad = known = fields = 0
    for path in sorted(set(want) | set(got)):
        a, b = want.get(path), got.get(path)
        if a is None or b is None:
            print('%r: only in the %s tree' % (path, 'second' if a is None
                                               else 'first'))
            bad += 1
            continue
        for field in sorted(set(a) | set(b)):
            fields += 1
            if a.get(field) == b.get(field):
                continue
            if (path, field) in lost:
                known += 1
                continue
            if still.pop((path, field), None):
                continue
            print('%r: %s: %r, then %r' % (path, field, a.get(field),
                                           b.get(field)))
            bad += 1
    for path, field in sorted(still):
        print('%r: %s: is the same now; out of OPEN with it' % (path, field))
    print('%d files, %d fields, %d differ, %d as known of %s, %d open' %
          (len(want), fields, bad, known, reader or 'nobody',
           len(OPEN) - len(still) if reader else 0))
    return 4 if bad or still or len(want) < 2 else 0


# ---- an odd tree ------------------------------------------------------------

def write(path, body):
    with open(path, 'wb') as f:
        f.write(body)


def acl(perms, default=None):
    """POSIX ACL of version 2, as the kernel has it: (tag, bits, id)."""
    return struct.pack('<I', 2) + b''.join(
        struct.pack('<HHI', tag, bits, who) for tag, bits, who in perms)


NOBODY = 0xffffffff
ACL = [(1, 6, NOBODY), (2, 4, 1000), (2, 5, 3000000000), (4, 4, NOBODY),
       (8, 6, 100), (16, 7, NOBODY), (32, 4, NOBODY)]


def special(odd):
    os.mknod(odd + b'/char', 0o620 | stat.S_IFCHR, os.makedev(4, 77))
    os.mknod(odd + b'/block', 0o660 | stat.S_IFBLK, os.makedev(259, 0x12345))
    os.mknod(odd + b'/char max', 0o600 | stat.S_IFCHR,
             os.makedev(4095, 0xfffff))
    os.mknod(odd + b'/null', 0o666 | stat.S_IFCHR, os.makedev(0, 0))
    os.mkfifo(odd + b'/fifo', 0o640)
    for name in (b'char', b'block', b'fifo'):
        os.chown(odd + b'/' + name, 3, 2000000000)
        os.link(odd + b'/' + name, odd + b'/again/' + name)
    os.setxattr(odd + b'/fifo', 'trusted.fifo', b'f')
    os.setxattr(odd + b'/block', 'trusted.block', b'\0b')


def links(odd):
    os.symlink(b'not/there', odd + b'/dangling')
    os.symlink(b'/' + b'l' * 3000, odd + b'/long link')
    os.symlink(b'../' * 85 + b'e', odd + b'/link of 256')
    os.symlink(b'l' * 100, odd + b'/link of 100')
    os.symlink(b'l' * 101, odd + b'/link of 101')
    os.symlink(b'/etc/\xff\n\x01', odd + b'/link of bytes')
    os.link(odd + b'/dangling', odd + b'/again/a link twice',
            follow_symlinks=False)
    os.setxattr(odd + b'/dangling', 'trusted.link', b'\x01\x00l',
                follow_symlinks=False)
    os.chown(odd + b'/dangling', 12, 34, follow_symlinks=False)
    # One file under names in several directories, the first of them the last
    # in order; and empty ones, which hold no content for a link to wait for.
    write(odd + b'/zz', b'linked\n' * 1000)
    for name in (b'again/0', b'again/deep/1', b'usual'):
        os.link(odd + b'/zz', odd + b'/' + name)
    write(odd + b'/again/deep/empty', b'')
    os.link(odd + b'/again/deep/empty', odd + b'/empty too')


def attributes(odd):
    x = odd + b'/xattrs'
    os.mkdir(x)
    write(x + b'/file', b'x')
    write(x + b'/empty', b'')
    write(x + b'/capability', b'#!/bin/sh\n')
    os.setxattr(x + b'/file', 'user.text', b'text')
    os.setxattr(x + b'/file', 'user.binary', bytes(range(256)) * 4)
    os.setxattr(x + b'/file', 'user.newlines', b'\n12 user.a=b\n\0\n')
    os.setxattr(x + b'/file', 'user.sp ace \xe9\u2603', b' \xff ')
    os.setxattr(x + b'/file', 'user.' + 'n' * 250, b'the longest name')
    os.setxattr(x + b'/file', 'trusted.binary', b'\0\1\2\xff\0')
    os.setxattr(x + b'/file', 'user.nul', b'\0')
    os.setxattr(x + b'/empty', 'user.empty', b'')
    os.setxattr(x + b'/empty', 'user.kept', b'1')
    os.setxattr(x, 'user.directory', b'd\0d')
    os.setxattr(x, 'trusted.directory', b'\0')
    # What setcap cap_net_raw,cap_sys_admin=ep writes, and one of a namespace.
    os.setxattr(x + b'/capability', 'security.capability',
                struct.pack('<IIIII', 0x02000001, 0x00202000, 0, 0, 0))
    write(x + b'/capability of 3', b'3')
    os.setxattr(x + b'/capability of 3', 'security.capability',
                struct.pack('<IIIIII', 0x03000001, 0x2000, 0, 0x20, 0, 100000))
    write(x + b'/acl', b'acl')
    try:
        os.setxattr(x + b'/acl', 'system.posix_acl_access', acl(ACL))
        os.setxattr(x, 'system.posix_acl_default', acl(ACL))
    except OSError as e:
        if e.errno != errno.ENOTSUP:
            raise
        print('tree.py: no ACLs on this file system')


def names(odd):
    longest = b'n' * 255
    path = odd + b'/names'
    os.mkdir(path)
    for name in (longest, 'né ☃ \U0001f600'.encode(), b'\xff\xfe\x80', b'-rf',
                 b'new\nline', b'back\\slash', b' ', b'a=b', b'~', b'\x01',
                 'x'.encode('utf-16-le')[:1] + b'\xc3', b'*', b'...'):
        write(path + b'/' + name, name)
    write(path + b'/' + '☃'.encode() * 85, b'85 of three bytes')
    # 99 to 101 and 255 to 257 bytes of path: where fields of a tar end.
    for size in (99, 100, 101, 154, 155, 156, 254, 255, 256, 257):
        part = b'odd/names/p%d' % size
        os.mkdir(odd + part[3:])
        rest = size - len(part)
        while rest > 200:
            part += b'/' + b'd' * 99
            os.mkdir(odd + part[3:])
            rest -= 100
        write(odd + part[3:] + b'/' + b'f' * (rest - 1), part)
    deep = path + b'/deep'
    os.mkdir(deep)
    for i in range(12):
        deep += b'/' + (b'%02d' % i) * 100
        os.mkdir(deep)
    write(deep + b'/' + longest, b'deep')
    os.link(deep + b'/' + longest, path + b'/hard link to the deep one')


def bodies(odd, size):
    with open(odd + b'/sparse', 'wb') as f:
        f.truncate(size)
        for at in (0, 4096 * 3, size // 4 - 1, size - 4096):
            f.seek(at)
            f.write(b'data at %d' % at)
    for size in (0, 1, 511, 512, 513, 65535, 65536, 65537):
        write(odd + b'/bytes %d' % size, b'%' * size)


def modes(odd):
    for mode in (0o0, 0o4711, 0o2755, 0o6777, 0o1644, 0o7777, 0o4000):
        path = odd + b'/mode %o' % mode
        write(path, b'm')
        os.chmod(path, mode)
        os.mkdir(path + b' of a directory')
        os.chmod(path + b' of a directory', mode)
    for uid, gid in ((2097151, 2097151), (2097152, 2097152),
                     (4294967294, 4294967294), (0, 2147483648)):
        path = odd + b'/owner %d' % uid
        write(path, b'o')
        os.chown(path, uid, gid)
        os.chmod(path, 0o6755) # chown takes setuid away


def times(odd):
    for t in (0, 1, 999999999, 1 << 30, 10**9 * (1 << 33) + 1,
              10**9 * ((1 << 33) - 1) + 999999999, 1700000000123456789,
              1700000000100000000, -1, -1000000000, -1000000001,
              -10**18 - 5):
        for path in (odd + b'/time %d' % t, odd + b'/time of link %d' % t):
            if b'link' in path:
                os.symlink(b'time', path)
            else:
                write(path, b't')
            os.utime(path, ns=(0, t), follow_symlinks=False)
    os.utime(odd + b'/fifo', ns=(0, 987654321))
    os.utime(odd + b'/block', ns=(0, 1234567890123456789))


def make(root, mib='64'):
    odd = os.fsencode(root) + b'/odd'
    os.mkdir(odd)
    os.makedirs(odd + b'/again/deep')
    for part in (special, links, attributes, names, modes, times):
        part(odd)
    bodies(odd, int(mib) << 20)
    for i, path in enumerate((b'/again/deep', b'/again', b'/names', b'/xattrs',
                              b'')):
        os.utime(odd + path, ns=(0, 1111111111222222222 + i))
    return 0


# ---- what must be found -----------------------------------------------------

def spoils(odd):
    def relink():
        os.unlink(odd + b'/usual')
        write(odd + b'/usual', b'linked\n' * 1000)

    def renode():
        st = os.lstat(odd + b'/char max')
        os.unlink(odd + b'/char max')
        os.mknod(odd + b'/char max', 0o600 | stat.S_IFCHR,
                 os.makedev(4095, 0xffffe))
        os.utime(odd + b'/char max', ns=(0, st.st_mtime_ns))

    def content():
        st = os.lstat(odd + b'/sparse')
        with open(odd + b'/sparse', 'r+b') as f:
            f.seek(3 << 20)
            f.write(b'\1')
        os.utime(odd + b'/sparse', ns=(0, st.st_mtime_ns))

    x = odd + b'/xattrs'
    return [
        lambda: os.setxattr(x + b'/file', 'trusted.binary', b'\0\1\2\xff'),
        lambda: os.removexattr(x, 'user.directory'),
        lambda: os.removexattr(x + b'/capability', 'security.capability'),
        lambda: os.utime(odd + b'/names', ns=(0, 1111111111222222223)),
        lambda: os.chmod(odd + b'/mode 4711', 0o711),
        lambda: os.chown(odd + b'/fifo', 3, 2000000001),
        lambda: os.unlink(odd + b'/names/\xff\xfe\x80'),
        lambda: os.utime(odd + b'/time of link 999999999',
                         ns=(0, 0), follow_symlinks=False),
        relink, renode, content,
    ]


def spoil(root, which):
    ways = spoils(os.fsencode(root) + b'/odd')
    if int(which) >= len(ways):
        return 3 # no such way: the caller has had them all
    ways[int(which)]()
    return 0


def main():
    commands = {'make': make, 'compare': compare, 'spoil': spoil}
    if len(sys.argv) < 3 or sys.argv[1] not in commands:
        print(__doc__, file=sys.stderr)
        return 2
    return commands[sys.argv[1]](*sys.argv[2:])


sys.exit(main())
