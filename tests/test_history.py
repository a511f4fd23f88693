"""The history: every technique once, beneath the year that its docstring gives."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

SITE = Path(__file__).parents[1] / "site"
sys.path.insert(0, str(SITE))

from scripts import timeline  # noqa: E402

PAGE = (SITE / "pages" / "history.md").read_text(encoding="utf-8")
SVG = timeline.pages()["pictures/timeline.svg"]
TECHNIQUES = timeline.placed()


def told():
    """{technique: the years of the heading that it first stands beneath}."""
    found = {}
    for part in re.split(r"^## ", PAGE, flags=re.M)[1:]:
        years = [int(y) for y in re.findall(r"\b\d{4}\b", part.partition("\n")[0])]
        for name in re.findall(r"\(techniques/(\w+)\.md\)", part):
            found.setdefault(name, years)
    return found


def test_every_technique_is_told_beneath_its_year():
    years = told()
    assert {*years} == {t.name for t in TECHNIQUES}
    for t in TECHNIQUES:
        assert timeline.year(t) in years[t.name], t.name


def test_the_years_go_forward():
    years = [there[0] for there in told().values()]
    assert years == sorted(years) and len({*years}) == 11


@pytest.mark.parametrize("name, due", [("dropout", 2012), ("gaussian", 2014), ("l2", 1992),
                                       ("stochastic_depth", 2016), ("early_late", 2023)])
def test_the_year_is_that_of_the_first_paper(name, due):
    assert timeline.year(next(t for t in TECHNIQUES if t.name == name)) == due


def test_a_technique_without_a_year_is_refused():
    bare = SimpleNamespace(name="bare", sections={"Paper": "Somebody, somewhere."})
    with pytest.raises(ValueError, match="the docstring of bare gives its paper no year"):
        timeline.year(bare)


def test_the_figure_has_every_technique_once_with_the_sign_of_its_place():
    root, space = ElementTree.fromstring(SVG), "{http://www.w3.org/2000/svg}"
    groups = [(g.find(f"{space}path").get("d"), g.find(f"{space}text").text)
              for g in root.iter(f"{space}g")]
    assert sorted(groups) == sorted(
        [(timeline.COLOURS[t.path.parent.name][1], timeline.name_of(t)) for t in TECHNIQUES]
        + [(shape, place) for place, (_, shape) in timeline.COLOURS.items()])


def test_nothing_in_the_figure_runs_over_its_side():
    for there in timeline.by_year(TECHNIQUES).values():
        for row in timeline.rows_of(there):
            x, last = row[-1]
            assert x + 18 + timeline.CHARACTER * len(timeline.name_of(last)) <= timeline.WIDTH


def test_the_figure_is_the_same_in_two_runs_and_asks_no_host():
    assert timeline.pages()["pictures/timeline.svg"] == SVG and len(SVG) < 20_000
    assert re.findall(r"https?://(\S+?)[\"/]", SVG) == ["www.w3.org"]
