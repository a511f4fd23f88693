"""Cases of the techniques that act on units."""

import numpy as np

from ...check import Replay
from ...functional import linear
from ...nn import Linear, Sequential
from ...units.dropout import Dropout
from ...units.gaussian import gaussian_noise
from ...units.mc import mc_moments, mc_predict
from ...units.multi_sample import multi_sample_loss
from .case import EXACT, Case, bits, numbers

X = numbers(2, 3)


def _dropout():
    def case(title, mask, p, x=X, grad="x"):
        return Case(title, "dropout.2", "dropout", {"x": x, "p": p}, {"mask": mask}, grad=grad)

    return [
        case("p = 0.5", bits("101 011"), 0.5),
        case("p = 0.2, the factor is 1 / 0.8", bits("110 111"), 0.2),
        case("p = 0: the identity", bits("111 111"), 0.0),
        case("p = 1: zeros, and no division by 0", bits("000 000"), 1.0),
        case("one row of a mask for both examples", bits("101", 1, 3), 0.25),
        case("what is kept and infinite stays", bits("1101"), 0.5,
             np.array([np.inf, -np.inf, 3.0, np.nan]), grad=""),
        Case("as in the paper: no factor in training", "dropout.4", "dropout_original", {"x": X},
             {"mask": bits("101 011")}, grad="x", tolerance=EXACT),
        Case("as in the paper: the factor in evaluation", "dropout.5", "dropout_original_expect",
             {"x": X, "p": 0.2}, grad="x"),
        Case("as in the paper, p = 1", "dropout.5", "dropout_original_expect",
             {"x": X, "p": 1.0}, grad="x"),
    ]


def _gaussian():
    def scaled(p, z):
        return gaussian_noise(Replay(z), z.shape, p)

    z, noise = np.array([0.5, -1.25, 0.0, 2.0]), np.array([[1.5, -0.25, 1.0], [0.0, 0.75, 2.5]])
    return [
        *(Case(f"the noise of p = {p} from normal numbers z", "gaussian.1", "gaussian_noise",
               {"p": p}, {"z": z}, gives="noise", run=scaled) for p in (0.0, 0.2, 0.5, 0.9)),
        Case("multiply", "gaussian.2", "gaussian_dropout", {"x": X}, {"noise": noise}, grad="x"),
        Case("noise of 1: the identity", "gaussian.2", "gaussian_dropout", {"x": X},
             {"noise": np.ones((2, 3))}, grad="x", tolerance=EXACT),
    ]


def _alpha():
    def case(title, mask, p, x=X, **moments):
        return Case(title, "alpha.2 alpha.4", "alpha_dropout", {"x": x, "p": p, **moments},
                    {"mask": mask}, grad="x")

    return [
        *(Case(f"stretch and shift, p = {p}, mean = {mean}, variance = {var}", "alpha.4",
               "alpha_affine", {"p": p, "mean": mean, "var": var}, gives="a b")
          for p, mean, var in [(0.0, 0.0, 1.0), (0.1, 0.0, 1.0), (0.5, 0.0, 1.0), (1.0, 0.0, 1.0),
                               (0.5, 0.3, 2.0)]),
        case("p = 0.1", bits("101 111"), 0.1),
        case("p = 0.5", bits("101 010"), 0.5),
        case("p = 0: the identity", bits("111 111"), 0.0),
        case("p = 1: the mean everywhere", bits("000 000"), 1.0),
        case("another mean and variance", bits("101 010"), 0.5, mean=0.3, var=2.0),
        case("whole maps (feature alpha dropout)", bits("10", 1, 2, 1, 1), 0.25,
             numbers(1, 2, 2, 2)),
    ]


