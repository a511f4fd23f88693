"""DropConnect, targeted dropout, pruning, max-norm, L0 gates, variational dropout: all right."""

import math

import numpy as np

import minidrop as md
from tests.verify.gallery import Right, Shelf

right = Shelf(Right)
MEAN = {"inference": "mean"}
right("pruning", name="minidrop")(md.magnitude_mask)
right("max_norm", name="minidrop")(md.max_norm)


@right("dropconnect", options=MEAN)
def masked_weights_by_einsum(x, w, b, p, training, rng):
    """A mask of the weights for each example, one sum over the inputs; the mean in evaluation."""
    if not training:
        return (1 - p) * x @ w.T + b
    mask = rng.random((len(x), *w.shape)) < 1 - p
    return np.einsum("noi,oi,ni->no", mask, w, x) + b


@right("dropconnect", options=MEAN)
def masked_weights_in_loops(x, w, b, p, training, rng):
    """Example by example: each has a network of its own."""
    if not training:
        return x @ (w * w.dtype.type(1 - p)).T + b
    return np.stack([(w * (rng.random(w.shape) >= p)) @ row + b for row in x])


@right("dropconnect", options=MEAN)
def masked_weights_with_a_seed(x, w, b, p, training, seed):
    """Selects, columns drawn first, and multiplies in a batch of matrices."""
    if not training:
        return x @ w.T * x.dtype.type(1 - p) + b
    mask = np.random.default_rng(seed).random((len(x), *w.T.shape), dtype=np.float32) < 1 - p
    return (x[:, None, :] @ np.where(mask, w.T, w.dtype.type(0)))[:, 0] + b


@right("dropconnect", options={"per": "batch", **MEAN})
def masked_weights_of_the_batch(x, w, b, p, training, rng):
    """Plain dropout of the weights: one mask for the batch."""
    if not training:
        return (1 - p) * x @ w.T + b
    return x @ (w * (rng.random(w.shape) < 1 - p)).T + b


@right("dropconnect", options={"inference": "gaussian"})
def sampled_in_evaluation(x, w, b, p, training, rng):
    """As in the paper: in evaluation the pre-activation is normal, of the mean and the variance."""
    if training:
        return masked_weights_in_loops(x, w, b, p, training, rng)
    deviation = np.sqrt(p * (1 - p) * (x * x) @ (w * w).T)
    noise = rng.standard_normal(deviation.shape).astype(x.dtype)
    return (1 - p) * x @ w.T + b + deviation * noise


def smallest(sizes, share):
    """Where the floor(share n) smallest are, of equal ones the first: boolean."""
    gone = np.zeros(len(sizes), bool)
    gone[np.argsort(sizes, kind="stable")[:math.floor(share * len(sizes) + 1e-9)]] = True
    return gone


def candidates(w, gamma, unit):
    """What may be dropped, in the shape of the weights."""
    rows = w.reshape(len(w), -1)
    if unit:
        gone = smallest(np.linalg.norm(rows, axis=1), gamma)
        return np.broadcast_to(gone.reshape(-1, *[1] * (w.ndim - 1)), w.shape)
    return np.stack([smallest(np.abs(row), gamma) for row in rows]).reshape(w.shape)


@right("targeted")
def candidates_multiplied(w, gamma, alpha, unit, rng):
    """One draw for each weight, or for each unit, and a product."""
    shape = (len(w), *[1] * (w.ndim - 1)) if unit else w.shape
    dropped = candidates(w, gamma, unit) & (rng.random(shape) < alpha)
    return w * ~dropped


@right("targeted")
def candidates_in_loops(w, gamma, alpha, unit, rng):
    """Row by row; only candidates are drawn for."""
    used, chosen = w.copy(), candidates(w, gamma, unit)
    for row, may in zip(used.reshape(len(w), -1), chosen.reshape(len(w), -1), strict=True):
        if unit:
            if may.all() and rng.random() < alpha:
                row[:] = 0
            continue
        for i in np.flatnonzero(may):
            row[i] = row[i] if rng.random() >= alpha else 0
    return used


@right("targeted")
def candidates_by_sorting(w, gamma, alpha, unit, seed):
    """Ranks by sorting twice, a generator from a seed, and a selection."""
    rows, rng = np.abs(w.reshape(len(w), -1)), np.random.default_rng(seed)
    sizes = np.linalg.norm(rows, axis=1)[None] if unit else rows
    ranks = sizes.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    may = ranks < math.floor(gamma * sizes.shape[1] + 1e-9)
    kept = ~may | (rng.random(may.shape) >= alpha)
    kept = kept[0].reshape(-1, *[1] * (w.ndim - 1)) if unit else kept.reshape(w.shape)
    return np.where(kept, w, w.dtype.type(0))


@right("pruning")
def largest_kept(w, sparsity, unit):
    """The smallest of a stable order are removed."""
    gone = candidates(w, sparsity, unit)
    return ~gone[(slice(None), *[0] * (w.ndim - 1))] if unit else ~gone


@right("pruning")
def largest_kept_in_loops(w, sparsity, unit):
    """By sorting pairs of a size and a place, with Python's own sort."""
    def keep(sizes):
        order = sorted(range(len(sizes)), key=lambda place: (sizes[place], place))
        gone = set(order[:math.floor(sparsity * len(sizes) + 1e-9)])
        return [place not in gone for place in range(len(sizes))]

    rows = w.reshape(len(w), -1)
    if unit:
        return np.array(keep([float(np.sqrt((row * row).sum())) for row in rows]))
    return np.array([keep([abs(float(v)) for v in row]) for row in rows]).reshape(w.shape)


@right("max_norm")
def rows_shortened(w, limit):
    """Rows times min(1, c / length)."""
    lengths = np.sqrt(np.square(w).sum(axis=tuple(range(1, w.ndim)), keepdims=True))
    return w * np.minimum(1, limit / np.maximum(lengths, 1e-30)).astype(w.dtype)


@right("max_norm")
def rows_shortened_in_loops(w, limit):
    """Row by row, only where a row is too long."""
    shorter = w.copy()
    for row in shorter:
        length = np.linalg.norm(row)
        if length > limit:
            row *= limit / length
    return shorter


@right("l0")
def gate_by_definition(log_alpha, u):
    """A logistic function, stretched to (-0.1, 1.1) and cut off, at a temperature of 2/3."""
    s = 1 / (1 + np.exp(-(np.log(u) - np.log(1 - u) + log_alpha) / (2 / 3)))
    return np.clip(s * 1.2 - 0.1, 0, 1)


@right("l0")
def gate_by_powers(log_alpha, u):
    """The same without logarithms: odds to the power of 1.5."""
    odds = (np.exp(log_alpha) * u / (1 - u)) ** 1.5
    return np.minimum(1, np.maximum(0, -0.1 + 1.2 * odds / (1 + odds)))


@right("variational")
def local_noise(x, theta, log_sigma2, noise):
    """Mean plus deviation times noise, weights (in, out)."""
    return x @ theta + np.sqrt((x * x) @ np.exp(log_sigma2)) * noise


@right("variational")
def local_noise_by_alpha(x, theta, log_sigma2, noise):
    """The variance by alpha theta^2, which is sigma^2."""
    alpha = np.exp(log_sigma2) / theta**2
    return x @ theta + noise * (x**2 @ (alpha * theta**2)) ** 0.5


@right("l0")
def gate_in_both_modes(log_alpha, u, training):
    """Without noise the logistic function of log alpha alone, stretched and cut off."""
    if training:
        return gate_by_definition(log_alpha, u)
    return np.clip(1.2 / (1 + np.exp(-log_alpha)) - 0.1, 0, 1)
