"""What goes wrong between a decision and its feed: wrong codes, units, dates, names, repeats."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from service.world import codes
from service.world.act import Licence, Penalty, wan
from service.world.chance import Draw
from service.world.city import CITIES
from service.world.matter import send_days
from service.world.party import Organisation, Parties
from service.world.size import SIZES
from service.world.tie import some_body

# per mille of the rows (demo_world §3); the first world has each of them once, at fixed places
_RATES = (
    ("letter_o", 4), ("letter_i", 4), ("transposed", 4), ("missing_character", 3),
    ("inner_check", 4), ("duplicate", 8), ("unit_mix_up", 3), ("date_swapped", 6),
    ("old_name", 10), ("other_city", 2), ("missing_uscc", 20), ("correction", 20),
    ("full_width", 5),
)  # fmt: skip
CODE_FINDINGS = {
    "letter_o": "ALPHABET",
    "letter_i": "ALPHABET",
    "transposed": "CHECKSUM",
    "missing_character": "LENGTH",
    "inner_check": "ORG_CHECK",
    "full_width": "NORMALISED",
}
CODE_OUTCOMES = {"inner_check": "with_findings", "full_width": "clean"}


@dataclass(frozen=True, slots=True)
class Fault:
    """A planted fault of one row. `outcome` is what intake must say where that is certain."""

    name: str
    field: str
    sent: str
    truth: str
    outcome: str  # clean | with_findings | rejected | not_clean (one of the two) | open
    finding: str = ""


def fault_name(kind: str, index: int, parties: Parties) -> str | None:
    """Return the fault of an ordinary row, if it has one."""
    if index < SIZES[0].rows[kind]:
        place, rest = divmod(index - 4, 7)
        return _RATES[place][0] if rest == 0 and 0 <= place < len(_RATES) else None
    rest = parties.chance.of(f"fault {kind}", index).below("fault", 1000)
    for name, rate in _RATES:
        rest -= rate
        if rest < 0:
            return name
    return None


def reports(
    parties: Parties, kind: str, act: Licence | Penalty
) -> Iterator[tuple[Licence | Penalty, Fault | None]]:
    """Yield what the unit sends about an ordinary act: once, repeated, wrong or corrected."""
    name = fault_name(kind, act.index, parties)
    draw = parties.chance.of(f"fault {kind}", act.index)
    subject = act.subject
    if name == "duplicate":
        yield act, None
        yield act, Fault(name, "documentNo", act.document_no, act.document_no, "open")
    elif name == "correction":
        yield from _corrected(act)
    elif name == "unit_mix_up" and isinstance(act, Penalty) and act.fine:
        sent = str(act.fine)
        fault = Fault(name, "fineAmount", sent, wan(act.fine), "with_findings", "UNIT_SUSPECT")
        yield replace(act, sent_as=(("fineAmount", sent),)), fault
    elif name == "date_swapped" and act.decided.month != act.decided.day:
        yield _date_swapped(act)
    elif name == "other_city":
        other = some_body(parties, draw, "other", kind, act.index, CITIES[1 - act.city.index])
        moved = replace(act, subject=other)
        yield moved, Fault(name, "uscc", other.uscc, other.uscc, "open")
    elif not isinstance(subject, Organisation):
        yield act, None
    elif name == "old_name" and subject.former_names:
        former = subject.former_names[0][0]
        fault = Fault(name, "counterpartyName", former, subject.name, "open")
        yield replace(act, sent_as=(("counterpartyName", former),)), fault
    elif name == "missing_uscc":
        org = subject.uscc[8:17]
        fault = Fault(name, "uscc", "", subject.uscc, "open")
        yield replace(act, sent_as=(("uscc", ""), ("orgCode", org))), fault
    elif name in CODE_FINDINGS:
        sent = wrong_code(name, subject.uscc, draw)
        outcome = CODE_OUTCOMES.get(name, "not_clean")
        fault = Fault(name, "uscc", sent, subject.uscc, outcome, CODE_FINDINGS[name])
        yield replace(act, sent_as=(("uscc", sent),)), fault
    else:
        yield act, None


def truth_of(parties: Parties, kind: str, act: Licence | Penalty) -> Licence | Penalty:
    """Return what is true of an ordinary act after everything that was sent about it."""
    if fault_name(kind, act.index, parties) not in ("other_city", "correction"):
        return act
    *_, (last, _) = reports(parties, kind, act)
    return last


def wrong_code(name: str, code: str, draw: Draw) -> str:
    """Return the code as a tired hand types it."""
    if name == "letter_o":
        return code.replace("0", "O", 1)
    if name == "letter_i":
        return code.replace("1", "I", 1)
    if name == "full_width":
        return "".join(chr(ord(character) + 0xFEE0) for character in code)
    if name == "missing_character":
        place = 9 + draw.below("place", 8)
        return code[:place] + code[place + 1 :]
    if name == "inner_check":
        return codes.uscc_with_inner_fault(code)
    pairs = [place for place in range(8, 17) if code[place] != code[place + 1]]
    place = draw.pick("pair", pairs)
    return code[:place] + code[place + 1] + code[place] + code[place + 2 :]


def _date_swapped(act: Licence | Penalty) -> tuple[Licence | Penalty, Fault]:
    day = act.decided
    sent = f"{day.year}-{day.day:02d}-{day.month:02d}"
    fault = Fault("date_swapped", "decisionDate", sent, str(day), *swap_outcome(sent, act.sent))
    return replace(act, sent_as=(("decisionDate", sent),)), fault


def swap_outcome(sent: str, on: date) -> tuple[str, str]:
    """Return outcome and finding for a day with day and month exchanged, in a batch of a day."""
    if int(sent[5:7]) > 12:
        return "rejected", "DATE_INVALID"
    late = date.fromisoformat(sent) > on
    return ("not_clean", "DATE_SWAPPED") if late else ("open", "")


def _corrected(act: Licence | Penalty) -> Iterator[tuple[Licence | Penalty, Fault | None]]:
    """Yield the first statement and, in the unit's next batch, the corrected one."""
    kind = "licence" if isinstance(act, Licence) else "penalty"
    later = [day for day in send_days(kind, act.source.slug) if day > act.sent]
    if not later:
        yield act, None
    elif isinstance(act, Licence):
        yield replace(act, sent_as=(("content", act.content + "（试营业）"),)), None
        yield replace(act, sent=later[0]), None
    else:
        yield replace(act, performed="否", performed_on=None), None
        yield replace(act, sent=later[0], performed="是", performed_on=later[0]), None


def planted_fault(act: Licence | Penalty) -> Fault | None:
    """Return what is odd about a planted row: W14, W16, W24 and X04."""
    for name, value in act.sent_as:
        truth = "" if not isinstance(act.subject, Organisation) else act.subject.uscc
        if name == "fineAmount":
            return Fault("unit_mix_up", name, value, "0.2", "with_findings", "UNIT_SUSPECT")
        if name == "counterpartyName":
            return Fault("old_name", name, value, act.subject.name, "open")
        if name == "uscc":
            return Fault("missing_uscc", name, value, truth, "open")
    if act.case == "PII":
        return Fault("person_in_text", "facts", "", "", "open")
    if act.subject.city is not act.city:
        return Fault("other_city", "uscc", "", "", "open")
    return None
