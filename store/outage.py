"""Whether a failure is the database's: away, starting, ending, or full."""

from __future__ import annotations

import errno

import asyncpg

_OURS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EPIPE})


FAILURES = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What the use of the database fails with."""


def is_outage(error: BaseException) -> bool:
    """Whether the database could not be reached or took no more: asking again later may help.

    That is a line that could not be made or broke, PostgreSQL that starts, stops or recovers, and
    connections, disk or memory of its that are used up (SQLSTATE classes 08, 53 and 57, without
    57014, a statement that took too long). An error over a file is none.
    """
    match error:
        case asyncpg.QueryCanceledError():
            return False
        case OSError():
            return error.filename is None and error.errno not in _OURS
        case (
            asyncpg.PostgresConnectionError()
            | asyncpg.OperatorInterventionError()
            | asyncpg.InsufficientResourcesError()
            | asyncpg.InternalClientError()
        ):
            return True
        case asyncpg.InterfaceError():  # asyncpg tells a line that is closed from misuse by words
            return "clos" in str(error) or "back to the pool" in str(error)
    return False
