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
import math
import os
import platform
import statistics
import tempfile
import time
import tracemalloc
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy
from threadpoolctl import threadpool_info
from tqdm import tqdm

from . import __version__, nn, xp
from .arguments import count, option
from .noise import Stream, gaussian, integers
from .optim import SGD
from .tape import Tensor
from .train import train_step
from .units.dropout import Dropout

BLOCK = 0.02                # seconds that a block lasts at least
PAUSE = 0.02                # seconds for the threads of the other contender to stop spinning
OURS = SimpleNamespace(**{name: getattr(nn, name) for name in nn.__all__}, Dropout=Dropout)


def reference():
    """The module torch; ValueError where it is not installed."""
    try:
        return importlib.import_module("torch")
    except ImportError:
        raise ValueError('bench compares with PyTorch, which is not installed: '
                         'pip install "minidrop[reference]"') from None


# --- workloads: `ours()` and `theirs()` take one step, `check()` compares a few -------------------

def perceptron(lib, sizes, p=0.0):
    """An MLP of the layers of minidrop or PyTorch: their names and arguments are the same."""
    layers = [lib.Linear(*sizes[:2])]
    for shape in itertools.pairwise(sizes[1:]):
        layers += [lib.ReLU(), *([lib.Dropout(p)] if p else []), lib.Linear(*shape)]
    return lib.Sequential(*layers)


class Training:
    """One step of momentum SGD on network(lib), x of `shape`: forward, loss, backward, update."""

    def __init__(self, network, shape):
        torch = reference()
        self.net, self.twin = network(OURS).init(seed=0), network(torch.nn)
        self.x = gaussian(Stream(0, "bench/x"), shape)
        self.y = integers(Stream(0, "bench/y"), 10, shape[:1])
        self.x2, self.y2 = torch.from_numpy(self.x), torch.from_numpy(self.y)
        with torch.no_grad():
            for w, w2 in zip(self.net.parameters(), self.twin.parameters(), strict=True):
                w2.copy_(torch.from_numpy(w.data))
        self.sgd = SGD(lr=0.01, momentum=0.9)
        self.loss2 = torch.nn.functional.cross_entropy
        self.sgd2 = torch.optim.SGD(self.twin.parameters(), lr=0.01, momentum=0.9)

    def ours(self):
        """One step of minidrop."""
        return train_step(self.net, self.sgd, self.x, self.y)

    def theirs(self):
        """One step of PyTorch."""
        loss = self.loss2(self.twin(self.x2), self.y2)
        loss.backward()
        self.sgd2.step()
        self.sgd2.zero_grad()                     # as ours, which leaves no gradients behind
        return loss

    def check(self):
        """ValueError unless three losses agree to 5 digits, PyTorch's under the masks of ours."""
        torch = reference()
        layers = [m for _, m in self.net.named_modules() if isinstance(m, Dropout)]
        layers2 = [m for m in self.twin.modules() if isinstance(m, torch.nn.Dropout)]
        hooks = [m2.register_forward_hook(lambda _, inputs, y, m=m: (
                     inputs[0] * torch.from_numpy(m.noise) / (1 - m.p)))
                 for m, m2 in zip(layers, layers2, strict=True)]
        losses = [(float(self.ours()), self.theirs().item()) for step in range(3)]
        for hook in hooks:
            hook.remove()
        for step, (loss, loss2) in enumerate(losses, 1):
            if not math.isclose(loss, loss2, rel_tol=1e-5):
                raise ValueError("before anything is timed the losses must agree to 5 digits, got "
                                 f"{loss:.8g} in minidrop, {loss2:.8g} in PyTorch at step {step}")


class DropoutAlone:
    """Forward and backward of dropout on an array of `shape`."""

    def __init__(self, p, shape):
        torch = reference()
        self.p, self.drop, self.drop2 = p, Dropout(p).init(seed=0), torch.nn.Dropout(p)
        x, self.g = (gaussian(Stream(0, name), shape) for name in ("bench/x", "bench/g"))
        x[x == 0] = 1                             # so that a zero in the output is the mask's
        self.x, self.x2 = Tensor(x, requires_grad=True), torch.from_numpy(x).requires_grad_()
        self.g2 = torch.from_numpy(self.g)

    def ours(self):
        """One step of minidrop."""
        y = self.drop(self.x)
        y.backward(self.g)
        gradient, self.x.grad = self.x.grad, None
        return y.data, gradient

    def theirs(self):
        """One step of PyTorch."""
        y = self.drop2(self.x2)
        y.backward(self.g2)
        gradient, self.x2.grad = self.x2.grad, None
        return y.detach(), gradient

    def check(self):
        """ValueError unless both give x m / q and g m / q for some mask m with a share q kept."""
        q = 1 - self.p
        for name, step in (("minidrop", self.ours), ("PyTorch", self.theirs)):
            y, gradient = map(numpy.asarray, step())
            mask = y != 0
            if (abs(mask.mean() - q) > 6 * math.sqrt(q * self.p / mask.size)    # chance 2e-9
                    or not numpy.allclose(y, self.x.data * mask / q, rtol=1e-6)
                    or not numpy.allclose(gradient, self.g * mask / q, rtol=1e-6)):
                raise ValueError(f"before anything is timed {name} must compute dropout with "
                                 f"p = {self.p:g} and its gradient, and it did not")


