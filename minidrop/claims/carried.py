"""A representation carried to other classes: learned with early dropout, frozen, and read anew."""

from ..nn import Identity, Linear, Sequential, evaluation
from ..placement import home
from ..tape import data_of
from ..xp import array_module, host, to_backend
from . import cnns, compare, recipe, timed
from .claim import Claim, Verdict

SIZE = 1000                 # examples at a time


def run(arm, seed, settings, progress):
    """Learn the first classes with one arm, then a linear layer on what it makes of the others.

    The errors on test images of the first classes, and of the others.
    """
    splits, classes = cnns.images(settings), settings["classes"]
    own, other = [[of(pair, group) for pair in (splits.train, splits.test)]
                  for group in (range(classes), range(classes, 10))]
    net = timed.train(arm, own[0], settings, seed, progress, classes)
    error = recipe.error(net, own[1])
    net.out = Identity()
    (x, y), test = ((features(net, pair[0]), pair[1]) for pair in other)
    mean, deviation = x.mean(0), x.std(0) + 1e-6
    few = recipe.first(((x - mean) / deviation, y), settings["few"])
    reader = recipe.train(Sequential(out=Linear(x.shape[1], 10 - classes)), few,
                          settings | settings["reader"], seed, progress)
    return {"own": error, "error": recipe.error(reader, ((test[0] - mean) / deviation, test[1])),
            "training": recipe.error(reader, few)}


def of(pair, group):
    """The examples (x, y) whose labels are in `group`, a range, counted from 0."""
    x, y = pair
    some = (y >= group[0]) & (y <= group[-1])
    return x[some], y[some] - group[0]


def features(net, x):
    """What a network gives for `x`, in evaluation, on the host."""
    with evaluation(net):
        parts = [host(data_of(net(to_backend(x[i:i + SIZE], home(net)))))
                 for i in range(0, len(x), SIZE)]
    return array_module().concatenate(parts)


def judge(results, settings):
    """By the rule of the claim."""
    lines = [*compare.table(results, carried="error", reader_training="training",
                            own_classes="own")]
    if compare.one_seed(results):
        return compare.unjudged(lines)
    own, gain = (compare.less(results, "early", "none", name) for name in ("own", "error"))
    word, regime = timed.in_regime(results, "underfits", [gain], "own")
    lines += [f"on its own classes: {regime}",
              f"on its own classes, none - early: {compare.percent(own)} points",
              f"on the other classes, none - early: {compare.percent(gain)} points"]
    return Verdict(word, f"on the other classes {timed.errors(results)}; early has "
                   f"{compare.percent(gain)} points less than none; on its own classes {regime}",
                   (*lines,))


def draw(results, settings):
    """The error on the other classes, of all arms."""
    return compare.draw_arms(results, "test error of a linear layer on other classes, %")


OWN: dict[str, dict] = {"quick": {"few": 200}, "standard": {"few": 500, "hidden": [20, 20]},
                        "paper": {"few": 500}}

CLAIM = Claim(
    name="carried",
    techniques=("early_late", "dropout"),
    sentence="What a network that underfits learned with early dropout serves other data better: a "
             "linear layer on its frozen representation makes fewer errors there.",
    source="Liu et al. 2023 (arXiv:2303.01500), in words: fine-tuning on other tasks; frozen "
           "representations and other classes are ours.",
    known="Its numbers are not known to us well enough to be printed.",
    protocol="MLP 784-20-20-5 with ReLU on those of the first 10,000 training images of MNIST "
             "that are 0 to 4 (quick: 64-20-5 on digits), shifted by up to 4 pixels (quick: by up "
             "to a pixel); dropout of the hidden units as in the claim `cutoff`, 0.1 until 1/6 of "
             "the steps, and 0.1 throughout as standard; SGD with momentum 0.9, mini-batches of "
             "100 (quick: 50), 20 epochs (quick: 12), a learning rate that falls as half a cosine "
             "from 0.05 (quick: 0.2), as chosen for the claim `cutoff`, and the same for all "
             "arms. Then a linear layer learns to tell 5 to 9 from the last hidden layer, scaled "
             "to mean 0 and deviation 1, on the first 500 training images of them (quick: 200), "
             "unshifted. Paired seeds. With hidden layers of 100, which a first run had, the "
             "network did not underfit, and nothing was seen; of 50, 20 and one of 20 those of 20 "
             "were taken since standard harmed them most on validation data, with seeds 900 to "
             "903. Paper: the Mixer of the claim `early`.",
    measure="the error of the linear layer on test images of 5 to 9, mean and 95 % interval over "
            "the seeds; differences are of paired seeds. Whether the network underfits is decided "
            "on test images of 0 to 4.",
    rule={"held": "the network underfits: the interval of the error of standard on its own classes "
                  "less that of none lies above 0; and the interval of the error of none on the "
                  "other classes less that of early lies above 0",
          "not held": "does not occur: the claim has no parts",
          "not seen at this scale": "it does not underfit; or the latter interval contains 0; or "
                                    "one seed alone",
          "refuted": "it underfits, and the latter interval lies below 0"},
    arms=("none", "standard", "early"),
    scales={scale: settings | OWN[scale] | {
                "classes": 5, "reader": {"epochs": 20, "lr": 0.05, "batch_size": 50}}
            for scale, settings in timed.MLP.items()},
    takes={"quick": "3 seconds of one core", "standard": "a minute of one core",
           "paper": "300 epochs of a Mixer each, for a GPU, and not timed by us"},
    run=run, judge=judge, draw=draw)
