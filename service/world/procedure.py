"""Repairs, objections and talks: truth only, no department files them with the node."""

from datetime import timedelta
from typing import Any

from service.world.act import body_alive
from service.world.city import CITIES
from service.world.day import WORLD_NOW
from service.world.party import Parties


def procedure_case(parties: Parties, index: int) -> dict[str, Any]:
    """Return the ordinary case number `index`."""
    draw = parties.chance.of("procedure_case", index)
    city = CITIES[draw.weighted("city", ((0, 40), (1, 60)))]
    day = WORLD_NOW - timedelta(days=5 + draw.below("day", 1000))
    body = body_alive(parties, draw, "subject", "procedure_case", index, city, day)
    kind = draw.weighted("kind", (("repair", 45), ("objection", 25), ("talk", 30)))
    outcome = draw.weighted("outcome", (("同意", 70), ("不同意", 20), ("办理中", 10)))
    return {"caseNo": f"AJ{city.division}{index:07d}", "caseKind": kind, "subject": body.id,
            "city": city.slug, "date": str(day), "outcome": outcome}  # fmt: skip
