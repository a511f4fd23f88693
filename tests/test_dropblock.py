"""units/dropblock: every equation, exactly, and every sentence of "Differs"."""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import models
from minidrop.check import Forbid, Record, Replay, exact_moments, gradcheck
from minidrop.xp import host
from tests.samplers import assert_fresh, assert_independent, assert_rate, assert_shared

PROPERTY = settings(max_examples=30, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])
# Height, width, block
SIZES = [(5, 5, 3), (4, 4, 2), (3, 5, 2), (5, 3, 3), (3, 3, 1), (3, 4, 3), (1, 3, 1)]
# Map, block, and the shares that are dropped for p = 0.1: by the paper's rule, timm's, miguelvr's
SHARES = [(14, 7, 0.0929, 0.209, 0.0740), (7, 7, 0.1000, 0.930, 0.0554),
          (28, 7, 0.0939, 0.133, 0.0843), (8, 5, 0.0939, 0.250, 0.0696)]


def drops(seeds, block, height, width, shift=0):
    """What is dropped, block by block and pixel by pixel: a seed's block starts `shift` before."""
    dropped = np.zeros((*seeds.shape[:2], height, width), bool)
    for n, c, i, j in np.argwhere(seeds):
        for h, w in itertools.product(range(i - shift, i - shift + block),
                                      range(j - shift, j - shift + block)):
            if 0 <= h < height and 0 <= w < width:
                dropped[n, c, h, w] = True
    return dropped


def blocks_in(dropped, block):
    """Where a whole block of dropped pixels starts."""
    return sliding_window_view(dropped, (block, block), axis=(2, 3)).all((-1, -2))


def seeds_at(xp, shape, *places):
    seeds = np.zeros(shape, bool)
    for place in places:
        seeds[place] = True
    return xp.asarray(seeds)


# --- (dropblock.1): the rate ----------------------------------------------------------------------

def test_dropblock_1_by_hand():
    assert md.dropblock_rate(0.1, 3, 5, 5) == pytest.approx(0.1 / 9 * 25 / 9, rel=1e-15)
    assert round(md.dropblock_rate(0.1, 3, 5, 5), 7) == 0.0308642
    assert md.dropblock_rate(0.3, 2, 4, 6) == pytest.approx(0.3 / 4 * 24 / (3 * 5), rel=1e-15)
    assert round(md.dropblock_rate(1.0, 3, 8, 8), 3) == 0.198


@PROPERTY
@given(block=st.integers(1, 9), rows=st.integers(0, 9), columns=st.integers(0, 9),
       p=st.floats(0, 1))
