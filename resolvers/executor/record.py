"""Records in the executor lane: one kind or all of them, filtered by what the reader may know."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from graphql import get_named_type

from resolvers.as_of import kinds_on
from resolvers.executor import catalog_record
from resolvers.executor.code import subjects_named
from resolvers.executor.connection import Chunks, Edges, connection
from resolvers.executor.manifest import Mentions
from resolvers.executor.merge import merged
from resolvers.executor.paging import Key, Order, Window
from resolvers.executor.party import party, shown_name
from resolvers.executor.place import Asked, Item, Question, global_id
from resolvers.executor.rows import Fields
from resolvers.executor.sight import PERSON, Grounds, displayed
from resolvers.executor.timeliness import timeliness
from resolvers.known_kind import demand_kinds
from schema.record_kinds import Comparison, Condition, RecordKinds
from security.policy import KindsOf
from store.kind import Kinds, Visibility

_DATES = {"DECISION_DATE": ("decision_date", "date"), "RECEIVED_AT": ("received_at", "instant")}
_NO_CODE = re.compile("[^0-9A-Z]")
# Of a record that is no more than a member of a list, only these may be asked by a filter.
_OF_MEMBERS = frozenset(
    {
        "kinds",
        "subject",
        "subjectCategory",
        "decidedFrom",
        "decidedTo",
        "asOf",
        "issuer",
        "originRegion",
    }
)


def record_item(question: Question, mentions: Mentions, row: Fields, grounds: Grounds) -> Item:
    """A record; the answer names it."""
    mentions.record(row["record_id"])
    return Item(question.kinds.by_name[row["kind"]].type_name, row, mentions, grounds)


class Filter:
    """What a list of records is asked for: conditions that all hold."""

    def __init__(
        self,
        asked: Asked,
        kinds: Collection[str],
        conditions: Sequence[Condition],
    ) -> None:
        self._question = asked.question
        self._kinds = frozenset(kinds)
        given = asked.arguments.get("filter") or {}
        self._given = {name: value for name, value in given.items() if value is not None}
        demand_kinds(asked.question.kinds, self._given.get("kinds", ()))
        self._own = [c for c in conditions if c.argument in self._given]
        # When a record came is not told of one that is no more than a member of a list.
        order = (asked.arguments.get("orderBy") or {}).get("field")
        self._only_whole = order == "RECEIVED_AT" or not _OF_MEMBERS.issuperset(self._given)
        self._item = asked.arguments.get("item")
        self._subjects: set[UUID] | None = None

    async def prepare(self) -> None:
        """Find the subjects that the filter names."""
        if "subject" in self._given:
            self._subjects = await subjects_named(self._question.rows, self._given["subject"])

    @property
    def subjects(self) -> set[UUID] | None:
        """Those that the filter names; None when it names none."""
        return self._subjects

    @property
    def document(self) -> str | None:
        """The document number that the filter names."""
        found: str | None = self._given.get("documentNo")
        return found

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds that the list may hold."""
        found = self._kinds
        if "kinds" in self._given:
            found &= frozenset(self._given["kinds"])
        return found if self._item is None else found & {self._item}

    async def seen(self, rows: Sequence[Fields]) -> list[Fields]:
        """Those of the rows that the list holds."""
        kinds = self.kinds
        found = []
        for row in rows:
            if row["kind"] not in kinds or not self._envelope(row):
                continue
            grounds = await self._question.sight.record(row)
            if not grounds.visible or (self._only_whole and not grounds.whole):
                continue
            if all(self._holds(condition, row, grounds) for condition in self._own):
                found.append(row)
        return found

    def _envelope(self, row: Fields) -> bool:
        given, day = self._given, row["decision_date"]
        if self._subjects is not None and row["subject_id"] not in self._subjects:
            return False
        if "decidedFrom" in given and not (day and day >= given["decidedFrom"]):
            return False
        if "decidedTo" in given and not (day and day <= given["decidedTo"]):
            return False
        if "issuer" in given and not (
            row["issuer_uscc"] == given["issuer"].upper() or row["issuer_name"] == given["issuer"]
        ):
            return False
        if "asOf" in given and not self._as_of(row, given["asOf"]):
            return False
        columns = {
            "subjectCategory": "subject_category",
            "originRegion": "origin_region",
            "documentNo": "document_no",
        }
        return all(row[column] == given[name] for name, column in columns.items() if name in given)

    def _as_of(self, row: Fields, day: Any) -> bool:
        """Decided by the day, and open or shared by its catalogue (X03)."""
        if row["decision_date"] is None or row["decision_date"] > day:
            return False
        context = self._question.context
        basis = context.scope.row.kinds
        if basis in (KindsOf.ALL, KindsOf.NONE) or row["kind"] in kinds_on(context, day):
            return True
        return basis is not KindsOf.AGREEMENT and displayed(row, context.today)

    def _holds(self, condition: Condition, row: Fields, grounds: Grounds) -> bool:
        """Whether a condition on the kind's own field holds; never on what is not shown."""
        field, value = condition.field, row[f"x_{condition.field.name}"]
        visibility = Visibility.GOVERNMENT if field.screened else field.visibility
        if field.mask is not None or not grounds.shows(visibility) or value is None:
            return False
        wanted = self._given[condition.argument]
        match condition.comparison:
            case Comparison.EQUAL:
                return bool(value == wanted)
            case Comparison.AT_LEAST:
                return bool(_exact(value) >= _exact(wanted))
            case Comparison.AT_MOST:
                return bool(_exact(value) <= _exact(wanted))
            case Comparison.ONE_OF:
                return value in wanted
            case Comparison.OVERLAPS:
                return not set(value).isdisjoint(wanted)


def _exact(value: Any) -> Any:
    return Decimal(value) if isinstance(value, int) else value


