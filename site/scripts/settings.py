"""The page of settings that people use, each with its source, and how rates fell over the years."""

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

from scripts import bibliography, figures, links

from minidrop.plots import DARK, MIDDLE, subplots

PAGE, FIGURE = "tables/settings.md", "rates.svg"
DATA = Path(__file__).parents[1] / "data" / "settings.toml"
SURE = {"code": "read in its code", "readme": "read in its documentation",
        "paper": "the paper, as our docstring or notes have it"}


class Setting(NamedTuple):
    """One published setting."""

    technique: str
    year: int
    where: str
    value: str
    source: str
    sure: str
    drawn: tuple = ()
    label: str = ""


def pages():
    """{"tables/settings.md": Markdown} and its figure."""
    found = settings()
    return {PAGE: "\n".join(page(found)), f"tables/{FIGURE}": figures.svg(draw(found), "rates")}


def settings(data=DATA):
    """Every `Setting`, by technique and year; ValueError for one that is not whole."""
    found = []
    for row in tomllib.loads(data.read_text(encoding="utf-8"))["setting"]:
        name = f"{data.name}: {row.get('technique')} {row.get('year')}"
        if missing := {*Setting._fields[:6]} - row.keys():
            raise ValueError(f"{name} has no {' and no '.join(sorted(missing))}")
        if row["technique"] not in links.techniques():
            raise ValueError(f"{name} is of no technique in the catalog")
        if row["sure"] not in SURE:
            raise ValueError(f"{name}: sure must be one of {', '.join(SURE)}, got {row['sure']}")
        told = numbers(row["value"])
        if odd := [one for one in row.get("drawn", ()) if f"{one:g}" not in told or one > 1]:
            raise ValueError(f"{name} draws {odd[0]:g}, which its value {row['value']} does not "
                             "say, or which is no rate")
        found.append(Setting(**row | {"drawn": tuple(row.get("drawn", ()))}))
    order = list(links.techniques())
    return sorted(found, key=lambda one: (order.index(one.technique), one.year))


def numbers(value):
    """The numbers that a value names, as text; "0.2 to 0.5" names those between in steps of 0.1.

    >>> numbers("0.2 to 0.4")
    ['0.2', '0.3', '0.4']
    """
    low, to, high = value.partition(" to ")
    if to:
        return [f"{tenth / 10:g}" for tenth in range(round(10 * float(low)),
                                                     round(10 * float(high)) + 1)]
    return re.findall(r"\d+(?:\.\d+)?", value)


def page(found):
    """The lines of the page."""
    yield "---\nhide: [toc]\n---\n"
    yield "# Settings that people use\n"
    yield ("Rates and other numbers as they were published, each with the place where it was read. "
           "`p` **drops** everywhere. What could not be read anywhere is not here, so this is no "
           "survey, and no advice: a rate depends on the network, the data and the time.\n")
    yield f'<div class="wide" markdown>\n\n![{alt(found)}]({FIGURE})\n\n</div>\n'
    yield ("In 2012 every second hidden unit was dropped. The first transformers took 0.1, and "
           "many large networks take 0. Where paths are dropped instead, larger networks take "
           "more, as the sizes of ConvNeXt show. Early dropout takes a rate up again, but only at "
           "first.\n")
    yield '<div class="filtered settings" data-label="Show settings with" markdown>\n'
    yield "| technique | year | where | setting | source |\n|---|---|---|---|---|"
    for one in found:
        yield (f"| {links.technique(one.technique, PAGE)} | {one.year} | {one.where} | {one.value} "
               f"| {source(one)}; {SURE[one.sure]} |")
    yield "\n</div>\n"


def source(one):
    """Where it was read: a project on GitHub and its file, or a paper."""
    text = bibliography.linked(one.source, PAGE)
    project = re.match(r"[\w-]+/[\w-]+(?=:|$| \()", one.source)
    return text.replace(project[0], f"[{project[0]}](https://github.com/{project[0]})", 1) \
        if project else text


def alt(found):
    """What the figure shows."""
    def told(paths):
        return ", ".join(f"{one.label} {one.year} {' and '.join(f'{p:g}' for p in one.drawn)}"
                         for one in sorted(found, key=lambda one: one.year)
                         if one.drawn and of_paths(one) == paths)

    return (f"Drop rates against the year of publication. Discs, rates of units: {told(False)}. "
            f"Rings, rates of paths: {told(True)}.")


def of_paths(one):
    """Whether a setting is of paths, not of units."""
    return one.technique == "stochastic_depth" or "stochastic depth" in one.where


def draw(found):
    """The figure: every rate that is `drawn`, at its year."""
    figure, axis = subplots(size=(8.4, 4.4))
    used = {}
    for one in sorted((one for one in found if one.drawn),
                      key=lambda one: (one.year, of_paths(one), -max(one.drawn))):
        paths = of_paths(one)
        at = one.year + 0.34 * used.setdefault(one.year, 0)
        used[one.year] += 1
        axis.plot([at] * len(one.drawn), one.drawn, "o", markersize=7, clip_on=False,
                  color=MIDDLE if paths else DARK, zorder=3,
                  markerfacecolor="white" if paths else DARK)
        axis.plot([at] * 2, [min(one.drawn), max(one.drawn)], linewidth=1,
                  color=MIDDLE if paths else DARK, zorder=2)
        axis.annotate(one.label, (at, max(one.drawn)), (0, 7), textcoords="offset points",
                      rotation=60, fontsize=8, ha="left", va="bottom",
                      color=MIDDLE if paths else DARK)
    axis.plot([], [], "o", color=DARK, label="of units")
    axis.plot([], [], "o", color=MIDDLE, markerfacecolor="white", label="of paths")
    years = range(min(used), max(used) + 1)
    axis.set(xlabel="year", ylabel="probability of dropping, p", xticks=years[::2],
             xlim=(years[0] - 0.4, years[-1] + 1.2), ylim=(0, 0.8))
    axis.legend(loc="upper right")
    return figure
