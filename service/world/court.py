"""失信被执行人: what courts publish, in the keys and date forms of their own system."""

from collections.abc import Iterator
from datetime import date, timedelta

from service.world.chance import Draw
from service.world.city import City
from service.world.entry import Entry, Said, befalls, day_between, told
from service.world.party import PLANTED, Organisation, Parties, Person
from service.world.wording import person_name

COURT_DAYS = (
    date(2024, 3, 29), date(2024, 12, 30), date(2025, 7, 31), date(2026, 2, 27), date(2026, 5, 29),
    date(2026, 6, 29),
)  # fmt: skip
_BEHAVIOUR = (
    ("有履行能力而拒不履行生效法律文书确定义务", 62),
    ("违反财产报告制度", 26),
    ("违反限制消费令", 7),
    ("被执行人无正当理由拒不履行执行和解协议", 3),
    ("以虚假诉讼、虚假仲裁或者以隐匿、转移财产等方法规避执行", 2),
)


def court_entries(parties: Parties, body: Organisation) -> Iterator[Entry]:
    """Yield the listings of an ordinary body and of the person who represents it."""
    draw = parties.chance.of("court", body.serial)
    if is_defaulter(parties, body):
        yield from _listed(parties, draw, body, body, "")
    rep = parties.person(body.legal_rep)
    if rep.serial == PLANTED + body.serial * 8 and befalls(draw, "person listed", 40, body):
        yield from _listed(parties, draw, body, rep, "person ")


def is_defaulter(parties: Parties, body: Organisation) -> bool:
    """Return whether a court lists an ordinary firm."""
    draw = parties.chance.of("court", body.serial)
    firm = body.uscc.startswith("91") and body.capital is not None
    return firm and befalls(draw, "listed", 120, body)


def _listed(
    parties: Parties, draw: Draw, body: Organisation, party: Organisation | Person, field: str
) -> Iterator[Entry]:
    filed = day_between(draw, f"{field}filed", date(2023, 6, 1), date(2026, 5, 25))
    filed = max(filed, body.established + timedelta(days=150))
    if filed > COURT_DAYS[-1] - timedelta(days=20):
        return
    number = draw.below(f"{field}number", 9000) + 100
    wrote = person_name(draw, male=True)
    amount = (1 + draw.below(f"{field}amount", 300)) * 1000
    duty = f"给付货款{amount}元及利息，负担案件受理费。"
    if draw.hits(f"{field}plaintiff", 250):
        duty = f"被告于判决生效后十日内偿还原告{wrote}借款本金{amount}元。"
    said = court_said(
        parties, party, body.region, filed, f"{number}{body.serial % 7}", duty,
        draw.weighted(f"{field}behaviour", _BEHAVIOUR), part=draw.hits(f"{field}part", 250),
    )  # fmt: skip
    left = None
    if draw.hits(f"{field}left", 220):
        left = filed + timedelta(days=60 + draw.below(f"{field}left on", 500))
    source = parties.unit(body.city, "court")
    entry = Entry("court_defaulter", party, body.city, source, filed, said)
    ending = {"removedOn": str(left), "removedReason": "履行完毕"}
    yield from told(entry, COURT_DAYS, filed + timedelta(days=14), left, ending)


def court_said(
    parties: Parties,
    party: Organisation | Person,
    region: str,
    filed: date,
    number: str,
    duty: str = "给付货款120000元及利息。",
    behaviour: str = "有履行能力而拒不履行生效法律文书确定义务",
    *,
    part: bool = False,
    published: date | None = None,
) -> Said:
    """Return what the court of a district publishes; four digits of a person's number hidden."""
    court = court_name(party.city, region)
    mark = f"辽{region[2:6]}"
    published = published or filed + timedelta(days=14)
    said = {
        "name": party.name,
        "court": court,
        "province": "辽宁",
        "caseNo": f"（{filed.year}）{mark}执{number}号",
        "basisNo": f"（{filed.year - 1}）{mark}民初{number}号",
        "basisUnit": court,
        "filedOn": filed.strftime("%Y%m%d"),
        "duty": duty,
        "performance": "部分未履行" if part else "全部未履行",
        "performedPart": "10000元" if part else "暂无",
        "unperformedPart": "其余部分" if part else "暂无",
        "behaviour": behaviour,
        "publishedOn": published.strftime("%Y年%m月%d日"),
        "sourceUnitName": "",
        "sourceUnitUscc": "",
    }
    if isinstance(party, Person):
        code = party.number or ""
        said |= {
            "partyKind": "0",
            "gender": "男性" if int(code[16]) % 2 else "女性",
            "age": str(filed.year - int(code[6:10])),
            "idMasked": f"{code[:10]}****{code[14:]}",
        }
    else:
        old = party.org_code if party.serial % 4 == 0 else None
        said |= {
            "partyKind": "581" if old else "1",
            "age": "0",
            "idMasked": old or party.uscc,
            "legalRepName": parties.person(party.legal_rep).name,
        }
    return said


def court_name(city: City, region: str) -> str:
    """Return the people's court of a district."""
    district = next(name for (code, name), _ in city.districts if code == region)
    return f"{district if district.endswith(('县', '市')) else city.name + district}人民法院"
