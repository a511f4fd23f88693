r"""SGD: stochastic gradient descent with momentum.

Symbols  $w$ a parameter, $g$ its gradient, $v$ its velocity (zero at the start), $\eta$ the
         learning rate, $\mu$ the momentum, $\lambda$ the weight decay.

PyTorch's SGD: weight decay is the gradient of an L2 penalty
$$ g \leftarrow g + \lambda w                                                  \tag{sgd.1} $$
PyTorch's SGD: momentum, without a factor before g
$$ v \leftarrow \mu v + g                                                      \tag{sgd.2} $$
PyTorch's SGD: the step
$$ w \leftarrow w - \eta v                                                     \tag{sgd.3} $$
PyTorch's SGD: the step in Nesterov's form
$$ w \leftarrow w - \eta (g + \mu v)                                           \tag{sgd.4} $$
"""

from ..arguments import flag, number
from ..device import steps
from .base import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent with momentum, Nesterov's form and weight decay, as in PyTorch.

    `lr` is finite and at least 0, `momentum` lies in [0, 1].  Parameters with `decay=False` have no
    weight decay.

    >>> from minidrop.nn import Linear
    >>> net, sgd = Linear(1, 1).init(0), SGD(lr=0.1)
    >>> before = net.bias.item()
    >>> net.bias.grad, net.weight.grad = net.bias.data * 0 + 2, net.weight.data * 0
    >>> sgd.step(net)
    >>> round(before - net.bias.item(), 6)
    0.2
    """

    slots = ("velocity",)

    def __init__(self, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
        super().__init__()
        self.lr, self.momentum = number(lr, "lr"), number(momentum, "momentum", most=1.0)
        self.nesterov = flag(nesterov, "nesterov")
        self.weight_decay = number(weight_decay, "weight_decay")
        if nesterov and not momentum:
            raise ValueError("nesterov needs a momentum above 0")

    @steps.launched_by(steps.sgd)
    def update(self, w, g, v):
        if self.weight_decay:
            g = g + self.weight_decay * w                               # Eq. (sgd.1)
        v *= self.momentum
        v += g                                                          # Eq. (sgd.2)
        if self.nesterov:
            w -= self.lr * (g + self.momentum * v)                      # Eq. (sgd.4)
        else:
            w -= self.lr * v                                            # Eq. (sgd.3)
