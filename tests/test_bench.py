"""The measuring machinery, with contenders that sleep; beside PyTorch with --reference."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from minidrop import models, nn
from minidrop.bench import (
    marks,
    measure,
    memory,
    networks,
    ours,
    plot,
    pruning,
    samples,
    steps,
    table,
    techniques,
)
from minidrop.bench.contender import agree, is_dropout
from minidrop.bench.pair import Pair
from minidrop.bench.worker import Library, Worker

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
KEYS = ["workload", "ms", "torch_ms", "ratio", "low", "high", "peak_mb", "torch_peak_mb",
        "process_mb", "allocator", "rivals", "cpu", "blas", "threads", "versions"]
RIVAL = {"ms", "ratio", "low", "high", "spread", "peak_mb", "process_mb", "allocator", "blas",
         "threads", "versions", "pid"}


def sleeper(title="one", tuned=False, where="tests.sleepers:contender", **options):
    """A library that sleeps."""
    return Library(title, "numpy", where, tuned, options)


def sleepers(**others):
    """Three of them, ours twice as long as the others."""
    return {"minidrop": sleeper("ours", True, seconds=0.004),
            "torch": sleeper("theirs", seconds=0.002),
            "torch-tuned": sleeper("others", **{"seconds": 0.002} | others)}


@pytest.fixture
def fake(monkeypatch):
    """A workload "z" without PyTorch, in blocks of a step or two."""
    monkeypatch.setattr(measure, "BLOCK", 0.005)
    monkeypatch.setattr(measure, "PAUSE", 0)
    monkeypatch.setattr(steps, "WORKLOADS", {"z": steps.WORKLOADS["b"]._replace(title="sleeps")})
    monkeypatch.setattr(steps, "LIBRARIES", sleepers())


# --- times in turns ------------------------------------------------------------------------------

def test_turns_alternate_and_a_time_is_that_of_one_step():
    calls = []

    def clock(who, n):
        calls.append(who)
        return 0.02 * n                           # 4 steps last a block

    times = measure.turns([partial(clock, "a"), partial(clock, "b")], blocks=3)
    assert "".join(calls) == "aaaa" + "bbbb" + "ab" + "ba" + "ab"       # n = 2, 1, 2, 4, then turns
    np.testing.assert_allclose(times, np.full((2, 3), 20.0))


def test_there_is_a_pause_before_every_turn(monkeypatch):
    naps = []
    monkeypatch.setattr(measure.time, "sleep", naps.append)
    measure.turns([lambda n: 1.0, lambda n: 1.0], blocks=3)
    assert naps == [measure.PAUSE] * 6 and measure.PAUSE >= 0.02


def test_several_steps_are_timed_behind_one_that_is_not(monkeypatch):
    now, calls = [0.0], []

    def step():
        calls.append(now[0])
        now[0] += 1 if len(calls) > 1 else 50     # the first is slow

    monkeypatch.setattr(measure.time, "perf_counter", lambda: now[0])
    assert measure.clock(step, 3) == 3 and len(calls) == 4
    calls.clear()
    assert measure.clock(step, 1) == 50 and len(calls) == 1


def test_a_block_lasts_long_enough():
    n = measure.steps_in_block(lambda steps: 0.002 * steps)
    assert 0.002 * n >= measure.BLOCK > 0.002 * n / 2 and n & (n - 1) == 0


def test_the_ratio_is_the_median_of_neighbouring_blocks():
    assert measure.ratio([1, 2, 9], [2, 2, 3]) == 1           # of 1/2, 2/2 and 9/3


def test_the_spread_is_how_far_the_quartiles_of_the_ratios_are_apart():
    """Of 1, 2, ..., 5 they are 2 and 4, whatever is beyond them; of one block there is none."""
    found = measure.compared(a=([5, 1, 4, 3, 2], 5 * [1]), b=([99, 1, 4, 3, 2], 5 * [1]),
                             c=([3], [2]))
    assert found == {"a": 3, "b": 3, "c": 1.5, "spread": {"a": 2, "b": 2, "c": 1}}


@pytest.mark.parametrize("n, low, high", [(1, 0, 0), (5, 0, 4), (6, 0, 5), (9, 1, 7), (15, 3, 11),
                                          (20, 5, 14), (25, 7, 17)])
def test_the_interval_of_a_median_is_the_shortest_that_holds_it_often_enough(n, low, high):
    """The chance that it does not: the median is beyond the k-th where k - 1 coins or fewer fall
    on one side."""
    values = np.random.default_rng(0).permutation(n)
    assert measure.median_interval(values) == (low, high)
    misses = [2 * sum(math.comb(n, heads) for heads in range(k)) / 2**n for k in (low + 1, low + 2)]
    assert (misses[0] <= 0.05 or n < 6) and misses[1] > 0.05


# --- memory --------------------------------------------------------------------------------------

def test_our_peak_counts_what_is_held_at_one_time():
    before = np.ones(10**6, "u1")
    for due, step in ((3, lambda: [before + 0 for _ in range(3)]),
                      (1, lambda: [len(before + 0) for _ in range(3)])):
        assert memory.our_peak(step) == pytest.approx(due, abs=1e-3)


def test_our_peak_counts_arrays_alone():
    """Also where Python keeps as much in its own objects."""
    x = np.ones(10**6, "u1")
    assert memory.our_peak(lambda: [bytes(10**6), [0] * 10**6]) < 1e-3
    assert memory.our_peak(lambda: [bytes(10**6), x + 0]) == pytest.approx(1, abs=1e-3)
    kept = []
    memory.our_peak(lambda: kept.append([object() for _ in range(1000)]))
    del kept[:]                                   # the allocators are those from before


def test_the_size_of_the_process_is_what_was_resident():
    """In a process of its own: in this one an earlier test may have held more."""
    child = subprocess.run([sys.executable, "-c", SIZES], cwd=ROOT, check=True, text=True,
                           stdout=subprocess.PIPE)
    before, held, after = map(float, child.stdout.split())
    assert 20 < before < held - 99 and held == pytest.approx(after, abs=1)


SIZES = """
import numpy as np
from minidrop.bench.memory import process_size

