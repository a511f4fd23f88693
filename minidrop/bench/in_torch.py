"""The workloads in PyTorch's eager mode, on the CPU."""

from functools import partial

from . import machine, memory
from .contender import Contender, is_dropout
from .torch_layers import layers, reference
from .workloads import LR, MOMENTUM, RATE, WORKLOADS, batch, input_and_gradient


def contender(name, channels_last=False):
    """The workload `name`; images and filters as (N, H, W, C) in memory, if they are asked for."""
    _, network, shape = WORKLOADS[name]
    return Training(network, shape, channels_last) if network else DropoutAlone(RATE, shape)


class InTorch(Contender):
    """What both have in common."""

    def peak(self):
        """MB of tensors that a step holds at most."""
        return memory.torch_peak(self.step)

    def around(self):
        """What times depend on in this process, and PyTorch's threads and version."""
        torch = reference()
        return super().around() | machine.environment(torch) | {
            "kernels": torch.backends.cpu.get_cpu_capability()}


class Training(InTorch):
    """One step of momentum SGD on network(layers()), x of `shape`."""

    def __init__(self, network, shape, channels_last=False):
        torch = reference()
        self.net = network(layers())
        self.x, self.y = map(torch.from_numpy, batch(shape))
        if channels_last and len(shape) == 4:
            self.net = self.net.to(memory_format=torch.channels_last)
            self.x = self.x.to(memory_format=torch.channels_last)
        self.loss = torch.nn.functional.cross_entropy
        self.start()

    def start(self):
        """Take a new optimizer."""
        torch = reference()
        self.sgd = torch.optim.SGD(self.net.parameters(), lr=LR, momentum=MOMENTUM)

    def load(self, weights):
        """Start anew from these weights."""
        torch = reference()
        with torch.no_grad():
            for ours, theirs in zip(weights, self.net.parameters(), strict=True):
                theirs.copy_(torch.from_numpy(ours))
        self.start()

    def step(self):
        """The loss of a step."""
        loss = self.loss(self.net(self.x), self.y)
        loss.backward()
        self.sgd.step()
        self.sgd.zero_grad()                      # as ours, which leaves no gradients behind
        return loss

    def under(self, masks):
        """The loss of a step under `masks`, one for each layer that drops something."""
        torch = reference()

        def masked(layer, inputs, y, mask):
            x, = inputs
            return layer.masked(x, mask) if hasattr(layer, "masked") else x * mask / (1 - layer.p)

        there = self.x.device
        noisy = [layer for layer in self.net.modules() if hasattr(layer, "p")]
        hooks = [layer.register_forward_hook(partial(masked, mask=torch.from_numpy(mask).to(there)))
                 for layer, mask in zip(noisy, masks, strict=True)]
        try:
            return self.step().item()
        finally:
            for hook in hooks:
                hook.remove()


class DropoutAlone(InTorch):
    """Forward and backward of dropout on an array of `shape`."""

    def __init__(self, p, shape):
        torch = reference()
        self.p, self.drop = p, torch.nn.Dropout(p)
        x, self.g = map(torch.from_numpy, input_and_gradient(shape))
        self.x = x.requires_grad_()

    def step(self):
        """Output and gradient."""
        y = self.drop(self.x)
        y.backward(self.g)
        gradient, self.x.grad = self.x.grad, None
        return y.detach(), gradient

    def check(self):
        """ValueError unless it is dropout."""
        y, gradient = self.step()
        is_dropout(self.x.detach().numpy(), self.g.numpy(), y, gradient, self.p, "PyTorch")
