"""A setting of the memory allocator that makes array code faster.  Never made on import."""

import ctypes
import os
import sys

tuned = False                                     # whether tune() was called and the setting made

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4    # the parameters of glibc's mallopt


def tune():
    """Ask glibc to keep freed memory, so that a page is faulted in once and not in every step.

    The command line does this by itself, a notebook or a script calls it; MINIDROP_TUNE=0 refuses
    it to both.  Returns whether it was done: only glibc on Linux has the setting.  The price is
    that freed memory stays with the process: after four steps of workload f of `minidrop bench` it
    had 170 MB, and 90 MB without the setting.  The most that it ever had was 170 and 172 MB.

    >>> tune() in (True, False)
    True
    """
    if not sys.platform.startswith("linux") or os.environ.get("MINIDROP_TUNE") == "0":
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    settings = ((TRIM_THRESHOLD, 2**31 - 1), (MMAP_THRESHOLD, 2**25), (MMAP_MAX, 0))
    global tuned
    done = [mallopt(name, value) for name, value in settings]
    tuned = all(done)
    return tuned
