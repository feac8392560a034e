"""A small town, written by hand: what each role sees of it is known without any code of ours."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, UUID, uuid5

import asyncpg
import orjson
import pytest

from resolvers.answer import Answer
from resolvers.context import Context
from resolvers.operation import Operations
from schema.definition import CreditSchema
from schema.records import kinds
from security.policy import Grounds, Policy, Reach, Role, Scope, load_policy
from service.world import write_world
from store.hot import ensure_hot_columns
from store.name import bigrams
from store.pool import open_pool
from store.simplified import searched_name
from store.wall import raise_walls
from tests.databases import Databases
from tests.resolvers.walled import Walled
from tests.store.conftest import REGIONS, take_world

TODAY = dt.date(2026, 6, 30)
_STAMP = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_ORDER = {"stamp": _STAMP, "batch_sha": b"s", "line_no": 1}


def uid(name: str) -> UUID:
    return uuid5(NAMESPACE_DNS, name)


def ref(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:16]


async def _insert(connection: Any, table: str, **values: Any) -> None:
    names = ", ".join(values)
    marks = ", ".join(f"${i + 1}" for i in range(len(values)))
    await connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", *values.values())


async def _subject(connection: Any, name: str, category: str, *codes: tuple[str, str]) -> None:
    await _insert(
        connection, "subject", subject_id=uid(name), category=category, audit_ref=ref(name)
    )
    for index, (scheme, value) in enumerate(codes):
        await _insert(
            connection,
            "identifier",
            scheme=scheme,
            value=value,
            subject_id=uid(name),
            is_first=index == 0,
            is_open=not scheme.startswith("person"),
        )


async def _organisation(connection: Any, key: str, name: str, uscc: str, **more: Any) -> None:
    category = more.pop("category", "LEGAL_ENTITY")
    codes = [("uscc", uscc), ("org_code", uscc[8:17]), *more.pop("codes", [])]
    await _subject(connection, key, category, *codes)
    given = {
        "subject_id": uid(key),
        "category": category,
        "name": name,
        "uscc": uscc,
        "region_id": "210500",
        "origin_region": "210500",
        "registered": True,
        "audit_ref": ref(key),
        "digest": b"d",
        **_ORDER,
        **more,
    }
    await _insert(connection, "organisation", **given)
    await _insert(
        connection,
        "organisation_name",
        subject_id=uid(key),
        name=name,
        plain=searched_name(name),
        is_former=False,
        bigrams=bigrams(name),
    )


async def _person(connection: Any, key: str, name: str, *codes: tuple[str, str]) -> None:
    await _subject(connection, key, "NATURAL_PERSON", *codes)
    await _insert(
        connection,
        "person",
        subject_id=uid(key),
        name=name,
        is_stub=False,
        origin_region="210500",
        audit_ref=ref(key),
        **_ORDER,
    )


async def _relation(connection: Any, kind: str, source: str, target: str, **more: Any) -> None:
    key = more.pop("key", f"{kind}{source}{target}")
    given = {
        "relation_id": uid(key),
        "kind": kind,
        "origin_region": "210500",
        "class": "O",
        "source_unit_name": "市场监管局",
        "source_unit_uscc": "11210500XD0000001A",
        "digest": b"d",
        **_ORDER,
        **more,
    }
    for direction, one, other in (("OUT", source, target), ("IN", target, source)):
        await _insert(
            connection,
            "relation",
            subject_id=uid(one),
            other_id=uid(other),
            direction=direction,
            **given,
        )


async def _forget(connection: Any, *names: str) -> None:
    """Take out again what a module put into the town: others count what is there."""
    ids = [uid(name) for name in names]
    for table in ("relation_version", "relation"):
        await connection.execute(
            f"DELETE FROM {table} WHERE relation_id IN"
            " (SELECT relation_id FROM relation WHERE subject_id = ANY($1))",
            ids,
        )
    for table in ("organisation", "organisation_name", "person", "identifier", "subject"):
        await connection.execute(f"DELETE FROM {table} WHERE subject_id = ANY($1)", ids)


async def _record(connection: Any, key: str, subject: str, kind: str, **more: Any) -> None:
    given = {
        "subject_id": uid(subject),
        "record_id": uid(key),
        "kind": kind,
        "origin_region": "210500",
        "subject_category": "LEGAL_ENTITY",
        "reported_name": "本溪甲制造有限公司",
        "reported_code": "91210500XD00000011",
        "document_no": key,
        "issuer_name": "应急管理局",
        "issuer_uscc": "11210500XD0000002X",
        "source_unit_name": "应急管理局",
        "source_unit_uscc": "11210500XD0000002X",
        "decision_date": dt.date(2026, 1, 15),
        "received_at": dt.datetime(2026, 1, 20, 1, 2, 3, tzinfo=dt.UTC),
        "class": "O",
        "display_from": dt.date(2026, 1, 15),
        "status": "VALID",
        "fields": "{}",
        "commitment": b"c",
        "digest": b"d",
        "query_until": dt.date(2031, 1, 15),
        **_ORDER,
        **more,
    }
    await _insert(connection, "record", **given)


async def _fill(connection: Any) -> None:
    for id_, name, kind, parent in (
        ("210000", "辽宁省", "PROVINCE", None),
        ("210500", "本溪市", "PREFECTURE", "210000"),
        ("210504", "明山区", "COUNTY", "210500"),
        ("210100", "沈阳市", "PREFECTURE", "210000"),
    ):
        await _insert(
            connection,
            "region",
            region_id=id_,
            gbt2260_code=id_,
            name=name,
            kind=kind,
            parent_id=parent,
        )
    await _insert(
        connection,
        "unit",
        unit_id="11210500XD0000002X",
        name="应急管理局",
        region_id="210500",
        is_source=True,
        is_issuer=True,
    )
    await _organisation(
        connection,
        "a",
        "本溪甲制造有限公司",
        "91210500XD00000011",
        region_id="210504",
        registered_capital=Decimal("1200.500000"),
        currency="CNY",
        established_on=dt.date(2001, 2, 3),
        industry="C3110",
        entity_type="公司",
        reg_status="存续",
        legal_rep_name="欧阳明",
        codes=[("reg_no", "210500000000001"), ("lei", "LEI0A")],
    )
    await _insert(
        connection,
        "organisation_name",
        subject_id=uid("a"),
        name="本溪旧名厂",
        plain="本溪旧名厂",
        is_former=True,
        bigrams=["本溪", "溪旧", "旧名", "名厂"],
    )
    await _organisation(
        connection,
        "b",
        "沈阳乙控股有限公司",
        "91210100XD00000022",
        region_id="210100",
        established_on=dt.date(1999, 1, 1),
        industry="L7212",
        codes=[("finbench-company", "423")],
    )
    await _organisation(connection, "c", "沈阳丙集团有限公司", "91210100XD00000033")
    await _organisation(
        connection,
        "d",
        "明山区丁小吃店",
        "92210504XD00000044",
        category="INDIVIDUAL_BUSINESS",
        address="明山区某街1号",
    )
    await _organisation(connection, "e", "本溪戊担保对象", "91210500XD00000055", registered=False)
    await _person(connection, "p", "欧阳明", ("finbench-person", "755"))
    await _person(connection, "z", "张三")
    common = {"subscribed": Decimal("600.0"), "currency": "CNY"}
    await _relation(
        connection, "HOLDS", "b", "a", share_min=Decimal("0.6"), share_max=Decimal("0.6"), **common
    )
    await _relation(
        connection, "HOLDS", "p", "a", share_min=Decimal("0.4"), share_max=Decimal("0.400000000000")
    )
    await _relation(connection, "HOLDS", "c", "b", share_min=Decimal(0), share_max=Decimal(1))
    await _relation(
        connection,
        "HOLDS",
        "z",
        "a",
        key="old",
        valid_to=dt.date(2020, 1, 1),
        share_max=Decimal("0.1"),
    )
    await _relation(
        connection, "HOLDS", "d", "b", share_min=Decimal("0.25"), share_max=Decimal("0.25")
    )
    await _relation(connection, "LEGAL_REP_OF", "p", "a", position="法定代表人")
    await _relation(connection, "OFFICER_OF", "z", "a", position="监事")
    await _relation(connection, "BRANCH_OF", "d", "a")
    await _relation(connection, "GUARANTEES", "a", "e", **{"class": "G"})
    fine = {"x_fine_amount": Decimal("0.200000"), "x_penalty_types": ["FINE", "WARNING"]}
    body = {"facts": "未按规定", "content": "罚款2000元", "performed": True, "reviewStatus": "NONE"}
    await _record(
        connection,
        "罚1",
        "a",
        "penalty",
        severity="ORDINARY",
        fields=orjson.dumps(body).decode(),
        remark="内部备注",
        display_until=dt.date(2027, 1, 15),
        **fine,
    )
    await _record(  # display ended: offices still see it
        connection,
        "罚2",
        "a",
        "penalty",
        display_until=dt.date(2026, 6, 30),
        decision_date=dt.date(2025, 6, 30),
        **fine,
    )
    await _record(  # minor: never displayed
        connection,
        "罚3",
        "a",
        "penalty",
        **{"class": "G"},
        display_from=None,
        decision_date=dt.date(2025, 3, 1),
    )
    await _record(connection, "罚4", "a", "penalty", status="WITHDRAWN")
    await _record(connection, "罚5", "a", "penalty", display_ended_on=dt.date(2026, 5, 1))
    await _record(  # a simple-procedure penalty is for stewards only
        connection,
        "罚6",
        "a",
        "penalty",
        **{"class": "I"},
    )
    await _record(
        connection,
        "罚7",
        "z",
        "penalty",
        **{"class": "G"},
        subject_category="NATURAL_PERSON",
        reported_name="张三",
        reported_code=None,
        display_from=None,
        **fine,
    )
    await _record(
        connection,
        "许1",
        "a",
        "licence",
        decision_date=dt.date(2024, 4, 4),
        display_from=dt.date(2024, 4, 4),
        x_licence_category="ORDINARY",
        x_licence_status="IN_FORCE",
        x_licence_valid_from=dt.date(2024, 4, 4),
        fields='{"content": "从事生产"}',
        screened='{"content": "从事生产"}',
    )
    await _record(  # a partner's statement stands beside ours
        connection,
        "许2",
        "a",
        "licence",
        origin_region="210100",
        decision_date=dt.date(2025, 4, 4),
        display_from=dt.date(2025, 4, 4),
    )


@pytest.fixture(scope="session")
async def town(databases: Databases) -> AsyncIterator[str]:
    """The address of the town's database."""
    async with databases.fresh() as dsn:
        connection = await asyncpg.connect(dsn)
        await ensure_hot_columns(connection, kinds())
        await raise_walls(connection, kinds())
        await _fill(connection)
        await connection.close()
        yield dsn


