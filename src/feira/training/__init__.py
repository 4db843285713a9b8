"""Training the built-in eye from random weights; needs the `torch` extra and is imported by the command alone."""
