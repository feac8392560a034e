"""Arrears of taxes, social insurance, housing fund and utilities, period by period."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from service.world.chance import Draw
from service.world.day import months_after
from service.world.entry import Entry, befalls, is_live, told
from service.world.party import Organisation, Parties, Person

ARREARS_DAYS = (
    date(2024, 6, 21), date(2024, 12, 20), date(2025, 6, 20), date(2025, 12, 19), date(2026, 3, 20),
    date(2026, 6, 18),
)  # fmt: skip
_LAST_MONTH = date(2026, 4, 1)


@dataclass(frozen=True, slots=True)
class Debt:
    """A sort of arrears: kind, unit that reports it, rate per 10,000 live firms and of traders."""

    name: str
    kind: str
    unit: str
    firms: int
    traders: int = 0


# Rates of demo_world §3: assumptions of its authors.
DEBTS = (
    Debt("tax", "tax_arrears", "tax", 60),
    Debt("养老", "social_insurance_arrears", "social-security", 220),
    Debt("医疗", "social_insurance_arrears", "medical-insurance", 80),
    Debt("fund", "housing_fund_arrears", "housing-fund", 150),
    Debt("水", "utility_arrears", "water", 120, 20),
    Debt("电", "utility_arrears", "power", 90, 20),
    Debt("燃气", "utility_arrears", "gas", 70, 20),
    Debt("供热", "utility_arrears", "heating", 400, 80),
)
_TAXES = (("增值税", 60), ("企业所得税", 20), ("城镇土地使用税", 12), ("印花税", 8))


def debt_named(name: str) -> Debt:
    """Return a sort of arrears by its name."""
    return next(debt for debt in DEBTS if debt.name == name)


def arrears(parties: Parties, body: Organisation) -> Iterator[Entry]:
    """Yield the arrears of an ordinary live body: three to ten periods of each sort."""
    if not is_live(body) or body.capital is None:
        return
    draw = parties.chance.of("arrears", body.serial)
    for debt in DEBTS:
        rate = debt.traders if body.uscc.startswith("92") else debt.firms
        if rate and befalls(draw, debt.name, rate, body):
            yield from _periods(parties, draw, body, debt)


def _periods(parties: Parties, draw: Draw, body: Organisation, debt: Debt) -> Iterator[Entry]:
    count = 3 + draw.below(f"{debt.name} count", 8)
    step = 12 if debt.name == "供热" else 1
    last = months_after(_LAST_MONTH, -draw.below(f"{debt.name} last", 20))
    if step == 12:
        count = min(count, 4)
        last = date(2026 - draw.below(f"{debt.name} last", 2), 3, 1)
    for place in range(count):
        month = months_after(last, -place * step)
        if month < body.established or month < date(2023, 6, 1):
            return
        field = f"{debt.name} {place}"
        cents = 20_000 + draw.below(f"{field} amount", 4_000_000)
        assessed = months_after(month, 1) + timedelta(days=14 + draw.below(f"{field} day", 10))
        after = 1 + draw.below(f"{field} after", 180)
        cleared: date | None = assessed + timedelta(days=after)
        if not draw.hits(f"{field} in time", 850):
            late = draw.hits(f"{field} late", 500)
            cleared = assessed + timedelta(days=180 + after) if late else None
        tax = draw.weighted(f"{debt.name} tax", _TAXES)
        yield from owed(parties, body, debt, month, cents, assessed, cleared, tax)


def owed(
    parties: Parties,
    party: Organisation | Person,
    debt: Debt,
    month: date,
    cents: int,
    assessed: date,
    cleared: date | None = None,
    tax: str = "增值税",
    case: str | None = None,
) -> Iterator[Entry]:
    """Yield what the unit says of one period that began in a month (heating: ended in it)."""
    unit = parties.unit(party.city, debt.unit)
    period = f"{month:%Y-%m}"
    said = {"owedAmount": f"{cents // 100}.{cents % 100:02d}", "period": period}
    if debt.kind == "tax_arrears":
        said |= {
            "taxType": tax,
            "announcedOn": str(assessed),
            "announceNo": f"{unit.abbr}欠告〔{assessed.year}〕{assessed.month}号",
            "taxAuthority": unit.name,
            "taxAuthorityUscc": unit.uscc,
        }
    elif debt.kind == "utility_arrears":
        if debt.name == "供热":
            period = f"{month.year - 1}-11/{month:%Y-%m}"
        said |= {
            "utility": debt.name,
            "accountNo": f"{party.city.division[:4]}{unit.uscc[9:11]}{party.serial:08d}",
            "meterAddress": "" if isinstance(party, Person) else party.address,
            "period": period,
            "overdueDays": str((assessed - months_after(month, 1)).days),
            "noticeOn": str(assessed),
            "supplier": unit.name,
            "supplierUscc": unit.uscc,
        }
    else:
        fund = debt.kind == "housing_fund_arrears"
        said |= {
            "headcount": str(1 + cents % 40),
            "assessedOn": str(assessed),
            "centre" if fund else "agency": unit.name,
            "centreUscc" if fund else "agencyUscc": unit.uscc,
        }
        if not fund:
            said["insuranceKind"] = debt.name
    entry = Entry(debt.kind, party, party.city, unit, assessed, said, case=case)
    ending = {"clearedOn": str(cleared)}
    yield from told(entry, ARREARS_DAYS, assessed, cleared, ending)
