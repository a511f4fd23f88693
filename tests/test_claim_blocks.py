"""Claims on DropBlock and Cutout: what their arms train on, what is measured, verdicts."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minidrop import data
from minidrop.claims import CLAIMS, cnns, compare, lenets, recipe
from minidrop.claims.claim import WORDS
from minidrop.inputs.cutout import Cutout
from minidrop.inputs.flip_crop import flip_crop
from minidrop.intervals import Interval
from minidrop.models import places
from minidrop.nn import Identity
from minidrop.noise import Stream
from minidrop.train import evaluate, fit
from minidrop.units.dropblock import DropBlock
from minidrop.units.dropout import Dropout
from minidrop.units.spatial import SpatialDropout

pytestmark = pytest.mark.slow

NAMES = ("dropblock", "block-size", "scheduled", "cutout", "cutout-together")
KINDS = {"none": None, "dropout": Dropout, "spatial": SpatialDropout, "dropblock": DropBlock}


def tiny(name, **changed):
    """Settings of a claim, for a moment: two steps of ten images."""
    return CLAIMS[name].scales["quick"] | {"images": 20, "epochs": 1, "batch_size": 10} | changed


@pytest.fixture
def fits(monkeypatch):
    """What fit is given in all runs, in order, and the rates that each step finds."""
    calls, shapes = [], data.shapes(n=50)
    monkeypatch.setattr(data, "shapes", lambda: shapes)

    def spy(net, optimizer, given, epochs, **rest):
        found = []
        calls.append({"net": net, "optimizer": optimizer, "data": given, "epochs": epochs,
                      "found": found, "layers": noise(net), **rest})
        return fit(net, optimizer, given, epochs, **rest, recorder=lambda *_: found.append(
            [layer.p for layer in noise(net).values()]))

    monkeypatch.setattr(recipe, "fit", spy)
    return calls


def noise(net):
    """{place: what it holds} of the places that are not empty."""
    modules = dict(net.named_modules())
    return {path: modules[path] for path in places(net) if type(modules[path]) is not Identity}


def run(name, arm, seed=0, **changed):
    return CLAIMS[name].run(arm, seed, tiny(name, **changed), False)


def cut(call):
    """What a run's batch function makes of images of ones."""
    x, y = np.ones((30, 3, 32, 32), "float32"), np.arange(30)
    return call["batch"](Stream(3, "fit/batch"), x, y)


# --- what all of them share ----------------------------------------------------------------------

@pytest.mark.parametrize("name", NAMES)
def test_every_arm_learns_the_first_images_by_the_same_rule(fits, name):
    settings = tiny(name, images=15, epochs=2)
    x, y = data.shapes().train
    for seed, arm in enumerate(CLAIMS[name].arms):
        fits.clear()
        CLAIMS[name].run(arm, seed, settings, False)
        assert len(fits) == (2 if name == "dropblock" else 1)
        lrs = settings["lrs"] if (name, arm) == ("dropblock", "none") else [settings["lr"]] * 2
        for call, lr in zip(fits, lrs, strict=False):
            assert_array_equal(call["data"][0], x[:15])
            assert_array_equal(call["data"][1], y[:15])
            assert (call["seed"], call["epochs"], call["batch_size"]) == (seed, 2, 10)
            assert (call["optimizer"].lr, call["optimizer"].momentum) == (lr, 0.9)
            wave = lr / 2 * (1 + np.cos(np.pi * np.arange(4) / 4))
            assert_allclose(call["schedules"]["lr"], wave, rtol=1e-12)
            assert len(call["found"]) == 4


def test_errors_are_of_test_and_of_training_data(fits, monkeypatch):
    found = run("block-size", "3")
    net, splits = fits[0]["net"], cnns.images(tiny("block-size"))
    for name, pair in (("error", splits.test), ("training", splits.train)):
        assert_allclose(found[name], 1 - evaluate(net, pair).accuracy, atol=1e-4)
    monkeypatch.setattr(recipe, "error", lambda net, pair: f"{pair} of {net}")
    assert recipe.errors("net", data.Splits("train", "validation", "test")) == {
        "error": "test of net", "training": "train of net"}


