"""What a GPU is, and what it lacks, in one sentence: its driver, the GPU itself, memory."""

import functools
import os
import re
import sys


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


def described(cupy):
    """Its name and versions, and whether a first kernel runs."""
    runtime = cupy.cuda.runtime
    found = runtime.getDeviceProperties(runtime.getDevice())
    words = (f"{found['name'].decode()}, compute capability {found['major']}.{found['minor']}, "
             f"CUDA {cuda(runtime.runtimeGetVersion())}, driver for CUDA "
             f"{cuda(runtime.driverGetVersion())}")
    try:
        int((cupy.arange(3) + 1).sum())
    except Exception as error:                    # of the compiler, the driver, a library
        text = " ".join(str(error).split())
        return f"{words}; but a first kernel does not run: {text[:200] or type(error).__name__}"
    return words


def memory(cupy):
    """What is free, and what the pool of this process holds."""
    free, total = cupy.cuda.runtime.memGetInfo()
    pool = cupy.get_default_memory_pool()
    limit = f", at most {gb(pool.get_limit())}" if pool.get_limit() else ""
    return (f"{gb(free)} of {gb(total)} free; the pool of this process holds "
            f"{gb(pool.total_bytes())}, {gb(pool.used_bytes())} of it in use{limit}")


def gb(size):
    """Bytes in words.

    >>> gb(1_230_000_000)
    '1.23 GB'
    """
    return f"{size / 1e9:.3g} GB"


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
        except MemoryError as error:
            cupy = sys.modules.get("cupy")
            if cupy is None or not isinstance(error, cupy.cuda.memory.OutOfMemoryError):
                raise
            sentence, pool = _shortage(cupy, error), cupy.get_default_memory_pool()
            error.with_traceback(None)            # its frames hold arrays
            pool.free_all_blocks()
            raise MemoryError(sentence) from error

    return told


def _shortage(cupy, error):
    """What was asked for, and what was free."""
    number = re.search(r"[\d,]+(?= bytes)", str(error))
    wanted = f"{gb(int(number[0].replace(',', '')))} were" if number else "more was"
    free, total = cupy.cuda.runtime.memGetInfo()
    if limit := (pool := cupy.get_default_memory_pool()).get_limit():
        free, total = min(free, limit - pool.used_bytes()), min(total, limit)
    return (f"the GPU is out of memory: {wanted} asked for, and {gb(free)} of {gb(total)} were "
            "free; take a smaller batch_size or model, or compute with backend='numpy'")
