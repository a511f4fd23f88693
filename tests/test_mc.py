"""units/mc: every equation, exactly, and every sentence of "Differs"."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop import nn
from minidrop.check import Forbid, Record, Replay, all_masks, exact_moments
from minidrop.xp import host
from tests.samplers import assert_fresh, assert_rate

X = np.array([[0.5, -1.0], [2.0, 0.3], [-0.7, 1.1]])
MASKS = np.random.default_rng(0).random((7, 3, 3)) < 0.5         # T passes, N examples, 3 units


def network(backend, p=0.5, k=4):
    """2 - 3 - k with dropout on the hidden units, in float64."""
    net = nn.Sequential(hidden=nn.Linear(2, 3), act=nn.Tanh(), drop=md.Dropout(p),
                        out=nn.Linear(3, k)).init(5)
    net.out.weight.data *= 5                      # so that the masks matter
    return net.to(backend).astype("float64")


def outputs(net, x, masks, p):
    """The network's outputs (T, N, K) for masks (T, N, 3), in NumPy."""
    w, b, v, c = (host(parameter.data) for parameter in net.parameters())
    return (np.tanh(x @ w.T + b) * masks / (1 - p)) @ v.T + c


def softmax(z):
    e = np.exp(z)
    return e / e.sum(-1, keepdims=True)


def entropy(p):
    return -(p * np.log(p)).sum(-1)


def replayed(net, xp, masks):
    net.drop.rng = Replay(*map(xp.asarray, masks))
    return net


def in_proportion(p, n):
    """(T, 1, n): every mask as often as its probability asks, for q a multiple of 1/4."""
    kept = round(4 * (1 - p))
    return np.array([mask for mask in all_masks(n)
                     for _ in range(kept**mask.sum() * (4 - kept)**(~mask).sum())])[:, None]


# --- (mc.1) to (mc.5): classes --------------------------------------------------------------------

