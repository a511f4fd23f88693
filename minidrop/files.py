"""Files that are whole or not there: written beside their place, then moved into it.

One safetensors file holds arrays; its header holds facts, as JSON, and a digest of everything.
Nothing is ever unpickled, and nothing is believed before the digest is found to be right.
"""

import contextlib
import errno
import json
import os
import stat
import time
from pathlib import Path

from .arguments import describe
from .xp import asarray, host, memory_order

try:
    import fcntl
except ImportError:                               # Windows: it does not delete a file that is open
    fcntl = None  # type: ignore[assignment]

PART = ".part"                                    # the end of the name of a file being written


def path_of(path, name="path", what="file"):
    """`path`, that of a file or a folder, as a Path from the root."""
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str) or text == "" or "\0" in text:
        raise TypeError(f"{name} must be the path of a {what}, got {describe(path)}")
    try:
        mode = _mode(found := Path(text).resolve())
    except (OSError, UnicodeEncodeError) as error:
        if isinstance(error, OSError) and error.errno != errno.ENAMETOOLONG:
            raise
        reason = error.strerror if isinstance(error, OSError) else error.reason
        raise ValueError(f"{name} must be the path of a {what}, got {describe(path)}: {reason}"
                         ) from None
    if mode and stat.S_ISDIR(mode) != (what == "folder"):
        other = "file" if what == "folder" else "folder"
        raise ValueError(f"{name} must be the path of a {what}, got the {other} {path}")
    return found


def _mode(path):
    """The kind and the rights of what is at a path, 0 for nothing."""
    try:
        return os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0


def write(path, arrays, facts):
    """Put {name: array} and `facts` (what JSON can hold, by name) into the file `path`.

    Arrays keep their order in memory, on which the last bits of their sums depend.  The same
    arrays and facts give the same bytes.  The old file stays until the new one is whole, whatever
    happens meanwhile.
    """
    from safetensors.numpy import save  # here, so that importing minidrop stays cheap

    arrays = {name: host(asarray(array)) for name, array in arrays.items()}
    axes = {name: memory_order(array) for name, array in arrays.items()}
    arrays = {name: array.transpose(axes[name]).copy() for name, array in arrays.items()}
    text = json.dumps(facts | {"axes": axes})
    whole = _steady(save(arrays, metadata={"minidrop": text, "digest": _digest(arrays, text)}))
    put(path, whole)


def put(path, whole):
    """Put bytes into the file `path`; the old file stays until the new one is whole.

    The new file has the rights of the old one.  A link stays, and the file that it names is
    written; a device or a pipe gets the bytes.  OSError names `path`, where the disk is full too.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not (path.is_file() or path.is_dir()):
        with path.open("wb") as file:
            file.write(whole)
        return
    file = _begin(path)
    try:
        with file:
            file.write(whole)
            file.flush()
            if path.is_file():
                os.chmod(file.name, stat.S_IMODE(path.stat().st_mode))
            os.fsync(file.fileno())
            if fcntl:                             # moved while it is locked: see `clear`
                os.replace(file.name, path)
        if not fcntl:
            os.replace(file.name, path)
    except BaseException as error:
        Path(file.name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename, error.filename2 = str(path), None
        raise


def create(path, text):
    """Write a new file; FileExistsError where there is one, and none is left that is not whole."""
    file = path.open("x", encoding="utf-8")
    try:
        with file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = str(path)
        raise


def read(path, name="path"):
    """({name: array}, facts) of the file `path`; ValueError where it is not what `write` wrote."""
    from safetensors import SafetensorError, safe_open

    if Path(path).exists() and not (Path(path).is_file() or Path(path).is_dir()):
        raise ValueError(f"{name} must be that of a file, and no pipe or device, got {path}")
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}    # noqa: SIM118
        if header["digest"] != _digest(arrays, header["minidrop"]):
            raise ValueError("its digest is another")
        facts = json.loads(header["minidrop"])
        for name, axes in facts.pop("axes", {}).items():
            arrays[name] = arrays[name].transpose([axes.index(i) for i in range(len(axes))])
        return arrays, facts
    except (SafetensorError, LookupError, ValueError, TypeError, AttributeError,
            RecursionError) as error:             # whoever writes a file can make its digest, too
        raise ValueError(f"{path} is not a whole checkpoint of minidrop ({short(error)}); give "
                         "another path") from None


def short(text, most=200):
    """What a file or a library says, on one line and of at most so many characters.

    >>> short("two\\n  lines")
    'two lines'
    """
    return " ".join(str(text).split())[:most]


def digest(path):
    """What tells the content of a file from any other, as text."""
    import hashlib  # here, so that importing minidrop stays cheap

    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stamp(path):
    """What tells one writing of a file from the next; None where there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def clear(path):
    """Remove what killed writers of `path` left beside it; what is being written stays."""
    for left in path.parent.glob("*" + PART) if path.parent.is_dir() else ():
        if left.name.startswith(f".{path.name}."):
            with contextlib.suppress(OSError), left.open("r+b") as file:
                if _lock(file, wait=False):
                    left.unlink()


@contextlib.contextmanager
def alone(path):
    """Within it no other process, nor other thread, is at `path`: BlockingIOError, if one is.

    The lock ends with the process, however that ends.  Where files cannot be locked (Windows, some
    network drives) nobody is kept out.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    while True:
        with lock.open("ab") as file:
            if _lock(file, wait=False) is False:
                raise BlockingIOError(f"another process is at {path}")
            if os.fstat(file.fileno()).st_nlink:  # else its owner left between the last two lines
                try:
                    yield
                finally:
                    with contextlib.suppress(OSError):
                        lock.unlink()
                return


def _begin(path):
    """A new file beside `path`, locked: the lock ends with the process, however that ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        name = f".{path.name}.{os.getpid()}-{time.monotonic_ns()}{PART}"
        file = path.with_name(name).open("xb")
        _lock(file)
        if os.fstat(file.fileno()).st_nlink:      # else `clear` was faster than the lock
            return file
        file.close()


def _lock(file, wait=True):
    """Whether the file is now ours alone; None where the file system knows no locks."""
    if not fcntl:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _steady(whole):
    """A safetensors file with its metadata in a fixed order, where the package's is one of chance.

    The file is the length of its header in 8 bytes, the header as JSON, and the numbers.
    """
    end = 8 + int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    words = json.dumps(header, separators=(",", ":")).encode()
    words += b" " * (-len(words) % 8)
    return len(words).to_bytes(8, "little") + words + whole[end:]


def _digest(arrays, text):
    import hashlib  # here, so that importing minidrop stays cheap

    found = hashlib.sha256(text.encode())
    for name, array in sorted(arrays.items()):
        found.update(f"{name} {array.dtype} {array.shape}".encode())
        found.update(array.tobytes())
    return found.hexdigest()
