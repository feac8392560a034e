"""One of every fault with what intake must say of it, and records on the forms of 2015/16."""

from dataclasses import replace
from datetime import date

from service.world.arrears import debt_named, owed
from service.world.city import BENXI
from service.world.entry import Entry, Said
from service.world.evaluation import evaluation_said
from service.world.fault import Fault, wrong_code
from service.world.listing import ENVIRONMENT, MARKET_DAYS, RED_DAYS, WATCH_DAYS, red_said
from service.world.party import Organisation, Person
from service.world.planted.cast import Cast
from service.world.slip import slipped
from service.world.supervision import (
    COMMITMENT_DAYS,
    INSPECTION_DAYS,
    commitment_said,
    fulfilment_said,
)


def plant_faulty(cast: Cast) -> None:
    """Add the faulty statements and those on old forms."""
    _faults(cast)
    _former(cast)


class _Clerk:
    """Enters statements with a fault, and keeps what must be said of each."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.told: list[dict[str, str | None]] = []

    def slip(self, entry: Entry, name: str, sent: str) -> None:
        """Enter a statement with a fault that occurs everywhere."""
        self._enter(*slipped(entry, name, sent))

    def wrong(self, entry: Entry, name: str, changed: Said, outcome: str, code: str) -> None:
        """Enter a statement of which some fields are wrong."""
        field, sent = next(iter(changed.items()))
        fault = Fault(name, field, sent, entry.said.get(field, ""), outcome, code)
        self._enter(replace(entry, said={**entry.said, **changed}), fault)

    def _enter(self, entry: Entry, fault: Fault) -> None:
        self.cast.entries.append((replace(entry, case="FAULTS", final=False), fault))
        self.told.append({"fault": fault.name, "kind": entry.kind, "sentOn": str(entry.sent),
                          "unit": entry.source.slug, "field": fault.field,
                          "outcome": fault.outcome, "code": fault.finding or None})  # fmt: skip


def _owes(cast: Cast, party: Organisation | Person, name: str, month: int) -> Entry:
    assessed = date(2026, month + 1, 16)
    month_owed = date(2026, month, 1)
    return next(iter(owed(cast.parties, party, debt_named(name), month_owed, 91_200, assessed)))


def _faults(cast: Cast) -> None:
    a = cast.body(45, BENXI, established=date(2012, 4, 16))
    p = cast.person(45, BENXI)
    parties, clerk = cast.parties, _Clerk(cast)
    draw = parties.chance.of("faulty", a.serial)
    for place, name in enumerate(("letter_o", "letter_i", "transposed", "missing_character")):
        debt = ("tax", "养老", "fund", "燃气")[place]
        clerk.slip(_owes(cast, a, debt, 2), name, wrong_code(name, a.uscc, draw))
    market = parties.unit(BENXI, "market-regulation")
    odd = Entry("abnormal_operation", a, BENXI, market, MARKET_DAYS[-1], {
        "reason": "未在责令期限公示有关企业信息", "includedOn": "2026-05-13",
        "includedBy": market.name, "includedByUscc": market.uscc,
    })  # fmt: skip
    clerk.slip(odd, "inner_check", wrong_code("inner_check", a.uscc, draw))
    ecology = parties.unit(BENXI, "ecology")
    red = red_said(parties, a, ENVIRONMENT, 2025)
    green = Entry("red_list", a, BENXI, ecology, RED_DAYS[-1], red)
    clerk.slip(green, "full_width", wrong_code("full_width", a.uscc, draw))
    on = date(2026, 5, 31)
    said = evaluation_said(parties, BENXI, "BX-ABCD", "2025", on, 6, "C")
    centre = parties.unit(BENXI, "credit-centre")
    graded = Entry("evaluation", a, BENXI, centre, date(2026, 6, 5), said)
    clerk.slip(graded, "missing_uscc", "")
    clerk.wrong(graded, "grade_unknown", {"grade": "E"}, "rejected", "GRADE_UNKNOWN")
    watched = Entry("watch_list", a, BENXI, market, WATCH_DAYS[-1], {
        "watchCode": "ZDGZ-SPAQ", "grounds": "食品安全监督抽检连续两次不合格",
        "includedOn": "2026-05-18", "supervisingUnit": market.name,
        "supervisingUnitUscc": market.uscc,
    })  # fmt: skip
    clerk.slip(watched, "date_swapped", "2026-18-05")
    risk = evaluation_said(parties, BENXI, "RISK-SAMR", "v1", date(2026, 4, 5), 12, "B",
                           slug="market-regulation")  # fmt: skip
    rated = Entry("evaluation", a, BENXI, market, date(2026, 4, 10), risk)
    clerk.slip(rated, "date_swapped", "2026-05-04")
    _inspection_faults(clerk, a)
    _commitment_faults(clerk, a)
    early = _owes(cast, a, "养老", 4)
    clerk.wrong(early, "cleared_too_early", {"clearedOn": "2026-04-02"}, "rejected", "DATE_ORDER")
    below = _owes(cast, a, "fund", 4)
    clerk.wrong(below, "negative_amount", {"owedAmount": "-912.00"}, "rejected", "NUMBER_RANGE")
    cold = _owes(cast, p, "供热", 4)
    clerk.wrong(cold, "person_utility", {"meterAddress": ""}, "rejected", "PERSON_NOT_TAKEN")
    cast.expect("FAULTS", "one of every fault in the further kinds", {"A": a, "P": p},
                faults=clerk.told)  # fmt: skip


def _inspection_faults(clerk: _Clerk, a: Organisation) -> None:
    unit = clerk.cast.parties.unit(BENXI, "housing")
    entry = Entry("inspection", a, BENXI, unit, INSPECTION_DAYS[-1], {
        "planNo": "2105002026SSJ06", "taskNo": f"JC2105002026{a.serial:08d}",
        "inspectKind": "日常", "inspectedOn": "2026-06-09", "inspectorUnit": unit.name,
        "inspectorUnitUscc": unit.uscc, "items": "施工现场质量安全管理",
        "resultCode": "未发现问题", "publishedOn": "2026-06-23",
    })  # fmt: skip
    clerk.slip(entry, "wrong_code", "其它类型")
    clerk.wrong(entry, "required_empty", {"taskNo": ""}, "rejected", "REQUIRED")
    clerk.cast.entries.append((replace(entry, case="FAULTS"), None))
    clerk.wrong(entry, "duplicate", {"taskNo": entry.said["taskNo"]}, "open", "")


def _commitment_faults(clerk: _Clerk, a: Organisation) -> None:
    unit = clerk.cast.parties.unit(BENXI, "transport")
    made = date(2026, 2, 11)
    said = commitment_said(BENXI, unit, a.serial, made, "道路货物运输经营许可")
    entry = Entry("commitment", a, BENXI, unit, COMMITMENT_DAYS[-1], said)
    broken = fulfilment_said(unit, "部分履行", date(2026, 5, 11))
    clerk.wrong(entry, "unperformed_missing", {"unperformed": "", "fulfilment": "部分履行",
                "liabilityTaken": broken["liabilityTaken"]}, "rejected", "REQUIRED")  # fmt: skip
    kept = fulfilment_said(unit, "全部履行", date(2026, 5, 11))
    clerk.wrong(entry, "unperformed_given", {"unperformed": broken["unperformed"],
                "fulfilment": kept["fulfilment"]}, "with_findings", "MUST_BE_EMPTY")  # fmt: skip
    code = f"21050020260212{a.serial:06d}"
    clerk.wrong(entry, "code_differs", {"code": code}, "with_findings", "COMMITMENT_CODE_DIFFERS")


def _former(cast: Cast) -> None:
    firm = cast.body(52, BENXI, established=date(2010, 8, 9))
    young = cast.body(52, BENXI, established=date(2018, 3, 14))
    p = cast.person(52, BENXI)
    first = cast.licence(firm, date(2022, 6, 13), date(2022, 6, 17), sent_as=(("uscc", ""),))
    second = cast.licence(p, date(2022, 6, 14), date(2022, 6, 17))
    act = cast.penalty(young, date(2023, 6, 12), date(2023, 6, 16), "ecology", fine=20_000,
                       types=("警告", "罚款"), violation="未批先建",
                       facts="经查，当事人建设项目环境影响评价文件未经批准即开工建设。",
                       basis="《中华人民共和国环境影响评价法》第三十一条第一款")  # fmt: skip
    cast.expect("FORM2015", "reported on the forms of 2015/16: by old code, a person, two types",
                {"A": firm, "B": young, "P": p}, licenceOfFirm=first.document_no,
                licenceOfPerson=second.document_no, penalty=act.document_no,
                penaltyTypes=list(act.types), orgCode=firm.org_code)  # fmt: skip
