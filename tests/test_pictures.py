"""The pictures of the techniques: one for each, the same bytes, and what they show is true."""

import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

import minidrop as md
from minidrop import catalog
from minidrop.plots import DARK

sys.path.insert(0, str(Path(__file__).parents[1] / "site"))
from scripts import drawn, drawn_networks, drawn_parts, pictures

pytestmark = pytest.mark.slow

SVG = "{http://www.w3.org/2000/svg}"
NAMES = [t.name for t in catalog.techniques()]
NETWORKS = [*drawn_networks.NETWORKS]


@pytest.fixture
def fresh(monkeypatch):
    """Forget what was drawn, and record what samplers return: record(name) lists it."""
    pictures._drawn.cache_clear()

    def record(name):
        found, function = [], getattr(md, name)

        def recorded(*args, **options):
            found.append(function(*args, **options))
            return found[-1]

        monkeypatch.setattr(md, name, recorded)
        return found

    yield record
    pictures._drawn.cache_clear()


def elements(name):
    return [*ET.fromstring(pictures.drawn(name)[0])]


def shown(name, what):
    return [e for e in elements(name) if e.get("data-what") == what]


def corners(path):
    return [tuple(map(float, at)) for at in re.findall(r"M([-\d.]+) ([-\d.]+)h", path.get("d"))]


def struck(name):
    """The struck cells of each grid of a picture: boolean arrays of its rows and columns."""
    found, last = [], None
    for e in elements(name):
        if e.get("data-what") == "dropped" and e.tag == SVG + "path":
            last = e
        if last is not None and e.tag == SVG + "rect" and e.get("fill") == "none":
            x, y, wide, high = (float(e.get(k)) for k in ("x", "y", "width", "height"))
            side = float(re.search(r"h([\d.]+)v", last.get("d"))[1])
            cells = np.zeros((round(high / side), round(wide / side)), bool)
            for left, top in corners(last):
                cells[round((top - y) / side), round((left - x) / side)] = True
            found.append(cells)
            last = None
    return found


def test_every_technique_has_a_picture_and_every_picture_a_technique():
    pages = pictures.pages()
    assert {*pages} == ({f"pictures/{name}.svg" for name in NAMES}
                        | {f"pictures/networks/{name}.svg" for name in NETWORKS})
    linked = [path for name in NAMES for path, _ in pictures.more(name)]
    assert linked == [f"pictures/networks/{name}.svg" for name in
                      ("multi_sample", "stochastic_depth")]


def test_a_technique_without_a_picture_breaks_the_build(monkeypatch):
    monkeypatch.setattr(pictures, "names", lambda: [*NAMES, "hypnosis"])
    with pytest.raises(ValueError, match="hypnosis must have a picture: a function hypnosis"):
        pictures.pages()
    monkeypatch.setattr(pictures, "names", lambda: NAMES[1:])
    with pytest.raises(ValueError, match=f"belong to a technique or a network, got {NAMES[0]}"):
        pictures.pages()


def test_a_picture_without_an_alt_text_breaks_the_build(fresh, monkeypatch):
    monkeypatch.setattr(pictures, "painters", lambda: {"dropout": lambda sheet: None})
    with pytest.raises(ValueError, match="picture of dropout must have an alt text, got None"):
        pictures.alt("dropout")


@pytest.mark.parametrize("name", NAMES)
def test_an_alt_text_says_what_is_seen(name):
    words = [pictures.alt(name), *(text for _, text in pictures.more(name))]
    for text in words:
        assert 100 < len(text) < 700 and text.endswith(".") and text[0].isupper()
        assert not re.search(r"[\[\]\n]|nan|e[-+]\d\d|  ", text)


def test_the_bytes_are_the_same_in_another_run_and_order(fresh):
    before = pictures.pages()
    for cache in (pictures._drawn, pictures.network, drawn_parts._trained,
                  drawn_parts.feature_maps):
        cache.cache_clear()
    again = {name: pictures.drawn(name)[0] for name in reversed(NAMES)}
    assert all(before[f"pictures/{name}.svg"] == again[name] for name in NAMES)
    assert all(before[f"pictures/networks/{name}.svg"] == pictures.network(name)[0]
               for name in reversed(NETWORKS))


@pytest.mark.parametrize("path", [f"pictures/{name}.svg" for name in NAMES]
                         + [f"pictures/networks/{name}.svg" for name in NETWORKS])
