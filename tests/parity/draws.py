"""Draws of PyTorch's generator, twice: on ones, which show the mask, and on the input."""

import numpy as np

import minidrop as md


def of_torch(torch, f, x, g):
    """f(x), the gradient of <g, f(x)>, and the mask (True keeps) of that draw of f."""
    torch.manual_seed(0)
    mask = f(torch.ones(x.shape, dtype=getattr(torch, str(x.dtype)))) > 0
    torch.manual_seed(0)
    leaf = torch.tensor(x, requires_grad=True)
    y = f(leaf)
    y.backward(torch.from_numpy(g))
    return y.detach().numpy(), leaf.grad.numpy(), mask.numpy()


def of_minidrop(f, x, g):
    """f(x) and the gradient of <g, f(x)>."""
    leaf = md.Tensor(x, requires_grad=True)
    y = f(leaf)
    y.backward(g)
    return y.data, leaf.grad


def per_map(mask):
    """(N, C, 1, ...) of a mask (N, C, ...) that is the same all over each map."""
    axes = tuple(range(2, mask.ndim))
    found = mask.any(axes, keepdims=True)
    assert (mask == found).all()
    return found


def pair(rng, shape, dtype):
    """An input and a cotangent."""
    return (rng.standard_normal(shape).astype(dtype) for _ in range(2))


def assert_close(ours, theirs, tolerance):
    """Equal dtypes and shapes, and no entry further apart than `tolerance` of the largest."""
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    assert np.abs(ours - theirs).max(initial=0) <= tolerance * np.abs(theirs).max(initial=1e-300)
