"""What reading a line needs to know about its batch and its node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from store.cipher import Cipher
from store.concert import ConcertStatement
from store.identifiers import Identification, org_code, reg_no, uscc
from store.intake.finding import Finding
from store.intake.kind_plan import KindPlan
from store.interest import InterestStatement
from store.kind import Kind, Kinds
from store.loan import LoanStatement
from store.organisation import OrganisationStatement
from store.record import RecordStatement
from store.reference import UnitMention
from store.relation import RelationStatement
from store.rule_set import Publication, RuleSet, SeverityRules, Transition, publication
from store.statement import Order, Party

_CHECKS = {"uscc": uscc, "org_code": org_code, "reg_no": reg_no}
_REMEMBERED = 20_000
SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class PartyStatement:
    """A statement that only says that a party exists and what it is called."""

    party: Party
    order: Order
    origin_region: str


Statement = (
    RecordStatement
    | OrganisationStatement
    | RelationStatement
    | InterestStatement
    | LoanStatement
    | PartyStatement
    | ConcertStatement
)


@dataclass(frozen=True, slots=True)
class IntakeRules:
    """What a node's settings say of intake.

    `transition` is the rule for decisions from before the newest rule set; the arrears of natural
    persons at utilities are taken only with `person_utility_arrears`. With `source_unit`, the
    USCC of who submits, lines of another source unit are rejected.
    """

    transition: Transition = Transition.DECISION_DATE
    person_utility_arrears: bool = False
    source_unit: str | None = None


@dataclass(slots=True)
class Line:
    """What one line becomes: findings, and statements unless one of them is an error.

    `unit` is the USCC of the unit that must answer for it, "" unknown; `matter` what tells that a
    later line is about the same thing; `answers` the line of an earlier report that it corrects.
    """

    number: int
    headers: Mapping[str, str] = field(default_factory=dict)  # the file's header of each field
    findings: list[Finding] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    units: list[tuple[str, UnitMention]] = field(default_factory=list)
    unit: str = ""
    matter: tuple[str, ...] = ()
    answers: int | None = None
    entity_id: UUID | None = None
    subject_ids: tuple[UUID, ...] = ()  # of a relation both ends

    def header(self, *fields: str) -> str:
        """The file's header of the first of these fields that it has."""
        return next((self.headers[f] for f in fields if f in self.headers), "")

    @property
    def rejected(self) -> bool:
        return bool(self.findings) and any(f.severity == "error" for f in self.findings)


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
    rules: IntakeRules = field(default_factory=IntakeRules)
    answered: UUID | None = None  # the batch whose report this file is, corrected
    received: date = field(init=False)  # the day it was sent, in Shanghai; not after today
    _judged: dict[tuple[str, str], Identification] = field(default_factory=dict)
    _clocks: dict[tuple[date, tuple[str, ...], str, bool], Publication] = field(
        default_factory=dict
    )
    _plans: dict[int, KindPlan] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.received = min(self.stamp.astimezone(SHANGHAI).date(), self.today)

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

    def clock(
        self,
        decided: date,
        severities: tuple[str, ...],
        domain: str,
        *,
        by_decision_date: bool = False,
    ) -> Publication:
        """The publication clock of decisions of that day, severities and domain."""
        key = (decided, severities, domain, by_decision_date)
        known = self._clocks.get(key)
        if known is None:
            if len(self._clocks) > _REMEMBERED:
                self._clocks.clear()
            known = self._clocks[key] = publication(
                self.rule_sets,
                decided,
                severities,
                domain,
                transition=Transition.DECISION_DATE if by_decision_date else self.rules.transition,
                today=self.today,
            )
        return known

    def plan(self, kind: Kind) -> KindPlan:
        """The plan by which lines of a kind are read."""
        known = self._plans.get(id(kind))
        if known is None or known.kind is not kind:
            known = self._plans[id(kind)] = KindPlan.of(kind)
        return known
