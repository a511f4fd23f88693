"""mixup as a black box: what is right holds in every style, what is wrong fails where it is."""

import numpy as np
import pytest

import minidrop as md
from minidrop.verify import check
from minidrop.verify.checks.mixing import beta_cdf
from tests.verify.gallery import SEEDS

pytestmark = pytest.mark.slow


def mixup(per="batch", partner="permutation", law=lambda rng, alpha, n: rng.beta(alpha, alpha, n),
          labels=lambda w, y, z: w * y + (1 - w) * z, images=lambda w, x, z: w * x + (1 - w) * z):
    """A mixup whose parts are given."""
    def mix(x, y, alpha, rng):
        n = len(x)
        order = {"permutation": rng.permutation(n), "flip": np.arange(n)[::-1],
                 "neighbour": np.roll(np.arange(n), 1), "any": rng.integers(0, n, n),
                 "first": np.concatenate([rng.permutation(n - 1), [n - 1]])}[partner]
        weight = law(rng, alpha, n if per == "example" else 1) if alpha else np.ones(1)
        weight = weight.astype(x.dtype)
        return (images(weight.reshape(-1, *[1] * (x.ndim - 1)), x, x[order]),
                labels(weight[:, None], y, y[order]).astype(y.dtype))
    return mix


def in_place(x, y, alpha, rng):
    """The two losses' form of many scripts, with a loop, and over its input."""
    weight, order = rng.beta(alpha, alpha) if alpha else 1.0, rng.permutation(len(x))
    x[:] = weight * x + (1 - weight) * x[order]
    return x, weight * y + (1 - weight) * y[order]


def a_loop(x, y, alpha, rng):
    order = list(range(len(x)))
    while len(order) > 1 and any(i == j for i, j in enumerate(order)):
        rng.shuffle(order)                        # nobody meets himself
    weight = rng.beta(alpha, alpha) if alpha > 0 else 1.0
    pairs = [(weight * x[i] + (1 - weight) * x[j], weight * y[i] + (1 - weight) * y[j])
             for i, j in enumerate(order)]
    return np.stack([a for a, _ in pairs]).astype(x.dtype), np.stack([b for _, b in pairs])


class ByLibraryDraws:
    """A layer with alpha given when it is made, and NumPy's global noise."""

    def __init__(self, alpha):
        self.alpha = alpha

    def __call__(self, x, y):
        weight = np.random.beta(self.alpha, self.alpha)         # noqa: NPY002
        order = np.random.permutation(len(x))                   # noqa: NPY002
        weight = np.float32(1 - weight)           # as likely as weight itself
        return weight * x + (1 - weight) * x[order], weight * y + (1 - weight) * y[order]


RIGHT = [(md.Mixup, {}), (mixup(), {}), (a_loop, {}), (ByLibraryDraws, {}),
         (mixup(), {"examples": "rows"}), (mixup(per="example"), {"per": "example"}),
         (mixup(partner="flip"), {"partner": "flip"}), (in_place, {"input": "overwritten"}),
         (md.Mixup, {"extra": {"per": "example"}, "per": "example"})]


def test_minidrops_own_holds():
    report = check(md.Mixup(alpha=0.2), "mixup", fixed={"alpha": 0.2})
    assert report.holds and 0 < report.alarm < 1e-6, report


@pytest.mark.parametrize("impl, settings", RIGHT)
def test_right_ones_hold_for_many_seeds(impl, settings):
    for seed in range(SEEDS):
        report = check(impl, "mixup", seed=seed, **settings)
        assert report.holds and report.alarm < 1e-6, report


def folded(rng, alpha, n):
    weight = rng.beta(alpha, alpha, n)
    return np.maximum(weight, 1 - weight)


def uniform(rng, alpha, n):
    return rng.random(n)


def skewed(rng, alpha, n):
    return rng.beta(alpha, 1.0, n)


def constant(rng, alpha, n):
    return np.full(n, 0.3)


def first_channel(w, x, z):
    y = x.copy()
    y[:, :1] = (w * x + (1 - w) * z)[:, :1]
    return y


WRONG = [
    (mixup(labels=lambda w, y, z: y), ["mixup.3"], "labels are not mixed"),
    (mixup(labels=lambda w, y, z: (1 - w) * y + w * z), ["mixup.3"], "labels take 1 - lambda"),
    (mixup(per="example"), ["mixup.1", "mixup.6"], "a weight for each example (Keras)"),
    (mixup(law=folded), ["mixup.1", "mixup.4"], "lambda folded to max(lambda, 1 - lambda)"),
    (mixup(partner="flip"), [], "the partner is the flipped batch (timm)"),
    (mixup(partner="neighbour"), [], "the partner is the neighbour in the batch (torchvision)"),
    (mixup(partner="any"), ["mixup.6"], "partners are drawn with replacement"),
    (in_place, [], "the input is overwritten (timm, the official code)"),
    (mixup(law=uniform), ["mixup.1", "mixup.4"], ""),
    (mixup(law=skewed), ["mixup.1", "mixup.4"], ""),
    (mixup(images=lambda w, x, z: w * x + w * z), ["mixup.2"], ""),
    (mixup(images=first_channel), ["mixup.2"], ""),
    (mixup(partner="first"), [], ""),
    (mixup(law=constant), ["mixup.1", "mixup.4"], ""),
    (lambda x, y, alpha: mixup()(x, y, alpha, np.random.default_rng(0)), ["mixup.1"], ""),
    (lambda x, y, alpha, rng: mixup()(x, y, alpha, rng)[0],
     ["mixup.1", "mixup.2"], ""),
]


@pytest.mark.parametrize("impl, broken, variant", [
    WRONG[2], *(pytest.param(*one, marks=pytest.mark.slow) for one in WRONG[:2] + WRONG[3:])])
def test_a_wrong_one_fails_at_its_equation_and_is_named(impl, broken, variant):
    report = check(impl, "mixup")
    assert report.failures and report.variant == variant, report
    assert report.broken == broken, report


def test_two_variants_at_once_are_both_named():
    report = check(mixup(per="example", partner="flip"), "mixup")
    assert report.variant == ("a weight for each example (Keras), and the partner is the flipped "
                              "batch (timm)"), report


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1.0, 1.5, 4.0, 30.0])
def test_the_distribution_of_the_weights_is_betas(alpha):
    from scipy.stats import beta

    tiny = 10.0**-np.arange(2, 9)
    x = np.concatenate([np.linspace(0, 1, 301), tiny, 1 - tiny])
    np.testing.assert_allclose(beta_cdf(x, alpha), beta.cdf(x, alpha, alpha), atol=2e-6)
