"""What holds minidrop, file by file; and what tests share, which are no tests themselves.

Wrong on purpose: `faults` (of real libraries), `mutants` (of our files, by rule), `rubbish` (for
`clean_calls`), `fuzz` (damaged files), `lives` (killed runs), `ends` (commands that fail).
Kept: `kept` (old names and files), `promised` (tables of promises), `samebits` (digests of runs).
Several are commands: `python -m tests.mutants --help`.
"""
