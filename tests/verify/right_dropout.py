"""Dropout in many styles, all of them right."""

import random

import numpy as np

import minidrop as md
from tests.verify.gallery import Right, Shelf

right = Shelf(Right)
right("dropout", name="minidrop")(md.Dropout)


@right("dropout")
def multiplied(x, p, training, rng):
    """The mask as numbers, divided by q, times x."""
    if not training or p == 0:
        return x
    if p == 1:
        return np.zeros_like(x)
    mask = (rng.random(x.shape) < 1 - p).astype(x.dtype)
    return x * (mask / (1 - p)).astype(x.dtype)


@right("dropout")
def selected(x, p, training, rng):
    """x / q or 0, selected by a mask: one that the grader of the museum's fault 13 refuses."""
    if not training:
        return x
    if p == 1:
        return np.zeros_like(x)
    return np.where(rng.random(x.shape) < 1 - p, x / (1 - p), 0).astype(x.dtype)


@right("dropout")
def mirrored(x, p, training, rng):
    """The mirrored inequality, u is at least p: the grader of fault 13 refuses this or that."""
    if not training:
        return x
    keep = rng.random(x.shape) >= p
    return np.where(keep, x / (1 - p) if p < 1 else x, 0).astype(x.dtype)


@right("dropout")
def binomial(x, p, training, rng):
    """The mask is binomial, of one trial: other draws, which the grader of fault 13 refuses."""
    if not training:
        return x.copy()
    keep = rng.binomial(1, 1 - p, size=x.shape).astype(bool)
    y = np.zeros_like(x)
    y[keep] = x[keep] / x.dtype.type(1 - p)               # at p = 1 there is none
    return y


@right("dropout")
def chosen(x, p, training, rng):
    """The scaled mask is chosen from its two values with their chances."""
    if not training or p == 0:
        return x.copy()
    values = np.array([0, 0 if p == 1 else 1 / (1 - p)], x.dtype)
    return x * rng.choice(values, size=x.shape, p=[p, 1 - p])


@right("dropout")
def in_loops(x, p, training, rng):
    """Unit by unit, in loops over a flat copy."""
    y = x.flatten()
    if training:
        for i, value in enumerate(y.tolist()):
            y[i] = value / (1 - p) if rng.random() < 1 - p else 0.0
    return y.reshape(x.shape)


@right("dropout")
def columns_first(x, p, training, rng):
    """Draws the mask transposed, the last axis first."""
    if not training:
        return x
    u = rng.random(x.shape[::-1]).T
    keep = u < 1 - p
    scale = 0.0 if p == 1 else 1 / (1 - p)
    return (x * keep * x.dtype.type(scale)).astype(x.dtype)


@right("dropout")
def in_single_precision(x, p, training, rng):
    """Draws in float32."""
    if not training:
        return x
    keep = rng.random(x.shape, dtype=np.float32) < np.float32(1 - p)
    return np.where(keep, x * x.dtype.type(1 / (1 - p) if p < 1 else 0.0), x.dtype.type(0))


@right("dropout")
def scaled_before_it_is_masked(x, p, training, rng):
    """Divides first, then zeroes the places that are dropped in the copy."""
    if not training:
        return x
    y = x * x.dtype.type(0.0 if p == 1 else 1 / (1 - p))
    y[rng.random(x.shape) < p] = 0
    return y


@right("dropout")
def whole_numbers(x, p, training, rng):
    """Compares 32 random bits with q 2^32."""
    if not training:
        return x
    keep = rng.integers(0, 2**32, size=x.shape, dtype=np.uint64) < round((1 - p) * 2**32)
    return x * keep * x.dtype.type(0.0 if p == 1 else 1 / (1 - p))


@right("dropout")
def with_a_seed(x, p, training, seed):
    """Makes a generator from a seed that is given."""
    if not training:
        return x
    keep = np.random.default_rng(seed).random(x.shape) < 1 - p
    return np.where(keep, x / x.dtype.type(1 - p if p < 1 else 1), x.dtype.type(0))


@right("dropout")
def from_the_global_state(x, p, training=True):
    """Takes no generator: the global one of NumPy."""
    if not training:
        return x
    keep = np.random.rand(*x.shape) < 1 - p                                   # noqa: NPY002
    return x * (keep * (0.0 if p == 1 else 1 / (1 - p))).astype(x.dtype)


