"""mixup: train on weighted means of two examples, and of their labels."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise, Rng, apart, distribution, drawn, within

exercise = Exercise("mixup", lesson="mixing")

ARCSINE, UNIFORM, PARABOLA = 0.5, 1.0, 2.0        # for these alpha the law has a short formula


def beta_law(x, rng, alpha):
    x = np.clip(x, 0, 1)
    if alpha == 0:
        return (x >= 1).astype(float)
    if alpha == ARCSINE:
        return 2 / np.pi * np.arcsin(np.sqrt(x))
    return x if alpha == UNIFORM else x * x * (3 - 2 * x)


def streams(rng):
    for alpha in (UNIFORM, ARCSINE, PARABOLA, 0.0):
        yield Rng(int(rng.integers(2**31))), alpha


@exercise.task(
    "mixup.1", points=2, cases=streams, key=None,
    hint="The law is symmetric about one half; alpha = 0 is a case of its own.",
    judge=drawn(within(lambda rng, alpha: 1.0 if alpha == 0 else 0.0, lambda rng, alpha: 1.0),
                apart(lambda rng, alpha: 1.0 if alpha == 0 else 0.0), distribution(beta_law)))
def draw_weight(rng, alpha):
    """Draw the weight of the first example; 1 where alpha is 0.

    rng is a numpy.random.Generator; alpha is at least 0.  Returns a number in [0, 1].
    """
    if alpha == 0:
        return 1.0
    return rng.beta(alpha, alpha)


@draw_weight.right("two gamma variables")
def _(rng, alpha):
    one, other = rng.standard_gamma(alpha, 2) if alpha > 0 else (1.0, 0.0)
    return one / (one + other)


@draw_weight.right("the other end: the law is symmetric")
def _(rng, alpha):
    return 1 - rng.beta(alpha, alpha) if alpha else np.ones(())


@draw_weight.wrong("a weight lies in [0, 1], and is 1 at alpha = 0: nothing is mixed then",
                   law="range")
def _(rng, alpha):
    return rng.beta(alpha, alpha) if alpha else 0.5


@draw_weight.wrong("the law is Beta(alpha, alpha) itself, with alpha as both parameters",
                   law="distribution")
def _(rng, alpha):
    return rng.beta(alpha, 1.0) if alpha else 1.0


@draw_weight.wrong("each call draws a weight anew, and here it is always the same", law="apart")
def _(rng, alpha):
    return np.random.default_rng(0).beta(alpha, alpha) if alpha else 1.0


def pairs(rng):
    for shape, classes, weight in (((2, 1), 2, 0.75), ((2, 2), 2, 0.3), ((3, 2), 3, 0.1),
                                   ((1, 3), 2, 0.5), ((4, 1, 2, 3), 3, 0.9), ((5, 2), 4, 0.0),
                                   ((3, 4), 2, 1.0)):
        n = shape[0]
        order = np.roll(np.arange(n), 1) if n < 4 else rng.permutation(n)
        yield (rng.normal(size=shape).round(2), np.eye(classes)[np.arange(n) % classes], weight,
               order)


@exercise.task(
    "mixup.3", points=2, cases=pairs, key=md.mixup,
    hint="Examples and labels are mixed in the same way, with the partner that order names.")
def mix(x, y, weight, order):
    """Mix each example with its partner, and their labels by the same weight.

    x is (N, ...), y (N, classes) holds a distribution for each example, weight is the share of x[i]
    and order (N,) says who is mixed in: the partner of x[i] is x[order[i]].  Returns (x, y), mixed.
    """
    mixed, labels = np.zeros(x.shape), np.zeros(y.shape)
    for i in range(len(x)):
        mixed[i] = weight * x[i] + (1 - weight) * x[order[i]]
        labels[i] = weight * y[i] + (1 - weight) * y[order[i]]
    return mixed, labels


@mix.right("on the way from one to the other")
def _(x, y, weight, order):
    return x + (1 - weight) * (x[order] - x), y + (1 - weight) * (y[order] - y)


@mix.right("a matrix that mixes rows")
def _(x, y, weight, order):
    matrix = weight * np.eye(len(x)) + (1 - weight) * np.eye(len(x))[order]
    return np.einsum("ij,j...->i...", matrix, x), matrix @ y


@mix.wrong("the labels are mixed as well, not only the examples")
def _(x, y, weight, order):
    return weight * x + (1 - weight) * x[order], y


@mix.wrong("weight is the share of x[i] itself, and here its partner has it")
def _(x, y, weight, order):
    return (1 - weight) * x + weight * x[order], (1 - weight) * y + weight * y[order]


@mix.wrong("partners are those before anything was mixed: x must not be changed on the way")
def _(x, y, weight, order):
    x, y = x.copy(), y.copy()
    for i in range(len(x)):
        x[i] = weight * x[i] + (1 - weight) * x[order[i]]
        y[i] = weight * y[i] + (1 - weight) * y[order[i]]
    return x, y


@mix.wrong("the labels have the partner of their example")
def _(x, y, weight, order):
    return weight * x + (1 - weight) * x[order], weight * y + (1 - weight) * y[::-1]
