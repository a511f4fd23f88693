"""Claims on mixing, stochastic depth and the variance that dropout shifts."""

import copy
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minidrop import data
from minidrop.batch_statistics import batch_norm_statistics
from minidrop.claims import (
    CLAIMS,
    cnns,
    depth_time,
    mixing,
    recipe,
    stochastic_depth,
    variance_shift,
)
from minidrop.claims.claim import WORDS
from minidrop.functional import cross_entropy
from minidrop.inputs.attentive_cutmix import AttentiveCutMix
from minidrop.inputs.cutmix import CutMix
from minidrop.inputs.mixup import Mixup
from minidrop.nn import Sequential
from minidrop.norms.batch_norm import BatchNorm
from minidrop.paths.stochastic_depth import StochasticDepth
from minidrop.tape import data_of, grad
from minidrop.train import evaluate, fit
from minidrop.units.dropout import Dropout

pytestmark = pytest.mark.slow

NAMES = ("variance-shift", "mixing", "stochastic-depth", "depth-gradients", "depth-time",
         "attentive-cells")


def tiny(name, **changed):
    """Settings of a claim, for a moment."""
    return CLAIMS[name].scales["quick"] | {
        "images": 60, "held_out": 60, "epochs": 1, "extractor_epochs": 1, "batch_size": 30,
        "net": "resnet8", "turns": 2} | changed


@pytest.fixture
def fits(monkeypatch):
    """What fit is given in all runs, in order."""
    calls = []

    def spy(net, optimizer, given, epochs, **rest):
        calls.append({"net": net, "optimizer": optimizer, "data": given, "epochs": epochs, **rest})
        return fit(net, optimizer, given, epochs, **rest)

    for module in (recipe, stochastic_depth):
        monkeypatch.setattr(module, "fit", spy)
    return calls


def layers(net, kind):
    """{path: layer} of one kind."""
    return {path: one for path, one in net.named_modules() if isinstance(one, kind)}


def dots(axis, number, which):
    """The marked values of an axis' error bars, x or y."""
    line = axis.containers[number].lines[0]
    return {"x": line.get_xdata, "y": line.get_ydata}[which]().astype(float)


# --- dropout before batch norm -------------------------------------------------------------------

@pytest.mark.parametrize("arm, places", [
    ("none", []), ("before", [f"stage{k}.block1.sum.branch.drop" for k in (1, 2, 3)]),
    ("after", ["head.drop"])])
def test_dropout_is_before_norms_or_behind_the_last(fits, arm, places):
    settings = tiny("variance-shift", p=0.4)
    found = variance_shift.run(arm, 3, settings, False)
    (call,) = fits
    assert {path: one.p for path, one in layers(call["net"], Dropout).items()} == dict.fromkeys(
        places, 0.4)
    assert call["seed"] == 3 and call["optimizer"].weight_decay == 1e-4
    test = cnns.images(settings).test
    assert_allclose(found["renewed"], 1 - evaluate(call["net"], test).accuracy, atol=1e-4)
    assert [*found["shift"]] == ["stem.norm", *(f"stage{k}.block1.norm{i}" for k in (1, 2, 3)
                                                for i in (1, 2))]


def test_errors_are_those_of_kept_and_of_new_statistics(monkeypatch):
    seen = []

    def error(net, pair):
        norm = net.stage1.block1.sum.branch.norm2.norm if seen else net.stem.norm
        fresh = batch_norm_statistics(copy.deepcopy(net), x, 500).stage1.block1.sum.branch.norm2
        new = fresh.norm if seen else fresh
        seen.append((int(norm.num_batches_tracked), bool((norm.running_var == new.running_var
                                                          ).all())))
        return len(seen)

    monkeypatch.setattr(recipe, "error", error)
    settings = tiny("variance-shift", epochs=4)
    x = cnns.images(settings).train[0]
    found = variance_shift.run("before", 0, settings, False)
    assert (found["error"], found["renewed"]) == (1, 2)
    assert seen == [(8, False), (1, True)]        # those of training, those without dropout


