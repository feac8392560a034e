"""How an operation becomes an answer: the compiler to SQL, the lanes, limits."""
