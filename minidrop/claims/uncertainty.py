"""MC dropout and uncertainty: does a network know which digits it was never shown?"""

from ..functional import softmax
from ..nn import evaluation
from ..placement import home
from ..tape import data_of
from ..units.mc import mc_predict
from ..xp import array_module, host, to_backend
from . import compare, mlps, recipe
from .claim import Claim, Verdict

SIZE = 1000                 # examples at a time


def run(arm, seed, settings, progress):
    """Train on the first classes: how unsure the network is of test images of them, and others."""
    splits, classes = mlps.images(settings), settings["classes"]
    (x, y), (unseen, labels) = splits.train, splits.test
    on, off = unseen[labels < classes], unseen[labels >= classes]
    p = 0 if arm == "none" else settings["p"]
    net = mlps.network(settings, x.shape[1], p, outputs=classes)
    recipe.train(net, (x[y < classes], y[y < classes]), settings, seed, progress)
    found = [unsure(net, part, settings["passes"] if arm == "mc" else 0) for part in (on, off)]
    (entropy, mutual), (entropy_off, mutual_off) = found
    right = recipe.error(net, (on, labels[labels < classes]))
    return {"error": right, "auc": round(above(entropy_off, entropy), 6),
            "entropy": [round(float(e.mean()), 6) for e in (entropy, entropy_off)],
            "mutual": [round(float(e.mean()), 6) for e in (mutual, mutual_off)]}


def unsure(net, x, passes):
    """Entropy of the prediction for each image, and mutual information; 0 without `passes`."""
    entropy, mutual = [], []
    for i in range(0, len(x), SIZE):
        part = to_backend(x[i:i + SIZE], home(net))
        if passes:
            _, h, mi = mc_predict(net, part, passes)
        else:
            with evaluation(net):
                p = softmax(data_of(net(part)))
            h = -(p * array_module(p).log(p + 1e-30)).sum(-1)
            mi = 0 * h
        entropy.append(host(h))
        mutual.append(host(mi))
    return tuple(array_module().concatenate(part) for part in (entropy, mutual))


def above(those, others):
    """The chance that one of `those` is above one of `others` (a tie is a half): the AUC.

    >>> above(array_module().asarray([1.0, 3.0]), array_module().asarray([0.0, 1.0, 2.0]))
    0.75
    """
    xp, row = array_module(others), array_module(others).sort(others)
    less, most = (xp.searchsorted(row, those, side) for side in ("left", "right"))
    return float((less + most).mean() / (2 * len(row)))


def judge(results, settings):
    """By the rule of the claim."""
    lines = [*compare.table(results, test_error="error", AUC="auc")]
    for arm in results:
        for name in ("entropy", "mutual"):
            values = compare.column(results, arm, name)
            on, off = (compare.interval(values[:, i]) for i in (0, 1))
            lines.append(f"{arm}: {name} {on} of known classes, {off} of unknown ones (nats)")
    if compare.one_seed(results):
        return compare.unjudged(lines)
    mutual = compare.column(results, "mc", "mutual")
    grows = compare.interval(mutual[:, 1] - mutual[:, 0])
    better = {arm: compare.less(results, arm, "mc", "auc") for arm in ("once", "none")}
    lines.append(f"mutual information of mc, unknown - known: {grows}")
    lines += [f"AUC of entropy, mc - {arm}: {compare.percent(one)} points"
              for arm, one in better.items()]
    auc = {arm: compare.column(results, arm, "auc").mean() for arm in ("mc", *better)}
    gains = {arm: compare.percent(one) for arm, one in better.items()}
    return Verdict(compare.word(*better.values()), (
        f"AUC of the entropy {auc['mc']:.3f} by {settings['passes']} passes, {auc['once']:.3f} by "
        f"one of the same network ({gains['once']} points less), {auc['none']:.3f} without dropout "
        f"({gains['none']} less); mutual information {mutual[:, 0].mean():.3f} of known classes, "
        f"{mutual[:, 1].mean():.3f} of unknown ones"), tuple(lines))


def draw(results, settings):
    """How well unknown classes are told, by each arm."""
    return compare.draw_arms(results, "AUC of the entropy, unknown against known classes, %", "auc")


CLAIM = Claim(
    name="uncertainty",
    techniques=("mc",),
    sentence="By the mean of many passes with noise MC dropout tells what is off the data better "
             "than the same network does in one pass without, and than the softmax of a network "
             "that was trained without dropout.",
    source="Gal & Ghahramani 2016 (arXiv:1506.02142), in words; its experiments are regressions, a "
           "rotated digit and control, and not repeated here.",
    known="The paper shows the growth in figures; it gives no number for this experiment, which is "
          "ours.",
    effect="shown in figures; there is no number for this experiment, which is ours",
    protocol="MLP 784-256-256-5 with ReLU on those of the first 10,000 training images of MNIST "
             "that are 0 to 4 (quick: 64-128-128-5 on digits); off the data are test images of 5 "
             "to 9. mc: trained with dropout of half of the hidden units, predicts by the mean of "
             "50 passes with noise; once: the same network, bit for bit, predicts once without "
             "noise; none: trained without, predicts once. SGD with momentum 0.9, rate 0.05 "
             "falling as half a cosine, mini-batches of 100, 10 epochs; nothing was chosen by any "
             "data. Paired seeds.",
    before="A first run, with seeds 0 to 4, had no arm once and held by the growth of the mutual "
           "information, which can hardly fail, and by 0.73 +- 0.34 points of AUC more than none, "
           "which may be of the training alone. So the rule asks for both differences of AUC now, "
           "and the seeds are 10 to 14 (quick: 0 to 7).",
    measure="how often the entropy of the prediction is higher for an unknown image than for a "
            "known one (the AUC), mean and 95 % interval over the seeds; differences are of paired "
            "seeds. The mutual information of mc is told, and no part of the rule.",
    rule=compare.rule("the intervals of the AUC of mc less that of once, and of none, both lie "
                      "above 0"),
    arms=("none", "once", "mc"),
    scales={
        "quick": {"data": "digits", "images": 1197, "classes": 5, "hidden": [128, 128],
                  "epochs": 20, "batch_size": 50, "lr": 0.05, "momentum": 0.9, "p": 0.5,
                  "passes": 50, "seeds": 8},
        "standard": {"data": "mnist", "images": 10000, "classes": 5, "hidden": [256, 256],
                     "epochs": 10, "batch_size": 100, "lr": 0.05, "momentum": 0.9, "p": 0.5,
                     "passes": 50, "first_seed": 10, "seeds": 5},
        "paper": {"data": "mnist", "images": 50000, "classes": 5, "hidden": [1024, 1024],
                  "epochs": 200, "batch_size": 100, "lr": 0.05, "momentum": 0.9, "p": 0.5,
                  "passes": 1000, "seeds": 5}},
    takes={"quick": "20 seconds of one core", "standard": "2 minutes of one core",
           "paper": "200 epochs of half of MNIST each, for a GPU, and not timed by us"},
    run=run, judge=judge, draw=draw)