print(process_size())
held = np.ones(100 * 10**6, "u1")
print(process_size())
del held
print(process_size())
"""


def test_the_size_of_a_process_is_not_known_where_there_is_no_such_file(monkeypatch):
    monkeypatch.setattr(memory, "Path", lambda path: Path("/not/there"))
    assert memory.process_size() is None


# --- workers -------------------------------------------------------------------------------------

def test_a_worker_answers_and_is_gone_behind_its_context():
    with Worker(sleeper(seconds=0.003), "b") as worker:
        assert worker.ready() is None
        assert 0.006 <= worker.clock(2) < 2
        np.testing.assert_equal(worker.ask("start"), [np.arange(3.0)])
        pid = worker.ask("around")["pid"]
        assert pid == worker.process.pid != os.getpid()
    assert worker.process.returncode == -signal.SIGKILL


def test_each_worker_has_an_allocator_of_its_own(monkeypatch):
    monkeypatch.delenv("MINIDROP_TUNE", raising=False)
    with Worker(sleeper(tuned=True), "b") as one, Worker(sleeper(), "b") as two:
        one.ready(), two.ready()
        states = [worker.ask("around")["allocator"] for worker in (one, two)]
    linux = sys.platform.startswith("linux")
    assert states == ["tuned" if linux else "as the system has it", "as the system has it"]


def test_what_a_worker_refuses_is_refused_here_and_it_goes_on():
    with Worker(sleeper(), "b") as worker:
        worker.ready()
        with pytest.raises(ValueError, match="not with me"):
            worker.ask("fail", "not with me")
        assert worker.clock(1) > 0
    with Worker(sleeper(refuses="no seat"), "b") as worker, \
            pytest.raises(ValueError, match="no seat"):
        worker.ready()
    with Worker(sleeper(where="tests.nowhere:contender"), "b") as worker, \
            pytest.raises(ValueError, match="No module named 'tests.nowhere'"):
        worker.ready()


def test_what_a_library_prints_does_not_disturb(capfd):
    with Worker(sleeper(), "b") as worker:
        worker.ready()
        assert worker.ask("chat") == "quiet" and worker.clock(1) > 0


def test_a_worker_that_dies_is_told_in_a_sentence():
    with Worker(sleeper(), "b") as worker:
        worker.ready()
        for _ in range(2):
            with pytest.raises(ValueError, match="the process of one ended with exit code 7"):
                worker.ask("die")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="/proc is Linux's")
def test_a_worker_without_a_question_takes_no_time_of_the_processor():
    with Worker(sleeper(), "b") as worker:
        worker.ready()
        start = cpu_seconds(worker.process.pid)
        time.sleep(0.3)
        assert cpu_seconds(worker.process.pid) - start <= 0.02


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- records -------------------------------------------------------------------------------------

def test_a_record_has_the_promised_keys_and_plain_values(fake):
    record, = steps.run(["z"], blocks=3, progress=False)
    assert list(record) == KEYS and record["workload"] == "z"
    assert [*record["rivals"]] == ["torch", "torch-tuned"]
    torch, tuned = record["rivals"].values()
    assert set(torch) == set(tuned) == RIVAL
    assert record["ms"] >= 4 and record["torch_ms"] == torch["ms"] >= 2
    assert record["ratio"] == torch["ratio"] and torch["low"] <= torch["ratio"] <= torch["high"]
    assert record["peak_mb"] == record["torch_peak_mb"] == pytest.approx(1, abs=0.001)
    assert record["process_mb"] > 20 and torch["process_mb"] > 20
    assert set(record["threads"]) == {"blas", "minidrop"}
    assert set(record["versions"]) == {"python", "numpy", "minidrop", "platform"}
    assert json.loads(json.dumps(record)) == record


def test_who_else_takes_part_can_be_chosen(fake):
    record, = steps.run(["z"], blocks=1, against=["torch-tuned"], progress=False)
    assert list(record) == KEYS and [*record["rivals"]] == ["torch-tuned"]
    assert record["torch_ms"] is record["torch_peak_mb"] is None
    assert record["ratio"] == record["rivals"]["torch-tuned"]["ratio"]


class Asked:
    """The place of a Worker, in this process: `calls` says who was asked what."""

    calls: list = []

    def __init__(self, library, name):
        from tests.sleepers import Sleeper

        self.title, self.digits = library.title, library.digits
        self.sleeper = Sleeper(**library.options)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.calls.append((self.title, "gone"))

    def ask(self, question, *given):
        self.calls.append((self.title, question))
        return getattr(self.sleeper, question)(*given)

    def ready(self):
        self.calls.append((self.title, "ready"))

    def clock(self, n):
        return self.ask("clock", n)


@pytest.fixture
def asked(fake, monkeypatch):
    monkeypatch.setattr(Asked, "calls", [])
    monkeypatch.setattr(steps, "Worker", Asked)
    return Asked.calls


def test_nothing_is_timed_before_the_check_and_memory_is_measured_around(asked):
    list(steps.run(["z"], blocks=4, progress=False))
    order = [question for _, question in asked]
    first = {question: order.index(question) for question in order}
    last = {question: len(order) - order[::-1].index(question) - 1 for question in order}
    assert last["ready"] < first["start"] < first["load"] < first["process_mb"]
    assert last["process_mb"] < last["start"] < last["load"] < first["observed"]
    assert first["observed"] < last["under"] < first["clock"]
    assert last["clock"] < first["peak"] and first["gone"] == len(order) - 3
    turns = [title for title, question in asked if question == "clock"][-12:]
    assert turns == 2 * ["ours", "theirs", "others", "others", "theirs", "ours"]


def test_three_steps_are_compared_with_every_rival(asked):
    list(steps.run(["z"], blocks=1, progress=False))
    assert asked.count(("ours", "observed")) == 3
    assert asked.count(("theirs", "under")) == asked.count(("others", "under")) == 3


def test_losses_that_differ_are_refused(asked, monkeypatch):
    monkeypatch.setattr(steps, "LIBRARIES", sleepers(off=1.0001))
    with pytest.raises(ValueError, match="5 digits, .* in minidrop, 0.50005 in others at step 2"):
        list(steps.run(["z"], blocks=1, progress=False))
    assert ("ours", "gone") in asked and not [q for _, q in asked if q == "clock"]
    for off, digits in ((1.000001, 5), (1.00005, 4)):
        libraries = sleepers(off=off)
        libraries["torch-tuned"] = libraries["torch-tuned"]._replace(digits=digits)
        monkeypatch.setattr(steps, "LIBRARIES", libraries)
        list(steps.run(["z"], blocks=1, progress=False))


def test_losses_agree_to_five_digits_but_where_sums_are_taken_in_another_order():
    assert {name: library.digits for name, library in steps.LIBRARIES.items()} == {
        "minidrop": 5, "torch": 5, "torch-tuned": 4, "jax": 4}


def test_dropout_alone_is_checked_by_everyone(asked, monkeypatch):
    monkeypatch.setattr(steps, "WORKLOADS", {"z": steps.WORKLOADS["z"]._replace(network=None)})
    from tests.sleepers import Sleeper

    monkeypatch.setattr(Sleeper, "check", lambda self: None, raising=False)
    list(steps.run(["z"], blocks=1, progress=False))
    assert [title for title, q in asked if q == "check"] == ["ours", "theirs", "others"]


@pytest.mark.parametrize("loss, loss2, equal", [
    (2.0, 2.00001, True), (2.0, 2.00003, False), (math.nan, math.nan, False)])
def test_losses_agree_to_five_digits(loss, loss2, equal):
    if equal:
        return agree([(1, 1), (loss, loss2)], "here", "there")
    with pytest.raises(ValueError, match="must agree to 5 digits, got .* here, .* there at step 2"):
        agree([(1, 1), (loss, loss2)], "here", "there")


@pytest.mark.parametrize("fault", [
    lambda x, g, m: (x * m, g * m * 2), lambda x, g, m: (x * m * 2, g * m),
    lambda x, g, m: (x * m * 2, g * 2 * ~m), lambda x, g, m: (x, g),
    lambda x, g, m: (x * m[::-1] * 2, g * m * 2)])
def test_what_is_not_dropout_is_seen(fault):
    rng = np.random.default_rng(0)
    x, g, mask = rng.random((100, 100)) + 1, rng.random((100, 100)), rng.random((100, 100)) < 0.5
    is_dropout(x, g, x * mask * 2, g * mask * 2, 0.5, "one")
    with pytest.raises(ValueError, match="one must compute dropout with p = 0.5"):
        is_dropout(x, g, *fault(x, g, mask), 0.5, "one")


def test_an_unknown_name_is_refused(fake):
    with pytest.raises(ValueError, match="names must be one of 'z', got 'q'"):
        steps.run(["q"])
    with pytest.raises(ValueError, match="against must be one of 'torch', 'torch-tuned', got 'f"):
        steps.run(["z"], against=["flax"])


@pytest.mark.parametrize("blocks", [0, -1, 1.5])
def test_blocks_is_a_positive_whole_number(fake, blocks):
    with pytest.raises((TypeError, ValueError), match="blocks must be a whole number"):
        steps.run(["z"], blocks=blocks)


@pytest.mark.parametrize("library, hint", [("torch", r'pip install "minidrop\[reference\]"'),
                                           ("torch-tuned", "PyTorch, which is not installed"),
                                           ("jax", "JAX, which is not installed: pip install jax")])
def test_without_a_library_one_sentence_says_what_to_install(monkeypatch, library, hint):
    monkeypatch.setattr(steps.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=hint) as error:
        steps.run(["b"], against=[library])
    assert "\n" not in str(error.value)


# --- table and figure ----------------------------------------------------------------------------

def made(workload="a", **ratios):
    """A record as `run` gives it."""
    rival = {"ms": 3.0, "peak_mb": None, "process_mb": 300.4, "allocator": "as the system has it"}
    rivals = {name: rival | {"ratio": r, "low": 0.9 * r, "high": 1.2 * r}
              for name, r in (ratios or {"torch": 0.5, "torch-tuned": 1.25}).items()}
    return {"workload": workload, "ms": 1.5, "peak_mb": 2.0, "process_mb": 70.0, "cpu": "Abacus",
            "allocator": "tuned", "rivals": rivals, "blas": "none", "threads": {"torch": 1},
            "versions": {"torch": "0.0"}}


def test_the_table_is_aligned_and_has_units():
    head, title, ours, theirs, tuned, blank, *rest = table.table([made()]).splitlines()
    assert head.split() == ["ms", "ratio", "95", "%", "peak", "MB", "process", "allocator"]
    assert title == f"a  {steps.WORKLOADS['a'].title}"
    assert ours.split() == ["minidrop", "1.500", "2.000", "70", "tuned"]
    assert theirs.split() == ["PyTorch", "3.000", "0.500", "0.450", "-", "0.600", "-", "300", "as",
                              "the", "system", "has", "it"]
    assert tuned.split()[:4] == ["PyTorch", "tuned", "3.000", "1.250"]
    for word, line, end in (("ms", ours, "1.500"), ("ratio", theirs, "0.500"),
                            ("MB", ours, "2.000"), ("process", tuned, "300")):
        assert head.index(word) + len(word) == line.index(end) + len(end)
    assert max(map(len, (head, ours, theirs))) <= 100
    assert blank == "" and [line.split()[0] for line in rest[:4]] == [
        "CPU", "BLAS", "threads", "versions"]
    assert rest[4] == "" and [line.split()[0] for line in rest[5:]] == [
        "ratio", "95", "tuned", "peak", "process"]
    assert len(table.table([]).splitlines()) == 1


def test_the_table_shows_what_is_not_known_here():
    lines = table.table([made("q", abacus=2.0)]).splitlines()
    assert lines[1] == "q" and lines[3].split()[:3] == ["abacus", "3.000", "2.000"]


def test_ratios_of_a_busy_machine_are_marked_in_every_table():
    """Alone those whose quartiles are over 1.25 apart, and then a line says what the mark is."""
    quiet, busy = ({"spread": dict.fromkeys(("ratio", "cost", "torch_cost", "growth", "ms_ratio",
                                             "repeated_growth"), far)} for far in (1.25, 1.26))
    record = made()
    for one in (quiet, busy):
        record["rivals"]["torch-tuned"] |= one
        text = table.table([record])
        assert ("1.250?" in text) == ("\n?  " in text) == (one is busy) and "0.500?" not in text
    around = {"blas": "none", "threads": {}, "versions": {}}
    for shown, names in ((techniques, ("cost", "torch_cost", "ratio")), (pruning, ("ms_ratio",)),
                         (samples, ("growth", "repeated_growth", "ratio"))):
        row = dict.fromkeys(["ms", "torch_ms", "repeated_ms", "peak_mb", "repeated_peak_mb", "mb",
                             "nonzero", "numbers", "numbers_ratio", "head"], 1) | {
            name: 0.5 + k for k, name in enumerate(names)} | {
            "technique": "dropout", "m": 1, "network": "mlp", "kept": "all"} | around
        assert "?" not in shown.table([row | quiet])
        line = next(line for line in shown.table([row | busy]).splitlines() if "?" in line)
        assert line.count("?") == len(names) and shown.table([row | busy]).count("\n?  ") == 1
        first = row | {"spread": {names[0]: 2}}
        assert shown.table([first]).count("50.0%?" if shown is pruning else "0.500?") == 1


def test_the_figure_shows_every_ratio_with_its_interval(tmp_path, monkeypatch):
    drawn = []
    subplots = plot.subplots

    def kept(**options):
        drawn.append(subplots(**options))
        return drawn[-1]

    monkeypatch.setattr(plot, "subplots", kept)
    plot.plot([made("a"), made("g", torch=0.1)], tmp_path / "bench.png")
    assert (tmp_path / "bench.png").read_bytes()[:4] == b"\x89PNG"
    (_, axis), = drawn
    first, second = axis.containers
    assert [c.get_label() for c in (first, second)] == ["beside PyTorch", "beside PyTorch tuned"]
    assert [*first[0].get_xdata()] == [0.5, 0.1]
    assert [round(y) for y in first[0].get_ydata()] == [0, 1]
    (whisker,) = first[2]
    np.testing.assert_allclose([[*segment[:, 0]] for segment in whisker.get_segments()],
                               [[0.45, 0.6], [0.09, 0.12]])
    assert [*second[0].get_xdata()] == [1.25]
    assert [label.get_text()[-1] for label in axis.get_yticklabels()] == ["a", "g"]


# --- the command ---------------------------------------------------------------------------------

INTERRUPTED = """
import sys
from minidrop.bench import steps
from tests.test_bench import sleepers
steps.LIBRARIES = sleepers(seconds=0.001)
from minidrop.cli import main
main(["bench", "b", "--blocks", "100000", "--json", sys.argv[1]])
"""


@pytest.mark.skipif(os.name != "posix", reason="sends a signal to a group of processes")
def test_ctrl_c_ends_it_cleanly(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path / "out.json")], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))})
    seen = ""
    while "turn" not in seen:                     # it has begun
        one = process.stderr.read(1)
        assert one, f"it ended: {seen}"
        seen += one
    workers = children(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130 and out == ""
    assert err.splitlines()[-1] == "Error: interrupted; nothing is written"
    assert "Traceback" not in seen + err and not (tmp_path / "out.json").exists()
    assert len(workers) in (0, 3) and not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def children(pid):
    """Where Linux tells them."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in text.split()]