def test_a_picture_is_small_and_asks_for_nothing_from_outside(path):
    svg = pictures.pages()[path]
    assert len(svg.encode()) < 80_000
    assert "//" not in svg.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"<(image|script|style|use)|url\(|@font|href|nan|inf\b", svg)
    assert 'sans-serif"' in svg and ET.fromstring(svg).find(SVG + "title").text


def crowded(sheet):
    """Texts of a sheet that leave it, and pairs that cover each other."""
    texts = sheet.written
    outside = [t[4] for t in texts if t[0] < 2 or t[1] < 2 or t[2] > sheet.width - 2
               or t[3] > sheet.height - 2]
    return outside, [(a[4], b[4]) for i, a in enumerate(texts) for b in texts[:i]
                     if min(a[2], b[2]) - max(a[0], b[0]) > 1
                     and min(a[3], b[3]) - max(a[1], b[1]) > 1]


@pytest.mark.parametrize("name", NAMES)
def test_texts_stay_on_the_card_and_apart(name):
    assert crowded(pictures.sheet(name)) == ([], [])


@pytest.mark.parametrize("name", NETWORKS)
def test_texts_of_networks_stay_on_the_card_and_apart(name):
    assert crowded(pictures.network(name)[2]) == ([], [])


def test_texts_stand_out_from_white():
    """WCAG's contrast of at least 4.5 for every colour that a text has."""
    def light(colour):
        parts = np.array([int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)])
        return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [
            0.2126, 0.7152, 0.0722]

    inks = {e.get("fill", drawn.INK) for name in NAMES for e in elements(name)
            if e.tag == SVG + "text"} - {"white"}
    assert len(inks) > 3 and all(1.05 / (light(ink) + 0.05) >= 4.5 for ink in inks)


# --- what is shown is what the library computed --------------------------------------------------

def test_dropout_strikes_the_pixels_and_units_that_the_masks_drop(fresh):
    masks = fresh("dropout_mask")
    grids, units = struck("dropout"), shown("dropout", "dropped")
    pixels = next(mask for mask in masks if mask.shape == (8, 8))
    assert len(grids) == 2 and all(np.array_equal(grid, ~pixels) for grid in grids)
    hollow = [e for e in units if e.tag == SVG + "circle"]
    assert len(hollow) == sum((~mask).sum() for mask in masks if mask.ndim == 1) > 0


def test_spatial_strikes_whole_maps(fresh):
    masks = fresh("spatial_dropout_mask")
    boxes = [e for e in shown("spatial", "dropped") if e.tag == SVG + "rect"]
    places = {(round((float(e.get("y")) - 60) / 88), round((float(e.get("x")) - 158) / 86))
              for e in boxes}
    assert places == {*map(tuple, np.argwhere(~masks[0][:, :, 0, 0]).tolist())}


