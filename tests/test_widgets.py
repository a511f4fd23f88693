"""The widgets' data: digits and equations as minidrop has them."""

import json
import sys
from pathlib import Path

import pytest

import minidrop as md
from minidrop import catalog

SITE = Path(__file__).parents[1] / "site"
sys.path.insert(0, str(SITE))
from scripts import widgets  # noqa: E402


def data():
    text = widgets.pages()["tables/widgets.js"]
    return json.loads(text.partition("{ data: ")[2].rpartition(" });")[0])


def test_digits_are_those_of_the_test_set():
    x, y = md.data.digits().test
    for pixels, label in zip(data()["digits"], widgets.DIGITS, strict=True):
        assert pixels == (16 * x[y == label][0]).tolist()


def test_equations_are_those_of_the_docstrings():
    stated = {e.tag: e.latex for t in catalog.techniques() for e in t.equations}
    found = data()["equations"]
    assert {tag: " ".join(stated[tag].split()) for tag in found} == {
        tag: equation["tex"] for tag, equation in found.items()}
    assert found["dropblock.1"]["page"] == "techniques/dropblock.html#eq-dropblock-1"
    assert {"cutout.5", "stochastic_depth.3", "snapshot.4", "targeted.7"} <= found.keys()


def test_an_equation_that_nobody_states_ends_the_build(monkeypatch):
    monkeypatch.setattr(widgets, "tags", lambda: {"dropout.1", "dropin.1"})
    with pytest.raises(ValueError, match=r"name dropin\.1, which no docstring states$"):
        widgets.pages()


def test_the_loader_names_every_script():
    loader = (SITE / "pages" / "assets" / "widgets.js").read_text("utf-8")
    assert all(f'"widgets/{path.name}"' in loader for path in widgets.ASSETS.glob("*.js"))


def test_a_technique_brings_its_widget():
    assert widgets.embed("dropblock").startswith(
        '<div data-widget="masks" data-technique="dropblock" data-p="0.1" data-block="5">')
    assert widgets.embed("mixup") == ""


def test_a_widget_of_no_technique_ends_the_build(monkeypatch):
    monkeypatch.setitem(widgets.SHOWN, "dropin", {"widget": "masks"})
    with pytest.raises(ValueError, match="^a widget is for dropin, which is no technique$"):
        widgets.embed("dropout")
