"""W17, W20–W24, W27, W28: penalties, their clocks, repairs and corrections."""

from dataclasses import replace
from datetime import date

from service.world.act import Penalty, penalty_text
from service.world.city import BENXI, SHENYANG
from service.world.planted.cast import Cast

FOOD_LAW = "《中华人民共和国食品安全法》第一百二十四条第一款"


def plant_conduct(cast: Cast) -> None:
    """Add the cases of conduct."""
    _repaired(cast)
    _three_regimes(cast)
    _food_safety(cast)
    _two_types(cast)
    _national_day(cast)
    _unit_error(cast)
    _withdrawn(cast)
    _resent(cast)


def _repaired(cast: Cast) -> None:
    a = cast.body(17, SHENYANG)
    act = cast.penalty(a, date(2025, 10, 16), date(2025, 10, 20))
    repaired = "2026-06-15T09:00:00+08:00"
    cast.note("repair", applicationNo="XF210100202600017", documentNo=act.document_no,
              applicant=a.uscc, kind="终止公示行政处罚", appliedAt="2026-06-01T10:00:00+08:00",
              decision="同意", effectiveAt=repaired, case="W17")  # fmt: skip
    cast.note("credit_report", reportNo="BG210500202600017", subject=a.uscc,
              generatedAt="2026-06-10T10:00:00+08:00", case="W17")  # fmt: skip
    unit = cast.parties.unit(SHENYANG, f"market-regulation-{a.region}")
    said = {"reason": "通过登记的住所（经营场所）无法联系", "includedOn": "2025-10-09",
            "includedBy": unit.name, "includedByUscc": unit.uscc}  # fmt: skip
    market = "market-regulation"
    cast.enter("abnormal_operation", a, date(2026, 3, 27), market, said, final=False)
    ended = {**said, "removedOn": "2026-06-15", "removedReason": "信用修复",
             "removedBy": unit.name}  # fmt: skip
    cast.enter("abnormal_operation", a, date(2026, 6, 18), market, ended)
    cast.expect("W17", "penalty repaired in Shenyang; listing ended by repair", {"A": a},
                penalty=act.document_no, effectiveAt=repaired,
                listing={"kind": "abnormal_operation", "includedOn": "2025-10-09",
                         "removedOn": "2026-06-15"},
                result="shown nowhere from then on; report superseded",
                report="BG210500202600017")  # fmt: skip


def _three_regimes(cast: Cast) -> None:
    a = cast.body(20, BENXI)
    dates = (
        ("R2019", date(2023, 2, 1), date(2023, 2, 6), "2024-02-01"),
        ("R2023", date(2024, 5, 1), date(2024, 5, 8), "2027-05-01"),
        ("R2026", date(2026, 4, 10), date(2026, 4, 14), "2027-04-10"),
    )
    acts = [(rule, cast.penalty(a, decided, sent), end) for rule, decided, sent, end in dates]
    cast.expect("W20", "one firm, three penalties under three rule sets", {"A": a},
                penalties=[{"documentNo": act.document_no, "decisionDate": str(act.decided),
                            "ruleSet": rule, "pubMaxEnd": end} for rule, act, end in acts]
                )  # fmt: skip


def _food_safety(cast: Cast) -> None:
    a = cast.body(21, BENXI)
    decided, sent = date(2024, 3, 15), date(2024, 3, 20)
    food = cast.penalty(a, decided, sent, fine=10_000, violation="经营超过保质期的食品",
                        facts="经查，当事人货架上摆放待售的食品已超过标签标注的保质期。",
                        basis=FOOD_LAW, sector="food-safety")  # fmt: skip
    plain = cast.penalty(a, decided, sent)
    cast.expect("W21", "a food-safety penalty and an ordinary one of the same day", {"A": a},
                ruleSet="R2023", penalties=[
                    {"documentNo": food.document_no, "repairableFrom": "2025-03-15"},
                    {"documentNo": plain.document_no, "repairableFrom": "2024-06-15"},
                ])  # fmt: skip


