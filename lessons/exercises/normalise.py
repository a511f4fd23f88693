"""Normalise: one formula, and the axes that tell batch, layer and instance norm apart."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise, numbers

exercise = Exercise("normalise", lesson="norms")


def arrays(rng):
    for shape, axes, eps in (((2,), (0,), 0.5), ((2, 2), (0,), 0.5), ((2, 2), (1,), 0.5),
                             ((2, 1, 3), (0, 2), 1e-5), ((2, 3, 2, 2), (2, 3), 1e-3),
                             ((3, 2, 1, 4), (1, 2, 3), 0.1), ((2, 3, 2), (0, 1, 2), 0.1)):
        yield numbers(rng, shape), axes, eps


@exercise.task("normalise.1", points=3, cases=arrays, key=md.normalise,
               hint="Two entries share a mean if they differ in nothing but these axes.")
def normalise(x, axes, eps):
    """Subtract a mean, and divide by a deviation, over the axes that are given.

    x is an array of floats, axes a tuple of different integers from 0: (0, 2, 3) is batch norm of
    maps (N, C, H, W), (1, 2, 3) layer norm, (2, 3) instance norm.  The variance is biased (divided
    by the number of entries), and eps is added to it under the root.  The weight is 1, the bias 0.
    """
    others = [axis for axis in range(x.ndim) if axis not in axes]
    sums, counts, squares = {}, {}, {}
    for i in np.ndindex(x.shape):
        group = tuple(i[axis] for axis in others)       # who shares a mean
        sums[group] = sums.get(group, 0) + x[i]
        counts[group] = counts.get(group, 0) + 1
    for i in np.ndindex(x.shape):
        group = tuple(i[axis] for axis in others)
        off = x[i] - sums[group] / counts[group]
        squares[group] = squares.get(group, 0) + off**2
    y = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        group = tuple(i[axis] for axis in others)
        variance = squares[group] / counts[group]
        y[i] = (x[i] - sums[group] / counts[group]) / np.sqrt(variance + eps)
    return y


@normalise.right("mean and variance with their axes kept")
def _(x, axes, eps):
    d = x - x.mean(axes, keepdims=True)
    return d / np.sqrt((d * d).mean(axes, keepdims=True) + eps)


@normalise.right("the axes in front, a matrix of columns, and back")
def _(x, axes, eps):
    front = tuple(range(len(axes)))
    moved = np.moveaxis(x, axes, front)
    columns = moved.reshape(np.prod([x.shape[axis] for axis in axes]), -1)
    d = columns - columns.mean(0)
    r = (np.einsum("ij,ij->j", d, d) / len(d) + eps) ** -0.5
    return np.moveaxis((d * r).reshape(moved.shape), front, axes)


@normalise.wrong("these axes are averaged over, and not the others")
def _(x, axes, eps):
    axes = tuple(axis for axis in range(x.ndim) if axis not in axes)
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


@normalise.wrong("eps is added to the variance, under the root")
def _(x, axes, eps):
    return (x - x.mean(axes, keepdims=True)) / (x.std(axes, keepdims=True) + eps)


@normalise.wrong("the variance here is the biased one: divide by the number of entries")
def _(x, axes, eps):
    d = x - x.mean(axes, keepdims=True)
    return d / np.sqrt(x.var(axes, keepdims=True, ddof=1) + eps)


@normalise.wrong("all the axes count, and here it is the first of them alone")
def _(x, axes, eps):
    axis = axes[0]
    return (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + eps)


@normalise.wrong("a second moment is no variance: the mean comes off first")
def _(x, axes, eps):
    d = x - x.mean(axes, keepdims=True)
    return d / np.sqrt((x * x).mean(axes, keepdims=True) + eps)
