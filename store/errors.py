"""Errors of the store: a stable code and what to do next."""

from __future__ import annotations


class StoreError(Exception):
    """Something the store refuses; `code` is stable, `message` says what to do next."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[type[StoreError], tuple[str, str]]:
        """As it crosses from one process to another."""
        return type(self), (self.code, self.message)
