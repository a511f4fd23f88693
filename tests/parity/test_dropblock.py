"""DropBlock beside torchvision and timm: the same seeds or the same mask for both.

`Seeds` takes the place of PyTorch's Bernoulli draw: it notes the rate and gives what it is told.
"""

import numpy as np
import pytest

import minidrop as md
from tests.parity.draws import assert_close, of_minidrop, of_torch, pair
from tests.samplers import assert_rate

pytestmark = pytest.mark.reference
CLOSE = {"float32": 1e-5, "float64": 1e-5}        # torchvision adds 1e-6 to the sum of the mask
SIZES = [(5, 5, 3), (7, 7, 7), (14, 14, 7), (6, 9, 3), (9, 6, 5), (4, 7, 1)]     # H, W, block
EVEN = [(5, 5, 2), (6, 9, 4), (9, 6, 4), (8, 8, 8), (7, 7, 6)]


class Seeds:
    """`torch.Tensor.bernoulli_` while it lasts: `.rate` and `.shape` of a draw, answered by us."""

    def __init__(self, torch, monkeypatch, answer):
        def bernoulli_(noise, rate):
            self.rate, self.shape = rate, tuple(noise.shape)
            return noise.copy_(torch.from_numpy(np.broadcast_to(answer(self.shape), self.shape)
                                                .astype("float64")))

        monkeypatch.setattr(torch.Tensor, "bernoulli_", bernoulli_)


def one_by_one(shape):
    """Example k has a single seed, at place k: what each seed covers is seen apart."""
    n, channels, *places = shape
    return np.eye(n)[:, None].repeat(channels, 1).reshape(shape)


def exact_drop_map(torch, monkeypatch, drop_block, height, width, places):
    """P(drop) of each pixel, exactly: 1 - (1 - rate)^(number of seeds that cover it)."""
    seeds = Seeds(torch, monkeypatch, one_by_one)
    covered = (drop_block(torch.ones(places, 1, height, width)) == 0).numpy()[:, 0].sum(0)
    return 1 - (1 - seeds.rate)**covered


def random_seeds(shape):
    return np.random.default_rng(3).random(shape) < 0.05


# --- torchvision ----------------------------------------------------------------------------------

@pytest.mark.parametrize("height, width, block", SIZES)
@pytest.mark.parametrize("dtype", CLOSE)
def test_torchvision_on_the_same_seeds(torch, torchvision, rng, monkeypatch, height, width, block,
                                       dtype):
    x, g = pair(rng, (4, 3, height, width), dtype)
    seeds = Seeds(torch, monkeypatch, random_seeds)
    y2, gradient2, mask2 = of_torch(
        torch, lambda x: torchvision.ops.drop_block2d(x, 0.1, block), x, g)
    assert seeds.rate == pytest.approx(md.dropblock_rate(0.1, block, height, width), rel=1e-14)
    assert seeds.shape == md.dropblock_seeds(0, x.shape, 0.1, block).shape
    mask = md.dropblock_mask(random_seeds(seeds.shape), block)
    np.testing.assert_array_equal(mask, mask2)
    y, gradient = of_minidrop(lambda x: md.dropblock(x, mask), x, g)
    assert_close(y, y2, CLOSE[dtype])
    assert_close(gradient, gradient2, CLOSE[dtype])


@pytest.mark.parametrize("height, width, block", SIZES)
def test_torchvision_drops_each_pixel_as_often(torch, torchvision, monkeypatch, height, width,
                                               block):
    places = (height - block + 1) * (width - block + 1)
    found = exact_drop_map(torch, monkeypatch, lambda x: torchvision.ops.drop_block2d(
        x, 0.1, block), height, width, places)
    np.testing.assert_allclose(found, md.dropblock_drop_map(0.1, block, height, width), rtol=1e-12)


def test_torchvision_refuses_even_blocks_and_cuts_large_ones(torch, torchvision):
    x = torch.ones(2, 3, 5, 5)
    with pytest.raises(ValueError, match="block size should be odd. Got 4 which is even"):
        torchvision.ops.drop_block2d(x, 0.1, 4)
    with pytest.raises(ValueError, match="block size should be odd. Got 6"):
        torchvision.ops.drop_block2d(torch.ones(2, 3, 6, 6), 0.1, 9)      # cut to 6, and then even
    assert (torchvision.ops.drop_block2d(x, 0.1, 9) == 1).any()           # cut to 5
    assert md.dropblock_seeds(0, (2, 3, 5, 5), 0.1, 4).shape == (2, 3, 2, 2)
    with pytest.raises(ValueError, match="block must be at most 5"):
        md.dropblock_seeds(0, (2, 3, 5, 5), 0.1, 9)


