"""units/multi_sample: every equation, exactly, and every sentence of "Differs"."""

import itertools
import math
from functools import partial

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop.check import Forbid, Record, all_masks, exact_moments, gradcheck
from minidrop.functional import flip_and_shift, softmax
from minidrop.tape import REGISTRY
from minidrop.xp import host
from tests.samplers import assert_fresh, assert_independent, assert_rate

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def keeps(p, *shape, seed=0):
    return np.random.default_rng([seed, *shape]).random(shape) >= p


def whole(low, high, *shape):
    return np.random.default_rng(shape).integers(low, high, shape)


H, W, B = normal(5, 4), normal(3, 4), normal(3)
Y, M, P = np.array([0, 2, 1, 1, 0]), 6, 0.3
MASKS = keeps(P, M, 5, 4)
SOFT = softmax(normal(5, 3))
X, MAPS = normal(5, 6), normal(2, 3, 4, 5)        # MAPS are (N, C, H, W)


def leaves(xp, *arrays):
    return [md.Tensor(xp.asarray(array), requires_grad=True) for array in arrays]


def labels(xp, y=Y):
    return xp.asarray(y)


def names_on_graph(y):
    """The primitives behind a Tensor, one for each node."""
    found, seen, left = [], set(), [y.node]
    while left:
        node = left.pop()
        if hasattr(node, "primitive") and node not in seen:
            seen.add(node)
            found.append(node.primitive.name)
            left.extend(node.parents)
    return sorted(found)


def linear_head(w, b):
    return lambda x: md.linear(x, w, b)


# --- (multi_sample.1): the draw -------------------------------------------------------------------

@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 1.0])
def test_multi_sample_1_is_one_bernoulli_draw_of_all_samples(xp, backend, p):
    rng = Record(md.Stream(5, "a", backend))
    masks = md.multi_sample_masks(rng, (2, 3, 4), p, 7)
    assert [(name, args) for name, args, _ in rng.draws] == [("bernoulli", (1 - p, (7, 2, 3, 4)))]
    assert masks.dtype == bool and masks.shape == (7, 2, 3, 4)
    assert_array_equal(host(masks), md.Stream(5, "a").bits(masks.shape) < (1 - p) * 2.0**32)


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_multi_sample_1_has_its_rate_and_is_independent_over_samples_examples_and_units(p):
    # 64 * 50 * 32 independent draws; each check fails for a right sampler with at most 1e-9
    stream = md.Stream(1, f"{p}")
    masks, again = (md.multi_sample_masks(stream, (50, 32), p, 64) for _ in range(2))
    assert_rate((~masks).sum(), masks.size, p)
    for axis in range(3):
        assert_independent(masks, axis, p)
    assert_fresh(masks, again, 1 - p)


# --- (multi_sample.2) to (multi_sample.4): samples, head, mean of the losses ----------------------

@PROPERTY
@given(m=st.integers(1, 4), n=st.integers(1, 4), d=st.integers(1, 5), p=st.floats(0, 0.9),
       seed=st.integers(0, 999))
def test_multi_sample_2_is_dropout_in_loops(xp, backend, m, n, d, p, seed):
    h = np.random.default_rng(seed).normal(size=(n, d))
    masks = md.multi_sample_masks(md.Stream(seed, "", backend), h.shape, p, m)
    due = np.zeros((m, n, d))
    for k, i, j in np.ndindex(due.shape):
        due[k, i, j] = h[i, j] / (1 - p) if host(masks)[k, i, j] else 0.0
    assert_allclose(host(md.multi_sample(xp.asarray(h), masks, p)), due, rtol=1e-15, atol=0)


def test_multi_sample_2_at_both_ends(xp):
    h, masks = xp.asarray(H), xp.asarray(MASKS)
    assert_array_equal(host(md.multi_sample(h, xp.ones((2, 5, 4), bool), 0.0)), np.stack([H, H]))
    t = md.Tensor(h, requires_grad=True)
    zeros = md.multi_sample(t, masks, 1.0)
    assert not host(zeros.data).any() and not host(md.grad(zeros.sum(), t)).any()


def test_multi_sample_2_takes_a_mask_for_each_map(xp):
    masks = keeps(0.5, 4, 2, 3, 1, 1)
    x = host(md.multi_sample(xp.asarray(MAPS), xp.asarray(masks), 0.5))
    assert_array_equal(x, MAPS * masks * 2.0)


def test_multi_sample_3_calls_the_head_once_with_row_k_n_plus_n(xp):
    seen = []

    def head(x):
        seen.append(host(x))
        return x

    z = md.multi_sample_loss(head, xp.asarray(H), labels(xp), xp.asarray(MASKS), P,
                             loss=lambda z, y: (host(z), host(y)))
    assert [x.shape for x in seen] == [(M * 5, 4)]
    for k, n in itertools.product(range(M), range(5)):
        assert_array_equal(z[0][k * 5 + n], host(md.dropout(H[n], MASKS[k, n], P)))
        assert z[1][k * 5 + n] == Y[n]


def test_multi_sample_3_dropout_within_the_head_draws_anew_for_every_sample(xp, backend):
    """Dropout "of 35 %": 40 % in front of the head, 30 % between its layers."""
    inner, n, m = md.Dropout(0.3), 200, 8
    head = md.nn.Sequential(md.nn.Linear(4, 16), inner, md.nn.Linear(16, 3))
    layer = md.MultiSampleDropout(head, 0.4, m).init(0).to(backend)
    inner.rng = Record(inner.rng)
    layer(xp.asarray(md.gaussian(1, (n, 4))))
    [(_, args, mask)] = inner.rng.draws
    assert args == (0.7, (m * n, 16))
    outer, inner = host(layer.noise), host(mask).reshape(m, n, 16)
    for drawn, p in ((outer, 0.4), (inner, 0.3)):         # 6,400 and 25,600 independent draws
        assert_rate((~drawn).sum(), drawn.size, p)
        for axis in range(3):
            assert_independent(drawn, axis, p)


