"""DropConnect, targeted dropout, pruning, max-norm and L0 as they went wrong."""

import math

import numpy as np

from tests.verify.gallery import Shelf, Wrong
from tests.verify.right_weights import MEAN, candidates

wrong = Shelf(Wrong)


def connected(x, w, b, mask):
    """(dropconnect.2), for masks (N, out, in) or (out, in)."""
    return ((w * mask) @ x[:, :, None])[:, :, 0] + b


def mean(x, w, b, p):
    """The mean over all masks."""
    return x.dtype.type(1 - p) * x @ w.T + b


@wrong("dropconnect", "dropconnect.1", options=MEAN)
def one_mask_for_the_batch(x, w, b, p, training, rng):
    """(dropconnect.1): a mask for the batch, where each example was to have one."""
    return connected(x, w, b, rng.random(w.shape) >= p) if training else mean(x, w, b, p)


@wrong("dropconnect", "dropconnect.1", options=MEAN)
def inputs_dropped(x, w, b, p, training, rng):
    """(dropconnect.1): drops inputs, that is whole columns of the weights: plain dropout."""
    mask = rng.random((len(x), 1, w.shape[1])) >= p
    return connected(x, w, b, mask) if training else mean(x, w, b, p)


@wrong("dropconnect", "dropconnect.1", options=MEAN)
def outputs_dropped(x, w, b, p, training, rng):
    """(dropconnect.1): drops whole rows of the weights."""
    mask = rng.random((len(x), w.shape[0], 1)) >= p
    return connected(x, w, b, mask) if training else mean(x, w, b, p)


@wrong("dropconnect", "dropconnect.1", options=MEAN)
def connections_kept_with_p(x, w, b, p, training, rng):
    """(dropconnect.1): p is taken for the paper's letter, which keeps."""
    mask = rng.random((len(x), *w.shape)) < p
    return connected(x, w, b, mask) if training else mean(x, w, b, p)


@wrong("dropconnect", "dropconnect.2", options=MEAN)
def scaled_while_training(x, w, b, p, training, rng):
    """(dropconnect.2): divides by q in training, and weighs by q in evaluation too."""
    if not training:
        return mean(x, w, b, p)
    mask = (rng.random((len(x), *w.shape)) >= p) / (1 - p if p < 1 else 1)
    return connected(x, w, b, mask.astype(w.dtype))


@wrong("dropconnect", "dropconnect.2", options=MEAN)
def bias_dropped(x, w, b, p, training, rng):
    """(dropconnect.2): drops biases as well."""
    if not training:
        return mean(x, w, b, p)
    mask = rng.random((len(x), *w.shape)) >= p
    return connected(x, w, b * (rng.random((len(x), *b.shape)) >= p), mask)


@wrong("dropconnect", "dropconnect.5", options=MEAN)
def plain_weights_in_evaluation(x, w, b, p, training, rng):
    """(dropconnect.5): evaluates with W, though nothing was scaled in training."""
    mask = rng.random((len(x), *w.shape)) >= p
    return connected(x, w, b, mask) if training else x @ w.T + b


@wrong("dropconnect", "dropconnect.5", options=MEAN)
def bias_weighed_in_evaluation(x, w, b, p, training, rng):
    """(dropconnect.5): weighs the bias by q too."""
    mask = rng.random((len(x), *w.shape)) >= p
    return connected(x, w, b, mask) if training else x.dtype.type(1 - p) * (x @ w.T + b)


@wrong("dropconnect", "dropconnect.5", "dropconnect.6", options={"inference": "gaussian"})
def variance_without_the_rate(x, w, b, p, training, rng):
    """(dropconnect.5): samples in evaluation with the variance q W^2 v^2, without p."""
    if training:
        return connected(x, w, b, rng.random((len(x), *w.shape)) >= p)
    deviation = np.sqrt((1 - p) * (x * x) @ (w * w).T)
    return mean(x, w, b, p) + deviation * rng.standard_normal(deviation.shape).astype(x.dtype)


@wrong("dropconnect", "dropconnect.5", "dropconnect.2", options=MEAN)
def masks_in_evaluation(x, w, b, p, training, rng):
    """(dropconnect.5): ignores the mode."""
    return connected(x, w, b, rng.random((len(x), *w.shape)) >= p)


