#!/usr/bin/env python3
"""json_compare.py BUILD - random documents and broken ones through Python's
json and through ocitar_json: the same verdict and the same tokens? The last
line is "N passed, N failed"."""

import json
import os
import random
import subprocess
import sys
import tempfile

DEPTH = 63  # of test_json
ODD = ['', 'a', 'b', '\u00e9', '\u20ac', '\U0001f600', '\uffff', '\ud7ff',
       '\ue000', '\0', '\x1f', '\x7f', '"', '\\', '/', '\n', 'long ' * 9]
NUMBERS = ['0', '-0', '7', '-12', '1.5', '1e3', '-0.1E-7', '1E+2', '9' * 40,
           '0.25']
BITS = [b'"', b'\\', b'{', b'}', b'[', b']', b':', b',', b'0', b'1', b'-',
        b'.', b'e', b'E', b'+', b'true', b'null', b'false', b'NaN', b' ',
        b'\n', b'\t', b'\0', b'\x1f', b'\x80', b'\xc3', b'\xff', b'\xed\xa0',
        b'\\u', b'\\ud83d', b'\\ude00', b'\\u0061', b'\\n', b'\\x', b'/',
        b'"a":', b'[]', b'{}', b'\xef\xbb\xbf', b'\xf0\x9f\x98\x80']


class Refused(Exception):
    """With the code, where only one is possible."""


def quoted(rng, text):
    """A spelling of the string: plain, escaped, or half and half."""
    out = ''
    for c in text:
        short = json.dumps(c, ensure_ascii=False)[1:-1]
        units = c.encode('utf-16-be', 'surrogatepass').hex()
        long = ''.join('\\u' + units[i:i + 4] for i in range(0, len(units), 4))
        if rng.random() < 0.3:
            long = long.upper().replace('\\U', '\\u')
        if '\ud800' <= c <= '\udfff':
            short = long
        if c == '/' and rng.random() < 0.5:
            short = '\\/'
        out += short if rng.random() < 0.6 else long
    return '"' + out + '"'


def text(rng):
    s = ''.join(rng.choice(ODD) for _ in range(rng.randint(0, 4)))
    if rng.random() < 0.003:
        s += rng.choice(['\ud800', '\udc00'])
    return s


def blank(rng):
    return rng.choice(['', '', '', '', ' ', '\n', '\t\r '])


def value(rng, depth):
    kind = rng.randrange(10 if depth > 0 else 6)
    if kind < 2:
        s = quoted(rng, text(rng))
    elif kind < 4:
        s = rng.choice(NUMBERS)
    elif kind < 6:
        s = rng.choice(['true', 'false', 'null'])
    elif kind < 8:
        s = '[' + ','.join(value(rng, depth - 1)
                           for _ in range(rng.randint(0, 4))) + ']'
    else:
        names = {text(rng) for _ in range(rng.randint(0, 4))}
        names = sorted(names)
        if names and rng.random() < 0.02:
            names.append(names[0])
        s = '{' + ','.join(
            blank(rng) + quoted(rng, n) + blank(rng) + ':' +
            value(rng, depth - 1) for n in names) + '}'
    return blank(rng) + s + blank(rng)


def mutate(rng, doc):
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        at = rng.randint(0, len(doc))
        way = rng.randrange(4)
        if way == 0:
            doc = doc[:at] + rng.choice(BITS) + doc[at:]
        elif way == 1:
            doc = doc[:at] + doc[at + rng.randint(1, 3):]
        elif way == 2 and at < len(doc):
            doc = doc[:at] + bytes([doc[at] ^ 1 << rng.randrange(8)]) + \
                doc[at + 1:]
        else:
            end = rng.randint(at, min(len(doc), at + 10))
            doc = doc[:end] + doc[at:end] + doc[end:]
    return doc


class Object(list):
    """Pairs, in their order."""


class Number(str):
    """As it was spelt."""


def lone(s):
    return any('\ud800' <= c <= '\udfff' for c in s)


def tokens(v, depth, flaws):
    """What on_token of test_json makes of the value. `flaws` gets what Python
    takes and the library does not."""
    if depth > DEPTH and isinstance(v, list):
        flaws.add('E_LIMIT')
        return ''
    if v is None or v is True or v is False:
        return {None: 'N', True: 'T', False: 'F'}[v]
    if isinstance(v, Number):
        return '<' + v + '>n'
    if isinstance(v, str):
        if lone(v):
            flaws.add('E_UTF8')
        return '<' + v + '>s'
    if isinstance(v, Object):
        names = [name for name, _ in v]
        if len(set(names)) < len(names):
            flaws.add('E_DUPLICATE')
        if any(map(lone, names)):
            flaws.add('E_UTF8')
        return '{' + ''.join('<' + n + '>k' + tokens(x, depth + 1, flaws)
                             for n, x in v) + '}'
    return '[' + ''.join(tokens(x, depth + 1, flaws) for x in v) + ']'


def constant(name):
    raise ValueError(name)


def expected(doc):
    """The codes that may be, and the tokens."""
    try:
        s = doc.decode('utf-8')
    except UnicodeDecodeError:
        return {'E_UTF8', 'E_FORMAT', 'E_DUPLICATE'}, ''
    try:
        v = json.loads(s, object_pairs_hook=Object, parse_int=Number,
                       parse_float=Number, parse_constant=constant)
    except (ValueError, RecursionError):
        # Before that place there may be another flaw.
        return {'E_FORMAT', 'E_UTF8', 'E_DUPLICATE', 'E_LIMIT'}, ''
    flaws = set()
    out = tokens(v, 1, flaws)
    if flaws:
        return flaws, ''
    return {'OK'}, out.encode().hex()


def documents(rng):
    out = []
    for _ in range(3000):
        out.append(value(rng, rng.randint(0, 6)).encode('utf-8',
                                                        'surrogatepass'))
    for _ in range(7000):
        out.append(mutate(rng, out[rng.randrange(3000)]))
    for n in (62, 63, 64, 2000):
        out.append(b'[' * n + b']' * n)
        out.append(b'{"a":' * n + b'1' + b'}' * n)
    return [d for d in out if len(d) < 60000]


def main():
    rng = random.Random(2)
    docs = documents(rng)
    with tempfile.NamedTemporaryFile() as f:
        for doc in docs:
            f.write(b'%d\n' % len(doc) + doc)
        f.flush()
        got = subprocess.run(
            [os.path.join(sys.argv[1], 'test_json'), 'dump', f.name],
            check=True, stdout=subprocess.PIPE).stdout.decode().split('\n')
    passed = failed = 0
    seen = {}
    for doc, line in zip(docs, got):
        code, _, text_ = line.partition(' ')
        codes, want = expected(doc)
        seen[code] = seen.get(code, 0) + 1
        if code in codes and text_ == want:
            passed += 1
        else:
            failed += 1
            print('FAIL', doc[:300], code, codes)
    if len(got) != len(docs) + 1 or seen.get('OK', 0) < 3000 or \
            seen.get('E_FORMAT', 0) < 2000 or seen.get('E_UTF8', 0) < 100 or \
            seen.get('E_DUPLICATE', 0) < 20 or seen.get('E_LIMIT', 0) < 2:
        failed += 1
        print('FAIL', seen)
    print(f'{passed} passed, {failed} failed')
    return failed != 0


sys.setrecursionlimit(10000)
sys.exit(main())
