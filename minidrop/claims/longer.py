"""Early dropout where a network is trained for longer, and its images are mixed less."""

from . import cnns, timed
from .claim import Claim


def run(arm, seed, settings, progress):
    """Train one arm, by the short recipe where its name says so: what `early` measures."""
    splits, (when, _, recipe) = cnns.images(settings), arm.partition(", ")
    changed = settings["short"] if recipe else {}
    net = timed.train(when, splits.train, settings, seed, progress, **changed)
    return timed.measured(net, splits, settings, seed)


def judge(results, settings):
    """By the rule of the claim."""
    pairs = [("early, short", "none, short"), ("early", "none")]
    return timed.in_pairs(results, "underfits", pairs, told=[("none", "none, short")])


CLAIM = Claim(
    name="longer",
    techniques=("early_late", "dropout", "mixup"),
    sentence="Early dropout lowers the test error of a network that underfits also where it is "
             "trained for longer and its images are mixed less.",
    source="Liu et al. 2023 (arXiv:2303.01500), its improved recipe: 600 epochs instead of 300, "
           "mixup and CutMix weaker.",
    known="Top-1 accuracy on ImageNet by that recipe, without, with standard and with early "
          "dropout, as the page of its code has it: ViT-T 76.3, 71.5, 76.7 %; Swin-F 76.1, 73.5, "
          "76.6 %; by the first one ViT-T 73.9, 67.9, 74.3 %; Swin-F 74.3, 71.6, 74.7 %.",
    effect="ViT-T on ImageNet by the longer recipe: 76.3 % right without dropout, 76.7 % with "
           "early dropout",
    protocol="MLP 784-100-100-10 with ReLU on the first 10,000 training images of MNIST, shifted "
             "by up to 4 pixels (quick: 64-20-10 on digits, shifted by up to a pixel) and mixed "
             "by mixup with alpha 0.3, 20 epochs; short: alpha 0.8, 10 epochs. Dropout of the "
             "hidden units with the rate 0.1; standard: throughout; early: for the first sixth of "
             "the steps, with a rate of noise that falls to 0 in a straight line; SGD with "
             "momentum 0.9, mini-batches of 100 (quick: 50), a learning rate that falls as half a "
             "cosine from 0.05 (quick: 0.2), as chosen for the claim `cutoff`, and the same for "
             "all arms. CutMix is left out. Paired seeds. Paper: the Mixer of the claim `early`.",
    measure="test error, mean and 95 % interval over the seeds; differences are of paired seeds. "
            "What the longer recipe itself gains is told, and no part of the rule.",
    rule={"held": "the network underfits in the longer recipe: the interval of the test error of "
                  "standard less that of none lies above 0; and the intervals of none less early "
                  "lie above 0 in both recipes",
          "not held": "it underfits, and one of the latter two intervals lies above 0",
          "not seen at this scale": "it does not underfit; or neither of the two lies above 0, and "
                                    "neither below; or one seed alone",
          "refuted": "it underfits, neither interval lies above 0, and at least one below"},
    arms=("none", "standard", "early", "none, short", "early, short"),
    scales={scale: settings | {"mixing": 0.3, "epochs": epochs,
                               "short": {"mixing": 0.8, "epochs": epochs // 2}}
            for (scale, settings), epochs in zip(timed.MLP.items(), (20, 20, 600), strict=True)},
    takes={"quick": "10 seconds of one core", "standard": "3 minutes, beside much else",
           "paper": "600 epochs of a Mixer each, for a GPU, and not timed by us"},
    run=run, judge=judge, draw=timed.draw)
