"""Who sees what, row by row: the readable statement of the policy for stored data.

The compiled lane asks PostgreSQL the same questions in `resolvers.visibility`; neither is made
from the other, and the differential test holds them together. Access rules §2, §3, §3.1, §6, §9.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from resolvers.executor.rows import Fields, Rows
from security.policy import KindsOf, Names, Reach, Scope
from store.kind import Kinds, Visibility

PERSON = "NATURAL_PERSON"
_NAMED = (Reach.OWN, Reach.AUTHORISED, Reach.MATTER, Reach.APPROVED)


@dataclass(frozen=True, slots=True)
class Grounds:
    """Why a record is seen: because it is open, because more than that is given to this reader,
    or as no more than a member of a list; and which stricter classes of its fields are given."""

    open: bool
    beyond: bool
    member: bool
    authorised: bool
    restricted: bool
    internal: bool

    @property
    def visible(self) -> bool:
        return self.open or self.beyond or self.member

    @property
    def whole(self) -> bool:
        """More is seen than that the record exists."""
        return self.open or self.beyond

    def shows(self, visibility: Visibility) -> bool:
        """Whether a field of that class is shown in the record."""
        match visibility:
            case Visibility.OPEN:
                return self.whole
            case Visibility.GOVERNMENT:
                return self.beyond
            case Visibility.AUTHORISED:
                return self.authorised
            case Visibility.RESTRICTED:
                return self.restricted
        return self.internal


_UNSEEN = Grounds(False, False, False, False, False, False)


def displayed(record: Fields, today: dt.date) -> bool:
    """On public display 公示期: from its first day until, and without, its last."""
    return (
        record["class"] == "O"
        and record["status"] == "VALID"
        and record["display_from"] is not None
        and record["display_from"] <= today
        and (record["display_until"] is None or today < record["display_until"])
        and (record["display_ended_on"] is None or today < record["display_ended_on"])
    )


def queried(record: Fields, today: dt.date) -> bool:
    """Valid, not ended early, and its query clock runs."""
    return (
        record["status"] == "VALID"
        and record["display_ended_on"] is None
        and (record["query_until"] is None or today < record["query_until"])
    )


def of_government(record: Fields, today: dt.date) -> bool:
    """Offices may read it."""
    return record["class"] in ("O", "G") and queried(record, today)


def withheld(record: Fields) -> bool:
    """Kept to stewards: internal, repaired, or ended early."""
    if record["status"] == "REPAIRED":
        return True
    ended = record["class"] == "I" or record["display_ended_on"] is not None
    return bool(record["status"] == "VALID" and ended)


def in_force(dated: Fields, day: dt.date) -> bool:
    """From its first day until, and without, its last; open ends are in force."""
    first, last = dated["valid_from"], dated["valid_to"]
    return (first is None or first <= day) and (last is None or day < last)


class Sight:
    """What one scope sees on one day. `prepare` must run before anything is asked."""

    def __init__(self, scope: Scope, today: dt.date, rows: Rows, kinds: Kinds) -> None:
        self.scope = scope
        self.today = today
        self._rows = rows
        self._kinds = kinds
        self._reach: Mapping[Reach, frozenset[UUID]] = {}
        self._barred: frozenset[UUID] = frozenset()
        self._district: frozenset[str] = frozenset()

    async def prepare(self) -> None:
        """Follow what the scope names to what it became by mergers, and its district inwards."""
        self._reach = {r: await self._present(self.scope.subjects(r)) for r in _NAMED}
        self._barred = await self._present(self.scope.grounds.barred)
        district = self.scope.grounds.district
        if district is not None:
            self._district = await self.inside(district)

    async def _present(self, named: Iterable[UUID]) -> frozenset[UUID]:
        found = [await self._rows.subject(subject) for subject in sorted(named)]
        return frozenset(row["merged_into"] or row["subject_id"] for row in found if row)

    async def inside(self, region: str) -> frozenset[str]:
        """The region and every region in it."""
        regions = await self._rows.table("region")
        found, ring = {region}, {region}
        while ring:
            ring = {row["region_id"] for row in regions if row["parent_id"] in ring} - found
            found |= ring
        return frozenset(found)

    def within(self, reach: Reach, subject: UUID) -> bool:
        """Whether the subject is one of a reach."""
        return reach is Reach.ALL or subject in self._reach.get(reach, ())

    def barred(self, subject: UUID) -> bool:
        """Whether the caller may never ask about it: itself, its relatives."""
        return subject in self._barred

    async def in_district(self, subject: UUID) -> bool:
        """Whether a caller with a district has the subject in it."""
        if self.scope.grounds.district is None:
            return True
        row = await self._rows.organisation(subject)
        return row is not None and row["region_id"] in self._district

    @property
    def case_given(self) -> bool:
        return bool(self.scope.case) or not self.scope.row.case_for_persons

    # Records.

    async def record(self, record: Fields) -> Grounds:
        """On what grounds this record is seen; none at all when it is not."""
        scope, row, today = self.scope, self.scope.row, self.today
        subject: UUID = record["subject_id"]
        if self.barred(subject):
            return _UNSEEN
        kind, is_person = record["kind"], record["subject_category"] == PERSON
        live = queried(record, today)
        listed = scope.authorised_kinds is None or kind in scope.authorised_kinds
        authorised = self.within(row.authorised, subject) and listed
        restricted = self.within(row.restricted, subject)
        internal = self.within(row.internal, subject) and await self.in_district(subject)
        full, member = scope.full_kinds, scope.member_kinds
        if is_person:
            full, member = scope.full_person_kinds, scope.member_person_kinds
        shared = (
            of_government(record, today)
            and (kind in full or kind in member)
            and await self._shared(record, subject, is_person=is_person)
        )
        by_law = kind in self._kinds.by_name and self._kinds.by_name[kind].open_by_law
        found = Grounds(
            open=self.within(row.open, subject)
            and displayed(record, today)
            and (not is_person or by_law),
            beyond=(shared and kind in full)
            or (authorised and record["class"] == "A" and live)
            or (restricted and record["class"] == "R" and live)
            or (internal and withheld(record)),
            member=shared and kind in member,
            authorised=authorised,
            restricted=restricted,
            internal=internal,
        )
        return found if found.visible else _UNSEEN

    async def _shared(self, record: Fields, subject: UUID, *, is_person: bool) -> bool:
        """Whether sharing inside government reaches the subject of the record."""
        row = self.scope.row
        if is_person:
            reached = self.within(row.persons, subject) and self.case_given
        else:
            pair = (record["kind"], record["subject_category"])
            reached = self.within(row.government, subject) and pair not in self.scope.narrowed
        return reached and await self.in_district(subject)

    # Relations.

    async def relation(self, relation: Fields) -> bool:
        """Whether the statement that ties two parties is seen, whatever its period."""
        row = self.scope.row
        ends: tuple[UUID, UUID] = (relation["subject_id"], relation["other_id"])
        if relation["kind"] not in row.relations or relation["status"] != "VALID":
            return False
        if any(self.barred(end) for end in ends):
            return False
        if relation["class"] == "O":
            return any(self.within(row.open, end) for end in ends)
        if relation["class"] != "G":
            return False
        if not any(self.within(row.closed_relations, end) for end in ends):
            return False
        return any([await self.in_district(end) for end in ends])

    # Parties.

    @property
    def reads_all_firms(self) -> bool:
        """Whether the role's own row opens every organisation, known by records alone or not."""
        row = self.scope.row
        return row.government is Reach.ALL and row.kinds in (KindsOf.ALL, KindsOf.CATALOGUE)

    async def organisation(self, organisation: Fields) -> bool:
        """Registered ones are seen, others only through what is seen of them; who reads only its
        own sees itself and what touches it."""
        row, subject = self.scope.row, organisation["subject_id"]
        if row.open is Reach.NONE or self.barred(subject):
            return False
        if self.reads_all_firms and await self.in_district(subject):
            return True
        only = self._only()
        if only is not None:
            return self.within(only, subject) or await self._tied(subject, only)
        if row.open is Reach.ALL and organisation["registered"]:
            return True
        if row.government is not Reach.ALL and self.within(row.government, subject):
            return True
        for relation in await self._rows.relations(subject):
            if await self.relation(relation):
                return True
        for record in await self._rows.records(subject):
            if (await self.record(record)).visible:
                return True
        return False

    async def _tied(self, subject: UUID, reach: Reach) -> bool:
        for relation in await self._rows.relations(subject):
            if self.within(reach, relation["other_id"]) and await self.relation(relation):
                return True
        return False

    def _only(self) -> Reach | None:
        """The one reach of a role that sees nothing beyond it."""
        row = self.scope.row
        words = (row.open, row.government, row.persons, row.authorised, row.restricted)
        used = {word for word in (*words, row.internal) if word is not Reach.NONE}
        if len(used) != 1 or Reach.ALL in used:
            return None
        return used.pop()

    async def home_address(self, organisation: Fields) -> bool:
        """Whether an address is shown: of an individual business it may be a home, class G."""
        if organisation["category"] != "INDIVIDUAL_BUSINESS":
            return True
        subject = organisation["subject_id"]
        if self.reads_all_firms or self.scope.row.clear is Reach.ALL:
            return await self.in_district(subject)
        return self.within(self.scope.row.clear, subject)

    @property
    def persons_appear(self) -> bool:
        return self.scope.row.names is not Names.ABSENT

    def clear(self, person: UUID) -> bool:
        """Whether a person is shown in clear."""
        return self.within(self.scope.row.clear, person)

    def followed(self, person: UUID) -> bool:
        """Whether a question may start from a person, or go on from one."""
        return (
            self.within(self.scope.row.start, person)
            and self.case_given
            and not self.barred(person)
        )
