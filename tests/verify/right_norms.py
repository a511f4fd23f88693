"""Batch, layer, instance and group norm in several styles, all of them right."""

import numpy as np

import minidrop as md
from tests.verify.gallery import Right, Shelf

right = Shelf(Right)
right("instance_norm", name="minidrop")(md.instance_norm)
right("group_norm", name="minidrop")(md.group_norm)


@right("batch_norm")
def over_all_but_channels(x, weight, bias, running_mean, running_var, training, momentum, eps):
    """Moments over all axes but the second; the running variance is unbiased."""
    axes, by_channel = (0, *range(2, x.ndim)), (1, -1, *[1] * (x.ndim - 2))
    mean, var = running_mean, running_var
    if training:
        mean, var, m = x.mean(axes), x.var(axes), x.size // x.shape[1]
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * var * (m / (m - 1))
    normal = (x - mean.reshape(by_channel)) / np.sqrt(var.reshape(by_channel) + eps)
    y = weight.reshape(by_channel) * normal + bias.reshape(by_channel)
    return y, running_mean, running_var


@right("batch_norm")
def channel_by_channel(x, weight, bias, running_mean, running_var, training, momentum, eps):
    """In loops over channels, as a slope and an offset for each."""
    y, running_mean, running_var = np.empty_like(x), running_mean.copy(), running_var.copy()
    for c in range(x.shape[1]):
        mean, var = running_mean[c], running_var[c]
        if training:
            mean, var = x[:, c].mean(), x[:, c].var()
            running_mean[c] += momentum * (mean - running_mean[c])
            running_var[c] += momentum * (x[:, c].var(ddof=1) - running_var[c])
        slope = weight[c] / np.sqrt(var + eps)
        y[:, c] = slope * (x[:, c] - mean) + bias[c]
    return y, running_mean, running_var


@right("layer_norm")
def over_the_last_axes(x, weight, bias, eps):
    """Over the axes that the weight has."""
    axes = tuple(range(x.ndim - weight.ndim, x.ndim))
    centred = x - x.mean(axes, keepdims=True)
    return weight * centred / np.sqrt((centred**2).mean(axes, keepdims=True) + eps) + bias


@right("layer_norm")
def example_by_example(x, weight, bias, eps):
    """In loops over the rows of a matrix."""
    rows = x.reshape(-1, weight.size)
    y = np.stack([(row - row.mean()) / np.sqrt(row.var() + eps) for row in rows])
    return y.reshape(x.shape) * weight + bias


@right("instance_norm")
def over_the_places(x, weight, bias, eps):
    """Over all axes behind the channels."""
    axes, by_channel = tuple(range(2, x.ndim)), (1, -1, *[1] * (x.ndim - 2))
    normal = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)
    return weight.reshape(by_channel) * normal + bias.reshape(by_channel)


@right("instance_norm")
def map_by_map(x, weight, bias, eps):
    """In loops over examples and channels."""
    y = np.empty_like(x)
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            deviation = x[n, c] - x[n, c].mean()
            y[n, c] = weight[c] * deviation / np.sqrt((deviation**2).mean() + eps) + bias[c]
    return y


@right("group_norm")
def over_groups_of_channels(x, groups, weight, bias, eps):
    """The channels as (G, C / G), over all behind the first two axes."""
    rows, by_channel = x.reshape(len(x), groups, -1), (1, -1, *[1] * (x.ndim - 2))
    normal = (rows - rows.mean(2, keepdims=True)) / np.sqrt(rows.var(2, keepdims=True) + eps)
    return normal.reshape(x.shape) * weight.reshape(by_channel) + bias.reshape(by_channel)


@right("group_norm")
def group_by_group(x, groups, weight, bias, eps):
    """In loops over examples and groups, by slices of channels."""
    y, size = np.empty_like(x), x.shape[1] // groups
    for n in range(len(x)):
        for start in range(0, x.shape[1], size):
            part = x[n, start:start + size]
            y[n, start:start + size] = (part - part.mean()) / np.sqrt(part.var() + eps)
    by_channel = (-1, *[1] * (x.ndim - 2))
    return y * weight.reshape(by_channel) + bias.reshape(by_channel)
