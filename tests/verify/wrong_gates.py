"""L0 gates and variational dropout as they went wrong: each docstring names the equation."""

import numpy as np

from tests.verify.gallery import Shelf, Wrong

wrong = Shelf(Wrong)


def logistic(x):
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def noise(u):
    """The logarithm of the odds of u."""
    return np.log(u) - np.log(1 - u)


@wrong("l0", "l0.2")
def gate_without_the_stretch(log_alpha, u):
    """(l0.2): the concrete variable itself, which is never 0."""
    return logistic((noise(u) + log_alpha) / (2 / 3))


@wrong("l0", "l0.2")
def gate_without_the_cut(log_alpha, u):
    """(l0.2): stretched and not cut off."""
    return logistic((noise(u) + log_alpha) / (2 / 3)) * 1.2 - 0.1


@wrong("l0", "l0.2")
def gate_stretched_on_one_side(log_alpha, u):
    """(l0.2): multiplies by zeta, and forgets the other part of the interval."""
    return np.clip(logistic((noise(u) + log_alpha) / (2 / 3)) * 1.1 - 0.1, 0, 1)


@wrong("l0", "l0.1")
def temperature_multiplied(log_alpha, u):
    """(l0.1): multiplies by beta where it should divide."""
    return np.clip(logistic((noise(u) + log_alpha) * (2 / 3)) * 1.2 - 0.1, 0, 1)


@wrong("l0", "l0.1")
def temperature_of_the_noise_alone(log_alpha, u):
    """(l0.1): divides the noise by beta, and not log alpha."""
    return np.clip(logistic(noise(u) / (2 / 3) + log_alpha) * 1.2 - 0.1, 0, 1)


@wrong("l0", "l0.1")
def noise_of_one_logarithm(log_alpha, u):
    """(l0.1): log u alone, half of the noise."""
    return np.clip(logistic((np.log(u) + log_alpha) / (2 / 3)) * 1.2 - 0.1, 0, 1)


@wrong("l0", "l0.1")
def alpha_for_its_logarithm(log_alpha, u):
    """(l0.1): takes the parameter for alpha, and adds its exponential."""
    return np.clip(logistic((noise(u) + np.exp(log_alpha)) / (2 / 3)) * 1.2 - 0.1, 0, 1)


@wrong("l0", "l0.8")
def temperature_in_evaluation(log_alpha, u, training):
    """(l0.8): divides by beta in evaluation too, where the paper does not."""
    drawn = noise(u) if training else 0.0
    return np.clip(logistic((drawn + log_alpha) / (2 / 3)) * 1.2 - 0.1, 0, 1)


@wrong("variational", "variational.4")
def variance_for_the_deviation(x, theta, log_sigma2, noise):
    """(variational.4): forgets the root."""
    return x @ theta + (x * x) @ np.exp(log_sigma2) * noise


@wrong("variational", "variational.3")
def deviations_added_up(x, theta, log_sigma2, noise):
    """(variational.3): adds up deviations, not variances."""
    return x @ theta + np.abs(x) @ np.exp(log_sigma2 / 2) * noise


@wrong("variational", "variational.3")
def logarithm_of_the_deviation(x, theta, log_sigma2, noise):
    """(variational.3): takes the parameter for log sigma."""
    return x @ theta + np.sqrt((x * x) @ np.exp(2 * log_sigma2)) * noise


@wrong("variational", "variational.3")
def alpha_for_the_variance(x, theta, log_sigma2, noise):
    """(variational.3): takes the parameter for log alpha, and multiplies by theta^2."""
    return x @ theta + np.sqrt((x * x) @ (np.exp(log_sigma2) * theta**2)) * noise


@wrong("variational", "variational.3")
def inputs_not_squared(x, theta, log_sigma2, noise):
    """(variational.3): the inputs are not squared."""
    return x @ theta + np.sqrt(np.abs(x) @ np.exp(log_sigma2)) * noise


@wrong("variational", "variational.4")
def noise_of_the_first_example(x, theta, log_sigma2, noise):
    """(variational.4): all examples have the noise of the first."""
    return x @ theta + np.sqrt((x * x) @ np.exp(log_sigma2)) * noise[:1]
