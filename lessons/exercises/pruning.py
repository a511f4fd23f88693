"""Magnitude pruning: keep the largest weights of each unit, or the units of the longest weights."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise

exercise = Exercise("pruning", lesson="targeted")


def weights(rng):
    for shape, sparsity in (((1, 2), 0.5), ((1, 3), 0.5), ((2, 4), 0.75), ((3, 2), 0.0),
                            ((2, 3), 1.0), ((4, 5), 0.3), ((3, 7), 0.9)):
        sizes = (rng.permutation(np.prod(shape)) + 1).reshape(shape) / 10
        yield sizes * rng.choice([-1, 1], shape), sparsity
    yield np.array([[0.1, -0.2], [0.5, 0.6]]), 0.5


@exercise.task("pruning.1", points=2, cases=weights,
               key=lambda w, sparsity: md.magnitude_mask(w, sparsity, unit=False) * w,
               hint="A weight is removed if fewer than so many of its row are smaller.")
def prune_weights(w, sparsity):
    """Set the share `sparsity` of the weights of each unit to zero, the smallest.

    w is (out, in), a row for each unit, and no two weights are of equal size.  Where
    sparsity * in is no whole number, it is rounded down.  Returns the weights that are left.
    """
    units, n = w.shape
    removed = int(sparsity * n)
    pruned = np.zeros(w.shape)
    for o in range(units):
        for i in range(n):
            smaller = 0
            for j in range(n):
                smaller += abs(w[o, j]) < abs(w[o, i])
            if smaller >= removed:
                pruned[o, i] = w[o, i]
    return pruned


@prune_weights.right("an order for each row")
def _(w, sparsity):
    pruned = w.copy()
    first = np.abs(w).argsort(axis=1)[:, :int(sparsity * w.shape[1])]
    np.put_along_axis(pruned, first, 0.0, axis=1)
    return pruned


@prune_weights.right("one smallest weight after the other")
def _(w, sparsity):
    keep = np.ones(w.shape)
    for _ in range(int(sparsity * w.shape[1])):
        smallest = np.where(keep > 0, w**2, np.inf).argmin(1)
        keep[np.arange(len(w)), smallest] = 0
    return np.einsum("oi,oi->oi", keep, w)


@prune_weights.wrong("the number of removed weights is rounded down, and not to the nearest one")
def _(w, sparsity):
    return np.where(np.abs(w).argsort(1).argsort(1) < round(sparsity * w.shape[1]), 0, w)


@prune_weights.wrong("argsort says at which places the smallest are: it is no list of ranks")
def _(w, sparsity):
    return np.where(np.abs(w).argsort(1) < int(sparsity * w.shape[1]), 0, w)


@prune_weights.wrong("each unit keeps as many weights as the others: compare within a row")
def _(w, sparsity):
    ranks = np.abs(w).ravel().argsort().argsort().reshape(w.shape)
    return w * (ranks >= int(sparsity * w.shape[1]) * len(w))


@prune_weights.wrong("a large negative weight is a large weight")
def _(w, sparsity):
    return w * (w.argsort(1).argsort(1) >= int(sparsity * w.shape[1]))


@prune_weights.wrong("sparsity is the share that is removed, not the one that is kept")
def _(w, sparsity):
    n = w.shape[1]
    return w * (np.abs(w).argsort(1).argsort(1) >= n - int(sparsity * n))


@prune_weights.wrong("the smallest weights go, and here it is the largest")
def _(w, sparsity):
    n = w.shape[1]
    return w * (np.abs(w).argsort(1).argsort(1) < n - int(sparsity * n))


@prune_weights.wrong("what is kept is not made up for what is removed: nothing is scaled")
def _(w, sparsity):
    keep = np.abs(w).argsort(1).argsort(1) >= int(sparsity * w.shape[1])
    return w * keep / max(1 - sparsity, 0.1)


def units(rng):
    for shape, sparsity in (((2, 1), 0.5), ((3, 2), 0.5), ((5, 2), 0.4), ((2, 2), 0.0),
                            ((3, 3), 1.0), ((6, 4), 0.7)):
        norms = (rng.permutation(shape[0]) + 1) / 2
        rows = rng.normal(size=shape) + 0.1
        yield (rows / np.sqrt((rows**2).sum(1, keepdims=True)) * norms[:, None]).round(3), sparsity
    yield np.array([[3.0, 0.0], [2.0, 2.0], [0.0, -1.0], [1.6, 1.6]]), 0.5
    yield np.array([[1.5, 1.5], [-0.5, 2.0]]), 0.5


@exercise.task("pruning.2", points=2, cases=units,
               key=lambda w, sparsity: md.magnitude_mask(w, sparsity, unit=True),
               hint="How many units have shorter weights than this one?")
def keep_units(w, sparsity):
    """Say which units stay when the share `sparsity` of them is removed: the shortest rows of w.

    w is (out, in), a row for each unit; a row is as long as its L2 norm says, and no two are of
    equal length.  Where sparsity * out is no whole number, it is rounded down.  Returns an array
    (out,), 1 (or True) for what is kept.
    """
    n = len(w)
    keep = np.zeros(n)
    for o in range(n):
        shorter = 0
        for u in range(n):
            shorter += np.sqrt(np.sum(w[u]**2)) < np.sqrt(np.sum(w[o]**2))
        keep[o] = shorter >= int(sparsity * n)
    return keep


@keep_units.right("ranks of the norms")
def _(w, sparsity):
    return np.linalg.norm(w, axis=1).argsort().argsort() >= int(sparsity * len(w))


@keep_units.right("indices that are left")
def _(w, sparsity):
    keep = np.zeros(len(w), int)
    keep[np.argsort(np.einsum("oi,oi->o", w, w))[int(sparsity * len(w)):]] = 1
    return keep


@keep_units.wrong("a row is as long as the root of its sum of squares, not as its sum of sizes")
def _(w, sparsity):
    return np.abs(w).sum(1).argsort(kind="stable").argsort() >= int(sparsity * len(w))


@keep_units.wrong("a row is no longer for one large weight: all of them count")
def _(w, sparsity):
    return np.abs(w).max(1).argsort(kind="stable").argsort() >= int(sparsity * len(w))


@keep_units.wrong("what is kept is due, and here it is what is removed")
def _(w, sparsity):
    return np.linalg.norm(w, axis=1).argsort().argsort() < int(sparsity * len(w))


@keep_units.wrong("a unit is a row of w, and sparsity is the share that goes")
def _(w, sparsity):
    return np.linalg.norm(w, axis=1).argsort().argsort() >= len(w) - int(sparsity * len(w))
