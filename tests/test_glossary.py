"""The glossary: terms once, links that lead somewhere, letters as the docstrings have them."""

import copy
import re
import sys
from pathlib import Path

import pytest

from minidrop import catalog

SITE = Path(__file__).parents[1] / "site"
sys.path.insert(0, str(SITE))

from scripts import glossary  # noqa: E402

DATA, TECHNIQUES = glossary.read(), catalog.techniques()
TERMS = glossary.terms_of(DATA)
PAGE = glossary.page(DATA, TECHNIQUES)


def test_every_term_has_one_place_both_languages_a_text_and_a_link():
    assert len(TERMS) >= 70
    assert re.findall(r"^.* \{: #(\S+) \}$", PAGE, re.M) == [
        glossary.anchor(term["name"]) for term in TERMS]
    for term in TERMS:
        assert re.search(r"[一-鿿]", term["zh"]) or term["zh"] == term["name"], term
        assert term["text"][0] in "$" or term["text"][0].isupper(), term
        assert term["text"].endswith(".") and term["see"], term
    names = [term["zh"] for term in TERMS]
    assert len(set(names)) == len(names)


def test_links_to_other_terms_and_the_index_lead_somewhere():
    places = {*re.findall(r"#(\S+) \}", PAGE)}
    links = re.findall(r"\]\(#([\w-]+)\)", PAGE)
    assert {*links} <= places and len(links) > len(TERMS)
    index = re.findall(r"^\| \[(.+?)\]", PAGE.partition(glossary.INDEX)[2], re.M)
    assert index == sorted((term["name"] for term in TERMS), key=str.lower)


def test_a_term_told_twice_is_refused():
    data = copy.deepcopy(DATA)
    data["group"][-1]["term"].append(dict(TERMS[0], name=TERMS[0]["name"].upper()))
    with pytest.raises(ValueError, match="the glossary tells dropout twice"):
        glossary.page(data, TECHNIQUES)


@pytest.mark.parametrize("see", ["technique dropuot", "lesson nothing", "dropout"])
def test_a_link_to_nothing_is_refused(see):
    data = copy.deepcopy(DATA)
    data["group"][0]["term"][0]["see"] = [see]
    with pytest.raises(ValueError, match=f"'dropout' to '{see}', which is neither a technique"):
        glossary.page(data, TECHNIQUES)


def test_a_letter_that_its_docstring_does_not_have_is_refused():
    data = copy.deepcopy(DATA)
    data["letter"][0]["says"] = "Srivastava 2014 writes $q$ for our $p$"
    with pytest.raises(ValueError, match="which its docstring does not say"):
        glossary.page(data, TECHNIQUES)


def test_a_letter_of_a_docstring_that_the_table_lacks_is_missed():
    data = copy.deepcopy(DATA)
    data["letter"] = [row for row in data["letter"] if row["technique"] != "dropconnect"]
    with pytest.raises(ValueError, match="dropconnect says 'Wan 2013 writes .* no row for it"):
        glossary.page(data, TECHNIQUES)


def test_pages_are_one_file():
    assert glossary.pages() == {"tables/glossary.md": PAGE}
