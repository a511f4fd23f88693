"""The GPU that is not there: what `cupy.cuda` tells of it, and its memory."""

import time
from types import SimpleNamespace


class Device:
    def __init__(self, device=None):
        self.id = 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def synchronize(self):
        pass


def available():
    return runtime.getDeviceCount() > 0


class Event:
    """A mark in the queue, which here is the clock's time."""

    def record(self, stream=None):
        self.at = time.perf_counter()

    def synchronize(self):
        pass


def get_elapsed_time(start_event, end_event):
    return 1e3 * (end_event.at - start_event.at)


class OutOfMemoryError(MemoryError):
    """As CuPy raises it, with its words."""

    def __init__(self, size, total, limit=0):
        super().__init__(f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} "
                         f"bytes{f', limit set to: {limit:,} bytes' if limit else ''}).")


class CUDARuntimeError(RuntimeError):
    """As CUDA's own functions raise it, and cuBLAS its like."""

    __module__ = "cupy_backends.cuda.api.runtime"


class MemoryPool:
    """What a pool tells; the stand-in's arrays lie elsewhere."""

    def __init__(self):
        self.emptied = 0

    def used_bytes(self):
        return 10**8

    def free_bytes(self):
        return 2 * 10**8

    def total_bytes(self):
        return 3 * 10**8

    def get_limit(self):
        return 0

    def free_all_blocks(self, stream=None):
        self.emptied += 1


pool = MemoryPool()
runtime = SimpleNamespace(
    CUDARuntimeError=CUDARuntimeError,
    getDeviceCount=lambda: 1, deviceSynchronize=lambda: None, getDevice=lambda: 0,
    driverGetVersion=lambda: 13000, runtimeGetVersion=lambda: 12090,
    memGetInfo=lambda: (3 * 10**9, 8 * 10**9),
    getDeviceProperties=lambda device: {"name": b"strict stand-in", "multiProcessorCount": 1,
                                        "major": 9, "minor": 0})
