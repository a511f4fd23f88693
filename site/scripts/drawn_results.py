"""Pictures of what is measured on trained networks, and of what makes them smaller."""

import copy

import numpy as np
from scripts.drawn import GREY
from scripts.drawn_parts import column, connections, digits, layer, sign, trained
from scripts.drawn_plot import Plot, below

import minidrop as md
from minidrop.plots import DARK, LIGHT, MIDDLE


def damage(sheet):
    """Accuracy against pruned share, and the change in loss beside its estimates."""
    net, shares = trained(1), np.array([0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
    curve = md.pruning_curve(net, digits().test, shares, unit=False)
    plot = Plot(sheet, 60, 54, 300, 136, (0, 1), (0, 100), "share of weights removed",
                "test accuracy in percent", (0, 0.25, 0.5, 0.75, 1), (0, 50, 100))
    plot.curve(shares, 100 * curve.accuracy, what="accuracy")
    plot.dots(shares, 100 * curve.accuracy)
    parts = [md.pruning_damage(net, digits().train, share, unit=False) for share in (0.3, 0.5)]
    top = 1.15 * max(max(part) for part in parts)
    low = min(0.0, 1.4 * min(min(part) for part in parts))
    bars = Plot(sheet, 470, 54, 220, 136, (-0.6, 1.6), (low, top), "share removed",
                "change in loss, nats", {0: "0.3", 1: "0.5"}, (0, below(top)))
    for k, (colour, name) in enumerate(((DARK, "actual"), (LIGHT, "first_order"),
                                        (MIDDLE, "second_order"))):
        bars.bars(np.arange(2) + 0.24 * (k - 1), [getattr(part, name) for part in parts], 0.2,
                  colour, name)
    sheet.text(60, 248, "Right: dark the true change, light its estimate by the gradient, orange "
               "with curvature.", 13, colour=GREY)
    return (f"Left, the test accuracy of a small trained network falls from "
            f"{100 * curve.accuracy[0]:.0f} percent as more of the smallest weights of each row "
            "are removed, hardly up to 70 percent and then fast. Right, for 30 and 50 percent, "
            "three bars: the true change in loss, the gradient's estimate, and the estimate with "
            "second derivatives.")


def diversity(sheet):
    """Which of sixty digits four members get wrong, and how often two members disagree."""
    members = [trained(seed, 3) for seed in range(4)]
    x, y = digits().test
    probs = md.SnapshotEnsemble(members).probabilities(x)
    wrong = probs.argmax(-1) != y
    mean = md.average_probabilities(probs).argmax(-1) != y
    hard = np.argsort(-wrong.sum(0), kind="stable")[:36]
    side, left = 11, 104
    sheet.caption(24, 30, "The 36 hardest digits", "a column each; struck: predicted wrongly")
    sheet.grid(left, 66, side * 1.0, np.full((4, 36), 0.25), 1, wrong[:, hard])
    sheet.grid(left, 66 + 60, side * 1.0, np.full((1, 36), 0.25), 1, mean[None, hard])
    for k in range(4):
        sheet.text(left - 8, 66 + side * (k + 0.5) + 4.5, f"{k + 1}", 12, "end", GREY)
    sheet.text(left - 8, 136, "mean", 13, "end", MIDDLE)
    rates = [*(100 * wrong.mean(1)), 100 * mean.mean()]
    sheet.text(24, 176, "errors in percent: " + ", ".join(f"{r:.1f}" for r in rates[:4])
               + f"; of the averaged answer {rates[4]:.1f}", 13)
    apart = md.disagreement(probs)
    found = md.ambiguity(probs, y)
    sheet.text(24, 200, f"loss: members {found.members.mean():.3f} − diversity "
               f"{found.diversity:.3f} = ensemble {found.ensemble:.3f} nats", 13)
    sheet.caption(540, 30, "disagreement", "share of digits")
    sheet.grid(560, 66, 34, apart, float(apart.max()) * 1.3)
    for i, j in np.ndindex(4, 4):
        sheet.text(560 + 34 * (j + 0.5), 66 + 34 * (i + 0.5) + 4.5, f"{apart[i, j]:.2f}", 12,
                   "middle", INK_ON[apart[i, j] > 0.6 * apart.max()])
    sheet.text(24, 248, "Members that err on different digits correct each other.", 13, colour=GREY)
    return ("Left, a grid of four members by 36 digits, in which wrong predictions are struck out: "
            "the rows differ, and the row of the averaged prediction below has fewer. Right, a 4 "
            "by 4 matrix of how often two members disagree, 0 on the diagonal and up to "
            f"{apart.max():.2f} beside it.")


INK_ON = {False: DARK, True: "white"}


def intervals(sheet):
    """Twenty experiments of five seeds, each with its interval around the mean."""
    runs = md.gaussian(2, (20, 5)).astype(float)
    found = [md.mean_interval(run) for run in runs]
    missed = [abs(one.mean) > one.half for one in found]
    plot = Plot(sheet, 56, 54, 420, 138, (0.2, 20.8), (-3, 3), "experiment, five seeds each",
                "difference that is seen", (1, 5, 10, 15, 20), (-2, 0, 2))
    plot.curve([0.2, 20.8], [0, 0], MIDDLE, 1.4, "4 3")
    for k, (run, one, out) in enumerate(zip(runs, found, missed, strict=True), 1):
        plot.dots([k] * 5, run, LIGHT, 2)
        plot.curve([k, k], np.clip([one.mean - one.half, one.mean + one.half], -3, 3),
                   MIDDLE if out else DARK, 2.4, what="missed" if out else "covers")
        plot.dots([k], [one.mean], MIDDLE if out else DARK, 3.6, "white")
    degrees = np.arange(1, 13)
    side = Plot(sheet, 560, 54, 130, 138, (0.5, 12.5), (0, 13), "seeds less one", "Student's t",
                (1, 4, 8, 12), (0, 2, 6, 12))
    side.dots(degrees, [md.student(int(n)) for n in degrees], DARK, 3, what="t")
    sheet.text(56, 248, f"True difference: 0, dashed. {20 - sum(missed)} of 20 intervals hold it; "
               "95 % of all do.", 13, colour=GREY)
    return (f"Left, twenty vertical bars, each the 95 percent interval around the mean of five "
            f"dots: {20 - sum(missed)} of them cross the dashed line at the true value 0. Right, "
            "Student's t falls from above 12 for two seeds to about 2 for thirteen.")


def regimes(sheet):
    """Three sets of results, and what they say of the network."""
    rows = {"better with dropout": ([0.90, 0.91, 0.90, 0.91], [0.93, 0.95, 0.94, 0.94]),
            "worse with dropout": ([0.94, 0.95, 0.95, 0.94], [0.92, 0.92, 0.93, 0.91]),
            "too close to tell": ([0.93, 0.95, 0.92, 0.94], [0.94, 0.93, 0.93, 0.95])}
    plot = Plot(sheet, 190, 48, 250, 150, (-0.05, 0.05), (-0.5, 2.5), "gain of standard dropout, "
                "in accuracy", "", (-0.04, 0, 0.04), ())
    plot.curve([0, 0], [-0.5, 2.5], MIDDLE, 1.4, "4 3")
    told = []
    for k, (words, (none, standard)) in enumerate(rows.items()):
        found = md.regime(none, standard)
        gain = found.gains["standard - none"]
        y, at = 2 - k, plot.at(0, 2 - k)[1] + 5
        plot.dots(np.subtract(standard, none), [y + 0.22] * 4, LIGHT, 3)
        plot.curve([gain.mean - gain.half, gain.mean + gain.half], [y, y], DARK, 3, what="gain")
        plot.dots([gain.mean], [y], DARK, 5, "white")
        sheet.text(24, at, words, 14)
        sheet.text(470, at, found.name, 14, bold=True)
        if found.advice:
            sheet.text(590, at, f"try {found.advice}", 13, colour=GREY)
        told.append(found.name)
    sheet.text(24, 250, "Four paired seeds each, made up; bars: 95 % intervals. Only one that "
               "leaves out 0 decides.", 13, colour=GREY)
    return ("Three horizontal bars, intervals of the gain that standard dropout brings, beside a "
            f"dashed line at 0: one lies right of it and is called {told[0]}, one left of it and "
            f"is called {told[1]}, and one lies across it and is {told[2]}.")


def compression(sheet):
    """A network with two silent units and one unread unit, and the same without them."""
    net = md.nn.Sequential(md.nn.Linear(4, 7), md.nn.ReLU(), md.nn.Linear(7, 3)).init(seed=2)
    first, last = net[0].weight.data, net[2].weight.data
    first[[1, 4]], last[:, 5] = 0, 0
    small = md.nn.compress(copy.deepcopy(net))
    x = md.gaussian(0, (5, 4))
    assert np.allclose(net.eval()(x).data, small.eval()(x).data, atol=1e-6)
    ys = column(4, 90, 210), column(7, 74, 226), column(3, 100, 200)
    for left, one, head, note in ((40, net, "before", "two units with weights 0, one unread"),
                                  (440, small, "compressed", "the same outputs")):
        sizes = [len(one[0].weight.data), len(one[2].weight.data)]
        hidden = ys[1] if one is net else column(sizes[0], 96, 204)
        sheet.caption(left - 16, 30, head, note)
        into, out = one[0].weight.data != 0, one[2].weight.data != 0
        connections(sheet, left, ys[0], left + 100, hidden, into)
        connections(sheet, left + 100, hidden, left + 200, ys[2], out)
        layer(sheet, left, ys[0])
        layer(sheet, left + 100, hidden, into.any(1) & out.any(0), what=f"hidden {head}")
        layer(sheet, left + 200, ys[2])
    sign(sheet, 340, 156, "→")
    count = [sum(w.size for w in one.parameters()) for one in (net, small)]
    sheet.text(262, 244, f"{count[0]} numbers", 13, colour=GREY)
    sheet.text(580, 244, f"{count[1]} numbers", 13, colour=GREY)
    return (f"Two drawings of one network of three layers. On the left three of its seven hidden "
            "units are struck out: two have no connections from the inputs, one has none to the "
            f"outputs. On the right they are gone: {count[1]} numbers instead of {count[0]}, and "
            "the same outputs.")


def batch_statistics(sheet):
    """What a batch norm remembers after its weights were averaged, and after one pass."""
    data = digits().train[0]
    nets = []
    for seed in (0, 1):
        net = md.nn.Sequential(linear=md.nn.Linear(64, 8), norm=md.BatchNorm(8),
                               relu=md.nn.ReLU(), out=md.nn.Linear(8, 10)).init(seed)
        md.fit(net, md.optim.SGD(lr=0.1), digits(), epochs=3, progress=False)
        nets.append(net)
    mixed = md.interpolate(*nets, 0.5).eval()
    before = [getattr(mixed.norm, name).copy() for name in ("running_mean", "running_var")]
    md.batch_norm_statistics(mixed, data)
    after = [getattr(mixed.norm, name).copy() for name in ("running_mean", "running_var")]
    for left, k, head in ((60, 0, "running mean of a channel"), (412, 1, "running variance")):
        low, high = (min(0, *before[k], *after[k]), max(*before[k], *after[k]))
        pad = 0.08 * (high - low)
        plot = Plot(sheet, left, 58, 270, 130, (0.4, 8.6), (low - pad * (low < 0), high + pad),
                    "channel", head, range(1, 9), (0, below(high)))
        plot.bars(np.arange(1, 9) - 0.2, before[k], 0.36, LIGHT, "before")
        plot.bars(np.arange(1, 9) + 0.2, after[k], 0.36, DARK, "after")
    sheet.text(60, 246, "Light: statistics mixed from two networks, as their weights are; dark: "
               "found by one pass.", 13, colour=GREY)
    share = float((after[1] / before[1]).mean())
    return ("Pairs of bars for eight channels of a batch norm whose weights are the mean of two "
            "trained networks: running means, left, and running variances, right, as mixed from "
            "the two and as found by one pass over the data. They differ in every channel; the "
            f"true variances are on average {share:.1f} times those mixed.")


