"""`python -m minidrop` is the command line."""

from .cli import main

main(prog_name="minidrop")