def used(w, chosen, alpha, rng, unit=False):
    """The weights without those of the chosen that are drawn."""
    shape = (len(w), *[1] * (w.ndim - 1)) if unit else w.shape
    return w * ~(chosen & (rng.random(shape) < alpha))


@wrong("targeted", "targeted.6", museum=15)
def single_weights_of_a_unit(w, gamma, alpha, unit, rng):
    """(targeted.6): draws for each weight of a candidate unit, which then loses some of them."""
    return used(w, candidates(w, gamma, unit), alpha, rng)


@wrong("targeted", "targeted.6", museum=16)
def modes_exchanged(w, gamma, alpha, unit, rng, training=True):
    """(targeted.6): removes all candidates while it trains, and draws in evaluation."""
    chosen = candidates(w, gamma, unit)
    return w * ~chosen if training else used(w, chosen, alpha, rng, unit)


@wrong("targeted", "targeted.3", "targeted.4", museum=17)
def strictly_below_a_threshold(w, gamma, alpha, unit, rng):
    """(targeted.3): candidates lie below a threshold: of equal weights there are too few."""
    rows = np.abs(w.reshape(len(w), -1))
    sizes = np.linalg.norm(rows, axis=1)[None] if unit else rows
    index = min(int(gamma * sizes.shape[1]), sizes.shape[1] - 1)
    chosen = sizes < np.sort(sizes, axis=1)[:, index, None]
    chosen = chosen[0].reshape(-1, *[1] * (w.ndim - 1)) if unit else chosen.reshape(w.shape)
    return used(w, chosen, alpha, rng, unit)


@wrong("targeted", "targeted.6", museum=18)
def others_dropped(w, gamma, alpha, unit, rng):
    """(targeted.6): all candidates are dropped, and the others as candidates should be."""
    chosen = candidates(w, gamma, unit)
    return used(w * ~chosen, ~chosen, 1 - alpha, rng, unit)


@wrong("targeted", "targeted.3", "targeted.4")
def largest_chosen(w, gamma, alpha, unit, rng):
    """(targeted.3): candidates are the largest."""
    return used(w, ~candidates(w, 1 - gamma, unit), alpha, rng, unit)


@wrong("targeted", "targeted.3")
def smallest_of_all_rows(w, gamma, alpha, unit, rng):
    """(targeted.3): candidates are the smallest of the layer, not of each row."""
    chosen = candidates(w, gamma, True) if unit else candidates(w.reshape(1, -1), gamma, False)
    return used(w, chosen.reshape(w.shape), alpha, rng, unit)


@wrong("targeted", "targeted.3")
def smallest_of_columns(w, gamma, alpha, unit, rng):
    """(targeted.3): candidates are the smallest of each column, as where units are columns."""
    if unit:
        return used(w, candidates(w, gamma, True), alpha, rng, True)
    return used(w, np.moveaxis(candidates(np.moveaxis(w, 1, 0), gamma, False), 0, 1), alpha, rng)


@wrong("targeted", "targeted.3", "targeted.4")
def smallest_with_their_sign(w, gamma, alpha, unit, rng):
    """(targeted.3): forgets the absolute value, so the most negative are candidates."""
    chosen = candidates(w, gamma, True) if unit else candidates(np.exp(w), gamma, False)
    return used(w, chosen, alpha, rng, unit)


@wrong("targeted", "targeted.4")
def units_by_their_sums(w, gamma, alpha, unit, rng):
    """(targeted.4): ranks units by the sum of sizes, not by the root of the sum of squares."""
    if not unit:
        return used(w, candidates(w, gamma, False), alpha, rng)
    sums = np.abs(w).reshape(len(w), -1).sum(1).reshape(-1, *[1] * (w.ndim - 1))
    return used(w, candidates(sums, gamma, True), alpha, rng, True)


@wrong("targeted", "targeted.6")
def rescaled_by_what_is_left(w, gamma, alpha, unit, rng):
    """(targeted.6): divides by 1 - gamma alpha, where nothing is to be scaled."""
    scale = w.dtype.type(1 / max(1 - gamma * alpha, 1e-6))
    return used(w, candidates(w, gamma, unit), alpha, rng, unit) * scale


@wrong("targeted", "targeted.6")
def all_or_none(w, gamma, alpha, unit, rng):
    """(targeted.6): one draw for all candidates."""
    return w * ~candidates(w, gamma, unit) if rng.random() < alpha else w.copy()


