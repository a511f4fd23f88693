"""Targeted dropout: drop at random among the weights that pruning would remove."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise, Rng, drawn, independent, only, rate

exercise = Exercise("targeted", lesson="targeted")


def weights(rng):
    for shape, gamma in (((1, 2), 0.5), ((2, 2), 0.5), ((2, 3), 0.4), ((2, 4), 0.7), ((3, 4), 0.75),
                         ((2, 5), 0.0), ((4, 2), 1.0), ((5, 7), 0.35), ((3, 3), 0.3)):
        sizes = (rng.permutation(np.prod(shape)) + 1).reshape(shape) / 10
        yield sizes * rng.choice([-1, 1], shape), gamma


@exercise.task("targeted.3", points=2, cases=weights,
               key=lambda w, gamma: md.targeted_candidates(w, gamma, unit=False),
               hint="How many weights of its unit are smaller than this one?")
def find_candidates(w, gamma):
    """Find the share gamma of the weights of each unit that is smallest in absolute value.

    w is (out, in), a row for each unit, and no two weights are of equal size.  Where gamma * in is
    no whole number it is rounded down.  Returns an array (out, in), 1 (or True) for candidates.
    """
    units, n = w.shape
    k = int(gamma * n)
    candidates = np.zeros(w.shape)
    for o in range(units):
        for i in range(n):
            smaller = 0
            for j in range(n):
                smaller += abs(w[o, j]) < abs(w[o, i])
            candidates[o, i] = smaller < k
    return candidates


@find_candidates.right("ranks")
def _(w, gamma):
    return np.abs(w).argsort(1).argsort(1) < int(gamma * w.shape[1])


@find_candidates.right("a threshold for each row")
def _(w, gamma):
    k = int(gamma * w.shape[1])
    if k == 0:
        return np.zeros(w.shape, bool)
    return w**2 <= np.sort(w**2, axis=1)[:, k - 1:k]


@find_candidates.wrong("a weight is small if its absolute value is")
def _(w, gamma):
    return w.argsort(1).argsort(1) < int(gamma * w.shape[1])


@find_candidates.wrong("weights are compared within their unit, not with those of the whole layer")
def _(w, gamma):
    ranks = np.abs(w).ravel().argsort().argsort()
    return (ranks < int(gamma * w.size)).reshape(w.shape)


@find_candidates.wrong("a unit is a row of w, and here columns are compared")
def _(w, gamma):
    return np.abs(w).argsort(0).argsort(0) < int(gamma * w.shape[0])


@find_candidates.wrong("gamma is the share of the smallest weights, and the rest are no candidates")
def _(w, gamma):
    return np.abs(w).argsort(1).argsort(1) >= int(gamma * w.shape[1])


@find_candidates.wrong("the number of candidates is rounded down")
def _(w, gamma):
    return np.abs(w).argsort(1).argsort(1) < np.ceil(gamma * w.shape[1])


@find_candidates.wrong("the number of candidates is rounded down, and not to the nearest one")
def _(w, gamma):
    return np.abs(w).argsort(1).argsort(1) < round(gamma * w.shape[1])


@find_candidates.wrong("argsort says at which places the smallest are: it is no list of ranks")
def _(w, gamma):
    return np.abs(w).argsort(1) < int(gamma * w.shape[1])


def units(rng):
    for shape, gamma in (((2, 1), 0.5), ((3, 2), 0.4), ((4, 3), 0.5), ((5, 2), 0.75), ((3, 4), 1.0),
                         ((4, 2), 0.0)):
        norms = (rng.permutation(shape[0]) + 1) / 2
        rows = rng.normal(size=shape) + 0.1
        yield (rows / np.sqrt((rows**2).sum(1, keepdims=True)) * norms[:, None]).round(3), gamma
    yield np.array([[-3.0, 1.0], [0.5, 0.5]]), 0.5
    yield np.array([[2.0, 2.0], [2.5, 0.0]]), 0.5
    yield np.array([[3.0, 0.0], [2.0, 2.0], [0.0, -1.0], [1.6, 1.6]]), 0.5


@exercise.task("targeted.4", points=2, cases=units,
               key=lambda w, gamma: md.targeted_candidates(w, gamma, unit=True),
               hint="How long is the row of each unit, and how many rows are shorter?")
def find_units(w, gamma):
    """Find the share gamma of the units whose weights have the smallest L2 norms.

    w is (out, in), a row for each unit, and no two rows are of equal length.  Where gamma * out is
    no whole number it is rounded down.  Returns an array (out,), 1 (or True) for candidates.
    """
    n = len(w)
    k = int(gamma * n)
    candidates = np.zeros(n)
    for o in range(n):
        shorter = 0
        for u in range(n):
            shorter += np.sqrt(np.sum(w[u]**2)) < np.sqrt(np.sum(w[o]**2))
        candidates[o] = shorter < k
    return candidates


@find_units.right("ranks of the norms")
def _(w, gamma):
    return np.linalg.norm(w, axis=1).argsort().argsort() < int(gamma * len(w))


@find_units.right("the first in the order of the squares")
def _(w, gamma):
    chosen = np.zeros(len(w), bool)
    chosen[np.argsort(np.einsum("oi,oi->o", w, w))[:int(gamma * len(w))]] = True
    return chosen


@find_units.wrong("the length of a row is its L2 norm, and not the sum of absolute values")
def _(w, gamma):
    return np.abs(w).sum(1).argsort(kind="stable").argsort() < int(gamma * len(w))


@find_units.wrong("the length of a row is its L2 norm, and not its largest entry")
def _(w, gamma):
    return np.abs(w).max(1).argsort(kind="stable").argsort() < int(gamma * len(w))


@find_units.wrong("the shortest rows are candidates, and here it is the longest")
def _(w, gamma):
    return (-np.linalg.norm(w, axis=1)).argsort().argsort() < int(gamma * len(w))


@find_units.wrong("signs do not make a row short: take squares before you add")
def _(w, gamma):
    return w.sum(1).argsort(kind="stable").argsort() < int(gamma * len(w))


def streams(rng):
    for candidates, alpha in (([[1, 0]], 0.3), ([[1, 1, 0], [1, 0, 1]], 0.8), ([[1, 1]], 1.0),
                              ([[1, 1], [0, 0]], 0.0), ([[1, 1], [1, 1], [1, 1]], 0.4)):
        yield Rng(int(rng.integers(2**31))), np.array(candidates, bool), alpha


def rates(rng, candidates, alpha):
    return candidates * alpha


@exercise.task(
    "targeted.6", points=2, cases=streams, key=None,
    hint="Two things have to come together for a weight to be dropped.",
    judge=drawn(only(0, 1, shape=lambda rng, candidates, alpha: candidates.shape), rate(rates),
                independent(rates)))
def draw_targeted(rng, candidates, alpha):
    """Draw a mask: each candidate is dropped with probability alpha, all others are kept.

    rng is a numpy.random.Generator, candidates a boolean array (out, in).  Returns an array of its
    shape, 1 (or True) keeps and 0 drops.
    """
    mask = np.ones(candidates.shape)
    for o, i in np.ndindex(candidates.shape):
        if candidates[o, i] and rng.random() < alpha:
            mask[o, i] = 0
    return mask


@draw_targeted.right("a draw for each weight, whether it is a candidate or not")
def _(rng, candidates, alpha):
    return ~(candidates & (rng.random(candidates.shape) < alpha))


@draw_targeted.right("draws for the candidates alone")
def _(rng, candidates, alpha):
    mask = np.ones(candidates.shape, int)
    mask[candidates] = rng.binomial(1, 1 - alpha, candidates.sum())
    return mask


@draw_targeted.wrong("candidates are dropped at the rate alpha, and nothing else is", law="rate")
def _(rng, candidates, alpha):
    return rng.random(candidates.shape) >= alpha


@draw_targeted.wrong("each candidate is dropped for itself", law="independent")
def _(rng, candidates, alpha):
    return ~candidates if rng.random() < alpha else np.ones(candidates.shape, bool)


@draw_targeted.wrong("a mask holds 0 or 1 for each weight, and nothing is scaled", law="values")
def _(rng, candidates, alpha):
    keep = ~(candidates & (rng.random(candidates.shape) < alpha))
    return np.where(candidates & keep, 1 / max(1 - alpha, 0.1), keep)
