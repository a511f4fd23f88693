"""What a step costs by size: the fit, the counts, the verdict; and that nothing grows too fast."""

import json
import math
import runpy
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from minidrop import nn, optim, train_step
from minidrop.bench import measure, networks, ours, sizes
from minidrop.cli import main

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
KEYS = ["workload", "way", "title", "sizes", "gflop", "ms", "peak_mb", "torch_ms", "torch_peak_mb",
        "exponents", "cpu", "blas", "threads", "versions"]
SMALL = {
    "width": (16, 32, 64, 128, 256, 512),
    "depth": (2, 4, 8, 16, 32, 64),
    "batch": (2, 4, 8, 16, 32),
    "image": (8, 16, 32, 64, 128),
}


@pytest.fixture
def alone(monkeypatch):
    """No PyTorch, blocks of one step, no pauses."""
    monkeypatch.setattr(sizes.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(measure, "BLOCK", 0)
    monkeypatch.setattr(measure, "PAUSE", 0)


def tiny():
    return {"width": sizes.WAYS["width"]._replace(
        sizes=(4, 8, 16), make=lambda n: (partial(networks.perceptron, sizes=(3, n, 10)), (2, 3)))}


def test_a_record_has_the_promised_keys_and_a_table(alone):
    record, = sizes.run(2, tiny(), progress=False)
    assert list(record) == KEYS and record["sizes"] == [4, 8, 16]
    assert record["torch_ms"] is record["torch_peak_mb"] is None
    assert all(len(record[key]) == 3 and min(record[key]) > 0
               for key in ("gflop", "ms", "peak_mb"))
    mean, half = record["exponents"]["ms"]
    assert math.isfinite(mean) and half >= 0
    record["exponents"]["ms"] = [1.2, 0.1]
    title, head, *lines = sizes.table([record]).splitlines()
    assert title == "width: MLP 784-n-n-10, batch 128"
    assert head.split() == ["n", "GFLOP", "ms", "torch", "ms", "peak", "MB", "torch", "peak", "MB"]
    assert [line.split()[0] for line in lines[:4]] == ["4", "8", "16", "exponent"]
    assert {len(line) for line in (head, *lines[:4])} == {len(head)}
    assert [line.split()[3] for line in lines[:3]] == ["-"] * 3        # of PyTorch
    assert lines[5].startswith("faster than its arithmetic, by more than 0.15 in the exponent")
    assert [line.split()[0] for line in lines[7:]] == ["CPU", "BLAS", "threads", "versions"]


def test_exponents_are_those_of_the_larger_half_block_by_block(alone, monkeypatch):
    """Times 7, then n^1 in one block and n^2 in the other: 1.5, and Student's t with n - 1 = 1."""
    monkeypatch.setattr(sizes, "in_turns", lambda steps, blocks, *rest: [
        [7, 7] if n < 16 else [3 * n, 3 * n**2] for n in (4, 8, 16, 32)][:len(steps)])
    way = tiny()["width"]._replace(sizes=(4, 8, 16, 32))
    record, = sizes.run(2, {"width": way}, progress=False)
    mean, half = record["exponents"]["ms"]
    assert mean == pytest.approx(1.5) and half == pytest.approx(12.706 * 0.5, rel=1e-4)
    assert record["ms"] == [7, 7, (48 + 3 * 256) / 2, (96 + 3 * 1024) / 2]


def test_arithmetic_is_what_the_products_of_a_step_multiply():
    """Of the weights, in all of the three products, each of which is counted as it is called."""
    network, shape = sizes.WAYS["image"].make(8)
    first, second, head = 16 * (27 + 1) * 64, 32 * (144 + 1) * 16, 10 * 33
    assert sizes.arithmetic(network, shape) == 2 * 8 * (2 * first + 3 * second + 3 * head)
    network, shape = sizes.WAYS["width"].make(64)
    assert sizes.arithmetic(network, shape) == 256 * (2 * 64 * 785 + 3 * 64 * 65 + 3 * 10 * 65)


def test_arithmetic_grows_as_it_should():
    for name, due in (("depth", 1), ("batch", 1), ("image", 2)):
        way = sizes.WAYS[name]
        counts = [sizes.arithmetic(*way.make(n)) for n in way.sizes]
        assert sizes.exponent(way.sizes, counts) == pytest.approx(due, abs=0.03)


@pytest.mark.parametrize("ms, peak, faster", [
    (1.64, 1.0, []), (1.66, 1.0, ["ms"]), (1.0, 1.66, ["peak_mb"]), (2, 2, ["ms", "peak_mb"])])
def test_what_grows_faster_is_named(ms, peak, faster, alone):
    record, = sizes.run(2, tiny(), progress=False)
    record["exponents"] = {"gflop": 1.5, "ms": [ms, 0.1], "peak_mb": peak, "torch_ms": None,
                           "torch_peak_mb": None}
    assert sizes.grows_faster(record) == faster
    line = next(line for line in sizes.table([record]).splitlines() if line.startswith("faster"))
    named = {"ms": "width (ms)", "peak_mb": "width (peak MB)"}
    assert line.endswith(": " + (", ".join(named[key] for key in faster) or "nothing"))


def test_an_exponent_that_is_hardly_known_is_marked(alone):
    record, = sizes.run(2, tiny(), progress=False)
    for half, marked in ((0.15, False), (0.16, True)):
        record["exponents"]["ms"] = [1.2, half]
        text = sizes.table([record])
        assert (f"1.20 +- {half}?" in text) == ("\n?  " in text) == marked


def test_a_figure_has_time_above_memory_for_each_way(alone, tmp_path):
    records = list(sizes.run(2, tiny() | {"depth": tiny()["width"]}, progress=False))
    sizes.plot(records, tmp_path / "sizes.png")
    assert (tmp_path / "sizes.png").stat().st_size > 5000


def test_the_command_draws_and_writes(alone, tmp_path, monkeypatch):
    monkeypatch.setattr(sizes, "WAYS", tiny())
    target, figure = tmp_path / "sizes.json", tmp_path / "sizes.png"
    done = CliRunner().invoke(main, ["bench", "sizes", "--blocks", "2", "--json", str(target),
                                     "--plot", str(figure)])
    assert done.exit_code == 0, done.output
    assert "width: MLP" in done.output and figure.stat().st_size > 5000
    assert [list(r) for r in json.loads(target.read_text(encoding="utf-8"))] == [KEYS]


def test_the_page_on_speed_holds_what_is_given_and_not_the_machine_s_system(alone, tmp_path):
    page = runpy.run_path(str(ROOT / "site/scripts/speed.py"), run_name="speed")["page"]
    records = list(sizes.run(2, tiny(), progress=False))
    text = page([records], tmp_path)
    assert sizes.table(records).split("\n\n")[0] in text and "minidrop bench sizes\n" in text
    assert "## What size costs" in text and "## Whole steps" not in text
    assert records[0]["versions"]["platform"] not in text
    assert (tmp_path / "speed-sizes.png").stat().st_size > 5000
    with pytest.raises(ValueError, match="files must be of minidrop bench, .* got one of pruning"):
        page([[{"workload": "pruning"}]], tmp_path)


def test_the_page_joins_parts_of_a_table_and_the_last_of_a_line_counts(tmp_path):
    page = runpy.run_path(str(ROOT / "site/scripts/speed.py"), run_name="speed")["page"]
    first, second, again = ({
        "workload": "techniques", "technique": name, "ms": 1, "torch_ms": 1, "cost": cost,
        "torch_cost": 1, "ratio": ratio, "blas": "none", "threads": {}, "versions": {}}
        for name, cost, ratio in (("dropout", 1.5, 2), ("cutout", 1.25, 0.5), ("dropout", 1.75, 3)))
    text = page([[first], [second], [again]], tmp_path)
    assert text.count("minidrop bench techniques") == text.count("dropout 0.5, rows") == 1
    assert "1.750" in text and "1.250" in text and "1.500" not in text
    assert "by this factor, in: dropout (3.00).\n" in text and not [*tmp_path.iterdir()]
    assert page([], tmp_path) == page([[]], tmp_path)


def test_one_block_gives_no_interval(alone):
    with pytest.raises(ValueError, match="blocks must be a whole number of at least 2, got 1"):
        sizes.run(1, tiny())


@pytest.mark.reference
def test_pytorch_takes_part_and_computes_the_same(alone, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(measure, "BLOCK", 0)
    record, = sizes.run(2, tiny(), progress=False)
    assert len(record["torch_ms"]) == 3 and record["exponents"]["torch_ms"]
    start = ours.Training.start
    monkeypatch.setattr(ours.Training, "start", lambda self: [2 * w for w in start(self)])
    with pytest.raises(ValueError, match="the losses must agree to 5 digits"):
        list(sizes.run(2, tiny(), progress=False))


# --- nothing grows faster than its arithmetic -----------------------------------------------------

@pytest.mark.parametrize("name", sizes.WAYS)
def test_neither_time_nor_memory_grows_faster_than_the_arithmetic(name, alone, monkeypatch):
    """The time is that of the processor, the least of all turns: a neighbour counts little, and
    less with more turns, which are taken while a time seems to grow too fast.

    Yet he takes a part of the caches, which a deep network fills with its weights: its time is
    tested below, by what does not depend on them.
    """
    turns: list = []
    monkeypatch.setattr(sizes, "in_turns", lambda steps, *rest:
                        [2 * [t] for t in least(steps, turns)])
    for _ in range(4):
        record, = sizes.run(2, {name: sizes.WAYS[name]._replace(sizes=SMALL[name])}, progress=False)
        if set(sizes.grows_faster(record)) <= {*["ms"][:name == "depth"]}:
            return
    raise AssertionError(record["exponents"])


def least(steps, turns):
    """The least time of each step in all `turns`, to which five are added."""
    for _ in range(5):
        turns.append(found := [])
        for step in steps:
            start = time.process_time()
            step()
            found.append(time.process_time() - start)
    return [min(times) for times in zip(*turns, strict=True)]


class Residual(nn.Module):
    def __init__(self, depth):
        self.layers = [nn.Linear(4, 4) for _ in range(depth)]

    def forward(self, x):
        for layer in self.layers:
            x = x + layer(x) / len(self.layers)
        return x


class Shared(Residual):
    """One value that every layer uses."""

    def forward(self, x):
        return sum((layer(x) for layer in self.layers[1:]), self.layers[0](x)) / len(self.layers)


DEEP = {"chain": lambda depth: nn.Sequential(*(layer for _ in range(depth)
                                               for layer in (nn.Linear(4, 4), nn.ReLU()))),
        "residual": Residual, "shared": Shared}


@pytest.mark.parametrize("net", DEEP.values(), ids=DEEP)
@pytest.mark.parametrize("optimizer", [optim.SGD, optim.Adam])
def test_the_calls_of_a_step_grow_as_the_layers_do(net, optimizer):
    """Counted, not timed: a layer more costs as many calls in 400 layers as in 100."""
    calls = []
    for depth in (100, 200, 400):
        step = trained(net(depth), optimizer)
        step()
        count = 0

        def counted(*event):
            nonlocal count
            count += 1

        sys.setprofile(counted)
        try:
            step()
        finally:
            sys.setprofile(None)
        calls.append(count)
    assert calls[2] - calls[1] == pytest.approx(2 * (calls[1] - calls[0]), rel=0.02)


@pytest.mark.parametrize("net", DEEP.values(), ids=DEEP)
def test_a_layer_takes_as_long_among_2000_as_among_250(net):
    """What makes no calls, such as a list that is searched, would take 8 times as long."""
    few, many = least([trained(net(depth), optim.SGD) for depth in (250, 2000)], [])
    assert many / 2000 < 2 * few / 250


def trained(net, optimizer):
    net.init(seed=0)
    x, y = np.ones((2, 4), "float32"), np.array([0, 1])
    return partial(train_step, net, optimizer(lr=1e-3), x, y)
