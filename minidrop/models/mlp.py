"""The multilayer perceptron of Srivastava 2014 (JMLR 15), section 6.1: ReLU and dropout.

Srivastava 2014 drops the inputs (p = 0.2) as well as the hidden units (p = 0.5), so `input.drop`
and `hidden1.drop`, `hidden2.drop`, ... are places for it.
"""

from itertools import pairwise

from ..arguments import count
from ..nn import Flatten, Identity, Linear, ReLU, Sequential


def mlp(*sizes):
    """Linear layers of so many inputs, hidden units and classes, with ReLU between them.

    (N, ...) to (N, sizes[-1]); the inputs are flattened.  ValueError for fewer than two sizes.

    >>> sum(w.size for w in mlp(784, 1024, 1024, 10).init(seed=0).parameters())
    1863690
    """
    if len(sizes) < 2:
        raise ValueError(f"sizes must be at least two, inputs and outputs, got {sizes}")
    sizes = tuple(count(size, "sizes") for size in sizes)
    hidden = {f"hidden{k}": Sequential(linear=Linear(n_in, n_out), relu=ReLU(), drop=Identity())
              for k, (n_in, n_out) in enumerate(pairwise(sizes[:-1]), 1)}
    return Sequential(flatten=Flatten(), input=Sequential(drop=Identity()), **hidden,
                      out=Linear(*sizes[-2:]))
