"""Attention and patches: by hand, as loops, as a convolution, and in a small transformer."""

import math

import numpy as np
import pytest

import minidrop as md
from minidrop import nn
from minidrop.check import all_masks, gradcheck
from minidrop.ops.attention import self_attention
from minidrop.xp import host


def drawn(xp, *shape, seed=0, dtype="float64"):
    return xp.asarray(np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype))


def softmax(row):
    e = [math.exp(v - max(row)) for v in row]
    return [v / sum(e) for v in e]


# --- attention -----------------------------------------------------------------------------------

def test_attention_1_in_loops(xp):
    q, k, v = drawn(xp, 3, 4), drawn(xp, 5, 4, seed=1), drawn(xp, 5, 2, seed=2)
    due = []
    for query in host(q):
        weights = softmax([float(query @ key) / math.sqrt(4) for key in host(k)])
        due.append(sum(weight * value for weight, value in zip(weights, host(v), strict=True)))
    np.testing.assert_allclose(host(md.attention(q, k, v)), due, rtol=1e-12)


def test_attention_1_of_one_token_is_its_value_and_of_equal_keys_the_mean(xp):
    q, v = drawn(xp, 2, 3, 4), drawn(xp, 2, 1, 5, seed=1)
    one = md.attention(q, drawn(xp, 2, 1, 4, seed=2), v)
    np.testing.assert_allclose(host(one), np.broadcast_to(host(v), (2, 3, 5)), rtol=1e-15)
    v = drawn(xp, 2, 6, 5, seed=3)
    mean = md.attention(q, xp.ones((2, 6, 4)), v)
    np.testing.assert_allclose(host(mean), np.repeat(host(v).mean(1, keepdims=True), 3, 1),
                               rtol=1e-12, atol=1e-15)


def test_attention_of_huge_scores_picks_the_largest(xp):
    q, k = xp.asarray([[1e3]], dtype="float32"), xp.asarray([[-1e30], [1e30]], dtype="float32")
    v = xp.asarray([[1.0], [2.0]], dtype="float32")
    assert host(md.attention(q, k, v)).tolist() == [[2.0]]


@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
def test_attention_differentiates_twice(lead, xp):
    gradcheck(md.attention, drawn(xp, *lead, 3, 4), drawn(xp, *lead, 5, 4, seed=1),
              drawn(xp, *lead, 5, 2, seed=2), order=2)


def test_attention_follows_a_permutation_of_the_keys_and_of_the_queries(xp):
    q, k, v = (drawn(xp, 6, 4, seed=i) for i in range(3))
    order, y = xp.asarray([3, 1, 5, 0, 4, 2]), md.attention(q, k, v)
    np.testing.assert_allclose(host(md.attention(q, k[order], v[order])), host(y), rtol=1e-12)
    np.testing.assert_allclose(host(md.attention(q[order], k, v)), host(y[order]), rtol=1e-12)


def test_attention_weights_are_shares_and_weigh_the_values(xp):
    q, k, v = drawn(xp, 2, 3, 4), drawn(xp, 2, 5, 4, seed=1), drawn(xp, 2, 5, 6, seed=2)
    weights = host(md.attention_weights(q, k))
    assert weights.shape == (2, 3, 5) and weights.min() > 0
    np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-15)
    np.testing.assert_array_equal(host(md.attention(q, k, v)), weights @ host(v))
    gradcheck(md.attention_weights, q, k, order=2)


# --- heads ---------------------------------------------------------------------------------------

def test_attention_2_every_head_attends_on_its_own(xp, backend):
    layer, x = nn.MultiHeadAttention(6, heads=2).init(0).astype("float64"), drawn(xp, 2, 5, 6)
    layer.in_proj_bias.data += np.arange(18)
    maps, shifts = layer.in_proj_weight.data.reshape(3, 2, 3, 6), np.arange(18).reshape(3, 2, 3)
    heads = [md.attention(*(host(x) @ maps[part, i].T + shifts[part, i] for part in range(3)))
             for i in range(2)]
    due = md.linear(np.concatenate(heads, -1), layer.out_proj.weight.data)
    np.testing.assert_allclose(host(layer.to(backend)(x).data), due, rtol=1e-12)


