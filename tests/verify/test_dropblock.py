"""verify dropblock: what is right holds in any style, what is wrong fails at its equation."""

import functools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop.verify import check
from minidrop.verify.checks.squares import RATES, SIZES, chances, covered
from minidrop.verify.techniques.dropblock import TECHNIQUE
from tests.verify.gallery import SEEDS

pytestmark = pytest.mark.slow

TIMM, MIGUELVR, NAIVE, SHARED, BATCHWISE, SAMPLE, UNSCALED, SCALED, KEEP = TECHNIQUE.variants
FORM = TECHNIQUE.form({})


def gamma(p, block, height, width):
    return p * height * width / block**2 / (height - block + 1) / (width - block + 1)


def whole_batch(mask, p):
    return mask.size / max(mask.sum(), 1)


def centred(x, p, block, training, rng, grow=0):
    """With centres, as the paper draws it, seed by seed; even blocks have two middles."""
    if not training or p == 0:
        return x
    n, channels, height, width = x.shape
    first, last = block // 2, (block - 1) // 2
    mask, centres = np.ones(x.shape, x.dtype), np.zeros(x.shape, bool)
    inside = centres[:, :, first:height - last, first:width - last]
    inside[...] = rng.random(inside.shape) < gamma(p, block, height, width)
    for k, c, i, j in np.argwhere(centres):
        mask[k, c, i - first:i + last + 1 + grow, j - first:j + last + 1] = 0
    return (x * mask * whole_batch(mask, p)).astype(x.dtype)


def pooled(x, p, block, training, rng, gamma=gamma, everywhere=False, alike=None,
           factor=whole_batch, before=0):
    """A maximum over shifts; each argument behind rng is a wrong turn."""
    if not training:
        return x
    (n, c, height, width), rim = x.shape, block - 1
    fits = 0 if everywhere else rim
    seeds = rng.random((n, c, height - fits, width - fits)) < gamma(p, block, height, width)
    if alike is not None:                         # the axis on which all masks are one
        seeds = np.broadcast_to(seeds.take([0], alike), seeds.shape)
    left = rim - (block - before) // 2 if everywhere else rim
    wide = np.pad(seeds, [(0, 0)] * 2 + [(left, rim + fits - left)] * 2)
    rows = np.max([wide[:, :, u:u + height] for u in range(block)], axis=0)
    mask = ~np.max([rows[..., v:v + width] for v in range(block)], axis=0)
    return (x * mask * factor(mask, p)).astype(x.dtype)


def one_block(x, p, block, training, rng):
    """A single block in a share p of the maps."""
    if not training or p == 0:
        return x
    mask = np.ones(x.shape, bool)
    for one in mask.reshape(-1, *x.shape[2:]):
        i, j = (rng.integers(size - block + 1) for size in one.shape)
        one[i:i + block, j:j + block] = rng.random() >= p
    return (x * mask * whole_batch(mask, p)).astype(x.dtype)


class Homework:
    """A layer with a gradient of its own."""

    def __init__(self, keep_prob, block_size):
        self.keep_prob, self.block_size, self.training = keep_prob, block_size, True
        self.rng = np.random.default_rng(0)

    def forward(self, x):
        ones = np.ones_like(x)
        self.slope = pooled(ones, 1 - self.keep_prob, self.block_size, self.training, self.rng)
        return x * self.slope

    def backward(self, g):
        return g * self.slope


class Stale(Homework):
    def backward(self, g):
        return g * (self.slope > 0)


def dying(mask, p):
    return mask.size / mask.sum()


def wrong(**turn):
    return functools.partial(pooled, **turn)


def few(n):
    return [seed if seed < 1 else pytest.param(seed, marks=pytest.mark.slow) for seed in range(n)]


# --- what is right --------------------------------------------------------------------------------

@pytest.mark.parametrize("seed", few(SEEDS))
@pytest.mark.parametrize("impl", [md.DropBlock, centred, pooled, Homework])
def test_a_right_one_holds(impl, seed):
    report = check(impl, "dropblock", seed=seed)
    assert report.holds and 0 < report.alarm < 1e-6, report


def test_ours_holds_in_every_form():
    for seeds in ("valid", "all"):
        for shared in (False, True):
            for norm in ("batch", "sample", "none"):
                form = {"seeds": seeds, "shared": shared, "norm": norm}
                assert check(md.DropBlock, "dropblock", extra=form, **form).holds, form


def test_a_layer_of_one_rate_and_block_is_held_at_its_own():
    report = check(md.DropBlock, "dropblock", fixed={"p": 0.3, "block": 2})
    assert report.holds and report.broken == [], report
    report = check(md.DropBlock, "dropblock", fixed={"p": 0.3, "block": 3}, extra={"seeds": "all"})
    assert report.variant == TIMM, report
    failed = {finding.check for finding in report.failures}
    assert "border" in failed and not failed & {"examples", "anew", "channels"}      # no dependence
    layer = md.DropBlock(0.1, 7).init(0)                     # of a block that fits few maps
    assert check(layer, "dropblock", fixed={"p": 0.1, "block": 7}).holds


# --- what is wrong --------------------------------------------------------------------------------

def naive(p, block, height, width):
    return p / block**2


