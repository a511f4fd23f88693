"""Layers with a technique and without, forward and backward, in minidrop and in PyTorch."""

from functools import partial

import numpy

from ..models.places import Residual
from ..nn import Identity, Noise, Sequential
from ..noise import Stream, gaussian
from ..norms.batch_norm import BatchNorm
from ..norms.group_norm import GroupNorm
from ..norms.instance_norm import InstanceNorm
from ..norms.layer_norm import LayerNorm
from ..paths.stochastic_depth import StochasticDepth
from ..tape import Tensor
from ..units.alpha import AlphaDropout
from ..units.dropblock import DropBlock
from ..units.dropout import Dropout
from ..units.gaussian import GaussianDropout
from ..units.multi_sample import MultiSampleDropout
from ..units.spatial import SpatialDropout
from ..weights.dropconnect import DropConnect
from ..weights.targeted import TargetedDropout
from . import twins
from .ours import LAYERS as OURS
from .torch_layers import reference

NEAR = 1e-4                 # of the largest number: how far the two may be apart


class Layer:
    """A layer alone and with a technique, in minidrop and in PyTorch, with the same weights.

    `layer(lib)` makes it in either library, for inputs of `shape`; `make(layer)` puts the technique
    on ours, `twin()` is a function of `twins`.  `alone` and `alone2` make what is compared with.
    """

    def __init__(self, layer, shape, make, twin, alone=lambda layer: layer,
                 alone2=lambda layer, x: layer(x)):
        torch = reference()
        self.alone, self.net = alone(layer(OURS)).init(seed=0), make(layer(OURS)).init(seed=0)
        self.layer2, self.alone2, self.net2 = layer(torch.nn), alone2, twin()
        with torch.no_grad():
            for w, w2 in zip(self.net.parameters(), self.layer2.parameters(), strict=False):
                w2.copy_(torch.from_numpy(w.data))    # those of the layer come first
        self.x = Tensor(gaussian(Stream(0, "bench/x"), shape), requires_grad=True)
        self.x2 = torch.from_numpy(self.x.data).requires_grad_()
        self.g: dict = {}                         # a cotangent for each shape of an output

    def steps(self):
        """Steps without and with the technique, in minidrop and then in PyTorch."""
        return [partial(self.ours, self.alone), partial(self.ours, self.net),
                partial(self.theirs, self.alone2), partial(self.theirs, self.net2)]

    def together(self, *times):
        """The times of the steps as they are."""
        return times

    def ours(self, net):
        """One pass: the output, and the gradients of x and of all parameters."""
        y = net(self.x)
        y.backward(self._cotangent(y)[0])
        leaves = [self.x, *net.parameters()]
        found = [y.data, *(leaf.grad for leaf in leaves)]
        for leaf in leaves:
            leaf.grad = None
        return found

    def theirs(self, net2, *noise):
        """The same of PyTorch, under `noise` where it is given."""
        y = net2(self.layer2, self.x2, *noise)
        y.backward(self._cotangent(y)[1])
        leaves = [self.x2, *self.layer2.parameters()]
        found = [y.detach(), *(leaf.grad for leaf in leaves)]
        for leaf in leaves:
            leaf.grad = None
        return found

    def check(self):
        """ValueError unless both compute the same under the noise that ours has drawn."""
        torch, found = reference(), self.ours(self.net)
        noise = [torch.from_numpy(m.noise) for _, m in self.net.named_modules()
                 if isinstance(m, Noise)]
        for ours, theirs in zip(found, self.theirs(self.net2, *noise), strict=False):
            apart = numpy.abs(ours - theirs.numpy()).max() / numpy.abs(ours).max()
            if not apart <= NEAR:
                raise ValueError("before anything is timed both must compute the same, got numbers "
                                 f"that are {apart:.1e} of the largest apart")

    def _cotangent(self, y):
        shape = tuple(y.shape)
        if shape not in self.g:
            g = gaussian(Stream(0, "bench/g"), shape)
            self.g[shape] = g, reference().from_numpy(g)
        return self.g[shape]


def convolution(lib, bias=True):
    """3 x 3, on images as they are in the middle of a network."""
    return lib.Conv2d(32, 32, 3, padding=1, bias=bias)


