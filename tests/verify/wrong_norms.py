"""Norms as they went wrong: each docstring names the equation."""

import numpy as np

from tests.verify.gallery import Shelf, Wrong

wrong = Shelf(Wrong)


def normal(x, axes, eps, ddof=0):
    """Mean 0 and variance 1 over some axes."""
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True, ddof=ddof) + eps)


def behind(x, after=2):
    """The axes behind the first `after`."""
    return tuple(range(after, x.ndim))


def channels(v, x):
    """A vector (C,) that multiplies the channels of x."""
    return v.reshape(1, -1, *[1] * (x.ndim - 2))


def batch(x, weight, bias, mean, var, training, momentum, eps, axes=None, normalising=0,
          running=1, inside=True, old=None):
    """Batch norm, with one thing or another that is not as it should be."""
    axes = (0, *behind(x)) if axes is None else axes
    if training:
        mu, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True, ddof=normalising)
        old = 1 - momentum if old is None else old
        mean = old * mean + (1 - old) * x.mean((0, *behind(x)))
        var = old * var + (1 - old) * x.var((0, *behind(x)), ddof=running)
    else:
        mu, variance = channels(mean, x), channels(var, x)
    root = np.sqrt(variance + eps) if inside else np.sqrt(variance) + eps
    return channels(weight, x) * (x - mu) / root + channels(bias, x), mean, var


@wrong("batch_norm", "batch_norm.1")
def normalised_by_the_unbiased(x, weight, bias, running_mean, running_var, training, momentum, eps):
    """(batch_norm.1): normalises by the unbiased variance."""
    return batch(x, weight, bias, running_mean, running_var, training, momentum, eps,
                 normalising=1)


@wrong("batch_norm", "batch_norm.3")
def runs_with_the_biased(x, weight, bias, running_mean, running_var, training, momentum, eps):
    """(batch_norm.3): the running variance is biased."""
    return batch(x, weight, bias, running_mean, running_var, training, momentum, eps, running=0)


@wrong("batch_norm", "batch_norm.3")
def momentum_of_the_old(x, weight, bias, running_mean, running_var, training, momentum, eps):
    """(batch_norm.3): momentum weighs the old, as in Keras."""
    return batch(x, weight, bias, running_mean, running_var, training, momentum, eps, old=momentum)


@wrong("batch_norm", "batch_norm.1")
def places_by_themselves(x, weight, bias, running_mean, running_var, training, momentum, eps):
    """(batch_norm.1): averages over the batch alone, each place by itself."""
    return batch(x, weight, bias, running_mean, running_var, training, momentum, eps, axes=(0,))


@wrong("batch_norm", "batch_norm.2")
def eps_behind_the_root(x, weight, bias, running_mean, running_var, training, momentum, eps):
    """(batch_norm.2): adds eps to the deviation, not to the variance."""
    return batch(x, weight, bias, running_mean, running_var, training, momentum, eps, inside=False)


@wrong("batch_norm", "batch_norm.4")
def batch_in_evaluation(x, weight, bias, running_mean, running_var, training, momentum, eps):
    """(batch_norm.4): uses the batch in evaluation too."""
    y = batch(x, weight, bias, running_mean, running_var, True, momentum, eps)
    return y if training else (y[0], running_mean, running_var)


@wrong("batch_norm", "batch_norm.4", "batch_norm.3")
def moves_in_evaluation(x, weight, bias, running_mean, running_var, training, momentum, eps):
    """(batch_norm.4): is right, and moves the running moments in evaluation too."""
    y = batch(x, weight, bias, running_mean, running_var, training, momentum, eps)
    moved = batch(x, weight, bias, running_mean, running_var, True, momentum, eps)
    return (y[0], *moved[1:])


@wrong("batch_norm", "batch_norm.2")
def shifted_and_then_scaled(x, weight, bias, running_mean, running_var, training, momentum, eps):
    """(batch_norm.2): adds the bias before it multiplies by the weight."""
    y, mean, var = batch(x, weight, bias, running_mean, running_var, training, momentum, eps)
    return y + channels(bias * (weight - 1), x), mean, var


@wrong("layer_norm", "layer_norm.1")
def over_the_batch(x, weight, bias, eps):
    """(layer_norm.1): averages over the batch, as batch norm does."""
    return normal(x, 0, eps) * weight + bias


@wrong("layer_norm", "layer_norm.1")
def over_the_last_axis_alone(x, weight, bias, eps):
    """(layer_norm.1): averages over the last axis, whatever shape the weight has."""
    return normal(x, -1, eps) * weight + bias


@wrong("layer_norm", "layer_norm.1")
def over_all_but_the_first(x, weight, bias, eps):
    """(layer_norm.1): averages over all of an example, where (N, T, D) has T times D."""
    return normal(x, tuple(range(1, x.ndim)), eps) * weight + bias