def test_heads_start_as_in_glorot_and_bengio_with_biases_at_zero():
    layer = nn.MultiHeadAttention(64, 4).init(0)
    w, bound = layer.in_proj_weight.data, math.sqrt(6 / (64 + 192))
    assert w.dtype == "float32" and 0.999 * bound < abs(w).max() <= bound
    assert not layer.in_proj_bias.data.any() and not layer.out_proj.bias.data.any()
    assert list(layer.state_dict()) == ["in_proj_weight", "in_proj_bias", "out_proj.weight",
                                        "out_proj.bias"]


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_dropout_of_attention_weights_keeps_the_mean_exactly(p, xp, backend):
    """Over all masks of one head, two tokens; rows no longer sum to 1, but on average they do."""
    layer, x = nn.MultiHeadAttention(4, heads=1).init(0).astype("float64"), drawn(xp, 1, 2, 4)
    layer.to(backend)
    due, mean = host(layer(x).data), 0
    layer.drop = md.Dropout(p)
    for mask in all_masks(4):
        kept = xp.asarray(host(mask).reshape(1, 1, 2, 2))
        layer.drop.sample = lambda shape, kept=kept: kept
        chance = (1 - p) ** int(mask.sum()) * p ** int((~mask).sum())
        mean = mean + chance * host(layer(x).data)
    np.testing.assert_allclose(mean, due, rtol=1e-12)


def test_every_head_of_every_example_has_a_mask_of_its_own(xp, backend):
    layer, x = nn.MultiHeadAttention(6, heads=2), xp.asarray(md.gaussian(1, (3, 20, 6)))
    md.models.place(layer, "drop", md.Dropout(0.5)).init(0).to(backend)(x)
    masks = host(layer.drop.noise).reshape(6, -1)             # each pair is equal with 2^-400
    assert layer.drop.noise.shape == (3, 2, 20, 20) and len({mask.tobytes() for mask in masks}) == 6


SIZES = [(2, 3, 2, 4), (1, 1, 1, 1), (3, 5, 4, 1), (7, 2, 3, 2)]        # N, T, heads, d


@pytest.mark.parametrize("n, t, heads, d", SIZES)
@pytest.mark.parametrize("order, size", [("C", 1), ("F", 1), ("C", 12)])    # 12: larger than SAFE
def test_attention_1_of_all_heads_at_once_is_its_composite(n, t, heads, d, order, size, xp):
    packed = xp.asarray(np.asarray(size * host(drawn(xp, n, t, 3 * heads * d)), order=order))
    g, found = drawn(xp, n, t, heads * d, seed=1), []
    for f in (self_attention, self_attention.twin):
        leaf = md.Tensor(packed, requires_grad=True)
        y = f(leaf, heads=heads)
        found.append((host(y.data), host(md.grad(y, leaf, g=g))))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-14 * size**4)


def test_heads_at_once_pick_the_largest_of_huge_scores(xp):
    packed = xp.asarray([[[1e3, 1e30, 5.0], [1e3, -1e30, 7.0]]], dtype="float32")
    y = self_attention(packed, heads=1)
    assert host(y).tolist() == [[[5.0], [5.0]]] and y.dtype == "float32"
    assert [kept.dtype for kept in self_attention.forward(packed, heads=1)] == ["float32"] * 2


def test_heads_at_once_do_not_overflow_in_float16_however_long_a_row_is(xp):
    packed = xp.full((1, 300, 24), 1.38, dtype="float16")     # equal scores of 5.4, and e^5.4 = 220
    np.testing.assert_allclose(host(self_attention(packed, heads=1)), 1.38, rtol=1e-2)


def test_heads_at_once_give_the_same_bits_on_any_number_of_threads(monkeypatch):
    """Also beside an image whose scores are so large that one is taken off them, with its piece."""
    packed, found = md.gaussian(0, (44, 65, 3 * 6 * 8)), set()
    packed[23] *= 9
    for threads in (1, 2, 3, 4):
        monkeypatch.setattr("minidrop.xp.threads", lambda threads=threads: threads)
        leaf = md.Tensor(packed, requires_grad=True)
        y = self_attention(leaf, heads=6)
        found.add(y.data.tobytes() + md.grad(y.sum(), leaf).tobytes())
    assert len(found) == 1


