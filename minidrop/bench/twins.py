"""The techniques as one writes them in PyTorch: what `techniques` times ours beside.

Each is a function (layer, x, noise) -> y of a PyTorch layer.  Without noise it draws its own, as a
user's code would, by PyTorch's function where there is one; with it, it uses the draw of ours, so
that both can be held together before anything is timed.
"""

import math
import random

from ..units.alpha import SATURATION, alpha_affine
from .torch_layers import reference


def on_output(act):
    """`act` (y, noise) on what the layer puts out."""
    return lambda layer, x, noise=None: act(layer(x), noise)


def dropout(p):
    """Dropout; PyTorch's own where it draws."""
    F = reference().nn.functional
    return on_output(lambda y, mask: F.dropout(y, p) if mask is None else y * mask / (1 - p))


def gaussian_dropout(p):
    """Gaussian dropout, which PyTorch has not."""
    torch, sigma = reference(), math.sqrt(p / (1 - p))
    return on_output(lambda y, noise: y * (1 + sigma * torch.randn_like(y) if noise is None
                                           else noise))


def alpha_dropout(p):
    """Alpha dropout; PyTorch's own where it draws."""
    torch, (a, b) = reference(), alpha_affine(p)
    return on_output(lambda y, mask: torch.nn.functional.alpha_dropout(y, p, training=True)
                     if mask is None else a * torch.where(mask, y, SATURATION) + b)


def spatial_dropout(p):
    """Dropout of maps; PyTorch's `dropout2d` where it draws."""
    F = reference().nn.functional
    return on_output(lambda y, mask: F.dropout2d(y, p) if mask is None else y * mask / (1 - p))


def dropblock(p, block):
    """DropBlock as torchvision has it: seeds, a padding, the largest of each window."""
    torch = reference()

    def act(y, mask):
        if mask is None:
            n, c, h, w = y.shape
            rate = p * h * w / (block**2 * (h - block + 1) * (w - block + 1))
            seeds = torch.empty(n, c, h - block + 1, w - block + 1).bernoulli_(rate)
            seeds = torch.nn.functional.pad(seeds, [block // 2] * 4)
            mask = 1 - torch.nn.functional.max_pool2d(seeds, block, 1, block // 2)
        return y * mask * (mask.numel() / mask.sum())

    return on_output(act)


def dropconnect(p, per):
    """Weights of a linear layer dropped for each example, or once for the batch."""
    torch = reference()

    def forward(layer, x, mask=None):
        w, b = layer.weight, layer.bias
        if mask is None:
            mask = torch.rand(*[len(x)][:per == "example"], *w.shape) >= p
        if mask.ndim == 2:
            return torch.nn.functional.linear(x, w * mask, b)
        return torch.einsum("noi,ni->no", mask * w, x) + b

    return forward


def targeted_dropout(gamma, alpha, unit):
    """The smallest weights of each row dropped, or the shortest rows."""
    torch = reference()

    def forward(layer, x, mask=None):
        w = layer.weight
        if mask is None:
            size = w.detach().norm(dim=1) if unit else w.detach().abs()
            most = size.kthvalue(int(gamma * size.shape[-1]), dim=-1, keepdim=True).values
            mask = (size > most) | (torch.rand(size.shape) >= alpha)
        mask = mask[:, None] if unit else mask
        return torch.nn.functional.linear(x, w * mask, layer.bias)

    return forward


def multi_sample(p, m):
    """A layer on m dropped copies of its input, one after the other."""
    torch = reference()

    def forward(layer, x, masks=None):
        copies = (torch.nn.functional.dropout(x, p) if masks is None else x * masks[k] / (1 - p)
                  for k in range(m))
        return torch.stack([layer(copy) for copy in copies])

    return forward


def residual(layer, x, noise=None):
    """layer(x) + x."""
    return layer(x) + x


def stochastic_depth(p):
    """layer(x) + x with a gate for each example, as torchvision has it."""
    torch = reference()

    def forward(layer, x, gate=None):
        if gate is None:
            gate = torch.empty(len(x)).bernoulli_(1 - p)
        return layer(x) * (gate / (1 - p)).reshape(-1, 1, 1, 1) + x

    return forward


def norm(kind, *args):
    """PyTorch's norm of this kind."""
    layer = getattr(reference().nn, kind)(*args)
    return on_output(lambda y, noise: layer(y))


def cutout(length):
    """Cutout of a whole batch."""
    torch = reference()

    def batch(x, y):
        near = [abs(torch.arange(n) - torch.randint(n, (len(x), 1)) + 0.5) < length / 2
                for n in x.shape[2:]]
        return x * ~(near[0][:, None, :, None] & near[1][:, None, None, :]), y

    return batch


def mixup(x, y):
    """mixup, lambda from Beta(1, 1)."""
    torch = reference()
    weight, order = torch.distributions.Beta(1.0, 1.0).sample(), torch.randperm(len(x))
    rows = torch.nn.functional.one_hot(y, 10).float()
    return tuple(weight * v + (1 - weight) * v[order] for v in (x, rows))


def cutmix(x, y):
    """CutMix, lambda from Beta(1, 1)."""
    torch, (n, _, height, width) = reference(), x.shape
    ratio, order = math.sqrt(1 - float(torch.rand(()))), torch.randperm(n)
    (top, bottom), (left, right) = (
        (max(at - side // 2, 0), min(at + side // 2, size)) for size in (height, width)
        for at, side in [(int(torch.randint(size, ())), int(size * ratio))])
    mixed, rows = x.clone(), torch.nn.functional.one_hot(y, 10).float()
    mixed[:, :, top:bottom, left:right] = x[order, :, top:bottom, left:right]
    weight = 1 - (bottom - top) * (right - left) / (height * width)
    return mixed, weight * rows + (1 - weight) * rows[order]


def attentive_cutmix(extractor, n):
    """Attentive CutMix: the n cells of each image that `extractor` looks at most."""
    torch = reference()

    def batch(x, y):
        extractor.eval()
        with torch.no_grad():
            attention = extractor(x).mean(1)
        extractor.train()
        cells = torch.zeros_like(attention).flatten(1)
        cells.scatter_(1, attention.flatten(1).topk(n).indices, 1.0)
        pasted = cells.view_as(attention)[:, None]
        pasted = torch.nn.functional.interpolate(pasted, x.shape[2:]) > 0
        order, rows = torch.randperm(len(x)), torch.nn.functional.one_hot(y, 10).float()
        weight = n / cells.shape[1]
        return torch.where(pasted, x, x[order]), weight * rows + (1 - weight) * rows[order]

    return batch


def left_out(block, x):
    """branch(x) + skip(x), or the skip alone where the gate is closed, or a draw says so."""
    alive = random.random() >= block.p if block.gate is None else block.gate
    return block.branch(x) + block.skip(x) if alive else block.skip(x)


def l1(params):
    """The sum of absolute values."""
    return sum(w.abs().sum() for w in params)


def l2(params):
    """Half the sum of squares."""
    return 0.5 * sum((w * w).sum() for w in params)


def ema(mu):
    """What `AveragedModel` takes as its rule."""
    return reference().optim.swa_utils.get_ema_multi_avg_fn(mu)
