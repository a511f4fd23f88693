"""minidrop.verify of targeted dropout: right ones hold, wrong ones fail, variants are named."""

import pytest

from minidrop.verify import check
from minidrop.weights.targeted import targeted_candidates, targeted_dropout, targeted_mask
from tests.verify import right_weights, wrong_weights
from tests.verify.gallery import SEEDS

pytestmark = pytest.mark.slow

RIGHT = [entry for entry in right_weights.right if entry.technique == "targeted"]
WRONG = {entry.name: entry for entry in wrong_weights.wrong if entry.technique == "targeted"}
BROKEN = {                                        # by name: equations, and the variant it is
    "single weights of a unit": ("26", "single weights of the candidate units"),
    "others dropped": ("167", "candidates are removed at any rate, and others dropped"),
    "smallest of all rows": ("3", "candidates are the smallest of the whole layer"),
    "rescaled by what is left": ("16", "what is kept is scaled by 1/(1 - gamma alpha)"),
    "units by their sums": ("4", ""),
    "all or none": ("67", ""),
    "modes exchanged": ("67", "training and evaluation are exchanged, and training prunes"),
}


def ours(w, gamma, alpha, unit, seed):
    return targeted_dropout(w, targeted_mask(seed, targeted_candidates(w, gamma, unit), alpha,
                                             unit))


def test_ours_holds_with_its_gradient():
    report = check(ours, "targeted", framework="minidrop")
    words = {tag: word for tag, word, _ in report.equations()}
    assert report.holds and 0 < report.alarm < 1e-6, report
    assert [tag for tag in words if words[tag] != "holds"] == ["targeted.5"]


@pytest.mark.parametrize("entry", RIGHT, ids=lambda entry: entry.name)
def test_a_right_one_in_another_style_holds(entry):
    for seed in range(SEEDS):
        report = check(entry.impl, "targeted", seed=seed)
        assert report.holds, report


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_one_fails_at_its_equation_and_is_named(name):
    report = check(WRONG[name].impl, "targeted")
    assert set(WRONG[name].tags) & set(report.broken), report
    if name in BROKEN:
        tags, variant = BROKEN[name]
        assert {f"targeted.{tag}" for tag in tags} >= set(WRONG[name].tags)
        assert report.broken == [f"targeted.{tag}" for tag in tags], report
        assert report.variant.startswith(variant) and bool(report.variant) == bool(variant), report


def test_evaluation_is_dense_unless_it_is_to_prune():
    def pruned(w, gamma, alpha, unit, training, seed):
        gone = targeted_candidates(w, gamma, unit)
        return ours(w, gamma, alpha, unit, seed) if training else targeted_dropout(w, ~gone)

    report = check(pruned, "targeted")
    assert [finding.check for finding in report.failures] == ["evaluation"], report
    assert report.variant.startswith("all candidates are gone in evaluation"), report
    assert check(pruned, "targeted", evaluation="pruned").holds


def test_ours_holds_for_every_seed():
    for seed in range(SEEDS):
        report = check(ours, "targeted", framework="minidrop", seed=seed)
        assert report.holds, report
