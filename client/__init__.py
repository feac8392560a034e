"""The client of a node: signs questions, verifies answers, keeps receipts."""
