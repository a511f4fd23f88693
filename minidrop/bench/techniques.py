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
from .measure import in_turns, ratio
from .torch_layers import reference

TECHNIQUES: dict[str, tuple] = LAYERS | ACTS      # name -> what it is, how to make it


def run(names=tuple(TECHNIQUES), blocks=9, progress=True):
    """Check and time the techniques `names`: one dict each.

    Its keys are workload, technique, ms, cost (with it over without it), the same of PyTorch,
    ratio (our time with it over PyTorch's), blas, threads, versions.  ValueError for an unknown
    name, without PyTorch, and where the two do not compute the same.
    """
    names, blocks = [option(name, "names", TECHNIQUES) for name in names], count(blocks, "blocks")
    around, records = environment(reference()), []
    for name in names:
        title, make = TECHNIQUES[name]
        (both := make()).check()
        ms = both.together(*in_turns(both.steps(), blocks, title, progress))
        records.append({"workload": "techniques", "technique": name, **costs(*ms), **around})
    return records


def costs(plain, ms, plain2, ms2):
    """The figures of a record, from the times of each block."""
    return {"ms": statistics.median(ms), "cost": ratio(ms, plain),
            "torch_ms": statistics.median(ms2), "torch_cost": ratio(ms2, plain2),
            "ratio": ratio(ms, ms2)}


def table(records):
    """The records as text: a line for each technique, then what the times depend on."""
    lines = [f"{'':52}  {'minidrop':^17}  {'torch':^17}",
             f"{'':52}" + 2 * f"  {'ms':>9}  {'cost':>6}" + f"  {'ratio':>6}"]
    for r in records:
        title = TECHNIQUES.get(r["technique"], (r["technique"],))[0]
        lines.append(f"{title:52}  {r['ms']:9.3f}  {r['cost']:6.3f}  {r['torch_ms']:9.3f}"
                     f"  {r['torch_cost']:6.3f}  {r['ratio']:6.3f}")
    return "\n".join([*lines, *surroundings(records),
                      "cost      the time with the technique over the time without it"])
