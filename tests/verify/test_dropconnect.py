"""minidrop.verify of DropConnect: right ones hold, wrong ones fail at their equation, variants."""

import numpy as np
import pytest

from minidrop.tape import data_of
from minidrop.verify import check
from minidrop.weights.dropconnect import dropconnect, dropconnect_mask, dropconnect_moments
from tests.verify.gallery import SEEDS

pytestmark = pytest.mark.slow


def normal(mean, variance, seed):
    noise = np.random.default_rng(seed).normal(size=mean.shape).astype("float32")
    return mean + variance**0.5 * noise


def ours(x, w, b, p, training, seed):
    if training:
        return dropconnect(x, w, b, dropconnect_mask(seed, len(x), w.shape, p))
    return normal(*dropconnect_moments(x, w, b, p), seed)


def without_gradient_of_w(x, w, b, p, training, seed):
    return ours(x, data_of(w), b, p, training, seed)


def masked(x, w, b, mask):
    return (np.einsum("noi,ni->no", mask * w, x) + b).astype(x.dtype)


def plain(x, w, b, p, training, rng):
    """As one writes it in NumPy, but for the evaluation, which ignores the rate."""
    if training:
        return masked(x, w, b, rng.random((len(x), *w.shape)) >= p)
    return (x @ w.T + b).astype(x.dtype)


def gaussian(x, w, b, p, training, rng):
    """As one writes it in NumPy."""
    if training:
        return plain(x, w, b, p, True, rng)
    deviation = np.sqrt(p * (1 - p) * (x * x) @ (w * w).T)
    return (mean(x, w, b, p) + deviation * rng.normal(size=(len(x), len(w)))).astype(x.dtype)


def averaged(x, w, b, p, training, rng):
    """The mean of four samples in evaluation."""
    return gaussian(x, w, b, p, training, rng) if training else np.mean(
        [gaussian(x, w, b, p, training, rng) for _ in range(4)], 0).astype(x.dtype)


def keras_like(inputs, kernel, bias, rate, training, seed):
    return gaussian(inputs, kernel.T, bias, rate, training, np.random.default_rng(seed))


def mean(x, w, b, p, training=False, rng=None):
    return plain(x, w, b, p, True, rng) if training else ((1 - p) * x @ w.T + b).astype(x.dtype)


def scaled(x, p, training=True):
    """1 / (1 - p), and 1 where there is nothing to scale."""
    return x / (1 - p) if training and p < 1 else 0 * x if training else x


def chainers(x, w, b, p, training, rng):
    return plain(x, scaled(w, p, training), b, p, training, rng)


def weight_drop(x, w, b, p, training, rng):
    if training:
        w = scaled(w * (rng.random(w.shape) >= p), p)
    return (x @ w.T + b).astype(x.dtype)


def bias_too(x, w, b, p, training, rng):
    x = np.hstack([x, np.ones((len(x), 1), x.dtype)])
    return gaussian(x, np.hstack([w, b[:, None]]), 0 * b, p, training, rng)


def of_inputs(x, w, b, p, training, rng):
    x = scaled(x * (rng.random(x.shape) >= p), p) if training else x
    return (x @ w.T + b).astype(w.dtype)


def of_outputs(x, w, b, p, training, rng):
    y = x @ w.T + b
    return scaled(y * (rng.random(y.shape) >= p), p) if training else y


def of_paths(x, p, training, rng):
    """As drop_connect of TensorFlow's EfficientNet."""
    return scaled(x * (rng.random((len(x), 1)) >= p), p) if training else x


def keep(x, w, b, p, training, rng):
    return gaussian(x, w, b, 1 - p, training, rng)


def frozen(x, w, b, p, training):
    return gaussian(x, w, b, p, training, np.random.default_rng(0))


def rows_alike(x, w, b, p, training, rng):
    if not training:
        return gaussian(x, w, b, p, False, rng)
    return masked(x, w, b, np.repeat(rng.random((len(x), 1, w.shape[1])) >= p, len(w), 1))


