"""A million damaged files, or any number, as the readers' own lines lead Atheris to them.

The corpus, the number of inputs that were tried, and what was found lie in build/fuzz/; the same
command goes on from there.  It ends with 1 at the first input that a reader should not have got
through, whose file it names: python -m tests.fuzz --again FILE tries that one.
"""

import argparse
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

from tqdm import tqdm

from minidrop.files import put
from tests.fuzz.targets import TARGETS

AT_ONCE = 20_000                                  # inputs of one process
LIMITS = ["-timeout=20", "-rss_limit_mb=3000", "-max_len=8192", "-print_final_stats=1"]


def words(names):
    """What libFuzzer may put into an input, as it reads it."""
    found = {word for name in names for word in TARGETS[name].words if len(word) < 64}
    return "".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n'
                   for word in sorted(found))


def slice_of(names, folder, runs, seed, tell=lambda more: None):
    """Try so many inputs in a process of its own: (how many they were, what it said, at a fault).

    `tell` is called with how many there were since the last time.
    """
    corpus, found = folder / "corpus", folder / "found"
    for place in (corpus, found):
        place.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names):
        for k, bytes_of in enumerate(TARGETS[name].seeds):
            put(corpus / f"seed-{name}-{k}", bytes([i]) + bytes_of)
    put(folder / "words", words(names).encode())
    command = [sys.executable, "-m", "tests.fuzz.harness", ",".join(names), f"-runs={runs}",
               f"-seed={seed}", f"-dict={folder / 'words'}", f"-artifact_prefix={found}/",
               *LIMITS, str(corpus)]
    said, done = [], 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace") as process:
        for line in process.stdout:
            said = [*said[-60:], line]
            if count := re.match(r"#(\d+)\s", line):
                tell(int(count[1]) - done)
                done = int(count[1])
    last = re.search(r"stat::number_of_executed_units:\s+(\d+)", "".join(said))
    return int(last[1]) if last else done, "".join(said) if process.returncode else ""


def main():
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *TARGETS], metavar="READER",
                        help=f"All of {', '.join(TARGETS)}, if none is named.")
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--again", type=Path,
                        help="try this file alone, with the READERs it was found with")
    given = parser.parse_args()
    names = given.names or [*TARGETS]
    if given.again:                               # its first byte says which of the readers it is
        data = given.again.read_bytes()
        TARGETS[names[data[0] % len(names)]].hold(data[1:])
        return
    if not importlib.util.find_spec("atheris"):
        parser.error('Atheris is not here: pip install "minidrop[test,fuzz]"')
    folder = given.folder / ("-".join(given.names) or "all")
    state = folder / "inputs.json"
    done = json.loads(state.read_bytes()) if state.is_file() else 0
    with tqdm(total=given.inputs, initial=done, unit="input", dynamic_ncols=True) as bar:
        while done < given.inputs:
            runs = min(AT_ONCE, given.inputs - done)
            tried, fault = slice_of(names, folder, runs, done + 1, bar.update)
            done += tried
            put(state, json.dumps(done).encode())
            if fault:
                sys.exit(fault)


if __name__ == "__main__":
    main()
