"""SELF, X02 and X08: a citizen and a firm with records of every kind, and shared persons."""

from datetime import date

from service.world.arrears import debt_named, owed
from service.world.city import BENXI, SHENYANG
from service.world.entry import Said
from service.world.evaluation import evaluation_said
from service.world.listing import ENVIRONMENT, TAX_A, red_said
from service.world.party import Organisation, Person
from service.world.planted.cast import Cast, identify
from service.world.supervision import commitment_said, fulfilment_said
from service.world.tie import PERCENT


def plant_everyday(cast: Cast) -> None:
    """Add the citizen with a firm, the firm in arrears, and the person of both cities."""
    _self(cast)
    _arrears(cast)
    _both_cities(cast)


def _owes(
    cast: Cast,
    party: Organisation | Person,
    name: str,
    month: date,
    assessed: date,
    cleared: date | None = None,
    tax: str = "增值税",
) -> Said:
    told = owed(cast.parties, party, debt_named(name), month, 386_450, assessed, cleared, tax)
    return cast.enter_all(told).said


def _self(cast: Cast) -> None:
    p = cast.person(46, BENXI)
    firm = cast.body(46, BENXI, established=date(2014, 5, 20), legal_rep=p.serial, region="210504",
                     authority=cast.parties.unit(BENXI, "market-regulation-210504"),
                     address="辽宁省本溪市明山区汀兰路46号201室")  # fmt: skip
    q = cast.person(46, BENXI)
    cast.hold(firm, p, 60 * PERCENT)
    cast.hold(firm, q, 40 * PERCENT)
    person = _of_person(cast, p)
    records = {
        "licence": [cast.licence(firm, date(2025, 6, 17), date(2025, 6, 20)).document_no],
        "penalty": [
            cast.penalty(firm, date(2026, 4, 14), date(2026, 4, 17), "urban-management",
                         fine=4000, violation="擅自占用城市道路",
                         facts="经查，当事人未经批准占用城市道路堆放物料。",
                         basis="《城市道路管理条例》第四十二条").document_no,
        ],
        **_of_firm(cast, firm),
    }  # fmt: skip
    cast.expect("SELF", "a citizen with a firm, and what is on record about both",
                {"P": p, "A": firm, "Q": q}, ofPerson=person, ofFirm=records)  # fmt: skip
    cast.golden["self_person"] = identify(p)["idNumber"]
    cast.golden["self_firm"] = firm.uscc


def _of_person(cast: Cast, p: Person) -> dict[str, list[str]]:
    act = cast.penalty(p, date(2026, 4, 15), date(2026, 4, 17), "urban-management", fine=200,
                       violation="未按规定分类投放生活垃圾",
                       facts="经查，当事人未在指定地点分类投放生活垃圾。",
                       basis="《中华人民共和国固体废物污染环境防治法》第一百一十一条",
                       )  # fmt: skip
    tax = _owes(cast, p, "tax", date(2026, 3, 1), date(2026, 4, 16), tax="个人所得税")
    unit = cast.parties.unit(BENXI, "market-regulation")
    made = date(2026, 5, 12)
    promise = commitment_said(BENXI, unit, p.serial, made, "个体工商户设立登记")
    promise |= {"publicationType": "特定范围内公开"}
    cast.enter("commitment", p, date(2026, 6, 26), unit.slug, promise)
    bureau = cast.parties.unit(BENXI, "social-security")
    honour = {
        "listCode": "青年志愿者", "year": "2025", "documentNo": "本人社发〔2026〕46号",
        "recognisedOn": "2026-04-30", "recogniser": bureau.name, "recogniserUscc": bureau.uscc,
        "basis": "《志愿服务条例》", "validFrom": "2026-04-30", "validTo": "2027-04-29",
    }  # fmt: skip
    cast.enter("red_list", p, date(2026, 5, 15), bureau.slug, honour)
    return {
        "penalty": [act.document_no],
        "tax_arrears": [tax["announceNo"]],
        "commitment": [promise["code"]],
        "red_list": [honour["documentNo"]],
    }