def test_multi_sample_3_batch_norm_in_the_head_sees_the_rows_of_all_samples(xp, backend):
    head = md.nn.Sequential(norm=md.BatchNorm(4)).init(0).astype("float64").to(backend)
    x = md.dropout(np.broadcast_to(H, MASKS.shape), MASKS, P)
    md.multi_sample_loss(head, xp.asarray(H), xp.asarray(H), xp.asarray(MASKS), P, loss=md.mse_loss)
    rows = x.reshape(-1, 4)
    assert_allclose(host(head.norm.running_mean), 0.1 * rows.mean(0), rtol=1e-12)
    assert_allclose(host(head.norm.running_var), 0.9 + 0.1 * rows.var(0, ddof=1), rtol=1e-12)
    for part in x:                                # a loop over samples: other rows, other numbers
        z = host(head(xp.asarray(part)).data)
        assert_allclose(z.mean(0), 0, atol=1e-12)
    assert abs(host(head.norm.running_mean) - 0.1 * rows.mean(0)).max() > 0.01


@pytest.mark.parametrize("y", [Y, SOFT], ids=["labels", "probabilities"])
def test_multi_sample_4_is_the_mean_of_m_passes(xp, y):
    w, b = leaves(xp, W, B)
    h, y = xp.asarray(H), xp.asarray(y)
    each = [md.cross_entropy(md.linear(md.dropout(h, xp.asarray(mask), P), w, b), y)
            for mask in MASKS]
    loop = sum(each) / M
    once = md.multi_sample_loss(linear_head(w, b), h, y, xp.asarray(MASKS), P)
    assert_allclose(host(once.data), host(loop.data), rtol=1e-13)
    for g, due in zip(md.grad(once, [w, b]), md.grad(loop, [w, b]), strict=True):
        assert_allclose(host(g), host(due), rtol=1e-11, atol=1e-15)


def test_multi_sample_4_the_numbers_of_one_small_case(xp):
    h, y = xp.asarray(np.array([[2.0, 1.0]])), xp.asarray(np.array([0]))
    masks = xp.asarray(np.array([[[True, True]], [[True, False]]]))
    loss = partial(md.multi_sample_loss, lambda x: x, h, y)
    found = [loss(masks[:1], 0.5), loss(masks[1:], 0.5), loss(masks, 0.5),
             loss(masks, 0.5, reduce="logits")]
    assert [round(float(v), 6) for v in found] == [.126928, .018150, .072539, .048587]
    due = [math.log1p(math.exp(-gap)) for gap in (2, 4)]
    assert_allclose(list(map(float, found)),
                    [*due, sum(due) / 2, math.log1p(math.exp(-3))], rtol=1e-12)


def test_multi_sample_4_takes_any_loss_that_is_a_mean_and_smooth_labels(xp):
    h, masks, target = xp.asarray(H), xp.asarray(MASKS), xp.asarray(normal(5, 4))
    found = md.multi_sample_loss(lambda x: x, h, target, masks, P, loss=md.mse_loss)
    assert_allclose(float(found), ((H * MASKS / (1 - P) - host(target))**2).mean(), rtol=1e-12)
    smooth = partial(md.cross_entropy, label_smoothing=0.2)
    z = host(md.multi_sample(h, masks, P))[..., :3]
    due = np.mean([float(smooth(part, Y)) for part in z])
    found = partial(md.multi_sample_cross_entropy, target=labels(xp), label_smoothing=0.2)
    assert_allclose(float(found(xp.asarray(z))), due, rtol=1e-12)
    assert_allclose(float(found(xp.asarray(z[0]))), float(smooth(z[0], Y)), rtol=1e-12)


# --- (multi_sample.5): plain dropout on the batch repeated m times --------------------------------

def network(backend, middle):
    """A body with some layer in its middle, and a head: float64."""
    body = md.nn.Sequential(md.nn.Linear(6, 4), middle=middle(), act=md.nn.Tanh())
    net = md.nn.Sequential(body=body, out=md.nn.Linear(4, 3))
    return net.init(0).astype("float64").to(backend)


def both(xp, backend, middle=md.nn.Identity, noise=(None, None)):
    """(loss, gradients, middle) of multi-sample dropout and of the repeated batch, same masks."""
    results = []
    for repeated, mask in zip((False, True), noise, strict=True):
        net, masks, y, x = network(backend, middle), xp.asarray(MASKS), labels(xp), xp.asarray(X)
        if mask is not None:
            net.body.middle.rng = md.Replay(xp.asarray(mask))
        if repeated:
            h, y = net.body(xp.concatenate([x] * M)), xp.concatenate([y] * M)
            loss = md.cross_entropy(net.out(md.dropout(h, masks.reshape(M * 5, 4), P)), y)
        else:
            loss = md.multi_sample_loss(net.out, net.body(x), y, masks, P)
        grads = [host(g) for g in md.grad(loss, net.parameters())]
        results.append((float(loss), grads, net.body.middle))
    return results


def test_multi_sample_5_equals_dropout_on_the_repeated_batch_loss_and_gradients(xp, backend):
    (loss, grads, _), (due, due_grads, _) = both(xp, backend)
    assert abs(loss - due) < 1e-12
    assert len(grads) == 4 and all(abs(g).max() > 1e-3 for g in grads)
    for g, other in zip(grads, due_grads, strict=True):
        assert_allclose(g, other, atol=1e-12)


def test_multi_sample_5_is_m_times_less_work_in_the_body():
    rows = []

    class Count(md.Module):
        def forward(self, x):
            rows.append(len(x))
            return x

    both(np, "numpy", Count)
    assert rows == [5, M * 5]


