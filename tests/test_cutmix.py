"""inputs/cutmix: every equation, exactly, and every sentence of "Differs"."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop.check import Record, Replay, gradcheck
from minidrop.xp import host
from tests.batches import assert_resumes, by_loops
from tests.samplers import assert_rate

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])
X = np.random.default_rng(0).normal(size=(3, 2, 4, 5))
Y = np.array([[1.0, 0, 0], [0, 1, 0], [0.2, 0.3, 0.5]])
BOX, ORDER = (1, 4, 0, 2), np.array([2, 0, 1])


def weight_of(side, size):
    """A weight whose box has this side before it is halved: the middle of those there are."""
    return 1 - ((side + 0.5) / size) ** 2


def spans(side, size):
    """The lengths along one axis, one for each centre, of boxes of this side."""
    boxes = (md.cutmix_box(weight_of(side, size), (c, 0), size, size) for c in range(size))
    return [bottom - top for top, bottom, _, _ in boxes]


# --- (cutmix.2): the draw -------------------------------------------------------------------------

def test_cutmix_2_is_one_of_all_pixels(xp, backend):
    rng = Record(md.Stream(5, "a", backend))
    for _ in range(20):
        center = md.cutmix_center(rng, 3, 5)
        name, args, noise = rng.draws[-1]
        assert (name, args) == ("die", (15,)) and all(type(part) is int for part in center)
        assert center == divmod(noise, 5)
    assert len(rng.draws) == 20
    assert md.cutmix_center(0, 1, 1) == (0, 0)
    assert [md.cutmix_center(Replay(k), 2, 3) for k in range(6)] == [
        (0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


def test_cutmix_2_every_pixel_is_as_likely_and_every_draw_new():
    # 4,000 independent draws, 12 counts and one of repetitions: 13 x 1e-9
    rng = md.Stream(7, "centres")
    drawn = [md.cutmix_center(rng, 3, 4) for _ in range(4000)]
    for pixel in itertools.product(range(3), range(4)):
        assert_rate(drawn.count(pixel), 4000, 1 / 12)
    pairs = list(zip(drawn[::2], drawn[1::2], strict=True))
    assert_rate(sum(a == b for a, b in pairs), 2000, 1 / 12)


# --- (cutmix.3) and (cutmix.4): the box -----------------------------------------------------------

@pytest.mark.parametrize("center, box, kept", [
    ((4, 4), (2, 6, 2, 6), 0.75), ((0, 0), (0, 2, 0, 2), 0.9375), ((7, 7), (5, 8, 5, 8), 55 / 64),
    ((0, 7), (0, 2, 5, 8), 58 / 64)])
def test_cutmix_3_and_4_by_hand(center, box, kept):
    top, bottom, left, right = found = md.cutmix_box(0.75, center, 8, 8)
    assert found == box
    assert 1 - (bottom - top) * (right - left) / 64 == kept


@PROPERTY
@given(sixty_fourths=st.integers(0, 64), size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
       place=st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)))
def test_cutmix_3_and_4_are_what_loops_give(sixty_fourths, size, place):
    center = tuple(int(part * side) for part, side in zip(place, size, strict=True))
    top, bottom, left, right = md.cutmix_box(sixty_fourths / 64, center, *size)
    # the side is the largest k with k^2 <= size^2 (1 - weight), in whole numbers
    half = [math.isqrt(side**2 * (64 - sixty_fourths) // 64) // 2 for side in size]
    for pixel in itertools.product(*map(range, size)):
        near = all(c - h <= at < c + h for at, c, h in zip(pixel, center, half, strict=True))
        assert near == (top <= pixel[0] < bottom and left <= pixel[1] < right)
    assert 0 <= top <= bottom <= size[0] and 0 <= left <= right <= size[1]


def test_cutmix_3_at_both_ends():
    for center in itertools.product(range(4), range(6)):
        top, bottom, left, right = md.cutmix_box(1.0, center, 4, 6)
        assert top == bottom and left == right
    assert md.cutmix_box(0.0, (2, 3), 4, 6) == (0, 4, 0, 6)
    assert md.cutmix_box(np.float32(0.0), (np.int64(2), 2), 5, 5) == (0, 4, 0, 4)


# --- (cutmix.5) to (cutmix.7): the mixture --------------------------------------------------------

def test_cutmix_5_and_7_by_hand(xp):
    x = xp.asarray(np.arange(16.0).reshape(2, 1, 2, 4))
    mixed, y = md.cutmix(x, xp.asarray(np.eye(2)), (0, 2, 1, 2), xp.asarray(np.array([1, 0])))
    assert_array_equal(host(mixed)[:, 0], [[[0, 9, 2, 3], [4, 13, 6, 7]],
                                           [[8, 1, 10, 11], [12, 5, 14, 15]]])
    assert_array_equal(host(y), [[0.75, 0.25], [0.25, 0.75]])


@PROPERTY
@given(shape=st.tuples(*[st.integers(1, n) for n in (4, 2, 5, 7)]), seed=st.integers(0, 999),
       data=st.data())
def test_cutmix_5_and_7_are_what_loops_give(xp, shape, seed, data):
    rng = np.random.default_rng(seed)
    x, y, order = rng.normal(size=shape), rng.dirichlet(np.ones(3), shape[0]), rng.integers(
        0, shape[0], shape[0])
    box = [edge for size in shape[2:]
           for edge in sorted(data.draw(st.tuples(st.integers(0, size), st.integers(0, size))))]
    top, bottom, left, right = box
    due = by_loops(x, y, order, lambda _, i, j: top <= i < bottom and left <= j < right)
    for found, wanted in zip(md.cutmix(*map(xp.asarray, (x, y)), box, xp.asarray(order)), due,
                             strict=True):
        assert_allclose(host(found), wanted, rtol=0, atol=1e-15)


@PROPERTY
@given(weight=st.floats(0, 1), size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
       seed=st.integers(0, 99))
def test_cutmix_6_the_label_is_the_share_of_pixels_counted(xp, weight, size, seed):
    box = md.cutmix_box(weight, md.cutmix_center(seed, *size), *size)
    x = xp.asarray(np.broadcast_to(np.arange(2.0)[:, None, None, None], (2, 3, *size)).copy())
    mixed, y = md.cutmix(x, xp.asarray(np.eye(2)), box, xp.asarray(np.array([1, 0])))
    for i in range(2):
        counted = (host(mixed)[i, 0] == i).sum() / (size[0] * size[1])
        assert host(y)[i, i] == counted and host(y)[i, 1 - i] == 1 - counted


def test_cutmix_5_copies_pixels_and_nothing_else(xp):
    x = X.copy()
    x[0, 0, 3, 4], x[1, 1, 0, 0] = np.nan, np.inf               # both outside the box
    mixed, _ = md.cutmix(xp.asarray(x), xp.asarray(Y), BOX, xp.asarray(ORDER))
    due = x.copy()
    due[:, :, 1:4, 0:2] = x[ORDER][:, :, 1:4, 0:2]
    assert host(mixed).tobytes() == due.tobytes()


@pytest.mark.parametrize("box, partner", [((0, 0, 0, 0), 0), ((2, 2, 0, 5), 0), ((0, 4, 0, 5), 1)])
def test_cutmix_5_and_7_at_both_ends(xp, box, partner):
    x, y = md.cutmix(xp.asarray(X), xp.asarray(Y), box, xp.asarray(ORDER))
    assert_array_equal(host(x), X[ORDER] if partner else X)
    assert_array_equal(host(y), Y[ORDER] if partner else Y)


def test_cutmix_5_and_7_have_gradients_in_images_and_shares(xp):
    order = xp.asarray(np.array([2, 2, 1]))       # image 2 is pasted twice, image 0 never
    x, y = xp.asarray(X), xp.asarray(Y)
    gradcheck(lambda t: md.cutmix(t, y, BOX, order)[0], x, order=2)
    gradcheck(lambda t: md.cutmix(x, t, BOX, order)[1], y, order=2)
    tx, ty = (md.Tensor(a, requires_grad=True) for a in (x, y))
    mixed, shares = md.cutmix(tx, ty, BOX, order)
    dx, dy = md.grad(mixed.sum() + shares.sum(), [tx, ty])
    uses = np.ones_like(X)
    uses[:, :, 1:4, 0:2] = np.array([0, 1, 2])[:, None, None, None]
    assert_array_equal(host(dx), uses)
    assert_allclose(host(dy), np.array([0.7, 0.7 + 0.3, 0.7 + 0.6])[:, None] * np.ones((3, 3)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cutmix_5_and_7_keep_dtype_and_kind(xp, dtype):
    x, y, order = xp.asarray(X.astype(dtype)), xp.asarray(Y.astype(dtype)), xp.asarray(ORDER)
    for found in md.cutmix(x, y, BOX, order):
        assert isinstance(found, xp.ndarray) and found.dtype == dtype
    for found in md.cutmix(md.Tensor(x), md.Tensor(y), BOX, order):
        assert isinstance(found, md.Tensor) and found.dtype == dtype


def test_every_memory_order_gives_the_same_numbers_and_the_input_stays(xp):
    due, _ = md.cutmix(X, Y, BOX, ORDER)
    for axes in itertools.permutations(range(4)):
        back = [int(axis) for axis in np.argsort(axes)]
        turned = xp.asarray(np.ascontiguousarray(X.transpose(axes))).transpose(*back)
        y, order = xp.asarray(Y), xp.asarray(ORDER)
        assert_array_equal(host(md.cutmix(turned, y, BOX, order)[0]), due)
        for given_, before in ((turned, X), (y, Y), (order, ORDER)):
            assert_array_equal(host(given_), before)


# --- (cutmix.8): the share that is pasted ---------------------------------------------------------

def test_cutmix_8_is_the_integral_over_all_sides():
    # four nodes are exact for the polynomial of degree 5
    node, width = np.polynomial.legendre.leggauss(4)
    s, ds = (node + 1) / 2, width / 2
    assert_allclose(((s - s**2 / 4) ** 2 * 2 * s * ds).sum(), 77 / 240, rtol=1e-14)
    assert_allclose(2 * (1 / 4 - 1 / 10 + 1 / 96), 77 / 240, rtol=1e-14)


@pytest.mark.parametrize("side", [2, 200, 500, 999])
def test_cutmix_8_the_mean_length_of_a_clipped_box(side):
    s = side // 2 * 2 / 1000                      # over all centres; whole pixels lie within 1/n^2
    assert_allclose(np.mean(spans(side, 1000)) / 1000, s - s**2 / 4, atol=1e-6)


def pasted_share(size):
    """The mean of |B| / (H W) for alpha = 1: each side k has the probability (2k + 1) / size^2."""
    return sum(Fraction(2 * k + 1, size**2) * Fraction(sum(spans(k, size)), size**2) ** 2
               for k in range(size))


def test_cutmix_8_in_whole_pixels_less_is_pasted():
    assert pasted_share(32) == Fraction(10041185, 33554432)
    assert [round(float(pasted_share(size)), 4) for size in (8, 32)] == [0.2326, 0.2993]
    weights, centers = (np.arange(2000) + 0.5) / 2000, [(c, c) for c in range(8)]
    means = [np.mean([b - a for a, b, _, _ in (md.cutmix_box(w, c, 8, 8) for c in centers)]) / 8
             for w in weights]                    # a fine sum over the weight says the same
    assert_allclose(np.mean(np.square(means)), float(pasted_share(8)), atol=1e-3)
    half = np.arange(224)[:, None] // 2           # 224 sides k by 224 centres, without a loop
    c = np.arange(224)
    mean = (np.minimum(c + half, 224) - np.maximum(c - half, 0)).mean(1) / 224
    assert_allclose(((2 * c + 1) / 224**2 * mean**2).sum(), 0.3178, atol=5e-5)


def within(weight, start):
    """(pixels, length) along one axis of 32, as Keras 3 has it: pixel i if first <= i < last."""
    side = 32 * np.sqrt(1 - weight)[:, None]
    first = start * (32 - side)
    return np.ceil(first + side) - np.ceil(first), side


def test_cutmix_8_a_box_that_is_never_clipped_pastes_one_half():
    pixels, _ = within((np.arange(1000) + 0.5) / 1000, (np.arange(500) + 0.5) / 500)
    assert_allclose((pixels.mean(1) ** 2).mean() / 1024, 0.5, atol=0.005)


# --- "Differs" ------------------------------------------------------------------------------------

def test_cutmix_6_the_weight_drawn_can_be_far_from_the_share_that_is_left():
    off = []
    for side in range(32):
        for weight in (1 - (side / 32) ** 2, 1 - ((side + 1) / 32) ** 2 + 1e-9):
            for span in {bottom - top for top, bottom, _, _ in (
                    md.cutmix_box(weight, (c, c), 32, 32) for c in range(32))}:
                off.append(abs(1 - span**2 / 1024 - weight))
    assert round(max(off), 2) == 0.78


def test_cutmix_3_has_torchvisions_half_sides():
    for weight in np.linspace(0, 1, 5001):
        ratio = 0.5 * math.sqrt(1.0 - weight)
        top, _, left, _ = md.cutmix_box(weight, (16, 20), 32, 41)
        assert (16 - top, 20 - left) == (int(ratio * 32), int(ratio * 41))


def test_cutmix_6_an_area_between_the_pixels_is_off_the_share_of_pixels():
    def off(weight):
        pixels, side = within(weight, (np.arange(200) + 0.5) / 200)
        return abs(pixels[:, :, None] * pixels[:, None] - side[:, None] ** 2) / 1024

    weights = (np.arange(100) + 0.5) / 100
    assert_allclose(off(weights).mean(), 0.011, atol=5e-4)
    assert off(weights).max() < 63 / 1024
    assert_allclose(off(1 - (np.array([31.999]) / 32) ** 2).max(), 63 / 1024, atol=1e-4)


def test_cutmix_partners_are_a_permutation_that_may_leave_an_image_alone(xp, backend):
    x, y = xp.ones((5, 1, 4, 4)), xp.arange(5) % 3
    orders = []
    for seed in range(20):
        rng = Record(md.Stream(seed, "", backend))
        md.CutMix(classes=3)(rng, x, y)
        orders.append(host(rng.draws[-1][2]))
    assert all(sorted(order.tolist()) == list(range(5)) for order in orders)
    assert len({order.tobytes() for order in orders}) > 10       # of 120
    assert any((order == np.arange(5)).any() for order in orders)


def test_cutmix_batches_are_all_mixed_and_their_input_stays(xp, backend):
    x, y = xp.asarray(X.astype("float32")), xp.asarray(np.arange(3))
    rng = Record(md.Stream(0, "", backend))
    for _ in range(10):
        md.CutMix(classes=3)(rng, x, y)
    assert len(rng.draws) == 30
    assert host(x).tobytes() == X.astype("float32").tobytes()
    assert_array_equal(host(y), range(3))


# --- the batch transform --------------------------------------------------------------------------

def test_cutmix_1_a_batch_draws_one_weight_one_centre_and_one_order(xp, backend):
    x, y = xp.asarray(X.astype("float32")), xp.asarray(np.array([0, 2, 2]))
    rng = Record(md.Stream(4, "", backend))
    mixed, shares = md.CutMix(alpha=0.3, classes=4)(rng, x, y)
    assert [(name, args) for name, args, _ in rng.draws] == [
        ("beta", (0.3, 0.3)), ("die", (20,)), ("permutation", (3,))]
    weight, pixel, order = (noise for _, _, noise in rng.draws)
    box = md.cutmix_box(weight, divmod(pixel, 5), 4, 5)
    due = md.cutmix(x, md.one_hot(y, 4), box, order)
    for found, wanted in zip((mixed, shares), due, strict=True):
        assert found.dtype == "float32" and host(found).tobytes() == host(wanted).tobytes()


def test_cutmix_takes_labels_rows_and_tensors(xp):
    batch, x, y = md.CutMix(classes=3), xp.asarray(X), xp.asarray(np.array([0, 2, 1]))
    due = batch(3, x, y)
    for other in (batch(3, x, md.one_hot(y, 3)), batch(3, md.Tensor(x), md.Tensor(y)),
                  batch(md.Stream(3), x, y)):    # an int seed draws on the host
        for found, wanted in zip(other, due, strict=True):
            assert found.dtype == wanted.dtype == "float64"
            assert_array_equal(host(found.data if isinstance(found, md.Tensor) else found),
                               host(wanted))


def test_cutmix_is_told_by_its_numbers():
    assert repr(md.CutMix(0.5, 4)) == "CutMix(alpha=0.5, classes=4)"
    assert md.CutMix() == md.CutMix(1.0, 10) != md.CutMix(0.5)


def test_a_run_with_cutmix_resumes_bit_for_bit(xp, tmp_path):
    x = xp.asarray(np.random.default_rng(0).normal(size=(11, 1, 4, 4)).astype("float32"))
    assert_resumes(md.CutMix(classes=2), x, tmp_path / "run")


def test_cutmix_1_at_alpha_0_nothing_is_pasted(xp, backend):
    x, labels = xp.asarray(np.random.default_rng(0).random((4, 1, 6, 5))), xp.arange(4)
    pasted, shares = md.CutMix(alpha=0.0, classes=4)(md.Stream(0, "", backend), x, labels)
    assert_array_equal(host(pasted), host(x))
    assert_array_equal(host(shares), np.eye(4))


def test_a_run_with_another_alpha_is_another_run(tmp_path):
    x, y = X.astype("float32")[:, 0].reshape(3, 1, 4, 5), np.arange(3)

    def run(batch):
        net = md.nn.Sequential(md.nn.Flatten(), md.nn.Linear(20, 3)).init(0)
        md.fit(net, md.optim.SGD(0.1), (x, y), 1, batch=batch, checkpoint=tmp_path / "run",
               progress=False)

    run(md.CutMix(1.0, 3))
    with pytest.raises(ValueError, match=r"batch 'CutMix\(alpha=1, classes=3\)' there and"):
        run(md.CutMix(0.5, 3))


# --- bad input ------------------------------------------------------------------------------------

def test_what_does_not_fit_is_refused_in_one_sentence(xp):
    x, y, order = xp.asarray(X), xp.asarray(Y), xp.asarray(ORDER)
    for error, words, use in [
            (ValueError, r"x must be images", lambda: md.cutmix(x[0], y, BOX, order)),
            (TypeError, r"x must hold floats", lambda: md.cutmix(x > 0, y, BOX, order)),
            (TypeError, r"one_hot", lambda: md.cutmix(x, xp.arange(3), BOX, order)),
            (TypeError, r"y must be 3 rows of floats", lambda: md.cutmix(x, y[:2], BOX, order)),
            (ValueError, r"order must be whole", lambda: md.cutmix(x, y, BOX, order[:2])),
            (ValueError, r"order must lie in 0..2", lambda: md.cutmix(x, y, BOX, order + 1)),
            (TypeError, r"box must be", lambda: md.cutmix(x, y, 3, order)),
            (TypeError, r"box must be", lambda: md.cutmix(x, y, (0, 1, 2), order)),
            (ValueError, r"box must be .* within 4 x 5 pixels, got \(3, 2, 0, 1\)",
             lambda: md.cutmix(x, y, (3, 2, 0, 1), order)),
            (ValueError, r"box must be", lambda: md.cutmix(x, y, (0, 1, 3, 2), order)),
            (ValueError, r"box must be", lambda: md.cutmix(x, y, (0, 5, 0, 1), order)),
            (ValueError, r"box must be", lambda: md.cutmix(x, y, (0, 1, 0, 6), order)),
            (ValueError, r"box must be a whole", lambda: md.cutmix(x, y, (-1, 1, 0, 1), order)),
            (TypeError, r"box must be a whole", lambda: md.cutmix(x, y, (0, 0.5, 0, 1), order)),
            (ValueError, r"weight must be finite and in \[0, 1\]",
             lambda: md.cutmix_box(1.5, (0, 0), 4, 4)),
            (ValueError, r"center must lie within 4 x 5 pixels, got \(4, 0\)",
             lambda: md.cutmix_box(0.5, (4, 0), 4, 5)),
            (ValueError, r"center must lie", lambda: md.cutmix_box(0.5, (0, 5), 4, 5)),
            (TypeError, r"center must be \(row, column\)", lambda: md.cutmix_box(0.5, 3, 4, 4)),
            (ValueError, r"height must be", lambda: md.cutmix_center(0, 0, 4)),
            (ValueError, r"alpha must be", lambda: md.CutMix(-0.5)),
            (ValueError, r"classes must be", lambda: md.CutMix(classes=0)),
            (ValueError, r"labels must lie in 0..1", lambda: md.CutMix(classes=2)(0, x, ORDER))]:
        with pytest.raises(error, match=words):
            use()
