"""The gallery is what it says: the right ones are as minidrop is, the wrong ones are not."""

import contextlib
import io
from collections import Counter

import numpy as np
import pytest

from minidrop import catalog
from tests import faults
from tests.verify import against, exact
from tests.verify.right import RIGHT
from tests.verify.wrong import WRONG

pytestmark = pytest.mark.slow

TECHNIQUES = {t.name: {e.tag for e in t.equations} for t in catalog.techniques()}
MANNERS = {None, "dtype", "shape", "type", "input", "crash", "hang", "refuses", "finite",
           "prints"}
REFUSES = 13                                      # the grader of this fault refuses what is right
KILLS = {"exits at once", "reads where nothing is", "waits for itself", "draws until it fits"}
SUBTLE = {"eight random bits", "kept above p"}    # a rate that is off by 0.0016, by 2^-53
DRAWS = [entry for entry in RIGHT if entry.technique in against.STOCHASTIC]
WRONG_DRAWS = [entry for entry in WRONG if entry.technique in against.STOCHASTIC
               and entry.name not in KILLS | SUBTLE and entry.manner != "prints"]


def named(entry):
    return f"{entry.technique}: {entry.name}"


def complaint(entry):
    """The first thing that is wrong with an entry; None for nothing."""
    wrong = exact.difference if entry.technique in exact.CASES else against.difference
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), \
            np.errstate(all="ignore"):
        return wrong(entry)


def differs(entry):
    try:
        return complaint(entry) is not None
    except AssertionError:
        return True
    except (Exception, SystemExit):
        return entry.manner in ("crash", "refuses", "type")


def test_entries_are_well_formed():
    for entries in (RIGHT, WRONG):
        assert {name: n for name, n in Counter(map(named, entries)).items() if n > 1} == {}
        assert [named(e) for e in entries if not (e.impl.__doc__ or "").strip()] == []
        assert {e.technique for e in entries} <= set(TECHNIQUES)
        assert {e.technique for e in entries} == {*against.STOCHASTIC, *exact.CASES}
    for entry in WRONG:
        assert set(entry.tags) <= TECHNIQUES[entry.technique], entry.name
        assert entry.manner in MANNERS and (entry.tags or entry.manner), entry.name
        told = entry.impl.__doc__
        assert "\n" not in told and (not entry.tags or entry.manner or f"({entry.tags[0]})" in told
                                     ), entry.name


def test_there_is_one_for_every_fault_of_the_museum_and_many_more():
    museum = {fault.number for fault in faults.FAULTS} - {REFUSES}
    assert {entry.museum for entry in WRONG} == museum | {None}
    assert sum(entry.museum is None for entry in WRONG) >= 200
    assert sum(f"fault {REFUSES}" in entry.impl.__doc__ for entry in RIGHT) == 3


@pytest.mark.parametrize("entry", [e for e in RIGHT if e.technique in exact.CASES], ids=named)
def test_what_is_right_and_does_not_draw_has_the_numbers_of_minidrop(entry):
    assert complaint(entry) is None


def test_what_is_wrong_and_does_not_draw_has_other_numbers():
    same = [named(e) for e in WRONG if e.technique in exact.CASES and not differs(e)]
    assert same == []


@pytest.mark.parametrize("entry", DRAWS, ids=named)
def test_what_is_right_and_draws_has_the_law_of_minidrop(entry):
    assert complaint(entry) is None


@pytest.mark.parametrize("entry", WRONG_DRAWS, ids=named)
def test_what_is_wrong_and_draws_has_another_law_or_form(entry):
    assert differs(entry)


def test_a_rate_of_eight_bits_is_off_where_few_are_kept():
    eight, = (entry for entry in WRONG if entry.name == "eight random bits")
    x = np.ones((100, 200), "float32")
    kept = (eight.impl(x, 0.999, True, np.random.default_rng(0)) > 0).mean()
    assert abs(kept - 1 / 256) < 6 * (1 / 256 / x.size) ** 0.5 < 1 / 256 - 0.001
