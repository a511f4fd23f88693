"""The page of all references: what each is, where to find it, how to cite it, and who cites it."""

import functools
import re
from collections import defaultdict

from scripts import citations, links

from minidrop import catalog

PAGE = "tables/bibliography.md"
TEXTS = ("minidrop/**/*.py", "lessons/**/*.py", "site/pages/*.md", "README.md")
DATA = "site/data/*.toml"
KINDS = ("techniques", "equations", "lessons", "exercises", "claims", "code", "pages")
OWN = ("without", "named", "arxiv")               # the rest is BibTeX's
TYPES = {"journal": "article", "booktitle": "inproceedings", "publisher": "book",
         "institution": "techreport"}


def pages():
    """{"tables/bibliography.md": Markdown}."""
    return {PAGE: "\n".join(page(citations.works(), cited_by()))}


def page(works, uses):
    """The lines of the page; ValueError for an entry that nobody cites."""
    if idle := [key for key in works if key not in uses]:
        raise ValueError(f"site/data/references.toml has {', '.join(idle)}, which nobody cites")
    yield "# References\n"
    yield (f"The {len(works)} works that minidrop cites, by year, each with the places that cite "
           "it. What one of them claims stands where it is cited; here is only how to find it.\n")
    yield '<div class="filtered" data-label="Show references with" markdown>\n'
    for work in sorted(works.values(), key=lambda one: (one.fields["year"], one.key)):
        yield from entry(work, uses[work.key])
    yield "</div>\n"


def entry(work, uses):
    """One work."""
    fields = work.fields
    yield f'<div class="entry" id="{work.key}" markdown>\n'
    yield (f"**{work.short}** {people(fields['author'])}, *{fields['title']}*, "
           f"{venue(work)}\n")
    yield f"{where(work)}. {backlinks(uses)}\n{{.ties}}\n"
    yield f'??? quote "BibTeX"\n\n    ```bibtex\n{indented(bibtex(work))}\n    ```\n'
    yield "</div>\n"


def people(author):
    """The authors as they are read: given names first, at most eight of them.

    >>> people("Gal, Yarin and Ghahramani, Zoubin")
    'Yarin Gal and Zoubin Ghahramani'
    """
    names = [" ".join(reversed(one.split(", "))) for one in author.split(" and ")]
    if len(names) > 8:
        return f"{', '.join(names[:7])} and {len(names) - 7} others"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def venue(work):
    """Where and when it was published."""
    fields = work.fields
    name = next((fields[key] for key in ("journal", "booktitle", "publisher", "institution",
                                         "howpublished") if key in fields), "arXiv")
    volume = f" {fields['volume']}" if "volume" in fields else ""
    number = f"({fields['number']})" if "number" in fields else ""
    pages = f", {fields['pages']}" if "pages" in fields else ""
    year = "" if str(fields["year"]) in name else f", {fields['year']}"
    return f"{name}{volume}{number}{pages}{year}"


def where(work):
    """Its DOI and arXiv id as links, or why there is none."""
    fields, found = work.fields, []
    if "doi" in fields:
        found.append(f"[doi:{fields['doi']}](https://doi.org/{fields['doi']})")
    if "arxiv" in fields:
        found.append(f"[arXiv:{fields['arxiv']}](https://arxiv.org/abs/{fields['arxiv']})")
    return ", ".join(found) or fields["without"].capitalize()


def bibtex(work):
    """The entry as BibTeX reads it."""
    fields = {key: str(value) for key, value in work.fields.items() if key not in OWN}
    if "pages" in fields:
        fields["pages"] = fields["pages"].replace("-", "--")
    if "arxiv" in work.fields:
        fields |= {"eprint": work.fields["arxiv"], "archivePrefix": "arXiv"}
    kind = next((TYPES[key] for key in TYPES if key in fields), "misc")
    protected = re.sub(r"\b(\w*[A-Z]\w*[A-Z]\w*)\b", r"{\1}", fields["title"])
    lines = [f"  {key} = {{{value}}}," for key, value in (fields | {"title": protected}).items()]
    return "\n".join([f"@{kind}{{{work.key},", *lines, "}"])


def indented(text):
    """A text, four spaces further in."""
    return "\n".join(f"    {line}" for line in text.splitlines())


def backlinks(uses):
    """Who cites it, as links, by kind."""
    parts = [f"{kind}: {', '.join(sorted(uses[kind], key=_bare))}" for kind in KINDS if uses[kind]]
    return f"Cited by {'; '.join(parts)}"


def _bare(link):
    shown = re.match(r"\[(.*?)\]\(", link)
    return (shown[1] if shown else link).strip("`()")


@functools.cache
def cited_by():
    """{key: {kind: links}} of everything in the project that cites a work."""
    uses = defaultdict(lambda: defaultdict(set))
    for pattern in (*TEXTS, DATA):
        for path in sorted(links.ROOT.glob(pattern)):
            if path == citations.DATA:
                continue
            kind, link = links.place(path, PAGE)
            text, strict = path.read_text(encoding="utf-8"), path.suffix == ".py"
            for key in citations.cited(text, name_of(path), prose=not strict):
                uses[key][kind].add(link)
    for technique in links.stated():
        check(technique)
        for equation in technique.equations:
            for key in citations.cited(equation.place, equation.tag):
                link = links.to(f"tables/equations.md#{links.box(equation.tag)}",
                                f"({equation.tag})", PAGE)
                uses[key]["equations"].add(link)
    return uses


def check(technique):
    """The titles that a docstring quotes are those of the references; otherwise ValueError."""
    for label in ("Paper", "Papers", "Source"):
        citations.titles(technique.sections.get(label, ""), name_of(technique.path))


def name_of(path):
    """A file's path from the top of the project on."""
    return path.relative_to(catalog.PACKAGE.parent).as_posix()


def linked(text, page):
    """A text whose citations lead to the references, as far as it cites one work alone.

    >>> linked("Srivastava 2014, section 10", "tables/equations.md")
    '[Srivastava 2014](bibliography.md#srivastava2014), section 10'
    """
    keys = citations.cited(text, page)
    found = citations.first(text)
    if len(keys) != 1 or not found:
        return text
    return text.replace(found, links.to(f"{PAGE}#{keys[0]}", found, page), 1)
