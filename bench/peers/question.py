"""The four questions, in each server's own words; the answers are one JSON."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

KINDS = MappingProxyType(
    {
        "licences": "licence",
        "penalties": "penalty",
        "inspections": "inspection",
        "redListings": "red_list",
        "abnormalOperations": "abnormal_operation",
    }
)
_TEN = (
    "name uscc orgCode entityType regStatus establishedOn address industry regAuthority"
    " legalRepName"
)
_RECORD = "{ nodes { documentNo decisionDate issuerName } }"
_FIVE = " ".join(f"{name}(first: 5) {_RECORD}" for name in KINDS)
_GRADE = "recognisedGrade { recognised band reason }"
TITLES = MappingProxyType(
    {
        "Q1": "one organisation by USCC, 10 fields",
        "Q2": "20 organisations × 10 penalties",
        "Q3": "1,000 organisations × 10 fields",
        "Q4": "one organisation, five kinds of records, recognised grade",
    }
)
COMMON = MappingProxyType(
    {
        "Q1": f"query($c: String!) {{ organisation(code: $c) {{ {_TEN} }} }}",
        "Q2": f"{{ organisations(first: 20) {{ nodes {{ name uscc penalties(first: 10) {_RECORD}"
        " } } }",
        "Q3": f"{{ organisations(first: 1000) {{ nodes {{ {_TEN} }} }} }}",
        "Q4": f"query($c: String!) {{ organisation(code: $c) {{ name uscc {_FIVE} }} }}",
    }
)
NODE = MappingProxyType({**COMMON, "Q4": COMMON["Q4"].replace(_FIVE, f"{_FIVE} {_GRADE}")})
_ORDERED = "orderBy: [DECISION_DATE_DESC, RECORD_ID_ASC]"
_PEOPLE = "allOrganisations(orderBy: [NAME_ASC, SUBJECT_ID_ASC], "


def _postgraphile(document: str) -> str:
    for name in KINDS:
        document = document.replace(f"{name}(first: ", f"{name}({_ORDERED}, first: ")
    return document.replace(
        "organisation(code: $c)", "organisation: organisationByUscc(uscc: $c)"
    ).replace("organisations(", f"organisations: {_PEOPLE}")


POSTGRAPHILE = MappingProxyType({name: _postgraphile(text) for name, text in COMMON.items()})


def comparable(answer: Any) -> Any:
    """An answer without what no GraphQL peer can give: the recognised grade."""
    body = answer["data"].get("organisation")
    if not body:
        return answer
    left = {key: value for key, value in body.items() if key != "recognisedGrade"}
    return {"data": {"organisation": left}}
