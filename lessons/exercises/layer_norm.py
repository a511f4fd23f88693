"""Layer norm: each example normalised over its own features, whatever else is in the batch."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise, numbers

exercise = Exercise("layer_norm", lesson="norms")


def rows(rng):
    for shape, eps in (((1, 2), 0.5), ((2, 2), 0.1), ((2, 3), 1e-5), ((2, 3, 4), 1e-3),
                       ((3, 1, 5), 0.1)):
        yield numbers(rng, shape), numbers(rng, shape[-1]), numbers(rng, shape[-1]), eps


@exercise.task("layer_norm.1", points=2, cases=rows,
               key=lambda x, weight, bias, eps: md.layer_norm(x, x.shape[-1], weight, bias, eps),
               hint="If the other examples of the batch change, may this one's result change?")
def layer_norm(x, weight, bias, eps):
    """Layer norm over the last axis.

    x is an array of floats (..., D); each row of D numbers is normalised by its own mean and its
    own biased variance (divided by D), to which eps is added under the root.  weight and bias are
    (D,), one for each feature.
    """
    D = x.shape[-1]
    y = np.zeros(x.shape)
    for row in np.ndindex(x.shape[:-1]):
        mean = sum(x[row]) / D
        variance = sum((x[row] - mean)**2) / D
        for i in range(D):
            y[(*row, i)] = weight[i] * (x[row][i] - mean) / np.sqrt(variance + eps) + bias[i]
    return y


@layer_norm.right("whole arrays")
def _(x, weight, bias, eps):
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(var + eps) * weight + bias


@layer_norm.right("a matrix that centres, and einsum")
def _(x, weight, bias, eps):
    D = x.shape[-1]
    d = np.einsum("...i,ij->...j", x, np.eye(D) - 1 / D)
    r = (np.einsum("...i,...i->...", d, d) / D + eps) ** -0.5
    return d * r[..., None] * weight + bias


@layer_norm.wrong("each example is by itself, and here the batch is normalised as a whole")
def _(x, weight, bias, eps):
    mean, var = x.mean(0), x.var(0)
    return (x - mean) / np.sqrt(var + eps) * weight + bias


@layer_norm.wrong("the variance here is the biased one: divide by the number of features")
def _(x, weight, bias, eps):
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True, ddof=1)
    return (x - mean) / np.sqrt(var + eps) * weight + bias


@layer_norm.wrong("eps is added to the variance, under the root")
def _(x, weight, bias, eps):
    mean, std = x.mean(-1, keepdims=True), x.std(-1, keepdims=True)
    return (x - mean) / (std + eps) * weight + bias


@layer_norm.wrong("the mean is subtracted before it is divided by the deviation")
def _(x, weight, bias, eps):
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x / np.sqrt(var + eps) - mean) * weight + bias


@layer_norm.wrong("only the last axis is normalised: each row of features has a mean of its own")
def _(x, weight, bias, eps):
    axes = tuple(range(1, x.ndim))
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) / np.sqrt(var + eps) * weight + bias


def cotangents(rng):
    for x, weight, _, eps in rows(rng):
        yield numbers(rng, x.shape), x, weight, eps


def on_the_tape(g, x, weight, eps):
    leaves = [md.Tensor(v, requires_grad=True) for v in (weight, 0 * weight)]
    return tuple(md.grad(md.layer_norm(x, x.shape[-1], *leaves, eps), leaves, g=g))


@exercise.task("layer_norm.2", points=2, cases=cotangents, key=on_the_tape,
               hint="How often is the weight of one feature used?")
def gradients(g, x, weight, eps):
    """The gradients of layer norm in its weight and its bias.

    x, weight and eps are those of layer_norm, and g has the shape of x: the gradient of the loss in
    y.  Returns a pair of arrays (D,).
    """
    D = x.shape[-1]
    weight_bar, bias_bar = np.zeros(D), np.zeros(D)
    for row in np.ndindex(x.shape[:-1]):
        mean = sum(x[row]) / D
        s = np.sqrt(sum((x[row] - mean)**2) / D + eps)
        for i in range(D):
            weight_bar[i] += g[row][i] * (x[row][i] - mean) / s
            bias_bar[i] += g[row][i]
    return weight_bar, bias_bar


@gradients.right("sums over all axes but the last")
def _(g, x, weight, eps):
    axes = tuple(range(x.ndim - 1))
    h = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)
    return (g * h).sum(axes), g.sum(axes)


@gradients.right("rows, and einsum")
def _(g, x, weight, eps):
    g, x = (v.reshape(-1, x.shape[-1]) for v in (g, x))
    h = (x - x.mean(1)[:, None]) / np.sqrt(x.var(1) + eps)[:, None]
    return np.einsum("ni,ni->i", g, h), np.einsum("ni->i", g)


@gradients.wrong("the weight meets the normalised input, not the input itself")
def _(g, x, weight, eps):
    axes = tuple(range(x.ndim - 1))
    return (g * x).sum(axes), g.sum(axes)


@gradients.wrong("all rows add to the gradient, and it is no mean of theirs")
def _(g, x, weight, eps):
    axes = tuple(range(x.ndim - 1))
    h = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)
    return (g * h).mean(axes), g.mean(axes)


@gradients.wrong("y is linear in the weight: the weight is no part of its own gradient")
def _(g, x, weight, eps):
    axes = tuple(range(x.ndim - 1))
    h = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)
    return (g * h * weight).sum(axes), g.sum(axes)
