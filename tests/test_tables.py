"""The reference tables of the site: they list what the code has, and tell what is missing."""

import dataclasses
import inspect
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

import minidrop
from minidrop import catalog, claims, tape
from minidrop.claims import fingerprint, ledger
from minidrop.verify.field import matrix
from minidrop.verify.field.table import TABLE

SITE = Path(__file__).parents[1] / "site"
sys.path.insert(0, str(SITE))
from scripts import (  # noqa: E402
    api,
    equations,
    field,
    links,
    names,
    primitive_source,
    primitives,
    settings,
)
from scripts import claims as claims_page  # noqa: E402

pytestmark = pytest.mark.slow


# --- equations -----------------------------------------------------------------------------------

def test_every_equation_is_listed_once_with_its_formula():
    text = equations.pages()[equations.PAGE]
    tags = [e.tag for t in catalog.techniques() for e in t.equations]
    assert re.findall(r"\\tag\{([^}]+)\}", text.replace(r"\_", "_")) == tags
    assert re.findall(r'class="entry" id="([^"]+)"', text) == [*map(links.box, tags)]
    for technique in catalog.techniques():
        for equation in technique.equations:
            assert equation.latex in text, equation.tag


def test_an_equation_leads_to_its_paper_its_lines_and_its_tests():
    text = equations.pages()[equations.PAGE]
    entry = text.split('id="eq-dropblock-4"')[1].split("</div>")[0]
    technique = catalog.technique("dropblock")
    equation = next(e for e in technique.equations if e.tag == "dropblock.4")
    assert "[Ghiasi 2018](bibliography.md#ghiasi2018), Algorithm 1" in entry
    assert entry.count("`test_dropblock_4_") == len(equation.tests) > 0 and "`dropblock`" in entry


def test_an_equation_that_nobody_computes_or_shows_is_told():
    technique = catalog.technique("dropout")
    bare = technique.equations[0]._replace(lines=(), tests=())
    with pytest.raises(ValueError, match=r"^equation \(dropout.1\) of dropout.py is computed"):
        list(equations.entry(technique, bare))


# --- primitives ----------------------------------------------------------------------------------

def test_every_primitive_of_the_registry_is_listed_under_its_file():
    text = primitives.pages()[primitives.PAGE]
    assert sorted(re.findall(r"^### `(\w+)`", text, re.M)) == sorted(tape.REGISTRY)
    for path, mine in primitives.registered().items():
        part = text.split(f"## {path.stem.capitalize()}\n")[1].split("\n## ")[0]
        assert re.findall(r"^### `(\w+)`", part, re.M) == [one.name for one in mine]


@pytest.mark.parametrize("name", sorted(tape.REGISTRY))
def test_an_adjoint_is_told_by_its_very_code(name):
    """What is printed for an argument compiles to the code of the function that the tape calls."""
    one = tape.REGISTRY[name]
    told = {each.argument: each for each in primitive_source.adjoints(one)}
    names = primitive_source.arguments(one)
    there = {names[i]: adjoint for i, adjoint in enumerate(one.adjoints) if adjoint}
    assert told.keys() == there.keys()
    for argument, adjoint in there.items():
        if adjoint.__name__ != "<lambda>":
            assert told[argument].code == adjoint.__name__
            continue
        signature = inspect.signature(adjoint)
        again = eval(f"lambda {str(signature)[1:-1]}: (\n{told[argument].code})").__code__
        for part in ("co_code", "co_names", "co_varnames"):
            assert getattr(again, part) == getattr(adjoint.__code__, part), argument
        assert [*told[argument].reads] == [
            each for each in [*signature.parameters][1:]
            if each[0] != "_" and signature.parameters[each].kind != inspect.Parameter.VAR_KEYWORD]


def test_a_primitive_says_whether_it_can_be_differentiated_twice():
    text = primitives.pages()[primitives.PAGE]
    for one in tape.REGISTRY.values():
        part = text.split(f"### `{one.name}` ")[1].split("\n### ")[0]
        assert ("its adjoints are primitives" in part) == one.twice
        assert ("through its twin" in part) == bool(one.twin and not one.twice)


def test_a_primitive_without_adjoints_or_from_elsewhere_is_told(monkeypatch):
    def odd(x): return x

    monkeypatch.setattr(tape, "REGISTRY", dict(tape.REGISTRY))
    one = tape.Primitive.__new__(tape.Primitive)
    one.name, one.forward = "odd", odd
    with pytest.raises(ValueError, match="^primitive odd states no adjoints: odd.vjps"):
        primitive_source.statement(one)
    tape.REGISTRY["odd"] = one
    with pytest.raises(ValueError, match="^primitive odd is registered outside"):
        primitives.registered()


