"""What a process of the node counts, in the text format of Prometheus (version 0.0.4)."""

from __future__ import annotations

from resolvers.lane_count import LaneCount

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_OPERATIONS = "xinqiao_operations_total"


def exposition(counts: LaneCount, process: int) -> str:
    """The counters as a scraper reads them; `process` is the id of the process that counted."""
    lines = [
        f"# HELP {_OPERATIONS} Operations answered, by the lane of their stored data and why.",
        f"# TYPE {_OPERATIONS} counter",
    ]
    for lane, reason, count in counts:
        labels = f'lane="{lane.lower()}",reason="{reason.lower()}",process="{process}"'
        lines.append(f"{_OPERATIONS}{{{labels}}} {count}")
    return "\n".join(lines) + "\n"
