"""Networks with named places for the techniques.

    net = md.models.place(md.models.lenet(), "hidden.drop", md.Dropout(0.5)).init(seed=0)

`places` lists the places of a network, `place` fills those that a pattern matches.
"""

from .lenet import lenet
from .mlp import mlp
from .places import Residual, place, places
from .vgg import vgg_small

__all__ = ["Residual", "lenet", "mlp", "place", "places", "vgg_small"]
