"""Errors of the graph: a stable code and what to do next."""

from __future__ import annotations


class GraphError(Exception):
    """Something the graph refuses; `code` is stable, `message` says what to do next."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class GraphUnavailable(GraphError):
    """Neo4j does not answer, or holds only part of the graph while it is refilled."""

    def __init__(self, message: str = "The relationship graph is down: ask again later.") -> None:
        super().__init__("GRAPH_UNAVAILABLE", message)


class GraphBehind(GraphError):
    """The graph did not reach the store's position in the time given."""

    def __init__(self, message: str) -> None:
        super().__init__("GRAPH_BEHIND", message)


class GraphTimeout(GraphError):
    """A question to the graph took longer than the time it was given."""

    def __init__(self, message: str = "Ask for fewer levels, nodes or kinds.") -> None:
        super().__init__("GRAPH_TIMEOUT", message)


class GraphTooLarge(GraphError):
    """What was gathered is more than one answer may work out."""

    def __init__(self, message: str) -> None:
        super().__init__("BUDGET_LIMIT", message)
