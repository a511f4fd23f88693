"""A computation graph as a figure."""

from types import SimpleNamespace

from . import graph
from .graph import times, total
from .layout import GAP, PAD, TITLE, planned, route
from .plots import DARK, LIGHT, MIDDLE, save_figure, subplots

GREY = "#5b6b7a"
LEGEND = 5.8                # inches that the legend takes


def draw(net, shape, name):
    """Draw the graph of `net` for examples of `shape`; returns the path of the figure.

    It is ./minidrop-figures/`name`.png.  Equal blocks in a row are drawn once, with their number.
    """
    nodes = graph.trace(net, shape)
    root, stands = graph.tree(nodes)
    plan = planned(root, nodes)
    figure, axes = _sheet(max(plan.width, LEGEND), plan.height)
    for panel in plan.panels:
        _panel(axes, panel)
    for number, at in plan.boxes.items():
        node = nodes[number]
        _box(axes, node, at)
        for i in dict.fromkeys(graph.drawn(i, stands) for i in node.inputs):
            _arrow(axes, route(plan.boxes[i], at, plan.boxes.values()))
        if node.shape not in [nodes[i].shape for i in node.inputs]:
            axes.text(at.x - 0.07, at.bottom + 0.45 * GAP, times(node.shape), ha="right",
                      va="center", fontsize=6, color=GREY, zorder=7)
    _legend(axes, f"{name}    {total(nodes):,} parameters", plan.height)
    return save_figure(figure, name)


def _sheet(width, height):
    """(figure, axes) where one unit is one inch."""
    margins = SimpleNamespace(left=0.15, right=0.15, top=0.75, bottom=0.6)
    size = (width + margins.left + margins.right, height + margins.top + margins.bottom)
    figure, axes = subplots(size=size)
    figure.set_layout_engine("none")
    axes.set_position((0, 0, 1, 1))
    axes.set(xlim=(-margins.left, width + margins.right),
             ylim=(height + margins.bottom, -margins.top))
    axes.axis("off")
    return figure, axes


def _rounded(axes, x, y, width, height, radius, **style):
    from matplotlib.patches import FancyBboxPatch

    axes.add_patch(FancyBboxPatch((x, y), width, height, **style,
                                  boxstyle=f"round,pad=0,rounding_size={radius}"))


def _panel(axes, at):
    panel = at.of
    for k in reversed(range(min(panel.copies, 3))):           # a pile, where there are several
        _rounded(axes, at.left + 0.04 * k, at.top - 0.04 * k, at.right - at.left, panel.height,
                 0.06, zorder=panel.depth - 0.1 * k, linewidth=0.7, edgecolor=LIGHT,
                 facecolor="#f4f6f8" if panel.depth == 1 else "white")
    style = {"fontsize": 7, "va": "center", "zorder": 5}
    axes.text(at.left + PAD, at.top + TITLE / 2, panel.title, weight="bold", color=DARK, **style)
    axes.text(at.right - PAD, at.top + TITLE / 2, panel.note, ha="right", color=GREY, **style)


def _box(axes, node, at):
    face, edge, ink, dashes = _colours(node)
    width, height = at.right - at.left, at.bottom - at.top
    _rounded(axes, at.left, at.top, width, height, height / 2 if node.place else 0.04, zorder=6,
             facecolor=face, edgecolor=edge, linewidth=0.9, linestyle=dashes)
    words = ", ".join(filter(None, (node.kind, node.detail)))
    if node.place == "stochastic depth":
        words = "+"
    elif node.empty:
        words = node.place or words
    style = {"va": "center", "zorder": 7}
    axes.text(at.x, at.top + height / 2, words, ha="center", color=ink,
              fontsize=10 if words == "+" else 6.8, **style)
    axes.text(at.left - 0.06, at.top + height / 2, node.path.rpartition(".")[2], ha="right",
              color=GREY, fontsize=6.8, **style)


def _colours(node):
    """Face, edge, ink and line style of a box."""
    if node.place:
        return ("white", MIDDLE, MIDDLE, (0, (3, 2))) if node.empty else (MIDDLE, MIDDLE, "white",
                                                                          "-")
    if "Norm" in node.kind:
        return LIGHT, LIGHT, "black", "-"
    if node.parameters:
        return DARK, DARK, "white", "-"
    return "white", DARK, "black", "-"


def _arrow(axes, corners):
    axes.plot(*zip(*corners[:-1], strict=True), color=DARK, linewidth=0.9, zorder=4)
    axes.annotate("", corners[-1], corners[-2], zorder=4, arrowprops={
        "arrowstyle": "-|>,head_length=0.25,head_width=0.11", "color": DARK, "linewidth": 0.9,
        "shrinkA": 0, "shrinkB": 0})


def _legend(axes, title, height):
    axes.text(0, -0.5, title, fontsize=10.5, weight="bold", color=DARK, va="center")
    empty = graph.Node("", "", "", (), 0, (), "dropout", True)
    samples = {"trained": empty._replace(place=None, parameters=1),
               "norm": empty._replace(place=None, kind="Norm"),
               "nothing to train": empty._replace(place=None),
               "empty place": empty, "filled place": empty._replace(empty=False)}
    for k, (words, sample) in enumerate(samples.items()):
        face, edge, _, dashes = _colours(sample)
        _rounded(axes, 1.2 * k, height + 0.3, 0.22, 0.12, 0.03, facecolor=face, edgecolor=edge,
                 linewidth=0.9, linestyle=dashes)
        axes.text(1.2 * k + 0.28, height + 0.36, words, fontsize=6.8, va="center", color=GREY)
