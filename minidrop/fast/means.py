"""When a mean is subtracted a second time: the first one had too few digits."""

FAR = 4.0                                         # deviations off 0, from which on that is done
LOOKS = 3                                         # at what is left: float32 sums of 50,000 equal
#                                                   numbers may be off by 1e-3, so one is too few
