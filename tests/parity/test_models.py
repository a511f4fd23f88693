"""The models beside the same networks in PyTorch, with the same weights: three steps."""

from collections import OrderedDict

import pytest

import minidrop as md
from minidrop import models, nn
from tests.parity.test_torch import assert_close

pytestmark = pytest.mark.reference


def twin(torch, module):
    """The same network in PyTorch, built from the layers of ours, with copies of their weights."""
    if isinstance(module, nn.Sequential):
        parts = [(name, twin(torch, child)) for name, child in vars(module).items()
                 if isinstance(child, nn.Module)]
        return torch.nn.Sequential(OrderedDict(parts))
    if isinstance(module, models.Residual):
        class Sum(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.branch, self.skip = twin(torch, module.branch), twin(torch, module.skip)

            def forward(self, x):
                return self.branch(x) + self.skip(x)
        return Sum()
    if type(module).__name__ == "HalvedMaps":
        class Halved(torch.nn.Module):
            def forward(self, x):
                return torch.nn.functional.pad(x[:, :, ::2, ::2],
                                               (0, 0, 0, 0, 0, module.n_out - module.n_in))
        return Halved()
    made = LAYERS[type(module)](torch.nn, module)
    with torch.no_grad():
        for (_, w), w2 in zip(module.named_parameters(), made.parameters(), strict=True):
            w2.copy_(torch.from_numpy(w.data))
    return made


LAYERS = {
    nn.Linear: lambda lib, m: lib.Linear(m.n_in, m.n_out, bias=m.bias is not None),
    nn.Conv2d: lambda lib, m: lib.Conv2d(m.n_in, m.n_out, m.size, m.stride, m.padding,
                                         groups=m.groups, bias=m.bias is not None),
    md.BatchNorm: lambda lib, m: lib.BatchNorm2d(m.channels, m.eps, m.momentum),
    nn.GlobalAvgPool2d: lambda lib, m: lib.Sequential(lib.AdaptiveAvgPool2d(1), lib.Flatten()),
    nn.MaxPool2d: lambda lib, m: lib.MaxPool2d(m.size, m.stride, m.padding),
    nn.ReLU: lambda lib, m: lib.ReLU(),
    nn.Identity: lambda lib, m: lib.Identity(),
    nn.Flatten: lambda lib, m: lib.Flatten(),
}


@pytest.mark.parametrize("build, shape", [
    (lambda: models.mlp(784, 100, 50, 10), (1, 28, 28)),
    (models.lenet, (1, 28, 28)),
    (models.vgg_small, (3, 32, 32)),
    (models.resnet8, (3, 32, 32)),
    (lambda: models.resnet8(shortcut="projection"), (3, 32, 32)),
], ids=["mlp", "lenet", "vgg_small", "resnet8", "resnet8 B"])
def test_three_steps_of_training(torch, rng, build, shape):
    net = build().init(seed=0)
    net2 = twin(torch, net)
    x, y = rng.standard_normal((16, *shape)).astype("float32"), rng.integers(0, 10, 16)
    sgd = md.optim.SGD(lr=0.05, momentum=0.9)
    sgd2 = torch.optim.SGD(net2.parameters(), lr=0.05, momentum=0.9)
    for _ in range(3):
        loss2 = torch.nn.functional.cross_entropy(net2(torch.from_numpy(x)), torch.from_numpy(y))
        sgd2.zero_grad()
        loss2.backward()
        sgd2.step()
        assert float(md.train_step(net, sgd, x, y)) == pytest.approx(loss2.item(), rel=1e-5)
    x = rng.standard_normal((4, *shape)).astype("float32")    # and with running statistics
    assert_close(net.eval()(x), net2.eval()(torch.from_numpy(x)), 1e-3)