def test_multi_sample_5_holds_no_more_behind_a_body_with_dropout(xp, backend):
    noise = partial(md.Dropout, 0.5)
    (loss, _, one), (due, _, other) = both(xp, backend, noise)
    assert abs(loss - due) > 1e-3
    assert one.noise.shape == (5, 4) and other.noise.shape == (M * 5, 4)
    mask = keeps(0.5, 5, 4)                       # with the one mask of the body for all samples
    (loss, grads, _), (due, due_grads, _) = both(xp, backend, noise,
                                                 (mask, np.concatenate([mask] * M)))
    assert abs(loss - due) < 1e-12                # it holds again
    for g, due_g in zip(grads, due_grads, strict=True):
        assert_allclose(g, due_g, atol=1e-12)


def test_multi_sample_5_behind_batch_norm_all_but_the_running_variance_is_equal(xp, backend):
    (loss, grads, one), (due, due_grads, other) = both(xp, backend, partial(md.BatchNorm, 4))
    assert abs(loss - due) < 1e-12
    for g, due_g in zip(grads, due_grads, strict=True):
        assert_allclose(g, due_g, atol=1e-12)
    assert_allclose(host(one.running_mean), host(other.running_mean), atol=1e-12)
    added, others = (host(norm.running_var) - 0.9 for norm in (one, other))
    assert_allclose(others, added * M * 4 / (M * 5 - 1), rtol=1e-12)
    assert abs(others - added).min() > 1e-3


# --- (multi_sample.6): what flows back ------------------------------------------------------------

def test_multi_sample_6_by_hand(xp):
    h, w, b = leaves(xp, H, W, B)
    loss = md.multi_sample_loss(linear_head(w, b), h, labels(xp), xp.asarray(MASKS), P)
    dh, dw, db = map(host, md.grad(loss, [h, w, b]))
    q, n = 1 - P, len(H)
    dh_due, dw_due, db_due = np.zeros_like(H), np.zeros_like(W), np.zeros_like(B)
    for k, i in itertools.product(range(M), range(n)):
        hk = MASKS[k, i] * H[i] / q
        delta = softmax(W @ hk + B) - np.eye(3)[Y[i]]
        dh_due[i] += MASKS[k, i] / q * (W.T @ delta) / (M * n)
        dw_due += np.outer(delta, hk) / (M * n)
        db_due += delta / (M * n)
    for found, due in ((dh, dh_due), (dw, dw_due), (db, db_due)):
        assert_allclose(found, due, atol=1e-14)


@pytest.mark.parametrize("reduce", ["losses", "logits"])
def test_multi_sample_4_and_8_gradients_for_given_noise_to_second_order(xp, reduce):
    y, masks = labels(xp), xp.asarray(MASKS[:2])

    def loss(h, w, b):
        return md.multi_sample_loss(linear_head(w, b), h, y, masks, P, reduce)

    assert gradcheck(loss, *map(xp.asarray, (H, W, B)), order=2) < 1e-6

    def soft(h, target):
        return md.multi_sample_loss(lambda x: x[:, :3], h, softmax(target), masks, P, reduce)

    assert gradcheck(soft, xp.asarray(H), xp.asarray(SOFT)) < 1e-6


# --- (multi_sample.7): the variance of the gradient -----------------------------------------------

ONE, TARGET = np.array([[0.7, -1.3]]), np.array([1])          # one example


def gradient(masks, p, reduce="losses"):
    """d loss / d W of a tiny head for masks (m, 1, 2)."""
    w = md.Tensor(W[:, :2], requires_grad=True)
    loss = md.multi_sample_loss(lambda x: md.linear(x, w), ONE, TARGET, masks, p, reduce)
    return md.grad(loss, w)


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_multi_sample_7_mean_and_variance_over_all_masks(p):
    """Of 2^(2m) masks, m = 1 to 4: the mean stays, the variance is 1/m of that of one sample."""
    mean, variance = exact_moments(partial(gradient, p=p), (1, 1, 2), p)
    assert variance.min() > 1e-5 and variance.max() > 0.1
    slope = []
    for m in range(2, 5):
        same, less = exact_moments(partial(gradient, p=p), (m, 1, 2), p)
        assert_allclose(same, mean, atol=1e-12)
        assert_allclose(less, variance / m, atol=1e-12)
        slope.append(np.log(less.sum() / variance.sum()) / np.log(m))
    assert_allclose(slope, -1, atol=1e-10)


def test_multi_sample_7_of_averaged_logits_has_another_mean():
    mean, _ = exact_moments(partial(gradient, p=0.5), (1, 1, 2), 0.5)
    other, _ = exact_moments(partial(gradient, p=0.5, reduce="logits"), (2, 1, 2), 0.5)
    assert abs(mean - other).max() > 0.01


def test_multi_sample_7_drawn_gradients_fall_with_the_slope_minus_one():
    # 1,600 draws for each m: the variance of a sum over 64 of them is known to 4 %, and the slope
    # over six doublings to 0.01; 0.06 is six times that
    stream, counts, n = md.Stream(0, "slope"), [1, 2, 4, 8, 16, 32, 64], 1600
    spread = []
    for m in counts:
        masks = md.multi_sample_masks(stream, (n, 4), 0.5, m)     # every example a draw of its own
        w = md.Tensor(np.broadcast_to(W, (n, 3, 4)), requires_grad=True)

        def head(x, w=w, m=m):
            return (x.reshape(m, n, 1, 4) * w).sum(-1).reshape(m * n, 3)

        loss = md.multi_sample_loss(head, np.broadcast_to(H[:1], (n, 4)), np.zeros(n, int), masks,
                                    0.5)
        spread.append((n * md.grad(loss, w)).var(0).sum())
    slope = np.polyfit(np.log(counts), np.log(spread), 1)[0]
    assert abs(slope + 1) < 0.06


