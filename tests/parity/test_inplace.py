"""`inplace`: which layers of PyTorch, torchvision and timm have it, and that ours say why not."""

import inspect

import numpy as np
import pytest

import minidrop as md
from minidrop import catalog

pytestmark = pytest.mark.reference
OURS = {                                          # their layer: ours, and our technique
    "Dropout": (md.Dropout, "dropout"),
    "Dropout1d": (md.SpatialDropout, "spatial"),
    "Dropout2d": (md.SpatialDropout, "spatial"),
    "Dropout3d": (md.SpatialDropout, "spatial"),
    "AlphaDropout": (md.AlphaDropout, "alpha"),
    "FeatureAlphaDropout": (md.FeatureAlphaDropout, "alpha"),
    "DropBlock2d": (lambda p, **named: md.DropBlock(p, 3, **named), "dropblock"),
}
NONE_HERE = {"DropBlock3d"}


def layers_with_inplace(*modules):
    """(name, class) of each layer that drops and takes `inplace`."""
    return [(name, layer) for module in modules for name, layer in vars(module).items()
            if inspect.isclass(layer) and "Drop" in name
            and "inplace" in inspect.signature(layer).parameters]


def overwrites(torch, layer, x):
    """Whether the layer, with `inplace`, puts its noise into x."""
    blocks = {"block_size": 3} if "Block" in layer.__name__ else {}
    torch.manual_seed(0)
    y = layer(0.5, inplace=True, **blocks)(x)
    assert (y != 1).any()
    return y is x


def test_every_layer_with_inplace_has_one_without_that_says_why(torch, torchvision, timm):
    found = layers_with_inplace(torch.nn, torchvision.ops, timm.drop)
    assert {name for name, _ in found} == OURS.keys() | NONE_HERE
    assert len(found) == len(OURS) + len(NONE_HERE) + 1          # DropBlock2d is timm's too
    for name, layer in found:
        if name in NONE_HERE:
            continue
        build, technique = OURS[name]
        shape = 4, 3, *{"Dropout1d": 1, "Dropout3d": 3}.get(name, 2) * [6]
        if technique != "alpha":
            assert overwrites(torch, layer, torch.ones(shape))
        x = np.ones(shape, "float32")
        assert (build(0.5).init(0)(x) != 1).any() and (x == 1).all()
        with pytest.raises(TypeError, match="unexpected keyword argument 'inplace'"):
            build(0.5, inplace=True)
        assert "`inplace`" in catalog.technique(technique).sections["Differs"]


def test_torchs_alpha_dropout_takes_inplace_and_ignores_it(torch):
    for layer in (torch.nn.AlphaDropout, torch.nn.FeatureAlphaDropout):
        assert not overwrites(torch, layer, torch.ones(4, 3, 6, 6))
    x = torch.ones(4, 3, 6, 6)
    assert torch.nn.functional.alpha_dropout(x, 0.5, training=True, inplace=True) is x
