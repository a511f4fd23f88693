"""The widgets in Chromium: they show what their lines of Python give, and can be steered."""

import json

import numpy as np
import pytest

from tests.site.widget_pages import maker, page_of, shown

pytestmark = pytest.mark.site
SETTINGS = [
    "dropout", "dropout&p=0.3333333333333333&draws=9",
    "dropout&p=0.5&seed=3&draws=40", "dropout&p=1&size=8", "dropout&p=0&size=32",
    "dropout&technique=spatial&p=0.5&seed=11&draws=7",
    "dropout&technique=dropblock&p=0.1&block=5&seed=7&draws=101",
    "dropout&technique=dropblock&p=0.9&block=8&size=8&seed=1",
    "dropout&technique=dropconnect&p=0.25&size=8&draws=3",
    "dropout&technique=cutout&length=7&size=8&seed=5&draws=30",
    "dropout&technique=cutout&length=0", "dropout&technique=cutout&length=32&size=32",
    "stochastic-depth", "stochastic-depth&blocks=54&last=0.3&seed=2&draws=20",
    "stochastic-depth&rule=linspace&mode=row&examples=3&draws=9",
    "stochastic-depth&rule=efficientnet&blocks=1",
    "stochastic-depth&rule=constant&mode=row&last=0.8",
    "cycles", "cycles&total=20&cycles=6&t=17&lr=0.3", "cycles&total=10&cycles=10&t=10",
    "targeted", "targeted&n=100&gamma=0.29&alpha=0.5&draws=50&seed=8", "targeted&gamma=1&alpha=1",
    "targeted&n=37&gamma=0.3&alpha=0.7",
]


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_lines_of_python_give_what_the_widget_shows(widgets, setting):
    shown(widgets, f"{widgets.url.partition('#')[0]}#{setting}")
    name, *asked = setting.split("&")
    root = f"[data-name='{name}'], [data-widget='{name}']"
    widget = widgets.locator(root).first
    state = widget.evaluate("(e) => e.widget.state")
    assert all(str(state[k]) == v for k, v in (part.split("=") for part in asked))
    values = widget.evaluate("""(e) => JSON.parse(JSON.stringify(e.widget.view.values,
        (k, v) => (ArrayBuffer.isView(v) ? Array.from(v) : v)))""")
    scope = {}
    exec(widget.locator(".wd-python code").inner_text(), scope)
    for key, value in values.items():
        due = np.asarray(scope[key], "float64")
        assert np.allclose(np.ravel(value), due.ravel(), rtol=0, atol=1e-12), key
    assert widgets.locator(".katex-error").count() == 0


def test_a_slider_moves_by_keys_and_the_address_follows(widgets):
    shown(widgets, widgets.url.partition("#")[0])
    slider = widgets.get_by_label("Drop rate p").nth(1)
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    widgets.wait_for_function("location.hash === '#dropout&p=0.32'")
    assert widgets.evaluate("document.querySelector('.wd').widget.state.p") == 0.32
    status = widgets.locator("[role=status]").first
    assert status.inner_text().startswith("Draw 1 drops")
    widgets.get_by_role("button", name="100 more").first.click()
    widgets.wait_for_function("location.hash === '#dropout&p=0.32&draws=101'")
    widgets.get_by_label("DropBlock").press("Space")
    widgets.wait_for_function("location.hash === '#dropout&technique=dropblock&p=0.32'")


def test_a_box_says_the_number_in_force(widgets):
    shown(widgets, widgets.url.partition("#")[0])
    state = "(key) => document.querySelector('.wd').widget.state[key]"
    for label, key, typed, due in (
            ("Drop rate p", "p", "0.3333333333333333", 1 / 3), ("Drop rate p", "p", "7", 1),
            ("Drop rate p", "p", "-1", 0), ("Drop rate p", "p", "0.25", 0.25),
            ("Drop rate p", "p", "", 0.25), ("Drop rate p", "p", "e", 0.25),
            ("Seed", "seed", "2.6", 3), ("Seed", "seed", "123456", 9999)):
        box = widgets.get_by_label(label).first
        box.press("Control+a")
        box.press("Delete")
        box.press_sequentially(typed)
        box.press("Enter")
        assert widgets.evaluate(state, key) == due == float(box.input_value()), typed
    code = widgets.locator(".wd-python code").first
    widgets.get_by_label("Drop rate p").first.fill("0.333")
    assert "0.333" in code.inner_text()
    widgets.get_by_role("button", name="100 more").first.click()
    assert widgets.evaluate(state, "draws") == 101