# --- multi-sample dropout beside the repeated batch ----------------------------------------------

SAMPLE_KEYS = ["workload", "m", "ms", "peak_mb", "repeated_ms", "repeated_peak_mb", "growth",
               "repeated_growth", "ratio", "spread", "head", "blas", "threads", "versions"]
SHOWN = ["m", "ms", "growth", "peak_mb", "repeated_ms", "repeated_growth", "repeated_peak_mb",
         "ratio"]


@pytest.fixture
def quick(monkeypatch):
    """Blocks of one step, which need no pause, and no marks behind what they give."""
    monkeypatch.setattr(marks, "WIDE", math.inf)
    monkeypatch.setattr(measure, "BLOCK", 0)
    monkeypatch.setattr(measure, "PAUSE", 0)


def small(most=3):
    return samples.Contenders(batch=2, size=8, most=most)


def test_multi_sample_records_have_the_promised_keys_and_a_table(quick):
    records = samples.run((1, 2, 4), blocks=2, progress=False, batch=2, size=8)
    assert [list(record) for record in records] == 3 * [SAMPLE_KEYS]
    assert [record["m"] for record in records] == [1, 2, 4] and records[0]["growth"] == 1
    assert all(record[key] > 0 for record in records for key in SHOWN)
    assert len({record["head"] for record in records}) == 1 and 0 < records[0]["head"] < 1
    assert "torch" not in records[0]["versions"]          # which it does not need
    groups, head, *lines = samples.table(records).splitlines()
    assert groups.split() == ["m", "samples", "batch", "repeated", "m", "times"]
    assert head.split() == ["m", *2 * ["ms", "to", "m", "=", "1", "peak", "MB"], "ratio"]
    assert [[float(word) for word in line.split()] for line in lines[:3]] == [
        [pytest.approx(record[key], abs=0.0051) for key in SHOWN] for record in records]
    assert {len(line) for line in (head, *lines[:3])} == {len(head)} and lines[3] == ""
    assert re.fullmatch(r"head +[\d.]+% of a step at m = 1: .*", lines[4])
    assert [line.split()[0] for line in lines[5:]] == ["BLAS", "threads", "versions"]


