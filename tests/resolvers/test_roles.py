"""Each kind read back by each role with exactly what access_rules.md lets it see.

The tables below are transcribed by hand from access rules §2, §3, §3.1 and §6 and from the
visibility columns of records.md, not from the policy file. One record of every kind is stored for
a firm, an individual business and a natural person; all are on display and valid.
"""

# ruff: noqa: E501, UP031 - the tables stay tables; GraphQL is full of braces.

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

import asyncpg
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resolvers.context import Context
from resolvers.operation import Operations
from security.policy import PolicyError
from tests.databases import Databases
from tests.resolvers.walled import Walled, walled_database

TODAY = dt.date(2026, 6, 30)
_ORDER = {"stamp": dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "batch_sha": b"s", "line_no": 1}
NUMBER = "210590196401010018"  # synthetic division 210590
FIRM, SHOP, PERSON, OTHER, HIDDEN = "firm", "shop", "person", "other", "hidden"
FIRM_CODE, OTHER_CODE = "91210500XD00000011", "91210500XD00000022"

# records.md: class of a firm's and of a person's record, as its section's last column says. A
# person's is never below G (access rules §2) except the court's list (records.md §7).
CLASSES = {
    "licence": "OG",  # §2
    "penalty": "OG",  # §3
    "serious_list": "OG",  # §6.2
    "abnormal_operation": "OG",  # §8.1
    "court_defaulter": "OO",  # §7
    "red_list": "OG",  # §6.1
    "inspection": "OG",  # §4
    "commitment": "OG",  # §5, 可向社会公开
    "tax_arrears": "OG",  # §8.2
    "evaluation": "GG",  # §10.1
    "social_insurance_arrears": "GR",  # §8.2
    "housing_fund_arrears": "GR",  # §8.2
    "utility_arrears": "GA",  # §8.2
    "watch_list": "GG",  # §6.3
}

# What each role sees: g all of it, o what is open, m only that it exists, - nothing. Purposes:
# SELF P10, AGENT P9 (both for this firm), ANALYST P12, DEPT P2 with a case that names nobody,
# PCITY P3 (agreement on every kind), STEWARD P13, AUDITOR and SUPERVISOR P14.
OF_FIRMS = """
kind                     PUB SELF AGENT ANALYST DEPT PCITY STEWARD AUDITOR SUPERVISOR
licence                  o   g    g     g       g    g     g       -       g
penalty                  o   g    g     g       g    g     g       -       g
serious_list             o   g    g     g       g    g     g       -       g
abnormal_operation       o   g    g     g       g    g     g       -       g
court_defaulter          o   g    g     g       g    g     g       -       g
red_list                 o   g    g     g       o    g     g       -       g
inspection               o   g    o     g       g    g     g       -       g
commitment               o   g    g     g       o    g     g       -       g
tax_arrears              o   g    g     g       o    g     g       -       g
evaluation               -   g    g     g       -    g     g       -       g
social_insurance_arrears -   g    g     g       -    g     g       -       g
housing_fund_arrears     -   g    g     g       -    g     g       -       g
utility_arrears          -   g    g     g       -    m     g       -       g
watch_list               -   g    -     g       -    g     g       -       g
"""

# The same of a natural person: SELF is this person, AGENT has its authorisation, the analyst gave
# a case number, DEPT's case names the person.
OF_PERSONS = """
kind                     PUB SELF AGENT ANALYST DEPT PCITY STEWARD AUDITOR SUPERVISOR
licence                  -   g    g     -       g    -     g       -       g
penalty                  -   g    g     g       g    -     g       -       g
serious_list             -   g    g     g       g    -     g       -       g
abnormal_operation       -   g    g     g       g    -     g       -       g
court_defaulter          o   g    g     g       g    o     g       -       g
red_list                 -   g    g     -       -    -     g       -       g
inspection               -   g    -     -       -    -     g       -       g
commitment               -   g    g     g       -    -     g       -       g
tax_arrears              -   g    -     -       -    -     g       -       g
evaluation               -   g    g     g       -    -     g       -       g
social_insurance_arrears -   g    -     -       -    -     -       -       -
housing_fund_arrears     -   g    -     -       -    -     -       -       -
utility_arrears          -   g    g     -       -    -     -       -       -
watch_list               -   g    -     -       -    -     g       -       g
"""

# §3.1 row by row, for a department whose application rows have every kind: the marks of P1…P8.
MATRIX = """
kind                     P1 P2 P3 P4 P5 P6 P7 P8
penalty                  ●  ●  ●  ●  ●  ●  ○  ●
serious_list             ●  ●  ●  ●  ●  ●  ●  ●
abnormal_operation       ●  ●  ●  ●  ●  ●  -  ●
tax_arrears              ●  -  ●  ●  ●  ●  -  ○
social_insurance_arrears ●  -  ●  ●  ●  ●  -  ○
housing_fund_arrears     ●  -  ●  ●  ●  ●  -  ○
utility_arrears          -  -  ○  -  ○  -  -  -
commitment               ●  -  ●  ○  ○  ●  -  ●
evaluation               ●  -  ●  ●  ●  ●  -  ○
court_defaulter          ●  ●  ●  ●  ●  ●  ●  ●
"""

# §3.1 处罚 (person) when the matter names the person.
PERSON_PENALTY = {
    "P1": "●",
    "P2": "●",
    "P3": "-",
    "P4": "-",
    "P5": "-",
    "P6": "○",
    "P7": "○",
    "P8": "●",
}

