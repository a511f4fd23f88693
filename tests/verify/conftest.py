"""Files that need a framework are imported by who has it, not looked through for examples."""

collect_ignore = ["torch_right.py", "torch_wrong.py", "keras_layers.py", "jax_functions.py"]
