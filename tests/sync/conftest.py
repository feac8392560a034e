"""Two cities in two databases, and the statements that a department of the first one makes."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from schema.records import kinds
from security.field_encryption import FieldCipher
from security.keys import KeyFolder
from security.tlog.note import NoteSigner
from store.edition import load_demo_catalogues
from store.hot import ensure_hot_columns
from store.kind import Kinds
from store.pool import open_pool
from store.record import RecordStatement, apply_records
from store.statement import Order, Party
from sync.agreement import AgreementParty, PartyKeys, record_agreement
from sync.demo import demo_agreement
from sync.feed import advance
from sync.feed_log import FeedLog
from tests.databases import Databases

BENXI, SHENYANG = "210500", "210100"
TODAY = date(2026, 6, 30)
ISSUER = "11210500XD0000001K"


@dataclass(frozen=True)
class City:
    """A node of a test: its database, its keys."""

    region: str
    name: str
    dsn: str
    pool: asyncpg.Pool[Any]
    folder: Path
    cipher: FieldCipher
    kinds: Kinds
    agreement_key: NoteSigner
    feed_key: NoteSigner
    acknowledgement_key: NoteSigner

    @property
    def party(self) -> AgreementParty:
        keys = PartyKeys(
            self.agreement_key.verifier, self.feed_key.verifier, self.acknowledgement_key.verifier
        )
        return AgreementParty(self.region, self.name, keys)

    @property
    def feed_folder(self) -> Path:
        return self.folder / "feed"

    async def say(self, *statements: RecordStatement) -> None:
        """Apply statements of this city's departments."""
        async with self.pool.acquire() as connection, connection.transaction():
            await apply_records(connection, statements, kinds=self.kinds, cipher=self.cipher)

    async def build(self, today: date = TODAY, chunk: int = 500) -> None:
        """Take everything that is waiting into the feed, then publish."""
        async with self.pool.acquire() as connection:
            feed = await FeedLog.open(connection, self.feed_folder, self.feed_key)
            try:
                more = True
                while more:
                    step = await advance(
                        connection, kinds=self.kinds, region=self.region, today=today, chunk=chunk
                    )
                    more = step.more
                await feed.publish(connection)
            finally:
                feed.close()


def signer(name: str) -> NoteSigner:
    return NoteSigner(name, Ed25519PrivateKey.generate())


def penalty(
    number: int,
    *,
    day: int = 1,
    fine: str = "0.2",
    region: str = BENXI,
    codes: tuple[tuple[str, str], ...] | None = None,
    **changes: Any,
) -> RecordStatement:
    """Penalty number `number` of firm `number % 7`, as stated on a day of June 2026."""
    firm = number % 7
    document_no = f"本市监罚〔2026〕{number}号"
    fields = {
        "violationType": "演示违法行为",
        "facts": "演示事实",
        "legalBasis": "演示依据",
        "penaltyTypes": ["FINE"],
        "content": f"罚款{fine}万元",
        "fineAmount": fine,
        "pubDeadline": "2027-06-01",
        "procedure": "ORDINARY",
        "performed": True,
    }
    statement = RecordStatement(
        kind="penalty",
        party=Party(
            "LEGAL_ENTITY", f"演示企业{firm}", codes or (("reg_no", f"21050000000{firm}"),)
        ),
        order=Order(
            datetime(2026, 6, day, tzinfo=UTC), hashlib.sha256(f"{day}".encode()).digest(), number
        ),
        origin_region=region,
        reported_name=f"演示企业{firm}",
        natural_key=(document_no,),
        source_unit_name="演示市场监督管理局",
        source_unit_uscc=ISSUER,
        received_at=datetime(2026, 6, day, tzinfo=UTC),
        fields=fields,
        document_no=document_no,
        issuer_name="演示市场监督管理局",
        issuer_uscc=ISSUER,
        decision_date=date(2026, 6, 1),
        visibility="O",
        severity="ORDINARY",
        rule_set_id="R2026",
        display_from=date(2026, 6, 1),
        display_min_until=date(2026, 9, 1),
        display_until=date(2027, 6, 1),
        query_until=date(2031, 6, 1),
    )
    return replace(statement, **changes)


