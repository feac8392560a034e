"""Subjects: which body, person or loan a statement is about.

A body is found by its USCC, else by any other code; a code that two bodies share (重错码), or
none at all, leads to a placeholder that waits for a steward. Persons meet by number only, never
by name: without a number they are a stub tied to one firm (records.md 1.2).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import orjson

from store.identifiers import org_code_of_uscc
from store.ids import subject_id
from store.joining import join_subject, move_records, records_named_by
from store.mention import Mention, note_mention, write_mentions
from store.staging import lock_writes
from store.statement import (
    INDIVIDUAL_BUSINESS,
    LEGAL_ENTITY,
    SCHEMES,
    Order,
    Party,
    Remark,
    plain_name,
)

if TYPE_CHECKING:
    from store.cipher import Cipher
    from store.connection import Connection

Code = tuple[str, str]
_ORGANISATIONS = frozenset({LEGAL_ENTITY, INDIVIDUAL_BUSINESS})
NUMBER, STUB, CASE = "person_number", "person_stub", "court_case"
"""Schemes of persons, whose values are blind indexes: `k1:…` of the key's first epoch."""
HIDDEN = frozenset({NUMBER, STUB, CASE, "partner-person", "placeholder"})

_UNRESOLVED = Remark(
    "SUBJECT_UNRESOLVED",
    "warning",
    "没有可用的代码，暂挂待核主体；请补报统一社会信用代码。"
    "No code names this body: it waits for a steward; send its USCC.",
)
_SHARED = Remark(
    "CODE_SHARED",
    "warning",
    "该代码被两个主体使用（重错码），暂挂待核主体；请补报统一社会信用代码。"
    "Two bodies carry this code: the record waits for a steward; send the USCC.",
)
_SECOND = Remark(
    "CODE_SHARED",
    "warning",
    "该代码已属于另一主体（重错码），请向登记机关核实。"
    "Another body already carries this code: ask the registering authority.",
)
_MISMATCH = Remark(
    "NAME_MISMATCH",
    "warning",
    "名称与登记名称及曾用名均不一致，请核对代码和名称。"
    "The name is neither the registered nor a former one: check code and name.",
)
_FORMER = Remark(
    "NAME_FORMER",
    "info",
    "使用了曾用名，已归入该主体；无须处理。A former name was used; nothing to do.",
)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The subject of a party, and the identifier its id was made from (`scheme:value`).

    `named_by` names a person with a number in the ids of its records: by the number's index of
    the earliest epoch that the node has of it, so that ids outlive the index key.
    """

    subject_id: UUID
    first: str
    remarks: tuple[Remark, ...] = ()
    named_by: str | None = None


@dataclass(slots=True)
class _Subject:
    subject_id: UUID
    category: str
    placeholder: bool
    first: Code
    codes: set[Code]
    registered: bool = False
    name: str = ""
    former: set[str] = field(default_factory=set)


class _SharedCode(Exception):
    """A party is named only by a code that several bodies carry."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Directory:
    """The subjects that one chunk of statements names: resolved in memory, written in bulk.

    Open it with every party of the chunk, resolve each, write once. All in one transaction.
    """

    def __init__(self, connection: Connection, cipher: Cipher) -> None:
        self._connection = connection
        self._cipher = cipher
        self._subjects: dict[UUID, _Subject] = {}
        self._holders: dict[Code, set[UUID]] = defaultdict(set)
        self._created: list[_Subject] = []
        self._added: list[tuple[Code, UUID, bool]] = []
        self._issues: dict[UUID, tuple[str, UUID, str]] = {}
        self._shared: dict[Code, list[_Subject]] = {}  # known to be so from this chunk on
        self.mentions: dict[UUID, Mention] = {}
        self.joined: set[UUID] = set()  # bodies that others became part of
        self.parted: set[UUID] = set()  # bodies and placeholders that records moved between

    @classmethod
    async def open(
        cls, connection: Connection, parties: Iterable[Party], cipher: Cipher
    ) -> Directory:
        """A directory loaded with what the store knows under the parties' codes."""
        await lock_writes(connection)
        directory = cls(connection, cipher)
        wanted = list(parties)
        await directory._load({c for party in wanted for c in _searched(party)})
        await directory._join(wanted)
        stubs = {
            code
            for party in wanted
            if party.stub_of is not None and not party.codes
            for code in directory._stub_codes(party)
        }
        await directory._load(stubs)
        return directory

    def resolve(
        self, party: Party, order: Order, *, origin: str, registered: bool = False
    ) -> Resolution:
        """The subject of a party, made when nobody has its codes yet.

        `registered` marks the registry's own statement: it may carry any name.
        """
        if party.category in _ORGANISATIONS:
            return self._organisation(party, order, origin, registered)
        codes: Sequence[Code] = party.codes
        former: Sequence[Code] = party.former
        if not codes and party.stub_of is not None:
            code, *former = self._stub_codes(party)
            codes = (code,)
        if not codes:
            what = f"name:{plain_name(party.name)}"
            return self._placeholder(party, order, origin, what, _UNRESOLVED)
        subject = next((s for c in (*codes, *former) for s in self._having(c)), None)
        if subject is None:
            identity = uuid4() if codes[0][0] in HIDDEN else subject_id(*codes[0])
            subject = self._create(identity, party.category, codes[0])
        for code in codes:
            self._add(subject, code)
        self._mention(subject, party, order, origin)
        return self._resolution(subject, named_by=_number_name(subject, party))

    async def _join(self, parties: Iterable[Party]) -> None:
        """Join the bodies that one statement names together, before anything is resolved.

        So it does not matter whether that statement or those with one code each came first.
        """
        tying = {party.codes: party for party in parties if party.category in _ORGANISATIONS}
        for party in sorted(filter(_is_tying, tying.values()), key=_strength):
            codes = named_by(party)
            found = [s for c in codes for s in self._having(c) if _is_one(s, codes)]
            for weak in dict.fromkeys(s.subject_id for s in found[1:]):
                if weak != found[0].subject_id:
                    await self.write_subjects()  # one of them may be of this chunk
                    await join_subject(
                        self._connection, weak, found[0].subject_id, cipher=self._cipher
                    )
                    self._forget(weak, found[0])
                    self.joined.add(found[0].subject_id)
            if party.code("uscc") and not (found and set(codes) <= found[0].codes):
                self._body(party, codes)

    def _forget(self, weak: UUID, strong: _Subject) -> None:
        gone = self._subjects.pop(weak)
        for code in gone.codes:
            self._holders[code].discard(weak)
            self._holders[code].add(strong.subject_id)
        strong.codes |= gone.codes
        strong.former |= gone.former

    def _organisation(
        self, party: Party, order: Order, origin: str, registered: bool
    ) -> Resolution:
        codes = named_by(party)
        if not codes:
            return self._placeholder(
                party, order, origin, f"name:{self._unnamed(party)}", _UNRESOLVED
            )
        try:
            subject, remarks = self._body(party, codes)
        except _SharedCode as shared:
            return self._placeholder(party, order, origin, shared.what, _SHARED)
        if not registered:
            remarks += self._compare(subject, party.name)
            self._mention(subject, party, order, origin)
        return self._resolution(subject, tuple(dict.fromkeys(remarks)))

    def _body(self, party: Party, codes: Sequence[Code]) -> tuple[_Subject, list[Remark]]:
        """The body of these codes, made when nobody has them; _SharedCode if several bodies do."""
        remarks: list[Remark] = []
        uscc = party.code("uscc")
        subject: _Subject | None = None
        for code in codes:
            held = [s for s in self._having(code) if not s.placeholder]
            if uscc is None and len(held) > 1:
                raise _SharedCode(f"{code[0]}:{code[1]}")
            subject = next((s for s in held if self._fits(s, uscc, party)), None)
            if subject is not None:
                break
            if held:
                remarks.append(_SECOND)
        if subject is None:
            first = next((c for c in codes if c[0] != "uscc" and not any(self._having(c))), None)
            if uscc is not None and (first is None or first[0] != "org_code"):
                first = ("uscc", uscc)
            first = first or codes[0]
            subject = self._create(subject_id(*first), party.category, first)
        for code in codes:
            others = [s for s in self._having(code) if s is not subject and not s.placeholder]
            if others:
                remarks.append(_SECOND)
                self._issue("CODE_SHARED", subject.subject_id, f"{code[0]}:{code[1]}")
                if code not in subject.codes:
                    self._shared[code] = [*others, subject]
            self._add(subject, code)
        return subject, remarks

    def learn(self, identity: UUID, name: str, former: Iterable[str]) -> None:
        """Take note of a registered name, so that later lines of the chunk compare with it."""
        subject = self._subjects[identity]
        if subject.name and subject.name != plain_name(name):
            subject.former.add(subject.name)
        subject.registered, subject.name = True, plain_name(name)
        subject.former |= {plain_name(old) for old in former}

    def _fits(self, subject: _Subject, uscc: str | None, party: Party) -> bool:
        held = {value for scheme, value in subject.codes if scheme == "uscc"}
        if uscc is None or not held or uscc in held:
            return True
        name = plain_name(party.name)
        return bool(name) and (name == subject.name or name in subject.former)

    def _compare(self, subject: _Subject, name: str) -> Iterator[Remark]:
        plain = plain_name(name)
        if subject.registered and plain and plain != subject.name:
            yield _FORMER if plain in subject.former else _MISMATCH

    def _placeholder(
        self, party: Party, order: Order, origin: str, what: str, remark: Remark
    ) -> Resolution:
        code = ("placeholder", what)
        subject = next(self._having(code), None)
        if subject is None:
            subject = self._create(subject_id(*code), party.category, code, placeholder=True)
            self._add(subject, code)
            self._issue(remark.code, subject.subject_id, what)
        self._mention(subject, party, order, origin)
        return self._resolution(subject, (remark,))

    def _unnamed(self, party: Party) -> str:
        """What keeps bodies without any code apart: their name, and the firm they stand beside."""
        if party.stub_of is None:
            return plain_name(party.name)
        return f"{plain_name(party.name)}@{party.stub_of.key}"

    def _stub_codes(self, party: Party) -> list[Code]:
        """The codes of a person without a number, newest epoch first."""
        assert party.stub_of is not None
        firm = self._firm(party.stub_of)
        tie = ":".join(firm.first) if firm is not None else party.stub_of.key
        indexes = self._cipher.blind_indexes(STUB, stub_key(tie, party.name))
        return [(STUB, index) for index in indexes]

    def _firm(self, party: Party) -> _Subject | None:
        return next((s for code in named_by(party) for s in self._having(code)), None)

    def _having(self, code: Code) -> Iterator[_Subject]:
        held = self._holders.get(code, ())
        for identity in sorted(held) if len(held) > 1 else held:
            yield self._subjects[identity]

    def _create(
        self, identity: UUID, category: str, first: Code, *, placeholder: bool = False
    ) -> _Subject:
        subject = _Subject(identity, category, placeholder, first, set())
        self._subjects[identity] = subject
        self._created.append(subject)
        self._add(subject, first, is_first=True)
        return subject

    def _add(self, subject: _Subject, code: Code, *, is_first: bool = False) -> None:
        if code not in subject.codes:
            subject.codes.add(code)
            self._holders[code].add(subject.subject_id)
            self._added.append((code, subject.subject_id, is_first))

    def _mention(self, subject: _Subject, party: Party, order: Order, origin: str) -> None:
        firm = None if party.stub_of is None else self._firm(party.stub_of)
        note_mention(
            self.mentions,
            subject.subject_id,
            Mention(party, order, origin, firm.subject_id if firm else None, subject.first[1]),
        )

    def _issue(self, kind: str, identity: UUID, what: str) -> None:
        self._issues[subject_id(f"issue:{kind}", f"{identity}:{what}")] = (kind, identity, what)

    def _resolution(
        self,
        subject: _Subject,
        remarks: tuple[Remark, ...] = (),
        named_by: str | None = None,
    ) -> Resolution:
        return Resolution(subject.subject_id, ":".join(subject.first), remarks, named_by)

    async def _load(self, codes: set[Code]) -> None:
        if not codes:
            return
        schemes, values = zip(*sorted(codes), strict=True)
        hits = await self._connection.fetch(
            "SELECT w.scheme, w.value, coalesce(s.merged_into, s.subject_id) AS subject_id"
            " FROM unnest($1::text[], $2::text[]) AS w (scheme, value)"
            " JOIN identifier i ON i.value = w.value AND i.scheme = w.scheme"
            " JOIN subject s ON s.subject_id = i.subject_id",
            schemes,
            values,
        )
        for row in hits:
            self._holders[row["scheme"], row["value"]].add(row["subject_id"])
        unseen = {row["subject_id"] for row in hits} - self._subjects.keys()
        if unseen:
            await self._load_subjects(list(unseen))

    async def _load_subjects(self, identities: list[UUID]) -> None:
        rows = await self._connection.fetch(
            "SELECT s.subject_id, s.category, s.placeholder, o.name,"
            " coalesce(o.registered, false) AS registered"
            " FROM subject s LEFT JOIN organisation o USING (subject_id)"
            " WHERE s.subject_id = ANY($1)",
            identities,
        )
        for row in rows:
            self._subjects[row["subject_id"]] = _Subject(
                row["subject_id"],
                row["category"],
                row["placeholder"],
                ("", ""),
                set(),
                row["registered"],
                plain_name(row["name"] or ""),
            )
        for row in await self._connection.fetch(
            "SELECT subject_id, scheme, value, is_first FROM identifier WHERE subject_id = ANY($1)",
            identities,
        ):
            subject = self._subjects[row["subject_id"]]
            code = (row["scheme"], row["value"])
            subject.codes.add(code)
            self._holders[code].add(subject.subject_id)
            if row["is_first"]:
                subject.first = code
        for row in await self._connection.fetch(
            "SELECT subject_id, name FROM organisation_name"
            " WHERE subject_id = ANY($1) AND is_former",
            identities,
        ):
            self._subjects[row["subject_id"]].former.add(plain_name(row["name"]))

    async def write(self) -> None:
        """Write new subjects, identifiers and issues, and how statements name their parties."""
        for code, holders in self._shared.items():
            await self._withhold(code, holders)
        self._shared = {}
        await self.write_subjects()
        await write_mentions(self._connection, self.mentions, self._cipher)
        self.mentions = {}

    async def _withhold(self, code: Code, holders: Sequence[_Subject]) -> None:
        """Hang records that named a body by this code alone on its placeholder, as later ones."""
        what = f"{code[0]}:{code[1]}"
        bodies = [s.subject_id for s in holders]
        rows = await records_named_by(self._connection, code, bodies)
        for row in rows:
            party = Party(row["subject_category"], row["reported_name"])
            order = Order(row["stamp"], row["batch_sha"], row["line_no"])
            self._placeholder(party, order, row["origin_region"], what, _SHARED)
        if rows:
            target = next(self._having(("placeholder", what))).subject_id
            named = [row["record_id"] for row in rows]
            await move_records(self._connection, named, bodies, target)
            self.parted.update((*bodies, target))

    async def write_subjects(self) -> None:
        """Write new subjects, identifiers and issues."""
        created, self._created = self._created, []
        added, self._added = self._added, []
        issues, self._issues = self._issues, {}
        if created:
            await self._connection.execute(
                "INSERT INTO subject (subject_id, category, placeholder)"
                " SELECT * FROM unnest($1::uuid[], $2::text[], $3::boolean[])"
                " ON CONFLICT DO NOTHING",
                [s.subject_id for s in created],
                [s.category for s in created],
                [s.placeholder for s in created],
            )
        if added:
            codes, owners, firsts = zip(*added, strict=True)
            await self._connection.execute(
                "INSERT INTO identifier (scheme, value, subject_id, is_first, is_open)"
                " SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::boolean[],"
                " $5::boolean[]) ON CONFLICT DO NOTHING",
                [scheme for scheme, _ in codes],
                [value for _, value in codes],
                owners,
                firsts,
                [scheme not in HIDDEN for scheme, _ in codes],
            )
        if issues:
            await self._connection.executemany(
                "INSERT INTO quality_issue (issue_id, kind, subject_id, detail)"
                " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                [
                    (issue, kind, identity, orjson.dumps({"code": what}).decode())
                    for issue, (kind, identity, what) in issues.items()
                ],
            )


