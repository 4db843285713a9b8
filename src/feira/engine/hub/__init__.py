"""Fetching models: presets, a hub, any address; resumed, checked, and switched in whole."""
