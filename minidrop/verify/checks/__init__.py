"""What the checks of several techniques share, each kind of equation in a file of its own."""
