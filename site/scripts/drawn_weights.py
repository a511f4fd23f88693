"""Pictures of what acts on weights and on paths."""

import numpy as np
from scripts.drawn import GREY
from scripts.drawn_parts import column, connections, layer, numbers, spread
from scripts.drawn_plot import Plot

import minidrop as md
from minidrop.plots import DARK, LIGHT, MIDDLE, PALE


def weights(rows=5, columns=6, seed=4):
    """A small matrix of weights, drawn once, to one decimal."""
    w = md.gaussian(seed, (rows, columns)).astype(float)
    return np.where(abs(w) < 0.05, 0.1, w).round(1)


def dropconnect(sheet):
    """Two examples of a batch, each with connections of its own."""
    p, rows, columns = 0.5, 4, 5
    masks = md.dropconnect_mask(6, 2, (rows, columns), p)
    w = abs(weights(rows, columns))
    for left, n in ((24, 0), (372, 1)):
        mask = masks[n]
        sheet.caption(left, 30, f"example {n + 1}", f"{int(mask.sum())} of {mask.size} "
                      "connections live")
        ys, zs = column(columns, 80, 216), column(rows, 90, 206)
        connections(sheet, left + 20, ys, left + 136, zs, mask, w / w.max(), f"kept{n}")
        layer(sheet, left + 20, ys)
        layer(sheet, left + 136, zs)
        sheet.grid(left + 182, 96, 24, 0.75 * w, float(w.max()), ~mask)
        sheet.text(left + 182, 216, "inputs →", 13, colour=GREY)
        sheet.text(left + 174, 192, "units →", 13, turn=90, colour=GREY)
    sheet.text(24, 246, f"p = {p:g}: each weight of each example by itself; the units stay, the "
               "connections go.", 13, colour=GREY)
    return (f"The same layer of {columns} inputs and {rows} units, drawn twice, for two examples "
            f"of one batch, with its matrix of weights beside it. In the first "
            f"{int((~masks[0]).sum())}, in the second {int((~masks[1]).sum())} of the "
            f"{rows * columns} connections are missing, other ones each time; no unit is.")


def targeted(sheet):
    """The small half of each row are candidates; two draws drop some of them."""
    gamma, rate, w = 0.5, 0.5, weights(5, 6)
    candidates = md.targeted_candidates(w, gamma, unit=False)
    draws = [md.targeted_mask(seed, candidates, rate, unit=False) for seed in (1, 2)]
    lefts, side = spread(3, 6 * 34, 24, 696), 34
    sheet.caption(lefts[0], 30, "weights", "framed: candidates")
    numbers(sheet, lefts[0], 60, side, w, 2.0, framed=candidates)
    for k, (left, mask) in enumerate(zip(lefts[1:], draws, strict=True), 1):
        sheet.caption(left, 30, f"draw {k}", f"{int((~mask).sum())} of "
                      f"{int(candidates.sum())} dropped, α = {rate:g}")
        numbers(sheet, left, 60, side, md.targeted_dropout(w, mask), 2.0, ~mask)
    sheet.text(24, 250, f"γ = {gamma:g}: the smaller half of each row may be dropped, what is "
               "large always stays.", 13, colour=GREY)
    return (f"A matrix of 5 rows of 6 weights with their numbers, in which the three smallest of "
            f"each row are framed, and two draws: in them {int((~draws[0]).sum())} and "
            f"{int((~draws[1]).sum())} of the {int(candidates.sum())} framed weights are struck "
            "out, and no other.")


