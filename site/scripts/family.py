"""The family map, tables/map.md: where the techniques act, and when.

Nothing is typed: where is the folder of a technique; when is read from what its docstring says of
itself, and from the docstrings of the schedules, which name what they are for.
"""

import functools
import re

from scripts import axes, pictures
from scripts.drawn import GREY, Sheet
from scripts.drawn_norms import tensor

from minidrop import catalog
from minidrop.plots import LIGHT, PALE

PAGE = "tables/map.md"
TOGETHER = "pictures/together.svg"
LINK = "#1f5f99"
ALWAYS, EARLY, LATE, RAMPED, AFTER, EVALUATION = WHEN = (
    "always in training", "early in a run", "late in a run", "ramped", "from a trained network on",
    "in evaluation too")
TRAINED = re.compile(r"(of|through) a trained network|that are trained already")
EVALUATED = re.compile(r"(^|, |, and |training and )in evaluation|in evaluation too")


@functools.cache
def techniques():
    """All techniques, read once."""
    return catalog.techniques()


def placed():
    """The techniques that lie in one of the eight folders."""
    return [t for t in techniques() if catalog.place_of(t.path) < len(catalog.PLACES)]


def title(technique):
    """The name of a technique as people say it."""
    return technique.summary.rstrip(".").partition(":")[0]


def named_in(text, techniques):
    """The techniques whose title, or its last word if the file is called so, stands in `text`;
    longer names first: dropout is not named where targeted dropout is."""
    found, text = set(), text.lower()
    words = sorted(((word, t.name) for t in techniques for word in {title(t).lower(), t.name}
                    if title(t).lower().endswith(word)), key=lambda w: -len(w[0]))
    for word, name in words:
        pattern = re.compile(rf"\b{re.escape(word)}\b")
        if pattern.search(text):
            found.add(name)
            text = pattern.sub("", text)
    return found


def when(technique, scheduled):
    """The columns of a technique; `scheduled` is {column: names of what a schedule is for}."""
    where = technique.sections.get("Where", "")
    if technique.path.parent.name == "schedules":
        return [column for column, names in scheduled.items() if technique.name in names]
    columns = []
    if "end of a run" in technique.summary:
        columns.append(LATE)
    if TRAINED.search(where):
        columns.append(AFTER)
    if not columns:
        columns.append(ALWAYS)
    columns += [column for column, names in scheduled.items() if technique.name in names]
    if EVALUATED.search(where) or EVALUATED.search(technique.sections.get("Without noise", "")):
        columns.append(EVALUATION)
    return [column for column in WHEN if column in columns]


def schedules():
    """{column: names}: the schedules themselves, and what their docstrings name."""
    found, others = {}, [t for t in placed() if t.path.parent.name != "schedules"]
    for name, columns in (("early_late", (EARLY, LATE)), ("ramps", (RAMPED,))):
        text = catalog.docstring(next(t.path for t in placed() if t.name == name))
        for column in columns:
            found[column] = named_in(text.partition("Differs")[0], others) | {name}
    return found


def cells():
    """{(place, column): techniques} of the map; a technique may stand in several columns."""
    scheduled, found = schedules(), {}
    for t in placed():
        columns = when(t, scheduled)
        if not columns:
            raise ValueError(f"{t.name} must have a column of the family map, such as "
                             f"{ALWAYS!r}: its Where says {t.sections.get('Where')!r}")
        for column in columns:
            found.setdefault((t.path.parent.name, column), []).append(t)
    return found


def table():
    """The map as a Markdown table with links."""
    found = cells()
    rows = ["| where | " + " | ".join(WHEN) + " |", "|---" * (len(WHEN) + 1) + "|"]
    for place in catalog.PLACES:
        links = [", ".join(f"[{title(t)}](../techniques/{t.name}.md)"
                           for t in found.get((place, column), [])) for column in WHEN]
        rows.append(f"| **{place}** | " + " | ".join(links) + " |")
    return "\n".join(rows)


