"""minidrop claims: runs that are kept, go on and are judged by their rule; the first claim."""

import errno
import inspect
import json
import math
import re
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.testing import assert_array_equal

from minidrop import catalog, data, files
from minidrop.claims import CLAIMS, Claim, Verdict, commands, ledger, targeted
from minidrop.claims.claim import WORDS
from minidrop.claims.work import time_left
from minidrop.cli import main
from minidrop.damage import pruning_curve
from minidrop.plots import subplots
from minidrop.units.dropout import Dropout
from minidrop.weights.pruning import prune
from minidrop.weights.targeted import TargetedDropout

ROOT = Path(__file__).parents[1]


def toy(calls, **changes):
    """A claim whose arms give their seed, or one more."""
    def run(arm, seed, settings, progress):
        calls.append((arm, seed))
        return {"score": seed + settings["gain"] * (arm == "b")}

    def judge(results, settings):
        gain = sum(b["score"] - a["score"] for a, b in zip(*results.values(), strict=True))
        return Verdict("held" if gain > 0 else "not held", f"b has {gain} more", (f"gain {gain}",))

    given = {
        "name": "toy", "techniques": (), "sentence": "b beats a", "source": "nowhere",
        "known": "nothing", "protocol": "counting", "measure": "the score", "arms": ("a", "b"),
        "run": run,
        "rule": dict.fromkeys(WORDS, "nothing") | {"held": "a gain above 0"}, "judge": judge,
        "takes": {"quick": "a moment", "standard": "two moments", "paper": "a lifetime"},
        "scales": {"quick": {"gain": 1, "seeds": 2}, "standard": {"gain": 0, "seeds": 1},
                   "paper": {"gain": 1, "seeds": 1}},
        "draw": lambda results, settings: subplots(size=(2, 2))[0]}
    return Claim(**given | changes)


def test_runs_go_seed_by_seed_and_each_is_kept(tmp_path):
    calls = []
    claim = toy(calls)
    found = ledger.run(claim, "quick", folder=tmp_path, progress=False)
    assert calls == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    assert found == {"a": [{"score": 0}, {"score": 1}], "b": [{"score": 1}, {"score": 2}]}
    record = json.loads((tmp_path / "toy-quick.json").read_text())
    assert [(r["arm"], r["seed"]) for r in record["runs"]] == calls
    assert record["settings"] == {"gain": 1, "seeds": 2}
    assert all(r["versions"].keys() >= {"minidrop", "numpy", "python", "blas"}
               for r in record["runs"])
    assert ledger.run(claim, "quick", folder=tmp_path, progress=False) == found and len(calls) == 4
    more = ledger.run(claim, "quick", seeds=3, folder=tmp_path, progress=False)
    assert calls[4:] == [("a", 2), ("b", 2)] and more["b"][2] == {"score": 3}
    fewer = ledger.run(claim, "quick", seeds=1, folder=tmp_path, progress=False)
    assert len(calls) == 6 and fewer == {"a": [{"score": 0}], "b": [{"score": 1}]}


def test_the_seeds_of_a_claim_begin_where_its_settings_say(tmp_path):
    calls: list = []
    scales = {"quick": {"gain": 1, "first_seed": 10, "seeds": 2}}
    claim = toy(calls, scales=scales)
    found = ledger.run(claim, "quick", folder=tmp_path, progress=False)
    assert calls == [("a", 10), ("b", 10), ("a", 11), ("b", 11)]
    assert found["a"] == [{"score": 10}, {"score": 11}]
    more = ledger.run(claim, "quick", seeds=3, folder=tmp_path, progress=False)
    assert calls[4:] == [("a", 12), ("b", 12)] and len(more["a"]) == 3


