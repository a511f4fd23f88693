"""Wrong versions of the techniques, made by rule, and whether their tests notice them."""
