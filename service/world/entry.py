"""A statement of a department in one of the further kinds: what its form says about whom."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType

from service.world.chance import Draw
from service.world.city import City, Unit
from service.world.party import (
    FIRM,
    NATURAL_PERSON,
    TRADER,
    Organisation,
    Person,
    place_of,
)
from service.world.size import SIZES
from service.world.trade import LIVE

Said = Mapping[str, str]
NOTHING: Said = MappingProxyType({})
_NAME_FIELD = {"abnormal_operation": "name"}
_DENSER = (60, 26)  # tenths: the small cities have more records per body than their size gives


@dataclass(frozen=True, slots=True)
class Entry:
    """One statement; `said` are the fields beside subject and source, as the file has them.

    `final` is False for a statement that a later one completes.
    """

    kind: str
    subject: Organisation | Person
    city: City
    source: Unit
    sent: date
    said: Said
    final: bool = True
    case: str | None = None


def batch(days: Sequence[date], happened: date) -> date:
    """Return the first batch on or after a day, the last batch for what came too late."""
    return next((day for day in days if day >= happened), days[-1])


def told(
    entry: Entry,
    days: Sequence[date],
    happened: date,
    ended: date | None = None,
    ending: Said = NOTHING,
) -> Iterator[Entry]:
    """Yield what the unit says on its days: at first, and again when the matter has ended."""
    first = batch(days, happened)
    if ended is None or ended > days[-1]:
        yield replace(entry, sent=first)
        return
    last = max(first, batch(days, ended))
    if first < last:
        yield replace(entry, sent=first, final=False)
    yield replace(entry, sent=last, said={**entry.said, **ending})


def entry_row(entry: Entry) -> dict[str, str]:
    """Return the row of the form; what is said replaces what follows from the subject."""
    return {
        **_subject(entry.kind, entry.subject),
        "sourceUnitName": entry.source.name,
        "sourceUnitUscc": entry.source.uscc,
        **entry.said,
    }


def _subject(kind: str, subject: Organisation | Person) -> dict[str, str]:
    name = _NAME_FIELD.get(kind, "subjectName")
    if isinstance(subject, Person):
        return {
            name: subject.name,
            "subjectCategory": NATURAL_PERSON,
            "personIdType": "身份证",
            "personIdNo": subject.number or "",
        }
    return {
        name: subject.name,
        "subjectCategory": subject.category,
        "uscc": subject.uscc,
        "regNo": subject.reg_no or "",
        "orgCode": subject.org_code or "",
    }


def entry_truth(entry: Entry) -> dict[str, str | None]:
    """Return what is true of the matter in the end: the row of a truth file."""
    return {
        "subject": entry.subject.id,
        "city": entry.city.slug,
        **{name: value for name, value in entry.said.items() if value},
        "sentOn": str(entry.sent),
        "case": entry.case,
    }


def is_live(body: Organisation) -> bool:
    """Return whether the body is in business."""
    return body.status == LIVE


def is_small(body: Organisation) -> bool:
    """Return whether an ordinary body belongs to the small world S."""
    city, sort, index = place_of(body.serial)
    known = {FIRM: SIZES[0].firms, TRADER: SIZES[0].traders}.get(sort)
    return known is not None and index < known[city.index]


def occurs(draw: Draw, field: str, per_myriad: int, body: Organisation) -> bool:
    """Return whether something of a rate per 10,000 bodies befalls this one."""
    rate = per_myriad * (_DENSER[body.city.index] if is_small(body) else 10) // 10
    return draw.below(field, 10_000) < rate


def befalls(draw: Draw, field: str, per_myriad: int, body: Organisation) -> bool:
    """As `occurs`, four times as often for bodies of the worse half; the mean is the rate."""
    return occurs(draw, field, per_myriad * (8 if body.quality < 0 else 2) // 5, body)


def day_between(draw: Draw, field: str, first: date, last: date) -> date:
    """Draw a day from `first` to `last`, `first` if there is none between."""
    return first + (last - first) * draw.below(field, 1000) // 1000
