"""Every link of the built site leads to something that is there, anchors and pictures too."""

import posixpath
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

pytestmark = pytest.mark.site
OUTSIDE = ("http", "https", "mailto")
FETCHED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}


class Page(HTMLParser):
    """Ids, links, files that the browser fetches, and pictures without words, of one page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.fetched, self.mute = set(), [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        held = dict(attributes)
        self.ids |= {held[key] for key in ("id", "name") if held.get(key)}
        if tag == "a" and "href" in held:
            self.links.append(held["href"])
        if tag in FETCHED and held.get(FETCHED[tag]):
            self.fetched.append(held[FETCHED[tag]])
        if tag == "img" and not (held.get("alt") or "").strip():
            self.mute.append(held.get("src"))


def read(folder):
    """{path: Page} of a built site."""
    return {path.relative_to(folder).as_posix(): Page(path.read_text(encoding="utf-8"))
            for path in sorted(folder.rglob("*.html"))}


def broken(pages, files):
    """Sentences about links of `pages` that lead nowhere in `files`, the paths of the site."""
    for name, page in pages.items():
        for link in [*page.links, *page.fetched]:
            parts = urlsplit(link)
            if parts.scheme in (*OUTSIDE, "data", "javascript") or name == "404.html":
                continue
            target = posixpath.normpath(posixpath.join(posixpath.dirname(name),
                                                       unquote(parts.path))) if parts.path else name
            if target == "." or target not in files:
                yield f"{name}: {link} is not there"
            elif parts.fragment and target in pages and \
                    unquote(parts.fragment) not in pages[target].ids | {"__top"}:
                yield f"{name}: {link} has no such anchor"


@pytest.fixture(scope="module")
def pages(built):
    return read(built)


def test_links_and_anchors_resolve(built, pages):
    files = {path.relative_to(built).as_posix() for path in built.rglob("*") if path.is_file()}
    assert len(pages) > 100
    assert not list(broken(pages, files))


def test_nothing_is_fetched_from_another_host(pages):
    assert not [(name, one) for name, page in pages.items() for one in page.fetched
                if urlsplit(one).scheme in OUTSIDE or one.startswith("//")]


def test_every_picture_has_words(pages):
    assert not [(name, page.mute) for name, page in pages.items() if page.mute]


def test_what_is_broken_is_found():
    pages = {"a.html": Page('<a href="b.html#x"></a><a href="c/"></a><img src="d.png">'),
             "b.html": Page('<a id="y" href="a.html"></a><a href="https://else.where/"></a>')}
    assert list(broken(pages, {"a.html", "b.html"})) == [
        "a.html: b.html#x has no such anchor", "a.html: c/ is not there",
        "a.html: d.png is not there"]
    assert pages["a.html"].mute == ["d.png"]
