"""minidrop beside PyTorch on the CPU, or beside JAX: every contender in a process of its own.

"torch" is PyTorch's eager mode out of the box: images as (N, C, H, W), the allocator as the system
has it.  "torch-tuned" is the hardest fair rival: images as (N, H, W, C) in memory, channels_last,
and the setting of the allocator that minidrop's command line makes for itself.  "jax" is the same
step compiled by jax.jit.

First all must compute the same: from the same weights and under the same masks the losses of three
steps agree to 5 digits; to 4 where sums are taken in another order, and in (e), where rounding
grows tenfold in a step: PyTorch tuned is 3e-5 from float64 at the third, minidrop 4e-5.  In float64
all of them agree to 10 digits, by test.  Then they take turns, one at
work and the others asleep (measure.py).  `ratio` is the median over the blocks of (our time a step
/ the rival's), below 1 where minidrop is faster.  Memory is measured before and after the times
(memory.py).
"""

import importlib.util
import statistics
from contextlib import ExitStack

from ..arguments import count, option
from ..xp import asked
from . import on_gpu
from .contender import agree
from .machine import processor
from .measure import compared, median_interval, ratios, turns
from .worker import Library, Worker
from .workloads import WORKLOADS

LIBRARIES = {
    "minidrop": Library("minidrop", "minidrop", "minidrop.bench.ours:contender", tuned=True),
    "torch": Library("PyTorch", "torch", "minidrop.bench.in_torch:contender"),
    "torch-tuned": Library("PyTorch tuned", "torch", "minidrop.bench.in_torch:contender",
                           tuned=True, options={"channels_last": True}, digits=4),
    "jax": Library("JAX jit", "jax", "minidrop.bench.in_jax:contender", digits=4),
}
AGAINST = ("torch", "torch-tuned")
DIGITS = {"e": 4}           # workload -> to which its losses agree at most
INSTALL = {"torch": 'PyTorch, which is not installed: pip install "minidrop[reference]"',
           "jax": "JAX, which is not installed: pip install jax"}


def run(names=tuple(WORKLOADS), blocks=15, against=AGAINST, progress=True, backend=None):
    """Check and time the workloads `names` beside the libraries `against`: one dict each.

    They come one by one, each when it is measured.  Its keys are workload, ms, torch_ms, ratio,
    peak_mb, torch_peak_mb, blas, threads, versions; low and high (of the ratio), process_mb,
    allocator, cpu, and rivals: {name: {ms, ratio, low, high, spread, peak_mb, process_mb,
    allocator, ...}}.  Where PyTorch out of the box is not among the rivals, ratio is to the first
    of them and what starts with torch_ is None.

    With the `backend` "cupy", or where MINIDROP_BACKEND says so, all compute on the GPU
    (on_gpu.py).  ValueError for an unknown name, where a library or the backend is missing, and
    where two do not compute the same.
    """
    names, blocks = [option(name, "names", WORKLOADS) for name in names], count(blocks, "blocks")
    libraries = on_gpu.LIBRARIES if asked(backend) == "cupy" else LIBRARIES
    rivals = [option(name, "against", [*libraries][1:]) for name in against]
    for needs in dict.fromkeys(libraries[name].needs for name in rivals):
        if importlib.util.find_spec(needs) is None:
            raise ValueError(f"bench compares with {INSTALL[needs]}")
    return (measured(name, rivals, blocks, progress, libraries) for name in names)


def measured(name, rivals, blocks, progress, libraries):
    """The record of one workload."""
    everyone = ("minidrop", *rivals)
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(libraries[who], name)) for who in everyone]
        for worker in workers:
            worker.ready()
        alike(name, *workers)
        sizes = [worker.ask("process_mb") for worker in workers]
        equal(name, *workers)
        times = turns([worker.clock for worker in workers], blocks,
                      f"{name}  {WORKLOADS[name].title}", progress)
        rows = {who: {"ms": statistics.median(ms), **beside(times[0], ms),
                      "peak_mb": worker.ask("peak"), "process_mb": size, **worker.ask("around")}
                for who, worker, ms, size in zip(everyone, workers, times, sizes, strict=True)}
    return record(name, rows.pop("minidrop"), rows)


def alike(name, ours, *rivals):
    """Let everyone start anew, from the same weights."""
    if WORKLOADS[name].network is not None:
        weights = ours.ask("start")
        for rival in rivals:
            rival.ask("load", weights)


def equal(name, ours, *rivals):
    """ValueError unless everyone computes the same from the same weights, under the same masks."""
    if WORKLOADS[name].network is None:
        for worker in (ours, *rivals):
            worker.ask("check")
        return
    alike(name, ours, *rivals)
    losses: list[list] = [[] for _ in rivals]
    for _ in range(3):
        loss, masks = ours.ask("observed")
        for rival, pairs in zip(rivals, losses, strict=True):
            pairs.append((loss, rival.ask("under", masks)))
    for rival, pairs in zip(rivals, losses, strict=True):
        digits = min(rival.digits, DIGITS.get(name, rival.digits))
        agree(pairs, "in minidrop", f"in {rival.title}", digits)


def beside(times, others):
    """The ratio, the interval in which it lies, and how far its blocks spread."""
    low, high = median_interval(ratios(times, others))
    return {"low": low, "high": high, **compared(ratio=(times, others))}


def record(name, ours, rivals):
    """The dict of one workload from those of the contenders."""
    torch = rivals.get("torch", {})
    other = torch or next(iter(rivals.values()))
    around = {key: {name: value for one in (*rivals.values(), ours)
                    for name, value in one[key].items()} for key in ("threads", "versions")}
    return {"workload": name, "ms": ours["ms"], "torch_ms": torch.get("ms"),
            "ratio": other["ratio"], "low": other["low"], "high": other["high"],
            "peak_mb": ours["peak_mb"], "torch_peak_mb": torch.get("peak_mb"),
            "process_mb": ours["process_mb"], "allocator": ours["allocator"],
            "rivals": rivals, "cpu": processor(), "blas": ours["blas"], **around}