@pytest.fixture(scope="session")
async def pool(town: str) -> AsyncIterator[asyncpg.Pool[Any]]:
    """A pool on the town's database."""
    made = await open_pool(town, max_size=4, answering=True)
    yield made
    await made.close()


@pytest.fixture(scope="session")
def policy() -> Policy:
    return load_policy()


@pytest.fixture(scope="session")
def credit() -> CreditSchema:
    return CreditSchema(kinds())


@pytest.fixture(scope="session")
def operations(credit: CreditSchema) -> Operations:
    return Operations(credit)


@dataclass(frozen=True)
class Asked:
    """An answer as its reader has it."""

    answer: Answer
    data: Any
    errors: list[Any]

    @property
    def codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.errors]


Ask = Callable[..., Awaitable[Asked]]


KINDS = frozenset(kinds().by_name)
PURPOSES = {
    "PUB": None,
    "SELF": "P10",
    "AGENT": "P9",
    "ANALYST": "P12",
    "DEPT": "P2",
    "PCITY": "P3",
    "STEWARD": "P13",
    "AUDITOR": "P14",
    "SUPERVISOR": "P14",
}


@pytest.fixture(scope="session")
def scope_of(policy: Policy) -> Callable[..., Scope]:
    """The scope of a role: every kind stands in the catalogue, a partner shares penalties."""

    def made(
        role: str,
        *,
        case: str = "",
        agreement: str = "agreement-1",
        purpose: str | None = None,
        **grounds: Any,
    ) -> Scope:
        given = {"government_kinds": KINDS, **grounds}
        if role == "PCITY":
            given = {"agreement": agreement, "shared_kinds": frozenset({"penalty"}), **given}
        if role == "DEPT":
            given = {"application_kinds": KINDS, "actor": "李科员", "unit": "unit", **given}
        if role == "AGENT":
            given = {"authorisation": "a-1", "authorised_kinds": KINDS, **given}
        caller = "shenyang" if role == "PCITY" else role.lower()
        asked = purpose or PURPOSES[role]
        return policy.scope(caller, Role(role), asked, case, Grounds(**given), kinds=KINDS)

    return made


