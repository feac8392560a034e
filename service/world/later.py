"""Record kinds that a later feed carries: inspections, arrears, lists, promises, grades, cases."""

from datetime import timedelta
from typing import Any

from service.world.act import body_alive
from service.world.chance import Draw
from service.world.city import CITIES, City
from service.world.day import WORLD_NOW, months_after
from service.world.party import Organisation, Parties
from service.world.tie import some_body

KINDS = ("inspection", "arrears", "list_entry", "promise", "evaluation", "procedure_case")

_RESULTS = (("未发现问题", 78), ("未按规定公示应当公示的信息", 7), ("通过登记的住所无法联系", 6),
            ("发现问题已责令改正", 9))  # fmt: skip
_ARREARS = (("养老保险", 22), ("公积金", 12), ("水费", 10), ("电费", 8), ("燃气费", 6),
            ("供热费", 32), ("增值税", 10))  # fmt: skip
_LISTS = (("经营异常名录", "abnormal", 60), ("失信被执行人", "black", 12),
          ("纳税信用A级", "red", 22), ("环保诚信企业", "red", 6))  # fmt: skip
_PROMISES = (("审批替代型", 30), ("容缺受理型", 25), ("证明事项型", 15), ("信用修复型", 5),
             ("主动型", 25))  # fmt: skip


def later_row(parties: Parties, kind: str, index: int) -> tuple[City, dict[str, Any]]:
    """Return the ordinary row number `index` of a kind and the city that reports it."""
    draw = parties.chance.of(kind, index)
    city = CITIES[draw.weighted("city", ((0, 40), (1, 60)))]
    day = WORLD_NOW - timedelta(days=5 + draw.below("day", 1000))
    body = body_alive(parties, draw, "subject", kind, index, city, day)
    head = {"subject": body.uscc, "subjectName": body.name}
    if kind == "inspection":
        rest = _inspection(parties, draw, city, index)
    elif kind == "arrears":
        rest = _arrears(draw)
    elif kind == "list_entry":
        rest = _list_entry(parties, draw, city, index)
    elif kind == "promise":
        rest = _promise(draw, city, day.strftime("%Y%m%d"), index)
    elif kind == "evaluation":
        body = some_body(parties, draw, "rated", kind, index, city, 900)
        head = {"subject": body.uscc, "subjectName": body.name}
        rest = _evaluation(draw, city, body)
    else:
        rest = _case(draw, city, index)
    return city, {**head, "date": str(day), **rest}


def _inspection(parties: Parties, draw: Draw, city: City, index: int) -> dict[str, Any]:
    unit = parties.unit(city, "market-regulation")
    kind = draw.weighted("kind", (("双随机抽查", 60), ("日常", 25), ("专项", 10), ("联合抽查", 5)))
    return {"taskNo": f"JC{city.division}{index:07d}", "inspectKind": kind,
            "resultText": draw.weighted("result", _RESULTS), "issuerName": unit.name,
            "issuerUscc": unit.uscc}  # fmt: skip


def _arrears(draw: Draw) -> dict[str, Any]:
    cleared = draw.hits("cleared", 850)
    return {"arrearsKind": draw.weighted("kind", _ARREARS),
            "owedAmount": str((1 + draw.below("amount", 400)) * 50), "unit": "元",
            "clearedAfterDays": 1 + draw.below("cleared after", 180) if cleared else None
            }  # fmt: skip


def _list_entry(parties: Parties, draw: Draw, city: City, index: int) -> dict[str, Any]:
    name, colour = draw.weighted("list", tuple(((n, c), w) for n, c, w in _LISTS))
    slug = {"失信被执行人": "court", "纳税信用A级": "tax", "环保诚信企业": "ecology"}.get(
        name, "market-regulation"
    )
    unit = parties.unit(city, slug)
    return {"list": name, "colour": colour, "documentNo": f"{unit.abbr}列{index:07d}号",
            "recogniser": unit.name, "recogniserUscc": unit.uscc}  # fmt: skip


def _promise(draw: Draw, city: City, day: str, index: int) -> dict[str, Any]:
    state = draw.weighted("fulfilment", (("全部履行", 88), ("部分履行", 8), ("全部未履行", 4)))
    return {"code": f"{city.division}{day}{index % 1_000_000:06d}",
            "commitmentType": draw.weighted("type", _PROMISES), "fulfilment": state,
            "publicationType": "可向社会公开"}  # fmt: skip


def _evaluation(draw: Draw, city: City, body: Organisation) -> dict[str, Any]:
    quality = (body.quality * 6 + draw.normal("noise") * 8) // 10
    month = months_after(WORLD_NOW.replace(day=1), -draw.below("month", 6)) - timedelta(days=1)
    common = {"evaluatedOn": str(month), "validUntil": str(months_after(month, 6))}
    if draw.hits("tax", 150):
        tax = _grade(quality, (("A", 1340), ("B", -230), ("M", -1480), ("C", -1810), ("D", None)))
        return {"scheme": "TAX-ABMCD", "grade": tax, **common}
    if city.index == 0:
        grade = _grade(quality, (("A", 1175), ("B", -583), ("C", -1645), ("D", None)))
        return {"scheme": "BX-ABCD-2025", "grade": grade, **common}
    score = max(350, min(985, 735 + quality * 85 // 1000))
    band = _grade(score, (("优", 850), ("良", 700), ("中", 550), ("差", None)))
    return {"scheme": "SY-1000-v2", "score": score, "grade": band, **common}


def _grade(value: int, steps: tuple[tuple[str, int | None], ...]) -> str:
    for grade, least in steps:
        if least is None or value >= least:
            return grade
    raise AssertionError("the last step has no least value")


def _case(draw: Draw, city: City, index: int) -> dict[str, Any]:
    kind = draw.weighted("kind", (("repair", 45), ("objection", 25), ("talk", 30)))
    outcome = draw.weighted("outcome", (("同意", 70), ("不同意", 20), ("办理中", 10)))
    return {"caseKind": kind, "caseNo": f"AJ{city.division}{index:07d}", "outcome": outcome}


SCHEMES: tuple[dict[str, Any], ...] = (
    {"scheme": "BX-ABCD-2025", "city": "benxi", "scale": "ORDINAL", "grades": list("ABCD")},
    {"scheme": "SY-1000-v1", "city": "shenyang", "scale": "NUMERIC", "min": 0, "max": 1000,
     "cuts": {"优": 880, "良": 720, "中": 560, "差": 0}},
    {"scheme": "SY-1000-v2", "city": "shenyang", "scale": "NUMERIC", "min": 0, "max": 1000,
     "cuts": {"优": 850, "良": 700, "中": 550, "差": 0}},
    {"scheme": "TL-AAA-D", "scale": "ORDINAL",
     "grades": ["AAA", "AA", "A", "BBB", "BB", "B", "CCC", "CC", "C", "D"]},
    {"scheme": "TAX-ABMCD", "scale": "ORDINAL", "grades": list("ABMCD")},
    {"scheme": "RISK-SAMR", "scale": "ORDINAL", "grades": list("ABCD"), "best": "A"},
    {"scheme": "ENV-COLOUR", "scale": "ORDINAL", "grades": list("绿蓝黄红黑")},
    {"scheme": "FIRE", "scale": "ORDINAL", "grades": ["好", "一般", "差"]},
)  # fmt: skip
