"""The records of `minidrop bench` as text."""

from .machine import surroundings
from .marks import doubts, marked, wide
from .steps import LIBRARIES
from .workloads import WORKLOADS

LEGEND = """\
ratio      our time of a step by the rival's, the median of the blocks
95 %       where that lies with 95 %; with fewer than 6 blocks the ends, and less than 95 %
tuned      images as channels_last, and the allocator set as minidrop's command line sets it
peak MB    what a step holds at most, beside weights and data
process    the most MB of memory that the process had, from its start on"""


def table(records):
    """A line for each contender in each workload, then what the times depend on."""
    lines = [f"{'':20}  {'ms':>9}  {'ratio':>6}  {'95 %':^14}  {'peak MB':>8}  {'process':>7}"
             "  allocator"]
    for r in records:
        title = WORKLOADS[r["workload"]].title if r["workload"] in WORKLOADS else ""
        lines.append(f"{r['workload']}  {title}".rstrip())
        ours = {key: r[key] for key in ("ms", "peak_mb", "process_mb", "allocator")}
        lines += [line(name, one) for name, one in ({"minidrop": ours} | r["rivals"]).items()]
    return "\n".join([*lines, *surroundings(records), *(["", LEGEND] if records else []),
                      *doubts(lines)])


def line(name, one):
    """The numbers of one contender."""
    title = LIBRARIES[name].title if name in LIBRARIES else name
    ratio, interval = ((marked(f"{one['ratio']:.3f}", wide(one, "ratio")),
                        f"{one['low']:.3f} - {one['high']:.3f}") if "ratio" in one else (" ", ""))
    return (f"   {title:17}  {one['ms']:9.3f}  {ratio:>7} {interval:^14}"
            f"  {number(one['peak_mb'], 3):>8}  {number(one['process_mb'], 0):>7}"
            f"  {one['allocator']}")


def number(value, digits):
    """A number, or a dash where it is not known."""
    return "-" if value is None else f"{value:.{digits}f}"
