"""The ledger of claims: each sentence of a paper, how it was tried, by which rule, and the verdict.

Everything comes from `minidrop.claims` and from the runs that are published with it; those that did
not hold are written into not-reproduced.md too:

    PYTHONPATH=site python -m scripts.claims
"""

import functools
import itertools
from collections import Counter
from pathlib import Path

from scripts import bibliography, citations, figures, links

from minidrop.claims import CLAIMS, history, ledger
from minidrop.claims.claim import MEANING, WORDS, by_paper

PAGE = "tables/claims.md"
MISSING = Path(__file__).parents[1] / "pages" / "not-reproduced.md"
START, END = "<!-- claims: written by site/scripts/claims.py -->\n", "\n<!-- end -->"


def pages():
    """{"tables/claims.md": Markdown} and a figure for every published set of runs."""
    made = {PAGE: "\n".join(page(CLAIMS))}
    for claim in CLAIMS.values():
        for scale, _ in ledger.published(claim):
            made[f"tables/{figure_name(claim, scale)}"] = figures.svg(
                drawn(claim.name, scale), f"{claim.name} {scale}")
    drawn.cache_clear()
    return made


def page(claims):
    """The lines of the page; ValueError for a file of results that no claim has."""
    known = {ledger.path_of(claim, scale, ledger.PUBLISHED) for claim in claims.values()
             for scale in claim.scales}
    if odd := sorted({*ledger.PUBLISHED.glob("*.json")} - known):
        raise ValueError(f"minidrop/claims/results has {odd[0].name}, which is of no claim")
    there, same = by_paper(claims.values()), shared(claims.values())
    yield "# What held and what did not\n"
    yield ("What papers claim, each with an experiment small enough for a laptop, and a rule for "
           "the verdict that was fixed before the run. A claim that was not seen here may hold at "
           f"the scale of its paper. {counted(claims)} `minidrop claims list` prints them, "
           "`minidrop claims run NAME` tries one anew. Minutes of one core are those of a machine "
           "without other work; those of the published runs stand below each claim, and some "
           "machines had more to do.\n")
    yield ("The verdicts: " + "; ".join(f"**{word}**, {what}" for word, what in MEANING.items())
           + ". A part counts as seen where its 95 % interval lies wholly on the side of the "
           "claim. Such an interval covers what changes with the seed alone (first weights, "
           "order, masks), on one set of images; it is not widened for the number of parts or "
           "of claims, but for `family`. No verdict speaks of the scale of the paper: there may "
           "hold what was refuted here. Each claim has its own rule, which stands there in "
           "full; that of `half` calls as good, and not better, not held. Since 22 November "
           "2026 one part on the other side refutes a claim of which no part was seen; before, "
           "all parts had to be there. By the rules of before `block-size` would not be "
           "refuted, but not seen; the other verdicts of this page would be the same.\n")
    yield (f"{told_calls(claims)} A rule and a code are told as 16 digits, hashes of what they "
           "stand for: the rule with what judges by it, and the experiment as it is written in "
           "minidrop.claims. Of what that is built on a record tells the version, and `python -m "
           "tests.anew` makes a run of each once more. Some claims share runs, as stands there, so "
           "that they are not independent of each other.\n")
    yield '<div class="wide" markdown>\n'
    yield "| paper | claim | the paper's effect | ours | verdict | command |"
    yield "|---|---|---|---|---|---|"
    for paper, found in there.items():
        for claim in found:
            yield row(claim, cited(paper, alone=True) if claim is found[0] else "")
    yield "\n</div>\n"
    for paper, found in there.items():
        yield f"## {paper}\n"
        for claim in found:
            yield from entry(claim, same[claim.name])


def with_missing(text):
    """The page of what was not reproduced with the claims of now that did not hold."""
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ValueError(f"{MISSING.name} must have a place for the claims, between the lines "
                         f"{START.strip()} and {END.strip()}")
    return before + START + "\n".join(missing(CLAIMS)) + END + after


def missing(claims):
    """The lines of a table of the claims whose runs, at any scale, did not hold."""
    yield "| claim | the paper's effect | what was seen here |\n|---|---|---|"
    for one in by_paper(claims.values()).values():
        for claim in one:
            for scale, verdict, seeds in verdicts(claim):
                if verdict.word != "held":
                    yield (f"| [{claim.name}](tables/claims.md#{claim.name}): {claim.sentence} "
                           f"({claim.paper}) | {claim.effect} | {verdict.word}: "
                           f"{verdict.headline} ({scale}, {seeds} seeds) |")


def row(claim, paper):
    """A claim in the table: the runs of its largest published scale."""
    scale, verdict, seeds = (*verdicts(claim), ("standard", None, 0))[0]
    ours = f"{verdict.headline} ({scale}, {seeds} seeds)" if verdict else "-"
    word = verdict.word if verdict else "not run yet"
    return (f"| {paper} | [{claim.name}](#{claim.name}) | {claim.effect} | {ours} | **{word}** | "
            f"`minidrop claims run {claim.name} --scale {scale}` |")


def counted(claims):
    """How many claims came out how, in a sentence."""
    words = Counter(found[0][1].word if (found := verdicts(claim)) else "not run yet"
                    for claim in claims.values())
    told = ", ".join(f"{words[word]} {word}" for word in (*WORDS, "not run yet") if words[word])
    return f"Of {len(claims)} claims: {told}."


