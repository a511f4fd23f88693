"""Batch norm: each channel normalised over the batch, the averages it keeps, and its gradient."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise, numbers

exercise = Exercise("batch_norm", lesson="norms")


def batches(rng):
    for shape, eps in (((2, 1), 0.5), ((2, 2), 1e-5), ((3, 2), 0.2), ((2, 3, 2, 1), 1e-3),
                       ((4, 2, 3, 5), 0.1)):
        yield numbers(rng, shape), numbers(rng, shape[1]), numbers(rng, shape[1]), eps


@exercise.task("batch_norm.2", points=3, cases=batches,
               key=lambda x, weight, bias, eps: md.batch_norm(x, None, None, weight, bias, eps),
               hint="Which entries share a mean?  And the numbers of a channel: how many are they?")
def normalise(x, weight, bias, eps):
    """Batch norm in training: each channel by the mean and the variance of the batch.

    x is an array of floats (N, C) or (N, C, H, W); weight and bias are (C,).  The mean and the
    biased variance (divided by the number of entries) are those of all entries of a channel, over
    examples and places.  Then comes weight * normalised + bias.
    """
    N, C, *places = x.shape
    y = np.zeros(x.shape)
    for c in range(C):
        entries = [x[n, c][place] for n in range(N) for place in np.ndindex(*places)]
        mean = sum(entries) / len(entries)
        variance = sum((entry - mean)**2 for entry in entries) / len(entries)
        for n in range(N):
            for place in np.ndindex(*places):
                normal = (x[n, c][place] - mean) / np.sqrt(variance + eps)
                y[(n, c, *place)] = weight[c] * normal + bias[c]
    return y


@normalise.right("mean and variance over all axes but that of the channels")
def _(x, weight, bias, eps):
    axes, column = (0, *range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) / np.sqrt(var + eps) * weight.reshape(column) + bias.reshape(column)


@normalise.right("a row for each channel, and einsum")
def _(x, weight, bias, eps):
    rows = np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)
    d = rows - rows.mean(1)[:, None]
    scale = weight / np.sqrt(np.einsum("ci,ci->c", d, d) / d.shape[1] + eps)
    y = d * scale[:, None] + bias[:, None]
    return np.moveaxis(y.reshape(np.moveaxis(x, 1, 0).shape), 0, 1)


@normalise.wrong("the variance here is the biased one: divide by the number of entries")
def _(x, weight, bias, eps):
    axes, column = (0, *range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True, ddof=1)
    return (x - mean) / np.sqrt(var + eps) * weight.reshape(column) + bias.reshape(column)


@normalise.wrong("eps is added to the variance, under the root")
def _(x, weight, bias, eps):
    axes, column = (0, *range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
    mean, std = x.mean(axes, keepdims=True), x.std(axes, keepdims=True)
    return (x - mean) / (std + eps) * weight.reshape(column) + bias.reshape(column)


@normalise.wrong("the places of a channel belong together, and here each place is by itself")
def _(x, weight, bias, eps):
    column = (-1, *[1] * (x.ndim - 2))
    mean, var = x.mean(0), x.var(0)
    return (x - mean) / np.sqrt(var + eps) * weight.reshape(column) + bias.reshape(column)


@normalise.wrong("the examples of a batch share their mean, and here each has its own")
def _(x, weight, bias, eps):
    axes, column = tuple(range(1, x.ndim)), (-1, *[1] * (x.ndim - 2))
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) / np.sqrt(var + eps) * weight.reshape(column) + bias.reshape(column)


@normalise.wrong("divide by the deviation, which is a root, not by the variance")
def _(x, weight, bias, eps):
    axes, column = (0, *range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) / (var + eps) * weight.reshape(column) + bias.reshape(column)


def histories(rng):
    for shape, k in (((2, 1), 0.5), ((2, 2), 0.1), ((3, 2), 0.25), ((2, 3, 2, 1), 0.1),
                     ((4, 2, 3, 5), 1.0)):
        x, channels = numbers(rng, shape), shape[1]
        yield x, numbers(rng, channels), rng.uniform(1, 2, channels).round(2), k


def of_the_layer(x, mean, var, momentum):
    layer = md.BatchNorm(x.shape[1], momentum=momentum).init(0)
    layer.running_mean, layer.running_var = mean, var
    layer(x)
    return layer.running_mean, layer.running_var


@exercise.task("batch_norm.3", points=2, cases=histories, key=of_the_layer,
               hint="With momentum 1, only the newest batch would count.")
def running(x, mean, var, momentum):
    """The averages of mean and variance that evaluation will use, after one more batch.

    x is an array of floats (N, C) or (N, C, H, W), the batch; mean and var are (C,), the averages
    so far, and momentum is the weight of the new batch (as in PyTorch).  The variance that goes
    into the average is the unbiased one, of m entries divided by m - 1.  Returns the new averages,
    a pair of arrays (C,).
    """
    new_mean, new_var = np.zeros(len(mean)), np.zeros(len(var))
    for c in range(len(mean)):
        entries = x[:, c].ravel()
        m = len(entries)
        mu = sum(entries) / m
        unbiased = sum((entry - mu)**2 for entry in entries) / (m - 1)
        new_mean[c] = (1 - momentum) * mean[c] + momentum * mu
        new_var[c] = (1 - momentum) * var[c] + momentum * unbiased
    return new_mean, new_var


@running.right("NumPy's mean, and its variance with one degree of freedom less")
def _(x, mean, var, momentum):
    axes = (0, *range(2, x.ndim))
    return (mean + momentum * (x.mean(axes) - mean),
            var + momentum * (x.var(axes, ddof=1) - var))


@running.right("a row for each channel")
def _(x, mean, var, momentum):
    rows = np.moveaxis(x, 1, 0).reshape(len(mean), -1)
    cov = np.array([np.cov(row) for row in rows])
    return np.average([mean, rows.mean(1)], 0, [1 - momentum, momentum]), np.average(
        [var, cov], 0, [1 - momentum, momentum])


@running.wrong("what goes into the average is the unbiased variance")
def _(x, mean, var, momentum):
    axes = (0, *range(2, x.ndim))
    return (mean + momentum * (x.mean(axes) - mean), var + momentum * (x.var(axes) - var))


@running.wrong("m counts all entries of a channel, at all places, and not the examples alone")
def _(x, mean, var, momentum):
    axes, n = (0, *range(2, x.ndim)), len(x)
    return (mean + momentum * (x.mean(axes) - mean),
            var + momentum * (x.var(axes) * n / (n - 1) - var))


@running.wrong("momentum is the weight of the new batch, and here that of the old average")
def _(x, mean, var, momentum):
    axes = (0, *range(2, x.ndim))
    return (x.mean(axes) + momentum * (mean - x.mean(axes)),
            x.var(axes, ddof=1) + momentum * (var - x.var(axes, ddof=1)))


@running.wrong("variances are averaged, and here it is deviations")
def _(x, mean, var, momentum):
    axes = (0, *range(2, x.ndim))
    std = np.sqrt(var) + momentum * (x.std(axes, ddof=1) - np.sqrt(var))
    return mean + momentum * (x.mean(axes) - mean), std**2


@running.wrong("the old average is still worth something")
def _(x, mean, var, momentum):
    axes = (0, *range(2, x.ndim))
    return mean + momentum * x.mean(axes), var + momentum * x.var(axes, ddof=1)


def cotangents(rng):
    for shape, eps in (((2, 1), 0.5), ((3, 1), 1e-3), ((3, 2), 0.1), ((5, 3), 1e-2)):
        yield numbers(rng, shape), numbers(rng, shape), numbers(rng, shape[1]), eps


def on_the_tape(g, x, weight, eps):
    leaf = md.Tensor(x, requires_grad=True)
    return md.grad(md.batch_norm(leaf, weight=weight, bias=0 * weight, eps=eps), leaf, g=g)


@exercise.task("batch_norm.6", points=4, cases=cotangents, key=on_the_tape,
               hint="An entry moves y in three ways: by itself, by the mean, and by the deviation.")
def gradient(g, x, weight, eps):
    """The way back through batch norm in training: the gradient in x.

    x is (N, C), weight (C,), g is (N, C), the gradient of the loss in y, and the deviation is the
    root of the biased variance plus eps.  Returns (N, C).
    """
    N, C = x.shape
    x_bar = np.zeros((N, C))
    for c in range(C):
        mean = sum(x[:, c]) / N
        s = np.sqrt(sum((x[:, c] - mean)**2) / N + eps)
        for j in range(N):
            for i in range(N):
                slope = ((i == j) - 1 / N - (x[i, c] - mean) * (x[j, c] - mean) / (N * s * s)) / s
                x_bar[j, c] += weight[c] * slope * g[i, c]
    return x_bar


@gradient.right("whole arrays, as in the equation")
def _(g, x, weight, eps):
    s = np.sqrt(x.var(0) + eps)
    h = (x - x.mean(0)) / s
    return weight / s * (g - g.mean(0) - h * (g * h).mean(0))


@gradient.right("step by step back along the chain")
def _(g, x, weight, eps):
    d, n = x - x.mean(0), len(x)
    s = np.sqrt((d * d).mean(0) + eps)
    h_bar = g * weight
    var_bar = -0.5 * (h_bar * d).sum(0) / s**3
    d_bar = h_bar / s + 2 * d * var_bar / n
    return d_bar - np.einsum("nc->c", d_bar) / n


@gradient.wrong("mean and deviation depend on x too: they are no constants")
def _(g, x, weight, eps):
    return g * weight / np.sqrt(x.var(0) + eps)


@gradient.wrong("the deviation depends on x, and its part is missing")
def _(g, x, weight, eps):
    return weight / np.sqrt(x.var(0) + eps) * (g - g.mean(0))


@gradient.wrong("the mean depends on x, and its part is missing")
def _(g, x, weight, eps):
    s = np.sqrt(x.var(0) + eps)
    h = (x - x.mean(0)) / s
    return weight / s * (g - h * (g * h).mean(0))


@gradient.wrong("the weight scales y, and so the gradient on its way back")
def _(g, x, weight, eps):
    s = np.sqrt(x.var(0) + eps)
    h = (x - x.mean(0)) / s
    return (g - g.mean(0) - h * (g * h).mean(0)) / s


@gradient.wrong("y has been divided by the deviation, and so is the gradient")
def _(g, x, weight, eps):
    h = (x - x.mean(0)) / np.sqrt(x.var(0) + eps)
    return weight * (g - g.mean(0) - h * (g * h).mean(0))
