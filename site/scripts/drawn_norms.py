"""Pictures of the norms and of the penalties."""

import numpy as np
from scripts import axes
from scripts.drawn import GREY
from scripts.drawn_plot import Plot

import minidrop as md
from minidrop.plots import DARK, LIGHT, MIDDLE, PALE


def tensor(sheet, x, y, marked, side, entry=None):
    """(N, C, H, W) as N rows of C maps, dark where `marked`; `entry` (n, c, h, w) is framed."""
    n, c, h, w = marked.shape
    for i, j in np.ndindex(n, c):
        left, top = x + j * (w + 0.9) * side, y + i * (h + 0.9) * side
        sheet.box(left, top, w * side, h * side, PALE, "", 0)
        sheet.cells(left, top, side, marked[i, j], DARK, "together")
        for k in range(1, h):
            sheet.line([(left, top + k * side), (left + w * side, top + k * side)], "white", 1)
            sheet.line([(left + k * side, top), (left + k * side, top + h * side)], "white", 1)
    if entry:
        i, j, r, k = entry
        sheet.box(x + (j * (w + 0.9) + k) * side, y + (i * (h + 0.9) + r) * side, side, side,
                  "none", MIDDLE, 0, line=2.4)
    return x + c * (w + 0.9) * side, y + n * (h + 0.9) * side


def before(seed=3):
    """Activations (N, C, H, W) whose channels and examples differ in mean and spread."""
    n, c = axes.N, axes.C
    x = md.gaussian(seed, axes.SHAPE).astype(float)
    middle = np.array([-2.0, 0.5, 3.0, 1.0])[:c].reshape(1, c, 1, 1)
    wide = np.array([0.4, 1.0, 0.7, 1.6])[:c].reshape(1, c, 1, 1)
    shift = np.array([0.0, 1.2, -0.8])[:n].reshape(n, 1, 1, 1)
    return x * wide + middle + shift


def _norm(sheet, rule, heading):
    """What a norm averages together, and what it makes of activations, map by map."""
    function = axes.NORMS[rule]
    marked = axes.averaged_with(function)
    sheet.caption(24, 30, heading, f"one mean along {axes.along(marked)}")
    tensor(sheet, 30, 70, marked, 10, axes.ENTRY)
    sheet.text(30, 246, "N down, C across, H × W inside", 13, colour=GREY)
    x = before()
    for left, values, head, ys, ticks in ((324, x, "before", (-6, 8), (-5, 0, 5)),
                                          (528, function(x), "after", (-4, 4), (-3, 0, 3))):
        plot = Plot(sheet, left, 66, 150, 126, (-0.6, axes.N * axes.C - 0.4), ys, "map", "",
                    {1.5: "n = 1", 5.5: "n = 2", 9.5: "n = 3"}, ticks)
        sheet.caption(left, 30, head, "mean, spread of each map")
        plot.curve([-0.6, axes.N * axes.C - 0.4], [0, 0], LIGHT, 1)
        for k, (n, c) in enumerate(np.ndindex(axes.N, axes.C)):
            entries = values[n, c]
            colour = MIDDLE if marked[n, c].any() else DARK
            plot.curve([k, k], [entries.mean() - entries.std(), entries.mean() + entries.std()],
                       LIGHT if colour == DARK else MIDDLE, 3)
            plot.dots([k], [entries.mean()], colour, 3.5, what="mean")
    after = function(x)[marked]
    return (f"Left, a tensor of three examples with four channels of 4 by 4, in which the "
            f"{int(marked.sum())} entries are dark that share a mean with one framed entry: along "
            f"{axes.along(marked)}. Right, mean and spread of the twelve maps before, scattered, "
            f"and after; the marked maps together then have mean "
            f"{abs(after.mean()):.0f} and deviation {after.std():.0f}.")


def batch_norm(sheet):
    """One channel of all examples."""
    return _norm(sheet, "batch norm", "Batch norm: one channel")


def layer_norm(sheet):
    """All channels of one example."""
    return _norm(sheet, "layer norm", "Layer norm: one example")


def group_norm(sheet):
    """Some channels of one example."""
    return _norm(sheet, "group norm, 2 groups", "Group norm: half an example")


def instance_norm(sheet):
    """One map."""
    return _norm(sheet, "instance norm", "Instance norm: one map")


