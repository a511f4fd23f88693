"""Layers that hold what is put into them, and what is due of them: for every framework's tests."""

import numpy as np

from minidrop.verify.adapters import adapter_for
from minidrop.verify.box import Box
from minidrop.verify.technique import Technique

LINEAR = Technique("dropconnect", ("x", "w", "b"), ("p",), ())
NORM = Technique("batch_norm", ("x", "w", "b", "running_mean", "running_var"),
                 ("momentum", "eps"), ())
X = np.array([[1, 2], [3, 5]], np.float32)
W = np.array([[1, 2], [3, 4], [5, 7]], np.float32)
B = np.array([1, 2, 4], np.float32)
G = np.array([[1, 0, 2], [3, 1, 0]], np.float32)


def assert_linear(impl, **settings):
    """x w^T + b, and its gradients in x, w and b: of 2 inputs and 3 outputs, then of 2."""
    box = Box(adapter_for(impl, LINEAR, **settings))
    assert box.takes("w") and box.takes("b") and box.takes("x")
    for n in (3, 2, 3):
        for _ in range(2):
            answer = box.train(X, W[:n], B[:n], gradient=True, like=None)
            np.testing.assert_allclose(answer.y, X @ W[:n].T + B[:n])
            g = G[:, :n]
            for found, due in zip(answer.gradient(g), (g @ W[:n], g.T @ X, g.sum(0)), strict=True):
                np.testing.assert_allclose(found, due)
            for found, put in zip(answer.inputs, (X, W[:n], B[:n]), strict=True):
                np.testing.assert_array_equal(found, put)
        box.restart(3)
    np.testing.assert_allclose(box.train(X, W, B, like=None).y, X @ W.T + B)


def assert_norm(impl, unbiased, **settings):
    """Batch norm of maps with channels second, momentum the weight of the new batch."""
    box = Box(adapter_for(impl, NORM, **settings))
    assert {"w", "b", "running_mean", "running_var"} <= box.adapter.roles()
    x = np.random.default_rng(0).normal(size=(4, 3, 2, 5)).astype(np.float32)
    mean, var, axes = B - 1, B, (0, 2, 3)

    def due(mean, var):
        at = (slice(None), None, None)
        return (x - mean[at]) / np.sqrt(var[at] + 0.5) * (2 * B)[at] + B[at]

    for gradient in (True, False):
        answer = box.train(x, 2 * B, B, mean, var, momentum=0.25, eps=0.5, gradient=gradient)
        np.testing.assert_allclose(answer.y, due(x.mean(axes), x.var(axes)), rtol=1e-4, atol=1e-4)
        seen = x.var(axes) * (40 / 39 if unbiased else 1)
        np.testing.assert_allclose(answer.inputs[3], 0.75 * mean + 0.25 * x.mean(axes), rtol=1e-5)
        np.testing.assert_allclose(answer.inputs[4], 0.75 * var + 0.25 * seen, rtol=1e-5)
        if gradient:
            g = np.flip(x)
            found = answer.gradient(g)
            scaled = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 0.5)
            np.testing.assert_allclose(found[1], (g * scaled).sum(axes), rtol=1e-3, atol=1e-3)
            np.testing.assert_allclose(found[2], g.sum(axes), rtol=1e-3, atol=1e-3)
            assert found[0].shape == x.shape and abs(found[0].sum()) < 1e-2
    answer = box.evaluate(x, 2 * B, B, mean, var, momentum=0.25, eps=0.5)
    np.testing.assert_allclose(answer.y, due(mean, var), rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(answer.inputs[4], var)