@wrong("layer_norm", "layer_norm.1")
def unbiased_over_features(x, weight, bias, eps):
    """(layer_norm.1): the variance is unbiased."""
    return normal(x, tuple(range(x.ndim - weight.ndim, x.ndim)), eps, ddof=1) * weight + bias


@wrong("layer_norm", "layer_norm.1")
def without_the_mean(x, weight, bias, eps):
    """(layer_norm.1): divides by the root of the mean square, and subtracts nothing (RMS norm)."""
    axes = tuple(range(x.ndim - weight.ndim, x.ndim))
    return x / np.sqrt((x * x).mean(axes, keepdims=True) + eps) * weight + bias


@wrong("layer_norm", "layer_norm.1")
def eps_of_its_own(x, weight, bias, eps):
    """(layer_norm.1): has an eps of 1e-3, whatever is given."""
    return normal(x, tuple(range(x.ndim - weight.ndim, x.ndim)), 1e-3) * weight + bias


@wrong("layer_norm", "layer_norm.1")
def by_absolute_deviations(x, weight, bias, eps):
    """(layer_norm.1): divides by the mean absolute deviation."""
    axes = tuple(range(x.ndim - weight.ndim, x.ndim))
    centred = x - x.mean(axes, keepdims=True)
    return centred / (np.abs(centred).mean(axes, keepdims=True) + eps) * weight + bias


@wrong("instance_norm", "instance_norm.1")
def over_the_examples_too(x, weight, bias, eps):
    """(instance_norm.1): averages over the batch too: batch norm."""
    return normal(x, (0, *behind(x)), eps) * channels(weight, x) + channels(bias, x)


@wrong("instance_norm", "instance_norm.1")
def over_the_channels_too(x, weight, bias, eps):
    """(instance_norm.1): averages over the channels too: layer norm."""
    return normal(x, (1, *behind(x)), eps) * channels(weight, x) + channels(bias, x)


@wrong("instance_norm", "instance_norm.1")
def rows_by_themselves(x, weight, bias, eps):
    """(instance_norm.1): averages over the last axis, so each row of a map by itself."""
    return normal(x, (-1,), eps) * channels(weight, x) + channels(bias, x)


@wrong("instance_norm", "instance_norm.1")
def unbiased_over_places(x, weight, bias, eps):
    """(instance_norm.1): the variance is unbiased."""
    return normal(x, behind(x), eps, ddof=1) * channels(weight, x) + channels(bias, x)


@wrong("instance_norm", "instance_norm.2")
def bias_forgotten(x, weight, bias, eps):
    """(instance_norm.2): the bias is not added."""
    return normal(x, behind(x), eps) * channels(weight, x)


def grouped(x, groups, eps, last=False, ddof=0):
    """Groups of neighbouring channels, or (`last`) of every G-th channel."""
    rows = x.reshape(len(x), -1, groups, *x.shape[2:]).swapaxes(1, 2) if last else x
    flat = np.ascontiguousarray(rows).reshape(len(x), groups, -1)
    flat = normal(flat, 2, eps, ddof)
    if not last:
        return flat.reshape(x.shape)
    return flat.reshape(rows.shape).swapaxes(1, 2).reshape(x.shape)


@wrong("group_norm", "group_norm.1")
def groups_interleaved(x, groups, weight, bias, eps):
    """(group_norm.1): a group is every G-th channel."""
    return grouped(x, groups, eps, last=True) * channels(weight, x) + channels(bias, x)


@wrong("group_norm", "group_norm.1")
def groups_of_that_size(x, groups, weight, bias, eps):
    """(group_norm.1): takes G for the number of channels of a group."""
    return grouped(x, x.shape[1] // groups, eps) * channels(weight, x) + channels(bias, x)


@wrong("group_norm", "group_norm.1", "group_norm.2")
def groups_over_the_batch(x, groups, weight, bias, eps):
    """(group_norm.1): averages over the examples too."""
    rows = x.reshape(len(x), groups, -1)
    return normal(rows, (0, 2), eps).reshape(x.shape) * channels(weight, x) + channels(bias, x)


@wrong("group_norm", "group_norm.2")
def unbiased_over_groups(x, groups, weight, bias, eps):
    """(group_norm.2): the variance is unbiased."""
    return grouped(x, groups, eps, ddof=1) * channels(weight, x) + channels(bias, x)


@wrong("group_norm", "group_norm.2")
def one_weight_for_a_group(x, groups, weight, bias, eps):
    """(group_norm.2): all channels of a group have the weight and bias of its first."""
    size = x.shape[1] // groups
    weight, bias = (np.repeat(v[::size], size) for v in (weight, bias))
    return grouped(x, groups, eps) * channels(weight, x) + channels(bias, x)
