"""The commercial register: bodies, holders, officers and branches, as truth and as extracts."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from service.world.city import BENXI, CITIES
from service.world.entry import batch
from service.world.fault import Fault
from service.world.ledger import Ledger
from service.world.party import BRANCH, FIRM, PLANTED, TRADER, Organisation, Person, serial_of
from service.world.planted.cast import Cast
from service.world.row import branch_row, firm_row, holder_row, officer_row
from service.world.size import Size
from service.world.tie import (
    BranchTie,
    Holding,
    Office,
    branches,
    has_branch,
    holdings_of,
    offices_of,
    rep_position,
)
from service.world.trade import LIVE
from service.world.truth import (
    branch_truth,
    holding_truth,
    office_truth,
    organisation_truth,
    person_truth,
)

REGISTRY_DAYS = (
    date(2022, 12, 30),
    date(2023, 12, 29),
    date(2024, 12, 27),
    date(2025, 12, 26),
    date(2026, 6, 26),
)


class Register:
    """Writes everything that the market regulators of both cities know."""

    def __init__(self, ledger: Ledger, cast: Cast, size: Size) -> None:
        self._ledger = ledger
        self._parties = ledger.parties
        self._cast = cast
        self._size = size

    def planted(self) -> None:
        """Write the planted bodies, and every branch."""
        stated = {body.serial for body, _, _ in self._cast.statements}
        for person in self._cast.persons:
            self._ledger.tell("persons", person_truth(person))
        for body in self._cast.organisations:
            self._body(body)
            if body.serial not in stated and body.case != "HEADS":
                self._extract(body)
        for body, city, day in self._cast.statements:
            unit = self._parties.unit(city, "market-regulation")
            feed = self._ledger.feed(city, day, unit.slug, "firms")
            feed.add(firm_row(self._parties, body, unit))
        self._ties(self._cast.holdings, self._cast.offices)
        for tie in (*self._cast.branches, *branches(self._parties, self._size)):
            self._branch(tie)

    def ordinary(self) -> Iterator[Organisation]:
        """Write the ordinary bodies, yielding each when it is written."""
        total = sum(self._size.organisations)
        for serial in self._serials():
            body = self._parties.organisation(serial)
            self._body(body)
            self._extract(body)
            holdings: Sequence[Holding] = ()
            if body.uscc[:2] in ("91", "93") and (serial - PLANTED) % 3 != BRANCH:
                holdings = tuple(holdings_of(self._parties, body))
            self._ties(holdings, tuple(offices_of(self._parties, body)), body)
            yield body
            self._ledger.note("organisations", self._ledger.counts["organisations"], total)

    def _serials(self) -> Iterator[int]:
        """Yield the ordinary organisations; the counts of the size table are exact."""
        for city in CITIES:
            firms = self._size.firms[city.index]
            planted = sum(body.city is city for body in self._cast.organisations)
            branched = 0
            if city is not BENXI:
                branched = sum(has_branch(index) for index in range(self._size.firms[0]))
            traders = self._size.organisations[city.index] - firms - planted - branched
            yield from (serial_of(city, FIRM, index) for index in range(firms))
            yield from (serial_of(city, TRADER, index) for index in range(traders))
        for tie in branches(self._parties, self._size):
            yield tie.branch.serial

    def _body(self, body: Organisation) -> None:
        rep = self._parties.person(body.legal_rep)
        self._ledger.tell("organisations", organisation_truth(body, rep))
        if rep.case is None and rep.serial == PLANTED + body.serial * 8:
            self._ledger.tell("persons", person_truth(rep))

    def _extract(self, body: Organisation) -> None:
        """Report the body when it first appears and again when it has ended."""
        unit = self._parties.unit(body.city, "market-regulation")
        first = batch(REGISTRY_DAYS, body.established)
        ended = body.deregistered or body.revoked
        last = batch(REGISTRY_DAYS, ended) if ended else first
        if ended and first < last:
            before = replace(body, status=LIVE, deregistered=None, revoked=None)
            feed = self._ledger.feed(body.city, first, unit.slug, "firms")
            feed.add(firm_row(self._parties, before, unit))
        final = replace(body, approved=ended) if ended else body
        feed = self._ledger.feed(body.city, last, unit.slug, "firms")
        feed.add(firm_row(self._parties, final, unit))

    def _ties(
        self,
        holdings: Sequence[Holding],
        offices: Sequence[Office],
        body: Organisation | None = None,
    ) -> None:
        seen = {body.legal_rep} if body else set()
        for holding in holdings:
            self._ledger.tell("holdings", holding_truth(holding))
            self._companion(holding.company, holding.holder, seen)
            self._report_holding(holding)
        for office in offices:
            self._ledger.tell("officers", office_truth(office))
            self._companion(office.company, office.person, seen)
            if office.position != rep_position(office.company):
                unit = self._parties.unit(office.company.city, "market-regulation")
                day = batch(REGISTRY_DAYS, office.since)
                feed = self._ledger.feed(office.company.city, day, unit.slug, "officers")
                feed.add(officer_row(office, unit))

    def _companion(self, body: Organisation, party: object, seen: set[int]) -> None:
        """Tell of a person that this body brought into the world."""
        if not isinstance(party, Person) or party.case or party.serial in seen:
            return
        owner, place = divmod(party.serial - PLANTED, 8)
        if owner == body.serial and place:
            seen.add(party.serial)
            self._ledger.tell("persons", person_truth(party))

    def _report_holding(self, holding: Holding) -> None:
        city = holding.company.city
        unit = self._parties.unit(city, "market-regulation")
        first = batch(REGISTRY_DAYS, holding.since)
        last = batch(REGISTRY_DAYS, holding.until) if holding.until else first
        fault = None
        if holding.case == "W10":
            fault = Fault("share_sum", "ratio", "", "", "open")
        if first < last:
            feed = self._ledger.feed(city, first, unit.slug, "holders")
            feed.add(holder_row(holding, unit, closed=False), fault)
        feed = self._ledger.feed(city, last, unit.slug, "holders")
        feed.add(holder_row(holding, unit, closed=True), fault)

    def _branch(self, tie: BranchTie) -> None:
        self._ledger.tell("branches", branch_truth(tie))
        for city in sorted({tie.parent.city.slug, tie.branch.city.slug}):
            where = next(place for place in CITIES if place.slug == city)
            unit = self._parties.unit(where, "market-regulation")
            day = batch(REGISTRY_DAYS, tie.since)
            feed = self._ledger.feed(where, day, unit.slug, "branches")
            feed.add(branch_row(tie, unit))
