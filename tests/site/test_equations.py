"""Pages of techniques in Chromium: an equation and its lines light up together."""

import pytest

pytestmark = pytest.mark.site
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
LIT = """() => [...document.querySelectorAll(".eq-lit")].map(
    lit => [lit.id || Number(lit.dataset.line), lit.dataset.eq])"""

CONTRAST = """() => {
  const paint = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const light = (colours) => {
    for (const colour of colours) { paint.fillStyle = colour; paint.fillRect(0, 0, 1, 1); }
    const [r, g, b] = [...paint.getImageData(0, 0, 1, 1).data].map((one) =>
      one / 255 <= 0.04045 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const lines = [...document.querySelectorAll(".line[data-eq]")];
  for (const line of lines) line.classList.add("eq-lit");
  const letters = lines.flatMap((line) => [line, ...line.querySelectorAll("*")]);
  return Math.min(...letters.map((one) => {
    const below = ["white"];
    for (let it = one; it; it = it.parentElement) {
      below.splice(1, 0, getComputedStyle(it).backgroundColor);
    }
    const ground = light(below), letter = light([...below, getComputedStyle(one).color]);
    return Math.max(ground, letter) / Math.min(ground, letter);
  }));
}"""


@pytest.fixture
def dropout(address, tab):
    tab.goto(f"{address}/techniques/dropout.html")
    yield tab
    assert not tab.troubles


def line_of(tab, tag):
    """The number of the line that computes an equation, as the page shows it."""
    return int(tab.locator(f'.line[data-eq~="{tag}"]').first.get_attribute("data-line"))


def test_hovering_an_equation_lights_its_line_and_the_other_way_round(dropout):
    due = [["eq-dropout-2", "dropout.2"], [line_of(dropout, "dropout.2"), "dropout.2"]]
    assert dropout.evaluate(LIT) == []
    dropout.locator("#eq-dropout-2").hover()
    assert dropout.evaluate(LIT) == due
    dropout.mouse.move(5, 5)
    assert dropout.evaluate(LIT) == []
    dropout.locator('.line[data-eq="dropout.2"]').hover()
    assert dropout.evaluate(LIT) == due


def test_the_keyboard_lights_and_keeps(dropout):
    box = dropout.locator("#eq-dropout-4")
    box.focus()
    assert [tag for _, tag in dropout.evaluate(LIT)] == ["dropout.4"] * 2
    dropout.keyboard.press("Enter")
    box.blur()
    assert [tag for _, tag in dropout.evaluate(LIT)] == ["dropout.4"] * 2
    dropout.keyboard.press("Escape")
    assert dropout.evaluate(LIT) == []


def test_a_tap_keeps_the_light_and_another_tap_takes_it_away(browser, address):
    page = browser.new_page(viewport=NARROW, has_touch=True)
    page.goto(f"{address}/techniques/dropout.html")
    title = page.locator("#eq-dropout-5 strong")
    title.tap()
    assert [tag for _, tag in page.evaluate(LIT)] == ["dropout.5"] * 2
    line = page.locator('.line[data-eq="dropout.5"]').bounding_box()
    assert 0 <= line["y"] <= NARROW["height"]
    title.tap()
    page.locator("h1").tap()
    assert page.evaluate(LIT) == []
    page.close()


def test_a_function_with_two_equations_lights_one_line_for_each(address, tab):
    tab.goto(f"{address}/techniques/stochastic_depth.html")
    tab.locator("#eq-stochastic_depth-2").hover()
    assert tab.evaluate(LIT) == [["eq-stochastic_depth-2", "stochastic_depth.2"],
                                 [line_of(tab, "stochastic_depth.2"), "stochastic_depth.2"]]


@pytest.mark.parametrize("size, beside", [(WIDE, True), (NARROW, False)])
def test_equation_and_code_are_beside_each_other_where_there_is_room(dropout, size, beside):
    dropout.set_viewport_size(size)
    row = dropout.locator(".eq-row").nth(1)
    left, right = (row.locator(part).bounding_box() for part in (".eq-left", ".eq-right"))
    assert (right["x"] >= left["x"] + left["width"]) == beside
    assert (right["y"] >= left["y"] + left["height"]) != beside


def test_every_formula_keeps_to_its_box(address, built, tab):
    tab.set_viewport_size(NARROW)
    for path in sorted((built / "techniques").glob("*.html")):
        tab.goto(f"{address}/techniques/{path.name}")
        assert tab.evaluate("""() => [...document.querySelectorAll(".eq-box")].every(
            box => box.getBoundingClientRect().right <= document.documentElement.clientWidth
                && box.scrollWidth <= box.clientWidth + 1)"""), path.name


@pytest.mark.parametrize("name", ["dropout", "targeted"])
def test_the_chips_of_lines_are_seen_without_scrolling(address, tab, name):
    tab.set_viewport_size(WIDE)
    tab.goto(f"{address}/techniques/{name}.html")
    assert tab.evaluate("""() => [...document.querySelectorAll("code .eq-chip")].every(chip => {
      const box = chip.closest("code").getBoundingClientRect(), seen = chip.getBoundingClientRect();
      return seen.left >= box.left && seen.right <= box.right;
    })""")


def test_few_formulas_are_wider_than_their_box_on_a_wide_screen(address, built, tab):
    tab.set_viewport_size(WIDE)
    wider = []
    for path in sorted((built / "techniques").glob("*.html")):
        tab.goto(f"{address}/techniques/{path.name}")
        wider += tab.evaluate("""() => [...document.querySelectorAll(".eq-box div.arithmatex")]
            .filter(one => one.scrollWidth > one.clientWidth + 1)
            .map(one => getComputedStyle(one).backgroundImage.split("gradient").length - 1)""")
    assert len(wider) < 6 and set(wider) <= {4}, "each has its shadows"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_lit_line_has_enough_contrast(browser, address, scheme):
    page = browser.new_page(viewport=WIDE, color_scheme=scheme)
    page.goto(f"{address}/techniques/targeted.html")
    assert page.evaluate(CONTRAST) >= 4.5
    page.close()


def test_an_example_is_copied_without_prompts_and_answers(dropout):
    copied = dropout.evaluate("""() => {
      const code = document.querySelector(".language-pycon code");
      code.setAttribute("data-md-copying", "");
      const text = code.innerText;
      code.removeAttribute("data-md-copying");
      return text;
    }""")
    assert copied.strip() == "dropout_mask(3, (2, 4), p=0.5).astype(int)"


def test_a_line_of_the_source_lights_up_where_a_link_leads(dropout):
    link = dropout.locator("#eq-dropout-2 a[href*='#L']").first
    number = link.get_attribute("href").rpartition("#L")[2]
    link.click()
    line = dropout.locator(f"#L{number}")
    assert "Eq. (dropout.2)" in line.inner_text()
    assert dropout.evaluate("""n => [n, n - 1].map(i => getComputedStyle(
        document.querySelector(`#L${i}`)).backgroundColor)""", int(number))[0] != "rgba(0, 0, 0, 0)"
    box = line.bounding_box()
    assert 0 < box["y"] < WIDE["height"]
