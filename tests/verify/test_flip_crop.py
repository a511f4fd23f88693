"""verify flip_crop: what is right holds in any style, what is wrong fails at its equation."""

import functools

import numpy as np
import pytest

import minidrop as md
from minidrop.verify import check
from minidrop.verify.checks.images import pictures
from minidrop.verify.techniques.flip_crop import SIZES, TECHNIQUE, table

pytestmark = pytest.mark.slow

BATCH, UNMIRRORED, REFLECTED, EDGE = TECHNIQUE.variants


def ours(x, padding, rng):
    return md.flip_crop(rng, x, None, padding)[0]


def one(image, padding, rng, chance=0.5, low=None, high=None, mode="constant", axis=-1, tied=False,
        scale=1):
    """One image, padded and cut; each argument behind rng is a wrong turn."""
    (_, height, width), flip = image.shape, rng.random() < chance
    first = -padding if low is None else low
    last = padding + (1 if high is None else high)
    u, v = rng.integers(first, max(last, first + 1), 2) + padding
    if tied:
        v = u
    wide = np.pad(np.flip(image, axis) if flip else image,
                  [(0, 0), (padding, padding), (padding, padding)], mode=mode)
    return wide[:, u:u + height, v:v + width] * image.dtype.type(scale)


def each(x, padding, rng, **turn):
    return np.stack([one(image, padding, rng, **turn) for image in x])


def by_places(x, padding, rng):
    """Every pixel is fetched from its place, or is 0."""
    n, _, height, width = x.shape
    rows = np.arange(height) + rng.integers(-padding, padding + 1, (n, 1))
    columns = np.arange(width) + rng.integers(-padding, padding + 1, (n, 1))
    inside = (((rows >= 0) & (rows < height))[:, :, None]
              & ((columns >= 0) & (columns < width))[:, None])
    columns = np.where(rng.random((n, 1)) < 0.5, columns, width - 1 - columns)
    found = x[np.arange(n)[:, None, None], :, rows.clip(0, height - 1)[:, :, None],
              columns.clip(0, width - 1)[:, None]]
    return np.where(inside[:, None], np.moveaxis(found, -1, 1), 0).astype(x.dtype)


def whole_batch(x, padding, rng):
    n, c, *size = x.shape
    return one(x.reshape(n * c, *size), padding, rng).reshape(x.shape)


def frozen(x, padding):
    return each(x, padding, np.random.default_rng(0))


WRONG = {
    "one draw for the batch": (whole_batch, "13", BATCH),
    "never mirrored": (functools.partial(each, chance=0.0), "15", UNMIRRORED),
    "mirrored too often": (functools.partial(each, chance=0.95), "15", ""),
    "reflected": (functools.partial(each, mode="reflect"), "4", REFLECTED),
    "edge": (functools.partial(each, mode="edge"), "4", EDGE),
    "upside down": (functools.partial(each, axis=-2), "2", ""),
    "the last shift never comes": (functools.partial(each, high=0), "35", ""),
    "one direction only": (functools.partial(each, low=0), "35", ""),
    "one shift for both": (functools.partial(each, tied=True), "35", ""),
    "scaled": (functools.partial(each, scale=0.5), "4", ""),
    "frozen": (frozen, "13", ""),
}


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in (1, 2, 3))])
@pytest.mark.parametrize("impl", [ours, by_places, pytest.param(each, marks=pytest.mark.slow)])
def test_a_right_one_holds(impl, seed):
    report = check(impl, "flip_crop", seed=seed, framework="minidrop" if impl is ours else None)
    assert report.holds and 0 < report.alarm < 1e-6, report


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_one_fails_at_its_equation_and_is_named(name):
    impl, broken, variant = WRONG[name]
    report = check(impl, "flip_crop")
    assert report.broken == [f"flip_crop.{n}" for n in broken], report
    assert report.variant == variant, report


def test_what_is_scaled_fails_where_nothing_else_is_due():
    report = check(WRONG["scaled"][0], "flip_crop")
    assert [finding.check for finding in report.failures] == ["crops"]


def test_what_takes_one_image_at_a_time_holds_in_its_form():
    assert check(lambda x, padding, rng: one(x, padding, rng), "flip_crop", images="one").holds


@pytest.mark.parametrize("height, width, padding", SIZES)
def test_an_output_tells_exactly_what_was_done(height, width, padding):
    image, known = pictures(2, height, width), table(pictures(2, height, width), padding, "zeros")
    assert len(known) == 4 * (2 * padding + 1)**2           # two of the four turns are due
    offsets = np.array([[u, v] for u, v in np.ndindex(2 * padding + 1, 2 * padding + 1)])
    for mirrored in (False, True):
        x = np.stack([image[..., ::-1] if mirrored else image] * len(offsets))
        for crop, (u, v) in zip(md.crop(x, offsets, padding), offsets, strict=True):
            assert known[np.ascontiguousarray(crop).tobytes()] == (int(mirrored), u, v)