def test_torchvision_and_timm_add_a_little_to_the_sum_of_the_mask(torch, torchvision, timm,
                                                                  monkeypatch):
    """So a mask that keeps everything still shrinks the sum: by 1e-6 of one entry, if it is one."""
    Seeds(torch, monkeypatch, np.zeros)
    one = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    for drop_block, little in ((torchvision.ops.drop_block2d, 1e-6),
                               (timm.drop.drop_block_2d, 1e-7)):
        assert drop_block(one, 0.1, 1).item() == pytest.approx(1 - little, abs=little / 5)
    assert md.dropblock(np.ones((1, 1, 1, 1)), np.ones((1, 1, 1, 1), bool)) == 1


# --- timm -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("height, width, block", SIZES + EVEN)
@pytest.mark.parametrize("shared", [True, False])
def test_timm_on_the_same_seeds(torch, timm, rng, monkeypatch, height, width, block, shared):
    x, g = pair(rng, (4, 3, height, width), "float64")
    seeds = Seeds(torch, monkeypatch, random_seeds)
    y2, gradient2, mask2 = of_torch(torch, lambda x: timm.drop.drop_block_2d(
        x, 0.1, block, couple_channels=shared), x, g)
    assert seeds.rate == pytest.approx(md.dropblock_rate(0.1, block, height, width), rel=1e-14)
    assert seeds.shape == md.dropblock_seeds(0, x.shape, 0.1, block, "all", shared).shape
    mask = md.dropblock_mask(random_seeds(seeds.shape), block, clipped=True)
    np.testing.assert_array_equal(np.broadcast_to(mask, x.shape), mask2)
    y, gradient = of_minidrop(lambda x: md.dropblock(x, mask), x, g)
    assert_close(y, y2, 1e-7)
    assert_close(gradient, gradient2, 1e-7)


@pytest.mark.parametrize("height, width, block", SIZES + EVEN)
def test_timm_drops_each_pixel_as_often_as_seeds_all(torch, timm, monkeypatch, height, width,
                                                     block):
    found = exact_drop_map(torch, monkeypatch, lambda x: timm.drop.drop_block_2d(x, 0.1, block),
                           height, width, height * width)
    due = md.dropblock_drop_map(0.1, block, height, width, seeds="all")
    np.testing.assert_allclose(found, due, rtol=1e-12)


@pytest.mark.parametrize("size, block, theirs, papers", [
    (7, 7, 0.930, 0.1000), (14, 7, 0.209, 0.0929), (28, 7, 0.133, 0.0939), (8, 5, 0.250, 0.0939)])
def test_timm_drops_another_share_than_was_asked_for(torch, torchvision, timm, monkeypatch, size,
                                                     block, theirs, papers):
    """Where 0.1 was asked for: the rate of the seeds that fit, on seeds that are everywhere."""
    there = exact_drop_map(torch, monkeypatch, lambda x: timm.drop.drop_block_2d(x, 0.1, block),
                           size, size, size * size).mean()
    here = exact_drop_map(torch, monkeypatch, lambda x: torchvision.ops.drop_block2d(x, 0.1, block),
                          size, size, (size - block + 1)**2).mean()
    assert there == pytest.approx(theirs, abs=5e-4) and here == pytest.approx(papers, abs=5e-5)
    ours = (md.dropblock_drop_map(0.1, block, size, size, seeds).mean() for seeds in
            ("all", "valid"))
    np.testing.assert_allclose(list(ours), [there, here], rtol=1e-12)


def test_timm_cuts_large_blocks(torch, timm):
    assert timm.drop.drop_block_2d(torch.ones(2, 3, 5, 5), 0.1, 9).shape == (2, 3, 5, 5)


def test_timm_drops_nine_tenths_of_a_map_where_a_tenth_was_asked_for(torch, timm):
    """Drawn, not computed: 2000 examples, of which each drops about 45.6 of its 49 pixels."""
    torch.manual_seed(0)
    middle = timm.drop.DropBlock2d(0.1, 7)(torch.ones(2000, 1, 7, 7))[:, 0, 3, 3] == 0
    assert_rate(middle.sum(), 2000, 1 - 0.9**49)  # the middle is reached from every place


def test_timm_shares_one_mask_among_all_channels_unless_told_otherwise(torch, timm, torchvision):
    """The docstring gives that to the paper, whose Algorithm 1 has a mask for each channel."""
    assert "per the original paper" in timm.drop.drop_block_2d.__doc__
    torch.manual_seed(0)
    x = torch.ones(20, 8, 10, 10)
    for y, alike in ((timm.drop.drop_block_2d(x, 0.2, 3), True),
                     (timm.drop.drop_block_2d(x, 0.2, 3, couple_channels=False), False),
                     (torchvision.ops.drop_block2d(x, 0.2, 3), False)):
        assert ((y == y[:, :1]).all().item()) == alike