def told_calls(claims):
    """How many records tell how their runs were begun, in a sentence."""
    calls = {(claim.kept_as, scale): "calls" in record for claim in claims.values()
             for scale, record in ledger.published(claim)}
    return (f"Of {len(calls)} records {sum(calls.values())} tell the commit, "
            "the rule and the seeds of each call that made runs; by which rule those of the others "
            "were begun the history of the repository alone tells.")


def shared(claims):
    """{claim: ["`arm` of it is `arm` of another claim"]}, where all errors are the same."""
    errors: dict = {}
    for claim in claims:
        for scale, record in ledger.published(claim):
            for run in record["runs"]:
                if "error" in run["result"]:
                    errors.setdefault((claim.name, run["arm"]), {})[
                        scale, run["seed"]] = run["result"]["error"]
    found: dict = {claim.name: [] for claim in claims}
    for (name, arm), (other, its) in itertools.permutations(errors, 2):
        ours, theirs = errors[name, arm], errors[other, its]
        both = ours.keys() & theirs.keys()
        if name != other and len(both) > 1 and all(ours[one] == theirs[one] for one in both):
            found[name].append(f"`{arm}` is `{its}` of [{other}](#{other})")
    return found


def verdicts(claim):
    """[(scale, Verdict, seeds)] of the published runs, the largest scale first."""
    found = []
    for scale, record in ledger.published(claim):
        results = ledger.results(claim, record)
        found.append((scale, claim.judge(results, claim.scales[scale]),
                      len(next(iter(results.values())))))
    return found


def entry(claim, same):
    """One claim, and what its runs are the same as."""
    yield f"### {claim.name.capitalize()} {{#{claim.name}}}\n"
    yield f"> {claim.sentence}\n"
    yield "| what | in words |\n|---|---|"
    yield f"| source | {cited(claim.source)} |"
    yield f"| its numbers, and how sure we are | {cited(claim.known)} |"
    yield f"| protocol | {claim.protocol} |"
    if claim.before:
        yield f"| before | {claim.before} |"
    if same:
        yield f"| the same runs | {'; '.join(same)} |"
    yield f"| measured | {claim.measure} |"
    for word, needs in claim.rule.items():
        yield f"| the rule: *{word}* | {needs} |"
    for scale, settings in claim.scales.items():
        runs = len(claim.arms) * settings["seeds"]
        yield (f"| {scale} | `minidrop claims run {claim.name} --scale {scale}`: {runs} runs, "
               f"{claim.takes[scale]} |")
    yield ""
    for scale, verdict, seeds in verdicts(claim):
        yield from result(claim, scale, verdict, seeds)


def result(claim, scale, verdict, seeds):
    """What came out at one scale."""
    record = dict(ledger.published(claim))[scale]
    yield f"#### {verdict.word.capitalize()}: {scale}, {seeds} seeds {{#{claim.name}-{scale}}}\n"
    yield f"**{verdict.headline}.**\n"
    figure = f"![{alt(claim, scale, verdict)}]({figure_name(claim, scale)})"
    yield f'<div class="wide" markdown>\n\n{figure}\n\n</div>\n'
    numbers = "\n".join(verdict.lines)
    yield f"```text\n{numbers}\n```\n"
    path = ledger.path_of(claim, scale, ledger.PUBLISHED)
    yield (f"{len(record['runs'])} runs, {ledger.minutes(record):.0f} minutes on the machine that "
           f"ran them; {versions(record)}; code {code(record)}; "
           f"{'; '.join(history.told(record, claim))}. Every run is in "
           f"`{path.relative_to(links.ROOT).as_posix()}`; `minidrop claims show {claim.name}` "
           "judges them again.\n{.ties}\n")


def code(record):
    """By which code they were made; where that was not this one, how it was shown to be equal."""
    return "; ".join([record["code"], *record.get("verified", ())])


def versions(record):
    """What the runs were made with, the most frequent first."""
    counts = Counter(tuple(run["versions"].items()) for run in record["runs"])
    return "; ".join(", ".join(f"{name} {version}" for name, version in found)
                     + (f" ({count} runs)" if len(counts) > 1 else "")
                     for found, count in counts.most_common())


def cited(text, alone=False):
    """A text whose citation leads to the references; `alone` the link, if there is one."""
    known = citations.works()
    there = ", ".join(links.to(f"{bibliography.PAGE}#{key}", known[key].short, PAGE)
                      for key in citations.cited(text, PAGE))
    return there if alone and there else f"{text} ({there})" if there else text


def figure_name(claim, scale):
    """The file of a figure, beside the page."""
    return f"claim-{claim.name}-{scale}.svg"


def alt(claim, scale, verdict):
    """What the figure shows, in a sentence."""
    axes = " against ".join(_axes(claim, scale))
    return (f"Figure of the claim {claim.name}, {scale}: {axes}, for "
            f"{', '.join(claim.arms)}. {verdict.word.capitalize()}: {verdict.headline}"
            ).replace("[", "(").replace("]", ")")


def _axes(claim, scale):
    axis = drawn(claim.name, scale).axes[0]
    title = " ".join(axis.get_title(loc="left").split()) or axis.get_ylabel()
    return title, axis.get_xlabel()


@functools.cache
def drawn(name, scale):
    """The claim's own figure of the published runs, which pyplot keeps no more."""
    import matplotlib.pyplot as plt

    claim = CLAIMS[name]
    results = ledger.results(claim, dict(ledger.published(claim))[scale])
    figure = claim.draw(results, claim.scales[scale])
    plt.close(figure)
    return figure


if __name__ == "__main__":
    MISSING.write_text(with_missing(MISSING.read_text(encoding="utf-8")), encoding="utf-8")