def test_scales_differ_in_what_they_say_and_share_the_rest():
    found = lenets.scales({"seeds": 2, "lr": 7}, {"seeds": 3}, {"seeds": 4, "block": 5})
    assert [one["seeds"] for one in found.values()] == [2, 3, 4]
    assert found["quick"] == lenets.SCALES["quick"] | {"seeds": 2, "lr": 7}
    assert found["standard"] == lenets.SCALES["standard"] | {"seeds": 3}
    assert found["paper"]["block"] == 5 and "block" not in lenets.SCALES["paper"]


def of(low, high):
    return Interval((low + high) / 2, (high - low) / 2)


# --- what the arms are ---------------------------------------------------------------------------

@pytest.mark.parametrize("arm", KINDS)
def test_each_noise_is_behind_both_convolutions_at_the_rate_that_validation_chose(
        fits, monkeypatch, arm):
    seen, splits = [], cnns.images(tiny("dropblock"))

    def error(net, pair):
        part = next(name for name in splits._fields if getattr(splits, name) is pair)
        p = next((layer.p for layer in noise(net).values()), 0)
        seen.append((part, p))
        return {"validation": abs(p - 0.4), "test": p, "train": p / 2}[part]

    monkeypatch.setattr(cnns, "images", lambda settings: splits)
    monkeypatch.setattr(recipe, "error", error)
    found = run("dropblock", arm, ps=[0.2, 0.5, 0.7], lrs=[0.04, 0.02, 0.01], block=4)
    assert len(fits) == 3                                                # as many tries for all
    lr = tiny("dropblock")["lr"]
    assert [call["optimizer"].lr for call in fits] == (
        [0.04, 0.02, 0.01] if arm == "none" else [lr] * 3)
    for call, p in zip(fits, (0.2, 0.5, 0.7), strict=False):
        layers = call["layers"]
        assert [*layers] == ([] if arm == "none" else ["stage1.dropblock", "stage2.dropblock"])
        for layer in layers.values():
            assert type(layer) is KINDS[arm] and layer.p == p
            assert arm != "dropblock" or layer.block == 4
        assert [*call["schedules"]] == ["lr"] and call.get("batch") is None
    best = 0 if arm == "none" else 0.5
    assert found == {"error": best, "training": best / 2, "p": best,
                     "lr": 0.04 if arm == "none" else lr, "validation": abs(best - 0.4)}
    assert [p for part, p in seen if part == "test"] == [best]           # and that once


@pytest.mark.parametrize("arm", CLAIMS["block-size"].arms)
def test_the_arms_of_block_size_are_sides_at_one_rate(fits, arm):
    run("block-size", arm, p=0.35)
    assert [(type(layer), layer.p, layer.block) for layer in fits[0]["layers"].values()] == [
        (DropBlock, 0.35, int(arm))] * 2
    assert fits[0]["found"] == [[0.35, 0.35]] * 2


@pytest.mark.parametrize("arm", CLAIMS["scheduled"].arms)
def test_a_growing_rate_starts_at_0_and_a_fixed_one_stays(fits, arm):
    kind, which = arm.split(", ")
    rates = {"low": 0.1, "high": 0.6}
    run("scheduled", arm, rates=rates, block=4, epochs=3)
    p, share = rates[which], np.arange(6) / 6 if kind == "growing" else np.ones(6)
    assert_allclose(fits[0]["found"], np.outer(share, [p, p]), atol=1e-12)
    assert [(layer.p, layer.block) for layer in fits[0]["layers"].values()] == [(p, 4)] * 2