MEMBER = {"kind", "subjectCategory", "status", "decisionDate", "originRegion", "issuerName", "objection"}  # fmt: skip
OPEN = {"documentNo", "reportedName", "receivedAt", "sourceUnit"}


def table(text: str) -> dict[str, dict[str, str]]:
    head, *rows = [line.split() for line in text.strip().splitlines()]
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


def uid(name: str) -> UUID:
    return uuid5(NAMESPACE_OID, name)


def ref(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:16]


async def _insert(connection: Any, table_: str, **values: Any) -> None:
    marks = ", ".join(f"${i + 1}" for i in range(len(values)))
    names = ", ".join(values)
    await connection.execute(f"INSERT INTO {table_} ({names}) VALUES ({marks})", *values.values())


async def _organisation(connection: Any, key: str, name: str, code: str, **more: Any) -> None:
    category = more.pop("category", "LEGAL_ENTITY")
    await _insert(connection, "subject", subject_id=uid(key), category=category, audit_ref=ref(key))
    await _insert(connection, "identifier", scheme="uscc", value=code, subject_id=uid(key))
    given = {"region_id": "210504", "registered": True, **more}
    await _insert(
        connection, "organisation", subject_id=uid(key), category=category, name=name, uscc=code,
        origin_region="210500", audit_ref=ref(key), digest=b"d", **_ORDER, **given,
    )  # fmt: skip


async def _record(
    connection: Any, key: str, subject: str, kind: str, category: str, **more: Any
) -> None:
    person = category == "NATURAL_PERSON"
    text = {name: f"{name} 全文" for name in ("facts", "content", "duty")}
    own = {
        **text, "procedure": "ORDINARY", "inspectors": "孙检查", "signOff": "同意", "personIdType": "IDENTITY_CARD",
        "accountNo": "1234567890", "meterAddress": "某街1号", "performed": True, "idMasked": "2105901964****0018",
    }  # fmt: skip
    given = {
        "reported_name": "王小明" if person else "本溪某公司",
        "reported_code": None if person else FIRM_CODE,
        "document_no": key,
        "issuer_name": "某局",
        "decision_date": dt.date(2026, 1, 15),
        "received_at": dt.datetime(2026, 1, 20, tzinfo=dt.UTC),
        "class": CLASSES[kind][person],
        "display_from": dt.date(2026, 1, 15),
        "query_until": dt.date(2031, 1, 15),
        "status": "VALID",
        "remark": "备注",
        "fields": orjson.dumps(own).decode(),
        "screened": orjson.dumps({name: f"{name} 过滤" for name in text}).decode(),
        **more,
    }
    await _insert(
        connection, "record", subject_id=uid(subject), record_id=uid(key), kind=kind, origin_region="210500",
        subject_category=category, source_unit_name="某局", source_unit_uscc="11210500XD0000002X",
        commitment=b"c", digest=b"d", **_ORDER, **given,
    )  # fmt: skip


async def _relation(connection: Any, kind: str, source: str, target: str, class_: str) -> None:
    for direction, one, other in (("OUT", source, target), ("IN", target, source)):
        await _insert(
            connection, "relation", subject_id=uid(one), other_id=uid(other), direction=direction,
            relation_id=uid(kind + source + target), kind=kind, origin_region="210500", source_unit_name="局",
            source_unit_uscc="1", digest=b"d", **{"class": class_}, **_ORDER,
        )  # fmt: skip


async def _fill(connection: Any) -> None:
    for id_, name, parent in (
        ("210500", "本溪市", None),
        ("210504", "明山区", "210500"),
        ("210505", "南芬区", "210500"),
    ):
        await _insert(
            connection, "region", region_id=id_, name=name, kind="COUNTY", parent_id=parent
        )
    await _organisation(connection, FIRM, "本溪某公司", FIRM_CODE)
    await _organisation(connection, OTHER, "本溪另一公司", OTHER_CODE, region_id="210505")
    await _organisation(
        connection,
        SHOP,
        "明山区某小吃店",
        "92210504XD00000033",
        category="INDIVIDUAL_BUSINESS",
        address="明山区某街1号",
    )
    await _organisation(
        connection, HIDDEN, "本溪未登记单位", "91210500XD00000044", registered=False
    )
    for key, name in ((PERSON, "王小明"), ("neighbour", "欧阳小红")):
        await _insert(
            connection,
            "subject",
            subject_id=uid(key),
            category="NATURAL_PERSON",
            audit_ref=ref(key),
        )
        await _insert(
            connection, "person", subject_id=uid(key), name=name, id_type="IDENTITY_CARD", birth_year=1964,
            id_number=NUMBER.encode(), is_stub=False, origin_region="210500", audit_ref=ref(key), **_ORDER,
        )  # fmt: skip
    for kind in CLASSES:
        for subject, category in (
            (FIRM, "LEGAL_ENTITY"),
            (OTHER, "LEGAL_ENTITY"),
            (SHOP, "INDIVIDUAL_BUSINESS"),
            (PERSON, "NATURAL_PERSON"),
        ):
            await _record(connection, f"{kind}/{subject}", subject, kind, category)
    simple = {"class": "I", "fields": '{"procedure": "SIMPLE", "personIdType": "IDENTITY_CARD"}'}
    await _record(connection, "simple", FIRM, "penalty", "LEGAL_ENTITY", **simple)
    await _record(connection, "repaired", FIRM, "penalty", "LEGAL_ENTITY", status="REPAIRED")
    await _record(connection, "withdrawn", FIRM, "penalty", "LEGAL_ENTITY", status="WITHDRAWN")
    await _relation(connection, "HOLDS", PERSON, FIRM, "O")
    await _relation(connection, "HOLDS", "neighbour", FIRM, "O")
    await _relation(connection, "HOLDS", "neighbour", OTHER, "O")
    await _relation(connection, "GUARANTEES", FIRM, HIDDEN, "G")