def _dropblock():
    def rate(p, block, height, width):
        return Case(f"rate of seeds: p = {p}, {block} of {height} x {width}", "dropblock.1",
                    "dropblock_rate", {"p": p, "block": block, "height": height, "width": width},
                    gives="rate")

    def mask(title, seeds, block, clipped=False):
        tags = "dropblock.3" if not clipped else "dropblock.3 dropblock.6"
        return Case(title, tags, "dropblock_mask", {"block": block, "clipped": clipped},
                    {"seeds": seeds}, gives="mask")

    def output(title, x, mask, norm):
        return Case(f"{title}, norm = {norm}", "dropblock.4", "dropblock", {"x": x, "norm": norm},
                    {"mask": mask}, grad="x")

    def chances(p, block, height, width, seeds):
        tags = "dropblock.5" if seeds == "valid" else "dropblock.5 dropblock.6"
        return Case(f"chance to be dropped: {block} of {height} x {width}, seeds = {seeds}", tags,
                    "dropblock_drop_map", {"p": p, "block": block, "height": height,
                                           "width": width, "seeds": seeds}, gives="chance")

    images = numbers(2, 1, 2, 3)
    uneven, nothing = bits("110 111 000 101", 2, 1, 2, 3), bits("000 000 000 000", 2, 1, 2, 3)
    return [
        rate(0.1, 3, 7, 7), rate(0.25, 2, 4, 6), rate(0.0, 3, 7, 7), rate(1.0, 1, 2, 3),
        rate(0.1, 4, 4, 4),
        mask("odd block, 5 x 6", bits("0100 0000 0001", 1, 1, 3, 4), 3),
        mask("even block, 4 x 5", bits("1000 0000 0010", 1, 1, 3, 4), 2),
        mask("block of 1: the seeds themselves", bits("01 10", 1, 1, 2, 2), 1),
        mask("block as large as the map", bits("1 0", 2, 1, 1, 1), 3),
        mask("blocks overlap; two maps", bits("11 01 00 00", 1, 2, 2, 2), 2),
        mask("no seed", bits("00 00", 1, 1, 2, 2), 2),
        mask("clipped at the border, odd", bits("1000 0000 0001", 1, 1, 3, 4), 3, clipped=True),
        mask("clipped at the border, even", bits("1000 0000 0001", 1, 1, 3, 4), 2, clipped=True),
        *(output("part dropped", images, uneven, norm) for norm in ("batch", "sample", "none")),
        *(output("all dropped", images, nothing, norm) for norm in ("batch", "sample", "none")),
        output("one mask for both channels", numbers(1, 2, 2, 2), bits("01 11", 1, 1, 2, 2),
               "batch"),
        chances(0.1, 3, 4, 5, "valid"), chances(0.1, 2, 4, 3, "valid"),
        chances(0.1, 3, 4, 5, "all"), chances(0.1, 2, 4, 3, "all"), chances(0.0, 2, 2, 3, "valid"),
    ]


def _mc():
    def net(w, b, p, mask):
        model = Sequential(Dropout(p), Linear(w.shape[1], w.shape[0])).init(seed=0)
        model.linear1.weight.data, model.linear1.bias.data = w, b
        model.dropout1.rng = Replay(*mask)
        return model

    def predict(x, w, b, p, mask):
        return mc_predict(net(w, b, p, mask), x, len(mask))

    def moments(x, w, b, p, mask, tau):
        return mc_moments(net(w, b, p, mask), x, len(mask), tau)

    given = {"x": X, "w": numbers(2, 3, start=9), "b": np.array([0.5, -0.25])}
    masks = bits("101011 110010 011111", 3, 2, 3)
    classes = "mean entropy mutual_information"
    return [
        Case("dropout before a linear layer, three passes", "mc.1 mc.2 mc.3 mc.4", "mc_predict",
             given | {"p": 0.5}, {"mask": masks}, gives=classes, run=predict),
        Case("passes that agree", "mc.1 mc.2 mc.3 mc.4 mc.5", "mc_predict", given | {"p": 0.5},
             {"mask": masks[[0, 0]]}, gives=classes, run=predict),
        Case("regression, three passes", "mc.6 mc.7", "mc_moments",
             given | {"p": 0.25, "tau": None}, {"mask": masks}, gives="mean variance", run=moments),
        Case("regression with the precision of the data", "mc.6 mc.7", "mc_moments",
             given | {"p": 0.25, "tau": 8.0}, {"mask": masks}, gives="mean variance", run=moments),
        *(Case(f"precision, p = {p}", "mc.8", "mc_precision",
               {"p": p, "length": 0.01, "n": 400, "decay": 1e-6}, gives="tau")
          for p in (0.0, 0.05, 1.0)),
    ]