def test_growth_and_ratio_are_medians_of_neighbouring_turns(monkeypatch, quick):
    """Of both, in three blocks, 10 ms for a step with one sample, 20 ms on a slow machine."""
    slow = [1, 2, 2]
    times = [[1 * s for s in slow], [10 * s for s in slow], [10 * s for s in slow],
             [15 * s for s in slow], [40 * s for s in slow]]
    monkeypatch.setattr(samples, "in_turns", lambda steps, *rest: times)
    one, four = samples.run((1, 4), blocks=3, progress=False, batch=1, size=4)
    assert one["head"] == four["head"] == 0.1 and (one["ms"], four["ms"]) == (20, 30)
    assert (four["growth"], four["repeated_growth"], four["ratio"]) == (1.5, 4, 0.375)


def test_every_number_of_the_table_is_of_its_own_step(monkeypatch):
    """Steps that give the milliseconds and megabytes of what they were asked for."""
    steps = {"samples": lambda both, m: m, "repeated": lambda both, m: 100 * m,
             "head": lambda both: 0.25, "check": lambda both, m: None}
    for name, step in steps.items():
        monkeypatch.setattr(samples.Contenders, name, step)
    monkeypatch.setattr(samples, "our_peak", lambda step: step() / 2)
    monkeypatch.setattr(samples, "in_turns", lambda given, blocks, *rest: [
        [step()] * blocks for step in given])
    for record, m in zip(samples.run((1, 4, 8), blocks=3, progress=False, batch=1, size=4),
                         (1, 4, 8), strict=True):
        assert [record[key] for key in [*SHOWN, "head"]] == [
            m, m, m, m / 2, 100 * m, 100 * m, 50 * m, 0.01, 0.25]


