"""W13–W16, W26, W30: who is who, where, and who came after whom."""

from dataclasses import replace
from datetime import date, timedelta

from service.world.city import BENXI, SHENYANG
from service.world.party import CLUSTER_ADDRESS
from service.world.planted.cast import Cast
from service.world.tie import PERCENT


def plant_identity(cast: Cast) -> None:
    """Add the cases of identity."""
    _moved(cast)
    _renamed(cast)
    _namesakes(cast)
    _old_code(cast)
    _cluster(cast)
    _successor(cast)


def _moved(cast: Cast) -> None:
    moved_on = date(2023, 3, 1)
    serial_code = cast.parties.code(13 * 64, "91", "210106")
    after = cast.body(
        13,
        BENXI,
        established=date(2017, 5, 8),
        uscc=serial_code,
        region="210504",
        approved=moved_on,
        authority=cast.parties.unit(BENXI, "market-regulation-210504"),
        address="辽宁省本溪市明山区鹤渚街16号301室",
    )
    before = replace(
        after,
        city=SHENYANG,
        region="210106",
        approved=after.established,
        authority=cast.parties.unit(SHENYANG, "market-regulation-210106"),
        address="辽宁省沈阳市铁西区听松岭路120号",
    )
    gone = replace(before, status="迁出", approved=moved_on)
    cast.statements += [
        (before, SHENYANG, date(2022, 12, 30)),
        (gone, SHENYANG, date(2023, 3, 3)),
        (after, BENXI, date(2023, 3, 6)),
    ]
    earlier = cast.licence(
        after,
        date(2022, 3, 15),
        date(2022, 3, 18),
        index=13,
        city=SHENYANG,
        source=cast.parties.unit(SHENYANG, "business-environment"),
        issuer=cast.parties.unit(SHENYANG, "business-environment"),
        document_no="沈营商许〔2022〕90013号",
        certificate_no="21010020220000013",
    )
    cast.expect(
        "W13",
        "moved from Shenyang 铁西区 to Benxi 明山区; the code stays",
        {"A": after},
        codeDivision="210106",
        jurisdiction=[
            {"city": "shenyang", "region": "210106", "until": "2023-02-28"},
            {"city": "benxi", "region": "210504", "from": "2023-03-01"},
        ],
        licenceBeforeTheMove=earlier.document_no,
    )


def _renamed(cast: Cast) -> None:
    word = cast.parties.brand(BENXI, 3, 14 * 64)
    old, new = f"本溪{word}商贸有限公司", f"本溪{word}供应链管理有限公司"
    changed = date(2022, 8, 16)
    last_day = changed - timedelta(days=1)
    a = cast.body(
        14,
        BENXI,
        established=date(2018, 4, 11),
        name=new,
        approved=changed,
        former_names=((old, last_day),),
    )
    b = cast.body(14, SHENYANG, name=f"沈阳{word}商贸有限公司")
    earlier = replace(a, name=old, former_names=(), approved=a.established)
    cast.statements += [(earlier, BENXI, date(2021, 12, 31)), (a, BENXI, date(2022, 12, 30))]
    late = cast.penalty(
        a,
        date(2025, 6, 10),
        date(2025, 6, 13),
        sent_as=(("counterpartyName", old),),
        remark="W14",
    )
    cast.expect(
        "W14",
        "renamed in 2022; a Shenyang firm bears the same trade name",
        {"A": a, "B": b},
        formerName=old,
        changedOn=str(changed),
        subjects=2,
        penaltyUnderOldName=late.document_no,
    )


def _namesakes(cast: Cast) -> None:
    first, second, third = (cast.body(15, BENXI) for _ in range(3))
    one, other = cast.person(15, BENXI, "王伟"), cast.person(15, BENXI, "王伟")
    for firm, person in ((first, one), (second, one), (third, other)):
        cast.office(firm, person, "监事")
    cast.expect(
        "W15",
        "three mentions of 王伟, two of them with one identity number",
        {"A": first, "B": second, "C": third, "P": one, "Q": other},
        mentions=3,
        persons=2,
        merges=1,
        samePerson=[["A", "B"]],
    )


def _old_code(cast: Cast) -> None:
    a = cast.body(16, BENXI, established=date(2009, 6, 18))
    act = cast.penalty(
        a,
        date(2025, 6, 11),
        date(2025, 6, 13),
        sent_as=(("uscc", ""), ("orgCode", a.org_code or ""), ("regNo", ""), ("taxNo", "")),
    )
    cast.expect(
        "W16",
        "a record with the old organisation code only",
        {"A": a},
        orgCode=a.org_code,
        matchedBy="ORG_CODE_EMBEDDED",
        penalty=act.document_no,
    )


def _cluster(cast: Cast) -> None:
    cast.expect(
        "W26",
        "one address, 40 firms in S, 3,000 in M and L",
        {},
        address=CLUSTER_ADDRESS,
        firms={"S": 40, "M": 3000, "L": 3000},
        result="left out of path search by default, and said so",
    )


def _successor(cast: Cast) -> None:
    ended = date(2025, 11, 20)
    a = cast.body(30, BENXI, status="注销", deregistered=ended)
    b = cast.body(30, BENXI, established=date(2025, 11, 3))
    cast.hold(b, cast.rep(a), 100 * PERCENT)
    act = cast.penalty(a, date(2025, 3, 11), date(2025, 3, 14))
    cast.note(
        "succession",
        predecessor=a.uscc,
        successor=b.uscc,
        kind="吸收合并",
        date=str(ended),
        recordsFollow=False,
        case="W30",
    )
    cast.expect(
        "W30",
        "deregistered firm with a successor",
        {"A": a, "B": b},
        penalty=act.document_no,
        result="records stay with A until a decision moves them",
    )