@pytest.fixture(scope="session")
def ask(pool: asyncpg.Pool[Any], operations: Operations, scope_of: Callable[..., Scope]) -> Ask:
    """Ask the town as a role."""

    async def asked(
        document: str,
        role: str = "PUB",
        *,
        case: str = "",
        name: str | None = None,
        today: dt.date = TODAY,
        agreement: str = "agreement-1",
        graph: Any = None,
        snapshots: Any = None,
        access: Any = None,
        hops: int | None = None,  # instead of the role's own
        purpose: str | None = None,
        grounds: dict[str, Any] | None = None,
        read_number: Any = None,
        **variables: Any,
    ) -> Asked:
        scope = scope_of(role, case=case, agreement=agreement, purpose=purpose, **(grounds or {}))
        if hops is not None:
            scope = replace(scope, row=replace(scope.row, hops=hops, walk=Reach.ALL))
        plan = operations.prepare(document, name, scope)
        context = Context(
            Walled(pool, scope.role, today),
            scope,
            today,
            b"k" * 32,
            graph=graph,
            snapshots=snapshots,
            access=access,
            read_number=read_number,
        )
        answer = await plan.run(context, variables)
        told = orjson.loads(answer.body)
        return Asked(answer, told.get("data"), told.get("errors", []))

    return asked


