"""minidrop beside PyTorch's eager mode on the CPU, in one run.

First both must compute the same.  Then they take turns, a block of at least 20 ms each, so that a
busy neighbour meets both, with the threads and the allocator that they find.  `ratio` is the median
over the blocks of (our time a step / PyTorch's), below 1 where minidrop is faster.

Peak memory is what one step holds at most at one time, in MB of 10^6 bytes, without what existed
before it (parameters, velocities, data): ours by tracemalloc, to which NumPy reports its arrays,
PyTorch's the largest running sum of the allocations and frees in torch.profiler's trace.
"""

import importlib
import itertools
import json
import os
import platform
import statistics
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy
from threadpoolctl import threadpool_info
from tqdm import tqdm

from . import __version__, xp
from .arguments import count, option
from .workloads import WORKLOADS, reference

BLOCK = 0.02                # seconds that a block lasts at least
PAUSE = 0.02                # seconds for the threads of the other contender to stop spinning


def run(names=tuple(WORKLOADS), blocks=15, progress=True):
    """Check and time the workloads `names`: one dict each, with the keys workload, ms, torch_ms,
    ratio, peak_mb, torch_peak_mb, blas, threads, versions.

    ValueError for an unknown name, without PyTorch, and where the two do not compute the same.
    """
    names, blocks = [option(name, "names", WORKLOADS) for name in names], count(blocks, "blocks")
    around, records = environment(reference()), []
    for name in names:
        title, make = WORKLOADS[name]
        (workload := make()).check()
        records.append({"workload": name,
                        **compare(workload.ours, workload.theirs, blocks, title, progress),
                        "peak_mb": our_peak(workload.ours),
                        "torch_peak_mb": torch_peak(workload.theirs), **around})
    return records


def compare(ours, theirs, blocks, title="", progress=False):
    """The medians ms, torch_ms and ratio of `blocks` blocks of each, in turns."""
    times, torch_times = in_turns((ours, theirs), blocks, title, progress)
    return {"ms": statistics.median(times), "torch_ms": statistics.median(torch_times),
            "ratio": ratio(times, torch_times)}


def in_turns(steps, blocks, title="", progress=False):
    """For each of `steps` its ms in every one of `blocks` blocks, in which all take their turns."""
    turns: list = [(step, steps_in_block(step), []) for step in steps]
    with tqdm(total=blocks * len(turns), desc=title, unit="turn", disable=not progress,
              dynamic_ncols=True) as bar:
        for block in range(blocks):
            for step, n, times in turns if block % 2 == 0 else turns[::-1]:
                time.sleep(PAUSE)
                step()                            # brings its data into the caches
                times.append(1e3 * clock(step, n) / n)
                bar.update()
    return [times for _, _, times in turns]


def ratio(times, others):
    """The median of the ratios of neighbours."""
    return statistics.median(a / b for a, b in zip(times, others, strict=True))


def steps_in_block(step):
    """How many steps last BLOCK seconds, by doubling after a warm-up."""
    clock(step, 2)
    return next(n for n in (2**i for i in itertools.count()) if clock(step, n) >= BLOCK)


def clock(step, n):
    """Seconds that n steps take."""
    start = time.perf_counter()
    for _ in range(n):
        step()
    return time.perf_counter() - start


def our_peak(step):
    """MB that `step` had allocated at most at one time, by tracemalloc."""
    tracemalloc.start()
    step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def torch_peak(step):
    """The same for PyTorch, by torch.profiler; None where it traces no memory."""
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


def environment(torch=None):
    """{"blas", "threads", "versions"}: what the times depend on besides the code.

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


def table(records):
    """The records as text: a line for each workload, then what the times depend on."""
    rows = [("", "", "minidrop ms", "torch ms", "ratio", "peak MB", "torch peak MB")]
    for r in records:
        numbers = (r[key] for key in ("ms", "torch_ms", "ratio", "peak_mb", "torch_peak_mb"))
        rows.append((r["workload"], WORKLOADS.get(r["workload"], ("",))[0],
                     *("-" if number is None else f"{number:.3f}" for number in numbers)))
    lines = ["{:1}  {:44}  {:>11}  {:>8}  {:>5}  {:>8}  {:>13}".format(*row) for row in rows]
    return "\n".join(lines + surroundings(records))


def surroundings(records):
    """Lines that say what the times depend on."""
    lines = []
    for r in records[:1]:
        lines += ["", f"BLAS      {r['blas']}"]
        for key in ("threads", "versions"):
            lines.append(f"{key:9} " + ", ".join(f"{name} {v}" for name, v in r[key].items()))
    return lines
