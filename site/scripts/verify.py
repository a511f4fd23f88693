"""Write what each technique is held to, as the Technique objects say it, into the page of verify.

    python site/scripts/verify.py
"""

from pathlib import Path

from minidrop import catalog
from minidrop.verify.technique import held
from minidrop.verify.techniques import NAMES, technique_named

PAGE = Path(__file__).parents[1] / "pages" / "verify.md"
START, END = "<!-- techniques: written by site/scripts/verify.py -->\n", "\n<!-- end -->"


def tables():
    """All techniques, as Markdown: how each is called, what is due by which equation, its forms."""
    titles = catalog.summaries()
    return "\n\n".join(_section(name, titles[name].partition(":")[0]) for name in NAMES)


def with_tables(text):
    """`text` with the tables in the place of those it holds."""
    before, _, rest = text.partition(START)
    return before + START + tables() + END + rest.partition(END)[2]


def claims(technique):
    """{tag: [(claim, form), ...]}; the form is "" where the technique is meant unless told.

    The tag "" holds what is about no equation.  Each other form differs in one option, or in
    one beside `what`, and adds what is due in it and not before.
    """
    found, form = {}, technique.form({})
    others = [{name: value} for name, values in technique.options.items() for value in values[1:]]
    kinds = [one for one in others if "what" in one]
    for change in ({}, *others, *(kind | one for kind in kinds for one in others)):
        for check in technique.checks_for(form | change):
            finding = check.finding(held(""), form | change)
            for tag in finding.tags or ("",):
                there = found.setdefault(tag, [])
                if finding.claim not in [claim for claim, _ in there]:
                    there.append((finding.claim, _shown(change)))
    return found


def _section(name, title):
    technique, due = technique_named(name), claims(technique_named(name))
    arrays, numbers = ", ".join(technique.arrays), ", ".join(technique.parameters)
    lines = [f"### {title}: `{name}`", "",
             f"Called as f({', '.join((*technique.arrays, *technique.parameters))})"
             + (f", or made with ({numbers}) and called with ({arrays})." if technique.layers
                else "."), "", "| equation | what is due |", "|---|---|"]
    for equation in catalog.formulas(name):
        told = [f"*cannot be seen: {technique.unseen[equation]}*"] \
            if equation in technique.unseen else [*map(_claim, due.get(equation, ()))]
        lines.append(f"| {equation} | {'; '.join(told) or '*of no form that is asked for*'} |")
    if "" in due:
        lines.append(f"| beside | {'; '.join(map(_claim, due['']))} |")
    if technique.options:
        lines += ["", "Forms, the first of each unless told: " + "; ".join(
            f"{option} = {', '.join(map(_value, values))}"
            for option, values in technique.options.items()) + "."]
    if technique.variants:
        lines += ["", "Known variants:", ""]
        lines += [f"- {variant}: {_shown(change)}"
                  for variant, change in technique.variants.items()]
    return "\n".join(lines)


def _claim(one):
    claim, form = one
    return claim.replace("|", r"\|") + (f" ({form})" if form else "")


def _shown(change):
    return ", ".join(f"`{name} = {_value(value)[1:-1]}`" for name, value in change.items())


def _value(value):
    return f"`{value}`"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