def _conditions(made: RecordKinds, kinds: Sequence[str]) -> Sequence[Condition]:
    types = made.by_name.get(kinds[0]) if len(kinds) == 1 else None
    return () if types is None else types.conditions


def _connection(made: RecordKinds, kinds: tuple[str, ...], *, of_subject: bool) -> Any:
    conditions = _conditions(made, kinds)

    def resolve(asked: Asked) -> Any:
        source = _of_party if of_subject else _of_all
        wanted = Filter(asked, kinds, conditions)
        edges = _edges(asked, named=not of_subject)
        return connection(asked, _order(asked), edges, source(asked, wanted))

    return resolve


def _order(asked: Asked) -> Order:
    """By one of the dates, the newest first unless asked otherwise; ids run against the dates."""
    told = asked.arguments.get("orderBy") or {}
    by, ascending = told.get("field", "DECISION_DATE"), told.get("direction") == "ASC"
    column, type_ = _DATES[by]
    keys = (
        Key(column, type_, not ascending, nullable=True),
        Key("record_id", "uuid", ascending),
    )
    if by == "DECISION_DATE" and not ascending:
        return Order("record", keys)
    return Order(f"record:{by}{'+' if ascending else '-'}", keys)


async def _of_party(asked: Asked, wanted: Filter) -> Sequence[Fields]:
    """The records of one party."""
    question, subject = asked.question, asked.item.row["subject_id"]
    if asked.item.type == "Person" and not question.sight.followed(subject):
        return []
    await wanted.prepare()
    return await wanted.seen(await question.rows.records(subject))


async def _of_all(asked: Asked, wanted: Filter) -> Sequence[Fields] | Chunks:
    """The records of everybody: by the subjects or the document that are named, else by kind."""
    rows = asked.question.rows
    await wanted.prepare()
    if wanted.subjects is not None:
        return [
            row
            for subject in sorted(wanted.subjects)
            for row in await wanted.seen(await rows.records(subject))
        ]
    if wanted.document is not None:
        return await wanted.seen(await rows.records_of_document(wanted.document))

    async def chunks(window: Window, bounded: bool) -> AsyncIterator[Sequence[Fields]]:
        start = window.start.values if bounded and window.start is not None else None
        backward, order = bounded and window.backward, _order(asked)
        date, descending = order.keys[0].column, order.keys[0].descending
        scans = [
            rows.all_records(kind, date, backward == descending, start)
            for kind in sorted(wanted.kinds)
        ]
        async for read in merged(scans, order, backward=backward):
            yield await wanted.seen(read)

    return chunks


def _edges(asked: Asked, *, named: bool) -> Edges:
    question = asked.question
    edge = get_named_type(asked.info.return_type).name.removesuffix("Connection")

    async def name(row: Fields) -> bytes | None:
        subject = await question.rows.subject(row["subject_id"])
        return None if subject is None else subject["audit_ref"]

    def node(mentions: Mentions, row: Fields) -> Any:
        mentions.record(row["record_id"])
        return _seen(question, mentions, row)

    return Edges(f"{edge}Edge", node, name if named else None)


async def _seen(question: Question, mentions: Mentions, row: Fields) -> Item:
    return record_item(question, mentions, row, await question.sight.record(row))


def _id(asked: Asked) -> str:
    return global_id(asked.item.type, asked.item.row["record_id"])


def _subject(asked: Asked) -> Any:
    return party(asked.question, asked.item.mentions.within(), asked.item.row["subject_id"])


def _whole(asked: Asked) -> bool:
    assert asked.item.grounds is not None
    return asked.item.grounds.whole


def _reported_name(asked: Asked) -> str | None:
    row = asked.item.row
    if not _whole(asked):
        return None
    name: str = row["reported_name"]
    if row["subject_category"] != PERSON:
        return name
    return shown_name(asked.question, row["subject_id"], name)


def _reported_code(asked: Asked) -> Any:
    row = asked.item.row
    shown = _whole(asked) and row["subject_category"] != PERSON
    return row["reported_code"] if shown else None


async def _matched_by(asked: Asked) -> str | None:
    """By which code the record joined its subject; an old code inside the USCC says so (X05)."""
    row = asked.item.row
    if not _whole(asked) or row["subject_category"] == PERSON or not row["reported_code_type"]:
        return None
    if row["reported_code_type"] == "org_code":
        body = await asked.question.rows.organisation(row["subject_id"])
        code = _NO_CODE.sub("", (row["reported_code"] or "").upper())
        if body is not None and body["uscc"] is not None and body["uscc"][8:17] == code:
            return "ORG_CODE_EMBEDDED"
    kind: str = row["reported_code_type"]
    return kind.upper()


def resolvers(kinds: Kinds, made: RecordKinds) -> Mapping[str, Any]:
    """The resolvers of records, with one connection per declared kind."""
    names = tuple(kind.name for kind in kinds)
    items = tuple(kind.name for kind in kinds if kind.run_time)
    found: dict[str, Any] = {
        "Query.records": _connection(made, names, of_subject=False),
        "Party.records": _connection(made, names, of_subject=True),
        "Record.id": _id,
        "Record.subject": _subject,
        "Record.reportedName": _reported_name,
        "Record.reportedCode": _reported_code,
        "Record.matchedBy": _matched_by,
        "Record.timeliness": timeliness,
        "Query.catalogRecords": _connection(made, items, of_subject=False),
        **catalog_record.RESOLVERS,
    }
    for kind in kinds:
        if not kind.run_time:
            one = (kind.name,)
            found[f"Query.{kind.plural}"] = _connection(made, one, of_subject=False)
            found[f"Organisation.{kind.plural}"] = _connection(made, one, of_subject=True)
    return found