def pruning(sheet):
    """Half of the weights of each row, or two of five units, become zero."""
    w = weights(5, 6)
    by_weight, by_unit = (md.magnitude_mask(w, share, unit) for share, unit in
                          ((0.5, False), (0.4, True)))
    rows = np.repeat(by_unit[:, None], 6, 1)
    lefts, side = spread(3, 6 * 32, 24, 660), 32
    sheet.caption(lefts[0], 30, "trained weights", "a row is a unit")
    numbers(sheet, lefts[0], 64, side, w, 2.0)
    sheet.caption(lefts[1], 30, "half of each row", "the smallest weights go")
    numbers(sheet, lefts[1], 64, side, w * by_weight, 2.0, ~by_weight)
    sheet.caption(lefts[2], 30, "two of five units", "the shortest rows go, right: length")
    numbers(sheet, lefts[2], 64, side, w * rows, 2.0, ~rows)
    for r, length in enumerate(np.sqrt((w**2).sum(1))):
        sheet.text(lefts[2] + 6 * side + 6, 64 + side * (r + 0.5) + 4.5, f"{length:.1f}", 13,
                   colour=DARK if by_unit[r] else MIDDLE)
    return ("Three times a matrix of 5 rows of 6 weights with their numbers: complete; with the "
            "three smallest weights of each row struck out; and with the two whole rows struck out "
            "whose lengths, written beside them, are smallest.")


def max_norm(sheet):
    """Weight vectors in the plane, and the circle to which the long ones are shortened."""
    limit, w = 1.0, md.gaussian(12, (9, 2)).astype(float) * 0.9
    short = md.max_norm(w, limit)
    plot = Plot(sheet, 60, 30, 190, 190, (-2, 2), (-2, 2), "", "", (-2, -1, 0, 1, 2),
                (-2, -1, 0, 1, 2))
    sheet.text(155, 254, "first incoming weight", 13, "middle")
    sheet.text(22, 196, "second incoming weight", 13, turn=90)
    turn = np.linspace(0, 2 * np.pi, 73)
    plot.curve(limit * np.cos(turn), limit * np.sin(turn), MIDDLE, 1.6, "4 3", "limit")
    for before, after in zip(w, short, strict=True):
        sheet.arrow([plot.at(0, 0), plot.at(*before)], LIGHT, 1.4)
        sheet.arrow([plot.at(0, 0), plot.at(*after)], DARK, 2, what="after")
    lengths = [np.sqrt((v**2).sum(1)) for v in (w, short)]
    bars = Plot(sheet, 380, 62, 300, 126, (-0.6, 8.6), (0, 2.3), "unit", "length of its weights",
                {k: k + 1 for k in range(9)}, (0, 1, 2))
    bars.bars(np.arange(9) - 0.2, lengths[0], 0.36, LIGHT)
    bars.bars(np.arange(9) + 0.2, lengths[1], 0.36, DARK, "length")
    bars.curve([-0.6, 8.6], [limit] * 2, MIDDLE, 1.6, "4 3")
    sheet.text(380, 250, "light: before, dark: after the step", 13, colour=GREY)
    long = int((lengths[0] > limit).sum())
    return (f"Left, the weight vectors of nine units in the plane with a dashed circle of radius "
            f"{limit:g}: {long} light arrows that leave it are shortened to dark ones that end on "
            "it, in the same direction; the others stay. Right, the lengths before and after as "
            f"bars, none of them above {limit:g} afterwards.")


