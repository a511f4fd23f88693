"""What acts in a step of training, beside the step: batches, penalties, projections, averages.

And stochastic depth, which leaves out parts of the step.
"""

import itertools
from functools import partial

import numpy

from ..inputs.attentive_cutmix import AttentiveCutMix
from ..inputs.cutmix import CutMix
from ..inputs.cutout import Cutout
from ..inputs.mixup import Mixup
from ..nn import Sequential
from ..noise import Stream
from ..paths.stochastic_depth import StochasticDepth, survival
from ..penalties.l1 import l1
from ..penalties.l2 import l2
from ..weight_averages import EMA, SWA
from ..weights.max_norm import apply_max_norm
from . import twins
from .contender import agree
from .layers import NEAR
from .networks import resnet
from .pair import Pair
from .torch_layers import reference


class Act:
    """A step of ResNet-20 on a batch of 32, and something else that is done once in each step.

    `make(step)` and `twin(step)` give functions of no arguments, in minidrop and in PyTorch, of the
    `Pair` that is given; `same` says whether the two give arrays that must agree.
    """

    def __init__(self, make, twin, same=False):
        self.step = Pair(resnet, (32, 3, 32, 32))
        self.act, self.act2, self.same = make(self.step), twin(self.step), same

    def check(self):
        """ValueError unless both train the same, and do the same where nothing is drawn."""
        for ours, theirs in zip(self.act(), self.act2(), strict=True) if self.same else ():
            apart = numpy.abs(ours - numpy.asarray(theirs)).max()
            if not apart <= NEAR * numpy.abs(ours).max():     # some gradients are all zero
                raise ValueError("before anything is timed both must compute the same, got numbers "
                                 f"that are {apart:.1e} apart")
        self.step.check()

    def steps(self):
        """The step and the act, in minidrop and then in PyTorch."""
        return [self.step.ours, self.act, self.step.theirs, self.act2]

    def together(self, *times):
        """The times of a step without it and with it."""
        plain, act, plain2, act2 = map(numpy.array, times)
        return plain, plain + act, plain2, plain2 + act2


class Depth:
    """Steps of a ResNet of 2 + 6 `blocks` layers with all blocks, and with those that survive.

    PyTorch's draws with Python's generator, and leaves blocks out in the same way.
    """

    def __init__(self, blocks=9, q_last=0.5):
        self.all, self.few = (Pair(make, (32, 3, 32, 32)) for make in (
            partial(resnet, blocks=blocks), partial(self.shallow, blocks=blocks, q_last=q_last)))

    @staticmethod
    def shallow(lib, blocks, q_last):
        """The ResNet whose last block survives with q_last."""
        net, n = resnet(lib, blocks), 3 * blocks
        numbers = itertools.count(1)
        for name, layer in list(vars(net).items()):
            if hasattr(layer, "branch"):
                p = 1 - survival(next(numbers), n, q_last)
                setattr(net, name, StochasticDepth(layer.branch, p, layer.skip))
        for layer in getattr(net, "children", list)():
            if hasattr(layer, "branch"):
                layer.p, layer.gate = 1 - survival(next(numbers), n, q_last), None
                layer.forward = partial(twins.left_out, layer)
        return net

    def steps(self):
        """Steps with all blocks and with some, in minidrop and then in PyTorch."""
        return [self.all.ours, self.few.ours, self.all.theirs, self.few.theirs]

    def together(self, *times):
        """The times of the steps as they are."""
        return times

    def check(self):
        """ValueError unless losses in float64 agree to 10 digits, PyTorch's with our blocks.

        So many layers let the rounding of float32 grow to a thousandth in two steps.
        """
        sums = [m for _, m in self.few.net.named_modules() if isinstance(m, StochasticDepth)]
        sums2 = [m for m in self.few.twin.children() if hasattr(m, "gate")]
        losses = []
        for pair in (self.all, self.few):
            pair.start("float64")
        self.all.agree(10)
        for _ in range(2):
            loss = float(self.few.ours())
            for m, m2 in zip(sums, sums2, strict=True):
                m2.gate = m.noise
            losses.append((loss, self.few.theirs().item()))
        agree(losses, "in minidrop", "in PyTorch", digits=10)
        for m2 in sums2:
            m2.gate = None
        for pair in (self.all, self.few):
            pair.start()


def batch(transform, twin):
    """A batch transform of ours, and a function (x, y) of `twins`."""
    rng = Stream(0, "bench/batch")
    return Act(lambda step: partial(transform, rng, step.x, step.y),
               lambda step: partial(twin, step.x2, step.y2))


def attentive():
    """Attentive CutMix whose extractor is the ResNet-20 itself, up to its last map."""
    rng = Stream(0, "bench/batch")

    def make(step):
        front = AttentiveCutMix(Sequential(*step.net.layers[:-3]), n=6)
        return partial(front, rng, step.x, step.y)

    def twin(step):
        front = reference().nn.Sequential(*list(step.twin)[:-3])
        return partial(twins.attentive_cutmix(front, 6), step.x2, step.y2)

    return Act(make, twin)


def penalty(ours, theirs):
    """A penalty and its gradient in all parameters."""
    def act(value, params, number):
        value.backward()
        found = [number(value), *(w.grad for w in params)]
        for w in params:
            w.grad = None
        return found

    return Act(
        lambda step: lambda: act(ours(w := step.net.parameters()), w, lambda v: v.data),
        lambda step: lambda: act(theirs(w := list(step.twin.parameters())), w,
                                 lambda v: v.detach().numpy()), same=True)


def max_norm(limit):
    """Every weight projected onto rows of a length of at most `limit`."""
    def make(step):
        def act():
            apply_max_norm(step.net, limit)
            return [w.data for w in step.net.parameters()]
        return act

    def twin(step):
        torch = reference()

        def act():
            with torch.no_grad():
                for w in step.twin.parameters():
                    if w.ndim > 1:
                        w.copy_(torch.renorm(w, 2, 0, limit))
            return [w.detach().numpy() for w in step.twin.parameters()]
        return act

    return Act(make, twin, same=True)


def average(recorder, **options):
    """A moving average of the weights takes them in."""
    def make(step):
        return partial(recorder(step.net), 0, step.net, None)

    def twin(step):
        averaged = reference().optim.swa_utils.AveragedModel(step.twin, **options)
        return partial(averaged.update_parameters, step.twin)

    return Act(make, twin)


ACTS: dict[str, tuple] = {
    "cutout": ("cutout of 16 x 16, ResNet-20", lambda: batch(Cutout(16), twins.cutout(16))),
    "mixup": ("mixup, ResNet-20", lambda: batch(Mixup(), twins.mixup)),
    "cutmix": ("CutMix, ResNet-20", lambda: batch(CutMix(), twins.cutmix)),
    "attentive_cutmix": ("Attentive CutMix, 6 cells, ResNet-20", attentive),
    "l1": ("L1 penalty, ResNet-20", lambda: penalty(l1, twins.l1)),
    "l2": ("L2 penalty, ResNet-20", lambda: penalty(l2, twins.l2)),
    "max_norm": ("max-norm 1, ResNet-20", lambda: max_norm(1.0)),
    "swa": ("stochastic weight averaging, ResNet-20", lambda: average(
        lambda net: SWA(net, start=1, every=1))),
    "ema": ("moving average of the weights, ResNet-20", lambda: average(
        lambda net: EMA(net, mu=0.999), multi_avg_fn=twins.ema(0.999))),
    "depth": ("stochastic depth 0.5 of the batch, ResNet-56", Depth),
}
