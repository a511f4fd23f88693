"""Kernels of layers in CUDA C equal their twins: norms, windows, activations."""

import itertools

import numpy as np
import pytest

from minidrop.device import activations, norms, windows
from minidrop.ops import activations as plain
from minidrop.ops import channels, normal, window
from tests.compilers import both_types, check_noticed, close, needs_gcc, same

pytestmark = pytest.mark.strict

# --- norms ----------------------------------------------------------------------------------------

NORMED = [                  # the shape of x, its axes, the shape of its weights, axes as they lie
    ((7, 3), (0,), (1, 3), (0, 1)), ((3, 4, 5, 2), (0, 2, 3), (1, 4, 1, 1), (0, 1, 2, 3)),
    ((3, 4, 5, 2), (0, 2, 3), (1, 4, 1, 1), (0, 2, 3, 1)), ((6, 9), (1,), (9,), (0, 1)),
    ((2, 3, 40), (2,), (40,), (0, 1, 2)), ((2, 3, 40), (2,), (40,), (1, 0, 2)),
    ((2, 4, 3, 2), (2, 3), (1, 4, 1, 1), (0, 1, 2, 3)), ((2, 2, 3, 2), (1, 2, 3), (2, 3, 2),
                                                         (0, 1, 2, 3)),
    ((2, 2, 3, 2, 2), (2, 3, 4), (1, 2, 3, 1, 1), (0, 1, 2, 3, 4)), ((1, 1), (0,), (1, 1), (0, 1)),
]


def numbers(seed, shape, dtype, order):
    """Random numbers whose memory has the axes in some order."""
    lying = np.random.default_rng(seed).normal(size=[shape[i] for i in order]).astype(dtype)
    return lying.transpose(back(order))


def back(order):
    return sorted(range(len(order)), key=list(order).__getitem__)


def there_of(cupy, array):
    """The array on the device, in the same order of memory."""
    order = sorted(range(array.ndim), key=lambda i: -abs(array.strides[i]))
    return cupy.asarray(np.ascontiguousarray(array.transpose(order))).transpose(back(order))


def check_norms(cupy, dtype="float32", shapes=NORMED, eps=1e-3):
    for (shape, axes, of_w, order), affine in itertools.product(shapes, (True, False)):
        x, g = (numbers(seed, shape, dtype, order) for seed in (1, 2))
        x = x * 3 + np.asarray(5, dtype)
        w, b = (numbers(seed, of_w, dtype, range(len(of_w))) if affine else given
                for seed, given in ((3, 1.0), (4, 0.0)))
        x_there, w_there, b_there = (there_of(cupy, v) if np.ndim(v) else v for v in (x, w, b))
        g_there = cupy.asarray(np.ascontiguousarray(g))
        assert norms.runs(x_there, axes, w_there, b_there)
        mean, d = channels.centred(x, axes)
        var = channels.average(d * d, axes)
        r = 1 / np.sqrt(var + eps)
        for found, due in zip(norms.moments(x_there, axes), (mean, var), strict=True):
            close(found, due, 1.5)
        y, kept = norms.normed(x_there, w_there, b_there, axes, eps)
        due = ((x - mean) * (r * w) + b).astype(dtype)
        for found, right in zip((y, *kept), (due, mean, r), strict=True):
            close(found, right, 1.5)
        close(norms.scaled(x_there, *kept, w_there, b_there, axes), due, 1.5)
        close(channels.scaled(x_there, *kept, w_there, b_there), due, 1.5)
        found = norms.gradients(g_there, x_there, w_there, b_there, axes, *kept)
        right = normal._samples_back(g, x, w, b, axes, mean, r)
        close(found[0], right[0].astype(dtype), 2)
        for one, other in zip(found[1:], right[1:], strict=True):
            if affine:
                close(one, other, 2)
            else:
                assert one == other == 0


@needs_gcc
@both_types
def test_norms_and_their_gradients_are_those_of_array_code(cupy, grid, dtype):
    check_norms(cupy, dtype)


@needs_gcc
def test_a_large_mean_costs_no_digits(cupy):
    x = np.random.default_rng(0).normal(size=(4, 100)) + 1e8
    for found, due in zip(norms.moments(cupy.asarray(x), (1,)), channels.moments(x, (1,)),
                          strict=True):
        np.testing.assert_allclose(found.get(), due, rtol=1e-9)