def wrapped(words, most=13):
    """`words` in lines of at most `most` letters, where there are spaces."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        lines = [*lines[:-1], longer] if len(longer) <= most or not lines[-1] else [*lines, word]
    return lines


def drawn(height=0):
    """The map as a sheet whose names lead to the pages of the techniques."""
    found, first, wide, step, gap = cells(), 88, 112, 16, 5
    sheet = Sheet(first + wide * len(WHEN) + 12, height or drawn(9999).ends)
    for k, column in enumerate(WHEN):
        for row, line in enumerate(wrapped(column, 13)):
            sheet.text(first + wide * k + 8, 28 + step * row, line, 14, bold=True)
    y = 66
    for place in catalog.PLACES:
        columns = [[wrapped(title(t)) for t in found.get((place, column), [])] for column in WHEN]
        high = max(sum(step * len(lines) + gap for lines in names) for names in columns) + 12
        sheet.text(12, y + 21, place, 13, bold=True)
        sheet.line([(10, y), (sheet.width - 10, y)], LIGHT, 1)
        for k, column in enumerate(WHEN):
            at = y + 21
            if found.get((place, column)):
                sheet.box(first + wide * k + 2, y + 4, wide - 4, high - 8, PALE, "", 5)
            for t in found.get((place, column), []):
                with sheet.link(f"../techniques/{t.name}.html"):
                    for line in wrapped(title(t)):
                        sheet.text(first + wide * k + 8, at, line, 13, colour=LINK)
                        at += step
                at += gap
        y += high
    sheet.ends = int(y + 8)
    return sheet


def together():
    """What each drop switches off and each norm averages over with one entry: (SVG, alt text)."""
    panels = [("dropped together", {name: axes.dropped_with(*axes.DROPS[name])
                                    for name in axes.DROPS}),
              ("averaged together", {name: axes.averaged_with(norm)
                                     for name, norm in axes.NORMS.items()})]
    sheet, told = Sheet(960, 400), []
    for row, (heading, sets) in enumerate(panels):
        y = 34 + 188 * row
        sheet.text(22, y, heading, 15, bold=True)
        for k, (name, marked) in enumerate(sets.items()):
            left = 22 + 156 * k
            short, _, rest = name.partition(", ")
            sheet.text(left, y + 26, short, 13, bold=True)
            sheet.text(left, y + 43, rest or axes.along(marked), 13, colour=GREY)
            tensor(sheet, left, y + 56, marked, 6.6, axes.ENTRY)
            told.append(f"{name} {int(marked.sum())}")
    sheet.text(650, 280, "N examples down, C channels across,", 13, colour=GREY)
    sheet.text(650, 300, "H × W pixels inside. One entry is framed;", 13, colour=GREY)
    sheet.text(650, 320, "the dark ones share its fate.", 13, colour=GREY)
    return sheet.svg("what is dropped and averaged together"), (
        "Ten copies of a tensor of three examples with four channels of 4 by 4. Dark is what goes "
        f"with one framed entry: entries by drop and norm are {', '.join(told)}.")


def networks(*names):
    """Network drawings as Markdown images."""
    return "\n\n".join(f"![{pictures.network(name)[1]}](../pictures/networks/{name}.svg)"
                       for name in names)


def text():
    """The page."""
    svg = drawn().svg("the family map", "group").replace("\n", "")
    others = "\n".join(f"- [{title(t)}](../techniques/{t.name}.md){t.summary[len(title(t)):]}"
                       for t in techniques() if t not in placed())
    return f"""---
hide: [toc]
---

# The family map

Every technique acts at one place (down) and at some time (across). A name leads to its page. A
technique stands in several columns where its paper, or a schedule, uses it so.

<div class="family-map" tabindex="0" role="region" aria-label="The family map">{svg}</div>

How the columns are found: the place is the folder of a technique, the time what its docstring says
under "Where" and "Without noise". *Early*, *late* and *ramped* holds what the docstrings of the
schedules name; every rate of the package can be steered like that.

## The same as a table

{table()}

## What is dropped together

A drop makes one decision for a set of entries; a norm gives one mean and one deviation to a set.
Which sets these are tells the members of the family apart. [More of this](../axes.md).

![{together()[1]}](../{TOGETHER})

## Where they go in a network

Networks of the package have places that wait for a technique: `md.models.place(net, "*.drop",
md.Dropout(0.5))` fills them, `md.models.places(net)` lists them. LeNet, and a small VGG:

{networks("lenet", "vgg")}

## Around them

{others}
"""


def pages():
    """The map, and the picture of what goes together."""
    return {PAGE: text(), TOGETHER: together()[0]}
