"""The readers of published images: IDX, CIFAR, MATLAB, LIBSVM, and of what they are packed in."""

import bz2
import contextlib
import gzip
import io
import re
import struct
import tarfile
import zlib

import numpy as np
import scipy.io

from minidrop.data import files, formats, published
from tests.fuzz.target import CALLED, Target, path_of
from tests.tiny_sets import checksum, libsvm, records, some_bytes

# --- the bytes themselves -------------------------------------------------------------------------

GREY = some_bytes((3, 2), 0)


def _idx_right(found, data):
    right = data[:12] == b"\0\0\x08\x02\0\0\0\x03\0\0\0\x02" and len(data) == 18
    if found is None or not right:
        return found is None and not right
    return found.dtype == np.uint8 and found.tolist() == [[*data[12 + 2 * i:14 + 2 * i]]
                                                          for i in range(3)]


COLOUR = records(some_bytes((1, 3, 32, 32), 1), np.array([7], np.uint8))


def _cifar_right(found, data):
    if found is None:
        return len(data) != 3073
    images, labels = found
    return (labels.tolist() == [[data[0]]] and images.shape == (1, 3, 32, 32)
            and images[0, 1, 2, 3] == data[1 + 1024 + 2 * 32 + 3] and images.tobytes() == data[1:])


PAIR = re.compile(rb"[+-]?\d+:[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z")


def _libsvm_due(data):
    """[(label, {index: value})] of two lines with three features and ten classes, or None."""
    rows = []
    for line in data.splitlines():
        label, *pairs = line.split() or [b""]
        if not re.match(rb"[+-]?\d{1,20}\Z", label) or not 1 <= int(label) <= 10 \
                or not all(map(PAIR.match, pairs)):
            return None
        cells = [(int(i), float(v)) for i, v in (pair.split(b":") for pair in pairs)]
        if len({*dict(cells)}) < len(cells) or not all(0 < i < 4 and -1 <= v <= 1
                                                       for i, v in cells):
            return None
        rows.append((int(label) - 1, dict(cells)))
    return rows if len(rows) == 2 else None


def _libsvm_right(found, data):
    due = _libsvm_due(data)
    if found is None or due is None:
        return found is None and due is None
    values, labels = found
    return labels.tolist() == [label for label, _ in due] and all(
        values[row, i - 1] == np.float32(cells.get(i, 0))
        for row, (_, cells) in enumerate(due) for i in (1, 2, 3))


# --- MATLAB ---------------------------------------------------------------------------------------

def matlab(packed=True, **arrays):
    """A MATLAB file of arrays, by SciPy."""
    target = io.BytesIO()
    scipy.io.savemat(target, arrays, do_compression=packed)
    return target.getvalue()


STRIPES = np.tile(np.arange(32, dtype=np.uint8)[:, None, None, None], (1, 32, 3, 2))
TWO = {"X": STRIPES, "y": np.array([[10], [3]], np.uint8)}


def _svhn_right(found, data):
    """Where both arrays are there as bytes, and what was read is these bytes."""
    if found is None:                             # though the image alone is another
        pixels = OPEN.index(STRIPES.tobytes("F"))
        rest = slice(pixels + STRIPES.size, None)
        return (data[:pixels], data[rest]) != (OPEN[:pixels], OPEN[rest])
    plain, place = data[:128], 128
    while place + 8 <= len(data):
        kind, size = struct.unpack_from("<II", data, place)
        if kind >> 16:                            # type, length and content in 8 bytes
            place += 8
            continue
        body = data[place + 8:place + 8 + size]
        with contextlib.suppress(zlib.error):     # of what else is there
            plain += zlib.decompressobj().decompress(body) if kind == 15 else body
        place += 8 + size
    x, y = found
    return (x.transpose(2, 3, 1, 0).tobytes("F") in plain and x.shape == (2, 3, 32, 32)
            and bytes(10 if one == 0 else int(one) for one in y) in plain)


OPEN = matlab(packed=False, **TWO)
MATLAB = dict.fromkeys(
    [matlab(**TWO), OPEN, matlab(y=TWO["y"], other=[1.5], X=TWO["X"]),
     matlab(**TWO)[:128] + struct.pack("<HH4s", 2, 4, b"four") + matlab(**TWO)[128:]],
    (STRIPES.transpose(3, 2, 0, 1), np.array([0, 3])))

# --- what they are packed in ----------------------------------------------------------------------

INSIDE = {"a": b"first", "b": b"the second"}


