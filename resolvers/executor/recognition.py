"""Recognised grades in the executor lane (cross-region requirements §2.1, X09–X14).

Nothing is recomputed or rescaled: original grade + the agreement's mapping → common band, then
vetoes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from resolvers.executor.manifest import Mentions
from resolvers.executor.place import Asked, Item, Question, global_id
from resolvers.executor.rows import Fields
from resolvers.executor.sight import displayed, in_force, of_government
from schema.scalars import canonical

_VETOES = ("serious_list", "court_defaulter")
_LABELS = {"EXCELLENT": "优", "GOOD": "良", "FAIR": "中"}
_MOST = 500


def _recognised(asked: Asked) -> Any:
    return _grade(asked, asked.item.mentions.within())


async def _grade(asked: Asked, place: Mentions) -> Item:
    question, subject = asked.question, asked.item.row["subject_id"]
    signed = question.context.scope.purpose
    purpose = asked.arguments.get("purpose", signed)
    told: dict[str, Any] = {"purpose": purpose, "objection": False}
    evaluation = await _evaluation(question, subject, asked.arguments.get("scheme"))
    mapping = veto = None
    reason: str | None = "UNRATED"
    if evaluation is not None:
        place.record(evaluation["record_id"])
        grounds = await question.sight.record(evaluation)
        if grounds.whole:
            mapping = await _mapping(question, evaluation, purpose)
            veto = await _veto(question, subject)
            reason = await _reason(question, evaluation, mapping, veto)
        else:
            reason = "PURPOSE_NOT_COVERED"
        covers = mapping is None or mapping["covered"] or (purpose == signed and signed is not None)
        told |= {
            **evaluation,
            "objection": evaluation["objection"] and grounds.whole,
            "whole": grounds.whole,
            "shown": grounds.whole and covers,
        }
    if veto is not None and reason == "VETO":
        place.record(veto["record_id"])
        told["veto"] = veto
    told |= {
        "mapping": mapping,
        "reason": reason,
        "recognised": reason is None,
        "band": {"UNRATED": "UNRATED", "VETO": "POOR"}.get(
            reason or "", mapping["mapped"] if mapping and reason is None else None
        ),
    }
    told["chain"] = _chain(question, told, evaluation)
    return Item("RecognisedGrade", told, place)


async def _agreements(question: Question) -> dict[str, Fields]:
    """The agreements of this city; for a partner city, the one under which it asks."""
    partner, home = question.context.scope.agreement, question.context.region
    return {
        row["agreement_id"]: row
        for row in await question.rows.table("agreement")
        if home in row["parties"] and partner in (None, row["agreement_id"])
    }


async def _mappings(question: Question, scheme: str | None, region: str) -> list[Fields]:
    """The mappings of a scheme between this city and the region."""
    agreements = await _agreements(question)
    return [
        {**row, "agreement": agreements[row["agreement_id"]]}
        for row in await question.rows.table("grade_mapping")
        if row["scheme"] == scheme
        and row["agreement_id"] in agreements
        and region in agreements[row["agreement_id"]]["parties"]
    ]


async def _evaluation(question: Question, subject: UUID, scheme: str | None) -> Fields | None:
    """The evaluation that counts: one that a mapping may fit, of the other city before our own
    (for a partner city ours), the newest."""
    home, own = question.context.region, question.context.scope.agreement is not None
    found = []
    for row in await question.rows.records(subject):
        if row["kind"] != "evaluation" or scheme not in (None, row["x_scheme"]):
            continue
        grounds = await question.sight.record(row)
        # Its scheme is told only to who sees more than that there is an evaluation.
        if not grounds.visible or (scheme is not None and not grounds.whole):
            continue
        mapped = bool(await _mappings(question, row["x_scheme"], row["origin_region"]))
        day = row["decision_date"]
        rank = (
            not grounds.whole,
            not mapped,
            (row["origin_region"] == home) != own,
            day is not None,
            0 if day is None else -day.toordinal(),
            row["record_id"],
        )
        found.append((rank, row))
    return min(found, key=lambda pair: pair[0])[1] if found else None


async def _mapping(question: Question, evaluation: Fields, purpose: str | None) -> Any:
    """The best mapping of the evaluation's scheme and version: in force, then for the purpose."""
    today = question.today
    found = []
    for row in await _mappings(question, evaluation["x_scheme"], evaluation["origin_region"]):
        if row["version"] != evaluation["x_scheme_version"]:
            continue
        covered = purpose is not None and purpose in row["purposes"]
        valid = in_force(row, today) and in_force(row["agreement"], today)
        found.append({**row, "covered": covered, "in_force": valid})
    if not found:
        return None
    best = max(found, key=lambda m: (m["in_force"], m["covered"], m["valid_from"], m["mapping_id"]))
    return {**best, "mapped": await _band(question, best["mapping_id"], evaluation)}


async def _band(question: Question, mapping: str, evaluation: Fields) -> str | None:
    grade, score = evaluation["x_grade"], evaluation["x_score"]
    rows = sorted(await question.rows.mapping_rows(mapping), key=lambda row: row["position"])
    for row in rows:
        if grade is not None and row["grade"] == grade:
            return str(row["band"])
        if score is None or row["low"] is None or score < row["low"]:
            continue
        if row["below"] is None or score < row["below"]:
            return str(row["band"])
    return None


