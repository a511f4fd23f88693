"""The walls around a submission, which runner.py builds in the submission's own process.

Three of them, each for what slips past the one before: builtins without those that reach the
machine and an import that knows a list; an audit hook, which hears of every file, process and frame
that Python code asks for; and the system's own limits, with Landlock where Linux has it.
"""

import builtins
import ctypes
import functools
import os
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

MODULES = frozenset((
    "__future__", "abc", "bisect", "cmath", "collections", "copy", "dataclasses", "enum",
    "fractions", "functools", "heapq", "itertools", "math", "numbers", "numpy", "operator",
    "random", "statistics", "string", "textwrap", "time", "typing", "warnings"))
NOT_OF_NUMPY = frozenset(("ctypeslib", "distutils", "f2py", "testing"))
WITHOUT = frozenset((
    "__import__", "__loader__", "__spec__", "breakpoint", "compile", "copyright", "credits", "eval",
    "exec", "exit", "globals", "help", "input", "license", "locals", "open", "quit", "vars"))
QUIET = frozenset(("builtins.id", "import", "time.sleep", "array.__new__"))
TRUSTED = frozenset((                             # from Python's and NumPy's own code only
    "compile", "exec", "marshal.loads", "object.__getattr__", "object.__setattr__",
    "object.__delattr__", "sys._getframe", "sys._getframemodulename", "code.__new__",
    "function.__new__"))
READING = frozenset(("open", "os.listdir", "os.scandir"))


class Refused(PermissionError):
    """What a submission asked for is behind a wall."""


def may_import(name, wanted=()):
    """Whether a submission may import a module, and the names `wanted` from it.

    >>> may_import("numpy.linalg", ["norm"]), may_import("os"), may_import("numpy", ["f2py"])
    (True, False, False)
    """
    first, _, rest = name.partition(".")
    parts = {*rest.split("."), *(wanted or ())}
    return first in MODULES and not any(part[:1] == "_" for part in parts) and not (
        first == "numpy" and NOT_OF_NUMPY & parts)


def own_builtins():
    """The builtins of a submission."""
    real = builtins.__import__

    def importing(name, globals=None, locals=None, fromlist=(), level=0):
        late = type(fromlist) is list and name.startswith("numpy.")     # so NumPy's C code asks
        if not late and (level or not may_import(name, fromlist)):
            raise Refused(f"{name} may not be imported")
        return real(name, globals, locals, fromlist, level)

    return {name: getattr(builtins, name) for name in dir(builtins) if name not in WITHOUT} | {
        "__import__": importing}


def safe_strides():
    """Let as_strided stay within its array: NumPy's own reads and writes wherever it is told to."""
    real, bounds = np.lib.stride_tricks.as_strided, np.lib.array_utils.byte_bounds

    @functools.wraps(real)
    def as_strided(x, shape=None, strides=None, subok=False, writeable=True, **options):
        owner = array = np.asarray(x)
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        view = real(array, shape, strides, writeable=writeable)
        (low, high), (start, end) = bounds(view), bounds(owner)
        if view.size and not start <= low <= high <= end:
            raise ValueError("as_strided with this shape and these strides reads past its array")
        return view

    np.lib.stride_tricks.as_strided = as_strided


def folders():
    """The folders that may be read: Python's own modules, and NumPy's."""
    numpy = Path(np.__file__).parent
    python = Path(os.__file__).parent
    return [os.path.realpath(one) for one in (python, numpy, numpy.with_name("numpy.libs"))
            if one.is_dir()] + [os.path.realpath(one) for one in sys.path
                                if Path(one).name == "lib-dynload" and Path(one).is_dir()]


