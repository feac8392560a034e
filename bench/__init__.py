"""Benchmarks: ratios against a peer or the raw limit, in one run."""
