"""The demo world on disk: truth, feeds, later feeds and the manifest."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from service.world.act import Licence, Penalty, licence, penalty
from service.world.city import BENXI, CITIES, City
from service.world.day import WORLD_NOW
from service.world.fault import Fault, planted_fault, reports, truth_of
from service.world.folder import FeedFile, Folder, WrittenFile
from service.world.later import KINDS, SCHEMES, later_row
from service.world.manifest import WorldError, WorldManifest, clear
from service.world.party import (
    BRANCH,
    FIRM,
    PLANTED,
    TRADER,
    Organisation,
    Parties,
    Person,
    serial_of,
)
from service.world.planted import plant
from service.world.planted.cast import Cast
from service.world.row import (
    branch_row,
    firm_row,
    guarantee_row,
    holder_row,
    licence_row,
    loan_row,
    officer_row,
    penalty_row,
)
from service.world.size import Size, size_of
from service.world.tie import (
    BranchTie,
    Guarantee,
    Holding,
    Loan,
    Office,
    branches,
    guarantees,
    has_branch,
    holdings_of,
    loans,
    offices_of,
    rep_position,
)
from service.world.trade import LIVE
from service.world.truth import (
    branch_truth,
    guarantee_truth,
    holding_truth,
    licence_truth,
    loan_truth,
    office_truth,
    organisation_truth,
    penalty_truth,
    person_truth,
    unit_truth,
)

DEFAULT_SEED = 20201022
REGISTRY_DAYS = (
    date(2022, 12, 30),
    date(2023, 12, 29),
    date(2024, 12, 27),
    date(2025, 12, 26),
    date(2026, 6, 26),
)
FINANCE_DAYS = (date(2025, 6, 27), date(2025, 12, 26), date(2026, 6, 26))
Progress = Callable[[str, int, int], None]


def write_world(
    size: str, seed: int, out: Path, *, progress: Progress | None = None
) -> WorldManifest:
    """Write the world of a size (S, M, L) and seed into a folder, replacing an older world there.

    `progress` is called with a stage, rows done and rows in all. The bytes depend on size and
    seed alone. Raises WorldError when the folder holds something else or the size is unknown.
    """
    try:
        wanted = size_of(size)
    except ValueError as error:
        raise WorldError("WORLD_SIZE_UNKNOWN", str(error)) from error
    clear(out)
    writer = _Writer(wanted, seed, out, progress)
    files, counts = writer.write()
    manifest = WorldManifest(size, seed, str(WORLD_NOW), counts, files)
    manifest.save(out)
    return manifest


class _Writer:
    def __init__(self, size: Size, seed: int, out: Path, progress: Progress | None) -> None:
        self.size = size
        self.parties = Parties(seed)
        self.cast: Cast = plant(self.parties)
        self.folder = Folder(out, self.parties.chance)
        self.counts: dict[str, int] = {}
        self._progress = progress or _silent

    def write(self) -> tuple[tuple[WrittenFile, ...], dict[str, int]]:
        with self.folder as folder:
            self._units()
            self._bodies()
            self._debts()
            self._acts()
            self._later()
            folder.document("truth/golden.json", self.cast.golden)
            folder.document("truth/schemes.json", SCHEMES)
            folder.document("truth/expected_intake.json", folder.expectations())
        return self.folder.finish(), dict(sorted(self.counts.items()))

    def _tell(self, name: str, row: object) -> None:
        self.folder.lines(f"truth/{name}.jsonl").add(row)
        self.counts[name] = self.counts.get(name, 0) + 1

    def _feed(self, city: City, day: date, unit: str, kind: str) -> FeedFile:
        return self.folder.feed(city.slug, day.strftime("%Y%m%d"), unit, kind)

    def _units(self) -> None:
        for city in CITIES:
            for unit in self.parties.units[city.slug].values():
                self._tell("units", unit_truth(unit))

    # ---- organisations and what hangs on them ---------------------------------------------

    def _serials(self) -> Iterator[int]:
        """Yield the ordinary organisations; the counts of the size table are exact."""
        for city in CITIES:
            firms = self.size.firms[city.index]
            planted = sum(body.city is city for body in self.cast.organisations)
            branched = 0
            if city is not BENXI:
                branched = sum(has_branch(index) for index in range(self.size.firms[0]))
            traders = self.size.organisations[city.index] - firms - planted - branched
            yield from (serial_of(city, FIRM, index) for index in range(firms))
            yield from (serial_of(city, TRADER, index) for index in range(traders))
        for tie in branches(self.parties, self.size):
            yield tie.branch.serial

    def _bodies(self) -> None:
        stated = {body.serial for body, _, _ in self.cast.statements}
        for person in self.cast.persons:
            self._tell("persons", person_truth(person))
        for body in self.cast.organisations:
            self._body(body)
            if body.serial not in stated and body.case != "HEADS":
                self._register(body)
        for body, city, day in self.cast.statements:
            unit = self.parties.unit(city, "market-regulation")
            feed = self._feed(city, day, unit.slug, "firms")
            feed.add(firm_row(self.parties, body, unit))
        self._ties(self.cast.holdings, self.cast.offices)
        for tie in (*self.cast.branches, *branches(self.parties, self.size)):
            self._branch(tie)
        total = sum(self.size.organisations)
        for serial in self._serials():
            body = self.parties.organisation(serial)
            self._body(body)
            self._register(body)
            holdings: Sequence[Holding] = ()
            if body.uscc[:2] in ("91", "93") and (serial - PLANTED) % 3 != BRANCH:
                holdings = tuple(holdings_of(self.parties, body))
            self._ties(holdings, tuple(offices_of(self.parties, body)), body)
            if self.counts["organisations"] % 1000 == 0:
                self._progress("organisations", self.counts["organisations"], total)

    def _body(self, body: Organisation) -> None:
        rep = self.parties.person(body.legal_rep)
        self._tell("organisations", organisation_truth(body, rep))
        if rep.case is None and rep.serial == PLANTED + body.serial * 8:
            self._tell("persons", person_truth(rep))

    def _register(self, body: Organisation) -> None:
        """Report the body when it first appears and again when it has ended."""
        unit = self.parties.unit(body.city, "market-regulation")
        first = _batch(REGISTRY_DAYS, body.established)
        ended = body.deregistered or body.revoked
        last = _batch(REGISTRY_DAYS, ended) if ended else first
        if ended and first < last:
            before = replace(body, status=LIVE, deregistered=None, revoked=None)
            feed = self._feed(body.city, first, unit.slug, "firms")
            feed.add(firm_row(self.parties, before, unit))
        final = replace(body, approved=ended) if ended else body
        feed = self._feed(body.city, last, unit.slug, "firms")
        feed.add(firm_row(self.parties, final, unit))

    def _ties(
        self,
        holdings: Sequence[Holding],
        offices: Sequence[Office],
        body: Organisation | None = None,
    ) -> None:
        seen = {body.legal_rep} if body else set()
        for holding in holdings:
            self._tell("holdings", holding_truth(holding))
            self._companion(holding.company, holding.holder, seen)
            self._report_holding(holding)
        for office in offices:
            self._tell("officers", office_truth(office))
            self._companion(office.company, office.person, seen)
            if office.position != rep_position(office.company):
                unit = self.parties.unit(office.company.city, "market-regulation")
                day = _batch(REGISTRY_DAYS, office.since)
                feed = self._feed(office.company.city, day, unit.slug, "officers")
                feed.add(officer_row(office, unit))

    def _companion(self, body: Organisation, party: object, seen: set[int]) -> None:
        """Tell of a person that this body brought into the world."""
        if not isinstance(party, Person) or party.case or party.serial in seen:
            return
        owner, place = divmod(party.serial - PLANTED, 8)
        if owner == body.serial and place:
            seen.add(party.serial)
            self._tell("persons", person_truth(party))

    def _report_holding(self, holding: Holding) -> None:
        city = holding.company.city
        unit = self.parties.unit(city, "market-regulation")
        first = _batch(REGISTRY_DAYS, holding.since)
        last = _batch(REGISTRY_DAYS, holding.until) if holding.until else first
        fault = None
        if holding.case == "W10":
            fault = Fault("share_sum", "ratio", "", "", "open")
        if first < last:
            feed = self._feed(city, first, unit.slug, "holders")
            feed.add(holder_row(holding, unit, closed=False), fault)
        feed = self._feed(city, last, unit.slug, "holders")
        feed.add(holder_row(holding, unit, closed=True), fault)

    def _branch(self, tie: BranchTie) -> None:
        self._tell("branches", branch_truth(tie))
        for city in sorted({tie.parent.city.slug, tie.branch.city.slug}):
            where = next(place for place in CITIES if place.slug == city)
            unit = self.parties.unit(where, "market-regulation")
            feed = self._feed(where, _batch(REGISTRY_DAYS, tie.since), unit.slug, "branches")
            feed.add(branch_row(tie, unit))

    # ---- debts and acts --------------------------------------------------------------------

    def _debts(self) -> None:
        rows = self.size.rows
        owed: list[Loan] = [*self.cast.loans]
        for loan in (*owed, *loans(self.parties, rows["loan"], len(owed))):
            self._tell("loans", loan_truth(loan))
            unit = self.parties.unit(loan.city, "finance")
            feed = self._feed(loan.city, _batch(FINANCE_DAYS, loan.issued), unit.slug, "loans")
            feed.add(loan_row(loan, unit))
        said: list[Guarantee] = [*self.cast.guarantees]
        for guarantee in (*said, *guarantees(self.parties, rows["guarantee"], len(said))):
            self._tell("guarantees", guarantee_truth(guarantee))
            unit = self.parties.unit(guarantee.city, "finance")
            day = _batch(FINANCE_DAYS, guarantee.since)
            feed = self._feed(guarantee.city, day, unit.slug, "guarantees")
            feed.add(guarantee_row(guarantee, unit))

    def _acts(self) -> None:
        self._planted_acts("licences", self.cast.licences)
        self._planted_acts("penalties", self.cast.penalties)
        for kind, name, draw in (
            ("licence", "licences", licence),
            ("penalty", "penalties", penalty),
        ):
            total = self.size.rows[kind]
            planted = self.counts[name]
            for index in range(total - planted):
                act: Licence | Penalty = draw(self.parties, index)
                self._tell(name, _act_truth(truth_of(self.parties, kind, act)))
                for sent, fault in reports(self.parties, kind, act):
                    self._send(sent, fault)
                if index % 1000 == 0:
                    self._progress(name, index, total)

    def _planted_acts(self, name: str, acts: Sequence[Licence | Penalty]) -> None:
        last = {act.document_no: act for act in acts}
        for act in last.values():
            self._tell(name, _act_truth(act))
        for act in acts:
            self._send(act, planted_fault(act))

    def _send(self, act: Licence | Penalty, fault: Fault | None) -> None:
        if isinstance(act, Licence):
            feed = self._feed(act.city, act.sent, act.source.slug, "licence")
            feed.add(licence_row(self.parties, act), fault)
        else:
            feed = self._feed(act.city, act.sent, act.source.slug, "penalty")
            feed.add(penalty_row(self.parties, act), fault)

    def _later(self) -> None:
        for kind, rows in sorted(self.cast.later.items()):
            for row in rows:
                self._tell(kind, row)
        for kind in KINDS:
            planted = self.counts.get(kind, 0)
            total = self.size.rows[kind]
            for index in range(total - planted):
                city, row = later_row(self.parties, kind, index)
                self._tell(kind, row)
                self.folder.lines(f"later/{city.slug}/{kind}.jsonl").add(row)
                if index % 1000 == 0:
                    self._progress(kind, index, total)


def _batch(days: tuple[date, ...], happened: date) -> date:
    """Return the first batch on or after a day, the last batch for what came too late."""
    return next((day for day in days if day >= happened), days[-1])


def _act_truth(act: Licence | Penalty) -> dict[str, Any]:
    return licence_truth(act) if isinstance(act, Licence) else penalty_truth(act)


def _silent(_stage: str, _done: int, _total: int) -> None:
    """Tell nobody."""
