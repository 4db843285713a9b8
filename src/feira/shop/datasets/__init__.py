"""Reproducible data sets of the catalogue, for who trains models on it."""