def test_every_m_is_checked_before_anything_is_timed(monkeypatch, quick):
    calls = []
    monkeypatch.setattr(samples.Contenders, "check", lambda self, m: calls.append(m))
    monkeypatch.setattr(samples, "in_turns", lambda steps, *rest: [
        calls.append("timed") or [1.0] for step in steps])
    samples.run((1, 3), blocks=1, progress=False, batch=1, size=4)
    assert calls == [1, 3, *5 * ["timed"]]


@pytest.mark.parametrize("m", [1, 3])
def test_m_samples_and_the_repeated_batch_compute_the_same(m):
    both = small()
    both.check(m)
    both.repeated(m)                              # and then draws masks of its own
    both.check(m)


def test_a_step_sees_the_batch_once_or_m_times(monkeypatch):
    both, seen = small(), []
    for net in (both.net, both.twin):
        monkeypatch.setattr(net.stage1, "forward", lambda x, go=net.stage1.forward: (
            seen.append(x.shape), go(x))[1])
        monkeypatch.setattr(net.out, "forward", lambda x, go=net.out.forward: (
            seen.append(x.shape), go(x))[1])
    both.samples(3), both.repeated(3)
    assert seen == [(2, 3, 8, 8), (2, 256), (6, 3, 8, 8), (6, 256)]
    assert both.net.out.noise.shape == (3, 2, 256) and both.twin.hidden.noise.shape == (6, 256)


