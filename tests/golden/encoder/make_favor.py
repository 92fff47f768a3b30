"""make_favor.py > favor.txt: the directions of the attention `favor` by NumPy: normal numbers from Philox4x32 written
from its paper, orthogonal blocks from LAPACK's QR instead of Gram-Schmidt. Lines: seed m d column row value."""
import numpy

CASES = [(20210806, 256, 64), (0, 7, 4), (4294967295, 40, 32)]


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = c[0] * 0xD2511F53, c[2] * 0xCD9E8D57
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k[1], p0 & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def normals(seed, stream, count):
    words = [w for block in range(count) for w in philox((block, 0, 0, 0), (seed, stream))]
    units = [((words[2 * i] >> 5) << 26 | words[2 * i + 1] >> 6) / 2.0**53 for i in range(2 * count)]
    radius, angle = numpy.array(units[0::2]), numpy.array(units[1::2])
    return numpy.sqrt(-2 * numpy.log(1 - radius)) * numpy.cos(2 * numpy.pi * angle)


def directions(seed, m, d):
    turns, lengths = normals(seed, 0, m * d).reshape(m, d), normals(seed, 1, m * d).reshape(m, d)
    rows = []
    for first in range(0, m, d):
        block = turns[first:first + d]
        q, r = numpy.linalg.qr(block.T)
        rows.append((q * numpy.sign(numpy.diag(r))).T)
    return numpy.concatenate(rows) * numpy.linalg.norm(lengths, axis=1, keepdims=True)


for seed, m, d in CASES:
    w = directions(seed, m, d)
    for j in sorted({0, 1, d - 1, d % m, m // 2, m - 1} & set(range(m))):
        for i in (0, d // 2, d - 1):
            print(seed, m, d, j, i, f"{w[j, i]:.9g}")
