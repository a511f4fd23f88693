"""Gaussian and alpha dropout as they went wrong: each docstring names the equation."""

import numpy as np

from tests.verify.gallery import Shelf, Wrong
from tests.verify.right_units import LOWEST, affine

wrong = Shelf(Wrong)


def noisy(x, deviation, rng, shape=None, mean=1.0):
    """x times normal numbers."""
    noise = rng.normal(mean, deviation, size=x.shape if shape is None else shape)
    return x * noise.astype(x.dtype)


@wrong("gaussian", "gaussian.1")
def variance_for_the_deviation(x, p, training, rng):
    """(gaussian.1): p / q is taken for the deviation, which p = 0.5 hides."""
    return noisy(x, p / (1 - p), rng) if training else x


@wrong("gaussian", "gaussian.1")
def deviation_of_the_mask(x, p, training, rng):
    """(gaussian.1): the deviation of the mask, sqrt(p q), and not that of mask / q."""
    return noisy(x, np.sqrt(p * (1 - p)), rng) if training else x


@wrong("gaussian", "gaussian.1")
def rate_for_the_deviation(x, p, training, rng):
    """(gaussian.1): p itself is the deviation, as in layers that add noise."""
    return noisy(x, p, rng) if training else x


@wrong("gaussian", "gaussian.1")
def odds_upside_down(x, p, training, rng):
    """(gaussian.1): the variance is q / p, as where the letter p keeps."""
    return noisy(x, np.sqrt((1 - p) / p) if p else 0.0, rng) if training else x


@wrong("gaussian", "gaussian.1")
def noise_of_mean_zero(x, p, training, rng):
    """(gaussian.1): x is multiplied by noise of mean 0, the 1 is forgotten."""
    return noisy(x, np.sqrt(p / (1 - p)), rng, mean=0.0) if training else x


@wrong("gaussian", "gaussian.1")
def noise_for_all_examples(x, p, training, rng):
    """(gaussian.1): draws the noise of one example, which all share."""
    return noisy(x, np.sqrt(p / (1 - p)), rng, x.shape[1:]) if training else x


@wrong("gaussian", "gaussian.1")
def uniform_of_the_same_variance(x, p, training, rng):
    """(gaussian.1): uniform noise, with the right mean and variance and the wrong law."""
    reach = np.sqrt(3 * p / (1 - p))
    return x * rng.uniform(1 - reach, 1 + reach, x.shape).astype(x.dtype) if training else x


@wrong("gaussian", "gaussian.1")
def two_values_of_the_same_variance(x, p, training, rng):
    """(gaussian.1): dropout itself, which has the same mean and variance."""
    mask = rng.random(x.shape) < 1 - p
    return (x * mask / (1 - p)).astype(x.dtype) if training else x


@wrong("gaussian", "gaussian.1")
def cut_at_two_deviations(x, p, training, rng):
    """(gaussian.1): noise is cut to two deviations, so its variance is too small."""
    noise = np.clip(rng.standard_normal(x.shape), -2, 2)
    return x * (1 + np.sqrt(p / (1 - p)) * noise).astype(x.dtype) if training else x


@wrong("gaussian", "gaussian.1")
def never_negative(x, p, training, rng):
    """(gaussian.1): negative factors become 0."""
    noise = rng.normal(1, np.sqrt(p / (1 - p)), x.shape)
    return x * np.maximum(noise, 0).astype(x.dtype) if training else x


@wrong("gaussian", "gaussian.2")
def added_noise(x, p, training, rng):
    """(gaussian.2): the noise is added, whatever x is."""
    noise = rng.normal(0, np.sqrt(p / (1 - p)), x.shape)
    return x + noise.astype(x.dtype) if training else x


@wrong("gaussian", "gaussian.2", "gaussian.3")
def noisy_in_evaluation(x, p, training, rng):
    """(gaussian.2): ignores the mode."""
    return noisy(x, np.sqrt(p / (1 - p)), rng)


@wrong("gaussian", "gaussian.2", "gaussian.1")
def scaled_as_dropout_is(x, p, training, rng):
    """(gaussian.2): divides by q as well, though the mean is 1 already."""
    return noisy(x, np.sqrt(p / (1 - p)), rng) / x.dtype.type(1 - p) if training else x


@wrong("gaussian", "gaussian.2")
class GaussianBackwardOfOne:
    """(gaussian.2): the backward pass lets the gradient through, without the noise."""

    def __init__(self, p):
        self.sigma = np.sqrt(p / (1 - p))

    def forward(self, x, training):
        """Right."""
        noise = np.random.normal(1, self.sigma, x.shape)                      # noqa: NPY002
        return x * noise.astype(x.dtype) if training else x

    def backward(self, g):
        """g."""
        return g