def test_the_closed_form_of_the_depth_is_shown_for_the_rule_that_it_holds_for(widgets):
    for rule in ("paper", "linspace", "efficientnet", "constant"):
        shown(widgets, f"{widgets.url.partition('#')[0]}#stochastic-depth&rule={rule}")
        box = widgets.locator("[data-widget='paths'] .wd-equations > div").nth(1)
        assert box.locator("a").inner_text() == "(stochastic_depth.9)"
        assert box.locator("> div").nth(0).is_visible() == (rule == "paper")
        assert box.locator("> div").nth(1).is_visible()


def test_what_an_address_may_not_ask_for_is_left_alone(widgets):
    address = widgets.url.partition("#")[0]
    for text in ("p=2", "p=x", "p=", "technique=dropin", "draws=-1", "size=9", "colour=red", "p",
                 "technique=constructor", "alone=2", "p=%"):
        shown(widgets, f"{address}#dropout&{text}")
        state = widgets.evaluate("document.querySelector('.wd').widget.state")
        assert state == widgets.evaluate("document.querySelector('.wd').widget.initial()")
    shown(widgets, f"{address}#dropout&technique=dropblock&block=20&size=8")
    assert widgets.evaluate("document.querySelector('.wd').widget.state.block") == 8


def test_a_link_within_the_page_leaves_what_was_set(widgets):
    address = widgets.url.partition("#")[0]
    shown(widgets, f"{address}#dropout&p=0.5")
    for target, p in (("cycles", 0.5), ("dropout", 0.5), ("dropout&p=0.7", 0.7)):
        widgets.evaluate("(target) => { location.hash = target; }", target)
        widgets.wait_for_timeout(50)
        assert widgets.evaluate("document.querySelector('.wd').widget.state.p") == p


def test_draws_made_one_by_one_are_those_made_at_once(widgets):
    address = widgets.url.partition("#")[0]
    found = []
    for clicks, draws in ((4, 1), (0, 5)):
        shown(widgets, f"{address}#dropout&draws={draws}")
        for _ in range(clicks):
            widgets.get_by_role("button", name="Draw again").first.click()
        found.append(widgets.evaluate("JSON.stringify(document.querySelector('.wd').widget.view)"))
    assert json.loads(found[0]) == json.loads(found[1])


def test_start_again_is_the_first_draw(widgets):
    seen = "[...document.querySelectorAll('.wd')].map((e) => JSON.stringify(e.widget.view))"
    shown(widgets, widgets.url.partition("#")[0])
    first = widgets.evaluate(seen)
    for kind in range(3):
        widgets.get_by_role("button", name="100 more").nth(kind).click()
    more = widgets.evaluate(seen)
    assert [a == b for a, b in zip(first, more, strict=True)] == [False, False, True, False]
    for kind in range(3):
        widgets.get_by_role("button", name="Start again").nth(kind).click()
    assert widgets.evaluate(seen) == first


def test_a_widget_on_another_page_has_the_values_of_its_attributes(browser, folder):
    tab = browser.new_page()
    shown(tab, page_of(folder, '<div data-widget="masks" data-technique="dropblock" data-p="0.1" '
                               'data-block="5"></div>'))
    state = tab.evaluate("document.querySelector('.wd').widget.state")
    assert (state["technique"], state["p"], state["block"]) == ("dropblock", 0.1, 5)
    assert not tab.get_by_role("group", name="Technique").is_visible()
    assert tab.get_by_label("Side of a block").first.is_visible()
    tab.close()


def test_an_attribute_that_does_not_fit_is_an_error_in_one_sentence(browser, folder):
    for attribute, due in (('data-p="2"', 'data-p must be 0 to 1, got "2"'),
                           ('data-size="9"', 'data-size must be one of 8,16,32, got "9"'),
                           ('data-alone="yes"', 'data-alone must be 0 or 1, got "yes"')):
        tab, errors = browser.new_page(), []
        tab.on("pageerror", lambda error, errors=errors: errors.append(error.message))
        tab.goto(page_of(folder, f'<div data-widget="masks" {attribute}></div>'))
        tab.wait_for_timeout(300)
        assert errors == [due]
        tab.close()


