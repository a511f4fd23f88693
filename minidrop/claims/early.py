"""Early dropout, and early stochastic depth: noise at the start of a run reduces underfitting."""

from . import compare, timed
from .claim import Claim, Verdict


def judge(results, settings):
    """By the rule of the claim."""
    lines = [*timed.lines(results)]
    if compare.one_seed(results):
        return compare.unjudged(lines)
    loss, gain = (compare.less(results, "early", "none", name) for name in ("training", "error"))
    word, regime = timed.in_regime(results, "underfits", (loss, gain))
    lines += [regime, f"training loss, none - early: {loss}"]
    lines += [f"test error, {other} - {arm}: {compare.percent(compare.less(results, arm, other))} "
              "points" for arm, other in (("early", "none"), ("early", "standard"))]
    return Verdict(word, f"{timed.errors(results)}; early has {compare.percent(gain)} points less "
                   f"than none, and {loss} less training loss; {regime}", (*lines,))


PROTOCOL = (
    "MLP-Mixer with 4 blocks of width 32 and patches of 8 x 8, on the first 10,000 training "
    "images of CIFAR-10, mirrored and shifted by up to 4 pixels (quick: 2 blocks of width 16 and "
    "patches of 2 x 2, digits shifted by up to a pixel); it is measured on images that the "
    "published training batches keep for validation. SGD with momentum 0.9, mini-batches of 100 "
    "(quick: 50), 12 epochs, a learning rate that falls as half a cosine from 0.1, the same for "
    "all arms: of 0.05 and 0.1 (quick: and 0.2) the one with the fewest errors on validation "
    "data, a mean over none and standard dropout, with seed 900. {} standard: throughout; early: "
    "for the first sixth of the steps, with a rate of noise that falls to 0 in a straight line, "
    "as in the paper's code. Paired seeds. Paper: CIFAR-10 in the place of ImageNet, and SGD in "
    "that of AdamW.")
MEASURE = ("test error; training loss without noise, on the training images cut once more as in "
           "training; mean and 95 % interval over the seeds; differences are of paired seeds")
RULE = {"held": "the network underfits: the interval of the test error of standard less that of "
                "none lies above 0; and the intervals of the training loss and of the test error "
                "of none less those of early both lie above 0",
        "not held": "it underfits, and one of the latter two intervals lies above 0",
        "not seen at this scale": "it does not underfit; or neither of the two lies above 0, and "
                                  "neither below; or one seed alone",
        "refuted": "it underfits, neither interval lies above 0, and at least one below"}
CLAIM = Claim(
    name="early",
    techniques=("early_late", "dropout"),
    sentence="Where a network underfits, so that standard dropout harms it, early dropout lowers "
             "its final training loss and its test error.",
    source="Liu et al. 2023 (arXiv:2303.01500), table 1; of the training loss, in words.",
    known="Top-1 accuracy on ImageNet without dropout, with standard and with early dropout, as "
          "the page of its code has it: ViT-T 73.9, 67.9, 74.3 %; Mixer-S 71.0, 67.1, 71.3 %; "
          "Swin-F 74.3, 71.6, 74.7 %. Its training losses are not known to us well enough to be "
          "printed.",
    effect="ViT-T on ImageNet: 73.9 % right without dropout, 67.9 % with standard, 74.3 % with "
           "early dropout",
    protocol=PROTOCOL.format("Dropout at all places of the Mixer, with the rate 0.1."),
    measure=MEASURE,
    rule=RULE,
    arms=("none", "standard", "early"),
    scales=timed.MIXER,
    takes={"quick": "half a minute of one core",
           "standard": "7 minutes of one core, beside another run",
           "paper": "300 epochs of a Mixer each, for a GPU, and not timed by us"},
    run=timed.run, judge=judge, draw=timed.draw)

DEPTH = Claim(
    name="early-depth",
    techniques=("early_late", "stochastic_depth"),
    sentence="Where a network underfits, so that standard stochastic depth harms it, early "
             "stochastic depth lowers its final training loss and its test error.",
    source="Liu et al. 2023 (arXiv:2303.01500), table 1; of the training loss, in words.",
    known="Top-1 accuracy on ImageNet without, with standard and with early stochastic depth, as "
          "the page of its code has it: ViT-T 73.9, 72.6, 74.4 %; Mixer-S 71.0, 70.5, 71.7 %; "
          "Swin-F 74.3, 73.7, 75.2 %; ConvNeXt-F 76.1, 75.5, 76.3 %. Its training losses are not "
          "known to us well enough to be printed.",
    effect="ViT-T on ImageNet: 73.9 % right without, 72.6 % with standard, 74.4 % with early "
           "stochastic depth",
    protocol=PROTOCOL.format("Stochastic depth with a gate for each image, whose rate grows from "
                             "0 in the first block to 0.5 in the last; the learning rate is that "
                             "which was chosen for dropout."),
    measure=MEASURE,
    rule=RULE,
    arms=("none", "standard", "early"),
    scales={scale: settings | {"noise": "stochastic_depth", "p": 0.5}
            for scale, settings in timed.MIXER.items()},
    takes={"quick": "half a minute of one core",
           "standard": "8 minutes of one core, beside another run",
           "paper": "300 epochs of a Mixer each, for a GPU, and not timed by us"},
    run=timed.run, judge=judge, draw=timed.draw)