@pytest.fixture(scope="session")
async def store(databases: Databases) -> AsyncIterator[asyncpg.Pool[Any]]:
    async with walled_database(databases, 4) as made:
        async with made.acquire() as connection:
            await _fill(connection)
        yield made


@dataclass(frozen=True)
class Told:
    data: Any
    errors: list[Any]
    disclosed: tuple[str, ...]
    masked: tuple[str, ...]
    body: str
    not_found: tuple[str, ...]


Put = Callable[..., Awaitable[Told]]


@pytest.fixture
def put(store: asyncpg.Pool[Any], operations: Operations, scope_of: Callable[..., Any]) -> Put:
    """Put a question to the store as a role, on the grounds given."""

    async def asked(
        document: str,
        role: str,
        *,
        purpose: str | None = None,
        case: str = "",
        variables: dict[str, Any] | None = None,
        graph: Any = None,
        **grounds: Any,
    ) -> Told:
        sets = {
            name: frozenset(uid(key) for key in value)
            for name, value in grounds.items()
            if name in _SETS
        }
        given = {**_on(role), **grounds, **sets}
        scope = scope_of(role, purpose=purpose, case=case, **given)
        context = Context(
            Walled(store, scope.role, TODAY),
            scope,
            TODAY,
            b"k" * 32,
            graph=graph,
            read_number=lambda sealed: sealed.decode(),
        )
        answer = await operations.prepare(document, None, scope).run(context, variables or {})
        told = orjson.loads(answer.body)
        return Told(
            told.get("data"),
            told.get("errors", []),
            answer.disclosure.coordinates,
            answer.disclosure.masked,
            answer.body.decode(),
            answer.disclosure.not_found,
        )

    return asked


_SETS = {"own", "authorised", "matter", "approved", "barred"}


def _on(role: str) -> dict[str, Any]:
    every = frozenset(CLASSES)
    return {"shared_kinds": every} if role == "PCITY" else {}


ASK = """query($n: Int = 100) { records(first: $n, filter: {%s}) { totalCount nodes {
    id kind subject { __typename id } subjectCategory status decisionDate originRegion issuerName objection
    documentNo reportedName receivedAt sourceUnit { name } remark
    ... on Penalty { facts procedure performed personIdType }
    ... on Inspection { inspectors } ... on SeriousListing { signOff facts }
    ... on UtilityArrears { accountNo meterAddress personIdType }
    ... on CourtDefault { duty idMasked }
    ... on Commitment { content } } } }"""


def key_of(node: dict[str, Any]) -> str:
    """The key under which a record was stored, told by its id alone."""
    id_ = base64.b64decode(node["id"]).decode().partition(":")[2]
    return KEYS[id_]


KEYS = {
    str(uid(key)): key
    for key in (
        *(f"{kind}/{subject}" for kind in CLASSES for subject in (FIRM, OTHER, SHOP, PERSON)),
        "simple",
        "repaired",
        "withdrawn",
    )
}


def mark_of(node: dict[str, Any] | None) -> str:
    """g, o, m or - by the fields that have a value; every other mixture is a fault."""
    if node is None:
        return "-"
    assert all(node[name] is not None for name in MEMBER)
    shown = {name for name in OPEN if node[name] is not None}
    if not shown:
        assert node["remark"] is None
        assert all(
            node.get(name) is None for name in ("facts", "duty", "content", "idMasked", "accountNo")
        )
        return "m"
    assert shown == OPEN
    for name in ("facts", "duty", "content"):
        if name in node:
            assert node[name] == f"{name} {'全文' if node['remark'] else '过滤'}"
    return "o" if node["remark"] is None else "g"


async def seen(put: Put, role: str, subject: str, **grounds: Any) -> dict[str, str]:
    """The mark of each kind's record of the subject."""
    told = await put(ASK % "", role, **grounds)
    assert told.errors == []
    nodes = {key_of(node): node for node in told.data["records"]["nodes"]}
    assert told.data["records"]["totalCount"] == len(nodes)
    return {kind: mark_of(nodes.get(f"{kind}/{subject}")) for kind in CLASSES}


def grounds_for(role: str, subject: str) -> dict[str, Any]:
    """On what each role asks about the subject in the two tables."""
    named = {"SELF": "own", "AGENT": "authorised"}
    if subject == PERSON:
        named["DEPT"] = "matter"
    given: dict[str, Any] = {named[role]: [subject]} if role in named else {}
    if subject == PERSON and role in ("ANALYST", "DEPT"):
        given["case"] = "辽案〔2026〕1号"
    return given


ROLES = ("PUB", "SELF", "AGENT", "ANALYST", "DEPT", "PCITY", "STEWARD", "AUDITOR", "SUPERVISOR")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("subject", [FIRM, SHOP])
async def test_each_kind_of_a_firm_as_the_table_says(put: Put, role: str, subject: str) -> None:
    expected = {kind: row[role] for kind, row in table(OF_FIRMS).items()}
    assert await seen(put, role, subject, **grounds_for(role, subject)) == expected