@pytest.mark.parametrize("arm", CLAIMS["cutout"].arms)
def test_the_arms_of_cutout_are_lengths_in_pixels(fits, arm):
    run("cutout", arm)
    x, y = cut(fits[0])
    gone = x[:, 0] == 0
    assert gone.any(1).sum(1).max() == gone.any(2).sum(1).max() == int(arm)      # the widest square
    assert len(set(gone.sum((1, 2)))) > 1 or arm == "0"                          # some are cut off
    assert_array_equal(y, np.arange(30))
    assert not fits[0]["layers"]


@pytest.mark.parametrize("arm", CLAIMS["cutout-together"].arms)
def test_each_arm_has_what_its_name_says_and_no_more(fits, arm):
    run("cutout-together", arm, p=0.45, length=6)
    parts, rng = arm.split(" + "), Stream(3, "fit/batch")
    x, y = np.ones((30, 3, 32, 32), "float32"), np.arange(30)
    if "flip_crop" in parts:
        x, y = flip_crop(rng, x, y)
    if "cutout" in parts:
        x, y = Cutout(6)(rng, x, y)
    assert_array_equal(cut(fits[0])[0], x)
    layers = fits[0]["layers"]
    assert [*layers] == ["stage1.dropblock", "stage2.dropblock"] * ("dropout" in parts)
    assert all(type(layer) is Dropout and layer.p == 0.45 for layer in layers.values())


# --- verdicts ------------------------------------------------------------------------------------

UP, LEVEL, DOWN = [0.020, 0.021, 0.022], [0.020, 0.010, 0.000], [0.000, 0.001, 0.002]
MID = [0.010, 0.011, 0.012]


def judged(name, errors, seeds=3):
    """The verdict of a claim whose arms have these errors, in order; None is MID."""
    arms = CLAIMS[name].arms
    found = {arm: [{"error": one, "training": 0.5, "p": 0.3, "lr": 0.02}
                   for one in (errors.get(arm) or MID)[:seeds]] for arm in arms}
    return CLAIMS[name].judge(found, {"data": "shapes"})


@pytest.mark.parametrize("none, dropout, spatial, word", [
    (UP, UP, UP, "held"), (UP, UP, LEVEL, "not held"), (LEVEL, UP, UP, "not held"),
    (DOWN, LEVEL, UP, "not held"),
    (LEVEL, UP, LEVEL, "not held"), (DOWN, DOWN, LEVEL, "refuted"),
    (MID, MID, MID, "not seen at this scale"), (DOWN, DOWN, DOWN, "refuted")])
def test_dropblock_is_better_than_none_dropout_and_whole_maps(none, dropout, spatial, word):
    verdict = judged("dropblock", {"none": none, "dropout": dropout, "spatial": spatial})
    assert verdict.word == word
    assert verdict.lines[-1].startswith(
        "chosen (learning rate, or p): none 0.02, 0.02, 0.02; dropout 0.3, 0.3, 0.3; spatial 0.3")


@pytest.mark.parametrize("one, three, seven, word", [
    (UP, UP, MID, "held"), (UP, MID, MID, "not held"), (LEVEL, UP, MID, "not held"),
    (UP, DOWN, MID, "not held"), (MID, MID, MID, "not seen at this scale"),
    (DOWN, LEVEL, MID, "refuted"), (DOWN, DOWN, MID, "refuted")])
def test_blocks_are_better_than_units_and_large_ones_than_small(one, three, seven, word):
    assert judged("block-size", {"1": one, "3": three, "7": seven}).word == word


def test_single_units_are_compared_with_all_three_sizes():
    up = np.array(UP)
    for side in ("3", "5", "7"):                             # three times the lead of the others
        verdict = judged("block-size", {"1": MID, side: (3 * up - 2 * np.array(MID)).tolist()})
        assert "side 1, less the mean of 3, 5 and 7: -1.00 +- 0.00 points of test error" in (
            verdict.lines)


