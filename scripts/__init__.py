"""Programs for those who work on Feira; none of them is installed."""
