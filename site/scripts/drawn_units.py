"""Pictures of the noise on units: each function draws on a sheet and returns its alt text."""

import numpy as np
from scripts.drawn import GREY
from scripts.drawn_parts import (
    column,
    connections,
    digit,
    digits,
    feature_maps,
    layer,
    sign,
    spread,
    trained,
)
from scripts.drawn_plot import Plot

import minidrop as md
from minidrop.plots import LIGHT, MIDDLE, PALE

SIDE, TOP = 15, 78


def dropout(sheet):
    """A network with silent units, and a digit times its mask."""
    p, x = 0.5, digit(0)
    mask = md.dropout_mask(3, x.shape, p)
    y = md.dropout(x, mask, p)
    stream = md.Stream(3, "mean")
    mean = np.mean([md.dropout(x, md.dropout_mask(stream, x.shape, p), p) for _ in range(400)], 0)
    alive = [md.dropout_mask(1, 4, 0.25), md.dropout_mask(4, 5, p)]
    sheet.caption(20, 32, "A network in one step", "struck units send nothing")
    columns, heights = (36, 96, 156), [column(n, 84, 204) for n in (4, 5, 3)]
    living = [alive[0], alive[1], np.ones(3, bool)]
    for k in (0, 1):
        connections(sheet, columns[k], heights[k], columns[k + 1], heights[k + 1],
                    np.outer(living[k + 1], living[k]))
    for x0, ys, live in zip(columns, heights, living, strict=True):
        layer(sheet, x0, ys, live)
    panels = {"input x": x, "mask m": None, "y = m x / q": y, "mean of 400 y": mean}
    for left, (head, values) in zip(spread(4, 8 * 13, 206), panels.items(), strict=True):
        sheet.caption(left, 32, head, {"mask m": f"p = {p:g}, q = {1 - p:g}",
                                       "y = m x / q": "kept: twice x",
                                       "mean of 400 y": "x again"}.get(head, "a digit"))
        if values is None:
            sheet.grid(left, 92, 13, PALE_CELLS, 1, ~mask)
        else:
            sheet.grid(left, 92, 13, values, 1 / (1 - p), None if values is not y else ~mask)
    for left, words in zip(spread(4, 8 * 13, 206), ("×", "=", "→"), strict=False):
        sign(sheet, left + 8 * 13 + 12, 151, words)
    sheet.text(206, 232, "Each pixel of each draw by itself; the mean over draws is the input.", 13,
               colour=GREY)
    return (f"Left, a network of three layers in which {sum(map(sum, (~a for a in alive)))} of 9 "
            f"units are struck out and have no connections. Right, a handwritten digit of 8 by 8 "
            f"pixels, a mask that drops {int((~mask).sum())} of its 64 pixels at p = {p:g}, the "
            "product, whose kept pixels are twice as dark, and the mean of 400 such draws, which "
            "looks like the digit again.")


PALE_CELLS = np.full((8, 8), 0.12)


def gaussian(sheet):
    """A digit under Gaussian noise, and the density of the factor beside dropout's two values."""
    p, x = 0.5, digit(0)
    noise = md.gaussian_noise(3, x.shape, p)
    y = md.gaussian_dropout(x, noise)
    for left, head, note, values in (
            (24, "input x", "a digit", x), (168, "noise", "white: 0 or less", noise),
            (312, "y = x · noise", "nothing is silent", y)):
        sheet.caption(left, 32, head, note)
        sheet.grid(left, 84, 14, np.clip(values, 0, None), 2.5)
    sign(sheet, 152, 146, "×")
    sign(sheet, 296, 146, "=")
    variance = p / (1 - p)
    plot = Plot(sheet, 486, 64, 206, 130, (-2.5, 4.5), (0, 0.6), "factor",
                "probability", (-2, 0, 1, 2, 4), (0, 0.5))
    sheet.text(24, 248, "Both factors have the mean 1 and the same variance, "
               f"p / (1 − p) = {variance:g} at p = {p:g}.", 13, colour=GREY)
    at = np.linspace(-2.5, 4.5, 71)
    plot.bars([0, 1 / (1 - p)], [p, 1 - p], 0.16, MIDDLE, "dropout")
    plot.curve(at, np.exp(-(at - 1) ** 2 / 2 / variance) / np.sqrt(2 * np.pi * variance),
               what="density")
    plot.mark(1)
    plot.note(2.15, 0.46, "dropout", colour=MIDDLE, dx=2)
    plot.note(4.5, 0.3, "Gaussian", "end")
    return (f"A handwritten digit, a square of factors drawn from a normal distribution of mean 1 "
            f"and variance {variance:g}, and their product, in which pixels are stronger or weaker "
            "but hardly any is exactly silent. Right, the bell curve of the factor, centred at 1, "
            f"beside the two bars of dropout at p = {p:g}: 0 and {1 / (1 - p):g}, each with "
            "probability one half.")


