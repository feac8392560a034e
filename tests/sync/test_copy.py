"""Copies of a partner's records: what is signed into its feed is still not taken for a record."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from sync.copy import apply_changes
from sync.errors import MirrorError
from sync.leaf import Operation
from sync.page import ReadChange

from .conftest import BENXI, TODAY, City, copies, penalty


async def test_what_is_no_record_is_refused(benxi: City, shenyang: City, agreed: bytes) -> None:
    await benxi.say(penalty(1))
    await benxi.build()
    row = await benxi.pool.fetchval("SELECT disclosures::text FROM feed_payload")
    told = {name: value for _, name, value in orjson.loads(row)}
    identity = await benxi.pool.fetchval("SELECT record_id FROM record")

    async def apply(operation: Operation = Operation.UPSERT, index: int = 0, **changed: Any) -> int:
        fields = {**told, **{name.replace("_", "."): value for name, value in changed.items()}}
        change = ReadChange(index, "penalty", operation, identity, fields, bytes(32))
        async with shenyang.pool.acquire() as connection, connection.transaction():
            return await apply_changes(
                connection, [change], feed="their feed", region=BENXI, kinds=shenyang.kinds,
                cipher=shenyang.cipher, on=TODAY,
            )  # fmt: skip

    wrongs: tuple[dict[str, Any], ...] = (
        {"objection": "yes"},
        {"decisionDate": 5},
        {"decisionDate": "yesterday"},
        {"documentNo": "another"},
        {"class": "A"},
        {"receivedAt": "2026-06-01T00:00:00"},
        {"subjectCodes": "reg_no"},
        {"subjectCodes": ["ab"]},
        {"subjectCodes": []},
        {"subjectCodes": [["reg_no"]]},
        {"subjectCodes": [["reg_no", "1"], ["their own", "1"]]},
        {"subjectCodes": [["person_number", "k1:00aa"]]},
        {"subjectCodes": [["loan_no", "1"]]},
        {"subjectCodes": [["placeholder", "name:演示企业1"]]},
        {"sourceUnitName": None},
        {"receivedAt": "0001-01-01T00:00:00+14:00"},
        {"statedAt": "9999-12-31T23:59:59-12:00"},
        {"reportedName": "a\0b"},
        {"fields_facts": "a\0b"},
        {"fields_facts": ["a"]},
        {"fields_performed": "true"},
        {"fields_fineAmount": "NaN"},
        {"fields_fineAmount": 0.5},
        {"fields_penaltyTypes": "FINE"},
        {"fields_penaltyTypes": ["FINE", "DEATH"]},
        {"fields_pubDeadline": "soon"},
    )
    for wrong in wrongs:
        with pytest.raises(MirrorError) as caught:
            await apply(**wrong)
        assert caught.value.code == "FEED_MALFORMED", wrong
    assert await copies(shenyang) == []
    ended = {"reason": " ", "endedOn": "2026-06-30"}
    assert await apply() == 1
    for wrong in (ended, {**ended, "reason": "x", "statedAt": "0001-01-01T00:00:00+14:00"}):
        with pytest.raises(MirrorError) as caught:
            await apply(Operation.TOMBSTONE, 1, **wrong)
        assert caught.value.code == "FEED_MALFORMED", wrong
    assert [row["document_no"] for row in await copies(shenyang)] == [told["documentNo"]]
