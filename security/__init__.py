"""Keys, signatures, policy, field encryption, the transparency log and the access log."""
