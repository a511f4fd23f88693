"""PyTorch: modules and functions, with torch.autograd."""

import numpy as np

from ..box import Trouble
from .numpy_arrays import NumpyAdapter


class TorchAdapter(NumpyAdapter):
    """Modules and functions of PyTorch, with its own gradient."""

    framework = "torch"

    def array(self, a, gradient):
        import torch

        tensor = torch.from_numpy(np.ascontiguousarray(a).copy())
        if not gradient or not tensor.is_floating_point():
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

        super().reseed(seed)
        torch.manual_seed(seed)

    def starve(self):
        """The Mersenne twister of PyTorch has a state of which nothing but zeros come."""
        import torch

        if not super().starve():
            return False
        state = torch.get_rng_state()             # seed, left, seeded, next, 624 words, a normal
        state[:] = 0
        state[8] = state[12] = 1                  # it is seeded, and one word is left of the block
        torch.set_rng_state(state)
        self.sources["rng"] = torch.Generator()
        self.sources["rng"].set_state(state)
        return True

    def source(self, role, seed):
        import torch

        return torch.Generator().manual_seed(seed) if role == "rng" else super().source(role, seed)

    def signature(self, layer):
        return getattr(layer, "forward", layer)

    def entry(self, layer):
        return layer

    def owners(self, layer):
        return [*layer.modules()] if hasattr(layer, "modules") else [layer]

    def hold(self, place, array):
        import torch

        tensor = getattr(place.owner, place.name)
        tensor.data = torch.from_numpy(array.copy())
        return tensor

    def pull(self, layer, tensors, outputs):
        return pulled(tensors, outputs)


def pulled(tensors, outputs):
    """A function from cotangents of outputs to the gradients in tensors; None where none is due."""
    import torch

    leaves = [getattr(tensor, "leaf", tensor) for tensor in tensors]
    wanted = [leaf for leaf in leaves if leaf.requires_grad]

    def pull(g):
        given = [(y, torch.from_numpy(np.array(one, order="C")))
                 for y, one in zip(outputs, g, strict=False) if y.requires_grad]
        if not given:                             # a constant: its gradient is 0
            return [torch.zeros_like(leaf) for leaf in leaves]
        found = iter(torch.autograd.grad([y for y, _ in given], wanted, [one for _, one in given],
                                         retain_graph=True, allow_unused=True))
        each = [next(found) if leaf.requires_grad else None for leaf in leaves]
        return [torch.zeros_like(leaf) if one is None else one
                for one, leaf in zip(each, leaves, strict=True)]

    return pull if wanted else None