@pytest.mark.parametrize("low, high, word", [
    (UP, UP, "held"), (UP, LEVEL, "not held"), (DOWN, UP, "not held"),
    (LEVEL, LEVEL, "not seen at this scale"), (MID, DOWN, "refuted"),
    (DOWN, DOWN, "refuted")])
def test_a_growing_rate_is_better_than_a_fixed_one_twice(low, high, word):
    verdict = judged("scheduled", {"fixed, low": low, "fixed, high": high})
    assert verdict.word == word


@pytest.mark.parametrize("first, last, word", [
    (UP, UP, "held"), (UP, LEVEL, "not held"), (LEVEL, UP, "not held"), (DOWN, UP, "not held"),
    (MID, MID, "not seen at this scale"), (LEVEL, DOWN, "refuted"),
    (DOWN, DOWN, "refuted")])
def test_cutout_is_a_u_around_its_middle(first, last, word):
    assert judged("cutout", {"0": first, "24": last}).word == word
    assert judged("cutout", {"0": first, "24": last, "4": [9] * 3}).word == word


@pytest.mark.parametrize("flipped, dropped, word", [
    (UP, UP, "held"), (UP, LEVEL, "not held"), (DOWN, UP, "not held"),
    (MID, LEVEL, "not seen at this scale"), (DOWN, MID, "refuted"),
    (DOWN, DOWN, "refuted")])
def test_cutout_still_gains_beside_what_regularises(flipped, dropped, word):
    for none in (UP, DOWN):                                  # told, and no part of the rule
        verdict = judged("cutout-together", {"flip_crop": flipped, "dropout": dropped,
                                             "none": none})
        assert verdict.word == word
        gain = 1 if none is UP else -1
        assert f"none - cutout: {gain:.2f} +- 0.00 points of test error" in verdict.lines


@pytest.mark.parametrize("name", NAMES)
def test_a_verdict_has_its_numbers_and_one_seed_none(name):
    first = CLAIMS[name].arms[0]
    verdict = judged(name, {first: UP})
    assert verdict.headline.startswith("test error 2.10 % ") and first in verdict.headline
    decisive = verdict.headline.split("; ")[1:]
    assert len(decisive) > 1 and all(
        f"{one.removesuffix(', the other way')} of test error" in verdict.lines for one in decisive)
    assert judged(name, {first: UP}, seeds=1)[:2] == ("not seen at this scale",
                                                      "one seed has no interval")


# --- figures -------------------------------------------------------------------------------------

def test_a_curve_has_the_errors_of_both_kinds_in_percent():
    found = {"1": [{"error": one, "training": 0.5} for one in UP],
             "5": [{"error": one, "training": 0.25} for one in MID]}
    axes = compare.draw_curve(found, {"data": "shapes"}, "side").axes
    (test,), (training,) = (axis.containers for axis in axes)
    assert_allclose(test[0].get_xydata(), [[1, 2.1], [5, 1.1]])
    assert_allclose(training[0].get_xydata(), [[1, 50], [5, 25]])
    half = 100 * compare.interval(UP).half
    assert_allclose(test[2][0].get_segments()[0], [[1, 2.1 - half], [1, 2.1 + half]])
    assert [(axis.get_xlabel(), axis.get_ylabel()) for axis in axes] == [
        ("side", "test error on shapes, %"), ("side", "training error on shapes, %")]
    one = {arm: runs[:1] for arm, runs in found.items()}
    assert not compare.draw_curve(one, {"data": "shapes"}, "side").axes[0].containers[0][2]


def test_differences_of_pairs_stand_beside_a_curve():
    found = {arm: [{"error": error, "training": 0.5} for error in errors]
             for arm, errors in (("1", (0.3, 0.4)), ("5", (0.1, 0.3)))}
    *_, axis = compare.draw_curve(found, {"data": "shapes"}, "side", pairs=[("5", "1")]).axes
    assert [text.get_text() for text in axis.get_yticklabels()] == ["1 - 5"]
    assert_allclose(axis.lines[0].get_xdata(), [20, 10])