def variance_for_deviation(x, w, b, p, training, rng):
    if training:
        return plain(x, w, b, p, True, rng)
    variance = p * (1 - p) * (x * x) @ (w * w).T
    return (mean(x, w, b, p) + variance * rng.normal(size=variance.shape)).astype(x.dtype)


def one_noise_for_the_batch(x, w, b, p, training, rng):
    if training:
        return plain(x, w, b, p, True, rng)
    return (mean(x, w, b, p) + np.sqrt(p * (1 - p) * (x * x) @ (w * w).T)
            * rng.normal(size=(1, len(w)))).astype(x.dtype)


RIGHT = [(ours, "minidrop"), (gaussian, None), (averaged, None)]
SCALED = "scaled by 1/(1-p) while training, plain weights in evaluation (as Chainer's " \
         "simplified_dropconnect)"
AWD = "one mask for the batch, scaled by 1/(1-p) (weight drop, as in AWD-LSTM)"
PATHS = "drops whole examples (stochastic depth, as TensorFlow's drop_connect)"
TAGS = [f"dropconnect.{number}" for number in range(9)]
WRONG = [
    (frozen, "1", ""), (rows_alike, "1", ""), (variance_for_deviation, "56", ""),
    (one_noise_for_the_batch, "56", ""), (mean, "56", "evaluation by the mean"),
    (plain, "56", "evaluation by plain weights, the rate ignored"),
    (chainers, "256", SCALED), (bias_too, "1256", "the bias is dropped too"),
    (of_inputs, "1256", "drops inputs, not connections (dropout)"),
    (of_outputs, "1256", "drops outputs, not connections (dropout)"), (of_paths, "1256", PATHS),
    (keep, "156", "the rate given is a keep probability"),
    (keras_like, "1256", "weights of the shape (in, out)"),
    (weight_drop, "1256", AWD),
]


def test_ours_holds_with_its_gradient():
    report = check(ours, "dropconnect", framework="minidrop")
    assert report.holds and 0 < report.alarm < 1e-6, report
    words = {tag: word for tag, word, _ in report.equations()}
    assert [tag for tag in words if words[tag] == "holds"] == [TAGS[n] for n in (1, 2, 4, 5, 6)]


def test_one_that_is_given_its_mask_holds():
    for impl, framework in (dropconnect, "minidrop"), (masked, None):
        report = check(impl, "dropconnect", framework=framework)
        assert report.holds and not report.failures, report
    report = check(lambda x, w, b, mask: masked(x, w, b, mask[::-1]), "dropconnect")
    assert report.broken == ["dropconnect.2"], report


@pytest.mark.parametrize("impl, broken, variant", [
    pytest.param(*one, id=one[0].__name__, marks=[pytest.mark.slow] if number > 1 else [])
    for number, one in enumerate(WRONG)])
def test_a_wrong_one_fails_at_its_equation_and_is_named(impl, broken, variant):
    report = check(impl, "dropconnect")
    assert report.broken == [TAGS[int(n)] for n in broken] and report.variant == variant, report


def test_a_gradient_that_is_missing_fails_alone():
    report = check(without_gradient_of_w, "dropconnect", framework="minidrop")
    assert report.broken == ["dropconnect.4"], report


@pytest.mark.parametrize("impl, form", [
    (keras_like, {"weights": "(in, out)"}), (mean, {"inference": "mean"}),
    (plain, {"inference": "plain"}), (chainers, {"inference": "plain", "scaling": "inverted"}),
    (bias_too, {"bias": "dropped"}),
    (weight_drop, {"per": "batch", "scaling": "inverted", "inference": "plain"}),
    (lambda x, w, b, p, training, rng: plain(x, w, b, p, True, rng), {"inference": "mc"})])
def test_another_form_is_held_against_its_own_equations(impl, form):
    report = check(impl, "dropconnect", **form)
    assert report.holds, report


@pytest.mark.parametrize("impl, framework", RIGHT)
def test_a_right_one_holds_for_every_seed(impl, framework):
    for seed in range(SEEDS):
        report = check(impl, "dropconnect", framework=framework, seed=seed)
        assert report.holds, report
