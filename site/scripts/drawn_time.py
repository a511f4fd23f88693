"""Pictures of averages over a run, and of schedules: when rather than where."""

import numpy as np
from scripts.drawn import GREY
from scripts.drawn_parts import digits, trained
from scripts.drawn_plot import Plot

import minidrop as md
from minidrop.plots import DARK, LIGHT, MIDDLE


def walk(steps, seed):
    """A weight that wanders around its place, as under a constant learning rate."""
    at, places = 0.0, []
    for push in md.gaussian(seed, steps).astype(float):
        at = 0.85 * at + 0.5 * push
        places.append(at)
    return np.array(places)


def ema(sheet):
    """A wandering weight, its moving average, and what each moment weighs in it."""
    mu, steps = 0.9, 60
    w = 2 + walk(steps, 4)
    average, plain, corrected = np.zeros(1), [], []
    for t, value in enumerate(w, 1):
        average = md.ema(average, np.array([value]), mu)
        plain.append(average[0])
        corrected.append(md.ema_corrected(average, mu, t)[0])
    t = np.arange(1, steps + 1)
    plot = Plot(sheet, 52, 54, 366, 138, (0, steps), (0, 4), "step", "a weight", (0, 20, 40, 60),
                (0, 2, 4))
    plot.curve(t, w, LIGHT, 1.6, what="weight")
    plot.curve(t, corrected, MIDDLE, 2, "5 3", "corrected")
    plot.curve(t, plain, DARK, 2.4, what="average")
    plot.note(3, 0.25, "average, from 0", colour=DARK)
    plot.note(60, 3.75, "dashed: corrected for its start", "end", MIDDLE)
    ages = np.arange(30)
    shares = [(1 - mu) * mu**k for k in ages]
    bars = Plot(sheet, 500, 54, 190, 138, (-1, 30), (0, 0.1), "age in steps",
                "share in the average", (0, 10, 20), (0, 0.05, 0.1))
    bars.bars(ages, shares, 0.7, DARK)
    sheet.text(52, 248, f"μ = {mu:g}: the newest moment has {1 - mu:.0%} of the average, "
               "each older one μ times as much.", 13, colour=GREY)
    return (f"Left, a weight that wanders around 2 over {steps} steps in a light line, and in dark "
            f"its moving average with memory {mu:g}, which rises slowly from 0 and is much "
            "smoother; a dashed line, corrected for that start, joins it after about thirty steps. "
            "Right, falling bars: what a moment weighs in the average by its age.")


def swa(sheet):
    """Iterates in a valley with their mean, and the rates that lead there."""
    steps, start = 120, 70
    rates = md.swa_rates(0.16, 0.11, steps, start)
    noise = md.gaussian(6, (steps, 2)).astype(float)
    place, path = np.array([-2.6, 1.9]), []
    path.append(place)
    for t in range(steps):                        # SGD on x^2 + 3 y^2 with noisy gradients
        place = place - rates[t] * (place * (2, 6) + 2.5 * noise[t])
        path.append(place)
    path = np.array(path)
    average = path[start]
    for n, w in enumerate(path[start + 1:], 1):
        average = md.swa(average, w, n)
    plot = Plot(sheet, 50, 44, 300, 150, (-3, 1.5), (-1.4, 2.1), "first weight", "second weight",
                (-3, -2, -1, 0, 1), (-1, 0, 1, 2))
    turn = np.linspace(0, 2 * np.pi, 73)
    for r in (0.4, 0.8, 1.3):
        plot.curve(r * np.cos(turn), r / np.sqrt(3) * np.sin(turn), LIGHT, 1)
    plot.curve(path[:start, 0], path[:start, 1], LIGHT, 1.6)
    plot.dots(path[start:, 0], path[start:, 1], DARK, 2.2, what="iterate")
    plot.dots([average[0]], [average[1]], MIDDLE, 7, "white", "average")
    plot.note(-2.9, -1.25, "orange: mean of the dark moments", colour=MIDDLE)
    near = np.sqrt((average**2).sum())
    far = np.sqrt((path[start:] ** 2).sum(1)).mean()
    when = Plot(sheet, 446, 44, 240, 150, (0, steps), (0, 0.2), "step", "learning rate",
                (0, 40, 80, 120), (0, 0.1, 0.2))
    when.steps(range(steps), rates, what="rate")
    when.mark(start, MIDDLE)
    when.note(start, 0.18, "averaging", colour=MIDDLE, dx=5)
    sheet.text(50, 250, "The iterates circle the lowest point; their mean lies near it.", 13,
               colour=GREY)
    return ("Left, the path of noisy descent into a valley with oval contours; in its second part "
            f"the iterates, dark dots, scatter around the lowest point, on average {far:.2f} away, "
            f"and their mean, an orange disc, is {near:.2f} away. Right, the learning rate: "
            "constant, then a straight fall, then constant, with a dashed line where averaging "
            "starts.")


def fge(sheet):
    """Short cycles of the rate, and where networks are collected."""
    total, cycle, high, low = 80, 16, 0.05, 0.01
    rates = md.fge_rates(high, low, total, cycle)
    taken = md.fge_steps(total, cycle)
    plot = Plot(sheet, 60, 54, 620, 132, (0, total), (0, 0.06), "step", "learning rate",
                (0, *taken, total), (0, low, high))
    plot.curve(range(total), rates, what="rate")
    plot.dots(taken, [low] * len(taken), MIDDLE, 6, "white", "collected")
    plot.note(taken[0], low, "collected", "middle", MIDDLE, dy=20)
    sheet.text(60, 250, f"A network is kept in the middle of each cycle of {cycle} steps, where "
               "the rate is lowest.", 13, colour=GREY)
    return (f"The learning rate over {total} steps, a zigzag between {high:g} and {low:g} in "
            f"cycles of {cycle} steps; an orange disc at each of its {len(taken)} lowest points "
            "marks a network that is collected.")


