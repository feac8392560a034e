"""Lists: abnormal operation, serious dishonesty, trustworthiness, watch."""

from collections.abc import Iterator
from datetime import date, timedelta

from service.world.chance import Draw
from service.world.court import is_defaulter
from service.world.day import WORLD_NOW, months_after
from service.world.entry import Entry, befalls, day_between, is_live, occurs, told
from service.world.party import Organisation, Parties

MARKET_DAYS = (
    date(2023, 12, 22), date(2024, 9, 27), date(2025, 3, 21), date(2025, 9, 26), date(2026, 3, 27),
    date(2026, 6, 18),
)  # fmt: skip
SERIOUS_DAYS = (date(2024, 6, 28), date(2025, 6, 27), date(2026, 1, 30), date(2026, 6, 25))
RED_DAYS = (date(2025, 5, 16), date(2026, 5, 15))
WATCH_DAYS = (date(2025, 10, 24), date(2026, 4, 24), date(2026, 6, 24))
TAX_A, ENVIRONMENT = "纳税信用A级", "环保诚信(绿)"

_REASONS = (
    (("未按期公示年报", "已补报未报年份的年度报告并公示"), 78),
    (("通过登记的住所（经营场所）无法联系", "已变更住所（经营场所）登记，可以联系"), 20),
    (("公示信息隐瞒真实情况、弄虚作假", "已更正其公示的信息"), 1),
    (("未在责令期限公示有关企业信息", "已履行公示义务"), 1),
)
_ANNUAL_REPORTS = (date(2023, 7, 10), date(2024, 7, 8), date(2025, 7, 7))
# unit, list, legal basis, facts, reason
_SERIOUS = (
    ("market-regulation", "严重违法失信企业", "《市场监督管理严重违法失信名单管理办法》第五条",
     "当事人因食品安全违法行为被处以较重行政处罚。", "实施食品安全严重违法行为"),
    ("social-security", "拖欠农民工工资失信联合惩戒对象",
     "《拖欠农民工工资失信联合惩戒对象名单管理暂行办法》第五条",
     "当事人拖欠农民工工资，经责令限期支付，逾期未支付。", "克扣、无故拖欠农民工工资"),
    ("tax", "重大税收违法失信主体", "《重大税收违法失信主体信息公布管理办法》第六条",
     "当事人伪造账簿凭证，少缴应纳税款。", "达到重大税收违法失信主体标准"),
    ("ecology", "环保领域严重失信", "《企业环境信用评价办法（试行）》第二十五条",
     "当事人通过暗管排放水污染物。", "逃避监管排放污染物"),
    ("emergency", "安全生产严重失信", "《安全生产严重失信主体名单管理办法》第六条",
     "当事人发生生产安全责任事故。", "发生生产安全事故负有责任"),
    ("housing", "建筑市场主体“黑名单”", "《建筑市场信用管理暂行办法》第十四条",
     "当事人利用虚假材料取得企业资质。", "以欺骗手段取得企业资质"),
)  # fmt: skip
_SERIOUS_UNITS = {name: unit for unit, name, *_ in _SERIOUS}
_WATCH = (
    ("ZDGZ-SPAQ", "market-regulation", "食品安全监督抽检连续两次不合格"),
    ("ZDGZ-AQSC", "emergency", "存在重大安全隐患未按期整改"),
    ("ZDGZ-HJBH", "ecology", "排污许可自行监测数据异常"),
    ("ZDGZ-YFK", "market-regulation", "预付式消费投诉集中"),
)


def is_serious(draw: Draw, body: Organisation) -> bool:
    """Return whether a firm came onto a list of serious dishonesty."""
    return befalls(draw, "serious", 80, body)


def listings(parties: Parties, body: Organisation) -> Iterator[Entry]:
    """Yield what lists say about an ordinary body."""
    draw = parties.chance.of("listing", body.serial)
    firm = body.capital is not None and body.uscc.startswith(("91", "93"))
    if befalls(draw, "abnormal", 980 if firm else 650, body):
        yield from _abnormal(parties, draw, body)
    if not firm or not is_live(body):
        return
    if is_serious(draw, body):
        yield from _serious(parties, draw, body)
    elif not is_defaulter(parties, body):
        yield from _red(parties, draw, body)
    if befalls(draw, "watch", 150, body):
        yield from _watch(parties, draw, body)