# --- (multi_sample.8) to (multi_sample.10): averaging logits is another objective -----------------

def test_multi_sample_8_is_not_the_mean_of_the_losses(xp):
    z, y = xp.asarray(normal(M, 5, 3)), labels(xp)
    found = md.multi_sample_cross_entropy(z, y, reduce="logits")
    assert_allclose(float(found), float(md.cross_entropy(z.mean(0), y)), rtol=1e-14)
    assert float(found) < float(md.multi_sample_cross_entropy(z, y)) - 0.05


def test_multi_sample_9_over_all_masks_of_a_tiny_head(xp):
    """m = 2 samples of 3 units: all 64 pairs of masks, every class; equal for equal masks alone."""
    w, h, tried = xp.asarray(W[:, :3]), xp.asarray(H[:1, :3]), 0
    for masks, target in itertools.product(all_masks(6).reshape(-1, 2, 1, 3), range(3)):
        loss = partial(md.multi_sample_loss, lambda x: x @ w.T, h, xp.asarray(np.array([target])),
                       xp.asarray(masks), 0.5)
        mean, logits = float(loss()), float(loss(reduce="logits"))
        same = (masks[0] == masks[1]).all()
        assert abs(mean - logits) < 1e-12 if same else logits < mean - 1e-12
        tried += 1
    assert tried == 192


def test_multi_sample_10_the_softmax_of_the_mean_and_the_mean_of_the_softmax(xp):
    [z] = leaves(xp, normal(M, 5, 3))
    target = np.eye(3)[Y]
    for reduce, p in (("losses", softmax(host(z.data))), ("logits", softmax(host(z.data).mean(0)))):
        g = host(md.grad(md.multi_sample_cross_entropy(z, labels(xp), reduce), z))
        assert_allclose(g, np.broadcast_to((p - target) / (M * 5), g.shape), atol=1e-15)


def test_multi_sample_4_summed_losses_multiply_the_learning_rate(xp):
    """One step of SGD on the sum of m losses is one step on their mean with m times the rate."""
    moved = []
    for summed, lr in ((True, 0.1), (False, 0.1 * M), (False, 0.1)):
        net = md.nn.Linear(4, 3).init(0).astype("float64").to(
            "numpy" if xp is np else "cupy")
        loss = md.multi_sample_loss(net, xp.asarray(H), labels(xp), xp.asarray(MASKS), P)
        (loss * M if summed else loss).backward()
        md.optim.SGD(lr).step(net)
        moved.append(host(net.weight.data))
    assert_allclose(moved[0], moved[1], atol=1e-12)
    assert abs(moved[0] - moved[2]).max() > 0.01


def test_multi_sample_4_other_rates_are_a_mean_of_calls(xp):
    rates, w = (0.2, 0.3, 0.4), xp.asarray(W)
    masks = [md.multi_sample_masks(1, H.shape, p, 1) for p in rates]
    loss = partial(md.multi_sample_loss, lambda x: x @ w.T, xp.asarray(H), labels(xp))
    mean = sum(loss(xp.asarray(mask), p) for mask, p in zip(masks, rates, strict=True)) / 3
    each = [md.cross_entropy((H * mask[0] / (1 - p)) @ W.T, Y)
            for mask, p in zip(masks, rates, strict=True)]
    assert_allclose(float(mean), np.mean(each), rtol=1e-12)
    one_rate = loss(xp.asarray(np.concatenate(masks)), 0.3)
    assert abs(float(mean) - float(one_rate)) > 1e-3


# --- no new primitive, no loop --------------------------------------------------------------------

def test_multi_sample_4_is_made_of_the_primitives_of_plain_dropout_and_of_reshaping():
    h, w, b = leaves(np, H, W, B)
    plain = md.cross_entropy(md.linear(md.dropout(h, MASKS[0], P), w, b), Y)
    found = {m: names_on_graph(md.multi_sample_loss(
        linear_head(w, b), h, Y, keeps(P, m, 5, 4), P)) for m in (2, 64)}
    assert found[2] == found[64]                  # no loop over the samples
    assert set(found[2]) - set(names_on_graph(plain)) == {"broadcast_to", "reshape"}
    assert all(p.forward.__module__.startswith("minidrop.ops.") for name, p in REGISTRY.items()
               if p.forward.__module__.startswith("minidrop."))


# --- (multi_sample.11) to (multi_sample.13): flips and shifts -------------------------------------

@PROPERTY
@given(n=st.integers(1, 3), c=st.integers(1, 2), height=st.integers(1, 5), width=st.integers(1, 5),
       seed=st.integers(0, 999), tensor=st.booleans())
def test_multi_sample_13_in_loops(xp, n, c, height, width, seed, tensor):
    rng, m = np.random.default_rng(seed), 3
    h, masks = rng.normal(size=(n, c, height, width)), rng.random((m, n, c, height, width)) > 0.2
    flips, shifts = rng.random((m, n)) > 0.5, rng.integers(-2, 3, (m, n, 2))
    array = xp.asarray(h)
    y = md.multi_sample(md.Tensor(array) if tensor else array, xp.asarray(masks), 0.2,
                        xp.asarray(flips), xp.asarray(shifts))
    x, due = h * masks / 0.8, np.zeros(masks.shape)
    for k, i, ch, row, column in np.ndindex(due.shape):
        u, v = row + shifts[k, i, 0], column + shifts[k, i, 1]
        v = width - 1 - v if flips[k, i] else v
        if 0 <= u < height and 0 <= v < width:
            due[k, i, ch, row, column] = x[k, i, ch, u, v]
    assert_allclose(host(y.data if tensor else y), due, atol=1e-15)


