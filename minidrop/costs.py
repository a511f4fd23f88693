"""What a network costs: numbers, memory and the time of a forward pass."""

import time
from typing import NamedTuple

from .arguments import count, describe, floating
from .nn import Module, evaluation
from .tape import data_of
from .xp import host


class Cost(NamedTuple):
    """What `cost` measures of a network.

    >>> Cost(parameters=4, nonzero=2, bytes=16, seconds=0.5).nonzero
    2
    """

    parameters: int             # numbers of the parameters, of frozen ones too
    nonzero: int                # those of them that are not 0
    bytes: int                  # of parameters and buffers, as they lie in memory
    seconds: float              # of one forward pass, the fastest one


def cost(model, x, repeats=5):
    """Parameters, memory and time of a network for the input `x` in evaluation: a `Cost`.

    The time is the shortest of `repeats` forward passes, after one that is not counted.  Compare
    two networks on a machine that does nothing else.

    Zeros among the weights make a network neither smaller nor faster, since arrays are dense; units
    that `compress` takes out do.  Gates, thresholds and dead switches (`L0`, `Variational`,
    `Smallify`) put no zeros into the weights until `compress` does: cost(compress(net), x).

    >>> import numpy as np
    >>> from minidrop.models import mlp
    >>> from minidrop.nn import compress
    >>> from minidrop.weights.pruning import prune
    >>> net, x = mlp(64, 32, 10).init(seed=0), np.ones((8, 64), "float32")
    >>> _ = prune(net, 0.75, unit=True)
    >>> [cost(one, x)[:3] for one in (net, compress(net))]
    [(2410, 874, 9640), (610, 610, 2440)]
    """
    if not isinstance(model, Module):
        raise TypeError(f"model must be a Module, got {describe(model)}")
    times = []
    with evaluation(model):
        for _ in range(count(repeats, "repeats") + 1):
            start = time.perf_counter()
            host(data_of(model(floating(x))))     # a GPU is waited for
            times.append(time.perf_counter() - start)
    arrays = [w.data for w in model.parameters()]
    return Cost(sum(w.size for w in arrays), sum(int((w != 0).sum()) for w in arrays),
                sum(value.nbytes for value in model.state_dict().values()), min(times[1:]))
