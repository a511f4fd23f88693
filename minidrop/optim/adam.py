r"""Adam and AdamW: every weight has its own step size, from the mean and the size of its gradients.

Symbols  $w$ a parameter, $g$ its gradient, $m$ and $v$ the running means of $g$ and of $g^2$ (zero
         at the start), $t$ the parameter's own step, from 1, $\eta$ the learning rate,
         $\beta_1, \beta_2$ the memories of the means, $\lambda$ the weight decay.

Kingma & Ba 2015 (arXiv:1412.6980), Algorithm 1: the running mean of the gradient
$$ m \leftarrow \beta_1 m + (1 - \beta_1) g                                   \tag{adam.1} $$
Kingma & Ba 2015, Algorithm 1: and of its square
$$ v \leftarrow \beta_2 v + (1 - \beta_2) g^2                                 \tag{adam.2} $$
Kingma & Ba 2015, Algorithm 1: both began at zero; divided by the weight seen so far
$$ \hat m = m / (1 - \beta_1^t), \qquad \hat v = v / (1 - \beta_2^t)          \tag{adam.3} $$
Kingma & Ba 2015, Algorithm 1: the step
$$ w \leftarrow w - \eta \, \hat m / (\sqrt{\hat v} + \epsilon)               \tag{adam.4} $$
Loshchilov & Hutter 2019 (arXiv:1711.05101), Algorithm 2: Adam with an L2 penalty, before all else
$$ g \leftarrow g + \lambda w                                                 \tag{adam.5} $$
Loshchilov & Hutter 2019, Algorithm 2, and PyTorch's AdamW: the decay beside the step, not in g
$$ w \leftarrow (1 - \eta \lambda) w                                          \tag{adam.6} $$
From (adam.1) to (adam.4): the first step has the size of the rate, however large g is
$$ w_1 = w_0 - \eta \, g / (|g| + \epsilon)                                   \tag{adam.7} $$

Algorithm 2 multiplies step and decay by a schedule and the step alone by a rate of its own; here,
as in PyTorch, the learning rate is both, so a schedule of "lr" steers step and decay together.
"""

from ..arguments import below_one, describe, number
from ..device import steps
from ..xp import array_module
from .base import Optimizer


class Adam(Optimizer):
    """Adam with PyTorch's defaults; `weight_decay` is the gradient of an L2 penalty.

    `lr`, `eps` and `weight_decay` are finite and at least 0 (`eps` at least 1e-30), the two `betas`
    lie in [0, 1).  A parameter that was frozen or skipped for a while has its own count of steps.
    Parameters with `decay=False` have no weight decay.

    >>> from minidrop.nn import Linear
    >>> net, adam = Linear(1, 1).init(0), Adam(lr=0.1)
    >>> before = net.bias.item()
    >>> net.bias.grad, net.weight.grad = net.bias.data * 0 + 2000, net.weight.data * 0
    >>> adam.step(net)
    >>> round(before - net.bias.item(), 6)
    0.1
    """

    slots, _squares = ("mean", "square"), ("square",)
    counts = True
    decoupled = False

    def __init__(self, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__()
        if not isinstance(betas, tuple | list) or len(betas) != 2:
            raise TypeError(f"betas must be a pair of numbers in [0, 1), got {describe(betas)}")
        self.lr, self.eps = number(lr, "lr"), number(eps, "eps", least=1e-30)
        self.beta1, self.beta2 = (below_one(beta, "betas") for beta in betas)
        self.weight_decay = number(weight_decay, "weight_decay")

    @steps.launched_by(steps.adam)
    def update(self, w, g, m, v, t):
        if self.weight_decay and self.decoupled:
            w *= 1 - self.lr * self.weight_decay                        # Eq. (adam.6)
        elif self.weight_decay:
            g = g + self.weight_decay * w                               # Eq. (adam.5)
        m *= self.beta1
        m += (1 - self.beta1) * g                                       # Eq. (adam.1)
        v *= self.beta2
        v += (1 - self.beta2) * (g * g)                                 # Eq. (adam.2)
        size = array_module(v).sqrt(v / (1 - self.beta2**t))            # Eq. (adam.3)
        size += self.eps
        w -= self.lr / (1 - self.beta1**t) * m / size                   # Eq. (adam.4)


class AdamW(Adam):
    """Adam with decoupled weight decay: every step first shrinks w by lr * weight_decay of itself.

    >>> from minidrop.nn import Linear
    >>> net, adamw = Linear(1, 1).init(0), AdamW(lr=0.1, weight_decay=0.5)
    >>> before = net.bias.item()
    >>> net.bias.grad, net.weight.grad = net.bias.data * 0, net.weight.data * 0
    >>> adamw.step(net)
    >>> round(net.bias.item() / before, 6)
    0.95
    """

    decoupled = True

    def __init__(self, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        super().__init__(lr, betas, eps, weight_decay)
