"""Adapters: how implementations are called, told by what small ones are handed and give back."""

import sys
from functools import partial
from types import FunctionType, ModuleType

import numpy as np
import pytest

import minidrop as md
from minidrop.units.dropout import dropout, dropout_original
from minidrop.verify import check
from minidrop.verify.adapters import adapter_for, framework_of
from minidrop.verify.adapters.numpy_arrays import Zeros
from minidrop.verify.box import Box, Trouble, Unseen
from minidrop.verify.roles import signature_of
from minidrop.verify.techniques import technique_named
from tests.verify.holders import LINEAR, B, W, assert_linear, assert_norm
from tests.verify.holders import X as X2

pytestmark = pytest.mark.slow

X, MASK = np.array([[1.0, 2.0]], np.float32), np.array([[True, False]])


def box(impl, technique="dropout", **settings):
    """An implementation as a black box."""
    return Box(adapter_for(impl, technique_named(technique), **settings))


# --- noise as an argument ---

def test_a_mask_that_is_an_argument_is_handed_over():
    held = box(dropout)
    assert held.takes_noise and held.takes("p") and held.takes("mask")
    answer = held.apply(X, noise=MASK, p=0.5, gradient=True)
    np.testing.assert_array_equal(answer.y, [[2, 0]])
    np.testing.assert_array_equal(answer.gradient(3 * X), [[6, 0]])
    for run in held.train, held.evaluate:
        with pytest.raises(Unseen, match="the mask is given to it, so nothing is drawn"):
            run(X, p=0.5)
    assert check(dropout, "dropout").holds


def test_parameters_that_are_not_taken_are_in_the_noise():
    held = box(lambda x, noise: x * noise)
    assert held.takes_noise and not held.takes("p")
    np.testing.assert_array_equal(held.apply(X, noise=3 * X, p=0.5).y, [[3, 12]])
    np.testing.assert_array_equal(box(dropout_original).apply(X, noise=MASK, p=0.5).y, [[1, 0]])


def test_a_mask_is_boolean_unless_that_does_not_work():
    seen = []

    def booleans(x, mask):
        seen.append(mask.dtype)
        return x * mask

    box(booleans).apply(X, noise=MASK)
    held = box(lambda x, mask: x * booleans(x, 1 + -mask))
    assert held.apply(X, noise=MASK).y.tolist() == [[0, 4]] and seen == [bool, np.float32]
    held.apply(X.astype(float), noise=MASK)
    assert seen[2:] == [float]
    with pytest.raises(Trouble, match="boolean"):
        box(lambda x, mask: -mask + np.zeros((2, 5, 7)) @ x).apply(X, noise=MASK)


def test_a_mask_for_maps_with_the_channels_last_has_them_last():
    held = box(lambda x, mask, p: x * mask + 0 * x[..., -1:], layout="NHWC")
    x, mask = np.random.default_rng(0).normal(size=(2, 3, 4, 5)), np.zeros((2, 3, 1, 1), bool)
    mask[0, 1] = True
    np.testing.assert_array_equal(held.apply(x, noise=mask, p=0.5).y, x * mask)


def test_what_draws_its_own_takes_no_noise():
    for impl in md.Dropout, lambda x, p, rng, mask=None: x:
        held = box(impl)
        assert not held.takes_noise
        held.train(X, p=0.5)
    with pytest.raises(Unseen, match="takes no mask"):
        box(md.Dropout).apply(X, noise=MASK, p=0.5)


# --- what layers hold ---

class Affine:
    """A homework layer, its matrix (n_in, n_out)."""

    def __init__(self, n_in, n_out):
        self.W, self.b = np.zeros((n_in, n_out)), np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, g):
        return g @ self.W.T, self.x.T @ g, g.sum(0)


class Turned(Affine):
    """The same with its matrix (n_out, n_in)."""

    def __init__(self, n_in, n_out):
        self.kernel, self.b = np.zeros((n_out, n_in)), np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.kernel.T + self.b

    def backward(self, g):
        return g @ self.kernel, g.T @ self.x, g.sum(0)


@pytest.mark.parametrize("impl", [Affine, Turned, md.nn.Linear])
def test_weights_are_put_into_layers_and_have_their_gradients(impl):
    assert_linear(impl)


def test_a_layer_whose_rate_is_not_said_is_not_held_to_another():
    report = check(md.nn.Sequential(md.Dropout(0.3)), "dropout")
    assert not report.failures and "--fixed p=..." in str(report)


def test_a_layer_made_by_somebody_else_stays_as_it_was():
    layer = md.nn.Linear(2, 3).init(0)
    before = layer.weight.data.copy()
    held = Box(adapter_for(layer, LINEAR))
    held.train(X2, W, B, like=None)
    np.testing.assert_array_equal(layer.weight.data, before)
    with pytest.raises(Unseen, match="weight has the shape \\(3, 2\\), not \\(2, 2\\)"):
        held.train(X2, W[:2], B[:2], like=None)


