"""`cupy.RawKernel` on a CPU: the C++ compiler takes the kernel's source, `emulation.h` runs it.

A launch on a GPU reads its arguments as the source declares them, whatever they are.  Here they are
held against the source: their number, the type of each, arrays without gaps in C order.  Arrays
stand between margins, which must be there after the launch; beside what is only read they are nan.
"""

import atexit
import ctypes
import functools
import hashlib
import pathlib
import re
import shutil
import subprocess
import tempfile

import numpy as np

from .array import ndarray

COMPILER = shutil.which("g++")
TYPES = {"float": np.float32, "double": np.float64, "bool": np.bool_, "unsigned char": np.uint8,
         "int": np.int32, "unsigned int": np.uint32, "long long": np.int64,
         "unsigned long long": np.uint64}
MARGIN = 64                                       # bytes on either side of an array, which are
READ, WRITTEN = 255, 90
MOST = {"blocks": 2**31 - 1, "threads": 1024}
FLAGS = ["-O1", "-std=c++14", "-shared", "-fPIC", "-ffp-contract=off", "-U_FORTIFY_SOURCE", "-w"]
ENTRY = """
extern "C" const long long sizes_%(name)s[] = {%(sizes)s};
static void launched_%(name)s() { %(name)s(%(arguments)s); }
extern "C" int run_%(name)s(unsigned int grid, unsigned int block, void** arguments) {
    given = arguments;
    return emulate(grid, block, %(barriers)d, launched_%(name)s);
}
"""


@functools.cache
def workshop():
    """A folder for what is compiled, which goes with this process."""
    folder = tempfile.mkdtemp(prefix="kernels")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return pathlib.Path(folder)


class Parameter:
    """One parameter of a kernel: its type, whether it is a pointer, whether it is only read."""

    def __init__(self, text, defined):
        self.text = " ".join(text.split())
        words = re.findall(r"\w+|\*", self.text)
        self.pointer, self.read_only = "*" in words, words[0] == "const"
        self.margin = READ if self.read_only else WRITTEN
        kind = " ".join(w for w in words[:-1] if w not in ("const", "*", "__restrict__"))
        self.kind = defined.get(kind, kind)
        self.type = TYPES.get(self.kind)          # None for a struct

    def expression(self, i):
        if self.pointer:
            return f"({'const ' * self.read_only}{self.kind}*)given[{i}]"
        return f"*({self.kind}*)given[{i}]"

    def check(self, value, size):
        """What a launch would misread is a TypeError."""
        if not self.type:
            if type(value) is not np.ndarray or value.size != 1 or value.nbytes != size:
                raise TypeError(f"{self.text} is given {value!r}; a launch needs a NumPy array of "
                                f"one entry of {size} bytes")
        elif not self.pointer:
            if type(value) is not self.type:
                raise TypeError(f"{self.text} is given {type(value).__name__} {value!r}; a launch "
                                f"needs {self.type.__name__}")
        elif type(value) is not ndarray:
            raise TypeError(f"{self.text} is given {type(value)}, which is no array on the device")
        elif value.dtype != self.type:
            raise TypeError(f"{self.text} is given an array of {value.dtype}")
        elif not value.flags.c_contiguous:
            raise TypeError(f"{self.text} is given an array with gaps or in another order, strides "
                            f"{value.strides} of shape {value.shape}")