def alpha(sheet):
    """Histograms of SELU activations before and after alpha dropout."""
    p, n = 0.2, 20000
    x = md.selu(md.gaussian(1, n))
    x = (x - x.mean()) / x.std()
    mask = md.dropout_mask(2, n, p)
    y = md.alpha_dropout(x, mask, p)
    a, b = md.alpha_affine(p)
    silent = float(y[~mask][0])
    edges = np.linspace(-2.4, 4, 33)
    for left, head, values in ((62, "SELU activations", x), (408, "after alpha dropout", y)):
        share = np.histogram(values, edges)[0] / n
        sheet.caption(left, 32, head)
        plot = Plot(sheet, left, 68, 280, 122, (-2.4, 4), (0, 0.26), "activation",
                    "share of units", (-2, -1, 0, 1, 2, 3), (0, 0.1, 0.2))
        plot.bars((edges[1:] + edges[:-1]) / 2, share, 0.2, LIGHT)
        if values is y:
            gone = np.histogram(values[~mask], edges)[0] / n
            plot.bars((edges[1:] + edges[:-1]) / 2, gone, 0.2, MIDDLE, "dropped")
            plot.note(silent, 0.17, f"dropped: all at {silent:.2f}".replace("-", "−"), dx=10,
                      colour=MIDDLE)
        plot.note(4, 0.22, f"mean {values.mean() + 0:.2f}, variance {values.var():.2f}".replace(
            "-0.00", "0.00"), "end")
    sheet.text(62, 250, f"p = {p:g}: a = {a:.3f} stretches and b = {b:.3f} shifts, so that mean "
               "and variance stay.", 13, colour=GREY)
    return (f"Two histograms of {n} activations. Left, those of a SELU layer, with mean 0 and "
            f"variance 1. Right, after alpha dropout at p = {p:g}: a fifth of the units stands in "
            f"one high bar at {silent:.2f}, the others are moved a little, and mean and variance "
            "are still about 0 and 1.")


def spatial(sheet):
    """Two examples of six feature maps, some of them dropped as a whole."""
    p, maps = 0.4, feature_maps()
    mask = md.spatial_dropout_mask(5, maps.shape, p)
    y = md.spatial_dropout(maps, mask, p)
    side, pitch = 9, 86
    sheet.caption(24, 30, "Channel maps (N, C, H, W), one decision for each map",
                  f"N down, C across, H × W inside; p = {p:g}, kept maps are divided by {1 - p:g}")
    for n, c in np.ndindex(maps.shape[:2]):
        left, top = 150 + pitch * c + 8, 60 + 88 * n
        if mask[n, c, 0, 0]:
            sheet.grid(left, top, side, y[n, c], 1 / (1 - p))
        else:
            sheet.box(left, top, 8 * side, 8 * side, "white", MIDDLE, 0, "4 3", what="dropped")
            sheet.line([(left + 10, top + 62), (left + 62, top + 10)], MIDDLE, 2)
    for n in (0, 1):
        sheet.grid(28, 60 + 88 * n, side, digit(n))
        sheet.arrow([(106, 96 + 88 * n), (152, 96 + 88 * n)], GREY)
    sheet.text(28, 248, "examples", 13, colour=GREY)
    sheet.text(158, 248, "channels 1 to 6 of a convolution: neighbours of a dropped pixel go too",
               13, colour=GREY)
    return (f"Two handwritten digits, one above the other, and to the right of each the six "
            f"feature maps that a convolution makes of it. {int((~mask).sum())} of the 12 maps are "
            "empty and struck out as a whole, other ones in the first row than in the second; the "
            "others are complete.")


