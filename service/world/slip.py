"""What goes wrong when a department fills in a form of a further kind."""

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType

from service.world.entry import Entry, Said
from service.world.fault import CODE_FINDINGS, CODE_OUTCOMES, Fault, swap_outcome, wrong_code
from service.world.party import Organisation, Parties

# per mille of the final statements about organisations (demo_world §3, codes typed wrong apart)
_RATES = (
    ("letter_o", 3), ("letter_i", 3), ("transposed", 3), ("missing_character", 3),
    ("inner_check", 4), ("full_width", 5), ("duplicate", 8), ("date_swapped", 6),
    ("missing_uscc", 12), ("wrong_code", 4),
)  # fmt: skip
_DAYS = MappingProxyType(
    {
        "abnormal_operation": "includedOn",
        "serious_list": "includedOn",
        "red_list": "recognisedOn",
        "watch_list": "includedOn",
        "inspection": "inspectedOn",
        "evaluation": "evaluatedOn",
        "tax_arrears": "announcedOn",
        "social_insurance_arrears": "assessedOn",
        "housing_fund_arrears": "assessedOn",
        "utility_arrears": "noticeOn",
    }
)
_CODES = MappingProxyType(
    {
        "abnormal_operation": "reason",
        "serious_list": "listCode",
        "red_list": "listCode",
        "inspection": "resultCode",
        "commitment": "commitmentType",
        "tax_arrears": "taxType",
        "social_insurance_arrears": "insuranceKind",
        "utility_arrears": "utility",
    }
)


def slips(parties: Parties, entry: Entry) -> Iterator[tuple[Entry, Fault | None]]:
    """Yield what the unit really sends: the statement, its repetition, or a wrong one."""
    body = entry.subject
    if entry.kind == "court_defaulter":
        yield entry, old_code_fault(entry)
        return
    if not entry.final or not isinstance(body, Organisation):
        yield entry, None
        return
    draw = parties.chance.of(f"slip {entry.kind}", body.serial)
    rest = draw.below(f"{entry.sent} {entry.said.get('period', '')}", 1000)
    name = None
    for candidate, rate in _RATES:
        rest -= rate
        if rest < 0:
            name = candidate
            break
    if name in CODE_FINDINGS:
        sent = wrong_code(name, body.uscc, draw)
        yield slipped(entry, name, sent)
    elif name == "missing_uscc" and body.org_code:
        yield slipped(entry, name, "")
    else:
        yield from _others(entry, name)


def old_code_fault(entry: Entry) -> Fault | None:
    """Return what intake says of a court's entry that names a firm by its old code."""
    body, sent = entry.subject, entry.said["idMasked"]
    if not isinstance(body, Organisation) or sent == body.uscc:
        return None
    return Fault("missing_uscc", "idMasked", sent, body.uscc, "with_findings", "USCC_MISSING")


def _others(entry: Entry, name: str | None) -> Iterator[tuple[Entry, Fault | None]]:
    if name == "wrong_code" and entry.kind in _CODES:
        yield slipped(entry, name, "其它类型")
    elif name == "date_swapped" and (sent := swapped(entry)):
        yield slipped(entry, name, sent)
    else:
        yield entry, None
        if name == "duplicate":
            yield entry, Fault("duplicate", "", "", "", "open")


def swapped(entry: Entry) -> str:
    """Return the day of the statement with day and month exchanged, "" where that changes none."""
    said = entry.said.get(_DAYS.get(entry.kind, ""), "")
    if not said or said[5:7] == said[8:]:
        return ""
    return f"{said[:5]}{said[8:]}-{said[5:7]}"


def slipped(entry: Entry, name: str, sent: str) -> tuple[Entry, Fault]:
    """Return the statement with one fault, and what intake must say of it."""
    body = entry.subject
    field, truth, outcome, finding = "uscc", "", "not_clean", CODE_FINDINGS.get(name, "")
    if isinstance(body, Organisation):
        truth = body.uscc
    outcome = CODE_OUTCOMES.get(name, "not_clean")
    said: Said = {**entry.said, "uscc": sent}
    if name == "missing_uscc":
        outcome, finding = "with_findings", "USCC_MISSING"
    elif name == "wrong_code":
        field = _CODES[entry.kind]
        truth, outcome, finding = entry.said[field], "rejected", "CODE_UNKNOWN"
        said = {**entry.said, field: sent}
    elif name == "date_swapped":
        field = _DAYS[entry.kind]
        truth = entry.said[field]
        outcome, finding = swap_outcome(sent, entry.sent)
        said = {**entry.said, field: sent}
    return replace(entry, said=said), Fault(name, field, sent, truth, outcome, finding)
