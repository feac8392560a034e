"""The demo world on disk: truth, feeds and the manifest."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from service.world.act import Licence, Penalty, licence, penalty
from service.world.arrears import arrears
from service.world.city import CITIES
from service.world.court import court_entries
from service.world.day import WORLD_NOW
from service.world.entry import Entry, batch, entry_row, entry_truth
from service.world.evaluation import evaluations, schemes
from service.world.fault import Fault, planted_fault, reports, truth_of
from service.world.folder import Folder
from service.world.former_form import former_row, is_former
from service.world.ledger import Ledger, Progress
from service.world.listing import listings
from service.world.manifest import WorldError, WorldManifest, clear
from service.world.party import Organisation, Parties
from service.world.planted import plant
from service.world.planted.cast import Cast
from service.world.procedure import procedure_case
from service.world.register import Register
from service.world.row import guarantee_row, licence_row, loan_row, penalty_row
from service.world.size import Size, size_of
from service.world.slip import slips
from service.world.supervision import commitments, inspections
from service.world.tie import Guarantee, Loan, guarantees, loans
from service.world.truth import (
    guarantee_truth,
    licence_truth,
    loan_truth,
    penalty_truth,
    unit_truth,
)
from service.world.written import WrittenFile

DEFAULT_SEED = 20201022
FINANCE_DAYS = (date(2025, 6, 27), date(2025, 12, 26), date(2026, 6, 26))
_CONDUCT: tuple[Callable[[Parties, Organisation], Iterator[Entry]], ...] = (
    listings,
    court_entries,
    arrears,
    inspections,
    commitments,
    evaluations,
)


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
    files, counts = _write(wanted, seed, out, progress)
    manifest = WorldManifest(size, seed, str(WORLD_NOW), counts, files)
    manifest.save(out)
    return manifest


def _write(
    size: Size, seed: int, out: Path, progress: Progress | None
) -> tuple[tuple[WrittenFile, ...], dict[str, int]]:
    parties = Parties(seed)
    cast = plant(parties)
    with Folder(out, parties.chance) as folder:
        ledger = Ledger(parties, folder, progress)
        _units(ledger)
        register = Register(ledger, cast, size)
        register.planted()
        for body in register.ordinary():
            _conduct(ledger, body)
        for entry, fault in cast.entries:
            _told(ledger, entry)
            _sent(ledger, entry, fault)
        _debts(ledger, cast, size)
        _acts(ledger, cast, size)
        _procedures(ledger, cast, size)
        for path, text in cast.documents.items():
            folder.text(f"truth/{path}", text)
        folder.document("truth/golden.json", cast.golden)
        folder.document("truth/schemes.json", schemes())
        folder.document("truth/expected_intake.json", folder.expectations())
        return folder.finish(), dict(sorted(ledger.counts.items()))


def _units(ledger: Ledger) -> None:
    for city in CITIES:
        for unit in ledger.parties.units[city.slug].values():
            ledger.tell("units", unit_truth(unit))


def _conduct(ledger: Ledger, body: Organisation) -> None:
    """Write what departments say about an ordinary body in the further kinds."""
    for kind in _CONDUCT:
        for entry in kind(ledger.parties, body):
            _told(ledger, entry)
            for sent, fault in slips(ledger.parties, entry):
                _sent(ledger, sent, fault)


def _told(ledger: Ledger, entry: Entry) -> None:
    if entry.final:
        ledger.tell(entry.kind, entry_truth(entry))


def _sent(ledger: Ledger, entry: Entry, fault: Fault | None) -> None:
    feed = ledger.feed(entry.city, entry.sent, entry.source.slug, entry.kind)
    feed.add(entry_row(entry), fault)


def _debts(ledger: Ledger, cast: Cast, size: Size) -> None:
    parties = ledger.parties
    owed: list[Loan] = [*cast.loans]
    for loan in (*owed, *loans(parties, size.rows["loan"], len(owed))):
        ledger.tell("loans", loan_truth(loan))
        unit = parties.unit(loan.city, "finance")
        day = batch(FINANCE_DAYS, loan.issued)
        ledger.feed(loan.city, day, unit.slug, "loans").add(loan_row(loan, unit))
    said: list[Guarantee] = [*cast.guarantees]
    for guarantee in (*said, *guarantees(parties, size.rows["guarantee"], len(said))):
        ledger.tell("guarantees", guarantee_truth(guarantee))
        unit = parties.unit(guarantee.city, "finance")
        day = batch(FINANCE_DAYS, guarantee.since)
        feed = ledger.feed(guarantee.city, day, unit.slug, "guarantees")
        feed.add(guarantee_row(guarantee, unit))


def _acts(ledger: Ledger, cast: Cast, size: Size) -> None:
    _planted_acts(ledger, "licences", cast.licences)
    _planted_acts(ledger, "penalties", cast.penalties)
    for kind, name, draw in (("licence", "licences", licence), ("penalty", "penalties", penalty)):
        total = size.rows[kind]
        for index in range(total - ledger.counts[name]):
            act: Licence | Penalty = draw(ledger.parties, index)
            ledger.tell(name, _act_truth(truth_of(ledger.parties, kind, act)))
            for sent, fault in reports(ledger.parties, kind, act):
                _send(ledger, sent, fault)
            ledger.note(name, index, total)


def _planted_acts(ledger: Ledger, name: str, acts: Sequence[Licence | Penalty]) -> None:
    last = {act.document_no: act for act in acts}
    for act in last.values():
        ledger.tell(name, _act_truth(act))
    for act in acts:
        _send(ledger, act, planted_fault(act))


def _send(ledger: Ledger, act: Licence | Penalty, fault: Fault | None) -> None:
    parties = ledger.parties
    kind = "licence" if isinstance(act, Licence) else "penalty"
    row = licence_row(parties, act) if isinstance(act, Licence) else penalty_row(parties, act)
    feed = ledger.feed(act.city, act.sent, act.source.slug, kind)
    if is_former(act.city.slug, act.source.slug, kind, f"{act.sent:%Y%m%d}"):
        row = former_row(act, row)
        if fault is not None and fault.field == "fineAmount":
            fault = None  # the old form has no amount
    feed.add(row, fault)


def _act_truth(act: Licence | Penalty) -> dict[str, Any]:
    return licence_truth(act) if isinstance(act, Licence) else penalty_truth(act)


def _procedures(ledger: Ledger, cast: Cast, size: Size) -> None:
    for kind, rows in sorted(cast.notes.items()):
        for row in rows:
            ledger.tell(kind, row)
    total = size.rows["procedure_case"]
    for index in range(total - ledger.counts.get("procedure_case", 0)):
        ledger.tell("procedure_case", procedure_case(ledger.parties, index))
