"""The museum of faults as black boxes: each is found, at its equation; what is right holds.

The gallery (right.py, wrong.py) is tried in a sample by a fixed rule; all of it, and minidrop under
200 seeds, with MINIDROP_GALLERY=all and MINIDROP_SEEDS=200, as .ci/long does.
"""

import os

import pytest

import minidrop as md
from minidrop.verify import check, run
from minidrop.verify.field.libraries import LIBRARIES, TABLE
from minidrop.verify.places import found_at
from minidrop.verify.techniques import NAMES
from tests import faults
from tests.verify.against import STOCHASTIC
from tests.verify.gallery import SEEDS, Right
from tests.verify.right import RIGHT
from tests.verify.test_flip_crop import ours as flip_crop
from tests.verify.test_gallery import KILLS
from tests.verify.wrong import WRONG

pytestmark = pytest.mark.slow

EACH = 1 if os.environ.get("MINIDROP_GALLERY") == "all" else 3
MUSEUM = [entry for entry in WRONG if entry.museum and entry.technique in NAMES]
OTHERS = [entry for entry in WRONG if not entry.museum and entry.technique in NAMES]
QUICK = {"dropout: kept with p", "dropblock: rate without the border",
         "targeted: others dropped", "adam: without the root"}
UNTOLD = {
    "layer_norm: over the last axis alone":
        "the last axis alone is layer norm too, as Transformers "
        "have it; only a weight of several axes asks for more",
}


def named(entry):
    """technique: name, and of which fault of the museum it is."""
    museum = getattr(entry, "museum", None)
    return f"{entry.technique}: {entry.name}" + (f" (fault {museum})" if museum else "")


def tried(entry, **settings):
    """The report on an entry; in a process of its own where it ends or blocks this one."""
    if getattr(entry, "name", "") in KILLS:
        impl = f"{entry.impl.__module__}:{entry.impl.__name__}"
        return check(impl, entry.technique, seconds=5, **entry.options, **settings)
    report = check(entry.impl, entry.technique, **entry.options, **settings)
    assert not [one for one in report.findings if one.found.startswith(run.OUR_FAULT)], report
    return report


@pytest.fixture
def unnamed(monkeypatch):
    """No variant is looked for, which takes longer than all the checks."""
    monkeypatch.setattr(run, "variant_of", lambda *given: ("", {}))


def found(entry):
    """The report on a wrong one, which must fail at an equation that it breaks."""
    report = tried(entry)
    assert report.failures and report.alarm < 1e-6, report
    assert not entry.tags or {*entry.tags} & {*report.broken}, report
    assert entry.tags or entry.manner in MANNERS, entry
    if not entry.tags:
        assert {finding.check for finding in report.failures} & MANNERS[entry.manner], report
    return report


ANY = {"answer", "evaluation", "values", "every mask", "rate 0"}
MANNERS = {"dtype": {"dtype", "answer"}, "shape": ANY, "type": ANY, "input": {"input untouched"},
           "finite": {"infinite input"}, "crash": ANY, "hang": ANY, "prints": {"prints"},
           "refuses": {"rate 0", "evaluation", "answer"}}


@pytest.mark.parametrize("entry", [e for e in WRONG if named(e).split(" (")[0] in QUICK], ids=named)
def test_a_fault_is_found_at_its_equation(entry, unnamed):
    found(entry)


@pytest.mark.parametrize("given", [{"impl": md.Dropout}, {"tags": ("dropout.7",)},
                                   {"tags": (), "manner": "prints"}], ids=str)
def test_what_is_right_or_fails_elsewhere_is_not_found(given, unnamed):
    entry, = (entry for entry in WRONG if named(entry).startswith("dropout: kept with p"))
    with pytest.raises(AssertionError):
        found(entry._replace(**given))


@pytest.mark.parametrize("entry", [*MUSEUM, *OTHERS[::EACH]], ids=named)
def test_every_fault_is_found_at_its_equation(entry, unnamed):
    if named(entry) in UNTOLD:
        assert not tried(entry).failures          # else it is told, and this list too long
    else:
        found(entry)


def test_every_fault_of_the_museum_is_tried_but_those_of_no_implementation():
    tried_here = {entry.museum for entry in MUSEUM}
    assert {fault.number for fault in faults.FAULTS} - tried_here == {13}   # refuses what is right
    assert sum(entry.museum is None for entry in WRONG) >= 10
    assert {*UNTOLD} <= {named(entry) for entry in WRONG}


@pytest.mark.parametrize("entry", [e for e in RIGHT if e.technique in NAMES][::EACH], ids=named)
def test_every_right_one_holds(entry):
    report = tried(entry)
    assert report.holds and report.alarm < 1e-6, report


OURS = [(technique, entry) for technique in NAMES
        for entry in TABLE.get(technique, {}).get("minidrop", ())]
OURS += [(entry.technique, entry) for entry in RIGHT if entry.name.startswith("minidrop")
         and entry.technique in {*NAMES} - {*TABLE}]
OURS += [("flip_crop", Right("minidrop", "flip_crop", flip_crop, {"framework": "minidrop"}))]


def test_minidrop_is_tried_in_every_technique_that_draws():
    assert {technique for technique, _ in OURS} >= {*STOCHASTIC, "flip_crop", "l0", "mc"}


@pytest.mark.parametrize("technique, entry", OURS, ids=[
    f"{technique}-{at}" for at, (technique, _) in enumerate(OURS)])
def test_minidrop_is_never_failed(technique, entry):
    if isinstance(entry, Right):
        impl, settings = entry.impl, entry.options
    else:
        impl, settings = found_at(entry.place), {**entry.settings, **entry.form}
        settings["framework"] = LIBRARIES["minidrop"][1]
    for seed in range(SEEDS):
        report = check(impl, technique, seed=seed, **settings)
        assert report.holds and report.alarm < 1e-6, (seed, report)
