"""inputs/mixup: every equation, the moments of the weights, and every sentence of "Differs"."""

import itertools
import math
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
from tests.samplers import FALSE_ALARM, assert_fresh, assert_independent

PROPERTY = settings(max_examples=25, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])
ALPHAS = (0.1, 0.4, 1.0, 8.0)
N, CLASSES = 5, 3
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(N, 2, 3, 4)), RNG.dirichlet(np.ones(CLASSES), N)
ORDER = np.array([3, 0, 2, 4, 1])                 # a permutation that leaves example 2 alone
LOGITS = RNG.normal(size=(N, CLASSES))


def by_hand(v, weight, order):
    """(mixup.2) and (mixup.3), number by number."""
    mixed, weights = np.empty_like(v), np.broadcast_to(weight, len(v))
    for place in np.ndindex(v.shape):
        i, rest = place[0], place[1:]
        mixed[place] = weights[i] * v[place] + (1 - weights[i]) * v[(order[i], *rest)]
    return mixed


# --- (mixup.1) and (mixup.4): the weights --------------------------------------------------------

def test_mixup_1_is_one_draw_from_beta_of_alpha_and_alpha(xp, backend):
    rng = Record(md.Stream(5, "", backend))
    weight, many = md.mixup_weight(rng, 0.4), md.mixup_weight(rng, 0.4, 6)
    assert [(name, args) for name, args, _ in rng.draws] == [
        ("beta", (0.4, 0.4, None)), ("beta", (0.4, 0.4, 6))]
    assert type(weight) is float and weight == md.beta(5, 0.4, 0.4)
    assert isinstance(many, xp.ndarray) and many.shape == (6,) and many.dtype == "float32"
    assert md.mixup_weight(Replay(0.25), 1.0) == 0.25


def test_mixup_1_at_alpha_0_nothing_is_mixed(xp):
    assert md.mixup_weight(md.check.Forbid(), 0.0) == md.mixup_weight(md.check.Forbid(), 0, 7) == 1
    x, y = xp.asarray(X.astype("float32")), xp.asarray(np.array([0, 2, 1, 1, 0]))
    for per in ("batch", "example"):
        mixed, rows = md.Mixup(alpha=0, classes=CLASSES, per=per)(3, x, y)
        assert host(mixed).tobytes() == host(x).tobytes()
        assert_array_equal(host(rows), np.eye(CLASSES, dtype="float32")[host(y)])
    # E[weight (1 - weight)] = alpha / (2 (2 alpha + 1)) is 5e-5 for 1e-4; by Chernoff's bound the
    # mean of 1000 is above 40 times that with a probability below 4e-10.
    nearly = md.mixup_weight(1, 1e-4, 1000)
    assert (nearly * (1 - nearly)).mean() < 40 * 5e-5


@pytest.mark.parametrize("alpha", ALPHAS)
def test_mixup_4_mean_and_variance_of_the_density(alpha):
    def moment(k):                                # B(alpha + k, alpha) / B(alpha, alpha)
        return math.exp(math.lgamma(alpha + k) - math.lgamma(alpha)
                        + math.lgamma(2 * alpha) - math.lgamma(2 * alpha + k))

    assert_allclose(moment(1), 0.5, atol=1e-12)
    assert_allclose(moment(2) - moment(1)**2, 1 / (4 * (2 * alpha + 1)), atol=1e-12)


def bound(n, width):
    """Hoeffding: a mean of n independent numbers in an interval of `width` is off its expectation
    by more than this with a probability below FALSE_ALARM."""
    return width * math.sqrt(math.log(2 / FALSE_ALARM) / (2 * n))


@pytest.mark.parametrize("alpha", ALPHAS)
def test_mixup_4_mean_and_variance_of_the_draws(alpha):
    n = 50_000                                    # independent draws; false alarm below 2e-9
    weights = md.mixup_weight(md.Stream(1, f"{alpha}"), alpha, n).astype("float64")
    assert weights.min() >= 0 and weights.max() <= 1
    assert abs(weights.mean() - 0.5) < bound(n, 1)
    assert abs(((weights - 0.5)**2).mean() - 1 / (4 * (2 * alpha + 1))) < bound(n, 1 / 4)


def test_mixup_1_with_alpha_1_is_uniform():
    # Dvoretzky, Kiefer, Wolfowitz and Massart: P(sup |F_n - F| > t) <= 2 exp(-2 n t^2)
    n, weights = 50_000, np.sort(md.mixup_weight(2, 1.0, 50_000))
    assert abs(weights - (np.arange(n) + 0.5) / n).max() - 0.5 / n < bound(n, 1)


