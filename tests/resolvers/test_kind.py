"""Adding a kind is adding its declaration: type, filter, columns and answers follow from it."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import uuid4

import orjson

from resolvers.context import Context
from resolvers.operation import Operations
from schema.definition import CreditSchema
from schema.records import kinds
from schema.records.double_publicity import issuer_block, source_block, subject_block
from store.hot import ensure_hot_columns
from store.kind import Code, CodeList, Field, FieldType, Kind, Kinds, Visibility

_RESULT = CodeList(
    "InspectionResult", "检查结果", (Code("CLEAN", "未发现问题"), Code("ORDERED", "责令改正"))
)
INSPECTION = Kind(
    name="inspection",
    label="行政检查",
    type_name="Inspection",
    plural="inspections",
    natural_key=("document_no",),
    includes_subject=True,
    negative=False,
    fields=(
        *subject_block("JC"),
        Field("document_no", "检查文号", envelope="document_no", required=True),
        Field("result_code", "检查结果", FieldType.CODE, codes=_RESULT, hot=True),
        Field("inspected_on", "检查日期", FieldType.DATE, hot=True),
        Field("headcount", "检查人数", FieldType.INTEGER),
        Field("joint", "联合检查", FieldType.BOOLEAN, visibility=Visibility.GOVERNMENT),
        Field("owed", "欠缴(元)", FieldType.DECIMAL, unit="元"),
        Field("inspectors", "检查人员", visibility=Visibility.INTERNAL),
        *issuer_block("JC_JG", "JC_JGDM", "检查机关", "检查机关代码"),
        *source_block("JC_LY", "JC_LYDM"),
    ),
)


async def test_a_declared_kind_is_asked_for_like_any_other(pool: Any, scope_of: Any) -> None:
    served = Kinds.of([*kinds(), INSPECTION])
    operations = Operations(CreditSchema(served))
    subject = uuid4()
    fields = {"headcount": 3, "joint": True, "owed": "12.50", "inspectors": "李四"}
    async with pool.acquire() as connection:
        await ensure_hot_columns(connection, served)
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            """INSERT INTO record (subject_id, record_id, kind, origin_region, subject_category,
               reported_name, document_no, source_unit_name, source_unit_uscc, decision_date,
               received_at, class, display_from, status, fields, commitment, stamp, batch_sha,
               line_no, digest, x_result_code, x_inspected_on)
               VALUES ($1, $1, 'inspection', '210500', 'LEGAL_ENTITY', '甲', '检1', '局', '1',
               '2026-02-02', now(), 'O', '2026-02-02', 'VALID', $2, 'c', now(), 's', 1, 'd',
               'ORDERED', '2026-02-01')""",
            subject,
            orjson.dumps(fields).decode(),
        )

        document = """{ inspections(filter: {resultCode: [ORDERED], inspectedOnMin: "2026-02-01"}) {
            nodes { kind documentNo resultCode inspectedOn headcount joint inspectors
                    owed { value unit } } } }"""
        told = {}
        for role in ("PUB", "ANALYST", "STEWARD"):
            scope = scope_of(role)
            plan = operations.prepare(document, None, scope)
            context = Context(connection, scope, dt.date(2026, 6, 30), b"k" * 32)
            told[role] = orjson.loads((await plan.run(context, {})).body)
        await transaction.rollback()
    shown = {
        "kind": "inspection",
        "documentNo": "检1",
        "resultCode": "ORDERED",
        "inspectedOn": "2026-02-01",
        "headcount": 3,
        "joint": None,
        "inspectors": None,
        "owed": {"value": "12.5", "unit": "YUAN"},
    }
    office = {**shown, "joint": True}
    assert told["PUB"] == {"data": {"inspections": {"nodes": [shown]}}}
    assert told["ANALYST"] == {"data": {"inspections": {"nodes": [office]}}}
    steward = {**office, "inspectors": "李四"}
    assert told["STEWARD"] == {"data": {"inspections": {"nodes": [steward]}}}
