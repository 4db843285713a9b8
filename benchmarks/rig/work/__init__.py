"""A tiny app for measuring jobs: kinds that do nothing or leave countable traces, and a process that asks for them."""
