"""Drawings of networks: boxes and arrows, with real masks, gates and losses in them."""

import numpy as np
from scripts.drawn import GREY
from scripts.drawn_parts import digits

import minidrop as md
from minidrop import graph
from minidrop.plots import DARK, LIGHT, MIDDLE

M, P, UNITS = 4, 0.5, 8                           # samples, rate and features that are drawn


def module(sheet, x, y, wide, high, words, note="", filled=True, dashes="", what=""):
    """A box with a name and, in it below the name, a remark."""
    edge, ink = (MIDDLE, MIDDLE) if dashes else (DARK, "white" if filled else DARK)
    sheet.box(x, y, wide, high, DARK if filled and not dashes else "white", edge, 4, dashes, what)
    middle = y + high / 2 + 5
    sheet.text(x + wide / 2, middle - (8 if note else 0), words, 13, "middle", ink)
    if note:
        sheet.text(x + wide / 2, middle + 9, note, 12, "middle",
                   ink if dashes or filled else GREY)


def samples():
    """Features of one digit, M masks, and the loss of each sample, from `MultiSampleDropout`."""
    x, y = digits().test
    body = md.nn.Sequential(md.nn.Linear(64, UNITS), md.nn.ReLU()).init(3)
    h = body(x[:1]).data + 0.15                   # none of them quite silent by itself
    tail = md.MultiSampleDropout(md.nn.Linear(UNITS, 10), P, M).init(seed=3)
    logits = tail(h)
    losses = [float(md.cross_entropy(z, y[:1]).data) for z in logits]
    mean = float(md.multi_sample_cross_entropy(logits, y[:1]).data)
    assert abs(mean - np.mean(losses)) < 1e-6
    return h[0] / h.max(), tail.noise[:, 0], losses, mean


def features(sheet, x, y, side, h, mask=None):
    """Features as a row of cells; what the mask drops is struck."""
    sheet.grid(x, y, side, h[None] * (1 if mask is None else 0.9), 1,
               None if mask is None else ~mask[None])


def multi_sample(sheet):
    """One body, four masks of its features, one head, the mean of four losses."""
    h, masks, losses, mean = samples()
    module(sheet, 24, 96, 84, 60, "body", "runs once")
    sheet.arrow([(108, 126), (130, 126)])
    features(sheet, 132, 119, 14, h)
    sheet.text(188, 106, "features h", 13, "middle", GREY)
    for k, (mask, loss) in enumerate(zip(masks, losses, strict=True)):
        y = 40 + 50 * k
        sheet.line([(246, 126), (262, 126), (262, y + 9), (282, y + 9)], DARK, 1.4)
        features(sheet, 284, y, 17, h, mask)
        sheet.arrow([(422, y + 9), (458, y + 9)])
        sheet.arrow([(546, y + 9), (578, y + 9)])
        sheet.text(584, y + 14, f"loss {loss:.2f}", 13)
        sheet.line([(652, y + 9), (662, y + 9), (662, 126)], LIGHT, 1.4)
    sheet.text(284, 26, f"{M} masks, p = {P:g}", 14, bold=True)
    module(sheet, 460, 30, 84, 190, "one head", "shared")
    sheet.text(668, 118, "mean", 13)
    sheet.text(668, 138, f"{mean:.2f}", 14, bold=True)
    sheet.text(24, 248, "The body is computed once; all samples go through the same weights.", 13,
               colour=GREY)
    return (f"A drawing from left to right: a box, the body, gives eight features; four copies of "
            f"them, each with other features struck out, "
            f"{', '.join(str(int((~m).sum())) for m in masks)} of 8, go through one shared box, "
            f"the head, and give the losses {', '.join(f'{one:.2f}' for one in losses)}, whose "
            f"mean {mean:.2f} is the loss of the step.")


def plain_or_multi(sheet):
    """Plain dropout beside multi-sample dropout: what is computed for four masks."""
    h, masks, losses, mean = samples()
    sheet.caption(24, 32, "Plain dropout, the batch repeated 4 times",
                  "body and head run for every mask")
    sheet.caption(384, 32, "Multi-sample dropout, 4 masks", "the body runs once")
    for k, (mask, loss) in enumerate(zip(masks, losses, strict=True)):
        y = 78 + 56 * k
        module(sheet, 24, y - 10, 58, 36, "body", what="body")
        sheet.arrow([(82, y + 8), (100, y + 8)])
        features(sheet, 102, y + 1, 14, h, mask)
        sheet.arrow([(216, y + 8), (234, y + 8)])
        module(sheet, 236, y - 10, 58, 36, "head", what="head")
        sheet.arrow([(294, y + 8), (308, y + 8)])
        sheet.text(312, y + 13, f"{loss:.2f}", 13)
        sheet.line([(462, 170), (474, 170), (474, y + 8), (486, y + 8)], DARK, 1.4)
        features(sheet, 488, y + 1, 14, h, mask)
        sheet.arrow([(602, y + 8), (620, y + 8)])
        sheet.arrow([(662, y + 8), (674, y + 8)])
        sheet.text(677, y + 13, f"{loss:.2f}", 13)
    module(sheet, 400, 148, 62, 44, "body", what="body")
    module(sheet, 622, 62, 40, 214, "head", what="head")
    for right in (344, 706):
        sheet.text(right, 306, f"mean {mean:.2f}", 14, "end", bold=True)
    sheet.text(24, 342, "The same masks give the same loss and the same gradients.", 13,
               colour=GREY)
    return ("Two drawings side by side. Left, plain dropout: four rows, in each a body, eight "
            "features with some struck out, a head and a loss. Right, multi-sample dropout: one "
            "body whose features go into four rows with the same masks, one head for all, and the "
            f"same four losses. Under both stands the same mean, {mean:.2f}.")


