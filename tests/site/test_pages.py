"""The built site in Chromium: what a reader with a wide and with a narrow screen gets to see."""

import pytest

pytestmark = pytest.mark.site
CHUNKS = 8                      # of pages, so that several processes share them
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
TYPED = r"""() => {
  const walker = document.createTreeWalker(
    document.querySelector("article") || document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const text = walker.currentNode, inside = text.parentElement;
    const raw = "code, pre, script, style, annotation, textarea, .katex-mathml, [data-raw]";
    const typed = /\$|\\(frac|sum|mathbb|mathrm|tag|text|odot|sim|gamma|left|begin)\b|\\[([]/;
    if (!inside.closest(raw) && typed.test(text.data))
      found.push(text.data.trim().slice(0, 80));
  }
  return found;
}"""
WIDER = """() => {
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide) return [];
  return [...document.querySelectorAll("article *")]
    .filter(one => one.getBoundingClientRect().right > wide + 1).slice(0, 5)
    .map(one => `${one.tagName}.${one.className}`);
}"""


def names(built):
    """The pages of the site, without decks, which are not pages of MkDocs; the source as pages is
    one template, of which every twentieth is looked at."""
    all_of_them = sorted(path.relative_to(built).as_posix() for path in built.rglob("*.html"))
    source = [name for name in all_of_them if name.startswith("source/")]
    return [name for name in all_of_them
            if not name.startswith(("slides/", "assets/", "source/"))] + source[::20]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_page_is_whole_typeset_and_no_wider_than_a_telephone(chunk, built, address, tab):
    wrong = {}
    for name in names(built)[chunk::CHUNKS]:
        tab.troubles.clear()
        tab.set_viewport_size(WIDE)
        tab.goto(f"{address}/{name}", wait_until="load")
        troubles = [*tab.troubles, *(f"not typeset: {text}" for text in tab.evaluate(TYPED)),
                    *(f"empty: {image}" for image in tab.evaluate(
                        "[...document.images].filter(i => i.complete && !i.naturalWidth)"
                        ".map(i => i.src)"))]
        if tab.locator(".katex-error").count():
            troubles.append("a formula that KaTeX refuses")
        tab.set_viewport_size(NARROW)
        width = tab.evaluate("document.documentElement.scrollWidth")
        if width > NARROW["width"]:
            troubles.append(f"{width} pixels wide on a telephone: {tab.evaluate(WIDER)}")
        if troubles:
            wrong[name] = troubles
    assert not wrong


def found(tab, words):
    """The addresses that the search of the page gives for some words, best first."""
    tab.locator("input[name=query]").click()
    tab.keyboard.type(words)
    tab.wait_for_selector(".md-search-result__item")
    tab.wait_for_timeout(1000)                    # until the last word is searched too
    return tab.eval_on_selector_all(".md-search-result__link", "links => links.map(l => l.href)")


def test_search_finds_dropblock_gamma(address, tab):
    tab.goto(f"{address}/index.html")
    assert "techniques/dropblock.html" in found(tab, "DropBlock gamma")[0]
    assert not tab.troubles


def test_a_copy_on_a_disk_is_searched_too(built, tab):
    tab.goto((built / "index.html").as_uri())
    assert any("dropblock" in link for link in found(tab, "DropBlock gamma")[:3])
    assert not tab.troubles


def test_the_button_turns_the_page_dark_and_back(address, tab):
    tab.emulate_media(color_scheme="light")
    tab.goto(f"{address}/techniques/dropout.html")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = tab.evaluate(ground)
    tab.locator("form[data-md-component=palette] label:visible").click()
    dark = tab.evaluate(ground)
    tab.locator("form[data-md-component=palette] label:visible").click()
    assert light == tab.evaluate(ground) != dark
    assert sum(map(int, dark[4:-1].split(","))) < 200 < sum(map(int, light[4:-1].split(",")))
