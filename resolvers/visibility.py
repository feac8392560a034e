"""What a scope may see, as SQL predicates: compiled into every statement, evaluated when read.

Access rules §2, §3 and §3.1. Counts, cursors and relations use the same predicates, so what the
caller may not see is never counted, sorted or hinted at.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from resolvers.reach import (
    FALSE,
    TRUE,
    all_of,
    any_of,
    case_given,
    in_district,
    not_barred,
    present,
    within,
)
from resolvers.statement import Statement
from security.policy import KindsOf, Names, Reach, Row
from store.display import displayed, government, live, withheld
from store.kind import Visibility


@dataclass(frozen=True, slots=True)
class Seen:
    """On what grounds a record is seen, as conditions on one alias of table record.

    `open` is the display window, `beyond` what opens the whole record past it, `member` what opens
    no more than that it exists. Of `beyond`, `authorised`, `restricted` and `internal` open the
    fields of their class as well.
    """

    open: str
    beyond: str
    member: str
    permitted: str
    authorised: str
    restricted: str
    internal: str

    @property
    def visible(self) -> str:
        """The record is seen, if only that it exists."""
        return all_of(self.permitted, any_of(self.open, self.beyond, self.member))

    @property
    def whole(self) -> str:
        """More than that it exists is seen."""
        return TRUE if self.member == FALSE else any_of(self.open, self.beyond)


def record_seen(statement: Statement, record: str, kinds: Collection[str] | None = None) -> Seen:
    """The grounds for records of these kinds, None for every kind that the node serves."""
    scope = statement.scope
    row, today = scope.row, statement.today
    served = frozenset(statement.kinds.by_name if kinds is None else kinds)
    subject = f"{record}.subject_id"
    firm = f"{record}.subject_category <> 'NATURAL_PERSON'"
    person = f"{record}.subject_category = 'NATURAL_PERSON'"
    readable = government(record, today)
    # Who sees one subject only is read by that subject, and not by a condition on every row.
    only = _only(row)

    def reached(reach: Reach) -> str:
        return TRUE if reach is only else within(statement, reach, subject)

    def shared(of_firms: frozenset[str], of_persons: frozenset[str]) -> str:
        firms = all_of(
            _one_of(record, of_firms, served),
            _not_narrowed(statement, record, of_firms & served),
            reached(row.government),
            in_district(statement, subject),
        )
        people = all_of(
            _one_of(record, of_persons, served),
            reached(row.persons),
            in_district(statement, subject),
            case_given(statement),
        )
        if firms == people != FALSE:
            return all_of(readable, firms)
        return all_of(readable, any_of(all_of(firm, firms), all_of(person, people)))

    live_ = live(record, today)
    listed = scope.authorised_kinds
    authorised = all_of(
        reached(row.authorised),
        TRUE if listed is None else _one_of(record, listed, served),
    )
    restricted = reached(row.restricted)
    internal = all_of(reached(row.internal), in_district(statement, subject))
    # A person's record is open only where a law opens the list.
    by_law = frozenset(kind.name for kind in statement.kinds if kind.open_by_law)
    return Seen(
        open=all_of(
            reached(row.open),
            displayed(record, today),
            any_of(firm, _one_of(record, by_law, served)),
        ),
        beyond=any_of(
            shared(scope.full_kinds, scope.full_person_kinds),
            all_of(authorised, f"{record}.class = 'A'", live_),
            all_of(restricted, f"{record}.class = 'R'", live_),
            all_of(internal, withheld(record)),
        ),
        member=shared(scope.member_kinds, scope.member_person_kinds),
        permitted=all_of(
            TRUE if only is None else within(statement, only, subject),
            not_barred(statement, subject),
        ),
        authorised=authorised,
        restricted=restricted,
        internal=internal,
    )


def _only(row: Row) -> Reach | None:
    """The one reach of a role that sees nothing beyond it."""
    reaches = {row.open, row.government, row.persons, row.authorised, row.restricted, row.internal}
    reaches.discard(Reach.NONE)
    only = reaches.pop() if len(reaches) == 1 else None
    return None if only is Reach.ALL else only


def _not_narrowed(statement: Statement, record: str, kinds: frozenset[str]) -> str:
    """Whether the category of a firm is one of those of which the kind is shared."""
    left_out: dict[str, set[str]] = {}
    for kind, category in statement.scope.narrowed:
        if kind in kinds:
            left_out.setdefault(category, set()).add(kind)
    # Each pair would be a comparison of its own, which every execution sets up.
    conditions = []
    for category, of in sorted(left_out.items()):
        other = f"{record}.subject_category <> '{category}'"
        if of != kinds:
            names = ", ".join([f"'{kind}'" for kind in sorted(of)])
            other = f"({other} OR {record}.kind NOT IN ({names}))"
        conditions.append(other)
    return all_of(*conditions)


def _one_of(record: str, kinds: frozenset[str], served: frozenset[str]) -> str:
    found = kinds & served
    if not found:
        return FALSE
    if found == served:
        return TRUE
    names = ", ".join([f"'{kind}'" for kind in sorted(found)])
    return f"{record}.kind IN ({names})"


def record_visible(statement: Statement, record: str, kinds: Collection[str] | None = None) -> str:
    """The records the caller may see: `record` is an alias of table record."""
    return record_seen(statement, record, kinds).visible


def record_whole(statement: Statement, record: str, kind: str) -> str:
    """Of a visible record of the kind: whether more is seen than that it exists."""
    return record_seen(statement, record, (kind,)).whole


def field_shown(statement: Statement, record: str, kind: str, visibility: Visibility) -> str:
    """Whether a field of that class is shown in a visible record of the kind.

    The class of a field in a record is the stricter one of both.
    """
    seen = record_seen(statement, record, (kind,))
    match visibility:
        case Visibility.OPEN:
            return seen.whole
        case Visibility.GOVERNMENT:
            return TRUE if _reads_all(statement, kind) else _beyond(seen)
        case Visibility.AUTHORISED:
            return seen.authorised
        case Visibility.RESTRICTED:
            return seen.restricted
        case Visibility.INTERNAL:
            return seen.internal


def _beyond(seen: Seen) -> str:
    return TRUE if seen.open == seen.member == FALSE else seen.beyond


def _reads_all(statement: Statement, kind: str) -> bool:
    """Whether every visible record of the kind is read by government: then a field of class G is
    part of all of them, and no row need be asked."""
    scope = statement.scope
    row = scope.row
    if row.open is not Reach.ALL and row.open is row.government is row.persons is row.restricted:
        return kind in scope.full_kinds
    return (
        kind in scope.full_kinds
        and row.government is Reach.ALL
        and scope.grounds.district is None
        and not statement.kinds.by_name[kind].open_by_law
        and kind not in scope.member_person_kinds
        and not any(left_out == kind for left_out, _ in scope.narrowed)
    )


def relation_visible(
    statement: Statement, relation: str, kinds: tuple[str, ...], *, walked: bool = False
) -> str:
    """The relations of these kinds the caller may see, whatever their period.

    `walked` says that they were reached from a subject from which the caller may search.
    """
    row = statement.scope.row
    seen = [kind for kind in kinds if kind in row.relations]
    if not seen:
        return FALSE
    one, other = f"{relation}.subject_id", f"{relation}.other_id"
    names = ", ".join(f"'{kind}'" for kind in seen)
    searched = walked and row.closed_relations is Reach.MATTER
    reach = Reach.ALL if searched else row.closed_relations
    closed = all_of(
        any_of(*(within(statement, reach, end) for end in (one, other))),
        any_of(*(in_district(statement, end) for end in (one, other))),
    )
    open_ = any_of(*(within(statement, row.open, end) for end in (one, other)))
    if open_ == closed == TRUE:
        classes = f"{relation}.class IN ('O', 'G')"
    else:
        classes = any_of(
            all_of(f"{relation}.class = 'O'", open_),
            all_of(f"{relation}.class = 'G'", closed),
        )
    return all_of(
        f"{relation}.kind IN ({names})",
        classes,
        f"{relation}.status = 'VALID'",
        not_barred(statement, one),
        not_barred(statement, other),
    )


def organisation_visible(statement: Statement, organisation: str) -> str:
    """The organisations the caller may see: registered ones, and others only through a record or
    relation that the caller may see, or in its district. Who reads only its own sees itself and
    what touches it."""
    row = statement.scope.row
    subject = f"{organisation}.subject_id"
    permitted = not_barred(statement, subject)
    if row.open is Reach.NONE:
        return FALSE
    here = FALSE
    if reads_all_firms(row):
        here = in_district(statement, subject)
        if here == TRUE:
            return permitted
    only = _only(row)
    if only is not None:
        if not statement.scope.subjects(only):
            return FALSE
        return all_of(f"{subject} IN ({_beside(statement, only)})", permitted)
    relation, record = statement.alias("v"), statement.alias("v")
    tied = relation_visible(statement, relation, tuple(sorted(row.relations)))
    known = record_visible(statement, record)
    own = FALSE if row.government is Reach.ALL else within(statement, row.government, subject)
    return all_of(
        any_of(
            f"{organisation}.registered" if row.open is Reach.ALL else FALSE,
            own,
            here,
            # OFFSET keeps each a look at one subject: hashed, one body without registration among
            # the first twenty would have every relation and record read.
            f"EXISTS (SELECT FROM relation {relation} WHERE"
            f" {relation}.subject_id = {subject} AND {tied} OFFSET 0)",
            f"EXISTS (SELECT FROM record {record} WHERE"
            f" {record}.subject_id = {subject} AND {known} OFFSET 0)",
        ),
        permitted,
    )


def registration_decides(row: Row) -> bool:
    """Whether a registered organisation is seen as such, and others by what is said of them."""
    return row.open is Reach.ALL and not reads_all_firms(row) and _only(row) is None


def registered_visible(statement: Statement, organisation: str) -> str:
    """Of the registered organisations those the caller may see: as `organisation_visible`, but
    not a word of relations and records where the registration alone decides."""
    if statement.scope.row.open is Reach.ALL:
        return not_barred(statement, f"{organisation}.subject_id")
    return organisation_visible(statement, organisation)


def _beside(statement: Statement, reach: Reach) -> str:
    """The subjects of a reach and what a visible relation ties to them."""
    scope = statement.scope
    one = statement.alias("v")
    ids = statement.bind(lambda call: list(call.context.scope.subjects(reach)), "uuid[]", reach)
    tied = relation_visible(statement, one, tuple(sorted(scope.row.relations)))
    return (
        f"{present(statement, ids)} UNION SELECT {one}.other_id FROM relation {one}"
        f" WHERE {one}.subject_id IN ({present(statement, ids)}) AND {tied}"
    )


def reads_all_firms(row: Row) -> bool:
    """Whether the role's own row opens every organisation, known by records alone or not."""
    return row.government is Reach.ALL and row.kinds in (KindsOf.ALL, KindsOf.CATALOGUE)


def home_address_shown(statement: Statement, subject: str) -> str:
    """Whether the address of an individual business, which may be a home, is shown: class G."""
    row = statement.scope.row
    reach = Reach.ALL if reads_all_firms(row) else row.clear
    if reach is Reach.ALL:
        return in_district(statement, subject)
    return within(statement, reach, subject)


def persons_visible(statement: Statement) -> bool:
    """Whether natural persons appear at all, masked or not."""
    return statement.scope.row.names is not Names.ABSENT


def person_clear(statement: Statement, subject: str) -> str:
    """Whether a person is shown in clear."""
    return within(statement, statement.scope.row.clear, subject)


def person_followed(statement: Statement, subject: str) -> str:
    """Whether a question may start from a person, or go on from one to what it holds, does and
    did."""
    return all_of(
        within(statement, statement.scope.row.start, subject),
        case_given(statement),
        not_barred(statement, subject),
    )
