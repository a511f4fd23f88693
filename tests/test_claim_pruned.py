"""Claims on pruning: what each method trains with, what is pruned, verdicts and figures."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minidrop import data
from minidrop.claims import CLAIMS, half, pruned, pruners, rivals, targeted, targeted_units
from minidrop.claims.claim import WORDS
from minidrop.nn import Wrapped
from minidrop.optim import SGD, Adam
from minidrop.train import evaluate, fit
from minidrop.units.dropout import Dropout
from minidrop.weights.l0 import L0, expected_l0
from minidrop.weights.pruning import prune
from minidrop.weights.smallify import Smallify, smallify_step
from minidrop.weights.targeted import TargetedDropout
from minidrop.weights.variational import Variational

pytestmark = pytest.mark.slow

NAMES = ("rivals", "rivals-units", "half", "targeted-units")
KINDS = {"L0": L0, "variational": Variational, "Smallify": Smallify, "targeted": TargetedDropout,
         "ramping": TargetedDropout}
OWN = {"none": {}, "dropout": {"p": 0.3}, "L1": {"strength": 0.002}, "L0": {"strength": 0.3},
       "variational": {"strength": 0.05}, "Smallify": {"strength": 0.01},
       "targeted": {"gamma": 0.6, "alpha": 0.7}, "ramping": {"gamma": 0.6, "alpha": 0.7}}


def tiny(name, arm=None, **changed):
    """Settings of a claim, for a moment; of one arm, with numbers that no claim has."""
    settings = CLAIMS[name].scales["quick"] | {"images": 120, "hidden": [12, 8], "epochs": 2}
    own = settings["chosen"] | ({arm: OWN[arm] | {"lr": 0.007}} if arm else {})
    return settings | {"chosen": own} | changed


def weights(net):
    """All of them in one row."""
    return np.concatenate([w.data.ravel() for w in net.parameters()])


@pytest.fixture
def fits(monkeypatch):
    """What fit is given in all runs, in order."""
    calls = []

    def spy(net, optimizer, given, epochs, **rest):
        calls.append({"net": net, "optimizer": optimizer, "data": given, "epochs": epochs,
                      "first": weights(net), **rest})
        return fit(net, optimizer, given, epochs, **rest)

    monkeypatch.setattr(pruned, "fit", spy)
    return calls


def trained(fits, arm, unit=False, **changed):
    """(what fit was given, what came out) of an arm."""
    found = pruned.run(arm, 4, tiny("rivals", arm, unit=unit, **changed), False)
    return fits[-1], found["accuracy"]


# --- what the arms are ---------------------------------------------------------------------------

@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("arm", OWN)
def test_each_arm_has_its_method_in_its_hidden_layers_and_no_other(fits, arm, unit):
    call, _ = trained(fits, arm, unit, ramp=0.5)
    net = call["net"]
    layers = {path: layer for path, layer in net.named_modules() if isinstance(layer, Wrapped)}
    assert [*layers] == (["hidden1.linear", "hidden2.linear"] if arm in KINDS else [])
    assert {type(layer) for layer in layers.values()} == ({KINDS[arm]} if arm in KINDS else set())
    drops = {path: one.p for path, one in net.named_modules() if isinstance(one, Dropout)}
    assert drops == ({"hidden1.drop": 0.3, "hidden2.drop": 0.3} if arm == "dropout" else {})
    for layer in layers.values():
        if arm == "L0":
            assert (layer.gates, layer.start) == ("output" if unit else "weight", 1.0)
        if arm == "Smallify":
            assert layer.decay == 0.9
        if arm in ("targeted", "ramping"):
            assert (layer.gamma, layer.alpha, layer.unit) == (0.6, 0.7, unit)
    assert ("project" in call) == (arm == "Smallify") and call.get("project") in (
        None, smallify_step)


@pytest.mark.parametrize("arm", OWN)
def test_every_arm_is_trained_by_adam_at_its_own_rate(fits, arm):
    call, _ = trained(fits, arm, images=120, batch_size=50, ramp=0.5)
    assert isinstance(call["optimizer"], Adam) and call["optimizer"].lr == 0.007
    assert (call["seed"], call["epochs"], call["batch_size"]) == (4, 2, 50)
    assert_array_equal(call["first"], weights(call["net"].init(4)))
    assert_array_equal(call["data"][0], data.digits().train[0][:120])
    rates = call["schedules"]
    assert len(rates["lr"]) == 6 and rates["lr"][0] == 0.007 > rates["lr"][-1]
    assert [*rates] == (["lr", "*.gamma", "*.alpha"] if arm == "ramping" else ["lr"])


def test_ramping_grows_to_its_rates_at_its_share_of_the_run(fits):
    call, _ = trained(fits, "ramping", epochs=4, batch_size=30, ramp=0.5)
    gamma, alpha = call["schedules"]["*.gamma"], call["schedules"]["*.alpha"]
    assert len(gamma) == 16 and gamma[0] == alpha[0] == 0
    assert_allclose([gamma[4], gamma[8], gamma[-1]], [0.6 * 0.95, 0.6, 0.6])
    assert_allclose([alpha[4], alpha[8], alpha[-1]], [0.35, 0.7, 0.7])


def test_penalties_are_of_the_strength_and_of_the_hidden_weights(fits):
    def penalty(arm, step=1000, unit=False):
        call, _ = trained(fits, arm, unit)
        net = call["net"]
        return float(call["penalty"](net, step).data), net

    value, net = penalty("L1")
    sizes = [np.abs(net.hidden1.linear.weight.data).sum(), np.abs(
        net.hidden2.linear.weight.data).sum()]
    assert_allclose(value, 0.002 * sum(sizes), rtol=1e-5)         # biases and the last are free
    value, net = penalty("L0")
    assert_allclose(value, 0.3 / 120 * float(expected_l0(net).data), rtol=1e-5)
    value, net = penalty("variational")
    assert_allclose(value, 0.05 / 120 * sum(float(layer.kl().data) for layer in (
        net.hidden1.linear, net.hidden2.linear)), rtol=1e-5)
    value, net = penalty("Smallify")
    layers = [net.hidden1.linear, net.hidden2.linear]
    assert_allclose(value, sum(0.01 * np.abs(one.switches().data).sum() + 0.001 * sum(
        (part.data ** 2).sum() for part in (one.weight, one.bias)) for one in layers), rtol=1e-5)
    for arm in ("none", "dropout", "targeted"):
        assert "penalty" not in trained(fits, arm)[0]


def test_the_price_of_noise_grows_from_a_sixth_to_half_of_the_run(fits):
    call, _ = trained(fits, "variational", epochs=12, batch_size=120)         # 12 steps
    prices = [float(call["penalty"](call["net"], step).data) for step in (0, 2, 4, 6, 11)]
    assert prices[0] == prices[1] == 0
    assert_allclose(prices[2:], [prices[-1] / 2, prices[-1], prices[-1]], rtol=1e-5)


def smallest_rows(score, share):
    return np.argsort(score, kind="stable")[:int(share * len(score) + 1e-9)]


@pytest.mark.parametrize("arm, score", [
    ("none", lambda layer: (layer.weight.data ** 2).sum(1)),
    ("L0", lambda layer: layer.log_alpha.data),
    ("Smallify", lambda layer: np.abs(layer.switch.data) * np.sqrt(
        (layer.weight.data ** 2).sum(1))),
    ("variational", lambda layer: (layer.weight.data ** 2).sum(1) / np.exp(
        layer.log_sigma2.data).sum(1)),
    ("targeted", lambda layer: (layer.weight.data ** 2).sum(1))])
def test_units_are_pruned_by_the_score_of_the_method(fits, arm, score):
    call, found = trained(fits, arm, unit=True, shares=[0.0, 0.5], epochs=12, batch_size=10)
    net = call["net"]
    assert_allclose(found[0], evaluate(net, data.digits().test).accuracy, atol=1e-4)
    for layer in (net.hidden1.linear, net.hidden2.linear):
        layer.weight.data[smallest_rows(score(layer), 0.5)] = 0
    assert_allclose(found[1], evaluate(net, data.digits().test).accuracy, atol=1e-4)
    assert found[1] != found[0]


@pytest.mark.parametrize("arm, score", [
    ("L1", lambda layer: np.abs(layer.weight.data)),
    ("L0", lambda layer: layer.log_alpha.data.reshape(layer.weight.shape)),
    ("variational", lambda layer: -layer.log_alpha().data),
    ("targeted", lambda layer: np.abs(layer.weight.data))])
def test_weights_are_pruned_row_by_row_by_the_score_of_the_method(fits, arm, score):
    call, found = trained(fits, arm, shares=[0.0, 0.75], epochs=12, batch_size=10)
    net = call["net"]
    for layer in (net.hidden1.linear, net.hidden2.linear):
        for row, one in zip(layer.weight.data, score(layer), strict=True):
            row[smallest_rows(one, 0.75)] = 0
    assert_allclose(found[1], evaluate(net, data.digits().test).accuracy, atol=1e-4)
    assert found[1] != found[0]


def test_a_choice_sees_validation_data_alone(fits):
    settings = tiny("rivals", "none", shares=[0.0])
    found = pruned.run("none", 4, settings, False, "validation")["accuracy"]
    assert_allclose(found, [evaluate(fits[-1]["net"], data.digits().validation).accuracy],
                    atol=1e-4)


def test_of_a_residual_network_convolutions_of_its_stages_are_pruned(fits, monkeypatch):
    rng = np.random.default_rng(0)
    pair = rng.normal(size=(8, 3, 32, 32)).astype("float32"), np.arange(8) % 10
    monkeypatch.setattr(pruned.cnns, "images", lambda own: data.Splits(pair, pair, pair))
    settings = CLAIMS["rivals"].scales["paper"] | {
        "epochs": 2, "net": "resnet8", "batch_size": 2, "lr": 0.01, "shares": [0.5]}
    patterns, curve = [], pruned.pruning_curve
    monkeypatch.setattr(pruned, "pruning_curve", lambda *given, pattern: patterns.append(
        pattern) or curve(*given, pattern=pattern))
    for arm, kind in (("targeted", TargetedDropout), ("L1", None), ("dropout", Dropout)):
        pruned.run(arm, 0, settings, False)
        assert patterns.pop() == "stage*.conv*.weight"            # and not that of the stem
        net, rates = fits[-1]["net"], fits[-1]["schedules"]["lr"]
        if kind:
            there = [path for path, one in net.named_modules() if isinstance(one, kind)]
            assert len(there) == (6 if arm == "targeted" else 3)
            assert all(path.startswith("stage") for path in there)
        sgd = fits[-1]["optimizer"]
        assert isinstance(sgd, SGD) and (sgd.momentum, sgd.weight_decay) == (0.9, 2e-4)
        falls = [0.01, 0.01, 0.01, 0.01, 0.001, 1e-4, 1e-4, 1e-5]            # after 4, 5, 7 of 8
        assert_allclose(rates, falls)
        assert len(pruners.weights(net, settings)) == 6
        assert {w.ndim for w in pruners.weights(net, settings)} == {4}


def test_the_claim_on_targeted_dropout_prunes_convolutions_and_no_norms():
    net, pattern = targeted.network("targeted", np.zeros((1, 3, 8, 8)), {
        "depth": 8, "rates": {"targeted": [0.5, 0.5]}})
    kept = prune(net.init(0), 0.5, unit=False, pattern=pattern)
    assert len(kept) == 6 and all(path.endswith(("conv1.weight", "conv2.weight")) for path in kept)


# --- verdicts ------------------------------------------------------------------------------------

def made(shares, **arms):
    """{arm: one result a seed} of {arm: rows of accuracies, (seeds, shares)}."""
    assert all(len(row) == len(shares) for rows in arms.values() for row in rows)
    return {arm: [{"accuracy": row} for row in rows] for arm, rows in arms.items()}


def over(*means):
    """Rows of accuracies at 0 and two more shares, by their means over the two."""
    return [[0.5, mean - 0.1, mean + 0.1] for mean in means]


MID, UP, DOWN, WIDE = over(0.80, 0.81, 0.82), over(0.85, 0.87, 0.86), over(0.70, 0.72, 0.71), over(
    0.70, 0.81, 0.93)


@pytest.mark.parametrize("first, second, word", [
    (DOWN, DOWN, "held"), (DOWN, WIDE, "not held"), (DOWN, UP, "not held"), (UP, DOWN, "not held"),
    (WIDE, WIDE, "not seen at this scale"), (UP, WIDE, "refuted"), (UP, UP, "refuted"),
    (MID, DOWN, "not held"), (MID, MID, "not seen at this scale")])
def test_targeted_dropout_beats_every_rival_or_it_did_not_hold(first, second, word):
    shares = [0.0, 0.5, 0.9]
    settings = {"shares": shares, "unit": False, "data": "digits"}
    found = made(shares, none=first, L0=second, targeted=MID)
    verdict = rivals.judge(found, settings)
    assert verdict.word == word
    assert "81.0 % of targeted" in verdict.headline                # the share 0 is no part of it
    assert verdict.lines[0].endswith("by pruned share of weights") and len(verdict.lines) == 7
    assert [line.split(": ")[1] for line in verdict.lines[-2:]] == [
        f"{part} points" for part in re.findall("by (.*? [+]- [0-9.]+)", verdict.headline)]
    one = rivals.judge({arm: runs[:1] for arm, runs in found.items()}, settings)
    assert one.word == "not seen at this scale"


@pytest.mark.parametrize("halves, word", [
    ([0.955, 0.957, 0.956], "held"), ([0.9495, 0.9505, 0.951], "not held"),
    ([0.93, 0.95, 0.97], "not seen at this scale"), ([0.945, 0.947, 0.946], "refuted"),
    ([0.95, 0.95, 0.95], "not held"), ([0.9495, 0.9495, 0.9495], "refuted"),
    ([0.9480, 0.9500, 0.9520], "not seen at this scale")])
def test_half_is_better_than_the_whole_or_as_good_or_worse(halves, word):
    shares = [0.0, 0.25, 0.5]
    found = made(shares, none=[[0.95, 0.5, 0.99]] * 3,
                 targeted=[[0.99, 0.5, value] for value in halves])
    settings = {"shares": shares, "unit": False}
    verdict = half.judge(found, settings)
    assert verdict.word == word
    assert verdict.lines[-1].split(": ")[1] + " more" == verdict.headline.split(": ")[1]
    one = half.judge({arm: runs[:1] for arm, runs in found.items()}, settings)
    assert one.word == "not seen at this scale"


@pytest.mark.parametrize("accuracy, level, share", [
    ([0.95, 0.95, 0.55, 0.2], 0.75, 0.7), ([0.95, 0.75, 0.55, 0.2], 0.75, 0.5),
    ([0.60, 0.95, 0.55, 0.2], 0.75, 0.7),                          # unpruned it may be worse
    ([0.95, 0.60, 0.80, 0.3], 0.75, 0.91),                         # the last time counts
    ([0.70, 0.60, 0.50, 0.2], 0.75, 0.0), ([0.9, 0.9, 0.9, 0.9], 0.75, 1.0)])
def test_a_share_lies_between_those_in_the_table(accuracy, level, share):
    assert targeted_units.crossing([0.0, 0.5, 0.9, 1.0], accuracy, level) == pytest.approx(share)


@pytest.mark.parametrize("plain, kept, ramped, word", [
    ([0.30, 0.31, 0.32], [0.40, 0.41, 0.42], [0.45, 0.46, 0.47], "held"),
    ([0.30, 0.31, 0.32], [0.40, 0.41, 0.42], [0.40, 0.41, 0.42], "not held"),
    ([0.30, 0.31, 0.32], [0.40, 0.41, 0.42], [0.20, 0.21, 0.22], "not held"),
    ([0.40, 0.41, 0.42], [0.40, 0.41, 0.42], [0.45, 0.46, 0.47], "not held"),
    ([0.40, 0.41, 0.42], [0.40, 0.41, 0.42], [0.40, 0.41, 0.42], "not seen at this scale"),
    ([0.45, 0.46, 0.47], [0.40, 0.41, 0.42], [0.40, 0.41, 0.42], "refuted"),
    ([0.30, 0.40, 0.44], [0.38, 0.39, 0.40], [0.30, 0.39, 0.45], "not seen at this scale"),
    # seeds that differ much, and both arms alike
    ([0.20, 0.30, 0.40], [0.21, 0.31, 0.41], [0.22, 0.32, 0.42], "held")])
def test_units_are_judged_by_where_networks_fall(plain, kept, ramped, word):
    """Straight lines down from 1 through 0.8 at the shares of none, and 0.9 at the others'."""
    settings = {"shares": [i / 100 for i in range(101)], "unit": True, "high": 0.9,
                "data": "digits"}
    found = {arm: [{"accuracy": [max(0.0, 1 - (1 - level) * at / share)
                                 for at in settings["shares"]]} for share in row]
             for arm, row, level in (("none", plain, 0.8), ("targeted", kept, 0.9),
                                     ("ramping", ramped, 0.9))}
    verdict = targeted_units.judge(found, settings)
    assert verdict.word == word and verdict.lines[0].endswith("share of units")
    assert verdict.headline.startswith(f"none is of no use from {100 * np.mean(plain):.2f} +- ")
    gain = f"targeted - none: {100 * np.mean(np.subtract(kept, plain)):.2f} +- "
    assert gain in verdict.headline
    one = {arm: runs[:1] for arm, runs in found.items()}
    assert targeted_units.judge(one, settings)[:2] == ("not seen at this scale",
                                                       "one seed has no interval")
    left, right = targeted_units.draw(found, settings).axes
    assert_allclose(left.lines[3].get_xydata()[[0, 10]], [[0, 100], [10, 100 * np.mean(
        [1 - 0.02 / share for share in plain])]])
    assert [one.get_text() for one in right.get_yticklabels()] == [
        "targeted - none", "ramping - targeted"]
    assert_allclose([*right.lines[0].get_xdata()], 100 * np.subtract(kept, plain), atol=1e-9)


