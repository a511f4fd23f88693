"""tables/glossary.md: each term once, in English and Chinese, and which letter of a paper is which.

The terms are typed in site/data/glossary.toml; what is told of a paper's letters has to stand in
the docstring of its technique, word for word.
"""

import re
import tomllib
from pathlib import Path

from scripts import links

from minidrop import catalog, lesson

PAGE = "tables/glossary.md"
DATA = Path(__file__).parents[1] / "data" / "glossary.toml"
CELLS = ("paper", "theirs", "meaning", "ours")
WRITES = re.compile(r"[A-Z][\w&. ]* \d{4} writes [^()]*? for our \$[^$]*\$")

HEAD = """\
---
search: {boost: 2}
---

# Glossary

Terms as this site uses them, with the Chinese ones beside them. Where Chinese texts keep the
English word, so does this page. `p` drops and `q = 1 - p` keeps, on every page and in all code.

"""
LETTERS = """\
## Whose letter is which { #letters }

The letter $p$ is a trap: in some papers it is the probability to drop, in others the probability to
keep. Here $p$ always drops and $q = 1 - p$ always keeps. Libraries have names of their own: see
[names elsewhere](names.md).

| technique | paper | writes | for the probability, or number, that | ours |
|---|---|---|---|---|
"""
INDEX = """\
## English and Chinese { #english-and-chinese }

| English | 中文 |
|---|---|
"""


def pages():
    """{path: Markdown} of the glossary."""
    return {PAGE: page(read(), catalog.techniques())}


def read():
    """The data, as they are typed."""
    return tomllib.loads(DATA.read_text(encoding="utf-8"))


def page(data, techniques):
    """The page; ValueError, in one sentence, for a term or a letter that does not hold."""
    known, terms = {t.name: t for t in techniques}, terms_of(data)
    groups = (f"## {group['name']}\n\n<div class=\"terms\" markdown>\n\n"
              f"{''.join(entry(term, known) for term in group['term'])}</div>\n\n"
              for group in data["group"])
    rows = "".join(letter(row) for row in checked(data["letter"], known))
    index = "".join(f"| [{term['name']}](#{anchor(term['name'])}) | {chinese(term)} |\n"
                    for term in sorted(terms, key=lambda term: term["name"].lower()))
    return f"{HEAD}{''.join(groups)}{LETTERS}{rows}\n{INDEX}{index}"


def terms_of(data):
    """All terms; ValueError where one is told twice."""
    terms = [term for group in data["group"] for term in group["term"]]
    names = [anchor(term["name"]) for term in terms]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"the glossary tells {', '.join(sorted(twice))} twice")
    return terms


def anchor(name):
    """The id of a term: `glossary.md#keep-rate`."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def chinese(term):
    """The Chinese term, marked as such for readers' programs."""
    return f'<span class="zh" lang="zh-Hans">{term["zh"]}</span>'


def entry(term, known):
    """One term of the definition list."""
    places = " · ".join(link for link in (linked(see, term, known) for see in term["see"]) if link)
    return (f"{term['name']} {chinese(term)} {{: #{anchor(term['name'])} }}\n"
            f":   {term['text']} {places}\n\n")


def linked(see, term, known):
    """A link to "technique NAME", "lesson NAME" (nothing until it is written) or a page."""
    kind, _, name = see.partition(" ")
    if kind == "technique" and name in known:
        return links.technique(name, PAGE)
    if kind == "lesson" and name in lesson.ORDER:
        number = lesson.ORDER.index(name) + 1
        written = name in lesson.written()
        return links.to(f"lessons/{name}.md", f"lesson {number}", PAGE) if written else ""
    if see.endswith(".md"):
        return links.to(see, see.rpartition("/")[2].removesuffix(".md"), PAGE)
    raise ValueError(f"the glossary links {term['name']!r} to {see!r}, which is neither a "
                     "technique, nor a lesson, nor a page")


def checked(letters, known):
    """The letters; ValueError where a docstring says otherwise, or one that it has is left out."""
    for row in letters:
        if row["technique"] not in known:
            raise ValueError(f"the glossary has a letter of {row['technique']!r}, which is no "
                             "technique")
        if row["says"] not in text_of(known[row["technique"]]):
            raise ValueError(f"the glossary says of {row['technique']}: {row['says']!r}, which its "
                             "docstring does not say")
    told = {(row["technique"], row["says"]) for row in letters}
    for name, technique in known.items():
        for says in WRITES.findall(text_of(technique)):
            if not any(name == other and said in says for other, said in told):
                raise ValueError(f"the docstring of {name} says {says!r}, and the glossary has no "
                                 "row for it")
    return letters


def text_of(technique):
    """The docstring of a technique, on one line."""
    return " ".join(catalog.docstring(technique.path).split())


def letter(row):
    """One row of the table of letters."""
    cells = links.technique(row["technique"], PAGE), *(row[key] for key in CELLS)
    return f"| {' | '.join(cells)} |\n"
