"""Adds what is new to what is kept, and takes nothing away: `python -m tests.kept`."""

from minidrop.checkpoint import FORMAT

from . import checkpoints, public

old = public.FILE.read_text(encoding="utf-8").splitlines() if public.FILE.is_file() else []
before, now = ({public.split(line)[0]: line for line in lines} for lines in (old, public.names()))
for name, line in before.items():
    for what in public.broken([line], now.values()):
        print(f"kept as it was, though {what}")
        now[name] = line
public.FILE.write_text("\n".join(sorted(now.values())) + "\n", encoding="utf-8")
if not (checkpoints.FOLDER / f"run-{FORMAT}").is_file():
    checkpoints.write(FORMAT)
