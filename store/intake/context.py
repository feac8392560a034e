"""What reading a line needs to know about its batch and its node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from store.cipher import Cipher
from store.identifiers import Identification, org_code, reg_no, uscc
from store.intake.finding import Finding
from store.kind import Kinds
from store.loan import LoanStatement
from store.organisation import OrganisationStatement
from store.record import RecordStatement
from store.reference import UnitMention
from store.relation import RelationStatement
from store.rule_set import Publication, RuleSet, SeverityRules, publication
from store.statement import Order, Party

_CHECKS = {"uscc": uscc, "org_code": org_code, "reg_no": reg_no}
_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class PartyStatement:
    """A statement that only says that a party exists and what it is called."""

    party: Party
    order: Order
    origin_region: str


Statement = (
    RecordStatement | OrganisationStatement | RelationStatement | LoanStatement | PartyStatement
)


@dataclass(slots=True)
class Line:
    """What one line becomes: findings, and statements unless one of them is an error."""

    number: int
    headers: Mapping[str, str] = field(default_factory=dict)  # the file's header of each field
    findings: list[Finding] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    units: list[tuple[str, UnitMention]] = field(default_factory=list)

    def header(self, *fields: str) -> str:
        """The file's header of the first of these fields that it has."""
        return next((self.headers[f] for f in fields if f in self.headers), "")

    @property
    def rejected(self) -> bool:
        return any(f.severity == "error" for f in self.findings)


@dataclass(slots=True)
class Context:
    """A batch being read on a node at a day; remembers the judgements of repeated codes."""

    kinds: Kinds
    cipher: Cipher
    rule_sets: Sequence[RuleSet]
    severity_rules: SeverityRules
    region: str
    platform: str | None
    today: date
    demo: bool
    batch_id: UUID
    sha256: bytes
    stamp: datetime
    _judged: dict[tuple[str, str], Identification] = field(default_factory=dict)
    _clocks: dict[tuple[date, tuple[str, ...], str], Publication] = field(default_factory=dict)

    def order(self, line: int) -> Order:
        return Order(self.stamp, self.sha256, line)

    def judge(self, scheme: str, text: str) -> Identification:
        """The identification of a USCC, organisation code or registration number."""
        key = (scheme, text)
        known = self._judged.get(key)
        if known is None:
            if len(self._judged) > _REMEMBERED:
                self._judged.clear()
            known = self._judged[key] = _CHECKS[scheme](text, on=self.today, demo=self.demo)
        return known

    def clock(self, decided: date, severities: tuple[str, ...], domain: str) -> Publication:
        """The publication clock of decisions of that day, severities and domain."""
        key = (decided, severities, domain)
        known = self._clocks.get(key)
        if known is None:
            if len(self._clocks) > _REMEMBERED:
                self._clocks.clear()
            known = self._clocks[key] = publication(self.rule_sets, *key)
        return known
