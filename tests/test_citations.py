"""site/data/references.toml: what our texts cite is there, what is there is cited, once each."""

import sys
from pathlib import Path

import pytest

from minidrop import catalog

SITE = Path(__file__).parents[1] / "site"
sys.path.insert(0, str(SITE))
from scripts import bibliography, citations  # noqa: E402

TWO = ('[kingma2015]\nauthor = "Kingma, Diederik P. and Salimans, Tim"\n'
       'title = "Variational dropout"\nyear = 2015\narxiv = "1506.02557"\n'
       '[kingma-ba2015]\nauthor = "Kingma, Diederik P. and Ba, Jimmy"\n'
       'title = "Adam"\nyear = 2015\nwithout = "a joke"\nnamed = ["that optimizer, 2014"]\n')


def of(tmp_path, text):
    path = tmp_path / "references.toml"
    path.write_text(text, encoding="utf-8")
    return citations.works(path)


@pytest.mark.parametrize("text, keys", [
    ("as Kingma 2015 has it", ["kingma2015"]), ("Kingma et al. 2015, section 2", ["kingma2015"]),
    ("(Kingma & Ba 2015)", ["kingma-ba2015"]), ("# - Kingma, Ba (2015), Adam", ["kingma-ba2015"]),
    ("D. P. Kingma and Jimmy 2016 went home", None), ("arXiv:1506.02557", ["kingma2015"]),
    ("Kingma,\n# Ba (2015)", ["kingma-ba2015"]), ("that optimizer, 2014", ["kingma-ba2015"]),
    ('in "Variational dropout" they', ["kingma2015"]), ("NeurIPS 2015, In 2015", []),
    ("Nobody 2015", None), ("arXiv:1506.02558", None), ("Kingma 2014", None)])
def test_a_text_cites_by_name_and_year_by_arxiv_id_and_by_title(tmp_path, text, keys):
    known = of(tmp_path, TWO)
    if keys is None:
        with pytest.raises(ValueError, match="^the text cites .*, which site/data/refe"):
            citations.cited(text, "the text", known)
    else:
        assert citations.cited(text, "the text", known) == keys


def test_in_prose_a_word_before_a_year_is_a_citation_only_if_it_is_an_author(tmp_path):
    known = of(tmp_path, TWO)
    assert citations.cited("1996 L1, 2013 DropConnect, 2015 Adam", "page", known, prose=True) == []
    with pytest.raises(ValueError, match="^page cites Kingma 2019"):
        citations.cited("Kingma 2019", "page", known, prose=True)


@pytest.mark.parametrize("text, told", [
    (TWO.replace("year = 2015\narxiv", "arxiv"), "kingma2015 has no year"),
    (TWO.replace('arxiv = "1506.02557"\n', ""), "kingma2015 needs a doi, an arxiv id"),
    (TWO.replace("[kingma2015]", "[adam2015]"), "adam2015 must be the first author's")])
def test_an_entry_that_lacks_something_is_told(tmp_path, text, told):
    with pytest.raises(ValueError, match=told):
        of(tmp_path, text)


def test_a_title_that_a_docstring_quotes_is_that_of_the_references(tmp_path):
    known = of(tmp_path, TWO)
    citations.titles('Kingma, Ba, "Adam", ICLR 2015: "Kingma & Ba 2015"', "adam.py", known)
    with pytest.raises(ValueError, match='^adam.py cites "A dam", a title'):
        citations.titles('Kingma, Ba, "A dam", ICLR 2015', "adam.py", known)


@pytest.mark.slow
def test_everything_that_is_cited_is_there_and_everything_there_is_cited():
    assert bibliography.cited_by().keys() == citations.works().keys()


def test_an_entry_that_nobody_cites_is_told():
    with pytest.raises(ValueError, match="has wan2013, which nobody cites$"):
        list(bibliography.page(citations.works(),
                               {key: 0 for key in citations.works() if key != "wan2013"}))


def test_who_cites_a_work_is_told_by_kind():
    uses = bibliography.cited_by()["ghiasi2018"]
    assert {"(dropblock.1)", "(ramps.1)"} <= {link.partition("]")[0].lstrip("[")
                                              for link in uses["equations"]}
    assert any("12 dropblock" in link for link in uses["lessons"])
    assert not bibliography.cited_by()["xiao2017"]["claims"] and uses["claims"]


@pytest.mark.slow
def test_every_technique_that_names_a_paper_leads_to_it():
    cited = " ".join(link for uses in bibliography.cited_by().values()
                     for link in uses["techniques"])
    for technique in catalog.techniques():
        if {"Paper", "Papers"} & technique.sections.keys():
            assert technique.summary.partition(":")[0] in cited, technique.name


def test_bibtex_has_every_field_once_and_braces_that_match():
    for work in citations.works().values():
        text = bibliography.bibtex(work)
        assert text.startswith("@") and text.count("{") == text.count("}"), work.key
        fields = [line.split(" = ")[0].strip() for line in text.splitlines()[1:-1]]
        assert len(fields) == len({*fields}) and {"author", "title", "year"} <= {*fields}
        assert not {"without", "named", "arxiv"} & {*fields}
    assert "title = {{DropBlock}: a regularization" in bibliography.bibtex(
        citations.works()["ghiasi2018"])
    assert "  pages = {1929--1958}," in bibliography.bibtex(citations.works()["srivastava2014"])