@wrong("targeted", "targeted.6")
def alpha_that_keeps(w, gamma, alpha, unit, rng):
    """(targeted.6): candidates are kept with probability alpha."""
    return used(w, candidates(w, gamma, unit), 1 - alpha, rng, unit)


@wrong("pruning", "pruning.1", "pruning.2")
def largest_removed(w, sparsity, unit):
    """(pruning.1): removes the largest."""
    gone = ~candidates(w, 1 - sparsity, unit)
    return ~gone[(slice(None), *[0] * (w.ndim - 1))] if unit else ~gone


@wrong("pruning", "pruning.3")
def rounded_to_the_nearest(w, sparsity, unit):
    """(pruning.3): removes round(s n), not floor(s n)."""
    n = len(w) if unit else w[0].size
    gone = candidates(w, min(round(sparsity * n) / n, 1), unit)
    return ~gone[(slice(None), *[0] * (w.ndim - 1))] if unit else ~gone


@wrong("pruning", "pruning.3")
def cut_without_room(w, sparsity, unit):
    """(pruning.3): int(s n), and 0.29 of 100 is 28.999999999999996."""
    n = len(w) if unit else w[0].size
    gone = candidates(w, int(sparsity * n) / n, unit)
    return ~gone[(slice(None), *[0] * (w.ndim - 1))] if unit else ~gone


@wrong("pruning", "pruning.1")
def smallest_of_the_layer(w, sparsity, unit):
    """(pruning.1): compares all weights of the layer."""
    if unit:
        return ~candidates(w, sparsity, True)[(slice(None), *[0] * (w.ndim - 1))]
    return ~candidates(w.reshape(1, -1), sparsity, False).reshape(w.shape)


@wrong("pruning", "pruning.3")
def all_equal_ones_removed(w, sparsity, unit):
    """(pruning.3): removes whatever is at most the threshold: of equal weights too many."""
    rows = np.abs(w.reshape(len(w), -1))
    sizes = np.linalg.norm(rows, axis=1)[None] if unit else rows
    count = math.floor(sparsity * sizes.shape[1] + 1e-9)
    if count == 0:
        return np.ones(len(w) if unit else w.shape, bool)
    kept = sizes > np.sort(sizes, axis=1)[:, count - 1, None]
    return kept[0] if unit else kept.reshape(w.shape)


@wrong("max_norm", "max_norm.1")
def columns_shortened(w, limit):
    """(max_norm.1): shortens the outgoing weights of a unit, a column."""
    lengths = np.sqrt(np.square(w).sum(0, keepdims=True))
    return w * np.minimum(1, limit / np.maximum(lengths, 1e-30)).astype(w.dtype)


@wrong("max_norm", "max_norm.1")
def always_of_the_limit(w, limit):
    """(max_norm.1): gives every row the length c, shorter ones too."""
    lengths = np.sqrt(np.square(w).sum(axis=tuple(range(1, w.ndim)), keepdims=True))
    return w * (limit / np.maximum(lengths, 1e-30)).astype(w.dtype)


@wrong("max_norm", "max_norm.1")
def the_whole_matrix(w, limit):
    """(max_norm.1): shortens the matrix as a whole."""
    return w * w.dtype.type(min(1, limit / max(float(np.linalg.norm(w)), 1e-30)))


@wrong("max_norm", "max_norm.1")
def squares_compared(w, limit):
    """(max_norm.1): compares the squared length with c, as where the limit is of squares."""
    squares = np.square(w).sum(axis=tuple(range(1, w.ndim)), keepdims=True)
    return w * np.sqrt(np.minimum(1, limit / np.maximum(squares, 1e-30))).astype(w.dtype)


@wrong("max_norm", "max_norm.1")
def entries_clipped(w, limit):
    """(max_norm.1): clips the entries."""
    return np.clip(w, -limit, limit)


@wrong("max_norm", "max_norm.1")
def the_last_axis_alone(w, limit):
    """(max_norm.1): measures the last axis, so rows of a filter are shortened by themselves."""
    lengths = np.sqrt(np.square(w).sum(-1, keepdims=True))
    return w * np.minimum(1, limit / np.maximum(lengths, 1e-30)).astype(w.dtype)
