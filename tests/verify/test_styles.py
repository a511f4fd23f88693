"""Right implementations in unusual styles are understood; faults that hide are found."""

import warnings

import numpy as np
import pytest

from minidrop.verify import check
from minidrop.verify.roles import bind
from minidrop.verify.run import boxed, findings_of
from minidrop.verify.techniques import technique_named

pytestmark = pytest.mark.slow


def fails_of(impl, **settings):
    """The checks of dropout that fail, without a search for a variant."""
    technique = technique_named("dropout")
    held = boxed(impl, technique, {}, **settings)
    return {one.check for one in findings_of(held, technique) if one.word == "fails"}


def drop(x, p, rng):
    """A right one, to be dressed up or spoiled."""
    if p == 1:
        return np.zeros_like(x)
    return (x * (rng.random(x.shape) >= p) / (1 - p)).astype(x.dtype)


def by_keyword(*, x, drop_probability, generator):
    return drop(x, drop_probability, generator)


def of_old_numpy(x, p, rng):
    """What it calls rng is a RandomState."""
    return np.zeros_like(x) if p == 1 else np.where(rng.rand(*x.shape) < p, 0, x / (1 - p)).astype(
        x.dtype)


def that_asserts(x, p, rng):
    assert 0 <= p < 1 and x.dtype == np.float32
    return drop(x, p, rng)


class Made:
    def __init__(self, keep_prob):
        self.keep_prob, self.rng = keep_prob, np.random.default_rng()

    def __call__(self, x, train_flg=True):
        return drop(x, 1 - self.keep_prob, self.rng) if train_flg else x


@pytest.mark.parametrize("impl", [by_keyword, of_old_numpy, that_asserts, Made])
def test_unusual_styles_are_understood(impl):
    report = check(impl, "dropout")
    assert report.holds, str(report)
    assert report.alarm < 1e-6


def test_torch_that_answers_with_a_constant_at_rate_1_has_a_gradient_of_0():
    torch = pytest.importorskip("torch")

    def zeros(x, p):
        mask = torch.rand_like(x) >= p
        return x * mask / (1 - p) if p < 1 else torch.zeros_like(x)

    assert check(zeros, "dropout").holds
    assert "gradient" in fails_of(lambda x, p: zeros(x.detach(), p), framework="torch")
    assert check(torch.nn.Dropout(0.3), "dropout", fixed={"p": 0.3}).holds
    with warnings.catch_warnings():               # it is deprecated, and in use
        warnings.simplefilter("ignore")
        scripted = torch.jit.script(torch.nn.Dropout(0.3))
    assert [*bind(scripted.forward, ("x",)).arguments.values()] == ["x"]


def test_an_argument_that_has_no_usual_name_is_named():
    report = check(lambda x, zeroed=0.5: x, "dropout")
    assert "if zeroed is meant, say bind={NAME: ROLE}" in str(report.findings[1].found)


LAST: dict = {}


def remembers(x, p, rng):
    u = rng.random(x.shape)
    if x.shape in LAST:
        u = np.where(rng.random(x.shape) < 0.1, LAST[x.shape], u)
    LAST[x.shape] = u
    return np.zeros_like(x) if p == 1 else (x * (u >= p) / (1 - p)).astype(x.dtype)


def of_the_sign(x, p, rng):
    """At p = 1/2 the two signs are dropped too often and too rarely, at other rates alike."""
    if p != 0.5:
        return drop(x, p, rng)
    return (2 * x * (rng.random(x.shape) >= np.where(x > 0, 0.6, 0.4))).astype(x.dtype)


def spoiled(change):
    """A right one whose arguments or answer are changed by change(x, p, training, y)."""
    def impl(x, p, rng, training):
        rate, y = change(x, p, training, drop)
        return y if y is not None else drop(x, rate, rng) if training else x
    return impl


@pytest.mark.parametrize("impl, found", [
    (remembers, "afresh"),
    (of_the_sign, "any size"),
    (spoiled(lambda x, p, t, _: (p if p < 0.95 or p == 1 else 0.9, None)), "rate"),
    (spoiled(lambda x, p, t, _: (p / 2 if x.ndim == 3 else p, None)), "rate"),
    (spoiled(lambda x, p, t, _: (min(p, 0.999), None)), "rate 1"),
    (spoiled(lambda x, p, t, _: (max(p, 0.001), None)), "rate 0"),
    (spoiled(lambda x, p, t, _: (p, None if t else x.astype(float))), "dtype"),
    (spoiled(lambda x, p, t, _: (p, x.copy() if t and x.dtype == np.float64 else None)), "dtype"),
    (spoiled(lambda x, p, t, _: (p, None if t or len(x) < 10 else (1 - p) * x)), "evaluation"),
    (lambda x, p, rng: drop(np.where(abs(x) < 1e-3, 0, x).astype(x.dtype), p, rng), "any size"),
    (lambda x, p, rng: drop(np.where((x == 0) & np.signbit(x), 1, x).astype(x.dtype), p, rng),
     "any size"),
])
def test_faults_that_hide_are_found(impl, found):
    assert found in fails_of(impl)


class Mute(Exception):
    def __str__(self):
        raise RuntimeError


def mute(x, p):
    raise Mute


@pytest.mark.parametrize("impl, found", [(lambda x, p: (), "an empty tuple"), (mute, "Mute")])
def test_no_answer_and_an_error_without_words_are_findings(impl, found):
    report = check(impl, "dropout")
    assert report.findings[0].found == found and not report.holds
