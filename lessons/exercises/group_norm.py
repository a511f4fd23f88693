"""Group norm: each group of channels of each example normalised by itself."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise, numbers

exercise = Exercise("group_norm", lesson="norms")


def maps(rng):
    for shape, groups, eps in (((1, 4), 2, 0.5), ((1, 4, 1, 2), 2, 0.1), ((2, 4, 1, 1), 1, 1e-5),
                               ((1, 3, 2, 1), 3, 1e-3), ((3, 6, 2, 3), 3, 0.1)):
        channels = shape[1]
        yield numbers(rng, shape), groups, numbers(rng, channels), numbers(rng, channels), eps


@exercise.task("group_norm.2", points=3, cases=maps, key=md.group_norm,
               hint="Number the channels from 0.  Which of them are in the first group?")
def group_norm(x, groups, weight, bias, eps):
    """Group norm: mean and variance of each group of neighbouring channels of each example.

    x is an array of floats (N, C, ...), and `groups` divides C: a group holds C / groups channels
    that follow each other, with all their places.  The variance is biased (divided by the number of
    entries), and eps is added under the root.  weight and bias are (C,), one for each channel.
    """
    N, C, *places = x.shape
    size = C // groups
    y = np.zeros(x.shape)
    for n in range(N):
        for first in range(0, C, size):
            entries = x[n, first:first + size].ravel()
            mean = sum(entries) / len(entries)
            variance = sum((entries - mean)**2) / len(entries)
            for c in range(first, first + size):
                for place in np.ndindex(*places):
                    normal = (x[(n, c, *place)] - mean) / np.sqrt(variance + eps)
                    y[(n, c, *place)] = weight[c] * normal + bias[c]
    return y


@group_norm.right("an axis for the groups")
def _(x, groups, weight, bias, eps):
    column = (-1, *[1] * (x.ndim - 2))
    z = x.reshape(len(x), groups, -1)
    z = (z - z.mean(2, keepdims=True)) / np.sqrt(z.var(2, keepdims=True) + eps)
    return z.reshape(x.shape) * weight.reshape(column) + bias.reshape(column)


@group_norm.right("group by group, joined in the end")
def _(x, groups, weight, bias, eps):
    def normal(part):
        d = part.reshape(len(part), -1) - part.reshape(len(part), -1).mean(1)[:, None]
        r = (np.einsum("ni,ni->n", d, d) / d.shape[1] + eps) ** -0.5
        return (d * r[:, None]).reshape(part.shape)

    y = np.concatenate([normal(part) for part in np.split(x, groups, 1)], 1)
    return np.einsum("nc...,c->nc...", y, weight) + bias.reshape(-1, *[1] * (x.ndim - 2))


@group_norm.wrong("a group is made of channels that follow each other, not of every second or "
                  "third one")
def _(x, groups, weight, bias, eps):
    column = (-1, *[1] * (x.ndim - 2))
    z = x.reshape(len(x), x.shape[1] // groups, groups, -1)
    z = (z - z.mean((1, 3), keepdims=True)) / np.sqrt(z.var((1, 3), keepdims=True) + eps)
    return z.reshape(x.shape) * weight.reshape(column) + bias.reshape(column)


@group_norm.wrong("`groups` is how many groups there are, not how many channels are in one")
def _(x, groups, weight, bias, eps):
    column = (-1, *[1] * (x.ndim - 2))
    z = x.reshape(len(x), x.shape[1] // groups, -1)
    z = (z - z.mean(2, keepdims=True)) / np.sqrt(z.var(2, keepdims=True) + eps)
    return z.reshape(x.shape) * weight.reshape(column) + bias.reshape(column)


@group_norm.wrong("each example is by itself, and here the batch shares its means")
def _(x, groups, weight, bias, eps):
    column = (-1, *[1] * (x.ndim - 2))
    z = x.reshape(len(x), groups, -1)
    z = (z - z.mean((0, 2), keepdims=True)) / np.sqrt(z.var((0, 2), keepdims=True) + eps)
    return z.reshape(x.shape) * weight.reshape(column) + bias.reshape(column)


@group_norm.wrong("the variance here is the biased one: divide by the number of entries")
def _(x, groups, weight, bias, eps):
    column = (-1, *[1] * (x.ndim - 2))
    z = x.reshape(len(x), groups, -1)
    z = (z - z.mean(2, keepdims=True)) / np.sqrt(z.var(2, keepdims=True, ddof=1) + eps)
    return z.reshape(x.shape) * weight.reshape(column) + bias.reshape(column)


@group_norm.wrong("weight and bias are those of the channel, and here those of its group")
def _(x, groups, weight, bias, eps):
    column, size = (-1, *[1] * (x.ndim - 2)), x.shape[1] // groups
    z = x.reshape(len(x), groups, -1)
    z = (z - z.mean(2, keepdims=True)) / np.sqrt(z.var(2, keepdims=True) + eps)
    first = np.arange(x.shape[1]) // size * size
    return z.reshape(x.shape) * weight[first].reshape(column) + bias[first].reshape(column)
