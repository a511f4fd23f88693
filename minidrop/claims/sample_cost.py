"""What a step with m dropout samples takes, in time and memory, beside the batch repeated."""

from ..bench import samples
from ..plots import DARK, LIGHT, MIDDLE, subplots
from . import compare
from .claim import Claim, Verdict

KEPT = ("m", "ms", "growth", "peak_mb", "repeated_growth", "repeated_peak_mb", "ratio", "head")


def run(arm, seed, settings, progress):
    """Time steps of the network in turns: a column for each of KEPT, an entry for each m."""
    records = samples.run(settings["samples"], settings["blocks"], progress=False,
                          batch=settings["batch_size"], size=settings["size"])
    return {name: [round(float(one[name]), 4) for one in records] for name in KEPT}


def judge(results, settings):
    """By the rule of the claim."""
    (arm,), m = results, settings["samples"].index(8)
    rows = {name: compare.column(results, arm, name) for name in KEPT}
    rows["memory"] = rows["peak_mb"] / rows["repeated_peak_mb"]
    rows["more"] = rows["peak_mb"] / rows["peak_mb"][:, :1]
    found = {name: [compare.interval(row) for row in rows[name].T] for name in rows}
    lines = [f"{'m':>4}{'time, to m = 1':>20}{'memory':>10}{'time, to repeated':>20}{'memory':>10}"]
    lines += [f"{count:4}{found['growth'][i]!s:>20}{found['more'][i].mean:>10.2f}"
              f"{found['ratio'][i]!s:>20}{found['memory'][i].mean:>10.2f}"
              for i, count in enumerate(settings["samples"])]
    lines.append(f"the head is {compare.percent(found['head'][0])} % of a step at m = 1")
    if compare.one_seed(results):
        return compare.unjudged(lines)
    ratios = [rows[name][:, m] for name in ("ratio", "memory")]
    word = compare.word(*(compare.interval(0.5 - ratio) for ratio in ratios))
    if word == "refuted" and not any(compare.interval(ratio - 1).low > 0 for ratio in ratios):
        word = "not seen at this scale"
    return Verdict(word, (
        f"a step with 8 samples takes {found['growth'][m]:.2f} times as long as with one and "
        f"{found['more'][m]:.2f} times its memory; beside the batch repeated, "
        f"{found['ratio'][m]:.2f} of the time and {found['memory'][m]:.2f} of the "
        "memory"), tuple(lines))


def draw(results, settings):
    """Time and memory of a step over that at m = 1, against m."""
    figure, axes = subplots(1, 2, size=(9.0, 3.6), sharey=True)
    (arm,), m = results, settings["samples"]
    for axis, names, title in (
            (axes[0], ("growth", "repeated_growth"), "time of a step, over m = 1"),
            (axes[1], ("peak_mb", "repeated_peak_mb"), "memory of a step, over m = 1")):
        for name, colour, line, label in zip(
                names, (DARK, MIDDLE), ("-", "--"), ("m samples", "batch repeated"), strict=True):
            values = compare.column(results, arm, name)
            if name.endswith("mb"):
                values = values / values[:, :1]
            found = [compare.interval(row) for row in values.T]
            axis.errorbar(m, [one.mean for one in found],
                          None if len(values) == 1 else [one.half for one in found], color=colour,
                          linestyle=line, marker="o", capsize=3, label=label)
        axis.plot(m, m, color=LIGHT, linewidth=1, label="in proportion to m")
        axis.set(xscale="log", yscale="log", xticks=m, xticklabels=[f"{k}" for k in m], yticks=m,
                 yticklabels=[f"{k}" for k in m], title=title, xlabel="m (scales of powers)",
                 ylim=(0.5, 2 * m[-1]))
        axis.minorticks_off()
    axes[0].legend()
    return figure


QUICK = {"samples": [1, 2, 4, 8], "batch_size": 8, "size": 8, "blocks": 5, "seeds": 3}
CLAIM = Claim(
    name="sample-cost",
    techniques=("multi_sample", "dropout"),
    sentence="A step with eight dropout samples takes far less time and memory than dropout on the "
             "mini-batch repeated eight times.",
    source="Inoue 2019 (arXiv:1905.09788), table 2, in words.",
    known="As a survey reports, the table has ratios of iteration times, and 16 samples were too "
          "many for the memory with VGG16; their values are not known to us well enough to be "
          "printed.",
    protocol="The small VGG for images of 3 x 32 x 32 (quick: 3 x 8 x 8), two layers of it behind "
             "the samples, in mini-batches of 16 (quick: 8) of noise, whole steps of SGD with "
             "momentum, on the processor whatever the backend. Both compute the same under the "
             "same masks, which is checked first. They take turns; a run is one round of "
             "measurements.",
    measure="the time of a step with m samples over that with the batch repeated m times: the "
            "median of neighbouring blocks; and the memory that each holds at most. Mean and 95 % "
            "interval over the rounds, which are of one machine.",
    rule={"held": "the intervals of 1/2 less the ratio of the times at m = 8, and of 1/2 less "
                  "that of the memory, both lie above 0",
          "not held": "one of the two intervals does",
          "not seen at this scale": "neither does, and neither ratio lies above 1; or one round "
                                    "alone",
          "refuted": "neither interval lies above 0, and that of at least one ratio lies above 1"},
    arms=("small VGG",),
    scales={"quick": QUICK,
            "standard": QUICK | {"samples": [1, 2, 4, 8, 16, 32, 64], "batch_size": 16,
                                 "size": 32},
            "paper": QUICK | {"samples": [1, 2, 4, 8, 16, 32, 64], "batch_size": 100, "size": 32}},
    takes={"quick": "a few seconds of one core", "standard": "4 minutes of one core",
           "paper": "20 GB of memory, and not timed by us"},
    run=run, judge=judge, draw=draw,
    effect="as a survey reports, too little memory for 16 samples with VGG16; its ratios of times "
           "are not known to us well enough to be printed")
