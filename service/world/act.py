"""Licences and penalties: what departments decided about whom."""

from dataclasses import dataclass
from datetime import date

from service.world.chance import Draw
from service.world.city import CITIES, City, Unit
from service.world.day import LONG_TERM, months_after, weekdays_before
from service.world.matter import LICENCE_SENDERS, LICENCES, PENALTY_SENDERS, VIOLATIONS
from service.world.party import Organisation, Parties, Person
from service.world.tie import some_body

R2023_FROM = date(2023, 5, 1)
R2026_FROM = date(2026, 4, 1)


@dataclass(frozen=True, slots=True)
class Licence:
    """An administrative licence as decided."""

    index: int
    subject: Organisation | Person
    city: City  # whose department reports it
    source: Unit
    issuer: Unit
    sent: date  # the day the unit sends it
    document_name: str
    document_no: str
    category: str
    certificate_name: str
    certificate_no: str
    content: str
    decided: date
    valid_from: date
    valid_to: date | None  # None: 长期
    status: str = "1"
    remark: str = ""
    sent_as: tuple[tuple[str, str], ...] = ()  # columns that the feed carries differently
    case: str | None = None


@dataclass(frozen=True, slots=True)
class Penalty:
    """An administrative penalty as decided; money in 元."""

    index: int
    subject: Organisation | Person
    city: City
    source: Unit
    issuer: Unit
    sent: date
    document_no: str
    violation: str
    facts: str
    basis: str
    types: tuple[str, ...]
    content: str
    fine: int | None
    confiscated: int | None
    decided: date
    procedure: str = "普通程序"
    severity: str = "一般"
    sector: str = ""  # food-safety and the like lengthen the shortest display
    licence_affected: str = ""
    performed: str = "是"
    performed_on: date | None = None
    review: str = "无"
    remark: str = ""
    sent_as: tuple[tuple[str, str], ...] = ()  # columns that the feed carries differently
    case: str | None = None

    @property
    def deadline(self) -> date:
        """公示截止期, the longest display its rule set allows (records.md §9.1)."""
        return display_end(self.decided, self.severity)


def display_end(decided: date, severity: str) -> date:
    """Return the last day of display by the rule set in force on the day of the decision."""
    if decided < R2023_FROM:
        return months_after(decided, 12)
    if decided < R2026_FROM:
        return decided if severity == "轻微" else months_after(decided, 36)
    return months_after(decided, 3 if severity == "轻微" else 12)


_FINES = (
    (200, 8), (500, 10), (1000, 14), (2000, 16), (3000, 16), (5000, 14), (10_000, 10),
    (20_000, 6), (50_000, 3), (100_000, 2), (500_000, 1),
)  # fmt: skip
_DELAYS = (((1, 3), 78), ((4, 7), 15), ((8, 20), 5), ((21, 40), 2))


def delay(draw: Draw) -> int:
    """Draw the weekdays between decision and report."""
    low, high = draw.weighted("delay class", _DELAYS)
    return low + draw.below("delay", high - low + 1)


def document_number(unit: Unit, mark: str, decided: date, index: int, *, wide: bool) -> str:
    """Return a case number such as 本市监罚〔2025〕00012号; wide ones use full-width brackets."""
    number = f"{unit.abbr}{mark}〔{decided.year}〕{index:05d}号"
    return number.replace("〔", "（").replace("〕", "）") if wide else number


def district_issuer(parties: Parties, source: Unit, city: City, region: str, draw: Draw) -> Unit:
    """Return the deciding bureau: the district's own for half of market regulation."""
    if source.slug == "market-regulation" and draw.hits("district issuer", 500):
        return parties.units[city.slug].get(f"market-regulation-{region}", source)
    return source


def body_alive(
    parties: Parties, draw: Draw, field: str, kind: str, index: int, city: City, on: date
) -> Organisation:
    """Draw a body that existed on a day: the best of eight tries."""
    for attempt in range(8):
        body = some_body(parties, draw, f"{field} {attempt}", kind, index, city, 580)
        if body.established <= on <= body.ended:
            break
    return body


