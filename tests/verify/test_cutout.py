"""verify cutout: what is right holds in any style, what is wrong fails at its equation."""

import pytest
from numpy.testing import assert_allclose

from minidrop.verify import check
from minidrop.verify.techniques.cutout import TECHNIQUE, chances, intervals
from tests.verify.right import RIGHT
from tests.verify.wrong import WRONG

pytestmark = pytest.mark.slow

OFFICIAL, MIRRORED, INSIDE, ONE, HALF = TECHNIQUE.variants
NAMED = {"odd lengths one smaller": OFFICIAL, "always inside": INSIDE,
         "one centre for all images": ONE, "half of the images": HALF}
# Everything that each breaks: the chances of the pixels and the mean area follow from the square
BROKEN = {
    "one centre for all images": "1", "always inside": "145", "square inside by clipping": "1",
    "the last row never": "145", "height for both": "14", "half of the images": "145",
    "odd lengths one smaller": "245", "one channel of them": "2", "scaled up as dropout is": "3"}
QUICK = "always inside", "odd lengths one smaller", "half of the images"


def image(x, length, rng):
    """One image (C, H, W) at a time, as transforms of data sets are written."""
    y, (_, height, width) = x.copy(), x.shape
    top, left = rng.integers(height) - length // 2, rng.integers(width) - length // 2
    y[:, max(top, 0):max(top + length, 0), max(left, 0):max(left + length, 0)] = 0
    return y


def mirrored(x, length, rng):
    y = x.copy()
    for one in y:
        one[...] = image(one[:, ::-1, ::-1], length, rng)[:, ::-1, ::-1]
    return y


def few(entries, quick):
    return [pytest.param(one, id=one.name, marks=() if one.name in quick else pytest.mark.slow)
            for one in entries if one.technique == "cutout"]


@pytest.mark.parametrize("entry", few(RIGHT, ["minidrop", "squares by comparing places"]))
def test_a_right_one_holds(entry):
    report = check(entry.impl, "cutout", **entry.options)
    assert report.holds and 0 < report.alarm < 1e-6, report


@pytest.mark.parametrize("entry", few(WRONG, QUICK))
def test_a_wrong_one_fails_at_its_equation_and_is_named(entry):
    report = check(entry.impl, "cutout")
    assert set(entry.tags) <= set(report.broken), report
    if entry.name in BROKEN:
        assert report.broken == [f"cutout.{n}" for n in BROKEN[entry.name]], report
    if entry.name in NAMED:
        assert report.variant == NAMED[entry.name], report


def test_a_square_whose_centre_is_in_front_of_the_middle_is_named():
    report = check(mirrored, "cutout")
    assert report.broken == ["cutout.2", "cutout.4"] and report.variant == MIRRORED, report


def test_what_takes_one_image_at_a_time_holds_in_its_form():
    assert check(image, "cutout", images="one").holds


def test_the_exact_law_has_the_numbers_of_its_closed_forms():
    form = TECHNIQUE.form({})
    for length, side, whole, area in ((16, 14, 0.282, 196), (8, 7.5, 0.610, 56.25),
                                      (20, 16.875, 0.165, 284.8)):
        law = intervals(32, length, "paper")
        assert sum((end - first) * chance for (first, end), chance in law.items()
                   ) == pytest.approx(side)
        full = sum(chance for (first, end), chance in law.items() if end - first == length)
        assert round(full**2, 3) == whole
        assert round(chances(32, 32, length, form).sum(), 1) == round(area, 1)
    assert_allclose(chances(8, 8, 4, form)[[0, 0, 4], [0, 4, 4]],
                    [(3 / 8)**2, 3 / 16, 1 / 4])
