"""What a training step costs against width, depth, batch and image size, beside its arithmetic.

Sizes are steps of a factor of 2.  Time, memory and arithmetic are, where they are a power of the
size, lines on logarithmic axes, whose slope is the exponent k:

    cost = factor * size ** k

It is fitted by least squares to the larger half of the sizes; in smaller ones a step costs mostly
what it always does, the calls.  Each block of turns gives an exponent of the time, and Student's
interval says where their mean lies.  Nothing should grow faster than its arithmetic.

Arithmetic is counted: a multiplication and an addition for each weight, bias among them, at each
place, forward, for the gradient in the weight and, past the first layer, for that in its input.

PyTorch takes its turns where it is installed, with equal weights and losses, in this process and so
with the allocator that minidrop has.
"""

import importlib.util
import math
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy
from tqdm import tqdm

from ..arguments import count
from ..files import put
from ..graph import trace
from ..intervals import mean_interval
from . import in_torch, ours
from .contender import agree
from .machine import environment, processor, surroundings
from .marks import doubts, marked
from .measure import in_turns
from .networks import perceptron
from .torch_layers import reference

MARGIN = 0.15               # by which an exponent may lie above that of the arithmetic


class Way(NamedTuple):
    """A way to grow: what grows, its sizes n, and the network and the shape of its input for n."""

    title: str
    sizes: tuple
    make: Callable


def cnn(lib):
    """Two convolutions of 3 x 3 with pooling between them, for images of any size."""
    return lib.Sequential(
        lib.Conv2d(3, 16, 3, padding=1), lib.ReLU(), lib.MaxPool2d(2),
        lib.Conv2d(16, 32, 3, padding=1), lib.ReLU(), lib.AdaptiveAvgPool2d(1), lib.Flatten(),
        lib.Linear(32, 10))


WAYS = {
    "width": Way("MLP 784-n-n-10, batch 128", (64, 128, 256, 512, 1024, 2048),
                 lambda n: (partial(perceptron, sizes=(784, n, n, 10)), (128, 784))),
    "depth": Way("MLP with n hidden layers of 128, batch 64", (2, 4, 8, 16, 32, 64, 128),
                 lambda n: (partial(perceptron, sizes=(*(n + 1) * [128], 10)), (64, 128))),
    "batch": Way("CNN for 3 x 32 x 32, batch n", (2, 4, 8, 16, 32, 64, 128),
                 lambda n: (cnn, (n, 3, 32, 32))),
    "image": Way("CNN for 3 x n x n, batch 8", (4, 8, 16, 32, 64, 128),
                 lambda n: (cnn, (8, 3, n, n))),
}


def run(blocks=5, ways=None, progress=True):
    """Check and time a step in every size of each of `ways`, {name: Way}: one dict for each.

    They come one by one, each when it is measured.

    Its keys are workload, way, title, and, each with a number for every size, sizes, gflop, ms,
    peak_mb, torch_ms, torch_peak_mb; exponents, of the last five, that of a time with half the
    width of its interval; cpu, blas, threads, versions.  Without PyTorch its numbers are None.

    ValueError where the two do not compute the same.
    """
    blocks = count(blocks, "blocks", least=2)
    torch = reference() if importlib.util.find_spec("torch") else None
    around = {"cpu": processor()} | environment(torch)
    return (_record(name, way, torch, blocks, progress) | around
            for name, way in (WAYS if ways is None else ways).items())


def _record(name, way, torch, blocks, progress):
    """What is found of one way to grow."""
    steps: list = []
    found: dict = {"gflop": [], "ms": None, "peak_mb": [], "torch_ms": None, "torch_peak_mb": []}
    for n in tqdm(way.sizes, f"{name}: equal losses, memory", disable=not progress,
                  dynamic_ncols=True):
        network, shape = way.make(n)
        both = contenders(network, shape, torch)
        found["gflop"].append(arithmetic(network, shape) / 1e9)
        for key, one in zip(("peak_mb", "torch_peak_mb"), both, strict=False):
            found[key].append(one.peak())
        steps.append([one.step for one in both])
    turns = in_turns([step for both in zip(*steps, strict=True) for step in both], blocks, name,
                     progress)
    times = {key: turns[i:i + len(steps)] for key, i in (("ms", 0), ("torch_ms", len(steps)))}
    exponents: dict = {}
    for key in found:
        if times.get(key):
            found[key] = [statistics.median(blocks_of_one) for blocks_of_one in times[key]]
            exponents[key] = list(mean_interval(
                [exponent(way.sizes, block) for block in zip(*times[key], strict=True)]))
        elif found[key] and None not in found[key]:
            exponents[key] = exponent(way.sizes, found[key])
        else:
            found[key] = exponents[key] = None
    return {"workload": "sizes", "way": name, "title": way.title, "sizes": list(way.sizes),
            **found, "exponents": exponents}


