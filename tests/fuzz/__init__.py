"""Files from outside, damaged in all ways: each is read rightly or refused in one sentence.

    pytest -m slow tests/fuzz                       some thousands of inputs
    python -m tests.fuzz --inputs 1000000           as many as one likes; it goes on where it was
"""
