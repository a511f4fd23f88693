"""Gaussian, alpha, spatial dropout and stochastic depth: right ones hold, wrong are named."""

import math

import numpy as np
import pytest

import minidrop as md
from minidrop.nn import Identity, Module
from minidrop.verify import check
from minidrop.verify.techniques.spatial import DRAWS
from tests.verify.gallery import SEEDS

pytestmark = pytest.mark.slow

LOWEST = -1.7580993408473766


class Nothing(Module):
    """A skip that adds nothing, so that the branch is seen alone."""

    def forward(self, x):
        return x * 0


def of_mask(keep, scale=lambda q: 1 / q if q else 0.0, after=lambda q: 1.0):
    """x times mask and scale(q) in training, x times after(q) in evaluation."""
    def layer(x, p, training, rng):
        if not training:
            return x * np.float32(after(1 - p))
        return x * (rng.random(keep(x.shape)) >= p) * np.float32(scale(1 - p))

    return layer


def alpha(low=LOWEST, stretch=True, shift=True, keep=lambda shape: shape):
    def layer(x, p, training, rng):
        if not training or p == 1:
            return x if not training else 0 * x
        a = 1 / math.sqrt((1 - p) * (1 + p * low**2)) if stretch else 1.0
        y = a * np.where(rng.random(keep(x.shape)) >= p, x, low)
        return (y - (a * p * low if shift else 0)).astype(x.dtype)

    return layer


def gaussian(sigma, draw=lambda rng, shape: rng.normal(size=shape), added=False):
    def layer(x, p, training, rng):
        noise = sigma(p) * draw(rng, x.shape) if training else 0.0
        return (x + noise if added else x * (1 + noise)).astype(x.dtype)

    return layer


def right_sigma(p):
    return math.sqrt(p / (1 - p))


def rows(shape):
    return (shape[0], *[1] * len(shape[1:]))


def once(shape):
    return [1] * len(shape)


ONE, PAPER, INVERTED = (lambda q: 1.0), (lambda q: q), (lambda q: 1 / q if q else 0.0)
NAMED = [
    ("gaussian", gaussian(lambda p: math.sqrt(p * (1 - p))), [1, 3],
     "the deviation is sqrt(p q), that of a mask that is not scaled"),
    ("gaussian", gaussian(lambda p: p / (1 - p)), [1, 3],
     "the deviation is p / q, which is the variance"),
    ("gaussian", gaussian(lambda p: p), [1, 3], "the rate given is the deviation"),
    ("gaussian", gaussian(math.sqrt), [1, 3], "the rate given is the variance"),
    ("gaussian", gaussian(right_sigma, added=True), [1, 2, 3, 4], "the noise is added"),
    ("gaussian", gaussian(right_sigma, lambda rng, shape: rng.choice([-1, 1], shape)), [1, 4], ""),
    ("gaussian", gaussian(right_sigma, lambda rng, shape: rng.normal(size=shape[1:])), [1], ""),
    ("alpha", alpha(low=0.0), [2, 4], "drops to 0"),
    ("alpha", alpha(stretch=False, shift=False), [3, 4, 5], "neither stretched nor shifted"),
    ("alpha", alpha(shift=False), [3, 4, 5], "stretched, but not shifted"),
    ("alpha", alpha(low=-LOWEST), [2, 4], "drops to lambda alpha, without the sign"),
    ("alpha", of_mask(lambda shape: shape), [2, 3, 4, 5], "plain dropout"),
    ("spatial", of_mask(lambda shape: shape), [1, 3, 4], "every entry by itself (plain dropout)"),
    ("spatial", of_mask(lambda shape: DRAWS["example"](*shape)), [1, 4], "mask shared by channels"),
    ("spatial", of_mask(lambda shape: DRAWS["channel"](*shape)), [1, 4],
     "mask shared by the batch"),
    ("spatial", of_mask(lambda shape: DRAWS["last axis"](*shape)), [1, 3, 4],
     "the last axis is read as that of channels"),
    ("spatial", of_mask(lambda shape: DRAWS["map"](*shape), ONE, PAPER), [2, 3],
     "test-time scaling"),
    ("stochastic_depth", of_mask(rows), [4, 5, 6, 8],
     "one gate for each example, scaled while training (timm's DropPath, torchvision's row)"),
    ("stochastic_depth", of_mask(rows, ONE, PAPER), [4], "one gate for each example"),
    ("stochastic_depth", of_mask(once, ONE, ONE), [6, 8],
     "never scaled (timm's scale_by_keep=False)"),
    ("stochastic_depth", of_mask(once, INVERTED, ONE), [5, 6, 8], "scaled while training"),
    ("dropout", of_mask(lambda shape: (1, *shape[1:])), [1],
     "one mask for all examples of the batch"),
    ("dropout", of_mask(lambda shape: (*shape[:2], *[1] * len(shape[2:]))), [1],
     "one draw for each channel (spatial dropout)"),
    ("dropout", of_mask(rows), [1], "one draw for each example"),
]
QUICK = {8, 13, 18}


@pytest.mark.parametrize("technique, impl, broken, variant", [
    pytest.param(*one, marks=[] if at in QUICK else pytest.mark.slow)
    for at, one in enumerate(NAMED)])
def test_a_wrong_one_fails_at_the_equations_it_breaks_and_is_named(technique, impl, broken,
                                                                   variant):
    report = check(impl, technique)
    assert report.broken == [f"{technique}.{number}" for number in broken], report
    assert report.variant == variant and report.alarm < 1e-6, report


def path(mode, scaling):
    return lambda p: md.StochasticDepth(Identity(), p, skip=Nothing(), mode=mode, scaling=scaling)


RIGHT_ONES = [
    (md.GaussianDropout, "gaussian", {}), (md.AlphaDropout, "alpha", {}),
    (md.FeatureAlphaDropout, "alpha", {"feature": True}),
    *((md.SpatialDropout, "spatial", {"axes": axes}) for axes in (3, 4, 5)),
    *((path(mode, scaling), "stochastic_depth",
       {"mode": mode, "scaling": scaling, "framework": "minidrop"})
      for mode in ("batch", "row") for scaling in ("paper", "inverted", "none")),
    (gaussian(right_sigma), "gaussian", {}), (alpha(), "alpha", {}),
    (of_mask(lambda shape: DRAWS["map"](*shape)), "spatial", {}),
    (lambda x, noise: x * noise, "gaussian", {}),
    (lambda x, mask, p: md.spatial_dropout(x, mask, p), "spatial", {}),
    (lambda x, mask, p: md.alpha_dropout(x, mask, p), "alpha", {}),
]


@pytest.mark.parametrize("impl, technique, form", RIGHT_ONES)
def test_a_right_one_is_never_failed(impl, technique, form):
    for seed in range(SEEDS):
        report = check(impl, technique, seed=seed, **form)
        assert report.holds and report.alarm < 1e-6, (seed, report)


def test_masks_handed_over_are_held_exactly():
    for impl, technique, form in RIGHT_ONES[-3:]:
        report = check(impl, technique, **form)
        assert report.holds and report.alarm == 0, report
    report = check(lambda x, mask, p: md.alpha_dropout(x, ~mask, p), "alpha")
    assert report.broken == ["alpha.2"], report


def test_where_alpha_dropout_drops_nothing_no_line_is_claimed():
    report = check(md.AlphaDropout(1e-9).init(0), "alpha", fixed={"p": 1e-9})
    words = {one.check: one.word for one in report}
    assert not report.failures and words["line"] == "cannot be seen", report