def l0(sheet):
    """The gate's distribution for three places, and its chances as the place moves."""
    n, told = 20000, []
    u = md.hard_concrete_noise(1, n)
    for left, place in zip((52, 208, 364), (-2.0, 0.0, 2.0), strict=True):
        z = md.hard_concrete(u, np.full(n, place, "f"))
        gone, open_ = float((z == 0).mean()), float((z == 1).mean())
        told.append(f"{gone:.2f} and {open_:.2f}")
        sheet.caption(left, 30, f"log α = {place:g}".replace("-", "−"))
        plot = Plot(sheet, left, 66, 118, 122, (-0.08, 1.08), (0, 0.8), "gate z", "share",
                    (0, 0.5, 1), (0, 0.4, 0.8) if left == 52 else ())
        inside = np.histogram(z[(z > 0) & (z < 1)], np.linspace(0, 1, 21))[0] / n
        plot.bars(np.linspace(0.025, 0.975, 20), inside, 0.04, LIGHT)
        plot.bars([0], [gone], 0.07, MIDDLE, "shut")
        plot.bars([1], [open_], 0.07, DARK, "open")
    at = np.linspace(-6, 6, 61)
    plot = Plot(sheet, 540, 66, 150, 122, (-6, 6), (0, 1), "log α", "", (-6, 0, 6),
                (0, 0.5, 1))
    sheet.caption(520, 30, "as α is learnt")
    plot.curve(at, md.hard_concrete_nonzero(at), MIDDLE, 2, "5 3", "nonzero")
    plot.curve(at, md.hard_concrete_expect(at), DARK, 2, what="expect")
    sheet.text(52, 246, "orange: exactly 0, dark: exactly 1", 13, colour=GREY)
    sheet.text(692, 246, "dashed: P(z ≠ 0); solid: gate without noise", 13, "end", GREY)
    return ("Three histograms of a hard concrete gate, for log alpha of -2, 0 and 2: bars at "
            f"exactly 0 and exactly 1, of shares {'; '.join(told)}, and little between. Right, two "
            "rising curves over log alpha: the chance that the gate is not shut, and the gate "
            "without noise, which is flat at 0 and at 1.")


def smallify(sheet):
    """A switch that keeps its sign, and one that wavers and dies, under the rule itself."""
    steps, decay, layer_ = 60, 0.9, md.Smallify(md.nn.Linear(3, 2), decay=0.9).init(seed=0)
    t = np.arange(steps)
    wanted = np.stack([0.75 + 0.12 * md.gaussian(1, steps),
                       0.6 - 0.022 * t + 0.12 * md.gaussian(2, steps)]).astype("float32")
    switches, variances, dead = [], [], None
    for k in range(steps):
        layer_.switch.data = wanted[:, k] * layer_.alive
        md.smallify_step(layer_)
        switches.append(layer_.switch.data.copy())
        variances.append(layer_.variance.copy())
        dead = k if dead is None and not layer_.alive[1] else dead
    switches, variances = np.array(switches).T, np.array(variances).T
    for left, values, ys, ticks, label, name in (
            (60, switches, (-0.5, 1.1), (-0.5, 0, 0.5, 1), "switch β", "switch"),
            (412, variances, (0, 1.1), (0, 0.5, 1), "moving variance of its sign", "variance")):
        plot = Plot(sheet, left, 54, 270, 136, (0, steps), ys, "step", label, (0, 20, 40, 60),
                    ticks)
        plot.curve(t, values[0], DARK, what=name)
        plot.curve(t, values[1], MIDDLE, 2, "6 2", name)
        plot.mark(dead)
        if name == "variance":
            plot.curve([0, steps], [layer_.threshold] * 2, GREY, 1.2, "2 3")
            plot.note(steps, layer_.threshold, "above it: dead", "end", GREY, dy=-7)
        else:
            plot.note(dead, -0.35, "dies here", "start", MIDDLE, dx=6)
    sheet.text(60, 248, "The dark switch keeps its sign and lives; the sign of the other "
               "wavers, and its unit goes.", 13, colour=GREY)
    return (f"Left, two switches over {steps} steps: one wanders around 0.75, the other falls, "
            f"crosses zero and is exactly 0 from step {dead} on. Right, the moving "
            f"variance of their signs with decay {decay:g}: that of the first stays 0, that of the "
            f"second rises above the dotted threshold of {layer_.threshold:g} where it dies.")


