"""What one question may cost the executor lane: rows that are read, and time."""

from __future__ import annotations

from resolvers.errors import QuestionError

MAX_ROWS = 100_000  # rows that one question may read, whether they are shown or not
MAX_SECONDS = 10.0  # as a statement of the compiled lane
CHUNK = 1_000  # rows, or keys, of one read


class Budget:
    """The rows that a question may still read."""

    def __init__(self, rows: int = MAX_ROWS) -> None:
        self._left = rows
        self._rows = rows

    @property
    def left(self) -> int:
        return self._left

    def spend(self, rows: int) -> None:
        """Count rows that were read; raises QuestionError COST_LIMIT when there are too many."""
        self._left -= rows
        if self._left < 0:
            raise QuestionError(
                "COST_LIMIT",
                f"the question would read more than {self._rows} rows: filter more closely, or"
                " ask for fewer rows and without counts",
            )
