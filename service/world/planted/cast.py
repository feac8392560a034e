"""Who and what the planted cases put into the world, collected case by case."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

from service.world import codes
from service.world.act import Licence, Penalty, document_number, penalty_text
from service.world.city import City, Unit
from service.world.day import OLD_CODES_UNTIL, months_after
from service.world.entry import Entry, Said
from service.world.fault import Fault
from service.world.party import (
    FIRM,
    PLANTED,
    TRADER,
    Organisation,
    Parties,
    Person,
)
from service.world.slip import old_code_fault
from service.world.tie import BranchTie, Guarantee, Holding, Loan, Office, Party
from service.world.trade import LIVE

Row = Mapping[str, Any]
CASE_PLACES = 64
_NAMES = MappingProxyType(
    {40: "DEMO", 41: "HEADS", 42: "X04", 43: "X27", 44: "PII", 45: "FAULTS", 46: "SELF",
     47: "X08", 48: "X11", 49: "X14", 50: "X02", 51: "X15", 52: "FORM2015", 53: "COURT"}
)  # fmt: skip


class Cast:
    """The planted part of one world; cases add to it in a fixed order."""

    def __init__(self, parties: Parties) -> None:
        self.parties = parties
        self.organisations: list[Organisation] = []
        self.persons: list[Person] = []
        self.holdings: list[Holding] = []
        self.offices: list[Office] = []
        self.branches: list[BranchTie] = []
        self.guarantees: list[Guarantee] = []
        self.loans: list[Loan] = []
        self.licences: list[Licence] = []
        self.penalties: list[Penalty] = []
        self.entries: list[tuple[Entry, Fault | None]] = []
        self.notes: dict[str, list[Row]] = {}  # truth that no department files
        self.documents: dict[str, str] = {}  # further files below truth/
        self.statements: list[tuple[Organisation, City, date]] = []  # registry extracts by hand
        self.golden: dict[str, Any] = {}
        self._next: dict[tuple[str, int], int] = {}

    def _serial(self, sort: str, case: int) -> int:
        place = self._next.get((sort, case), 0)
        if place >= CASE_PLACES:
            raise ValueError(f"case {case} has no place left")
        self._next[sort, case] = place + 1
        return case * CASE_PLACES + place

    def body(self, case: int, city: City, sort: int = FIRM, **given: Any) -> Organisation:
        """Add a live organisation of ten million yuan; `given` fields replace the drawn ones."""
        serial = self._serial("organisation", case)
        drawn = self.parties.compose(serial, city, sort, serial)
        draw = self.parties.chance.of("planted", serial)
        since = given.pop("established", None)
        since = since or date(2016, 3, 1) + timedelta(days=draw.below("since", 1400))
        division = drawn.uscc[2:8]
        old = since < OLD_CODES_UNTIL
        org = drawn.uscc[8:17]
        plain: dict[str, Any] = {
            "status": LIVE,
            "established": since,
            "approved": since,
            "deregistered": None,
            "revoked": None,
            "operating_to": drawn.operating_to and months_after(since, 240),
            "capital": 10_000_000 if sort == FIRM else drawn.capital,
            "paid": 10_000_000 if sort == FIRM else drawn.paid,
            "org_code": org if old else None,
            "reg_no": codes.reg_no(division, 6 if sort == TRADER else 1, serial) if old else None,
            "tax_no": division + org if old else None,
            "former_names": (),
            "case": case_name(case),
        }
        body = replace(drawn, **(plain | given))
        self.organisations.append(body)
        return self.parties.keep(body)

    def person(self, case: int, city: City, name: str | None = None) -> Person:
        """Add a person with a number, drawn by name unless one is given."""
        serial = self._serial("person", case)
        person = self.parties.compose_person(serial, city, name)
        person = replace(person, case=case_name(case))
        self.persons.append(person)
        return self.parties.keep_person(person)

    def rep(self, body: Organisation) -> Person:
        """Return the legal representative of a body."""
        return self.parties.person(body.legal_rep)

    def hold(self, company: Organisation, holder: Party, millionths: int, **given: Any) -> Holding:
        """Add a holding; the money follows from the share of the capital."""
        money = (company.capital or 0) * millionths // 1_000_000
        plain: dict[str, Any] = {
            "company": company,
            "holder": holder,
            "subscribed": money,
            "paid": money,
            "share": millionths,
            "since": company.established,
            "case": company.case,
        }
        holding = Holding(**(plain | given))
        self.holdings.append(holding)
        return holding

    def office(self, body: Organisation, person: Person, position: str) -> None:
        """Add an officer since the body's first day."""
        self.offices.append(Office(body, person, position, body.established, case=body.case))

    def penalty(
        self,
        subject: Organisation | Person,
        decided: date,
        sent: date,
        slug: str = "market-regulation",
        *,
        fine: int = 3000,
        types: tuple[str, ...] = ("罚款",),
        violation: str = "不明码标价",
        facts: str = "经查，当事人经营场所内部分商品未按规定明码标价。",
        basis: str = "《中华人民共和国价格法》第四十二条",
        city: City | None = None,
        **given: Any,
    ) -> Penalty:
        """Add a penalty of an ordinary procedure; `fine` in 元."""
        home = city or subject.city
        source = self.parties.unit(home, slug)
        index = PLANTED + 50_000 + len(self.penalties)
        plain: dict[str, Any] = {
            "index": index,
            "subject": subject,
            "city": home,
            "source": source,
            "issuer": source,
            "sent": sent,
            "document_no": document_number(source, "罚", decided, index, wide=False),
            "violation": violation,
            "facts": facts,
            "basis": basis,
            "types": types,
            "content": penalty_text(types, fine, None),
            "fine": fine,
            "confiscated": None,
            "decided": decided,
            "performed_on": sent,
            "case": subject.case,
        }
        act = Penalty(**(plain | given))
        self.penalties.append(act)
        return act

    def licence(
        self,
        subject: Organisation | Person,
        decided: date,
        sent: date,
        slug: str = "business-environment",
        **given: Any,
    ) -> Licence:
        """Add a licence of five years."""
        source = self.parties.unit(subject.city, slug)
        numbered = sum(act.index >= PLANTED + 50_000 for act in self.licences)
        index = PLANTED + 50_000 + numbered
        plain: dict[str, Any] = {
            "index": index,
            "subject": subject,
            "city": subject.city,
            "source": source,
            "issuer": source,
            "sent": sent,
            "document_name": "准予行政许可决定书",
            "document_no": document_number(source, "许", decided, index, wide=False),
            "category": "普通",
            "certificate_name": "公共场所卫生许可证",
            "certificate_no": f"{subject.city.division}{decided.year}{index:07d}",
            "content": "准予从事公共场所经营",
            "decided": decided,
            "valid_from": decided,
            "valid_to": months_after(decided, 60),
            "case": subject.case,
        }
        act = Licence(**(plain | given))
        self.licences.append(act)
        return act

    def enter(
        self,
        kind: str,
        subject: Organisation | Person,
        sent: date,
        slug: str,
        said: Said,
        *,
        city: City | None = None,
        fault: Fault | None = None,
        final: bool = True,
    ) -> Entry:
        """Add a statement of a further kind by a unit of the subject's city or of another."""
        where = city or subject.city
        unit = self.parties.unit(where, slug)
        entry = Entry(kind, subject, where, unit, sent, said, final, subject.case)
        if kind == "court_defaulter" and fault is None:
            fault = old_code_fault(entry)
        self.entries.append((entry, fault))
        return entry

    def enter_all(self, entries: Iterable[Entry]) -> Entry:
        """Add every statement about one matter; returns the last."""
        last = [replace(entry, case=entry.subject.case) for entry in entries]
        self.entries.extend((entry, None) for entry in last)
        return last[-1]

    def note(self, kind: str, /, **row: Any) -> None:
        """Add a row of truth that no feed carries."""
        self.notes.setdefault(kind, []).append(row)

    def expect(self, case: str, about: str, parties: Mapping[str, Party], /, **answer: Any) -> None:
        """Write down the golden answer of a case."""
        named = {label: identify(party) for label, party in parties.items()}
        self.golden[case] = {"about": about, "parties": named, **answer}


def case_name(case: int) -> str:
    """Return W01 … W30 for planted cases, other names above."""
    return _NAMES.get(case, f"W{case:02d}")


def identify(party: Party) -> dict[str, str | None]:
    """Return how the golden file names a party."""
    if isinstance(party, Person):
        return {"id": party.id, "name": party.name, "idNumber": party.number}
    if isinstance(party, Unit):
        return {"name": party.name, "uscc": party.uscc, "city": party.city}
    return {
        "id": party.id,
        "name": party.name,
        "uscc": party.uscc,
        "city": party.city.slug,
        "region": party.region,
    }
