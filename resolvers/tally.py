"""Counts of organisations and records by attributes, as one statement.

The statement gives the finest cells; totals over attributes of organisations are sums of them. An
organisation may have records of several kinds or months, so that cells of every set of the
records' own attributes are told by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from uuid import UUID

from resolvers.argument import Given
from resolvers.as_of import as_of
from resolvers.context import Call
from resolvers.distinct import Cut, Order, cuts_of, cuts_on, orders_of
from resolvers.division import LISTS, Attribute, Divided, Holds, divided
from resolvers.reach import TRUE, all_of
from resolvers.statement import Statement
from resolvers.visibility import record_seen, registered_visible
from store.hot import AMOUNTS


@dataclass(frozen=True, slots=True)
class Tally:
    """The statement, and its tables: each row begins with the number of its table, then has the
    values of all levels of all attributes, then what is counted.

    A table says how far it is divided along each attribute of records; along those of
    organisations it is divided all the way.
    """

    sql: str
    binds: tuple[Callable[[Call], Any], ...]
    tables: tuple[Cut, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A range of subject ids, both ends in it: what one statement of several counts."""

    low: UUID
    high: UUID

    def holds(self, alias: str) -> str:
        """Whether the subject of a row is in it. The planner knows a range that is written, and
        takes one that is bound for a two-hundredth of the table."""
        return f"{alias}.subject_id BETWEEN '{self.low}' AND '{self.high}'"