async def _veto(question: Question, subject: UUID) -> Fields | None:
    """The newest record that holds the band down, of those that the caller sees whole in time."""
    today, found = question.today, []
    for row in await question.rows.records(subject):
        day = row["decision_date"]
        if row["kind"] not in _VETOES or day is None or day > today:
            continue
        in_time = displayed(row, today) or of_government(row, today)
        if in_time and (await question.sight.record(row)).visible:
            found.append(row)
    return min(
        found, key=lambda row: (-row["decision_date"].toordinal(), row["record_id"]), default=None
    )


async def _reason(
    question: Question, evaluation: Fields, mapping: Any, veto: Fields | None
) -> str | None:
    """Why the grade is not recognised as it stands; None when it is."""
    today = question.today
    if mapping is None:
        known = await _mappings(question, evaluation["x_scheme"], evaluation["origin_region"])
        return "SCHEME_VERSION_UNKNOWN" if known else "NO_AGREEMENT"
    if not mapping["in_force"]:
        return "EXPIRED"
    if not mapping["covered"]:
        return "PURPOSE_NOT_COVERED"
    until = evaluation["x_valid_until"]
    if (until is not None and today > until) or await _repaired(question, evaluation):
        return "STALE"
    if mapping["mapped"] is None:
        return "SCHEME_VERSION_UNKNOWN"
    return "VETO" if veto is not None else None


async def _repaired(question: Question, evaluation: Fields) -> bool:
    """Whether a record of the same city was repaired after the evaluation."""
    return await question.rows.repaired(
        evaluation["subject_id"],
        evaluation["origin_region"],
        evaluation["decision_date"],
        question.today,
    )


def _chain(question: Question, told: Mapping[str, Any], evaluation: Fields | None) -> str:
    if evaluation is None:
        return "未评"
    if not told["whole"]:
        return f"综合评价 → {told['reason']}"
    parts = [evaluation["x_scheme"]]
    if told["shown"]:
        score = evaluation["x_score"]
        counted = evaluation["x_grade"] if score is None else canonical(score)
        parts += [evaluation["x_scheme_version"], counted]
    shown = " ".join(part for part in parts if part is not None)
    if told["reason"] not in (None, "VETO"):
        return f"{shown} → {told['reason']}"
    mapping = told["mapping"]
    chain = f"{shown} → {_LABELS.get(mapping['mapped'], '差')} (mapping {mapping['mapping_id']})"
    if told["reason"] == "VETO":
        label = question.kinds.by_name[told["veto"]["kind"]].label
        chain += f" → 差 (VETO:{label})"
    return chain


def _original(asked: Asked) -> Item | None:
    row = asked.item.row
    return Item("OriginalGrade", row, asked.item.mentions) if row.get("shown") else None


def _used(asked: Asked) -> Item | None:
    mapping = asked.item.row["mapping"]
    if mapping is None:
        return None
    row = {**mapping, "mapping_from": mapping["valid_from"], "mapping_to": mapping["valid_to"]}
    return Item("MappingReference", row, asked.item.mentions)


def _held_by(asked: Asked) -> Item | None:
    veto = asked.item.row.get("veto")
    if veto is None:
        return None
    told = {
        "veto_kind": veto["kind"],
        "veto_label": asked.question.kinds.by_name[veto["kind"]].label,
        "veto_region": veto["origin_region"],
        "record_id": veto["record_id"],
    }
    return Item("Veto", told, asked.item.mentions)


def _veto_id(asked: Asked) -> str:
    row = asked.item.row
    kind = asked.question.kinds.by_name[row["veto_kind"]]
    return global_id(kind.type_name, row["record_id"])


def _published(table: str, type_name: str, *order: str) -> Any:
    """All rows of a small table of published facts."""

    async def resolve(asked: Asked) -> list[Item]:
        rows: Sequence[Fields] = await asked.question.rows.table(table)
        ordered = sorted(rows, key=lambda row: tuple(row[name] for name in order))
        return [Item(type_name, row, asked.item.mentions) for row in ordered[:_MOST]]

    return resolve


async def _mapping_rows(asked: Asked) -> list[Item]:
    rows = await asked.question.rows.mapping_rows(asked.item.row["mapping_id"])
    ordered = sorted(rows, key=lambda row: row["position"])
    return [Item("GradeMappingRow", row, asked.item.mentions) for row in ordered[:_MOST]]


RESOLVERS: Mapping[str, Any] = {
    "Organisation.recognisedGrade": _recognised,
    "RecognisedGrade.original": _original,
    "RecognisedGrade.mapping": _used,
    "RecognisedGrade.veto": _held_by,
    "OriginalGrade.recordId": lambda asked: global_id("Evaluation", asked.item.row["record_id"]),
    "Veto.recordId": _veto_id,
    "Query.schemes": _published("grading_scheme", "GradingScheme", "scheme", "version"),
    "Query.gradeMappings": _published("grade_mapping", "GradeMapping", "mapping_id"),
    "GradeMapping.rows": _mapping_rows,
}