def test_what_changes_the_look_alone_leaves_the_draws(widgets):
    shown(widgets, f"{widgets.url.partition('#')[0]}#dropout&draws=30")
    widgets.get_by_label("The mask alone").press("Space")
    widgets.wait_for_function("location.hash === '#dropout&alone=1&draws=30'")
    widgets.get_by_label("Seed").nth(1).press("ArrowRight")
    widgets.wait_for_function("location.hash === '#dropout&seed=8&alone=1'")


def test_every_picture_says_what_is_seen_and_every_control_has_a_name(widgets):
    shown(widgets, widgets.url.partition("#")[0])
    pictures = widgets.locator(".wd canvas, .wd svg")
    names = [pictures.nth(i).get_attribute("aria-label") for i in range(pictures.count())]
    assert len(names) == 12 and all(len(name) > 10 for name in names)
    unnamed = widgets.evaluate("""[...document.querySelectorAll('.wd input')].filter(
        (e) => !e.labels.length && !e.getAttribute('aria-label')).length""")
    assert unnamed == 0


def test_equations_lead_to_their_place_on_the_site(built, address, tab):
    shown(tab, f"{address}/widgets.html")
    places = set()
    for technique in ("dropout", "spatial", "dropblock", "dropconnect", "cutout"):
        shown(tab, f"{address}/widgets.html#dropout&technique={technique}")
        places |= set(tab.eval_on_selector_all(".wd-equations a", "all => all.map((a) => a.href)"))
    assert len(places) >= 14 and not tab.troubles
    for place in places:
        path, _, anchor = place.removeprefix(f"{address}/").partition("#")
        assert f'id="{anchor}"' in (built / path).read_text("utf-8"), place


def test_every_technique_with_a_widget_has_it_on_its_page(address, tab):
    for name, attributes in maker.SHOWN.items():
        shown(tab, f"{address}/techniques/{name}.html")
        state = tab.evaluate("document.querySelector('.wd').widget.state")
        assert all(str(state[key]) == str(value) for key, value in attributes.items()
                   if key != "widget") and not tab.troubles


def test_the_curve_is_looked_at_by_mouse_and_by_touch(browser, folder):
    context = browser.new_context(has_touch=True)
    tab = context.new_page()
    shown(tab, page_of(folder, '<div data-widget="cycles" data-total="100"></div>'))
    box = tab.locator(".wd-chart").bounding_box()
    seen = "document.querySelector('.wd').widget.state.t"
    left, step = box["x"] + 46, (box["width"] - 58) / 100        # 46 and 12 are the margins
    tab.mouse.click(left + 9.5 * step, box["y"] + 100)
    assert tab.evaluate(seen) == 10
    tab.touchscreen.tap(left + 70.5 * step, box["y"] + 100)
    assert tab.evaluate(seen) == 71
    tab.mouse.click(box["x"] + 1, box["y"] + 100)
    assert tab.evaluate(seen) == 1
    context.close()


def test_canvases_are_painted_anew_in_the_dark_and_light_for_paper(widgets):
    shown(widgets, widgets.url.partition("#")[0])
    seen = "document.querySelector('canvas').toDataURL()"
    light = widgets.evaluate(seen)
    widgets.evaluate("document.body.setAttribute('data-md-color-scheme', 'slate')")
    widgets.wait_for_timeout(50)
    dark = widgets.evaluate(seen)
    widgets.evaluate("dispatchEvent(new Event('beforeprint'))")
    printed = widgets.evaluate(seen)
    widgets.evaluate("dispatchEvent(new Event('afterprint'))")
    assert dark != light == printed and widgets.evaluate(seen) == dark


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_is_wider_than_the_page(widgets, width):
    widgets.set_viewport_size({"width": width, "height": 800})
    for setting in ("dropout", "dropout&technique=spatial", "stochastic-depth&blocks=54&mode=row"):
        shown(widgets, f"{widgets.url.partition('#')[0]}#{setting}")
        assert widgets.evaluate("document.documentElement.scrollWidth") <= width
