"""The gain of dropout against the number of training images: none, much, less again."""

from ..plots import DARK, LIGHT, MIDDLE, subplots
from . import compare, mlps, recipe
from .claim import Claim, Verdict


def run(arm, seed, settings, progress):
    """Train one arm on the first images, of each size in as many steps: errors on the test data."""
    splits = mlps.images(settings)
    found = [trained(size, arm, seed, settings, splits, progress) for size in sizes(settings)]
    return {name: [one[name] for one in found] for name in ("error", "lr", "validation")}


def trained(size, arm, seed, settings, splits, progress):
    """One size with each rate: the test error of the network that validation data chose."""
    given, label = recipe.first(splits.train, size), progress and f"{progress}, {size} images"
    steps = recipe.steps((range(settings["images"]),), settings)
    epochs = -(-steps // -(-size // settings["batch_size"]))
    p, p_inputs = (settings["p"], settings["p_inputs"]) if arm == "dropout" else (0, 0)

    def make(lr):
        net = mlps.network(settings, given[0].shape[1], p, p_inputs)
        return recipe.train(net, given, settings, seed, label, lr=lr, epochs=epochs)

    return recipe.chosen(make, settings, splits)


def sizes(settings):
    """How many images there are, each time."""
    return [size for size in settings["sizes"] if size < settings["images"]] + [settings["images"]]


def judge(results, settings):
    """By the rule of the claim."""
    there = sizes(settings)
    arms = [compare.column(results, arm) for arm in ("none", "dropout")]
    gains = arms[0] - arms[1]                     # (seeds, sizes)
    lines = [f"{'images':>8}{'none':>18}{'dropout':>18}{'none - dropout':>20}"]
    lines += [f"{size:8}" + "".join(f"{compare.percent(compare.interval(values[:, i])):>{wide}}"
                                    for values, wide in zip([*arms, gains], (18, 18, 20),
                                                            strict=True))
              for i, size in enumerate(there)]
    lines += [f"rates chosen at {size} images: " + "; ".join(
        f"{arm} " + ", ".join(f"{one['lr'][i]:g}" for one in runs)
        for arm, runs in results.items()) for i, size in enumerate(there)]
    if compare.one_seed(results):
        return compare.unjudged(lines)
    found = [compare.interval(gains[:, i]) for i in range(len(there))]
    top = max(range(len(there)), key=lambda i: found[i].mean)
    shrinks = compare.interval(gains[:, top] - gains[:, -1])
    helps = found[0].low <= 0 and found[top].low > 0
    opposite = compare.interval(gains[:, 0] - gains[:, 1:].max(1)).low > 0
    word = ("refuted" if opposite else "not seen at this scale" if not helps else
            "held" if shrinks.low > 0 else "not held")
    shrinking = (f"the gain at {there[top]} images less that at {there[-1]}: "
                 f"{compare.percent(shrinks)}")
    return Verdict(word, "gain in points of test error " + ", ".join(
        f"{compare.percent(one)} at {size}" for one, size in zip(found, there, strict=True))
        + f"; {shrinking}", (*lines, shrinking))


def draw(results, settings):
    """Errors of both arms, and the gain, against the number of images."""
    figure, (left, right) = subplots(1, 2, size=(9.0, 3.6))
    arms = {arm: 100 * compare.column(results, arm) for arm in results}
    gain = {"none - dropout": arms["none"] - arms["dropout"]}
    for axis, curves, colours in ((left, arms, (MIDDLE, DARK)), (right, gain, (DARK,))):
        for (label, rows), colour in zip(curves.items(), colours, strict=True):
            found = [compare.interval(row) for row in rows.T]
            axis.errorbar(sizes(settings), [one.mean for one in found],
                          None if len(rows) == 1 else [one.half for one in found],
                          color=colour, marker="o", capsize=3, label=label)
        axis.set(xscale="log", xlabel="training images (a scale of powers)")
    left.set(ylim=(0, None), ylabel="test error, %", title=compare.called(settings))
    left.legend()
    right.axhline(0, color=LIGHT)
    right.set(ylabel="none - dropout, points", title=f"gain; {compare.over(results)}")
    return figure


CLAIM = Claim(
    name="data-size",
    techniques=("dropout",),
    sentence="Dropout gains nothing on very few images, most on more, and less again on many.",
    source="Srivastava et al. 2014, section 7.4.",
    known="As we recall its figure: no gain at 100 and 500 images, the largest in the middle, "
          "shrinking again towards 50,000, of MNIST; a survey gives the first half.",
    effect="as we recall, no gain at 100 and 500 images, the largest between those and "
           "50,000",
    protocol="MLP 784-256-256-10 with ReLU on the first 100 to 50,000 training images of MNIST "
             "(quick: 64-128-128-10 on the first 50 to 1,197 of digits); dropout drops half of the "
             "hidden units and a fifth of the inputs; SGD with momentum 0.9, mini-batches of 100, "
             "a rate that falls as half a cosine. All sizes have the same number of steps, that of "
             "5 epochs of the largest (quick: 20). Of two first rates each network takes the one "
             "with the fewer errors on all validation data, and none at which the loss is not "
             "finite; the test data are seen once, by that network. Nothing else was chosen by any "
             "data. At each size and with each seed dropout took the smaller rate, so that one "
             "below might be better for it. In as many steps 100 images are seen 2,500 times, "
             "50,000 only 5 times: that dropout gains less on many may come of that alone. Paired "
             "seeds.",
    measure="the gain, which is the test error without dropout less that with it, at each number "
            "of images, mean and 95 % interval over the seeds; differences are of paired seeds. "
            "Where the mean gain is largest is seen by the same seeds, which flatters it.",
    rule={"held": "at the fewest images the interval of the gain does not lie above 0; where the "
                  "mean gain is largest it does; and the interval of that gain less the one at the "
                  "most images lies above 0",
          "not held": "all of that but the last part",
          "not seen at this scale": "neither that nor the opposite, or one seed alone",
          "refuted": "the interval of the gain at the fewest images, less the largest at any other "
                     "number, lies above 0"},
    arms=("none", "dropout"),
    scales={
        "quick": {"data": "digits", "images": 1197, "sizes": [50, 200, 600], "hidden": [128, 128],
                  "epochs": 20, "batch_size": 50, "lrs": [0.05, 0.2], "momentum": 0.9,
                  "p": 0.5, "p_inputs": 0.2, "seeds": 5},
        "standard": {"data": "mnist", "images": 50000, "sizes": [100, 500, 1000, 5000, 10000],
                     "hidden": [256, 256], "epochs": 5, "batch_size": 100, "lrs": [0.03, 0.1],
                     "momentum": 0.9, "p": 0.5, "p_inputs": 0.2, "seeds": 3},
        "paper": {"data": "mnist", "images": 50000, "sizes": [100, 500, 1000, 5000, 10000],
                  "hidden": [1024, 1024, 2048], "epochs": 200, "batch_size": 100,
                  "lrs": [0.01, 0.03], "momentum": 0.95, "p": 0.5, "p_inputs": 0.2, "seeds": 5}},
    takes={"quick": "20 seconds of one core",
           "standard": "7 minutes of one core, beside another run",
           "paper": "twelve times 100,000 steps each, for a GPU, and not timed by us"},
    run=run, judge=judge, draw=draw)
