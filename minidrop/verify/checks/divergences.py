"""What weights with noise are held to by themselves: log alpha, the divergence, and what is cut."""

import math

import numpy as np

from ..box import Unseen
from ..technique import fails, held, shown, states
from .formulas import differs
from .on_weights import named

ALPHAS = np.array([[-7.0, -4.0, -1.0], [0.0, 1.0, 3.5]])
EXACT = {0.0: 0.42669, 3.0: 0.02469}              # by quadrature: log alpha, and the divergence


def alphas(weights, options):
    """log alpha of weights (theta, log sigma^2), in a form."""
    theta, log_sigma2 = weights
    if options["log is of"] == "the deviation":
        log_sigma2 = 2 * log_sigma2
    found = log_sigma2 - np.log(theta**2 + 1e-8)
    return np.clip(found, -8, 8) if options["log alpha is"] == "cut to [-8, 8]" else found


def _weights(log_alpha):
    """theta and log sigma^2 of weights with these log alphas."""
    theta = np.resize([0.5, -1.0, 2.0], log_alpha.shape)
    return theta, log_alpha + np.log(theta**2)


def _of(box, log_alpha, dtype):
    """What is given for weights with these log alphas, in words, and (the answer, log alpha)."""
    arrays = _weights(log_alpha) if box.takes("log_sigma2") else (log_alpha,)
    due = alphas(arrays, box.options) if len(arrays) == 2 else log_alpha
    text = named(box, arrays) if len(arrays) == 2 else f"log alpha = {shown(log_alpha)}"
    return text, box.train(*(one.astype(dtype) for one in arrays), like=None).y, due


def _kl(log_alpha, options):
    if options["approximation"] == "kingma":
        alpha = np.exp(log_alpha)
        found = (0.5772156649015329 + math.log(2)) / 2 - 0.5 * log_alpha - (
            1.16145124 * alpha - 1.50204118 * alpha**2 + 0.58629921 * alpha**3)
    else:
        found = 0.63576 / (1 + np.exp(1.87320 + 1.48695 * log_alpha)) + 0.5 * np.log1p(
            np.exp(-log_alpha))
    return (found - (0.0 if options["ends at"] == "0" else 0.63576)) * (
        -1 if options["sign"] == "-KL" else 1)


def _same(y, due, dtype):
    return differs(y, due if y.size == due.size else due.sum(), dtype, 1e-4)


@states("variational.2")
def log_alpha(box):
    """log alpha is log sigma^2 less the logarithm of the mean squared"""
    for wanted in (ALPHAS[:1, :1], ALPHAS, np.array([[-12.0, 12.0]])):
        for dtype in box.adapter.dtypes:
            text, y, due = _of(box, wanted, dtype)
            if wrong := differs(y, due, dtype, 1e-4):
                return fails(text, *wrong)
    return held(f"log alpha from -12 to 12, {ALPHAS.shape} at once")


@states(lambda options: ("variational.9",) if options["approximation"] == "kingma" else (
    "variational.10",))
def divergence(box):
    """The divergence is that of the approximation, and ends at 0 where all is noise"""
    kingma = box.options["approximation"] == "kingma"
    least = np.minimum(ALPHAS, 0) if kingma else ALPHAS
    for wanted in (least[:1, :1], least[1:, :1], least, np.array([[0.0 if kingma else 20.0]])):
        for dtype in box.adapter.dtypes:
            text, y, due = _of(box, wanted, dtype)
            if wrong := _same(y, _kl(due, box.options), dtype):
                return fails(text, *wrong)
    return held(f"log alpha from {least.min():g} to {0 if kingma else 20}")


@states("variational.8")
def exact(box):
    """It is near the divergence itself, which it stands for"""
    if box.options["ends at"] != "0" or box.options["sign"] != "KL":
        raise Unseen("it differs by a constant or its sign")
    kingma = box.options["approximation"] == "kingma"
    for at, due in EXACT.items():
        if at > 0 and kingma:
            continue
        text, y, _ = _of(box, np.array([[at]]), "float32")
        if abs(float(np.ravel(y)[0]) - due) > (0.045 if kingma else 0.012):
            return fails(text, shown(y), f"{due:g}, or near it")
    return held("log alpha = 0" if kingma else "log alpha = 0 and 3")


@states("variational.12")
def kept(box):
    """A weight with a log alpha above 3 is 0, the others are their means"""
    for wanted in (np.array([[2.75]]), np.array([[3.25]]), np.array([[-2.0, 2.75], [3.25, 9.0]])):
        text, y, due = _of(box, wanted, "float32")
        mask = due <= 3
        weights = _weights(wanted)[0] * mask
        is_mask = y.dtype == bool or not box.takes("log_sigma2") or np.isin(y, (0, 1)).all()
        if y.shape != mask.shape or not np.allclose(y, mask if is_mask else weights, atol=1e-6):
            return fails(text, shown(y), shown(mask if is_mask else weights))
    return held("log alpha = -2, 2.75, 3.25 and 9")
