"""W18, W29, X15 and courts: who is on which list, and who on two that exclude each other."""

from datetime import date

from service.world.city import BENXI, SHENYANG
from service.world.court import COURT_DAYS, court_said
from service.world.evaluation import evaluation_said
from service.world.fault import Fault
from service.world.listing import RED_DAYS, SERIOUS_DAYS, TAX_A, red_said, serious_said
from service.world.party import Organisation
from service.world.planted.cast import Cast
from service.world.tie import PERCENT

WAGES, POLLUTION = "拖欠农民工工资失信联合惩戒对象", "环保领域严重失信"
POINTS = 872


def plant_listed(cast: Cast) -> None:
    """Add the cases of lists."""
    _veto(cast)
    _both_lists(cast)
    _pollution(cast)
    _court(cast)


def _points(cast: Cast, body: Organisation) -> None:
    on = date(2026, 5, 31)
    said = evaluation_said(cast.parties, SHENYANG, "SY-1000", "v2", on, 6, "优", POINTS)
    cast.enter("evaluation", body, date(2026, 6, 5), "credit-centre", said)


def _veto(cast: Cast) -> None:
    a, b = cast.body(18, SHENYANG), cast.body(18, SHENYANG)
    _points(cast, a)
    _points(cast, b)
    yesterday = date(2026, 6, 29)
    said = court_said(cast.parties, a, "210106", yesterday, "2018", published=yesterday)
    cast.enter("court_defaulter", a, yesterday, "court", said)
    cast.expect("W18", "872 points twice: on the court's list since yesterday, and clean",
                {"A": a, "B": b}, scheme="SY-1000", version="v2", score=POINTS, mapped="优",
                recognised={"A": "差", "B": "优"}, reason={"A": "VETO:失信被执行人", "B": None},
                caseNo=said["caseNo"], evaluatedOn="2026-05-31")  # fmt: skip


def _both_lists(cast: Cast) -> None:
    a, b, c = (cast.body(29, BENXI) for _ in range(3))
    told = {}
    late = Fault("red_and_serious", "", "", "", "with_findings", "RED_AND_SERIOUS")
    for body, on, sent in ((a, date(2026, 5, 20), SERIOUS_DAYS[-1]),
                           (b, date(2026, 1, 14), SERIOUS_DAYS[-2])):  # fmt: skip
        number = f"本人社列〔2026〕{body.serial}号"
        slug, said = serious_said(cast.parties, body, WAGES, on, number)
        cast.enter("serious_list", body, sent, slug, said, fault=late if body is a else None)
        red = red_said(cast.parties, body, TAX_A, 2025)
        fault = late if body is b else None
        cast.enter("red_list", body, RED_DAYS[-1], "tax", red, fault=fault)
        told["AB"[body is b]] = {"red": red["documentNo"], "serious": number}
    red = red_said(cast.parties, c, TAX_A, 2025)
    cast.enter("red_list", c, RED_DAYS[-1], "tax", red)
    said = dict(court_said(cast.parties, c, c.region, date(2026, 5, 6), "2029"))
    cast.enter("court_defaulter", c, COURT_DAYS[-2], "court", said, fault=late)
    told["C"] = {"red": red["documentNo"], "court": said["caseNo"]}
    cast.expect("W29", "on a red list and on a list of dishonesty: red first, black first, court",
                {"A": a, "B": b, "C": c}, red=TAX_A, black=WAGES, documents=told,
                result="exclusion finding: off the red list")  # fmt: skip


def _pollution(cast: Cast) -> None:
    a = cast.body(51, SHENYANG)
    slug, said = serious_said(cast.parties, a, POLLUTION, date(2026, 6, 22), "沈环列〔2026〕51号")
    cast.enter("serious_list", a, SERIOUS_DAYS[-1], slug, said)
    cast.expect("X15", "seriously dishonest in ecology, listed in Shenyang", {"A": a},
                documentNo=said["documentNo"], list=POLLUTION)  # fmt: skip


def _court(cast: Cast) -> None:
    firm = cast.body(53, BENXI, established=date(2011, 5, 12))
    same = cast.body(53, BENXI)
    one, other = cast.person(53, BENXI, "张伟"), cast.person(53, BENXI, "张伟")
    cast.hold(same, one, 100 * PERCENT)
    told = []
    for party, number, duty in (
        (firm, "530", "给付工程款560000元，负担案件受理费9400元。"),
        (one, "531", "被告于判决生效后十日内偿还原告李秀兰借款本金50000元及利息。"),
        (other, "532", "赔偿原告医疗费18200元。"),
    ):
        said = dict(court_said(cast.parties, party, "210504", date(2026, 4, 8), number, duty))
        if party is firm:  # courts still write the old code of some firms
            said |= {"idMasked": firm.org_code or "", "partyKind": "581"}
        cast.enter("court_defaulter", party, COURT_DAYS[-2], "court", said)
        told.append(said["caseNo"])
    cast.expect("COURT", "a firm under its old code and two persons of one name, numbers masked",
                {"A": firm, "B": same, "P": one, "Q": other},
                caseNo=dict(zip("APQ", told, strict=True)), persons=2,
                result="persons known by the entry only, never merged by name")  # fmt: skip