@needs_gcc
def test_what_the_kernels_of_norms_leave_to_array_code(cupy):
    x, w, b = (cupy.ones(shape, "float32") for shape in ((2, 3, 4), (3, 1), (3, 1)))
    assert norms.runs(x, (0, 2), w, b) and norms.runs(x, (2,), 1.0, 0.0)
    for others in ((x[:0], (0, 2), w, b), (x, (1,), w, b), (x, (0, 2), w, b[:1]),
                   (x, (0, 2), w.astype("float64"), b), (x.astype("float16"), (2,), 1.0, 0.0),
                   (x, (0, 2), w, b, x.astype("float64")), (x, (0, 2), x[:, :1], x[:, :1]),
                   (x.get(), (2,), 1.0, 0.0)):
        assert not norms.runs(*others)


# --- windows --------------------------------------------------------------------------------------

WINDOWS = [                 # the shape of the images, size, stride, padding, groups
    ((2, 3, 5, 4), (3, 3), (1, 1), (1, 1), 1), ((2, 4, 6, 7), (2, 3), (2, 1), (0, 2), 2),
    ((1, 2, 5, 5), (1, 1), (2, 2), (0, 0), 1), ((3, 2, 7, 4), (3, 2), (3, 3), (2, 1), 2),
    ((2, 1, 8, 8), (5, 5), (1, 1), (0, 0), 1), ((1, 6, 4, 9), (2, 2), (3, 4), (1, 1), 3)]


def check_windows(cupy, dtype="float32", shapes=WINDOWS):
    for shape, size, stride, padding, groups in shapes:
        x = np.random.default_rng(0).normal(size=shape).astype(dtype)
        rows, places = window._window_rows(x, size, stride, padding, groups)
        found = windows.rows(cupy.asarray(x), size, stride, padding, groups)
        same(found[0], rows)
        assert found[1] == places
        u = np.random.default_rng(1).normal(size=(*shape[:2], *places, *size)).astype(dtype)
        due = window.fold(u, shape=shape, stride=stride, padding=padding)
        close(windows.fold(cupy.asarray(u), shape, stride, padding), due, 1)
        in_rows = u.reshape(shape[0], groups, -1, *u.shape[2:]).transpose(1, 0, 3, 4, 2, 5, 6)
        there = cupy.asarray(in_rows.reshape(rows.shape))
        close(windows.images(there, shape, places, size, stride, padding, groups), due, 1)


@needs_gcc
@both_types
def test_windows_are_gathered_and_added_up_as_in_array_code(cupy, grid, dtype):
    check_windows(cupy, dtype)


@needs_gcc
def test_convolutions_on_a_gpu_take_the_kernels(cupy, monkeypatch):
    launched = []
    each = windows.FOLDED.each.__func__
    monkeypatch.setattr("minidrop.device.launch.Kernel.each", lambda self, *args, **named: (
        launched.append(self.name), each(self, *args, **named)))
    x, w = (cupy.ones(shape, "float32") for shape in ((2, 3, 6, 6), (4, 3, 3, 3)))
    where = {"stride": (1, 1), "padding": (1, 1), "groups": 1}
    g = window.conv2d(x, w, None, **where)
    window.conv2d_dx(g, w, shape=x.shape, **where)
    window.conv2d_dw(g, x, size=(3, 3), **where)
    assert launched == ["gathered", "folded", "gathered"]


# --- activations ----------------------------------------------------------------------------------

SIZES = [((1,), (0,)), ((300,), (0,)), ((3, 4, 5), (0, 1, 2)), ((3, 4, 5), (0, 2, 1)),
         ((2, 0), (0, 1)), ((2, 1, 65), (1, 0, 2))]
CONSTANTS = plain.SLOPE, plain.CUBE, plain.BEYOND


def check_extremes(cupy):
    x = np.array([np.inf, -np.inf, np.nan, 1e30, -1e30, 0, -0.0], "float32")
    g = np.array([1, 1, 1, 1, 1, np.nan, np.inf], "float32")
    there, g_there = cupy.asarray(x), cupy.asarray(g)
    with np.errstate(invalid="ignore"):
        for found, due in [(activations.relu_slope(g_there, there), g * (x > 0)),
                           (activations.gelu(there, *CONSTANTS), plain.in_passes(plain._gelu, x)),
                           (activations.gelu_slope(there, g_there, *CONSTANTS),
                            plain.in_passes(plain._gelu_slope, x, g))]:
            np.testing.assert_allclose(found.get(), due, rtol=1e-5, atol=1e-6)


