"""How claims mix the images of a mini-batch: mixup, CutMix, or cells that an extractor picks."""

from ..inputs.attentive_cutmix import AttentiveCutMix
from ..inputs.cutmix import CutMix
from ..inputs.mixup import Mixup
from ..nn import Sequential
from . import cnns, recipe


def transform(arm, given, settings, seed, progress):
    """What is done to each mini-batch of an arm: the name of a technique, or a number of cells."""
    if arm == "none":
        return None
    if arm in ("mixup", "cutmix"):
        return {"mixup": Mixup, "cutmix": CutMix}[arm](settings["alpha"])
    cells = settings["cells"] if arm == "attentive" else int(arm)
    return AttentiveCutMix(extractor(given, settings, seed, progress), cells)


def extractor(given, settings, seed, progress):
    """The front of a network that was trained on the same images, unmixed and for fewer epochs."""
    net = cnns.network(settings, given[0])
    recipe.train(net, given, settings, seed, progress and f"{progress}, extractor",
                 epochs=settings["extractor_epochs"])
    return Sequential(**{name: getattr(net, name) for name in settings["front"]})