def test_dropblock_strikes_a_block_for_every_seed():
    grids, seeds = struck("dropblock"), shown("dropblock", "seed")
    left, top = 28, 76                            # the first panel
    due = np.zeros((10, 10), bool)
    for seed in seeds:
        r, c = (int((float(seed.get(k)) - at) // 13) for k, at in (("cy", top), ("cx", left)))
        due[r:r + 3, c:c + 3] = True
    assert len(seeds) > 1 and all(np.array_equal(grid, due) for grid in grids) and len(grids) == 2


def test_cutout_strikes_the_square_around_its_dot(fresh):
    centers = fresh("cutout_centers")
    grids = struck("cutout")
    rows, columns = np.indices((8, 8))
    for grid, (r, c) in zip(grids, centers[0], strict=True):
        assert np.array_equal(grid, (rows >= r - 2) & (rows < r + 2) & (columns >= c - 2)
                              & (columns < c + 2))


def test_cutmix_frames_the_boxes(fresh):
    boxes = fresh("cutmix_box")
    found = [tuple(round(float(e.get(k)) / 14) for k in ("height", "width"))
             for e in shown("cutmix", "box")]
    assert found == [(bottom - top, right - left) for top, bottom, left, right in boxes]
    assert 0 not in np.array(found)


@pytest.mark.parametrize("name", ["mixup", "cutmix", "attentive_cutmix"])
def test_bars_are_the_labels(fresh, name):
    batches = fresh(name)
    bars = [float(e.get("width")) / 112 for e in shown(name, "share")]
    due = [share for _, label in batches for share in label[0][label[0] > 0]]
    bars = bars[-len(due):]                       # before them those of the two digits
    assert np.allclose(bars, due, atol=0.002) and len(due) == 2 * len(batches)


def test_dropconnect_draws_the_connections_that_live(fresh):
    masks = fresh("dropconnect_mask")
    grids = struck("dropconnect")
    for n, (mask, grid) in enumerate(zip(masks[0], grids, strict=True)):
        assert len(shown("dropconnect", f"kept{n}")) == mask.sum()
        assert np.array_equal(grid, ~mask)


def test_targeted_frames_the_smaller_half_and_strikes_some_of_it(fresh):
    masks, candidates = fresh("targeted_mask"), fresh("targeted_candidates")
    grids = struck("targeted")
    assert [*map(np.ndarray.tolist, grids)] == [(~mask).tolist() for mask in masks]
    at = np.array([[float(e.get("y")), float(e.get("x"))] for e in shown("targeted", "candidate")])
    rows, columns = (np.unique(side, return_inverse=True)[1] for side in at.T)
    framed = np.zeros((5, 6), bool)
    framed[rows, columns] = True
    assert np.array_equal(framed, candidates[0]) and (framed.sum(1) == 3).all()
    assert not (grids[0] & ~framed).any() and grids[0].any() and (grids[0] != grids[1]).any()


def test_pruning_strikes_the_smallest_by_hand():
    w = abs(sys.modules["scripts.drawn_weights"].weights())
    rows, units = struck("pruning")
    for sizes, gone in zip(w, rows, strict=True):
        assert gone.sum() == 3 and sizes[gone].max() <= sizes[~gone].min()
    order = np.argsort((w**2).sum(1))
    assert np.array_equal(np.flatnonzero(units.all(1)), np.sort(order[:2]))
    assert np.array_equal(units.any(1), units.all(1))


def test_stochastic_depth_strikes_closed_gates_under_a_falling_line(fresh):
    gates = fresh("path_gate")
    closed = struck("stochastic_depth")[0]
    assert np.array_equal(closed, ~np.array(gates).reshape(12, 24))
    assert 3 * closed[:4].sum() < closed[8:].sum() and abs(closed.mean() - 6.5 / 24) < 0.06
    heights = [float(e.get("height")) / 138 for e in shown("stochastic_depth", "survival")]
    assert np.allclose(heights, [1 - k / 24 for k in range(1, 13)], atol=0.001)


def test_multi_sample_strikes_its_masks_and_prints_their_mean_loss():
    _, masks, losses, mean = drawn_networks.samples()
    grids = struck("multi_sample")
    assert np.array_equal(np.concatenate(grids), ~masks)
    texts = [e.text for e in elements("multi_sample") if e.tag == SVG + "text"]
    assert [f"loss {one:.2f}" for one in losses] == [t for t in texts if t.startswith("loss")]
    assert f"{np.mean(losses):.2f}" in texts and abs(mean - np.mean(losses)) < 1e-6


@pytest.mark.parametrize("name, entries", [("batch_norm", 48), ("layer_norm", 64),
                                           ("group_norm", 32), ("instance_norm", 16)])
def test_a_norm_is_dark_where_it_averages(name, entries):
    paths = shown(name, "together")
    assert sum(len(corners(path)) for path in paths) == entries
    assert {path.get("fill") for path in paths} == {DARK}


def test_max_norm_ends_its_arrows_within_the_circle():
    for e in shown("max_norm", "length"):
        assert float(e.get("height")) <= 126 / 2.3 + 0.11


def points(name, what):
    line = shown(name, what)[0]
    return np.array([[float(v) for v in at.split(",")] for at in line.get("points").split()])


@pytest.mark.parametrize("name, what, steps, values, top, field", [
    ("early_late", "early", 120, [0.1] * 50 + [0.0] * 70, 0.12, (68, 120)),
    ("early_late", "late", 120, [0.0] * 50 + [0.1] * 70, 0.12, (68, 120)),
    ("snapshot", "rate", 120, [0.05 * (np.cos(np.pi * (t % 30) / 30) + 1) for t in range(120)],
     0.11, (54, 132)),
])
def test_a_schedule_has_the_values_that_its_formula_gives(name, what, steps, values, top, field):
    at, high = field
    heights = top * (1 - (points(name, what)[::2, 1] - at) / high)
    assert np.allclose(heights, values, atol=top / high * 0.06)


def test_the_silent_units_of_compression_are_those_that_go():
    before, after = shown("compression", "hidden before"), shown("compression", "hidden compressed")
    gone = [e for e in shown("compression", "dropped") if e.tag == SVG + "circle"]
    assert (len(before), len(gone), len(after)) == (4, 3, 4)
