r"""The table of techniques and equations, read from the source text: nothing is typed twice.

A module that states equations does so in its docstring, each as a line that gives its place in the
paper and says what it is, and the formula with its tag:

    Srivastava 2014, section 4: draw a mask
    $$ m_i \sim \mathrm{Bernoulli}(q) \tag{dropout.1} $$

A line of code that computes it ends in `# Eq. (dropout.1)`, or `# Eq. (dropout.1), (dropout.2)` for
two; a property is tied to a test whose name starts with `test_dropout_1_`, or
`test_dropout_4_and_5_` for two.
"""

import ast
import functools
import io
import itertools
import re
import tokenize
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parent
PLACES = ("inputs", "units", "weights", "paths", "norms", "penalties", "averages", "schedules")
SECTIONS = ("Paper", "Papers", "Source", "Where", "Symbols", "Without noise", "Memory", "Differs")

_FORMULA = re.compile(r"([^\n]*)\n\$\$(.*?)\\tag\{([\w.]+)\}\s*\$\$", re.S)
_TAG = re.compile(r"^\$\$.*?\\tag\{([\w.]+)\}", re.M | re.S)
_CITATION = re.compile(r"# Eq\. (\([\w.]+\)(?:, \([\w.]+\))*)")
_TEST = re.compile(r"^def test_(\w+)", re.M)


class Line(NamedTuple):
    """A line of code that computes an equation."""

    path: Path
    number: int
    function: str
    code: str


class Test(NamedTuple):
    """A test that shows an equation; its name without `test_`."""

    name: str
    path: Path
    number: int


class Equation(NamedTuple):
    """One numbered equation: where it stands in the paper, what it is, and who computes it."""

    tag: str
    place: str
    title: str
    latex: str
    lines: tuple
    tests: tuple


class Technique(NamedTuple):
    """One module that states equations."""

    name: str
    path: Path
    summary: str
    sections: dict
    equations: tuple
    remarks: tuple


def techniques(package=PACKAGE, tests=None):
    """Every module of the package that states equations, in the order of folders and names.

    `tests` is the folder of the tests, by default the one beside the package, if it is there.
    """
    if tests is None:                             # in a wheel, "tests" beside it is somebody else's
        ours = (package.parent / "pyproject.toml").is_file()
        tests = package.parent / "tests" if ours else package / "tests"
    shown = [*test_places(tests).values()]
    cited = [(tag, line) for path in sorted(package.rglob("*.py")) for tag, line in citations(path)]
    found = [_technique(path, cited, shown) for path in sorted(package.rglob("*.py"))
             if r"\tag{" in path.read_text(encoding="utf-8") and _TAG.search(docstring(path))]
    return sorted(found, key=lambda t: (place_of(t.path, package), t.name))


def table(package=PACKAGE):
    """The techniques as a Markdown table: name, where, what it does, its functions."""
    rows = ["| technique | acts on | what it does | functions |", "|---|---|---|---|"]
    for t in _placed(package):
        name, _, what = t.summary.rstrip(".").partition(": ")
        rows.append(f"| [{name}]({_link(t, package)}) | {t.path.parent.name} | {what} | "
                    f"{', '.join(f'`{function}`' for function in functions(t))} |")
    return "\n".join(rows)