def test_what_is_not_taken_cannot_be_seen_unless_it_does_nothing():
    held = Box(adapter_for(lambda x, w: x @ w.T, LINEAR))
    assert held.takes("w") and not held.takes("b")
    with pytest.raises(Unseen, match="it takes no b"):
        held.train(X2, W, B, like=None)
    np.testing.assert_array_equal(held.train(X2, W, 0 * B, like=None).y, X2 @ W.T)


def test_one_gradient_of_three_is_told():
    class Half(Affine):
        def backward(self, g):
            return g @ self.W.T

    with pytest.raises(Unseen, match="its backward gives 1 gradients of 3"):
        Box(adapter_for(Half, LINEAR)).train(X2, W, B, like=None).gradient(X2 @ W.T)


def test_running_statistics_are_put_in_and_seen_afterwards():
    assert_norm(md.BatchNorm, unbiased=True)


# --- noise that can be seeded, and noise that is 0 ---

@pytest.mark.parametrize("made", [lambda: md.Dropout(0.3), lambda: md.Dropout(0.3).init(7)])
def test_a_layer_of_ours_begins_anew(made):
    layer = made()
    assert check(layer, "dropout", fixed={"p": 0.3}).holds
    assert getattr(layer, "noise", None) is None


def test_a_source_of_its_own_is_no_failure_and_one_that_is_handed_over_has_to_be_used():
    def own(x, p):
        rng = np.random.default_rng()
        return x * (rng.random(x.shape) >= p) / max(1 - p, 1e-30)

    def deaf(x, p, rng):
        return own(x, p)

    def told(impl):
        found = [one for one in check(impl, "dropout").findings if one.check == "same seed"]
        return found[0].word, found[0].found

    assert told(own) == ("cannot be seen", "it is handed no source of noise, and its own cannot be "
                         "seeded")
    assert told(deaf) == ("fails", "other masks")


@pytest.mark.parametrize("draw, rate", [
    (lambda rng, shape: np.random.random(shape), None),               # noqa: NPY002
    (lambda rng, shape: rng.random(shape), None),
    (lambda rng, shape: rng.random(shape, np.float32), None)])
def test_numbers_that_are_all_0_show_a_comparison_of_the_wrong_kind(draw, rate):
    for keeps, compare in (True, np.greater_equal), (False, np.greater):
        def impl(x, p, rng, compare=compare):
            return x * compare(draw(rng, x.shape), p) / max(1 - p, 1e-30)

        found = {one.check: one.word for one in check(impl, "dropout").findings}
        assert (found["rarest draw"] == "holds") is keeps


def test_a_stream_of_zeros_starves_ours():
    held = box(md.Dropout)
    with held.starved():
        assert held.train(np.ones((50, 50), np.float32), p=0.999).y.all()
    assert not held.train(np.ones((50, 50), np.float32), p=0.999).y.all()


@pytest.mark.parametrize("transform, arguments, least", [
    (md.bernoulli, (1e-9, (3, 5)), np.ones((3, 5), bool)),
    (md.bernoulli, (0.0, 7), np.zeros(7, bool)),
    (md.coin, (1e-9,), True), (md.uniform, ((2, 3),), np.zeros((2, 3))),
    (md.integers, (6, 4), np.zeros(4)), (md.permutation, (3,), np.arange(3))])
def test_every_transform_of_zeros_gives_the_least_it_can(transform, arguments, least):
    assert np.array_equal(transform(Zeros(7), *arguments), least)


# --- what it is told to be ---

def keeps_last(x, keep_prob, rng, training):
    if not training:
        return x
    return x * (rng.random(x.shape) < keep_prob) / max(keep_prob, 1e-30)


def keeps(x, p, rng, training):
    return keeps_last(x, p, rng, training)


def renamed(x, zero, rng, training, extra):
    assert extra == "given"
    return keeps_last(x, 1 - zero, rng, training)


@pytest.mark.parametrize("layout", [None, "NCHW", "NHWC"])
@pytest.mark.parametrize("impl, settings", [
    (keeps_last, {}), (keeps, {"rate": "keep"}),
    (renamed, {"bind": {"zero": "p"}, "extra": {"extra": "given"}}),
    (lambda rate: Made(rate), {}), (lambda keep_prob: Made(1 - keep_prob), {}),
    (lambda p: Made(1 - p), {"rate": "keep"}),
    (lambda amount: Made(amount), {"bind": {"amount": "p"}})])
def test_rates_layouts_names_and_extra_arguments(impl, settings, layout):
    held = box(impl, layout=layout, **settings)
    for ndim in 2, 3, 4, 5:
        x = np.arange(1, 1 + np.prod(shape := (2, 3, 4, 5, 6)[:ndim]), dtype=np.float32)
        answer = held.train(x := x.reshape(shape), p=0.25)
        dropped = answer.y == 0
        np.testing.assert_allclose(answer.y[~dropped], x[~dropped] / 0.75, rtol=1e-6)
        assert dropped.size < 100 or 0.1 < dropped.mean() < 0.4
        np.testing.assert_array_equal(held.evaluate(x, p=0.25).y, x)
    np.testing.assert_array_equal(held.train(x, p=0.0).y, x)


