"""Access rules §3 and §3.1 over HTTP: every role with every purpose, every kind with its mark.

What a role sees of each record field by field is in test_kinds_by_role.py, without HTTP; both read
their expectations out of the rules' own tables.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.service.access_rules import marks, roles
from tests.service.cities import Cities

pytestmark = pytest.mark.timeout(400)

IDENTITIES = {
    "PUB": None,
    "SELF": "firm",
    "AGENT": "bank",
    "ANALYST": "analyst",
    "DEPT": "department",
    "PCITY": "shenyang",
    "STEWARD": "steward",
    "AUDITOR": "auditor",
    "SUPERVISOR": "supervisor",
}
EVERY = (None, *(f"P{number}" for number in range(1, 18)))
# What a role must bring besides a purpose of its row (§3, extra conditions).
ASKED_FIRST = {
    "AGENT": {"AUTHORISATION_REQUIRED"},
    # §3: the purpose must be in the unit's row of the application catalogue, or in the agreement.
    "DEPT": {"PURPOSE_NOT_ALLOWED"},
    "PCITY": {"PURPOSE_NOT_ALLOWED"},
}
RULES = roles()
# Kinds of class G of firms (records.md §6.3, §8.2, §10.1): nothing of them is open besides.
CLOSED = {
    "evaluation": "evaluations",
    "social_insurance_arrears": "socialInsuranceArrears",
    "utility_arrears": "utilityArrears",
}
COUNTS = "{ %s }" % " ".join(  # noqa: UP031 - braces
    f"{kind}: {field}(first: 1) {{ totalCount }}" for kind, field in CLOSED.items()
)


def _answer(cities: Cities, role: str, purpose: str | None, document: str) -> Any:
    with cities.client(identity=IDENTITIES[role]) as client:
        return client.query(
            document, {}, purpose=purpose, case="核1", actor="李科员" if role == "DEPT" else None
        )


def _code(answer: Any) -> str | None:
    return str(answer.errors[0]["extensions"]["code"]) if answer.errors else None


@pytest.mark.parametrize("role", IDENTITIES)
def test_every_purpose_of_every_role_is_allowed_or_refused_as_the_rules_say(
    cities: Cities, role: str
) -> None:
    allowed, answered = RULES[role].purposes, set()
    for purpose in EVERY:
        answer = _answer(cities, role, purpose, "{ organisations(first: 1) { totalCount } }")
        code = _code(answer)
        if not allowed or purpose in allowed:
            assert code is None or code in ASKED_FIRST.get(role, ()), (role, purpose, code)
            answered.add(code)
        else:
            wanted = "PURPOSE_REQUIRED" if purpose is None else "PURPOSE_NOT_ALLOWED"
            assert code == wanted, (role, purpose)
            assert answer.data is None
    assert answered & {None, "AUTHORISATION_REQUIRED"}, role


@pytest.mark.parametrize("role", ["PUB", "ANALYST", "DEPT", "PCITY"])
def test_every_mark_of_what_is_closed_holds_over_http(cities: Cities, role: str) -> None:
    """§3.1: `–` shows no record of the kind to anybody whose row has class G of firms at all."""
    matrix, seen = marks(), set()
    for purpose in RULES[role].purposes or (None,):
        answer = _answer(cities, role, purpose, COUNTS)
        if _code(answer) in ASKED_FIRST.get(role, ()):
            continue
        for kind in CLOSED:
            count = answer.data[kind]["totalCount"]
            if (
                "G" not in RULES[role].unnamed
                or matrix[kind].get((purpose or "", "firm"), "●") == "-"
            ):
                assert count == 0, (role, purpose, kind)
            elif count:
                seen.add(kind)
    if role in ("ANALYST", "DEPT"):
        assert seen, "nothing closed is there for anybody: this proves nothing"
