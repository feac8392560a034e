"""The executor lane: stored data answered field by field, apart from the compiler's statements."""
