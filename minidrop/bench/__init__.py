"""minidrop beside PyTorch, measured in one run: steps, techniques, and what they cost by size."""
