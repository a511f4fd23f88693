"""The greys of a picture: one number has one shade in all panels that are compared."""

import numpy as np
import pytest

from minidrop import data
from minidrop.plots import DARK
from tests.test_pictures import SVG, corners, drawn, elements

pytestmark = pytest.mark.slow
LEVELS = {drawn.tint(shade / drawn.SHADES, DARK): shade for shade in range(drawn.SHADES + 1)}


def greys(name, side):
    """The shades 0 to 16 of each grid whose cells are `side` wide, from left to right."""
    found, paths = [], []
    for e in elements(name):
        if e.tag == SVG + "path" and e.get("fill") in LEVELS:
            paths.append(e)
        if e.tag == SVG + "rect" and e.get("fill") == "none" and not e.get("data-what"):
            x, y, wide, high = (float(e.get(k)) for k in ("x", "y", "width", "height"))
            shades = np.zeros((round(high / side), round(wide / side)), int)
            for path in paths:
                for left, top in corners(path):
                    shades[round((top - y) / side), round((left - x) / side)] = LEVELS[
                        path.get("fill")]
            found.append(shades)
            paths = []
    return found


def test_a_kept_pixel_of_dropout_is_twice_as_dark():
    x, _, y, mean = greys("dropout", 13)
    digit = data.digits().test[0][0].reshape(8, 8)
    assert abs(x - drawn.SHADES * digit / 2).max() <= 0.5
    kept = y > 0
    assert 10 < kept.sum() < (x > 0).sum() and abs(y - 2 * x)[kept].max() <= 1
    assert abs(mean - x).max() <= 1


def test_gaussian_noise_times_a_digit_is_their_product_in_grey_too():
    x, noise, y = greys("gaussian", 14)
    clear = (noise > 0) & (noise < drawn.SHADES) & (y > 0) & (y < drawn.SHADES)
    due = x * noise * 2.5 / drawn.SHADES
    assert clear.sum() > 20 and abs(y - due)[clear].max() <= 2