def test_the_registry_drives_the_tests_that_are_named_for_all():
    names = [test.name for test in primitive_source.driven_tests()]
    assert "the_gradient_is_what_differences_say_and_so_is_its_own_gradient" in names
    assert "where_takes_any_condition_that_has_a_truth" not in names
    assert "where_takes_any_condition_that_has_a_truth" in [
        test.name for test in primitive_source.named_tests(tape.REGISTRY["where"])]


# --- claims, the field, names --------------------------------------------------------------------

def test_the_ledger_tells_of_every_claim_all_that_it_states():
    made = claims_page.pages()
    text = made[claims_page.PAGE]
    for claim in claims.CLAIMS.values():
        for stated in (claim.sentence, claim.source, claim.known, claim.protocol, claim.before,
                       claim.measure, *claim.rule.values(), *claim.takes.values()):
            assert stated in text, claim.name
        for scale, record in ledger.published(claim):
            verdict = claim.judge(ledger.results(claim, record), claim.scales[scale])
            assert f"**{verdict.headline}.**" in text and "\n".join(verdict.lines) in text
            name = claims_page.figure_name(claim, scale)
            assert f"]({name})" in text and made[f"tables/{name}"].startswith("<?xml")
            assert "http://" not in re.sub(r'(xmlns[:\w]*|rdf:\w+)="[^"]*"|<!DOCTYPE[^>]*>', "",
                                           made[f"tables/{name}"].split("<defs>")[1])


def test_the_table_of_claims_has_a_row_for_each_from_its_runs_by_the_code_of_now():
    text = claims_page.pages()[claims_page.PAGE]
    rows = [line.strip("| ").split(" | ") for line in text.partition("\n## ")[0].splitlines()
            if line.startswith("| ")][1:]
    names = [re.match(r"\[([\w-]+)\]", row[-5])[1] for row in rows]
    assert sorted(names) == sorted(claims.CLAIMS)
    papers = [claims.CLAIMS[name].paper for name in names]
    assert papers == sorted(papers, key=lambda paper: (paper[-4:], papers.index(paper)))
    words = Counter()
    for name, (*_, effect, ours, word, command) in zip(names, rows, strict=True):
        claim, found = claims.CLAIMS[name], [*ledger.published(claims.CLAIMS[name])]
        scale = found[0][0] if found else "standard"
        assert effect == claim.effect and command == f"`minidrop claims run {name} --scale {scale}`"
        due = None
        for scale, record in reversed(found):
            due = claim.judge(ledger.results(claim, record), claim.scales[scale])
            assert record["code"] == fingerprint.of(claim.run)
            own = text.partition(f"{{#{name}-{scale}}}")[2].partition("\n#")[0]
            assert f"; code {record['code']}" in own and due.headline in own
            assert all(sentence in own for sentence in record.get("verified", ()))
        words[due.word if due else "not run yet"] += 1
        assert word == f"**{due.word if due else 'not run yet'}**"
        assert ours.startswith(due.headline if due else "-")
    for word, count in words.items():
        assert f"{count} {word}" in text.partition("<div")[0]


def test_the_claims_that_did_not_hold_are_written_into_the_page_of_what_was_not_reproduced(
        monkeypatch):
    """If not: PYTHONPATH=site python -m scripts.claims"""
    text = claims_page.MISSING.read_text(encoding="utf-8")
    assert text.count(claims_page.START) == 1 and claims_page.with_missing(text) == text
    claim = claims.CLAIMS["dropout"]
    monkeypatch.setitem(claims_page.CLAIMS, "dropout", dataclasses.replace(
        claim, judge=lambda results, settings: claim.judge(results, settings)._replace(
            word="refuted")))
    changed = claims_page.with_missing(text)
    own, = (line for line in changed.splitlines() if "](tables/claims.md#dropout)" in line)
    assert own.count("refuted: test error 3.60 % of none") == 1 and own.endswith(", 5 seeds) |")
    assert changed.replace(f"{own}\n", "").replace(f"\n{own}", "") == text
    with pytest.raises(ValueError, match="not-reproduced.md must have a place for the claims, bet"):
        claims_page.with_missing(text.replace("<!-- end -->", ""))


def test_the_figures_of_claims_are_the_same_bytes_each_time():
    assert claims_page.pages() == claims_page.pages()


def test_results_that_no_claim_has_are_told(tmp_path, monkeypatch):
    (tmp_path / "odd-quick.json").write_text("{}")
    monkeypatch.setattr(ledger, "PUBLISHED", tmp_path)
    with pytest.raises(ValueError, match="has odd-quick.json, which is of no claim"):
        list(claims_page.page(claims.CLAIMS))


def test_the_matrix_of_the_field_has_a_word_for_each_cell_and_a_note_for_each_that_differs():
    whole = matrix.stored()
    text = field.text()
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    told = sum(int(count or 1) for row in rows
               for count in re.findall(r"[✓≈✗?] \w+(?: \[\d+\]\(#\d+\))?(?: \((\d+)\))?", row))
    assert told == len(whole["cells"])
    odd = [cell for cell in whole["cells"] if cell["word"] != "holds"]
    assert re.findall(r'class="entry" id="(\d+)"', text) == [str(i + 1) for i in range(len(odd))]


