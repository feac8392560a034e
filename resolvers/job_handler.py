"""What makes the results of jobs, by kind of job.

A handler reads what its caller may see: by `context.ask`, which answers a question under the
caller's scope of that moment, or with the context as any part does. It hands over its result in
parts (`Progress.put`) with what each discloses. A job that is taken up again by another process
goes on behind `Progress.parts`; handlers therefore make the same parts in the same order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from resolvers import screening
from resolvers.context import Context
from resolvers.job import Progress

Handler = Callable[[Context, Mapping[str, Any], Progress], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class JobKind:
    """A kind of job; `columns` are those of its result as CSV, None where it is a document."""

    handler: Handler
    columns: tuple[str, ...] | None = None


JOB_HANDLERS: Mapping[str, JobKind] = MappingProxyType(
    {
        "LOOKUP": JobKind(screening.look_up, screening.LOOKUP_COLUMNS),
        "SCREENING": JobKind(screening.screen_all, screening.SCREENING_COLUMNS),
    }
)
