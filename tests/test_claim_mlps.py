"""Claims on multilayer perceptrons: what their arms train on, what is measured, verdicts."""

import itertools
import math
import re
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minidrop import data
from minidrop.claims import (
    CLAIMS,
    compare,
    data_size,
    dropconnect,
    dropout,
    mlps,
    rate,
    recipe,
    sparsity,
    together,
    uncertainty,
    work,
)
from minidrop.claims.claim import WORDS
from minidrop.functional import cross_entropy
from minidrop.intervals import Interval
from minidrop.train import Diverged, evaluate, fit
from minidrop.units.dropout import Dropout
from minidrop.weights.dropconnect import DropConnect

pytestmark = pytest.mark.slow

NAMES = ("dropout", "rate", "data-size", "sparsity", "together", "uncertainty", "dropconnect",
         "inference")


def tiny(name, **changed):
    """Settings of a claim, for a moment."""
    return CLAIMS[name].scales["quick"] | {"images": 120, "epochs": 1, "hidden": [8]} | changed


@pytest.fixture
def fits(monkeypatch):
    """What fit is given in all runs, in order."""
    calls = []

    def spy(net, optimizer, given, epochs, **rest):
        calls.append({"net": net, "optimizer": optimizer, "data": given, "epochs": epochs, **rest})
        return fit(net, optimizer, given, epochs, **rest)

    monkeypatch.setattr(recipe, "fit", spy)
    return calls


def drops(net):
    """{path: rate} of the dropout layers of a network."""
    return {path: one.p for path, one in net.named_modules() if isinstance(one, Dropout)}


# --- what all of them share ----------------------------------------------------------------------

def test_training_images_are_the_first_ones_and_the_others_are_whole(monkeypatch):
    flat, images = data.digits(), data.digits(image=True)
    monkeypatch.setattr(data, "digits", lambda: images)
    splits = mlps.images({"data": "digits", "images": 50})
    assert_array_equal(splits.train[0], flat.train[0][:50])
    assert_array_equal(splits.train[1], flat.train[1][:50])
    for part in ("validation", "test"):
        for given, there in zip(getattr(splits, part), getattr(flat, part), strict=True):
            assert_array_equal(given, there)


def test_a_network_is_trained_by_its_settings(fits):
    settings = {"hidden": [4, 3], "lr": 0.2, "momentum": 0.7, "epochs": 3, "batch_size": 50}
    splits = mlps.images({"data": "digits", "images": 120})
    net = mlps.network(settings, 64, 0.5, 0.2)
    assert drops(net) == {"input.drop": 0.2, "hidden1.drop": 0.5, "hidden2.drop": 0.5}
    assert not drops(mlps.network(settings, 64))
    assert recipe.train(net, splits.train, settings, 7, False) is net and not net.training
    recipe.train(net, splits.train, settings, 7, False, lr=0.1, epochs=2, weight_decay=0.3)
    first, second = fits
    assert (first["epochs"], first["batch_size"], first["seed"]) == (3, 50, 7)
    assert (first["optimizer"].momentum, first["optimizer"].weight_decay) == (0.7, 0.0)
    for call, lr, steps in ((first, 0.2, 9), (second, 0.1, 6)):
        wave = lr / 2 * (1 + np.cos(np.pi * np.arange(steps) / steps))
        assert_allclose(call["schedules"]["lr"], wave, rtol=1e-12)
    assert second["optimizer"].weight_decay == 0.3


def test_a_rate_is_chosen_on_validation_data_and_the_test_data_are_seen_once(monkeypatch):
    seen = []

    def error(net, pair):
        seen.append((net, pair))
        return {"validation": {0.1: 0.3, 0.2: 0.2, 0.4: 0.2}, "test": {0.1: 0.1, 0.2: 0.6, 0.4: 0}
                }[pair][net]

    monkeypatch.setattr(recipe, "error", error)
    splits = data.Splits("train", "validation", "test")
    found = recipe.chosen(lambda lr: lr, {"lrs": [0.1, 0.2, 0.4]}, splits)
    assert found == {"error": 0.6, "lr": 0.2, "validation": 0.2}       # of equal ones the first
    assert [net for net, pair in seen if pair == "test"] == [0.2]