def stub_key(firm: str, name: str) -> str:
    """What the index of a person without a number is made of: the firm's first identifier, the
    name."""
    return f"{firm}\x1f{plain_name(name)}"


def case_key(case_no: str, name: str) -> str:
    """What the index of a person is made of whom only a court's entry names."""
    return f"{plain_name(case_no)}|{plain_name(name)}"


def epoch_of(index: str) -> int:
    """The epoch of a blind index: 1 of `k1:…`."""
    return int(index[1 : index.index(":")])


def _number_name(subject: _Subject, party: Party) -> str | None:
    """See `Resolution.named_by`; None where the party's own key names it."""
    if len(subject.codes) == 1 or not party.key.startswith(f"{NUMBER}:"):
        return None
    numbers = [value for scheme, value in subject.codes if scheme == NUMBER]
    return f"{NUMBER}:{min(numbers, key=lambda value: (epoch_of(value), value))}"


def named_by(party: Party) -> list[Code]:
    """The codes that name an organisation, strongest first, its embedded code among them."""
    codes = list(party.codes)
    inner = org_code_of_uscc(party.code("uscc") or "")
    if inner and ("org_code", inner) not in codes:
        codes.insert(1, ("org_code", inner))
    return codes


def _is_one(subject: _Subject, codes: Sequence[Code]) -> bool:
    """Whether nothing that the subject is known by speaks against being the body of these codes."""
    strong = {code for code in subject.codes if code[0] in ("uscc", "org_code")}
    return not subject.placeholder and strong <= set(codes)


def _is_tying(party: Party) -> bool:
    return len(party.codes) > 1 or party.code("uscc") is not None


def _strength(party: Party) -> tuple[int, tuple[Code, ...]]:
    return min(SCHEMES.index(scheme) for scheme, _ in party.codes), party.codes


def _searched(party: Party) -> Iterator[Code]:
    if party.category not in _ORGANISATIONS and party.codes:
        yield from party.codes
        yield from party.former
    elif codes := named_by(party):
        for scheme, value in codes:
            yield scheme, value
            yield "placeholder", f"{scheme}:{value}"
    else:
        name = plain_name(party.name)
        yield "placeholder", f"name:{name}@{party.stub_of.key}" if party.stub_of else f"name:{name}"
    if party.stub_of is not None:
        yield from _searched(party.stub_of)
