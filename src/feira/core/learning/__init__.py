"""Learning in closed form: plain NumPy, small enough for the shop itself."""
