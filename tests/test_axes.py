"""site/pages/axes.md: the table and the figure say what the norms and the drop family do."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb

import minidrop as md
from minidrop.plots import DARK

SITE = Path(__file__).parents[1] / "site"
SCRIPT = runpy.run_path(str(SITE / "scripts" / "axes.py"), run_name="axes")
PAGE = (SITE / "pages" / "axes.md").read_text(encoding="utf-8")
SHAPE, ENTRY, NORMS, DROPS = (SCRIPT[name] for name in ("SHAPE", "ENTRY", "NORMS", "DROPS"))
N, C, H, W = np.indices(SHAPE)
n, c, h, w = ENTRY

AVERAGED = {                                # by index arithmetic, as Wu & He 2018 write it
    "batch norm": c == C,
    "layer norm": n == N,
    "group norm, 2 groups": (n == N) & (c // 2 == C // 2),
    "instance norm": (n == N) & (c == C),
}
DROPPED = {
    "dropout": (n == N) & (c == C) & (h == H) & (w == W),
    "DropBlock, 2 x 2": (n == N) & (c == C) & (h <= H) & (h + 2 > H) & (w <= W) & (w + 2 > W),
    "spatial dropout": (n == N) & (c == C),
    "cutout, 3 x 3": (n == N) & (h <= H) & (h + 3 > H) & (w <= W) & (w + 3 > W),
    "stochastic depth, per example": n == N,
    "stochastic depth, per batch": N >= 0,
}


def rows():
    """The cells of every row of the page's tables."""
    lines = re.findall(r"^\| (.*) \|$", PAGE, re.M)
    return {cells[0]: cells[1:] for cells in (line.split(" | ") for line in lines)}


def test_the_page_holds_the_tables_as_they_are_found_now():
    assert SCRIPT["START"] + SCRIPT["tables"]() + SCRIPT["END"] in PAGE


@pytest.mark.parametrize("name", NORMS)
def test_a_norm_averages_what_the_paper_says_and_nothing_else(name):
    """Seen from outside: an output moves if, and only if, an entry of its set does."""
    assert np.array_equal(SCRIPT["averaged_with"](NORMS[name]), AVERAGED[name])
    x, moves = np.random.default_rng(1).normal(size=SHAPE), np.zeros(SHAPE, bool)
    before = NORMS[name](x)[ENTRY]
    for place in np.ndindex(SHAPE):
        other = x.copy()
        other[place] += 1
        moves[place] = abs(NORMS[name](other)[ENTRY] - before) > 1e-9
    assert np.array_equal(moves, AVERAGED[name])
    assert int(rows()[name][1]) == AVERAGED[name].sum()


@pytest.mark.parametrize("name", DROPS)
def test_a_drop_silences_the_set_that_the_table_gives(name):
    assert np.array_equal(SCRIPT["dropped_with"](*DROPS[name]), DROPPED[name])
    assert int(rows()[name][2]) == DROPPED[name].sum()


SAMPLERS = {"dropout": "dropout_mask", "spatial dropout": "spatial_dropout_mask",
            "DropBlock, 2 x 2": "dropblock_seeds"}
MORE = {"DropBlock, 2 x 2": (2,)}                 # what a sampler takes besides rng, shape and p


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_shape_of_the_decisions_is_the_samplers(name):
    mask = getattr(md, SAMPLERS[name])(0, SHAPE, 0.5, *MORE.get(name, ()))
    assert mask.shape == DROPS[name][0] and rows()[name][0] == str(mask.shape)


def test_cutout_erases_the_square_of_one_decision():
    (shape, length), size = DROPS["cutout, 3 x 3"], SHAPE[2:]
    assert md.cutout_mask(md.cutout_centers(0, SHAPE[0], *size), length, *size).shape == shape
    around = np.array([[h + length // 2, w + length // 2]])
    erased = ~md.cutout_mask(around, length, *size)
    assert np.array_equal((n == N) & erased, DROPPED["cutout, 3 x 3"])


@pytest.mark.parametrize("mode, name", [("row", "stochastic depth, per example"),
                                        ("batch", "stochastic depth, per batch")])
def test_one_gate_of_stochastic_depth_silences_the_set_that_the_table_gives(mode, name):
    gates = np.ones_like(md.path_gate(0, SHAPE[0], 0.5, mode))
    assert gates.size == np.prod(DROPS[name][0])
    gates[(n,) * gates.ndim] = False
    gate = gates if mode == "row" else bool(gates)
    y = md.stochastic_depth(np.zeros(SHAPE), np.ones(SHAPE), gate, 0.5)
    assert np.array_equal(y == 0, DROPPED[name])


def test_sets_are_told_by_their_axes():
    along = SCRIPT["along"]
    assert [along(found) for found in AVERAGED.values()] == [
        "N, H, W", "C, H, W", "2 of C, H, W", "H, W"]
    assert along(DROPPED["dropout"]) == "itself alone"
    with pytest.raises(AssertionError):
        along(N == C)                             # a diagonal is no product of axes


def test_a_norm_over_other_axes_would_be_found(monkeypatch):
    monkeypatch.setitem(NORMS, "layer norm", md.instance_norm)
    assert SCRIPT["tables"]() not in PAGE


@pytest.mark.slow
def test_the_figure_shows_the_sets():
    figure = SCRIPT["draw"]()
    for axis in figure.axes[1:]:
        name = axis.get_title(loc="left")
        due = next(found for key, found in (AVERAGED | DROPPED).items() if key.startswith(name))
        colours = axis.collections[0].get_facecolor()[:, :3]
        dark = (np.abs(colours - np.array(to_rgb(DARK))).max(1) < 1e-6).sum()
        assert dark == due.sum()
    assert len(figure.axes) == 10
