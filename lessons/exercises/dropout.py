"""Dropout: silence each unit of each example with probability p."""

import numpy as np

import minidrop as md
from minidrop.check import exact_moments
from minidrop.grade import Exercise, Rng, drawn, independent, numbers, only, rate

exercise = Exercise("dropout", lesson="dropout")


def streams(rng):
    for shape, p in (((1, 2), 0.3), ((3, 2), 0.8), ((2, 3, 2, 2), 0.4), ((2,), 0.0), ((2,), 1.0)):
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
            yield numbers(rng, shape), (rng.random(shape) >= 0.4) | (p == 0), p


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


@apply_mask.wrong("the mean is to be kept, and here the mean of the squares is")
def _(x, mask, p):
    return x * mask / (1 - p)**0.5


@apply_mask.wrong("divide by the probability of keeping, 1 - p, not by that of dropping")
def _(x, mask, p):
    with np.errstate(all="ignore"):
        return x * mask / p


@apply_mask.wrong("True keeps, and here it drops")
def _(x, mask, p):
    return x * ~mask / (1 - p)


def rates(rng):
    for n, p in ((1, 0.5), (2, 0.0), (2, 0.2), (3, 0.9), (5, 0.3)):
        yield numbers(rng, n), p


@exercise.task("dropout.3", points=3, cases=rates,
               key=lambda x, p: exact_moments(lambda mask: md.dropout(x, mask, p), x.shape, p),
               hint="A mask of n entries has 2^n values.  How probable is each of them?")
def moments(x, p):
    """Mean and variance of each entry of y over all masks, with y = mask * x / (1 - p).

    x is an array of n floats, n at most 5, and p < 1 the probability that an entry is dropped, each
    for itself.  Returns a pair of arrays of n floats.
    """
    mean, square = np.zeros(len(x)), np.zeros(len(x))
    for mask in np.ndindex(*[2] * len(x)):        # every tuple of zeros and ones
        probability = 1.0
        for m in mask:
            probability *= (1 - p) if m else p
        for i in range(len(x)):
            y = mask[i] * x[i] / (1 - p)
            mean[i] += probability * y
            square[i] += probability * y**2
    return mean, square - mean**2


@moments.right("the formula")
def _(x, p):
    return x, x**2 * p / (1 - p)


@moments.right("the two values of each entry")
def _(x, p):
    values, chances = np.stack([0 * x, x / (1 - p)]), np.array([p, 1 - p])
    mean = chances @ values
    return mean, chances @ (values - mean)**2


@moments.wrong("that is the mean and the variance of mask * x: what is kept is scaled too")
def _(x, p):
    return (1 - p) * x, p * (1 - p) * x**2


@moments.wrong("a variance is the square of a deviation")
def _(x, p):
    return x, np.abs(x) * (p / (1 - p))**0.5


@moments.wrong("from the mean of the squares something is still to be subtracted")
def _(x, p):
    return x, x**2 / (1 - p)


@moments.wrong("kept and dropped are swapped: a high rate makes more noise, not less")
def _(x, p):
    with np.errstate(all="ignore"):
        return x, x**2 * (1 - p) / p


def cotangents(rng):
    for shape, p in (((2,), 0.5), ((3,), 0.2), ((2, 3), 0.0), ((3, 1, 2), 0.75)):
        g, x = numbers(rng, shape), numbers(rng, shape)
        mask = rng.random(shape) >= 0.5
        x.flat[0], mask.flat[0], mask.flat[1] = 0.0, True, False
        yield g, x, mask, p


def on_the_tape(g, x, mask, p):
    leaf = md.Tensor(x, requires_grad=True)
    return md.grad(md.dropout(leaf, mask, p), leaf, g=g)


@exercise.task("dropout.gradient", points=2, cases=cotangents, key=on_the_tape,
               equation=r"\bar{x}_i = m_i \, \bar{y}_i / q",
               hint="For a given mask every entry is multiplied by a number that x has no part in.")
def gradient(g, x, mask, p):
    """The way back: from g, the gradient of a loss in y, to its gradient in x.

    y is that of apply_mask, with x, mask and p as they are there; g has the shape of x.
    """
    x_bar = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        if mask[i]:
            x_bar[i] = g[i] / (1 - p)
    return x_bar


@gradient.right("the same product as on the way there")
def _(g, x, mask, p):
    return g * mask / (1 - p)


@gradient.right("a diagonal matrix")
def _(g, x, mask, p):
    J = np.diag(mask.ravel() / (1 - p))
    return np.einsum("ij,i->j", J, g.ravel()).reshape(x.shape)


@gradient.wrong("an entry that was dropped has no part in the loss, so none of its gradient")
def _(g, x, mask, p):
    return g / (1 - p)


@gradient.wrong("the scale of the way there belongs to the way back as well")
def _(g, x, mask, p):
    return g * mask


@gradient.wrong("an entry that is 0 may have been kept: ask the mask, not the output")
def _(g, x, mask, p):
    y = x * mask / (1 - p)
    return g * (y != 0) / (1 - p)


@gradient.wrong("x is no factor of its own slope")
def _(g, x, mask, p):
    return g * x * mask / (1 - p)
