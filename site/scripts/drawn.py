"""A pen that writes small SVG pictures: one style, text as text, the same bytes in every run.

A `Sheet` is a white card, so that it can be read on a dark page as well.  What stands for a number
or a decision of the library carries its name as `data-what`, by which tests find it again.
"""

import contextlib
from html import escape

import numpy as np

from minidrop.plots import DARK, LIGHT, MIDDLE, PALE

WIDTH, HEIGHT = 720, 260
INK, GREY = "#1c2733", "#52606d"
DARKER = {MIDDLE: "#b3472f"}                      # as text, which must stand out from white more
FAMILY = "system-ui, 'Segoe UI', Roboto, Helvetica, Arial, 'Liberation Sans', sans-serif"
SHADES = 16                                       # steps from white to DARK


class Sheet:
    """A picture of `width` x `height` pixels that is being drawn.

    `written` lists (left, top, right, bottom, words) of every text, with generous widths, so that a
    test can tell whether texts leave the card or cover each other.
    """

    def __init__(self, width=WIDTH, height=HEIGHT):
        self.width, self.height = width, height
        self.parts, self.written = [], []

    def text(self, x, y, words, size=14, anchor="start", colour=INK, bold=False, turn=0):
        """One line of text whose baseline starts, ends or has its middle at (x, y)."""
        wide = 0.54 * size * len(str(words)) * (1.06 if bold else 1)
        left = x - {"start": 0, "middle": wide / 2, "end": wide}[anchor]
        around = (left, y - 0.75 * size, left + wide, y + 0.2 * size)
        if turn:                                  # upwards, around (x, y)
            around = (x - 0.75 * size, y - (wide - (x - left)), x + 0.2 * size, y + x - left)
        self.written.append((*around, str(words)))
        colour = DARKER.get(colour, colour)
        style = "".join([f' font-size="{_n(size)}"' if size != 14 else "",
                         f' text-anchor="{anchor}"' if anchor != "start" else "",
                         f' fill="{colour}"' if colour != INK else "",
                         ' font-weight="600"' if bold else "",
                         f' transform="rotate(-90 {_n(x)} {_n(y)})"' if turn else ""])
        self.parts.append(f'<text x="{_n(x)}" y="{_n(y)}"{style}>{escape(str(words))}</text>')

    def caption(self, x, y, head, note="", anchor="start"):
        """A heading and, below it, a grey remark."""
        self.text(x, y, head, 14, anchor, bold=True)
        if note:
            self.text(x, y + 17, note, 13, anchor, GREY)

    def line(self, points, colour=DARK, width=1.8, dashes="", what="", fill="none"):
        """A line through the points (x, y)."""
        at = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        self.parts.append(f'<polyline points="{at}" fill="{fill}" stroke="{colour}" '
                          f'stroke-width="{_n(width)}"{_dashes(dashes)}{_what(what)}/>')

    def arrow(self, points, colour=DARK, width=1.6, what="", dashes=""):
        """A line through the points with a tip at its end."""
        (x0, y0), (x1, y1) = np.array(points[-2:], float)
        along = np.array([x1 - x0, y1 - y0]) / (np.hypot(x1 - x0, y1 - y0) or 1)
        back, side = np.array([x1, y1]) - 8 * along, 3.6 * along[::-1] * (1, -1)
        self.line([*points[:-1], tuple(back)], colour, width, dashes, what)
        tip = " ".join(f"{_n(x)},{_n(y)}" for x, y in ((x1, y1), back + side, back - side))
        self.parts.append(f'<polygon points="{tip}" fill="{colour}"/>')

    def box(self, x, y, width, height, fill="white", edge=DARK, radius=3, dashes="", what="",
            line=1.2):
        """A rectangle with rounded corners."""
        around = f' stroke="{edge}" stroke-width="{_n(line)}"' if edge else ""
        self.parts.append(
            f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" '
            f'rx="{_n(radius)}" fill="{fill}"{around}{_dashes(dashes)}{_what(what)}/>')

    def disc(self, x, y, radius, fill=DARK, edge="", dashes="", what=""):
        """A disc around (x, y)."""
        around = f' stroke="{edge}" stroke-width="1.4"' if edge else ""
        self.parts.append(f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" '
                          f'fill="{fill}"{around}{_dashes(dashes)}{_what(what)}/>')

    def cells(self, x, y, side, marked, colour, what=""):
        """The squares of a grid whose first corner is (x, y), where `marked` (rows, columns)."""
        if not np.any(marked):
            return
        step = _n(side)
        squares = "".join(f"M{_n(x + side * c)} {_n(y + side * r)}h{step}v{step}h-{step}z"
                          for r, c in np.argwhere(marked))
        self.parts.append(f'<path d="{squares}" fill="{colour}" '
                          f'shape-rendering="crispEdges"{_what(what)}/>')

    def struck(self, x, y, side, marked, what="dropped"):
        """Squares that are dropped: white, with a stroke across."""
        if not np.any(marked):
            return
        self.cells(x, y, side, marked, "white", what)
        strokes = "".join(f"M{_n(x + side * (c + 0.2))} {_n(y + side * (r + 0.8))}"
                          f"l{_n(0.6 * side)} {_n(-0.6 * side)}" for r, c in np.argwhere(marked))
        self.parts.append(f'<path d="{strokes}" stroke="{MIDDLE}" stroke-width="1.4" fill="none"/>')

    def grid(self, x, y, side, values, top=1.0, dropped=None, what=""):
        """An array (rows, columns) from white (0) to dark (`top`); what is dropped is struck.

        `what` names the path of the darkest shade's cells only where `values` is boolean.
        """
        values = np.asarray(values)
        level = np.clip(np.rint(SHADES * values.astype(float) / top), 0, SHADES).astype(int)
        rows, columns = values.shape
        for shade in np.unique(level):
            named = what if values.dtype == bool and shade else ""
            if shade:
                self.cells(x, y, side, level == shade, tint(shade / SHADES), named)
        if dropped is not None:
            self.struck(x, y, side, dropped)
        self.parts.append(f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(side * columns)}" '
                          f'height="{_n(side * rows)}" fill="none" stroke="{LIGHT}"/>')

    @contextlib.contextmanager
    def link(self, href):
        """Within, what is drawn leads to `href`."""
        self.parts.append(f'<a href="{escape(href)}">')
        yield
        self.parts.append("</a>")

    def svg(self, name="", role="img"):
        """The picture as text; `name` becomes its title."""
        title = f"<title>{escape(name)}</title>" if name else ""
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
                f'width="{self.width}" height="{self.height}" role="{role}" font-size="14" '
                f'fill="{INK}" font-family="{FAMILY}">{title}\n'
                f'<rect x=".5" y=".5" width="{self.width - 1}" height="{self.height - 1}" rx="10" '
                f'fill="white" stroke="{PALE}"/>\n' + "\n".join(self.parts) + "\n</svg>\n")


def tint(share, colour=DARK):
    """The colour between white (0) and `colour` (1)."""
    numbers = np.array([int(colour[i:i + 2], 16) for i in (1, 3, 5)])
    mixed = np.rint(255 + (numbers - 255) * float(share)).astype(int)
    return "#" + "".join(f"{n:02x}" for n in mixed)


def _n(value):
    """A coordinate to a tenth of a pixel."""
    return f"{round(float(value), 1) + 0.0:g}"


def _dashes(dashes):
    return f' stroke-dasharray="{dashes}"' if dashes else ""


def _what(what):
    return f' data-what="{escape(what)}"' if what else ""