def check_activations(cupy, dtype="float32", sizes=SIZES):
    for (shape, order), scale in itertools.product(sizes, (1, 20)):
        x, g = (numbers(seed, shape, dtype, order) for seed in (1, 2))
        x = x * np.asarray(scale, dtype)
        there, g_there = there_of(cupy, x), cupy.asarray(np.ascontiguousarray(g))
        close(activations.gelu(there, *CONSTANTS), plain.in_passes(plain._gelu, x), 1)
        close(activations.gelu_slope(there, g_there, *CONSTANTS),
              plain.in_passes(plain._gelu_slope, x, g), 1)
        same(activations.relu_slope(g_there, there), g * (x > 0))
        if x.size and scale == 1:
            for row, found in zip(x.reshape(-1, shape[-1]),
                                  activations.softmax(there * 99).reshape(-1, shape[-1]),
                                  strict=True):
                close(found, plain.in_passes(plain._softmax, 99 * row[None])[0], 2)
    check_extremes(cupy)


@needs_gcc
@both_types
def test_activations_are_those_of_array_code(cupy, grid, dtype):
    check_activations(cupy, dtype)


# --- the kernels, broken --------------------------------------------------------------------------

CHECKS = {activations: check_activations, norms: check_norms, windows: check_windows}
BROKEN = [
    (norms, "- first - rest", "- rest"), (norms, "first + rest", "rest"),
    (norms, "together(square, false)", "square"), (norms, "square += d * d", "square += d"),
    (norms, "rest = together(rest, false)", "rest = rest"), (norms, "+ (T)eps", ""),
    (norms, "* rate * w[WEIGHT(i)]", "* rate"), (norms, "+ b[WEIGHT(i)];\n}", ";\n}"),
    (norms, "+ b[WEIGHT(i)];\n        }", ";\n        }"), (norms, "(r[PLACE(i)] *", "("),
    (norms, "place(i, n, ws, near_w)", "place(i, n, ws, 1)"), (norms, "r[s] * product", "product"),
    (norms, "h = together(h, false)", "h = h"), (norms, "gx[i] = r[s] *", "gx[i] ="),
    (norms, "product = together(product, false)", "product = product"), (norms, " - h ", " "),
    (norms, "gw[k] = of_w", "gw[k] = of_b"), (norms, "of_b = together(of_b, false);", ""),
    (norms, "of_w = together(of_w, false);", ""), (norms, "r[s] = rate", "r[s] = found.var"),
    (activations, "x > beyond ? beyond", "false ? x"), (activations, "/ (1 + exp(", "* (1 + ("),
    (activations, "x < -beyond ? -beyond", "false ? x"), (activations, "-3 * minus", "-2 * minus"),
    (activations, "(1 + e / (1 + e) * w)", "(1 + w)"), (activations, "y[i] > 0", "y[i] < 0"),
    (activations, "x[i] < near ? near : x[i]", "near"), (activations, "* g[i];", ";"),
    (activations, "largest = together(largest, true);", ""), (activations, " / sum;", ";"),
    (activations, "sum = together(sum, false);", ""), (activations, "- largest) / s", ") / s"),
    (windows, "% height + ph", "% height"), (windows, "% width + pw", "% width"),
    (windows, "i < oh && ", ""), (windows, " && j < ow", ""), (windows, "a <= h", "true"),
    (windows, "b = w % sw", "b = 0"), (windows, "a = h % sh", "a = 0"), (windows, "- ph", ""),
    (windows, "a * kw + b];\n            }", "b * kw + a];\n            }"),
    (windows, "+ c % channels * kh * kw", ""), (windows, "c / channels * images", "c"),
    (windows, "h >= 0 && ", ""), (windows, " && w < width", ""), (windows, "+ group)", ")"),
    (windows, "total +=", "total ="), (windows, "j * sw", "j"), (windows, "i * sh", "i"),
    (norms, "(j / inner * size + k) * inner", "(j / inner * size) * inner"),
]


@needs_gcc
@pytest.mark.parametrize("module, right, wrong", BROKEN)
def test_a_broken_kernel_is_noticed(stand_in, monkeypatch, module, right, wrong):
    check_noticed(monkeypatch, module, right, wrong, lambda: CHECKS[module](stand_in))
