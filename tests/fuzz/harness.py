"""The readers under Atheris, which looks for inputs that reach other lines of them.

    python -m tests.fuzz.harness NAME,NAME [libFuzzer's own options] CORPUS

The first byte of an input says for which of the readers it is, the others are the file.
"""

import resource
import sys

from tests.fuzz.target import remembered

ROOM = 4 << 30                                    # of addresses, for all of the process
PURE = ["minidrop.data.files", "minidrop.data.formats", "minidrop.files", "minidrop.checkpoint",
        "minidrop.claims.ledger", "minidrop.verify.field.matrix", "minidrop.grade.course",
        "minidrop.grade.late", "minidrop.grade.marking", "minidrop.grade.refuse",
        "minidrop.grade.coding", "minidrop.grade.process", "minidrop.verify.commands",
        "minidrop.verify.run", "minidrop.verify.roles", "minidrop.suggest", "minidrop.options",
        "tarfile", "gzip", "bz2", "tomllib._parser", "tomllib._re"]


def main(arguments):
    """Hold the readers against what Atheris finds, until it has had enough."""
    import atheris  # the tests that need none run without

    with atheris.instrument_imports(include=PURE, enable_loader_override=False):
        from tests.fuzz.targets import TARGETS
    names = arguments[1].split(",")
    resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))

    def one(data):
        if data:
            TARGETS[names[data[0] % len(names)]].hold(data[1:])

    with remembered():                            # begun once, it costs less
        atheris.Setup([arguments[0], *arguments[2:]], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
