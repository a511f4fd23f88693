"""Equations beside the very lines that compute them, as Markdown and HTML."""

import ast
import functools
import html
import re
from pathlib import Path
from typing import NamedTuple

from scripts import highlight, source
from scripts.prose import anchor, linked

_CITED = re.compile(r"\s*<span class=\"c\"># Eq\. (\([\w.]+\)(?:, \([\w.]+\))*)(.*?)</span>$")


class Piece(NamedTuple):
    """A function of a file: its name, its lines, and those of its docstring, which are left out."""

    path: Path
    name: str
    first: int
    last: int
    doc: range


@functools.cache
def tree_of(path):
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def piece_around(path, number):
    """The function or method around a line, or the statement of the module that it belongs to."""
    node, names = tree_of(path), []
    while isinstance(node, ast.Module | ast.ClassDef):
        node = next(n for n in node.body if _begin(n) <= number <= n.end_lineno)
        names.append(getattr(node, "name", ""))
    doc = range(0)
    if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) and len(node.body) > 1:
        doc = range(node.body[0].lineno, node.body[0].end_lineno + 1)
    return Piece(path, ".".join(filter(None, names)), _begin(node), node.end_lineno, doc)


def _begin(node):
    """The first line of a statement, its decorators included."""
    return min([node.lineno, *(above.lineno for above in getattr(node, "decorator_list", ()))])


@functools.cache
def statement_around(path, number):
    """The lines of the simple statement that a line belongs to: an equation may take several."""
    found = [n for n in ast.walk(tree_of(path)) if isinstance(n, ast.stmt)
             and n.lineno <= number <= n.end_lineno and not hasattr(n, "body")]
    return range(found[0].lineno, found[0].end_lineno + 1) if found else range(number, number + 1)


def pieces(technique, equation):
    """The functions that compute an equation: those of the technique's own file, if there are any,
    otherwise the first one elsewhere; `fast/` holds quicker twins of what is plain elsewhere."""
    own = [line for line in equation.lines if line.path == technique.path]
    plain = sorted(equation.lines, key=lambda line: line.path.parent.name == "fast")
    return list(dict.fromkeys(piece_around(line.path, line.number) for line in own or plain[:1]))


def rows(technique):
    """[(equations, functions)]: neighbours that one function computes stay together."""
    found = []
    for equation in technique.equations:
        here = pieces(technique, equation)
        if found and {*here} & {*found[-1][1]}:
            found[-1][0].append(equation)
            found[-1][1][:] = dict.fromkeys([*found[-1][1], *here])
        else:
            found.append(([equation], here))
    return found


def code(piece, tags):
    """The lines of a function as HTML; `tags` gives {line: tags} for the ones to mark."""
    text = piece.path.read_text(encoding="utf-8")
    coloured, shown = highlight.lines(text), []
    inside = range(piece.first, piece.last + 1)
    dent = min((len(line) - len(line.lstrip()) for line in text.splitlines()[inside[0] - 1:inside[-1]]
                if line.strip()), default=0)
    for number in inside:
        if number in piece.doc:
            continue
        line, chips = coloured[number - 1][dent:], ""
        if cited := _CITED.search(line):
            here = re.findall(r"[\w.]+", cited[1])
            chips = "".join(f'<a class="eq-chip" href="#{anchor(tag)}">{tag}</a>'
                            if tag in tags[number] else f'<i class="eq-chip">{tag}</i>'
                            for tag in here)
            line = line[:cited.start()] + (f'  <span class="c">#{cited[2]}</span>'
                                           if cited[2].strip() else "")
        mark = f' data-eq="{" ".join(tags[number])}"' if tags.get(number) else ""
        shown.append(f'<span class="line" data-line="{number}"{mark}>{line}{chips}</span>')
    return "\n".join(shown)


def marked(technique):
    """{path: {line: tags}} of all lines that compute an equation of the technique.

    A statement of several lines is marked whole, unless more than one of them names an equation.
    """
    found = {}
    for equation in technique.equations:
        for line in equation.lines:
            found.setdefault(line.path, {}).setdefault(line.number, []).append(equation.tag)
    for path, tags in found.items():
        for number, here in list(tags.items()):
            whole = statement_around(path, number)
            if not any(other in tags for other in whole if other != number):
                tags |= dict.fromkeys(whole, here)
    return found


def panel(piece, tags, page, word=""):
    """A function with its name and its place above it."""
    name = source.name_of(piece.path)
    there = source.link(piece.path, piece.first, page)
    head = f"{word}[`{piece.name or name}`]({there}) <span>{name}:{piece.first}</span>"
    return (f'<div class="eq-code" markdown>\n\n{head}\n\n'
            f'<div class="highlight"><pre><code>{code(piece, tags)}</code></pre></div>\n\n</div>\n')


def box(technique, equation, page):
    """An equation in its box: what it is, the formula, its place, its lines, its tests."""
    where = [f"[{label}]({source.link(path, number, page)})"
             for label, path, number in _lines(technique, equation)]
    parts = [f"**{linked(equation.title[0].upper() + equation.title[1:], page)}**",
             f"$$\n{equation.latex} \\tag{{{equation.tag}}}\n$$", linked(equation.place, page)]
    if where:
        parts.append(f"computed in {', '.join(where)}")
    if equation.tests:
        count = f"{len(equation.tests)} test{'s' * (len(equation.tests) > 1)}"
        tests = "\n".join(f"- [{plainly(test.name)}]({source.link(test.path, test.number, page)})"
                          for test in equation.tests)
        parts.append(f'<details markdown>\n<summary>shown by {count}</summary>\n\n{tests}\n\n'
                     "</details>")
    inside = "\n\n".join(parts)
    return (f'<div class="eq-box" id="{anchor(equation.tag)}" data-eq="{equation.tag}" '
            f'tabindex="0" role="group" aria-label="Equation {equation.tag}" markdown>\n\n'
            f"{inside}\n\n</div>\n")


def _lines(technique, equation):
    """(label, path, number) of the lines that compute an equation, one for each function."""
    seen = {}
    for line in equation.lines:
        where = "" if line.path == technique.path else f"{line.path.parent.name}/{line.path.stem}: "
        seen.setdefault(f"{where}{line.function or line.path.name}", (line.path, line.number))
    return [(label, *where) for label, where in seen.items()]


def plainly(name):
    """The name of a test as words, without its tags.

    >>> plainly("dropout_4_and_5_have_equal_means")
    'have equal means'
    """
    return re.sub(r"^[a-z_0-9]*?_\d+(?:_and_\d+)*_(?=[a-z])", "", name).replace("_", " ")
