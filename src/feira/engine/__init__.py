"""The one place that chooses encoder and index, and serves them from a process of its own."""
