"""A tiny app for the system tests: jobs that leave countable traces, run by real workers over real brokers."""
