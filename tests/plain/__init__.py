"""The equations once more, in plain NumPy and loops: what another language would write."""
