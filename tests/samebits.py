"""What the same seed gives, as digests: `python -m tests.samebits` prints them as JSON."""

import hashlib
import json

import numpy as np

import minidrop as md
from minidrop import xp
from minidrop.fast import products
from minidrop.xp import host


def digest(*arrays):
    """One short name for the bits of the arrays, their dtypes and shapes."""
    found = hashlib.sha256()
    for array in map(host, arrays):
        little = array.astype(array.dtype.newbyteorder("<"))
        found.update(f"{array.dtype} {array.shape}".encode() + little.tobytes())
    return found.hexdigest()[:16]


def streams(backend="numpy"):
    """Draws of every kind whose bits are the same everywhere."""
    rng = md.Stream(7, "golden", backend)
    return digest(rng.bits((3, 100)), md.bernoulli(rng, 0.3, (50, 7)), md.uniform(rng, 99),
                  md.integers(rng, 10, 99), md.permutation(rng, 99),
                  md.dropout_mask(rng, (1024, 1024), 0.5))


def mlp(sizes, p):
    layers = []
    for n_in, n_out in zip(sizes, sizes[1:], strict=False):
        layers += [md.nn.Linear(n_in, n_out), md.nn.ReLU(), md.Dropout(p)]
    return md.nn.Sequential(*layers[:-2])


def weights(backend="numpy"):
    """The first values of layers that start uniform, or at 0 or 1."""
    net = md.nn.Sequential(md.nn.Conv2d(3, 8, 3), md.BatchNorm(8), md.nn.Linear(64, 10))
    return digest(*net.init(3).to(backend).state_dict().values())


def mixture():
    """Attention, pools, a grouped convolution and the norms that are not in the others."""
    return md.nn.Sequential(
        md.nn.Conv2d(4, 16, 3, padding=1, groups=2), md.GroupNorm(4, 16), md.nn.GELU(),
        md.nn.MaxPool2d(2), md.InstanceNorm(16), md.nn.SELU(), md.nn.AvgPool2d(2),
        md.nn.PatchEmbedding(16, 32, 2), md.LayerNorm(32), md.nn.MultiHeadAttention(32, 4),
        md.nn.Tanh(), md.Dropout(0.2), md.nn.Flatten(), md.nn.Linear(4 * 32, 5))


def trained(net, shape, n, classes, epochs=2, batch_size=64):
    """The digest of a trained network and of its history."""
    x, y = md.gaussian(1, (n, *shape)), md.integers(2, classes, n)
    history = md.fit(net, md.optim.SGD(lr=0.05, momentum=0.9), md.data.Splits((x, y), (x, y), None),
                     epochs, batch_size=batch_size, progress=False)
    return digest(*net.state_dict().values(), *history)


def everything():
    """Draws, first values, and runs: large, and small ones that are cut as large ones are."""
    found = {"streams": streams(), "weights": weights(),
             "large": trained(mlp((784, 1024, 512, 10), 0.5).init(0), (784,), 256, 10, 1, 128)}
    xp.LEAST, products.PIECE = 1 << 12, 1 << 18
    net = md.models.resnet8(classes=3)
    net.drop = md.Dropout(0.3)
    return found | {"mlp": trained(mlp((64, 300, 200, 10), 0.5).init(0), (64,), 200, 10),
                    "mixture": trained(mixture().init(0), (4, 16, 16), 48, 5, 2, 24),
                    "resnet": trained(net.init(0), (3, 12, 12), 24, 3, 1, 12)}


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    print(json.dumps(everything()))
