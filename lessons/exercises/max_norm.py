"""Max-norm: after every step, shorten the weight vectors that have become too long."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise

exercise = Exercise("max_norm", lesson="penalties")


def weights(rng):
    yield np.array([[3.0, 4.0]]), 1.0
    yield np.array([[3.0, 4.0], [0.6, 0.8]]), 2.0
    for shape, limit in (((2, 3), 0.5), ((3, 2), 1.5), ((2, 2, 2, 2), 1.0), ((4, 5), 9.0),
                         ((3, 1, 3), 0.1)):
        yield rng.normal(size=shape).round(2), limit
    yield np.array([[0.0, 0.0], [1.0, -1.0]]), 1.0


@exercise.task("max_norm.1", points=2, cases=weights, key=md.max_norm,
               hint="How long is the vector of each unit, and by which factor is that too long?")
def project(w, limit):
    """Shorten the weights of each unit to the length `limit` where they are longer.

    w is (out, ...): all numbers of w[i] are one vector, whose length is its L2 norm; limit > 0 is c
    in the formula.  A vector may be 0.
    """
    y = np.zeros(w.shape)
    for o in range(len(w)):
        length = 0.0
        for i in np.ndindex(w.shape[1:]):
            length += w[o][i]**2
        length = np.sqrt(length)
        for i in np.ndindex(w.shape[1:]):
            y[o][i] = w[o][i] if length <= limit else w[o][i] * limit / length
    return y


@project.right("rows, and a factor that is at most 1")
def _(w, limit):
    rows = w.reshape(len(w), -1)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows * np.minimum(1, limit / np.maximum(length, 1e-300))).reshape(w.shape)


@project.right("divided by what is too much")
def _(w, limit):
    square = np.einsum("ok,ok->o", w.reshape(len(w), -1), w.reshape(len(w), -1))
    over = np.maximum(np.sqrt(square) / limit, 1)
    return w / over.reshape(-1, *[1] * (w.ndim - 1))


@project.wrong("vectors that are short enough stay as they are")
def _(w, limit):
    rows = w.reshape(len(w), -1)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows * limit / np.maximum(length, 1e-300)).reshape(w.shape)


@project.wrong("each unit has a length of its own, a row of w, and here it is a column's")
def _(w, limit):
    length = np.sqrt((w**2).sum(0, keepdims=True))
    return w * np.minimum(1, limit / np.maximum(length, 1e-300))


@project.wrong("each unit has a length of its own, not the layer one for all")
def _(w, limit):
    return w * min(1, limit / max(np.sqrt((w**2).sum()), 1e-300))


@project.wrong("the direction of a vector stays: do not clip its numbers one by one")
def _(w, limit):
    return np.clip(w, -limit, limit)


@project.wrong("a length is the root of the sum of squares")
def _(w, limit):
    square = (w**2).sum(tuple(range(1, w.ndim)), keepdims=True)
    return w * np.minimum(1, limit / np.maximum(square, 1e-300))


@project.wrong("all numbers of a unit are one vector, also those of a filter")
def _(w, limit):
    length = np.linalg.norm(w, axis=-1, keepdims=True)
    return w * np.minimum(1, limit / np.maximum(length, 1e-300))