def tar(changes=(), form=tarfile.USTAR_FORMAT, inside=None):
    """A tar of INSIDE; `changes` are set on every member."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=form) as archive:
        for path, data in (inside or INSIDE).items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            for name, value in dict(changes).items():
                setattr(member, name, value)
            archive.addfile(member, io.BytesIO(data))
    return target.getvalue().rstrip(b"\0") + bytes(1024)


def unpacked(name, data, sizes):
    """What the package reads of the file `name`, if that was what is published."""
    path = path_of(name, data)
    archive = published.Archive(name, len(data), checksum(data), ())
    pieces = [published.Piece(piece, size, None, archive, False) for piece, size in sizes.items()]
    with path.open("rb") as file:
        read = files._unpacked(file, path, pieces)
    return {piece.path: inside for piece, inside in read.items()}


def _packed(end):
    return lambda data: unpacked(f"{CALLED}.{end}", data, {CALLED: 5})[CALLED]


def _gz_right(found, data):
    if found is None:
        return not _plainly(data, gzip.decompress, lambda plain: gzip.compress(plain, mtime=0))
    reader, plain, rest = None, b"", data
    while rest.strip(b"\0"):
        reader, rest = zlib.decompressobj(31), rest.lstrip(b"\0")
        flags = bytes([rest[3] & 0b11111])        # the other bits mean nothing; zlib minds them
        plain += reader.decompress(rest[:3] + flags + rest[4:])
        rest = reader.unused_data
    return found == plain and len(plain) == 5


def _bz2_right(found, data):
    if found is None:
        return not _plainly(data, bz2.decompress, bz2.compress)
    return found == bz2.BZ2Decompressor().decompress(data)


def _plainly(data, inflate, deflate):
    """Whether it is what `deflate` makes of five bytes."""
    try:
        plain = inflate(data)
    except (OSError, ValueError, EOFError, zlib.error):
        return False
    return len(plain) == 5 and deflate(plain) == data


def _tar(data):
    return unpacked(f"{CALLED}.tar.gz", gzip.compress(data, 1, mtime=0),
                    {name: len(inside) for name, inside in INSIDE.items()})


def _tar_right(found, data):
    """Every piece is a block of the archive, whole; and nothing was written anywhere."""
    if found is None:
        return data != tar(inside={"a": data[512:517], "b": data[1536:1546]})
    blocks = [data[i:i + 512] for i in range(0, len(data), 512)]
    return found.keys() == INSIDE.keys() and all(
        any(block.startswith(inside) for block in blocks) and len(inside) == len(INSIDE[name])
        for name, inside in found.items())


TARS = dict.fromkeys([tar(), tar(form=tarfile.GNU_FORMAT), tar(
    {"pax_headers": {"comment": "x"}}, tarfile.PAX_FORMAT)], INSIDE)
TAR_WORDS = (b"../../", b"/etc/passwd", b"ustar\0" b"00", b"ustar  \0", b"0", b"1", b"2", b"5",
             b"L", b"K", b"S", b"x", b"g", b"\x80\0\0\0\0\0\0\0\0\0\0\1", b"\xff" * 12,
             b"77777777777\0", b"00000000005\0", b"10 path=b\n", b"18 GNU.sparse.major=1\n")

PIXELS = some_bytes((2, 3), 2)
TWICE = gzip.compress(b"fi", mtime=0) + gzip.compress(b"rst", mtime=0)

TARGETS = (
    Target("idx", {b"\0\0\x08\x02\0\0\0\x03\0\0\0\x02" + GREY.tobytes(): GREY},
           lambda data: formats.idx(data, (3, 2), CALLED), _idx_right),
    Target("cifar", {COLOUR: (some_bytes((1, 3, 32, 32), 1), np.array([[7]]))},
           lambda data: formats.cifar(data, 1, CALLED), _cifar_right),
    Target("libsvm", {
        libsvm(PIXELS, np.array([9, 0])): ((PIXELS / 127.5 - 1).round(4).astype("float32"),
                                           np.array([9, 0])),
        b"10 1:-1 3:.5e-1\n+1\n": (np.array([[-1, 0, 0.05], [0, 0, 0]], "float32"),
                                   np.array([9, 0]))},
           lambda data: formats.libsvm(data, 2, 3, 10, CALLED), _libsvm_right,
           words=(b"nan", b"inf", b"1_0", b"1e999", b":", b"0x1", b"\r", b"99999999999999999999")),
    Target("matlab", MATLAB, lambda data: formats.svhn(data, 2, CALLED), _svhn_right,
           words=(b"X", b"y", b"\x0f\0\0\0", b"\x0e\0\0\0", b"\1\0\4\0", b"\1\0\1\0", b"MI")),
    Target("gz", {gzip.compress(b"first", mtime=0): b"first", TWICE: b"first"}, _packed("gz"),
           _gz_right, words=(b"\x1f\x8b\x08",)),
    Target("bz2", {bz2.compress(b"first"): b"first"}, _packed("bz2"), _bz2_right,
           words=(b"BZh9",)),
    Target("tar", TARS, _tar, _tar_right, words=TAR_WORDS),
)
