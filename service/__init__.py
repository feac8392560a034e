"""Puts the rooms together: settings, servers, pipeline, command line."""

import os

# The driver of Neo4j imports numpy where it is installed, and its BLAS starts a thread for each
# core as it loads: a node confines itself (`service.sandbox`) before it has any.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
