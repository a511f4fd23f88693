"""What several pictures share: real digits, feature maps, a trained network, drawn layers."""

import copy
import functools

import numpy as np
from scripts.drawn import GREY

import minidrop as md
from minidrop.plots import DARK, LIGHT, MIDDLE


@functools.cache
def digits():
    """The embedded handwritten digits, flat."""
    return md.data.digits()


def digit(number):
    """The test digit of this number: 8 x 8 pixels in [0, 1]."""
    return digits().test[0][number].reshape(8, 8)


@functools.cache
def feature_maps(channels=6):
    """What an untrained 3 x 3 convolution and a ReLU make of two digits: (2, C, 8, 8) in [0, 1]."""
    layer = md.nn.Conv2d(1, channels, 3, padding=1).init(seed=34)
    x = np.stack([digit(0), digit(1)])[:, None].astype("float32")
    y = md.relu(layer(x)).data
    return y / y.max()


def trained(seed=0, epochs=8, width=32, p=0.5):
    """A small network, trained on the digits in less than a second, in evaluation: a copy."""
    return copy.deepcopy(_trained(seed, epochs, width, p))


@functools.cache
def _trained(seed, epochs, width, p):
    net = md.nn.Sequential(md.nn.Linear(64, width), md.nn.ReLU(), md.Dropout(p),
                           md.nn.Linear(width, 10)).init(seed)
    md.fit(net, md.optim.SGD(lr=0.1, momentum=0.9), digits(), epochs=epochs, progress=False)
    return net.eval()


def spread(count, wide, left=28, right=692):
    """The left edges of `count` panels, each `wide` pixels, with equal gaps between them."""
    return [float(x) for x in np.linspace(left, right - wide, count)]


def sign(sheet, x, y, words):
    """An operator between two panels."""
    sheet.text(x, y, words, 22, "middle", GREY)


def layer(sheet, x, ys, alive=None, radius=8, what="unit"):
    """Units one above the other; those that are not `alive` are hollow and struck."""
    for i, y in enumerate(ys):
        if alive is None or alive[i]:
            sheet.disc(x, y, radius, DARK, DARK, what=what)
        else:
            sheet.disc(x, y, radius, "white", MIDDLE, "3 2", what="dropped")
            sheet.line([(x - radius * 0.6, y + radius * 0.6), (x + radius * 0.6, y - radius * 0.6)],
                       MIDDLE, 1.4)


def connections(sheet, x0, ys0, x1, ys1, alive, strength=None, what="connection"):
    """Lines from every unit at x0 to every unit at x1 where `alive` (out, in) holds."""
    for o, i in np.ndindex(len(ys1), len(ys0)):
        if alive[o, i]:
            width = 1.1 if strength is None else 0.4 + 2.6 * float(strength[o, i])
            sheet.line([(x0, ys0[i]), (x1, ys1[o])], LIGHT, width, what=what)


def column(count, top=72, bottom=218):
    """The heights of `count` units between `top` and `bottom`."""
    return [float(y) for y in np.linspace(top, bottom, count)]


def shares(sheet, x, y, wide, label, what="share"):
    """A bar cut by the shares of the classes of a soft label, each with its class and number."""
    classes = np.flatnonzero(label)
    left = x
    for k, (name, colour) in enumerate(zip(classes, (DARK, MIDDLE), strict=False)):
        part = wide * float(label[name])
        sheet.box(left, y, part, 9, colour, "", 0, what=what)
        left += part
        anchor, at = ("start", x) if k == 0 else ("end", x + wide)
        sheet.text(at, y + 25, f"{name}: {label[name]:.2f}", 13, anchor, colour)


def numbers(sheet, x, y, side, values, top, dropped=None, framed=None, form="{:.1f}"):
    """A matrix as shaded cells with their numbers; dropped ones struck, `framed` ones outlined."""
    sheet.grid(x, y, side, 0.75 * np.abs(values), top, dropped)
    for (r, c), value in np.ndenumerate(values):
        if dropped is None or not dropped[r, c]:
            pale = abs(value) / top < 0.6
            sheet.text(x + side * (c + 0.5), y + side * (r + 0.5) + 4.5,
                       form.format(value + 0.0).replace("-", "−"), 12, "middle",
                       DARK if pale else "white")
    if framed is not None:
        for r, c in np.argwhere(framed):
            sheet.box(x + side * c + 1, y + side * r + 1, side - 2, side - 2, "none", MIDDLE, 3,
                      what="candidate", line=1.5)