def later(statement: RecordStatement, days: int, **changes: Any) -> RecordStatement:
    """The same record, stated again some days later."""
    order = replace(statement.order, stamp=statement.order.stamp + timedelta(days=days))
    return replace(statement, order=order, **changes)


async def _city(region: str, name: str, node: str, dsn: str, folder: Path) -> City:
    pool = await open_pool(dsn, max_size=4)
    declared = kinds()
    async with pool.acquire() as connection:
        await ensure_hot_columns(connection, declared)
    keys = KeyFolder(folder / "keys")
    return City(
        region=region,
        name=name,
        dsn=dsn,
        pool=pool,
        folder=folder,
        cipher=FieldCipher(keys),
        kinds=declared,
        agreement_key=keys.note_signer(f"xinqiao.{node}/agreement", "agreement"),
        feed_key=keys.note_signer(f"xinqiao.{node}/feed", "feed"),
        acknowledgement_key=keys.note_signer(f"xinqiao.{node}/acknowledgement", "acknowledgement"),
    )


# Emptied before each test: two databases of their own for each would cost a second per test.
EMPTIED = (
    "agreement, catalogue_edition, feed_leaf, feed_payload, feed_record, feed_acknowledgement,"
    " mirror_cursor, mirror_applied, partner_state, record, record_version, subject, identifier,"
    " organisation, organisation_version, organisation_name, person, person_alias, relation,"
    " relation_version, restriction, quality_issue, outbox,"
    " outbox_position, key_registry, caller"
)


@pytest.fixture(scope="session")
async def addresses(databases: Databases) -> AsyncIterator[tuple[str, str]]:
    """The addresses of two migrated databases that these tests share."""
    async with databases.fresh() as one, databases.fresh() as two:
        yield one, two


async def _emptied(city: City) -> None:
    tables = EMPTIED.split(", ")
    statements = [f"DELETE FROM {table}" for table in tables]
    await city.pool.execute(
        "; ".join(statements)
        + "; UPDATE feed_state SET size = 0, range_hashes = '', items = '{}', swept_on = NULL,"
        " sweep_after = NULL, offer_again = '{}', retract = '{}', shifted_at = 0"
    )
    async with city.pool.acquire() as connection:
        await load_demo_catalogues(connection, city.kinds, city.region, TODAY)


@pytest.fixture
async def benxi(addresses: tuple[str, str], tmp_path: Path) -> AsyncIterator[City]:
    city = await _city(BENXI, "本溪市", "benxi", addresses[0], tmp_path / "benxi")
    await _emptied(city)
    yield city
    await city.pool.close()


@pytest.fixture
async def shenyang(addresses: tuple[str, str], tmp_path: Path) -> AsyncIterator[City]:
    city = await _city(SHENYANG, "沈阳市", "shenyang", addresses[1], tmp_path / "shenyang")
    await _emptied(city)
    yield city
    await city.pool.close()


@pytest.fixture
async def agreed(benxi: City, shenyang: City) -> bytes:
    """The demo's agreement, recorded by both cities."""
    note = demo_agreement(
        (benxi.party, shenyang.party), (benxi.agreement_key, shenyang.agreement_key)
    )
    for city in (benxi, shenyang):
        async with city.pool.acquire() as connection:
            await record_agreement(connection, note, kinds=city.kinds)
    return note


async def copies(city: City, region: str = BENXI) -> list[dict[str, Any]]:
    """The content of the records of a region as they stand in a city, without local marks."""
    rows = await city.pool.fetch(
        """
        SELECT r.record_id, r.status, r.document_no, r.reported_name, r.class, r.display_until,
               r.query_until, r.decision_date, r.fields::text AS fields, r.x_fine_amount,
               r.remark, r.issuer_uscc, r.subject_category,
               (SELECT array_agg(i.scheme || ':' || i.value ORDER BY 1) FROM identifier i
                WHERE i.subject_id = r.subject_id) AS codes
        FROM record r WHERE r.origin_region = $1 ORDER BY r.record_id
        """,
        region,
    )
    return [dict(row) for row in rows]