def test_multi_sample_13_is_a_flip_and_a_crop_of_the_padded_map(xp):
    """The same numbers as for images on their way into training, one flip and crop for each."""
    images, padding = normal(6, 2, 4, 5), 2
    flips, offsets = keeps(0.5, 6), whole(0, 2 * padding + 1, 6, 2)
    given, flips, offsets = map(xp.asarray, (images, flips, offsets))
    due = md.crop(md.flip(given, flips), offsets, padding)
    assert_array_equal(host(flip_and_shift(given, flips, offsets - padding)), host(due))
    assert_array_equal(host(flip_and_shift(given, flips)), host(md.flip(given, flips)))
    assert_array_equal(host(flip_and_shift(given, None, offsets - padding)),
                       host(md.crop(given, offsets, padding)))
    assert flip_and_shift(given) is given


def test_multi_sample_13_has_a_gradient_to_second_order(xp):
    masks = xp.asarray(keeps(0.3, 2, *MAPS.shape))
    flips = xp.asarray(np.array([[True, False]] * 2))
    shifts = xp.asarray(whole(-1, 2, 2, 2, 2))

    def squares(h):
        y = md.multi_sample(h, masks, 0.3, flips, shifts)
        return (y * y * y).sum()

    assert gradcheck(squares, xp.asarray(MAPS), order=2) < 1e-6


def test_multi_sample_13_makes_samples_differ_where_masks_are_equal(xp):
    masks = xp.ones((3, *MAPS.shape), bool)
    flips = xp.asarray(np.array([[True, True], [False, False], [False, False]]))
    shifts = xp.asarray(np.array([[[0, 0]] * 2, [[0, 0]] * 2, [[1, -1]] * 2]))
    z = md.multi_sample(xp.asarray(MAPS), masks, 0.0, flips, shifts)
    assert_array_equal(host(z[0]), MAPS[..., ::-1])
    assert_array_equal(host(z[1]), MAPS)
    assert_array_equal(host(z[2])[..., :-1, 1:], MAPS[..., 1:, :-1])
    assert not host(z[2])[..., -1, :].any() and not host(z[2])[..., 0].any()


def test_multi_sample_11_and_12_are_drawn_for_each_sample_of_each_example(xp, backend):
    rng, shape, m = Record(md.Stream(0, "", backend)), (4, 3, 6, 5), 7
    flips = md.multi_sample_flips(rng, shape, m)
    shifts = md.multi_sample_shifts(rng, shape, m, 2)
    assert [(name, args) for name, args, _ in rng.draws] == [
        ("bernoulli", (0.5, (7, 4))), ("integers", (5, (7, 4, 2)))]
    assert flips.dtype == bool and shifts.dtype == "int64"
    assert_array_equal(host(shifts), host(rng.draws[1][2]) - 2)


def test_multi_sample_11_and_12_have_their_rates():
    # 200 * 40 independent flips, twice as many shifts; each check fails by chance with 1e-9
    stream, shape, m = md.Stream(2), (40, 1, 3, 3), 200
    flips, again = (md.multi_sample_flips(stream, shape, m) for _ in range(2))
    shifts = md.multi_sample_shifts(stream, shape, m)
    assert_rate(flips.sum(), flips.size, 0.5)
    assert_fresh(flips, again, 0.5)
    for value in (-1, 0, 1):
        assert_rate((shifts == value).sum(), shifts.size, 1 / 3)
    assert set(np.unique(shifts)) == {-1, 0, 1}
    for axis in range(3):
        assert_independent(shifts == 0, axis, 2 / 3)
    for axis in range(2):
        assert_independent(flips, axis)
    assert not md.multi_sample_shifts(stream, shape, m, 0).any()


def test_multi_sample_13_reaches_the_loss(xp):
    masks, y = xp.asarray(keeps(0.3, 3, *MAPS.shape)), xp.asarray(np.array([1, 0]))
    flips, shifts = xp.asarray(keeps(0.5, 3, 2)), xp.asarray(whole(-1, 2, 3, 2, 2))
    for noise in ({"flips": flips}, {"shifts": shifts}, {"flips": flips, "shifts": shifts}):
        z = md.multi_sample_loss(lambda x: x, xp.asarray(MAPS), y, masks, 0.3,
                                 loss=lambda z, y: z, **noise)
        due = md.multi_sample(xp.asarray(MAPS), masks, 0.3, **noise)
        assert_array_equal(host(z), host(due).reshape(6, 3, 4, 5))
        assert (host(due) != host(md.multi_sample(xp.asarray(MAPS), masks, 0.3))).any()


def test_multi_sample_12_one_column_to_the_right_is_a_pad_on_the_left_of_a_pool(xp):
    maps = normal(2, 3, 4, 6) ** 2                # above 0, as behind a ReLU
    moved = flip_and_shift(xp.asarray(maps), None, xp.asarray(np.array([[0, -1]] * 2)))
    padded = np.pad(maps, ((0, 0), (0, 0), (0, 0), (1, 0)))[..., :6]
    assert_array_equal(host(moved), padded)
    found, other = (host(md.max_pool2d(a, 2)) for a in (moved, xp.asarray(maps)))
    assert_array_equal(found, md.max_pool2d(padded, 2))
    assert (found != other).any()                 # with the pad, if any, on the right


# --- the module -----------------------------------------------------------------------------------

def module(head=None, p=0.5, m=4, **options):
    return md.MultiSampleDropout(head or md.nn.Linear(6, 3), p, m, **options).init(3)


