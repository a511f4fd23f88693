"""Where published files lie, whether they are right, and what is in them.

A file is looked for in the folder MINIDROP_DATA, where that is set, and then in the user's cache
folder: unpacked, or as the published archive.  Its size and its checksum are verified before
anything else is read.  What is nowhere is downloaded into the cache folder, under another name
until its checksum is right; a loader does so only where MINIDROP_DATA is not set.

In such a folder, a set lies in a folder of its own (with .gz, or unpacked where that is possible):

    mnist/train-images-idx3-ubyte.gz ...              svhn/train_32x32.mat, test_32x32.mat
    fashion/train-images-idx3-ubyte.gz ...            usps/usps.bz2, usps.t.bz2
    cifar-10-binary.tar.gz or cifar-10-batches-bin/data_batch_1.bin ...
    cifar-100-binary.tar.gz or cifar-100-binary/train.bin, test.bin
"""

import contextlib
import hashlib
import importlib
import os
from pathlib import Path

from ..files import short

MOST = 1 << 27                  # bytes that a file of unknown size may unpack to
SILENT = 30.0                   # seconds until a server that says nothing is left
LOOSE, SPARE = 4, 1 << 20       # an archive to so many times its own bytes, and so many beside


def folders():
    """The folders to look in, in order: MINIDROP_DATA where it is set, and the cache folder."""
    named = os.environ.get("MINIDROP_DATA")
    if named:
        if not Path(named).is_dir():
            raise ValueError(f"MINIDROP_DATA must name a folder, and {named} is none")
        yield Path(named)
    with contextlib.suppress(ImportError):        # without pooch nothing has been downloaded
        yield cache()


def cache():
    """The folder for downloads, as is usual on this system; ImportError without pooch."""
    import pooch  # here, so that importing minidrop stays cheap

    return Path(pooch.os_cache("minidrop"))


def find(piece):
    """The path of a piece, unpacked or in its archive; None where it is in no folder."""
    for folder in folders():
        for path in (piece.path if piece.checksum else None, piece.archive.path):
            if path and os.path.lexists(folder / path):
                return folder / path
    return None


def present(published):
    """{path: piece} of every file of a set that lies in one of the folders and can be verified."""
    found: dict[Path, object] = {}
    for folder in folders():
        for piece in published.pieces:
            for name in (piece.path if piece.checksum else None, piece.archive.path):
                if name and os.path.lexists(folder / name):
                    found.setdefault(folder / name, piece)
    return found


def whereabouts(published):
    """The folders in which a set lies and what is absent, in words; "" where nothing is there."""
    found = {piece: find(piece) for piece in published.pieces}
    places = dict.fromkeys(str(path.parent) for path in found.values() if path)
    absent = [Path(piece.path).name for piece, path in found.items() if path is None]
    without = f", without {', '.join(absent)}" if absent else ""
    return " and ".join(places) + without if places else ""


def locate(published, pieces):
    """{path: the pieces in it}, downloading what is missing or, in one sentence, saying so."""
    download = not os.environ.get("MINIDROP_DATA")
    found: dict[Path, list] = {}
    for piece in pieces:
        path = find(piece)
        if path is None:
            path = fetch(published, piece.archive) if download else _missing(published, piece)
        found.setdefault(path, []).append(piece)
    return found


def contents(published, pieces):
    """{piece: its bytes}, every file verified before it is read, and whole or an error.

    ValueError, in one sentence, for a file that is missing, of another size or checksum, damaged,
    or no file at all.
    """
    read: dict = {}
    for path, within in locate(published, pieces).items():
        with verified(path, within[0]) as file:
            read |= _unpacked(file, path, within)
    return read


def verified(path, piece):
    """The open file of a piece or of its archive, at its start, with the size and checksum due."""
    known = piece.archive if path.name == Path(piece.archive.path).name else piece
    try:
        if not path.is_file():                    # a named pipe would wait for ever
            what = "a folder" if path.is_dir() else "no file"
            raise ValueError(f"{path} must be a file, and it is {what}")
        file = path.open("rb")
        try:
            _verify(file, path, known)
        except BaseException:
            file.close()
            raise
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    return file


def _verify(file, path, known):
    size = os.fstat(file.fileno()).st_size
    if known.size not in (None, size):
        raise ValueError(f"{path} has {size:,} bytes, and the published file has {known.size:,}; "
                         "replace it by the published one")
    algorithm, due = known.checksum.split(":")
    found = hashlib.file_digest(file, lambda: hashlib.new(algorithm)).hexdigest()
    if found != due:
        raise ValueError(f"{path} has the {algorithm} {found}, and the published file has {due}; "
                         "replace it by the published one")
    file.seek(0)


