"""A random world: subjects, records and relations with every oddity that the tables allow."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import asyncpg

from schema.records import kinds as declared_kinds
from schema.records.double_publicity import issuer_block, source_block, subject_block
from store.identifiers.check_characters import uscc_check
from store.kind import Code, CodeList, Field, FieldType, Kind, Kinds, Visibility
from store.name import bigrams
from store.simplified import searched_name

TODAY = dt.date(2026, 6, 30)
_DAY = dt.timedelta(days=1)
_WORDS = (
    "本溪", "沈阳", "明山区", "甲", "乙", "丙", "丁", "制造", "控股", "小吃", "贸易", "有限公司",
    "有限责任公司", "厂", "Steel", "ａｂｃ", "𠮷野", "é", " ", "钢铁", "12", "\u3000",
)  # fmt: skip
_SURNAMES = ("欧阳", "张", "王", "司马", "买买提", "Anna", "李", "𠮷")
_GIVEN = ("明", "三", "小红", "", "·阿里", "-Maria", "伟")
_TEXTS = ("", "甲", 'a"b\\c\n\t', "未按规定", "\x01控制", "</script>", "长" * 300, "𠮷", "０")
_ISSUERS = (
    ("应急管理局", "11210500XD0000002X"),
    ("市场监管局", None),
    (None, "11210100XD0000003Y"),
)
DAYS = (
    None, TODAY, TODAY - _DAY, TODAY + _DAY, TODAY - 400 * _DAY, TODAY + 400 * _DAY,
    TODAY - 30 * _DAY, dt.date(2012, 2, 29), dt.date(2026, 1, 15),
)  # fmt: skip
_NUMBERS = (
    None, Decimal(0), Decimal("0.200000"), Decimal("1200.500000"), Decimal("-3.05"),
    Decimal("12345678901234.123456"), Decimal(1000000),
)  # fmt: skip
_SHARES = (
    None, Decimal(0), Decimal(1), Decimal("0.4"), Decimal("0.400000000000"), Decimal("0.25"),
    Decimal("0.333333333333"), Decimal("0.6"),
)  # fmt: skip
REGIONS = ("210000", "210500", "210504", "210100", "210102", "zone-1", "110000")
UNITS = ("11210500XD0000002X", "11210100XD0000003Y", "11210500XD0000004A")
SCHEMES = ("SY-1000", "BX-ABC")
_ALL = "OGARI"
_LEVELS = CodeList("RandomLevel", "级别", (Code("HIGH", "高"), Code("LOW", "低")))
ITEMS = tuple(
    Kind(
        name=name,
        label=label,
        type_name="CatalogRecord",
        plural="catalogRecords",
        natural_key=("document_no",),
        includes_subject=True,
        negative=False,
        run_time=True,
        class_of_organisations=class_,
        report_within=within,
        fields=(
            *subject_block("ZZ"),
            Field("document_no", "文号", envelope="document_no", required=True),
            Field("level", "级别", FieldType.CODE, codes=_LEVELS),
            Field("levels", "各级别", FieldType.CODES, codes=_LEVELS),
            Field("amount", "金额", FieldType.DECIMAL, unit="万元"),
            Field("rate", "比率", FieldType.DECIMAL, visibility=Visibility.GOVERNMENT),
            Field("told", "说明", screened=True),
            Field("secret_note", "内部", visibility=Visibility.INTERNAL),
            Field("agreed", "授权", FieldType.BOOLEAN, visibility=Visibility.AUTHORISED),
            Field("count_of", "数目", FieldType.INTEGER),
            *issuer_block("ZZ_JG", "ZZ_JGDM", "机关", "机关代码"),
            *source_block("ZZ_LY", "ZZ_LYDM"),
        ),
    )
    for name, label, class_, within in (
        ("mine_safety", "矿山安全", Visibility.OPEN, 7),
        ("old_houses", "老旧房屋", Visibility.GOVERNMENT, None),
    )
)


def served() -> Kinds:
    """All declared kinds, and two of the city's own."""
    return Kinds.of([*declared_kinds(), *ITEMS])


