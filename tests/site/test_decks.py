"""The decks of slides, opened from a disk: whole, typeset, turned by arrow keys, and printed."""

import pytest

from minidrop import lesson

pytestmark = pytest.mark.site
FITS = """() => Reveal.getSlides().map((slide, i) => {
  Reveal.slide(i);
  const inner = [...slide.querySelectorAll("img, pre, pre > code, .katex-html")]
    .map(one => one.scrollWidth - (one.clientWidth || slide.clientWidth));
  return [slide.scrollHeight - 700, slide.scrollWidth - 960, ...inner];
})"""


@pytest.mark.parametrize("name", lesson.written())
def test_a_deck_opens_alone_and_fits(name, built, tmp_path, tab):
    copy = tmp_path / "deck.html"                 # away from the site
    copy.write_bytes((built / "slides" / f"{name}.html").read_bytes())
    assert copy.stat().st_size < 2_000_000
    tab.goto(copy.as_uri())
    tab.wait_for_function("window.Reveal && Reveal.isReady()")
    over = tab.evaluate(FITS)
    assert len(over) >= 6 and max(map(max, over)) <= 1, over
    assert not tab.locator(".katex-error").count()
    assert tab.evaluate("[...document.images].every(i => i.naturalWidth > 0 && i.alt)")
    assert not tab.troubles


def test_arrow_keys_turn_the_slides(built, tab):
    tab.goto((built / "slides" / "dropout.html").as_uri())
    tab.wait_for_function("window.Reveal && Reveal.isReady()")
    for key, due in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1)):
        tab.keyboard.press(key)
        assert tab.evaluate("Reveal.getIndices().h") == due


def test_a_deck_prints_a_page_for_each_slide(built, tab):
    tab.goto((built / "slides" / "dropout.html").as_uri() + "?print-pdf")
    tab.wait_for_selector(".pdf-page")
    slides = tab.evaluate("Reveal.getTotalSlides()")
    assert tab.locator(".pdf-page").count() == slides
    assert tab.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") == slides


def test_a_deck_is_read_on_a_telephone(built, tab):
    tab.set_viewport_size({"width": 360, "height": 740})
    tab.goto((built / "slides" / "dropout.html").as_uri())
    tab.wait_for_function("window.Reveal && Reveal.isReady()")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    size = tab.evaluate("""() => {
      const text = document.querySelector(".slides section p:not(.small)");
      return parseFloat(getComputedStyle(text).fontSize)
        * text.getBoundingClientRect().width / text.offsetWidth;
    }""")
    assert size >= 10
