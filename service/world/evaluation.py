"""Evaluations: grades and scores of every scheme, from the latent quality of a body."""

from collections.abc import Iterator
from datetime import date, timedelta

from service.world.chance import Draw
from service.world.city import BENXI, City
from service.world.day import months_after
from service.world.entry import Entry, is_live, is_small, occurs
from service.world.party import Organisation, Parties

_TIELING_GRADES = ("AAA", "AA", "A", "BBB", "BB", "B", "CCC", "CC", "C", "D")
# scheme, version, grades from best to worst with the least score of each (records.md §10.1)
SCHEMES = (
    ("BX-ABCD", "2025", (("A", None), ("B", None), ("C", None), ("D", None))),
    ("SY-1000", "v1", (("优", 880), ("良", 720), ("中", 560), ("差", 0))),
    ("SY-1000", "v2", (("优", 850), ("良", 700), ("中", 550), ("差", 0))),
    (
        "TL-AAA-D",
        "v1",
        tuple((grade, None) for grade in _TIELING_GRADES),
    ),
    ("TAX-ABMCD", "v1", tuple((grade, None) for grade in "ABMCD")),
    ("RISK-SAMR", "v1", tuple((grade, None) for grade in "ABCD")),
    ("ENV-COLOUR", "v1", tuple((grade, None) for grade in "绿蓝黄红黑")),
    ("FIRE", "v1", (("好", None), ("一般", None), ("差", None))),
)
# evaluated, sent, holds for so many months
_CITY_DAYS = (
    (date(2025, 6, 30), date(2025, 7, 4), 6),
    (date(2025, 11, 30), date(2025, 12, 5), 6),
    (date(2026, 2, 28), date(2026, 3, 6), 6),
    (date(2026, 5, 31), date(2026, 6, 5), 6),
)
_TAX_DAYS = ((date(2025, 4, 15), date(2025, 4, 30), 12), (date(2026, 4, 15), date(2026, 4, 30), 12))
_OTHERS = (
    # scheme, unit, days, rate per 10,000, least quality of each grade in thousandths
    ("RISK-SAMR", "market-regulation", (date(2026, 3, 31), date(2026, 4, 10), 12), 2500,
     (("A", 253), ("B", -842), ("C", -1645), ("D", None))),
    ("ENV-COLOUR", "ecology", (date(2026, 4, 20), date(2026, 5, 8), 12), 600,
     (("绿", 1036), ("蓝", -253), ("黄", -1282), ("红", -1881), ("黑", None))),
    ("FIRE", "fire", (date(2026, 1, 15), date(2026, 2, 6), 12), 600,
     (("好", 385), ("一般", -1282), ("差", None))),
    ("TL-AAA-D", "tieling-credit-centre", (date(2026, 5, 31), date(2026, 6, 12), 6), 100,
     (("AAA", 1645), ("AA", 1282), ("A", 842), ("BBB", 253), ("BB", -253), ("B", -842),
      ("CCC", -1036), ("CC", -1282), ("C", -1645), ("D", None))),
)  # fmt: skip
# A 9, B 50, M 34, C 3.5, D 3.5 % and A 12, B 60, C 23, D 5 % of a normal distribution
_TAX_GRADES = (("A", 1341), ("B", -228), ("M", -1476), ("C", -1812), ("D", None))
_BENXI_GRADES = (("A", 1175), ("B", -583), ("C", -1645), ("D", None))


def evaluations(parties: Parties, body: Organisation) -> Iterator[Entry]:
    """Yield the evaluations of an ordinary live firm."""
    if not is_live(body) or not body.uscc.startswith("91") or body.capital is None:
        return
    draw = parties.chance.of("evaluation", body.serial)
    earlier = 7500 if is_small(body) else 1100
    for place, (on, sent, months) in enumerate(_CITY_DAYS):
        rate = 7000 if place == 3 else earlier
        if body.established < on and draw.below(f"city {place}", 10_000) < rate:
            quality = _seen(draw, body, f"city {place}")
            scheme, version, score, grade = city_grade(body.city, quality, on)
            source = parties.unit(body.city, "credit-centre")
            said = evaluation_said(parties, body.city, scheme, version, on, months, grade, score)
            yield Entry("evaluation", body, body.city, source, sent, said)
    for (on, sent, months), rate in zip(_TAX_DAYS, (2400, 6400), strict=True):
        if body.established < on and draw.below(f"tax {on.year}", 10_000) < rate:
            grade = _grade(_seen(draw, body, f"tax {on.year}"), _TAX_GRADES)
            yield _entry(parties, body, "TAX-ABMCD", "tax", (on, sent, months), grade)
    for scheme, slug, days, rate, steps in _OTHERS:
        if scheme.startswith("TL") and body.city is BENXI:
            continue
        if body.established < days[0] and occurs(draw, scheme, rate, body):
            grade = _grade(_seen(draw, body, scheme), steps)
            yield _entry(parties, body, scheme, slug, days, grade)


def city_grade(city: City, quality: int, on: date) -> tuple[str, str, int | None, str]:
    """Return scheme, version, score and grade of a city's own evaluation on a day."""
    if city is BENXI:
        return "BX-ABCD", "2025", None, _grade(quality, _BENXI_GRADES)
    score = max(350, min(985, 735 + quality * 85 // 1000))
    version = "v1" if on < date(2026, 1, 1) else "v2"
    return "SY-1000", version, score, score_grade(version, score)


def score_grade(version: str, score: int) -> str:
    """Return the grade of a score under a version of the Shenyang scheme."""
    steps = next(g for s, v, g in SCHEMES if (s, v) == ("SY-1000", version))
    return next(grade for grade, least in steps if least is not None and score >= least)


def evaluation_said(
    parties: Parties,
    city: City,
    scheme: str,
    version: str,
    on: date,
    months: int,
    grade: str,
    score: int | None = None,
    *,
    slug: str = "credit-centre",
) -> dict[str, str]:
    """Return what an evaluator says of a body it graded."""
    unit = parties.unit(city, slug)
    return {
        "scheme": scheme,
        "schemeVersion": version,
        "score": "" if score is None else str(score),
        "grade": grade,
        "evaluatedOn": str(on),
        "dataAsOf": str(on - timedelta(days=10)),
        "validUntil": str(months_after(on, months)),
        "evaluator": unit.name,
        "evaluatorUscc": unit.uscc,
        "indicators": "履约情况；守法情况；经营状况",
    }


def _entry(
    parties: Parties,
    body: Organisation,
    scheme: str,
    slug: str,
    days: tuple[date, date, int],
    grade: str,
) -> Entry:
    on, sent, months = days
    said = evaluation_said(parties, body.city, scheme, "v1", on, months, grade, slug=slug)
    return Entry("evaluation", body, body.city, parties.unit(body.city, slug), sent, said)


def _seen(draw: Draw, body: Organisation, field: str) -> int:
    """Return the quality as an evaluator sees it: correlated 0.6 with the latent one."""
    return (body.quality * 6 + draw.normal(f"noise {field}") * 8) // 10


def _grade(value: int, steps: tuple[tuple[str, int | None], ...]) -> str:
    return next(grade for grade, least in steps if least is None or value >= least)


def schemes() -> list[dict[str, object]]:
    """Return the schemes as the truth file has them; `grades` from best to worst."""
    return [
        {
            "scheme": scheme,
            "version": version,
            "scale": "ORDINAL" if steps[0][1] is None else "NUMERIC",
            "grades": [grade for grade, _ in steps],
            **({} if steps[0][1] is None else {"cuts": dict(steps), "min": 0, "max": 1000}),
        }
        for scheme, version, steps in SCHEMES
    ]
