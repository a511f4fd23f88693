"""Two layers of dropout; in one of them somebody forgot to scale."""


class OurDropout:
    """Inverted dropout."""

    def __init__(self, rate, rng):
        self.rate, self.rng, self.training = rate, rng, True

    def __call__(self, x):
        """x in evaluation; in training each entry is dropped, or divided by 1 - rate."""
        if not self.training or self.rate == 0:
            return x.copy()
        kept = self.rng.random(x.shape) >= self.rate
        return x * kept / x.dtype.type(1 - self.rate) if self.rate < 1 else 0 * x


class UnscaledDropout(OurDropout):
    """The same, and what is kept is not scaled."""

    def __call__(self, x):
        """x in evaluation; in training each entry is dropped, or left as it is."""
        return x * (self.rng.random(x.shape) >= self.rate) if self.training else x.copy()
