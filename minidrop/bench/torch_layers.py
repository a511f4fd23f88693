"""The layers of the networks in PyTorch: torch.nn's own, and two that it has not."""

import importlib
from types import SimpleNamespace
from typing import Any


def reference():
    """The module torch; ValueError where it is not installed."""
    try:
        return importlib.import_module("torch")
    except ImportError:
        raise ValueError('bench compares with PyTorch, which is not installed: '
                         'pip install "minidrop[reference]"') from None


def layers():
    """torch.nn, DropConnect with a mask for each example, and the twin of the model `vit`."""
    lib = vars(reference().nn)
    return SimpleNamespace(**lib | {"DropConnect": dropconnect(), "vit": vit})


def dropconnect():
    """The class of a linear layer that drops connections, others for each example."""
    torch = reference()
    linear: Any = torch.nn.Linear

    class PerExample(linear):
        def __init__(self, n_in, n_out, p):
            super().__init__(n_in, n_out)
            self.p = p

        def forward(self, x):
            return self.masked(x, torch.rand(len(x), *self.weight.shape, device=x.device) >= self.p)

        def masked(self, x, mask):
            return torch.einsum("noi,ni->no", mask * self.weight, x) + self.bias

    return PerExample


def vit(size=32, patch=4, width=192, depth=4, heads=3):
    """The model `vit` for 3 x `size` x `size`, GELU in its tanh form, with fused attention."""
    torch = reference()
    lib: Any = torch.nn
    module: Any = lib.Module
    attention = torch.nn.functional.scaled_dot_product_attention

    class Positions(module):
        def __init__(self, tokens):
            super().__init__()
            self.token = lib.Parameter(torch.empty(width))
            self.weight = lib.Parameter(torch.empty(tokens + 1, width))

        def forward(self, x):
            first = self.token.expand(len(x), 1, width)
            return torch.cat([first, x.transpose(1, 2)], 1) + self.weight

    class Heads(module):
        def __init__(self):
            super().__init__()
            self.packed, self.joined = lib.Linear(width, 3 * width), lib.Linear(width, width)

        def forward(self, x):
            n, t, _ = x.shape
            q, k, v = self.packed(x).reshape(n, t, 3, heads, -1).permute(2, 0, 3, 1, 4)
            return self.joined(attention(q, k, v).transpose(1, 2).reshape(n, t, width))

    class Sum(module):
        def __init__(self, *branch):
            super().__init__()
            self.branch = lib.Sequential(lib.LayerNorm(width, 1e-6), *branch)

        def forward(self, x):
            return self.branch(x) + x

    class FirstToken(module):
        def forward(self, x):
            return x[:, 0]

    blocks = [Sum(*branch) for _ in range(depth) for branch in (
        [Heads()],
        [lib.Linear(width, 4 * width), lib.GELU("tanh"), lib.Linear(4 * width, width)])]
    return lib.Sequential(
        lib.Conv2d(3, width, patch, patch), lib.Flatten(2), Positions((size // patch) ** 2),
        *blocks, FirstToken(), lib.LayerNorm(width, 1e-6), lib.Linear(width, 10))