@pytest.mark.parametrize("p", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("passes", [1, 2, 7])
def test_mc_1_to_4_are_numpys_formulas_for_given_masks(xp, backend, p, passes):
    net, masks = network(backend, p), MASKS[:passes]
    found = md.mc_predict(replayed(net, xp, masks), xp.asarray(X), passes)
    assert isinstance(found, tuple) and len(found) == 3
    assert all(type(part) is xp.ndarray and part.dtype == "float64" for part in found)
    probabilities = softmax(outputs(net, X, masks, p))
    mean = probabilities.mean(0)
    assert_allclose(host(found.mean), mean, rtol=1e-12)
    assert_allclose(host(found.entropy), entropy(mean), rtol=1e-12)
    due = entropy(mean) - entropy(probabilities).mean(0)
    assert_allclose(host(found.mutual_information), due, atol=1e-12)
    assert not net.drop.rng.left


@pytest.mark.parametrize("p", [0.25, 0.5])
def test_mc_2_and_4_over_all_masks_are_the_limit_of_many_passes(xp, backend, p):
    net, x, masks = network(backend, p), X[:1], in_proportion(p, 3)
    found = md.mc_predict(replayed(net, xp, masks), xp.asarray(x), len(masks))
    mean = exact_moments(lambda m: softmax(outputs(net, x, m, p)), 3, p)[0]
    within = exact_moments(lambda m: entropy(softmax(outputs(net, x, m, p))), 3, p)[0]
    assert_allclose(host(found.mean), mean, atol=1e-12)
    assert_allclose(host(found.mutual_information), entropy(mean) - within, atol=1e-12)
    assert host(found.mutual_information)[0] > 0.01


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mc_5_equal_passes_agree_to_the_last_bit(xp, backend, dtype):
    net = network(backend, 0.2).astype(dtype)
    found = md.mc_predict(replayed(net, xp, MASKS[:1].repeat(7, 0)), xp.asarray(X.astype(dtype)), 7)
    assert_array_equal(host(found.mutual_information), 0)
    once = md.mc_predict(replayed(net, xp, MASKS[:1]), xp.asarray(X.astype(dtype)), 1)
    assert_array_equal(host(found.mean), host(once.mean))


@pytest.mark.parametrize("dtype, rounding", [("float32", 1e-6), ("float64", 1e-14)])
def test_mc_5_bounds_for_networks_of_any_sureness(xp, backend, dtype, rounding):
    x = xp.asarray(md.gaussian(0, (50, 2)).astype(dtype))
    for scale in (0.0, 1e-4, 1.0, 30.0, 1e4):     # from all the same to one class alone
        net = network(backend, k=3).astype(dtype)
        net.out.weight.data *= scale
        mean, unsure, mutual = map(host, md.mc_predict(net, x, 5))
        assert_allclose(mean.sum(1), 1, rtol=rounding)
        assert (mutual >= 0).all() and (mutual <= unsure + rounding).all()
        assert (unsure <= np.log(3) * (1 + rounding)).all()


def test_mc_5_two_sure_passes_that_disagree_reach_ln_2(xp):
    layer, x = md.Dropout(0.5), xp.asarray(np.array([[1000.0, 1000.0]]))
    layer.rng = Replay(*(xp.asarray(np.array([bits])) for bits in ([True, False], [False, True])))
    mean, unsure, mutual = md.mc_predict(layer, x, 2)
    assert_allclose(host(mean), [[0.5, 0.5]])
    assert_allclose([host(unsure), host(mutual)], np.log(2))


def test_mc_3_a_class_of_probability_0_adds_nothing(xp, backend):
    x = xp.asarray(np.array([[-np.inf, 0.0, 0.0], [0.0, 2000.0, 0.0]]))
    _, unsure, mutual = md.mc_predict(md.Dropout(0.0).init(0).to(backend), x, 3)
    assert_allclose(host(unsure), [np.log(2), 0], rtol=1e-12)
    assert_array_equal(host(mutual), 0)
    assert not np.signbit(host(unsure)).any()     # being sure is printed as 0, not as -0


# --- (mc.6) to (mc.10): numbers -------------------------------------------------------------------

@pytest.mark.parametrize("passes", [1, 2, 7])
@pytest.mark.parametrize("tau", [None, 4.0])
def test_mc_6_and_7_are_numpys_mean_and_variance_for_given_masks(xp, backend, passes, tau):
    net, masks = network(backend), MASKS[:passes]
    found = md.mc_moments(replayed(net, xp, masks), xp.asarray(X), passes, tau=tau)
    assert isinstance(found, tuple) and len(found) == 2
    y = outputs(net, X, masks, 0.5)
    assert_allclose(host(found.mean), y.mean(0), rtol=1e-12)
    assert_allclose(host(found.variance), y.var(0) + (0.25 if tau else 0), atol=1e-12)


def test_mc_6_and_7_keep_outputs_near_zero(xp, backend):
    x = xp.asarray(np.array([[1e-30, -1e-20]]))
    mean, variance = md.mc_moments(md.Dropout(0.0).init(0).to(backend), x, 3)
    assert_array_equal(host(mean), host(x))
    assert_array_equal(host(variance), 0)


def test_mc_7_keeps_a_small_variance_beside_a_large_mean(xp):
    layer, masks = md.Dropout(0.5), MASKS[:, :1]
    layer.rng = Replay(*map(xp.asarray, masks))
    shifted = nn.Sequential(layer, Shift())
    x = xp.ones((1, 3), "float32")
    mean, variance = md.mc_moments(shifted, x, 7)
    assert mean.dtype == variance.dtype == "float32"
    assert_allclose(host(mean), (2.0 * masks).mean(0) + 4096, rtol=1e-6)
    assert_allclose(host(variance), (2.0 * masks).var(0), rtol=1e-3)      # E[y^2] is 2^24


class Shift(md.Module):
    def forward(self, x):
        return x + 4096


def test_mc_8_by_hand_and_as_in_gals_code():
    assert md.mc_precision(p=0.5, length=2.0, n=100, decay=0.001) == 0.5 * 4 / (2 * 100 * 0.001)
    assert md.mc_precision(0.0, 1.0, n=1, decay=1e-300) == 1 / 2e-300          # just above 0
    p, length, n, tau = 0.05, 1e-2, 455, 0.3
    decay = length**2 * (1 - p) / (2 * n * tau)   # net.py there: from tau to decay
    assert_allclose(md.mc_precision(p, length, n, decay), tau, rtol=1e-12)


@pytest.mark.parametrize("outputs", [1, 2, 5])
@pytest.mark.parametrize("length, tau", [(1.0, 1.0), (0.5, 3.0), (2.0, 0.1)])
def test_mc_8_without_dropout_is_bayesian_linear_regression(length, tau, outputs):
    # The posterior mean under weights N(0, 1 / length^2) and data of precision tau is where the
    # gradient of the loss vanishes, if decay and tau belong together.
    rng = np.random.default_rng(1)
    x, t, n = rng.normal(size=(20, 3)), rng.normal(size=(20, outputs)), 20
    mean = np.linalg.solve(tau * x.T @ x + length**2 * np.eye(3), tau * x.T @ t)
    decay = md.mc_precision(0.0, length, n, 1.0) / tau            # tau is inverse to decay
    w = md.Tensor(mean, requires_grad=True)
    error = md.mse_loss(x @ w, t)
    half_squares = 0.5 * outputs * error          # mse_loss is a mean over the outputs too
    for loss in (half_squares + decay * (w * w).sum(),
                 error + 4 * decay / outputs * md.l2([w])):
        assert_allclose(md.grad(loss, w), 0, atol=1e-12)


@pytest.mark.parametrize("p", [0.25, 0.5, 0.75])
def test_mc_9_variance_of_a_linear_layer_over_all_masks(xp, backend, p):
    net = nn.Sequential(drop=md.Dropout(p), out=nn.Linear(3, 2)).init(0).to(backend)
    x, masks = np.array([[1.0, -2.0, 0.5]]), in_proportion(p, 3)
    net.astype("float64")
    mean, variance = md.mc_moments(replayed(net, xp, masks), xp.asarray(x), len(masks))
    w = host(net.out.weight.data)
    assert_allclose(host(mean), host(net.eval()(xp.asarray(x)).data), rtol=1e-12)
    assert_allclose(host(variance)[0], p / (1 - p) * (w**2 * x**2).sum(1), rtol=1e-12)


@pytest.mark.parametrize("passes", [1, 2, 3])
def test_mc_10_variance_of_the_mean_over_all_masks_of_all_passes(xp, passes):
    layer, x, p = md.Dropout(0.3), xp.asarray(np.array([1.0, -2.0])), 0.3

    def mean(masks):
        layer.rng = Replay(*map(xp.asarray, masks))
        return host(md.mc_moments(layer, x, passes).mean)

    variance = exact_moments(mean, (passes, 2), p)[1]
    assert_allclose(variance, p / (1 - p) * host(x)**2 / passes, rtol=1e-12)


# --- the passes -----------------------------------------------------------------------------------

@pytest.mark.parametrize("predict", [md.mc_predict, md.mc_moments])
def test_every_pass_draws_a_mask_of_its_own_in_every_call(xp, backend, predict):
    # 3 neighbouring pairs of 4000 independent entries, each compared once
    layer, x = md.Dropout(0.3), xp.ones((1000, 4))
    layer.rng = Record(md.Stream(0, "", backend))
    for _ in range(2):
        predict(layer, x, 2)
    masks = [host(noise) for _, _, noise in layer.rng.draws]
    assert [mask.shape for mask in masks] == [(1000, 4)] * 4
    for first, second in zip(masks, masks[1:], strict=False):
        assert_fresh(first, second, 0.7)


def test_the_mean_of_many_passes_is_that_of_their_masks(xp, backend):
    # 20 passes of 500 independent entries; a right sampler fails with probability 1e-9
    layer, passes, n, q = md.Dropout(0.3).init(3).to(backend), 20, 500, 0.7
    mean = host(md.mc_moments(layer, xp.ones((n, 1)), passes).mean)
    kept = mean * passes * q                      # of each entry, a whole number
    assert_allclose(kept, kept.round(), atol=1e-9)
    assert_rate(passes * n - round(kept.sum()), passes * n, 0.3)


def test_a_seed_repeats_its_prediction(xp, backend):
    x = xp.asarray(X)
    first, again = (md.mc_predict(network(backend), x, 3) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert_array_equal(host(one), host(other))


class Witness(md.Module):
    """Looks at what reaches it, and fails at the given call."""

    def __init__(self, fails_at=None, error=None):
        self.fails_at, self.error, self.seen = fails_at, error, []

    def forward(self, x):
        self.seen.append((self.training, getattr(x, "requires_grad", False)))
        if len(self.seen) == self.fails_at:
            raise self.error("on purpose")
        return x


@pytest.mark.parametrize("predict", [md.mc_predict, md.mc_moments])
@pytest.mark.parametrize("fails_at, error", [(None, None), (1, ValueError), (3, KeyboardInterrupt)])
def test_modes_and_recording_are_as_before_whatever_happens(xp, backend, predict, fails_at, error):
    net = nn.Sequential(nn.Linear(2, 3), Witness(fails_at, error), md.BatchNorm(3), md.Dropout(0.5),
                        md.Dropout(0.1), nn.Linear(3, 4)).init(0).to(backend).astype("float64")
    net.eval()[2].training = net[3].training = True               # a mixture
    modes = [m.training for _, m in net.named_modules()]
    if fails_at is None:
        found = predict(net, xp.asarray(X), 4)
        assert all(type(part) is xp.ndarray for part in found)
    else:
        with pytest.raises(error, match="on purpose"):
            predict(net, xp.asarray(X), 4)
    assert net[1].seen == [(False, False)] * (fails_at or 4)
    assert [m.training for _, m in net.named_modules()] == modes
    assert all(w.grad is None for w in net.parameters())
    assert net(xp.asarray(X)).requires_grad


def test_a_branch_that_a_pass_left_out_is_not_excused_from_training(xp, backend):
    net = nn.Sequential(md.StochasticDepth(nn.Linear(2, 2), 1.0), nn.Linear(2, 3)).init(0)
    md.mc_predict(net.to(backend), xp.ones((4, 2), "float32"), 3)
    assert not net[0].branch.skipped
    net.train()(xp.ones((4, 2), "float32"))
    assert net[0].branch.skipped


@pytest.mark.parametrize("predict", [md.mc_predict, md.mc_moments])
def test_many_passes_in_float16_are_added_in_float32(xp, backend, predict):
    net, x = network(backend).astype("float16"), xp.asarray(X)
    masks = np.random.default_rng(1).random((600, 3, 3)) < 0.5
    found = predict(replayed(net, xp, masks), x.astype("float16"), len(masks))
    due = predict(replayed(net.astype("float64"), xp, masks), x, len(masks))
    for part, right in zip(found, due, strict=True):
        assert part.dtype == "float32"
        assert_allclose(host(part), host(right), rtol=5e-3, atol=2e-3)


def test_memory_does_not_grow_with_the_passes():
    layer, x = md.Dropout(0.5).init(0), np.ones((1000, 10), "float32")
    for predict in (md.mc_predict, md.mc_moments):
        tracemalloc.start()
        predict(layer, x, 100)                    # 4 MB, if all passes were kept
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1e6


def test_arrays_tensors_and_every_memory_order_give_the_same_numbers(xp, backend):
    due = md.mc_predict(network(backend), xp.asarray(X), 3)
    for x in (md.Tensor(xp.asarray(X)), xp.asarray(np.ascontiguousarray(X.T)).T,
              md.Tensor(xp.asarray(X), requires_grad=True)):
        for part, found in zip(due, md.mc_predict(network(backend), x, 3), strict=True):
            assert_allclose(host(found), host(part), rtol=1e-12)


def test_float32_stays_float32(xp, backend):
    net, x = network(backend).astype("float32"), xp.asarray(X.astype("float32"))
    found = (*md.mc_predict(net, x, 3), *md.mc_moments(net, x, 3, tau=2.0))
    assert {str(part.dtype) for part in found} == {"float32"}


# --- "Differs" ------------------------------------------------------------------------------------

def test_mc_7_is_the_diagonal_of_the_papers_matrix(xp, backend):
    net, tau = network(backend), 4.0
    variance = host(md.mc_moments(replayed(net, xp, MASKS), xp.asarray(X), 7, tau).variance)
    y = outputs(net, X, MASKS, 0.5)
    for n in range(3):
        matrix = np.eye(4) / tau + y[:, n].T @ y[:, n] / 7 - np.outer(y[:, n].mean(0),
                                                                      y[:, n].mean(0))
        assert_allclose(variance[n], np.diag(matrix), rtol=1e-12)
        assert abs(matrix[0, 1]) > 1e-3           # what is left out


@pytest.mark.parametrize("p", [0.25, 0.5])
def test_mc_9_is_what_a_single_pass_adds_to_the_squared_error(xp, backend, p):
    net = nn.Sequential(drop=md.Dropout(p), out=nn.Linear(3, 1)).init(0).to(backend)
    x, target = np.array([[1.0, -2.0, 0.5]]), 0.7
    w, b = (host(parameter.data).astype("float64") for parameter in net.parameters())
    noisy = exact_moments(lambda m: (target - (m * x / (1 - p)) @ w.T - b)**2, 3, p)[0]
    net.drop.rng = Forbid()                       # evaluation is one pass without noise
    calm = md.evaluate(net.astype("float64"), (xp.asarray(x), xp.asarray([[target]])), md.mse_loss)
    assert_allclose(noisy - calm.loss, p / (1 - p) * (w**2 * x**2).sum(), rtol=1e-12)


def test_mc_1_leaves_batch_norm_in_evaluation(xp, backend):
    net = nn.Sequential(norm=md.BatchNorm(2), drop=md.Dropout(0.5)).init(0).to(backend)
    x, masks = xp.asarray(X), MASKS[:4, :, :2]
    mean = host(md.mc_moments(replayed(net, xp, masks), x, 4).mean)
    alone = host(md.mc_moments(replayed(net, xp, masks[:, :1]), x[:1], 4).mean)
    assert_allclose(mean[:1], alone, rtol=1e-12)  # the company does not matter
    assert net.norm.num_batches_tracked == 0 and not host(net.norm.running_mean).any()
    net.train()                                   # PyTorch's way
    company = [host(replayed(net, xp, masks[:1])(x).data)[:1], mean[:1]]
    assert net.norm.num_batches_tracked == 1 and host(net.norm.running_mean).any()
    net.drop.rng = Replay(*map(xp.asarray, masks[:1, :2]))
    assert abs(host(net(x[:2]).data)[:1] - company[0]).max() > 0.1


def test_mc_1_needs_noise(xp, backend):
    net, x = nn.Sequential(nn.Linear(2, 3), nn.ReLU()).init(0).to(backend), xp.ones((4, 2))
    for predict in (md.mc_predict, md.mc_moments):
        with pytest.raises(ValueError, match="must have a noise module, .* a Sequential without"):
            predict(net, x, 3)
        assert net[1].training


# --- bad input ------------------------------------------------------------------------------------

def test_what_does_not_fit_is_refused_in_one_sentence(xp, backend):
    layer, x = md.Dropout(0.5).init(0).to(backend), xp.ones((2, 3))
    for error, words, use in [
            (ValueError, r"model must give logits \(2, K\), .* shape \(2, 3, 1\)",
             lambda: md.mc_predict(layer, x[..., None], 2)),
            (ValueError, r"model must give logits \(2, K\)",
             lambda: md.mc_predict(nn.Sequential(layer, Flat()), x, 2)),
            (ValueError, r"model must give logits \(2, K\), K at least 1",
             lambda: md.mc_predict(nn.Sequential(layer, Returns(lambda x: x[:, :0])), x, 2)),
            (TypeError, "the model's output must be a NumPy or CuPy array or a Tensor, got tuple",
             lambda: md.mc_moments(nn.Sequential(layer, Returns(lambda x: (x, x))), x, 2)),
            (TypeError, "the model's output must hold floats, got int64",
             lambda: md.mc_predict(nn.Sequential(layer, Returns(lambda x: x.astype(int))), x, 2)),
            (ValueError, "x must hold at least one", lambda: md.mc_predict(layer, x[:0], 2)),
            (ValueError, "x must hold at least one", lambda: md.mc_predict(layer, x[0, 0], 2)),
            (ValueError, "tau must be finite and at least 1.17549e-38, got 0$",
             lambda: md.mc_moments(layer, x, 2, tau=0)),
            (ValueError, "tau must be finite and at least 1.17549e-38, got 1e-38$",
             lambda: md.mc_moments(layer, x, 2, tau=1e-38)),
            (ValueError, "tau must be finite", lambda: md.mc_moments(layer, x, 2, tau=np.inf)),
            (ValueError, "passes must be a whole number", lambda: md.mc_moments(layer, x, 0)),
            (ValueError, "passes must be a whole number", lambda: md.mc_predict(layer, x, 0)),
            (ValueError, "decay must be finite and at least 1e-300, got 0.0$",
             lambda: md.mc_precision(0.5, 1.0, 10, 0.0)),
            (ValueError, "decay must leave a finite precision, got 1e-300 beside length 1e[+]150$",
             lambda: md.mc_precision(0.5, 1e150, 1, 1e-300)),
            (ValueError, "n must be a whole number", lambda: md.mc_precision(0.5, 1.0, 0, 0.1)),
            (ValueError, "length must be finite", lambda: md.mc_precision(0.5, 1e200, 10, 0.1)),
            (ValueError, "p is a probability", lambda: md.mc_precision(1.5, 1.0, 10, 0.1)),
            (ValueError, "init", lambda: md.mc_predict(md.Dropout(0.5), x, 2))]:
        with pytest.raises(error, match=words):
            use()
    assert layer.training


class Returns(md.Module):
    def __init__(self, what):
        self._what = what

    def forward(self, x):
        return self._what(x)


class Flat(md.Module):
    def forward(self, x):
        return x.reshape(1, -1)