def parts(count: int) -> list[Part]:
    """All subject ids in so many ranges of the same length."""
    edges = [(1 << 128) * i // count for i in range(count + 1)]
    return [Part(UUID(int=low), UUID(int=high - 1)) for low, high in pairwise(edges)]


def _holds(part: Part | None) -> Holds:
    return (lambda _: TRUE) if part is None else part.holds


def of_organisations(
    statement: Statement,
    attributes: Sequence[Attribute],
    day: Given | None,
    *,
    sums: bool,
    part: Part | None = None,
) -> Tally:
    """Cells of organisations: bodies; with `sums` those with a capital in CNY, and its sum.

    The statement reads the index `organisation_tally` alone where all that the caller sees is
    registered. With `part` it counts those of one part.
    """
    holds = _holds(part)
    where = ["o.registered", registered_visible(statement, "o"), holds("o")]
    where += _established(statement, day)
    of_bodies = divided(statement, attributes, day, holds)
    capital = "FILTER (WHERE o.currency IS NULL OR o.currency IN ('CNY', '人民币'))"
    grouped = {name: one for found in of_bodies.values() for name, one in found.grouped.items()}
    summed = (
        f"count(o.registered_capital) {capital} AS owners,"
        f" sum(o.registered_capital) {capital} AS amount"
        if sums
        else "0::bigint AS owners, NULL::numeric AS amount"
    )
    inner = "".join([f"{expression} AS {name}, " for name, expression in grouped.items()])
    joins = "".join([one.joins for one in of_bodies.values()])
    shown = "".join([f"{one}, " for found in of_bodies.values() for one in found.told])
    after = "".join([one.after for one in of_bodies.values()])
    met = ", ".join([query for one in of_bodies.values() for query in one.met])
    sql = (
        f"{f'WITH {met} ' if met else ''}SELECT 0 AS counted,"
        f" {shown}f.bodies, 0::bigint AS records, f.owners, f.amount,"
        f" 0::bigint AS amounts FROM (SELECT {inner}count(*) AS bodies, {summed}"
        f" FROM organisation o{joins} WHERE {all_of(*where)}"
        f"{_grouped([str(i + 1) for i in range(len(grouped))])}) f{after}"
    )
    return Tally(*statement.finished(sql), tables=(tuple([one.depth for one in attributes]),))


def of_records(
    statement: Statement,
    attributes: Sequence[Attribute],
    day: Given | None,
    *,
    sums: bool,
    part: Part | None = None,
) -> Tally:
    """Cells of records: bodies and records; with `sums` bodies with an amount, its sum, and
    records with an amount.

    Amounts are fines and arrears, in 元. The statement reads the indexes `record_tally` and
    `organisation_tally` alone, both in the order of subjects, and keeps no more than the finest
    cells and the records of one body. Without attributes of organisations it reads of them only
    which are not registered. With `part` it counts the subjects of one part: cells of parts that
    have no subject in common add up.
    """
    own = {one: _Own(one, i) for i, one in enumerate(attributes) if one.of_records}
    holds = _holds(part)
    bodies = divided(statement, attributes, day, holds)
    passing = _Passing(statement, list(own.values()), bodies, day, holds)
    tables, rows = [], []
    for number, cut in enumerate(passing.cuts):
        kept = dict(zip(own, cut, strict=True))
        tables.append(tuple([kept.get(one, one.depth) for one in attributes]))
        by: list[str] = []
        shown = ""
        for one in attributes:
            if not one.of_records:
                by += passing.bodies[one].grouped
                shown += "".join([f"{told}, " for told in passing.bodies[one].told])
            for level, name in enumerate(own[one].names if one.of_records else ()):
                met = level < kept[one]
                by += [f"{own[one].level(level)} AS {name}"] if met else []
                shown += f"{own[one].told(level) if met else 'NULL::text'} AS {name}, "
        rows.append(
            f"SELECT {number} AS counted, {shown}f.bodies, f.records, f.owners, f.amount, f.amounts"
            f" FROM (SELECT {''.join([f'{one}, ' for one in by])}{_summed(number, sums=sums)}"
            f" FROM cell{_grouped([str(i + 1) for i in range(len(by))])}) f"
            + "".join([one.after for one in passing.bodies.values()])
        )
    first = [query for one in bodies.values() for query in one.met]
    first.append(f"cell AS MATERIALIZED ({passing.cells(sums=sums)})")
    sql = f"WITH {', '.join(first)} {' UNION ALL '.join(rows)}"
    return Tally(*statement.finished(sql), tables=tuple(tables))


def _summed(number: int, *, sums: bool) -> str:
    """The figures of a cell of the cut with this number, from the finest cells."""
    counted = f"sum(bodies{number})::bigint AS bodies, sum(records)::bigint AS records"
    if not sums:
        return f"{counted}, 0::bigint AS owners, NULL::numeric AS amount, 0::bigint AS amounts"
    return (
        f"{counted}, sum(owners{number})::bigint AS owners, sum(amount) AS amount,"
        " sum(amounts)::bigint AS amounts"
    )


class _Own:
    """An attribute of records: what a record says of it, in columns of its row.

    A month is one number, twelve times its year and more; 0 stands for a date that is not told.
    """

    def __init__(self, attribute: Attribute, number: int) -> None:
        self.attribute = attribute
        self.depth = attribute.depth
        self.in_time = attribute.name == "TIME"
        self.names = [f"r{number}_{level}" for level in range(self.depth)]
        self.columns = [f"r{number}"] if self.in_time else self.names

    def column(self, level: int) -> str:
        """The column that says the value of a level."""
        return self.columns[0 if self.in_time else level]

    def level(self, level: int, before: str = "") -> str:
        """The value of a level in a row; `before` is what its columns are prefixed with."""
        year = self.in_time and level < self.depth - 1
        return f"{before}{self.column(level)}{' / 12' if year else ''}"

    def told(self, level: int) -> str:
        """The value of a level as it is shown, in a group `f` that has the level."""
        if not self.in_time:
            return f"f.{self.names[level]}"
        number = f"nullif(f.{self.names[level]}, 0)"
        if level == 0:
            return f"to_char(make_date({number}, 1, 1)::timestamp, 'YYYY')"
        return f"to_char(make_date({number} / 12, {number} % 12 + 1, 1)::timestamp, 'YYYY-MM')"


@dataclass(frozen=True, slots=True)
class _Passing:
    """The records as they pass by, each marked where it is the first of its body in a cell."""

    statement: Statement
    own: Sequence[_Own]
    bodies: Mapping[Attribute, Divided]
    day: Given | None
    holds: Holds

    @property
    def cuts(self) -> list[Cut]:
        return cuts_of([one.depth for one in self.own])

    def cells(self, *, sums: bool) -> str:
        """The finest cells. Of `bodies` and of `owners`, who have an amount, each cut has a number
        of its own: those that are met here for the first time in their cell of that cut."""
        met = [f"count(*) FILTER (WHERE {mark})" for mark in self._marks()]
        none = ["0::bigint"] * len(met)
        records = self._cells([*met, "count(*)", *((*none, "0::bigint", "NULL::numeric") * sums)])
        if not sums:
            return records
        amounts = [*none, "0::bigint", *met, "count(*)", "sum(amount)"]
        return f"{records} UNION ALL {self._cells(amounts, of_amounts=True)}"

    def _cells(self, figures: Sequence[str], *, of_amounts: bool = False) -> str:
        by = [
            *[name for one in self.bodies.values() for name in one.grouped],
            *[column for one in self.own for column in one.columns],
        ]
        cuts = range(len(self.cuts))
        names = [*[f"bodies{i}" for i in cuts], "records"]
        names += [*[f"owners{i}" for i in cuts], "amounts", "amount"]
        told = [f"{one} AS {name}" for one, name in zip(figures, names, strict=False)]
        return (
            f"SELECT {', '.join([*by, *told])} FROM ({self._ordered(of_amounts)}) s"
            f"{self._joined()}{_grouped(by)}"
        )

    def _marks(self) -> list[str]:
        """By cut, what is true of the first record of a body in each cell of the cut."""
        found: dict[Cut, str] = {}
        for number, order in enumerate(self._orders):
            before = f"p{number}_"
            differs: list[str] = []
            for step, cut in enumerate(cuts_on(order, len(self.own))):
                if step:
                    own = self.own[order[step - 1]]
                    level = cut[order[step - 1]] - 1
                    differs.append(
                        f"{own.level(level, before)} IS DISTINCT FROM {own.level(level)}"
                    )
                # The first level of an attribute is never null.
                first = f"{self.own[order[0]].level(0, before)} IS NULL" if order else "p0 IS NULL"
                found.setdefault(cut, f"{' OR '.join(differs) or first}")
        return [found[cut] for cut in self.cuts]

    @property
    def _orders(self) -> list[Order]:
        return orders_of([one.depth for one in self.own])

    def _ordered(self, of_amounts: bool) -> str:
        """The records with, for each order, what the record before it says."""
        before, windows = [], []
        for number, order in enumerate(self._orders):
            steps = list(zip(order, cuts_on(order, len(self.own))[1:], strict=True))
            by = [self.own[at].level(cut[at] - 1) for at, cut in steps]
            used = dict.fromkeys([self.own[at].column(cut[at] - 1) for at, cut in steps])
            before += [f"lag({one}) OVER w{number} AS p{number}_{one}" for one in used]
            before += [] if order else [f"lag(true) OVER w{number} AS p{number}"]
            ordered = f" ORDER BY {', '.join(by)}" if by else ""
            windows.append(f"w{number} AS (PARTITION BY subject_id{ordered})")
        shown = ["subject_id", *[column for one in self.own for column in one.columns], *before]
        shown += ["amount"] if of_amounts else []
        return (
            f"SELECT {', '.join(shown)} FROM ({self._seen(of_amounts)}) r"
            f" WINDOW {', '.join(windows)}"
        )

    def _seen(self, of_amounts: bool) -> str:
        """The records that are counted, with what is asked of them."""
        seen = record_seen(self.statement, "r")
        where = [seen.visible, "r.subject_category <> 'NATURAL_PERSON'", self.holds("r")]
        if self.day is not None:
            where += as_of(self.statement, "r", self.day)
        told = [
            f"{expression} AS {column}"
            for one in self.own
            for column, expression in zip(
                one.columns, _of_record(one, seen.whole, of_amounts), strict=True
            )
        ]
        if of_amounts:
            amount = (
                "CASE r.kind WHEN 'penalty' THEN r.x_fine_amount * 10000 ELSE r.x_owed_amount END"
            )
            amount = _where_whole(seen.whole, amount)
            told.append(f"{amount} AS amount")
            # As the index `record_amount_tally` says it, and then exactly.
            where.append(f"({' OR '.join([f'r.{one} IS NOT NULL' for one in AMOUNTS])})")
            where.append(f"{amount} IS NOT NULL")
        if not self.bodies:
            where.append(
                "NOT EXISTS (SELECT FROM organisation u"
                " WHERE u.subject_id = r.subject_id AND NOT u.registered)"
            )
        return (
            f"SELECT {', '.join(['r.subject_id', *told])} FROM record r WHERE {' AND '.join(where)}"
        )

    def _joined(self) -> str:
        """The bodies, by which the cells are divided."""
        if not self.bodies:
            return ""
        grouped = [pair for one in self.bodies.values() for pair in one.grouped.items()]
        told = "".join([f", {expression} AS {name}" for name, expression in grouped])
        joins = "".join([one.joins for one in self.bodies.values()])
        return (
            f" JOIN (SELECT o.subject_id{told} FROM organisation o{joins}"
            f" WHERE {all_of('o.registered', self.holds('o'))}) b USING (subject_id)"
        )


def _where_whole(whole: str, column: str) -> str:
    """What is not told of a record of which only that it exists is seen."""
    return column if whole == TRUE else f"CASE WHEN {whole} THEN {column} END"


def _of_record(own: _Own, whole: str, of_amounts: bool) -> list[str]:
    """What a record says of the levels of an attribute, by column."""
    if own.in_time:
        year = "date_part('year', r.decision_date)::integer"
        if own.depth == 2:
            year = f"{year} * 12 + date_part('month', r.decision_date)::integer - 1"
        return [f"coalesce({_where_whole(whole, year)}, 0)"]
    told = [
        f"WHEN '{kind}' THEN r.{column}" for kind, column in LISTS.items() if column is not None
    ]
    if not of_amounts:  # no evaluation has one
        # Of the evaluations under a scheme the latest that is seen.
        told.append(
            "WHEN 'evaluation' THEN CASE WHEN lead(r.record_id) OVER (PARTITION BY r.subject_id,"
            " r.kind, r.x_scheme ORDER BY r.decision_date, r.record_id) IS NULL THEN r.x_scheme"
            " || '@' || coalesce(r.x_scheme_version, '') || ':'"
            " || coalesce(r.x_grade, trim_scale(r.x_score)::text, '') END"
        )
    return ["r.kind", _where_whole(whole, f"CASE r.kind {' '.join(told)} END")][: own.depth]


def _grouped(columns: Sequence[str]) -> str:
    return f" GROUP BY {', '.join(columns)}" if columns else " HAVING count(*) > 0"


def _established(statement: Statement, day: Given | None) -> list[str]:
    if day is None:
        return []
    return [f"(o.established_on IS NULL OR o.established_on <= {statement.given(day, 'date')})"]