def test_an_empty_place_takes_all_heads_at_once_and_a_full_one_their_weights(monkeypatch):
    layer, x = nn.MultiHeadAttention(6, heads=2).init(0), drawn(np, 2, 5, 6, dtype="float32")
    due = layer(x).data
    layer.drop = md.Dropout(0.0).init(0)
    monkeypatch.setattr("minidrop.nn.attention.self_attention", None)
    np.testing.assert_allclose(layer(x).data, due, rtol=1e-6, atol=1e-7)
    assert layer.drop.noise.shape == (2, 2, 5, 5)


def test_dropout_as_the_papers_scale_it_weighs_the_weights_in_evaluation(xp, backend):
    layer, x = nn.MultiHeadAttention(6, heads=2).init(0).to(backend).eval(), drawn(xp, 2, 5, 6)
    whole = layer(x).data
    layer.drop = md.Dropout(0.25, "paper").eval()
    np.testing.assert_allclose(host(layer(x).data), 0.75 * host(whole), rtol=1e-5, atol=1e-7)


# --- patches -------------------------------------------------------------------------------------

@pytest.mark.parametrize("size", [1, 2, (2, 3), (4, 6)])
def test_attention_3_patches_embedded_are_a_convolution_with_their_stride(size, xp, backend):
    x = drawn(xp, 2, 3, 4, 6)
    layer = nn.PatchEmbedding(3, 5, size).init(0).to(backend).astype("float64")
    due = md.conv2d(x, layer.weight.data, layer.bias.data, stride=size)
    tokens = host(layer(x).data)
    np.testing.assert_allclose(tokens, host(due).reshape(2, 5, -1).swapaxes(1, 2), rtol=1e-12,
                               atol=1e-14)


def test_patches_are_the_windows_row_by_row(xp):
    x = drawn(xp, 2, 3, 4, 6)
    found = host(md.patches(x, (2, 3)))
    for t, (i, j) in enumerate([(0, 0), (0, 3), (2, 0), (2, 3)]):
        np.testing.assert_array_equal(found[:, t], host(x)[:, :, i:i + 2, j:j + 3].reshape(2, -1))


class Transformer(md.Module):
    """One block before the classifier: enough to learn where a bright patch lies."""

    def __init__(self):
        self.embed = nn.PatchEmbedding(1, 16, 2)
        self.attend = nn.MultiHeadAttention(16, 4)
        self.mix = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        self.classify = nn.Linear(4 * 16, 4)

    def forward(self, x):
        tokens = self.embed(x)
        tokens = tokens + self.attend(tokens)
        tokens = tokens + self.mix(tokens)
        return self.classify(tokens.reshape(x.shape[0], -1))


