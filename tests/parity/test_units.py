"""Noise on units beside PyTorch and Keras: the same mask or noise for both, values and gradients.

Where both form the same products they agree bit for bit, elsewhere to `CLOSE` of the largest entry.
"""

import numpy as np
import pytest

import minidrop as md
from minidrop.check import Replay
from tests.parity.draws import assert_close, of_minidrop, of_torch, pair, per_map
from tests.samplers import assert_rate

pytestmark = pytest.mark.reference
CLOSE = {"float32": 1e-6, "float64": 1e-15}
RATES = [0.1, 0.2, 0.5, 0.9, 1 / 3]
SHAPES = {1: (6, 5, 9), 2: (6, 5, 4, 3), 3: (6, 5, 2, 3, 4)}
dtypes = pytest.mark.parametrize("dtype", CLOSE)
rates = pytest.mark.parametrize("p", RATES)
ranks = pytest.mark.parametrize("rank", SHAPES)


def dropout_of(torch, rank):
    return getattr(torch.nn.functional, f"dropout{rank}d")


# --- spatial dropout: Dropout1d, 2d, 3d -----------------------------------------------------------

@dtypes
@rates
@ranks
def test_spatial_dropout_under_the_mask_of_torch(torch, rng, rank, p, dtype):
    x, g = pair(rng, SHAPES[rank], dtype)
    y2, gradient2, mask = of_torch(torch, lambda x: dropout_of(torch, rank)(x, p), x, g)
    mask = per_map(mask)
    y, gradient = of_minidrop(lambda x: md.spatial_dropout(x, mask, p), x, g)
    np.testing.assert_array_equal(y, y2)
    np.testing.assert_array_equal(gradient, gradient2)
    assert mask.shape == md.spatial_dropout_mask(0, x.shape, p).shape


@ranks
@pytest.mark.parametrize("p", [0.0, 1.0])
def test_spatial_dropout_at_both_ends(torch, rng, rank, p):
    x, g = pair(rng, SHAPES[rank], "float32")
    y2, gradient2, _ = of_torch(torch, lambda x: dropout_of(torch, rank)(x, p), x, g)
    mask = md.spatial_dropout_mask(0, x.shape, p)
    y, gradient = of_minidrop(lambda x: md.spatial_dropout(x, mask, p), x, g)
    np.testing.assert_array_equal(y, y2)
    np.testing.assert_array_equal(gradient, gradient2)


@ranks
def test_spatial_dropout_is_the_identity_in_evaluation(torch, rng, rank):
    x = rng.standard_normal(SHAPES[rank])
    layer = getattr(torch.nn, f"Dropout{rank}d")(0.7).eval()
    np.testing.assert_array_equal(layer(torch.from_numpy(x)).numpy(), x)
    assert md.SpatialDropout(0.7).init(0).eval()(x) is x


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_both_drop_the_asked_share_of_maps(torch, p):
    torch.manual_seed(0)
    kept = torch.nn.functional.dropout2d(torch.ones(300, 200, 1, 2), p)[..., 0] > 0
    for mask in (kept.numpy(), md.spatial_dropout_mask(0, (300, 200, 1, 2), p)):
        assert_rate((~mask).sum(), 300 * 200, p)


def test_torchs_dropout2d_of_an_image_without_a_batch_drops_rows(torch):
    """It takes the image's C for N and its H for C, as this file's functions do, which say so."""
    torch.manual_seed(0)
    with pytest.warns(UserWarning, match=r"interpreted as shape \(N, C, L\)"):
        kept = torch.nn.functional.dropout2d(torch.ones(64, 8, 8), 0.5) > 0
    assert (kept.any(2) == kept.all(2)).all()                      # whole rows
    whole = (kept.any(2).any(1) == kept.all(2).all(1)).sum()       # chance of a whole map: 2/2^8
    assert whole < 8
    assert md.spatial_dropout_mask(0, (64, 8, 8), 0.5).shape == (64, 8, 1)


def test_a_matrix_passes_torchs_dropout1d_and_2d_and_is_refused_here(torch):
    with pytest.warns(UserWarning, match="deprecated"):
        torch.nn.functional.dropout2d(torch.ones(4, 8), 0.5)
    torch.manual_seed(0)
    rows = torch.nn.functional.dropout1d(torch.ones(64, 8), 0.5) > 0
    assert (rows.any(1) == rows.all(1)).all() and 0 < rows[:, 0].sum() < 64      # it takes (C, L)
    with pytest.raises(ValueError, match="shape"):
        md.spatial_dropout_mask(0, (4, 8), 0.5)


