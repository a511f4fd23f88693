"""Small functions that several formulas share; they take complex numbers too."""

import math

import numpy as np


def size(x):
    return x * np.sign(np.real(x))


def relu(x):
    return np.where(np.real(x) > 0, x, 0)


def cut(x):
    return np.where(np.real(x) >= 1, 1, relu(x))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(z):
    e = np.exp(z - np.real(z).max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def cross_entropy(z, y):
    return -np.mean(np.log(softmax(z))[np.arange(len(y)), y])


def entropy(p):
    return np.array([-sum(v * math.log(v) for v in row if v > 0) for row in p])


def normal(x, axes, eps):
    mean = x.mean(axes, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axes, keepdims=True) + eps)


def beside(v, x):
    """A value for each channel, in the shape of x (N, C, ...)."""
    return v.reshape(1, -1, *[1] * (x.ndim - 2))


def first_smallest(row, share):
    """Which entries of a list are the floor(share n) smallest, of equal ones the first."""
    k = math.floor(share * len(row) + 1e-9)
    order = sorted(range(len(row)), key=lambda i: (row[i], i))
    return [i in order[:k] for i in range(len(row))]


def smallest_weights(w, share, unit):
    rows = abs(w.reshape(len(w), -1))
    if unit:
        return np.array(first_smallest([math.hypot(*row) for row in rows], share))
    return np.array([first_smallest(list(row), share) for row in rows]).reshape(w.shape)
