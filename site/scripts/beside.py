"""Equations beside the very lines that compute them, as Markdown and HTML."""

import ast
import functools
import re
from pathlib import Path
from typing import NamedTuple

from scripts import highlight, source
from scripts.links import box as anchor
from scripts.prose import linked

_CITED = re.compile(r"\s*<span class=\"c\"># Eq\. (\([\w.]+\)(?:, \([\w.]+\))*)(.*?)</span>$")
_SYMBOL = re.compile(r"(?:[b-zA-Z]|alpha|beta|gamma|delta|theta|lambda|mu|sigma|tau)\b")

SHOWN = 3                                         # lines named under an equation; the rest unfolds


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
def coloured_lines(path):
    """The lines of a file as HTML."""
    return highlight.lines(path.read_text(encoding="utf-8"))


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
    found = [n for n in _statements(path) if n.lineno <= number <= n.end_lineno]
    return range(found[0].lineno, found[0].end_lineno + 1) if found else range(number, number + 1)


@functools.cache
def _statements(path):
    return [node for node in ast.walk(tree_of(path))
            if isinstance(node, ast.stmt) and not hasattr(node, "body")]


def pieces(technique, equation):
    """The functions that compute an equation: those of the technique's own file, if there are any,
    otherwise the shortest one elsewhere; `fast/` holds quicker twins of what is plain elsewhere."""
    own = [line for line in equation.lines if line.path == technique.path]
    found = [piece_around(line.path, line.number) for line in own or equation.lines]
    plain = sorted(found, key=lambda piece: (piece.path.parent.name == "fast",
                                             piece.last - piece.first - len(piece.doc)))
    return list(dict.fromkeys(found if own else plain[:1]))


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
    coloured, shown = coloured_lines(piece.path), []
    dent = len(coloured[piece.first - 1]) - len(coloured[piece.first - 1].lstrip())
    for number in range(piece.first, piece.last + 1):
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
    title = equation.title if _SYMBOL.match(equation.title) else (
        equation.title[0].upper() + equation.title[1:])
    parts = [f"**{linked(title, page)}** [{equation.tag}](#{anchor(equation.tag)}){{.eq-chip}}",
             f"$$\n{in_lines(equation.latex)} \\tag{{{equation.tag}}}\n$$",
             linked(equation.place, page)]
    lines = [f"[{label}]({source.link(path, number, page)})"
             for label, path, number in _lines(technique, equation)]
    if lines:
        parts.append(", ".join(lines[:SHOWN]))
    parts += folded(lines[SHOWN:], "and {} more")
    parts += folded([f"[{plainly(test.name)}]({source.link(test.path, test.number, page)})"
                     for test in equation.tests], "shown by {} tests")
    inside = "\n\n".join(parts)
    return (f'<div class="eq-box" id="{anchor(equation.tag)}" data-eq="{equation.tag}" '
            f'tabindex="0" role="group" aria-label="Equation {equation.tag}" markdown>\n\n'
            f"{inside}\n\n</div>\n")


def folded(links, words):
    """A list that is folded away under `words`, which count it."""
    if links:
        head = words.format(len(links)).replace(" 1 tests", " 1 test")
        items = "\n".join(f"- {link}" for link in links)
        yield f"<details markdown>\n<summary>{head}</summary>\n\n{items}\n\n</details>"


def in_lines(latex):
    r"""A long formula of several, each on a line of its own.

    >>> in_lines(r"a, \qquad f(b)"), len(in_lines(r"a = " + "b" * 60 + r", \qquad f(b)"))
    ('a, \\qquad f(b)', 111)
    """
    if len(latex) < 60 or r"\begin" in latex or r"\left" in latex:
        return latex
    found, depth, begin = [], 0, 0
    for match in re.finditer(r"[{}]|,\s*\\qquad\b", latex):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if match[0][0] == "," and not depth:
            found.append(latex[begin:match.start() + 1])
            begin = match.end()
    if not found:
        return latex
    whole = " \\\\ ".join([*found, latex[begin:].strip()])
    return rf"\begin{{gathered}} {whole} \end{{gathered}}"


def _lines(technique, equation):
    """(label, path, number) of the lines that compute an equation, the first of each function."""
    seen = {}
    near = lambda line: (line.path != technique.path, line.path.parent.name == "fast")
    for line in sorted(equation.lines, key=near):
        where = f"`{line.function or line.path.name}`"
        if line.path != technique.path:
            where = f"{where} of {line.path.parent.name}/{line.path.name}"
        seen.setdefault(where, (f"line {line.number} of {where}", line.path, line.number))
    return seen.values()


def plainly(name):
    """The name of a test as words, without its tags.

    >>> plainly("dropout_4_and_5_have_equal_means")
    'have equal means'
    """
    return re.sub(r"^[a-z_0-9]*?_\d+(?:_and_\d+)*_(?=[a-z])", "", name).replace("_", " ")
