"""What is installed of eight libraries, held against the equations: the field, as one matrix."""