def _of_firm(cast: Cast, firm: Organisation) -> dict[str, list[str]]:
    parties = cast.parties
    district = parties.unit(BENXI, "market-regulation-210504")
    mended = {
        "reason": "未按期公示年报", "includedOn": "2024-07-08", "includedBy": district.name,
        "includedByUscc": district.uscc, "removedOn": "2024-08-02",
        "removedBy": district.name, "removedReason": "已补报未报年份的年度报告并公示",
    }  # fmt: skip
    cast.enter("abnormal_operation", firm, date(2024, 9, 27), "market-regulation", mended)
    safety = parties.unit(BENXI, "emergency")
    task = f"JC2105002026{firm.serial:08d}"
    cast.enter("inspection", firm, date(2026, 6, 26), safety.slug, {
        "planNo": "2105002026SSJ05", "taskNo": task, "inspectKind": "双随机抽查",
        "inspectedOn": "2026-05-19", "inspectorUnit": safety.name,
        "inspectorUnitUscc": safety.uscc, "inspectors": "赵海文、于秀欣",
        "items": "安全生产责任制落实情况", "resultCode": "发现问题已责令改正",
        "resultText": "消防通道堆放杂物。", "followUp": "已按期整改", "publishedOn": "2026-06-02",
    })  # fmt: skip
    office = parties.unit(BENXI, "business-environment")
    promise = commitment_said(BENXI, office, firm.serial, date(2026, 1, 12), "公共场所卫生许可延续")
    promise |= fulfilment_said(office, "全部履行", date(2026, 3, 20))
    cast.enter("commitment", firm, date(2026, 6, 26), office.slug, promise)
    for scheme, version, on, months, grade, slug, sent in (
        ("BX-ABCD", "2025", date(2026, 5, 31), 6, "B", "credit-centre", date(2026, 6, 5)),
        ("TAX-ABMCD", "v1", date(2026, 4, 15), 12, "B", "tax", date(2026, 4, 30)),
        ("RISK-SAMR", "v1", date(2026, 3, 31), 12, "B", "market-regulation", date(2026, 4, 10)),
    ):
        said = evaluation_said(parties, BENXI, scheme, version, on, months, grade, slug=slug)
        cast.enter("evaluation", firm, sent, slug, said)
    red = [red_said(parties, firm, TAX_A, 2024), red_said(parties, firm, ENVIRONMENT, 2025)]
    cast.enter("red_list", firm, date(2025, 5, 16), "tax", red[0])
    cast.enter("red_list", firm, date(2026, 5, 15), "ecology", red[1])
    market = parties.unit(BENXI, "market-regulation")
    cast.enter("watch_list", firm, date(2026, 6, 24), market.slug, {
        "watchCode": "ZDGZ-YFK", "grounds": "预付式消费投诉集中", "includedOn": "2026-05-06",
        "supervisingUnit": market.name, "supervisingUnitUscc": market.uscc,
        "measures": "提高抽查比例", "reviewBy": "2027-05-06",
    })  # fmt: skip
    spring = date(2026, 3, 1), date(2026, 4, 17)
    for name in ("养老", "fund", "供热"):
        _owes(cast, firm, name, *spring)
    _owes(cast, firm, "tax", date(2025, 8, 1), date(2025, 9, 18), date(2025, 11, 4))
    return {
        "abnormal_operation": ["2024-07-08"],
        "inspection": [task],
        "commitment": [promise["code"]],
        "evaluation": ["BX-ABCD", "TAX-ABMCD", "RISK-SAMR"],
        "red_list": [said["documentNo"] for said in red],
        "watch_list": ["ZDGZ-YFK"],
        "tax_arrears": ["2025-08"],
        "social_insurance_arrears": ["2026-03"],
        "housing_fund_arrears": ["2026-03"],
        "utility_arrears": ["2025-11/2026-03"],
    }


def _arrears(cast: Cast) -> None:
    a = cast.body(50, BENXI)
    act = cast.penalty(a, date(2026, 4, 14), date(2026, 4, 17), "urban-management", fine=6000,
                       violation="擅自占用城市道路",
                       facts="经查，当事人未经批准占用城市道路堆放物料。",
                       basis="《城市道路管理条例》第四十二条")  # fmt: skip
    fund = _owes(cast, a, "fund", date(2026, 2, 1), date(2026, 3, 16))
    tax = _owes(cast, a, "tax", date(2026, 4, 1), date(2026, 5, 18))
    cast.expect("X02", "a Benxi firm with a penalty, arrears of the housing fund and of taxes",
                {"A": a}, penalty=act.document_no, housingFundPeriod=fund["period"],
                taxPeriod=tax["period"], taxAnnouncement=tax["announceNo"],
                result="partner: the penalty; never the fund; taxes with edition v4 (X03)"
                )  # fmt: skip


def _both_cities(cast: Cast) -> None:
    a, b, c = cast.body(47, BENXI), cast.body(47, SHENYANG), cast.body(47, SHENYANG)
    p = cast.person(47, BENXI)
    q = cast.person(47, SHENYANG, p.name)
    for firm, person in ((a, p), (b, p), (c, q)):
        cast.office(firm, person, "监事")
    cast.expect("X08", "one person in firms of both cities, and a namesake in Shenyang",
                {"A": a, "B": b, "C": c, "P": p, "Q": q}, match={"P": True, "Q": False}
                )  # fmt: skip
