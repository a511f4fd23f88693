"""inputs/cutout: every centre of small images, and every sentence of "Differs"."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop.check import Record, Replay, gradcheck
from minidrop.xp import host
from tests.batches import assert_resumes
from tests.samplers import assert_fresh, assert_independent, assert_rate, assert_shared

PROPERTY = settings(max_examples=30, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])
X = np.arange(1.0, 2 * 3 * 4 * 5 + 1).reshape(2, 3, 4, 5)                  # (N, C, H, W)
CENTERS = np.array([[0, 4], [2, 1]])
SIZES = [(8, 8, length) for length in (0, 1, 2, 3, 4, 7, 8, 9, 15, 16)] + [
    (5, 8, 4), (5, 8, 5), (7, 3, 3), (7, 3, 6), (1, 6, 2), (1, 1, 1)]


def by_hand(centers, length, height, width):
    """(cutout.2), pixel by pixel."""
    mask = np.ones((len(centers), 1, height, width), bool)
    for n, (a, b) in enumerate(centers):
        for i in range(a - length // 2, a - length // 2 + length):
            for j in range(b - length // 2, b - length // 2 + length):
                if 0 <= i < height and 0 <= j < width:
                    mask[n, 0, i, j] = False
    return mask


def every_center(height, width):
    return np.array(list(itertools.product(range(height), range(width))))


def chance(i, length, n):
    """r_n(i) of (cutout.4)."""
    return (min(i + length // 2, n - 1) - max(i - (length - 1) // 2, 0) + 1) / n


# --- (cutout.1): the draw ------------------------------------------------------------------------

def test_cutout_1_draws_one_row_and_one_column_for_each_image(xp, backend):
    rng = Record(md.Stream(4, "", backend))
    centers = md.cutout_centers(rng, 6, 4, 9)
    assert [(name, args) for name, args, _ in rng.draws] == [
        ("integers", (4, 6)), ("integers", (9, 6))]
    assert_array_equal(host(centers), np.stack([host(drawn) for _, _, drawn in rng.draws], axis=1))
    assert_array_equal(host(centers), md.cutout_centers(4, 6, 4, 9))
    assert centers.dtype == "int64" and md.cutout_centers(0, 0, 4, 9).shape == (0, 2)


def test_cutout_1_takes_every_pixel_with_the_same_chance():
    # n independent draws each; 5 + 4 + 20 counts, so a right sampler fails with probability 3e-8
    n = 100_000
    rows, columns = md.cutout_centers(1, n, 5, 4).T
    for places, size in ((rows, 5), (columns, 4), (4 * rows + columns, 20)):
        for place in range(size):
            assert_rate((places == place).sum(), n, 1 / size)


def test_cutout_1_draws_every_image_row_and_column_by_itself_and_anew_at_every_call():
    # 10^5 independent draws of a fair coin in each direction: false alarm below 1e-8 in all
    stream = md.Stream(2)
    first, second = (md.cutout_centers(stream, 100_000, 6, 6) < 3 for _ in range(2))
    assert_independent(first, axis=0)
    assert_independent(first, axis=1)
    assert_fresh(first, second, 0.5)


# --- (cutout.2): the square ----------------------------------------------------------------------

@PROPERTY
@given(height=st.integers(1, 9), width=st.integers(1, 9), length=st.integers(0, 300),
       kind=st.sampled_from(["int64", "int8", "uint8", "uint64"]), data=st.data())
def test_cutout_2_equals_nested_loops(xp, height, width, length, kind, data):
    place = st.tuples(st.integers(0, height - 1), st.integers(0, width - 1))
    centers = np.array(data.draw(st.lists(place, max_size=3)), int).reshape(-1, 2)
    mask = md.cutout_mask(xp.asarray(centers.astype(kind)), length, height, width)
    assert mask.dtype == bool
    assert_array_equal(host(mask), by_hand(centers, length, height, width))


@pytest.mark.parametrize("center, rows, columns", [
    ((4, 4), (2, 6), (2, 6)), ((0, 0), (0, 2), (0, 2)), ((7, 7), (5, 8), (5, 8)),
    ((0, 4), (0, 2), (2, 6))])
def test_cutout_2_on_8_by_8_pixels_with_a_square_of_4(xp, center, rows, columns):
    mask = host(md.cutout_mask(xp.asarray(np.array([center])), 4, 8, 8))[0, 0]
    due = np.ones((8, 8), bool)
    due[slice(*rows), slice(*columns)] = False
    assert_array_equal(mask, due)


@pytest.mark.parametrize("length", range(1, 8))
def test_cutout_2_erases_length_by_length_in_the_interior(xp, length):
    mask = host(md.cutout_mask(xp.asarray(np.array([[7, 8]])), length, 15, 17))
    assert (~mask).sum() == length**2
    assert_shared(~mask[0, 0][~mask[0, 0].all(axis=1)], axes=0)                # it is a rectangle


# --- (cutout.4) and (cutout.5): over all centres -------------------------------------------------

@pytest.mark.parametrize("height, width, length", SIZES)
def test_cutout_4_chance_of_each_pixel_over_all_centres(xp, height, width, length):
    masks = md.cutout_mask(xp.asarray(every_center(height, width)), length, height, width)
    due = np.outer([chance(i, length, height) for i in range(height)],
                   [chance(j, length, width) for j in range(width)])
    assert_allclose((~host(masks)[:, 0]).mean(axis=0), due, atol=1e-12)


@pytest.mark.parametrize("length", [2, 4, 8])
def test_cutout_4_the_outermost_pixels_are_erased_half_as_often(length):
    first, middle, last = (chance(i, length, 32) for i in (0, 16, 31))
    assert_allclose([first, middle, last], [(length / 2 + 1) / 32, length / 32, length / 64])


@pytest.mark.parametrize("height, width, length", [s for s in SIZES if s[2] <= 2 * min(s[:2])])
def test_cutout_5_erased_area_over_all_centres(xp, height, width, length):
    masks = md.cutout_mask(xp.asarray(every_center(height, width)), length, height, width)
    due = (length - length**2 // 4 / height) * (length - length**2 // 4 / width)
    assert_allclose((~host(masks)).sum((1, 2, 3)).mean(), due, atol=1e-12)


@pytest.mark.parametrize("length, area, whole", [
    (16, 196, 17), (8, 56.25, 25), (20, 16.875**2, 13)])
def test_cutout_5_numbers_for_32_by_32_pixels(xp, length, area, whole):
    masks = host(md.cutout_mask(xp.asarray(every_center(32, 32)), length, 32, 32))
    erased = (~masks).sum((1, 2, 3))
    assert erased.mean() == area and erased.min() == (length // 2)**2
    assert (erased == length**2).sum() == whole**2


# --- (cutout.3): the result ----------------------------------------------------------------------

@pytest.mark.parametrize("fill", [0.0, -1.5, 7, (0.5, -2.0, 0.25), [1, 2, 3],
                                  np.array([0.5, 0, 1])])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cutout_3_puts_the_fill_where_the_mask_is_false(xp, fill, dtype):
    mask = by_hand(CENTERS, 3, 4, 5)
    y = md.cutout(xp.asarray(X.astype(dtype)), xp.asarray(mask), fill)
    assert isinstance(y, xp.ndarray) and y.dtype == dtype
    for n, c, i, j in np.ndindex(X.shape):
        value = np.broadcast_to(fill, 3)[c]
        assert host(y)[n, c, i, j] == (X[n, c, i, j] if mask[n, 0, i, j] else value)


def test_cutout_3_keeps_every_bit_where_nothing_is_erased(xp):
    x = xp.asarray(X.astype("float32"))
    y = md.cutout(x, md.cutout_mask(xp.asarray(CENTERS), 0, 4, 5), fill=9.0)
    assert host(y).tobytes() == host(x).tobytes()
    all_gone = md.cutout(x, md.cutout_mask(xp.asarray(CENTERS), 10, 4, 5), fill=9.0)
    assert (host(all_gone) == 9).all()


def test_cutout_3_gradient_for_a_given_mask(xp):
    mask, t = xp.asarray(by_hand(CENTERS, 3, 4, 5)), md.Tensor(xp.asarray(X), requires_grad=True)
    assert gradcheck(lambda x: md.cutout(x, mask, (1.0, 0.0, -1.0)), xp.asarray(X), order=2) < 1e-8
    y = md.cutout(t, mask, 0.5)
    assert isinstance(y, md.Tensor)
    assert_array_equal(host(md.grad(y.sum(), t)), np.broadcast_to(host(mask), X.shape))


def test_cutout_3_in_every_memory_order_and_the_input_stays(xp):
    mask = by_hand(CENTERS, 3, 4, 5)
    for axes in itertools.permutations(range(4)):
        back = [int(axis) for axis in np.argsort(axes)]
        turned = xp.asarray(np.ascontiguousarray(X.transpose(axes))).transpose(*back)
        assert_array_equal(host(md.cutout(turned, xp.asarray(mask))), X * mask)
        assert_array_equal(host(turned), X)


# --- the batch transform -------------------------------------------------------------------------

def test_a_batch_gets_one_square_for_each_image_in_all_its_channels(xp, backend):
    x, y = xp.ones((64, 3, 8, 9), "float32"), xp.arange(64)
    rng = Record(md.Stream(3, "", backend))
    cut, labels = md.Cutout(5)(rng, x, y)
    centers = np.stack([host(drawn) for _, _, drawn in rng.draws], axis=1)
    due = np.broadcast_to(by_hand(centers, 5, 8, 9), x.shape)
    assert labels is y and cut.dtype == "float32"
    assert_array_equal(host(cut), due)
    assert_shared(host(cut), axes=1)
    assert len({image.tobytes() for image in host(cut)}) > 32     # of 72 squares, 64 were drawn


def test_a_batch_of_tensors_and_a_stream_of_the_host(xp):
    x = xp.asarray(X)
    cut, y = md.Cutout(2, fill=[0.5, 0.0, -1.0])(7, md.Tensor(x), None)
    array, _ = md.Cutout(2, fill=(0.5, 0.0, -1.0))(md.Stream(7), x, None)
    assert isinstance(cut, md.Tensor) and y is None and isinstance(array, xp.ndarray)
    assert_array_equal(host(cut.data), host(array))


def test_a_batch_transform_is_a_value():
    assert md.Cutout(8, fill=[0.5, 0.25]).fill == (0.5, 0.25) and md.Cutout(8, [0.5]).fill == 0.5
    cut = md.Cutout(np.int64(8), fill=np.array([0.5, 0.25, 0.0]))
    assert repr(cut) == "Cutout(length=8, fill=(0.5, 0.25, 0.0))"
    assert cut == md.Cutout(8, [0.5, 0.25, 0]) == pickle.loads(pickle.dumps(cut))
    assert repr(md.Cutout(8)) == "Cutout(length=8, fill=0.0)"
    assert md.Cutout(8) != md.Cutout(7) != md.Cutout(7, fill=1.0)


@pytest.mark.parametrize("fill", [0.0, 0.5])
def test_fit_goes_on_bit_for_bit(xp, tmp_path, fill):
    assert_resumes(md.Cutout(3, fill), xp.asarray(md.gaussian(0, (20, 1, 6, 6))), tmp_path / "run")


def test_fit_refuses_to_go_on_with_another_square(tmp_path):
    def run(batch):
        net = md.nn.Sequential(md.nn.Flatten(), md.nn.Linear(60, 2)).init(0)
        md.fit(net, md.optim.SGD(0.01), (X.astype("float32"), np.arange(2)), 1, batch=batch,
               checkpoint=tmp_path / "run", progress=False)

    run(md.Cutout(3))
    for other in (md.Cutout(4), md.Cutout(3, fill=0.5), None):
        with pytest.raises(ValueError, match=r"another run: batch 'Cutout\(length=3, fill=0\)'"):
            run(other)


# --- "Differs" -----------------------------------------------------------------------------------

@pytest.mark.parametrize("length", [4, 5, 15])
def test_cutout_2_the_official_square_is_one_smaller_where_the_length_is_odd(xp, length):
    centers = every_center(32, 30)
    ours = host(md.cutout_mask(xp.asarray(centers), length, 32, 30))
    for (a, b), mask in zip(centers, ours, strict=True):
        official = np.ones((32, 30), bool)
        top, left = max(a - length // 2, 0), max(b - length // 2, 0)
        official[top:a + length // 2, left:b + length // 2] = False
        if length % 2 == 0:
            assert_array_equal(mask[0], official)
        elif (~mask).sum() == length**2:
            assert (~official).sum() == (length - 1)**2 and not mask[0][~official].any()


def test_cutout_2_several_squares_are_the_product_of_their_masks(xp):
    first, second = (md.cutout_mask(xp.asarray(centers), 3, 4, 5)
                     for centers in (CENTERS, CENTERS[::-1].copy()))
    y = host(md.cutout(xp.asarray(X), first & second))
    assert_array_equal(y, X * by_hand(CENTERS, 3, 4, 5) * by_hand(CENTERS[::-1], 3, 4, 5))


def test_cutout_3_replaces_even_what_is_not_finite(xp):
    spoilt = X.copy()
    spoilt[0, 0, 0, 4], spoilt[1, 2, 2, 1] = np.inf, np.nan
    t = md.Tensor(xp.asarray(spoilt), requires_grad=True)
    y = md.cutout(t, xp.asarray(by_hand(CENTERS, 3, 4, 5)))
    assert_array_equal(host(y.data), X * by_hand(CENTERS, 3, 4, 5))
    gradient = host(md.grad((y * y).sum(), t))
    assert_array_equal(gradient, 2 * X * by_hand(CENTERS, 3, 4, 5))


def test_cutout_1_and_2_erase_in_every_image_and_also_over_the_border(xp):
    erased = (~host(md.cutout_mask(xp.asarray(every_center(6, 7)), 4, 6, 7))).sum((1, 2, 3))
    assert erased.min() == 4 and set(erased) == {r * c for r in (2, 3, 4) for c in (2, 3, 4)}


# --- bad input -----------------------------------------------------------------------------------

def test_what_does_not_fit_is_refused_in_one_sentence(xp):
    x, mask, centers = xp.asarray(X), xp.ones((2, 1, 4, 5), bool), xp.asarray(CENTERS)
    for error, words, use in [
            (ValueError, r"x must be images \(N, C, H, W\)", lambda: md.cutout(x[0], mask)),
            (ValueError, "x must be images", lambda: md.Cutout(3)(0, x[0], None)),
            (TypeError, "x must hold floats", lambda: md.cutout(x.astype(int), mask)),
            (ValueError, "mask has shape", lambda: md.cutout(x, mask[..., 1:])),
            (TypeError, "mask must be boolean", lambda: md.cutout(x, mask * 0.5)),
            (ValueError, "fill must be one number or 3", lambda: md.cutout(x, mask, (0.0, 1.0))),
            (ValueError, "fill must be finite, got nan", lambda: md.Cutout(3, fill=np.nan)),
            (TypeError, "fill must be a number, got str", lambda: md.cutout(x, mask, "black")),
            (ValueError, "length must be a whole number of at least 0", lambda: md.Cutout(-1)),
            (ValueError, r"centers must be whole numbers of shape \(n, 2\)",
             lambda: md.cutout_mask(centers[0], 3, 4, 5)),
            (ValueError, "centers must be whole numbers",
             lambda: md.cutout_mask(centers * 1.0, 3, 4, 5)),
            (ValueError, r"centers must lie in 0\.\.3 for a width of 4, got 1 to 4",
             lambda: md.cutout_mask(centers, 3, 4, 4)),
            (ValueError, r"centers must lie in 0\.\.3 for a height of 4, got -1 to 1",
             lambda: md.cutout_mask(centers - 1, 3, 4, 5)),
            (ValueError, "height must be", lambda: md.cutout_centers(0, 2, 0, 5)),
            (TypeError, "rng must be a Stream", lambda: md.cutout_centers(None, 2, 4, 5))]:
        with pytest.raises(error, match=words):
            use()


def test_a_mask_may_be_injected_through_the_stream(xp):
    rows, columns = xp.asarray(CENTERS[:, 0]), xp.asarray(CENTERS[:, 1])
    cut, _ = md.Cutout(3)(Replay(rows, columns), xp.asarray(X), None)
    assert_array_equal(host(cut), X * by_hand(CENTERS, 3, 4, 5))
