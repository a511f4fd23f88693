"""Adam, schedules and averages as they went wrong: each docstring names the equation."""

import math

import numpy as np

from tests.verify.gallery import Shelf, Wrong

wrong = Shelf(Wrong)


def steps(w, gradients, lr, beta1, beta2, eps, first=True, second=True,
          step=lambda m, v, eps: m / (np.sqrt(v) + eps)):
    """Adam, with or without its corrections, and with another step."""
    m, v, seen = np.zeros_like(w), np.zeros_like(w), []
    for t, g in enumerate(gradients, start=1):
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        w = w - lr * step(m / (1 - beta1**t if first else 1), v / (1 - beta2**t if second else 1),
                          eps)
        seen.append(w)
    return np.stack(seen)


@wrong("adam", "adam.4", museum=7)
def without_the_root(w, gradients, lr, beta1, beta2, eps):
    """(adam.4): divides by the mean square, not by its root."""
    return steps(w, gradients, lr, beta1, beta2, eps, step=lambda m, v, eps: m / (v + eps))


@wrong("adam", "adam.4")
def eps_inside_the_root(w, gradients, lr, beta1, beta2, eps):
    """(adam.4): adds eps to the mean square, not to its root."""
    return steps(w, gradients, lr, beta1, beta2, eps,
                 step=lambda m, v, eps: m / np.sqrt(v + eps))


@wrong("adam", "adam.3")
def without_corrections(w, gradients, lr, beta1, beta2, eps):
    """(adam.3): neither mean is corrected."""
    return steps(w, gradients, lr, beta1, beta2, eps, first=False, second=False)


@wrong("adam", "adam.3")
def only_the_first_corrected(w, gradients, lr, beta1, beta2, eps):
    """(adam.3): the mean square is not corrected."""
    return steps(w, gradients, lr, beta1, beta2, eps, second=False)


@wrong("adam", "adam.1", "adam.2")
def memories_exchanged(w, gradients, lr, beta1, beta2, eps):
    """(adam.1): beta1 and beta2 in each other's place."""
    return steps(w, gradients, lr, beta2, beta1, eps)


@wrong("adam", "adam.3")
def counted_from_zero(w, gradients, lr, beta1, beta2, eps):
    """(adam.3): the first step counts as 0 and is not corrected, the second counts as 1."""
    m, v, seen = np.zeros_like(w), np.zeros_like(w), []
    for t, g in enumerate(gradients):
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        w = w - lr * (m / (1 - beta1**t or 1)) / (np.sqrt(v / (1 - beta2**t or 1)) + eps)
        seen.append(w)
    return np.stack(seen)


@wrong("adam", "adam.2")
def square_of_the_mean(w, gradients, lr, beta1, beta2, eps):
    """(adam.2): takes the running mean of g, squared, for that of g squared."""
    m, second, seen = np.zeros_like(w), np.zeros_like(w), []
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        second = beta2 * second + (1 - beta2) * g
        v = (second / (1 - beta2**t)) ** 2
        w = w - lr * m / (1 - beta1**t) / (np.sqrt(v) + eps)
        seen.append(w)
    return np.stack(seen)


@wrong("adam", "adam.4")
def uphill(w, gradients, lr, beta1, beta2, eps):
    """(adam.4): adds the step."""
    return steps(w, gradients, -lr, beta1, beta2, eps)


def wave(place, length, lr0):
    """The rate at a place of a cycle."""
    return lr0 / 2 * (math.cos(math.pi * place / length) + 1)


@wrong("snapshot", "snapshot.2", "snapshot.1")
def cycles_rounded_down(t, total, cycles, lr0):
    """(snapshot.2): a cycle has floor(T / M) iterations, so there may be one more."""
    length = total // cycles
    return wave((t - 1) % length, length, lr0)


@wrong("snapshot", "snapshot.2", "snapshot.1")
def time_from_zero(t, total, cycles, lr0):
    """(snapshot.2): takes t for a count from 0, and begins a step late."""
    length = math.ceil(total / cycles)
    return wave(t % length, length, lr0)


@wrong("snapshot", "snapshot.2", "snapshot.1")
def down_to_zero(t, total, cycles, lr0):
    """(snapshot.2): divides by length - 1, so that a cycle ends at 0."""
    length = math.ceil(total / cycles)
    return wave((t - 1) % length, max(length - 1, 1), lr0)


