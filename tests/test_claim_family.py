"""The claim on the whole family: what each arm trains, how all are judged at once, its figure."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minidrop.claims import CLAIMS, cnns, compare, family, family_arms, recipe
from minidrop.claims.claim import WORDS
from minidrop.inputs.attentive_cutmix import AttentiveCutMix
from minidrop.inputs.cutmix import CutMix
from minidrop.inputs.cutout import Cutout
from minidrop.inputs.mixup import Mixup
from minidrop.nn import Noise
from minidrop.train import fit
from minidrop.units.multi_sample import multi_sample_cross_entropy
from minidrop.weight_averages import EMA, SWA, WeightAverage

pytestmark = pytest.mark.slow

CLAIM = CLAIMS["family"]
TINY = CLAIM.scales["quick"] | {"images": 60, "epochs": 4, "batch_size": 20}
BLOCKS = [f"stage{k}.block1.sum.branch.drop" for k in (1, 2, 3)]
CONVS = [f"stage{k}.block1.sum.branch.conv{i}" for k in (1, 2, 3) for i in (1, 2)]


@pytest.fixture
def fits(monkeypatch):
    """What fit is given in all runs, in order."""
    calls = []

    def spy(net, optimizer, given, epochs, **rest):
        noise = {path: one for path, one in net.named_modules() if isinstance(one, Noise)}
        calls.append({"net": net, "optimizer": optimizer, "data": given, "epochs": epochs,
                      "noise": noise, **rest})
        return fit(net, optimizer, given, epochs, **rest)

    monkeypatch.setattr(recipe, "fit", spy)
    return calls


def trained(arm, fits, seed=3, **changed):
    """The last call of fit in a run of an arm, and what came out."""
    found = family.run(arm, seed, TINY | changed, False)
    assert found.keys() == {"error", "training"} and fits[-1]["seed"] == seed
    assert len(fits[-1]["data"][0]) == 60 and fits[-1]["epochs"] == 4
    return fits[-1], found


@pytest.mark.parametrize("arm, places, attributes", [
    ("none", [], {}), ("dropout", BLOCKS, {"p": 0.3}), ("gaussian", BLOCKS, {"p": 0.3}),
    ("spatial", BLOCKS, {"p": 0.1}), ("dropconnect", ["out"], {"p": 0.5}),
    ("multi-sample", ["out"], {"p": 0.5, "m": 8}),
    ("targeted", CONVS, {"gamma": 0.75, "alpha": 0.66, "unit": False}),
    ("dropblock", [f"stage{k}.block1.sum.{place}" for k in (2, 3) for place in (
        "branch.dropblock1", "branch.dropblock2", "skip.dropblock")], {"p": 0.1, "block": 2})])
def test_layers_stand_where_they_are_said_to(fits, arm, places, attributes):
    call, _ = trained(arm, fits)
    assert sorted(call["noise"]) == sorted(places) and len(fits) == 1
    for layer in call["noise"].values():
        assert {name: getattr(layer, name) for name in attributes} == attributes
    if places:                                    # and under the name of the technique
        kind = type(next(iter(call["noise"].values()))).__name__.lower()
        assert kind.startswith(arm.replace("-", "")[:6])
    assert call["optimizer"].weight_decay == 0 and not call.keys() & {"batch", "project"}
    assert call.get("loss") is (multi_sample_cross_entropy if arm == "multi-sample" else None)


def test_branches_are_left_out_the_deeper_the_more_often(fits):
    call, _ = trained("stochastic-depth", fits, rates=TINY["rates"] | {"stochastic-depth": [0.3]})
    gates = call["noise"].values()
    assert_allclose([layer.p for layer in gates], [0.1, 0.2, 0.3])
    assert {(layer.mode, layer.scaling) for layer in gates} == {("batch", "paper")}


def test_connections_and_samples_are_dropped_with_their_rate_and_not_kept(fits):
    for arm, *rates in (("dropconnect", 0.3), ("multi-sample", 0.2, 4)):
        call, _ = trained(arm, fits, rates=TINY["rates"] | {arm: rates})
        assert call["noise"]["out"].p == rates[0]


def test_early_dropout_is_over_after_a_sixth_of_the_run(fits):
    call, _ = trained("early-dropout", fits)
    rates = call["schedules"].pop("stage*.drop.p")
    assert sorted(call["noise"]) == BLOCKS and [*call["schedules"]] == ["lr"]
    assert_allclose(rates, [0.1, 0.0] + [0.0] * 10)               # 2 of 12 steps, on a line


@pytest.mark.parametrize("arm, due", [
    ("cutout", Cutout(4)), ("mixup", Mixup(1.0)), ("cutmix", CutMix(1.0))])
def test_images_are_cut_and_mixed(fits, arm, due):
    call, _ = trained(arm, fits)
    assert call["batch"] == due and not call["noise"]


def test_images_are_shifted_and_mirrored_where_they_may_be(fits):
    x = np.arange(2.0 * 8 * 8).reshape(2, 1, 8, 8)
    batch = trained("flip-crop", fits)[0]["batch"]
    assert batch.keywords == {"padding": 1, "mirror": False}
    assert batch(0, x, None)[0].shape == x.shape
    rates = TINY["rates"] | {"flip-crop": [4, True]}
    assert trained("flip-crop", fits, rates=rates)[0]["batch"].keywords["mirror"]


def test_attention_is_that_of_another_network_trained_before(fits):
    call, _ = trained("attentive-cutmix", fits)
    first = fits[0]
    assert len(fits) == 2 and first["seed"] == 1003 and "batch" not in first
    assert isinstance(call["batch"], AttentiveCutMix) and call["batch"].n == 1
    other = first["net"]
    assert [*call["batch"].extractor] == [other.stem, other.stage1, other.stage2, other.stage3]
    assert other is not call["net"]


def test_weights_are_bounded_or_decay(fits):
    call, _ = trained("max-norm", fits, rates=TINY["rates"] | {"max-norm": [0.5]})
    net = call["net"]
    for path in CONVS:
        w = dict(net.named_parameters())[f"{path}.weight"].data
        assert np.linalg.norm(w.reshape(len(w), -1), axis=1).max() <= 0.5 + 1e-5
    assert trained("l2", fits)[0]["optimizer"].weight_decay == 1e-4


def test_averages_are_what_is_measured(fits, monkeypatch):
    seen, score = [], WeightAverage.average
    monkeypatch.setattr(WeightAverage, "average", lambda self, x: seen.append(x) or score(self, x))
    for arm, kind in (("ema", EMA), ("swa", SWA)):
        call, found = trained(arm, fits)
        assert seen[-1] is call["data"][0]        # batch norms get their statistics there
        average = call["recorder"].average(call["data"][0])
        assert isinstance(call["recorder"], kind)
        assert found["training"] == recipe.error(average, call["data"])
    recorder = call["recorder"]
    assert (recorder.start, recorder.every, recorder.taken) == (9, 3, 2)
    assert_allclose(call["schedules"]["lr"][9:], 0.05)
    assert call["schedules"]["lr"][0] == 0.1
    ema = fits[0]["recorder"]
    assert (ema.mu, ema.start, ema.every, ema.kind) == (0.79, 1, 1, "corrected")


def test_all_arms_learn_from_the_same_network_and_batches_and_are_measured_alike(fits):
    seen, score = [], recipe.error
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "error", lambda net, pair: seen.append(pair) or score(net, pair))
        trained("none", fits)
    splits = cnns.images(TINY)
    for pair, due in zip(seen, (splits.test, splits.train), strict=True):
        assert_array_equal(pair[0], due[0])
        assert_array_equal(pair[1], due[1])
    trained("dropout", fits)
    first, second = (dict(call["net"].named_parameters()) for call in fits)
    assert first.keys() == second.keys()
    assert [call["optimizer"].lr for call in fits] == [0.1, 0.1]


# --- verdicts ------------------------------------------------------------------------------------

def errors(**gains):
    """Results of three seeds: none 0.5 and a technique less by its gain; the rest is +- 0.001."""
    away = {"none": [1, -1, 0], "a": [0, 1, -1], "b": [-1, 0, 1], "c": [1, 0, -1]}
    return {arm: [{"error": 0.5 - gain + 0.1 * seed + 0.001 * away[arm][seed], "training": 0.1}
                  for seed in range(3)] for arm, gain in ({"none": 0.0} | gains).items()}


@pytest.mark.parametrize("gains, word", [
    ({"a": 0.02, "b": 0.03, "c": 0.01}, "held"), ({"a": 0.02, "b": 0.03, "c": 0.0}, "not held"),
    ({"a": 0.02, "b": -0.03, "c": 0.0}, "not held"),
    ({"a": 0.0, "b": 0.001, "c": 0.0}, "not seen at this scale"),
    ({"a": 0.0, "b": -0.03, "c": 0.0}, "refuted"), ({"a": -0.1, "b": -0.1, "c": -0.1}, "refuted")])
def test_the_family_is_judged_by_its_rule(gains, word):
    verdict = family.judge(errors(**gains), TINY)
    assert verdict.word == word and word in WORDS
    assert verdict.headline.startswith("of 3 techniques ")
    one = {arm: runs[:1] for arm, runs in errors(**gains).items()}
    assert family.judge(one, TINY).word == "not seen at this scale"


def test_those_worse_are_told_with_the_errors_on_their_own_images():
    found = errors(a=0.1, b=-0.1, c=-0.2)
    for arm, share in (("none", 0.05), ("a", 0.9), ("b", 0.31), ("c", 0.46)):
        found[arm] = [one | {"training": share} for one in found[arm]]
    assert family.judge(found, TINY).headline.endswith(
        "; on their own images those worse err in 31 to 46 %, none in 5 %")
    assert "own images" not in family.judge(errors(a=0.0, b=0.1), TINY).headline


def test_the_intervals_without_the_arm_whose_seeds_differ_most_are_told():
    found = errors(a=0.02, b=0.03, c=0.0)
    found["c"][0]["error"] += 0.4
    line, = (line for line in family.judge(found, TINY).lines if line.startswith("without"))
    assert family.judge(found, TINY).word == "not seen at this scale"
    rest = family.gains({arm: found[arm] for arm in ("none", "a", "b")})
    assert line == (f"without c, whose seeds differ most: +- {100 * rest['a'].half:.2f}; 2 better, "
                    "0 worse, 0 not told apart (no part of the rule)")


def test_a_technique_that_never_acted_is_named():
    found = errors(a=0.0, b=0.1)
    found["a"] = found["none"]
    named = [line for line in family.judge(found, TINY).lines if line.startswith("the same errors")]
    assert len(named) == 1 and named[0].endswith(": a")
    found["a"] = [*found["none"][:2], found["none"][2] | {"training": 0.2}]
    assert "the same errors" not in str(family.judge(found, TINY).lines)


def test_intervals_hold_together_and_take_seeds_in_pairs():
    found = errors(a=0.02, b=0.03, c=0.01)
    table = np.array([[one["error"] for one in runs] for runs in found.values()])
    rest = table - table.mean(0) - table.mean(1, keepdims=True) + table.mean()
    spread = math.sqrt(2 / 3 * (rest ** 2).sum() / 6)
    gains = family.gains(found)
    assert_allclose([one.mean for one in gains.values()], [0.02, 0.03, 0.01], atol=1e-12)
    t = 3.2875                                    # of 6 degrees, for 0.05 / 3
    assert_allclose([one.half for one in gains.values()], t * spread, rtol=1e-4)
    assert next(iter(gains.values())).half < 0.005                # though seeds lie 0.1 apart


def test_an_interval_that_ends_at_0_is_not_told_apart():
    half = family.gains(errors(a=0.0, b=0.0, c=0.0))["a"].half
    for gain, word in ((1.01 * half, "better"), (0.99 * half, "not told apart"),
                       (-1.01 * half, "worse")):
        lines = family.judge(errors(a=gain, b=0.0, c=0.0), TINY).lines
        line, = (line for line in lines if line.startswith("  a "))
        assert line.endswith(f"  {word}")


def test_the_figure_shows_gains_in_points_with_their_intervals():
    found = errors(a=0.02, b=0.03, c=0.0)
    settings = {"data": "digits", "rates": {"a": [0.3], "b": [0.1, 7], "c": [True]}}
    figure = family.draw(found, settings)
    left, right = figure.axes
    assert [text.get_text() for text in left.get_yticklabels()] == ["c 1", "a 0.3", "b 0.1, 7"]
    bars = [bar.lines[0].get_xdata()[0] for bar in left.containers]
    assert_allclose(bars, [0, 2, 3], atol=1e-9)
    ends = left.containers[-1].lines[2][0].get_segments()[0][:, 0]
    assert_allclose((ends[1] - ends[0]) / 2, 100 * family.gains(found)["b"].half)
    shown = [line.get_xdata() for line in right.lines if line.get_marker() == "o"][0]
    assert_allclose(shown, [100 * compare.column(found, arm).mean() for arm in ("c", "a", "b")])
    one = {arm: runs[:1] for arm, runs in found.items()}
    assert family.draw(one, settings).axes[0].get_title(loc="left") == "one seed"


def test_the_paper_and_the_standard_scale_have_every_arm_at_its_rate():
    assert (*family_arms.ARMS,) == CLAIM.arms and CLAIM.arms[0] == "none"
    for scale in ("quick", "standard", "paper"):
        assert {*CLAIM.scales[scale]["rates"]} == {*CLAIM.arms} - {"none"}
    assert len(CLAIM.techniques) == len(CLAIM.arms) - 1 == 18


@pytest.mark.parametrize("scale", ["quick", "standard"])
def test_averages_have_a_memory_within_the_run(scale):
    own = CLAIM.scales[scale]
    in_epoch = own["images"] // own["batch_size"]
    (mu,), (share, rate) = own["rates"]["ema"], own["rates"]["swa"]
    assert_allclose(1 / (1 - mu), in_epoch * own["epochs"] / 10, rtol=0.02)
    assert (share * own["epochs"]) % 1 == 0 and rate == own["lr"] / 2      # whole epochs