@pytest.mark.parametrize("role", ROLES)
async def test_each_kind_of_a_person_as_the_table_says(put: Put, role: str) -> None:
    expected = {kind: row[role] for kind, row in table(OF_PERSONS).items()}
    assert await seen(put, role, PERSON, **grounds_for(role, PERSON)) == expected


@pytest.mark.parametrize("purpose", ["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8"])
async def test_matrix_of_purposes_for_a_department(put: Put, purpose: str) -> None:
    found = await seen(put, "DEPT", FIRM, purpose=purpose)
    for kind, row in table(MATRIX).items():
        below = "o" if CLASSES[kind][0] == "O" else {"○": "m", "-": "-"}.get(row[purpose], "")
        assert found[kind] == ("g" if row[purpose] == "●" else below), kind
    named = await seen(put, "DEPT", PERSON, purpose=purpose, case="1", matter=[PERSON])
    assert named["penalty"] == {"●": "g", "○": "m", "-": "-"}[PERSON_PENALTY[purpose]]


async def test_a_case_is_needed_for_persons(put: Put) -> None:
    for role in ("ANALYST", "DEPT"):
        found = await seen(put, role, PERSON)
        assert {kind for kind, mark in found.items() if mark != "-"} == {"court_defaulter"}
        assert found["court_defaulter"] == "o"
    other = await seen(put, "DEPT", PERSON, case="1", matter=["neighbour"])
    assert other["penalty"] == "-"


async def test_restricted_records_open_by_approval_case_and_to_the_person(put: Put) -> None:
    """§3, column R: ANALYST by step-up, STEWARD inside an open case, SELF own; §2 class A: no."""
    restricted = {kind for kind, classes in CLASSES.items() if classes[1] == "R"}
    for role, grounds in (("ANALYST", {"approved": [PERSON]}), ("STEWARD", {"matter": [PERSON]})):
        found = await seen(put, role, PERSON, case="1", **grounds)
        assert {found[kind] for kind in restricted} == {"g"}, role
        assert found["utility_arrears"] == "-", role
        without = await seen(put, role, PERSON, case="1")
        assert {without[kind] for kind in restricted} == {"-"}, role


async def test_internal_records_are_the_stewards_and_auditors(put: Put) -> None:
    for role in ROLES:
        told = await put(ASK % 'kinds: ["penalty"]', role, **grounds_for(role, FIRM))
        found = {key_of(node) for node in told.data["records"]["nodes"]} & {
            "simple",
            "repaired",
            "withdrawn",
        }
        assert found == ({"simple", "repaired"} if role in ("STEWARD", "AUDITOR") else set()), role


async def test_fields_of_classes_r_and_i(put: Put) -> None:
    question = ASK % ""
    for role in ROLES:
        grounds = grounds_for(role, PERSON)
        told = await put(question, role, **grounds)
        nodes = {key_of(node): node for node in told.data["records"]["nodes"]}
        for key, node in nodes.items():
            if node["kind"] == "penalty" and key not in ("simple", "repaired"):
                assert (node["personIdType"] is not None) == (role == "SELF"), (role, key)
                assert (node["procedure"] is not None) == (role == "STEWARD"), (role, key)
            if node["kind"] == "inspection":
                assert (node["inspectors"] is not None) == (role == "STEWARD"), (role, key)
            if node["kind"] == "utility_arrears":
                assert (node["meterAddress"] is not None) == (role == "SELF"), (role, key)
                assert node["accountNo"] in (None, "****7890"), (role, key)
    stepped = await put(question, "ANALYST", case="1", approved=[PERSON])
    nodes = {key_of(node): node for node in stepped.data["records"]["nodes"]}
    assert nodes["penalty/person"]["personIdType"] == "IDENTITY_CARD"
    assert nodes[f"penalty/{FIRM}"]["personIdType"] is None
    audited = await put(question, "AUDITOR")
    simple = next(n for n in audited.data["records"]["nodes"] if key_of(n) == "simple")
    assert (simple["procedure"], simple["personIdType"]) == ("SIMPLE", None)


HOLDERS = (
    '{ organisation(code: "%s") { name holders { nodes { ... on Person { name idNumber idType birthYear } } } } }'
    % FIRM_CODE
)

# §6 by role: the name of a person whom nothing names, of one whom its grounds name, its number.
MASKS = """
role       unnamed named   number
PUB        王*     王*     -
SELF       王*     王小明  210590196401010018
AGENT      王*     王小明  210590********0018
ANALYST    王*     王小明  210590196401010018
DEPT       王*明   王小明  210590********0018
PCITY      王*     王*     -
STEWARD    王*明   王小明  210590********0018
SUPERVISOR 王*明   王*明   -
"""


@pytest.mark.parametrize("role", list(table(MASKS)))
async def test_masks_of_persons(put: Put, role: str) -> None:
    row = table(MASKS)[role]
    named = {
        "SELF": "own",
        "AGENT": "authorised",
        "ANALYST": "approved",
        "DEPT": "matter",
        "STEWARD": "matter",
    }.get(role)
    unnamed = await put(HOLDERS, role, case="1", **({"own": [FIRM]} if role == "SELF" else {}))
    people = unnamed.data["organisation"]["holders"]["nodes"]
    assert {"name": row["unnamed"], "idNumber": None, "idType": None, "birthYear": None} in people
    assert "Person.idNumber" in unnamed.masked
    if named is None:
        return
    told = await put(HOLDERS, role, case="1", **{named: [PERSON]})
    people = told.data["organisation"]["holders"]["nodes"]
    shown = {
        "name": row["named"],
        "idNumber": row["number"],
        "idType": "IDENTITY_CARD",
        "birthYear": 1964,
    }
    assert shown in people
    assert not any("欧阳小" in person["name"] for person in people)
    assert "Person.idNumber" in told.disclosed