@dataclass
class World:
    """What a random question may name."""

    kinds: Kinds
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    codes: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    cursors: dict[str, list[str]] = field(default_factory=dict)

    def ids(self, table: str, column: str = "subject_id") -> list[UUID]:
        return [row[column] for row in self.rows[table]]

    def values(self, table: str, column: str) -> list[Any]:
        return sorted({row[column] for row in self.rows[table] if row[column] is not None})

    async def write(self, connection: asyncpg.Connection[Any]) -> None:
        """Put the world in the place of whatever the database held."""
        tables = [name for name in self.rows if name != "working_day"]
        await connection.execute(f"TRUNCATE {', '.join(tables)}")
        for table in tables:
            rows = self.rows[table]
            columns = list(dict.fromkeys(name for row in rows for name in row))
            await connection.copy_records_to_table(
                table,
                records=[tuple(row.get(name) for name in columns) for row in rows],
                columns=columns,
            )
        await connection.execute("ANALYZE")


class _Maker:
    """Makes the rows of one world."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.world = World(served())
        self.add = self.world.rows

    def put(self, table: str, **row: Any) -> dict[str, Any]:
        self.add.setdefault(table, []).append(row)
        return row

    def one(self, of: Sequence[Any]) -> Any:
        return self.random.choice(of)

    def often(self, share: float) -> bool:
        return self.random.random() < share

    def uuid(self) -> UUID:
        return UUID(int=self.random.getrandbits(128), version=4)

    def ref(self) -> bytes:
        return self.random.randbytes(16)

    def stamp(self) -> dict[str, Any]:
        instant = dt.datetime(2026, 1, 20, tzinfo=dt.UTC)
        instant += dt.timedelta(seconds=self.random.randrange(10**7))
        return {"stamp": instant, "batch_sha": b"s", "line_no": 1}

    def uscc(self) -> str:
        body = "91210500" + "".join(self.random.choices("0123456789ABCDEFGH", k=9))
        return body + uscc_check(body)

    def name(self) -> str:
        words = self.random.choices(_WORDS, k=self.random.randrange(2, 5))
        return "".join(words).strip() or "甲乙"

    def subject(self, category: str, merged: UUID | None = None) -> dict[str, Any]:
        return self.put(
            "subject",
            subject_id=self.uuid(),
            category=category,
            merged_into=merged,
            audit_ref=self.ref(),
        )

    def code(self, subject: UUID, scheme: str, value: str, *, open_: bool = True) -> None:
        key = (value, scheme, subject)
        held = {(r["value"], r["scheme"], r["subject_id"]) for r in self.add.get("identifier", ())}
        if key in held:
            return
        self.put(
            "identifier", value=value, scheme=scheme, subject_id=subject, is_open=open_,
            is_first=False,
        )  # fmt: skip
        bare = scheme in ("uscc", "org_code", "reg_no", "tax_no", "lei")
        self.world.codes += [value if bare else f"{scheme}:{value}", f"{scheme}:{value}"]

    # The tables.

    def reference(self) -> None:
        parents = (None, "210000", "210500", "210000", "210100", "210500", None)
        levels = ("PROVINCE", "PREFECTURE", "COUNTY", "PREFECTURE", "COUNTY", "FUNCTIONAL_ZONE")
        for id_, parent, level in zip(REGIONS, parents, (*levels, "PROVINCE"), strict=True):
            self.put(
                "region", region_id=id_, gbt2260_code=id_ if id_.isdigit() else None,
                name=f"区划{id_}", kind=level, parent_id=parent, valid_from=self.one(DAYS),
                valid_to=self.one((None, None, TODAY, TODAY + _DAY)),
            )  # fmt: skip
        for id_ in UNITS:
            self.put(
                "unit", unit_id=id_, name=self.one(("应急管理局", "市场监管局")),
                region_id=self.one((None, *REGIONS)), is_source=self.often(0.5),
                is_issuer=self.often(0.5),
            )  # fmt: skip
        for scheme in SCHEMES:
            self.put(
                "grading_scheme", scheme=scheme, version="1", name=scheme,
                region_id=self.one((None, "210500")), scale=self.one(("ORDINAL", "NUMERIC")),
                grades=["A", "B"], minimum=Decimal("0.00"), maximum=self.one(_NUMBERS),
            )  # fmt: skip
        for number in (1, 2):
            self.put(
                "agreement", agreement_id=f"agreement-{number}", note=b"n",
                parties=["210500", "210100"] if number == 1 else ["210500", "210600"],
                valid_from=dt.date(2025, 1, 1), valid_to=self.one((None, TODAY, TODAY + _DAY)),
            )  # fmt: skip
        for number in range(4):
            self.put(
                "grade_mapping", mapping_id=f"m{number}", note=b"n",
                agreement_id=f"agreement-{1 + number // 3}", scheme=self.one(SCHEMES),
                version=self.one(("1", "2")),
                purposes=self.random.sample(["P1", "P3", "P4", "P12"], k=2),
                valid_from=dt.date(2025, 1, 1), valid_to=self.one((None, None, TODAY)),
            )  # fmt: skip
            low = Decimal(0)
            for position, band in enumerate(("POOR", "FAIR", "GOOD", "EXCELLENT")):
                self.put(
                    "grade_mapping_row", mapping_id=f"m{number}", position=position,
                    grade="ABCD"[3 - position] if self.often(0.6) else None, low=low,
                    below=low + 250 if position < 3 else None, band=band,
                )  # fmt: skip
                low += 250

    def organisations(self) -> None:
        for _ in range(22):
            business = self.often(0.25)
            category = "INDIVIDUAL_BUSINESS" if business else "LEGAL_ENTITY"
            subject = self.subject(category)
            uscc = self.uscc() if self.often(0.85) else None
            id_ = subject["subject_id"]
            name = self.name()
            org_code = uscc[8:17] if uscc else None
            if uscc and self.often(0.9):
                self.code(id_, "uscc", uscc)
            elif uscc:  # nobody carries it: met by the organisation code that it embeds
                self.world.codes.append(uscc)
            if org_code:
                self.code(id_, "org_code", org_code)
            if self.often(0.4):
                self.code(id_, "reg_no", self.one(("210500000000001", "2105000000002")))
            if self.often(0.2):
                self.code(id_, self.one(("finbench-company", "lei")), str(self.one(range(3))))
            if self.often(0.2):
                self.code(id_, "tax_no", "210500000000001", open_=self.often(0.5))
            self.put(
                "organisation", subject_id=id_, category=category, name=name, uscc=uscc,
                org_code=org_code, name_en=self.one((None, "Steel")),
                entity_type=self.one((None, "公司", "个体")),
                reg_status=self.one((None, "存续", "吊销")), established_on=self.one(DAYS),
                approved_on=self.one(DAYS), operating_to=self.one(DAYS),
                registered_capital=self.one(_NUMBERS), paid_in_capital=self.one(_NUMBERS),
                currency=self.one((None, "CNY", "USD")), address=self.one((None, *_TEXTS)),
                region_id=self.one((None, *REGIONS)),
                industry=self.one((None, "C3110", "C31", "L7212", "A01")),
                business_scope=self.one((None, *_TEXTS)), legal_rep_name=self.one((None, "欧阳明")),
                origin_region=self.one(("210500", "210100")), registered=self.often(0.7),
                source_unit_name=self.one((None, "市场监管局")), audit_ref=subject["audit_ref"],
                digest=b"d", **self.stamp(),
            )  # fmt: skip
            names = {name: False}
            for _ in range(self.random.randrange(3)):
                names.setdefault(self.name(), True)
            for told, former in names.items():
                self.put(
                    "organisation_name", subject_id=id_, name=told, plain=searched_name(told),
                    is_former=former, bigrams=bigrams(told),
                    valid_to=self.one(DAYS), valid_from=self.one(DAYS),
                )  # fmt: skip
        for _ in range(3):
            self.subject("LEGAL_ENTITY", merged=self.one(self.world.ids("organisation")))

    def persons(self) -> None:
        for number in range(9):
            subject = self.subject("NATURAL_PERSON")
            id_ = subject["subject_id"]
            name = self.one(_SURNAMES) + self.one(_GIVEN)
            stub = self.often(0.3)
            self.put(
                "person", subject_id=id_, name=name, is_stub=stub,
                stub_firm_id=self.one(self.world.ids("organisation")) if stub else None,
                id_type=self.one((None, "居民身份证")),
                id_number=None if stub else self.one((b"210502198001010018", b"G123", b"12")),
                birth_year=self.one((None, 1980)), gender=self.one((None, "男")),
                origin_region="210500", audit_ref=subject["audit_ref"], **self.stamp(),
            )  # fmt: skip
            if self.often(0.5):
                self.code(id_, "finbench-person", str(number))
            if self.often(0.5):
                self.code(id_, "person_number", f"index{number}", open_=False)
            if self.often(0.6):
                self.put(
                    "person_token", agreement_id="agreement-1", token=f"t{number}".encode(),
                    subject_id=id_,
                )  # fmt: skip
                self.world.tokens.append(f"t{number}")
        self.subject("NATURAL_PERSON", merged=self.one(self.world.ids("person")))

    def loans(self) -> None:
        for number in range(4):
            subject = self.subject("LOAN")
            self.put(
                "loan", subject_id=subject["subject_id"], loan_no=f"L{number}",
                amount=self.one(_NUMBERS), balance=self.one(_NUMBERS), currency=None,
                issued_on=self.one(DAYS), due_on=self.one(DAYS), origin_region="210500",
                audit_ref=subject["audit_ref"], **self.stamp(),
            )  # fmt: skip

    def relations(self) -> None:
        firms, people = self.world.ids("organisation"), self.world.ids("person")
        loans = self.world.ids("loan")
        for _ in range(110):
            kind = self.one(
                ("HOLDS", "HOLDS", "HOLDS", "LEGAL_REP_OF", "OFFICER_OF", "BRANCH_OF",
                 "GUARANTEES", "BORROWS")
            )  # fmt: skip
            sources = {
                "HOLDS": firms + people,
                "LEGAL_REP_OF": people,
                "OFFICER_OF": people,
                "BRANCH_OF": firms,
            }.get(kind, firms + people)
            source = self.one(sources)
            target = self.one(loans if kind == "BORROWS" else firms + people * (kind[0] == "G"))
            least, most = sorted(
                (self.one(_SHARES), self.one(_SHARES)),
                key=lambda s: Decimal(-1) if s is None else s,
            )
            if self.often(0.5):
                least = most
            relation = {
                "relation_id": self.uuid(),
                "kind": kind,
                "origin_region": self.one(("210500", "210500", "210100")),
                "class": self.one("OOOGGI"),
                "status": self.one(("VALID",) * 9 + ("WITHDRAWN",)),
                "share_min": least,
                "share_max": most,
                "share_stated": self.one(_SHARES),
                "subscribed": self.one(_NUMBERS[:5]),
                "amount": self.one(_NUMBERS),
                "currency": self.one((None, "CNY")),
                "position": self.one((None, "监事")),
                "valid_from": self.one((None, None, *DAYS)),
                "valid_to": self.one((None,) * 6 + DAYS),
                "source_unit_name": "市场监管局",
                "source_unit_uscc": "11210500XD0000001A",
                "digest": b"d",
                **self.stamp(),
            }
            for direction, one, other in (("OUT", source, target), ("IN", target, source)):
                self.put(
                    "relation", subject_id=one, other_id=other, direction=direction, **relation
                )

    def records(self) -> None:
        firms, people = self.add["organisation"], self.add["person"]
        popular = [self.one(firms), self.one(people)]
        every = [*self.world.kinds, *ITEMS, *([self.world.kinds.by_name["evaluation"]] * 6)]
        every += [self.world.kinds.by_name["penalty"]] * 5
        for number in range(300):
            kind = self.one(every)
            subject = self.one([*firms, *people, *popular * 3])
            person = subject in people
            self.record(number, kind, subject, person=person)

    def record(self, number: int, kind: Kind, subject: Mapping[str, Any], *, person: bool) -> None:
        issuer, issuer_uscc = self.one(_ISSUERS)
        name = subject["name"]
        code, code_type = self.one(
            ((None, None), (subject.get("uscc"), "uscc"), (subject.get("org_code"), "org_code"),
             ("2105-x", "reg_no"))
        )  # fmt: skip
        until = self.one(DAYS)
        decided = self.one(DAYS)
        row: dict[str, Any] = {
            "subject_id": subject["subject_id"],
            "record_id": self.uuid(),
            "kind": kind.name,
            "origin_region": self.one(("210500", "210500", "210100")),
            "origin_platform": self.one((None, "benxi")),
            "subject_category": "NATURAL_PERSON" if person else subject["category"],
            "reported_name": name,
            "reported_code": code if code_type else None,
            "reported_code_type": code_type if code else None,
            "document_no": self.one((None, f"文{number % 40}")),
            "issuer_name": issuer,
            "issuer_uscc": issuer_uscc,
            "source_unit_name": self.one(("应急管理局", "市场监管局")),
            "source_unit_uscc": self.one(UNITS),
            "decision_date": decided,
            "received_at": dt.datetime(2026, 1, 20, tzinfo=dt.UTC)
            + dt.timedelta(seconds=self.random.randrange(10**7), microseconds=5),
            "class": self.one("OOOOGGG" + _ALL),
            "severity": self.one((None, "MINOR", "ORDINARY", "SERIOUS")),
            "display_from": self.one((*DAYS, TODAY - 30 * _DAY)),
            "display_min_until": self.one(DAYS),
            "display_until": until,
            "display_ended_on": self.one((None,) * 8 + (TODAY, TODAY - 30 * _DAY)),
            "display_end_reason": self.one((None, "修复")),
            # The query clock never ends before the display (access rules §9).
            "query_until": None if until is None else until + self.one((0, 1, 700)) * _DAY,
            "status": self.one(("VALID",) * 9 + ("REPAIRED", "WITHDRAWN", "ARCHIVED", "DRAFT")),
            "objection": self.often(0.2),
            "remark": self.one((None, *_TEXTS)),
            "commitment": b"c",
            "digest": b"d",
            **self.stamp(),
        }
        fields: dict[str, Any] = {}
        screened: dict[str, Any] = {}
        for one in kind.own_fields:
            value = self.value(one)
            if one.type is FieldType.SECRET or value is None:
                continue
            fields[one.api_name] = _json(value)
            if one.screened and self.often(0.8):
                screened[one.api_name] = f"*{value}"[:50]
            if one.hot:
                row[f"x_{one.name}"] = value
        if kind.name == "evaluation":
            row |= {
                "x_scheme": self.one(SCHEMES), "x_scheme_version": self.one(("1", "2")),
                "x_grade": self.one((None, "A", "C")),
                "x_score": self.one((None, Decimal("872.000000"), Decimal(10), Decimal(250))),
                "x_valid_until": self.one((None, TODAY, TODAY - _DAY, TODAY + _DAY)),
            }  # fmt: skip
        row["fields"] = json.dumps(fields, ensure_ascii=False)
        row["screened"] = None if not screened and self.often(0.5) else json.dumps(screened)
        self.put("record", **row)

    def value(self, field: Field) -> Any:
        if self.often(0.3):
            return None
        match field.type:
            case FieldType.TEXT | FieldType.SECRET:
                return self.one([text for text in _TEXTS if "\x01" not in text])
            case FieldType.DATE:
                return self.one([day for day in DAYS if day is not None])
            case FieldType.DECIMAL:
                return self.one([number for number in _NUMBERS if number is not None])
            case FieldType.INTEGER:
                return self.one((0, 3, -1, 2**31 - 1))
            case FieldType.BOOLEAN:
                return self.often(0.5)
        assert field.codes is not None
        codes = [code.value for code in field.codes.codes]
        if field.type is FieldType.CODE:
            return self.one(codes)
        return self.random.sample(codes, k=self.random.randrange(min(3, len(codes)) + 1))


def _json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if isinstance(value, dt.date) else value


def world(seed: int) -> World:
    """The world of a seed."""
    maker = _Maker(seed)
    for make in (
        maker.reference, maker.organisations, maker.persons, maker.loans, maker.relations,
        maker.records,
    ):  # fmt: skip
        make()
    return maker.world
