"""A database with hot columns and rule sets, a cipher with fixed keys, and files made in place."""

from __future__ import annotations

import csv
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from schema.records import kinds
from store.intake import ImportSummary, import_paths

TODAY = date(2026, 6, 30)
BENXI = "210500"
REGIONS = {"benxi": BENXI, "shenyang": "210100"}


class FixedCipher:
    """The cipher protocol with fixed keys, so that two databases can be compared."""

    def encrypt(self, plain: str, context: bytes) -> bytes:
        nonce = hmac.digest(b"nonce", plain.encode(), "sha256")[:12]
        return nonce + AESGCM(b"0" * 32).encrypt(nonce, plain.encode(), context)

    def blind_index(self, kind: str, value: str) -> str:
        return f"k1:{hmac.digest(b'index', f'{kind}:{value}'.encode(), 'sha256').hex()}"

    def blind_indexes(self, kind: str, value: str) -> tuple[str, ...]:
        return (self.blind_index(kind, value),)

    def digest(self, content: bytes) -> bytes:
        return hmac.digest(b"digest", content, "sha256")


@pytest.fixture
def cipher() -> FixedCipher:
    return FixedCipher()


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool[Any]]:
    async with asyncpg.create_pool(database, min_size=1, max_size=4) as made:
        yield made


async def take_world(pool: asyncpg.Pool[Any], world: Path, city: str) -> ImportSummary:
    """Import what the departments of one of the world's cities sent, at the world's date."""
    return await import_paths(
        pool,
        [world / "feeds" / city],
        kinds=kinds(),
        cipher=FixedCipher(),
        region=REGIONS[city],
        platform=city,
        today=TODAY,
        report_dir=world / city,
    )


Take = Callable[..., Awaitable[ImportSummary]]


@pytest.fixture
def take(pool: asyncpg.Pool[Any], cipher: FixedCipher, tmp_path: Path) -> Take:
    """Import files into this test's database as Benxi at the world's date."""

    async def run(*paths: Path, **options: Any) -> ImportSummary:
        return await import_paths(
            options.pop("pool", pool),
            list(paths),
            kinds=kinds(),
            cipher=cipher,
            region=options.pop("region", BENXI),
            platform="benxi",
            today=TODAY,
            report_dir=options.pop("report_dir", tmp_path / "reports"),
            **options,
        )

    return run


@pytest.fixture
def sheet(tmp_path: Path) -> Callable[..., Path]:
    """Write rows as a CSV file; the headers are the keys of the first row."""

    def write(
        name: str,
        rows: Sequence[Mapping[str, object]],
        *,
        encoding: str = "utf-8",
        line_end: str = "\n",
    ) -> Path:
        path = tmp_path / name
        headers = list(rows[0])
        with path.open("w", encoding=encoding, newline="") as file:
            writer = csv.DictWriter(file, headers, restval="", lineterminator=line_end)
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write
