"""Encoders: pixels in, unit vectors out."""