def _abnormal(parties: Parties, draw: Draw, body: Organisation) -> Iterator[Entry]:
    reason, mended = draw.weighted("reason", _REASONS)
    born = body.established + timedelta(days=200)
    if body.ended <= born:
        return
    on = day_between(draw, "included", max(born, date(2023, 1, 9)), date(2026, 5, 29))
    if "年报" in reason:
        years = [day for day in _ANNUAL_REPORTS if day >= born]
        on = draw.pick("year", years or [on])
    if on > MARKET_DAYS[-1]:
        return
    unit = parties.unit(body.city, f"market-regulation-{body.region}")
    removed = on + timedelta(days=20 + draw.below("removed", 400)) if draw.hits("ok", 550) else None
    said = {
        "reason": reason,
        "includedOn": str(on),
        "includedBy": unit.name,
        "includedByUscc": unit.uscc,
    }
    ending = {"removedOn": str(removed), "removedReason": mended, "removedBy": unit.name}
    source = parties.unit(body.city, "market-regulation")
    entry = Entry("abnormal_operation", body, body.city, source, on, said)
    yield from told(entry, MARKET_DAYS, on, removed, ending)


def serious_said(
    parties: Parties, body: Organisation, name: str, on: date, number: str
) -> tuple[str, dict[str, str]]:
    """Return the unit that keeps a list of serious dishonesty and what it says of a body."""
    slug, _, basis, facts, reason = next(row for row in _SERIOUS if row[1] == name)
    unit = parties.unit(body.city, slug)
    rep = parties.person(body.legal_rep)
    return slug, {
        "listCode": name,
        "documentNo": number,
        "includedOn": str(on),
        "recogniser": unit.name,
        "recogniserUscc": unit.uscc,
        "legalBasis": basis,
        "facts": facts,
        "includeReason": reason,
        "liablePersons": f"{rep.name}（法定代表人）",
        "noticeDeliveredOn": str(on - timedelta(days=21)),
        "measures": "纳入重点监管范围；限制申请财政性资金项目；限制参加评先评优",
        "severity": "严重",
    }


def _serious(parties: Parties, draw: Draw, body: Organisation) -> Iterator[Entry]:
    name = draw.pick("list", _SERIOUS)[1]
    on = day_between(draw, "serious on", date(2023, 9, 4), date(2026, 6, 12))
    on = max(on, body.established + timedelta(days=300))
    if on > SERIOUS_DAYS[-1]:
        return
    unit = parties.unit(body.city, _SERIOUS_UNITS[name])
    number = f"{unit.abbr}列〔{on.year}〕{body.serial}号"
    slug, said = serious_said(parties, body, name, on, number)
    removed = months_after(on, 12 + draw.below("kept", 20)) if draw.hits("left", 300) else None
    ending = {"removedOn": str(removed), "removedReason": "信用修复"}
    source = parties.unit(body.city, slug)
    entry = Entry("serious_list", body, body.city, source, on, said)
    yield from told(entry, SERIOUS_DAYS, on, removed, ending)


def red_said(parties: Parties, body: Organisation, name: str, year: int) -> dict[str, str]:
    """Return what the list of trustworthy bodies of a year says; it holds for twelve months."""
    unit = parties.unit(body.city, "tax" if name == TAX_A else "ecology")
    measure = "纳税信用管理办法" if name == TAX_A else "企业环境信用评价办法"
    on = date(year + 1, 4, 15)
    return {
        "listCode": name,
        "year": str(year),
        "documentNo": f"{unit.abbr}信〔{year + 1}〕{body.serial}号",
        "recognisedOn": str(on),
        "recogniser": unit.name,
        "recogniserUscc": unit.uscc,
        "basis": f"《{measure}（试行）》",
        "validFrom": str(on),
        "validTo": str(months_after(on, 12) - timedelta(days=1)),
    }


def _red(parties: Parties, draw: Draw, body: Organisation) -> Iterator[Entry]:
    for year, day in zip((2024, 2025), RED_DAYS, strict=True):
        if body.established > date(year, 12, 31):
            continue
        for name, rate in ((TAX_A, 600), (ENVIRONMENT, 120)):
            wanted = rate * 2 if body.quality > 0 else rate // 6
            if occurs(draw, f"{name} {year}", wanted, body):
                said = red_said(parties, body, name, year)
                source = parties.unit(body.city, "tax" if name == TAX_A else "ecology")
                yield Entry("red_list", body, body.city, source, day, said)


def _watch(parties: Parties, draw: Draw, body: Organisation) -> Iterator[Entry]:
    code, slug, grounds = draw.pick("watch list", _WATCH)
    on = day_between(draw, "watched", date(2025, 7, 1), date(2026, 5, 20))
    on = max(on, body.established)
    if on > WATCH_DAYS[-1]:
        return
    unit = parties.unit(body.city, slug)
    left = on + timedelta(days=90 + draw.below("left watch", 200))
    said = {
        "watchCode": code,
        "grounds": grounds,
        "includedOn": str(on),
        "supervisingUnit": unit.name,
        "supervisingUnitUscc": unit.uscc,
        "measures": "提高抽查比例；每季度现场检查一次",
        "reviewBy": str(months_after(on, 12)),
    }
    ending = {"exitOn": str(left), "removedReason": "整改完成，风险消除"}
    entry = Entry("watch_list", body, body.city, unit, on, said)
    yield from told(entry, WATCH_DAYS, on, left if left <= WORLD_NOW else None, ending)
