"""The measuring machinery, with contenders that sleep; beside PyTorch with --reference."""

import math
import re
import time
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from minidrop import bench, bench_pruning, bench_samples, models, nn, workloads

pytestmark = pytest.mark.slow

KEYS = ["workload", "ms", "torch_ms", "ratio", "peak_mb", "torch_peak_mb", "blas", "threads",
        "versions"]


class Fake:
    """Steps that sleep, ours twice as long, and allocate; `calls` says who was asked what."""

    def __init__(self):
        self.calls = []

    def ours(self):
        self.calls.append("ours")
        np.ones(10**6, "u1")
        time.sleep(0.004)

    def theirs(self):
        self.calls.append("theirs")
        time.sleep(0.002)

    def check(self):
        self.calls.append("check")


@pytest.fixture
def fake(monkeypatch):
    """A workload "z" without PyTorch."""
    workload = Fake()
    monkeypatch.setattr(bench, "WORKLOADS", {"z": ("two sleeps", lambda: workload)})
    monkeypatch.setattr(bench, "reference", lambda: SimpleNamespace(
        __version__="0.0", get_num_threads=lambda: 1))
    monkeypatch.setattr(bench, "torch_peak", lambda step: None)
    return workload


def test_a_record_has_the_promised_keys_and_plain_values(fake):
    record, = bench.run(["z"], blocks=3, progress=False)
    assert list(record) == KEYS and record["workload"] == "z"
    assert record["ms"] >= 4 and record["torch_ms"] >= 2
    assert 1.0 <= record["peak_mb"] < 1.2 and record["torch_peak_mb"] is None
    assert set(record["threads"]) == {"blas", "minidrop", "torch"}
    assert set(record["versions"]) == {"python", "numpy", "torch", "minidrop", "platform"}
    assert isinstance(record["blas"], str)


def test_nothing_is_timed_before_the_check_and_turns_alternate(fake):
    bench.run(["z"], blocks=4, progress=False)
    assert fake.calls.index("check") == 0
    changes = sum(a != b for a, b in zip(fake.calls, fake.calls[1:], strict=False))
    assert 6 <= changes <= 9                      # each block takes the other order


def test_the_ratio_is_the_median_of_neighbouring_blocks(monkeypatch):
    seconds = {"ours": iter([1.0, 1.0, 1.0, 2.0, 9.0]), "theirs": iter([1.0, 1.0, 2.0, 2.0, 3.0])}
    monkeypatch.setattr(bench, "PAUSE", 0)
    monkeypatch.setattr(bench, "clock", lambda step, n: next(seconds[step()]))
    result = bench.compare(lambda: "ours", lambda: "theirs", blocks=3)
    assert result == {"ms": 2000, "torch_ms": 2000, "ratio": 1.0}    # of 1/2, 2/2 and 9/3


def test_a_turn_is_a_step_that_is_not_timed_and_then_the_time_of_one_of_many(monkeypatch):
    monkeypatch.setattr(bench, "PAUSE", 0)
    monkeypatch.setattr(bench, "clock", lambda step, n: n * 0.004)    # 8 steps last a block
    calls = []
    times = bench.in_turns([lambda: calls.append(0), lambda: calls.append(1)], blocks=3)
    assert calls == [0, 1, 1, 0, 0, 1]
    np.testing.assert_allclose(times, np.full((2, 3), 4.0))


def test_a_block_lasts_long_enough():
    n = bench.steps_in_block(lambda: time.sleep(0.001))
    assert 4 <= n <= 32 and n & (n - 1) == 0


def test_our_peak_counts_what_is_held_at_one_time():
    before = np.ones(10**6, "u1")
    assert 3.0 <= bench.our_peak(lambda: [before + 0 for _ in range(3)]) < 3.2
    assert 1.0 <= bench.our_peak(lambda: [len(before + 0) for _ in range(3)]) < 1.2