def test_every_public_name_has_a_line():
    text = api.pages()[api.PAGE]
    listed = re.findall(r"^\| \[?`([\w.]+)", text, re.M)
    assert len(listed) == len({*listed})
    assert {*listed} >= {name for name in minidrop.__all__ if name != "__version__"}
    assert {"nn.Linear", "optim.Adam", "models.vit", "data.digits"} <= {*listed}
    assert re.search(r"`dropout\(x, mask, p\)`\]?[^|]*\| [^|]*\. \|", text)


def test_a_public_name_without_a_docstring_is_told(monkeypatch):
    monkeypatch.setattr(minidrop.dropout, "__doc__", None)
    with pytest.raises(ValueError, match="^minidrop.dropout has no docstring$"):
        api.pages()


def test_every_name_that_the_field_verifies_is_told_and_no_other_technique():
    text = names.pages()[names.PAGE]
    for technique, libraries in TABLE.items():
        part = text.split(f"{{#{technique}}}\n")[1].split("\n## ")[0] if f"{{#{technique}}}" in \
            text else ""
        for library, entries in libraries.items():
            for entry in entries if library != "minidrop" else ():
                assert f"| `{names.base(entry.title)}` |" in part, entry.title
    assert {row.technique for row in names.names()} <= {t.name for t in catalog.techniques()}


def test_a_verdict_beside_a_name_is_that_of_the_matrix():
    rows = {(row.technique, row.name): names.verdicts(row) for row in names.names()}
    assert rows["dropout", "torch.nn.Dropout"] == "✓ holds"
    assert rows["alpha", "keras.layers.AlphaDropout"].startswith("✗ fails [")
    assert rows["dropblock", "timm.layers.DropBlock2d"].count("≈ variant") == 2
    assert rows["pruning", "torch.nn.utils.prune.l1_unstructured"] == ""


@pytest.mark.parametrize("text, told", [
    ('[dropuot]\n"torch.nn.Dropout" = ["p", "drops"]', "technique dropuot, which is not in the"),
    ('[dropout]\n"pandas.Dropout" = ["p", "drops"]', "pandas.Dropout, of a library that the field"),
    ('[dropout]\n"torch.nn.Dropout" = ["p", "drops"]', "not tell the argument of keras.layer")])
def test_a_name_that_is_missing_or_unknown_is_told(tmp_path, text, told):
    path = tmp_path / "names.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=told):
        names.names(path)


def test_every_published_setting_is_shown_with_its_source_and_how_sure_it_is():
    made = settings.pages()
    found = settings.settings()
    rows = re.findall(r"^\| \[?[^|]+ \| \d{4} \| .* \|$", made[settings.PAGE], re.M)
    assert len(rows) == len(found) > 30
    for one in found:
        assert any(one.where in row and f"| {one.value} |" in row and settings.SURE[one.sure] in row
                   for row in rows), one
    assert made == settings.pages()


def test_a_setting_has_a_number_for_each_thing_it_names():
    lists = 0
    for one in settings.settings():
        values, colon = one.value.split(", "), one.where.partition(": ")
        if colon[1] and len(values) > 1 and ";" not in one.value:
            named = re.split(", | and ", re.sub(r" \(.*\)", "", colon[2]))
            assert len(named) == len(values), one
            lists += 1
    assert lists > 8


def test_the_figure_shows_every_rate_that_is_to_be_drawn_at_its_year():
    found = settings.settings()
    axis = settings.draw(found).axes[0]
    shown = sorted((int(x), round(y, 6)) for line in axis.lines if line.get_marker() == "o"
                   for x, y in zip(*line.get_data(), strict=True))
    assert shown == sorted((one.year, rate) for one in found for rate in one.drawn)
    assert {text.get_text() for text in axis.texts} == {one.label for one in found if one.drawn}
    assert "Hinton 2012 0.5" in settings.alt(found) and "Swin 2021 0.2" in settings.alt(found)


SETTING = ('[[setting]]\ntechnique = "dropout"\nyear = 2012\nwhere = "here"\nvalue = "0.5"\n'
           'source = "Hinton 2012"\nsure = "paper"\n')


@pytest.mark.parametrize("text, told", [
    (SETTING.replace('sure = "paper"\n', ""), "dropout 2012 has no sure"),
    (SETTING.replace('"paper"', '"hearsay"'), "sure must be one of code, readme, paper, got hears"),
    (SETTING.replace("dropout", "dropuot"), "dropuot 2012 is of no technique in the catalog"),
    (SETTING + "drawn = [0.2]\n", "dropout 2012 draws 0.2, which its value 0.5 does not say")])
def test_a_setting_that_is_not_whole_is_told(tmp_path, text, told):
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=told):
        settings.settings(path)
    path.write_text(SETTING)
    assert len(settings.settings(path)) == 1
