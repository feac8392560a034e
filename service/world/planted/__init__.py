"""The planted cases W01–W30: the same in every size and, under other names, in every seed."""

from service.world.party import Parties
from service.world.planted.cast import Cast
from service.world.planted.conduct import plant_conduct
from service.world.planted.debt import plant_debt
from service.world.planted.identity import plant_identity
from service.world.planted.ownership import plant_ownership
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
    owned = {holding.company.serial for holding in cast.holdings}
    for body in cast.organisations:
        if body.entity_type == "公司" and body.serial not in owned:
            cast.holdings.extend(holdings_of(parties, body))
        offices = list(offices_of(parties, body))
        told = body.serial in owned or any(o.company is body for o in cast.offices)
        cast.offices.extend(offices[:1] if told else offices)
    return cast