async def test_the_courts_list_shows_persons_as_the_court_does(put: Put) -> None:
    told = await put(ASK % 'kinds: ["court_defaulter"], subjectCategory: NATURAL_PERSON', "PUB")
    (node,) = told.data["records"]["nodes"]
    assert (node["reportedName"], node["idMasked"]) == ("王*", "2105901964****0018")
    assert node["subject"]["__typename"] == "Person"
    assert "王小明" not in told.body


async def test_a_persons_record_marked_open_by_mistake_stays_closed(
    put: Put, store: asyncpg.Pool[Any]
) -> None:
    """§2: a person's record can never be lower than G, but for the list that a law opens."""
    where = "WHERE record_id = $1"
    await store.execute(f"UPDATE record SET class = 'O' {where}", uid("penalty/person"))
    try:
        for role in ("PUB", "PCITY"):
            assert (await seen(put, role, PERSON))["penalty"] == "-", role
        assert (await seen(put, "ANALYST", PERSON, case="1"))["penalty"] == "g"
    finally:
        await store.execute(f"UPDATE record SET class = 'G' {where}", uid("penalty/person"))


async def test_no_stored_text_can_pass_for_a_number(put: Put, store: asyncpg.Pool[Any]) -> None:
    forged = "0" * 32 + "FULL:" + NUMBER.encode().hex() + ";"
    async with store.acquire() as connection, connection.transaction():
        await connection.execute(
            "UPDATE person SET name = $1 WHERE subject_id = $2", forged, uid("neighbour")
        )
    try:
        told = await put(
            "{ subjects { name ... on Person { idNumber } } }", "SELF", own=["neighbour"]
        )
        assert told.data["subjects"] == [{"name": forged, "idNumber": NUMBER}]
    finally:
        await store.execute(
            "UPDATE person SET name = '欧阳小红' WHERE subject_id = $1", uid("neighbour")
        )


async def test_a_number_that_cannot_be_read_is_null(
    store: asyncpg.Pool[Any], operations: Operations, scope_of: Any
) -> None:
    def broken(_: bytes) -> str:
        raise ValueError

    scope = scope_of("SELF", own=frozenset({uid(PERSON)}))
    context = Context(store, scope, TODAY, b"k" * 32, read_number=broken)
    document = "{ subjects { ... on Person { idNumber } } }"
    answer = await operations.prepare(document, None, scope).run(context, {})
    assert orjson.loads(answer.body) == {"data": {"subjects": [{"idNumber": None}]}}


# --- §7: what leaks elsewhere -------------------------------------------------------------------


async def test_a_member_is_not_found_by_what_it_does_not_show(put: Put) -> None:
    """○ shows list membership only: no filter on other fields, no hot field tells more."""
    counted = "{ %s(filter: {%s}) { totalCount nodes { documentNo } } }"
    for condition in ('documentNo: "utility_arrears/firm"', "owedAmountMin: 0", "utility: [WATER]"):
        told = await put(counted % ("utilityArrears", condition), "PCITY")
        assert told.data["utilityArrears"] == {"totalCount": 0, "nodes": []}, condition
    told = await put(counted % ("utilityArrears", 'decidedFrom: "2026-01-01"'), "PCITY")
    assert told.data["utilityArrears"]["totalCount"] == 3
    assert "UtilityArrears.documentNo" in told.masked


async def test_totals_aliases_and_nested_lists_count_what_is_seen(put: Put) -> None:
    document = (
        '{ a: records(filter: {subject: "%s"}) { totalCount } b: evaluations { totalCount }'
        ' organisation(code: "%s") { records(first: 50) { totalCount nodes { kind } } evaluations { totalCount } } }'
        % (FIRM_CODE, FIRM_CODE)
    )
    public = (await put(document, "PUB")).data
    assert public["a"]["totalCount"] == public["organisation"]["records"]["totalCount"] == 9
    assert public["b"]["totalCount"] == public["organisation"]["evaluations"]["totalCount"] == 0


async def test_the_public_cannot_go_from_a_shareholder_to_the_courts_list(put: Put) -> None:
    document = (
        '{ organisation(code: "%s") { holders { nodes { name records { totalCount nodes { kind } } } } } }'
        % FIRM_CODE
    )
    for role in ("PUB", "AGENT", "DEPT"):
        told = await put(document, role)
        people = told.data["organisation"]["holders"]["nodes"]
        assert [person["records"] for person in people] == [{"totalCount": 0, "nodes": []}] * 2, (
            role
        )
    named = await put(document, "DEPT", case="1", matter=[PERSON])
    counts = [p["records"]["totalCount"] for p in named.data["organisation"]["holders"]["nodes"]]
    assert sorted(counts) == [0, 5]


