"""Which listings belong beside which."""