@rates
@ranks
def test_spatial_dropout_under_the_mask_of_keras(torch, keras, rng, rank, p):
    """Keras has its channels last unless asked, in one dimension always."""
    shape, order = SHAPES[rank], [0, *range(2, rank + 2), 1]
    named = {} if rank == 1 else {"data_format": "channels_last"}
    x, ones = rng.standard_normal(shape).astype("float32"), np.ones(shape, "float32")
    back = [0, rank + 1, *range(1, rank + 1)]

    def theirs(x):
        layer = getattr(keras.layers, f"SpatialDropout{rank}D")(p, seed=3, **named)
        return layer(torch.from_numpy(x.transpose(order)), training=True).numpy().transpose(back)

    mask = per_map(theirs(ones) > 0)
    assert_close(md.spatial_dropout(x, mask, p), theirs(x), CLOSE["float32"])


def test_keras_selects_so_that_a_dropped_infinity_is_0(torch, keras):
    x = np.full((40, 3, 3), np.inf, "float32")
    y2 = keras.layers.SpatialDropout1D(0.5, seed=3)(torch.from_numpy(x), training=True).numpy()
    assert set(np.unique(y2)) == {0, np.inf}
    with np.errstate(invalid="ignore"):
        y = md.spatial_dropout(x.swapaxes(1, 2), y2.swapaxes(1, 2)[..., :1] > 0, 0.5)
    np.testing.assert_array_equal(np.isnan(y.swapaxes(1, 2)), y2 == 0)


# --- alpha and feature alpha dropout --------------------------------------------------------------

@dtypes
@rates
@pytest.mark.parametrize("shape", [(50, 20), (6, 5, 4, 3)])
def test_alpha_dropout_under_the_mask_of_torch(torch, rng, shape, p, dtype):
    x, g = pair(rng, shape, dtype)
    y2, gradient2, mask = of_torch(
        torch, lambda x: torch.nn.functional.alpha_dropout(x, p, training=True), x, g)
    y, gradient = of_minidrop(lambda x: md.alpha_dropout(x, mask, p), x, g)
    assert_close(y, y2, CLOSE[dtype])
    assert_close(gradient, gradient2, CLOSE[dtype])
    assert 0 < mask.mean() < 1


@dtypes
@rates
@ranks
def test_feature_alpha_dropout_under_the_mask_of_torch(torch, rng, rank, p, dtype):
    x, g = pair(rng, SHAPES[rank], dtype)
    y2, gradient2, mask = of_torch(
        torch, lambda x: torch.nn.functional.feature_alpha_dropout(x, p, training=True), x, g)
    mask = per_map(mask)
    y, gradient = of_minidrop(lambda x: md.alpha_dropout(x, mask, p), x, g)
    assert_close(y, y2, CLOSE[dtype])
    assert_close(gradient, gradient2, CLOSE[dtype])


@pytest.mark.parametrize("name", ["AlphaDropout", "FeatureAlphaDropout"])
@pytest.mark.parametrize("p", [0.0, 1.0])
def test_alpha_dropout_at_both_ends(torch, rng, name, p):
    x, g = pair(rng, SHAPES[2], "float32")
    y2, gradient2, _ = of_torch(torch, getattr(torch.nn, name)(p), x, g)
    y, gradient = of_minidrop(getattr(md, name)(p).init(0), x, g)
    np.testing.assert_array_equal(y, y2)
    np.testing.assert_array_equal(gradient, gradient2)


def test_torchs_feature_alpha_dropout_takes_a_matrix_entry_by_entry(torch):
    torch.manual_seed(0)
    kept = torch.nn.functional.feature_alpha_dropout(torch.ones(40, 50), 0.5, training=True) > 0
    assert_rate(kept.sum(), 40 * 50, 0.5)
    assert (kept.any(1) != kept.all(1)).all()     # no row as a whole
    with pytest.raises(ValueError, match="shape"):
        md.FeatureAlphaDropout(0.5).init(0)(np.ones((40, 50)))


@rates
@pytest.mark.parametrize("noise_shape", [None, (None, None, 1, 1)], ids=["entries", "maps"])
def test_alpha_dropout_under_the_mask_of_keras(torch, keras, rng, p, noise_shape):
    x = rng.standard_normal(SHAPES[2]).astype("float32")

    def theirs(x):
        layer = keras.layers.AlphaDropout(p, noise_shape=noise_shape, seed=3)
        return layer(torch.from_numpy(x), training=True).numpy()

    mask = theirs(np.ones_like(x)) > 0
    mask = per_map(mask) if noise_shape else mask
    assert_close(md.alpha_dropout(x, mask, p), theirs(x), CLOSE["float32"])


def test_torchs_alpha_dropout_is_idle_unless_it_is_told_to_train(torch):
    x = torch.ones(256)
    assert torch.equal(torch.nn.functional.alpha_dropout(x, 0.5), x)
    assert not torch.equal(torch.nn.functional.alpha_dropout(x, 0.5, training=True), x)