async def test_not_found_and_forbidden_look_the_same(put: Put) -> None:
    document = "query($i: ID!) { node(id: $i) { id } }"

    def node_id(type_: str, key: str) -> str:
        return base64.b64encode(f"{type_}:{uid(key)}".encode()).decode()

    absent = await put(document, "PUB", variables={"i": node_id("Evaluation", "nothing")})
    for type_, key in (("Evaluation", f"evaluation/{FIRM}"), ("Penalty", "simple"), ("Penalty", "repaired"),
                       ("Penalty", "penalty/person"), ("Organisation", HIDDEN)):  # fmt: skip
        told = await put(document, "PUB", variables={"i": node_id(type_, key)})
        assert told.body == absent.body, key
    seen_ = await put(document, "STEWARD", variables={"i": node_id("Penalty", "simple")})
    assert seen_.data["node"] is not None


async def test_guarantees_by_role(put: Put) -> None:
    """Class G relations: of one's own, of the authorised subject, of the matter's subject."""
    document = (
        '{ organisation(code: "%s") { guaranteesGiven { totalCount nodes { name } } } }' % FIRM_CODE
    )
    expected: list[tuple[str, dict[str, Any], int]] = [
        ("PUB", {}, 0),
        ("SELF", {"own": [FIRM]}, 1),
        ("AGENT", {}, 0),
        ("AGENT", {"authorised": [FIRM]}, 1),
        ("ANALYST", {}, 1),
        ("DEPT", {}, 0),
        ("DEPT", {"matter": [FIRM], "case": "1"}, 1),
        ("PCITY", {}, 1),
        ("STEWARD", {}, 1),
        ("SUPERVISOR", {}, 1),
    ]
    for role, grounds, count in expected:
        told = await put(document, role, **grounds)
        assert told.data["organisation"]["guaranteesGiven"]["totalCount"] == count, (role, grounds)
        hidden = await put('{ organisation(code: "91210500XD00000044") { name } }', role, **grounds)
        assert (hidden.data["organisation"] is not None) == bool(count), (role, grounds)


async def test_self_sees_itself_and_what_touches_it(put: Put) -> None:
    document = '{ subjects { __typename name } organisations { totalCount nodes { name } } records { totalCount } persons(filter: {name: "王小明"}) { totalCount } }'
    told = (await put(document, "SELF", own=[PERSON])).data
    assert told["subjects"] == [{"__typename": "Person", "name": "王小明"}]
    assert told["organisations"]["nodes"] == [{"name": "本溪某公司"}]
    assert told["records"]["totalCount"] == len(CLASSES)
    assert told["persons"]["totalCount"] == 0
    nobody = (await put(document, "SELF")).data
    assert nobody["subjects"] == []
    assert nobody["organisations"]["totalCount"] == nobody["records"]["totalCount"] == 0


async def test_a_district_reads_government_data_of_its_own_subjects_only(put: Put) -> None:
    for role, grounds in (("ANALYST", {}), ("DEPT", {"purpose": "P1"}), ("STEWARD", {})):
        here = await seen(put, role, FIRM, district="210504", **grounds)
        there = await seen(put, role, OTHER, district="210504", **grounds)
        assert here == await seen(put, role, FIRM, **grounds), role
        opened = {kind: "o" if classes[0] == "O" else "-" for kind, classes in CLASSES.items()}
        assert there == opened, role
        city = await seen(put, role, OTHER, district="210500", **grounds)
        assert city == await seen(put, role, OTHER, **grounds), role


@pytest.mark.parametrize(("role", "purpose"), [("STEWARD", "P16"), ("AUDITOR", "P14")])
async def test_a_district_reads_internal_data_of_its_own_subjects_only(
    put: Put, role: str, purpose: str
) -> None:
    async def internal(district: str | None) -> tuple[set[str], list[str | None]]:
        told = await put(ASK % "", role, purpose=purpose, district=district)
        nodes = {key_of(node): node for node in told.data["records"]["nodes"]}
        inspected = nodes.get(f"inspection/{FIRM}", {}).get("inspectors")
        return nodes.keys() & {"simple", "repaired"}, inspected

    inspectors = "孙检查" if role == "STEWARD" else None
    for district in (None, "210500", "210504"):
        assert await internal(district) == ({"simple", "repaired"}, inspectors)
    assert await internal("210505") == (set(), None)


async def test_who_is_known_by_hidden_data_alone_does_not_exist_outside_of_the_district(
    put: Put,
) -> None:
    """What the city's own offices know of a body without registration is class G."""
    code = "91210500XD00000044"
    document = (
        '{ organisation(code: "%s") { name } lookup(codes: ["%s"]) { name }'
        " organisations { totalCount nodes { uscc } } }" % (code, code)
    )
    for role in ("ANALYST", "STEWARD"):
        for district in (None, "210500", "210504"):
            told = (await put(document, role, district=district)).data
            assert told["organisation"] == told["lookup"][0] == {"name": "本溪未登记单位"}
        there = (await put(document, role, district="210505")).data
        assert (there["organisation"], there["lookup"]) == (None, [None])
        assert code not in [node["uscc"] for node in there["organisations"]["nodes"]]
        assert there["organisations"]["totalCount"] == told["organisations"]["totalCount"] - 1


async def test_records_of_a_kind_that_is_none_are_refused(put: Put) -> None:
    """A mistyped kind would be one of which nothing is recorded."""
    document = "query($k: [String!]) { records(filter: {kinds: $k}) { totalCount } }"
    for asked in (["penalties"], ["penalty", "x"]):
        told = await put(document, "ANALYST", variables={"k": asked})
        assert [one["extensions"]["code"] for one in told.errors] == ["KIND_UNKNOWN"]
        assert told.data is None
    told = await put(document, "ANALYST", variables={"k": []})
    assert told.data["records"]["totalCount"] == 0
    named = '{ records(filter: {kinds: ["penalties"]}) { totalCount } }'
    assert (await put(named, "PUB")).errors[0]["extensions"]["code"] == "KIND_UNKNOWN"