def test_a_small_transformer_learns():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 64)
    x = 0.5 * rng.standard_normal((64, 1, 4, 4)).astype("float32")
    x.reshape(64, 2, 2, 2, 2)[np.arange(64), y // 2, :, y % 2] += 1
    net = Transformer().init(0)
    before = md.evaluate(net, (x, y)).loss
    md.fit(net, md.optim.AdamW(3e-3), (x, y), epochs=8, batch_size=16, progress=False)
    after = md.evaluate(net, (x, y))
    assert before > 1.2 and after.loss < 0.4 and after.accuracy > 0.95


# --- positions -----------------------------------------------------------------------------------

def test_a_position_is_added_and_a_token_put_first(xp, backend):
    x = drawn(xp, 3, 4, 5)
    plain = nn.PositionEmbedding(4, 5, class_token=False).init(0).to(backend).astype("float64")
    np.testing.assert_array_equal(host(plain(x).data), host(x) + host(plain.weight.data))
    layer = nn.PositionEmbedding(4, 5).init(0).to(backend).astype("float64")
    token, weight = (host(w.data) for w in layer.parameters())
    assert token.shape == (5,) and weight.shape == (5, 5) and abs(weight).max() < 0.14
    y = host(layer(x).data)
    np.testing.assert_array_equal(y[:, 1:], host(x) + weight[1:])
    np.testing.assert_array_equal(y[:, 0], np.broadcast_to(token + weight[0], (3, 5)))
    leaf, g = md.Tensor(x, requires_grad=True), drawn(xp, 3, 5, 5, seed=1)
    layer(leaf).backward(g)
    np.testing.assert_array_equal(host(leaf.grad), host(g)[:, 1:])
    np.testing.assert_allclose(host(layer.weight.grad), host(g).sum(0), rtol=1e-12)
    np.testing.assert_allclose(host(layer.token.grad), host(g)[:, 0].sum(0), rtol=1e-12)


def test_the_first_token_and_the_mean(xp):
    x = drawn(xp, 3, 4, 5)
    np.testing.assert_array_equal(host(nn.FirstToken()(x)), host(x)[:, 0])
    np.testing.assert_allclose(host(nn.MeanToken()(x)), host(x).mean(1), rtol=1e-15)


# --- bad input -----------------------------------------------------------------------------------

ONE, TWO = np.ones((1, 3, 4)), np.ones((2, 3, 4))


@pytest.mark.parametrize("use, message", [
    (lambda: md.attention(ONE, TWO, TWO), r"q and k must have shapes .*got \(1, 3, 4\) and"),
    (lambda: md.attention(ONE, ONE[..., :2], ONE), "q and k must have shapes"),
    (lambda: md.attention(ONE, ONE[:, :2], ONE), "k and v must have shapes"),
    (lambda: md.attention(ONE, ONE, TWO), r"k and v must have shapes .*got \(1, 3, 4\) and \(2"),
    (lambda: md.attention(ONE[0, 0], ONE, ONE), r"q must have shape \(..., tokens, width\)"),
    (lambda: md.attention(ONE, ONE[:, :0], ONE[:, :0]), "k must have shape .*not empty"),
    (lambda: md.patches(np.ones((1, 1, 4, 5)), 2), r"multiples of the size \(2, 2\), got"),
    (lambda: md.patches(ONE, 2), r"x must have shape \(N, C, H, W\)"),
    (lambda: nn.MultiHeadAttention(6, 4), "heads must divide the width 6, got 4"),
    (lambda: nn.MultiHeadAttention(4, 2).init(0)(ONE[0]), r"x must have shape \(N, T, 4\)"),
    (lambda: nn.PatchEmbedding(3, 4, 2).init(0)(np.ones((1, 1, 4, 4))),
     r"x must have shape \(N, 3, H, W\)"),
    (lambda: nn.PatchEmbedding(1, 4, 2, (4, 6)).init(0)(np.ones((1, 1, 6, 4))),
     "x must be images of 4 x 6, got 6 x 4"),
    (lambda: nn.PatchEmbedding(1, 4, 2, 4).init(0)(ONE), r"x must have shape \(N, C, H, W\)"),
    (lambda: nn.PositionEmbedding(4, 6).init(0)(np.ones((1, 9, 6))),
     r"x must have shape \(N, 4, 6\), got \(1, 9, 6\)"),
    (lambda: nn.PatchEmbedding(3, 4, 2).init(0)(ONE), r"x must have shape \(N, C, H, W\)"),
])
def test_a_mistake_is_named(use, message):
    with pytest.raises(ValueError, match=message):
        use()


@pytest.mark.parametrize("layer, shape", [
    (nn.PatchEmbedding(3, 4, 2), (1, 3, 4, 4)), (nn.PositionEmbedding(3, 4), (1, 3, 4)),
    (nn.TokenLinear(3, 2), (1, 3, 4)), (nn.MultiHeadAttention(4, 2), (1, 3, 4)),
    (nn.FirstToken(), (1, 3, 4)), (nn.MeanToken(), (1, 3, 4))])
def test_what_is_no_array_of_floats_is_named(layer, shape):
    layer.init(0)
    with pytest.raises(TypeError, match="x must hold floats, got int64"):
        layer(np.ones(shape, "int64"))
    with pytest.raises(TypeError, match="x must be a NumPy or CuPy array or a Tensor, got list"):
        layer(np.ones(shape).tolist())
