"""Neo4j, the relationship graph: projection from the store, traversals."""
