"""DropBlock against dropout of single units and of whole maps, behind the same convolutions."""

from ..models import place
from ..units.dropblock import DropBlock
from ..units.dropout import Dropout
from ..units.spatial import SpatialDropout
from . import cnns, compare, lenets, recipe
from .claim import Claim

PAIRS = tuple(("dropblock", other) for other in ("none", "dropout", "spatial"))


def run(arm, seed, settings, progress):
    """Train the network of one arm in each of its ways: the errors of the one chosen."""
    splits = cnns.images(settings)
    ways = ([(0.0, lr) for lr in settings["lrs"]] if arm == "none" else
            [(p, settings["lr"]) for p in settings["ps"]])
    nets = {(p, lr): learned(arm, p, lr, splits, settings, seed, progress) for p, lr in ways}
    (p, lr), net, wrong = recipe.best(nets, lambda net: recipe.error(net, splits.validation))
    return recipe.errors(net, splits) | {"p": p, "lr": lr, "validation": wrong}


def learned(arm, p, lr, splits, settings, seed, progress):
    """The network, trained with noise behind its convolutions."""
    net = cnns.network(settings, splits.train[0])
    if arm != "none":
        place(net, settings["places"], DropBlock(p, settings["block"]) if arm == "dropblock" else
              {"dropout": Dropout, "spatial": SpatialDropout}[arm](p))
    return recipe.train(net, splits.train, settings, seed, progress, lr=lr)


def judge(results, settings):
    """By the rule of the claim."""
    chosen = "; ".join(f"{arm} " + ", ".join(f"{one['lr' if arm == 'none' else 'p']:g}"
                                             for one in runs) for arm, runs in results.items())
    return compare.in_pairs(results, PAIRS, [("dropout", "none"), ("spatial", "none")],
                            more=[f"chosen (learning rate, or p): {chosen}"])


def draw(results, settings):
    """The test error of all arms, and what decides."""
    return compare.draw_pairs(results, settings, PAIRS)


CLAIM = Claim(
    name="dropblock",
    techniques=("dropblock", "dropout", "spatial"),
    sentence="Behind the convolutions of a network DropBlock leaves fewer errors than no noise, "
             "than dropout of single units and than dropout of whole maps.",
    source="Ghiasi et al. 2018 (arXiv:1810.12890), abstract and its table of results on ImageNet.",
    known="ResNet-50 on ImageNet: 78.13 % right with DropBlock, by the abstract, and 77.41 % with "
          "SpatialDropout, as a note on the paper has it. As we recall the table: 76.51 % with "
          "neither and 76.80 % with dropout.",
    effect="of the images of ImageNet ResNet-50 has 78.13 % right with DropBlock; as we recall, "
           "76.51 % with no noise, 76.80 % with dropout; 77.41 % with whole maps",
    protocol=lenets.PROTOCOL +
    "Noise behind both convolutions, blocks of 5: half the side of the smaller maps, as the "
    "paper's 7 are of maps of 14. Each run is one of two that has fewer errors on validation data: "
    "of noise at the rates 0.1 and 0.3, and without noise at two learning rates, 0.02 and 0.01 "
    "(quick: 0.05 and 0.1), so that all arms have as many tries; the test data are seen once, by "
    "that network. Paired seeds.",
    measure=lenets.MEASURE + "What dropout and whole maps gain on no noise is told, and no part "
                             "of the rule.",
    rule=compare.rule("the intervals of the error without noise, with dropout and with dropout of "
                      "whole maps, each less that with DropBlock, all lie above 0"),
    arms=("none", "dropout", "spatial", "dropblock"),
    scales=lenets.scales({"ps": [0.1, 0.3], "lrs": [0.05, 0.1], "block": 5, "seeds": 2},
                         {"ps": [0.1, 0.3], "lrs": [0.02, 0.01], "block": 5, "seeds": 5},
                         {"ps": [0.1, 0.25], "lrs": [0.1, 0.2], "block": 7, "seeds": 3}),
    takes={"quick": "a minute of one core", "standard": "20 minutes of one core",
           "paper": "200 epochs of CIFAR-10 each, for a GPU, and not timed by us"},
    run=run, judge=judge, draw=draw)
