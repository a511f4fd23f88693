"""`record.py` needs CuPy and is run by hand: pytest must not import it to look for doctests."""

collect_ignore = ["record.py"]
