"""Dropout: silence each unit of each example with probability p."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise, Rng, drawn, independent, only, rate

exercise = Exercise("dropout", lesson="dropout")


def streams(rng):
    for shape, p in (((2,), 0.0), ((2,), 1.0), ((1, 2), 0.3), ((3, 2), 0.8), ((2, 3, 2, 2), 0.4)):
        yield Rng(int(rng.integers(2**31))), shape, p


@exercise.task(
    "dropout.1", points=3, cases=streams, key=None,
    hint="One draw for each entry: an entry is kept where its draw is below q = 1 - p.",
    judge=drawn(only(0, 1, shape=lambda rng, shape, p: shape), rate(lambda rng, shape, p: p),
                independent(lambda rng, shape, p: p)))
def draw_mask(rng, shape, p):
    """Draw a mask: 1 (or True) keeps an entry, 0 drops it, each for itself with probability p.

    rng is a numpy.random.Generator, from which all has to be drawn, in any order; shape is a tuple
    of any length, p in [0, 1].  Returns an array of that shape.
    """
    mask = np.ones(shape)
    for i in np.ndindex(shape):
        if rng.random() < p:
            mask[i] = 0
    return mask


@draw_mask.right("one draw of the whole array")
def _(rng, shape, p):
    return rng.random(shape) >= p


@draw_mask.right("binomial draws of one trial, from the last entry to the first")
def _(rng, shape, p):
    return rng.binomial(1, 1 - p, int(np.prod(shape)))[::-1].reshape(shape)


@draw_mask.wrong("p is the probability of dropping, and here it keeps", law="rate")
def _(rng, shape, p):
    return rng.random(shape) < p


@draw_mask.wrong("all examples share one mask: each has to have its own", law="independent")
def _(rng, shape, p):
    return np.broadcast_to(rng.random(shape[1:]) >= p, shape)


@draw_mask.wrong("a mask holds 0 and 1 alone, scaling comes later", law="values")
def _(rng, shape, p):
    return (rng.random(shape) >= p) * (1 / (1 - p) if p < 1 else 1.0)


def masks(rng):
    for shape in ((1,), (2,), (2, 3), (2, 2, 3, 2)):
        for p in (0.5, 0.2, 0.0):
            yield rng.normal(size=shape).round(2), rng.random(shape) >= 0.4, p


@exercise.task("dropout.2", points=2, cases=masks, key=md.dropout,
               hint="What is kept makes up for what is dropped: its mean over the masks is x.")
def apply_mask(x, mask, p):
    """Scale while training, so that nothing has to be done in evaluation.

    x is an array of floats, mask one of booleans of its shape, True where it keeps; p < 1 is the
    rate it was drawn with.
    """
    y = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        if mask[i]:
            y[i] = x[i] / (1 - p)
    return y


@apply_mask.right("one product")
def _(x, mask, p):
    return x * mask / (1 - p)


@apply_mask.right("where, and a scale that is computed first")
def _(x, mask, p):
    scale = 1 / (1 - p)
    return np.where(mask, scale * x, 0.0)


@apply_mask.wrong("what is kept has to be scaled, or its mean shrinks")
def _(x, mask, p):
    return x * mask


@apply_mask.wrong("divide by the probability of keeping, 1 - p, not by that of dropping")
def _(x, mask, p):
    return x * mask / (p or 1.0)


@apply_mask.wrong("True keeps, and here it drops")
def _(x, mask, p):
    return x * ~mask / (1 - p)
