"""pictures/timeline.svg: techniques by the year of their first paper, as their docstrings say."""

import re
from html import escape

from minidrop import catalog

YEAR = re.compile(r"(?<!arXiv:)\b(?:19|20)\d\d\b")
WIDTH, LINE, LEFT, CHARACTER, GAP = 420, 25, 62, 6.9, 8
COLOURS = {                                       # dark on white, told apart by the shape as well
    "inputs": ("#2b6a99", "M-5-5h10v10h-10z"),
    "units": ("#1b3a57", "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0"),
    "weights": ("#c8553d", "M0-6l6 11h-12z"), "paths": ("#6b4a8b", "M-6-3h12v6h-12z"),
    "norms": ("#4d7c3a", "M0-6l6 6l-6 6l-6-6z"), "penalties": ("#7a5a1e", "M0 6l6-11h-12z"),
    "averages": ("#2f7f79", "M-6 3a6 6 0 0 1 12 0z"), "schedules": ("#8a3b5b", "M-6-6l12 6l-12 6z"),
}
SHARED = {"normalise", "flip_crop"}               # tools of all: no paper is about them alone


def pages():
    """{path: SVG} of the figure."""
    return {"pictures/timeline.svg": drawn(by_year(placed()))}


def placed():
    """The techniques of the eight folders."""
    return [t for t in catalog.techniques()
            if catalog.place_of(t.path) < len(catalog.PLACES) and t.name not in SHARED]


def year(technique):
    """The year of the first paper that its docstring names; ValueError where there is none."""
    papers = technique.sections.get("Paper") or technique.sections.get("Papers") or ""
    found = YEAR.search(papers)
    if not found:
        raise ValueError(f"the docstring of {technique.name} gives its paper no year")
    return int(found[0])


def by_year(techniques):
    """{year: its techniques}, in order."""
    years = sorted({year(t) for t in techniques})
    return {y: [t for t in techniques if year(t) == y] for y in years}


def name_of(technique):
    """What a technique is called, in short."""
    name = technique.summary.partition(":")[0]
    return {"Exponential moving average of weights": "Moving average"}.get(name, name)


def rows_of(techniques):
    """Techniques in rows that fit: [[(x, technique)]]."""
    rows, x = [[]], LEFT
    for t in techniques:
        wide = 16 + CHARACTER * len(name_of(t)) + GAP
        if rows[-1] and x + wide > WIDTH:
            rows.append([])
            x = LEFT
        rows[-1].append((x, t))
        x += wide
    return rows


def drawn(years):
    """The figure as SVG: a line for each year, a sign for each place."""
    parts, y, before = [], 20, None
    for number, there in years.items():
        if before and number - before > 1:
            y += 8                                # a gap in time is a gap on the page
        parts.append(f'<text class="year" x="4" y="{y + 5}">{number}</text>')
        for row in rows_of(there):
            parts += [technique(x, y, t) for x, t in row]
            y += LINE
        before = number
    foot = y + 10
    parts += [f'<g transform="translate({20 + 102 * (k % 4)} {foot + 22 * (k // 4)})">'
              f'<path d="{shape}" fill="{colour}"/><text x="12" y="5">{place}</text></g>'
              for k, (place, (colour, shape)) in enumerate(COLOURS.items())]
    height = foot + 44
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img">\n'
            "<style>text{font:13px sans-serif;fill:#222}.year{font-weight:bold}</style>\n"
            f'<rect width="{WIDTH}" height="{height}" rx="6" fill="#fff"/>\n'
            f'<path d="M52 10V{foot - 22}" stroke="#9fb4c7" stroke-width="2"/>\n'
            + "\n".join(parts) + "\n</svg>\n")


def technique(x, y, t):
    """One technique: its sign and its name."""
    colour, shape = COLOURS[t.path.parent.name]
    return (f'<g transform="translate({x + 8:.0f} {y})"><path d="{shape}" fill="{colour}"/>'
            f'<text x="11" y="5">{escape(name_of(t))}</text></g>')
