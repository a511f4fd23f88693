"""What minidrop has promised and wrote, kept to be held against what it does now.

    python -m tests.kept            adds what is new: public names, and a checkpoint of a new format

`names.txt` has a line for each public name, method and attribute, those that `__init__` sets among
them, and for each command, with its arguments and what they are where they are left out; nothing is
taken out of it before the release that says so in its changelog.  `weights-N` and `run-N` are files
of the format N, as the release that wrote them left them.
"""
