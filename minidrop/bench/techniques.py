"""What a technique costs: the time of a layer, or of a step, with it over the time without it.

Layers are timed forward and backward, in minidrop and in PyTorch, all four in turns, as `bench`
times its workloads.  First both must compute the same under the same noise: the output and the
gradients of the input and of the layer's parameters.  What acts in a step (batches, penalties,
projections, averages) is timed beside a step of ResNet-20, and costs what both take over the step.
Stochastic depth is timed in whole steps of ResNet-56, each of which draws its own blocks.
"""

import statistics

from ..arguments import count, option
from .acts import ACTS
from .layers import LAYERS
from .machine import environment, surroundings
from .marks import doubts, marked, wide
from .measure import compared, in_turns
from .torch_layers import reference

LEGEND = """\
cost      the time with the technique over the time without it
          below 1: work is left out; stochastic depth computes the blocks alone that are kept
          far above 1: the layer alone takes little, calls above all; beside a head of 10 outputs
          8 samples draw and apply masks of 8 x 128 x 1024, and DropConnect for each example
          makes 128 matrices of weights of one
          near 1: what acts in a step of ResNet-20 is timed alone and added to the step"""
TECHNIQUES: dict[str, tuple] = LAYERS | ACTS      # name -> what it is, how to make it


def run(names=tuple(TECHNIQUES), blocks=9, progress=True):
    """Check and time the techniques `names`: one dict each, which come when they are measured.

    Its keys are workload, technique, ms, torch_ms, cost (with it over without it), torch_cost,
    ratio (our time with it over PyTorch's), spread (of these three), blas, threads, versions.
    ValueError for an unknown name, without PyTorch, and where the two do not compute the same.
    """
    names, blocks = [option(name, "names", TECHNIQUES) for name in names], count(blocks, "blocks")
    around = environment(reference())
    return (_record(name, blocks, progress) | around for name in names)


def _record(name, blocks, progress):
    """What is found of one technique."""
    title, make = TECHNIQUES[name]
    (both := make()).check()
    ms = both.together(*in_turns(both.steps(), blocks, title, progress))
    return {"workload": "techniques", "technique": name, **costs(*ms)}


def costs(plain, ms, plain2, ms2):
    """The figures of a record, from the times of each block."""
    return {"ms": statistics.median(ms), "torch_ms": statistics.median(ms2),
            **compared(cost=(ms, plain), torch_cost=(ms2, plain2), ratio=(ms, ms2))}


def table(records):
    """The records as text: a line for each technique, then what the times depend on."""
    lines = [f"{'':52}  {'minidrop':^17}   {'torch':^17}",
             f"{'':52}" + 2 * f"  {'ms':>9}  {'cost':>6} " + f"  {'ratio':>6}"]
    for r in records:
        title = TECHNIQUES.get(r["technique"], (r["technique"],))[0]
        cost, cost2, ratio = (marked(f"{r[key]:6.3f}", wide(r, key))
                              for key in ("cost", "torch_cost", "ratio"))
        lines.append(f"{title:52}  {r['ms']:9.3f}  {cost}  {r['torch_ms']:9.3f}  {cost2}"
                     f"  {ratio}".rstrip())
    return "\n".join([*lines, *surroundings(records), *([LEGEND] if records else []),
                      *doubts(lines)])
