"""The records of `minidrop bench` as a figure: how our time compares, workload by workload."""

from pathlib import Path

from ..files import put
from ..plots import DARK, LIGHT, MIDDLE, drawn, subplots
from .steps import LIBRARIES
from .workloads import WORKLOADS

STYLES = (("o", DARK), ("s", MIDDLE), ("D", LIGHT))


def plot(records, path):
    """Write a figure of the ratios with their intervals to `path`, a PNG, PDF or SVG.

    Left of the line at 1 minidrop is faster.
    """
    from matplotlib.ticker import NullLocator

    figure, axis = subplots(size=(8.0, 1.4 + 0.5 * len(records)))
    rivals = list(dict.fromkeys(name for r in records for name in r["rivals"]))
    for k, name in enumerate(rivals):
        marker, colour = STYLES[k % len(STYLES)]
        offset = 0.22 * (k - (len(rivals) - 1) / 2)
        rows = [(y + offset, r["rivals"][name]) for y, r in enumerate(records)
                if name in r["rivals"]]
        centres = [one["ratio"] for _, one in rows]
        whiskers = [[one["ratio"] - one["low"] for _, one in rows],
                    [one["high"] - one["ratio"] for _, one in rows]]
        title = LIBRARIES[name].title if name in LIBRARIES else name
        axis.errorbar(centres, [y for y, _ in rows], xerr=whiskers, fmt=marker, color=colour,
                      capsize=3, markersize=6, linewidth=1.2, label=f"beside {title}")
    axis.axvline(1, color="black", linewidth=1, zorder=0)
    ends = [one[key] for r in records for one in r["rivals"].values() for key in ("low", "high")]
    axis.set_xscale("log")
    ticks = [t for t in (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5)
             if min(ends, default=1) / 1.5 <= t <= 1.5 * max(ends, default=1) or t == 1]
    axis.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_yticks(range(len(records)), [label(r["workload"]) for r in records])
    axis.set(ylim=(len(records) - 0.5, -0.5), xlabel="time of a step in minidrop / in the rival",
             title="left of the line minidrop is faster")
    axis.grid(axis="x", alpha=0.25)
    figure.legend(loc="outside lower center", ncols=max(1, len(rivals)))
    put(path, drawn(figure, Path(path).suffix[1:]))

    import matplotlib.pyplot as plt

    plt.close(figure)


def label(name):
    """The letter of a workload and the start of its title."""
    title = WORKLOADS[name].title if name in WORKLOADS else ""
    return f"{title.split(',')[0].split(' for ')[0]}  {name}".strip()