@pytest.mark.parametrize("unit, there", [(True, "units"), (False, "weights")])
def test_the_figure_has_a_line_for_each_arm_with_its_means(unit, there):
    shares = [0.0, 0.5, 0.9]
    settings = {"shares": shares, "unit": unit, "data": "digits"}
    found = made(shares, none=DOWN, targeted=MID)
    (axis,) = pruned.draw(found, settings).axes
    lines = [box.lines[0] for box in axis.containers]
    assert [box.get_label() for box in axis.containers] == ["none", "targeted"]
    assert_allclose(lines[1].get_ydata().astype(float), [50, 71, 91])
    assert there in axis.get_xlabel() and [one.get_text() for one in axis.get_xticklabels()] == [
        "0", "0.5", "0.9"]
    assert pruned.draw({arm: runs[:1] for arm, runs in found.items()}, settings).axes


def test_the_figure_of_half_is_of_what_lies_near_the_whole_plain_network():
    shares = [0.0, 0.25, 0.5]
    found = made(shares, none=[[0.95, 0.5, 0.9]] * 2, targeted=[[0.96, 0.5, 0.97]] * 2)
    (axis,) = half.draw(found, {"shares": shares, "unit": False, "data": "digits"}).axes
    assert_allclose(axis.get_ylim(), (89, 97))
    assert any(np.allclose(line.get_ydata(orig=False), 95) for line in axis.lines)


