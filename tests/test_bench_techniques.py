"""The table of what techniques cost, with contenders of known times; beside PyTorch when asked."""

import re
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from minidrop.bench import acts, layers, measure, techniques, twins

pytestmark = pytest.mark.slow

KEYS = ["workload", "technique", "ms", "torch_ms", "cost", "torch_cost", "ratio", "spread", "blas",
        "threads", "versions"]


class Fake:
    """Four steps that say who they are; `calls` says what was asked for."""

    def __init__(self):
        self.calls = []

    def check(self):
        self.calls.append("check")

    def steps(self):
        return [partial(self.calls.append, who) for who in ("plain", "with", "plain2", "with2")]

    def together(self, *times):
        return times


@pytest.fixture
def fake(monkeypatch):
    """A technique "z" without PyTorch, whose steps take 10, 15, 20 and 60 ms in the first block."""
    both = Fake()
    monkeypatch.setattr(techniques, "TECHNIQUES", {"z": ("a technique", lambda: both)})
    monkeypatch.setattr(techniques, "reference", lambda: SimpleNamespace(
        __version__="0.0", get_num_threads=lambda: 1))
    slow = np.array([1, 4, 2])                    # the machine, in three blocks
    monkeypatch.setattr(techniques, "in_turns", lambda given, blocks, *rest: (
        [step() for step in given], [ms * slow for ms in (10, 15, 20, 60)])[1])
    return both


def test_a_record_has_the_promised_keys_and_medians_of_neighbouring_turns(fake):
    record, = techniques.run(["z"], progress=False)
    assert list(record) == KEYS
    assert [record[key] for key in KEYS[:7]] == ["techniques", "z", 30, 120, 1.5, 3, 0.25]
    assert fake.calls == ["check", "plain", "with", "plain2", "with2"]


def test_the_table_is_aligned_and_says_what_a_cost_is(fake, monkeypatch):
    records = list(techniques.run(["z"], progress=False))
    group, head, line, *rest = techniques.table(records).splitlines()
    assert group.split() == ["minidrop", "torch"]
    assert head.split() == ["ms", "cost", "ms", "cost", "ratio"] and len(head) == len(line)
    assert line.split() == ["a", "technique", "30.000", "1.500", "120.000", "3.000", "0.250"]
    assert [word.split()[0] for word in rest if word[:1].strip()] == [
        "BLAS", "threads", "versions", "cost"]
    monkeypatch.setattr(techniques, "TECHNIQUES", {})
    assert techniques.table(records).splitlines()[2].startswith("z ")
    assert techniques.table([]).splitlines()[1] == head


def test_unknown_names_and_blocks_are_refused(fake):
    with pytest.raises(ValueError, match="names must be one of 'z', got 'q'"):
        techniques.run(["q"])
    with pytest.raises(ValueError, match="blocks must be a whole number"):
        techniques.run(["z"], blocks=0)


def test_an_act_costs_a_step_with_it_over_a_step():
    act = acts.Act.__new__(acts.Act)
    plain, both, plain2, both2 = act.together([10, 20], [1, 3], [5, 5], [5, 10])
    assert (both / plain).tolist() == [1.1, 1.15] and (both2 / plain2).tolist() == [2, 3]


def test_every_title_fits_the_table():
    assert all(len(title) <= 52 for title, _ in techniques.TECHNIQUES.values())


# --- beside PyTorch ------------------------------------------------------------------------------

DRAWN = ("dropout", "gaussian", "alpha", "spatial", "dropblock", "multi_sample", "dropconnect",
         "targeted", "targeted_units", "depth_rows")


@pytest.mark.reference
@pytest.mark.parametrize("name", techniques.TECHNIQUES)
def test_minidrop_and_torch_compute_the_same(name):
    both = techniques.TECHNIQUES[name][1]()
    both.check()
    for step in both.steps():
        step()


@pytest.mark.reference
@pytest.mark.parametrize("name", DRAWN)
def test_the_check_of_a_layer_sees_another_noise(name, monkeypatch):
    both = techniques.TECHNIQUES[name][1]()
    given = both.net2
    monkeypatch.setattr(both, "net2", lambda layer, x, noise=None: given(layer, x, noise.flip(0)))
    with pytest.raises(ValueError, match="both must compute the same, got numbers"):
        both.check()


@pytest.mark.reference
@pytest.mark.parametrize("name", DRAWN)
def test_what_torch_draws_is_dropped_as_often_as_ours(name):
    """The shares of zeros in what comes out of ones, or of unit weights, in both.

    A draw for each example makes few draws: the deviation is off by up to 8 % (1 sigma) in a step.
    """
    torch, both = techniques.reference(), techniques.TECHNIQUES[name][1]()
    torch.manual_seed(0)
    found = []
    for step, array in ((lambda: both.ours(both.net)[0], np.asarray),
                        (lambda: both.theirs(both.net2)[0], lambda y: y.numpy())):
        ys = [array(step()) for _ in range(16)]
        found.append(np.mean([[y.mean(), y.std()] for y in ys], axis=0))
    assert np.allclose(*found, rtol=0.05, atol=0.02), torch.__version__


@pytest.mark.reference
@pytest.mark.parametrize("name", ["l1", "l2", "max_norm"])
def test_the_check_of_an_act_sees_a_fault(name, monkeypatch):
    both = techniques.TECHNIQUES[name][1]()
    given = both.act2
    monkeypatch.setattr(both, "act2", lambda: [1.01 * np.asarray(v) for v in given()])
    with pytest.raises(ValueError, match="both must compute the same"):
        both.check()


@pytest.mark.reference
def test_the_check_of_depth_sees_another_gate(monkeypatch):
    both = acts.Depth(blocks=2)
    monkeypatch.setattr(twins, "left_out", None)
    blocks2 = [m for m in both.few.twin.children() if hasattr(m, "gate")]
    assert len(blocks2) == 6
    for m in blocks2:
        m.forward = lambda x, m=m: m.branch(x) + m.skip(x)
    with pytest.raises(ValueError, match="the losses must agree to 10 digits"):
        both.check()


@pytest.mark.reference
def test_a_technique_runs_beside_torch(monkeypatch):
    monkeypatch.setattr(measure, "BLOCK", 0)
    record, = techniques.run(["dropconnect_batch"], blocks=2, progress=False)
    assert list(record) == KEYS and all(record[key] > 0 for key in KEYS[2:7])
    assert re.match("DropConnect 0.5 for the batch", techniques.table([record]).splitlines()[2])
    assert layers.LAYERS.keys() | acts.ACTS.keys() == techniques.TECHNIQUES.keys()