def test_dropblock_1_is_a_rate_of_at_most_p_whose_blocks_hold_the_share_p(block, rows, columns, p):
    height, width = block + rows, block + columns
    rate = md.dropblock_rate(p, block, height, width)
    assert 0 <= rate <= p
    due = p * height * width                      # numbers below 1e-300 may lose digits
    assert_allclose(rate * (rows + 1) * (columns + 1) * block**2, due, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("p", [0.0, 0.1, 1 / 3, 1.0])
def test_dropblock_1_is_dropout_for_one_pixel_and_spatial_dropout_for_the_map(p):
    for size in range(1, 40):
        assert md.dropblock_rate(p, 1, size, 7) == p
        assert md.dropblock_rate(p, size, size, size) == p
        rest = md.dropblock_drop_map(p, 1, size, 7), md.dropblock_drop_map(p, size, size, size)
        assert all(abs(of_pixels - p).max() < 1e-15 for of_pixels in rest)


# --- (dropblock.2): the draw ----------------------------------------------------------------------

@pytest.mark.parametrize("seeds, shared, due", [
    ("valid", False, (2, 3, 3, 4)), ("valid", True, (2, 1, 3, 4)),
    ("all", False, (2, 3, 5, 6)), ("all", True, (2, 1, 5, 6))])
def test_dropblock_2_draws_once_for_each_place(xp, backend, seeds, shared, due):
    rng, rate = Record(md.Stream(5, "a", backend)), md.dropblock_rate(0.5, 3, 5, 6)
    drawn = md.dropblock_seeds(rng, (2, 3, 5, 6), 0.5, 3, seeds, shared)
    assert [draw[:2] for draw in rng.draws] == [("bernoulli", (rate, due))]
    assert_array_equal(host(drawn), md.Stream(5, "a").bits(due) < rate * 2.0**32)


def test_dropblock_2_is_exact_at_both_ends(xp, backend):
    stream = md.Stream(0, "", backend)
    assert not host(md.dropblock_seeds(stream, (8, 8, 9, 9), 0.0, 3)).any()
    assert host(md.dropblock_seeds(stream, (8, 8, 9, 9), 1.0, 9)).all()
    assert host(md.dropblock_seeds(stream, (8, 8, 9, 9), 1.0, 1)).all()


@pytest.mark.parametrize("seeds", ["valid", "all"])
def test_dropblock_2_samples_every_place_of_every_map_by_itself(seeds):
    # 400 x 8 maps of 6 x 7 places ("all": 8 x 9), each an independent draw
    shape, p, block = (400, 8, 8, 9), 0.9, 3
    rate, stream = md.dropblock_rate(p, block, 8, 9), md.Stream(11, seeds)
    first, second = (md.dropblock_seeds(stream, shape, p, block, seeds) for _ in range(2))
    assert_rate(first.sum(), first.size, rate)
    for axis in range(4):
        assert_independent(first, axis, rate)
    assert_fresh(first, second, rate)


def test_dropblock_2_shared_seeds_are_one_draw_for_all_channels():
    shape, p, block = (4000, 3, 5, 6), 0.9, 2
    rate, layer = md.dropblock_rate(p, block, 5, 6), md.DropBlock(p, block, shared=True).init(3)
    seeds = md.dropblock_seeds(3, shape, p, block, shared=True)
    assert_rate(seeds.sum(), 4000 * 4 * 5, rate)
    assert_independent(seeds, 0, rate)
    dropped = layer(np.ones(shape, "float32")) == 0
    assert_shared(dropped, 1)
    assert len({mask.tobytes() for mask in dropped[:, 0]}) > 100    # and examples have their own


@pytest.mark.parametrize("seeds", ["valid", "all"])
def test_dropblock_2_and_3_drop_every_pixel_as_often_as_the_map_says(seeds):
    # 6,000 independent maps; 30 pixels, so a right sampler fails with probability 30 x 1e-9
    layer = md.DropBlock(0.4, 3, seeds).init(0)
    dropped = ~layer.sample((2000, 3, 5, 6))
    due = md.dropblock_drop_map(0.4, 3, 5, 6, seeds)
    for h, w in np.ndindex(5, 6):
        assert_rate(dropped[:, :, h, w].sum(), 6000, due[h, w])


def test_dropblock_2_shared_masks_have_c_times_the_variance():
    p, channels = 0.3, 2
    rate = md.dropblock_rate(p, 2, 3, 3)

    def share(seeds):
        return np.array((~md.dropblock_mask(seeds, 2)).mean())

    own, shared = (exact_moments(share, (1, c, 2, 2), 1 - rate) for c in (channels, 1))
    assert_allclose(own[0], shared[0], rtol=1e-12)
    assert_allclose(shared[1], channels * own[1], rtol=1e-12)


# --- (dropblock.3): the blocks --------------------------------------------------------------------

def test_dropblock_3_by_hand(xp):
    mask = md.dropblock_mask(seeds_at(xp, (1, 1, 3, 3), (0, 0, 1, 1)), 3)      # centre (2, 2)
    assert host(mask)[0, 0].astype(int).tolist() == [
        [1, 1, 1, 1, 1], [1, 0, 0, 0, 1], [1, 0, 0, 0, 1], [1, 0, 0, 0, 1], [1, 1, 1, 1, 1]]
    mask = md.dropblock_mask(seeds_at(xp, (1, 1, 4, 4), (0, 0, 0, 0)), 3, clipped=True)
    assert host(mask)[0, 0].astype(int).tolist() == [
        [0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]


@PROPERTY
@given(block=st.integers(1, 6), rows=st.integers(1, 6), columns=st.integers(1, 6),
       rate=st.sampled_from([0.02, 0.1, 0.5, 1.0]), seed=st.integers(0, 999))
def test_dropblock_3_equals_nested_loops(xp, block, rows, columns, rate, seed):
    seeds = np.random.default_rng(seed).random((2, 2, rows, columns)) < rate
    height, width = rows + block - 1, columns + block - 1
    mask = host(md.dropblock_mask(xp.asarray(seeds), block))
    assert mask.dtype == bool
    assert_array_equal(~mask, drops(seeds, block, height, width))
    if block <= min(rows, columns):
        mask = host(md.dropblock_mask(xp.asarray(seeds), block, clipped=True))
        assert_array_equal(~mask, drops(seeds, block, rows, columns, shift=block // 2))


@PROPERTY
@given(block=st.integers(1, 5), rows=st.integers(0, 6), columns=st.integers(0, 6),
       p=st.sampled_from([0.1, 0.5, 1.0]), seed=st.integers(0, 999))
def test_dropblock_3_drops_whole_blocks_alone(block, rows, columns, p, seed):
    # the opening of the dropped set with a block is the set itself: nothing is cut at the border
    height, width = block + rows, block + columns
    layer = md.DropBlock(p, block).init(seed)
    dropped = ~layer.sample((3, 2, height, width))
    assert_array_equal(drops(blocks_in(dropped, block), block, height, width), dropped)


def test_dropblock_3_at_the_border_only_the_other_rule_cuts_blocks():
    layer = md.DropBlock(0.5, 3, seeds="all").init(0)
    dropped = ~layer.sample((100, 1, 6, 6))
    assert (drops(blocks_in(dropped, 3), 3, 6, 6) != dropped).any()


@pytest.mark.parametrize("block", [1, 3, 5])
def test_dropblock_3_a_corner_is_a_centre_half_a_block_away(xp, block):
    centres = np.zeros((1, 2, 7, 9), bool)
    k = block // 2
    corners = np.random.default_rng(0).random((1, 2, 7 - 2 * k, 9 - 2 * k)) < 0.3
    centres[:, :, k:7 - k, k:9 - k] = corners
    mask = host(md.dropblock_mask(xp.asarray(corners), block))
    assert_array_equal(~mask, drops(centres, block, 7, 9, shift=k))


def test_dropblock_3_leaves_its_seeds_alone_in_any_memory_order(xp):
    seeds = np.random.default_rng(0).random((2, 3, 4, 5)) < 0.1
    due = ~drops(seeds, 3, 6, 7)
    for axes in itertools.permutations(range(4)):
        turned = xp.asarray(np.ascontiguousarray(seeds.transpose(axes)))
        turned = turned.transpose(*map(int, np.argsort(axes)))
        assert_array_equal(host(md.dropblock_mask(turned, 3)), due)
        assert_array_equal(host(turned), seeds)


# --- (dropblock.4): the normalisation -------------------------------------------------------------

def test_dropblock_4_by_hand(xp):
    mask = md.dropblock_mask(seeds_at(xp, (1, 1, 3, 3), (0, 0, 1, 1)), 3)
    y = host(md.dropblock(xp.ones((1, 1, 5, 5)), mask))
    assert_array_equal(y, 1.5625 * host(mask))    # 25 / 16, without an epsilon
    assert y.sum() == 25


def test_dropblock_4_counts_over_the_tensor_over_each_example_or_not_at_all(xp):
    mask = np.ones((3, 2, 2, 2), bool)
    mask[0, 0], mask[1] = False, False            # half of the first example, all of the second
    x = np.arange(1.0, 25).reshape(3, 2, 2, 2)
    for norm, scales in [("batch", [2, 2, 2]), ("sample", [2, 0, 1]), ("none", [1, 1, 1])]:
        y = host(md.dropblock(xp.asarray(x), xp.asarray(mask), norm))
        assert_allclose(y, x * mask * np.reshape(scales, (3, 1, 1, 1)), rtol=1e-15)


@pytest.mark.parametrize("norm", ["batch", "sample", "none"])
def test_dropblock_4_at_p_0_is_the_identity(xp, backend, norm):
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 5)).astype("float32")
    layer = md.DropBlock(0.0, 3, norm=norm).init(0).to(backend)
    assert host(layer(xp.asarray(x))).tobytes() == x.tobytes()


@pytest.mark.parametrize("norm", ["batch", "sample", "none"])
def test_dropblock_4_a_tensor_dropped_as_a_whole_gives_zeros(xp, norm):
    x = md.Tensor(xp.ones((2, 3, 4, 4), "float32"), requires_grad=True)
    y = md.dropblock(x, xp.zeros((2, 3, 4, 4), bool), norm)
    y.sum().backward()
    assert y.dtype == "float32" and not host(y.data).any() and not host(x.grad).any()


def test_dropblock_4_keeps_the_sum_and_not_every_mean():
    rate = md.dropblock_rate(0.1, 3, 5, 5)
    mean, _ = exact_moments(
        lambda seeds: md.dropblock(np.ones((1, 1, 5, 5)), md.dropblock_mask(seeds, 3)),
        (1, 1, 3, 3), 1 - rate)
    # nothing is kept if, and only if, the blocks of all four corners were drawn
    assert_allclose(mean.sum(), 25 * (1 - rate**4), rtol=1e-12)
    assert round(mean[0, 0, 2, 2], 3) == 0.754 and round(mean[0, 0, 0, 0], 3) == 1.109
    assert_allclose(mean[0, 0, 2, 2], (1 - rate)**9, rtol=1e-12)    # kept only if there is no block


@pytest.mark.parametrize("norm", ["batch", "sample", "none"])
def test_dropblock_4_gradient_for_a_given_mask(xp, norm):
    seeds = seeds_at(xp, (2, 3, 2, 3), (0, 0, 0, 0), (0, 2, 1, 1), (1, 1, 0, 2))
    mask, x = md.dropblock_mask(seeds, 2), np.random.default_rng(0).normal(size=(2, 3, 3, 4))
    assert gradcheck(lambda t: md.dropblock(t, mask, norm), xp.asarray(x), order=2) < 1e-8
    t = md.Tensor(xp.asarray(x), requires_grad=True)
    gradient = host(md.grad(md.dropblock(t, mask, norm).sum(), t))
    kept = host(mask).mean(None if norm == "batch" else (1, 2, 3), keepdims=True)
    assert_allclose(gradient, host(mask) / (1 if norm == "none" else kept), rtol=1e-12)


@pytest.mark.parametrize("norm", ["batch", "sample", "none"])
@pytest.mark.parametrize("shape", [(2, 3, 4, 4), (2, 1, 4, 4), (1, 3, 4, 4), (3, 4, 4), (4, 4)])
def test_dropblock_4_takes_a_mask_that_examples_or_channels_share(xp, norm, shape):
    mask = np.random.default_rng(1).random(shape) < 0.7
    whole = np.ascontiguousarray(np.broadcast_to(mask, (2, 3, 4, 4)))
    x = xp.asarray(np.random.default_rng(0).normal(size=(2, 3, 4, 4)))
    few, all_ = (host(md.dropblock(x, xp.asarray(m), norm)) for m in (mask, whole))
    assert_array_equal(few, all_)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("norm", ["batch", "sample", "none"])
def test_dropblock_4_keeps_dtype_and_kind(xp, dtype, norm):
    x, mask = xp.ones((1, 1, 3, 3), dtype), seeds_at(xp, (1, 1, 3, 3), (0, 0, 0, 0))
    y = md.dropblock(x, mask, norm)
    assert isinstance(y, xp.ndarray) and y.dtype == dtype
    t = md.Tensor(x, requires_grad=True)
    y = md.dropblock(t, mask, norm)
    y.sum().backward()
    assert isinstance(y, md.Tensor) and y.dtype == dtype and t.grad.dtype == dtype


def test_dropblock_4_leaves_its_input_alone(xp):
    data = np.random.default_rng(0).normal(size=(2, 3, 4, 4))
    x, mask = xp.asarray(data.copy()), seeds_at(xp, (2, 3, 4, 4), (0, 0, 0, 0))
    for norm in ("batch", "sample", "none"):
        md.dropblock(x, mask, norm)
    assert_array_equal(host(x), data)
    assert host(mask).sum() == 1


def test_dropblock_4_is_the_same_in_every_memory_order(xp):
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    mask = xp.asarray(np.random.default_rng(1).random((2, 3, 4, 5)) < 0.7)
    due = host(md.dropblock(xp.asarray(x), mask))
    for axes in itertools.permutations(range(4)):
        turned = xp.asarray(np.ascontiguousarray(x.transpose(axes)))
        turned = turned.transpose(*map(int, np.argsort(axes)))
        assert_array_equal(host(md.dropblock(turned, mask)), due)


# --- (dropblock.5) and (dropblock.6): the exact drop maps -----------------------------------------

@pytest.mark.parametrize("height, width, block", SIZES)
@pytest.mark.parametrize("p", [0.1, 0.7, 1.0])
def test_dropblock_5_is_the_sum_over_all_seeds(height, width, block, p):
    rate = md.dropblock_rate(p, block, height, width)
    kept, _ = exact_moments(lambda seeds: md.dropblock_mask(seeds, block)[0, 0],
                            (1, 1, height - block + 1, width - block + 1), 1 - rate)
    assert_allclose(md.dropblock_drop_map(p, block, height, width), 1 - kept, atol=1e-12)


@pytest.mark.parametrize("height, width, block", [(3, 3, 2), (3, 4, 3), (3, 3, 1), (2, 5, 2)])
@pytest.mark.parametrize("p", [0.1, 0.7])
def test_dropblock_6_is_the_sum_over_all_seeds(height, width, block, p):
    rate = md.dropblock_rate(p, block, height, width)
    kept, _ = exact_moments(lambda seeds: md.dropblock_mask(seeds, block, clipped=True)[0, 0],
                            (1, 1, height, width), 1 - rate)
    drop_map = md.dropblock_drop_map(p, block, height, width, "all")
    assert_allclose(drop_map, 1 - kept, atol=1e-12)


def test_dropblock_5_in_the_form_for_odd_blocks_and_centres():
    for size, k in [(5, 1), (7, 3), (14, 3), (9, 0)]:
        rate = md.dropblock_rate(0.1, 2 * k + 1, size, size)
        i = np.arange(size)
        n = np.minimum(i + k, size - 1 - k) - np.maximum(i - k, k) + 1
        assert_allclose(md.dropblock_drop_map(0.1, 2 * k + 1, size, size),
                        1 - (1 - rate)**np.outer(n, n), rtol=1e-12)
    drop_map = md.dropblock_drop_map(0.1, 3, 5, 5)
    found = drop_map[2, 2], drop_map[0, 0], drop_map.mean()
    assert [round(float(share), 4) for share in found] == [0.2458, 0.0309, 0.0949]


@pytest.mark.parametrize("size, block, share", [row[:3] for row in SHARES])
def test_dropblock_5_has_the_shares_of_the_paper_and_torchvision(size, block, share):
    assert abs(md.dropblock_drop_map(0.1, block, size, size).mean() - share) < 5e-5


@pytest.mark.parametrize("size, block, _, share", [row[:4] for row in SHARES])
def test_dropblock_6_has_the_shares_of_timm(size, block, _, share):
    drop_map = md.dropblock_drop_map(0.1, block, size, size, seeds="all")
    assert abs(drop_map.mean() - share) < 5e-4
    if size == block == 7:                        # a pixel is reached from 16 to 49 of 49 places
        n = np.array([4, 5, 6, 7, 6, 5, 4])
        assert_allclose(drop_map, 1 - 0.9**np.outer(n, n), rtol=1e-12)


@pytest.mark.parametrize("size, block, share", [(*row[:2], row[4]) for row in SHARES])
def test_dropblock_6_has_the_shares_of_miguelvr(size, block, share):
    # its rate is p / b^2, which the paper's equation gives for this p
    p = 0.1 * (size - block + 1)**2 / size**2
    assert_allclose(md.dropblock_rate(p, block, size, size), 0.1 / block**2, rtol=1e-12)
    assert abs(md.dropblock_drop_map(p, block, size, size, seeds="all").mean() - share) < 6e-5


# --- the module -----------------------------------------------------------------------------------

@pytest.mark.parametrize("seeds", ["valid", "all"])
@pytest.mark.parametrize("shared", [False, True])
def test_dropblock_module_follows_the_mode(xp, backend, seeds, shared):
    layer = md.DropBlock(0.4, 3, seeds, shared).init(3).to(backend)
    x = xp.ones((4, 3, 7, 6), "float32")
    y, mask = host(layer(x)), host(layer.noise)
    assert mask.shape == (4, 1 if shared else 3, 7, 6) and 0 < mask.mean() < 1
    assert_array_equal(y != 0, np.broadcast_to(mask, y.shape))
    assert_allclose(y.sum(), y.size, rtol=1e-5)
    layer.eval().rng = Forbid()
    assert layer(x) is x


def test_dropblock_module_drops_the_blocks_of_its_seeds(xp):
    seeds, x = seeds_at(xp, (2, 1, 2, 3), (0, 0, 1, 2)), xp.ones((2, 1, 3, 4))
    for norm, scales in [("batch", (1.2, 1.2)), ("sample", (1.5, 1)), ("none", (1, 1))]:
        layer = md.DropBlock(0.1, 2, norm=norm)
        layer.rng = Replay(seeds)
        due = ~drops(host(seeds), 2, 3, 4) * np.reshape(scales, (2, 1, 1, 1))
        assert_allclose(host(layer(x)), due, rtol=1e-15)


def test_dropblock_module_draws_its_seeds_alone(xp, backend):
    layer, rate = md.DropBlock(0.25, 3), md.dropblock_rate(0.25, 3, 5, 6)
    layer.rng = Record(md.Stream(0, "", backend))
    layer(xp.ones((2, 3, 5, 6)))
    assert [draw[:2] for draw in layer.rng.draws] == [("bernoulli", (rate, (2, 3, 3, 4)))]


def test_dropblock_module_repeats_its_masks_after_init(xp, backend):
    layer, x = md.DropBlock(0.5, 2), xp.ones((2, 2, 6, 6))
    first, again = ([host(layer.init(9).to(backend)(x)), host(layer(x))] for _ in range(2))
    assert_array_equal(first, again)
    assert (first[0] != first[1]).any()


def test_dropblock_keeps_pixels_at_p_1():
    kept = md.DropBlock(1.0, 3).init(0).sample((50, 20, 8, 8))
    assert_rate((~kept[:, :, 0, 0]).sum(), 1000, md.dropblock_rate(1.0, 3, 8, 8))
    assert 0.1 < kept.mean() < 0.9


@pytest.fixture
def network():
    return models.place(models.resnet8(), "stage?.*.dropblock*", md.DropBlock(0.1, 3)).init(0)


def test_dropblock_takes_its_places_in_a_network_and_a_schedule(xp, backend, network):
    x = xp.asarray(md.gaussian(0, (4, 3, 16, 16)))
    network, rates = network.to(backend), []
    layers = [m for _, m in network.named_modules() if isinstance(m, md.DropBlock)]
    assert len(layers) == 9
    md.fit(network, md.optim.SGD(0.01), (x, xp.asarray([0, 1, 2, 3])), epochs=2, batch_size=2,
           schedules={"dropblock*.p": md.linear_ramp(0.0, 0.8, 4)}, progress=False,
           recorder=lambda step, net, loss: rates.append(layers[0].p))
    assert_allclose(rates, [0.0, 0.2, 0.4, 0.6])
    assert {layer.noise.shape[2] for layer in layers} == {16, 8, 4}
    assert len({host(layer.noise).tobytes() for layer in layers}) == 9
    assert all(0 < host(layer.noise).sum() < layer.noise.size for layer in layers)
    first, second = (host(network.eval()(x).data) for _ in range(2))
    assert_array_equal(first, second)


# --- bad input ------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["int8", "uint8", "int64"])
def test_a_block_may_be_a_whole_number_of_any_kind(xp, kind):
    block = np.dtype(kind).type(3)
    seeds = md.dropblock_seeds(3, (1, 1, 300, 300), 0.1, block)
    assert_array_equal(seeds, md.dropblock_seeds(3, (1, 1, 300, 300), 0.1, 3))
    seeds = xp.asarray(seeds)
    assert_array_equal(host(md.dropblock_mask(seeds, block)), host(md.dropblock_mask(seeds, 3)))
    assert_array_equal(md.dropblock_drop_map(0.1, block, 300, 9),
                       md.dropblock_drop_map(0.1, 3, 300, 9))


def test_the_mask_may_be_a_tensor(xp):
    x, mask = xp.ones((1, 1, 2, 2)), xp.asarray(np.array([[[[True, False], [True, True]]]]))
    for norm in ("batch", "sample", "none"):
        assert_array_equal(host(md.dropblock(x, md.Tensor(mask), norm)),
                           host(md.dropblock(x, mask, norm)))


def test_a_block_larger_than_the_map_is_refused(xp, network):
    with pytest.raises(ValueError, match="block must be at most 2 to fit into a map of 2 x 2, go"):
        network(np.ones((1, 3, 8, 8), "float32"))
    for height, width in [(4, 3), (3, 4)]:
        for use in (lambda h=height, w=width: md.dropblock_rate(0.1, 4, h, w),
                    lambda h=height, w=width: md.dropblock_seeds(0, (1, 1, h, w), 0.1, 4),
                    lambda h=height, w=width: md.dropblock_seeds(0, (1, 1, h, w), 0.1, 4, "all"),
                    lambda h=height, w=width: md.dropblock_drop_map(0.1, 4, h, w),
                    lambda h=height, w=width: md.dropblock_mask(xp.ones((1, 1, h, w), bool), 4,
                                                                clipped=True),
                    lambda h=height, w=width: md.DropBlock(0.1, 4).init(0)(xp.ones((1, 1, h, w)))):
            with pytest.raises(ValueError, match="block must be at most 3 to fit into a map of "):
                use()


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_dropblock_rates_outside_0_1_are_refused_wherever_they_enter(xp, p):
    x, layer = xp.ones((2, 3, 4, 4)), md.DropBlock(0.5, 2).init(0)
    layer.p = p                                   # goes past __init__, so the sampler must look
    for use in (lambda: md.DropBlock(p, 2), lambda: md.dropblock_rate(p, 2, 4, 4),
                lambda: md.dropblock_seeds(0, x.shape, p, 2), lambda: layer(x),
                lambda: md.dropblock_drop_map(p, 2, 4, 4)):
        with pytest.raises(ValueError, match=r"p is a probability and must lie in \[0, 1\], got"):
            use()


def test_maps_of_no_channels_have_an_empty_mask(xp):
    seeds = md.dropblock_seeds(0, (2, 0, 4, 4), 0.1, 2)
    assert seeds.shape == (2, 0, 3, 3)
    assert md.dropblock_mask(xp.asarray(seeds), 2).shape == (2, 0, 4, 4)


def test_what_does_not_fit_is_refused_in_one_sentence(xp):
    x, mask = xp.ones((2, 3, 4, 4)), xp.ones((2, 3, 4, 4), bool)
    for error, words, use in [
            (TypeError, "x must hold floats", lambda: md.dropblock(x.astype(int), mask)),
            (ValueError, r"x must be images \(N, C, H, W\)", lambda: md.dropblock(x[0], mask[0])),
            (ValueError, "mask has shape", lambda: md.dropblock(x, mask[:, :2])),
            (ValueError, "norm must be one of", lambda: md.dropblock(x, mask, "layer")),
            (ValueError, "norm must be one of", lambda: md.DropBlock(0.1, 2, norm="layer")),
            (ValueError, "seeds must be one of", lambda: md.DropBlock(0.1, 2, seeds="timm")),
            (TypeError, "block must be a whole number", lambda: md.DropBlock(0.1, (2, 2))),
            (TypeError, "shared must be True or False, got str 'sample'",
             lambda: md.DropBlock(0.1, 3, "valid", "sample")),
            (TypeError, "shared must be", lambda: md.dropblock_seeds(0, x.shape, 0.1, 2, shared=1)),
            (TypeError, "clipped must be", lambda: md.dropblock_mask(mask, 2, clipped="all")),
            (ValueError, r"x must be images", lambda: md.dropblock(x[:, :, :0], mask[:, :, :0])),
            (ValueError, "shape must be", lambda: md.dropblock_seeds(0, (1, 1, 0, 3), 0.1, 1)),
            (ValueError, r"x must be \(N, C, H, W\), H and W .* got \(3, 4, 4\)",
             lambda: md.DropBlock(0.1, 2).init(0)(x[0])),
            (TypeError, "seeds must be a boolean array", lambda: md.dropblock_mask(x, 2)),
            (ValueError, r"seeds must be \(N, C, H, W\), H and W at least 1, got \(3, 4, 4\)",
             lambda: md.dropblock_mask(mask[0], 2))]:
        with pytest.raises(error, match=words):
            use()
