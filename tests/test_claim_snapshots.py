"""The claim on snapshot ensembles: what its arms train, what is measured, and how it is judged."""

import dataclasses
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minidrop import data
from minidrop.averages.snapshot import SnapshotEnsemble
from minidrop.claims import ledger, snapshots
from minidrop.claims.claim import WORDS
from minidrop.models import lenet
from minidrop.train import evaluate, fit
from minidrop.units.dropout import Dropout

CLAIM = snapshots.CLAIM
TINY = CLAIM.scales["quick"] | {"images": 130, "epochs": 10, "hidden": [8], "seeds": 2}
STEPS = 10 * 3                                    # 130 images are three mini-batches


@pytest.mark.slow
def test_a_tiny_scale_runs_and_is_judged_and_drawn():
    results = {arm: [CLAIM.run(arm, seed, TINY, False) for seed in (0, 1)] for arm in CLAIM.arms}
    assert results["snapshot"][0] == CLAIM.run("snapshot", 0, TINY, False)       # bit for bit
    assert len({str(runs) for runs in results.values()}) == len(CLAIM.arms)      # arms do differ
    assert {arm: len(runs[0]["members"]) for arm, runs in results.items()} == {
        "nocycle": 5, "snapshot": 5, "singlecycle": 5, "dropout": 1, "snapshot-2": 2,
        "snapshot-10": 10, "independent": 5}
    for runs in results.values():
        for one in runs:
            m = np.arange(1, len(one["members"]) + 1)
            assert one["accuracy"][0] == one["members"][-1] == one["vote"][0]
            later = np.cumsum(one["member_losses"][::-1]) / m                    # Jensen
            assert (np.array(one["loss"]) <= later + 1e-6).all()
    # up to the end of the first cycle a network drawn anew is the same; so is a whole run
    for one in range(2):
        first, alone = (results[arm][one] for arm in ("snapshot", "singlecycle"))
        assert first["member_losses"][0] == alone["member_losses"][0]
        assert first["member_losses"][1] != alone["member_losses"][1]
        single, many = (results[arm][one] for arm in ("nocycle", "independent"))
        assert single["member_losses"][-1] == many["member_losses"][0]
    verdict = CLAIM.judge(results, TINY)
    assert verdict.word in WORDS and len(verdict.lines) >= 1 + len(CLAIM.arms) + 1 + 1 + 2
    one = {arm: runs[:1] for arm, runs in results.items()}
    assert CLAIM.judge(one, TINY)[:2] == ("not seen at this scale", "one seed has no interval")
    for some in (one, results):
        figure = CLAIM.draw(some, TINY)
        left, right = figure.axes
        assert left.get_xlim()[1] > 5 and len(figure.legends[0].texts) == 5
        assert right.get_ylim()[0] == 0


def trained(monkeypatch, arm, seed=2, settings=TINY):
    """What fit was given in a run, and what came out."""
    calls = []

    def spy(net, optimizer, given, epochs, **rest):
        calls.append({"net": net, "optimizer": optimizer, "data": given, "epochs": epochs, **rest})
        return fit(net, optimizer, given, epochs, **rest)

    monkeypatch.setattr(snapshots, "fit", spy)
    return calls, snapshots.run(arm, seed, settings, False)


