"""Gaussian and alpha dropout in several styles, all of them right."""

import numpy as np

import minidrop as md
from tests.verify.gallery import Right, Shelf

right = Shelf(Right)
right("gaussian", name="minidrop")(md.GaussianDropout)
right("alpha", name="minidrop")(md.AlphaDropout)
right("alpha", name="minidrop, by channels", options={"feature": True})(md.FeatureAlphaDropout)

SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772          # of SELU
LOWEST = -SCALE * ALPHA


@right("gaussian")
def multiplied_by_normal_numbers(x, p, training, rng):
    """Normal numbers of mean 1 and the deviation sqrt(p / q)."""
    if not training:
        return x
    return x * rng.normal(1.0, np.sqrt(p / (1 - p)), size=x.shape).astype(x.dtype)


@right("gaussian")
def added_normal_numbers(x, p, training, rng):
    """x plus x times normal numbers of mean 0, drawn in float32."""
    if not training or p == 0:
        return x.copy()
    noise = rng.standard_normal(x.shape, dtype=np.float32)
    return (x + x * (np.float32((p / (1 - p)) ** 0.5) * noise)).astype(x.dtype)


@right("gaussian")
def normal_numbers_columns_first(x, p, training, rng):
    """Draws its noise transposed, the last axis first."""
    if not training:
        return x
    noise = 1 + (p / (1 - p)) ** 0.5 * rng.standard_normal(x.shape[::-1]).T
    return (noise * x).astype(x.dtype)


@right("gaussian")
def normal_numbers_with_a_seed(x, p, training, seed=None):
    """Makes a generator from a seed, and the normal numbers from uniform ones (Box and Muller)."""
    if not training:
        return x
    u, v = np.random.default_rng(seed).random((2, *x.shape))
    noise = np.sqrt(-2 * np.log1p(-u)) * np.cos(2 * np.pi * v)
    return x * (1 + np.sqrt(p / (1 - p)) * noise).astype(x.dtype)


@right("gaussian")
def normal_numbers_of_the_global_state(x, p, training=True):
    """Takes no generator: the global one of NumPy."""
    if not training:
        return x
    noise = np.random.normal(1, np.sqrt(p / (1 - p)), x.shape)                # noqa: NPY002
    return x * noise.astype(x.dtype)


@right("gaussian")
def normal_numbers_given(x, noise):
    """The equation alone, for noise that is given."""
    return x * noise


@right("gaussian")
class GaussianHomework:
    """A layer as in homework: forward keeps the noise, backward multiplies by it."""

    def __init__(self, p):
        self.sigma = np.sqrt(p / (1 - p))

    def forward(self, x, training):
        """x times noise."""
        self.noise = np.ones_like(x)
        if training:
            self.noise += self.sigma * np.random.randn(*x.shape).astype(x.dtype)  # noqa: NPY002
        return x * self.noise

    def backward(self, g):
        """g times the same noise."""
        return g * self.noise


def affine(p):
    """(a, b) of (alpha.4) for a mean of 0 and a variance of 1."""
    a = ((1 - p) * (1 + p * LOWEST**2)) ** -0.5
    return a, -a * p * LOWEST


@right("alpha")
def silenced_and_stretched(x, p, training, rng):
    """Selects x or SELU's lowest value, then stretches and shifts."""
    if not training:
        return x
    if p == 1:
        return np.zeros_like(x)
    a, b = affine(p)
    kept = rng.random(x.shape) < 1 - p
    return (a * np.where(kept, x, LOWEST) + b).astype(x.dtype)


@right("alpha")
def as_pytorch_writes_it(x, p, training, rng):
    """The same with a positive constant, and b put together from the mask."""
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0
    positive = 1.7580993408473766
    a = 1 / np.sqrt((positive**2 * p + 1) * (1 - p))
    mask = (rng.random(x.shape) >= p).astype(np.float64)
    b = (mask - 1) * positive * a + positive * a * p
    return (x * mask * a + b).astype(x.dtype)


@right("alpha")
def silenced_in_loops(x, p, training, rng):
    """Unit by unit, in loops."""
    y = x.copy()
    if training and p > 0:
        a, b = affine(p) if p < 1 else (0.0, 0.0)
        for place in np.ndindex(*x.shape):
            value = x[place] if rng.random() >= p else LOWEST
            y[place] = a * value + b
    return y


@right("alpha")
def silenced_with_a_seed(x, p, training, seed):
    """Two cases computed beforehand: what a kept unit becomes, and what a silenced one does."""
    if not training:
        return x
    a, b = affine(p) if p < 1 else (0.0, 0.0)
    silenced = a * LOWEST + b
    drop = np.random.default_rng(seed).random(x.shape, dtype=np.float32) < np.float32(p)
    return np.where(drop, silenced, a * x + b).astype(x.dtype)


@right("alpha", options={"feature": True})
def channels_silenced_and_stretched(x, p, training, rng):
    """One draw for each channel map of each example."""
    if not training:
        return x
    if p == 1:
        return np.zeros_like(x)
    a, b = affine(p)
    kept = rng.random((*x.shape[:2], *[1] * (x.ndim - 2))) < 1 - p
    return (a * np.where(kept, x, LOWEST) + b).astype(x.dtype)


@right("alpha")
class AlphaHomework:
    """A layer as in homework: the gradient of a silenced unit is 0, of a kept one a."""

    def __init__(self, p=0.1):
        self.p = p

    def forward(self, x, training):
        """Silences, stretches and shifts."""
        self.slope = np.ones_like(x)
        if not training or self.p == 0:
            return x
        a, b = affine(self.p) if self.p < 1 else (0.0, 0.0)
        kept = np.random.rand(*x.shape) >= self.p                             # noqa: NPY002
        self.slope = (a * kept).astype(x.dtype)
        return (a * np.where(kept, x, LOWEST) + b).astype(x.dtype)

    def backward(self, g):
        """g times a where the unit was kept."""
        return g * self.slope
