"""The prose of docstrings with its links: tags of equations, functions, identifiers of papers."""

import functools
import re

from scripts import citations, links

from minidrop import catalog

_PARTS = re.compile(r"(?P<kept>```.*?```|\$[^$]+\$)"
                    r"|`(?P<called>[A-Za-z_]\w*)(?P<rest>(?:\([^`]*\))?)`"
                    r"|(?P<code>`[^`]+`)"
                    r"|\((?P<tag>[a-z]\w*\.\d+)\)"
                    r"|arXiv:(?P<arxiv>\d{4}\.\d{4,5})"
                    rf"|(?P<cited>{citations.CITED.pattern})", re.S)


techniques = links.stated


@functools.cache
def tags():
    """{tag: technique} of all equations."""
    return {equation.tag: t.name for t in techniques() for equation in t.equations}


@functools.cache
def functions():
    """{function or class: technique} of all files that state equations."""
    return {name: t.name for t in techniques() for name in catalog.functions(t)}


def linked(text, page):
    """`text` with links, as it stands on `page`; ValueError for a tag that no equation has."""
    def link(match):
        if name := match["called"]:
            if name not in functions():
                return match[0]
            return f"[`{name}{match['rest']}`]({_of(functions()[name], page)}#{name})"
        if tag := match["tag"]:
            if tag in tags():
                return f"([{tag}]({_of(tags()[tag], page)}#{links.box(tag)}))"
            if tag.rpartition(".")[0] in {known.rpartition(".")[0] for known in tags()}:
                raise ValueError(f"{page} names ({tag}), an equation that nobody states")
            return match[0]
        if number := match["arxiv"]:
            return f"[arXiv:{number}](https://arxiv.org/abs/{number})"
        if cited := match["cited"]:
            return "".join(f"[{cited}]({links.address(f'tables/bibliography.md#{key}', page)})"
                           for key in citations.cited(cited, page)) or cited
        return match[0]

    return _PARTS.sub(link, text)


def _of(name, page):
    """The address of a technique's page, seen from `page`; nothing for the page itself."""
    there = f"techniques/{name}.md"
    return "" if there == page else links.address(there, page)