def silenced(x, p, rng, lowest=LOWEST, shape=None, factors=affine):
    """a (x or the lowest value) + b."""
    if p == 1:
        return np.zeros_like(x)
    a, b = factors(p)
    keep = rng.random(x.shape if shape is None else shape) < 1 - p
    return (a * np.where(keep, x, lowest) + b).astype(x.dtype)


@wrong("alpha", "alpha.2", "alpha.4")
def without_the_stretch(x, p, training, rng):
    """(alpha.2): silences to SELU's lowest value, and neither stretches nor shifts."""
    return silenced(x, p, rng, factors=lambda p: (1.0, 0.0)) if training else x


@wrong("alpha", "alpha.2")
def silenced_to_zero(x, p, training, rng):
    """(alpha.2): silences to 0, then stretches and shifts."""
    return silenced(x, p, rng, lowest=0.0) if training else x


@wrong("alpha", "alpha.2")
def silenced_to_plus(x, p, training, rng):
    """(alpha.2): silences to +1.758."""
    return silenced(x, p, rng, lowest=-LOWEST) if training else x


@wrong("alpha", "alpha.2")
def silenced_to_alpha_alone(x, p, training, rng):
    """(alpha.2): silences to -1.673, without SELU's scale."""
    return silenced(x, p, rng, lowest=-1.6732632423543772) if training else x


@wrong("alpha", "alpha.4")
def shifted_the_other_way(x, p, training, rng):
    """(alpha.4): b has the wrong sign."""
    return silenced(x, p, rng, factors=lambda p: (affine(p)[0], -affine(p)[1])) if training else x


@wrong("alpha", "alpha.4")
def stretch_and_shift_exchanged(x, p, training, rng):
    """(alpha.4): a and b in each other's place."""
    return silenced(x, p, rng, factors=lambda p: affine(p)[::-1]) if training else x


@wrong("alpha", "alpha.4")
def stretch_without_a_root(x, p, training, rng):
    """(alpha.4): a is one over the variance, not over the deviation."""
    def factors(p):
        a = affine(p)[0] ** 2
        return a, -a * p * LOWEST

    return silenced(x, p, rng, factors=factors) if training else x


@wrong("alpha", "alpha.4")
def stretch_with_p_and_q_exchanged(x, p, training, rng):
    """(alpha.4): p in the place of q in both, which p = 0.5 hides."""
    return silenced(x, p, rng, factors=lambda p: affine(1 - p) if p else (1.0, 0.0)) \
        if training else x


@wrong("alpha", "alpha.4")
def scaled_by_q(x, p, training, rng):
    """(alpha.4): divides by q as dropout does, on top of the stretch."""
    return silenced(x, p, rng) / x.dtype.type(1 - p if p < 1 else 1) if training else x


@wrong("alpha", "alpha.1")
def alpha_for_all_examples(x, p, training, rng):
    """(alpha.1): draws a mask of one example, which all share."""
    return silenced(x, p, rng, shape=x.shape[1:]) if training else x


@wrong("alpha", "alpha.1")
def alpha_by_channels(x, p, training, rng):
    """(alpha.1): draws for channels what should be drawn for units."""
    return silenced(x, p, rng, shape=(*x.shape[:2], *[1] * (x.ndim - 2))) if training else x


@wrong("alpha", "alpha.1", options={"feature": True})
def alpha_by_units(x, p, training, rng):
    """(alpha.1): draws for units what should be drawn for channels."""
    return silenced(x, p, rng) if training else x


@wrong("alpha", "alpha.2", "alpha.5")
def alpha_in_evaluation(x, p, training, rng):
    """(alpha.2): ignores the mode."""
    return silenced(x, p, rng)


@wrong("alpha", "alpha.2", "alpha.5")
def stretched_in_evaluation(x, p, training, rng):
    """(alpha.2): stretches and shifts in evaluation too."""
    if training:
        return silenced(x, p, rng)
    a, b = affine(p) if p < 1 else (0.0, 0.0)
    return (a * x + b).astype(x.dtype)


@wrong("alpha", "alpha.2")
class AlphaBackwardWithoutTheStretch:
    """(alpha.2): the backward pass multiplies by the mask, and forgets a."""

    def __init__(self, p):
        self.p = p

    def forward(self, x, training):
        """Right."""
        self.keep = np.ones(x.shape, bool)
        if not training:
            return x
        self.keep = np.random.rand(*x.shape) < 1 - self.p                     # noqa: NPY002
        a, b = affine(self.p) if self.p < 1 else (0.0, 0.0)
        return (a * np.where(self.keep, x, LOWEST) + b).astype(x.dtype)

    def backward(self, g):
        """g times the mask."""
        return g * self.keep
