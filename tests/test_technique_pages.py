"""site/scripts/techniques.py: a page for each technique, made of its docstring and its code."""

import html
import re
import sys
from pathlib import Path

import pytest

from minidrop import catalog
from minidrop.claims import CLAIMS

SITE = Path(__file__).parents[1] / "site"
sys.path.insert(0, str(SITE))
from scripts import beside, docstrings, highlight, prose, source, techniques  # noqa: E402

pytestmark = pytest.mark.slow
TECHNIQUES = catalog.techniques()


@pytest.fixture(scope="module")
def pages():
    return techniques.pages()


def changed(name, **new):
    """The technique called `name` with other contents."""
    return catalog.technique(name)._replace(**new)


def without_html(text):
    return html.unescape(re.sub(r"<[^>]+>", "", text))


def on_one_line(latex):
    return re.sub(r"\s|\\\\|\\qquad", "", latex)


def test_every_technique_has_a_page_and_the_list_leads_to_each(pages):
    assert pages.keys() == {f"techniques/{t.name}.md" for t in TECHNIQUES} | {"techniques/index.md"}
    for t in TECHNIQUES:
        assert pages["techniques/index.md"].count(f"]({t.name}.md)") == 1


@pytest.mark.parametrize("t", TECHNIQUES, ids=lambda t: t.name)
def test_every_equation_has_its_box_its_formula_its_lines_and_its_tests(pages, t):
    text = pages[f"techniques/{t.name}.md"]
    for equation in t.equations:
        box, = re.findall(rf'id="eq-{equation.tag.replace(".", "-")}".*?\n\n</div>\n', text, re.S)
        assert rf"\tag{{{equation.tag}}}" in box
        assert on_one_line(equation.latex) in on_one_line(box)
        first = {line.function: line for line in reversed(equation.lines)}
        for line in first.values():
            assert source.link(line.path, line.number, "techniques/x.md") in box
        for test in equation.tests:
            assert source.link(test.path, test.number, "techniques/x.md") in box


@pytest.mark.parametrize("t", TECHNIQUES, ids=lambda t: t.name)
def test_the_lines_of_its_own_file_that_compute_an_equation_are_shown_and_marked(pages, t):
    text = pages[f"techniques/{t.name}.md"]
    shown = {(int(number), tags): without_html(line) for number, tags, line in re.findall(
        r'<span class="line" data-line="(\d+)" data-eq="([^"]+)">(.*)</span>', text)}
    for equation in t.equations:
        for line in equation.lines:
            if line.path == t.path:
                found = [code for (number, tags), code in shown.items()
                         if number == line.number and equation.tag in tags.split()]
                assert found and all(line.code in code for code in found), line


@pytest.mark.parametrize("t", TECHNIQUES, ids=lambda t: t.name)
def test_every_public_function_is_there_with_its_docstring(pages, t):
    text = pages[f"techniques/{t.name}.md"]
    assert re.findall(r"^### `(\w+)` \{#\1\}$", text, re.M) == catalog.functions(t)
    for node in docstrings.public(t):
        for line in filter(None, docstrings.ast.get_docstring(node).splitlines()):
            assert line.strip() in text or prose.linked(line, f"techniques/{t.name}.md") in text


def test_search_finds_a_technique_by_the_terms_that_lead_to_it(pages):
    assert '"weight decay"' in re.search("^tags: (.*)$", pages["techniques/l2.md"], re.M)[1]
    assert "tags: []\n" in pages["techniques/winograd.md"]


def test_the_course_is_near_below_the_title(pages):
    head = pages["techniques/dropout.md"].partition("# Dropout\n")[2][:400]
    for link in ("[lesson 6](../lessons/dropout.md)", "[exercise](../exercises/dropout.md)",
                 "[widget](#try-it)", "[claims](#in-the-course)"):
        assert link in head
    assert "lesson-head" not in pages["techniques/winograd.md"].partition("## ")[0]