@pytest.mark.parametrize("fault", [
    lambda both: both.sgd2.__init__(lr=0.02, momentum=0.9),
    lambda both: both.twin.out.out.bias.data[:1].__iadd__(0.01),
    lambda both: setattr(both.twin.hidden, "p", 0.4),
    lambda both: both.x[-1:].__imul__(2),
    lambda both: both.y[-1:].__isub__(1),
])
def test_the_check_of_samples_sees_a_fault(fault, monkeypatch):
    both = small()
    start = both.start
    monkeypatch.setattr(both, "start", lambda: (start(), fault(both)))
    with pytest.raises(ValueError, match="with 3 samples, .* with the repeated batch at step"):
        both.check(3)


def test_both_drop_half_of_the_features_behind_the_convolutions():
    both = small()
    both.samples(3), both.repeated(3)
    assert both.net.out.p == both.twin.hidden.p == 0.5
    assert [*both.net.out.head.state_dict()] == [*both.twin.out.state_dict()] == [
        "hidden.linear.weight", "hidden.linear.bias", "out.weight", "out.bias"]


def test_the_head_is_timed_forward_and_backward_to_its_input(monkeypatch):
    both, seen = small(), []
    monkeypatch.setattr(both.net.out, "forward", lambda x, go=both.net.out.forward: (
        seen.append(x), go(x))[1])
    both.head()
    [x] = seen
    assert x.shape == (2, 256) and abs(x.grad).max() > 0


def test_the_head_is_timed_without_a_trace():
    both = small()
    before = [w.data.copy() for w in both.net.parameters()]
    both.net.out.m = 3
    both.head()
    assert both.net.out.m == 1 and all(w.grad is None for w in both.net.parameters())
    assert all((a == w.data).all() for a, w in zip(before, both.net.parameters(), strict=True))


def test_the_repeated_batch_needs_m_times_the_memory():
    both = samples.Contenders(batch=16, size=16, most=8)    # else gradients are most of it
    both.samples(8), both.repeated(8)
    once, eight, repeated = (memory.our_peak(lambda step=step, m=m: step(m)) for step, m in (
        (both.samples, 1), (both.samples, 8), (both.repeated, 8)))
    assert eight < 1.5 * once and repeated > 2 * eight


# --- beside PyTorch ------------------------------------------------------------------------------

def contenders(name):
    """Ours and PyTorch's in this process; (g) and (h) smaller."""
    from minidrop.bench import in_torch, networks

    if name == "g":
        return [library.DropoutAlone(0.5, (64, 500)) for library in (ours, in_torch)]
    _, network, shape = steps.WORKLOADS[name]
    if name == "h":
        network, shape = partial(networks.connections, sizes=(30, 40, 40, 10), p=0.5), (20, 30)
    return [library.Training(network, shape) for library in (ours, in_torch)]