@pytest.mark.slow
def test_an_interrupted_claim_goes_on_where_it_was(tmp_path):
    calls, whole = [], toy([])

    def run(arm, seed, settings, progress):
        if len(calls) == 3:
            calls.append("interrupted")
            raise KeyboardInterrupt
        calls.append((arm, seed))
        return whole.run(arm, seed, settings, progress)

    with pytest.raises(KeyboardInterrupt):
        ledger.run(toy([], run=run), "quick", folder=tmp_path, progress=False)
    found = ledger.run(toy([], run=run), "quick", folder=tmp_path, progress=False)
    assert calls == [("a", 0), ("b", 0), ("a", 1), "interrupted", ("b", 1)]
    assert found == ledger.run(whole, "quick", folder=tmp_path / "other", progress=False)
    assert not [*tmp_path.glob(".*")]             # no part of a file is left


def test_a_result_that_json_cannot_hold_is_an_error_and_the_file_stays(tmp_path):
    whole = toy([])
    claim = toy([], run=lambda arm, seed, *rest: {"score": math.nan} if seed else whole.run(
        arm, seed, *rest))
    with pytest.raises(ValueError, match="nan"):
        ledger.run(claim, "quick", folder=tmp_path, progress=False)
    record = ledger.read(tmp_path / "toy-quick.json")
    assert [(r["arm"], r["seed"]) for r in record["runs"]] == [("a", 0), ("b", 0)]


def test_only_seeds_that_every_arm_has_are_judged(tmp_path):
    record = {"runs": [{"arm": arm, "seed": seed, "result": (arm, seed)}
                       for arm, seed in (("a", 0), ("a", 1), ("b", 1))]}
    assert ledger.results(toy([]), record) == {"a": [("a", 1)], "b": [("b", 1)]}
    with pytest.raises(ValueError, match="toy has no seed of which every arm was run"):
        ledger.results(toy([]), {"runs": record["runs"][:2]})


def test_a_file_of_other_settings_is_left_alone(tmp_path):
    ledger.run(toy([]), "quick", folder=tmp_path, progress=False)
    other = toy([], scales={"quick": {"gain": 2, "seeds": 5}})
    with pytest.raises(ValueError, match="toy-quick.json holds runs of toy under other settings: "
                                         "gain; move it away"):
        ledger.run(other, "quick", folder=tmp_path, progress=False)
    with pytest.raises(ValueError, match="holds runs of toy under other settings: another claim"):
        ledger.checked(toy([], name="other"), toy([]).scales["quick"],
                       ledger.read(tmp_path / "toy-quick.json"), "toy-quick.json")
    with pytest.raises(ValueError, match="scale must be one of quick, standard, paper, got str"):
        ledger.run(toy([]), "huge", folder=tmp_path)
    with pytest.raises(ValueError, match="seeds must be a whole number of at least 1, got 0"):
        ledger.run(toy([]), "quick", seeds=0, folder=tmp_path)
    for text in ("", "[]", "{}", "null", '{"claim": "toy"}'):
        (tmp_path / "toy-quick.json").write_text(text)
        with pytest.raises(ValueError, match="is no record of a claim; remove it to start anew"):
            ledger.run(toy([]), "quick", folder=tmp_path, progress=False)


CHILD = """
import sys, time
from pathlib import Path
from minidrop.claims import ledger
from tests.test_claims import toy

def run(arm, seed, settings, progress):
    print("runs", flush=True)
    time.sleep(60)

ledger.run(toy([], run=run), "quick", folder=Path(sys.argv[1]), progress=False)
"""