def linear(lib, n_in=1024, n_out=1024):
    """A linear layer."""
    return lib.Linear(n_in, n_out)


on_images = partial(Layer, convolution, (64, 32, 32, 32))
without_bias = partial(Layer, partial(convolution, bias=False), (64, 32, 32, 32))
on_rows = partial(Layer, linear, (128, 1024))
on_sums = partial(on_images, alone=lambda layer: Residual(layer, Identity()),
                  alone2=twins.residual)
connections, head = (partial(Layer, partial(linear, n_in=n_in, n_out=n_out), (128, n_in))
                     for n_in, n_out in ((256, 256), (1024, 10)))


def behind(make, twin, on=on_images):
    """The layer that `make()` gives, behind the other one."""
    return partial(on, lambda layer: Sequential(layer, make()), twin)


LAYERS: dict[str, tuple] = {
    "dropout": ("dropout 0.5, rows", behind(
        partial(Dropout, 0.5), partial(twins.dropout, 0.5), on_rows)),
    "dropout_images": ("dropout 0.5, images", behind(
        partial(Dropout, 0.5), partial(twins.dropout, 0.5))),
    "gaussian": ("Gaussian dropout 0.5, rows", behind(
        partial(GaussianDropout, 0.5), partial(twins.gaussian_dropout, 0.5), on_rows)),
    "alpha": ("alpha dropout 0.1, rows", behind(
        partial(AlphaDropout, 0.1), partial(twins.alpha_dropout, 0.1), on_rows)),
    "spatial": ("spatial dropout 0.5, images", behind(
        partial(SpatialDropout, 0.5), partial(twins.spatial_dropout, 0.5))),
    "dropblock": ("DropBlock 0.1 of 7 x 7, images", behind(
        partial(DropBlock, 0.1, 7), partial(twins.dropblock, 0.1, 7))),
    "multi_sample": ("8 samples of dropout 0.5, head", partial(
        head, lambda layer: MultiSampleDropout(layer, 0.5, m=8),
        partial(twins.multi_sample, 0.5, 8))),
    "dropconnect": ("DropConnect 0.5 for each example, 256 x 256", partial(
        connections, lambda layer: DropConnect(256, 256, 0.5),
        partial(twins.dropconnect, 0.5, "example"))),
    "dropconnect_batch": ("DropConnect 0.5 for the batch, rows", partial(
        on_rows, lambda layer: DropConnect(1024, 1024, 0.5, per="batch"),
        partial(twins.dropconnect, 0.5, "batch"))),
    "targeted": ("targeted dropout of weights 0.5, 0.5, rows", partial(
        on_rows, partial(TargetedDropout, gamma=0.5, alpha=0.5, unit=False),
        partial(twins.targeted_dropout, 0.5, 0.5, False))),
    "targeted_units": ("targeted dropout of units 0.5, 0.5, rows", partial(
        on_rows, partial(TargetedDropout, gamma=0.5, alpha=0.5, unit=True),
        partial(twins.targeted_dropout, 0.5, 0.5, True))),
    "depth_rows": ("stochastic depth 0.5 for each example, images", partial(
        on_sums, partial(StochasticDepth, p=0.5, mode="row", scaling="inverted"),
        partial(twins.stochastic_depth, 0.5))),
    "batch_norm": ("batch norm, images", behind(
        partial(BatchNorm, 32), partial(twins.norm, "BatchNorm2d", 32), without_bias)),
    "layer_norm": ("layer norm, images", behind(
        partial(LayerNorm, (32, 32, 32)), partial(twins.norm, "LayerNorm", (32, 32, 32)))),
    "instance_norm": ("instance norm, images", behind(
        partial(InstanceNorm, 32), partial(twins.norm, "InstanceNorm2d", 32),
        without_bias)),
    "group_norm": ("group norm, 8 groups, images", behind(
        partial(GroupNorm, 8, 32), partial(twins.norm, "GroupNorm", 8, 32))),
    "layer_norm_rows": ("layer norm, rows", behind(
        partial(LayerNorm, 1024), partial(twins.norm, "LayerNorm", 1024), on_rows)),
}
