"""W25 and what the demo shows: a bridge that must stay hidden, a firm worth asking about."""

from datetime import date

from service.world.city import BENXI, SHENYANG
from service.world.listing import serious_said
from service.world.party import BRANCH
from service.world.planted.cast import Cast, identify
from service.world.tie import PERCENT, BranchTie, Holding


def plant_showcase(cast: Cast) -> None:
    """Add the restricted bridge, the demo firm, and bodies registered elsewhere."""
    _bridge(cast)
    _demo(cast)
    _heads(cast)
    _two_cities(cast)
    _loose_tongue(cast)


def _bridge(cast: Cast) -> None:
    a, b = cast.body(25, BENXI), cast.body(25, BENXI)
    restricted, other = cast.person(25, BENXI), cast.person(25, BENXI)
    third = cast.person(25, SHENYANG)
    cast.hold(a, restricted, 45 * PERCENT)
    cast.hold(a, other, 55 * PERCENT)
    cast.hold(b, third, 100 * PERCENT)
    cast.office(b, restricted, "监事")
    cast.note("restricted", person=restricted.id, idNumber=restricted.number,
              reason="只限指定单位查询", case="W25")  # fmt: skip
    cast.expect("W25", "a restricted person is the only bridge between two firms",
                {"A": a, "B": b, "R": restricted}, path=["A", "R", "B"],
                partner="no visible path")  # fmt: skip


def _demo(cast: Cast) -> None:
    word = cast.parties.brand(BENXI, 3, 40 * 64)
    demo = cast.body(40, BENXI, established=date(2014, 9, 12), industry="E47",
                     name=f"本溪{word}建筑工程有限公司", scope="房屋建筑工程施工")  # fmt: skip
    above = cast.body(40, BENXI, established=date(2012, 3, 21))
    over, beside = (
        cast.body(43, SHENYANG, established=date(2011, 7, 6)),
        cast.body(40, SHENYANG, established=date(2013, 1, 17)),
    )
    p, q = cast.person(43, SHENYANG), cast.person(40, BENXI)
    z = cast.body(43, SHENYANG, legal_rep=p.serial)
    direct = [
        cast.hold(demo, above, 55 * PERCENT, since=date(2019, 6, 3)),
        cast.hold(demo, beside, 25 * PERCENT),
        cast.hold(demo, q, 20 * PERCENT),
    ]
    cast.hold(demo, cast.rep(demo), 55 * PERCENT, until=date(2019, 6, 2))
    second = [
        cast.hold(above, over, 60 * PERCENT),
        cast.hold(above, cast.rep(above), 40 * PERCENT),
    ]
    cast.hold(over, p, 51 * PERCENT)
    cast.hold(over, beside, 49 * PERCENT)
    cast.hold(beside, cast.rep(beside), 100 * PERCENT)
    cast.hold(z, p, 100 * PERCENT)
    cast.office(demo, q, "监事")
    slug, said = serious_said(
        cast.parties, z, "严重违法失信企业", date(2026, 3, 9), "沈市监列〔2026〕43号"
    )
    cast.enter("serious_list", z, date(2026, 3, 13), slug, said)
    licences = [
        cast.licence(demo, date(2024, 4, 16), date(2024, 4, 19), document_name="排水许可决定书",
                     certificate_name="城镇污水排入排水管网许可证",
                     content="准予向城镇排水设施排放污水"),
        cast.licence(demo, date(2025, 6, 18), date(2025, 6, 20),
                     document_name="建筑业企业资质审批决定书", category="认可",
                     certificate_name="建筑业企业资质证书", content="建筑工程施工总承包三级"),
        cast.licence(demo, date(2026, 5, 26), date(2026, 5, 29), "market-regulation",
                     document_name="特种设备使用登记决定书", category="登记", valid_to=None,
                     certificate_name="特种设备使用登记证", content="准予特种设备使用登记"),
    ]  # fmt: skip
    shown = [
        cast.penalty(demo, date(2026, 4, 13), date(2026, 4, 17), "urban-management", fine=5000,
                     violation="擅自占用城市道路", basis="《城市道路管理条例》第四十二条",
                     facts="经查，当事人未经批准占用城市道路堆放建筑材料。"),
        cast.penalty(demo, date(2025, 9, 10), date(2025, 9, 12), "ecology", fine=50_000,
                     violation="未批先建",
                     basis="《中华人民共和国环境影响评价法》第三十一条第一款",
                     facts="经查，当事人建设项目环境影响评价文件未经批准即开工建设。"),
    ]  # fmt: skip
    over_now = [cast.penalty(demo, date(2023, 3, 14), date(2023, 3, 17), fine=2000)]
    simple = cast.penalty(demo, date(2025, 6, 10), date(2025, 6, 13), fine=500,
                          procedure="简易程序", severity="轻微")  # fmt: skip
    cast.expect(
        "demo",
        "the Benxi firm that the demonstration asks about",
        {"A": demo, "B": above, "C": beside, "H": over, "P": q},
        uscc=demo.uscc,
        name=demo.name,
        licences=[act.document_no for act in licences],
        penaltiesDisplayed=[act.document_no for act in shown],
        penaltiesNotDisplayed=[act.document_no for act in (*over_now, simple)],
        simpleProcedure=[simple.document_no],
        holders=[_stake(holding) for holding in direct],
        holdersOfHolders=[_stake(holding) for holding in second],
    )
    cast.expect(
        "X27",
        "Benxi firm, Shenyang holding, its owner, and the blacklisted firm he represents",
        {"A": above, "H": over, "P": p, "Z": z},
        path=["A", "H", "P", "Z"],
        listing={"kind": "serious_list", "documentNo": said["documentNo"]},
    )