@pytest.mark.slow
def test_of_two_processes_the_second_is_sent_away_until_the_first_ends(tmp_path):
    with subprocess.Popen([sys.executable, "-c", CHILD, tmp_path], text=True, cwd=ROOT,
                          stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == "runs\n"
        with pytest.raises(ValueError, match="toy is being run at this scale, into .*wait for"):
            ledger.run(toy([]), "quick", folder=tmp_path, progress=False)
        ledger.run(toy([]), "standard", folder=tmp_path, progress=False)     # another file
        child.kill()                              # what it leaves behind is in nobody's way
    assert ledger.run(toy([]), "quick", folder=tmp_path, progress=False)["b"][1] == {"score": 2}
    assert not [*tmp_path.glob(".*")]


@pytest.mark.slow
def test_what_another_wrote_is_not_overwritten(tmp_path):
    """The other is here a run within a run: threads are kept apart as processes are."""
    def run(arm, seed, settings, progress):
        with pytest.raises(ValueError, match="is being run at this scale"):
            ledger.run(toy([]), "quick", folder=tmp_path, progress=False)
        return {"score": 10}

    found = ledger.run(toy([], run=run), "quick", folder=tmp_path, progress=False)
    assert found == ledger.run(toy([], run=run), "quick", folder=tmp_path, progress=False)
    assert found["b"] == [{"score": 10}] * 2


def test_a_lock_that_vanishes_while_it_is_taken_is_taken_anew(tmp_path, monkeypatch):
    lock, gone = files._lock, []

    def late(file, wait=True):                    # its owner leaves after we opened it
        if not gone:
            gone.append(Path(file.name).unlink())
        return lock(file, wait)

    monkeypatch.setattr(files, "_lock", late)
    with files.alone(tmp_path / "x"), pytest.raises(BlockingIOError), files.alone(tmp_path / "x"):
        raise AssertionError
    assert gone and not [*tmp_path.iterdir()]


@pytest.mark.parametrize("without", [None, OSError(errno.ENOLCK, "no locks")])
def test_where_files_cannot_be_locked_claims_run_all_the_same(tmp_path, monkeypatch, without):
    """On Windows there is no fcntl; some network drives have no locks."""
    def flock(file, how):
        raise without

    monkeypatch.setattr(files, "fcntl", without and types.SimpleNamespace(
        flock=flock, LOCK_EX=2, LOCK_NB=4))
    assert ledger.run(toy([]), "quick", folder=tmp_path, progress=False)["a"][1] == {"score": 1}


# --- the command line ----------------------------------------------------------------------------

def command(*args):
    result = CliRunner().invoke(main, ("claims", *args), prog_name="minidrop")
    return result.exit_code, result.output


@pytest.mark.slow
@pytest.mark.parametrize("result", [None, {}, {"other": 1}, [1], 3])
def test_a_record_of_something_else_is_refused_in_a_sentence(tmp_path, monkeypatch, result):
    monkeypatch.chdir(tmp_path)
    claim = toy([], judge=lambda results, settings: results["a"][0]["gain"])
    monkeypatch.setitem(CLAIMS, "toy", claim)
    ledger.run(claim, "quick", progress=False)
    path = ledger.path_of(claim, "quick")
    record = ledger.read(path)
    record["runs"] = [run | {"result": result} for run in record["runs"]]
    ledger.write(path, record)
    for args in (("show", "toy"), ("run", "toy")):
        code, text = command(*args)
        assert code == 1 and text.endswith("move it away\n")
        assert f"Error: {path} does not hold what toy measures" in text


@pytest.mark.slow
def test_a_person_runs_a_claim_and_looks_at_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(CLAIMS, "toy", toy([]))
    code, text = command("list")
    assert code == 0 and re.search("^toy +b beats a$", text, re.M)
    assert ("quick: 4 runs (2 arms x 2), a moment; standard: 2 runs (2 arms x 1), two moments; "
            "paper: 2 runs (2 arms x 1)") in " ".join(text.split())
    code, text = command("show", "toy")
    assert code == 0 and "rule      held: a gain above 0" in text
    for word in WORDS[1:]:
        assert f"          {word}: nothing\n" in text
    assert "scales    quick: 4 runs (2 arms x 2), a moment; standard: 2 runs (2 arms x 1)" in text
    assert "results   none yet: minidrop claims run toy" in text
    code, text = command("run", "toy")
    assert code == 0 and "  gain 2\n" in text and "\nheld (2 seeds): b has 2 more\n" in text
    assert "results   minidrop-claims/toy-quick.json: 4 runs, 0.0 minutes" in text
    figure = tmp_path / "minidrop-figures/claim-toy-quick.png"
    drawn = figure.stat().st_mtime_ns
    code, text = command("run", "toy", "--scale", "standard")
    assert code == 0 and "not held (1 seed): b has 0 more" in text
    assert figure.stat().st_mtime_ns == drawn     # each scale has a figure of its own
    assert figure.with_name("claim-toy-standard.png").stat().st_size
    code, text = command("show", "toy")
    assert code == 0 and "toy-standard.json" in text and "not held (1 seed)" in text
    code, text = command("show", "toy", "--scale", "quick")
    assert code == 0 and "held (2 seeds)" in text


@pytest.mark.slow
def test_the_list_has_the_claims_of_a_paper_together_and_what_came_out(monkeypatch, tmp_path):
    monkeypatch.setattr(ledger, "PUBLISHED", tmp_path)
    source = "A table of Doe & Roe-Poe 1999 (after Poe et al. 1998)."
    monkeypatch.setitem(CLAIMS, "toy", toy([], source=source))
    monkeypatch.setitem(CLAIMS, "other", toy([], name="other", techniques=("cutmix",)))
    monkeypatch.setitem(CLAIMS, "toys", toy([], name="toys", source="Doe & Roe-Poe 1999, in words"))
    ledger.run(CLAIMS["toys"], "standard", folder=tmp_path, progress=False)
    blocks = [[line.split("  ")[0] for line in block.splitlines() if line[0] != " "]
              for block in command("list")[1].strip().split("\n\n")]
    assert ["Doe & Roe-Poe 1999", "toy", "toys"] in blocks
    assert "other" in next(names for paper, *names in blocks if paper == "No paper")
    assert sorted(name for _, *names in blocks for name in names) == sorted(CLAIMS)
    shown = " ".join(command("list", "toys")[1].split())
    assert shown.endswith("paper: 2 runs (2 arms x 1); published, standard: not held")
    assert re.findall(r"^\w\S*", command("list", "roe-poe")[1], re.M) == ["Doe", "toy", "toys"]
    assert "other " in command("list", "cutmix")[1] and "toy" not in command("list", "cutmix")[1]
    assert command("list", "nobody") == (2, command("list", "nobody")[1])
    assert "no claim is about 'nobody'; `minidrop claims list` has" in command("list", "nobody")[1]
    ledger.run(toy([], name="other"), "quick", folder=tmp_path, progress=False)
    monkeypatch.setitem(CLAIMS, "other", toy([], name="other", run=CLAIMS["dropout"].run))
    code, text = command("list")
    assert code == 1 and "holds runs of other by other code than this; move it away" in text


@pytest.mark.slow
def test_several_claims_are_run_one_after_another(tmp_path, monkeypatch):
    calls = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands, "CLAIMS", {
        name: toy(calls, name=name) for name in ("one", "two")})
    code, text = command("run", "two", "one", "--seeds", "1")
    assert code == 0 and len(calls) == 4
    assert text.index("two-quick.json: 2 runs") < text.index("one-quick.json: 2 runs")
    assert command("run", "--all")[0] == 0 and len(calls) == 8
    for wrong in ((), ("one", "--all")):
        code, text = command("run", *wrong)
        assert code == 2 and "name claims, or give --all; `minidrop claims list` has" in text
    assert command("run", "one", "tow")[0] == 2 and len(calls) == 8