def licence(parties: Parties, index: int) -> Licence:
    """Return the ordinary licence number `index`."""
    draw = parties.chance.of("licence", index)
    city = CITIES[draw.weighted("city", ((0, 40), (1, 60)))]
    slug, days = draw.weighted("sender", LICENCE_SENDERS)
    source = parties.unit(city, slug)
    sent = draw.pick("sent", days)
    decided = weekdays_before(sent, delay(draw))
    body = body_alive(parties, draw, "subject", "licence", index, city, decided)
    issuer = district_issuer(parties, source, city, body.region, draw)
    name, category, certificate, content, months = draw.pick("matter", LICENCES[slug])
    wide = draw.hits("wide", 20)
    number = f"{draw.below('certificate', 10**10):010d}{index:07d}"
    return Licence(
        index=index,
        subject=body,
        city=city,
        source=source,
        issuer=issuer,
        sent=sent,
        document_name=name,
        document_no=document_number(issuer, "许", decided, index, wide=wide),
        category=category,
        certificate_name=certificate,
        certificate_no=number if certificate else "",
        content=content,
        decided=decided,
        valid_from=decided,
        valid_to=months_after(decided, months) if months else None,
        status="2" if draw.hits("void", 30) else "1",
    )


def penalty(parties: Parties, index: int) -> Penalty:
    """Return the ordinary penalty number `index`; the worse of two candidates is punished."""
    draw = parties.chance.of("penalty", index)
    city = CITIES[draw.weighted("city", ((0, 40), (1, 60)))]
    slug, days = draw.weighted("sender", PENALTY_SENDERS)
    source = parties.unit(city, slug)
    sent = draw.pick("sent", days)
    decided = weekdays_before(sent, delay(draw))
    first = body_alive(parties, draw, "subject", "penalty", index, city, decided)
    second = body_alive(parties, draw, "candidate", "penalty", index, city, decided)
    body = min(first, second, key=lambda party: (party.quality, party.serial))
    subject: Organisation | Person = body
    if draw.hits("person", 80):
        subject = parties.person(body.legal_rep)
    issuer = district_issuer(parties, source, city, body.region, draw)
    violation, facts, basis, more, sector = draw.pick("matter", VIOLATIONS[slug])
    simple = draw.hits("simple", 350)
    fine: int | None = draw.weighted("fine", _FINES)
    if simple:
        fine = 200 if isinstance(subject, Person) else min(fine or 0, 3000)
    types: tuple[str, ...] = tuple(dict.fromkeys((*more, "罚款")))
    if draw.hits("warning only", 110):
        types, fine = ("警告",), None
    gains = draw.below("gains", 200) * 10 + 120 if "没收违法所得" in types else None
    slight = simple or types == ("警告",)
    return Penalty(
        index=index,
        subject=subject,
        city=city,
        source=source,
        issuer=issuer,
        sent=sent,
        document_no=document_number(issuer, "罚", decided, index, wide=draw.hits("wide", 20)),
        violation=violation,
        facts=facts,
        basis=basis,
        types=types,
        content=penalty_text(types, fine, gains),
        fine=fine,
        confiscated=gains,
        decided=decided,
        procedure="简易程序" if simple else "普通程序",
        severity="轻微" if slight else "一般",
        sector=sector,
        performed="是" if (paid := draw.hits("performed", 850)) else "否",
        performed_on=sent if paid else None,
    )


def penalty_text(types: tuple[str, ...], fine: int | None, gains: int | None) -> str:
    """Return 处罚内容 in words, amounts in 元."""
    said = []
    for type_ in types:
        if type_ == "罚款":
            said.append(f"罚款{fine}元")
        elif type_ == "没收违法所得":
            said.append(f"没收违法所得{gains}元")
        else:
            said.append(type_)
    return "；".join(said) + "。"


def wan(amount: int | None) -> str:
    """Return an amount of 元 as text in 万元, exactly."""
    if amount is None:
        return ""
    whole, rest = divmod(amount, 10_000)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".") if rest else str(whole)


def until_text(day: date | None) -> str:
    """Return the date, or what files write for no end."""
    return LONG_TERM if day is None else day.isoformat()
