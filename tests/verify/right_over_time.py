"""Adam, cyclic rates, early and late dropout, averages of weights: all right."""

import math

import numpy as np

import minidrop as md
from tests.verify.gallery import Right, Shelf

right = Shelf(Right)
right("snapshot", name="minidrop")(md.cyclic_cosine)
right("early_late", name="minidrop, early", options={"when": "early"})(md.early)
right("early_late", name="minidrop, late", options={"when": "late"})(md.late)


@right("adam")
def both_means_corrected(w, gradients, lr, beta1, beta2, eps):
    """The algorithm as it is printed."""
    m, v, seen, w = np.zeros_like(w), np.zeros_like(w), [], w.copy()
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        w = w - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
        seen.append(w)
    return np.stack(seen)


@right("adam")
def corrected_in_the_step_size(w, gradients, lr, beta1, beta2, eps):
    """As PyTorch writes it: moments in place, one correction moved into the step size."""
    m, v, w = np.zeros_like(w), np.zeros_like(w), w.copy()
    seen = np.empty((len(gradients), *w.shape), w.dtype)
    for t, g in enumerate(gradients):
        m += (1 - beta1) * (g - m)
        v += (1 - beta2) * (g * g - v)
        root = np.sqrt(v) / math.sqrt(1 - beta2 ** (t + 1)) + eps
        w -= lr / (1 - beta1 ** (t + 1)) * m / root
        seen[t] = w
    return seen


@right("snapshot")
def half_a_cosine_wave(t, total, cycles, lr0):
    """The rate of iteration t, from 1."""
    length = math.ceil(total / cycles)
    return lr0 / 2 * (math.cos(math.pi * ((t - 1) % length) / length) + 1)


@right("snapshot")
def square_of_a_cosine(t, total, cycles, lr0):
    """The same by the square of the cosine of half the angle, the ceiling by whole numbers."""
    length = -(-total // cycles)
    return lr0 * np.cos(np.pi / 2 * np.mod(t - 1, length) / length) ** 2


@right("early_late", options={"when": "early"})
def early_by_comparing(p, cutoff, total):
    """p where t is below the cutoff."""
    return np.where(np.arange(total) < cutoff, p, 0.0)


@right("early_late", options={"when": "late"})
def late_by_joining(p, cutoff, total):
    """Zeros, then the rate."""
    return np.array([0.0] * cutoff + [p] * (total - cutoff))


@right("ema", options={"kind": "corrected"})
def averaged_from_zero(weights, decay):
    """Starts at zero, and divides by what has been seen."""
    average, seen = np.zeros_like(weights[0]), []
    for t, w in enumerate(weights, start=1):
        average = decay * average + (1 - decay) * w
        seen.append(average / (1 - decay**t))
    return np.array(seen)


@right("ema", options={"kind": "corrected"})
def averaged_by_powers(weights, decay):
    """As a sum with weights that are powers, divided by their sum."""
    seen = []
    for t in range(1, len(weights) + 1):
        powers = (decay ** np.arange(t - 1, -1, -1)).astype(weights.dtype)
        seen.append(np.tensordot(powers, weights[:t], 1) / powers.sum())
    return np.stack(seen)


@right("ema", options={"kind": "first"})
def averaged_from_the_first(weights, decay):
    """PyTorch's: starts at the first weights, without a correction."""
    averages = weights.copy()
    for t in range(1, len(weights)):
        averages[t] = decay * averages[t - 1] + (1 - decay) * weights[t]
    return averages


@right("swa")
def mean_of_all(weights):
    """The plain mean."""
    return np.mean(weights, axis=0)


@right("swa")
def mean_step_by_step(weights):
    """A running mean that moves by 1 / (n + 1) of the way."""
    mean = np.zeros_like(weights[0])
    for n, w in enumerate(weights):
        mean += (w - mean) / (n + 1)
    return mean