def test_a_rate_at_which_the_loss_is_not_finite_is_not_chosen():
    splits = mlps.images({"data": "digits", "images": 120})
    settings = {"hidden": [4], "momentum": 0.9, "epochs": 2, "batch_size": 50, "lrs": [0.2, 0.1]}

    def make(lr):
        net = mlps.network(settings, 64)
        return recipe.train(net, splits.train, settings, 0, False, lr=lr, loss=lambda z, y:
                            cross_entropy(z, y) + (0 if lr < 0.2 else math.inf))

    assert recipe.chosen(make, settings, splits)["lr"] == 0.1
    with pytest.raises(ValueError, match="lrs must hold a rate at which the loss stays finite, got "
                                         "0.2$"):
        recipe.each(make, settings | {"lrs": [0.2]})
    with pytest.raises(ValueError, match="other"):                 # what is no matter of the rate
        recipe.each(lambda lr: int("other"), settings)


def of(low, high):
    return Interval((low + high) / 2, (high - low) / 2)


SIGNS = {1: of(1, 2), 0: of(-1, 2), -1: of(-2, -1)}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_one_rule_judges_a_claim_of_any_number_of_parts(count):
    for signs in itertools.product(SIGNS, repeat=count):
        seen, opposite = signs.count(1), signs.count(-1)
        word = ("held" if seen == count else "not held" if seen else
                "refuted" if opposite else "not seen at this scale")
        assert compare.word(*(SIGNS[sign] for sign in signs)) == word, signs


def test_an_interval_that_ends_at_0_contains_it():
    assert compare.word(of(0, 2), of(1, 2)) == "not held"
    assert compare.word(of(0, 2), of(-2, 0)) == "not seen at this scale"
    assert compare.word(of(-2, 0), SIGNS[-1]) == "refuted"


OWN_RULE = {"targeted", "half", "depth_time"}     # no parts of intervals above 0 alone


def test_no_claim_counts_its_parts_by_itself():
    for path in Path(compare.__file__).parent.glob("*.py"):
        own = re.search('"refuted" if|else "refuted"', path.read_text())
        assert bool(own) == (path.stem in OWN_RULE | {"compare"}), path.stem


@pytest.mark.parametrize("name", CLAIMS)
def test_a_rule_of_parts_is_refuted_by_one_of_them(name):
    rule = CLAIMS[name].rule
    assert not re.search("both|all (three|four|nine)", rule["refuted"])
    assert not re.search("nor (do|does) (both|all)", rule["not seen at this scale"])


