"""X01, X02: partners and what they share are signed, dated data."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from schema.records import kinds
from security.tlog.note import Note
from store.kind import Kinds
from sync.agreement import (
    Agreement,
    AgreementParty,
    LegalBasis,
    PartyKeys,
    active_agreement,
    countersign,
    latest_agreement,
    read_agreement,
    record_agreement,
    sign_agreement,
)
from sync.catalogue import Item, lacking, travelling_fields
from sync.demo import demo_agreement
from sync.errors import AgreementError
from sync.sharing import sharing_on

from .conftest import BENXI, SHENYANG, City, signer

KEYS = {
    region: (signer(f"{region}/agreement"), signer(f"{region}/feed"), signer(f"{region}/ack"))
    for region in (BENXI, SHENYANG)
}
SIGNERS = tuple(keys[0] for keys in KEYS.values())
PARTIES = tuple(
    AgreementParty(region, name, PartyKeys(*(key.verifier for key in KEYS[region])))
    for region, name in ((BENXI, "本溪市"), (SHENYANG, "沈阳市"))
)


SHOWN = frozenset(
    {"documentNo", "reportedName", "issuerName", "issuerUscc", "sourceUnitName", "sourceUnitUscc",
     "decisionDate", "displayFrom", "displayUntil", "queryUntil", "validTo", "objection",
     "fields.pubDeadline", "fields.effectiveUntil"}
)  # fmt: skip


def agreement(**changes: object) -> Agreement:
    made = Agreement(
        id="test-1",
        title="演示协议",
        parties=PARTIES,
        catalogue_version="3",
        items=(Item("penalty", "LEGAL_ENTITY", SHOWN),),
        purposes=("P1", "P8"),
        legal_basis=(LegalBasis("演示依据", "1号", date(2020, 10, 22)),),
        valid_from=date(2026, 1, 1),
        valid_to=date(2026, 7, 1),
    )
    return replace(made, **changes)


def test_an_agreement_reads_back_as_it_was_signed() -> None:
    assert read_agreement(sign_agreement(agreement(), SIGNERS)) == agreement()


def test_an_agreement_needs_the_signature_of_every_party() -> None:
    proposed = sign_agreement(agreement(), SIGNERS[:1])
    with pytest.raises(AgreementError, match="AGREEMENT_UNSIGNED"):
        read_agreement(proposed)
    assert read_agreement(countersign(proposed, SIGNERS[1])) == agreement()


def test_a_changed_word_unsigns_it() -> None:
    note = sign_agreement(agreement(), SIGNERS)
    with pytest.raises(AgreementError, match="AGREEMENT_UNSIGNED"):
        read_agreement(note.replace(b'"P8"', b'"P9"'))
    with pytest.raises(AgreementError, match="AGREEMENT_MALFORMED"):
        read_agreement(note.replace(b'"v":1', b'"v":1 '))


def test_a_partner_cannot_sign_with_a_key_that_is_not_known_as_its_own() -> None:
    note = sign_agreement(agreement(), SIGNERS)
    known = {SHENYANG: signer("210100/agreement").verifier}
    with pytest.raises(AgreementError, match="AGREEMENT_KEY"):
        read_agreement(note, known)
    assert read_agreement(note, {SHENYANG: SIGNERS[1].verifier}) == agreement()


@pytest.mark.parametrize(
    "changes",
    [
        {"parties": PARTIES[:1]},
        {"parties": (PARTIES[0], PARTIES[0])},
        {"legal_basis": ()},
        {"purposes": ("anything",)},
        {"valid_to": date(2026, 1, 1)},
        {"items": (Item("penalty", "LEGAL_ENTITY"), Item("penalty", "LEGAL_ENTITY"))},
        {"id": "with space"},
    ],
)
def test_an_agreement_without_substance_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(AgreementError, match="AGREEMENT_MALFORMED"):
        agreement(**changes)


def test_records_of_natural_persons_are_no_catalogue_item() -> None:
    with pytest.raises(ValueError, match="natural persons"):
        Item("penalty", "NATURAL_PERSON")


def test_no_number_of_a_person_and_nothing_internal_travels(all_kinds: Kinds) -> None:
    for kind in all_kinds:
        names = {field.name for field in travelling_fields(kind)}
        assert not names & {"person_id_no", "legal_rep_id_no", "person_id_type", "procedure"}
    penalty = {field.name for field in travelling_fields(all_kinds.by_name["penalty"])}
    assert {"facts", "fine_amount", "performed", "review_status"} <= penalty


@pytest.fixture
def all_kinds() -> Kinds:
    return kinds()


async def test_x03_an_agreement_is_in_force_between_its_dates(benxi: City) -> None:
    first = agreement()
    second = agreement(
        id="test-2",
        valid_from=date(2026, 7, 1),
        valid_to=None,
        items=(Item("penalty", "LEGAL_ENTITY"), Item("licence", "LEGAL_ENTITY")),
    )
    async with benxi.pool.acquire() as connection:
        for each in (first, second):
            await record_agreement(connection, sign_agreement(each, SIGNERS), kinds=kinds())
        assert await active_agreement(connection, SHENYANG, date(2025, 12, 31)) is None
        assert await active_agreement(connection, SHENYANG, date(2026, 6, 30)) == first
        assert await active_agreement(connection, SHENYANG, date(2026, 7, 1)) == second
        assert await active_agreement(connection, "210300", date(2026, 7, 1)) is None
        before = await sharing_on(connection, BENXI, date(2026, 6, 30))
        after = await sharing_on(connection, BENXI, date(2026, 7, 1))
    assert before.tags == {"penalty.legal_entity"}
    assert after.tags == {"penalty.legal_entity", "licence.legal_entity"}
    assert second.shared_kinds == {"penalty", "licence"}


async def test_an_ended_agreement_is_still_the_one_that_tombstones_travel_under(
    benxi: City,
) -> None:
    async with benxi.pool.acquire() as connection:
        await record_agreement(connection, sign_agreement(agreement(), SIGNERS), kinds=kinds())
        assert await latest_agreement(connection, SHENYANG, date(2026, 12, 1)) == agreement()
        assert await latest_agreement(connection, SHENYANG, date(2025, 12, 1)) is None


async def test_an_agreement_is_never_changed_under_its_id(benxi: City) -> None:
    note = sign_agreement(agreement(), SIGNERS)
    async with benxi.pool.acquire() as connection:
        await record_agreement(connection, note, kinds=kinds())
        await record_agreement(connection, note, kinds=kinds())
        with pytest.raises(AgreementError, match="AGREEMENT_CHANGED"):
            await record_agreement(
                connection, sign_agreement(agreement(purposes=("P1",)), SIGNERS), kinds=kinds()
            )
        assert await connection.fetchval("SELECT count(*) FROM agreement") == 1


def test_the_demo_agreement_shares_records_of_legal_entities() -> None:
    note = demo_agreement(PARTIES, SIGNERS)
    made = read_agreement(note)
    assert {item.category for item in made.items} == {"LEGAL_ENTITY"}
    assert made.shared_kinds == {
        "licence",
        "penalty",
        "abnormal_operation",
        "serious_list",
        "red_list",
        "court_defaulter",
        "inspection",
        "commitment",
        "evaluation",
        "tax_arrears",
        "relation",
    }
    assert made.in_force(date(2026, 6, 30))
    assert len(Note.parse(note).signatures) == 2


async def test_an_agreement_of_whose_items_no_copy_could_be_kept_is_refused(benxi: City) -> None:
    """A copy has its record's key, party, unit and clocks; one recorded before stays."""

    async def code(*items: Item) -> str:
        made = agreement(id="narrow", items=items)
        async with benxi.pool.acquire() as connection:
            with pytest.raises(AgreementError) as caught:
                await record_agreement(connection, sign_agreement(made, SIGNERS), kinds=kinds())
        assert caught.value.code == "AGREEMENT_FIELDS"
        return caught.value.message

    keyless = Item("penalty", "LEGAL_ENTITY", SHOWN - {"documentNo", "queryUntil"})
    assert "(penalty.legal_entity: documentNo, queryUntil)" in await code(keyless)
    ends = Item("relation", "LEGAL_ENTITY", frozenset({"source", "target"}))
    assert "(relation.legal_entity: relationKind, stated.validTo)" in await code(
        Item("licence", "LEGAL_ENTITY"), ends
    )
    own = Item("evaluation", "LEGAL_ENTITY", SHOWN)
    told = await code(own)
    assert "fields.scheme" in told
    assert "fields.validUntil" in told, "a grade that never ended would be recognised for ever"
    later_release = agreement(items=(Item("not_yet_here", "LEGAL_ENTITY", frozenset()),))
    note = sign_agreement(later_release, SIGNERS)
    async with benxi.pool.acquire() as connection:
        await record_agreement(connection, note, kinds=kinds())
        former = sign_agreement(agreement(id="former", items=(keyless,)), SIGNERS)
        await connection.execute(
            "INSERT INTO agreement SELECT 'former', $1, parties, valid_from, valid_to"
            " FROM agreement",
            former,
        )
        await record_agreement(connection, former, kinds=kinds())


def test_every_kind_can_be_copied_where_all_that_travels_is_shown() -> None:
    assert [
        kind.name for kind in kinds() if lacking(Item(kind.name, "LEGAL_ENTITY"), kinds())
    ] == []
