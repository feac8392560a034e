"""What can be asked: the GraphQL types, one room per subject of the domain."""
