"""Find out what each norm averages over and what each drop switches off together, and show it.

    python site/scripts/axes.py      writes site/pages/axes.png and the tables of site/pages/axes.md

Nothing is typed: a norm is asked through its gradient (an output depends on exactly the entries it
was averaged with), a drop by one closed decision of its mask.
"""

from pathlib import Path

import numpy as np

import minidrop as md
from minidrop.plots import draw_tensor, save_figure, subplots

PAGES = Path(__file__).parents[1] / "pages"
SHAPE = N, C, H, W = 3, 4, 4, 4
ENTRY = (1, 1, 1, 1)
BLOCK, SQUARE = 2, 3
START, END = "<!-- tables: written by site/scripts/axes.py -->\n", "\n<!-- end -->"

NORMS = {
    "batch norm": md.batch_norm,
    "layer norm": lambda x: md.layer_norm(x, x.shape[1:]),
    "group norm, 2 groups": lambda x: md.group_norm(x, 2),
    "instance norm": md.instance_norm,
}
# Decisions have this shape; each closes a square of `size`, or (None) all that it broadcasts over.
DROPS = {
    "dropout": ((N, C, H, W), 1),
    f"DropBlock, {BLOCK} x {BLOCK}": ((N, C, H - BLOCK + 1, W - BLOCK + 1), BLOCK),
    "spatial dropout": ((N, C, 1, 1), None),
    f"cutout, {SQUARE} x {SQUARE}": ((N, 1, H, W), SQUARE),
    "stochastic depth, per example": ((N, 1, 1, 1), None),
    "stochastic depth, per batch": ((1, 1, 1, 1), None),
}


def averaged_with(norm):
    """The entries that output ENTRY depends on: where its gradient is not zero."""
    x = md.Tensor(np.random.default_rng(0).normal(size=SHAPE), requires_grad=True)
    return md.grad(norm(x)[ENTRY], x) != 0


def dropped_with(shape, size):
    """The entries that one decision silences: of those of this shape, the one at ENTRY."""
    n, c, h, w = (min(i, many - 1) for i, many in zip(ENTRY, shape, strict=True))
    mask = np.ones((*shape[:2], H, W) if size else shape, bool)
    mask[n, c, h:h + (size or 1), w:w + (size or 1)] = False
    return md.dropout(np.ones(SHAPE), mask, 0.5) == 0


def along(marked):
    """The axes a set extends over, such as "N, H, W" or "2 of C, H, W"; it must be a product."""
    places = [np.unique(index) for index in np.nonzero(marked)]
    assert marked.sum() == np.prod([len(place) for place in places])
    words = [name if len(place) == size else f"{len(place)} of {name}"
             for name, place, size in zip("NCHW", places, SHAPE, strict=True) if len(place) > 1]
    return ", ".join(words) or "itself alone"


def tables():
    """The two tables, as Markdown."""
    norms = {name: averaged_with(norm) for name, norm in NORMS.items()}
    drops = {name: dropped_with(*rule) for name, rule in DROPS.items()}
    rows = ["| norm | an entry is averaged with those along | entries | that set is dropped by |",
            "|---|---|---|---|"]
    for name, marked in norms.items():
        same = [other for other, theirs in drops.items() if (theirs == marked).all()]
        rows.append(f"| {name} | {along(marked)} | {marked.sum()} | {', '.join(same) or 'none'} |")
    rows += ["", "| drop | shape of the decisions | an entry goes with those along | entries |",
             "|---|---|---|---|"]
    for name, marked in drops.items():
        rows.append(f"| {name} | {DROPS[name][0]} | {along(marked)} | {marked.sum()} |")
    return "\n".join(rows)


def draw():
    """The figure: what is averaged together above, what is dropped together below."""
    figure, axes = subplots(2, 5, size=(10.0, 4.3))
    panels = {"a tensor": np.zeros(SHAPE, bool),
              **{name: averaged_with(norm) for name, norm in NORMS.items()},
              **{name: dropped_with(*DROPS[name]) for name in list(DROPS)[:5]}}
    for axis, (name, marked) in zip(axes.flat, panels.items(), strict=True):
        draw_tensor(axis, marked, ENTRY if marked.any() else None)
        axis.set_title(name.partition(",")[0], fontweight="bold", fontsize=10, pad=18)
        note = along(marked) if marked.any() else "N down, C across, H x W inside"
        axis.text(0, 1.02, note, transform=axis.transAxes, fontsize=9, color="0.35", va="bottom")
    for row, label in zip(axes, ("averaged together", "dropped together"), strict=True):
        row[0].set_ylabel(label, fontsize=10, labelpad=8)
    return figure


if __name__ == "__main__":
    page = PAGES / "axes.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(START)
    page.write_text(before + START + tables() + END + rest.partition(END)[2], encoding="utf-8")
    save_figure(draw(), "axes", PAGES)
