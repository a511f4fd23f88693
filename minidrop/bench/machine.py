"""What times depend on besides the code: processor, BLAS, threads, versions, allocator."""

import os
import platform
import re
from pathlib import Path
from typing import Any

import numpy
from threadpoolctl import threadpool_info

from .. import __version__, allocator, xp


def environment(torch=None):
    """{"blas", "threads", "versions"} of minidrop and NumPy in this process.

    With PyTorch's among them, where the module `torch` is given.
    """
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    blas = ["{internal_api} {version}, kernel {architecture}".format_map(
        {"architecture": "unknown"} | pool) for pool in pools]
    threads = {"blas": max((pool["num_threads"] for pool in pools), default=None),
               "minidrop": xp.threads()}
    versions = {"python": platform.python_version(), "numpy": numpy.__version__,
                "minidrop": __version__, "platform": platform.platform()}
    if torch:
        threads["torch"], versions["torch"] = torch.get_num_threads(), str(torch.__version__)
    return {"blas": "; ".join(blas) or "unknown", "threads": threads, "versions": versions}


def processor():
    """The name of the processor."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return name[1] if name else platform.processor() or platform.machine()


def features():
    """The instructions beyond its baseline that NumPy found here."""
    config: Any = numpy.show_config(mode="dicts")
    return " ".join(config["SIMD Extensions"].get("found", ["none"]))


def usable_cores():
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def memory_allocator():
    """Whether the memory allocator of this process is set as `minidrop.tune` sets it."""
    return "tuned" if allocator.tuned else "as the system has it"


def surroundings(records):
    """Lines that say what the times of `records` depend on."""
    lines = []
    for r in records[:1]:
        lines += ["", *([f"CPU       {r['cpu']}"] if "cpu" in r else []), f"BLAS      {r['blas']}"]
        for key in ("threads", "versions"):
            lines.append(f"{key:9} " + ", ".join(f"{name} {v}" for name, v in r[key].items()))
    return lines