@wrong("snapshot", "snapshot.2", "snapshot.1")
def a_whole_wave(t, total, cycles, lr0):
    """(snapshot.2): a whole wave, down and up again."""
    length = math.ceil(total / cycles)
    return wave(2 * ((t - 1) % length), length, lr0)


@wrong("snapshot", "snapshot.2", "snapshot.1")
def never_started_again(t, total, cycles, lr0):
    """(snapshot.2): one wave for the whole run."""
    return wave(t - 1, total, lr0)


@wrong("snapshot", "snapshot.2")
def twice_as_high(t, total, cycles, lr0):
    """(snapshot.2): forgets to halve."""
    length = math.ceil(total / cycles)
    return 2 * wave((t - 1) % length, length, lr0)


@wrong("early_late", "early_late.1", options={"when": "early"})
def cutoff_included(p, cutoff, total):
    """(early_late.1): iteration T_c still drops."""
    return np.where(np.arange(total) <= cutoff, p, 0.0)


@wrong("early_late", "early_late.1", options={"when": "early"})
def counted_from_one(p, cutoff, total):
    """(early_late.1): counts iterations from 1, and ends one too early."""
    return np.where(np.arange(1, total + 1) < cutoff, p, 0.0)


@wrong("early_late", "early_late.1", options={"when": "early"})
def late_for_early(p, cutoff, total):
    """(early_late.1): drops behind the cutoff."""
    return np.where(np.arange(total) < cutoff, 0.0, p)


@wrong("early_late", "early_late.3", options={"when": "late"})
def late_by_one(p, cutoff, total):
    """(early_late.3): iteration T_c does not drop yet."""
    return np.where(np.arange(total) > cutoff, p, 0.0)


@wrong("early_late", "early_late.3", options={"when": "late"})
def cutoff_from_the_end(p, cutoff, total):
    """(early_late.3): the last T_c iterations drop."""
    return np.where(np.arange(total) >= total - cutoff, p, 0.0)


@wrong("ema", "ema.3", options={"kind": "corrected"})
def never_corrected(weights, decay):
    """(ema.3): starts at zero, and does not divide."""
    return averaged(weights, decay, lambda t: 1.0)


@wrong("ema", "ema.3", options={"kind": "corrected"})
def corrected_by_the_step_before(weights, decay):
    """(ema.3): divides by 1 - mu^(t + 1)."""
    return averaged(weights, decay, lambda t: 1 - decay ** (t + 1))


@wrong("ema", "ema.1", options={"kind": "corrected"})
def decay_of_the_new(weights, decay):
    """(ema.1): the new weights have the share mu, the average 1 - mu."""
    return averaged(weights, 1 - decay, lambda t: 1 - (1 - decay) ** t)


@wrong("ema", "ema.1", "ema.3", options={"kind": "corrected"})
def corrected_and_kept(weights, decay):
    """(ema.1): goes on from the corrected average, and so corrects again and again."""
    average, seen = np.zeros_like(weights[0]), []
    for t, w in enumerate(weights, start=1):
        average = (decay * average + (1 - decay) * w) / (1 - decay**t)
        seen.append(average)
    return np.stack(seen)


@wrong("ema", "ema.4", options={"kind": "first"})
def begun_at_zero(weights, decay):
    """(ema.4): starts at zero, where it should start at the first weights."""
    return averaged(weights, decay, lambda t: 1 - decay**t)


def averaged(weights, decay, seen_by):
    """An average that starts at zero, divided by a function of the step."""
    average, seen = np.zeros_like(weights[0]), []
    for t, w in enumerate(weights, start=1):
        average = decay * average + (1 - decay) * w
        seen.append(average / seen_by(t))
    return np.stack(seen)


@wrong("swa", "swa.1", "swa.2")
def half_of_the_newest(weights):
    """(swa.1): the mean of the average and the newest, so the newest weigh one half."""
    mean = weights[0]
    for w in weights[1:]:
        mean = (mean + w) / 2
    return mean


@wrong("swa", "swa.1", "swa.2")
def counted_one_too_many(weights):
    """(swa.1): divides by n + 2, as if the start had been a model."""
    mean = np.zeros_like(weights[0])
    for n, w in enumerate(weights):
        mean = (mean * n + w) / (n + 2 if n else 1)
    return mean


@wrong("swa", "swa.2")
def the_first_forgotten(weights):
    """(swa.2): leaves out the first weights."""
    return weights[min(1, len(weights) - 1):].mean(0)


@wrong("swa", "swa.2")
def median_for_the_mean(weights):
    """(swa.2): the median of every weight."""
    return np.median(weights, axis=0).astype(weights.dtype)