def _stake(holding: Holding) -> dict[str, object]:
    named = identify(holding.holder)
    share = holding.share or 0
    return {
        "company": holding.company.uscc,
        "holder": named["name"],
        "holderCode": named.get("uscc"),
        "holderCity": named.get("city"),
        "share": f"0.{share:06d}".rstrip("0"),
    }


def _heads(cast: Cast) -> None:
    parties = cast.parties
    law = cast.body(41, BENXI, entity_type="律所等", capital=None, paid=None,
                    name=f"辽宁{parties.brand(BENXI, 3, 41 * 64)}律师事务所",
                    uscc=parties.code(41 * 64, "31", "210000"), industry="L72",
                    scope="法律服务")  # fmt: skip
    village = cast.body(41, BENXI, entity_type="集体经济组织", capital=None, paid=None,
                        name=f"本溪满族自治县{parties.brand(BENXI, 3, 41 * 64 + 1)}村经济合作社",
                        uscc=parties.code(41 * 64 + 1, "N2", "210521"), industry="A01",
                        region="210521", scope="集体资产经营管理")  # fmt: skip
    acts = [cast.licence(body, date(2025, 11, 18), date(2025, 11, 21)) for body in (law, village)]
    cast.expect("heads", "bodies no market regulator registered: known from licences only",
                {"A": law, "B": village}, licences=[act.document_no for act in acts])  # fmt: skip


def _two_cities(cast: Cast) -> None:
    parent = cast.body(42, SHENYANG)
    name = f"{parent.name}本溪分公司"
    since = date(2021, 4, 19)
    branch = cast.body(42, BENXI, BRANCH, established=since, name=name, entity_type="分支机构",
                       capital=None, paid=None)  # fmt: skip
    cast.branches.append(BranchTie(parent, branch, since, case="X04"))
    here = cast.penalty(parent, date(2025, 12, 16), date(2025, 12, 19), "transport", city=BENXI)
    home = cast.penalty(parent, date(2025, 6, 11), date(2025, 6, 13))
    unit = cast.parties.unit(BENXI, "emergency")
    task = f"JC2105002026{parent.serial:08d}"
    cast.enter("inspection", parent, date(2026, 6, 26), "emergency", {
        "planNo": "2105002026SSJ06", "taskNo": task, "inspectKind": "联合抽查",
        "inspectedOn": "2026-06-03", "inspectorUnit": unit.name, "inspectorUnitUscc": unit.uscc,
        "inspectors": "", "items": "安全生产责任制落实情况", "resultCode": "未发现问题",
        "publishedOn": "2026-06-17",
    }, city=BENXI)  # fmt: skip
    cast.expect("X04", "a Shenyang firm with a branch and a penalty in Benxi",
                {"A": parent, "B": branch}, subjects=1, inspection=task, penalties=[
                    {"documentNo": here.document_no, "originRegion": BENXI.division},
                    {"documentNo": home.document_no, "originRegion": SHENYANG.division},
                ])  # fmt: skip


def _loose_tongue(cast: Cast) -> None:
    a = cast.body(44, BENXI)
    witness = cast.person(44, BENXI)
    act = cast.penalty(a, date(2026, 3, 16), date(2026, 3, 20), facts=(
        f"经查，当事人未按规定明码标价，有顾客{witness.name}（身份证号{witness.number}）的陈述为证。"
    ))  # fmt: skip
    cast.expect("PII", "a penalty whose facts name a witness and an identity number",
                {"A": a, "P": witness}, penalty=act.document_no,
                result="never shown before the text was screened")  # fmt: skip
