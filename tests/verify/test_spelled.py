"""Arguments that are spelled in other ways, and what the report says they were taken for."""

import numpy as np
import pytest

from minidrop.tape import primitive
from minidrop.verify import check
from minidrop.verify.roles import signature_of

pytestmark = pytest.mark.slow


def in_a_dict(x, dropout_param):
    """As in cs231n: what it is called p keeps, and a cache comes beside the output."""
    p, mode = dropout_param["p"], dropout_param["mode"]
    if "seed" in dropout_param:
        np.random.seed(dropout_param["seed"])                   # noqa: NPY002
    mask = None
    if mode == "train":
        mask = (np.random.random_sample(x.shape) < p) / np.float32(max(p, 1e-9))     # noqa: NPY002
        x = (x * mask).astype(x.dtype)
    elif mode != "test":
        raise ValueError(mode)
    return x, (dropout_param, mask)


def by_a_word(x, p, rng, mode="train"):
    if mode == "eval":
        return x.copy()
    mask = rng.random(x.shape) >= p
    return np.where(mask, x / x.dtype.type(max(1 - p, 1e-9)), 0 * x)


@pytest.mark.parametrize("impl, settings, understood", [
    (in_a_dict, {"rate": "keep"}, {
        "x": "input", 'dropout_param["p"]': "keep rate",
        'dropout_param["mode"] = "train" or "test"': "mode, true in training"}),
    (by_a_word, {}, {"x": "input", "p": "rate", "rng": "source of noise",
                     'mode = "train" or "eval"': "mode, true in training"}),
])
def test_a_mode_as_a_text_and_parameters_in_a_dict_are_understood(impl, settings, understood):
    report = check(impl, "dropout", **settings)
    assert report.holds and report.understood == understood, report
    assert "dropout.3" in [tag for tag, word, _ in report.equations() if word == "holds"]
    assert any(one.check == "evaluation" and one.word == "holds" for one in report), report
    if impl is in_a_dict:                         # not said, its rate is taken for that of drops
        assert not check(impl, "dropout").holds


def test_q_is_taken_for_a_keep_rate_and_the_report_says_so():
    report = check(lambda x, q, rng: x * (rng.random(x.shape) < q) / np.float32(max(q, 1e-9)),
                   "dropout")
    assert report.understood == {"x": "input", "q": "keep rate", "rng": "source of noise"}
    assert "understood as x: input, q: keep rate, rng: source of noise" in str(report)


@pytest.mark.usefixtures("registered")
def test_a_primitive_is_a_function():
    @primitive
    def scaled(x, mask, p):
        """Dropout with its mask, as a primitive of the tape."""
        return np.where(mask, x / x.dtype.type(1 - p), 0 * x)

    scaled.vjps(lambda g, y, x, mask, p: g * (mask.astype("float32") / np.float32(1 - p)))
    assert [*signature_of(scaled).parameters] == ["x", "mask", "p"]
    report = check(scaled, "dropout")
    assert "a function that is given its noise" in report.subject, report
    assert report.understood == {"x": "input", "mask": "noise", "p": "rate"}
    assert not report.failures, report
