"""The planted cases W01–W30 and X…: the same in every size and, renamed, in every seed."""

from service.world.party import Parties
from service.world.planted.cast import Cast
from service.world.planted.conduct import plant_conduct
from service.world.planted.debt import plant_debt
from service.world.planted.everyday import plant_everyday
from service.world.planted.faulty import plant_faulty
from service.world.planted.identity import plant_identity
from service.world.planted.listed import plant_listed
from service.world.planted.ownership import plant_ownership
from service.world.planted.rated import plant_rated
from service.world.planted.showcase import plant_showcase
from service.world.tie import holdings_of, offices_of


def plant(parties: Parties) -> Cast:
    """Return everything that is planted; firms nobody was named for get owners by draw."""
    cast = Cast(parties)
    plant_ownership(cast)
    plant_debt(cast)
    plant_identity(cast)
    plant_conduct(cast)
    plant_showcase(cast)
    plant_listed(cast)
    plant_rated(cast)
    plant_everyday(cast)
    plant_faulty(cast)
    owned = {holding.company.serial for holding in cast.holdings}
    for body in cast.organisations:
        if body.entity_type == "公司" and body.serial not in owned:
            cast.holdings.extend(holdings_of(parties, body))
        offices = list(offices_of(parties, body))
        told = body.serial in owned or any(o.company is body for o in cast.offices)
        cast.offices.extend(offices[:1] if told else offices)
    return cast