def test_the_shift_is_of_the_variance_kept_over_the_one_met_and_follows_from_the_masks():
    rng = np.random.default_rng(0)
    x = 2 * (1 + rng.normal(size=(1200, 2, 5, 5))).astype("float32")
    net = Sequential(drop=Dropout(0.5), norm1=BatchNorm(2)).init(0)
    batch_norm_statistics(net, x, 400, noisy=True)
    y = net.eval()(x).data
    (shift,) = variance_shift.shift(net, x).values()
    assert_allclose(math.exp(shift), 3, rtol=0.02)                # mean and deviation 2, p = 1/2
    assert_array_equal(net(x).data, y)
    free = Sequential(norm1=BatchNorm(2)).init(0)
    free.norm1.running_var = 4 * x.var((0, 2, 3))
    assert_allclose(variance_shift.shift(free, x)["norm1"], math.log(4), rtol=0.01)


NORMS = ("stem.norm", "stage1.block1.norm1", "stage1.block1.norm2", "stage2.block1.norm2")
UP, LEVEL, DOWN = [0.20, 0.21, 0.22], [0.20, 0.10, 0.00], [0.00, 0.01, 0.02]
MID = [0.10, 0.11, 0.12]


def shifted(more, cost, behind):
    """Results with so much more shift, errors with kept less new statistics, and behind."""
    def rows(shift, error, renewed):
        return [{"shift": dict(zip(NORMS, (7.0, -7.0, s, s + 0.1), strict=True)), "error": e,
                 "renewed": r} for s, e, r in zip(shift, error, renewed, strict=True)]

    return {"none": rows(MID, [0.5, 0.1, 0.3], MID),
            "before": rows(more, MID, [0.22 - c for c in cost]),
            "after": rows(MID, [0.22 - b for b in behind], MID)}


@pytest.mark.parametrize("more, cost, behind, word", [
    (UP, UP, UP, "held"), (UP, DOWN, UP, "not held"), (DOWN, DOWN, UP, "not held"),
    (UP, LEVEL, LEVEL, "not held"), (DOWN, DOWN, DOWN, "refuted"),
    (LEVEL, DOWN, DOWN, "refuted"), (LEVEL, LEVEL, LEVEL, "not seen at this scale"),
    (MID, MID, MID, "not seen at this scale")])
def test_a_shift_must_be_there_and_cost_and_be_avoided_behind_the_last_norm(more, cost, behind,
                                                                            word):
    assert variance_shift.judge(shifted(more, cost, behind), {}).word == word


def test_the_shift_is_told_and_drawn_of_the_norms_behind_dropout():
    found = shifted(UP, UP, DOWN)
    assert_allclose(variance_shift.share(found, "before"), math.exp(-0.26), rtol=1e-9)
    assert_allclose(variance_shift.share(found, "none"), math.exp(-0.16), rtol=1e-9)
    assert variance_shift.judge(found, {}).headline == (
        "behind dropout a norm meets 0.77 times the variance it kept (ln 0.100 +- 0.000, without "
        "dropout 0.85 times); test error 11.00 %, 10.00 +- 4.97 points more than with new "
        "statistics, and -10.00 +- 4.97 more than with dropout behind the last norm; 30.00 % "
        "without dropout")
    left, right = variance_shift.draw(found, {"data": "digits"}).axes
    y = dots(left, 1, "y")
    assert_allclose(y, np.exp([[-7, 7, -s, -s - 0.1] for s in UP]).mean(0))
    assert_allclose(dots(right, 0, "y")[1], 11)
    assert_allclose(dots(right, 1, "y")[1], 100 * (0.22 - np.mean(UP)))


# --- mixing --------------------------------------------------------------------------------------

@pytest.mark.parametrize("arm", CLAIMS["mixing"].arms)
def test_each_arm_mixes_as_its_name_says(fits, arm):
    settings = tiny("mixing", alpha=0.7, cells=5)
    found = mixing.run(arm, 2, settings, False)
    call, batch = fits[-1], fits[-1]["batch"]
    kinds = {"none": type(None), "mixup": Mixup, "cutmix": CutMix, "attentive": AttentiveCutMix}
    assert type(batch) is kinds[arm] and len(fits) == 1 + (arm == "attentive")
    assert getattr(batch, "alpha", 0.7) == 0.7 and getattr(batch, "n", 5) == 5
    assert (call["seed"], call["epochs"], len(call["data"][0])) == (2, 1, 60)
    splits = cnns.images(settings)
    for name, pair in (("error", splits.test), ("training", splits.train)):
        assert_allclose(found[name], 1 - evaluate(call["net"], pair).accuracy, atol=1e-4)