def test_multi_sample_module_follows_the_mode(xp, backend):
    layer, x = module(p=0.3).to(backend), xp.asarray(md.gaussian(1, (5, 6)))
    for p in (0.3, 0.8):                          # a rate that is set later, as a schedule does
        layer.p, rng = p, layer.rng
        layer.rng = Record(rng)
        z = layer(x)
        assert z.shape == (4, 5, 3) and layer.rng.draws[0][1] == (1 - p, (4, 5, 6))
        due = md.multi_sample(x, layer.noise, p).reshape(20, 6) @ layer.head.weight.data.T
        assert_allclose(host(z.data).reshape(20, 3), host(due + layer.head.bias.data), rtol=1e-5)
        layer.rng = rng
    layer.eval().rng = Forbid()
    assert_array_equal(host(layer(x).data), host(layer.head(x).data))


def test_one_sample_is_plain_dropout_with_an_axis_in_front(xp, backend):
    layer, x, y = module(m=1).to(backend), xp.asarray(md.gaussian(1, (5, 6))), labels(xp)
    z = layer(x)
    assert z.shape == (1, 5, 3) and layer.noise.shape == (1, 5, 6)
    due = layer.head(md.dropout(x, layer.noise[0], 0.5))
    assert_array_equal(host(z.data[0]), host(due.data))
    for reduce in ("losses", "logits"):
        assert float(md.multi_sample_cross_entropy(z, y, reduce)) == float(md.cross_entropy(due, y))


def test_multi_sample_module_draws_one_set_of_masks(xp, backend):
    layer, x = module(flip=True, padding=2, head=md.nn.Flatten()).to(backend), xp.ones((2, 3, 4, 5))
    layer.rng = Record(layer.rng)
    z = layer(x)
    assert [(name, args) for name, args, _ in layer.rng.draws] == [
        ("bernoulli", (0.5, (4, 2, 3, 4, 5))), ("bernoulli", (0.5, (4, 2))),
        ("integers", (5, (4, 2, 2)))]
    masks, flips, shifts = layer.noise
    due = md.multi_sample(x, masks, 0.5, flips, shifts)
    assert_array_equal(host(z), host(due).reshape(4, 2, 60))
    assert_array_equal(host(layer.apply(x, layer.noise)), host(z))


@pytest.mark.parametrize("options, given", [({"flip": True}, (1, 0)), ({"padding": 1}, (0, 1))])
def test_multi_sample_module_has_flips_or_shifts_alone(options, given):
    layer = module(md.nn.Flatten(), **options)
    layer(np.ones((2, 1, 3, 3)))
    assert tuple(part is not None for part in layer.noise[1:]) == given


def test_multi_sample_module_repeats_its_masks_after_init(xp, backend):
    layer, x = module(), xp.ones((50, 6), "float32")
    first, again = ([(layer.init(9).to(backend)(x), host(layer.noise))[1],
                     (layer(x), host(layer.noise))[1]] for _ in range(2))
    assert_array_equal(first, again)
    assert (first[0] != first[1]).any()


def test_multi_sample_14_all_samples_in_evaluation_and_their_cost(xp, backend):
    """The head sees m rows of each example, the body one; the result has the mean probabilities."""
    rows = {"body": [], "head": []}

    class Count(md.Module):
        def __init__(self, name):
            self.name = name

        def forward(self, x):
            rows[self.name].append(len(x))
            return x

    for inference, cost in (("mean", 5), ("mc", 20)):
        head = md.nn.Sequential(Count("head"), md.nn.Linear(6, 3))
        net = md.nn.Sequential(body=Count("body"), out=module(head, inference=inference))
        net.init(3).to(backend)
        x = xp.asarray(md.gaussian(1, (5, 6)))
        net(x)                                    # its masks stay in `.noise`, and are not used
        rows["body"].clear(), rows["head"].clear()
        before = net.eval().out.noise
        net.out.rng = Record(net.out.rng)
        z = net(x)
        assert net.out.noise is before
        assert z.shape == (5, 3) and rows == {"body": [5], "head": [cost]}
        rows["body"].clear(), rows["head"].clear()
    [(_, args, masks)] = net.out.rng.draws
    assert args == (0.5, (4, 5, 6))
    each = softmax(host(net.out.apply(x, masks).data))
    assert_allclose(np.exp(host(z.data)), each.mean(0), rtol=1e-5)
    assert abs(softmax(host(z.data)) - softmax(host(net.out.head(x).data))).max() > 0.01
    far = module(md.nn.Linear(6, 3), inference="mc").astype("float32").eval()
    far.head.weight.data *= 1e4                   # every probability but one is 0 in float32
    assert np.isfinite(far(md.gaussian(1, (5, 6))).data).all()


def test_noise_on_gives_one_sample_a_pass_as_mc_dropout_has_it(xp, backend):
    norm = md.BatchNorm(6)
    layer = module(md.nn.Sequential(norm, md.nn.Linear(6, 3)), m=4).to(backend)
    x = xp.asarray(md.gaussian(1, (5, 6)))
    md.noise_on(layer.eval())
    layer.rng = Record(layer.rng)
    before = host(norm.running_mean).copy()
    z = layer(x)
    assert z.shape == (5, 3) and layer.noise.shape == (1, 5, 6)
    assert layer.rng.draws[0][1] == (0.5, (1, 5, 6))
    assert_array_equal(host(norm.running_mean), before)
    assert layer.train()(x).shape == (4, 5, 3)


def test_mc_predict_averages_over_as_many_samples_as_passes(xp, backend):
    net = module(m=4).to(backend)
    x = xp.asarray(md.gaussian(1, (5, 6)))
    net.rng = Record(md.Stream(7, "", backend))
    found = md.mc_predict(net, x, passes=6)
    masks = xp.concatenate([masks for _, _, masks in net.rng.draws])
    assert masks.shape == (6, 5, 6) and net.training and net.head.training
    each = softmax(host(net.apply(x, masks).data))
    assert_allclose(host(found.mean), each.mean(0), rtol=1e-5)
    entropy = -(each * np.log(each)).sum(-1).mean(0)
    assert_allclose(host(found.entropy - found.mutual_information), entropy, rtol=1e-4)


