"""Other GraphQL servers on the same PostgreSQL and the same rows as a node."""