def test_the_table_is_aligned_and_has_units(fake):
    record, = bench.run(["z"], blocks=1, progress=False)
    record |= {"ms": 1.5, "torch_ms": 3.0, "ratio": 0.5}
    head, line, blank, *rest = bench.table([record]).splitlines()
    assert head.split() == ["minidrop", "ms", "torch", "ms", "ratio", "peak", "MB", "torch", "peak",
                            "MB"]
    assert line.split()[:6] == ["z", "two", "sleeps", "1.500", "3.000", "0.500"]
    assert line.endswith(" -") and len(head) == len(line) and blank == ""
    assert rest[0].startswith("BLAS") and "torch 1" in rest[1] and "torch 0.0" in rest[2]
    assert bench.table([]).strip() == head.strip()


def test_the_table_shows_records_of_a_workload_that_is_not_known_here(fake, monkeypatch):
    records = bench.run(["z"], blocks=1, progress=False)
    monkeypatch.setattr(bench, "WORKLOADS", {})
    assert bench.table(records).splitlines()[1].startswith("z ")


def test_an_unknown_name_is_refused(fake):
    with pytest.raises(ValueError, match="names must be one of 'z', got 'q'"):
        bench.run(["q"])


@pytest.mark.parametrize("blocks", [0, -1, 1.5])
def test_blocks_is_a_positive_whole_number(fake, blocks):
    with pytest.raises((TypeError, ValueError), match="blocks must be a whole number"):
        bench.run(["z"], blocks=blocks)