class RawKernel:
    """The parts of CuPy's that are used here: made, and launched on one axis."""

    def __init__(self, code, name):
        if not COMPILER:
            raise NotImplementedError("cupy.RawKernel needs g++, which was not found")
        self.code, self.name, self.kernel = code, name, None

    def __call__(self, grid, block, args, *, shared_mem=0):
        for size, (what, most) in zip((grid, block), MOST.items(), strict=True):
            if len(size) != 1 or not 0 < size[0] <= most:
                raise ValueError(f"{size} {what} cannot be launched")
        if self.kernel is None:
            self._compile()
        if len(args) != len(self.parameters):
            raise TypeError(f"{self.name} has {len(self.parameters)} parameters, got {len(args)}")
        for parameter, value, size in zip(self.parameters, args, self.sizes, strict=True):
            parameter.check(value, size)
        self._check_shared([value._a for parameter, value in zip(self.parameters, args, strict=True)
                            if parameter.pointer and not parameter.read_only])
        self._run(grid[0], block[0], args)

    def _compile(self):
        """All kernels of the source at once, which takes as long as one."""
        defined = {name: kind for kind, name in re.findall(r"typedef ([\w ]+) (\w+);", self.code)}
        heads = re.findall(r"__global__\s+void\s+(\w+)\s*\(([^)]*)\)", self.code)
        kernels = {name: [Parameter(text, defined) for text in texts.split(",")]
                   for name, texts in heads}
        made = library(self.code + "static void** given;" + "".join(
            entry(name, parameters, "__syncthreads" in self.code)
            for name, parameters in kernels.items()))
        self.kernel, self.parameters = getattr(made, f"run_{self.name}"), kernels[self.name]
        self.sizes = (ctypes.c_longlong * len(self.parameters)).in_dll(made, f"sizes_{self.name}")

    def _check_shared(self, written):
        for i, a in enumerate(written):
            if any(np.shares_memory(a, b) for b in written[:i]):
                raise ValueError(f"{self.name} writes to two arrays that share memory")

    def _run(self, blocks, threads, args):
        copies = [guarded(value._a, parameter.margin) if parameter.pointer else np.array(value)
                  for parameter, value in zip(self.parameters, args, strict=True)]
        places = [copy.ctypes.data + MARGIN * parameter.pointer
                  for parameter, copy in zip(self.parameters, copies, strict=True)]
        pointers = (ctypes.c_void_p * len(args))(*places)
        if self.kernel(blocks, threads, pointers):
            raise RuntimeError(f"{self.name}: some threads of a block wait at a barrier for ever")
        for parameter, value, copy in zip(self.parameters, args, copies, strict=True):
            if not parameter.pointer:
                continue
            self._take_back(value._a, copy, parameter)

    def _take_back(self, array, copy, parameter):
        inner = copy[MARGIN:-MARGIN]
        if not (copy[:MARGIN] == parameter.margin).all() \
                or not (copy[-MARGIN:] == parameter.margin).all():
            raise IndexError(f"{self.name} writes beyond {parameter.text}")
        if not parameter.read_only:
            array[...] = inner.view(array.dtype).reshape(array.shape)
        elif (inner != array.reshape(-1).view(np.uint8)).any():
            raise TypeError(f"{self.name} writes to {parameter.text}")


def entry(name, parameters, barriers):
    """C++ that reads the arguments of a kernel as it declares them, and runs it."""
    return ENTRY % {"name": name, "barriers": barriers,
                    "sizes": ", ".join(f"sizeof({p.kind})" for p in parameters),
                    "arguments": ", ".join(p.expression(i) for i, p in enumerate(parameters))}


def guarded(array, margin):
    """The bytes of an array between two margins."""
    copy = np.full(array.nbytes + 2 * MARGIN, margin, np.uint8)
    copy[MARGIN:MARGIN + array.nbytes] = array.reshape(-1).view(np.uint8)
    return copy


@functools.cache
def library(code):
    """The shared library of some source."""
    name = hashlib.sha256(code.encode()).hexdigest()[:16]
    source = workshop() / f"{name}.cpp"
    source.write_text(f'#include "{pathlib.Path(__file__).with_name("emulation.h")}"\n{code}')
    made = source.with_suffix(".so")
    done = subprocess.run([COMPILER, *FLAGS, source, "-o", made], capture_output=True,
                          text=True)
    if done.returncode:
        raise SyntaxError(done.stderr)
    return ctypes.CDLL(str(made))
