"""What this city shares with each partner on a day: its agreements, narrowed by its catalogue.

Source: access rules §3 (PCITY: shared catalogue ∩ agreement), cross-region requirements X02, X03.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from store.catalogue import Catalogue, load_catalogues
from sync.agreement import Agreement, agreements_in_force
from sync.catalogue import RELATION
from sync.database import Reader


@dataclass(frozen=True, slots=True)
class Shared:
    """What travels to one partner: the agreement that counts, and the tags of its items."""

    agreement: str
    tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Sharing:
    """What travels to each partner, by region id."""

    by_partner: Mapping[str, Shared]

    @property
    def tags(self) -> frozenset[str]:
        """The tags of what travels to any partner."""
        return frozenset(tag for one in self.by_partner.values() for tag in one.tags)

    @property
    def pairs(self) -> frozenset[str]:
        """What travels where, as `<tag>@<region id>/<agreement>`; `@<region id>/<agreement>` for
        each partner."""
        return frozenset(
            f"{tag}@{region}/{one.agreement}"
            for region, one in self.by_partner.items()
            for tag in ("", *one.tags)
        )

    def with_partner(self, region: str) -> frozenset[str]:
        """The tags of what travels to one partner."""
        one = self.by_partner.get(region)
        return one.tags if one else frozenset()


def shared(agreements: Iterable[Agreement], catalogue: Catalogue, region: str) -> Sharing:
    """What `region` shares under these agreements: of each partner the last one counts."""
    return Sharing(
        {
            party.region: Shared(
                agreement.id,
                frozenset(
                    item.tag
                    for item in agreement.items
                    if catalogue.shares(item.kind, item.category, party.region)
                    or (item.kind == RELATION and catalogue.edition)
                ),
            )
            for agreement in agreements
            for party in agreement.parties
            if party.region != region
        }
    )


async def sharing_on(connection: Reader, region: str, day: date) -> Sharing:
    """What the city of this region shares with its partners on a day."""
    catalogues = await load_catalogues(connection, region)
    return shared(await agreements_in_force(connection, region, day), catalogues.on(day), region)


@dataclass(frozen=True, slots=True)
class Shift:
    """Items that are to be offered again, or retracted, though another partner has them."""

    offer_again: frozenset[str] = frozenset()
    retract: frozenset[str] = frozenset()

    def __or__(self, other: Shift) -> Shift:
        return Shift(self.offer_again | other.offer_again, self.retract | other.retract)


def shift(former: frozenset[str], present: frozenset[str]) -> Shift:
    """What a change from some pairs to others asks for beyond comparing each record.

    A leaf reaches every partner, so an item that one partner gains is offered again to all, and
    one that a partner loses is retracted for all and offered again to those that keep it. Under a
    new agreement a partner reads the feed from its start, and needs nothing offered again.
    """
    readers = {_parts(pair)[1:] for pair in former}
    gained = {_parts(pair) for pair in present - former}
    had, has = ({_parts(pair)[:2] for pair in pairs} for pairs in (former, present))
    kept = {tag for tag, _ in has}
    return Shift(
        frozenset(tag for tag, *reader in gained if tag and tuple(reader) in readers),
        frozenset(tag for tag, _ in had - has if tag and tag in kept),
    )


def _parts(pair: str) -> tuple[str, str, str]:
    """Tag, region and agreement of a pair."""
    tag, _, reader = pair.partition("@")
    region, _, agreement = reader.partition("/")
    return tag, region, agreement