def contenders(network, shape, torch):
    """Ours, and PyTorch's where there is one; ValueError unless they compute the same."""
    first = ours.Training(network, shape)
    weights = first.start()
    if torch is None:
        first.step()                              # so that velocities are there
        return [first]
    second = in_torch.Training(network, shape)
    second.load(weights)
    agree([(float(first.step()), second.step().item()) for _ in range(3)], "in minidrop",
          "in PyTorch")
    return [first, second]


def arithmetic(network, shape):
    """The operations of a step of network(lib) on inputs of `shape`.

    >>> arithmetic(partial(perceptron, sizes=(4, 3, 2)), (10, 4)) == 10 * 2 * (2 * 15 + 3 * 8)
    True
    """
    nodes = trace(network(ours.LAYERS), shape[1:])
    products = [node.parameters * math.prod(node.shape[1:]) for node in nodes if node.parameters]
    return 2 * shape[0] * (3 * sum(products) - products[0])


def exponent(sizes, costs):
    """k of cost = factor * size ** k, by least squares on the logarithms of the larger half.

    >>> round(exponent((1, 2, 4, 8), (7, 7, 3 * 4**1.5, 3 * 8**1.5)), 12)
    1.5
    """
    half = len(sizes) // 2
    return float(numpy.polyfit(numpy.log(sizes[half:]), numpy.log(costs[half:]), 1)[0])


def grows_faster(record):
    """Which of our costs, ms or peak_mb, grow faster than the arithmetic, by more than MARGIN."""
    found = record["exponents"]
    return [key for key in ("ms", "peak_mb") if _exponent(found[key]) > found["gflop"] + MARGIN]


def _exponent(value):
    return value[0] if isinstance(value, list | tuple) else value


COLUMNS = {"gflop": "GFLOP", "ms": "ms", "torch_ms": "torch ms", "peak_mb": "peak MB",
           "torch_peak_mb": "torch peak MB"}


def table(records):
    """The records as text: for every way its sizes and exponents, then what the times depend on."""
    lines = []
    for r in records:
        rows = zip(*([None] * len(r["sizes"]) if r[key] is None else r[key] for key in COLUMNS),
                   strict=True)
        lines += [f"{r['way']}: {r['title']}",
                  _line("n", COLUMNS.values()),
                  *(_line(n, ["-" if v is None else f"{v:.4g}" for v in row])
                    for n, row in zip(r["sizes"], rows, strict=True)),
                  _line("exponent", [_shown(r["exponents"][key]) for key in COLUMNS]), ""]
    faster = [f"{r['way']} ({COLUMNS[key]})" for r in records for key in grows_faster(r)]
    lines += [f"faster than its arithmetic, by more than {MARGIN} in the exponent, grows: "
              f"{', '.join(faster) or 'nothing'}"]
    return "\n".join(lines + surroundings(records) + doubts(
        lines, f"an exponent is known to less than {MARGIN}"))


def _line(head, cells):
    return f"{head!s:>8}" + "".join(f"  {cell:>15}" for cell in cells)


def _shown(value):
    if value is None:
        return "-"
    if not isinstance(value, list | tuple):
        return f"{value:.2f}"
    mean, half = value
    return marked(f"{mean:.2f} +- {half:.2f}", half > MARGIN).strip()


def plot(records, path):
    """Write a figure to `path`, a PNG, PDF or SVG: a column for each way, time above memory.

    Dotted lines grow as the arithmetic does.
    """
    import matplotlib.pyplot as plt

    from ..plots import DARK, LIGHT, MIDDLE, drawn, subplots

    figure, axes = subplots(2, len(records), size=(3.1 * len(records), 5.4), squeeze=False,
                            sharex="col")
    for r, column in zip(records, axes.T, strict=True):
        for axis, unit, keys in zip(column, ("ms of a step", "peak MB of a step"),
                                    (("ms", "torch_ms"), ("peak_mb", "torch_peak_mb")),
                                    strict=True):
            rise = numpy.array(r["gflop"]) * r[keys[0]][-1] / r["gflop"][-1]
            axis.plot(r["sizes"], rise, ":", color=LIGHT,
                      label=f"arithmetic: {r['exponents']['gflop']:.2f}")
            for key, name, style, colour in zip(keys, ("minidrop", "PyTorch"), ("o-", "s--"),
                                                (DARK, MIDDLE), strict=True):
                if r[key] is not None:
                    axis.plot(r["sizes"], r[key], style, color=colour, markersize=4, linewidth=1.2,
                              label=f"{name}: {_shown(r['exponents'][key]).replace('+-', '±')}")
            axis.set(xscale="log", yscale="log", ylabel=unit)
            axis.legend(fontsize=7, title="exponents", title_fontsize=7)
        column[0].set_title(r["title"].replace(", ", ",\n"), fontsize=9)
        column[1].set_xticks(r["sizes"], r["sizes"], fontsize=7)
        column[1].set(xlabel=f"{r['way']} n")
        column[1].minorticks_off()
    put(path, drawn(figure, Path(path).suffix[1:]))
    plt.close(figure)