def _two_types(cast: Cast) -> None:
    a = cast.body(22, BENXI)
    act = cast.penalty(a, date(2024, 8, 12), date(2024, 8, 16), types=("警告", "罚款"))
    cast.expect("W22", "warning and fine in one decision: the longest period counts", {"A": a},
                penalty=act.document_no, ruleSet="R2023", pubMinEnd="2024-11-12",
                pubMaxEnd="2027-08-12")  # fmt: skip


def _national_day(cast: Cast) -> None:
    a = cast.body(23, BENXI)
    act = cast.licence(a, date(2025, 9, 30), date(2025, 10, 15))
    cast.expect("W23", "decided before the National Day holiday of 2025", {"A": a},
                licence=act.document_no, decisionDate="2025-09-30", receivedOn="2025-10-15",
                workingDays=6, onTime=True, seventhWorkingDay="2025-10-16",
                naiveSeventhWeekday="2025-10-09")  # fmt: skip


def _unit_error(cast: Cast) -> None:
    a = cast.body(24, BENXI)
    act = cast.penalty(a, date(2025, 6, 9), date(2025, 6, 13), fine=2000,
                       sent_as=(("fineAmount", "2000"),))  # fmt: skip
    cast.expect("W24", "fine of 2,000 元 reported as 2000 in a column of 万元", {"A": a},
                penalty=act.document_no, sent="2000", truth="0.2", unit="万元",
                result="unit warning")  # fmt: skip


def _withdrawn(cast: Cast) -> None:
    a = cast.body(27, BENXI)
    act = cast.penalty(a, date(2026, 3, 17), date(2026, 3, 20), fine=5000)
    withdrawn = replace(act, sent=date(2026, 6, 19), review="撤销")
    cast.penalties.append(withdrawn)
    cast.note("objection", objectionNo="YY210500202600027", documentNo=act.document_no,
              grounds="主体错配", applicant=a.uscc, receivedAt="2026-06-16T09:00:00+08:00",
              flaggedAt="2026-06-16T15:00:00+08:00", case="W27")  # fmt: skip
    cast.note("withdrawal", documentNo=act.document_no, court="本溪市中级人民法院",
              reason="法院判决撤销", effectiveAt="2026-06-18T09:00:00+08:00",
              case="W27")  # fmt: skip
    cast.note("objection", objectionNo="YY210500202600027", documentNo=act.document_no,
              receivedAt="2026-04-02T09:00:00+08:00", outcome="办理中", case="W27")  # fmt: skip
    cast.expect("W27", "objection mark, then annulled by the court", {"A": a},
                penalty=act.document_no, orders=[["objection", "withdrawal"],
                                                 ["withdrawal", "objection"]],
                result="withdrawn, whatever arrives first")  # fmt: skip


def _resent(cast: Cast) -> None:
    a, b = cast.body(28, BENXI), cast.body(28, BENXI)
    first, second = date(2026, 5, 15), date(2026, 6, 5)
    acts: list[Penalty] = [
        cast.penalty(body, date(2026, 5, 11 + place), first, "housing", fine=fine,
                     violation="未按规定办理施工许可手续",
                     facts="经查，当事人未取得施工许可证擅自施工。",
                     basis="《建设工程质量管理条例》第五十七条")
        for place, (body, fine) in enumerate(((a, 5000), (a, 8000), (b, 5000)))
    ]  # fmt: skip
    corrected = replace(
        acts[0], sent=second, fine=3000, content=penalty_text(("罚款",), 3000, None)
    )
    repeated = replace(acts[1], sent=second)
    cast.penalties += [corrected, repeated]
    original = "feeds/benxi/20260515_housing_penalty.csv"
    correction = "feeds/benxi/20260605_housing_penalty.csv"
    cast.expect("W28", "a batch twice, and its correction before it", {"A": a, "B": b},
                files=[original, correction],
                orders=[[0, 1], [1, 0], [0, 0, 1], [1, 0, 1], [0, 1, 0, 1]],
                records=3,
                current=[{"documentNo": act.document_no, "fineAmount": fine} for act, fine in
                         zip(acts, ("0.3", "0.8", "0.5"), strict=True)])  # fmt: skip
