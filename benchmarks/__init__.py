"""Benchmarks: ours beside a raw loop of the same statements, in one run. See README.md."""
