"""Claims on early and late dropout: what has noise when, what is measured, verdicts, figures."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minidrop import data
from minidrop.claims import CLAIMS, augmented, carried, cutoff, dynamics, recipe, timed
from minidrop.claims.claim import WORDS
from minidrop.inputs.flip_crop import flip_crop
from minidrop.inputs.mixup import Mixup
from minidrop.noise import Stream
from minidrop.paths.stochastic_depth import StochasticDepth
from minidrop.recorder import Dynamics
from minidrop.schedules.early_late import early, late
from minidrop.train import evaluate, fit
from minidrop.units.dropout import Dropout

pytestmark = pytest.mark.slow

NAMES = ("dynamics", "early", "early-depth", "late", "cutoff", "longer", "carried")
TINY = {"images": 120, "epochs": 2, "batch_size": 30, "hidden": [8, 8], "width": 8}
STEPS = 8


def tiny(name, **changed):
    """Settings of a claim, for a moment."""
    found = CLAIMS[name].scales["quick"] | TINY | changed
    if name == "dynamics":
        found |= {"looks": [0, 2, 5, 8], "early": 4, "batches": 2}
    if name == "longer":
        found |= {"short": {"epochs": 1, "mixing": 0.8}}
    if name == "carried":
        found |= {"few": 50, "reader": {"epochs": 2, "lr": 0.05, "batch_size": 25}}
    return found


@pytest.fixture
def fits(monkeypatch):
    """What fit is given in all runs, in order, and the rates of the noise in every step."""
    calls = []

    def spy(net, optimizer, given, epochs, **rest):
        seen = []
        calls.append({"net": net, "optimizer": optimizer, "data": given, "epochs": epochs,
                      "seen": seen, **rest})
        own = rest.pop("recorder", None)
        return fit(net, optimizer, given, epochs, **rest, recorder=[
            *([own] if own else []), lambda step, net, loss: seen.append(rates(net))])

    monkeypatch.setattr(recipe, "fit", spy)
    return calls


def rates(net):
    """{path: rate} of all noise in a network."""
    return {path: one.p for path, one in net.named_modules()
            if isinstance(one, Dropout | StochasticDepth)}


FACTORS = {"standard": np.ones(STEPS), "early": early(1.0, 3, STEPS, "linear"),
           "late": late(1.0, 3, STEPS)}
DROPS = [f"block{k}.{half}.sum.branch.drop{i}" for k in (1, 2) for half in ("tokens", "channels")
         for i in (1, 2)]
SUMS = {f"block{k}.{half}.sum": (k - 1) / 2 for k in (1, 2) for half in ("tokens", "channels")}
OWN = {("mlp", "dropout"): {"hidden1.drop": 0.1, "hidden2.drop": 0.1},
       ("mixer", "dropout"): dict.fromkeys(DROPS, 0.1), ("mixer", "stochastic_depth"): SUMS}


# --- what all of them share ----------------------------------------------------------------------

@pytest.mark.parametrize("arm", ["none", *FACTORS])
@pytest.mark.parametrize("net, noise", OWN)
def test_noise_has_its_places_and_its_time(fits, arm, net, noise):
    p = 0.5 if noise == "stochastic_depth" else 0.1
    settings = timed.MIXER["quick"] | TINY | {"net": net, "noise": noise, "p": p, "cutoff": 3 / 8}
    given = data.digits(image=True).train
    timed.train(arm, tuple(part[:120] for part in given), settings, 5, False)
    (call,), there = fits, {} if arm == "none" else OWN[net, noise]
    assert rates(call["net"]) == there and call["seed"] == 5
    factors = FACTORS.get(arm, np.zeros(STEPS))
    assert len(call["seen"]) == STEPS
    for seen, factor in zip(call["seen"], factors, strict=True):
        assert seen.keys() == there.keys()
        assert_allclose([*seen.values()], [factor * own for own in there.values()], atol=1e-15)
    for _, one in call["net"].named_modules():
        if isinstance(one, StochasticDepth):
            assert (one.mode, one.scaling) == ("row", "inverted")


def test_a_network_has_the_sizes_of_its_settings():
    x = np.zeros((2, 3, 8, 8), "float32")
    settings = {"net": "mlp", "noise": "dropout", "hidden": [7, 5]}
    net, _ = augmented.network(settings, x, classes=4)
    assert net.init(0)(x).shape == (2, 4) and net.hidden1.linear.weight.shape == (7, 192)
    net, _ = augmented.network({"net": "mixer", "noise": "dropout", "patch": 4, "width": 6,
                            "depth": 3}, x, classes=4)
    assert net.init(0)(x).shape == (2, 4) and net.out.weight.shape == (4, 6)
    assert "block3" in vars(net) and "block4" not in vars(net)


def test_noise_that_ended_at_once_was_never_there():
    given, settings = data.digits(image=True).train, tiny("early")
    given = tuple(part[:120] for part in given)
    nets = [timed.train(arm, given, settings, 1, False, **changed) for arm, changed in (
        ("none", {}), ("early", {"cutoff": 0}), ("late", {"cutoff": 1}), ("early", {}))]
    weights = [np.concatenate([w.data.ravel() for w in net.parameters()]) for net in nets]
    assert_array_equal(weights[0], weights[1])
    assert_array_equal(weights[0], weights[2])
    assert (weights[0] != weights[3]).any()


def test_images_are_shifted_and_mixed_as_settings_say(fits):
    x, y = (part[:12] for part in data.digits(image=True).train)
    assert augmented.crops({"padding": 0}) is None
    for mirror in (False, True):
        for given, there in zip(augmented.crops({"padding": 2, "mirror": mirror})(3, x, y),
                                flip_crop(3, x, y, 2, mirror), strict=True):
            assert_array_equal(given, there)
    mixed = augmented.crops({"padding": 2, "mixing": 0.3})(Stream(3), x, y)
    rng = Stream(3)
    for given, there in zip(mixed, Mixup(0.3)(rng, *flip_crop(rng, x, y, 2, False)), strict=True):
        assert_array_equal(given, there)
    whole = data.digits(image=True).train
    settings = {"padding": 1, "mixing": 0.3}
    once = augmented.shifted(whole, settings, 4)
    assert_array_equal(once[1], whole[1])                                     # and not mixed
    assert_array_equal(once[0], flip_crop(Stream(4, "claims/shifted"), *whole, 1, False)[0])
    assert augmented.shifted(whole, {"padding": 0}, 4) is whole
    timed.train("none", (x, y), tiny("late"), 0, False)
    timed.train("none", (x, y), tiny("late"), 0, False, padding=2)
    assert fits[0]["batch"] is None
    assert_array_equal(fits[1]["batch"](3, x, y)[0], flip_crop(3, x, y, 2, False)[0])


def test_what_is_measured_is_without_noise_on_images_cut_anew(fits):
    settings = tiny("early")
    found = CLAIMS["early"].run("standard", 3, settings, False)
    splits = data.digits(image=True)
    given, net = tuple(part[:120] for part in splits.train), fits[0]["net"]
    for there, one in zip(fits[0]["data"], given, strict=True):
        assert_array_equal(there, one)
    loss, right = evaluate(net, augmented.shifted(given, settings, 3))
    assert_allclose((found["training"], found["training_error"]), (loss, 1 - right), atol=1e-4)
    assert found["training"] != round(evaluate(net, given).loss, 6)
    assert_allclose(found["error"], 1 - evaluate(net, splits.test).accuracy, atol=1e-4)


# --- what the arms are ---------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["early", "early-depth", "late"])
def test_arms_train_with_their_noise_on_the_same_images(fits, name):
    claim, settings = CLAIMS[name], tiny(name)
    for arm in claim.arms:
        claim.run(arm, 2, settings, False)
    noise = {"early": Dropout, "early-depth": StochasticDepth, "late": Dropout}[name]
    for call, arm in zip(fits, claim.arms, strict=True):
        kinds = {type(one) for _, one in call["net"].named_modules()
                 if isinstance(one, Dropout | StochasticDepth)}
        assert kinds == ({noise} if arm != "none" else set())
        assert call["seed"] == 2 and len(call["data"][0]) == 120
        assert max([*call["seen"][0].values(), 0]) == (
            0 if arm in ("none", "late") else settings["p"])
        assert max([*call["seen"][-1].values(), 0]) == (
            settings["p"] if arm in ("standard", "late") else 0)
        assert (call["batch"] is None) == (name == "late")


def test_the_looks_of_dynamics_are_those_of_a_recorder(fits):
    settings = tiny("dynamics")
    found = {arm: dynamics.run(arm, 1, settings, False) for arm in ("none", "standard")}
    given = tuple(part[:120] for part in data.digits(image=True).train)
    for arm, p in (("none", 0), ("standard", 0.1)):
        net, _ = augmented.network(settings, given[0], p)
        recorder = Dynamics(net.init(1), augmented.shifted(given, settings, 1), [0, 2, 5, 8],
                            batches=2, batch_size=30, seed=1)
        recipe.train(net, given, settings, 1, False, batch=augmented.crops(settings),
                     recorder=recorder)
        assert found[arm]["step"] == [0, 2, 5, 8]
        splits = data.digits(image=True)._replace(train=given)
        assert timed.measured(net, splits, settings, 1).items() <= found[arm].items()
        for name in dynamics.CURVES:
            assert_allclose(found[arm][name], getattr(recorder, name), atol=1e-6)
    assert found["none"]["model_distance"][0] == 0 < found["none"]["model_distance"][1]
    assert set(fits[1]["seen"][-1].values()) == {0.1} and not fits[0]["seen"][-1]


def test_the_looks_of_every_scale_end_with_the_run():
    for scale, size in (("quick", 1197), ("standard", 10000), ("paper", 35000)):
        settings = CLAIMS["dynamics"].scales[scale]
        steps = settings["epochs"] * -(-size // settings["batch_size"])
        assert settings["looks"][0] == 0 and settings["looks"][-1] == steps
        assert settings["looks"] == sorted({*settings["looks"]}) and len(settings["looks"]) < 61
        assert settings["early"] in settings["looks"]
        assert settings["early"] == round(steps / 6)


@pytest.mark.parametrize("arm", CLAIMS["cutoff"].arms)
def test_the_arms_of_cutoff_are_rates_and_cutoffs(fits, arm):
    cutoff.run(arm, 0, tiny("cutoff", batch_size=10), False)
    found = [max([*seen.values(), 0]) for seen in fits[0]["seen"]]
    if arm in ("none", "standard"):
        assert found == [0.1 * (arm == "standard")] * 24
        return
    p, share = arm.split(" until ")
    first, last = map(int, share.split("/"))
    assert_allclose(found, early(float(p), 24 * first // last, 24, "linear"), atol=1e-12)
    assert found[0] == float(p)


def test_nine_settings_share_one():
    assert len(cutoff.EARLY) == 9 and cutoff.EARLY["0.1 until 1/6"] == {"p": 0.1, "cutoff": 1 / 6}


def test_the_short_recipe_is_shorter_and_mixed_more(fits, monkeypatch):
    alphas = []
    monkeypatch.setattr(augmented, "Mixup", lambda alpha: alphas.append(alpha) or Mixup(alpha))
    for arm in CLAIMS["longer"].arms:
        CLAIMS["longer"].run(arm, 0, tiny("longer"), False)
        noise = fits[-1]["seen"]
        assert fits[-1]["epochs"] == (1 if arm.endswith("short") else 2)
        assert {*alphas} == {0.8 if arm.endswith("short") else 0.3}
        assert bool(noise[0]) == (not arm.startswith("none"))
        assert max([*noise[-1].values(), 0]) == (0.1 if arm == "standard" else 0)
        alphas.clear()


def hidden(net, x):
    """What a perceptron has in front of its last layer."""
    for layer in net.layers[:-1]:
        x = layer(x)
    return x.data


def test_what_is_carried_is_frozen_and_read_from_other_classes(fits):
    settings = tiny("carried", images=1000)
    found = carried.run("early", 3, settings, False)
    splits = data.digits(image=True)
    (first, second), (x, y) = fits, (part[:1000] for part in splits.train)
    assert_array_equal(first["data"][0], x[y < 5])
    assert_array_equal(first["data"][1], y[y < 5])
    assert max(first["seen"][0].values()) == 0.1 and not second["seen"][-1]
    learned, labels = second["data"]
    assert learned.shape == (50, 8) and second["seed"] == 3 and second["epochs"] == 2
    assert_array_equal(labels, y[y > 4][:50] - 5)
    net = timed.train("early", first["data"], settings, 3, False, 5)         # again, all of it
    assert_allclose(found["own"], 1 - evaluate(net, carried.of(splits.test, range(5))).accuracy,
                    atol=1e-4)
    a = hidden(net, x[y > 4])
    mean, deviation = a.mean(0), a.std(0) + 1e-6
    assert_allclose(learned, ((a - mean) / deviation)[:50], atol=1e-4)
    test, labels = carried.of(splits.test, range(5, 10))
    scaled = (hidden(net, test) - mean) / deviation
    right = evaluate(second["net"], (scaled, labels)).accuracy
    assert_allclose(found["error"], 1 - right, atol=1e-4)


# --- verdicts ------------------------------------------------------------------------------------

UP, LEVEL, DOWN = [0.020, 0.021, 0.022], [0.020, 0.010, 0.000], [0.000, 0.001, 0.002]
MID = [0.010, 0.011, 0.012]


def results(**arms):
    """{arm: one result a seed} of {arm: {name: (seeds,)}}."""
    return {arm: [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
            for arm, values in arms.items()}


def trained(error, training=MID):
    return {"error": error, "training": training, "training_error": training}


@pytest.mark.parametrize("name", ["early", "early-depth"])
@pytest.mark.parametrize("standard, loss, error, word", [
    (UP, DOWN, DOWN, "held"), (UP, DOWN, MID, "not held"), (UP, LEVEL, DOWN, "not held"),
    (UP, UP, DOWN, "not held"), (UP, UP, UP, "refuted"), (UP, LEVEL, UP, "refuted"),
    (UP, MID, MID, "not seen at this scale"), (LEVEL, DOWN, DOWN, "not seen at this scale"),
    (MID, DOWN, DOWN, "not seen at this scale"), (DOWN, UP, UP, "not seen at this scale")])
def test_early_is_judged_where_the_network_underfits(name, standard, loss, error, word):
    found = results(none=trained(MID), standard=trained(standard), early=trained(error, loss))
    verdict = CLAIMS[name].judge(found, {})
    assert verdict.word == word
    assert any("the network underfits" in line for line in verdict.lines) == (standard == UP)
    assert ("underfits, as standard has 1.00 " in verdict.headline) == (standard == UP)
    assert ("early has 1.00 +- 0.00 points less than none, and" in verdict.headline) == (
        error == DOWN)


@pytest.mark.parametrize("none, standard, late, word", [
    (UP, MID, DOWN, "held"), (UP, MID, MID, "not held"), (UP, DOWN, MID, "not held"),
    (MID, DOWN, UP, "refuted"), (UP, DOWN, LEVEL, "not seen at this scale"),
    (MID, MID, DOWN, "not seen at this scale"), (DOWN, MID, DOWN, "not seen at this scale"),
    (MID, UP, UP, "not seen at this scale")])
def test_late_is_judged_where_the_network_overfits(none, standard, late, word):
    found = results(none=trained(none), standard=trained(standard), late=trained(late))
    verdict = CLAIMS["late"].judge(found, {})
    assert verdict.word == word
    assert any("does not overfit" in line for line in verdict.lines) == (
        np.mean(none) <= np.mean(standard))


@pytest.mark.parametrize("standard, gains, word", [
    (UP, [DOWN] * 9, "held"), (UP, [DOWN] * 8 + [MID], "not held"),
    (UP, [UP] * 8 + [DOWN], "not held"), (UP, [UP] * 9, "refuted"),
    (UP, [UP] * 8 + [MID], "refuted"), (UP, [MID] * 9, "not seen at this scale"),
    (MID, [DOWN] * 9, "not seen at this scale"), (DOWN, [UP] * 9, "not seen at this scale")])
def test_cutoff_is_judged_by_all_of_its_settings(standard, gains, word):
    rows = dict(zip(cutoff.EARLY, map(trained, gains), strict=True))
    found = results(none=trained(MID), standard=trained(standard), **rows)
    verdict = cutoff.judge(found, {})
    assert verdict.word == word
    assert f"{gains.count(DOWN)} make fewer" in verdict.headline
    assert f"{gains.count(UP)} more" in verdict.headline


@pytest.mark.parametrize("standard, early, short, word", [
    (UP, DOWN, DOWN, "held"), (UP, DOWN, MID, "not held"), (UP, MID, DOWN, "not held"),
    (UP, DOWN, UP, "not held"), (UP, UP, UP, "refuted"), (UP, UP, MID, "refuted"),
    (MID, DOWN, DOWN, "not seen at this scale"), (DOWN, UP, UP, "not seen at this scale")])
def test_longer_is_judged_by_both_recipes(standard, early, short, word):
    found = results(**{"none": trained(MID), "standard": trained(standard),
                       "early": trained(early), "none, short": trained(MID),
                       "early, short": trained(short)})
    assert CLAIMS["longer"].judge(found, {}).word == word


@pytest.mark.parametrize("standard, early, word", [
    (UP, DOWN, "held"), (UP, UP, "refuted"), (UP, LEVEL, "not seen at this scale"),
    (UP, MID, "not seen at this scale"), (MID, DOWN, "not seen at this scale"),
    (DOWN, UP, "not seen at this scale")])
def test_carried_is_judged_by_the_other_classes(standard, early, word):
    found = results(none={"error": MID, "own": MID, "training": MID},
                    standard={"error": LEVEL, "own": standard, "training": MID},
                    early={"error": early, "own": LEVEL, "training": MID})
    verdict = carried.judge(found, {})
    assert verdict.word == word and "1.10 % of none, 1.00 % of st" in verdict.headline


def curves(norm, distance, variance, error):
    """Results of dynamics whose curves change by these factors; the late looks of none count."""
    away = (0.99, 1.0, 1.01)
    none = {name: [0.0 if name == "model_distance" else 1.0, 1.0, 2.0, 3.0]
            for name in dynamics.CURVES}
    factors = dict(zip(dynamics.CURVES, (norm, distance, variance, error), strict=True))
    rest = {"step": [0, 2, 5, 8], "error": 0.1, "training": 0.1, "training_error": 0.1}
    standard = [{name: [row[0], *(seed * factor * value for factor, value in zip(
        factors[name], row[1:], strict=True))] for name, row in none.items()} for seed in away]
    return {"none": [none | rest] * 3, "standard": [one | rest for one in standard]}


LOW, HIGH, SAME = (0.8,) * 3, (1.2,) * 3, (1.0,) * 3


@pytest.mark.parametrize("given, word", [
    ((LOW, HIGH, LOW, LOW), "held"), ((LOW, HIGH, LOW, HIGH), "not held"),
    ((LOW, LOW, HIGH, HIGH), "not held"), ((LOW, SAME, LOW, LOW), "not held"),
    ((HIGH, LOW, HIGH, HIGH), "refuted"), ((SAME, LOW, HIGH, HIGH), "refuted"),
    ((SAME,) * 4, "not seen at this scale")])
def test_dynamics_is_judged_by_four_curves(given, word):
    verdict = dynamics.judge(curves(*given), {"early": 5})
    assert verdict.word == word
    said = {LOW: "length of gradients -20.00 +- 1.99 %, as claimed; distance",
            SAME: " %, undecided; distance",
            HIGH: "length of gradients 20.00 +- 2.98 %, the other way"}[given[0]]
    assert said in verdict.headline


def test_early_looks_count_for_directions_and_all_for_length_and_distance():
    turned, settings = (0.8, 0.8, 2.0), {"early": 5}
    assert dynamics.judge(curves(LOW, HIGH, turned, turned), settings).word == "held"
    assert dynamics.judge(curves(turned, HIGH, LOW, LOW), settings).word == "not held"
    assert dynamics.judge(curves(LOW, (1.2, 1.2, 0.2), LOW, LOW), settings).word == "not held"
    assert dynamics.judge(curves(LOW, HIGH, turned, LOW), {"early": 8}).word == "not held"


def test_the_change_is_that_of_the_mean_of_a_curve():
    found = curves((0.5, 1.0, 1.0), HIGH, LOW, LOW)              # 1, 2, 3 become 0.5, 2, 3
    one = dynamics.mean_change(found, "gradient_norm", {"early": 5})
    assert_allclose(one.mean, 5.5 / 6 - 1, atol=1e-9)
    assert_allclose(dynamics.mean_change(found, "model_distance", {"early": 2}).mean, 0.2)
    lines = dynamics.judge(found, {"early": 5}).lines
    assert "length of gradients, by step: 0 +0 %, 2 -50 %, 5 +0 %, 8 +0 %" in lines


def test_the_figure_of_dynamics_has_both_curves_and_their_intervals():
    found = curves((0.8, 0.9, 1.1), HIGH, LOW, LOW)
    axes = dynamics.draw(found, {"early": 5}).axes
    none, standard = axes[0].get_lines()
    assert_allclose(none.get_xydata(), [[0, 1], [2, 1], [5, 2], [8, 3]])
    assert_allclose(standard.get_ydata(), [1, 0.8, 1.8, 3.3])
    assert [len(axis.get_lines()) for axis in axes] == [2, 2, 3, 3]
    assert axes[3].get_lines()[2].get_xdata()[0] == 5
    assert len(axes[0].collections) == 2


def test_the_figures_show_what_was_measured():
    found = results(none=trained(MID, UP), late=trained(UP, DOWN))
    axes = timed.draw(found, {"data": "mnist"}).axes
    assert_allclose(axes[0].get_lines()[0].get_xdata(), [1.0, 1.1, 1.2])
    assert_allclose(axes[1].get_lines()[0].get_xdata(), UP)
    assert axes[0].get_xlabel() == "test error on MNIST, %"
    rows = {arm: trained(DOWN) for arm in cutoff.EARLY} | {"0.4 until 1/6": trained(UP)}
    axes = cutoff.draw(results(none=trained(MID), standard=trained(UP), **rows), {}).axes
    assert_allclose([*axes[0].get_lines()[0].get_ydata()], [1.0] * 5)
    assert_allclose([*axes[1].get_lines()[0].get_ydata()], [1.0] * 4 + [-1.0])


# --- whole runs ----------------------------------------------------------------------------------

@pytest.mark.parametrize("name", NAMES)
def test_arms_differ_and_one_seed_has_no_verdict(name):
    claim, settings = CLAIMS[name], tiny(name, images=300, batch_size=10)
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


@pytest.mark.parametrize("name", NAMES)
def test_the_scale_of_the_paper_runs_on_a_few_images(name, monkeypatch):
    claim, rng = CLAIMS[name], np.random.default_rng(0)
    pair = rng.normal(size=(5040, 3, 32, 32)).astype("float32"), np.arange(5040) % 10
    few = tuple(part[:40] for part in pair)
    monkeypatch.setattr(data, "cifar10", lambda test=True: data.Splits(pair, few, few))
    settings = claim.scales["paper"] | {"images": 40, "epochs": 1, "batch_size": 20, "depth": 1}
    if name == "dynamics":
        settings |= {"looks": [0, 2], "early": 2, "batches": 2}
    if name == "longer":
        settings |= {"short": {"epochs": 1, "mixing": 0.8}}
    for arm in claim.arms[:3]:
        assert claim.run(arm, 0, settings, False)
