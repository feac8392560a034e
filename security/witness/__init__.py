"""A witness of transparency logs (C2SP tlog-witness), and proofs that a log forked."""
