"""The family map: every technique in its place, at its time; drawing and table agree."""

import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "site"))
from scripts import axes, family

pytestmark = pytest.mark.slow

SVG = "{http://www.w3.org/2000/svg}"
PLACED = {t.name: t for t in family.placed()}

# What the papers and docstrings say, typed once more by hand: who stands in other columns than the
# first, or in others besides.
ELSEWHERE = {
    "dropout": [family.ALWAYS, family.EARLY, family.LATE],
    "stochastic_depth": [family.ALWAYS, family.EARLY, family.LATE],
    "dropblock": [family.ALWAYS, family.RAMPED],
    "targeted": [family.ALWAYS, family.RAMPED],
    "pruning": [family.RAMPED, family.AFTER],
    "mc": [family.AFTER, family.EVALUATION],
    "dropconnect": [family.ALWAYS, family.EVALUATION],
    **dict.fromkeys(["batch_norm", "group_norm", "instance_norm", "layer_norm", "normalise"],
                    [family.ALWAYS, family.EVALUATION]),
    "snapshot": [family.ALWAYS, family.EVALUATION],
    "swa": [family.LATE],
    "fge": [family.AFTER],
    "early_late": [family.EARLY, family.LATE],
    "ramps": [family.RAMPED],
}


def found():
    """{name: (place, columns)} as the map has them."""
    places = {}
    for (place, column), there in family.cells().items():
        for t in there:
            places.setdefault(t.name, (place, []))[1].append(column)
    return {name: (place, [c for c in family.WHEN if c in columns])
            for name, (place, columns) in places.items()}


def test_every_technique_stands_in_its_place_at_its_times():
    assert found() == {name: (t.path.parent.name, ELSEWHERE.get(name, [family.ALWAYS]))
                       for name, t in PLACED.items()}


def test_the_drawing_and_the_table_hold_the_same_links():
    svg = ET.fromstring(family.drawn().svg())
    drawn = [Path(a.get("href")).stem for a in svg.iter(SVG + "a")]
    table = re.findall(r"\.\./techniques/(\w+)\.md\)", family.table())
    assert sorted(drawn) == sorted(table) and {*table} == {*PLACED}
    assert len(table) == sum(len(columns) for _, columns in found().values())


def test_the_names_of_the_drawing_are_those_of_the_table():
    svg = ET.fromstring(family.drawn().svg())
    for a in svg.iter(SVG + "a"):
        words = " ".join(text.text for text in a)
        assert words == family.title(PLACED[Path(a.get("href")).stem])


def test_the_page_links_to_every_technique_and_holds_no_empty_line_in_its_drawing():
    page = family.text()
    assert {*re.findall(r"techniques/(\w+)\.md", page)} == {t.name for t in family.techniques()}
    svg = page.partition('aria-label="The family map">')[2].partition("</div>")[0]
    assert svg.startswith("<svg") and "\n" not in svg
    assert not re.search(r"\*\*|\.:", page.partition("## Around them")[2])


def test_the_page_shows_the_pictures_that_are_made():
    shown = re.findall(r"!\[[^]]+\]\(\.\./(pictures/[^)]+)\)", family.text())
    made = {**family.pages(), **dict.fromkeys(family.pictures.pages())}
    assert len(shown) == 3 and {*shown} <= made.keys()


def test_a_longer_name_is_not_taken_for_a_shorter_one():
    def named(text):
        return family.named_in(text, [*PLACED.values()])

    assert named("targeted dropout and Gaussian dropout") == {"targeted", "gaussian"}
    assert named("of dropout or of stochastic depth") == {"dropout", "stochastic_depth"}
    assert named("gradual pruning") == {"pruning"}
    assert named("the constant alpha, undropouted") == set()


def test_what_a_docstring_says_moves_a_technique():
    dropout = PLACED["dropout"]
    later = dropout._replace(sections={"Where": "Units of a trained network, in evaluation."})
    assert family.when(later, {}) == [family.AFTER, family.EVALUATION]
    assert family.when(dropout, {}) == [family.ALWAYS]
    assert family.when(dropout, {family.RAMPED: {"dropout"}}) == [family.ALWAYS, family.RAMPED]


def test_a_technique_without_a_column_breaks_the_build(monkeypatch):
    monkeypatch.setattr(family, "when", lambda technique, scheduled: [])
    with pytest.raises(ValueError, match="must have a column of the family map"):
        family.cells()


def test_texts_of_the_map_stay_apart():
    texts = family.drawn().written
    for i, a in enumerate(texts):
        assert a[2] < family.drawn().width - 2
        for b in texts[:i]:
            assert not (min(a[2], b[2]) - max(a[0], b[0]) > 4
                        and min(a[3], b[3]) - max(a[1], b[1]) > 1), (a, b)


def test_what_goes_together_is_what_the_norms_and_the_drops_do():
    svg, words = family.together()
    dark = sum(path.get("d").count("M") for path in ET.fromstring(svg)
               if path.get("data-what") == "together")
    sets = [*(axes.dropped_with(*rule) for rule in axes.DROPS.values()),
            *map(axes.averaged_with, axes.NORMS.values())]
    assert dark == sum(marked.sum() for marked in sets)
    assert all(f"{int(marked.sum())}" in words for marked in sets)
