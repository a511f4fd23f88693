r"""The Markdown of lessons, as Python-Markdown and KaTeX want it, with links.

Elsewhere a formula, `$$ .. $$`, may stand within a paragraph and a list may follow one; here both
want a blank line.  Names become links: `lesson 6`, (dropout.2), `minidrop show dropout`, arXiv ids.
"""

import functools
import re
import tomllib
from pathlib import Path

from minidrop import catalog, lesson
from minidrop.claims import CLAIMS
from minidrop.grade import exercise_names

_DISPLAY = re.compile(r"[ ]*\$\$(.+?)\$\$", re.S)
_ITEM = re.compile(r"(\d+\.|[-*]) +")
_KEPT = re.compile(r"(`[^`]+`|\$\$.+?\$\$|\$[^$\n]+\$|\[[^\]]*\]\([^)]*\))", re.S)
_NUMBER = re.compile(r"\blesson (\d+)\b")
_NAMED = re.compile(r"\blesson(?: `|\s+on\s+)(\w+)`?")
_NEXT = re.compile(r"\b(?:the )?next lesson\b|\bthe lesson before\b")
_ARXIV = re.compile(r"\barXiv:(\d{4}\.\d{4,5})")
_TAG = re.compile(r"\((([a-z]\w*)\.\d+)\)")
STATED = re.compile(r"\\tag\{([\w.]+)\}")
_COMMAND = re.compile(r"`minidrop (show|lesson|grade start|claims show) ([^`]+)`")


def prepared(text, name):
    """The Markdown of one cell of the lesson `name`, ready for a page of the folder lessons/.

    ValueError for the tag of an equation that its technique does not state.
    """
    known = {tag.rpartition(".")[0] for tag in tags()}
    for tag in STATED.findall(text):
        if tag not in tags() and tag.rpartition(".")[0] in known:
            raise ValueError(f"the lesson {name} states ({tag}), which the technique does not")
    return apart(linked(text, name))


def apart(text):
    """Markdown with blank lines around displayed formulas and before lists, and items indented.

    >>> apart("a price:\\n$$ x $$\\nand\\n- a\\n  b")
    'a price:\\n\\n$$ x $$\\n\\nand\\n\\n- a\\n    b'
    """
    text = _DISPLAY.sub(lambda match: f"\n\n$${match[1]}$$\n\n", text)
    lines, inside, indent = [], False, 0          # inside a list whose items are that far indented
    for line in text.split("\n"):
        item = _ITEM.match(line)
        if item and not inside and lines and lines[-1].strip() and lines[-1][0] != "#":
            lines.append("")
        if item:
            inside, indent = True, item.end()
        elif inside and line.startswith(" " * indent):
            line = " " * 4 + line[indent:]
        elif line.strip():
            inside = inside and lines[-1].strip() != ""
        lines.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def linked(text, name):
    """Markdown with links to lessons, equations, techniques and exercises that it names."""
    text = _NAMED.sub(lambda match: lesson_link(match[0], match[1]), text)
    parts = _KEPT.split(text)
    return "".join(_command(part) if i % 2 else _words(part, name) for i, part in enumerate(parts))


def _words(text, name):
    text = _NUMBER.sub(lambda match: lesson_link(match[0], numbered(int(match[1]))), text)
    text = _NEXT.sub(lambda match: _neighbour(match[0], name), text)
    text = _ARXIV.sub(_reference, text)
    return _TAG.sub(lambda match: f"({equation_link(match[1])})", text)


def numbered(number):
    """The name of the lesson of a number, ValueError if there is none."""
    if not 1 <= number <= len(lesson.ORDER):
        raise ValueError(f"a lesson names lesson {number}; there are 1 to {len(lesson.ORDER)}")
    return lesson.ORDER[number - 1]


def neighbours(name):
    """The names of the lessons before and after, None where there is none."""
    names = [None, *lesson.written(), None]
    i = names.index(name)
    return names[i - 1], names[i + 1]


@functools.cache
def _keys():
    """{arXiv id: key of the bibliography}."""
    path = Path(__file__).parents[1] / "data" / "references.toml"
    entries = tomllib.loads(path.read_text(encoding="utf-8"))
    return {entry["arxiv"]: key for key, entry in entries.items() if "arxiv" in entry}


def _reference(match):
    key = _keys().get(match[1])
    return f"[{match[0]}](../tables/bibliography.md#{key})" if key else match[0]


def _neighbour(words, name):
    before, after = neighbours(name)
    there = before if "before" in words else after
    return lesson_link(words, there) if there else words


def lesson_link(words, name, up=""):
    """Words as a link to the page of a lesson, if it is written yet."""
    return f"[{words}]({up}{name}.md)" if name in lesson.written() else words


@functools.cache
def tags():
    """{tag: the technique that states it} of all equations of the package."""
    return {equation.tag: technique.name
            for technique in catalog.techniques() for equation in technique.equations}


def equation_link(tag):
    """A tag, as a link to its equation's box on the page of the technique that states it."""
    if tag not in tags():
        return tag                                # an equation of the lesson alone
    return technique_link(tag, tags()[tag], f"#eq-{tag.replace('.', '-')}")


def technique_link(words, name, anchor=""):
    """Words as a link to the page of a technique."""
    return f"[{words}](../techniques/{name}.md{anchor})"


def _command(part):
    """A command in backticks, as a link to the page that shows the same; anything else as it is."""
    match = _COMMAND.fullmatch(part)
    if not match:
        return part
    command, names = match[1], match[2].split()
    if command == "grade start" and set(names) <= set(exercise_names()):
        first, *others = names
        shown = f"[`minidrop grade start {first}`](../exercises/{first}.md)"
        return " ".join([shown, *(f"[`{one}`](../exercises/{one}.md)" for one in others)])
    if command == "show" and names[0] in tags().values():
        return technique_link(part, names[0])
    if command == "claims show" and names[0] in CLAIMS:
        return f"[{part}](../tables/claims.md#{names[0]})"
    if command == "lesson" and names[0] in lesson.written():
        return f"[{part}]({names[0]}.md)"
    return part