def test_mixup_1_draws_every_weight_by_itself_and_anew_at_every_call():
    stream = md.Stream(3)                         # 10^5 independent draws a call, half below 1/2
    first, second = (md.mixup_weight(stream, 0.4, 100_000) < 0.5 for _ in range(2))
    assert_independent(first, axis=0)
    assert_fresh(first, second, 0.5)
    assert len({md.mixup_weight(stream, 1.0) for _ in range(100)}) == 100


# --- (mixup.2) and (mixup.3): the means ----------------------------------------------------------

def test_mixup_2_and_3_by_hand(xp):
    x, y = md.mixup(xp.asarray(np.array([[0.0, 0], [4, 8]])), xp.asarray(np.eye(2)), 0.75,
                    xp.asarray(np.array([1, 0])))
    assert_array_equal(host(x), [[1, 2], [3, 6]])
    assert_array_equal(host(y), [[0.75, 0.25], [0.25, 0.75]])


@PROPERTY
@given(shape=st.lists(st.integers(1, 3), min_size=1, max_size=4).map(tuple), data=st.data())
def test_mixup_2_and_3_equal_nested_loops(xp, shape, data):
    def rows_of(values):
        return data.draw(st.lists(values, min_size=shape[0], max_size=shape[0]))

    rng = np.random.default_rng(1)
    x, y = rng.normal(size=shape), rng.random((shape[0], 2))
    order, one = np.array(rows_of(st.integers(0, shape[0] - 1))), data.draw(st.floats(0, 1))
    for weight in (one, np.array(rows_of(st.floats(0, 1)))):
        share = weight if weight is one else xp.asarray(weight)
        mixed = md.mixup(xp.asarray(x), xp.asarray(y), share, xp.asarray(order))
        for got, v in zip(mixed, (x, y), strict=True):
            assert_allclose(host(got), by_hand(v, weight, order), rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("weight", [0.0, 1.0, 0.3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mixup_2_and_3_keep_dtype_and_kind(xp, dtype, weight):
    order, each = xp.asarray(ORDER), xp.full(N, weight, "float64")
    for share in (weight, np.float64(weight), each, each.astype("float32")):
        x, y = md.mixup(xp.asarray(X.astype(dtype)), xp.asarray(Y), share, order)
        assert isinstance(x, xp.ndarray) and x.dtype == dtype and y.dtype == "float64"
        if weight in (0, 1):
            assert_array_equal(host(x), (X if weight else X[ORDER]).astype(dtype))
    x, y = md.mixup(md.Tensor(xp.asarray(X)), md.Tensor(xp.asarray(Y)), each, order)
    assert isinstance(x, md.Tensor) and isinstance(y, md.Tensor)


@pytest.mark.parametrize("weight", [0.3, np.array([0.2, 1.0, 0.5, 0.0, 0.9])])
@pytest.mark.parametrize("order", [ORDER, np.array([0, 0, 0, 4, 4])])
def test_mixup_2_gradient_for_a_given_order_and_weight(xp, order, weight):
    share = xp.asarray(weight) if np.ndim(weight) else weight
    x, y, order = xp.asarray(X[:, 0, 0, :2].copy()), xp.asarray(Y), xp.asarray(order)
    for part in (0, 1):
        assert gradcheck(lambda a, b, part=part: md.mixup(a, b, share, order)[part], x, y,
                         order=2) < 1e-8


def test_mixup_2_partners_share_the_gradient(xp):
    t = md.Tensor(xp.asarray(X), requires_grad=True)
    mixed, _ = md.mixup(t, xp.asarray(Y), 0.75, xp.asarray(np.array([1, 2, 2, 2, 0])))
    due = [0.75 + 0.25, 0.75 + 0.25, 0.75 + 3 * 0.25, 0.75, 0.75]
    assert_allclose(host(md.grad(mixed.sum(), t))[:, 0, 0, 0], due, rtol=1e-12)


def test_every_memory_order_gives_the_same_numbers_and_the_input_stays(xp):
    due = by_hand(X, 0.3, ORDER)
    for axes in itertools.permutations(range(4)):
        back = [int(axis) for axis in np.argsort(axes)]
        turned = xp.asarray(np.ascontiguousarray(X.transpose(axes))).transpose(*back)
        y = xp.asarray(np.asfortranarray(Y))
        mixed, rows = md.mixup(turned, y, 0.3, xp.asarray(ORDER))
        assert_allclose(host(mixed), due, rtol=1e-15, atol=1e-15)
        assert_allclose(host(rows), by_hand(Y, 0.3, ORDER), rtol=1e-15)
        assert_array_equal(host(turned), X)
        assert_array_equal(host(y), Y)


# --- (mixup.5) and (mixup.6) ---------------------------------------------------------------------

@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weight", [0.0, 0.25, 0.7, 1.0])
def test_mixup_5_the_two_losses_of_the_official_code_are_one(xp, weight, smoothing):
    logits = md.Tensor(xp.asarray(LOGITS), requires_grad=True)
    labels, order = xp.asarray(np.array([0, 2, 1, 1, 0])), xp.asarray(ORDER)
    _, y = md.mixup(xp.asarray(X), md.one_hot(labels, CLASSES, "float64"), weight, order)
    one = md.cross_entropy(logits, y, smoothing)
    two = (weight * md.cross_entropy(logits, labels, smoothing)
           + (1 - weight) * md.cross_entropy(logits, labels[order], smoothing))
    assert abs(float(one.data) - float(two.data)) < 1e-12
    assert_allclose(host(md.grad(one, logits)), host(md.grad(two, logits)), atol=1e-12)


@pytest.mark.parametrize("order", [ORDER, np.arange(N), np.roll(np.arange(N), 1)])
def test_mixup_6_one_weight_and_a_permutation_keep_the_sums(xp, order):
    x, y = md.mixup(xp.asarray(X), xp.asarray(Y), 0.3, xp.asarray(order))
    assert_allclose(host(x).sum(0), X.sum(0), atol=1e-12)
    assert_allclose(host(y).sum(0), Y.sum(0), atol=1e-12)
    assert_allclose(host(y).sum(1), 1, atol=1e-12)


def test_mixup_6_a_weight_for_each_example_does_not_keep_the_sums(xp):
    each = xp.asarray(np.array([0.1, 0.9, 0.5, 0.2, 0.7]))
    x, y = md.mixup(xp.asarray(X), xp.asarray(Y), each, xp.asarray(ORDER))
    assert abs(host(x).sum(0) - X.sum(0)).max() > 0.1
    assert_allclose(host(y).sum(1), 1, atol=1e-12)
    rng = Record(md.Stream(4))
    md.Mixup(0.2, CLASSES, per="example")(rng, X, Y)
    assert [(name, args) for name, args, _ in rng.draws] == [
        ("beta", (0.2, 0.2, N)), ("permutation", (N,))]


# --- the batch transform -------------------------------------------------------------------------

@pytest.mark.parametrize("per", ["batch", "example"])
def test_a_batch_is_mixed_as_its_draws_say(xp, backend, per):
    rng, labels = Record(md.Stream(7, "", backend)), np.array([0, 2, 1, 1, 0])
    x, y = md.Mixup(0.4, CLASSES, per)(rng, xp.asarray(X.astype("float32")), xp.asarray(labels))
    (_, _, weight), (_, _, order) = rng.draws
    weight, order = weight if per == "batch" else host(weight), host(order)
    assert np.ndim(weight) == (per == "example") and sorted(order) == list(range(N))
    assert x.dtype == y.dtype == "float32"
    assert_allclose(host(x), by_hand(X, weight, order), atol=1e-6)
    assert_allclose(host(y), by_hand(np.eye(CLASSES)[labels], weight, order), atol=1e-6)


def test_a_batch_of_tensors_with_soft_labels_and_a_stream_of_the_host(xp):
    x, y = xp.asarray(X), xp.asarray(Y)
    for per in ("batch", "example"):
        mix = md.Mixup(classes=CLASSES, per=per)
        (a, b), (c, d) = mix(7, md.Tensor(x), md.Tensor(y)), mix(md.Stream(7), x, y)
        assert isinstance(a, md.Tensor) and isinstance(c, xp.ndarray)
        assert a.dtype == b.dtype == c.dtype == d.dtype == "float64"
        assert_array_equal(host(a.data), host(c))
        assert_array_equal(host(b.data), host(d))


def test_a_batch_transform_is_a_value():
    mix = md.Mixup(alpha=0.2, classes=100)
    assert repr(mix) == "Mixup(alpha=0.2, classes=100, per='batch')"
    assert mix == pickle.loads(pickle.dumps(mix)) != md.Mixup(alpha=0.4, classes=100)


@pytest.mark.parametrize("per", ["batch", "example"])
def test_fit_goes_on_bit_for_bit(xp, tmp_path, per):
    x = xp.asarray(md.gaussian(0, (20, 1, 4, 4)))
    assert_resumes(md.Mixup(classes=2, per=per), x, tmp_path / "run")


def test_fit_refuses_to_go_on_with_another_alpha(tmp_path):
    def run(batch):
        md.fit(md.nn.Linear(4, CLASSES).init(0), md.optim.SGD(0.1), (X[:, 0, 0], Y), 1,
               batch=batch, checkpoint=tmp_path / "run", progress=False)

    run(md.Mixup(0.2, CLASSES))
    for other in (md.Mixup(0.4, CLASSES), md.Mixup(0.2, CLASSES, per="example"), None):
        with pytest.raises(ValueError, match=r"run: batch .Mixup\(alpha=0.2, classes=3, per="):
            run(other)


# --- "Differs" -----------------------------------------------------------------------------------

@pytest.mark.parametrize("weight", [0.25, 0.9])
def test_mixup_3_smoothing_before_or_after_is_the_same(xp, weight):
    smoothing, labels = 0.1, np.array([0, 2, 1, 1, 0])
    off = smoothing / CLASSES                     # timm's two values of a smoothed row
    smoothed = np.where(np.eye(CLASSES)[labels] == 1, 1 - smoothing + off, off)
    _, before = md.mixup(xp.asarray(X), xp.asarray(smoothed), weight, xp.asarray(ORDER))
    rows = md.one_hot(xp.asarray(labels), CLASSES, "float64")
    _, after = md.mixup(xp.asarray(X), rows, weight, xp.asarray(ORDER))
    assert_allclose(host(before), (1 - smoothing) * host(after) + off, atol=1e-15)
    logits = xp.asarray(LOGITS)
    assert abs(float(md.cross_entropy(logits, before)
                     - md.cross_entropy(logits, after, smoothing))) < 1e-12


def test_mixup_2_takes_the_partners_of_torchvision_and_timm(xp):
    for order, partners in ((np.roll(np.arange(N), 1), np.roll(X, 1, axis=0)),
                            (np.arange(N)[::-1].copy(), X[::-1])):
        x, _ = md.mixup(xp.asarray(X), xp.asarray(Y), 0.3, xp.asarray(order))
        assert_allclose(host(x), 0.3 * X + 0.7 * partners, rtol=1e-15, atol=1e-15)
    # 200 of the 120 orders: at most 60 different ones with a chance below C(120, 60) / 2^200, no
    # example that meets itself with (44/120)^200; both are below 1e-24.
    rng, mix = Record(md.Stream(0)), md.Mixup(classes=CLASSES)
    for _ in range(200):
        mix(rng, X, Y)
    orders = [tuple(order) for name, _, order in rng.draws if name == "permutation"]
    assert len(set(orders)) > 60 and any(i == j for order in orders for i, j in enumerate(order))


# --- bad input -----------------------------------------------------------------------------------

def test_what_does_not_fit_is_refused_in_one_sentence(xp):
    x, y, order = xp.asarray(X), xp.asarray(Y), xp.asarray(ORDER)
    each = xp.full(N, 0.5)
    for error, words, use in [
            (TypeError, "x must hold floats", lambda: md.mixup(order, y, 0.5, order)),
            (ValueError, r"x must be examples \(N, ...\)", lambda: md.mixup(x[:0], y, 0.5, order)),
            (ValueError, "x must be examples", lambda: md.Mixup()(0, x[..., :0], y)),
            (TypeError, "y must be 5 rows of floats", lambda: md.mixup(x, order, 0.5, order)),
            (TypeError, "y must be 5 rows of floats", lambda: md.mixup(x, y[1:], 0.5, order)),
            (ValueError, r"y must be labels \(N,\) or rows \(N, 10\)", lambda: md.Mixup()(0, x, y)),
            (ValueError, r"labels must lie in 0\.\.1", lambda: md.Mixup(1.0, 2)(0, x, order)),
            (ValueError, "order must be whole numbers", lambda: md.mixup(x, y, 0.5, order[1:])),
            (ValueError, r"order must lie in 0\.\.4", lambda: md.mixup(x, y, 0.5, order + 1)),
            (ValueError, "weight is a probability", lambda: md.mixup(x, y, 1.5, order)),
            (TypeError, "weight must be a number", lambda: md.mixup(x, y, None, order)),
            (ValueError, r"weight must be one number or floats of shape \(5,\)",
             lambda: md.mixup(x, y, each[1:], order)),
            (ValueError, r"weight must lie in \[0, 1\]", lambda: md.mixup(x, y, each * 3, order)),
            (ValueError, r"weight must lie in \[0, 1\]", lambda: md.mixup(x, y, each - 2, order)),
            (ValueError, r"weight must lie in", lambda: md.mixup(x, y, each * np.nan, order)),
            (ValueError, "alpha must be finite and at least 0", lambda: md.mixup_weight(0, -0.1)),
            (ValueError, "alpha must be finite and at least 0", lambda: md.Mixup(np.nan)),
            (ValueError, "per must be one of 'batch', 'example'", lambda: md.Mixup(per="image")),
            (TypeError, "rng must be a Stream", lambda: md.mixup_weight(None, 1.0))]:
        with pytest.raises(error, match=words):
            use()
