"""The published data sets: files, sizes, checksums, addresses, and how each set is cut.

A `Piece` is a file that is read; an `Archive` is what is published and downloaded, with one piece
in it or several.  Sizes are in bytes.  A checksum is "algorithm:digest": SHA-256 where it is known,
MD5 where only that is published (the two archives of USPS, and the unpacked files of MNIST and of
CIFAR-10's training part), SHA-1 for the other unpacked files of the CIFAR sets (as Apache MXNet
lists them).  The unpacked files of Fashion-MNIST and USPS have no published checksum, so they are
read from their archives only.
"""

from typing import NamedTuple


class Archive(NamedTuple):
    """A file as it is published: `path` below a folder of data, and where it can be had."""

    path: str
    size: int | None            # None where it is not published
    checksum: str
    urls: tuple[str, ...]


class Piece(NamedTuple):
    """A file that is read, unpacked from its archive or found as it is."""

    path: str
    size: int | None
    checksum: str | None        # None: trusted only out of its archive
    archive: Archive
    test: bool                  # belongs to the test part


class Published(NamedTuple):
    """A data set of images (channels, height, width); `counts` are train, validation and test."""

    name: str
    title: str
    image: tuple[int, int, int]
    classes: int
    counts: tuple[int, int, int]
    pieces: tuple[Piece, ...]
    source: str


def _idx(folder, urls, rows):
    """The four files of MNIST or Fashion-MNIST, each alone in a .gz; rows (size, sha256, md5)."""
    pieces = []
    names = [(part, what) for part in ("train", "t10k") for what in ("images", "labels")]
    for (part, what), (packed, sha256, md5) in zip(names, rows, strict=True):
        count = 60_000 if part == "train" else 10_000
        name = f"{part}-{what}-idx{3 if what == 'images' else 1}-ubyte"
        archive = Archive(f"{folder}/{name}.gz", packed, f"sha256:{sha256}",
                          tuple(f"{url}{name}.gz" for url in urls))
        size = 16 + 28 * 28 * count if what == "images" else 8 + count
        pieces.append(Piece(f"{folder}/{name}", size, md5 and f"md5:{md5}", archive,
                            part == "t10k"))
    return tuple(pieces)


def _cifar(folder, archive, rows):
    """The files of CIFAR-10 or CIFAR-100, all in one .tar.gz; rows (name, size, checksum)."""
    return tuple(Piece(f"{folder}/{name}", size, checksum, archive, name.startswith("test"))
                 for name, size, checksum in rows)


def _alone(*archives):
    """One file for the training part and one for the test part; a .bz2 is unpacked."""
    return tuple(Piece(a.path.removesuffix(".bz2"), a.size, None, a, test)
                 for a, test in zip(archives, (False, True), strict=True))


MNIST = Published(
    "mnist", "MNIST", (1, 28, 28), 10, (50_000, 10_000, 10_000),
    _idx("mnist", ("https://storage.googleapis.com/cvdf-datasets/mnist/",
                   "https://ossci-datasets.s3.amazonaws.com/mnist/"), (
        (9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
         "6bbc9ace898e44ae57da46a324031adb"),
        (28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
         "a25bea736e30d166cdddb491f175f624"),
        (1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
         "2646ac647ad5339dbf082846283269ea"),
        (4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
         "27ae3e4e09519cfbb04c329615203637"))),
    "LeCun, Cortes and Burges, 1998; commonly given as CC BY-SA 3.0")

FASHION = Published(
    "fashion", "Fashion-MNIST", (1, 28, 28), 10, (50_000, 10_000, 10_000),
    _idx("fashion", ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                     "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"), (
        (26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", None),
        (29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", None),
        (4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", None),
        (5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", None))),
    "Xiao, Rasul and Vollgraf, arXiv:1708.07747, 2017; MIT licence")

CIFAR10 = Published(
    "cifar10", "CIFAR-10", (3, 32, 32), 10, (40_000, 10_000, 10_000),
    _cifar("cifar-10-batches-bin", Archive(
        "cifar-10-binary.tar.gz", 170052171,
        "sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",)), (
        ("data_batch_1.bin", 30_730_000, "md5:5dd7e06a14cb22eb9f671a540d1b7c25"),
        ("data_batch_2.bin", 30_730_000, "md5:5ea93a67294ea407fff1d09f752e9692"),
        ("data_batch_3.bin", 30_730_000, "md5:942cd6a4bcdd0dd3c604fbe906cb4421"),
        ("data_batch_4.bin", 30_730_000, "md5:ae636b3ba5c66a11e91e8cb52e771fcb"),
        ("data_batch_5.bin", 30_730_000, "md5:53f37980c15c3d472c316c40844f3f0d"),
        ("test_batch.bin", 30_730_000, "sha1:67eb016db431130d61cd03c7ad570b013799c88c"))),
    "Krizhevsky, 2009; no licence is stated")

CIFAR100 = Published(
    "cifar100", "CIFAR-100", (3, 32, 32), 100, (40_000, 10_000, 10_000),
    _cifar("cifar-100-binary", Archive(
        "cifar-100-binary.tar.gz", 168513733,
        "sha256:58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
        ("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",)), (
        ("train.bin", 153_700_000, "sha1:e207cd2e05b73b1393c74c7f5e7bea451d63e08e"),
        ("test.bin", 30_740_000, "sha1:8fb6623e830365ff53cf14adec797474f5478006"))),
    "Krizhevsky, 2009; no licence is stated")

SVHN = Published(
    "svhn", "SVHN", (3, 32, 32), 10, (63_257, 10_000, 26_032),
    _alone(
        Archive("svhn/train_32x32.mat", 182040794,
                "sha256:435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
                ("http://ufldl.stanford.edu/housenumbers/train_32x32.mat",)),
        Archive("svhn/test_32x32.mat", 64275384,
                "sha256:cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
                ("http://ufldl.stanford.edu/housenumbers/test_32x32.mat",))),
    "Netzer et al., NIPS workshop, 2011; the cropped digits, without the extra part")

_LIBSVM = "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/"
USPS = Published(
    "usps", "USPS", (1, 16, 16), 10, (6_291, 1_000, 2_007),
    _alone(
        Archive("usps/usps.bz2", None, "md5:ec16c51db3855ca6c91edd34d0e9b197",
                (_LIBSVM + "usps.bz2",)),
        Archive("usps/usps.t.bz2", None, "md5:8ea070ee2aca1ac39742fdd1ef5ed118",
                (_LIBSVM + "usps.t.bz2",))),
    "Hull, IEEE PAMI 16, 1994; as LIBSVM scales it, no licence is stated")

SETS = {one.name: one for one in (MNIST, FASHION, CIFAR10, CIFAR100, SVHN, USPS)}
