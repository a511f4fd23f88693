"""Claims on multi-sample dropout: what their arms train, what is measured, verdicts, figures."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minidrop import data
from minidrop.claims import (
    CLAIMS,
    cnns,
    compare,
    duplicated_batch,
    flip_diversity,
    heads,
    recipe,
    sample_cost,
    sample_rates,
    samples,
)
from minidrop.claims.claim import WORDS
from minidrop.nn import Flatten, Linear, Sequential
from minidrop.train import evaluate, fit
from minidrop.units.dropout import Dropout
from minidrop.units.multi_sample import MultiSampleDropout, multi_sample_cross_entropy

pytestmark = pytest.mark.slow

NAMES = ("multi-sample", "samples", "duplicated-batch", "sample-rates", "flip-diversity")
TIMED = ("multi-sample", "duplicated-batch")
TINY = {"images": 100, "looked_at": 50, "epochs": 2, "maps": [2, 3], "hidden": 4, "batch_size": 40,
        "blocks": 1}


def tiny(name, **changed):
    """Settings of a claim, for a moment."""
    return CLAIMS[name].scales["quick"] | TINY | changed


@pytest.fixture
def fits(monkeypatch):
    """What fit is given in all runs, and what it returns, in order."""
    calls = []

    def spy(net, optimizer, given, epochs, **rest):
        history = fit(net, optimizer, given, epochs, **rest)
        calls.append({"net": net, "optimizer": optimizer, "data": given, "epochs": epochs,
                      "history": history, **rest})
        return history

    monkeypatch.setattr(recipe, "fit", spy)
    return calls


@pytest.fixture
def turns(monkeypatch):
    """The steps that were timed, in turns, which here take 3 ms and 2 ms."""
    calls = []

    def in_turns(steps, blocks):
        calls.append((steps, blocks, [step() for step in steps]))
        return [[3.0, 6.0, 30.0], [2.0, 4.0, 5.0]]

    monkeypatch.setattr(heads, "in_turns", in_turns)
    return calls


def head(net):
    """(m, the two rates, flip, padding) of the head of a network; (0, no rates) without dropout."""
    rates = [one.p for _, one in net.named_modules() if isinstance(one, Dropout)]
    if not isinstance(net.out, MultiSampleDropout):
        return 0, rates
    return net.out.m, [net.out.p, *rates], net.out.flip, net.out.padding


# --- what all of them share ----------------------------------------------------------------------

def test_networks_differ_in_their_masks_alone():
    settings, x = tiny("samples"), data.digits(image=True).train[0][:3]
    nets = [heads.network(settings, x, m).init(5) for m in (0, 1, 8)]
    assert head(nets[0]) == (0, [])
    assert [head(net) for net in nets[1:]] == [(m, [0.4, 0.3], False, 0) for m in (1, 8)]
    assert nets[2](x).shape == (8, 3, 10) and nets[0](x).shape == (3, 10)
    for net in nets[1:]:
        weights, first = dict(net.named_parameters()), dict(nets[0].named_parameters())
        assert [*weights] == [*first] and len(first) == 8
        for path, w in weights.items():
            assert_array_equal(w.data, first[path].data)
        assert_allclose(net.eval()(x).data, nets[0].eval()(x).data, rtol=1e-6)
    moved = heads.network(settings, x, 2, (0.1, 0.6), flip=True, padding=1)
    assert head(moved) == (2, [0.1, 0.6], True, 1)
    assert nets[0].stage2.conv.weight.shape == (3, 2, 3, 3)
    assert nets[0].out.head.hidden.linear.weight.shape == (4, 3 * 2 * 2)


def test_curves_are_of_epochs_and_the_ends_of_all_images(fits):
    settings = tiny("samples", lr=0.2, momentum=0.7)
    splits = cnns.images(settings)
    net = heads.network(settings, splits.train[0], 8)
    found = heads.train(net, splits, settings, 7, False)
    (call,) = fits
    assert (call["seed"], call["epochs"], call["batch_size"]) == (7, 2, 40)
    assert call["loss"] is multi_sample_cross_entropy and call["optimizer"].momentum == 0.7
    assert_allclose(call["schedules"]["lr"], 0.1 * (1 + np.cos(np.pi * np.arange(6) / 6)))
    assert_array_equal(call["data"][0], splits.train[0])
    assert_allclose(found["losses"], call["history"].loss.reshape(2, 3).mean(1), atol=1e-5)
    assert found["loss"] == found["losses"][-1] and len(found["errors"]) == 2
    assert_allclose(found["error"], 1 - evaluate(net, splits.test).accuracy, atol=1e-4)
    few = recipe.first(splits.test, 50)
    assert_allclose(found["errors"][-1], 1 - evaluate(net, few).accuracy, atol=1e-4)
    assert_allclose(found["clean"], evaluate(net, splits.train).loss, atol=1e-5)


def test_looks_change_no_training():
    settings = tiny("samples")
    splits = cnns.images(settings)
    looked, alone = (heads.network(settings, splits.train[0], 2) for _ in range(2))
    heads.train(looked, splits, settings, 3, False)
    recipe.train(alone, splits.train, settings, 3, False, loss=multi_sample_cross_entropy)
    for w, v in zip(looked.parameters(), alone.parameters(), strict=True):
        assert_array_equal(w.data, v.data)


@pytest.mark.parametrize("losses, level, share", [
    ([4.0, 3.0, 2.0, 1.0], 1.0, 1.0), ([4.0, 3.0, 2.0, 1.0], 2.5, 2.5 / 4),
    ([4.0, 3.0, 2.0, 1.0], 5.0, 0.25), ([4.0, 3.0, 2.0, 1.0], 0.5, None),
    ([4.0, 1.0, 2.0, 2.0], 2.0, (1 + 2 / 3) / 4)])
def test_where_a_loss_is_reached_lies_between_two_epochs(losses, level, share):
    assert heads.reached(losses, level) == (share if share is None else pytest.approx(share))


def test_steps_are_saved_by_who_gets_there_first():
    fast, slow = [3.0, 1.0, 0.5, 0.2], [4.0, 3.0, 2.0, 1.0]
    assert heads.saved(fast, slow) == pytest.approx(0.5)
    assert heads.saved(slow, fast) == pytest.approx(-0.5)
    assert heads.saved(fast, fast) == 0
    rows = {"a": [{"losses": fast, "cost": 1.5}], "b": [{"losses": slow, "cost": 1.0}]}
    assert_allclose(heads.savings(rows, "a", "b"), [[0.5], [0.25]])


def test_a_step_is_timed_beside_one_of_dropout(turns):
    settings = tiny("multi-sample")
    splits = cnns.images(settings)
    nets = [heads.network(settings, splits.train[0], m) for m in (8, 1)]
    batch = recipe.first(splits.train, 40)
    before = [w.data.copy() for w in nets[0].init(0).parameters()]
    found = heads.cost(*((net, batch) for net in nets), settings)
    assert found == {"cost": 1.5, "ms": 4.0}           # medians, of neighbours for the ratio
    (_, blocks, losses), = turns
    assert blocks == 1 and all(isinstance(one, float) for one in losses)
    for m, loss in zip((8, 1), losses, strict=True):
        z = heads.network(settings, splits.train[0], m).init(0)(batch[0])
        assert_allclose(loss, float(multi_sample_cross_entropy(z, batch[1]).data), rtol=1e-5)
    assert any((w.data != old).any() for w, old in zip(nets[0].parameters(), before, strict=True))


# --- what the arms are ---------------------------------------------------------------------------

ARMS = {
    "multi-sample": {"none": (0, []), "dropout": (1, [0.4, 0.3], False, 0),
                     "m = 8": (8, [0.4, 0.3], False, 0)},
    "samples": {str(m): (m, [0.4, 0.3], False, 0) for m in (1, 2, 4, 8, 16, 32, 64)},
    "duplicated-batch": {"dropout": (1, [0.4, 0.3], False, 0), "m = 8": (8, [0.4, 0.3], False, 0),
                         "repeated": (1, [0.4, 0.3], False, 0)},
    "sample-rates": {f"p = {p}, m = {m}": (m, [p, p], False, 0) for p in (0.2, 0.5, 0.7)
                     for m in (1, 8)},
    "flip-diversity": {"m = 8": (8, [0.4, 0.3], False, 0), "flips": (8, [0.4, 0.3], True, 0),
                       "alike": (8, [0.4, 0.3], True, 0), "shifts": (8, [0.4, 0.3], False, 1)}}


@pytest.mark.parametrize("name", NAMES)
def test_each_arm_has_the_head_that_its_name_says(fits, turns, name):
    claim, settings = CLAIMS[name], tiny(name, epochs=1)
    assert [*claim.arms] == [*ARMS[name]]
    for arm in claim.arms:
        fits.clear()
        found = claim.run(arm, 4, settings, False)
        (call,) = fits
        assert head(call["net"]) == ARMS[name][arm] and call["seed"] == 4
        assert isinstance(call["net"].out, flip_diversity.Alike) == (arm == "alike")
        assert call.get("batch") is (duplicated_batch.repeated if arm == "repeated" else None)
        assert len(call["data"][0]) == 100 and call["optimizer"].lr == settings["lr"]
        assert ("cost" in found) == (name in TIMED)
    assert len(turns) == (len(claim.arms) if name in TIMED else 0)


@pytest.mark.parametrize("name", TIMED)
def test_what_is_timed_is_the_arm_and_dropout(monkeypatch, name):
    seen = {}
    for arm in CLAIMS[name].arms:
        monkeypatch.setattr(heads, "cost", lambda one, plain, settings, arm=arm: seen.update(
            {arm: [(head(net), len(x), len(y)) for net, (x, y) in (one, plain)]}) or {})
        CLAIMS[name].run(arm, 0, tiny(name, epochs=1), False)
    for arm, (one, plain) in seen.items():
        rows = 320 if arm == "repeated" else 40
        assert one == (ARMS[name][arm], rows, rows)
        assert plain == (ARMS[name]["dropout"], 40, 40)


def test_copies_have_masks_of_their_own_and_in_another_order_those_of_the_samples():
    x, y = np.arange(6.0, dtype="float32").reshape(3, 2), np.arange(3)
    xs, ys = duplicated_batch.repeated(None, x, y)
    assert_array_equal(ys, np.repeat(y, 8))
    assert_array_equal(xs, np.repeat(x, 8, axis=0))
    settings, (x, y) = tiny("duplicated-batch"), recipe.first(data.digits(image=True).train, 5)
    eight, one, other = (heads.network(settings, x, m).init(2) for m in (8, 1, 1))
    z = eight(x).data
    assert_allclose(one(np.tile(x, (8, 1, 1, 1))).data.reshape(8, 5, 10), z, rtol=1e-4, atol=1e-5)
    z2 = other(duplicated_batch.repeated(None, x, y)[0]).data.reshape(5, 8, 10).swapaxes(0, 1)
    assert abs(z2 - z).max() > 1e-3


def test_the_cost_is_what_bench_measures(monkeypatch):
    given, records = [], [{name: 10.0 * i + m for i, name in enumerate(sample_cost.KEPT)} | {
        "m": m, "blas": "x"} for m in (1, 8)]
    monkeypatch.setattr(sample_cost.samples, "run", lambda *args, **options: given.append(
        (args, options)) or records)
    settings = {"samples": [1, 8], "blocks": 3, "batch_size": 4, "size": 8}
    found = sample_cost.run("small VGG", 0, settings, "label")
    assert given == [(([1, 8], 3), {"progress": False, "batch": 4, "size": 8})]
    assert found["m"] == [1, 8] and found["growth"] == [21, 28] and [*found] == [*sample_cost.KEPT]


# --- verdicts ------------------------------------------------------------------------------------

UP, LEVEL, DOWN = [0.020, 0.021, 0.022], [0.020, 0.010, 0.000], [0.000, 0.001, 0.002]
MID = [0.010, 0.011, 0.012]
FAST, SLOW, AS = [2.0, 1.0, 0.5], [3.0, 2.0, 1.0], [2.5, 1.5, 0.9]


def rows(errors, losses=SLOW, cost=1.0):
    """Results of an arm, one a seed: with the errors, and losses of each seed or of all."""
    every = losses if isinstance(losses[0], list) else [losses] * len(errors)
    return [{"error": error, "errors": [0.5, 0.4, error], "losses": curve, "loss": curve[-1],
             "clean": curve[-1] / 2, "cost": cost, "ms": 10.0}
            for error, curve in zip(errors, every, strict=True)]


UNSURE = [FAST, SLOW, [4.0, 3.0, 2.0]]       # saves, saves nothing, loses


@pytest.mark.parametrize("losses, dropout, word", [
    (FAST, UP, "held"), (FAST, LEVEL, "not held"), (FAST, DOWN, "not held"),
    (SLOW, UP, "not held"), (SLOW, MID, "not seen at this scale"),
    (UNSURE, LEVEL, "not seen at this scale"), ([4.0, 3.0, 2.0], DOWN, "refuted"),
    ([4.0, 3.0, 2.0], LEVEL, "refuted")])
def test_eight_samples_are_judged_by_steps_and_errors(losses, dropout, word):
    found = {"none": rows(UP, [0.3, 0.2, 0.1]), "dropout": rows(dropout),
             "m = 8": rows(MID, losses, 1.2)}
    verdict = CLAIMS["multi-sample"].judge(found, {})
    assert verdict.word == word
    if losses is FAST:
        assert verdict.headline.startswith("steps saved 33.33 +- 0.00 %, time saved 20.00 +- 0.00")


@pytest.mark.parametrize("one, most, word", [
    (UP, MID, "held"), (UP, DOWN, "not held"), (DOWN, UP, "not held"), (DOWN, DOWN, "refuted"),
    (LEVEL, MID, "not seen at this scale"), (MID, MID, "not seen at this scale")])
def test_a_gain_stops_near_eight(one, most, word):
    found = {arm: rows(MID) for arm in samples.SAMPLES} | {"1": rows(one), "64": rows(most)}
    verdict = samples.judge(found, {})
    assert verdict.word == word
    assert verdict.headline.startswith(f"held-out error {100 * np.mean(one):.2f} % at m = 1, ")


def test_half_of_the_gain_is_the_edge():
    found = {arm: rows(MID) for arm in samples.SAMPLES}
    found |= {"1": rows(np.add(MID, 0.010)), "64": rows(np.subtract(MID, 0.004))}
    assert samples.judge(found, {}).word == "held"
    found |= {"64": rows(np.subtract(MID, 0.006))}
    assert samples.judge(found, {}).word == "not held"


@pytest.mark.parametrize("eight, cost, word", [
    (0.52, 2.0, "held"), (0.74, 2.0, "held"), (0.80, 2.0, "not held"), (0.20, 2.0, "not held"),
    (0.52, 7.0, "not held"), (0.80, 7.0, "refuted"), (0.75, 4.0, "not seen at this scale"),
    (0.52, 4.0, "not held")])
def test_copies_are_judged_by_loss_and_time(eight, cost, word):
    found = {"dropout": rows(MID, [2.0, 1.0]), "m = 8": rows(MID, [2.0, eight], cost),
             "repeated": rows(MID, [2.0, 0.5], 8.0)}
    assert duplicated_batch.judge(found, {}).word == word


@pytest.mark.parametrize("worst, errors, word", [
    (FAST, UP, "held"), (FAST, LEVEL, "not held"), (SLOW, UP, "not held"),
    (SLOW, LEVEL, "not seen at this scale"), ([4.0, 3.0, 2.0], DOWN, "refuted"),
    ([4.0, 3.0, 2.0], UP, "not held")])
def test_all_rates_must_save_steps_and_their_mean_errors(worst, errors, word):
    found = {arm: rows(MID, FAST) for arm in sample_rates.ARMS}
    for p in sample_rates.RATES:
        found[f"p = {p}, m = 1"] = rows(errors)
    found["p = 0.5, m = 8"] = rows(MID, worst)
    assert sample_rates.judge(found, {}).word == word


@pytest.mark.parametrize("plain, alike, word", [
    (UP, UP, "held"), (UP, LEVEL, "not held"), (LEVEL, UP, "not held"),
    (LEVEL, LEVEL, "not seen at this scale"), (MID, DOWN, "refuted"),
    (DOWN, DOWN, "refuted")])
def test_flips_are_judged_against_masks_and_equal_flips_and_shifts_are_not(plain, alike, word):
    for shifts in (UP, DOWN):
        found = {"m = 8": rows(plain), "flips": rows(MID), "alike": rows(alike),
                 "shifts": rows(shifts)}
        assert flip_diversity.judge(found, {}).word == word


def test_flips_alike_are_the_same_for_all_samples_of_an_image_and_not_for_all_images():
    layer = flip_diversity.Alike(Sequential(flatten=Flatten(), out=Linear(2 * 4 * 4, 3)), 0.4, 8,
                                 flip=True).init(5)
    masks, flips, shifts = layer.sample((40, 2, 4, 4))
    assert flips.shape == (8, 40) and shifts is None and masks.shape == (8, 40, 2, 4, 4)
    assert_array_equal(flips, flips[:1].repeat(8, 0))
    assert 5 < flips[0].sum() < 35 and not (masks[0] == masks[1]).all()
    assert layer(np.ones((40, 2, 4, 4), "f")).shape == (8, 40, 3)


def measured(ratio, memory, rounds=3):
    return {"small VGG": [
        {"m": [1, 8], "ms": [1.0, 2.0], "growth": [1.0, 2.0 + 0.01 * k], "peak_mb": [1.0, memory],
         "repeated_growth": [1.0, 8.0], "repeated_peak_mb": [1.0, 8.0],
         "ratio": [1.0, ratio + 0.01 * k], "head": [0.1, 0.1]} for k in range(rounds)]}


@pytest.mark.parametrize("ratio, memory, word", [
    (0.2, 2.0, "held"), (0.2, 6.0, "not held"), (0.7, 2.0, "not held"), (1.2, 9.0, "refuted"),
    (0.7, 6.0, "not seen at this scale"), (1.2, 6.0, "refuted"),
    (0.7, 9.0, "refuted"),
    (0.49, 4.0, "not seen at this scale"), (0.49, 2.0, "not held")])
def test_the_cost_is_judged_by_time_and_memory(ratio, memory, word):
    settings = {"samples": [1, 8]}
    verdict = sample_cost.judge(measured(ratio, memory), settings)
    assert verdict.word == word
    assert verdict.headline == (
        f"a step with 8 samples takes 2.01 +- 0.02 times as long as with one and {memory:.2f} +- "
        f"0.00 times its memory; beside the batch repeated, {ratio + 0.01:.2f} +- 0.02 of the time "
        f"and {memory / 8:.2f} +- 0.00 of the memory")
    assert sample_cost.judge(measured(0.2, 2.0, 1), settings)[:2] == (
        "not seen at this scale", "one seed has no interval")


# --- figures -------------------------------------------------------------------------------------

def test_curves_are_drawn_against_iterations_and_seconds():
    found = {"none": rows(UP, SLOW), "dropout": rows(UP, AS), "m = 8": rows(MID, FAST, 2.0)}
    axes = heads.draw(found, {"images": 90, "batch_size": 20, "data": "digits"}).axes
    for axis, along in zip(axes, ([5, 10, 15], [0.1, 0.2, 0.3]) * 2, strict=True):
        line = axis.get_lines()[2]
        assert_allclose(line.get_xdata(), along)
        assert len(axis.collections) == 3                            # bands
    assert_allclose(axes[1].get_lines()[2].get_ydata(), FAST)
    assert_allclose(axes[3].get_lines()[2].get_ydata(), [50, 40, 1.1])
    assert_allclose(axes[1].get_lines()[1].get_xdata(), [0.05, 0.1, 0.15])


def test_ends_are_drawn_against_samples_and_rates():
    settings = {"images": 90, "batch_size": 20, "data": "digits", "samples": [1, 8]}
    found = {arm: rows(np.add(MID, 0.01 * k), FAST) for k, arm in enumerate(samples.SAMPLES)}
    left, loss, error = samples.draw(found, settings).axes
    assert len(left.get_lines()) == 3
    assert_allclose(error.get_lines()[1].get_xydata()[:, 1], np.arange(7), atol=1e-9)
    assert_allclose(loss.get_lines()[1].get_xydata()[:, 1], [0] * 7)
    found = {arm: rows(MID if arm.endswith("8") else UP) for arm in sample_rates.ARMS}
    left, right = sample_rates.draw(found, settings).axes
    assert len(left.get_lines()) == 6
    assert_allclose(right.get_lines()[0].get_xydata(), [[0.2, 2.1], [0.5, 2.1], [0.7, 2.1]])
    time, memory = sample_cost.draw(measured(0.2, 2.0), settings).axes
    assert_allclose(time.get_lines()[0].get_xydata()[:, 1], [1, 2.01])
    assert_allclose(memory.get_lines()[0].get_xydata()[:, 1], [1, 2])
    twice = measured(0.2, 2.0)
    for one in twice["small VGG"]:
        one.update(peak_mb=[5.0, 20.0], repeated_growth=[1.1, 8.0])
    axes = sample_cost.draw(twice, settings).axes
    ours = [line.get_xydata()[:, 1] for axis in axes for line in axis.get_lines()
            if line.get_linestyle() != "None"]
    assert_allclose(ours, [[1, 2.01], [1.1, 8], [1, 8], [1, 4], [1, 8], [1, 8]])


# --- whole runs ----------------------------------------------------------------------------------

@pytest.mark.parametrize("name", NAMES)
def test_arms_differ_and_one_seed_has_no_verdict(name):
    claim, settings = CLAIMS[name], tiny(name, epochs=3, lr=0.1)
    found = {arm: [claim.run(arm, 0, settings, False)] for arm in claim.arms}
    kept = {arm: [{key: value for key, value in run.items() if key not in ("cost", "ms")}
                  for run in runs] for arm, runs in found.items()}
    assert len({str(runs) for runs in kept.values()}) == len(claim.arms)
    again = claim.run(claim.arms[-1], 0, settings, False)
    assert kept[claim.arms[-1]] == [{key: again[key] for key in kept[claim.arms[-1]][0]}]
    assert claim.judge(found, settings)[:2] == ("not seen at this scale",
                                                "one seed has no interval")
    two = {arm: runs * 2 for arm, runs in found.items()}
    assert claim.judge(two, settings).word in WORDS
    for some in (found, two):
        assert claim.draw(some, settings).axes


def test_the_cost_is_measured_and_judged():
    claim, settings = CLAIMS["sample-cost"], CLAIMS["sample-cost"].scales["quick"] | {
        "samples": [1, 8], "blocks": 1}
    found = {arm: [claim.run(arm, seed, settings, False) for seed in (0, 1)] for arm in claim.arms}
    assert claim.judge(found, settings).word in WORDS
    assert compare.column(found, "small VGG", "peak_mb").shape == (2, 2)
    assert claim.draw(found, settings).axes


@pytest.mark.parametrize("name", NAMES)
def test_the_other_scales_run_on_a_few_images(name, monkeypatch, turns):
    claim, rng = CLAIMS[name], np.random.default_rng(0)
    pair = rng.normal(size=(60, 3, 32, 32)).astype("float32"), np.arange(60) % 10
    monkeypatch.setattr(cnns, "images", lambda settings: data.Splits(pair, pair, pair))
    for scale in ("standard", "paper"):
        settings = claim.scales[scale] | {"images": 60, "epochs": 1, "batch_size": 30, "blocks": 1,
                                          "maps": [2, 3, 4], "hidden": 5}
        for arm in claim.arms[:3]:
            assert claim.run(arm, 0, settings, False)["error"] <= 1
