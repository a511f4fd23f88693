"""The catalog reads docstrings and comments as they are written."""

import re

from minidrop import catalog, lesson, terminal
from minidrop.catalog import PACKAGE


def test_an_equation_knows_its_place_formula_line_and_tests():
    draw, scale, moments = catalog.technique("dropout").equations[:3]
    assert draw.place == "Srivastava 2014, section 4; Hinton 2012, abstract (q = 0.5)"
    assert draw.title == "draw a mask"
    assert draw.latex == r"m_i \sim \mathrm{Bernoulli}(q)"
    line, = scale.lines
    source = line.path.read_text(encoding="utf-8").splitlines()
    assert source[line.number - 1].startswith("    " + line.code) and "masked" in line.code
    assert moments.lines == () and any("mean_and_variance" in test.name for test in moments.tests)


def test_sections_flow_and_differences_stay_apart():
    sections = catalog.technique("dropout").sections
    assert list(sections) == ["Papers", "Where", "Symbols", "Without noise", "Differs"]
    assert "\n" not in sections["Symbols"]
    differences = sections["Differs"].split("\n")
    assert len(differences) == 6
    assert all(line.startswith(("- From", "- The two")) for line in differences)


def test_remarks_are_the_paragraphs_without_a_label():
    text = ("A: b.\n\nPaper   P\n        more\n\nOne\n$$ x \\tag{a.1} $$\n\nFree and\nfree.\n\n"
            "Two\n$$ y \\tag{a.2} $$\n\nLast.\n\nWithout noise  c\n\nWithin.\n\n"
            "Differs\n- d [test_e]\n")
    assert catalog.remarks(text) == ("Free and free.", "Last.")
    assert catalog.sections(text)["Without noise"] == "c Within."


def test_no_paragraph_of_a_docstring_is_lost():
    squeezed = lambda words: re.sub(r"\s+", "", "".join(words))
    for technique in catalog.techniques():
        equations = [e.place + ":" * bool(e.place) + e.title + e.latex + e.tag
                     for e in technique.equations]
        told = [technique.summary, *technique.sections, *technique.sections.values(), *equations,
                *technique.remarks]
        text = re.sub(r"\$\$|\\tag\{|\}(?=\s*\$\$)", "", catalog.docstring(technique.path))
        assert len(squeezed(told)) == len(squeezed(text)), technique.name


def test_every_module_that_states_equations_is_found():
    stating = {path.stem for path in PACKAGE.rglob("*.py")
               if "\n$$ " in catalog.docstring(path) and "\\tag" in catalog.docstring(path)}
    found = {technique.name for technique in catalog.techniques()}
    assert found == stating >= {"dropout", "sgd", "adam"}


def test_the_table_lists_techniques_alone():
    rows = catalog.table().splitlines()[2:]
    names = [row.split("]")[0] for row in rows]
    inputs, units, penalties = map(names.index, ("| [Flip and crop", "| [Dropout", "| [L2 penalty"))
    assert inputs < units < penalties
    listed = {row.partition("(minidrop/")[2].partition(")")[0] for row in rows}
    there = {path.relative_to(PACKAGE).as_posix() for place in catalog.PLACES
             for path in (PACKAGE / place).glob("[!_]*.py")}
    assert listed == there and len(rows) == len(there)
    short = catalog.overview()
    assert all(f"(minidrop/{path})" in short for path in there)
    units = next(row for row in short.splitlines() if row.startswith("| units | "))
    assert units.startswith("| units | Noise on the units of a layer | [")
    assert "[Dropout](minidrop/units/dropout.py)" in units


SILENT = {"Big", "big", "left", "right", "operatorname", "textstyle", "tfrac"}   # or done before


def test_every_command_of_a_formula_is_known_in_a_terminal():
    """One that is not would be left out without a word, such as the sign of an inequality."""
    known, used = terminal._converter().latex_context, set()
    for path in [*catalog.PACKAGE.rglob("*.py"), *lesson.folder().glob("*.py")]:
        for text in re.findall(r"\$\$.*?\$\$|\$[^$\n]+\$", path.read_text("utf-8"), re.S):
            used |= {*re.findall(r"\\([A-Za-z]+)", text)}
    unknown = {name for name in used - SILENT - {"tag"}
               if getattr(known.get_macro_spec(name), "macroname", None) != name}
    assert len(used) > 60 and not unknown


def test_formulas_in_a_terminal_say_what_the_latex_says():
    for latex, text in [
            (r"m_i \sim \mathrm{Bernoulli}(q) \tag{dropout.1}", "m_i ∼ Bernoulli(q)"),
            (r"\frac{a + b}{c}", "(a + b)/c"), (r"\tfrac{p}{q} w", "p/q w"),
            (r"x^{1/2}", "x^(1/2)"), (r"x^2 p / q", "x^2 p / q"), (r"\frac{1}{2}", "1/2"),
            (r"q \mu + p \alpha'", "q μ + p α'"), (r"\sigma - 1", "σ - 1"),
            (r"\frac{\partial f}{\partial x}", "(∂f)/(∂x)"), (r"\beta \log u", "β log u"),
            (r"\log \alpha - \log(1 - u)", "log α - log(1 - u)"), (r"\sum M", "∑ M"),
            (r"-\gamma / \zeta", "-γ / ζ"), (r"\lVert \theta_i \rVert_2", "‖θ_i‖_2")]:
        assert terminal.formula(latex) == text


def test_no_formula_in_a_terminal_shows_a_backslash():
    for technique in catalog.techniques():
        for equation in technique.equations:
            assert "\\" not in terminal.formula(equation.latex), equation.tag