WRONG = {
    "timm": (wrong(everywhere=True), "235", TIMM),
    "timm's default": (wrong(everywhere=True, alike=1), "235", f"{TIMM}, and {SHARED}"),
    "miguelvr": (wrong(everywhere=True, gamma=naive, before=1, alike=1), "1235",
                 f"{MIGUELVR}, and {SHARED}"),
    "one mask for all channels": (wrong(alike=1), "2", SHARED),
    "one mask for all examples": (wrong(alike=0), "2", BATCHWISE),
    "one mask for all examples, p / b^2": (wrong(alike=0, gamma=naive), "2",
                                           f"{NAIVE}, and {BATCHWISE}"),
    "frozen": (lambda x, p, block, training: pooled(x, p, block, training,
                                                    np.random.default_rng(0)), "2", ""),
    "frozen, one for all examples": (lambda x, p, block, training: pooled(
        x, p, block, training, np.random.default_rng(0), alike=0), "2", ""),
    "for each example": (
        wrong(factor=lambda mask, p: mask[0].size / np.maximum(mask.sum((1, 2, 3), keepdims=True),
                                                               1)), "4", SAMPLE),
    "not normalised": (wrong(factor=lambda mask, p: 1.0), "4", UNSCALED),
    "as dropout": (wrong(factor=lambda mask, p: 1 / max(1 - p, 1e-9)), "4", SCALED),
    "a keep rate": (lambda x, p, block, training, rng: pooled(x, 1 - p, block, training, rng),
                    "15", KEEP),
    "p is the rate of seeds": (wrong(gamma=lambda p, *size: p), "15", ""),
    "p / b^2": (wrong(gamma=naive), "15", NAIVE),
    "square maps only": (wrong(gamma=lambda p, b, h, w: min(gamma(p, b, h, h), 1)), "15", ""),
    "blocks are too high": (functools.partial(centred, grow=1), "35", ""),
    "a single block": (one_block, "125", ""),
    "the scale is not in the gradient": (Stale, "4", ""),
    "0 / 0": (wrong(factor=dying), "", ""),
}


QUICK = "timm's default", "as dropout", "p is the rate of seeds"


@pytest.mark.parametrize("name", [name if name in QUICK else
                                  pytest.param(name, marks=pytest.mark.slow) for name in WRONG])
def test_a_wrong_one_fails_at_its_equation_and_is_named(name):
    impl, broken, variant = WRONG[name]
    report = check(impl, "dropblock")
    assert report.broken == [f"dropblock.{n}" for n in broken], report
    assert report.variant == variant and not report.holds, report


def test_one_mask_for_all_examples_holds_in_that_form_and_its_rate_is_counted_there():
    assert check(wrong(alike=0), "dropblock", batchwise=True).holds
    report = check(wrong(alike=0, gamma=naive), "dropblock", batchwise=True)
    assert report.broken == ["dropblock.1", "dropblock.5"] and report.variant == NAIVE, report


# --- how it is refused, and what is told ----------------------------------------------------------

def odd_only(x, p, block, training, rng):
    if block % 2 == 0:
        raise ValueError(f"block must be odd, got {block}")
    return pooled(x, p, block, training, rng)


def odd_in_fact(x, p, block, training, rng):
    y = pooled(x, p, block, training, rng)
    return y if block % 2 else y[:, :, 1:]


def test_what_refuses_even_blocks_holds_and_it_is_told():
    report = check(odd_only, "dropblock")
    told = {finding.check: finding for finding in report.findings}["even blocks"]
    assert report.holds and told.word == "cannot be seen"
    assert told.found == "even blocks are refused (ValueError: block must be odd, got 2)"


def test_what_gives_another_shape_for_even_blocks_fails_there_and_nowhere_else():
    report = check(odd_in_fact, "dropblock")
    assert [finding.check for finding in report.failures] == ["even blocks"]
    assert report.broken == ["dropblock.3"]


# --- the dues -------------------------------------------------------------------------------------

@pytest.mark.parametrize("size, block, valid, everywhere, naive", [
    (14, 7, 0.0929, 0.209, 0.0740), (7, 7, 0.1000, 0.930, 0.0554), (28, 7, 0.0939, 0.133, 0.0843),
    (8, 5, 0.0939, 0.250, 0.0696)])
def test_the_exact_maps_have_the_shares_that_were_measured_of_the_libraries(size, block, valid,
                                                                            everywhere, naive):
    shares = {"valid": valid, "all": everywhere, "all-naive": naive}
    for seeds, due in shares.items():
        found = chances(0.1, block, size, size, FORM | {"seeds": seeds}).mean()
        assert round(found, 3 if seeds == "all" else 4) == due


@pytest.mark.parametrize("height, width, block", SIZES)
@pytest.mark.parametrize("p", RATES)
@pytest.mark.parametrize("seeds", ["valid", "all"])
def test_the_exact_maps_are_those_of_the_technique(height, width, block, p, seeds):
    assert_allclose(chances(p, block, height, width, FORM | {"seeds": seeds}),
                    md.dropblock_drop_map(p, block, height, width, seeds), rtol=1e-12, atol=1e-15)


def test_whole_blocks_cover_what_loops_find():
    dropped = np.random.default_rng(0).random((50, 5, 6)) < 0.7
    due, within = np.zeros_like(dropped), np.zeros_like(dropped)
    for k, i, j in np.ndindex(50, 3, 5):
        due[k, i:i + 3, j:j + 3] |= dropped[k, i:i + 3, j:j + 3].all() and j < 4
    for k, i, j in np.ndindex(50, 5, 6):          # centres, with what lies over the border
        seen = (k, slice(max(i - 1, 0), i + 2), slice(max(j - 1, 0), j + 2))
        within[seen] |= dropped[seen].all()
    assert_array_equal(covered(dropped, 3), due)
    assert_array_equal(covered(dropped, 3, 1), within)