def test_equations_of_one_function_stay_together():
    rows = beside.rows(catalog.technique("stochastic_depth"))
    first = [equation.tag for equation in rows[0][0]]
    assert first == [f"stochastic_depth.{k}" for k in (1, 2, 3)]
    assert [piece.name for piece in rows[0][1]] == ["survival"]
    told = [equation for stated, _ in rows for equation in stated]
    assert told == list(catalog.technique("stochastic_depth").equations)


def test_the_page_of_a_technique_lists_every_claim_that_names_it(pages):
    for t in TECHNIQUES:
        found = re.findall(r"claims\.md#([\w-]+)\)", pages[f"techniques/{t.name}.md"])
        assert found == [claim.name for claim in CLAIMS.values() if t.name in claim.techniques]
    about = set(re.findall(r"claims\.md#([\w-]+)\)", pages["techniques/dropout.md"]))
    assert about >= {"dropout", "rate", "data-size", "sparsity", "together"}


def test_titles_begin_with_a_capital_unless_that_is_a_symbol(pages):
    assert "**A mask for each sample, for each" in pages["techniques/multi_sample.md"]
    assert "**m + r - 1 multiplications" in pages["techniques/winograd.md"]
    assert "**theta has no part in delta" in pages["techniques/variational.md"]
    assert "of `Tiles.__call__` of fast/tiles.py]" in pages["techniques/winograd.md"]


def test_code_is_shown_without_its_docstring_and_with_its_numbers(pages):
    text = pages["techniques/dropout.md"]
    shown = re.search(r'<code>(<span class="line" data-line="\d+">.*?dropout_mask.*?)</code>', text,
                      re.S)[1]
    assert "Draw a keep-mask" not in shown
    numbers = [int(number) for number in re.findall(r'data-line="(\d+)"', shown)]
    lines = (source.ROOT / "minidrop/units/dropout.py").read_text("utf-8").splitlines()
    for number, line in zip(numbers, shown.splitlines(), strict=True):
        code = without_html(re.sub(r'<a class="eq-chip".*?</a>', "", line))
        assert lines[number - 1].partition("  # Eq.")[0].rstrip() == code


def test_an_equation_without_lines_is_beside_its_plainest_test(pages):
    equation = catalog.technique("dropout").equations[2]
    assert not equation.lines
    assert f"shown by [`test_{equation.tests[0].name}`]" in pages["techniques/dropout.md"]


def test_a_statement_of_several_lines_is_marked_whole():
    path = catalog.PACKAGE / "averages" / "snapshot.py"
    several = [number for number in range(1, 200) if len(beside.statement_around(path, number)) > 1]
    assert several
    for number in several:
        assert number in beside.statement_around(path, number)


def test_differences_lose_their_tests_names_and_gain_links(pages):
    text = pages["techniques/dropout.md"].partition("## Where it differs")[2].partition("\n## ")[0]
    assert "[test_" not in text and "- - " not in text
    sentences = catalog.technique("dropout").sections["Differs"].split("\n")
    assert text.count("\n- ") == len(sentences)
    assert "[a dropped infinity is nan](../source/tests/test_dropout.md#L" in text


def test_a_difference_by_a_test_that_is_gone_stops_the_build():
    gone = changed("dropout", sections={"Differs": "- From all.  [test_dropout_2_is_gone]"})
    with pytest.raises(ValueError, match="dropout differs by test_dropout_2_is_gone, a test that"):
        techniques.page(gone)
    with pytest.raises(ValueError, match="no test shows what dropout says: - From all."):
        techniques.page(changed("dropout", sections={"Differs": "- From all."}))


def test_a_tag_that_nobody_states_stops_the_build():
    with pytest.raises(ValueError, match=r"names \(dropout\.9\), an equation that nobody states"):
        techniques.page(changed("dropout", sections={"Where": "Units, as in (dropout.9)."}))


def test_an_equation_that_nobody_computes_stops_the_build():
    idle = catalog.technique("dropout").equations[0]._replace(lines=(), tests=())
    with pytest.raises(ValueError, match=r"no line computes \(dropout\.1\) and no test shows it"):
        techniques.page(changed("dropout", equations=(idle,)))