# --- training -------------------------------------------------------------------------------------

def small(m=4, **options):
    return md.nn.Sequential(
        md.nn.Linear(6, 8), md.nn.ReLU(), out=md.MultiSampleDropout(md.nn.Linear(8, 3), 0.3, m,
                                                                    **options))


def points(xp):
    x = md.gaussian(4, (30, 6))
    return xp.asarray(x), xp.asarray(x[:, :3].argmax(1))


@pytest.mark.parametrize("reduce", ["losses", "logits"])
def test_fit_trains_with_all_samples_and_validates_with_one(xp, backend, reduce):
    data = md.data.Splits(points(xp), points(xp), points(xp))
    net = small().init(0).to(backend)
    loss = partial(md.multi_sample_cross_entropy, reduce=reduce)
    history = md.fit(net, md.optim.SGD(0.2, momentum=0.9), data, 20, loss, 10, progress=False)
    assert history.loss[-3:].mean() < 0.7 * history.loss[:3].mean()
    assert history.validation_accuracy[-1] > 0.8
    assert md.evaluate(net, data.test, loss).loss == pytest.approx(
        md.evaluate(net, data.test).loss, rel=1e-6)


def test_fit_with_plain_cross_entropy_says_what_to_take_instead(xp, backend):
    with pytest.raises(ValueError, match=r"logits must have shape \(N, K\).*got \(4, 10, 3\); for "
                       r"logits \(m, N, K\) there is multi_sample_cross_entropy$"):
        md.fit(small().init(0).to(backend), md.optim.SGD(0.1), points(xp), 1, batch_size=10,
               progress=False)


@pytest.mark.parametrize("break_at", [1, 4])
def test_a_broken_run_ends_in_the_bits_of_an_undisturbed_one(xp, backend, tmp_path, break_at):
    def run(path=None, stop=None):
        def recorder(step, net, loss):
            if step == stop:
                raise KeyboardInterrupt
        net = md.nn.Sequential(md.nn.Conv2d(1, 2, 3, padding=1), out=md.MultiSampleDropout(
            md.nn.Sequential(md.nn.MaxPool2d(2), md.nn.Flatten(), md.nn.Linear(8, 3)), 0.3, 4,
            flip=True, padding=1)).init(0).to(backend)
        x, y = points(xp)
        x = xp.concatenate([x, x, x], axis=1)[:, :16].reshape(30, 1, 4, 4)
        history = md.fit(net, md.optim.SGD(0.1), (x, y), 2, md.multi_sample_cross_entropy, 10,
                         checkpoint=path, recorder=recorder, progress=False)
        return history.loss.tobytes(), [host(w.data).tobytes() for w in net.parameters()]

    whole = run()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", break_at)
    assert run(tmp_path / "run") == whole


