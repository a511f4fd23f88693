"""The gallery's modules of PyTorch, layers of Keras and functions of JAX are what they say."""

import importlib

import numpy as np
import pytest

import minidrop as md
from minidrop import catalog

pytestmark = pytest.mark.reference
TAGS = {t.name: {e.tag for e in t.equations} for t in catalog.techniques()}
P = 0.5
X = np.random.default_rng(0).normal(size=(6, 4, 6, 6)).astype("float32")


def entries(name):
    module = importlib.import_module(f"tests.verify.{name}")
    for kind in ("RIGHT", "WRONG"):
        for entry in getattr(module, kind, ()):
            if kind == "WRONG":
                assert set(entry.tags) <= TAGS[entry.technique] and (entry.tags or entry.manner)
                assert not entry.tags or f"({entry.tags[0]})" in entry.impl.__doc__
            yield entry


def module_of(torch, entry):
    """A module that is given (x), with its mode set."""
    if not isinstance(entry.impl, type):
        return lambda x, training: entry.impl(x, P, training)
    made = entry.impl(P, *([3] if entry.technique == "dropblock" else []))
    return lambda x, training: made.train(training)(x)


def is_linear_in_its_noise(torch, entry, step):
    """In evaluation the identity; in training the gradient is the slope of that very call."""
    x = torch.tensor(X)
    if not torch.equal(step(x.clone(), False), x):
        return False
    leaf = torch.tensor(X, requires_grad=True)
    y = step(leaf * 1, True)
    slope, = torch.autograd.grad(y.sum(), leaf)
    if entry.technique == "alpha":
        a, b = md.alpha_affine(P)
        silenced = torch.tensor(b - 1.7580993408473766 * a, dtype=y.dtype)
        due = torch.where(torch.isclose(y, silenced), 0.0, a)
    else:
        due = y / leaf
    return torch.allclose(slope, due, rtol=1e-3)


def test_right_modules_of_pytorch_are_dropout_of_some_mask(torch):
    for entry in entries("torch_right"):
        step = module_of(torch, entry)
        assert is_linear_in_its_noise(torch, entry, step), entry.name
        assert not torch.equal(step(torch.tensor(X), True), step(torch.tensor(X), True)), entry.name


@pytest.mark.parametrize("wrong", ["GradientWithoutTheMask", "GradientDrawnAgain",
                                   "DetachedDropout", "ForgetsTheMode"])
def test_wrong_modules_of_pytorch_are_not(torch, wrong):
    entry, = (e for e in entries("torch_wrong") if e.impl.__name__ == wrong)
    assert not is_linear_in_its_noise(torch, entry, module_of(torch, entry))


def test_wrong_gradients_where_the_input_is_zero_and_inputs_overwritten(torch):
    found = {e.impl.__name__: e.impl for e in entries("torch_wrong")}
    x = torch.zeros(50, requires_grad=True)
    g, = torch.autograd.grad(found["GradientFromTheOutput"](P)(x).sum(), x)
    assert (g == 1).all()                         # and not 0 or 2
    x = torch.ones(50)
    found["ScaledInPlace"](P)(x)
    assert (x != 1).all()
    layer = found["NewParameterEachCall"]()
    before = [*layer.parameters()]
    layer(torch.ones(1, 8))
    assert before[0] is not next(layer.parameters())


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_layers_of_keras_are_right_and_wrong(keras):
    for entry in entries("keras_layers"):
        layer, x = entry.impl(P), X[:, 0, 0]
        calm, noisy, again = (keras.ops.convert_to_numpy(layer(x, training=training))
                              for training in (False, True, True))
        assert ((calm != x).any()) == (entry.impl.__name__ == "TrainsAlways")
        assert ((noisy == again).all()) == (entry.impl.__name__ == "SeededByANumber")


def test_functions_of_jax_are_right_and_wrong():
    jax = pytest.importorskip("jax")
    for entry in entries("jax_functions"):
        def step(x, key, training, f=entry.impl):
            if f.__name__ == "multiplied":
                return f(key, x, P, deterministic=not training)
            return f(x, P, key, training=training)

        x, keys = jax.numpy.asarray(X[:, 0, 0]), jax.random.split(jax.random.PRNGKey(0))
        assert (step(x, keys[0], False) == x).all()
        first, other = (step(x, key, True) for key in keys)
        assert bool((first == other).all()) == (entry.impl.__name__ == "key_made_once")
        slope = jax.grad(lambda x: step(x, keys[0], True).sum())(x)    # noqa: B023
        right = np.allclose(slope, first / x, rtol=1e-3)
        assert right == (entry.impl.__name__ != "stopped_at_the_output")
