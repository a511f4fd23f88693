"""The page of primitives: each forward formula with the adjoint of every argument, as it is coded.

All is read from the registry and from the source: a primitive that is registered tomorrow is on the
page tomorrow.
"""

import ast
import re

from scripts import links
from scripts import primitive_source as found

from minidrop import catalog, ops, tape

PAGE = "tables/primitives.md"
LONG = 12                                         # lines of code that are shown at once


def pages():
    """{"tables/primitives.md": Markdown}."""
    return {PAGE: "\n".join(page(registered()))}


def registered():
    """{file: its primitives, in order}; only those of the package's own files of primitives."""
    files = {}
    for name in ops.__all__:
        path = catalog.PACKAGE / "ops" / f"{name}.py"
        mine = [one for one in tape.REGISTRY.values() if found.file_of(one) == path]
        files[path] = sorted(mine, key=lambda one: one.forward.__code__.co_firstlineno)
    if lost := set(tape.REGISTRY.values()) - {one for mine in files.values() for one in mine}:
        raise ValueError(f"primitive {sorted(one.name for one in lost)[0]} is registered outside "
                         "the files that minidrop.ops lists")
    return {path: mine for path, mine in files.items() if mine}


def page(files):
    """The lines of the page."""
    count = sum(map(len, files.values()))
    driven = ", ".join(links.line(test.path, test.number, f"`test_{test.name}`", PAGE)
                       for test in found.driven_tests())
    yield "# Primitives\n"
    yield (f"All calculus in minidrop is here: {count} formulas on arrays, each with the adjoint "
           "of every argument, a function of the cotangent `g`, the result `y` and the arguments. "
           "An adjoint that is made of primitives can be differentiated again. A name with an "
           "underscore in front is not read, so its memory need not be kept.\n")
    yield f"Each of them is tested by {driven}; those below name it too.\n{{.ties}}\n"
    yield '<div class="filtered" data-label="Show primitives with" markdown>\n'
    for path, mine in files.items():
        summary = catalog.docstring(path).partition("\n\n")[0].replace("\n", " ")
        yield f'<div class="group" markdown>\n\n## {path.stem.capitalize()}\n'
        yield f"{links.line(path, None, f'`ops/{path.name}`', PAGE)}: {escaped(summary)}\n"
        for one in mine:
            yield from entry(one)
        yield "</div>\n"
    yield "</div>\n"


def entry(one):
    """One primitive."""
    path, node = found.file_of(one), found.definition(one)
    yield f'<div class="entry" markdown>\n\n### `{one.name}` {{#{one.name}}}\n'
    if doc := ast.get_docstring(node):
        for paragraph in doc.split("\n\n"):
            yield f"{escaped(paragraph)}\n"
    yield from code("forward", path, node.lineno, found.without_docstring(path, node))
    if adjoints := found.adjoints(one):
        yield "| argument | adjoint | reads |\n|---|---|---|"
        for each in adjoints:
            yield (f"| `{each.argument}` | {links.line(path, each.line, cell(each.code), PAGE)} | "
                   f"{', '.join(f'`{name}`' for name in each.reads) or '-'} |")
        yield ""
    for helper in found.helpers(one):
        yield from code(f"{helper.name}", path, helper.lineno, found.source(path, helper))
    yield f"{'; '.join(notes(one))}\n{{.ties}}\n"
    yield "</div>\n"


def notes(one):
    """What else there is to say, as parts of a sentence."""
    yield ("second order: its adjoints are primitives" if one.twice else
           "second order: through its twin, the same composed of other primitives" if one.twin else
           "no second order")
    if one.joint:
        yield f"`{one.joint.__name__}` makes the gradients that are wanted together"
    if one.again:
        yield "its result may be forgotten and made again"
    if one.keeps:
        yield "keeps one value for its adjoint"
    where = [f"{words} {links.line(path, None, f'`{path.parent.name}/{path.name}`', PAGE)}"
             for words, path in found.backends(one)]
    yield f"backends: {', '.join(where)}" if where else "backends: the same array code on both"
    if tests := found.named_tests(one):
        shown = ", ".join(links.line(test.path, test.number, f"`test_{test.name}`", PAGE)
                          for test in tests)
        yield f"tests: {shown}"
    if users := found.users(one):
        yield "used in " + ", ".join(links.line(path, None, f"`{found.short(path)}`", PAGE)
                                     for path in users)


def code(title, path, number, text):
    """A block of code under a link to its first line; a long one unfolds."""
    head = f"{title}, line {number}"
    block = f"```python\n{text}\n```"
    if len(text.splitlines()) > LONG:
        inner = "\n".join(f"    {line}".rstrip() for line in block.splitlines())
        yield f'??? abstract "{head}"\n\n{inner}\n'
    else:
        yield f"{links.line(path, number, head, PAGE)}\n{{.line}}\n\n{block}\n"


def cell(text):
    """Code for a cell of a table: no line end, no bar that ends the cell."""
    flowing = re.sub(r"\s+", " ", text).replace("|", "\\|")
    return f"`{flowing}`"


def escaped(text):
    """A docstring's words as Markdown shows them unchanged, but for the code in backticks."""
    flowing = re.sub(r"\s+", " ", text)
    parts = re.split(r"(`[^`]+`)", flowing)
    return "".join(part if part.startswith("`") else "".join(
        f"&#{ord(letter)};" if letter in r"\*_|{}[]$^~#<>&`" else letter for letter in part)
        for part in parts)
