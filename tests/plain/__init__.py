"""The equations once more, in plain NumPy and loops: what another language would write.

tests/test_every_mask.py and tests/test_vectors.py hold the techniques beside them.
"""
