"""Axes on a sheet: ticks, labels with units, curves, bars and dots."""

import numpy as np
from scripts.drawn import GREY

from minidrop.plots import DARK, LIGHT, PALE


class Plot:
    """Axes whose field is `width` x `height` pixels from its upper left corner (x, y).

    `xs` and `ys` are the ranges, `xticks` and `yticks` the numbers that are written; a dictionary
    {number: words} writes words instead.
    """

    def __init__(self, sheet, x, y, width, height, xs, ys, xlabel="", ylabel="",
                 xticks=(), yticks=()):
        self.sheet, self.x, self.y, self.width, self.height = sheet, x, y, width, height
        self.xs, self.ys = xs, ys
        for tick, words in _written(yticks):
            at = self.at(xs[0], tick)[1]
            sheet.line([(x, at), (x + width, at)], PALE, 1)
            sheet.text(x - 6, at + 4.5, words, 13, "end", GREY)
        sheet.line([(x, y), (x, y + height), (x + width, y + height)], GREY, 1)
        for tick, words in _written(xticks):
            at = self.at(tick, ys[0])[0]
            sheet.line([(at, y + height), (at, y + height + 4)], GREY, 1)
            sheet.text(at, y + height + 17, words, 13, "middle", GREY)
        if xlabel:
            sheet.text(x + width / 2, y + height + (34 if xticks else 18), xlabel, 13, "middle")
        if ylabel:
            sheet.text(x, y - 9, ylabel, 13)

    def at(self, x, y):
        """The place of (x, y) on the sheet."""
        (left, right), (low, high) = self.xs, self.ys
        return (self.x + self.width * (float(x) - left) / (right - left),
                self.y + self.height * (high - float(y)) / (high - low))

    def curve(self, x, y, colour=DARK, width=1.8, dashes="", what=""):
        """A line through the points of two arrays."""
        self.sheet.line([self.at(*point) for point in zip(x, y, strict=True)], colour, width,
                        dashes, what)

    def steps(self, x, y, colour=DARK, width=1.8, dashes="", what=""):
        """A value for each step: level from one to the next."""
        x, y = np.asarray(x, float), np.asarray(y, float)
        wide = x[1] - x[0]
        self.curve(np.stack([x, x + wide], 1).ravel(), np.repeat(y, 2), colour, width, dashes, what)

    def bars(self, x, y, wide, colour=DARK, what="", base=0.0):
        """Bars around the places `x`, as high as `y`."""
        for place, height in zip(x, y, strict=True):
            (left, top), (right, foot) = (self.at(place - wide / 2, max(height, base)),
                                          self.at(place + wide / 2, min(height, base)))
            self.sheet.box(left, top, right - left, foot - top, colour, "", 0, what=what)

    def dots(self, x, y, colour=DARK, radius=3.5, edge="", what=""):
        """A disc at each point."""
        for point in zip(x, y, strict=True):
            self.sheet.disc(*self.at(*point), radius, colour, edge, what=what)

    def mark(self, x, colour=LIGHT, dashes="3 3"):
        """A vertical line at x."""
        self.sheet.line([self.at(x, self.ys[0]), self.at(x, self.ys[1])], colour, 1.2, dashes)

    def note(self, x, y, words, anchor="start", colour=DARK, size=13, dx=0, dy=0):
        """Words at the point (x, y), moved by (dx, dy) pixels."""
        left, top = self.at(x, y)
        self.sheet.text(left + dx, top + dy, words, size, anchor, colour)


def _written(ticks):
    if isinstance(ticks, dict):
        return ticks.items()
    return [(tick, f"{tick:g}".replace("-", "−")) for tick in ticks]


def below(most):
    """The largest of 1, 2, 5, 10, 20, 50, ... times a power of ten up to `most`: a tick."""
    power = 10.0 ** np.floor(np.log10(most))
    return float(f"{max(k * power for k in (1, 2, 5) if k * power <= most):g}")
