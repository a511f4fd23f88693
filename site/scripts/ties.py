"""Whether docstrings, code and tests hold together: the build and a test ask, and both fail."""

import functools
import re
import tomllib
from pathlib import Path

from minidrop import catalog

TESTS = catalog.PACKAGE.parent / "tests"
PROPERTIES = Path(__file__).parents[1] / "data" / "properties.toml"


@functools.cache
def checked():
    """Nothing, or a ValueError with all that is wrong with the ties of the package."""
    if found := [*problems(catalog.PACKAGE, TESTS), *undeclared(catalog.techniques())]:
        raise ValueError("; ".join(found))


def undeclared(techniques, path=PROPERTIES):
    """A sentence for each equation without a line that is not declared a property, and for each
    declared one that has a line, or is not there.

    So a line that loses its tag is noticed, though a test still shows its equation.
    """
    declared = {f"{name}.{number}" for name, numbers in
                tomllib.loads(path.read_text(encoding="utf-8"))["properties"].items()
                for number in numbers}
    computed = {e.tag: bool(e.lines) for t in techniques for e in t.equations}
    for tag in sorted(declared | {tag for tag, line in computed.items() if not line}):
        if tag not in computed:
            yield f"{path.name} declares ({tag}), which nobody states"
        elif computed[tag]:
            yield f"{path.name} declares ({tag}) a property, and a line computes it"
        elif tag not in declared:
            yield f"no line computes ({tag}) any more, and {path.name} declares no property"


def problems(package, tests):
    """What is wrong with the ties between docstrings, code and tests: one sentence each."""
    found, stated = [], {}
    techniques = catalog.techniques(package, tests)
    names = set(catalog.test_places(tests))
    for technique in techniques:
        stated |= {equation.tag: technique.name for equation in technique.equations}
        found += _docstring_problems(technique, package, names)
    for tag, line in [cited for path in sorted(package.rglob("*.py"))
                      for cited in catalog.citations(path)]:
        where = f"{line.path.name}:{line.number}"
        if tag not in stated:
            found.append(f"{where} cites ({tag}), which nobody states")
        if not line.code:
            found.append(f"{where} cites ({tag}) beside no code")
    prefixes = {tag.rpartition(".")[0] for tag in stated}
    for name in sorted(names):
        for prefix in prefixes:
            found += [f"test_{name} shows ({tag}), which nobody states"
                      for tag in catalog.tags_of(name, prefix) if tag not in stated]
    return found


def _docstring_problems(technique, package, names):
    where, tags = technique.path.name, [equation.tag for equation in technique.equations]
    written = catalog._TAG.findall(catalog.docstring(technique.path))
    prefix = written[0].rpartition(".")[0]
    if tags != [f"{prefix}.{k}" for k in range(1, len(written) + 1)]:
        yield f"{where}: tags must run {prefix}.1, {prefix}.2, ..., got {', '.join(written)}"
    for equation in technique.equations:
        if not equation.place or not equation.title:
            yield f"{where}: ({equation.tag}) needs a line above it, 'place: what it is'"
        if not equation.lines and not equation.tests:
            yield f"{where}: ({equation.tag}) is neither computed nor shown by a test"
    placed = catalog.place_of(technique.path, package) < len(catalog.PLACES)
    for labels in (("Paper", "Papers"), ("Where",), ("Symbols",), ("Without noise",), ("Differs",)):
        if placed and not any(technique.sections.get(label) for label in labels):
            yield f"{where}: the docstring has no '{labels[0]}'"
    for sentence in filter(None, technique.sections.get("Differs", "").split("\n")):
        shown = re.findall(r"test_(\w+)", sentence)
        if not shown or not names.issuperset(shown):
            yield f"{where}: no test shows this difference: {sentence[:60]}"