@pytest.mark.parametrize("name", NAMES)
def test_each_claim_draws_all_of_its_arms(name):
    claim = CLAIMS[name]
    found = {arm: [{"error": one, "training": 0.5} for one in UP] for arm in claim.arms}
    axis, *_ = claim.draw(found, {"data": "shapes"}).axes
    if name in ("block-size", "cutout"):
        assert [str(int(x)) for x in axis.containers[0][0].get_xdata()] == [*claim.arms]
    else:
        assert [text.get_text() for text in axis.get_yticklabels()] == [*claim.arms]


def test_a_figure_shows_the_differences_that_decide():
    found = {"none": [{"error": one} for one in (0.3, 0.4, 0.5)],
             "a + b": [{"error": one} for one in (0.1, 0.3, 0.5)]}
    left, right = compare.draw_pairs(found, {"data": "cifar10"}, [("a + b", "none")]).axes
    assert left.get_xlabel() == "test error on CIFAR-10, %"
    assert_allclose(left.get_lines()[0].get_xdata(), [30, 40, 50])
    (label,) = right.get_yticklabels()
    assert label.get_text() == "none - (a + b)"
    assert_allclose(right.get_lines()[0].get_xdata(), [20, 10, 0], atol=1e-12)
    half = 100 * compare.interval([0.2, 0.1, 0]).half
    assert_allclose(right.containers[0][2][0].get_segments()[0][:, 0], [10 - half, 10 + half])
    one = {arm: runs[:1] for arm, runs in found.items()}
    assert not compare.draw_pairs(one, {"data": "x"}, [("a + b", "none")]).axes[1].containers[0][2]


def test_a_part_that_went_the_other_way_is_told_in_the_headline():
    up, down = ([{"error": one} for one in values] for values in (UP, DOWN))
    found = {"a": [{"error": one} for one in MID], "up": up, "down": down}
    verdict = compare.in_pairs(found, [("a", "up"), ("a", "down")], [("down", "up")], more=["m"])
    assert verdict.word == "not held" and verdict.headline.endswith(
        "; up - a: 1.00 +- 0.00 points; down - a: -1.00 +- 0.00 points, the other way")
    assert verdict.lines[-4:] == (
        "up - a: 1.00 +- 0.00 points of test error", "down - a: -1.00 +- 0.00 points of test error",
        "up - down: 2.00 +- 0.00 points of test error", "m")
    single = compare.in_pairs({arm: runs[:1] for arm, runs in found.items()}, [("a", "up")])
    assert single.headline == "one seed has no interval"


# --- whole runs ----------------------------------------------------------------------------------

@pytest.mark.parametrize("name", NAMES)
def test_arms_differ_and_are_the_same_again(name):
    claim, settings = CLAIMS[name], tiny(name, images=100, epochs=8)
    found = {arm: [claim.run(arm, seed, settings, False) for seed in (0, 1)] for arm in claim.arms}
    assert len({str(runs) for runs in found.values()}) == len(claim.arms)
    arm = claim.arms[-1]
    assert found[arm][1] == claim.run(arm, 1, settings, False)                  # bit for bit
    assert claim.judge(found, settings).word in WORDS and claim.draw(found, settings).axes


@pytest.mark.parametrize("name", NAMES)
def test_the_scale_of_the_paper_runs_on_a_few_images(name, monkeypatch):
    claim, rng = CLAIMS[name], np.random.default_rng(0)
    pair = rng.normal(size=(20, 3, 32, 32)).astype("float32"), np.arange(20) % 10
    monkeypatch.setattr(cnns, "images", lambda settings: data.Splits(pair, pair, pair))
    for scale, changed in (("paper", {"net": "resnet8"}), ("standard", {})):
        settings = claim.scales[scale] | {"epochs": 1, "batch_size": 10} | changed
        for arm in claim.arms:
            assert claim.run(arm, 0, settings, False)
