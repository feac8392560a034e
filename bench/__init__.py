"""Benchmarks: ratios against a peer or the raw limit, in one run."""

import service as service  # before numpy: its BLAS has no threads of its own, as in a node