def test_without_torch_one_sentence_says_what_to_install(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(bench.importlib, "import_module", missing)
    with pytest.raises(ValueError, match=r'pip install "minidrop\[reference\]"') as error:
        bench.run(["b"])
    assert "\n" not in str(error.value)


# --- multi-sample dropout beside the repeated batch ----------------------------------------------

SAMPLE_KEYS = ["workload", "m", "ms", "growth", "peak_mb", "repeated_ms", "repeated_growth",
               "repeated_peak_mb", "ratio", "head", "blas", "threads", "versions"]


@pytest.fixture
def quick(monkeypatch):
    """Blocks of one step, which need no pause."""
    monkeypatch.setattr(bench, "BLOCK", 0)
    monkeypatch.setattr(bench, "PAUSE", 0)


def small(most=3):
    return bench_samples.Contenders(batch=2, size=8, most=most)


def test_multi_sample_records_have_the_promised_keys_and_a_table(quick):
    records = bench_samples.run((1, 2, 4), blocks=2, progress=False, batch=2, size=8)
    assert [list(record) for record in records] == 3 * [SAMPLE_KEYS]
    assert [record["m"] for record in records] == [1, 2, 4] and records[0]["growth"] == 1
    assert all(record[key] > 0 for record in records for key in SAMPLE_KEYS[2:10])
    assert len({record["head"] for record in records}) == 1 and 0 < records[0]["head"] < 1
    assert "torch" not in records[0]["versions"]          # which it does not need
    groups, head, *lines = bench_samples.table(records).splitlines()
    assert groups.split() == ["m", "samples", "batch", "repeated", "m", "times"]
    assert head.split() == ["m", *2 * ["ms", "to", "m", "=", "1", "peak", "MB"], "ratio"]
    numbers = [key for key in SAMPLE_KEYS[1:9] if key != "head"]
    assert [[float(word) for word in line.split()] for line in lines[:3]] == [
        [pytest.approx(record[key], abs=0.0051) for key in numbers] for record in records]
    assert {len(line) for line in (head, *lines[:3])} == {len(head)} and lines[3] == ""
    assert re.fullmatch(r"head +[\d.]+% of a step at m = 1: .*", lines[4])
    assert [line.split()[0] for line in lines[5:]] == ["BLAS", "threads", "versions"]


def test_growth_and_ratio_are_medians_of_neighbouring_turns(monkeypatch, quick):
    """Of both, in three blocks, 10 ms for a step with one sample, 20 ms on a slow machine."""
    slow = [1, 2, 2]
    times = [[1 * s for s in slow], [10 * s for s in slow], [10 * s for s in slow],
             [15 * s for s in slow], [40 * s for s in slow]]
    monkeypatch.setattr(bench_samples, "in_turns", lambda steps, *rest: times)
    one, four = bench_samples.run((1, 4), blocks=3, progress=False, batch=1, size=4)
    assert one["head"] == four["head"] == 0.1 and (one["ms"], four["ms"]) == (20, 30)
    assert (four["growth"], four["repeated_growth"], four["ratio"]) == (1.5, 4, 0.375)


def test_every_number_of_the_table_is_of_its_own_step(monkeypatch):
    """Steps that give the milliseconds and megabytes of what they were asked for."""
    steps = {"samples": lambda both, m: m, "repeated": lambda both, m: 100 * m,
             "head": lambda both: 0.25, "check": lambda both, m: None}
    for name, step in steps.items():
        monkeypatch.setattr(bench_samples.Contenders, name, step)
    monkeypatch.setattr(bench_samples, "our_peak", lambda step: step() / 2)
    monkeypatch.setattr(bench_samples, "in_turns", lambda given, blocks, *rest: [
        [step()] * blocks for step in given])
    for record, m in zip(bench_samples.run((1, 4, 8), blocks=3, progress=False, batch=1, size=4),
                         (1, 4, 8), strict=True):
        assert [record[key] for key in SAMPLE_KEYS[1:10]] == [
            m, m, m, m / 2, 100 * m, 100 * m, 50 * m, 0.01, 0.25]


def test_every_m_is_checked_before_anything_is_timed(monkeypatch, quick):
    calls = []
    monkeypatch.setattr(bench_samples.Contenders, "check", lambda self, m: calls.append(m))
    monkeypatch.setattr(bench_samples, "in_turns", lambda steps, *rest: [
        calls.append("timed") or [1.0] for step in steps])
    bench_samples.run((1, 3), blocks=1, progress=False, batch=1, size=4)
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
    both = small(most=8)
    both.samples(8), both.repeated(8)
    once, eight, repeated = (bench.our_peak(lambda step=step, m=m: step(m)) for step, m in (
        (both.samples, 1), (both.samples, 8), (both.repeated, 8)))
    assert eight < 1.5 * once and repeated > 2 * eight


# --- beside PyTorch ------------------------------------------------------------------------------

def make(name):
    """The real workload; (g) and (h) smaller."""
    if name == "g":
        return workloads.DropoutAlone(0.5, (64, 500))
    if name == "h":
        network = partial(workloads.connections, sizes=(30, 40, 40, 10), p=0.5)
        return workloads.Training(network, (20, 30))
    return bench.WORKLOADS[name][1]()


@pytest.mark.reference
def test_b_runs_beside_torch():
    record, = bench.run(["b"], blocks=2, progress=False)
    assert list(record) == KEYS
    assert all(record[key] > 0 for key in KEYS[1:6])
    assert record["peak_mb"] < 0.3 and record["torch_peak_mb"] < 0.3
    assert bench.table([record]).splitlines()[1].startswith("b  MLP 64-128-10")


@pytest.mark.reference
@pytest.mark.parametrize("name", bench.WORKLOADS)
def test_minidrop_and_torch_compute_the_same(name):
    make(name).check()


@pytest.mark.reference
@pytest.mark.parametrize("name", ["a", "b", "c", "d", "e", "f", "h"])
def test_a_workload_is_what_its_title_says(name):
    title, build = bench.WORKLOADS[name]
    x = build().x
    assert title.endswith(f", batch {len(x)}")
    assert f" {x.shape[1]}-" in title if x.ndim == 2 else " x ".join(map(str, x.shape[1:])) in title


@pytest.mark.reference
def test_f_is_the_same_transformer_in_both():
    """The losses alone would not tell GELU in its tanh form from the exact one."""
    torch, workload = bench.reference(), make("f")
    assert "width 192, depth 4" in bench.WORKLOADS["f"][0]
    assert workload.net.out.weight.shape == (10, 192)
    assert {f"block{k}" for k in range(1, 6)} & vars(workload.net).keys() == {
        f"block{k}" for k in range(1, 5)}
    assert workload.net.block1.attention.sum.branch.heads.heads == 3
    assert workload.net.embed.patches.patch == (4, 4)
    ours = [m.approximate for _, m in workload.net.named_modules() if isinstance(m, nn.GELU)]
    theirs = [m.approximate for m in workload.twin.modules() if isinstance(m, torch.nn.GELU)]
    assert ours == theirs == ["tanh"] * 4


@pytest.mark.reference
@pytest.mark.parametrize("name", ["a", "b", "c", "d", "e", "f", "h"])
def test_the_check_sees_one_changed_weight(name):
    workload = make(name)
    workload.net.parameters()[0].data[3] *= 1.5
    with pytest.raises(ValueError, match="the losses must agree to 5 digits, got"):
        workload.check()


@pytest.mark.reference
def test_the_check_sees_another_learning_rate():
    workload = make("b")
    workload.sgd.lr *= 1.1
    with pytest.raises(ValueError, match="at step 2"):
        workload.check()


@pytest.mark.reference
@pytest.mark.parametrize("name, layer", [("a", "dropout2"), ("h", "dropconnect2")])
def test_the_check_sees_another_mask(name, layer, monkeypatch):
    workload = make(name)
    ours = workload.ours

    def fault():
        loss = ours()
        changed = getattr(workload.net, layer)
        changed.noise = ~changed.noise
        return loss

    monkeypatch.setattr(workload, "ours", fault)
    with pytest.raises(ValueError, match="at step 1"):
        workload.check()


@pytest.mark.reference
@pytest.mark.parametrize("who", ["drop", "drop2"])
def test_the_check_sees_another_rate(who):
    workload = make("g")
    getattr(workload, who).p = 0.4
    with pytest.raises(ValueError, match="must compute dropout with p = 0.5"):
        workload.check()


@pytest.mark.reference
def test_the_peak_of_torch_is_what_it_holds_at_one_time():
    torch = bench.reference()
    x = torch.ones(250_000)                       # a MB
    bench.torch_peak(lambda: None)                # the first profile is thrown away
    assert bench.torch_peak(lambda: [x + 0 for _ in range(3)]) == pytest.approx(3, abs=0.1)
    assert bench.torch_peak(lambda: [len(x + 0) for _ in range(3)]) == pytest.approx(1, abs=0.1)
    assert bench.torch_peak(lambda: None) is None


# --- what pruning saves ---------------------------------------------------------------------------

PRUNING_KEYS = ["workload", "network", "kept", "numbers", "nonzero", "mb", "ms", "numbers_ratio",
                "ms_ratio", "blas", "threads", "versions"]
SMALL = {"mlp": (lambda: models.mlp(8, 64, 64, 3), (4, 8))}


def test_pruning_records_have_the_promised_keys_and_a_table(quick):
    records = bench_pruning.run(blocks=2, networks=SMALL, progress=False)
    assert [list(record) for record in records] == 4 * [PRUNING_KEYS]
    whole, half, quarter, weights = [[r["numbers"], r["nonzero"], r["mb"]] for r in records]
    numbers = [8 * n + n + n * n + n + n * 3 + 3 for n in (64, 32, 16)]
    assert [whole, half, quarter] == [[n, n, 4 * n / 1e6] for n in numbers]
    assert weights == [numbers[0], numbers[0] - 3 * 64 * (8 + 64) // 4, 4 * numbers[0] / 1e6]
    assert records[0]["ms_ratio"] == records[3]["numbers_ratio"] == 1
    head, *lines = bench_pruning.table(records).splitlines()
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

    monkeypatch.setattr(bench_pruning, "compress", other)
    with pytest.raises(ValueError, match="must give the outputs of the pruned one"):
        bench_pruning.run(blocks=1, networks=SMALL, progress=False)
