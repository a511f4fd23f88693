"""PyTorch: modules and functions, with torch.autograd."""

import numpy as np

from ..box import Trouble
from .base import Adapter


class TorchAdapter(Adapter):
    """Modules and functions of PyTorch, with its own gradient."""

    framework = "torch"

    def array(self, a, gradient):
        import torch

        tensor = torch.from_numpy(np.ascontiguousarray(a).copy())
        if not gradient:
            return tensor
        leaf = tensor.requires_grad_()
        tensor = leaf * 1                         # no leaf, so that it may be written over
        tensor.leaf = leaf                        # type: ignore[attr-defined]
        return tensor

    def host(self, tensor):
        import torch

        if not isinstance(tensor, torch.Tensor):
            raise Trouble(f"a {type(tensor).__name__}", "a torch.Tensor")
        return tensor.detach().cpu().numpy().copy()

    def reseed(self, seed):
        import torch

        torch.manual_seed(seed)

    def source(self, role, seed):
        import torch

        return torch.Generator().manual_seed(seed) if role == "rng" else super().source(role, seed)

    def signature(self, layer):
        return layer.forward

    def pull(self, layer, tensors, outputs):
        import torch

        def pull(g):
            given = [torch.from_numpy(np.ascontiguousarray(one)) for one in g]
            leaves = [tensor.leaf for tensor in tensors]
            gradients = torch.autograd.grad(outputs[:len(g)], leaves, given,
                                            retain_graph=True, allow_unused=True)
            return [torch.zeros_like(leaf) if one is None else one
                    for one, leaf in zip(gradients, leaves, strict=True)]

        return pull if tensors[0].requires_grad else None
