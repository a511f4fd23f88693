"""Small data sets in the true formats, and tables that call them published."""

import bz2
import gzip
import hashlib
import io
import struct
import tarfile

import numpy as np
import scipy.io

from minidrop.data import published


def some_bytes(shape, seed):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) \
        + array.tobytes()


def records(images, *labels):
    return np.concatenate([np.stack(labels, 1), images.reshape(len(images), -1)], 1).tobytes()


def tar_gz(files, **changes):
    """A .tar.gz of {path: bytes}; `changes` are set on every member's header."""
    target = io.BytesIO()
    with (gzip.GzipFile(fileobj=target, mode="w", mtime=0) as packed,
          tarfile.open(fileobj=packed, mode="w") as archive):
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            for name, value in changes.items():
                setattr(member, name, value)
            archive.addfile(member, io.BytesIO(data))
    return target.getvalue()


def mat(x, y):
    """A MATLAB file as SVHN's: X (32, 32, 3, N), y (N, 1) from 1 to 10."""
    target, y = io.BytesIO(), np.where(y == 0, np.uint8(10), y)
    scipy.io.savemat(target, {"X": x.transpose(2, 3, 1, 0), "y": y[:, None]}, do_compression=True)
    return target.getvalue()


def libsvm(x, y):
    """The lines of LIBSVM for bytes x, as values from -1 to 1; a zero is left out."""
    rows = (x.reshape(len(x), -1) / 127.5 - 1).round(4)
    return "".join(f"{label + 1} " + " ".join(f"{i}:{v}" for i, v in enumerate(row, 1) if v) + "\n"
                   for row, label in zip(rows, y, strict=True)).encode()


def checksum(data, algorithm="sha256"):
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


class Tiny:
    """A published set of few images: its pixels, labels and files, and a table that lists them."""

    def __init__(self, name, counts, form="packed"):
        one = published.SETS[name]
        self.name, self.counts, self.form = name, counts, form
        self.x = some_bytes((sum(counts), *one.image), 1)
        self.y = np.arange(sum(counts), dtype=np.uint8) % np.uint8(one.classes)
        cut = sum(counts[:2])
        self.write_files(one, [(self.x[:cut], self.y[:cut]), (self.x[cut:], self.y[cut:])])
        self.files = {"packed": self.packed, "unpacked": self.unpacked}[form]
        archives = {path: published.Archive(path, len(data), checksum(data), ())
                    for path, data in self.packed.items()}
        self.table = one._replace(counts=counts, pieces=tuple(piece._replace(
            size=piece.size and len(self.unpacked[piece.path]),
            archive=archives[piece.archive.path],
            checksum=piece.checksum and checksum(self.unpacked[piece.path], "md5"))
            for piece in one.pieces))

    def write_files(self, one, parts):
        paths = [piece.path for piece in one.pieces]
        if self.name in ("mnist", "fashion"):
            data = [idx(a) for x, y in parts for a in (x[:, 0], y)]
            self.unpacked = dict(zip(paths, data, strict=True))
            self.packed = {f"{path}.gz": gzip.compress(d) for path, d in self.unpacked.items()}
        elif self.name == "svhn":
            self.unpacked = {path: mat(*part) for path, part in zip(paths, parts, strict=True)}
            self.packed = self.unpacked
        elif self.name == "usps":
            self.unpacked = {path: libsvm(*part) for path, part in zip(paths, parts, strict=True)}
            self.packed = {f"{path}.bz2": bz2.compress(d) for path, d in self.unpacked.items()}
        elif self.name == "cifar100":
            data = [records(x, 19 - y, y) for x, y in parts]
            self.unpacked = dict(zip(paths, data, strict=True))
            self.packed = {one.pieces[0].archive.path: tar_gz(self.unpacked)}
        else:
            data = [records(xs, ys) for (x, y), n in zip(parts, (len(paths) - 1, 1), strict=True)
                    for xs, ys in zip(np.split(x, n), np.split(y, n), strict=True)]
            self.unpacked = dict(zip(paths, data, strict=True))
            self.packed = {one.pieces[0].archive.path: tar_gz(self.unpacked)}

    def write(self, folder, files=None):
        for path, data in (self.files if files is None else files).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