def functions(technique):
    """The names of the public functions and classes that the file of a technique defines."""
    return [node.name for node in ast.parse(technique.path.read_text(encoding="utf-8")).body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_"]


def overview(package=PACKAGE):
    """The techniques as a short Markdown table: a row for each folder, which is the place."""
    rows = ["| acts on | what that is | techniques |", "|---|---|---|"]
    for place, there in itertools.groupby(_placed(package), lambda t: t.path.parent):
        summary = docstring(place / "__init__.py").partition("\n")[0].partition(":")[0]
        links = [f"[{t.summary.partition(':')[0]}]({_link(t, package)})" for t in there]
        rows.append(f"| {place.name} | {summary} | {', '.join(links)} |")
    return "\n".join(rows)


def _placed(package):
    return [t for t in techniques(package) if place_of(t.path, package) < len(PLACES)]


def _link(t, package):
    return t.path.relative_to(package.parent).as_posix()


def technique(name, package=PACKAGE):
    """The technique called `name`; KeyError where there is none."""
    return {t.name: t for t in techniques(package)}[name]


def summaries(package=PACKAGE):
    """{technique: the first line of its file}, without reading what is tied to its equations."""
    texts = {path.stem: docstring(path) for path in sorted(package.rglob("*.py"))
             if r"\tag{" in path.read_text(encoding="utf-8")}
    return {name: text.partition("\n")[0].strip() for name, text in texts.items()
            if _TAG.search(text)}


def formulas(name, package=PACKAGE):
    """{tag: LaTeX} of the technique called `name`, from its own file alone, which is quickly read.

    KeyError where there is none.

    >>> [*formulas("dropout")][:2]
    ['dropout.1', 'dropout.2']
    """
    for path in sorted(package.rglob(f"{name}.py")):
        if found := {tag: latex.strip() for _, latex, tag in _FORMULA.findall(docstring(path))}:
            return found
    raise KeyError(name)


def place_of(path, package=PACKAGE):
    """Which folder of PLACES a file lies in, as a number; len(PLACES) for the rest."""
    folder = path.relative_to(package).parts[0]
    return PLACES.index(folder) if folder in PLACES else len(PLACES)


def _technique(path, cited, shown):
    text = docstring(path)
    prefix = (_TAG.findall(text) or [""])[0].rpartition(".")[0]
    begin, equations = f"{prefix.replace('.', '_')}_", []
    mine = [(tags_of(test.name, prefix), test) for test in shown if test.name.startswith(begin)]
    for above, latex, tag in _FORMULA.findall(text):
        place, _, title = above.strip().rpartition(": ")
        lines = tuple(line for cited_tag, line in cited if cited_tag == tag)
        tied = tuple(sorted((test for tags, test in mine if tag in tags),
                            key=lambda test: "by_hand" not in test.name))     # the plainest first
        equations.append(Equation(tag, place, title, latex.strip(), lines, tied))
    summary = text.partition("\n")[0].strip()
    return Technique(path.stem, path, summary, sections(text), tuple(equations),
                     remarks(text))


def docstring(path):
    """The docstring of a module file, or ""."""
    return _docstring(path.read_text(encoding="utf-8"))


@functools.cache
def _docstring(source):
    return ast.get_docstring(ast.parse(source)) or ""


def sections(text):
    """{"Papers": ..., "Where": ...}: the labelled paragraphs of a technique's docstring."""
    labels = "|".join(SECTIONS)
    parts = re.split(rf"^({labels})(?:\s{{2,}}|\n)", text, flags=re.M)
    bodies = [re.split(r"\n(?=[^\n]*\n\$\$)", body)[0] for body in parts[2::2]]
    return {label: _flowing(body) for label, body in zip(parts[1::2], bodies, strict=True)}


def remarks(text):
    """The paragraphs of a technique's docstring that explain its equations and have no label."""
    labelled = re.compile(rf"({'|'.join(SECTIONS)})(\s{{2,}}|\n)")
    inside = " ".join(sections(text).values())    # a section may have several paragraphs
    free = [part for part in re.split(r"\n\s*\n", text)[1:]
            if "$$" not in part and not labelled.match(part)]
    return tuple(flowing for flowing in map(_flowing, free) if flowing not in inside)


def _flowing(body):
    lines = [line.strip() for line in body.strip().splitlines()]
    return re.sub(r"\n(?!- )", " ", "\n".join(line for line in lines if line))


def citations(path):
    """(tag, Line) for every tag in the `# Eq. (tag)` comments of a file."""
    return [(tag, Line(path, *line)) for tag, *line in _cited(path.read_text(encoding="utf-8"))]


@functools.cache
def _cited(source):
    """(tag, row, function, code) for every citation in a source text."""
    if not _CITATION.search(source):              # most files: spare them the parsing
        return []
    functions = [node for node in ast.walk(ast.parse(source))
                 if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    found = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        for tags in _CITATION.findall(token.string) if token.type == tokenize.COMMENT else ():
            row = token.start[0]
            around = [f.name for f in functions if f.lineno <= row <= (f.end_lineno or 0)]
            code = token.line[: token.start[1]].strip()
            found += [(tag, row, ".".join(around), code) for tag in re.findall(r"[\w.]+", tags)]
    return found


def tags_of(name, prefix):
    """The tags that the name of a test shows: dropout_4_and_5_... shows dropout.4 and dropout.5.

    >>> tags_of("dropout_4_and_5_by_hand", "dropout")
    ['dropout.4', 'dropout.5']
    """
    numbers = re.match(rf"{prefix.replace('.', '_')}_(\d+(?:_and_\d+)*)_", name)
    return [f"{prefix}.{k}" for k in numbers[1].split("_and_")] if numbers else []


def test_places(tests):
    """{name: Test} of all tests below a folder; a name is what follows `test_`."""
    found: dict[str, Test] = {}
    for path in sorted(tests.rglob("test_*.py")) if tests.is_dir() else ():
        text = path.read_text(encoding="utf-8")
        found |= {match[1]: Test(match[1], path, text.count("\n", 0, match.start()) + 1)
                  for match in _TEST.finditer(text)}
    return found
