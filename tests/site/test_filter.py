"""The field above the long tables in Chromium: it hides what lacks the words, never a target."""

import pytest

pytestmark = pytest.mark.site
SHOWN = "[...document.querySelectorAll('.filtered .entry')].filter(e => e.offsetParent).length"
HOLDING = """word => [...document.querySelectorAll('.filtered .entry')]
    .filter(e => e.textContent.toLowerCase().includes(word)).length"""
BELOW_THE_FIELD = """id => {
  const target = document.getElementById(id).getBoundingClientRect();
  const field = document.querySelector('.filter').getBoundingClientRect();
  return target.top >= field.bottom - 1 && target.top < innerHeight;
}"""


def test_words_leave_the_entries_that_hold_them(address, tab):
    tab.goto(f"{address}/tables/equations.html")
    everything = tab.evaluate(SHOWN)
    assert everything == tab.evaluate(HOLDING, "") > 200
    tab.fill(".filter input", "DropBlock")
    due = tab.evaluate(HOLDING, "dropblock")
    assert 0 < tab.evaluate(SHOWN) == due < everything
    assert tab.inner_text(".filter output") == f"{due} of {everything}"
    assert not tab.is_visible("#dropconnect") and tab.is_visible("#dropblock")
    tab.fill(".filter input", "no such words")
    assert tab.evaluate(SHOWN) == 0


def test_what_a_link_points_to_is_seen_below_the_field(address, tab):
    tab.goto(f"{address}/tables/equations.html#eq-dropout-2")
    tab.wait_for_function(BELOW_THE_FIELD, arg="eq-dropout-2")
    tab.fill(".filter input", "cutmix")
    assert not tab.is_visible("#eq-dropout-3")
    tab.evaluate("location.hash = '#eq-dropout-3'")
    tab.wait_for_function(BELOW_THE_FIELD, arg="eq-dropout-3")
    assert tab.is_visible("#eq-dropout-3") and tab.input_value(".filter input") == ""


def test_the_names_of_the_matrix_stay_while_it_is_scrolled(address, tab):
    tab.set_viewport_size({"width": 360, "height": 740})
    tab.goto(f"{address}/field.html")
    moved = tab.evaluate("""() => {
      const cell = document.querySelector('.matrix tbody td');
      const at = () => [cell, cell.parentElement.lastElementChild].map(
        one => Math.round(one.getBoundingClientRect().left));
      const before = at();
      for (let box = cell; box; box = box.parentElement) box.scrollLeft = 200;
      return [before, at()];
    }""")
    (name, verdict), (name_after, verdict_after) = moved
    assert 0 <= name_after <= name and verdict_after == verdict - 200


def test_without_scripts_everything_is_there(address, browser):
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{address}/tables/equations.html")
    assert page.locator(".filter").count() == 0
    assert page.locator(".entry").first.is_visible() and page.locator(".entry").last.is_visible()
    page.context.close()