def test_an_extractor_learns_from_the_same_images_unmixed_for_its_own_epochs(fits):
    settings = tiny("attentive-cells", epochs=3, extractor_epochs=2)
    mixing.run("20", 5, settings, False)
    first, second = fits
    assert [call["epochs"] for call in fits] == [2, 3] and {c["seed"] for c in fits} == {5}
    assert not first.get("batch") and second["batch"].n == 20
    assert_array_equal(first["data"][0], second["data"][0])
    front = second["batch"].extractor
    assert front.stem is first["net"].stem and front.stage1 is first["net"].stage1
    assert len(front) == 2 and front(first["data"][0][:2]).shape == (2, 16, 8, 8)
    x, y = second["batch"](0, *first["data"])
    assert_allclose(np.sort(y, 1)[:, -2:].sum(1), 1, rtol=1e-6)
    assert {round(float(v) * 64) for v in y.max(1)} <= {44, 64}


def test_at_all_scales_there_are_64_cells():
    for scale, settings in CLAIMS["mixing"].scales.items():
        side = 8 if scale == "quick" else 32
        x = np.zeros((2, 1 if scale == "quick" else 3, side, side), "float32")
        net = cnns.network(settings, x).init(0)
        front = Sequential(**{name: getattr(net, name) for name in settings["front"]})
        assert front(x).shape[2:] == (8, 8) and settings["of"] == 64
        assert settings["extractor_epochs"] == settings["epochs"] // 3


def errors(**arms):
    """{arm: one result a seed} of {arm: errors}."""
    return {arm.strip("n") if arm[0] == "n" and arm[1:].isdigit() else arm:
            [{"error": value, "training": 0.5} for value in values] for arm, values in arms.items()}


@pytest.mark.parametrize("mixup, cutmix, attentive, word", [
    (DOWN, DOWN, DOWN, "held"), (DOWN, UP, DOWN, "not held"), (UP, LEVEL, DOWN, "not held"),
    (UP, UP, UP, "refuted"), (UP, UP, LEVEL, "refuted"),
    (MID, MID, MID, "not seen at this scale")])
def test_all_three_ways_of_mixing_must_be_better_than_none(mixup, cutmix, attentive, word):
    found = errors(none=MID, mixup=mixup, cutmix=cutmix, attentive=attentive)
    verdict = mixing.judge(found, {})
    assert verdict.word == word and verdict.headline.startswith("test error 11.00 % of none, ")
    assert f"; none - mixup: {11 - 100 * np.mean(mixup):.2f} +- " in verdict.headline
    assert mixing.judge({arm: runs[:1] for arm, runs in found.items()}, {})[:2] == (
        "not seen at this scale", "one seed has no interval")


@pytest.mark.parametrize("few, many, word", [
    (UP, UP, "held"), (UP, DOWN, "not held"), (LEVEL, UP, "not held"), (DOWN, DOWN, "refuted"),
    (LEVEL, DOWN, "refuted"), (MID, MID, "not seen at this scale")])
def test_few_cells_and_many_must_be_worse_than_some(few, many, word):
    found = errors(n2=few, n8=MID, n20=many)
    assert mixing.judge_cells(found, {}).word == word
    axis = mixing.draw_cells(found, {"of": 64, "data": "digits"}).axes[0]
    assert_allclose(dots(axis, 0, "x"), [100 / 32, 12.5, 31.25])
    assert_allclose(dots(axis, 0, "y")[1], 11)


# --- stochastic depth ----------------------------------------------------------------------------

@pytest.mark.parametrize("arm, rates", [
    ("constant", []), ("linear", [k / 12 for k in range(1, 7)]), ("uniform", [7 / 24] * 6)])
def test_survival_is_constant_linear_or_uniform_at_the_same_depth(arm, rates):
    x = cnns.images(CLAIMS["stochastic-depth"].scales["quick"]).test[0][:1]
    for name in ("stochastic-depth", "depth-gradients"):
        net = stochastic_depth.network(arm, CLAIMS[name].scales["standard"], x)
        gates = layers(net, StochasticDepth).values()
        assert_allclose([one.p for one in gates], rates, rtol=1e-9)
        assert {(one.mode, one.scaling) for one in gates} <= {("batch", "paper")}