def _unpacked(file, path, pieces):
    """{piece: bytes} out of a verified file."""
    import gzip  # here, so that importing minidrop stays cheap
    import tarfile
    import zlib

    try:
        if path.name.endswith(".tar.gz"):
            most = LOOSE * os.fstat(file.fileno()).st_size + SPARE
            with gzip.open(file) as plain:
                return _members(_AtMost(plain, most), path, pieces)
        (piece,) = pieces
        if path.suffix in (".gz", ".bz2"):        # both modules are seldom needed
            file = importlib.import_module({".gz": "gzip", ".bz2": "bz2"}[path.suffix]).open(file)
        return {piece: exactly(file, piece.size, path)}
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None


def exactly(stream, size, name):
    """The `size` bytes that are all of `stream`; no more than one byte beyond them is unpacked."""
    most = MOST if size is None else size
    data = stream.read(most + 1)
    if len(data) > most or size not in (None, len(data)):
        found = f"more than {most:,}" if len(data) > most else f"{len(data):,}"
        due = f"at most {most:,}" if size is None else f"{size:,}"
        raise ValueError(f"{name} holds {found} bytes, and {due} are due")
    return data


def _members(stream, path, pieces):
    """{piece: bytes} out of a tar archive, in one pass; nothing is written."""
    wanted, read = {piece.path: piece for piece in pieces}, {}
    for archive, member in _read_through(stream):
        piece = wanted.pop(member.name.removeprefix("./"), None)
        if piece is None:
            continue
        alone = member.isreg() and not member.issparse()
        stream = archive.extractfile(member) if alone else None
        if stream is None or member.size != piece.size:
            raise ValueError(f"{path} says that {piece.path} is a file of {member.size:,} bytes, "
                             f"and a file of {piece.size:,} is due")
        read[piece] = exactly(stream, piece.size, f"{piece.path} in {path}")
        if not wanted:
            return read
    raise ValueError(f"{path} lacks {', '.join(sorted(wanted))}")


def _read_through(stream):
    """(archive, member) for each in a tar archive; what tarfile stumbles over is its ReadError."""
    import tarfile

    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                yield archive, member
    except (ValueError, LookupError, OverflowError, RecursionError) as error:
        raise tarfile.ReadError(short(error)) from None


class _AtMost:
    """A stream through which at most so many bytes go; OSError for one of more."""

    def __init__(self, stream, most):
        self.stream, self.most, self.left = stream, most, most

    def read(self, size):
        """The next bytes."""
        return self._counted(self.stream.read(size))

    def write(self, data):
        """Put bytes into it."""
        self.stream.write(self._counted(data))

    def flush(self):
        """Let the system have them."""
        self.stream.flush()

    def _counted(self, data):
        self.left -= len(data)
        if self.left < 0:
            raise OSError(f"there are more than {self.most:,} bytes of it")
        return data


def _missing(published, piece):
    names = dict.fromkeys((piece.archive.path, piece.path) if piece.checksum else
                          (piece.archive.path,))
    hint = f", and {published.name}(test=False) does without the test part" if piece.test else ""
    raise ValueError(f"{published.title} needs {' or '.join(names)}, and it is not in "
                     f"{' nor in '.join(map(str, folders()))}; `minidrop data fetch "
                     f"{published.name}` downloads it{hint}")


def fetch(published, archive):
    """Download an archive into the cache folder, with a progress bar; its path there.

    It is written under another name and takes its own only when the checksum is right; no more is
    written than is published.  ValueError, in one sentence, where pooch is missing or no address
    answers with the published file.
    """
    try:
        import pooch
    except ImportError:
        raise ValueError(f"downloading {published.title} needs the package pooch, which is not "
                         "installed: pip install 'minidrop[data]'") from None
    target, failures = cache() / archive.path, []
    download = pooch.HTTPDownloader(progressbar=True, chunk_size=1 << 16, timeout=SILENT)
    most = MOST if archive.size is None else archive.size

    def bounded(url, path, pooch):
        with open(path, "wb") as file:
            download(url, _AtMost(file, most), pooch)

    for url in archive.urls:
        try:
            pooch.retrieve(url, archive.checksum, target.name, target.parent, downloader=bounded)
            return target
        except (OSError, ValueError) as error:    # requests' errors are OSErrors
            failures.append(f"{url}: {short(error)}")
    raise ValueError(f"{archive.path} of {published.title} could not be downloaded "
                     f"({'; '.join(failures)})")
