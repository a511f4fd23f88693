"""Layers of other libraries in the words of ours: made with (alpha), called with (x, y).

Only what has another signature is here: images and labels in a dict, labels that are numbers, or a
class that is several techniques.  Nothing is computed that a library computes itself.
`torchvision` and `timm` are the libraries, imported so that they work beside a PyTorch for the CPU.
"""

import importlib
import sys

PARTS = {"torchvision": ("ops", "transforms.v2"), "timm": ("layers", "data", "scheduler")}
_KEPT: list = []

def __getattr__(name):
    if name in PARTS:
        return _library(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _library(name):
    """torchvision or timm, also where torchvision's compiled operators do not load.

    A wheel that was built for CUDA finds no CUDA beside a PyTorch for the CPU.  It goes on without
    its operators, until it describes two of them to PyTorch that nobody has defined.  They are
    declared here, with nothing behind them: they find boxes.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
        import torch

        for loaded in [one for one in sys.modules if one.partition(".")[0] == "torchvision"]:
            del sys.modules[loaded]
        declared = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            declared.define(f"{operator}() -> ()")
        _KEPT.append(declared)                    # which undeclares them when it is collected
    for part in PARTS[name]:
        importlib.import_module(f"{name}.{part}")
    return sys.modules[name]


class TorchvisionMixUp:
    """torchvision.transforms.v2.MixUp(alpha=alpha)."""

    name = "MixUp"

    def __init__(self, alpha):
        self.transform = getattr(_library("torchvision").transforms.v2, self.name)(alpha=alpha)

    def __call__(self, x, y):
        return self.transform(x, y)


class TorchvisionCutMix(TorchvisionMixUp):
    """torchvision.transforms.v2.CutMix(alpha=alpha)."""

    name = "CutMix"


class TimmMixup:
    """timm.data.Mixup(mixup_alpha=alpha, label_smoothing=0), whose labels are numbers."""

    role = "mixup_alpha"

    def __init__(self, alpha):
        alphas = {"mixup_alpha": 0.0, "cutmix_alpha": 0.0} | {self.role: alpha}
        self.transform = _library("timm").data.Mixup(**alphas, label_smoothing=0.0)

    def __call__(self, x, y):
        self.transform.num_classes = y.shape[1]
        return self.transform(x, y.argmax(1))


class TimmCutMix(TimmMixup):
    """timm.data.Mixup(mixup_alpha=0, cutmix_alpha=alpha, label_smoothing=0)."""

    role = "cutmix_alpha"


class KerasMixUp:
    """keras.layers.MixUp(alpha=alpha), of a dict."""

    def __init__(self, alpha):
        import keras

        self.layer = keras.layers.MixUp(alpha=alpha, data_format="channels_first")

    def __call__(self, x, y):
        mixed = self.layer({"images": x, "labels": y})
        return mixed["images"], mixed["labels"]


class KerasCutMix(KerasMixUp):
    """keras.layers.CutMix(factor=(alpha, alpha)): else alpha itself would be drawn, from (0, 1)."""

    def __init__(self, alpha):
        import keras

        self.layer = keras.layers.CutMix(factor=(alpha, alpha), data_format="channels_first")


class KorniaMixUp:
    """kornia.augmentation.RandomMixUpV2(), whose weights are uniform, as those of alpha = 1."""

    own_weight = False

    def __init__(self, alpha):
        from kornia.augmentation import RandomMixUpV2

        self.layer = RandomMixUpV2(data_keys=["input", "class"])

    def __call__(self, x, y):
        mixed, labels = self.layer(x, y.argmax(1))
        own, partner, weight = labels.reshape(-1, 3).T         # three numbers for each example
        weight = weight if self.own_weight else 1 - weight
        rows = y[0].new_ones(len(y[0])).diag()                 # a row for each class
        return mixed, weight[:, None] * rows[own.long()] + (1 - weight[:, None]) * rows[
            partner.long()]


class KorniaCutMix(KorniaMixUp):
    """kornia.augmentation.RandomCutMixV2(beta=alpha, use_correct_lambda=True)."""

    own_weight = True

    def __init__(self, alpha):
        from kornia.augmentation import RandomCutMixV2

        self.layer = RandomCutMixV2(beta=alpha, use_correct_lambda=True,
                                    data_keys=["input", "class"])