def test_gradients_are_those_of_the_first_convolution_in_each_step(fits):
    settings = tiny("depth-gradients", batch_size=60, epochs=3, weight_decay=0.3)
    found = stochastic_depth.run("constant", 1, settings, False)
    (call,), (x, y) = fits, cnns.images(settings).train
    assert len(found["gradient"]) == 3 and call["seed"] == 1
    assert (call["optimizer"].momentum, call["optimizer"].weight_decay) == (0.9, 0.3)
    net = stochastic_depth.network("constant", settings, x).init(1)
    (g,) = grad(cross_entropy(net(x), y), [net.stem.conv.weight])
    assert_allclose(found["gradient"][0], abs(data_of(g)).mean(),
                    rtol=1e-3)
    plain = cnns.network(settings, x)
    recipe.train(plain, (x, y), settings, 1, False)
    for w, v in zip(plain.parameters(), call["net"].parameters(), strict=True):
        assert_array_equal(w.data, v.data)                        # it is watched, no more


def test_a_curve_is_of_means_of_equal_parts():
    thin = stochastic_depth.thinned([np.float32(k) for k in range(120)])
    assert len(thin) == 60 and thin[:2] == [0.5, 2.5] and thin[-1] == 118.5
    assert stochastic_depth.thinned([np.float32(1), np.float32(2)]) == [1, 2]


def curves(linear, constant):
    """Results with the mean gradients (before it is late, late) of each seed, of three arms."""
    def rows(pairs):
        return [{"gradient": [early] * 40 + [late] * 20, "error": 0.1, "training": 0.0}
                for early, late in pairs]

    return {"constant": rows(constant), "linear": rows(linear), "uniform": rows([(9.0, 0.1)] * 3)}


ONE = [(1.0, 1.0), (1.1, 1.0), (1.0, 1.1)]


@pytest.mark.parametrize("early, late, word", [
    (2, 4, "held"), (0.5, 4, "not held"), (2, 0.5, "not held"), (1, 4, "not held"),
    (0.5, 0.5, "refuted"), (1, 0.5, "refuted"), (1, 1, "not seen at this scale")])
def test_gradients_must_be_larger_early_and_late(early, late, word):
    found = curves([(early * a, late * b) for a, b in ONE], ONE)
    verdict = stochastic_depth.judge_gradients(found, {})
    assert verdict.word == word and (
        f"{early:.2f} times as large in the first two thirds (ln " in verdict.headline
        and f" and {late:.2f} times as large in the last" in verdict.headline)
    axis = stochastic_depth.draw_gradients(found, {"data": "digits", "epochs": 30}).axes[0]
    line = axis.lines[1]
    means = np.mean(ONE, 0)
    assert line.get_label() == "linear"
    assert_allclose(line.get_ydata(), [early * means[0]] * 40 + [late * means[1]] * 20)
    assert axis.get_yscale() == "log" and line.get_xdata()[[0, -1]].tolist() == [0.25, 29.75]


@pytest.mark.parametrize("constant, uniform, word", [
    (UP, UP, "held"), (UP, DOWN, "not held"), (LEVEL, UP, "not held"), (DOWN, DOWN, "refuted"),
    (DOWN, LEVEL, "refuted"), (MID, MID, "not seen at this scale")])
def test_stochastic_depth_must_be_better_than_both_others(constant, uniform, word):
    found = errors(constant=constant, linear=MID, uniform=uniform)
    assert stochastic_depth.judge(found, {}).word == word


@pytest.mark.parametrize("constant, linear, late", [
    (0.09, 0.09, ""), (0.09, 0.12, "12 % of those of linear;"),
    (0.2, 0.3, "20 % of those of constant, 30 % of those of linear;")])
def test_a_run_that_was_too_short_for_an_arm_says_so(constant, linear, late):
    found = errors(constant=MID, linear=MID, uniform=MID)
    for arm, share in (("constant", constant), ("linear", linear), ("uniform", 0.0)):
        found[arm] = [one | {"training": share} for one in found[arm]]
    lines = [line for line in stochastic_depth.judge(found, {}).lines if "in the end" in line]
    assert len(lines) == bool(late) and all(f"end: {late}" in line for line in lines)


