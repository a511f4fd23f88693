"""What a GPU is, and what it lacks, in one sentence: its driver, the GPU itself, memory."""

import functools
import os
import re
import sys

FIRST = 'extern "C" __global__ void first(long long *out) { out[0] += 1; }'
FULL = "out of memory|cudaErrorMemoryAllocation|CUBLAS_STATUS_ALLOC_FAILED"
CUBLAS = 10**9              # bytes that cuBLAS needs at most to begin


def missing(cupy):
    """What CuPy does not find: a driver, one that is new enough, or a GPU."""
    runtime = cupy.cuda.runtime
    driver, built = runtime.driverGetVersion(), runtime.runtimeGetVersion()
    if not driver:
        return "a driver of NVIDIA, and none was found: install it until nvidia-smi lists the GPU"
    if driver // 1000 < built // 1000:
        return (f"a driver for CUDA {cuda(built)}, and the one that was found is for CUDA "
                f"{cuda(driver)}: update it, or install a CuPy that was made for it")
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    hidden = "" if seen is None else f", and CUDA_VISIBLE_DEVICES is {seen!r}"
    return f"an NVIDIA GPU, and its driver found none: nvidia-smi must list one{hidden}"


def missing_libraries(cupy):
    """What CuPy does not find of CUDA, whose libraries its wheels do not hold; [] where it does."""
    loads = {"NVRTC": lambda: cupy.cuda.nvrtc.getVersion(), "cuBLAS": lambda: cupy.cuda.cublas}
    lacking = [name for name, load in loads.items() if not _loads(load)]
    made_for = cupy.cuda.runtime.runtimeGetVersion() // 1000
    return lacking and (f"{' and '.join(lacking)}, which CuPy does not find: pip install "
                        f"'cupy-cuda{made_for}x[ctk]', or install CUDA {made_for}")


def _loads(load):
    try:
        load()
    except (ImportError, OSError, RuntimeError):
        return False
    return True


def described(cupy):
    """Its name and versions, and whether a first kernel runs, a product and what is compiled."""
    runtime = cupy.cuda.runtime
    found = runtime.getDeviceProperties(runtime.getDevice())
    words = (f"{found['name'].decode()}, compute capability {found['major']}.{found['minor']}, "
             f"CUDA {cuda(runtime.runtimeGetVersion())}, driver for CUDA "
             f"{cuda(runtime.driverGetVersion())}")
    try:
        out = (cupy.arange(3) + 1).sum(dtype="int64").reshape(1)
        cupy.RawKernel(FIRST, "first")((1,), (1,), (out,))
        square = cupy.ones((2, 2), "float32")
        float(out[0] + (square @ square)[0, 0])
    except Exception as error:                    # of the compiler, the driver, a library
        text = " ".join(str(error).split())
        return f"{words}; but a first kernel does not run: {text[:200] or type(error).__name__}"
    return words


def memory(cupy):
    """What is free, and what the pool of this process holds."""
    free, total = cupy.cuda.runtime.memGetInfo()
    pool = cupy.get_default_memory_pool()
    limit = f", at most {amount(pool.get_limit())}" if pool.get_limit() else ""
    return (f"{amount(free)} of {amount(total)} free; the pool of this process holds "
            f"{amount(pool.total_bytes())}, {amount(pool.used_bytes())} of it in use{limit}")


def amount(size):
    """Bytes in words.

    >>> amount(1_230_000_000), amount(40_000), amount(512)
    ('1.23 GB', '40 kB', '0.512 kB')
    """
    unit, scale = next((at for at in (("GB", 1e9), ("MB", 1e6)) if size >= 0.9995 * at[1]),
                       ("kB", 1e3))
    return f"{size / scale:.3g} {unit}"


def cuda(version):
    """A version of CUDA as people write it.

    >>> cuda(12090)
    '12.9'
    """
    return f"{version // 1000}.{version % 1000 // 10}"


def tells_memory(function):
    """Make it a MemoryError in one sentence where a GPU has no memory left for `function`."""

    @functools.wraps(function)
    def told(*args, **named):
        try:
            return function(*args, **named)
        except (MemoryError, RuntimeError) as error:
            cupy = sys.modules.get("cupy")
            if cupy is None or not _full(cupy, error):
                raise
            sentence, pool = _shortage(cupy, error), cupy.get_default_memory_pool()
            error.with_traceback(None)            # its frames hold arrays
            pool.free_all_blocks()
            raise MemoryError(sentence) from error

    return told


def _full(cupy, error):
    """Whether the error says that there was no memory: of CuPy's pool, of CUDA or of cuBLAS."""
    if isinstance(error, cupy.cuda.memory.OutOfMemoryError):
        return True
    if not type(error).__module__.startswith(("cupy.", "cupy_backends.")):
        return False
    begins = "CUBLAS_STATUS_NOT_INITIALIZED" in str(error)        # it says no more than that
    return bool(re.search(FULL, str(error))) or (
        begins and cupy.cuda.runtime.memGetInfo()[0] < CUBLAS)


def _shortage(cupy, error):
    """What was asked for, and what was free."""
    number = re.search(r"[\d,]+(?= bytes)", str(error))
    wanted = f"{amount(int(number[0].replace(',', '')))} were" if number else "more was"
    free, total = cupy.cuda.runtime.memGetInfo()
    if limit := (pool := cupy.get_default_memory_pool()).get_limit():
        free, total = min(free, limit - pool.used_bytes()), min(total, limit)
    return (f"the GPU is out of memory: {wanted} asked for, and {amount(free)} of {amount(total)} "
            "were free; take a smaller batch_size or model, or compute with backend='numpy'")