def _multi_sample():
    def loss(h, w, b, y, p, reduce, masks):
        return multi_sample_loss(lambda x: linear(x, w, b), h, y, masks, p, reduce)

    def apply(title, h, p, masks, **moves):
        tags = "multi_sample.2" + " multi_sample.13" * bool(moves)
        return Case(title, tags, "multi_sample", {"h": h, "p": p}, {"masks": masks, **moves},
                    grad="h")

    masks = bits("101011 110010", 2, 2, 3)
    maps, all_kept = numbers(1, 1, 3, 4), np.ones((2, 1, 1, 3, 4), bool)
    head = {"h": X, "w": numbers(3, 3, start=9), "b": np.array([0.5, -0.25, 0.0]),
            "y": np.array([2, 0])}
    logits = {"logits": numbers(2, 2, 3), "target": np.array([2, 0])}
    means = {"losses": "multi_sample.4 multi_sample.6", "logits": "multi_sample.8"}
    return [
        apply("two samples", X, 0.5, masks),
        apply("p = 0", X, 0.0, np.ones((2, 2, 3), bool)),
        apply("p = 1", X, 1.0, np.zeros((2, 2, 3), bool)),
        apply("flips", maps, 0.0, all_kept, flips=bits("10", 2, 1)),
        apply("shifts, zeros come in from outside", maps, 0.5, bits("101101110110" * 2, *(
            2, 1, 1, 3, 4)), shifts=np.array([[[1, -1]], [[0, 2]]])),
        apply("flips and shifts", maps, 0.0, all_kept, flips=bits("10", 2, 1),
              shifts=np.array([[[1, -1]], [[-1, 1]]])),
        *(Case(f"loss of a linear head, reduce = {reduce}", f"multi_sample.3 {tags}",
               "multi_sample_loss", head | {"p": 0.5, "reduce": reduce}, {"masks": masks},
               gives="loss", grad="h w b", run=loss) for reduce, tags in means.items()),
        *(Case(f"cross-entropy of logits (m, N, K), reduce = {reduce}",
               f"{tags.split()[0]} multi_sample.10", "multi_sample_cross_entropy",
               logits | {"reduce": reduce}, gives="loss", grad="logits")
          for reduce, tags in means.items()),
    ]


def _spatial():
    def case(title, mask, p, x):
        return Case(title, "spatial.2", "spatial_dropout", {"x": x, "p": p}, {"mask": mask},
                    grad="x")

    return [
        case("signals (N, C, L)", bits("10 11", 2, 2, 1), 0.5, numbers(2, 2, 3)),
        case("images (N, C, H, W)", bits("101", 1, 3, 1, 1), 0.2, numbers(1, 3, 2, 2)),
        case("volumes (N, C, D, H, W)", bits("01", 1, 2, 1, 1, 1), 0.5, numbers(1, 2, 2, 1, 2)),
        case("p = 0", bits("11", 1, 2, 1, 1), 0.0, numbers(1, 2, 2, 2)),
        case("p = 1", bits("00", 1, 2, 1, 1), 1.0, numbers(1, 2, 2, 2)),
    ]


CASES = {"dropout": _dropout, "gaussian": _gaussian, "alpha": _alpha, "spatial": _spatial,
         "dropblock": _dropblock, "mc": _mc, "multi_sample": _multi_sample}
