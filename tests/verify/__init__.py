"""Implementations to hold against the equations: right ones in many styles, and wrong ones."""