async def test_barred_subjects_do_not_exist_for_the_caller(put: Put) -> None:
    """§3: a steward cannot query own or relatives' data, by whatever road."""
    document = (
        'query { organisation(code: "%s") { name } records(first: 100) { nodes { id subject { name } } }'
        ' organisations { nodes { name } } other: organisation(code: "%s") { holders { nodes { name } } } }'
        % (FIRM_CODE, OTHER_CODE)
    )
    told = await put(document, "STEWARD", barred=[FIRM, "neighbour"])
    assert told.data["organisation"] is None
    assert told.data["other"]["holders"]["nodes"] == []
    assert not any(key_of(node).endswith(FIRM) for node in told.data["records"]["nodes"])
    assert "本溪某公司" not in [one["name"] for one in told.data["organisations"]["nodes"]]


async def test_the_id_of_a_merged_subject_leads_to_what_it_became(
    put: Put, store: asyncpg.Pool[Any]
) -> None:
    old = uid("merged")
    await _insert(store, "subject", subject_id=old, category="LEGAL_ENTITY", merged_into=uid(FIRM))
    id_ = base64.b64encode(f"Organisation:{old}".encode()).decode()
    told = await put(
        "query($i: ID!) { node(id: $i) { ... on Organisation { uscc } } }",
        "PUB",
        variables={"i": id_},
    )
    assert told.data["node"] == {"uscc": FIRM_CODE}
    own = await put("{ subjects { name } records { totalCount } }", "SELF", own=["merged"])
    assert own.data["subjects"] == [{"name": "本溪某公司"}]
    assert own.data["records"]["totalCount"] == len(CLASSES)
    barred = await put(
        '{ organisation(code: "%s") { name } }' % FIRM_CODE, "STEWARD", barred=["merged"]
    )
    assert barred.data["organisation"] is None


async def test_home_addresses_of_individual_businesses(put: Put) -> None:
    """records.md §1.1: class G."""
    document = '{ organisation(code: "92210504XD00000033") { address } }'
    expected = {"ANALYST": True, "STEWARD": True, "SUPERVISOR": True}
    for role in ("PUB", "AGENT", "DEPT", "PCITY", *expected):
        told = await put(document, role)
        assert (told.data["organisation"]["address"] is not None) == expected.get(role, False), role
    for role, name in (("SELF", "own"), ("AGENT", "authorised"), ("DEPT", "matter")):
        told = await put(document, role, case="1", **{name: [SHOP]})
        assert told.data["organisation"]["address"] == "明山区某街1号", role


# --- grounds ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "purposes"),
    [  # §3, column of allowed purposes
        ("SELF", {10, 13}),
        ("AGENT", {9, 11}),
        ("ANALYST", {3, 8, 12, 16}),
        ("DEPT", {1, 2, 3, 4, 5, 6, 7, 8}),
        ("PCITY", {1, 3, 4, 5, 8, 12}),
        ("STEWARD", {13, 16}),
        ("AUDITOR", {14}),
        ("SUPERVISOR", {14}),
    ],
)
def test_purposes_by_role(policy: Any, scope_of: Any, role: str, purposes: set[int]) -> None:
    for number in range(1, 18):
        if number in purposes:
            assert scope_of(role, purpose=f"P{number}").purpose == f"P{number}"
            continue
        with pytest.raises(PolicyError) as refused:
            scope_of(role, purpose=f"P{number}")
        assert refused.value.code == "PURPOSE_NOT_ALLOWED"
    with pytest.raises(PolicyError) as missing:
        policy.scope("x", role, None, "")
    assert missing.value.code == "PURPOSE_REQUIRED"


def test_grounds_that_are_missing_have_codes_of_their_own(policy: Any, scope_of: Any) -> None:
    for role, purpose, code in (
        ("DEPT", "P1", "ACTOR_REQUIRED"),
        ("AGENT", "P9", "AUTHORISATION_REQUIRED"),
        ("OPS", None, "ROLE_NOT_SERVED"),
        ("COURT", "P15", "ROLE_NOT_SERVED"),
    ):
        with pytest.raises(PolicyError) as refused:
            policy.scope("x", role, purpose, "")
        assert refused.value.code == code
    with pytest.raises(PolicyError) as refused:
        scope_of("DEPT", purpose="P1", application_kinds=frozenset())
    assert refused.value.code == "PURPOSE_NOT_ALLOWED"


def test_a_department_needs_a_case_to_ask_about_persons(scope_of: Any) -> None:
    for role in ("DEPT", "ANALYST"):
        with pytest.raises(PolicyError) as refused:
            scope_of(role).demand_persons()
        assert refused.value.code == "CASE_REQUIRED"
        scope_of(role, case="1").demand_persons()


async def test_x02_without_a_catalogue_row_nothing_is_shared_inside_government(put: Put) -> None:
    none = frozenset[str]()
    for role in ("ANALYST", "DEPT", "AGENT", "SUPERVISOR"):
        more = {"authorised": [FIRM]} if role == "AGENT" else {}
        found = await seen(put, role, FIRM, government_kinds=none, **more)
        assert set(found.values()) == {"o", "-"}, role
    for role, more in (("STEWARD", {}), ("SELF", {"own": [FIRM]})):
        found = await seen(put, role, FIRM, government_kinds=none, **more)
        assert set(found.values()) == {"g"}, role