@pytest.mark.parametrize("arm, cycles", [("snapshot", 5), ("snapshot-2", 2), ("snapshot-10", 10)])
def test_cycles_share_the_budget_of_one_run(monkeypatch, arm, cycles):
    (call,), found = trained(monkeypatch, arm)
    place = np.arange(STEPS) % (STEPS // cycles) / (STEPS // cycles)
    assert_allclose(call["schedules"]["lr"], 0.05 * (1 + np.cos(np.pi * place)), rtol=1e-12)
    assert call["epochs"] == 10 and call["seed"] == 200 and len(found["members"]) == cycles
    score = evaluate(call["net"], data.digits().test)                 # the net as the run left it
    assert_allclose((found["members"][-1], found["member_losses"][-1]), score[::-1], atol=2e-6)


@pytest.mark.parametrize("arm", ["nocycle", "dropout"])
def test_one_run_whose_rate_falls_at_half_and_three_quarters(monkeypatch, arm):
    (call,), found = trained(monkeypatch, arm)
    rates = [0.1] * 15 + [0.01] * 7 + [0.001] * 8
    assert_allclose(call["schedules"]["lr"], rates, rtol=1e-12)
    assert len(found["members"]) == {"nocycle": 5, "dropout": 1}[arm]
    drops = [each.p for _, each in call["net"].named_modules() if isinstance(each, Dropout)]
    assert drops == ([TINY["p"]] if arm == "dropout" else [])
    real = snapshots.network(arm, np.zeros((1, 1, 28, 28)), CLAIM.scales["standard"])
    drops = [path for path, each in real.named_modules() if isinstance(each, Dropout)]
    assert drops == (["hidden.drop"] if arm == "dropout" else [])
    assert [w.shape for w in real.parameters()] == [w.shape for w in lenet().parameters()]


@pytest.mark.parametrize("arm, epochs", [("singlecycle", 2), ("independent", 10)])
def test_networks_drawn_anew_have_seeds_of_their_own(monkeypatch, arm, epochs):
    calls, found = trained(monkeypatch, arm)
    assert [call["seed"] for call in calls] == [200, 201, 202, 203, 204]
    assert len({id(call["net"]) for call in calls}) == 5
    for call, right, loss in zip(calls, found["members"], found["member_losses"], strict=True):
        rates = call["schedules"]["lr"]
        assert call["epochs"] == epochs and len(rates) == 3 * epochs and rates[0] == 0.1
        wave = 0.05 * (1 + np.cos(np.pi * np.arange(6) / 6))
        if arm == "singlecycle":
            assert_allclose(rates, wave, rtol=1e-12)
        else:
            assert set(rates.round(6)) == {0.1, 0.01, 0.001}
        assert_allclose(evaluate(call["net"], data.digits().test), (loss, right), atol=2e-6)
    whole = evaluate(SnapshotEnsemble([call["net"] for call in calls]), data.digits().test)
    assert_allclose((found["loss"][-1], found["accuracy"][-1]), whole, atol=2e-6)


@pytest.mark.slow
def test_all_arms_train_alike_on_the_first_images(monkeypatch):
    x, y = data.digits().train
    for arm in CLAIM.arms:
        for call in trained(monkeypatch, arm, settings=TINY | {"epochs": 10, "images": 70})[0]:
            assert_array_equal(call["data"][0], x[:70])
            assert_array_equal(call["data"][1], y[:70])
            assert (call["optimizer"].momentum, call["optimizer"].weight_decay) == (0.9, 1e-4)
            assert call["batch_size"] == 64


def test_what_is_kept_is_of_the_last_m():
    rng = np.random.default_rng(0)
    probs, y = rng.dirichlet(np.ones(4), (3, 50)), rng.integers(0, 4, 50)
    found = snapshots.measured(probs, y)
    for m in (1, 2, 3):
        last, right, loss = probs[3 - m:], 0, 0.0
        for n, label in enumerate(y):
            mean = [sum(p[n][k] for p in last) / m for k in range(4)]
            right += max(range(4), key=mean.__getitem__) == label
            loss -= np.log(mean[label])
        assert_allclose(found["accuracy"][m - 1], right / 50, atol=1e-6)
        assert_allclose(found["loss"][m - 1], loss / 50, atol=1e-6)
    assert_allclose(found["members"], (probs.argmax(-1) == y).mean(1), atol=1e-6)
    pairs = [(1, 2)], [(0, 1), (0, 2), (1, 2)]                # of the last two, and of all
    wrong = probs.argmax(-1) != y
    for at, some in enumerate(pairs):
        alike = [np.corrcoef(probs[i].ravel(), probs[j].ravel())[0, 1] for i, j in some]
        both = [(wrong[i] & wrong[j]).sum() / (wrong[i] | wrong[j]).sum() for i, j in some]
        assert_allclose(found["correlation"][at], np.mean(alike), atol=1e-6)
        assert_allclose(found["overlap"][at], np.mean(both), atol=1e-6)


def test_networks_without_errors_make_the_same_ones():
    sure = np.stack([[[0.9, 0.1], [0.2, 0.8]], [[0.7, 0.3], [0.4, 0.6]]])
    assert snapshots.measured(sure, np.array([0, 1]))["overlap"] == [1.0]


def test_a_vote_is_no_mean():
    probs = np.array([[[0.9, 0.1]], [[0.4, 0.6]], [[0.4, 0.6]]])
    found = snapshots.measured(np.repeat(probs, 2, axis=1) + [[[0, 0], [1e-3, -1e-3]]],
                               np.array([0, 0]))
    assert (found["accuracy"][-1], found["vote"][-1]) == (1.0, 0.0)


# --- the verdict ---------------------------------------------------------------------------------

def made_up(gains, base=0.9):
    """Results in which the ensemble of snapshots is by so much better than its last, by seed."""
    def one(last, together, count=5):
        row = np.linspace(last, together, count).tolist()
        return {"accuracy": row, "loss": row, "vote": row, "members": row, "member_losses": row,
                "correlation": row[1:], "overlap": row[1:]}

    results = {arm: [one(base + 0.02 * seed, base + 0.02 * seed + 0.01)
                     for seed in range(len(gains))] for arm in CLAIM.arms}
    results["dropout"] = [one(0.8, 0.8, 1) for _ in gains]
    results["snapshot"] = [one(base + 0.02 * seed, base + 0.02 * seed + gain)
                           for seed, gain in enumerate(gains)]
    return results


@pytest.mark.parametrize("gains, word", [
    ([0.010, 0.011, 0.012], "held"),              # the seeds differ by more: they are paired
    ([0.001, 0.001, 0.001], "held"),
    ([0.010, 0.001, 0.001], "not seen at this scale"),        # on average above 0
    ([0.0, 0.0, 0.0], "not seen at this scale"),
    ([-0.010, -0.001, -0.001], "not seen at this scale"),
    ([-0.010, -0.011, -0.012], "refuted"),
    ([0.010], "not seen at this scale")])
def test_the_claim_is_judged_by_its_rule(gains, word):
    assert snapshots.judge(made_up(gains), TINY).word == word


def test_the_verdict_tells_the_numbers():
    word, headline, lines = snapshots.judge(made_up([0.02, 0.02]), TINY)
    assert headline == (
        "error 9.00 % of the last snapshot, 7.00 % of all 5 (2.00 points of accuracy); one network "
        "9.00 %, 5 independent ones 8.00 % at the same budget, 8.00 % at 5 times the cost")
    table = [line.split("  ") for line in lines]
    assert [*map(str.strip, filter(None, table[8]))] == [
        "all 5 snapshots, less", "accuracy, %", "loss"]
    found = {row[0]: row[1:] for row in ([*map(str.strip, filter(None, line))] for line in table)}
    assert found["the last of them"] == ["2.00", "0.020 +- 0.000"]
    assert found["singlecycle, all 5, at the same budget"] == ["1.00", "0.010 +- 0.000"]
    assert found["one network with dropout"] == ["13.00 +- 12.71", "0.130 +- 0.127"]


def test_columns_stay_apart_where_an_interval_is_wide():
    results = made_up([0.0, 0.0])
    results["snapshot"][0] = results["snapshot"][0] | {
        name: [0.0] * 5 for name in ("accuracy", "loss", "vote")}
    lines = snapshots.judge(results, TINY).lines
    row = next(line for line in lines if line.startswith("snapshot "))
    assert row.split("  ")[0] == "snapshot" and row.count(" +- 5") == 3
    assert len(re.split(" {2,}", row)) == len(re.split(" {2,}", lines[0])) == 8
    gains = [line for line in lines if line.startswith("  ")]
    assert gains and all(len(re.split(" {2,}", line.strip())) == 3 for line in gains)


def test_networks_that_learned_nothing_are_counted_and_leave_the_figure_its_scale():
    results = made_up([0.02, 0.02])
    assert not any("learned nothing" in line for line in snapshots.judge(results, TINY).lines)
    usual = {text.get_text() for text in snapshots.draw(results, TINY).legends[0].texts}
    for one in results["dropout"][:1]:
        one["accuracy"] = one["members"] = [0.1]
    lines = snapshots.judge(results, TINY).lines
    assert "1 of 2 networks of dropout learned nothing at this rate: no comparison" in lines
    assert sum("one network" in line for line in lines) == 1                     # of nocycle
    figure = snapshots.draw(results, TINY)
    assert figure.axes[0].get_ylim()[1] < 15
    shown = {text.get_text() for text in figure.legends[0].texts}
    assert shown - usual == {"dropout, one network: 55 %"} and len(shown & usual) == 4


def test_an_interrupted_run_goes_on_where_it_was(tmp_path):
    calls = []

    def run(arm, seed, settings, progress):
        calls.append(arm)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return CLAIM.run(arm, seed, settings, progress)

    few = dataclasses.replace(CLAIM, run=run, arms=("snapshot", "singlecycle", "dropout"),
                              scales={"quick": TINY | {"seeds": 1}})
    with pytest.raises(KeyboardInterrupt):
        ledger.run(few, "quick", folder=tmp_path, progress=False)
    found = ledger.run(few, "quick", folder=tmp_path, progress=False)
    assert calls == ["snapshot", "singlecycle", "singlecycle", "dropout"]
    assert found == {arm: [CLAIM.run(arm, 0, TINY, False)] for arm in few.arms}