def dropblock(sheet):
    """Seeds, the blocks that they drop, a map without them, and how often each pixel is dropped."""
    p, block, size = 0.3, 3, 10
    x = np.pad(digit(0), 1)
    seeds = md.dropblock_seeds(6, (1, 1, size, size), p, block)
    mask = md.dropblock_mask(seeds, block)
    y = md.dropblock(x[None, None], mask)[0, 0]
    mask = mask[0, 0]
    rates = md.dropblock_drop_map(p, block, size, size)
    side, lefts = 13, spread(4, 130)
    sheet.caption(lefts[0], 30, "seeds", "drawn where a block fits")
    sheet.box(lefts[0], 76, 130, 130, "white", LIGHT, 0)
    fits = size - block + 1
    sheet.box(lefts[0], 76, fits * side, fits * side, PALE, "", 0)
    for r, c in np.argwhere(seeds[0, 0]):
        sheet.disc(lefts[0] + side * (c + 0.5), 76 + side * (r + 0.5), 4.5, MIDDLE, what="seed")
    sheet.caption(lefts[1], 30, "mask", f"each seed: {block} × {block} pixels")
    sheet.grid(lefts[1], 76, side, np.full((size, size), 0.12), 1, ~mask)
    sheet.caption(lefts[2], 30, "map × mask, scaled", "sum kept, own grey scale")
    sheet.grid(lefts[2], 76, side, y, float(y.max()), ~mask)
    sheet.caption(lefts[3], 30, "P(dropped)", f"{rates.min():.2f} to {rates.max():.2f}")
    sheet.grid(lefts[3], 76, side, rates, float(rates.max()))
    for left, words in ((lefts[1], "→"), (lefts[2], "→")):
        sign(sheet, left - 24, 148, words)
    sheet.text(lefts[0], 234, f"p = {p:g}: more blocks reach the middle than the rim; on average "
               f"{rates.mean():.3f} of the pixels are dropped.",
               13, colour=GREY)
    return (f"Four squares of {size} by {size} pixels: {int(seeds.sum())} dots, the seeds; the "
            f"mask, in which each seed drops a block of {block} by {block}, {int((~mask).sum())} "
            "pixels in all; a digit without those blocks; and how often each pixel is "
            f"dropped over all draws, from {rates.min():.2f} in the corners to "
            f"{rates.max():.2f} in the middle.")


def mc(sheet):
    """Forty noisy predictions for the surest and for the least sure of three hundred digits."""
    net, x, passes = trained(), digits().test[0], 40
    mutual = md.mc_predict(net, x, 50).mutual_information
    chosen = int(np.argmin(mutual)), int(np.argmax(mutual))
    words = []
    for left, i, head in zip((24, 372), chosen, ("The surest digit", "The least sure digit"),
                             strict=True):
        with md.nn.evaluation(net):
            md.noise_on(net)
            probs = np.stack([md.softmax(net(x[i:i + 1]).data)[0] for _ in range(passes)])
        mean, inside = probs.mean(0), -(probs * np.log(np.maximum(probs, 1e-12))).sum(1).mean()
        entropy = -(mean * np.log(np.maximum(mean, 1e-12))).sum()
        words.append((entropy, entropy - inside))
        sheet.caption(left, 30, head, f"entropy {entropy:.2f} nats, of it disagreement "
                                      f"{max(entropy - inside, 0):.2f}")
        sheet.grid(left, 92, 9, x[i].reshape(8, 8))
        plot = Plot(sheet, left + 118, 78, 198, 120, (-0.6, 9.6), (0, 1), "class", "probability",
                    range(10), (0, 0.5, 1))
        spots = np.linspace(-0.28, 0.28, passes)
        for k in range(10):
            plot.dots(k + spots, probs[:, k], LIGHT, 1.8, what="pass")
        for k in range(10):
            plot.curve([k - 0.38, k + 0.38], [mean[k]] * 2, MIDDLE, 2.4, what="mean")
    sheet.text(24, 250, f"Dots: {passes} passes with dropout on. Lines: their mean, the "
               "prediction.", 13, colour=GREY)
    return (f"Two handwritten digits with the probabilities that {passes} noisy passes of one "
            "trained network give to the ten classes. For the clear digit all dots of one class "
            f"lie near 1 and the entropy is {words[0][0]:.2f} nats; for the unclear one the dots "
            f"of several classes are scattered between 0 and 1, and the entropy is "
            f"{words[1][0]:.2f} nats.")
