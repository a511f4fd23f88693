"""NVIDIA's compiler, which needs no GPU: it says whether a kernel's source is CUDA C."""

import ctypes
import functools
import importlib.util
import pathlib


@functools.cache
def nvrtc():
    """The library, from the package that brings it; None where that is not installed."""
    try:
        spec = importlib.util.find_spec("nvidia")
    except ValueError:
        spec = None
    for folder in (spec.submodule_search_locations if spec else ()):
        for path in sorted(pathlib.Path(folder).glob("*/lib/libnvrtc.so.*")):
            if "alt" not in path.name and "builtins" not in path.name:
                return ctypes.CDLL(str(path))
    return None


def ptx(source, architecture):
    """The assembly of some CUDA C; SyntaxError with the compiler's words where it is none."""
    library, program = nvrtc(), ctypes.c_void_p()
    flags = [f"--gpu-architecture={architecture}", "-std=c++14"]
    given = (ctypes.c_char_p * len(flags))(*(flag.encode() for flag in flags))
    library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None)
    try:
        if library.nvrtcCompileProgram(program, len(flags), given):
            raise SyntaxError(_text(library, program, "ProgramLog"))
        return _text(library, program, "PTX")
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))


def _text(library, program, what):
    size = ctypes.c_size_t()
    getattr(library, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    getattr(library, f"nvrtcGet{what}")(program, text)
    return text.value.decode()