class Here:
    """The place of a Worker for a contender in this process."""

    def __init__(self, contender, digits=5):
        self.contender, self.digits, self.title = contender, digits, type(contender).__module__

    def ask(self, question, *given):
        return getattr(self.contender, question)(*given)


def check(name, *both):
    steps.equal(name, *map(Here, both))


@pytest.mark.reference
def test_b_runs_beside_torch():
    record, = steps.run(["b"], blocks=2, progress=False)
    assert list(record) == KEYS
    assert set(record["threads"]) == {"blas", "minidrop", "torch"}
    assert set(record["versions"]) == {"python", "numpy", "torch", "minidrop", "platform"}
    for rival in record["rivals"].values():
        assert rival["ms"] > 0 and rival["peak_mb"] < 0.3
    assert record["peak_mb"] < 0.3
    assert record["process_mb"] < record["rivals"]["torch"]["process_mb"]
    assert [one["allocator"] for one in (record, *record["rivals"].values())] == [
        "tuned", "as the system has it", "tuned"]
    assert table.table([record]).splitlines()[1].startswith("b  MLP 64-128-10")


@pytest.mark.reference
@pytest.mark.parametrize("name", steps.WORKLOADS)
def test_minidrop_and_torch_compute_the_same(name):
    check(name, *contenders(name))


@pytest.mark.reference
@pytest.mark.parametrize("name", ["a", "b", "c", "d", "e", "f", "h"])
def test_in_float64_they_agree_to_ten_digits(name):
    _, network, shape = steps.WORKLOADS[name]
    small = {"h": (partial(networks.connections, sizes=(30, 40, 40, 10), p=0.5), (20, 30))}
    Pair(*small.get(name, (network, shape))).check()


@pytest.mark.reference
@pytest.mark.parametrize("name", ["c", "e", "f"])
def test_the_tuned_rival_computes_the_same_from_images_in_another_order(name):
    from minidrop.bench import in_torch

    torch, rival = in_torch.reference(), in_torch.contender(name, channels_last=True)
    steps.equal(name, Here(contenders(name)[0]), Here(rival, 5 if name != "e" else 4))
    assert rival.x.is_contiguous(memory_format=torch.channels_last)
    filters = [w for w in rival.net.parameters() if w.ndim == 4]
    assert filters and all(w.is_contiguous(memory_format=torch.channels_last) for w in filters)


@pytest.mark.reference
@pytest.mark.parametrize("name", ["a", "b", "c", "d", "e", "f", "h"])
def test_a_workload_is_what_its_title_says(name):
    title, _, shape = steps.WORKLOADS[name]
    assert title.endswith(f", batch {shape[0]}")
    assert f" {shape[1]}-" in title if len(shape) == 2 else " x ".join(map(str, shape[1:])) in title


@pytest.mark.reference
@pytest.mark.parametrize("name", ["c", "d", "e", "f", "g", "h"])
def test_a_step_holds_at_most_what_one_in_torch_does(name):
    one, two = contenders(name)
    for contender in (one, two):                  # the velocities are there from the second on
        contender.step()
    assert one.peak() <= two.peak() + 1e-6


@pytest.mark.reference
def test_f_is_the_same_transformer_in_both():
    """The losses alone would not tell GELU in its tanh form from the exact one."""
    one, two = contenders("f")
    assert "width 192, depth 4" in steps.WORKLOADS["f"].title
    assert one.net.out.weight.shape == (10, 192)
    assert {f"block{k}" for k in range(1, 6)} & vars(one.net).keys() == {
        f"block{k}" for k in range(1, 5)}
    assert one.net.block1.attention.sum.branch.heads.heads == 3
    assert one.net.embed.patches.patch == (4, 4)
    gelu = type(next(m for m in two.net.modules() if type(m).__name__ == "GELU"))
    mine = [m.approximate for _, m in one.net.named_modules() if isinstance(m, nn.GELU)]
    theirs = [m.approximate for m in two.net.modules() if isinstance(m, gelu)]
    assert mine == theirs == ["tanh"] * 4


@pytest.mark.reference
@pytest.mark.parametrize("name", ["a", "b", "c", "d", "e", "f", "h"])
def test_the_check_sees_one_changed_weight(name, monkeypatch):
    one, two = contenders(name)
    load = two.load

    def fault(weights):
        weights[0][3] *= 1.5
        load(weights)

    monkeypatch.setattr(two, "load", fault)
    with pytest.raises(ValueError, match="the losses must agree to [45] digits, got"):
        check(name, one, two)


@pytest.mark.reference
def test_the_check_sees_another_learning_rate(monkeypatch):
    from minidrop.bench import in_torch

    one, two = contenders("b")
    monkeypatch.setattr(in_torch, "LR", 0.011)
    with pytest.raises(ValueError, match="at step 2"):
        check("b", one, two)


