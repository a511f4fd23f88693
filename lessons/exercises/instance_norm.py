"""Instance norm: each map of each example normalised by itself, so that contrast does not count."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise, numbers

exercise = Exercise("instance_norm", lesson="norms")


def maps(rng):
    for shape, eps in (((1, 1, 1, 2), 0.5), ((1, 2, 2, 1), 0.1), ((2, 1, 1, 2), 1e-5),
                       ((2, 3, 4, 2), 1e-3)):
        yield numbers(rng, shape), eps


@exercise.task("instance_norm.1", points=2, cases=maps,
               key=lambda x, eps: md.instance_norm(x, eps=eps),
               hint="How many means are there, if x is (N, C, H, W)?")
def instance_norm(x, eps):
    """Instance norm: mean 0 and variance 1 for each map of each example.

    x is an array of floats (N, C, H, W).  The variance is biased (divided by the number of places),
    and eps is added under the root.
    """
    N, C, H, W = x.shape
    y = np.zeros(x.shape)
    for n in range(N):
        for c in range(C):
            mean = sum(x[n, c, i, j] for i in range(H) for j in range(W)) / (H * W)
            variance = sum((x[n, c, i, j] - mean)**2 for i in range(H) for j in range(W)) / (H * W)
            for i in range(H):
                for j in range(W):
                    y[n, c, i, j] = (x[n, c, i, j] - mean) / np.sqrt(variance + eps)
    return y


@instance_norm.right("means over the last two axes")
def _(x, eps):
    mean, var = x.mean((2, 3), keepdims=True), x.var((2, 3), keepdims=True)
    return (x - mean) / np.sqrt(var + eps)


@instance_norm.right("a row for each map, and einsum")
def _(x, eps):
    d = x.reshape(*x.shape[:2], -1)
    d = d - d.mean(2, keepdims=True)
    r = (np.einsum("nci,nci->nc", d, d) / d.shape[2] + eps) ** -0.5
    return np.einsum("nci,nc->nci", d, r).reshape(x.shape)


@instance_norm.wrong("each example is by itself, and here the batch shares its means")
def _(x, eps):
    mean, var = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
    return (x - mean) / np.sqrt(var + eps)


@instance_norm.wrong("each channel is by itself, and here an example has one mean for all")
def _(x, eps):
    mean, var = x.mean((1, 2, 3), keepdims=True), x.var((1, 2, 3), keepdims=True)
    return (x - mean) / np.sqrt(var + eps)


@instance_norm.wrong("the variance here is the biased one: divide by the number of places")
def _(x, eps):
    mean, var = x.mean((2, 3), keepdims=True), x.var((2, 3), keepdims=True, ddof=1)
    return (x - mean) / np.sqrt(var + eps)


@instance_norm.wrong("eps is added to the variance, under the root")
def _(x, eps):
    mean, std = x.mean((2, 3), keepdims=True), x.std((2, 3), keepdims=True)
    return (x - mean) / (std + eps)


def with_weights(rng):
    for x, eps in maps(rng):
        channels = x.shape[1]
        yield x, numbers(rng, channels), numbers(rng, channels), eps


@exercise.task("instance_norm.2", points=2, cases=with_weights, key=md.instance_norm,
               hint="To which axis of x does the axis of the weight belong?")
def scaled(x, weight, bias, eps):
    """Instance norm with a scale and a shift for each channel.

    x and eps are those of instance_norm; weight and bias are (C,), and all examples share them.
    """
    N, C, H, W = x.shape
    y = np.zeros(x.shape)
    for n in range(N):
        for c in range(C):
            entries = x[n, c].ravel()
            mean = sum(entries) / len(entries)
            s = np.sqrt(sum((entries - mean)**2) / len(entries) + eps)
            for i in range(H):
                for j in range(W):
                    y[n, c, i, j] = weight[c] * (x[n, c, i, j] - mean) / s + bias[c]
    return y


@scaled.right("two axes of size 1")
def _(x, weight, bias, eps):
    mean, var = x.mean((2, 3), keepdims=True), x.var((2, 3), keepdims=True)
    return (x - mean) / np.sqrt(var + eps) * weight[:, None, None] + bias[:, None, None]


@scaled.right("one line for each map: a slope and a height")
def _(x, weight, bias, eps):
    slope = weight / np.sqrt(x.var((2, 3)) + eps)
    height = bias - slope * x.mean((2, 3))
    return np.einsum("nchw,nc->nchw", x, slope) + height[:, :, None, None]


@scaled.wrong("the shift comes behind the scale, and is not scaled itself")
def _(x, weight, bias, eps):
    mean, var = x.mean((2, 3), keepdims=True), x.var((2, 3), keepdims=True)
    return ((x - mean) / np.sqrt(var + eps) + bias[:, None, None]) * weight[:, None, None]


@scaled.wrong("each channel has a weight and a bias of its own, and here all take the first one's")
def _(x, weight, bias, eps):
    mean, var = x.mean((2, 3), keepdims=True), x.var((2, 3), keepdims=True)
    return (x - mean) / np.sqrt(var + eps) * weight[0] + bias[0]


@scaled.wrong("scale what is normalised: a weight on x itself is taken out again by the deviation")
def _(x, weight, bias, eps):
    x = x * weight[:, None, None]
    mean, var = x.mean((2, 3), keepdims=True), x.var((2, 3), keepdims=True)
    return (x - mean) / np.sqrt(var + eps) + bias[:, None, None]


@scaled.wrong("the shift is missing")
def _(x, weight, bias, eps):
    mean, var = x.mean((2, 3), keepdims=True), x.var((2, 3), keepdims=True)
    return (x - mean) / np.sqrt(var + eps) * weight[:, None, None]