async def test_x02_categories_that_catalogue_or_agreement_leave_out_are_not_shared(
    put: Put,
) -> None:
    left_out = frozenset(
        {("penalty", "INDIVIDUAL_BUSINESS"), ("evaluation", "INDIVIDUAL_BUSINESS")}
    )
    for role in ("PCITY", "ANALYST"):
        shop = await seen(put, role, SHOP, unshared=left_out)
        assert (shop["penalty"], shop["evaluation"], shop["commitment"]) == ("o", "-", "g"), role
        firm = await seen(put, role, FIRM, unshared=left_out)
        assert (firm["penalty"], firm["evaluation"]) == ("g", "g"), role
    nobody = frozenset({("penalty", "NATURAL_PERSON")})
    person = await seen(put, "ANALYST", PERSON, case="1", unshared=nobody)
    assert (person["penalty"], person["serious_list"]) == ("-", "g")
    assert (await seen(put, "STEWARD", PERSON, unshared=nobody))["penalty"] == "g"


async def test_an_authorisation_opens_its_kinds_only(put: Put) -> None:
    listed = frozenset({"evaluation"})
    found = await seen(put, "AGENT", FIRM, authorised=[FIRM], authorised_kinds=listed)
    assert found["evaluation"] == "g"
    assert {
        found[kind]
        for kind, classes in CLASSES.items()
        if classes[0] == "G" and kind != "evaluation"
    } == {"-"}
    person = await seen(put, "AGENT", PERSON, authorised=[PERSON], authorised_kinds=listed)
    assert person["utility_arrears"] == "-"
    other = await seen(put, "AGENT", OTHER, authorised=[FIRM], authorised_kinds=listed)
    assert other["evaluation"] == "-"


class _Graph:
    """Notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def neighbourhood(self, subject_ids: Any, **more: Any) -> Any:
        self.asked.append((list(subject_ids), more))
        from graph.neighbourhood import Neighbourhood

        return Neighbourhood(more["as_of"], "1", (), (), ())


@pytest.mark.parametrize(
    ("role", "grounds", "reach", "hops"),
    [  # §3, column Graph
        ("PUB", {}, "FORBIDDEN", 0),
        ("SELF", {"own": [FIRM]}, "found", 1),
        ("SELF", {"own": [OTHER]}, "none", 1),
        ("AGENT", {"authorised": [FIRM]}, "found", 1),
        ("AGENT", {"authorised": [OTHER]}, "none", 1),
        ("ANALYST", {}, "found", 4),
        ("DEPT", {"matter": [FIRM], "case": "1"}, "found", 2),
        ("DEPT", {}, "none", 2),
        ("PCITY", {}, "found", 4),
        ("STEWARD", {}, "FORBIDDEN", 0),
        ("AUDITOR", {}, "FORBIDDEN", 0),
        ("SUPERVISOR", {}, "FORBIDDEN", 0),
    ],
)
async def test_graph_by_role(put: Put, role: str, grounds: Any, reach: str, hops: int) -> None:
    graph = _Graph()
    document = (
        'query($h: Int!) { neighbourhood(subject: "%s", hops: $h) { nodes { key } } }' % FIRM_CODE
    )
    told = await put(document, role, graph=graph, variables={"h": max(hops, 1)}, **grounds)
    codes = [error["extensions"]["code"] for error in told.errors]
    assert codes == (["FORBIDDEN"] if reach == "FORBIDDEN" else [])
    assert [asked[0] for asked in graph.asked] == ([[uid(FIRM)]] if reach == "found" else [])
    if hops:
        far = await put(document, role, graph=graph, variables={"h": hops + 1}, **grounds)
        assert [error["extensions"]["code"] for error in far.errors] == ["HOPS_LIMIT"]
    if role == "AGENT" and graph.asked:
        assert "NATURAL_PERSON" not in graph.asked[0][1]["allowed_categories"]


# --- fewer rights, fewer values -----------------------------------------------------------------

_NAMES = ("reportedName", "facts", "duty", "content")  # shown masked or screened to some


def _values(told: Told) -> set[tuple[str, str, str]]:
    found = set()
    for node in told.data["records"]["nodes"]:
        for name, value in node.items():
            if value is not None and name not in ("subject", *_NAMES):
                found.add((key_of(node), name, repr(value)))
    return found


async def test_every_reader_of_open_data_sees_what_the_public_sees(put: Put) -> None:
    public = _values(await put(ASK % "", "PUB"))
    for role in ("AGENT", "ANALYST", "DEPT", "PCITY", "STEWARD", "SUPERVISOR"):
        assert public <= _values(await put(ASK % "", role)), role


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    few=st.frozensets(st.sampled_from(sorted(CLASSES))),
    more=st.frozensets(st.sampled_from(sorted(CLASSES))),
    role=st.sampled_from(["ANALYST", "DEPT", "PCITY"]),
    purpose=st.sampled_from(["P3", "P8"]),
)
async def test_fewer_kinds_never_show_more(
    put: Put, few: frozenset[str], more: frozenset[str], role: str, purpose: str
) -> None:
    name = {"ANALYST": "government_kinds", "DEPT": "application_kinds", "PCITY": "shared_kinds"}[
        role
    ]
    if role == "DEPT" and not few:
        return
    question = ASK % ""
    small = _values(await put(question, role, purpose=purpose, **{name: few}))
    large = _values(await put(question, role, purpose=purpose, **{name: few | more}))
    assert small <= large
