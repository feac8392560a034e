"""Inspections and credit commitments of ordinary bodies."""

from collections.abc import Iterator
from datetime import date, timedelta

from service.world.city import City, Unit
from service.world.day import months_after
from service.world.entry import Entry, batch, is_live, occurs, told
from service.world.party import Organisation, Parties
from service.world.wording import person_name

INSPECTION_DAYS = (
    date(2024, 7, 26), date(2025, 1, 24), date(2025, 7, 25), date(2026, 1, 23), date(2026, 6, 26),
)  # fmt: skip
COMMITMENT_DAYS = (date(2024, 10, 18), date(2025, 6, 27), date(2026, 1, 16), date(2026, 6, 26))
_RESULTS = (
    (("未发现问题", ""), 78),
    (("未按规定公示应当公示的信息", "责令限期公示"), 7),
    (("通过登记的住所无法联系", "列入经营异常名录"), 6),
    (("发现问题已责令改正", "已按期整改"), 9),
)
_INSPECTORS = (
    (("market-regulation", "登记事项检查；公示信息检查"), 60),
    (("emergency", "安全生产责任制落实情况"), 15),
    (("ecology", "污染防治设施运行情况"), 15),
    (("housing", "施工现场质量安全管理"), 10),
)
_MATTERS = (
    ("market-regulation", "食品经营许可（仅销售预包装食品）备案"),
    ("business-environment", "公共场所卫生许可延续"),
    ("housing", "建筑业企业资质延续"),
    ("transport", "道路货物运输经营许可"),
)
_TYPES = (
    ("审批替代型", 30), ("容缺受理型", 25), ("证明事项型", 15), ("信用修复型", 5),
    ("主动型", 25),
)  # fmt: skip
_STATES = (("全部履行", 86), ("部分履行", 6), ("全部未履行", 3), ("履行中", 5))
_PUBLIC = (("可向社会公开", 85), ("特定范围内公开", 12), ("不可公开", 3))


def inspections(parties: Parties, body: Organisation) -> Iterator[Entry]:
    """Yield the inspection of one body in five."""
    draw = parties.chance.of("inspection", body.serial)
    if not occurs(draw, "inspected", 2150, body):
        return
    slug, items = draw.weighted("unit", _INSPECTORS)
    unit = parties.unit(body.city, slug)
    on = date(2026, 6, 12) - timedelta(days=draw.below("day", 880))
    if not body.established < on < body.ended:
        return
    result, follow_up = draw.weighted("result", _RESULTS)
    one = person_name(draw, male=True)
    other = person_name(parties.chance.of("inspector", body.serial), male=False)
    said = {
        "planNo": f"{body.city.division}{on.year}SSJ{on.month:02d}",
        "taskNo": f"JC{body.city.division}{on.year}{body.serial:08d}",
        "inspectKind": draw.weighted(
            "kind", (("双随机抽查", 60), ("日常", 25), ("专项", 10), ("联合抽查", 5))
        ),
        "inspectedOn": str(on),
        "inspectorUnit": unit.name,
        "inspectorUnitUscc": unit.uscc,
        "inspectors": f"{one}、{other}",
        "items": items,
        "resultCode": result,
        "resultText": "" if result == "未发现问题" else f"经检查，{result}。",
        "followUp": follow_up,
        "publishedOn": str(on + timedelta(days=14)),
    }
    yield Entry("inspection", body, body.city, unit, batch(INSPECTION_DAYS, on), said)


def commitments(parties: Parties, body: Organisation) -> Iterator[Entry]:
    """Yield the commitment of one live body in six."""
    draw = parties.chance.of("commitment", body.serial)
    if not is_live(body) or not occurs(draw, "promised", 1850, body):
        return
    slug, matter = draw.pick("matter", _MATTERS)
    unit = parties.unit(body.city, slug)
    # The place of the serial in the day keeps the six digits of the code apart.
    back = draw.below("day", 210) * 4 + body.serial // 1_000_000 % 4
    made = date(2026, 6, 10) - timedelta(days=back)
    if body.established >= made:
        return
    kind, state = draw.weighted("type", _TYPES), draw.weighted("fulfilment", _STATES)
    public = draw.weighted("public", _PUBLIC)
    said = commitment_said(body.city, unit, body.serial, made, matter, kind, public)
    entry = Entry("commitment", body, body.city, unit, made, said)
    assessed = made + timedelta(days=30 + draw.below("assessed", 200))
    ending = None if state == "履行中" else assessed
    yield from told(entry, COMMITMENT_DAYS, made, ending, fulfilment_said(unit, state, assessed))


def commitment_said(
    city: City,
    unit: Unit,
    serial: int,
    made: date,
    matter: str,
    kind: str = "容缺受理型",
    public: str = "可向社会公开",
) -> dict[str, str]:
    """Return a commitment on the day it was made; its code is region, day and serial."""
    return {
        "code": f"{city.division}{made:%Y%m%d}{serial % 1_000_000:06d}",
        "commitmentType": kind,
        "reason": f"办理{matter}",
        "content": "承诺提交的材料真实、合法、有效，在规定期限内补齐所缺材料，依法诚信经营。",
        "liability": "违反承诺的，自愿接受撤销行政决定并记入信用记录。",
        "madeOn": str(made),
        "validUntil": str(months_after(made, 12)),
        "fulfilment": "履行中",
        "acceptor": unit.name,
        "acceptorUscc": unit.uscc,
        "publicationType": public,
    }


def fulfilment_said(unit: Unit, state: str, assessed: date) -> dict[str, str]:
    """Return what is added when the unit has looked whether the promise was kept."""
    broken = state in ("部分履行", "全部未履行")
    return {
        "fulfilment": state,
        "unperformed": "未在承诺期限内补齐所缺材料。" if broken else "",
        "liabilityTaken": "撤销行政许可决定，记入信用记录。" if broken else "",
        "assessedOn": str(assessed),
        "assessor": unit.name,
        "assessorUscc": unit.uscc,
    }
