"""Stochastic depth: leave out the branch of a residual block, whole, and more of the deep ones."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise, numbers

exercise = Exercise("stochastic_depth", lesson="paths")


def depths(rng):
    yield from ((2, 0.5), (4, 0.5), (1, 0.7), (3, 0.0), (5, 1.0), (54, 0.8),
                (int(rng.integers(6, 50)), int(rng.integers(1, 100)) / 100))


@exercise.task("stochastic_depth.1", points=2, cases=depths,
               key=lambda blocks, q_last: np.array([md.survival(block, blocks, q_last)
                                                    for block in range(1, blocks + 1)]),
               hint="The input is block 0, and always lives.  Which block lives with q_last?")
def survival(blocks, q_last):
    """The probability that each block of a network lives: it falls linearly with the depth.

    The blocks are l = 1, ..., blocks; the last one lives with probability q_last.  Returns an array
    of `blocks` floats, the first block's first.
    """
    q = np.zeros(blocks)
    for l in range(1, blocks + 1):
        q[l - 1] = 1 - l / blocks * (1 - q_last)
    return q


@survival.right("whole array")
def _(blocks, q_last):
    return 1 - np.arange(1, blocks + 1) / blocks * (1 - q_last)


@survival.right("from the input to the last block, and the input is left out")
def _(blocks, q_last):
    return np.linspace(1, q_last, blocks + 1)[1:]


@survival.wrong("the first block may die as well: it is the input that always lives")
def _(blocks, q_last):
    return np.linspace(1, q_last, blocks)


@survival.wrong("blocks are counted from 1, so that the last one reaches q_last")
def _(blocks, q_last):
    return 1 - np.arange(blocks) / blocks * (1 - q_last)


@survival.wrong("that is how probable it is to die")
def _(blocks, q_last):
    return np.arange(1, blocks + 1) / blocks * (1 - q_last)


@survival.wrong("the deep blocks die more often, and here it is the early ones")
def _(blocks, q_last):
    return np.linspace(1, q_last, blocks + 1)[:0:-1]


def blocks(rng):
    for shape, p in (((1, 2), 0.5), ((2, 1), 0.2), ((3, 2), 0.5), ((2, 3, 1, 2), 0.75),
                     ((3, 1, 2, 2), 0.0)):
        gate = rng.random(shape[0]) >= 0.5
        gate[0], gate[1:2] = True, False
        yield numbers(rng, shape), numbers(rng, shape), gate, p


@exercise.task("stochastic_depth.7", points=2, cases=blocks,
               key=lambda skip, branch, gate, p: md.stochastic_depth(skip, branch, gate, p,
                                                                     "inverted"),
               hint="What is the sum in evaluation?  The mean over the gates has to be the same.")
def drop_path(skip, branch, gate, p):
    """The sum of a residual block, with a gate for each example, scaled while training.

    skip and branch are arrays of floats of one shape (N, ...), gate is boolean, (N,), True where
    the branch of an example lives, and p < 1 is the probability that it does not.  In evaluation
    nothing has to be done: the sum is skip + branch.
    """
    y = np.zeros(skip.shape)
    for i in np.ndindex(skip.shape):
        y[i] = skip[i]
        if gate[i[0]]:
            y[i] += branch[i] / (1 - p)
    return y


@drop_path.right("the gate with axes of size 1")
def _(skip, branch, gate, p):
    return skip + branch * gate.reshape(-1, *[1] * (skip.ndim - 1)) / (1 - p)


@drop_path.right("only the examples that live")
def _(skip, branch, gate, p):
    y = skip.copy()
    y[gate] += branch[gate] / (1 - p)
    return y


@drop_path.wrong("a branch that lives has to make up for those that do not")
def _(skip, branch, gate, p):
    return skip + branch * gate.reshape(-1, *[1] * (skip.ndim - 1))


@drop_path.wrong("the skip always lives, and is never scaled")
def _(skip, branch, gate, p):
    return (skip + branch) * gate.reshape(-1, *[1] * (skip.ndim - 1)) / (1 - p)


@drop_path.wrong("divide by the probability of living, not by that of dying")
def _(skip, branch, gate, p):
    with np.errstate(all="ignore"):
        return skip + branch * gate.reshape(-1, *[1] * (skip.ndim - 1)) / p


@drop_path.wrong("each example has a gate of its own, and here the first one's holds for all")
def _(skip, branch, gate, p):
    return skip + branch * gate[0] / (1 - p)