def test_torch_and_keras_give_nan_for_an_infinity_that_alpha_dropout_drops(torch, keras):
    x = torch.full((256,), torch.inf)             # all kept or all dropped: probability 2^-255
    for y in (torch.nn.functional.alpha_dropout(x, 0.5, training=True),
              keras.layers.AlphaDropout(0.5, seed=3)(x, training=True)):
        assert y.isnan().any() and y.isinf().any() and not y.isfinite().any()


def test_keras_divides_by_zero_at_a_rate_of_1(torch, keras):
    for layer in (keras.layers.AlphaDropout(1.0), keras.layers.GaussianDropout(1.0)):
        with pytest.raises(ZeroDivisionError):
            layer(torch.ones(3), training=True)
    assert not md.AlphaDropout(1.0).init(0)(np.ones(3)).any()
    with pytest.raises(ValueError, match="p must be below 1"):
        md.GaussianDropout(1.0)


# --- Gaussian dropout -----------------------------------------------------------------------------

@pytest.mark.parametrize("p", [0.0, *RATES])
def test_gaussian_dropout_on_the_normal_numbers_of_keras(torch, keras, rng, p, monkeypatch):
    """Keras draws from N(mean, stddev): it is given our normal numbers, shifted and scaled so."""
    x, z = rng.standard_normal((2, 30, 40)).astype("float32")
    monkeypatch.setattr(keras.src.backend.random, "normal", lambda shape, mean, stddev, dtype, seed:
                        mean + stddev * torch.from_numpy(z).reshape(shape))
    y2 = keras.layers.GaussianDropout(p)(torch.from_numpy(x), training=True).numpy()
    y = md.gaussian_dropout(x, md.gaussian_noise(Replay(z), z.shape, p))
    assert_close(y, y2, CLOSE["float32"])


def test_keras_draws_gaussian_noise_in_the_layers_type(torch, keras):
    for dtype in ("float16", "float64"):
        y = keras.layers.GaussianDropout(0.5, dtype=dtype)(torch.ones(1000), training=True).numpy()
        assert y.dtype == dtype
        assert (y == y.astype("float32")).all() == (dtype == "float16")


def test_torch_has_no_gaussian_dropout(torch):
    names = [name.lower() for name in dir(torch.nn) if "drop" in name.lower()]
    assert "alphadropout" in names and not [name for name in names if "gauss" in name]


def test_gaussian_dropout_on_the_noise_of_keras(torch, keras, rng):
    x = rng.standard_normal((30, 40)).astype("float32")
    noise, y2 = (keras.layers.GaussianDropout(0.3, seed=3)(torch.from_numpy(x), training=True)
                 for x in (np.ones_like(x), x))
    np.testing.assert_array_equal(md.gaussian_dropout(x, noise.numpy()), y2.numpy())


# --- multi-sample dropout: the usual loop over nn.Dropout -----------------------------------------

@dtypes
@pytest.mark.parametrize("m", [1, 2, 8])
@pytest.mark.parametrize("reduce", ["losses", "logits"])
def test_losses_of_torchs_loop_over_dropout(torch, rng, m, reduce, dtype):
    """The usual code of PyTorch: the head m times behind nn.Dropout; its masks are handed over."""
    h, w, b = (rng.standard_normal(shape).astype(dtype) for shape in ((6, 5), (3, 5), (3,)))
    y, masks = rng.integers(0, 3, 6), []
    leaves = [torch.tensor(a, requires_grad=True) for a in (h, w, b)]
    dropout, target = torch.nn.Dropout(0.3), torch.from_numpy(y)

    def kept(layer, given, result):
        with torch.no_grad():
            masks.append(((result != 0) | (given[0] == 0)).numpy())

    dropout.register_forward_hook(kept)
    torch.manual_seed(0)
    z = [torch.nn.functional.linear(dropout(leaves[0]), *leaves[1:]) for _ in range(m)]
    theirs = (torch.nn.functional.cross_entropy(sum(z) / m, target) if reduce == "logits"
              else sum(torch.nn.functional.cross_entropy(each, target) for each in z) / m)
    theirs.backward()
    ours = [md.Tensor(a, requires_grad=True) for a in (h, w, b)]
    loss = md.multi_sample_loss(lambda x: md.linear(x, *ours[1:]), ours[0], y, np.stack(masks), 0.3,
                                reduce)
    assert_close(loss.data, theirs.detach().numpy(), CLOSE[dtype])
    for g, leaf in zip(md.grad(loss, ours), leaves, strict=True):
        assert_close(g, leaf.grad.numpy(), 4 * CLOSE[dtype])
