"""Claims on snapshot ensembles: what their arms train, what is measured, how they are judged."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minidrop import data
from minidrop.averages.snapshot import SnapshotEnsemble
from minidrop.claims import (
    CLAIMS,
    budgets,
    cnns,
    compare,
    cycles,
    early_drop,
    ledger,
    recipe,
    snapshot_diversity,
    snapshots,
)
from minidrop.claims.claim import WORDS
from minidrop.landscape import InterpolationCurve, interpolate
from minidrop.models import lenet
from minidrop.norms.batch_norm import BatchNorm
from minidrop.train import evaluate, fit
from minidrop.units.dropout import Dropout

pytestmark = pytest.mark.slow

NAMES = ("snapshots", "cycles", "snapshot-diversity", "early-drop")
STEPS = 20 * 3                                    # 130 images are three mini-batches
DIGITS = data.digits(image=True)


def tiny(name, **changed):
    return CLAIMS[name].scales["quick"] | {"images": 130, "hidden": [8], "lrs": [0.1],
                                           "seeds": 2} | changed


@pytest.fixture
def fits(monkeypatch):
    """What fit is given in all runs, in order."""
    calls = []

    def spy(net, optimizer, given, epochs, **rest):
        calls.append({"net": net, "optimizer": optimizer, "data": given, "epochs": epochs, **rest})
        return fit(net, optimizer, given, epochs, **rest)

    monkeypatch.setattr(recipe, "fit", spy)
    return calls


def wave(length, lr=0.1):
    return lr / 2 * (1 + np.cos(np.pi * np.arange(length) / length))


def drops(net):
    return {path: one.p for path, one in net.named_modules() if isinstance(one, Dropout)}


def error(net, pair=DIGITS.test):
    return 1 - evaluate(net, pair).accuracy


# --- what the arms train -------------------------------------------------------------------------

def test_snapshots_are_of_one_run_in_cycles(fits):
    found = snapshots.run("snapshot", 2, tiny("snapshots"), False)
    (call,) = fits
    assert_allclose(call["schedules"]["lr"], np.tile(wave(12), 5), rtol=1e-12)
    assert (call["epochs"], call["seed"]) == (20, 200) and not drops(call["net"])
    assert len(found["alone"]) == 5
    assert_allclose(found["alone"][-1], error(call["net"]), atol=1e-4)


@pytest.mark.parametrize("arm, there", [("nocycle", {}), ("dropout", {"hidden1.drop": 0.2})])
def test_one_run_whose_rate_falls_at_half_and_three_quarters(fits, arm, there):
    found = snapshots.run(arm, 2, tiny("snapshots"), False)
    (call,) = fits
    assert_allclose(call["schedules"]["lr"], [0.1] * 30 + [0.01] * 15 + [0.001] * 15, rtol=1e-12)
    assert (call["epochs"], call["seed"]) == (20, 200) and drops(call["net"]) == there
    assert len(found["alone"]) == len(found["together"]) == {"nocycle": 5, "dropout": 1}[arm]
    assert_allclose(found["last"], error(call["net"]), atol=1e-4)


@pytest.mark.parametrize("arm, rates", [
    ("singlecycle", wave(12)), ("independent", [0.1] * 6 + [0.01] * 3 + [0.001] * 3)])
def test_networks_drawn_anew_share_the_budget_and_have_seeds_of_their_own(fits, arm, rates):
    found = snapshots.run(arm, 2, tiny("snapshots"), False)
    assert [call["seed"] for call in fits] == [200, 201, 202, 203, 204]
    assert len({id(call["net"]) for call in fits}) == 5
    for call, wrong in zip(fits, found["alone"], strict=True):
        assert_allclose(call["schedules"]["lr"], rates, rtol=1e-12)
        assert call["epochs"] == 4 and not drops(call["net"])
        assert_allclose(wrong, error(call["net"]), atol=1e-4)
    whole = SnapshotEnsemble([call["net"] for call in fits]).eval()
    assert_allclose(found["error"], error(whole), atol=1e-4)
    assert_allclose(found["together"][1], error(whole.last(2)), atol=1e-4)


@pytest.mark.parametrize("arm", cycles.CLAIM.arms)
def test_cycles_share_one_budget(fits, arm):
    found = cycles.run(arm, 3, tiny("cycles"), False)
    (call,), many = fits, int(arm)
    assert_allclose(call["schedules"]["lr"], np.tile(wave(STEPS // many), many), rtol=1e-12)
    assert (call["epochs"], call["seed"]) == (20, 3) and len(found["together"]) == many
    assert_allclose(found["last"], error(call["net"]), atol=1e-4)


@pytest.mark.parametrize("arm, falls", [("1/2", (30, 45)), ("1/4", (15, 37)), ("1/8", (7, 33)),
                                        ("never", (60, 60))])
def test_the_rate_falls_after_its_share_of_the_run(fits, arm, falls):
    found = early_drop.run(arm, 3, tiny("early-drop", lrs=[1e-5, 0.1]), False)
    (_, call), (first, second) = fits, falls
    assert found["lr"] == 0.1                     # with the other nothing is learned
    assert_allclose(call["schedules"]["lr"], [0.1] * first + [0.01] * (second - first)
                    + [0.001] * (STEPS - second), rtol=1e-12)
    assert (call["epochs"], call["seed"], len(found["curve"])) == (20, 3, 20)
    assert_allclose(found["error"], error(call["net"]), atol=1e-4)
    assert found["curve"][-1] == found["validation"]
    assert_allclose(found["validation"], error(call["net"], DIGITS.validation), atol=1e-4)


def test_what_differs_in_diversity_is_the_rates(fits):
    for arm, rates in (("snapshot", np.tile(wave(12), 5)),
                       ("nocycle", [0.1] * 30 + [0.01] * 15 + [0.001] * 15)):
        fits.clear()
        snapshot_diversity.run(arm, 3, tiny("snapshot-diversity"), False)
        (call,) = fits
        assert_allclose(call["schedules"]["lr"], rates, rtol=1e-12)
        assert (call["epochs"], call["seed"]) == (20, 3)


@pytest.mark.parametrize("name", NAMES)
def test_all_arms_train_alike_on_the_first_images_with_the_same_rates(fits, name):
    for arm in CLAIMS[name].arms:
        fits.clear()
        CLAIMS[name].run(arm, 0, tiny(name, images=70, lrs=[0.1, 0.05]), False)
        assert {call["optimizer"].lr for call in fits} == {0.1, 0.05}
        for call in fits:
            assert_array_equal(call["data"][0], DIGITS.train[0][:70])
            assert_array_equal(call["data"][1], DIGITS.train[1][:70])
            assert (call["optimizer"].momentum, call["optimizer"].weight_decay) == (0.9, 1e-4)
            assert call["batch_size"] == 64 and call["schedules"]["lr"][0] == call["optimizer"].lr


@pytest.mark.parametrize("name, where, many", [("lenet", "hidden.drop", 1),
                                               ("resnet8", "stage", 3)])
def test_dropout_has_its_place_in_every_network(name, where, many):
    x = np.zeros((1, 1, 28, 28), "float32")
    there = drops(budgets.network({"net": name}, x, 0.3))
    assert [*there.values()] == [0.3] * many and all(path.startswith(where) for path in there)
    assert not drops(budgets.network({"net": name}, x))
    real = budgets.network(snapshots.CLAIM.scales["standard"], np.zeros((1, 3, 32, 32)), 0.5)
    assert [w.shape for w in real.parameters()] == [w.shape for w in lenet(3, 32).parameters()]


# --- what is measured ----------------------------------------------------------------------------

def test_what_a_run_leaves_stays_as_it_was():
    settings, seen = tiny("snapshots"), {}
    given = recipe.first(DIGITS.train, 130)

    def watch(step, net, loss):
        seen[step + 1] = [w.data.copy() for w in net.parameters()]

    rates, ends = budgets.cyclic(0.1, STEPS, 5)
    nets = budgets.leave(budgets.network(settings, given[0]), given, settings, 0, False, rates,
                         ends, watch)
    assert ends == [12, 24, 36, 48, 60] and not any(net.training for net in nets)
    for net, end in zip(nets, ends, strict=True):
        for w, kept in zip(net.parameters(), seen[end], strict=True):
            assert_array_equal(w.data, kept)


def test_what_is_measured_is_of_the_last_m_at_the_rate_that_validation_data_chose(monkeypatch):
    rng = np.random.default_rng(0)
    y = {"validation": rng.integers(0, 4, 50), "test": rng.integers(0, 4, 60)}
    splits = data.Splits(None, ("validation", y["validation"]), ("test", y["test"]))
    probs = {(lr, part): rng.dirichlet(np.ones(4), (3, len(y[part])))
             for lr in (0.1, 0.2) for part in y}
    for part, right in y.items():                 # on validation data all are better at 0.2,
        probs[0.2, part][:2] += np.eye(4)[right] * (4 if part == "validation" else -0.2)
        probs[0.1, part][2] += np.eye(4)[right] * (1 if part == "validation" else 0)  # the last not
    for one in probs.values():
        one -= min(0, one.min())
        one /= one.sum(-1, keepdims=True)

    def probabilities(nets, x):
        return np.stack([probs[lr, x][i] for lr, i in nets])

    monkeypatch.setattr(budgets, "probabilities", probabilities)
    made = {lr: [(lr, i) for i in range(3)] for lr in (0.1, 0.2)}
    found = budgets.measured(made, splits)

    def wrong(lr, part, *members):
        mean = sum(probs[lr, part][i] for i in members)
        return round(float(np.mean(mean.argmax(-1) != y[part])), 4)

    assert (found["lr"], found["last_lr"]) == (0.2, 0.1)
    assert found["validation"] == wrong(0.2, "validation", 0, 1, 2)
    assert found["error"] == wrong(0.2, "test", 0, 1, 2) == found["together"][2]
    assert found["last"] == wrong(0.1, "test", 2) != wrong(0.2, "test", 2)
    assert found["together"][:2] == [wrong(0.2, "test", 2), wrong(0.2, "test", 1, 2)]
    assert found["alone"] == [wrong(0.2, "test", i) for i in range(3)]


def test_probabilities_are_averaged_and_not_logits():
    nets = [budgets.network(tiny("snapshots"), DIGITS.test[0]).init(seed) for seed in (0, 1)]
    probs = budgets.probabilities(nets, DIGITS.test[0], size=70)
    whole = SnapshotEnsemble(nets).probabilities(DIGITS.test[0])
    assert probs.dtype == "float64"
    assert_allclose(probs, whole, atol=1e-6)
    both = np.array([[[0.99, 0.01]], [[0.4, 0.6]], [[0.4, 0.6]]])
    assert budgets.wrong(both, np.array([0])) == 0.0


def test_alike_are_networks_without_a_barrier_and_whose_outputs_correlate(monkeypatch):
    monkeypatch.setattr(snapshot_diversity, "SHARES", [0, 0.5, 1])
    pair = recipe.first(DIGITS.test, 200)
    splits = data.Splits(DIGITS.train, DIGITS.validation, pair)
    nets = [budgets.network(tiny("snapshots"), pair[0]).init(seed) for seed in (0, 1, 0)]
    probs = budgets.probabilities(nets, pair[0])
    found = snapshot_diversity.alike(nets, probs, splits)
    flat = probs.reshape(3, -1)
    assert_allclose(found["correlation"], np.corrcoef(flat), atol=1e-5)
    ends = [error(net, pair) for net in nets]
    middle = error(interpolate(nets[1], nets[2], 0.5), pair)
    assert_allclose(found["curves"][0], [ends[0]] * 3, atol=1e-4)
    assert_allclose(found["curves"][1], [ends[1], middle, ends[2]], atol=1e-4)
    assert found["barrier"][0] == 0
    assert_allclose(found["barrier"][1], max(0, middle - (ends[1] + ends[2]) / 2), atol=1e-4)


def test_networks_are_chosen_on_validation_data(monkeypatch):
    """Labels of the test data turned round: there the rate at which nothing is learned is best."""
    x, y = DIGITS.test
    splits = data.Splits(recipe.first(DIGITS.train, 130), DIGITS.validation, (x, (y + 1) % 10))
    monkeypatch.setattr(cnns, "images", lambda settings: splits)
    for arm in snapshot_diversity.CLAIM.arms:
        found = snapshot_diversity.run(arm, 0, tiny("snapshot-diversity", lrs=[1e-5, 0.1]), False)
        assert found["lr"] == 0.1 and found["validation"] < 0.8 < found["error"]


def test_only_the_last_three_networks_count_and_none_with_itself():
    found = {"nocycle": alike([0.5, 0.25], [0.1, 0.3])}
    for one in found["nocycle"]:
        for i, j in ((0, 1), (0, 4), (1, 2), (1, 3)):
            one["correlation"][i][j] = one["correlation"][j][i] = 0.9
        one["correlation"][2][4] = one["correlation"][4][2] = 0.8
        one["barrier"][:2] = 9, 9
        one["barrier"][3] = 0
    like, high = snapshot_diversity.late(found, "nocycle")
    assert_allclose(like, [(0.5 + 0.5 + 0.8) / 3, (0.25 + 0.25 + 0.8) / 3])
    assert_allclose(high, [0.05, 0.15])


def test_the_last_three_are_from_after_the_first_fall():
    for scale, settings in snapshot_diversity.CLAIM.scales.items():
        rates, ends = budgets.falling(1.0, 1000), budgets.cyclic(1.0, 1000, settings["cycles"])[1]
        early = [end for end in ends if rates[end - 1] == 1]
        assert len(ends) - len(early) == snapshot_diversity.LAST, scale


def test_batch_norms_have_statistics_of_the_weights_in_between(monkeypatch):
    given = []

    def curve(a, b, pair, shares, statistics):
        given.append((a, b, pair, statistics))
        return InterpolationCurve(shares, None, np.zeros(len(shares)))

    monkeypatch.setattr(snapshot_diversity, "interpolation_curve", curve)
    splits = cnns.images({"data": "digits", "images": 20})
    nets = [budgets.network({"net": "resnet8"}, splits.test[0]).init(seed) for seed in (0, 1)]
    assert any(isinstance(one, BatchNorm) for _, one in nets[0].named_modules())
    snapshot_diversity.alike(nets, budgets.probabilities(nets, splits.test[0][:20]), splits)
    ((last, first, pair, statistics),) = given
    assert (last, first) == (nets[1], nets[0]) and pair is splits.test
    assert_array_equal(statistics, DIGITS.train[0][:20])


def test_a_curve_keeps_its_end():
    assert early_drop.thinned([1, 2, 3]) == [1, 2, 3]
    assert early_drop.thinned([*range(200)]) == [*range(3, 200, 4)]


# --- verdicts ------------------------------------------------------------------------------------

UP, LEVEL, DOWN = [0.420, 0.421, 0.422], [0.420, 0.410, 0.400], [0.400, 0.401, 0.402]
MID = EVEN = [0.410, 0.411, 0.412]


def members(errors, last=None, count=5):
    """Results of three seeds of an arm of `count` networks."""
    return [{"error": one, "last": alone, "lr": 0.1, "last_lr": 0.1, "validation": one,
             "together": [alone] * (count - 1) + [one], "alone": [alone] * count}
            for one, alone in zip(errors, last or errors, strict=True)]


@pytest.mark.parametrize("single, nocycle, singlecycle, independent, word", [
    (UP, UP, UP, UP, "held"),
    (LEVEL, UP, UP, UP, "not held"), (UP, LEVEL, UP, UP, "not held"),
    (UP, UP, DOWN, UP, "not held"), (UP, UP, UP, EVEN, "not held"),
    (UP, DOWN, DOWN, DOWN, "not held"),
    (LEVEL, LEVEL, LEVEL, LEVEL, "not seen at this scale"),
    (EVEN, EVEN, EVEN, EVEN, "not seen at this scale"),
    (LEVEL, DOWN, DOWN, DOWN, "refuted"),
    (DOWN, DOWN, DOWN, DOWN, "refuted")])
def test_snapshots_are_judged_against_all_of_their_budget(single, nocycle, singlecycle, independent,
                                                          word):
    found = {"nocycle": members(nocycle, single), "snapshot": members(MID, DOWN),
             "singlecycle": members(singlecycle), "independent": members(independent),
             "dropout": members(DOWN, count=1)}   # this one, and the last, decide nothing
    verdict = snapshots.judge(found, tiny("snapshots"))
    assert verdict.word == word
    assert f"of one network {100 * np.mean(single):.2f} %" in verdict.headline


def test_the_verdict_on_snapshots_tells_the_numbers():
    found = {arm: members(UP) for arm in snapshots.CLAIM.arms} | {
        "snapshot": members(DOWN, MID), "dropout": members(LEVEL, count=1)}
    _, headline, lines = snapshots.judge(found, tiny("snapshots"))
    assert headline == ("error of all snapshots 40.10 %; of one network 42.10 %, of a run without "
                        "cycles 42.10 %, drawn anew 42.10 %, independent 42.10 %, with dropout "
                        "41.00 %; the first four have more by 2.00 +- 0.00, 2.00 +- 0.00, 2.00 +- "
                        "0.00, 2.00 +- 0.00 points")
    assert "the last snapshot, less all snapshots: 1.00 +- 0.00 points of error" in lines
    assert "5 drawn anew, a cycle each, less all snapshots: 2.00 +- 0.00 points of error" in lines


@pytest.mark.parametrize("last, one, many, word", [
    (UP, UP, UP, "held"), (LEVEL, UP, UP, "not held"), (UP, EVEN, UP, "not held"),
    (UP, UP, DOWN, "not held"), (LEVEL, LEVEL, LEVEL, "not seen at this scale"),
    (DOWN, EVEN, DOWN, "refuted"), (DOWN, DOWN, DOWN, "refuted")])
def test_a_few_cycles_are_judged_against_their_last_one_and_many(last, one, many, word):
    found = {"1": members(one, count=1), "2": members(DOWN, count=2), "5": members(MID, last),
             "10": members(DOWN, count=10), "20": members(many, DOWN, count=20)}
    assert cycles.judge(found, {}).word == word


def alike(correlation, barrier):
    """Results of three seeds: a correlation of all pairs, and a barrier of all but the last."""
    return [{"error": 0.4, "lr": 0.1, "validation": 0.4, "barrier": [height] * 4,
             "curves": [[0.4] * 11] * 4,
             "correlation": (np.full((5, 5), one) + np.eye(5) * (1 - one)).tolist()}
            for one, height in zip(correlation, barrier, strict=True)]


@pytest.mark.parametrize("correlation, barrier, word", [
    (UP, DOWN, "held"), (UP, UP, "not held"), (DOWN, DOWN, "not held"), (UP, EVEN, "not held"),
    (EVEN, LEVEL, "not seen at this scale"), (DOWN, LEVEL, "refuted"),
    (DOWN, UP, "refuted")])
def test_diversity_is_of_outputs_and_of_barriers(correlation, barrier, word):
    """Of the run without cycles; that with them is in the middle."""
    found = {"snapshot": alike(MID, MID), "nocycle": alike(correlation, barrier)}
    verdict = snapshot_diversity.judge(found, {})
    assert verdict.word == word
    assert verdict.headline.startswith(
        f"among the last 3 networks the correlation is {np.mean(MID):.3f} with cycles and "
        f"{np.mean(correlation):.3f} without ({compare.interval(np.subtract(correlation, MID))} ")


COSTS = {"none": [0.4, 0.401, 0.402], "a tenth": [0.41, 0.411, 0.412],
         "a half": [0.45, 0.451, 0.452], "some": [0.39, 0.43, 0.46]}


@pytest.mark.parametrize("quarter, eighth, word", [
    ("none", "a tenth", "held"), ("a tenth", "a half", "not held"), ("a half", "none", "not held"),
    ("some", "none", "not held"), ("some", "a half", "refuted"),
    ("some", "some", "not seen at this scale"), ("a half", "a half", "refuted")])
def test_an_early_fall_is_judged_by_what_the_fall_brings(quarter, eighth, word):
    rows = {"1/2": COSTS["none"], "1/4": COSTS[quarter], "1/8": COSTS[eighth],
            "never": [0.5, 0.501, 0.502]}
    found = {arm: [{"error": one, "lr": 0.1, "validation": one, "curve": [one] * 3} for one in row]
             for arm, row in rows.items()}
    assert early_drop.judge(found, {}).word == word
    for one, cost in zip(found["never"], (0.3, 0.45, 0.6), strict=True):
        one["error"] = cost                       # it may bring nothing: there is no measure
    assert early_drop.judge(found, {}).word == "not seen at this scale"


def test_a_quarter_of_what_the_fall_brings_is_no_longer_little():
    """Of binary fractions, so that the edge is met exactly."""
    rows = {"1/2": [0.25] * 3, "1/4": [0.3125] * 3, "1/8": [0.25] * 3, "never": [0.5] * 3}
    found = {arm: [{"error": one, "lr": 0.1, "validation": one, "curve": [one]} for one in row]
             for arm, row in rows.items()}
    assert early_drop.judge(found, {}).word == "not held"


# --- whole runs and figures ----------------------------------------------------------------------

@pytest.mark.parametrize("name", NAMES)
def test_arms_differ_and_one_seed_has_no_verdict(name):
    claim, settings = CLAIMS[name], tiny(name)
    found = {arm: [claim.run(arm, seed, settings, False) for seed in (0, 1)] for arm in claim.arms}
    assert len({str(runs) for runs in found.values()}) == len(claim.arms)
    arm = claim.arms[0]
    assert found[arm][1] == claim.run(arm, 1, settings, False)                   # bit for bit
    assert claim.judge(found, settings).word in WORDS
    one = {arm: runs[:1] for arm, runs in found.items()}
    assert claim.judge(one, settings)[:2] == ("not seen at this scale", "one seed has no interval")
    for some in (one, found):
        assert claim.draw(some, settings).axes


@pytest.mark.parametrize("name", NAMES)
def test_the_scale_of_the_paper_runs_on_a_few_images(name, monkeypatch):
    """With fewer layers: what the settings ask for is there, batch norms among it."""
    rng = np.random.default_rng(0)
    pair = rng.normal(size=(40, 3, 32, 32)).astype("float32"), np.arange(40) % 10
    monkeypatch.setattr(cnns, "images", lambda settings: data.Splits(pair, pair, pair))
    claim, arms = CLAIMS[name], [arm for arm in CLAIMS[name].arms if arm != "20"]
    few = claim.scales["paper"] | {"epochs": 10, "batch_size": 40, "net": "resnet8"}
    few |= {"lrs": [few["lrs"][0]]}
    assert all(0 <= claim.run(arm, 0, few, False)["error"] <= 1 for arm in arms)


def test_up_to_the_end_of_its_first_cycle_a_network_drawn_anew_is_the_same():
    settings = tiny("snapshots")
    first, alone = (snapshots.run(arm, 1, settings, False)["alone"]
                    for arm in ("snapshot", "singlecycle"))
    assert first[0] == alone[0] and first[1:] != alone[1:]


def test_the_figures_show_what_was_measured():
    found = {arm: members(MID) for arm in snapshots.CLAIM.arms} | {
        "snapshot": members(DOWN, UP), "dropout": members(LEVEL, count=1)}
    left, right = snapshots.draw(found, tiny("snapshots")).axes
    (curve,) = [box for box in left.containers if box.get_label() == "snapshot"]
    assert_allclose([*curve[0].get_ydata()], [42.1] * 4 + [40.1])
    (curve,) = [box for box in right.containers if box.get_label() == "snapshot"]
    assert_allclose([*curve[0].get_ydata()], [42.1] * 5)
    found = {arm: members(MID, count=int(arm)) for arm in cycles.CLAIM.arms} | {
        "5": members(DOWN, UP)}
    left, right = cycles.draw(found, tiny("cycles")).axes
    assert_allclose([*left.containers[0][0].get_ydata()], [41.1, 41.1, 40.1, 41.1, 41.1])
    (curve,) = [line for line in right.lines if line.get_label() == "5"]
    assert_allclose(curve.get_ydata(), [42.1] * 4 + [40.1])
    rows = {arm: [{"error": one, "curve": [0.9, one]} for one in UP] for arm in early_drop.STYLES}
    left, right = early_drop.draw(rows, tiny("early-drop")).axes
    assert_allclose(left.lines[0].get_xydata(), [[10, 90], [20, 42.1]])
    assert [box[0].get_ydata()[0] for box in right.containers] == pytest.approx([42.1] * 4)
    rows = {"snapshot": alike(MID, MID), "nocycle": alike(UP, UP)}
    axes = snapshot_diversity.draw(rows, tiny("snapshot-diversity")).axes
    assert axes[0].texts[1].get_text() == "0.41" and axes[1].texts[1].get_text() == "0.42"
    assert [len(axis.lines) for axis in axes[2:]] == [4, 4]


def test_an_interrupted_run_goes_on_where_it_was(tmp_path):
    calls, claim = [], snapshots.CLAIM

    def run(arm, seed, settings, progress):
        calls.append(arm)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return claim.run(arm, seed, settings, progress)

    few = dataclasses.replace(claim, run=run, arms=("snapshot", "singlecycle", "dropout"),
                              scales={"quick": tiny("snapshots", seeds=1)})
    with pytest.raises(KeyboardInterrupt):
        ledger.run(few, "quick", folder=tmp_path, progress=False)
    found = ledger.run(few, "quick", folder=tmp_path, progress=False)
    assert calls == ["snapshot", "singlecycle", "singlecycle", "dropout"]
    assert found == {arm: [claim.run(arm, 0, tiny("snapshots"), False)] for arm in few.arms}
