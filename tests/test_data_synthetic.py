"""Points and shapes: exact without noise, and exactly as noisy as asked."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop.catalog import PACKAGE
from minidrop.data import blobs, moons, shapes, spirals, synthetic

pytestmark = pytest.mark.slow

POINTS = [moons, spirals, blobs]
SETS = [*POINTS, shapes]


@pytest.mark.parametrize("make", SETS)
def test_sizes_dtypes_and_classes(make):
    splits = make(103)
    assert [len(x) for x, _ in splits] == [63, 20, 20]
    for x, y in splits:
        assert x.dtype == np.float32 and y.dtype == np.int64 and len(x) == len(y)
        assert x.shape[1:] == ((3, 32, 32) if make is shapes else (2,))
        assert np.ptp(np.bincount(y)) <= 1


@pytest.mark.parametrize("make", SETS)
def test_a_seed_fixes_every_bit_and_no_two_parts_or_seeds_agree(make):
    first, again, other = (make(100, seed=seed) for seed in (3, 3, 4))
    for (x, y), (x2, y2), (x3, _) in zip(first, again, other, strict=True):
        assert_array_equal(x, x2)
        assert_array_equal(y, y2)
        assert (x != x3).mean() > 0.99
    assert (first.validation[0] != first.test[0]).mean() > 0.99


@pytest.mark.parametrize("make", SETS)
def test_noise_is_gaussian_with_the_deviation_asked_for(make):
    options = {"normalise": False} if make is shapes else {}
    (clean, _), (noisy, _) = (make(5000 if make is not shapes else 50, noise=noise, **options).train
                              for noise in (0.0, 0.25))
    z = (noisy - clean) / 0.25                    # at least 6,000 numbers
    n = z.size                                    # each bound fails by chance once in 10^6 seeds
    assert abs(z.mean()) < 4.9 / math.sqrt(n) and abs(z.var() - 1) < 4.9 * math.sqrt(2 / n)
    assert abs((abs(z) < 1).mean() - 0.6827) < 4.9 * math.sqrt(0.6827 * 0.3173 / n)


@pytest.mark.parametrize("difficulty", [0.0, 0.3, 1.0])
def test_moons_lie_on_two_half_circles(difficulty):
    (x, y), _, _ = moons(1000, noise=0.0, difficulty=difficulty)
    upper, lower = x[y == 0], [1, difficulty] - x[y == 1]
    for half in (upper, lower):
        assert_allclose(np.hypot(*half.T), 1, atol=1e-6)
        assert half[:, 1].min() >= -1e-6 and half[:, 0].min() < -0.95 and half[:, 0].max() > 0.95


def test_moons_are_apart_at_0_and_meet_at_1():
    (x, y), _, _ = moons(1000, noise=0.0, difficulty=0.0)
    assert ((x[:, 1] > 0) == (y == 0)).all()
    gaps = []
    for difficulty in (0.0, 0.5, 1.0):
        (x, y), _, _ = moons(4000, noise=0.0, difficulty=difficulty)
        gaps.append(np.hypot(*(x[y == 0][:, None] - x[y == 1]).T).min())
    assert gaps[0] > 0.4 and gaps[1] > 0.3 and gaps[2] < 0.01


@pytest.mark.parametrize("difficulty", [0.0, 0.25, 1.0])
def test_spirals_wind_as_often_as_they_say(difficulty):
    (x, y), _, _ = spirals(1000, noise=0.0, difficulty=difficulty, classes=3)
    radius = np.hypot(*x.T)
    assert radius.min() >= 0.1 - 1e-6 and radius.max() <= 1 + 1e-6
    turn = np.arctan2(x[:, 1], x[:, 0]) / (2 * math.pi) - y / 3 - 2 * difficulty * radius
    assert_allclose(turn, np.round(turn), atol=1e-5)


def test_blobs_at_difficulty_1_are_one():
    (x, _), _, _ = blobs(100, noise=0.0, difficulty=1.0)
    assert not x.any()


def test_two_blobs_have_the_error_they_say():
    noise, difficulty = 0.5, 0.4
    (x, y), _, _ = blobs(50_000, noise=noise, difficulty=difficulty, classes=2)
    due = 0.5 * math.erfc((1 - difficulty) / noise / math.sqrt(2))
    wrong = ((x[:, 0] < 0) != y).mean()           # fails by chance once in 10^6 seeds
    assert abs(wrong - due) < 4.9 * math.sqrt(due * (1 - due) / len(y))


@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_shapes_differ_from_their_ground_by_the_contrast_and_never_touch_the_border(difficulty):
    (x, _), _, _ = shapes(300, noise=0.0, difficulty=difficulty, normalise=False)
    ground = x[:, :, :1, :1]
    for edge in (x[:, :, 0], x[:, :, -1], x[..., 0], x[..., -1]):
        assert_array_equal(edge, np.broadcast_to(ground[..., 0], edge.shape))
    assert x.min() >= 0 and x.max() <= 1
    contrast = abs(x - ground)
    assert_allclose(contrast.max(axis=(2, 3)), 0.5 - 0.4 * difficulty, atol=1e-6)
    assert_allclose(contrast[:, 0], contrast[:, 1], atol=1e-6)    # the same shape in every channel


AREAS = {"disc": math.pi, "square": 2.0, "triangle": 3 * math.sqrt(3) / 4,
         "cross": 4 * 0.9 * 2 / 3 - 4 / 9, "ring": math.pi * (1 - 0.25)}


@pytest.mark.parametrize("difficulty", [0.0, 1.0])
def test_shapes_have_the_areas_of_their_kind(difficulty):
    (x, y), _, _ = shapes(2000, noise=0.0, difficulty=difficulty, normalise=False)
    mask = abs(x - x[:, :, :1, :1])[:, 0] / (0.5 - 0.4 * difficulty)
    mean = 100 + difficulty * 16 / 3              # of the squared radius, uniform in 10 +- 4 d
    for label, name in enumerate(synthetic.SHAPES):
        areas = mask[y == label].sum(axis=(1, 2))
        assert_allclose(areas.mean(), AREAS[name] * mean, rtol=0.02 + 0.1 * difficulty)
        assert (np.ptp(areas) < 1e-3) == (difficulty == 0)


def test_shapes_are_normalised_by_their_training_part():
    raw, normal = shapes(100, normalise=False), shapes(100)
    mean, deviation = (f(axis=(0, 2, 3), keepdims=True)
                       for f in (raw.train[0].mean, raw.train[0].std))
    for (x, _), (z, _) in zip(raw, normal, strict=True):
        assert_allclose(z, (x - mean) / deviation, atol=1e-5)


def test_more_passes_than_one_draw_on(monkeypatch):
    (x, _), _, _ = shapes(900, noise=0.0)
    assert len(x) > synthetic.PASS
    assert len({row.tobytes() for row in x}) == len(x)


@pytest.mark.parametrize("make", POINTS)
def test_a_small_network_learns_them(make):
    data = make(500, difficulty=0.3)
    net = md.nn.Sequential(md.nn.Linear(2, 32), md.nn.Tanh(), md.nn.Linear(32, 3)).init(0)
    md.fit(net, md.optim.SGD(0.5, momentum=0.9), data, epochs=30, batch_size=50, progress=False)
    assert md.evaluate(net, data.test).accuracy > 0.93


@pytest.mark.parametrize("make", SETS)
@pytest.mark.parametrize("argument, values", [
    ("n", [4, 0, -1, 2.5, None, True]), ("noise", [-0.1, math.nan, math.inf, "a", None]),
    ("difficulty", [-0.1, 1.1, math.nan, "a", None]), ("seed", [0.5, None, "a"]),
    ("classes", [1, 0, 2.5, None])])
def test_a_wrong_argument_is_named(make, argument, values):
    if argument == "classes" and make in (moons, shapes):
        return
    for value in values:
        with pytest.raises((ValueError, TypeError), match=rf"\b{argument}\b"):
            make(**{argument: value})


def test_only_minidrop_noise_draws():
    for path in (PACKAGE / "data").glob("*.py"):
        assert "random" not in path.read_text(encoding="utf-8").replace("random order", "")
