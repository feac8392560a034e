"""The snapshot: the whole graph as arrays at a known position, shared by processes."""
