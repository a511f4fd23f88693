"""minidrop.verify: what is right holds, what is wrong fails at its equation, and is named."""

import numpy as np
import pytest

import minidrop as md
from minidrop.verify import check, conforms


def dropout(x, p, training, rng):
    return np.where(rng.random(x.shape) >= p, x / (1 - p) if p < 1 else 0 * x, 0) if training else x


def unscaled(x, p, training, rng):
    return x * (rng.random(x.shape) >= p) if training else x * (1 - p)


def rows_alike(x, p, training, rng):
    mask = rng.random(x.shape[1:]) >= p
    return x * mask / max(1 - p, 1e-30) if training else x


def keep(x, p, training, rng):
    return dropout(x, 1 - p, training, rng)


def frozen(x, p, training):
    return dropout(x, p, training, np.random.default_rng(0))


@pytest.mark.parametrize("impl", [md.Dropout, dropout])
def test_a_right_one_holds(impl):
    report = check(impl, "dropout")
    assert report.holds and 0 < report.alarm < 1e-6, report


@pytest.mark.slow
@pytest.mark.parametrize("impl, broken, variant", [
    (unscaled, ["dropout.2", "dropout.3"], "test-time scaling, as in the papers of 2012 and 2014"),
    (rows_alike, ["dropout.1"], "one mask for all examples of the batch"),
    (keep, ["dropout.1", "dropout.2", "dropout.3"], "the rate given is a keep probability"),
    (frozen, ["dropout.1"], ""),
])
def test_a_wrong_one_fails_at_its_equation_and_is_named(impl, broken, variant):
    report = check(impl, "dropout")
    assert report.broken == broken and report.variant == variant, report
    with pytest.raises(AssertionError, match=broken[0]):
        conforms(impl, "dropout")


def test_every_equation_of_a_technique_is_checked_or_cannot_be_seen_and_the_reason_is_given():
    """A test that grows with the folder: each Technique names all equations of its docstring."""
    from minidrop import catalog
    from minidrop.verify.techniques import NAMES, technique_named

    for name in NAMES:
        technique = technique_named(name)
        stated = {*catalog.formulas(name)}
        plain = technique.form({})
        forms = [plain | {name: value} for name, values in technique.options.items()
                 for value in values] or [plain]
        outcome = ("holds", "")
        checked = {tag for form in forms for one in technique.checks
                   for tag in one.finding(outcome, form).tags}
        assert checked | set(technique.unseen) == stated, name
        assert not checked & set(technique.unseen), name
        for change in technique.variants.values():
            technique.form({key: value for key, value in change.items() if key != "rate"})