@right("dropout")
def from_the_generator_of_python(x, p, training=True):
    """Takes no generator, and draws with Python's own."""
    if not training:
        return x
    keep = np.array([random.random() < 1 - p for _ in range(x.size)], bool).reshape(x.shape)
    return np.where(keep, x / x.dtype.type(1 - p if p < 1 else 1), x.dtype.type(0))


@right("dropout")
def with_the_mask_given(x, mask, p):
    """The equation alone, for a mask that is given."""
    return x * mask * x.dtype.type(0.0 if p == 1 else 1 / (1 - p))


@right("dropout")
def train_flag_called_train(inputs, rate, rng, train=False):
    """Other names for the same: inputs, rate, train."""
    if not train or rate == 0.0:
        return inputs
    if rate == 1.0:
        return np.zeros_like(inputs)
    keep = rng.random(inputs.shape) < 1.0 - rate
    return np.where(keep, inputs / inputs.dtype.type(1.0 - rate), inputs.dtype.type(0))


@right("dropout", options={"rate": "keep"})
def told_what_to_keep(x, keep_prob, training, rng):
    """The rate given is a keep probability."""
    if not training:
        return x
    if keep_prob == 0:
        return np.zeros_like(x)
    keep = rng.random(x.shape) < keep_prob
    return np.where(keep, x / x.dtype.type(keep_prob), x.dtype.type(0))


@right("dropout", options={"scaling": "paper"})
def scaled_at_test_time(x, p, training, rng):
    """As in the papers: no scale in training, q in evaluation."""
    if not training:
        return x * x.dtype.type(1 - p)
    return x * (rng.random(x.shape) < 1 - p)


@right("dropout")
def that_gives_its_mask_too(x, p, training, rng):
    """Returns the output and what a backward pass will need, as some courses have it."""
    keep = rng.random(x.shape) < 1 - p if training else np.ones(x.shape, bool)
    scale = x.dtype.type((1 / (1 - p) if p < 1 else 0) if training else 1)
    return x * keep * scale, keep


class Layer:
    """A layer of somebody's own framework."""

    def __call__(self, x, training=True):
        return self.forward(x, training)

    def forward(self, x, training):
        raise NotImplementedError


@right("dropout")
class Homework(Layer):
    """A layer as in homework: forward keeps the mask, backward multiplies by it."""

    def __init__(self, p):
        self.p = p

    def forward(self, x, training):
        """x times a mask of 0 and 1 / q."""
        if training and self.p < 1:
            mask = (np.random.rand(*x.shape) < 1 - self.p) / (1 - self.p)     # noqa: NPY002
        else:
            mask = np.zeros(x.shape) if training else np.ones(x.shape)
        self.mask = mask.astype(x.dtype)
        return x * self.mask

    def backward(self, g):
        """g times the same mask."""
        return g * self.mask


@right("dropout")
class HomeworkWithASeed(Layer):
    """A layer that has a generator of its own, made from a seed when it is built."""

    def __init__(self, p=0.5, seed=0):
        self.p, self.rng = p, np.random.default_rng(seed)

    def forward(self, x, training=True):
        """Selects; in evaluation all is kept, and the scale is 1."""
        self.keep = np.full(x.shape, True)
        self.scale = 1.0
        if training:
            self.keep = self.rng.uniform(size=x.shape) >= self.p
            self.scale = 1 / (1 - self.p) if self.p < 1 else 0.0
        return np.where(self.keep, x * x.dtype.type(self.scale), x.dtype.type(0))

    def backward(self, grad):
        """Selects the same."""
        return np.where(self.keep, grad * grad.dtype.type(self.scale), grad.dtype.type(0))


@right("dropout")
class WithTrainAndEval:
    """A layer with two modes that are set before the call."""

    def __init__(self, p, rng=None):
        self.p, self.training, self.rng = p, True, rng or np.random.default_rng()

    def train(self):
        """From now on it drops."""
        self.training = True
        return self

    def eval(self):
        """From now on it does not."""
        self.training = False
        return self

    def forward(self, x):
        """multiplied(), by the mode of the moment."""
        return multiplied(x, self.p, self.training, self.rng)

    __call__ = forward
