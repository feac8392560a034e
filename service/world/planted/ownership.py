"""W01–W10: who owns and who controls. Shares are millionths; golden numbers from demo_world §4."""

from service.world.city import BENXI, SHENYANG
from service.world.planted.cast import Cast
from service.world.tie import PERCENT, Party


def plant_ownership(cast: Cast) -> None:
    """Add the cases of ownership and control."""
    _majority(cast)
    _pyramid(cast)
    _two_cycle(cast)
    _three_cycle(cast)
    _closed_cycle(cast)
    _treasury_shares(cast)
    _partnership(cast)
    _dispersed(cast)
    _state(cast)
    _rounded(cast)


def _majority(cast: Cast) -> None:
    a = cast.body(1, BENXI)
    p, q = cast.person(1, BENXI), cast.person(1, BENXI)
    cast.hold(a, p, 70 * PERCENT)
    cast.hold(a, q, 30 * PERCENT)
    cast.expect("W01", "direct majority", {"A": a, "P": p, "Q": q}, controller="P", direct="70%")


def _pyramid(cast: Cast) -> None:
    p, q = cast.person(2, BENXI), cast.person(2, BENXI)
    firms = [cast.body(2, city) for city in (BENXI, BENXI, SHENYANG, BENXI)]
    above: list[Party] = [p, *firms[:3]]
    for holder, firm, percent in zip(above, firms, (60, 55, 51, 80), strict=True):
        cast.hold(firm, holder, percent * PERCENT)
        cast.hold(firm, q, (100 - percent) * PERCENT)
    cast.expect(
        "W02",
        "pyramid of four levels, 60 x 55 x 51 x 80 %",
        {"P": p, "Q": q, **dict(zip("ABCD", firms, strict=True))},
        effective={"holder": "P", "company": "D", "share": "0.13464"},
        controlChain=["P", "A", "B", "C", "D"],
        controller="P",
    )


def _two_cycle(cast: Cast) -> None:
    a, b = cast.body(3, BENXI), cast.body(3, SHENYANG)
    p, q = cast.person(3, BENXI), cast.person(3, SHENYANG)
    cast.hold(a, p, 70 * PERCENT)
    cast.hold(a, b, 30 * PERCENT)
    cast.hold(b, q, 60 * PERCENT)
    cast.hold(b, a, 40 * PERCENT)
    cast.expect(
        "W03",
        "two firms hold each other",
        {"A": a, "B": b, "P": p, "Q": q},
        integrated={"A": {"P": "35/44", "Q": "9/44"}, "B": {"P": "14/44", "Q": "30/44"}},
    )


def _three_cycle(cast: Cast) -> None:
    a, b, c = (cast.body(4, city) for city in (BENXI, BENXI, SHENYANG))
    p, q, r = (cast.person(4, BENXI) for _ in range(3))
    cast.hold(a, c, 20 * PERCENT)
    cast.hold(a, p, 80 * PERCENT)
    cast.hold(b, a, 50 * PERCENT)
    cast.hold(b, q, 50 * PERCENT)
    cast.hold(c, b, 50 * PERCENT)
    cast.hold(c, r, 50 * PERCENT)
    cast.expect(
        "W04",
        "three firms in a circle",
        {"A": a, "B": b, "C": c, "P": p, "Q": q, "R": r},
        integrated={
            "A": {"P": "16/19", "Q": "1/19", "R": "2/19"},
            "B": {"P": "8/19", "Q": "10/19", "R": "1/19"},
            "C": {"P": "4/19", "Q": "5/19", "R": "10/19"},
        },
    )


def _closed_cycle(cast: Cast) -> None:
    a, b = cast.body(5, BENXI), cast.body(5, BENXI)
    cast.hold(b, a, 100 * PERCENT)
    cast.hold(a, b, 100 * PERCENT)
    cast.expect(
        "W05", "closed circle without an owner", {"A": a, "B": b}, result="CIRCULAR_UNDETERMINED"
    )


def _treasury_shares(cast: Cast) -> None:
    a, p = cast.body(6, BENXI), cast.person(6, BENXI)
    cast.hold(a, p, 95 * PERCENT)
    cast.hold(a, a, 5 * PERCENT, share_class="库存股")
    cast.expect(
        "W06",
        "five percent held by the firm itself",
        {"A": a, "P": p},
        direct={"P": "0.95"},
        integrated={"P": "1"},
        votes={"P": "1"},
    )


def _partnership(cast: Cast) -> None:
    general, limited = cast.person(7, BENXI), cast.person(7, SHENYANG)
    name = f"{BENXI.short}{cast.parties.brand(BENXI, 3, 7 * 64)}投资合伙企业(有限合伙)"
    a = cast.body(7, BENXI, entity_type="合伙", name=name, legal_rep=general.serial)
    cast.hold(a, general, PERCENT // 10, share_class="普通合伙人")
    cast.hold(a, limited, 100 * PERCENT - PERCENT // 10, share_class="有限合伙人")
    cast.expect(
        "W07",
        "limited partnership: 0.1 % governs, 99.9 % earns",
        {"A": a, "GP": general, "LP": limited},
        controller="GP",
        beneficialOwner="LP",
        rule="income of 25 % or more",
    )


def _dispersed(cast: Cast) -> None:
    a = cast.body(8, BENXI)
    people = [cast.person(8, BENXI) for _ in range(5)]
    for person in people:
        cast.hold(a, person, 20 * PERCENT)
    manager = cast.person(8, BENXI)
    cast.office(a, manager, "经理")
    cast.expect(
        "W08",
        "five holders of 20 %",
        {"A": a, **{f"P{place}": person for place, person in enumerate(people, 1)}, "M": manager},
        controller=None,
        beneficialOwner="M",
        rule="fallback: the person in daily management",
    )


def _state(cast: Cast) -> None:
    root = cast.parties.unit(BENXI, "assets")
    word = cast.parties.brand(BENXI, 3, 9 * 64)
    capital = cast.body(9, BENXI, name=f"{BENXI.short}{word}国有资本运营有限公司")
    group, works, sales = (cast.body(9, BENXI) for _ in range(3))
    p = cast.person(9, BENXI)
    cast.hold(capital, root, 100 * PERCENT)
    cast.hold(group, capital, 80 * PERCENT)
    cast.hold(group, p, 20 * PERCENT)
    cast.hold(works, group, 60 * PERCENT)
    cast.hold(works, p, 40 * PERCENT)
    cast.hold(sales, works, 51 * PERCENT)
    cast.hold(sales, p, 49 * PERCENT)
    cast.expect(
        "W09",
        "state root over four levels",
        {"ROOT": root, "A": capital, "B": group, "C": works, "D": sales, "P": p,
         "REP": cast.rep(sales)},
        controller="ROOT",
        beneficialOwner="REP",
        rule="state-owned: legal representative",
    )  # fmt: skip


def _rounded(cast: Cast) -> None:
    short, long = cast.body(10, BENXI), cast.body(10, SHENYANG)
    people = [cast.person(10, BENXI) for _ in range(3)]
    for company, shares in (
        (short, (333_200, 333_300, 333_200)),
        (long, (333_500, 333_500, 333_400)),
    ):
        for person, share in zip(people, shares, strict=True):
            cast.hold(company, person, share)
    cast.expect(
        "W10",
        "shares that add up to 99.97 % and 100.04 %",
        {"A": short, "B": long},
        sums={"A": "0.9997", "B": "1.0004"},
        result={"A": "tolerated", "B": "warned"},
    )