def test_a_technique_without_lesson_or_exercise_stops_the_build(monkeypatch):
    monkeypatch.setattr(techniques, "lessons", lambda t: [])
    with pytest.raises(ValueError, match="no lesson is about dropout"):
        techniques.page(catalog.technique("dropout"))
    techniques.page(catalog.technique("curvature"))           # no place of the course
    monkeypatch.undo()
    monkeypatch.setattr(techniques, "exercise", lambda name: None)
    with pytest.raises(ValueError, match="dropout has no exercise"):
        techniques.page(catalog.technique("dropout"))


def test_a_function_that_the_package_does_not_offer_stops_the_build(monkeypatch):
    monkeypatch.setattr(catalog, "functions", lambda t: ["dropout_mask", "gone"])
    with pytest.raises(ValueError, match="minidrop does not offer gone of minidrop/un"):
        techniques.page(catalog.technique("dropout"))


def test_a_widget_of_an_unknown_technique_stops_the_build(monkeypatch):
    monkeypatch.setitem(techniques.widgets.SHOWN, "dropuot", {"widget": "masks"})
    with pytest.raises(ValueError, match="a widget is for dropuot, which is no technique"):
        techniques.pages()


def test_a_link_to_a_line_that_is_not_there_stops_the_build():
    with pytest.raises(ValueError, match="points to line 9999 of minidrop/tape.py, which has"):
        source.link("minidrop/tape.py", 9999, "techniques/dropout.md")
    with pytest.raises(ValueError, match="points to minidrop/gone.py, which is no file of"):
        source.link("minidrop/gone.py", 1, "techniques/dropout.md")
    assert source.link(catalog.PACKAGE / "tape.py", 3, "tables/a.md") == (
        "../source/minidrop/tape.md#L3")


def test_every_file_is_a_page_with_all_its_lines():
    made = source.pages()
    assert "source/minidrop/units/dropout.md" in made and "source/tests/test_dropout.md" in made
    for name in source.names():
        body = made[source.page_of(name)].partition("<pre><code>")[2].rpartition("</code></pre>")[0]
        assert without_html(body) == (source.ROOT / name).read_text("utf-8").rstrip("\n"), name
        assert body.count('<span class="line" id="L') == source.length(name)


def test_colours_know_strings_comments_and_names():
    lines = highlight.lines('@a.b\ndef f(x):  # "no"\n    return """a\n# b"""')
    assert lines == [
        '<span class="nd">@a.b</span>',
        '<span class="k">def</span> <span class="nf">f</span>(x):  <span class="c"># "no"</span>',
        '    <span class="k">return</span> <span class="s">"""a</span>',
        '<span class="s"># b"""</span>']


def test_examples_become_blocks_and_long_formulas_several_lines():
    assert docstrings.fenced("a\n\n    >>> 1\n    1\n\nb") == "a\n\n```pycon\n>>> 1\n1\n```\n\nb"
    assert beside.in_lines(r"a, \qquad b") == r"a, \qquad b"
    long = "a_{b, \\qquad c} + " + "d" * 60
    assert beside.in_lines(rf"{long}, \qquad e") == (
        rf"\begin{{gathered}} {long}, \\ e \end{{gathered}}")


def test_prose_links_tags_functions_and_papers_but_no_formula_or_example():
    linked = prose.linked
    assert linked("(dropout.2)", "techniques/l2.md") == "([dropout.2](dropout.md#eq-dropout-2))"
    assert linked("(dropout.2)", "techniques/dropout.md") == "([dropout.2](#eq-dropout-2))"
    assert linked("`survival(1, 2)`", "tables/a.md") == (
        "[`survival(1, 2)`](../techniques/stochastic_depth.md#survival)")
    assert linked("arXiv:1207.0580", "a.md") == "[arXiv:1207.0580](https://arxiv.org/abs/1207.0580)"
    for kept in ("$`dropout` (dropout.9)$", "```pycon\n>>> `dropout`\n```", "`x = dropout`",
                 "(v2.0)"):
        assert linked(kept, "a.md") == kept
