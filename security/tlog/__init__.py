"""An append-only Merkle log in the public formats of C2SP (tlog-tiles, tlog-checkpoint)."""
