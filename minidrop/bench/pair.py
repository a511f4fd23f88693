"""A training in minidrop and its twin in PyTorch, beside each other in one process."""

from . import in_torch, ours
from .contender import agree
from .torch_layers import reference


class Pair:
    """Steps of momentum SGD on network(layers), x of `shape`, from the same weights.

    `net`, `x`, `y` are minidrop's; `twin`, `x2`, `y2` are PyTorch's.
    """

    def __init__(self, network, shape):
        self.one, self.two = ours.Training(network, shape), in_torch.Training(network, shape)
        self.net, self.x, self.y = self.one.net, self.one.x, self.one.y
        self.twin, self.x2, self.y2 = self.two.net, self.two.x, self.two.y
        self.start()

    def start(self, dtype="float32"):
        """Start anew, both from the first weights, in numbers of `dtype`."""
        weights = [w.astype(dtype) for w in self.one.start()]
        for w, first in zip(self.net.parameters(), weights, strict=True):
            w.data = first.copy()
        self.one.x = self.x = self.x.astype(dtype)
        self.twin.to(getattr(reference(), dtype))
        self.two.x = self.x2 = reference().from_numpy(self.x)
        self.two.load(weights)

    def ours(self):
        """One step of minidrop."""
        return self.one.step()

    def theirs(self):
        """One step of PyTorch."""
        return self.two.step()

    def check(self):
        """ValueError unless three losses agree, PyTorch's under our masks: to 10 digits in float64.

        To 4 in float32: where rounding moves an input of ReLU to the other side of 0, a gradient
        takes another turn.
        """
        for dtype, digits in (("float64", 10), ("float32", 4)):
            self.start(dtype)
            self.agree(digits)
        self.start()

    def agree(self, digits):
        """ValueError unless three losses agree to so many digits."""
        losses = []
        for _ in range(3):
            loss, masks = self.one.observed()
            losses.append((loss, self.two.under(masks)))
        agree(losses, "in minidrop", "in PyTorch", digits)