def listen(own):
    """Add the audit hook; `own` are the code objects of the runner, which may do what they do."""
    places = tuple(one + os.sep for one in folders())
    foreign = tuple(os.sep + one + os.sep for one in ("site-packages", "dist-packages"))
    frame, real, decoded = sys._getframe, os.path.realpath, os.fsdecode
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    numpy = tuple(one for one in places if os.sep + "numpy" in one)
    quiet, trusted, reading, busy = QUIET, TRUSTED, READING, [False]

    def within(path):
        path = real(decoded(path))
        if path.startswith(numpy):
            return True
        inside = next((path[len(one):] for one in places if (path + os.sep).startswith(one)), None)
        return inside is not None and not (os.sep + inside + os.sep).startswith(foreign)

    def hook(event, arguments):
        if busy[0]:
            return
        busy[0] = True
        try:
            try:
                code = frame(1).f_code
            except ValueError:                    # no Python code runs: the interpreter ends
                return
            if code in own:
                return
            if event == "import":
                if str(arguments[0]).partition(".")[0] == "minidrop":
                    raise Refused("minidrop may not be imported: it holds the answers")
            elif event in trusted:
                file = code.co_filename
                if not (file.startswith("<frozen ") or file.startswith(places)):
                    raise Refused(f"{event} is not allowed")
            elif event in reading:
                path, mode, flags = (*arguments, None, None)[:3]
                if event == "open" and (mode and {*mode} & {*"wax+"} or (flags or 0) & writing):
                    raise Refused("files may not be written")
                if isinstance(path, int) or not within("." if path is None else path):
                    raise Refused("files may not be read")
            elif event not in quiet:
                raise Refused(f"{event} is not allowed")
        finally:
            busy[0] = False

    sys.addaudithook(hook)


def bound(memory_mb):
    """Bound memory and files, and allow no process: where the system can."""
    with suppress(ImportError):
        import resource

        loaded = 0
        with suppress(OSError), open("/proc/self/status", encoding="ascii") as status:
            loaded = next(int(line.split()[1]) << 10 for line in status if line[:7] == "VmData:")
        memory = "RLIMIT_DATA" if loaded else "RLIMIT_AS"
        for name, most in ((memory, loaded + (memory_mb << 20)), ("RLIMIT_FSIZE", 0),
                           ("RLIMIT_CORE", 0), ("RLIMIT_NPROC", 0), ("RLIMIT_NOFILE", 64)):
            with suppress(AttributeError, ValueError, OSError):
                what = getattr(resource, name)
                hard = resource.getrlimit(what)[1]
                most = most if hard == resource.RLIM_INFINITY else min(most, hard)
                resource.setrlimit(what, (most, most))


def landlock():
    """Ask Linux to hold the walls too: no file but Python's and NumPy's is read, none is written or
    run, no connection is made, no other process is traced or signalled.  True where it does."""
    if sys.platform != "linux":
        return False
    with suppress(AttributeError, OSError):
        system = ctypes.CDLL(None, use_errno=True)
        version = system.syscall(444, None, ctypes.c_size_t(0), 1)
        if version < 1:
            return False
        files = (1 << (13 if version < 2 else 14 if version < 3 else 15 if version < 5 else 16)) - 1
        rules = (ctypes.c_uint64 * 3)(files, 3, 3)        # files, connections, signals
        size = 8 if version < 4 else 16 if version < 6 else 24
        ruleset = system.syscall(444, rules, ctypes.c_size_t(size), 0)
        for place in folders():
            number = os.open(place, os.O_RDONLY)
            beneath = ctypes.create_string_buffer(        # read files, and list folders
                (4 | 8).to_bytes(8, sys.byteorder) + number.to_bytes(4, sys.byteorder), 12)
            system.syscall(445, ruleset, 1, beneath, 0)
            os.close(number)
        system.prctl(38, 1, 0, 0, 0)                      # no new privileges
        held = system.syscall(446, ruleset, 0) == 0
        os.close(ruleset)
        return held
    return False


def end_with_parent():
    """Let Linux end this process with the one that began it; others end it by the clock."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)        # on its death: SIGKILL
