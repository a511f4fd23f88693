"""Figures: one style, readable in grey, written to ./minidrop-figures/."""

import io
import os
import sys
from pathlib import Path

import numpy as np

from .arguments import option
from .files import put

FOLDER = Path("minidrop-figures")
STYLE: dict = {
    "figure.dpi": 110, "figure.constrained_layout.use": True, "font.size": 10,
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 11,
    "axes.titlelocation": "left", "legend.frameon": False, "lines.linewidth": 1.8,
    "image.cmap": "gray_r", "savefig.facecolor": "white",
}
DARK, MIDDLE, LIGHT = "#1b3a57", "#c8553d", "#9fb4c7"    # told apart by lightness alone
PALE = "#e3e8ee"


def subplots(rows=1, columns=1, size=(8.0, 3.2), **options):
    """(figure, axes) in the house's style; `size` in inches."""
    import matplotlib  # here, so that importing minidrop stays cheap

    if "ipykernel" not in sys.modules:
        matplotlib.use("Agg")                     # a file is the aim, no window is opened
    import matplotlib.pyplot as plt

    plt.rcParams.update(STYLE)
    return plt.subplots(rows, columns, figsize=size, **options)


def draw_tensor(axis, marked, entry=None):
    """Draw (N, C, H, W) as N rows of C maps of H x W cells, dark where `marked` (boolean) holds.

    `entry` (n, c, h, w) is framed.
    """
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    _, _, height, width = marked.shape
    pitch = np.array([width + 0.8, height + 0.8])

    def cell(place, **style):
        n, c, h, w = place
        return Rectangle(pitch * (c, n) + (w, h), 0.86, 0.86, **style)

    colours = [DARK if dark else PALE for dark in marked.ravel()]
    axis.add_collection(PatchCollection([cell(place) for place in np.ndindex(marked.shape)],
                                        facecolors=colours))
    if entry:
        axis.add_patch(cell(entry, facecolor="none", edgecolor=MIDDLE, linewidth=2, zorder=2))
    right, bottom = pitch * marked.shape[1::-1]
    axis.set(xlim=(-0.6, right), ylim=(bottom, -0.6), xticks=[], yticks=[], aspect="equal")
    axis.spines[:].set_visible(False)


def draw_surface(axis, surface, path=None, marked=None, values="loss", levels=12):
    """Draw a `LossSurface` as contours, the lower the paler, and a path of training on it.

    `path`, a line, and `marked`, numbered discs, are each a pair of x and y, such as the `Shadow`
    of weights on the plane.  `values` is "loss" or "error"; from one of its `levels` to the next is
    always the same ratio, and what is below a thousandth of the highest looks like that.  An
    infinite loss looks like the highest finite one; nan stays white.
    """
    from matplotlib.colors import LinearSegmentedColormap

    z = np.asarray(getattr(surface, option(values, "values", ("loss", "error"))))
    finite = z[np.isfinite(z)]
    most = max(float(finite.max(initial=0.0)), 1e-12)
    least = max(float(finite.min(initial=most)), 1e-3 * most)
    z, steps = np.clip(z, least, most), np.geomspace(least, most * (1 + 1e-9), levels + 1)
    shades = LinearSegmentedColormap.from_list("pale", ["white", PALE, LIGHT, "#5d7c96"])
    axis.contourf(surface.x, surface.y, z, steps, colors=shades(np.linspace(0, 1, levels)))
    lines = axis.contour(surface.x, surface.y, z, steps[1:-1:2], colors=DARK, linewidths=0.5)
    axis.clabel(lines, fmt="%.2g", fontsize=7)
    if path is not None:
        axis.plot(*path[:2], color=MIDDLE, linewidth=1.2, marker=".", markersize=3)
    for k, place in enumerate(zip(*marked[:2], strict=True) if marked is not None else (), 1):
        axis.plot(*place, "o", color=DARK, markersize=11, markeredgecolor="white", zorder=5)
        axis.annotate(str(k), place, color="white", fontsize=8, ha="center", va="center", zorder=6)
    axis.set(xlim=(surface.x[0], surface.x[-1]), ylim=(surface.y[0], surface.y[-1]),
             aspect="equal", xlabel="distance along u", ylabel="distance along v")


def save_figure(figure, name, folder=FOLDER):
    """Write `folder`/`name`.png, print its path, open it where there is a screen.

    Matplotlib then lets go of the figure, but in a notebook, which shows it.
    """
    path = folder / f"{name}.png"
    put(path, drawn(figure))
    if "ipykernel" not in sys.modules:
        import matplotlib.pyplot as plt

        plt.close(figure)
    print(f"figure: {path}")
    if has_screen():
        import click

        click.launch(str(path))
    return path


def drawn(figure, form="png"):
    """The bytes of a figure as a PNG, or as a file of another form that Matplotlib knows."""
    file = io.BytesIO()
    figure.savefig(file, dpi=50 if os.environ.get("MINIDROP_SMOKE") == "1" else 150, format=form)
    return file.getvalue()


def has_screen():
    """Whether a person sits before a screen: a terminal, a display, and no notebook or CI."""
    if not sys.stdout.isatty() or os.environ.get("CI") or "ipykernel" in sys.modules:
        return False
    return sys.platform in ("darwin", "win32") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
