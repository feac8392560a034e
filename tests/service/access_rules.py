"""What the access rules §3 and §3.1 let each role see, read out of their tables.

The tables are copied verbatim to data/access_rules_3.md. Words of a cell are read here; where the
node deliberately serves less or more than a cell, `DIFFERS` and `MARK_DIFFERS` say so with the
reason, and nothing else may differ.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

TEXT = (Path(__file__).parent / "data/access_rules_3.md").read_text(encoding="utf-8")
COLUMNS = "OGPARI"  # O, G firms, G persons, A, R, I
CATEGORIES = ("firm", "shop", "person")

# A cell by its first words: for whom nothing names a subject, and for a subject that is named: the
# own one, the authorised one, the case's, the approved one.
_CELLS = {
    "–": (False, False),
    "yes": (True, True),
    "own": (False, True),
    "only what the authorisation lists": (False, True),
    "if authorised": (False, True),
    "pseudonymised": (True, True),
    "step-up": (False, True),
    "items of its **application catalogue** row": (True, True),
    "if the matter names the person": (False, True),
    "shared catalogue ∩ agreement": (True, True),
    "only by token match": (False, False),
    "masked": (True, True),
    "inside an open case": (False, True),
    "sample replay": (True, True),
    "only through a recorded unmask": (False, False),
    "by letter no.": (False, True),
    "approves": (False, False),
    "logs": (False, False),
}


@dataclass(frozen=True)
class Differing:
    """A cell that the node serves otherwise, and why."""

    unnamed: bool
    named: bool
    reason: str


DIFFERS = {
    ("AGENT", "A"): Differing(False, True, "class A is the authorised subject's (§2), not all"),
    ("AUDITOR", "G"): Differing(False, False, "replayed from evidence (`audit`), no data plane"),
    ("AUDITOR", "P"): Differing(False, False, "replayed from evidence (`audit`), no data plane"),
}
UNSERVED = {
    "COURT": "no court is connected: the role has no row, ROLE_NOT_SERVED",
    "OPS": "operators have no data plane: the role has no row, ROLE_NOT_SERVED",
}


def _table(head: str) -> list[list[str]]:
    lines = TEXT[TEXT.index(f"| {head} |") :].splitlines()
    end = next((at for at, line in enumerate(lines) if not line.startswith("|")), len(lines))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:end]]


def _cell(text: str) -> tuple[bool, bool]:
    found = [words for words in _CELLS if text.startswith(words)]
    assert found, f"the rules say something new: {text}"
    return _CELLS[max(found, key=len)]


@dataclass(frozen=True)
class RoleRow:
    """A role's row of §3."""

    unnamed: frozenset[str]
    named: frozenset[str]
    graph: str
    purposes: tuple[str, ...]
    conditions: str
    written: dict[str, tuple[bool, bool]]  # what the table says before `DIFFERS`

    @property
    def case_for_persons(self) -> bool:
        return "matter no. for persons" in self.conditions

    @property
    def hops(self) -> int:
        """The levels of the graph that the row opens, 0 for none."""
        found = re.search(r"≤ (\d) hops|(\d)[ -]hop|paths ≤ (\d)", self.graph)
        return int(next(filter(None, found.groups()))) if found else 0


def _purposes(text: str) -> tuple[str, ...]:
    if "–" in text and (span := re.match(r"P(\d+)–P(\d+)", text)):
        return tuple(f"P{at}" for at in range(int(span[1]), int(span[2]) + 1))
    return tuple(re.findall(r"P\d+", text))


def roles() -> dict[str, RoleRow]:
    """Every role of §3, those the node does not serve among them."""
    found = {}
    for role, *cells, graph, purposes, conditions in _table("Role"):
        written = dict(zip(COLUMNS, map(_cell, cells), strict=True))
        served = {
            column: (differs.unnamed, differs.named)
            if (differs := DIFFERS.get((role, column)))
            else cell
            for column, cell in written.items()
        }
        found[role] = RoleRow(
            frozenset(column for column, (unnamed, _) in served.items() if unnamed),
            frozenset(column for column, (_, named) in served.items() if named),
            graph,
            _purposes(purposes),
            conditions,
            written,
        )
    return found


# §3.1: its rows as kinds, and of whom each speaks. The rows about bodies and civil servants have no
# kind here: their records are the restricted files of offices, which the node does not keep.
_ROWS = {
    "处罚/强制 (firm)": (("penalty",), "firms"),
    "处罚 (person)": (("penalty",), "persons"),
    "严重失信名单": (("serious_list",), "both"),
    "经营异常": (("abnormal_operation",), "both"),
    "欠税/社保/公积金 (firm)": (
        ("tax_arrears", "social_insurance_arrears", "housing_fund_arrears"), "firms",
    ),
    "水电气热欠费 (firm)": (("utility_arrears",), "firms"),
    "信用承诺履约": (("commitment",), "both"),
    "综合评价等级": (("evaluation",), "both"),
    "政务失信 (bodies)": ((), "both"),
    "公务员诚信": ((), "both"),
    "失信被执行人": (("court_defaulter",), "both"),
}  # fmt: skip
# "if matter names" is a condition of the role (DEPT names persons by its case), "token" how the
# person appears (ANALYST): neither closes the record.
_MARKS = {"●": "●", "○": "○", "–": "-", "● if matter names": "●", "token": "●"}


def purposes() -> tuple[str, ...]:
    """The columns of §3.1."""
    head = next(line for line in TEXT.splitlines() if line.startswith("| Type | P1"))
    return tuple(re.findall(r"P\d+", head))


def marks() -> dict[str, dict[tuple[str, str], str]]:
    """By kind of §3.1: by purpose and category `●`, `○` or `-`; what no row speaks of is `-`."""
    columns = purposes()
    found: dict[str, dict[tuple[str, str], str]] = {}
    for name, *cells in _table("Type"):
        kinds, whom = _ROWS[name]
        for kind in kinds:
            told = found.setdefault(
                kind, {(purpose, one): "-" for purpose in columns for one in CATEGORIES}
            )
            for purpose, cell in zip(columns, cells, strict=True):
                for one in CATEGORIES:
                    if whom == "both" or (whom == "persons") == (one == "person"):
                        told[purpose, one] = _MARKS[cell]
    return found