def test_runs_of_other_settings_are_not_shown_as_if_they_were_of_these(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ledger.run(toy([]), "quick", progress=False)
    monkeypatch.setitem(CLAIMS, "toy", toy([], scales=toy([]).scales | {
        "quick": {"gain": 2, "seeds": 2}}))
    code, text = command("show", "toy")
    assert code == 1 and "holds runs of toy under other settings: gain; move it away" in text


@pytest.mark.slow
def test_ones_own_runs_are_shown_before_the_published_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ledger, "PUBLISHED", tmp_path / "published")
    monkeypatch.setitem(CLAIMS, "toy", toy([]))
    ledger.run(toy([]), "standard", folder=ledger.PUBLISHED, progress=False)
    assert "not held (1 seed)" in command("show", "toy")[1]
    ledger.run(toy([]), "quick", progress=False)
    assert "\nheld (2 seeds)" in command("show", "toy")[1]


def test_wrong_names_and_interruptions_are_answered_in_a_sentence(tmp_path, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(CLAIMS, "toy", toy([], run=interrupted))
    assert command("run", "toi") == (2, command("run", "toi")[1])
    assert "there is no claim 'toi'; did you mean 'toy'?" in command("run", "toi")[1]
    code, text = command("run", "toy")
    assert code == 130 and "interrupted; no run was finished, and the same command goes on" in text


def test_the_scale_of_the_paper_asks_for_a_gpu_or_a_yes(tmp_path, monkeypatch):
    calls = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(CLAIMS, "toy", toy(calls))
    code, text = command("run", "toy", "--scale", "paper")
    assert code == 1 and not calls and text == (
        "Error: toy at the scale of the paper is 2 runs (2 arms x 1), a lifetime; add --backend "
        "cupy where there is a GPU, or --yes to start it without one\n")
    assert command("run", "toy", "--scale", "paper", "--backend", "numpy")[0] == 1
    assert command("run", "toy", "--scale", "paper", "--yes")[0] == 0 and len(calls) == 2


def test_time_left_goes_by_what_an_arm_took():
    records = [{"arm": "a", "seconds": 1}, {"arm": "a", "seconds": 3}, {"arm": "b", "seconds": 80}]
    assert time_left(records, [("a", 2), ("b", 1)], 1) == 82
    assert time_left(records, [("a", 2), ("b", 1)], 4) == 20.5
    assert time_left(records, [("c", 0)], 1) == 28             # the mean of all, 84 / 3
    assert time_left(records, [], 2) == 0 and time_left([], [("a", 0)], 2) is None


def test_the_bar_tells_the_time_that_is_left(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("minidrop.claims.ledger.time_left", lambda runs, missing, at_once: (
        None if not runs else 60.0 * len(missing)))
    ledger.run(toy([]), "quick", folder=tmp_path)
    shown = re.findall("toy: (\\d) of 4 runs .*?, ([^\r\n]+)", capsys.readouterr().err)
    assert shown[0] == ("0", "time left: known after a run")
    assert ("4", "about 0 s left") in [(n, text.strip()) for n, text in shown]


# --- the claims ----------------------------------------------------------------------------------

@pytest.mark.parametrize("name", CLAIMS)
def test_every_claim_says_what_it_is(name):
    claim = CLAIMS[name]
    assert claim.name == name and (*claim.scales,) == commands.SCALES
    for text in (claim.sentence, claim.source, claim.known, claim.protocol, claim.measure,
                 *claim.rule.values()):
        assert len(text) > 20
    assert (*claim.rule,) == WORDS and (*claim.takes,) == commands.SCALES
    assert all(settings["seeds"] >= 2 for settings in claim.scales.values())
    assert not re.search(r"\d runs", " ".join(claim.takes.values()))              # they are counted


@pytest.mark.parametrize("name", [
    name for name in CLAIMS if "first_seed" in CLAIMS[name].scales["standard"]])
def test_a_claim_that_was_changed_after_a_run_has_new_seeds_and_says_so(name):
    claim = CLAIMS[name]
    told = re.search(
        r"seeds are (?:ten now, )?(\d+) to (\d+) \(quick: (\d+) to (\d+)\)", claim.before)
    for scale, (first, last) in (("standard", told.groups()[:2]), ("quick", told.groups()[2:])):
        settings = claim.scales[scale]
        assert int(first) == settings.get("first_seed", 0)
        assert int(last) == int(first) + settings["seeds"] - 1
    old = int(re.search(r"A first run, with seeds 0 to (\d),", claim.before)[1])
    assert claim.scales["standard"]["first_seed"] > old


@pytest.fixture(scope="module")
def all_of_them():
    return {t.name: t for t in catalog.techniques()}


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_names_the_techniques_of_its_arms_and_of_its_file(name, all_of_them):
    claim = CLAIMS[name]
    named = set(claim.techniques)
    assert named and named <= all_of_them.keys() and len(named) == len(claim.techniques)
    arms = {part.replace("-", "_") for arm in map(str, claim.arms) for part in arm.split(" + ")}
    assert (arms & all_of_them.keys()) - {"gaussian"} <= named    # there it is a way to predict
    modules = set(re.findall(r"^from \.\.(\w+\.\w+) import", inspect.getsource(
        inspect.getmodule(claim.run)), re.M))
    used = {t.name for t in all_of_them.values() if f"{t.path.parent.name}.{t.name}" in modules}
    assert used <= named


@pytest.mark.slow
def test_the_quick_scale_of_targeted_runs_and_is_judged():
    claim = CLAIMS["targeted"]
    settings = claim.scales["quick"] | {"epochs": 2}
    results = {arm: [claim.run(arm, seed, settings, False) for seed in (0, 1)]
               for arm in claim.arms}
    assert results["none"][0] == claim.run("none", 0, settings, False)           # bit for bit
    assert len({str(runs) for runs in results.values()}) == len(claim.arms)      # arms do differ
    verdict = claim.judge(results, settings)
    assert verdict.word in WORDS and len(verdict.lines) >= len(settings["shares"]) + 2
    one = {arm: runs[:1] for arm, runs in results.items()}
    assert claim.judge(one, settings)[:2] == ("not seen at this scale", (
        "one seed has no interval; unpruned " + ", ".join(
            f"{arm} {100 * run['accuracy'][0]:.1f}" for arm, (run,) in one.items())))
    claim.draw(one, settings)
    claim.draw(results, settings)


@pytest.mark.slow
def test_the_networks_of_the_paper_train(monkeypatch):
    """On a few images, with fewer layers: what the settings of the scale ask for is there."""
    claim = CLAIMS["targeted"]
    rng = np.random.default_rng(0)
    pair = rng.normal(size=(40, 3, 32, 32)).astype("float32"), np.arange(40) % 10
    monkeypatch.setattr(data, "cifar10", lambda: data.Splits(pair, pair, pair))
    few = claim.scales["paper"] | {"epochs": 5, "batch_size": 20, "depth": 8}
    results = {arm: [claim.run(arm, seed, few, False) for seed in (0, 1)] for arm in claim.arms}
    assert len({str(runs) for runs in results.values()}) == len(claim.arms)
    assert claim.judge(results, few).word in WORDS


def test_targeted_of_the_paper_wraps_and_prunes_the_stages_alone():
    settings = CLAIMS["targeted"].scales["paper"]
    net, pattern = targeted.network("targeted", np.zeros((1, 3, 32, 32)), settings)
    wrapped = [path for path, one in net.named_modules() if isinstance(one, TargetedDropout)]
    assert len(wrapped) == 30 and all(path.startswith("stage") for path in wrapped)
    assert {path.split(".")[0] for path in prune(net.init(0), 0.5, False, pattern=pattern)} == {
        "stage1", "stage2", "stage3"}
    net, _ = targeted.network("dropout", np.zeros((1, 3, 32, 32)), settings)
    drops = [one.p for _, one in net.named_modules() if isinstance(one, Dropout)]
    assert drops == [0.25] * 15
    steps = settings["epochs"] * math.ceil(40_000 / settings["batch_size"])
    falls = [round(at * steps) for at in settings["falls"]]
    assert np.allclose(falls, [40_000, 60_000, 80_000], atol=100)


def test_targeted_trains_on_train_ramps_as_told_and_is_judged_on_test(monkeypatch):
    seen, splits = {}, data.digits()
    settings = CLAIMS["targeted"].scales["quick"] | {"epochs": 4}
    monkeypatch.setattr(targeted, "fit", lambda net, optimizer, given, epochs, **rest: seen.update(
        rest, train=given, epochs=epochs))
    monkeypatch.setattr(targeted, "pruning_curve", lambda net, given, *rest, **more: seen.update(
        test=given) or pruning_curve(net, given, *rest, **more))
    targeted.run("ramping", 5, settings, False)
    assert (seen["seed"], seen["epochs"], seen["batch_size"]) == (5, 4, settings["batch_size"])
    for part in ("train", "test"):
        for given, there in zip(seen[part], getattr(splits, part), strict=True):
            assert_array_equal(given, there)
    steps = 4 * math.ceil(len(splits.train[0]) / settings["batch_size"])
    gammas, alphas = seen["schedules"]["*.gamma"], seen["schedules"]["*.alpha"]
    for rates, last in zip((gammas, alphas), settings["rates"]["ramping"], strict=True):
        assert len(rates) == steps and rates[0] == 0
        assert (rates[:steps // 2] < last).all() and np.allclose(rates[steps // 2:], last)


def pairs(*rows):
    """Accuracy of two seeds at each share, from (mean, how far each lies from it)."""
    return [{"accuracy": [mean + sign * away for mean, away in rows]} for sign in (-1, 1)]


TINY = 1e-4                      # the interval of two seeds is 12.7 times as wide to each side


@pytest.mark.parametrize("none, kept, further, word", [
    ([0.98, 0.79, 0.1], [0.98, 0.98, 0.9], [0.98, 0.98, 0.98], "held"),
    ([0.98, 0.79, 0.1], [0.90, 0.98, 0.9], [0.80, 0.90, 0.98], "held"),     # unpruned may be worse
    ([0.98, 0.79, 0.1], [0.98, 0.98, 0.9], [0.98, 0.98, 0.96], "not held"),     # ramping: no gain
    ([0.98, 0.79, 0.1], [0.98, 0.98, 0.98], [0.98, 0.98, 0.99], "not held"),    # at the same share
    ([0.98, 0.81, 0.1], [0.98, 0.98, 0.9], [0.98, 0.98, 0.98], "refuted"),
    ([0.98, 0.79, 0.1], [0.98, 0.96, 0.9], [0.98, 0.98, 0.98], "refuted"),
    ([0.98, 0.95, 0.9], [0.98, 0.96, 0.9], [0.98, 0.98, 0.98], "not seen at this scale"),
    # by the means alone these were held
    ([0.98, 0.7990, 0.81], [0.98, 0.98, 0.9], [0.98, 0.98, 0.98], "not seen at this scale"),
    ([0.98, 0.79, 0.1], [0.98, 0.9705, 0.9], [0.98, 0.98, 0.98], "not seen at this scale"),
    ([0.98, 0.79, 0.1], [0.98, 0.98, 0.9], [0.98, 0.98, 0.9705], "not held"),
    ([0.98, 0.79, 0.1], [0.98, 0.9695, 0.9], [0.98, 0.98, 0.98], "not seen at this scale")])
def test_targeted_is_judged_by_its_rule(none, kept, further, word):
    results = {arm: pairs(*((mean, TINY) for mean in row)) for arm, row in (
        ("none", none), ("dropout", none), ("targeted", kept), ("ramping", further))}
    verdict = targeted.judge(results, {"shares": [0.0, 0.9, 0.95], "high": 0.97})
    assert verdict.word == word
    assert "unpruned none 98.0, dropout 98.0" in verdict.headline


def test_targeted_compares_paired_seeds():
    """Seeds that differ much, and both arms alike: the means tell nothing, the differences do."""
    settings = {"shares": [0.0, 0.9], "high": 0.5}
    results = {"none": pairs((0.98, 0), (0.30, 0)), "dropout": pairs((0.98, 0), (0.30, 0)),
               "targeted": pairs((0.98, 0), (0.72, 0.01)), "ramping": pairs((0.98, 0), (0.72, 0))}
    verdict = targeted.judge(results, settings)
    assert verdict.word == "not held"
    gain = "at 0.9 pruned, targeted - none: 42.0 +- 12.7"
    assert gain in verdict.lines and f"; {gain}; " in verdict.headline
    assert verdict.lines[-1] == "at 0.9 pruned, ramping - none: 42.0 +- 0.0"
    results["none"] = pairs((0.98, 0), (0.30, 0.01))             # now they move together
    assert "at 0.9 pruned, targeted - none: 42.0 +- 0.0" in targeted.judge(results, settings).lines
    settings["shares"].append(0.95)               # ramping keeps 50 % there, is it better?
    for away, word in ((0.001, "held"), (0.05, "not held")):
        ends = {"none": (0.2, 0), "dropout": (0.2, 0), "targeted": (0.45, away),
                "ramping": (0.6, 0)}
        for arm, last in ends.items():
            for run, more in zip(results[arm], pairs(last), strict=True):
                run["accuracy"][2:] = more["accuracy"]
        assert targeted.judge(results, settings).word == word


def test_two_claims_of_one_set_of_runs_share_their_file(tmp_path):
    calls: list = []
    whole, part = toy(calls), toy(calls, name="part", runs_of="toy")
    found = ledger.run(whole, "quick", folder=tmp_path, progress=False)
    done = len(calls)
    assert ledger.run(part, "quick", folder=tmp_path, progress=False) == found
    assert len(calls) == done and [path.name for path in tmp_path.glob("*.json")] == [
        "toy-quick.json"]
    assert ledger.read(tmp_path / "toy-quick.json")["claim"] == "toy"
    with pytest.raises(ValueError, match="under other settings: gain"):
        ledger.run(toy(calls, runs_of="toy", scales={"quick": {"gain": 9, "seeds": 1}}), "quick",
                   folder=tmp_path, progress=False)


@pytest.mark.parametrize("name", [name for name in CLAIMS if CLAIMS[name].runs_of])
def test_a_claim_on_runs_of_another_is_of_the_same_runs(name):
    claim, other = CLAIMS[name], CLAIMS[CLAIMS[name].runs_of]
    assert (claim.run, claim.arms, claim.scales) == (other.run, other.arms, other.scales)
    assert not other.runs_of and f"`{other.name}`" in claim.protocol


def test_a_rule_says_what_each_word_needs():
    with pytest.raises(ValueError, match="rule must say what each of held, not held, not seen at "
                                         "this scale, refuted needs, got held"):
        toy([], rule={"held": "a gain above 0"})


@pytest.mark.parametrize("path", sorted(ledger.PUBLISHED.glob("*.json")), ids=lambda p: p.stem)
def test_published_results_belong_to_the_claim_as_it_is(path):
    record = ledger.read(path)
    claim, scale = CLAIMS[record["claim"]], record["scale"]
    assert path == ledger.path_of(claim, scale, ledger.PUBLISHED)
    assert record["settings"] == claim.scales[scale]
    assert (scale, record) in ledger.published(claim)         # whose code is that of now
    results = ledger.results(claim, record)
    assert all(len(runs) == claim.scales[scale]["seeds"] for runs in results.values())
    verdict = claim.judge(results, claim.scales[scale])
    assert verdict.word in WORDS and " +- " in verdict.headline


@pytest.mark.slow
def test_published_results_are_shown_where_there_are_none_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, text = command("show", "targeted")
    assert code == 0 and "results/targeted-standard.json" in text and "held (3 seeds)" in text