WORKLOADS: dict[str, tuple] = {       # name -> what it is, how to make it
    "a": ("MLP 784-1024-1024-10, dropout 0.5, batch 128",
          partial(Training, partial(perceptron, sizes=(784, 1024, 1024, 10), p=0.5), (128, 784))),
    "b": ("MLP 64-128-10, batch 32",
          partial(Training, partial(perceptron, sizes=(64, 128, 10)), (32, 64))),
    "g": ("dropout 0.5 of 4096 x 4096, both ways", partial(DropoutAlone, 0.5, (4096, 4096))),
}


def run(names=tuple(WORKLOADS), blocks=15, progress=True):
    """Check and time the workloads `names`: one dict each, with the keys workload, ms, torch_ms,
    ratio, peak_mb, torch_peak_mb, blas, threads, versions.

    ValueError for an unknown name, without PyTorch, and where the two do not compute the same.
    """
    names, blocks = [option(name, "names", WORKLOADS) for name in names], count(blocks, "blocks")
    surroundings, records = environment(), []
    for name in names:
        title, make = WORKLOADS[name]
        (workload := make()).check()
        records.append({"workload": name,
                        **compare(workload.ours, workload.theirs, blocks, title, progress),
                        "peak_mb": our_peak(workload.ours),
                        "torch_peak_mb": torch_peak(workload.theirs), **surroundings})
    return records


def compare(ours, theirs, blocks, title="", progress=False):
    """The medians ms, torch_ms and ratio of `blocks` blocks of each, in turns."""
    turns: list = [(step, steps_in_block(step), []) for step in (ours, theirs)]
    for block in tqdm(range(blocks), title, unit="block", disable=not progress, dynamic_ncols=True):
        for step, n, times in turns if block % 2 == 0 else turns[::-1]:
            time.sleep(PAUSE)
            step()                                # brings its data into the caches
            times.append(1e3 * clock(step, n) / n)
    times, torch_times = (times for _, _, times in turns)
    ratios = [a / b for a, b in zip(times, torch_times, strict=True)]
    series = {"ms": times, "torch_ms": torch_times, "ratio": ratios}
    return {key: statistics.median(values) for key, values in series.items()}


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


def environment():
    """{"blas", "threads", "versions"}: what the times depend on besides the code."""
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    blas = ["{internal_api} {version}, kernel {architecture}".format_map(
        {"architecture": "unknown"} | pool) for pool in pools]
    return {"blas": "; ".join(blas) or "unknown",
            "threads": {"blas": max((pool["num_threads"] for pool in pools), default=None),
                        "minidrop": xp.threads(), "torch": reference().get_num_threads()},
            "versions": {"python": platform.python_version(), "numpy": numpy.__version__,
                         "torch": str(reference().__version__), "minidrop": __version__,
                         "platform": platform.platform()}}


def table(records):
    """The records as text: a line for each workload, then what the times depend on."""
    rows = [("", "", "minidrop ms", "torch ms", "ratio", "peak MB", "torch peak MB")]
    for r in records:
        numbers = (r[key] for key in ("ms", "torch_ms", "ratio", "peak_mb", "torch_peak_mb"))
        rows.append((r["workload"], WORKLOADS.get(r["workload"], ("",))[0],
                     *("-" if number is None else f"{number:.3f}" for number in numbers)))
    lines = ["{:1}  {:44}  {:>11}  {:>8}  {:>5}  {:>8}  {:>13}".format(*row) for row in rows]
    for r in records[:1]:
        lines += ["", f"BLAS      {r['blas']}"]
        for key in ("threads", "versions"):
            lines.append(f"{key:9} " + ", ".join(f"{name} {v}" for name, v in r[key].items()))
    return "\n".join(lines)
