"""What claims on early and late noise train on, and what: shifted images, networks with the noise.
"""

from functools import partial

from ..inputs.flip_crop import flip_crop
from ..inputs.mixup import Mixup
from ..models import drop_paths, mixer, mlp, place
from ..noise import Stream
from ..units.dropout import Dropout


def network(settings, x, p=0.0, classes=10):
    """The network for images (N, C, H, W), not yet drawn, with noise of the rate `p`, if any; the
    pattern of its rates."""
    if settings["net"] == "mixer":
        net = mixer(x.shape[2], x.shape[1], settings["patch"], settings["width"],
                    settings["depth"], classes)
    else:
        net = mlp(x[0].size, *settings["hidden"], classes)
    if settings["noise"] == "stochastic_depth":
        if p:
            drop_paths(net, p, rule="linspace", mode="row", scaling="inverted")
        return net, "sum.p"
    pattern = "drop*" if settings["net"] == "mixer" else "hidden*.drop"
    if p:
        place(net, pattern, Dropout(p))
    return net, f"{pattern}.p"


def crops(settings):
    """The batch function: each image shifted by up to "padding" pixels, and perhaps mirrored.

    None where nothing is shifted; with "mixing" each batch is mixed too, by weights from a Beta
    distribution.
    """
    padding, alpha = settings["padding"], settings.get("mixing", 0)
    if not padding:
        return None
    cut = partial(flip_crop, padding=padding, mirror=settings.get("mirror", False))
    return cut if not alpha else lambda rng, x, y: Mixup(alpha)(rng, *cut(rng, x, y))


def shifted(pair, settings, seed):
    """A pair (x, y) cut once as its images are cut in training, unmixed, the same for all arms."""
    cut = crops(settings | {"mixing": 0})
    return pair if cut is None else cut(Stream(seed, "claims/shifted"), *pair)