@dataclass(frozen=True)
class Known:
    """A node that knows the files of both cities, and the truth about them."""

    golden: dict[str, Any]
    root: Path
    ask: Callable[..., Awaitable[Any]]
    dsn: str
    pool: asyncpg.Pool[Any]


@pytest.fixture(scope="session")
async def known_worlds(
    databases: Databases,
    tmp_path_factory: pytest.TempPathFactory,
    operations: Operations,
    scope_of: Callable[..., Scope],
) -> AsyncIterator[Callable[[int], Awaitable[Known]]]:
    """The world of a seed, loaded when it is first asked for and kept."""
    found: dict[int, Known] = {}
    async with AsyncExitStack() as loaded:

        async def of(seed: int) -> Known:
            if seed not in found:
                out = tmp_path_factory.mktemp("world")
                opening = _known(seed, out, databases, operations, scope_of)
                found[seed] = await loaded.enter_async_context(opening)
            return found[seed]

        yield of


@pytest.fixture(params=[20201022, 7])
async def known(
    request: pytest.FixtureRequest, known_worlds: Callable[[int], Awaitable[Known]]
) -> Known:
    """Of each seed; of a fixture with parameters no more than one value would be kept."""
    return await known_worlds(request.param)


@asynccontextmanager
async def _known(
    seed: int,
    out: Path,
    databases: Databases,
    operations: Operations,
    scope_of: Callable[..., Scope],
) -> AsyncIterator[Known]:
    write_world("S", seed, out)
    async with databases.fresh() as dsn:
        pool = await open_pool(dsn, max_size=2, answering=True)
        for city in REGIONS:
            await take_world(pool, out, city)

        async def ask(document: str, role: str = "ANALYST", **variables: Any) -> Any:
            scope = scope_of(role, case="案1")
            plan = operations.prepare(document, None, scope)
            answer = await plan.run(Context(pool, scope, TODAY, b"k" * 32), variables)
            told = orjson.loads(answer.body)
            assert "errors" not in told, told
            return told["data"]

        golden = json.loads((out / "truth/golden.json").read_text("utf-8"))
        yield Known(golden, out, ask, dsn, pool)
        await pool.close()