class Made:
    """A layer whose calls are counted."""

    def __init__(self, p):
        self.p, self.training, self.rng = p, True, np.random.default_rng(3)

    def __call__(self, x):
        return keeps_last(x, 1 - self.p, self.rng, self.training)


def test_channels_last_is_what_the_implementation_sees():
    seen = []

    def impl(x, p):
        seen.append(x.shape)
        return x

    for layout, shape in ("NHWC", (2, 4, 5, 3)), (None, (2, 3, 4, 5)):
        answer = box(impl, layout=layout).train(np.zeros((2, 3, 4, 5)), p=0.5)
        assert seen.pop() == shape and answer.y.shape == answer.inputs[0].shape == (2, 3, 4, 5)


def test_what_cannot_be_told_is_said_in_a_sentence():
    with pytest.raises(ValueError, match="bind=.'m': ROLE"):
        box(lambda x, p, m: x)
    with pytest.raises(ValueError, match="bind says that q is 'rate', which is none of x, p, "):
        box(lambda x, q: x, bind={"q": "rate"})
    with pytest.raises(ValueError, match="cannot be told from outside; wrap it, as in lambda x, p"):
        box(dict.update, framework="numpy")
    with pytest.raises(ValueError, match="framework must be one of"):
        box(keeps, framework="theano")
    with pytest.raises(ValueError, match="layout must be one of"):
        box(keeps, layout="HWC")


def test_a_docstring_tells_the_arguments_where_python_does_not():
    class Builtin:
        __name__, __signature__ = "dropout", 0    # so inspect raises

        def __call__(self, *given):
            return given[0]

    stated = Builtin()
    stated.__doc__ = "dropout(input, p=0.5, *, generator=None) -> Tensor\n\nMore."
    assert [*signature_of(stated).parameters] == ["input", "p", "generator"]
    assert box(stated).takes("rng")


def test_the_framework_is_that_of_what_is_used_and_not_of_what_is_imported():
    torch = ModuleType("torch")
    torch.rand = FunctionType((lambda: 0).__code__, {"__name__": "torch"}, "rand")

    def of(source, **names):
        space = {"torch": torch, "np": np, "partial": partial, **names, "__name__": "mine"}
        exec(source, space)
        return framework_of(space["impl"])

    assert of("def impl(x, p): return x * np.ones(2)") == "numpy"
    assert of("def impl(x, p): return torch.rand(x)") == "torch"
    assert of("def helper(x): return torch.rand(x)\ndef impl(x, p): return helper(x)") == "torch"
    assert of("def f(x, p): return torch.rand(x)\nimpl = partial(f, p=0.5)") == "torch"
    assert of("class Layer:\n    def __call__(self, x): return torch.rand(x)\nimpl = Layer()") \
        == "torch"
    assert framework_of(md.Dropout(0.5).forward) == framework_of(partial(md.Dropout, 1)) \
        == "minidrop"


def test_a_maker_is_of_the_framework_of_what_it_makes():
    assert box(lambda p: MADE["dropout"](p)).adapter.framework == "minidrop"
    assert box(lambda p: MADE["nothing"](p)).adapter.framework == "numpy"
    with pytest.raises(Trouble, match="KeyError: 'nothing'"):
        box(lambda p: MADE["nothing"](p)).train(X, p=0.5)


MADE = {"dropout": md.Dropout}


def test_what_is_not_for_numpy_says_so_in_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", ModuleType("torch"))
    with pytest.raises(Trouble, match="new_empty") as caught:
        box(lambda x, p: x.new_empty(3)).train(X, p=0.5)
    assert "say framework='torch'" in caught.value.due


def test_methods_and_partial_functions():
    layer = Made(0.25)
    held = Box(adapter_for(layer.__call__, technique_named("dropout")), fixed={"p": 0.25})
    assert set(np.round(X / held.train(X, p=0.25).y, 4).ravel()) <= {0.75, np.inf}
    assert check(partial(keeps_last, training=True), "dropout").holds
    assert check(partial(md.Dropout, scaling="paper"), "dropout", scaling="paper").holds


def test_arguments_behind_one_that_is_left_out_go_by_name():
    def instance_norm(input, running_mean=None, weight=None, bias=None, eps=1e-5):
        assert running_mean is None and weight is not None and bias is not None
        axes = tuple(range(2, input.ndim))
        away = input - input.mean(axes, keepdims=True)
        y = away / np.sqrt((away * away).mean(axes, keepdims=True) + eps)
        shape = (1, -1, *[1] * len(axes))
        return (y * weight.reshape(shape) + bias.reshape(shape)).astype(input.dtype)

    assert check(instance_norm, "instance_norm").holds
