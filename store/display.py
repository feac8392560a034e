"""Who may see a record on a day: the clocks as SQL conditions, stated once.

`displayed` is the public display window 公示期; `government` what offices may still read while
the query clock runs; `withheld` what only stewards and auditors read. The day is always a bound
parameter, never now(). Source: access rules §2, §9.
"""

from __future__ import annotations


def displayed(alias: str, day: str) -> str:
    """SQL: the record is on public display; `alias` names the record row, `day` a parameter."""
    return (
        f"({alias}.class = 'O' AND {alias}.status = 'VALID' AND {alias}.display_from <= {day}"
        f" AND ({alias}.display_until IS NULL OR {day} < {alias}.display_until)"
        f" AND ({alias}.display_ended_on IS NULL OR {day} < {alias}.display_ended_on))"
    )


def live(alias: str, day: str) -> str:
    """SQL: the record is valid, its query clock runs and it was not ended early."""
    return (
        f"({alias}.status = 'VALID'"
        f" AND ({alias}.query_until IS NULL OR {day} < {alias}.query_until)"
        f" AND {alias}.display_ended_on IS NULL)"
    )


def government(alias: str, day: str) -> str:
    """SQL: offices may read the record, open or shared inside government (class O or G)."""
    return (
        f"({alias}.class IN ('O', 'G') AND {alias}.status = 'VALID'"
        f" AND ({alias}.query_until IS NULL OR {day} < {alias}.query_until)"
        f" AND {alias}.display_ended_on IS NULL)"
    )


def withheld(alias: str) -> str:
    """SQL: the record is internal, by its class or because it was repaired or ended early."""
    return (
        f"(({alias}.class = 'I' AND {alias}.status = 'VALID') OR {alias}.status = 'REPAIRED'"
        f" OR ({alias}.status = 'VALID' AND {alias}.display_ended_on IS NOT NULL))"
    )