@pytest.mark.reference
@pytest.mark.parametrize("name", ["a", "h"])
def test_the_check_sees_another_mask(name, monkeypatch):
    one, two = contenders(name)
    under = two.under
    monkeypatch.setattr(two, "under", lambda masks: under([masks[0], ~masks[1]]))
    with pytest.raises(ValueError, match="at step 1"):
        check(name, one, two)


@pytest.mark.reference
@pytest.mark.parametrize("who", [0, 1])
def test_the_check_sees_another_rate(who):
    both = contenders("g")
    both[who].drop.p = 0.4
    with pytest.raises(ValueError, match="must compute dropout with p = 0.5"):
        check("g", *both)


@pytest.mark.reference
def test_the_peak_of_torch_is_what_it_holds_at_one_time():
    import torch

    x = torch.ones(250_000)                       # a MB
    memory.torch_peak(lambda: None)               # the first profile is thrown away
    assert memory.torch_peak(lambda: [x + 0 for _ in range(3)]) == pytest.approx(3, abs=0.1)
    assert memory.torch_peak(lambda: [len(x + 0) for _ in range(3)]) == pytest.approx(1, abs=0.1)
    assert memory.torch_peak(lambda: None) is None


@pytest.mark.reference
@pytest.mark.parametrize("name", ["a", "b", "c", "d", "g", "h"])
def test_minidrop_and_jax_compute_the_same(name, monkeypatch):
    pytest.importorskip("jax", reason="JAX comes with no extra of minidrop")
    from minidrop.bench import in_jax, networks

    if name == "g":
        return check("g", ours.DropoutAlone(0.5, (64, 500)), in_jax.DropoutAlone(0.5, (64, 500)))
    _, network, shape = steps.WORKLOADS[name]
    if name == "h":
        network, shape = partial(networks.connections, sizes=(30, 40, 40, 10), p=0.5), (20, 30)
    rival = in_jax.Training(in_jax.NETWORKS[name], shape)
    check(name, ours.Training(network, shape), rival)
    before = [np.array(w) for w in rival.weights]
    assert np.isfinite(rival.step()) and np.isfinite(rival.step())
    assert all((np.asarray(w) != w2).any() for w, w2 in zip(rival.weights, before, strict=True))


def test_a_workload_that_is_not_there_in_jax_is_refused():
    from minidrop.bench import in_jax

    with pytest.raises(ValueError, match="in JAX there are the workloads a, b, c, d, h, g, not e"):
        in_jax.contender("e")


@pytest.mark.reference
def test_torch_that_waits_for_its_turn_takes_no_time_of_the_processor():
    """Its threads spin for a moment, and a turn begins when they have stopped."""
    with Worker(steps.LIBRARIES["torch"], "c") as worker:
        worker.ready()
        worker.clock(2)
        time.sleep(measure.PAUSE)
        start = cpu_seconds(worker.process.pid)
        time.sleep(0.3)
        assert cpu_seconds(worker.process.pid) - start <= 0.02


# --- what pruning saves ---------------------------------------------------------------------------

PRUNING_KEYS = ["workload", "network", "kept", "numbers", "nonzero", "mb", "ms", "numbers_ratio",
                "ms_ratio", "spread", "blas", "threads", "versions"]
SMALL = {"mlp": (lambda: models.mlp(8, 64, 64, 3), (4, 8))}


def test_pruning_records_have_the_promised_keys_and_a_table(quick):
    records = list(pruning.run(blocks=2, networks=SMALL, progress=False))
    assert [list(record) for record in records] == 4 * [PRUNING_KEYS]
    whole, half, quarter, weights = [[r["numbers"], r["nonzero"], r["mb"]] for r in records]
    numbers = [8 * n + n + n * n + n + n * 3 + 3 for n in (64, 32, 16)]
    assert [whole, half, quarter] == [[n, n, 4 * n / 1e6] for n in numbers]
    assert weights == [numbers[0], numbers[0] - 3 * 64 * (8 + 64) // 4, 4 * numbers[0] / 1e6]
    assert records[0]["ms_ratio"] == records[3]["numbers_ratio"] == 1
    head, *lines = pruning.table(records).splitlines()
    assert {len(line) for line in lines[:4]} == {len(head)} and lines[4] == ""
    assert [line.split()[-2] for line in lines[:4]] == [
        f"{100 * r['numbers_ratio']:.1f}%" for r in records]
    assert [line.split()[0] for line in lines[5:]] == [
        "BLAS", "threads", "versions", "numbers", "ms"]


@pytest.mark.parametrize("shift", [0.0, 3e-4, math.nan])
def test_pruning_is_not_timed_where_the_small_network_computes_something_else(shift, monkeypatch,
                                                                              quick):
    def other(net):
        small = nn.compress(net) if shift else models.mlp(8, 64, 64, 3).init(1)
        small.out.bias.data[0] += shift
        return small

    monkeypatch.setattr(pruning, "compress", other)
    with pytest.raises(ValueError, match="must give the outputs of the pruned one"):
        list(pruning.run(blocks=1, networks=SMALL, progress=False))