# --- time ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("arm", CLAIMS["depth-time"].arms)
def test_epochs_are_timed_in_turns_and_their_ratios_taken(monkeypatch, arm):
    clock, calls = [0.0], []

    def train(net, given, settings, seed, progress, **changed):
        there = layers(net, StochasticDepth)
        assert {one.mode for one in there.values()} <= {arm} and len(given[0]) == 60
        assert not there or max(one.p for one in there.values()) == pytest.approx(0.2)
        calls.append((seed, bool(there), changed["epochs"]))
        clock[0] += (1 if there else 2) * (100 if len(calls) <= 2 else 1)
        clock[0] += (there != {}) * len(calls) * 0.01

    monkeypatch.setattr(depth_time.recipe, "train", train)
    monkeypatch.setattr(depth_time.time, "perf_counter", lambda: clock[0])
    found = depth_time.run(arm, 4, tiny("depth-time", turns=3, q_last=0.8), False)
    assert [(seed, with_) for seed, with_, _ in calls] == [
        (4000, True), (4000, False), (4001, False), (4001, True), (4002, True), (4002, False),
        (4003, False), (4003, True)]
    assert {epochs for *_, epochs in calls} == {1}
    assert found["constant"] == 2 and found["saving"] == found["savings"][1]
    assert_allclose(found["savings"], [1 - 1.04 / 2, 1 - 1.05 / 2, 1 - 1.08 / 2], atol=1e-4)


@pytest.mark.parametrize("savings, word", [
    ([0.25, 0.26, 0.27], "held"), ([0.15, 0.16, 0.14], "not held"), ([0.1, 0.11, 0.1], "not held"),
    ([0.3, -0.1, 0.0], "not seen at this scale"), ([-0.2, -0.21, -0.2], "refuted"),
    ([0.15, 0.15, 0.15], "not held")])
def test_the_saving_must_be_about_a_quarter(savings, word):
    found = {arm: [{"saving": value, "savings": [value, 0.0], "constant": 1.0} for value in values]
             for arm, values in (("batch", savings), ("row", [0.0, 0.01, -0.01]))}
    assert depth_time.judge(found, {}).word == word
    axis = depth_time.draw(found, {}).axes[0]
    assert_allclose(dots(axis, 0, "y"), [100 * np.mean(savings)])
    assert_allclose(axis.lines[0].get_ydata(), [100 * savings[0], 0])


# --- whole runs ----------------------------------------------------------------------------------

@pytest.mark.parametrize("name", NAMES)
def test_arms_differ_and_one_seed_has_no_verdict(name):
    claim, settings = CLAIMS[name], tiny(name, images=90, held_out=300, epochs=3)
    found = {arm: [claim.run(arm, 0, settings, False)] for arm in claim.arms}
    assert len({str(runs) for runs in found.values()}) == len(claim.arms)
    arm = claim.arms[-1]
    if name != "depth-time":
        assert found[arm] == [claim.run(arm, 0, settings, False)]                # bit for bit
    word, headline = claim.judge(found, settings)[:2]
    assert word == "not seen at this scale" and headline.startswith("one seed has no interval")
    two = {arm: runs * 2 for arm, runs in found.items()}
    assert claim.judge(two, settings).word in WORDS
    for some in (found, two):
        assert claim.draw(some, settings).axes


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", ["standard", "paper"])
def test_images_of_cifar_are_taken_too(name, scale, monkeypatch):
    claim, rng = CLAIMS[name], np.random.default_rng(0)
    pair = rng.normal(size=(6000, 3, 32, 32)).astype("float32"), np.arange(6000) % 10
    monkeypatch.setattr(data, "cifar10", lambda test: data.Splits(pair, (pair[0][:9], pair[1][:9]),
                                                                  None))
    settings = claim.scales[scale] | {"images": 20, "held_out": 9, "epochs": 1, "batch_size": 10,
                                      "extractor_epochs": 1, "turns": 1, "net": "resnet8"}
    assert claim.run(claim.arms[-1], 0, settings, False)