# --- whole runs ----------------------------------------------------------------------------------

@pytest.mark.parametrize("name", NAMES)
def test_scales_choose_for_every_arm_and_lines_can_be_told_apart(name):
    claim = CLAIMS[name]
    for settings in claim.scales.values():
        assert settings["chosen"].keys() == set(claim.arms) and settings["shares"][0] == 0
        assert settings["shares"] == sorted(settings["shares"])
        assert settings["unit"] == name.endswith("units")
    assert len({pruned.STYLES[arm] for arm in claim.arms}) == len(claim.arms)


@pytest.mark.parametrize("name", NAMES)
def test_arms_differ_and_one_seed_has_no_verdict(name):
    claim, settings = CLAIMS[name], tiny(name, epochs=3)
    found = {arm: [claim.run(arm, 0, settings, False)] for arm in claim.arms}
    assert len({str(runs) for runs in found.values()}) == len(claim.arms)
    arm = claim.arms[-1]
    assert found[arm] == [claim.run(arm, 0, settings, False)]                    # bit for bit
    assert claim.judge(found, settings).word == "not seen at this scale"
    two = {arm: runs * 2 for arm, runs in found.items()}
    assert claim.judge(two, settings).word in WORDS
    for some in (found, two):
        assert claim.draw(some, settings).axes


@pytest.mark.parametrize("name", NAMES)
def test_the_scale_of_the_paper_runs_on_a_few_images(name, monkeypatch):
    claim, rng = CLAIMS[name], np.random.default_rng(0)
    pair = rng.normal(size=(8, 3, 32, 32)).astype("float32"), np.arange(8) % 10
    monkeypatch.setattr(pruned.cnns, "images", lambda own: data.Splits(pair, pair, pair))
    settings = claim.scales["paper"] | {"epochs": 2, "net": "resnet8", "batch_size": 2, "lr": 0.01}
    for arm in claim.arms:
        assert len(claim.run(arm, 0, settings, False)["accuracy"]) == len(settings["shares"])
