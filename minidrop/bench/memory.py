"""Memory of a step and of a process.

The peak of a step is what it holds at most at one time, in MB of 10^6 bytes, without what existed
before it (parameters, velocities, data): arrays here, tensors in PyTorch, in JAX what the compiler
set aside.  What a BLAS or oneDNN keeps for itself is in none of them, but in the size of the
process: the memory that was resident at most while the process started and trained.
"""

import ctypes
import importlib
import itertools
import json
import os
import re
import sys
import tempfile
import tracemalloc
from pathlib import Path

DOMAINS = range(3)          # Python's allocators: raw memory, memory, objects


def our_peak(step):
    """MB of arrays that `step` had allocated at most at one time, by tracemalloc.

    tracemalloc hears of Python's own objects through its allocators, and of arrays because NumPy
    tells it.  While the step runs the allocators are as they were without it: it hears of arrays.
    """
    cpython = sys.implementation.name == "cpython"
    untraced = [_allocator(domain) for domain in DOMAINS] if cpython else []
    tracemalloc.start()
    try:
        for domain, allocator in enumerate(untraced):
            ctypes.pythonapi.PyMem_SetAllocator(ctypes.c_int(domain), allocator)
        step()                                    # so that what a step replaces is known too
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        step()
        return (tracemalloc.get_traced_memory()[1] - before) / 1e6
    finally:
        tracemalloc.stop()


def _allocator(domain):
    found = (ctypes.c_void_p * 5)()               # PyMemAllocatorEx: context and four functions
    ctypes.pythonapi.PyMem_GetAllocator(ctypes.c_int(domain), found)
    return found


def torch_peak(step):
    """MB of tensors: the largest running sum of what torch.profiler saw allocated and freed.

    None where it traces no memory.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")       # else it reports its start on stderr
    profiler = importlib.import_module("torch.profiler")
    with profiler.profile(activities=[profiler.ProfilerActivity.CPU], profile_memory=True) as seen:
        step()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "trace.json")
        seen.export_chrome_trace(str(path))
        events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    changes = sorted((e for e in events if e["name"] == "[memory]"), key=lambda e: e["ts"])
    sums = itertools.accumulate(e["args"]["Bytes"] for e in changes)
    return max(sums) / 1e6 if changes else None


def process_size():
    """MB of this process that were resident at most at one time; None where Linux does not say."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    most = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(most[1]) * 1024 / 1e6 if most else None
