"""Networks with named places for the techniques.

    net = md.models.place(md.models.lenet(), "hidden.drop", md.Dropout(0.5)).init(seed=0)
    net = md.models.place(md.models.vit(), "drop*", md.Dropout(0.1)).init(seed=0)     # everywhere

`places` lists the places of a network, `place` fills those that a pattern matches, `drop_paths`
gives it stochastic depth, `wrap` puts its layers into others, `remove_dead` makes it smaller.
"""

from .lenet import lenet
from .mixer import mixer
from .mlp import mlp
from .named import MODELS, build
from .places import Residual, drop_paths, place, places, wrap
from .remove import remove_dead
from .resnet import resnet, resnet8, resnet20, resnet32, resnet56, resnet110
from .vgg import vgg_small
from .vit import vit

__all__ = ["MODELS", "Residual", "build", "drop_paths", "lenet", "mixer", "mlp", "place", "places",
           "remove_dead", "resnet", "resnet8", "resnet20", "resnet32", "resnet56", "resnet110",
           "vgg_small", "vit", "wrap"]
