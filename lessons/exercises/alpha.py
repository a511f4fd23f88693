"""Alpha dropout: silence to the lowest value of SELU, then put mean and variance back."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise, numbers

exercise = Exercise("alpha", lesson="gaussian")


def moments(rng):
    yield from ((0.1, 0.0, 1.0), (0.5, 0.0, 1.0), (0.0, 0.5, 2.0), (0.3, -0.4, 0.25),
                (0.9, 1.5, 4.0), tuple(float(one) for one in rng.integers(10, 95, 3) / 100))


@exercise.task("alpha.4", points=3, cases=moments, key=md.alpha_affine,
               hint="A number u turns into a u + b.  What does that do to its mean and variance?")
def affine(p, mean, var):
    """The stretch a and the shift b that give a layer back the mean and the variance it had.

    With probability p, and p < 1, an entry of mean `mean` and variance `var` is replaced by the
    lowest value of SELU, -1.7580993408473766.  Returns a pair of numbers, (a, b), so that a times
    the result, plus b, has the mean and the variance of before.
    """
    low = -1.7580993408473766
    chances, means, squares = (1 - p, p), (mean, low), (var + mean**2, low**2)
    now = square = 0.0                            # mean, and mean of squares, after dropping
    for i in range(2):
        now += chances[i] * means[i]
        square += chances[i] * squares[i]
    a = (var / (square - now**2))**0.5
    return a, mean - a * now


@affine.right("the formula of the paper")
def _(p, mean, var):
    low, q = -1.7580993408473766, 1 - p
    a = np.sqrt(var / (q * (p * (low - mean)**2 + var)))
    return a, mean - a * (q * mean + p * low)


@affine.right("the variance within the two cases, and between them")
def _(p, mean, var):
    q, drop = 1 - p, mean + 1.7580993408473766
    within, between = q * var, p * q * drop**2
    a = np.sqrt(var) / np.hypot(np.sqrt(within), np.sqrt(between))
    return np.array([a, mean * (1 - a) + a * p * drop])


@affine.wrong("a stretches deviations, so it is a ratio of deviations and not of variances")
def _(p, mean, var):
    low, q = -1.7580993408473766, 1 - p
    a = var / (q * (p * (low - mean)**2 + var))
    return a, mean - a * (q * mean + p * low)


@affine.wrong("the shift is added behind the stretch, which has moved the mean already")
def _(p, mean, var):
    low, q = -1.7580993408473766, 1 - p
    a = np.sqrt(var / (q * (p * (low - mean)**2 + var)))
    return a, mean - (q * mean + p * low)


@affine.wrong("p drops: the share 1 - p keeps its value")
def _(p, mean, var):
    low, q = -1.7580993408473766, p
    p = 1 - p
    a = np.sqrt(var / max(q * (p * (low - mean)**2 + var), 1e-9))
    return a, mean - a * (q * mean + p * low)


@affine.wrong("the mean and the variance are arguments: they need not be 0 and 1")
def _(p, mean, var):
    low, q = -1.7580993408473766, 1 - p
    a = (q + low**2 * q * p) ** -0.5
    return a, -a * p * low


def units(rng):
    for shape, p in (((2,), 0.1), ((3,), 0.5), ((2, 3), 0.0), ((2, 3, 2), 0.8)):
        mask = rng.random(shape) >= 0.5
        mask.flat[0], mask.flat[-1] = False, True
        yield numbers(rng, shape), mask, p


@exercise.task("alpha.2", points=2, cases=units, key=md.alpha_dropout,
               hint="What does SELU give for a number far below 0?")
def alpha_dropout(x, mask, p):
    """Alpha dropout of a layer whose entries have mean 0 and variance 1, for a given mask.

    What mask drops (where it is False) is set to SELU's lowest value, -1.7580993408473766, and then
    everything is stretched by a and shifted by b: those of affine(p, 0, 1).  p < 1.  Returns an
    array of the shape of x.
    """
    low, q = -1.7580993408473766, 1 - p
    a = (q * (p * low**2 + 1)) ** -0.5
    b = -a * p * low
    y = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        y[i] = a * (x[i] if mask[i] else low) + b
    return y


@alpha_dropout.right("where")
def _(x, mask, p):
    low, q = -1.7580993408473766, 1 - p
    a = 1 / np.sqrt(q + low * low * q * p)
    return a * np.where(mask, x, low) - a * p * low


@alpha_dropout.right("a product with the mask, and the shift in two parts")
def _(x, mask, p):
    low, q = -1.7580993408473766, 1 - p
    a = (q * (1 + p * low**2)) ** -0.5
    return a * mask * x + a * low * ((1 - mask) - p)


@alpha_dropout.wrong("0 is in the middle of what SELU gives: silence is its lowest value")
def _(x, mask, p):
    low, q = -1.7580993408473766, 1 - p
    a = (q * (1 + p * low**2)) ** -0.5
    return a * mask * x - a * p * low


@alpha_dropout.wrong("mean and variance have moved: stretch and shift are missing")
def _(x, mask, p):
    return np.where(mask, x, -1.7580993408473766)


@alpha_dropout.wrong("what is dropped is stretched and shifted like the rest")
def _(x, mask, p):
    low, q = -1.7580993408473766, 1 - p
    a = (q * (1 + p * low**2)) ** -0.5
    return np.where(mask, a * x - a * p * low, low)


@alpha_dropout.wrong("this is no dropout for ReLU: nothing is divided by 1 - p")
def _(x, mask, p):
    return np.where(mask, x / (1 - p), -1.7580993408473766)
