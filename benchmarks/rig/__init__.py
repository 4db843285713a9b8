"""What the benchmarks share: a throw-away shop, a look at its processes, tables of results."""
