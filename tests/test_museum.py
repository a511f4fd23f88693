"""The museum: every exhibit runs, has the fault that it tells, and is noticed by what it names."""

import copy
import re
import sys
from pathlib import Path

import pytest

from minidrop import catalog
from minidrop.verify import check
from tests import faults

pytestmark = pytest.mark.slow

SITE = Path(__file__).parents[1] / "site"
sys.path.insert(0, str(SITE))

from scripts import museum  # noqa: E402

ROOMS, TECHNIQUES = museum.read(), catalog.techniques()
EXHIBITS = {exhibit["number"]: exhibit for exhibit in museum.exhibits(ROOMS)}
SEEN = [exhibit for exhibit in EXHIBITS.values() if "verify" in exhibit]


@pytest.fixture(scope="module")
def page():
    """The page as it is now."""
    return museum.page(ROOMS, TECHNIQUES)


def changed(number, keys):
    """The rooms with other entries for one exhibit."""
    rooms = copy.deepcopy(ROOMS)
    next(e for e in museum.exhibits(rooms) if e["number"] == number).update(keys)
    return rooms


def test_every_exhibit_is_shown_with_what_it_prints(page):
    assert len(EXHIBITS) >= 20
    assert re.findall(r"^### (\d+)\. (.*) \{ #exhibit-(\d+) \}$", page, re.M) == [
        (str(i), e["name"], str(i)) for i, e in enumerate(museum.exhibits(ROOMS), 1)]
    for exhibit in EXHIBITS.values():
        assert f"\n{museum.output(exhibit)}```" in page and exhibit["story"] in page
        for sentence in (exhibit["story"], exhibit["rule"], exhibit["seems"]):
            assert sentence[0].isupper() and sentence[-1] in ".)"
        assert exhibit["link"].startswith("https://")
        assert max(map(len, exhibit["code"].splitlines())) <= 82, exhibit["number"]


def test_what_is_printed_is_computed_here_and_now(monkeypatch):
    before = museum.output(EXHIBITS[4])
    monkeypatch.setattr("minidrop.dropblock_rate", lambda p, block, height, width: p / block**2)
    museum.run.cache_clear()
    try:
        assert museum.output(EXHIBITS[4]) != before
    finally:
        museum.run.cache_clear()


NUMBERS = {                                       # worked out by hand, or known from elsewhere
    1: "gradient [2. 2. 2. 2. 2. 2.]\ndue      [0. 0. 2. 2. 0. 0.]", 2: "variance 0.01116",
    3: "a mask of (9, 9)",
    4: "14 x 14: 0.0740 dropped", 5: "1 mask in 1000 steps", 8: "u > p: at p = 0 1 of 2^24",
    14: "mean 2.0, square 16.0", 19: "is 0.0309 0.0 0.1996 0.0377", 20: "7 x  7: 0.930 dropped",
    21: "adds 28.5", 26: "at most 196 pixels are erased, due 225",
}


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_that_are_known(number):
    assert NUMBERS[number] in museum.output(EXHIBITS[number])


def test_exhibits_draw_from_nobodys_stream():
    import numpy as np
    np.random.seed(7)                             # noqa: NPY002
    due = np.random.random()                      # noqa: NPY002
    np.random.seed(7)                             # noqa: NPY002
    museum.run.cache_clear()
    museum.output(EXHIBITS[6])
    assert np.random.random() == due              # noqa: NPY002


@pytest.mark.parametrize("exhibit", SEEN, ids=lambda e: f"{e['number']}-{e['verify']['technique']}")
def test_the_black_box_fails_an_exhibit_at_an_equation_that_it_breaks(exhibit):
    given = dict(exhibit["verify"])
    impl, technique = museum.names_of(exhibit)[given.pop("impl")], given.pop("technique")
    report = check(impl, technique, **given)
    assert {*report.broken} & {*exhibit["breaks"]} and report.alarm < 1e-6, report


def test_the_tests_named_are_those_that_kill_the_fault():
    killers = {}
    for mutant in faults.MUTANTS:
        test = getattr(mutant.killer, "func", mutant.killer)
        killers.setdefault(mutant.number, set()).add(test.__name__)
    for number, names in killers.items():
        assert names == {*EXHIBITS[number]["tests"]}, number


@pytest.mark.parametrize("number, keys, words", [
    (4, {"breaks": ["dropblock.99"]}, r"exhibit 4 breaks \(dropblock.99\), which nobody states"),
    (4, {"tests": ["test_nothing"]}, "exhibit 4 names the test test_nothing, which is nowhere"),
    (4, {"code": "md.dropblok()"}, "exhibit 4 cannot be run: AttributeError"),
    (4, {"code": "print('nothing')"}, "exhibit 4 prints no number"),
    (4, {"number": 5}, "must be numbered 1 to"),
    (2, {"field": "timm.layers.DropBlock9d"}, "exhibit 2 names .* says nothing"),
    (2, {"field": "torch.nn.Dropout"}, "exhibit 2 names torch.nn.Dropout, .* says holds"),
])
def test_what_does_not_hold_is_refused(number, keys, words):
    with pytest.raises(ValueError, match=words):
        museum.page(changed(number, keys), TECHNIQUES)
