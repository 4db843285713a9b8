"""The command line: noun, then verb; translates between a terminal and the rooms below, and decides nothing."""
