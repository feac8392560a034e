"""The snapshot: the store's graph as arrays, true at its position, safe to open at any moment."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.errors import GraphUnavailable
from graph.layout import EdgeKind
from graph.snapshot.column import AMOUNT_SCALE, INEXACT, PARTNERSHIP, SHARE_SCALE, UNKNOWN
from graph.snapshot.folder import Folder
from graph.snapshot.keeping import Keeper, SnapshotReader
from graph.snapshot.mask import Mask, View
from graph.snapshot.view import Snapshot, places
from tests.graph.town import BENXI, SHENYANG, Town

DAY = dt.date(2026, 6, 30)


@pytest.fixture
def keeper(connect: Callable[[], Any], tmp_path: Path) -> Keeper:
    return Keeper(connect, tmp_path / "snapshot")


def edges(snapshot: Snapshot, kind: EdgeKind = EdgeKind.HOLDS) -> set[tuple[Any, ...]]:
    """(source, target, least share or amount) of every relation of a kind."""
    table = snapshot.tables[kind]
    rows = table.rows()
    sources = snapshot.ids_at(table.column("source", rows))
    targets = snapshot.ids_at(table.column("target", rows))
    number = "share_min" if kind is EdgeKind.HOLDS else "class"
    return set(zip(sources, targets, table.column(number, rows).tolist(), strict=True))


async def now(keeper: Keeper) -> Snapshot:
    await keeper.catch_up()
    return SnapshotReader(keeper.folder.path).current()


halves = st.tuples(st.integers(0, 4), st.integers(0, 4))


@given(st.sets(halves), st.lists(halves))
def test_ids_are_found_where_they_stand(known: set[Any], asked: list[Any]) -> None:
    def columns(pairs: list[Any]) -> list[Any]:
        return [np.array([pair[half] for pair in pairs], np.uint64) for half in (0, 1)]

    ids = sorted(known)
    found = places(*columns(ids), *columns(asked)).tolist()
    assert found == [ids.index(one) if one in known else -1 for one in asked]


async def test_the_snapshot_holds_what_the_store_holds(town: Town, keeper: Keeper) -> None:
    async with town.transaction():
        a, b = await town.company("a"), await town.company("b", origin="210100")
        p, loan = await town.person("p"), await town.loan("l")
        await town.holds(p, a, "0.333333333333", share_class="普通股", subscribed=12)
        await town.holds(a, b, "0.1234567890123456")
        await town.relation(
            "GUARANTEES", a, b, amount=5000, currency="CNY", loan_id=loan, **{"class": "G"}
        )
        gone = await town.holds(b, a, "0.5")
        await town.withdraw(gone)
    found = await now(keeper)
    assert len(found.nodes) == 4
    assert edges(found) == {
        (p, a, 333_333_333_333),
        (a, b, 123_456_789_012),
    }
    holds = found.tables[EdgeKind.HOLDS]
    place = found.place_of(a)
    assert place is not None
    (row,) = holds.incoming(np.array([place]))
    assert (
        found.text("share_class", int(holds.column("share_class", np.array([row]))[0])) == "普通股"
    )
    assert holds.column("subscribed", np.array([row]))[0] == 12_000_000
    assert holds.column("paid", np.array([row]))[0] == UNKNOWN
    (out,) = holds.outgoing(np.array([place]))
    assert holds.column("flags", np.array([out]))[0] == INEXACT
    bonds = found.tables[EdgeKind.GUARANTEES]
    (bond,) = bonds.outgoing(np.array([place]))
    assert bonds.column("amount", np.array([bond]))[0] == 5000 * AMOUNT_SCALE
    assert found.ids_at(bonds.column("loan", np.array([bond]))) == [loan]
    origin = found.nodes.column("origin", found.places_of([b]))
    assert found.text("origin", int(origin[0])) == "210100"
    assert found.place_of(uuid4()) is None


async def test_changes_are_taken_in_and_give_what_a_new_base_would(
    town: Town, keeper: Keeper, connect: Callable[[], Any], tmp_path: Path
) -> None:
    async with town.transaction():
        firms = [await town.company(str(n)) for n in range(6)]
        ids = {
            (i, j): await town.holds(firms[i], firms[j], f"0.{i}{j}")
            for i in range(6)
            for j in range(6)
            if i < j
        }
    first = await now(keeper)
    base = keeper.folder.state()
    async with town.transaction():
        await town.withdraw(ids[0, 1])
        await town.holds(firms[0], firms[2], "0.77")  # said again
        more = [await town.company(f"x{n}") for n in range(5)]
        for new in more:
            await town.holds(new, firms[5], "0.1")
        await town.holds(firms[5], more[0], "1")
    second = await now(keeper)
    async with town.transaction():
        late = [await town.company(f"y{n}") for n in range(5)]  # between the added ones
        for new in late:
            await town.holds(more[0], new, "0.2")
        await town.withdraw(ids[0, 2])
    third = await now(keeper)
    state = keeper.folder.state()
    assert state is not None
    assert base is not None
    assert (state.base, state.delta) == (base.base, 2)
    assert first.id != second.id != third.id
    assert first.position < second.position < third.position
    assert len(edges(first)) == 15  # a reader that still holds an old one sees it whole
    anew = Keeper(connect, tmp_path / "anew")
    whole = await now(anew)
    for kind in EdgeKind:
        assert edges(third, kind) == edges(whole, kind)
    for snapshot in (third, whole):
        for firm in (*firms, *more, *late):
            place = snapshot.place_of(firm)
            assert place is not None
            assert snapshot.ids_at(np.array([place])) == [firm]
            for ends in ("incoming", "outgoing"):
                rows = getattr(snapshot.tables[EdgeKind.HOLDS], ends)(np.array([place]))
                seen = {
                    (s, t)
                    for s, t, _ in edges(snapshot)
                    if (t if ends == "incoming" else s) == firm
                }
                assert len(rows) == len(seen)


async def test_circles_are_found_with_the_snapshot_and_follow_it(
    town: Town, keeper: Keeper
) -> None:
    async with town.transaction():
        a, b, c = [await town.company(n) for n in "abc"]
        await town.holds(a, b, "0.4")
        back = await town.holds(b, a, "0.3")
        await town.holds(c, c, "0.05")
        await town.holds(a, c, "0.5")
    found = await now(keeper)

    def circle(snapshot: Snapshot, firm: UUID) -> set[UUID]:
        place = snapshot.place_of(firm)
        assert place is not None
        assert snapshot.circles is not None
        return set(snapshot.ids_at(snapshot.circles.around(place)))

    assert circle(found, a) == circle(found, b) == {a, b}
    assert circle(found, c) == {c}
    async with town.transaction():
        await town.withdraw(back)
        d = await town.company("d")
        await town.holds(c, d, "0.1")
        await town.holds(d, a, "0.1")
    later = await now(keeper)
    assert circle(later, a) == {a, c, d}
    assert circle(later, b) == set()


def test_w07_a_mask_that_hides_a_holder_does_not_show_the_whole() -> None:
    whole = Mask(DAY, frozenset({"HOLDS"}), frozenset("OG"))
    assert whole.whole
    assert not replace(whole, classes=frozenset("O")).whole
    assert not replace(whole, categories=frozenset({"LEGAL_ENTITY"})).whole
    assert not replace(whole, regions=frozenset({"210502"})).whole
    assert not replace(whole, barred=(1,)).whole


async def test_a_mask_hides_classes_days_categories_and_barred_subjects(
    town: Town, keeper: Keeper
) -> None:
    async with town.transaction():
        a, b = await town.company("a"), await town.company("b")
        p = await town.person("p")
        await town.holds(p, a, "0.2")
        await town.holds(b, a, "0.3", valid_to=dt.date(2026, 6, 30))
        await town.holds(a, b, "0.1", valid_from=DAY)
        await town.relation("GUARANTEES", b, a, **{"class": "G"})
    found = await now(keeper)
    at = found.places_of([a, b, p])
    kinds = frozenset({"HOLDS", "GUARANTEES"})

    def holders(mask: Mask) -> int:
        return len(View(found, mask).incoming(EdgeKind.HOLDS, at[:1]))

    assert holders(Mask(dt.date(2026, 6, 29), kinds, frozenset("O"))) == 2
    assert holders(Mask(DAY, kinds, frozenset("O"))) == 1  # not in force on and after valid_to
    assert holders(Mask(None, kinds, frozenset("O"))) == 2
    for day, begun in ((dt.date(2026, 6, 29), 0), (DAY, 1)):
        view = View(found, Mask(day, kinds, frozenset("O")))
        assert len(view.incoming(EdgeKind.HOLDS, at[1:2])) == begun
    assert holders(Mask(None, kinds, frozenset("G"))) == 0
    assert holders(Mask(None, frozenset(), frozenset("O"))) == 0
    firms = frozenset({"LEGAL_ENTITY"})
    assert holders(Mask(None, kinds, frozenset("O"), firms)) == 1
    assert holders(Mask(None, kinds, frozenset("O"), barred=(int(at[1]),))) == 1
    open_ = View(found, Mask(DAY, kinds, frozenset("O")))
    assert len(open_.rows(EdgeKind.GUARANTEES)) == 0


async def test_a_district_walks_of_what_is_not_open_what_touches_it(
    town: Town, keeper: Keeper
) -> None:
    async with town.transaction():
        a, b = await town.company("a", region="210504"), await town.company("b", region="210503")
        c = await town.company("c")
        await town.relation("GUARANTEES", b, a, **{"class": "G"})
        await town.relation("GUARANTEES", c, b, **{"class": "G"})
        await town.holds(c, b, "0.3")

    def rows(found: Snapshot, *regions: str) -> list[int]:
        mask = Mask(DAY, frozenset({"HOLDS", "GUARANTEES"}), frozenset("OG"))
        view = View(found, replace(mask, regions=frozenset(regions)))
        return [len(view.rows(kind)) for kind in (EdgeKind.HOLDS, EdgeKind.GUARANTEES)]

    found = await now(keeper)
    assert rows(found) == [1, 0]
    assert rows(found, "210504") == [1, 1]
    assert rows(found, "210503", "210599") == [1, 2]
    async with town.transaction():  # it moves where nobody was
        await town.company("a", region="210502")
    found = await now(keeper)
    assert (rows(found, "210504"), rows(found, "210502")) == ([1, 0], [1, 1])


async def test_a_snapshot_that_is_not_whole_is_never_opened(town: Town, keeper: Keeper) -> None:
    folder = keeper.folder.path
    reader = SnapshotReader(folder)
    with pytest.raises(GraphUnavailable):
        reader.current()
    async with town.transaction():
        a, b = await town.company("a"), await town.company("b")
        await town.holds(a, b, "0.5")
    await keeper.catch_up()
    assert len(reader.current().nodes) == 2
    (folder / ".base-7").mkdir()  # a writer that was killed
    (folder / ".delta-1-1.npz").write_bytes(b"PK")
    (folder / ".CURRENT").write_bytes(b"{")
    assert len(SnapshotReader(folder).current().nodes) == 2
    base = next(folder.glob("base-*"))
    with (base / "node-id_hi.npy").open("r+b") as file:
        file.truncate(100)
    with pytest.raises(GraphUnavailable):
        SnapshotReader(folder).current()
    again = Keeper(keeper._connect, folder)  # whoever comes next makes it anew
    await again.catch_up()
    assert len(SnapshotReader(folder).current().nodes) == 2
    assert not [entry for entry in folder.iterdir() if entry.name.startswith(".")]
    assert Folder(folder).state() is not None


async def test_a_snapshot_of_another_database_is_not_continued(
    town: Town, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town.transaction():
        await town.company("a")
    await keeper.catch_up()
    state = keeper.folder.state()
    assert state is not None

    async def another(_: Any) -> str:
        return "another/1"

    monkeypatch.setattr("graph.source.source_name", another)
    again = Keeper(keeper._connect, keeper.folder.path)
    await again.catch_up()
    found = keeper.folder.state()
    assert found is not None
    assert found.base == state.base + 1


async def test_shares_of_one_are_exact(town: Town, keeper: Keeper) -> None:
    async with town.transaction():
        a, b = await town.company("a"), await town.company("b")
        await town.holds(a, b, "1")
        await town.relation("HOLDS", b, a, share_min=None, share_max=None)
    found = await now(keeper)
    assert edges(found) == {(a, b, SHARE_SCALE), (b, a, UNKNOWN)}


async def test_w07_a_partners_partnership_is_known_by_its_name(town: Town, keeper: Keeper) -> None:
    # Of a partner city's firm only codes and name travel; the name must say it (合伙企业法 15, 62).
    async with town.transaction():
        fund = await town.company("f", "沈阳某投资合伙企业(有限合伙)")
        firm = await town.company("c", "沈阳合伙人餐饮有限公司")
    found = await now(keeper)
    traits = found.nodes.column("traits", found.places_of([fund, firm]))
    assert [bool(one & PARTNERSHIP) for one in traits.tolist()] == [True, False]


async def test_x37_the_home_of_a_firm_only_mentioned_is_the_city_of_its_code(
    town: Town, keeper: Keeper
) -> None:
    async with town.transaction():
        both = [await town.company(code, origin=BENXI) for code in ("m", "n")]
        await town.connection.execute(
            "UPDATE organisation SET registered = subject_id = $1, uscc = '91210106XD0000016N'",
            both[0],
        )
    found = await now(keeper)
    homes = found.nodes.column("origin", found.places_of(both)).tolist()
    assert [found.text("origin", code) for code in homes] == [BENXI, None]
    async with town.transaction():
        await town.holds(both[0], both[1], "0.5", origin=SHENYANG)
        await town.touch("SUBJECT", both[1], both[1])
    found = await now(keeper)
    (home,) = found.nodes.column("origin", found.places_of(both[1:])).tolist()
    assert found.text("origin", home) == SHENYANG