def block(sheet, left, head, note, gate, p):
    """A residual block: its skip above, its branch below, the sum, with numbers in it."""
    skip, branch = np.array([2.0]), np.array([1.0])
    if gate is None:
        y = md.stochastic_depth_expect(skip, branch, p)
    else:
        y = md.stochastic_depth(skip, branch, gate, p)
    sheet.caption(left, 32, head, note)
    closed = gate is False
    module(sheet, left + 46, 142, 86, 46, "branch", "not computed" if closed else "gives 1",
           dashes="4 3" if closed else "", what="closed" if closed else "open")
    colour = LIGHT if closed else DARK
    sheet.line([(left, 110), (left + 22, 110)], DARK, 1.6)
    sheet.arrow([(left + 22, 110), (left + 22, 165), (left + 46, 165)], colour,
                dashes="4 3" if closed else "")
    sheet.arrow([(left + 132, 165), (left + 164, 165), (left + 164, 124)], colour,
                dashes="4 3" if closed else "")
    sheet.arrow([(left + 22, 110), (left + 151, 110)], DARK)
    sheet.text(left + 86, 101, "skip: 2", 13, "middle")
    sheet.disc(left + 164, 110, 12, "white", DARK)
    sheet.text(left + 164, 115, "+", 15, "middle")
    sheet.arrow([(left + 176, 110), (left + 196, 110)])
    sheet.text(left + 196, 136, f"{float(y[0]):g}", 15, "middle", bold=True)
    if gate is None:
        sheet.text(left + 170, 182, f"× {1 - p:g}", 14, colour=MIDDLE)
    elif closed:
        sheet.line([(left + 156, 152), (left + 172, 140)], MIDDLE, 3)
        sheet.text(left + 176, 182, "b = 0", 13, colour=MIDDLE)
    else:
        sheet.text(left + 176, 182, "b = 1", 13, colour=MIDDLE)
    return float(y[0])


def residual(sheet):
    """A residual block with its gate open, closed, and in evaluation."""
    p = 0.5
    told = [block(sheet, left, head, note, gate, p) for left, head, note, gate in (
        (24, "training, gate open", f"with probability {1 - p:g}", True),
        (258, "training, gate closed", f"with probability {p:g}", False),
        (492, "evaluation", "the branch, weighed", None))]
    sheet.text(24, 236, "A closed branch costs nothing: it is not computed, and its weights learn "
               "nothing in that step.", 13, colour=GREY)
    assert (1 - p) * told[0] + p * told[1] == told[2]
    return (f"Three drawings of a residual block: a line, the skip, and below it a box, the "
            f"branch, that join in a sum. Gate open: 2 and 1 make {told[0]:g}. Gate closed: the "
            f"branch is dashed and not computed, {told[1]:g} remains. Evaluation: the branch is "
            f"multiplied by {1 - p:g}, and the sum is {told[2]:g}, the mean of both.")


def chain(sheet, net, shape, columns=6):
    """A network without skips, row by row, with its places dashed; the alt text."""
    nodes = graph.trace(net, shape)
    wide, high, gap, down = 100, 46, 13, 74
    stages = []
    for k, node in enumerate(nodes):
        row, column = divmod(k, columns)
        x, y = 24 + column * (wide + gap), 54 + row * down
        stage = node.path.partition(".")[0]
        if stage not in stages and stage:
            stages.append(stage)
            sheet.text(x, y - 7, stage, 12, colour=GREY)
        words = node.place if node.place else node.kind
        note = node.detail.partition(",")[0] or ("empty place" if node.place
                                                 else graph.times(node.shape))
        module(sheet, x, y, wide, high, words, note, bool(node.parameters),
               "4 3" if node.place else "", "place" if node.place else "layer")
        if column:
            sheet.arrow([(x - gap, y + high / 2), (x - 1, y + high / 2)])
        elif row:
            sheet.arrow([(12, y + high / 2), (x - 1, y + high / 2)])
        if column == columns - 1 and k + 1 < len(nodes):
            sheet.line([(x + wide, y + high / 2), (x + wide + 10, y + high / 2)], DARK, 1.6)
    total, empty = graph.total(nodes), [node for node in nodes if node.place]
    sheet.text(24, 30, f"{total:,} parameters, {len(empty)} places", 14, bold=True)
    sheet.text(696, 30, "dark: trained; dashed: a place for a technique", 13, "end", GREY)
    uses = {use: sum(node.place == use for node in empty) for use in
            dict.fromkeys(node.place for node in empty)}
    return (f"A network as a chain of {len(nodes)} boxes in rows, from its input "
            f"{graph.times(nodes[0].shape)} to {nodes[-1].shape[0]} classes; dashed boxes between "
            f"them are empty places: {', '.join(f'{n} for {use}' for use, n in uses.items())}.")


def lenet(sheet):
    """LeNet with its places."""
    return chain(sheet, md.models.lenet(), (1, 28, 28))


def vgg(sheet):
    """VGG-small with its places."""
    return chain(sheet, md.models.vgg_small(), (3, 32, 32))


NETWORKS = {"multi_sample": (plain_or_multi, 720, 358), "stochastic_depth": (residual, 720, 256),
            "lenet": (lenet, 720, 274), "vgg": (vgg, 720, 348)}
MORE = {"multi_sample": ["multi_sample"], "stochastic_depth": ["stochastic_depth"]}