def normalise(sheet):
    """Eight numbers on a line, before and after, and with weight and bias."""
    x = np.array([2.0, 2.5, 3.0, 3.2, 4.0, 5.5, 6.0, 7.0])
    rows = (("x", x), ("(x − mean) / deviation", md.normalise(x, 0)),
            ("times weight 2, plus bias 3", md.normalise(x, 0, weight=2.0 * np.ones(8),
                                                         bias=3.0 * np.ones(8))))
    for k, (words, values) in enumerate(rows):
        plot = Plot(sheet, 260, 28 + 70 * k, 400, 26, (-3, 9), (-1, 1), "", "",
                    range(-2, 9, 2) if k < 2 else range(-2, 9, 2))
        plot.dots(values, 0 * values, DARK, 4.5, "white", "value")
        middle, wide = values.mean(), values.std()
        plot.curve([middle - wide, middle + wide], [-0.75] * 2, MIDDLE, 3)
        plot.curve([middle, middle], [-1, 1], MIDDLE, 2, what="mean")
        sheet.text(28, 40 + 70 * k, words, 14, bold=True)
        sheet.text(28, 58 + 70 * k, f"mean {abs(middle):.1f}, deviation {wide:.1f}", 13,
                   colour=GREY)
    sheet.text(28, 248, "All norms share this formula; they differ in which entries share a mean.",
               13, colour=GREY)
    return ("Eight dots on each of three number lines, with their mean and deviation in orange: "
            "as they are, around 4; normalised, around 0 with deviation 1; and scaled by 2 and "
            "shifted by 3. The gaps between the dots keep their proportions.")


def _penalty(sheet, penalty, strength, words):
    """The penalty, its gradient, and the weight that it and a squared loss agree on."""
    at = np.linspace(-2, 2, 81)
    value = np.array([float(penalty([np.array([w])])) for w in at])
    slope = np.array([float(md.grad(penalty([w]), w)[0]) for w in
                      (md.Tensor(np.array([v]), requires_grad=True) for v in at)])
    fine = np.linspace(-2.2, 2.2, 4401)
    cost = np.array([float(penalty([np.array([w])])) for w in fine])
    best = np.array([fine[np.argmin((fine - u) ** 2 / 2 + strength * cost)] for u in at])
    for left, values, ys, ticks, head, what in (
            (48, value, (0, 2), (0, 1, 2), "penalty", "penalty"),
            (280, slope, (-2, 2), (-2, 0, 2), "its pull: gradient", "gradient"),
            (512, best, (-2, 2), (-2, 0, 2), "weight that is chosen", "chosen")):
        xlabel = "weight" if what != "chosen" else "what the data alone choose"
        plot = Plot(sheet, left, 62, 176, 126, (-2, 2), ys, xlabel, "", (-2, -1, 0, 1, 2), ticks)
        sheet.caption(left, 34, head)
        if what == "chosen":
            plot.curve([-2, 2], [-2, 2], LIGHT, 1.4, "4 3")
            plot.curve(at, best, DARK, 2.2, what=what)
            zero = int((abs(best) < 1e-9).sum())
        else:
            plot.curve(at, values, DARK, 2.2, what=what)
    sheet.text(48, 248, words, 13, colour=GREY)
    return zero


def l1(sheet):
    """A constant pull, which makes small weights exactly zero."""
    strength = 0.5
    _penalty(sheet, md.l1, strength, f"λ = {strength:g}: every weight moves by λ towards 0; what "
             "is smaller than λ is exactly 0.")
    return ("Three curves over a weight from -2 to 2: the penalty, a V with its tip at 0; its "
            "gradient, -1 to the left of 0 and 1 to the right; and the weight that a squared loss "
            f"and the penalty agree on, which is exactly 0 for values between -{strength:g} and "
            f"{strength:g} and elsewhere runs parallel to the dashed diagonal.")


def l2(sheet):
    """A pull that grows with the weight, and makes none exactly zero."""
    strength = 0.5
    _penalty(sheet, md.l2, strength, f"λ = {strength:g}: every weight shrinks by the same share, "
             "to 1 / (1 + λ) of itself; only 0 becomes 0.")
    return ("Three curves over a weight from -2 to 2: the penalty, a parabola; its gradient, a "
            "straight line through 0; and the weight that a squared loss and the penalty agree on, "
            "a straight line through 0 that is less steep than the dashed diagonal.")