def snapshot(sheet):
    """The cyclic rate with its snapshots, and the average of what three of them say."""
    total, cycles, lr0 = 120, 4, 0.1
    t = np.arange(1, total + 1)
    rates = md.cyclic_cosine(t, total, cycles, lr0)
    taken = md.snapshot_steps(total, cycles)
    plot = Plot(sheet, 56, 54, 340, 132, (0, total), (0, 0.11), "mini-batch",
                "learning rate", (0, *taken), (0, 0.05, 0.1))
    plot.steps(t - 1, rates, what="rate")
    plot.dots(taken, [rates[k - 1] for k in taken], MIDDLE, 6, "white", "snapshot")
    x, y = digits().test
    members = md.SnapshotEnsemble([trained(seed, 3) for seed in range(3)])
    probs = members.probabilities(x)
    apart = np.argmax(np.var(probs, 0).sum(1))
    mean = md.average_probabilities(probs)[apart]
    classes = np.argsort(-mean, kind="stable")[:3]
    sheet.grid(462, 84, 10, x[apart].reshape(8, 8))
    sheet.text(462, 182, f"a “{y[apart]}”", 13, colour=GREY)
    sheet.text(462, 45, "probability of three classes", 13)
    for row, (values, words) in enumerate([*((p[apart], f"{k}") for k, p in enumerate(probs, 1)),
                                           (mean, "mean")]):
        for k, c in enumerate(classes):
            height = 26 * float(values[c])
            sheet.box(600 + 30 * k, 86 + 34 * row - height, 20, height,
                      MIDDLE if words == "mean" else DARK, "", 0, what="share")
        sheet.line([(596, 86 + 34 * row), (686, 86 + 34 * row)], GREY, 1)
        sheet.text(590, 82 + 34 * row, words, 13, "end",
                   MIDDLE if words == "mean" else GREY)
    for k, c in enumerate(classes):
        sheet.text(610 + 30 * k, 206, f"“{c}”", 13, "middle", GREY)
    sheet.text(56, 250, "One run: at the end of each cycle a network is kept; the mean of what "
               "they say is the answer.", 13, colour=GREY)
    return (f"Left, the learning rate over {total} mini-batches: {cycles} half cosine waves from "
            f"{lr0:g} down to nearly 0, each ending in an orange disc, a snapshot. Right, a "
            f"handwritten {y[apart]} and the probabilities that three networks give to three "
            "classes as bars, which disagree, with the mean of the three below in orange.")


def early_late(sheet):
    """The rates of early and of late dropout, constant and linear."""
    p, cutoff, total = 0.1, 50, 120
    t = np.arange(total)
    for left, head, function, what in ((56, "early dropout", md.early, "early"),
                                       (404, "late dropout", md.late, "late")):
        plot = Plot(sheet, left, 68, 280, 120, (0, total), (0, 0.12), "iteration", "rate p",
                    (0, cutoff, total), (0, 0.05, 0.1))
        sheet.caption(left, 34, head)
        plot.steps(t, function(p, cutoff, total), DARK, 2.4, what=what)
        plot.curve(t, function(p, cutoff, total, "linear"), MIDDLE, 2, "5 3", f"{what} linear")
        plot.mark(cutoff)
    sheet.text(56, 250, "Solid: constant; dashed: linear. The dotted line is the cutoff.", 13,
               colour=GREY)
    return (f"Two plots of the drop rate over {total} iterations with a cutoff at {cutoff}. Early "
            f"dropout has the rate {p:g} up to the cutoff, or falls to 0 in a straight line, and "
            f"is 0 afterwards. Late dropout is 0 up to the cutoff and {p:g} afterwards, or rises "
            "to it in a straight line.")


def ramps(sheet):
    """A linear ramp, the two of targeted dropout, and the cubic one of gradual pruning."""
    total, t = 100, np.arange(100)
    gammas, alphas = md.targeted_ramp(0.9, 0.6, total, steps=80)
    curves = ((52, "linear ramp", {"": md.linear_ramp(0.0, 0.1, total)}, 0.12, (0, 0.05, 0.1),
               "drop rate p"),
              (288, "targeted dropout", {"γ": gammas, "α": alphas}, 1.0, (0, 0.5, 1),
               "share γ, rate α"),
              (524, "gradual pruning", {"": md.gradual_sparsity(0.0, 0.8, total, steps=80,
                                                               first=10)}, 1.0, (0, 0.5, 1),
               "share of weights that are 0"))
    for left, head, lines, top, ticks, label in curves:
        plot = Plot(sheet, left, 76, 172, 112, (0, total), (0, top), "step", label, (0, 50, 100),
                    ticks)
        sheet.caption(left, 34, head)
        for k, (name, values) in enumerate(lines.items()):
            plot.curve(t, values, (DARK, MIDDLE)[k], 2.2, ("", "5 3")[k], what=head + name)
            if name:
                plot.note(95, values[-1], name, "end", (DARK, MIDDLE)[k], dy=18)
    sheet.text(52, 250, "Rates that grow while the network learns.", 13,
               colour=GREY)
    return ("Three rising curves over 100 steps: a drop rate that grows in a straight line from 0 "
            "to 0.1; the share of candidates of targeted dropout, steep up to step 40 and then "
            "almost flat, with its drop rate as a dashed straight line; and the pruned share, "
            "which starts at step 10, rises fast and ends flat at 0.8 in step 80.")