def variational(sheet):
    """Weights with the noise that each has learnt, and the price of less noise."""
    n, limit = 16, 3.0
    theta = md.gaussian(8, n).astype(float)
    log_sigma2 = -2.5 + 1.2 * md.gaussian(9, n).astype(float)
    log_alpha = md.variational_log_alpha(theta, log_sigma2)
    gone = log_alpha > limit
    plot = Plot(sheet, 54, 54, 330, 138, (-0.7, n - 0.3), (-3, 3), "weight", "mean and deviation",
                {k: k + 1 for k in range(0, n, 3)}, (-2, 0, 2))
    plot.curve([-0.7, n - 0.3], [0, 0], GREY, 1)
    for k, (mean, wide) in enumerate(zip(theta, np.exp(log_sigma2 / 2), strict=True)):
        colour = MIDDLE if gone[k] else DARK
        plot.curve([k, k], [mean - wide, mean + wide], colour, 5 if not gone[k] else 2,
                   "" if not gone[k] else "3 2")
        plot.dots([k], [mean], "white" if gone[k] else PALE, 3.5, colour,
                  "dropped" if gone[k] else "kept")
    at = np.linspace(-6, 6, 61)
    price = Plot(sheet, 470, 54, 220, 138, (-6, 6), (0, 4.5), "log α of a weight",
                 "price: divergence in nats", (-6, -3, 0, 3, 6), (0, 2, 4))
    price.curve(at, md.variational_kl(at), what="divergence")
    price.mark(limit, MIDDLE)
    price.note(limit, 3.4, "cut", colour=MIDDLE, dx=5)
    sheet.text(54, 248, f"Dashed: weights with log α above {limit:g} are mostly noise, and 0 in "
               "evaluation.", 13, colour=GREY)
    return (f"Left, {n} weights as dots with a bar of one standard deviation on each side; "
            f"{int(gone.sum())} of them, whose bars are long against their distance from zero, are "
            "dashed and are cut. Right, the divergence falls from above 3 nats at log alpha of -6 "
            f"to about 0 at 6, with a dashed line at {limit:g}, beyond which a weight is cut.")


def stochastic_depth(sheet):
    """Survival of twelve blocks, and their gates in twenty-four mini-batches."""
    blocks, q_last, steps = 12, 0.5, 24
    q = [md.survival(block, blocks, q_last) for block in range(1, blocks + 1)]
    gates = np.array([[md.path_gate(md.Stream(step, f"block{block}"), 1, 1 - q[block])
                       for step in range(steps)] for block in range(blocks)])
    plot = Plot(sheet, 56, 54, 230, 138, (0.4, blocks + 0.6), (0, 1), "block, from the input",
                "survival probability", (1, 4, 8, 12), (0, 0.5, 1))
    plot.bars(range(1, blocks + 1), q, 0.7, DARK, "survival")
    side = 12
    left, top = 384, 54
    sheet.text(left, 45, "gates: struck blocks are skipped in that step", 13)
    sheet.grid(left, top, side, np.full(gates.shape, 0.3), 1, ~gates)
    for block in (1, 4, 8, 12):
        sheet.text(left - 6, top + side * (block - 0.5) + 4.5, block, 13, "end", GREY)
    sheet.text(left - 30, top + 95, "block", 13, turn=90, colour=GREY)
    for step in (1, 8, 16, 24):
        sheet.text(left + side * (step - 0.5), top + blocks * side + 17, step, 13, "middle", GREY)
    sheet.text(left + side * steps / 2, top + blocks * side + 34, "mini-batch", 13, "middle")
    per_step = gates.sum(0)
    sheet.text(56, 246, f"On average {sum(q):.2f} of {blocks} blocks run: a shallower network in "
               "each step, all in evaluation.", 13, colour=GREY)
    return (f"Left, the survival probability of {blocks} blocks falls in a straight line from "
            f"{q[0]:.2f} to {q_last:g}. Right, the gates of the blocks in {steps} mini-batches as "
            f"a grid, in which closed ones are struck out: few in the rows of the first blocks, "
            f"half in the last; between {per_step.min()} and {per_step.max()} blocks live in a "
            "step.")