def results(**arms):
    """{arm: one result a seed} of {arm: (seeds,) errors}, or of dictionaries of them."""
    return {arm: [{"error": value} for value in values] if not isinstance(values, dict) else
            [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
            for arm, values in arms.items()}


def test_differences_are_of_paired_seeds():
    found = results(a=[0.1, 0.2, 0.3], b=[0.11, 0.21, 0.31])
    one = compare.less(found, "a", "b")
    assert_allclose((one.mean, one.half), (0.01, 0), atol=1e-12)        # unpaired it is 0.2 wide
    assert compare.less(found, "b", "a").mean < 0
    assert compare.percent(Interval(0.0123, 0.001)) == "1.23 +- 0.10"
    assert compare.percent(compare.interval([0.5])) == "50.00"


# --- what the arms are ---------------------------------------------------------------------------

def test_only_the_arm_dropout_has_dropout(fits):
    settings = tiny("dropout", lrs=[0.05, 0.1])
    for arm, there in (("none", {}), ("dropout", {"input.drop": 0.2, "hidden1.drop": 0.5})):
        fits.clear()
        found = dropout.run(arm, 3, settings, False)
        assert [drops(call["net"]) for call in fits] == [there] * 2
        assert [call["optimizer"].lr for call in fits] == [0.05, 0.1]
        assert {call["seed"] for call in fits} == {3} and found["lr"] in (0.05, 0.1)
        best = fits[[0.05, 0.1].index(found["lr"])]["net"]
        assert_allclose(found["error"], 1 - evaluate(best, data.digits().test)[1], atol=1e-4)


def test_rates_are_doubled_and_halved_until_both_neighbours_are_no_better():
    def found(lr, errors):
        seen = []
        made = recipe.climb(lambda rate: rate, lr, lambda rate: seen.append(rate) or errors[rate])
        assert [*made] == seen and [wrong for _, wrong in made.values()] == [
            errors[rate] for rate in seen]
        return seen

    errors = {0.1: 5, 0.2: 4, 0.4: 2, 0.8: 3, 1.6: 0}
    assert found(0.2, errors) == [0.2, 0.1, 0.4, 0.8]            # a hill is not climbed over
    assert found(0.8, errors | {3.2: 1}) == [0.8, 0.4, 1.6, 3.2]
    assert found(0.2, errors | {0.1: 4, 0.4: 4}) == [0.2, 0.1, 0.4]          # no better is enough


def test_a_rate_at_which_the_loss_is_not_finite_is_climbed_down_from():
    def make(lr):
        if lr > 0.2:
            raise Diverged("too high")
        return lr

    made = recipe.climb(make, 0.2, lambda lr: 1 - lr)
    assert made == {0.2: (0.2, 0.8), 0.1: (0.1, 0.9), 0.4: (None, math.inf)}
    assert [*recipe.climb(make, 0.4, lambda lr: 1 - lr)] == [0.4, 0.2, 0.8, 0.1]
    with pytest.raises(Diverged, match="lr must be near a rate at which the loss stays finite, got "
                                       "0.8$"):
        recipe.climb(make, 0.8, lambda lr: 1 - lr)


def test_what_is_climbed_to_is_chosen_on_validation_data_alone(monkeypatch):
    wrong = {"validation": {0.1: 0.3, 0.2: 0.2, 0.4: 0.25}, "test": {0.1: 0.1, 0.2: 0.6, 0.4: 0.0},
             "train": {0.1: 0.0, 0.2: 0.5, 0.4: 0.0}}
    seen = []
    monkeypatch.setattr(recipe, "error", lambda net, pair: seen.append(pair) or wrong[pair][net])
    splits = data.Splits("train", "validation", "test")
    assert recipe.climbed(lambda lr: lr, {"first_lr": 0.2}, splits) == {
        "error": 0.6, "training": 0.5, "lr": 0.2, "validation": 0.2, "tried": [0.1, 0.2, 0.4]}
    assert seen == ["validation"] * 3 + ["test", "train"]


@pytest.mark.parametrize("arm", rate.RATES)
def test_the_arms_of_rate_are_rates_of_hidden_units(fits, arm):
    found = rate.run(arm, 4, tiny("rate", first_lr=0.1), False)
    assert {call["seed"] for call in fits} == {4} and len(fits) >= 3
    assert sorted(call["optimizer"].lr for call in fits) == found["tried"]
    assert min(found["tried"]) < found["lr"] < max(found["tried"]) and 0.1 in found["tried"]
    for call in fits:
        assert drops(call["net"]) == ({"hidden1.drop": float(arm)} if arm != "0" else {})
    best, = (call["net"] for call in fits if call["optimizer"].lr == found["lr"])
    assert_allclose(found["error"], 1 - evaluate(best, data.digits().test).accuracy, atol=1e-4)


def test_sizes_have_the_same_tries_of_steps_and_rates(fits):
    tries = [[6, 0.001], [12, 0.2], [30, 0.01]]
    settings = tiny("data-size", images=120, sizes=[10, 70, 500], batch_size=20, tries=tries)
    found = data_size.run("dropout", 1, settings, False)
    x, _ = data.digits().train
    assert [len(call["data"][0]) for call in fits] == [10] * 3 + [70] * 3 + [120] * 3
    assert [call["optimizer"].lr for call in fits] == [0.001, 0.2, 0.01] * 3
    assert [len(call["schedules"]["lr"]) for call in fits] == [
        6, 12, 30, 8, 12, 32, 6, 12, 30]                       # whole epochs: of 1, 4 and 6 steps
    for i, size in enumerate((10, 70, 120)):
        calls = fits[3 * i:3 * i + 3]
        errors = [1 - evaluate(call["net"], data.digits().validation).accuracy for call in calls]
        number = int(np.argmin(np.round(errors, 4)))
        assert [found["steps"][i], found["lr"][i]] == tries[number]
        best = calls[number]["net"]
        for name, pair in (("error", data.digits().test),
                           ("training", recipe.first(data.digits().train, size))):
            assert_allclose(found[name][i], 1 - evaluate(best, pair).accuracy, atol=1e-4)
    for call in fits:
        assert_array_equal(call["data"][0], x[:len(call["data"][0])])
        assert drops(call["net"]) == {"input.drop": 0.2, "hidden1.drop": 0.5}
        assert call["seed"] == 1
    fits.clear()
    data_size.run("none", 1, settings, False)
    assert not any(drops(call["net"]) for call in fits)


@pytest.mark.parametrize("arm, rates", [("mean", [0.1, 0.3]), ("gaussian", [0.3, 0.1])])
def test_both_inferences_choose_a_rate_together(monkeypatch, arm, rates):
    """By the mean 0.1 has fewer errors, by samples 0.3, and by both together 0.1."""
    wrong = {("mean", 0.1): 0.1, ("gaussian", 0.1): 0.3, ("mean", 0.3): 0.5, ("gaussian", 0.3): 0.2}

    def error(net, pair):
        assert pair is splits.validation
        return wrong[net.hidden1.inference, net.lr]

    def train(net, given, settings, seed, progress, lr):
        net.init(seed).eval().lr = lr
        return net

    splits = mlps.images({"data": "digits", "images": 120})
    monkeypatch.setattr(mlps, "images", lambda settings: splits)
    monkeypatch.setattr(recipe, "error", error)
    monkeypatch.setattr(recipe, "train", train)
    found = dropconnect.run_inference(arm, 0, tiny("inference", lrs=rates), False)
    assert (found["lr"], found["validation"]) == (0.1, 0.2)


def test_the_arms_of_dropconnect_begin_at_the_same_rate(fits):
    for arm in CLAIMS["dropconnect"].arms:
        fits.clear()
        found = dropconnect.run(arm, 2, tiny("dropconnect", first_lr=0.05, epochs=3), False)
        rates = [call["optimizer"].lr for call in fits]
        assert rates[:3] == [0.05, 0.025, 0.1] and sorted(rates) == found["tried"]
        assert {call["seed"] for call in fits} == {2}
        best = fits[rates.index(found["lr"])]["net"]
        assert_allclose(found["error"], 1 - evaluate(best, data.digits().test).accuracy,
                        atol=1e-4 if arm != "dropconnect" else 0.05)       # it draws anew


@pytest.mark.parametrize("arm", CLAIMS["together"].arms)
def test_each_arm_has_what_its_name_says_and_no_more(fits, arm):
    settings = tiny("together", lrs=[0.2], decay=0.01, limit=0.3)
    together.run(arm, 0, settings, False)
    (call,), parts = fits, arm.split(" + ")
    assert call["optimizer"].weight_decay == (0.01 if "decay" in parts else 0)
    assert bool(drops(call["net"])) == ("dropout" in parts)
    longest = np.linalg.norm(call["net"].hidden1.linear.weight.data, axis=1).max()
    assert (longest <= 0.3 + 1e-6) == ("max-norm" in parts)
    assert np.linalg.norm(call["net"].out.weight.data, axis=1).max() > 0.3     # classes are free


def test_an_autoencoder_learns_its_input_and_is_looked_at_before_the_mask(fits):
    settings = tiny("sparsity", hidden=[5], epochs=3, short=2, lr=0.002)
    found = {arm: sparsity.run(arm, 6, settings, False) for arm in sparsity.CLAIM.arms}
    for call, there, epochs in zip(fits, ({}, {}, {"hidden1.drop": 0.5}), (3, 2, 3), strict=True):
        assert call["data"][0] is call["data"][1] and drops(call["net"]) == there
        assert (call["epochs"], len(call["schedules"]["lr"]), call["seed"]) == (
            epochs, 3 * epochs, 6)
    net, x = fits[2]["net"], data.digits().test[0]
    a = np.maximum(x @ net.hidden1.linear.weight.data.T + net.hidden1.linear.bias.data, 0)
    assert_allclose(found["dropout"]["mean"], a.mean(), rtol=1e-4)
    assert_allclose(found["dropout"]["zeros"], (a == 0).mean(), atol=1e-3)
    assert_allclose(float(sparsity.squares(x[:3], 0 * x[:3])), (x[:3] ** 2).sum(1).mean() / 2,
                    rtol=1e-6)


def test_what_is_measured_of_activations():
    a = np.array([[0.0, 0.0, 4.0], [0.0, 1.0, 1.0]])
    x = np.array([[1.0, -1.0], [1.0, -1.0]])
    found = sparsity.measured(a, x * 0.5, x)
    assert (found["mean"], found["zeros"], found["dead"]) == (1.0, 0.5, round(1 / 3, 6))
    assert found["squared_error"] == 0.25
    assert found["histogram"][0] == 0.5 and found["histogram"][5] == round(2 / 6, 6)
    assert found["histogram"][-1] == round(1 / 6, 6)
    assert sparsity.measured(0 * a, x, x)["histogram"] == [0] * sparsity.BINS


def test_dropconnect_has_masks_of_weights_and_both_inferences_one_network(fits):
    settings = tiny("dropconnect", hidden=[6, 5], samples=4, lrs=[0.1], first_lr=0.1)
    for arm, kinds in (("none", (0, 0)), ("dropout", (2, 0)), ("dropconnect", (0, 2))):
        dropconnect.run(arm, 0, settings, False)
        net = fits[-1]["net"]
        assert kinds == (len(drops(net)), sum(isinstance(one, DropConnect)
                                              for _, one in net.named_modules()))
    fits.clear()
    found = {arm: dropconnect.run_inference(arm, 0, settings, False)
             for arm in ("gaussian", "mean")}
    nets = [call["net"] for call in fits]
    for w, v in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert_array_equal(w.data, v.data)
    for net, arm in zip(nets, found, strict=True):
        assert {net.hidden1.inference, net.hidden2.inference} == {arm}
        assert (net.hidden1.p, net.hidden1.samples, net.hidden1.per) == (0.5, 4, "example")
    assert found["mean"]["loss"] != found["gaussian"]["loss"]
    assert found["mean"]["validation"] == found["gaussian"]["validation"]
    assert_allclose(found["mean"]["loss"], evaluate(nets[1], data.digits().test).loss, atol=1e-6)


def test_uncertainty_is_of_classes_that_were_never_shown(fits):
    settings = tiny("uncertainty", images=1197, passes=3, epochs=3)
    found = {arm: uncertainty.run(arm, 0, settings, False) for arm in uncertainty.CLAIM.arms}
    dropped = {"hidden1.drop": 0.5}
    for call, there in zip(fits, ({}, dropped, dropped), strict=True):
        x, y = (part[data.digits().train[1] < 5] for part in data.digits().train)
        assert_array_equal(call["data"][0], x)
        assert_array_equal(call["data"][1], y)
        assert drops(call["net"]) == there
        assert call["net"].out.weight.shape == (5, 8)
    assert found["none"]["mutual"] == found["once"]["mutual"] == [0, 0]
    assert min(found["mc"]["mutual"]) > 0 and found["mc"]["error"] == found["once"]["error"]
    for w, v in zip(*(call["net"].parameters() for call in fits[1:]), strict=True):
        assert_array_equal(w.data, v.data)
    x, y = data.digits().test
    for arm, call in zip(("none", "once"), fits, strict=False):
        assert not call["net"].training
        z = call["net"](x).data.astype("float64")
        p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
        h = -(p * np.log(p)).sum(1)
        assert_allclose(found[arm]["entropy"], [h[y < 5].mean(), h[y > 4].mean()], rtol=1e-4)
        pairs = [(a > b) + 0.5 * (a == b) for a in h[y > 4] for b in h[y < 5]]
        assert_allclose(found[arm]["auc"], np.mean(pairs), atol=1e-4)


# --- verdicts ------------------------------------------------------------------------------------

UP, LEVEL, DOWN = [0.020, 0.021, 0.022], [0.020, 0.010, 0.000], [0.000, 0.001, 0.002]
MID = [0.010, 0.011, 0.012]


@pytest.mark.parametrize("none, word", [(UP, "held"), (LEVEL, "not seen at this scale"),
                                        (DOWN, "refuted")])
def test_dropout_is_judged_by_its_rule(none, word):
    rows = {arm: {"error": values, "lr": [0.1] * 3, "validation": values}
            for arm, values in (("none", none), ("dropout", MID))}
    verdict = dropout.judge(results(**rows), {})
    assert verdict.word == word
    assert verdict.headline.startswith(f"test error {100 * np.mean(none):.2f} % of none, ")
    assert f"; none - dropout: {100 * np.mean(none) - 1.1:.2f} +- " in verdict.headline


@pytest.mark.parametrize("first, last, word", [
    (UP, UP, "held"), (UP, LEVEL, "not held"), (LEVEL, UP, "not held"), (DOWN, UP, "not held"),
    (LEVEL, LEVEL, "not seen at this scale"), (DOWN, DOWN, "refuted")])
def test_a_u_is_above_its_middle_at_both_ends(first, last, word):
    rows = {arm: {"error": MID, "training": MID, "lr": [0.1] * 3} for arm in rate.RATES}
    rows["0"]["error"], rows["0.8"]["error"], rows["0.9"]["error"] = first, last, [0.9] * 3
    verdict = rate.judge(results(**rows), {})
    assert verdict.word == word and "at 0.8, where the training error is 1.10 %" in verdict.headline


@pytest.mark.parametrize("gains, word", [
    ([0.00, 0.02, 0.05, 0.01], "held"), ([-0.01, 0.02, 0.05, 0.01], "held"),
    ([0.01, 0.02, 0.00, 0.01], "held"), ([0.00, 0.02, 0.01, 0.02], "not held"),
    ([0.00, 0.01, 0.05, 0.02], "not held"), ([0.02, 0.01, 0.05, 0.00], "not held"),
    ([0.01, 0.01, 0.05, 0.01], "not seen at this scale"), ([0.02, 0.02, 0.00, 0.03], "refuted"),
    ([0.03, 0.02, 0.05, 0.04], "refuted")])
def test_data_size_is_judged_by_a_size_fixed_before(gains, word):
    settings = {"images": 90, "sizes": [10, 50, 70], "middle": 50}
    away = [-1e-4, 0, 1e-4]
    rest = {"lr": [0.1] * 4, "validation": [0.3] * 4, "steps": [7] * 4, "training": [0.25] * 4}
    found = {"none": [{"error": [0.3 + gain + one for gain in gains]} | rest for one in away],
             "dropout": [{"error": [0.3] * 4} | rest for _ in away]}
    verdict = data_size.judge(found, settings)
    assert verdict.word == word and verdict.headline.endswith(f"; {verdict.lines[-1]}")
    first, last = (f"the gain at 50 images less that at {size}: {100 * (gains[1] - gain):.2f} +- "
                   for size, gain in ((10, gains[0]), (90, gains[-1])))
    assert verdict.lines[-1].startswith(first) and f"; {last}" in verdict.lines[-1]
    assert ("dropout, 70 images: 25.00 % errors on its own; steps, rate: 7 0.1, 7 0.1, 7 0.1"
            in verdict.lines)


@pytest.mark.parametrize("mean, zeros, short_mean, short_zeros, word", [
    (UP, DOWN, UP, DOWN, "held"), (UP, UP, UP, DOWN, "not held"),
    (DOWN, DOWN, UP, DOWN, "not held"), (UP, DOWN, LEVEL, DOWN, "not held"),
    (UP, DOWN, UP, UP, "not held"), (DOWN, UP, DOWN, UP, "refuted"),
    (LEVEL, LEVEL, DOWN, LEVEL, "refuted"),
    (LEVEL, LEVEL, LEVEL, LEVEL, "not seen at this scale")])
def test_sparse_is_lower_and_more_often_zero_than_what_learned_less(mean, zeros, short_mean,
                                                                    short_zeros, word):
    def judged(wrong):
        return sparsity.judge(results(
            none={"mean": mean, "zeros": zeros, "dead": MID, "squared_error": [0.1] * 3},
            short={"mean": short_mean, "zeros": short_zeros, "dead": MID, "squared_error": wrong},
            dropout={"mean": MID, "zeros": MID, "dead": UP, "squared_error": MID}), {})

    verdict = judged(UP)
    assert verdict.word == word and verdict.headline.startswith(
        f"none: mean activation {np.mean(mean):.2f}, {100 * np.mean(zeros):.0f} % zeros, squared "
        "error 0.10 of the variance; short: ")
    for wrong in (MID, LEVEL, DOWN):              # has it learned less?
        assert judged(wrong).word == "not seen at this scale"


@pytest.mark.parametrize("alone, norm, word", [
    (UP, UP, "held"), (UP, LEVEL, "not held"), (LEVEL, UP, "not held"), (DOWN, DOWN, "refuted"),
    (LEVEL, LEVEL, "not seen at this scale")])
def test_together_is_better_than_each_alone(alone, norm, word):
    errors = dict.fromkeys(CLAIMS["together"].arms, MID) | {"dropout": alone, "max-norm": norm}
    found = results(**{arm: {"error": values, "lr": [0.1] * 3, "validation": values}
                       for arm, values in errors.items()})
    assert together.judge(found, {}).word == word


@pytest.mark.parametrize("none, other, word", [
    (UP, UP, "held"), (UP, DOWN, "not held"), (DOWN, UP, "not held"), (DOWN, DOWN, "refuted"),
    (LEVEL, LEVEL, "not seen at this scale")])
def test_dropconnect_is_better_than_both_others(none, other, word):
    errors = {"none": none, "dropout": other, "dropconnect": MID}
    chosen = {"lr": [0.1] * 3, "validation": MID}
    found = results(**{arm: {"error": row} | chosen for arm, row in errors.items()})
    verdict = dropconnect.judge(found, {})
    assert verdict.word == word
    assert ("; but dropout itself has " in verdict.headline) == (
        (none, other) == (DOWN, UP))
    found = results(gaussian={"error": MID, "loss": MID} | chosen,
                    mean={"error": none, "loss": other} | chosen)
    assert dropconnect.judge_inference(found, {}).word == word


@pytest.mark.parametrize("tried, last, told", [
    ([0.1, 0.05, 0.2], [0.2, 0.2], True), ([0.1, 0.05, 0.2], [0.2, 0.1], False),
    ([0.1, 0.2, 0.4], [0.2, 0.2], False), ([0.1, 0.2], [0.2, 0.2], False), ((), [0.2, 0.2], False)])
def test_a_rate_at_the_end_of_three_in_every_run_is_told(tried, last, told):
    found = {"none": [{"lr": lr} for lr in (0.1, 0.2)], "dropconnect": [{"lr": lr} for lr in last]}
    line = compare.rates(found, tried)
    assert line.startswith(f"rates chosen: none 0.1, 0.2; dropconnect {last[0]:g}, {last[1]:g}")
    assert ("an end of those tried" in line) == told
    assert line.endswith(": dropconnect at 0.2)") == told and "none at" not in line
    runs = [{"error": 0.1, "loss": 0.1, "validation": 0.1, "lr": 0.2}]
    for judge, arms in ((dropconnect.judge_inference, ("gaussian", "mean")),
                        (together.judge, CLAIMS["together"].arms)):
        lines = judge(dict.fromkeys(arms, runs), {"lrs": [0.1, 0.05, 0.2]}).lines
        assert sum("an end of those tried" in line for line in lines) == 1


@pytest.mark.parametrize("once, none, word", [
    (DOWN, DOWN, "held"), (UP, DOWN, "not held"), (DOWN, LEVEL, "not held"),
    (LEVEL, LEVEL, "not seen at this scale"), (MID, MID, "not seen at this scale"),
    (LEVEL, UP, "refuted"), (UP, UP, "refuted")])
def test_many_passes_must_tell_more_than_one_and_than_none(once, none, word):
    def rows(auc, mutual=MID):
        return [{"error": 0.1, "auc": a, "entropy": [0.1, 0.2], "mutual": [0.0, one]}
                for a, one in zip(auc, mutual, strict=True)]

    for mutual in (UP, DOWN):                     # told, and no part of the rule
        found = {"none": rows(none), "once": rows(once), "mc": rows(MID, mutual)}
        verdict = uncertainty.judge(found, {"passes": 7})
        assert verdict.word == word and "by 7 passes" in verdict.headline
        assert f"{np.mean(mutual):.3f} of unknown ones" in verdict.headline


# --- whole runs ----------------------------------------------------------------------------------

@pytest.mark.parametrize("name", NAMES)
def test_arms_differ_and_one_seed_has_no_verdict(name):
    claim, settings = CLAIMS[name], tiny(name, epochs=4, passes=4, samples=4, decay=0.3, limit=0.3,
                                    middle=50)
    found = {arm: [claim.run(arm, 0, settings, False)] for arm in claim.arms}
    assert len({str(runs) for runs in found.values()}) == len(claim.arms)
    arm = claim.arms[-1]
    assert found[arm] == [claim.run(arm, 0, settings, False)]                    # bit for bit
    assert claim.judge(found, settings)[:2] == ("not seen at this scale",
                                                "one seed has no interval")
    two = {arm: runs * 2 for arm, runs in found.items()}
    assert claim.judge(two, settings).word in WORDS
    for some in (found, two):
        assert claim.draw(some, settings).axes


@pytest.mark.parametrize("name, words", [
    ("dropout", ["refuted"]), ("rate", WORDS), ("sparsity", ["held"]),
    ("uncertainty", WORDS), ("dropconnect", WORDS), ("data-size", WORDS),
    ("together", WORDS), ("inference", WORDS)])
def test_the_quick_scale_takes_less_than_a_minute_and_ends_as_it_did(name, words):
    """Where one word alone is expected the intervals were far from changing it."""
    claim, start = CLAIMS[name], time.process_time()
    settings = claim.scales["quick"]
    found = {arm: [claim.run(arm, seed, settings, False) for seed in range(settings["seeds"])]
             for arm in claim.arms}
    assert claim.judge(found, settings).word in words
    assert time.process_time() - start < 60


@pytest.mark.parametrize("name", NAMES)
def test_the_scale_of_the_paper_runs_on_a_few_images(name, monkeypatch):
    claim, rng = CLAIMS[name], np.random.default_rng(0)
    pair = rng.uniform(size=(60, 1, 28, 28)).astype("float32"), np.arange(60) % 10
    monkeypatch.setattr(data, "mnist", lambda: data.Splits(pair, pair, pair))
    settings = claim.scales["paper"] | {"epochs": 2, "passes": 2, "samples": 2, "batch_size": 20,
                                        "tries": [[2, 0.01], [2, 0.03]]}
    settings["hidden"] = [min(size, 256) for size in settings["hidden"]]      # for the time alone
    for arm in claim.arms:
        assert work.one(claim.run, arm, 0, settings)["result"]


def test_a_rate_at_which_the_loss_overflows_is_passed_over_without_a_warning():
    splits = mlps.images({"data": "digits", "images": 200})
    settings = {"hidden": [16, 16], "lrs": [1e6, 0.1], "epochs": 4, "batch_size": 50,
                "momentum": 0.9}

    def run(arm, seed, settings, progress):
        return recipe.chosen(lambda lr: recipe.train(mlps.network(settings, 64), splits.train,
                                                     settings, seed, progress, lr=lr),
                             settings, splits)

    assert work.one(run, "none", 0, settings)["result"]["lr"] == 0.1       # warnings are errors
