"""The widgets in Chromium: their bits, masks and numbers are those of Python."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import minidrop as md

pytestmark = pytest.mark.site
SITE = Path(__file__).parents[2] / "site"
NAMES = ["", "drop", "stage1.block2.drop", "Größe", "x" * 55, "x" * 56, "x" * 200]
SEEDS = [0, 1, 7, 999, 2**32, 2**53 - 1, 2**63 + 5, 2**64 + 7, -1]
RATES = [0.0, 1.0, 0.5, 0.1, 0.3, 2**-16, 1 - 2**-16, 1e-9, 1 - 1e-9, 0.07]
WIDGETS = """<div data-widget="masks" data-name="dropout"></div>
<div data-widget="paths" data-name="stochastic-depth"></div>
<div data-widget="cycles"></div><div data-widget="targeted"></div>"""


def page_of(folder, body):
    """A page with widgets, as the site has it: its address."""
    if not (folder / "assets").exists():
        sys.path.insert(0, str(SITE))
        from scripts import widgets
        sys.path.remove(str(SITE))
        (folder / "assets").symlink_to(SITE / "pages" / "assets")
        (folder / "tables").mkdir()
        for path, content in widgets.pages().items():
            (folder / path).write_text(content, encoding="utf-8")
    path = folder / f"page{len(list(folder.iterdir()))}.html"
    path.write_text("<!doctype html><meta charset=utf-8><link rel=stylesheet "
                    "href=assets/widgets.css><script src=assets/katex/katex.min.js></script>"
                    f"<script src=assets/widgets.js></script><body>{body}", encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tool:
        chromium = tool.chromium.launch(executable_path="/usr/bin/chromium", args=[
            "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("widgets")


@pytest.fixture(scope="module")
def page(browser, folder):
    """A page with all widgets; an error in its scripts is one of the test."""
    tab, errors = browser.new_page(), []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    shown(tab, page_of(folder, WIDGETS))
    yield tab
    tab.close()
    assert not errors


def shown(tab, address):
    """Go there, and wait for the widgets."""
    tab.goto("about:blank")
    tab.goto(address)
    tab.wait_for_function("[...document.querySelectorAll('[data-widget]')].every((e) => e.widget)")


@pytest.fixture
def js(page):
    """Call a function of arrays and numbers in the page; keys and words come as text."""
    def call(code, *args):
        return page.evaluate(f"(args) => (({code})(...args))", list(args))
    return call


STREAM = "const s = new minidrop.Stream(BigInt(seed), name); s.block = block;"


@pytest.mark.parametrize("name", NAMES)
def test_a_key_is_the_seed_and_the_hash_of_the_name(js, name):
    keys = js("(seeds, name) => seeds.map((s) => new minidrop.Stream(BigInt(s), name).key.map(String))",
              [str(seed) for seed in SEEDS], name)
    assert [tuple(map(int, key)) for key in keys] == [md.Stream(seed, name).key for seed in SEEDS]


@pytest.mark.parametrize("block", [0, 1, 2**32 - 2, 2**32, 2**40 + 3])
@pytest.mark.parametrize("seed", [0, 7, -1])
@pytest.mark.parametrize("name", ["", "drop"])
def test_words_and_bits(js, seed, name, block):
    stream = md.Stream(seed, name)
    for n in (1, 4, 5, 33):
        stream.state = (*stream.key, block)
        words = js(f"(seed, name, block, n) => {{ {STREAM} return Array.from(s.words(n), String); }}",
                   str(seed), name, block, n)
        assert list(map(int, words)) == stream.words(n).tolist()
    for n in (0, 1, 15, 16, 17, 100):
        stream.state = (*stream.key, block)
        bits, end = js(f"(seed, name, block, n) => {{ {STREAM} "
                       "return [Array.from(s.bits(n)), s.block]; }", str(seed), name, block, n)
        assert bits == stream.bits(n).tolist() and end == stream.block


@pytest.mark.parametrize("seed", [0, 7, 123])
def test_draws_one_after_the_other(js, seed):
    """Bernoulli, uniform, whole numbers and orders from one stream, which goes on as in Python."""
    stream, sizes = md.Stream(seed), (1, 16, 17, 200)
    due = [[md.bernoulli(stream, q, n).astype(int).tolist() for q in RATES] for n in sizes]
    due += [[md.uniform(stream, n).tolist() for n in sizes]]
    due += [[md.integers(stream, high, 50).tolist() for high in (1, 6, 28, 2**31 + 1, 2**32)]]
    due += [[md.permutation(stream, n).tolist() for n in (0, 1, 5, 100)], stream.block]
    found = js("""(seed, rates, sizes) => {
        const s = new minidrop.Stream(seed), { bernoulli, uniform, integers, permutation } = minidrop;
        const all = sizes.map((n) => rates.map((q) => Array.from(bernoulli(s, q, n))));
        all.push(sizes.map((n) => Array.from(uniform(s, n))));
        all.push([1, 6, 28, 2 ** 31 + 1, 2 ** 32].map((high) => integers(s, high, 50)));
        all.push([0, 1, 5, 100].map((n) => permutation(s, n)), s.block);
        return all;
    }""", seed, RATES, sizes)
    assert found == due


def test_where_the_high_half_ties_the_low_one_decides(js):
    bits = md.Stream(3).bits(64)
    for value in bits[:20].tolist():
        for q in (value / 2**32, (value + 1) / 2**32):
            found = js("(q) => Array.from(minidrop.bernoulli(3, q, 64))", q)
            assert found == md.bernoulli(3, q, 64).astype(int).tolist()


CASES = [(8, 8, 1), (8, 8, 3), (8, 6, 6), (16, 16, 4), (7, 9, 7), (32, 32, 5)]


@pytest.mark.parametrize("height, width, block", CASES)
@pytest.mark.parametrize("p", [0.0, 0.1, 0.37, 1.0])
def test_dropblock(js, height, width, block, p):
    shape = (2, 3, height, width)
    seeds = md.dropblock_seeds(5, shape, p, block)
    found = js("""(shape, p, block) => {
        const [, , h, w] = shape, seeds = minidrop.dropblock_seeds(5, shape, p, block);
        return [Array.from(seeds), Array.from(minidrop.dropblock_mask(seeds, shape, block)),
            minidrop.dropblock_rate(p, block, h, w),
            Array.from(minidrop.dropblock_drop_map(p, block, h, w))]; }""", shape, p, block)
    assert found[0] == seeds.ravel().astype(int).tolist()
    assert found[1] == md.dropblock_mask(seeds, block).ravel().astype(int).tolist()
    assert found[2] == pytest.approx(md.dropblock_rate(p, block, height, width), abs=1e-12)
    assert np.allclose(found[3], md.dropblock_drop_map(p, block, height, width).ravel(), 0, 1e-12)


@pytest.mark.parametrize("height, width", [(8, 8), (7, 10), (16, 16)])
def test_cutout(js, height, width):
    centers = md.cutout_centers(9, 20, height, width)
    every = np.array(list(np.ndindex(height, width)))
    for length in range(2 * min(height, width) + 1):
        found = js("""(h, w, l) => { const c = minidrop.cutout_centers(9, 20, h, w);
            return [c, Array.from(minidrop.cutout_mask(c, l, h, w)),
                Array.from(minidrop.cutout_drop_map(l, h, w)), minidrop.cutout_area(l, h, w)]; }""",
                   height, width, length)
        gone = ~md.cutout_mask(every, length, height, width)
        assert found[0] == centers.tolist()
        assert found[1] == md.cutout_mask(centers, length, height, width).ravel().astype(int).tolist()
        assert np.allclose(found[2], gone.mean((0, 1)).ravel(), 0, 1e-12)
        assert found[3] == pytest.approx(gone.sum() / len(every), abs=1e-9)


@pytest.mark.parametrize("p", [0.0, 0.25, 0.5, 1.0])
def test_masks_of_units_and_weights(js, p):
    found = js("""(p) => [minidrop.dropout_mask(4, [3, 50], p),
        minidrop.spatial_dropout_mask(4, [3, 8, 4, 4], p),
        minidrop.dropconnect_mask(4, 3, [5, 7], p)].map((m) => Array.from(m))""", p)
    due = (md.dropout_mask(4, (3, 50), p), md.spatial_dropout_mask(4, (3, 8, 4, 4), p),
           md.dropconnect_mask(4, 3, (5, 7), p))
    assert found == [mask.ravel().astype(int).tolist() for mask in due]


@pytest.mark.parametrize("rule", ["paper", "linspace", "efficientnet"])
def test_survival(js, rule):
    for blocks in (1, 2, 12, 54):
        for q in (0.0, 0.3, 0.5, 1.0):
            found = js("(n, q, rule) => Array.from({ length: n }, (_, l) => "
                       "minidrop.survival(l + 1, n, q, rule))", blocks, q, rule)
            assert found == [md.survival(l, blocks, q, rule) for l in range(1, blocks + 1)]


def test_gates(js):
    for seed in range(40):
        found = js("(s) => ['batch', 'row'].map((mode) => "
                   "Array.from(minidrop.path_gate(s, 5, 0.4, mode)))", seed)
        assert found == [[md.path_gate(seed, 5, 0.4)],
                         md.path_gate(seed, 5, 0.4, "row").astype(int).tolist()]


@pytest.mark.parametrize("total, cycles", [(8, 2), (10, 3), (20, 6), (120, 4), (7, 7), (5, 1)])
def test_cycles(js, total, cycles):
    found = js("""(total, cycles) => [Array.from({ length: total },
        (_, t) => minidrop.cyclic_cosine(t + 1, total, cycles, 0.1)),
        minidrop.snapshot_steps(total, cycles), minidrop.step_decay(0.1, total, [2, 4], 0.3)]""",
               total, cycles)
    due = md.cyclic_cosine(range(1, total + 1), total, cycles, 0.1)
    assert np.allclose(found[0], due, 0, 1e-12)
    assert found[1] == md.snapshot_steps(total, cycles)
    assert np.allclose(found[2], md.optim.step_decay(0.1, total, [2, 4], 0.3), 0, 1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.29, 0.5, 0.75, 1.0])
def test_targeted(js, gamma):
    equal = np.array([[0.5, -0.5, 0.1, 0.5, -0.1, 0.5, 0.0, -0.5] * 5])
    for w in (equal, md.uniform(2, (1, 100)).astype("float64") - 0.5):
        due = md.targeted_candidates(w, gamma, unit=False)
        mask = md.targeted_mask(6, due, 0.6, unit=False)
        found = js("""(w, gamma) => { const c = minidrop.targeted_candidates(w, gamma);
            return [Array.from(c), Array.from(minidrop.targeted_mask(6, c, 0.6))]; }""",
                   w[0].tolist(), gamma)
        assert found == [due[0].astype(int).tolist(), mask[0].astype(int).tolist()]


SETTINGS = [
    "dropout", "dropout&p=0.5&seed=3&draws=40", "dropout&p=1&size=8", "dropout&p=0&size=32",
    "dropout&technique=spatial&p=0.5&seed=11&draws=7",
    "dropout&technique=dropblock&p=0.1&block=5&seed=7&draws=101",
    "dropout&technique=dropblock&p=0.9&block=8&size=8&seed=1",
    "dropout&technique=dropconnect&p=0.25&size=8&draws=3",
    "dropout&technique=cutout&length=7&size=8&seed=5&draws=30",
    "dropout&technique=cutout&length=0", "dropout&technique=cutout&length=32&size=32",
    "stochastic-depth", "stochastic-depth&blocks=54&last=0.3&seed=2&draws=20",
    "stochastic-depth&rule=linspace&mode=row&examples=3&draws=9",
    "stochastic-depth&rule=efficientnet&blocks=1", "stochastic-depth&rule=constant&mode=row&last=0.8",
    "cycles", "cycles&total=20&cycles=6&t=17&lr=0.3", "cycles&total=10&cycles=10&t=10",
    "targeted", "targeted&n=100&gamma=0.29&alpha=0.5&draws=50&seed=8", "targeted&gamma=1&alpha=1",
]


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_lines_of_python_give_what_the_widget_shows(page, setting):
    shown(page, f"{page.url.partition('#')[0]}#{setting}")
    name, *asked = setting.split("&")
    root = f"[data-name='{name}'], [data-widget='{name}']"
    widget = page.locator(root).first
    state = widget.evaluate("(e) => e.widget.state")
    assert all(str(state[k]) == v for k, v in (part.split("=") for part in asked))
    values = widget.evaluate("""(e) => JSON.parse(JSON.stringify(e.widget.view.values,
        (k, v) => (ArrayBuffer.isView(v) ? Array.from(v) : v)))""")
    scope = {}
    exec(widget.locator(".wd-python code").inner_text(), scope)
    for key, value in values.items():
        due = np.asarray(scope[key], "float64")
        assert np.allclose(np.ravel(value), due.ravel(), rtol=0, atol=1e-12), key
    assert page.locator(".katex-error").count() == 0


def test_a_slider_moves_by_keys_and_the_address_follows(page):
    shown(page, page.url.partition("#")[0])
    slider = page.get_by_label("Drop rate p").nth(1)
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    page.wait_for_function("location.hash === '#dropout&p=0.32'")
    assert page.evaluate("document.querySelector('.wd').widget.state.p") == 0.32
    status = page.locator("[role=status]").first
    assert status.inner_text().startswith("Draw 1 drops")
    page.get_by_role("button", name="100 more").first.click()
    page.wait_for_function("location.hash === '#dropout&p=0.32&draws=101'")
    page.get_by_label("DropBlock").press("Space")
    page.wait_for_function("location.hash === '#dropout&technique=dropblock&p=0.32'")


def test_what_an_address_may_not_ask_for_is_left_alone(page):
    address = page.url.partition("#")[0]
    for text in ("p=2", "p=x", "p=", "technique=dropin", "draws=-1", "size=9", "colour=red", "p"):
        shown(page, f"{address}#dropout&{text}")
        state = page.evaluate("document.querySelector('.wd').widget.state")
        assert state == page.evaluate("document.querySelector('.wd').widget.initial()")
    shown(page, f"{address}#dropout&technique=dropblock&block=20&size=8")
    assert page.evaluate("document.querySelector('.wd').widget.state.block") == 8


def test_draws_made_one_by_one_are_those_made_at_once(page):
    address = page.url.partition("#")[0]
    found = []
    for clicks, draws in ((4, 1), (0, 5)):
        shown(page, f"{address}#dropout&draws={draws}")
        for _ in range(clicks):
            page.get_by_role("button", name="Draw again").first.click()
        found.append(page.evaluate("JSON.stringify(document.querySelector('.wd').widget.view)"))
    assert json.loads(found[0]) == json.loads(found[1])


def test_a_widget_on_another_page_has_the_values_of_its_attributes(browser, folder):
    tab = browser.new_page()
    shown(tab, page_of(folder, '<div data-widget="masks" data-technique="dropblock" data-p="0.1" '
                               'data-block="5"></div>'))
    state = tab.evaluate("document.querySelector('.wd').widget.state")
    assert (state["technique"], state["p"], state["block"]) == ("dropblock", 0.1, 5)
    assert not tab.get_by_role("group", name="Technique").is_visible()
    assert tab.get_by_label("Side of a block").first.is_visible()
    tab.close()


def test_every_picture_says_what_is_seen_and_every_control_has_a_name(page):
    shown(page, page.url.partition("#")[0])
    pictures = page.locator(".wd canvas, .wd svg")
    names = [pictures.nth(i).get_attribute("aria-label") for i in range(pictures.count())]
    assert len(names) == 12 and all(len(name) > 10 for name in names)
    unnamed = page.evaluate("""[...document.querySelectorAll('.wd input')].filter(
        (e) => !e.labels.length && !e.getAttribute('aria-label')).length""")
    assert unnamed == 0


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_is_wider_than_the_page(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    for setting in ("dropout", "dropout&technique=spatial", "stochastic-depth&blocks=54&mode=row"):
        shown(page, f"{page.url.partition('#')[0]}#{setting}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