MODELS = {
    "lenet": (partial(md.models.lenet, size=16), (1, 16, 16), ("hidden",)),
    "vgg": (partial(md.models.vgg_small, size=4), (3, 4, 4), ("hidden",)),
    "resnet": (md.models.resnet8, (3, 8, 8), ("pool",)),
    "mlp": (partial(md.models.mlp, 9, 8, 10), (9,), ("hidden1",)),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("parts", [False, True])
def test_it_takes_the_last_part_of_every_model(name, parts):
    build, shape, moved = MODELS[name]
    net, options = build(), {}
    if parts:                                     # as the docstring of the module shows
        head = md.nn.Sequential(**{part: getattr(net, part) for part in moved}, out=net.out)
        for part in moved:
            setattr(net, part, md.nn.Identity())
        options = {"flip": True, "padding": 1} if name == "resnet" else {}
        net.out = md.MultiSampleDropout(head, 0.5, 3, **options)
    else:
        net.out = md.MultiSampleDropout(net.out, 0.5, 3)
    net.init(0)
    x, y = md.gaussian(0, (4, *shape)), np.array([0, 1, 2, 3])
    assert net(x).shape == (3, 4, 10)
    md.train_step(net, md.optim.SGD(0.01), x, y, md.multi_sample_cross_entropy)
    assert net.eval()(x).shape == (4, 10)
    assert md.mc_predict(net, x, 2).mean.shape == (4, 10)


@pytest.mark.parametrize("options", [{}, {"flip": True}, {"padding": 1}, {"inference": "mc"}])
@pytest.mark.parametrize("reduce", ["losses", "logits"])
def test_float32_stays_float32_through_a_step(xp, backend, options, reduce):
    net = md.nn.Sequential(
        md.nn.Conv2d(1, 2, 3), out=md.MultiSampleDropout(
            md.nn.Sequential(md.nn.Flatten(), md.nn.Linear(8, 3)), 0.5, 3, **options))
    net.init(0).to(backend)
    x, y = xp.asarray(md.gaussian(0, (5, 1, 4, 4))), xp.asarray(np.array([0, 1, 2, 0, 1]))
    loss = md.multi_sample_cross_entropy(net(x), y, reduce)
    grads = md.grad(loss, net.parameters())
    found = [net(x), loss, *grads, net.eval()(x)]
    assert {str(a.dtype) for a in found} == {"float32"}


def test_every_memory_order_gives_the_same_numbers(xp):
    masks, flips = xp.asarray(keeps(0.5, 3, *MAPS.shape)), xp.asarray(keeps(0.5, 3, 2))
    shifts = xp.asarray(whole(-1, 2, 3, 2, 2))

    def samples(h):
        return [host(md.multi_sample(h, masks, 0.5)),
                host(md.multi_sample(h, masks, 0.5, flips, shifts))]

    due = samples(xp.asarray(MAPS))
    for axes in itertools.permutations(range(4)):
        back = [int(i) for i in np.argsort(axes)]
        turned = xp.asarray(np.ascontiguousarray(MAPS.transpose(axes))).transpose(*back)
        for found, other in zip(samples(turned), due, strict=True):
            assert_array_equal(found, other)


def test_the_samples_lie_one_behind_the_other_in_memory():
    """So stacking them on the batch axis copies nothing."""
    x = md.multi_sample(H, MASKS, P)
    assert x.flags.c_contiguous and np.shares_memory(x, x.reshape(M * 5, 4))


# --- bad input ------------------------------------------------------------------------------------

def test_what_does_not_fit_is_refused_in_one_sentence(xp):
    h, y, masks, head = xp.asarray(H), labels(xp), xp.asarray(MASKS), md.nn.Linear(4, 3)
    loss, maps = partial(md.multi_sample_loss, lambda x: x), xp.asarray(MAPS)
    flips, two = xp.zeros((2, 2), bool), xp.ones((2, *MAPS.shape), bool)
    z = xp.asarray(normal(2, 5, 3))
    for error, words, use in [
            (ValueError, r"masks must be \(m, N, \.\.\.\) for h \(5, 4\), got ndarray of shape",
             lambda: md.multi_sample(h, masks[0], P)),
            (ValueError, "masks must be", lambda: md.multi_sample(h, masks[:0], P)),
            (ValueError, "masks has shape", lambda: md.multi_sample(h, masks[:, :3], P)),
            (TypeError, "masks must be boolean", lambda: md.multi_sample(h, masks * 0.5, P)),
            (ValueError, "h must have a row", lambda: md.multi_sample(h[0, 0], masks, P)),
            (ValueError, r"p is a probability", lambda: md.multi_sample(h, masks, 1.5)),
            (ValueError, r"p is a probability", lambda: md.multi_sample_masks(0, (2, 3), -1, 4)),
            (ValueError, "m must be a whole number of at least 1",
             lambda: md.multi_sample_masks(0, (2, 3), 0.5, 0)),
            (ValueError, r"flips and shifts need images h \(N, C, H, W\), got shape \(5, 4\)",
             lambda: md.multi_sample(h, masks, P, flips)),
            (ValueError, r"flips and shifts need images h \(N, C, H, W\), got shape \(2, 3, 4, 5",
             lambda: md.multi_sample(maps[..., None], two[..., None], P, flips)),
            (ValueError, r"flips and shifts need images h \(N, C, H, W\), got shape \(2, 3, 4\)",
             lambda: md.multi_sample(maps[..., 0], two[..., 0], P, None, flips)),
            (ValueError, r"flips must be booleans of shape \(2, 2\), got",
             lambda: md.multi_sample(maps, two, P, flips[0])),
            (ValueError, r"flips must be booleans of shape \(2, 2\), got",
             lambda: md.multi_sample(maps, two, P, flips * 1)),
            (ValueError, r"shifts must be whole numbers of shape \(2, 2, 2\), got",
             lambda: md.multi_sample(maps, two, P, None, flips)),
            (ValueError, r"shifts must be whole numbers of shape \(2, 2, 2\), got",
             lambda: md.multi_sample(maps, two, P, None, xp.zeros((2, 2, 2)))),
            (ValueError, r"x must be images of shape \(\.\.\., C, H, W\)",
             lambda: flip_and_shift(h, flips[0])),
            (ValueError, r"shape must be that of feature maps, \(N, C, H, W\), got \(2, 3\)",
             lambda: md.multi_sample_flips(0, (2, 3), 4)),
            (ValueError, "padding must be", lambda: md.multi_sample_shifts(0, MAPS.shape, 4, -1)),
            (ValueError, "reduce must be one of 'losses', 'logits', got 'mean'",
             lambda: loss(h, y, masks, P, "mean")),
            (ValueError, "y must have a row for each of 5 examples",
             lambda: loss(h, y[:4], masks, P)),
            (TypeError, "head must be a function, got None",
             lambda: md.multi_sample_loss(None, h, y, masks, P)),
            (ValueError, "head must give m N = 30 rows, as it gets, not",
             lambda: md.multi_sample_loss(lambda x: x[:5], h, y, masks, P)),
            (TypeError, "loss must be a function", lambda: loss(h, y, masks, P, loss=None)),
            (ValueError, "target must have a row for each of 5 examples",
             lambda: md.multi_sample_cross_entropy(z, y[:4])),
            (ValueError, "logits must have shape",
             lambda: md.multi_sample_cross_entropy(z[:0], y, "logits")),
            (ValueError, "logits must have shape",
             lambda: md.multi_sample_cross_entropy(z[None], y)),
            (ValueError, "reduce must be one of",
             lambda: md.multi_sample_cross_entropy(z[0], y, "mean")),
            (TypeError, "head must be a Module that is not itself noise",
             lambda: md.MultiSampleDropout(md.DropConnect(4, 3, 0.5), 0.5, 4)),
            (TypeError, "head must be a Module", lambda: md.MultiSampleDropout(len, 0.5, 4)),
            (ValueError, "m must be", lambda: md.MultiSampleDropout(head, 0.5, 0)),
            (TypeError, "flip must be True or False",
             lambda: md.MultiSampleDropout(head, 0.5, 4, flip=1)),
            (ValueError, "inference must be one of 'mean', 'mc'",
             lambda: md.MultiSampleDropout(head, 0.5, 4, inference="all")),
            (ValueError, "shape must be that of feature maps",
             lambda: module(flip=True)(h)),
            (ValueError, "init", lambda: md.MultiSampleDropout(head, 0.5, 4)(h))]:
        with pytest.raises(error, match=words) as caught:
            use()
        assert "\n" not in str(caught.value)
