"""Organisations and persons of the world, each computed from its serial number.

Serials below 4096 are planted (64 per case); above, `4096 + index * 6 + city * 3 + sort`. A
person that an organisation brings along is `4096 + 8 * organisation + place`.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from service.world import codes
from service.world.chance import Chance, Draw
from service.world.city import BENXI, CITIES, SHENYANG, City, Unit, units
from service.world.day import OLD_CODES_UNTIL, WORLD_NOW, months_after
from service.world.trade import CAPITALS, FIRM_TRADES, STATUSES, TRADER_TRADES
from service.world.wording import ROADS, TRADE_PLACES, person_name, trade_name

PLANTED = 4096
FIRM, TRADER, BRANCH = range(3)
CLUSTER_ADDRESS = "辽宁省沈阳市浑南区星渚大街88号集群注册托管中心"

LEGAL_ENTITY = "法人及非法人组织"
INDIVIDUAL_BUSINESS = "个体工商户"
NATURAL_PERSON = "自然人"


@dataclass(frozen=True, slots=True)
class Person:
    """An invented natural person; without a number a name stub of one firm."""

    serial: int
    name: str
    number: str | None
    city: City
    case: str | None = None

    @property
    def id(self) -> str:
        """The truth's own id."""
        return f"person-{self.serial:08d}"


@dataclass(frozen=True, slots=True)
class Organisation:
    """An invented body; money in 元, old codes only if older than the unified code."""

    serial: int
    name: str
    uscc: str
    city: City
    region: str
    entity_type: str
    status: str
    established: date
    approved: date
    industry: str
    scope: str
    address: str
    authority: Unit
    legal_rep: int  # serial of the person
    quality: int  # latent, thousandths of a standard deviation
    capital: int | None = None
    paid: int | None = None
    deregistered: date | None = None
    revoked: date | None = None
    operating_to: date | None = None
    org_code: str | None = None
    reg_no: str | None = None
    tax_no: str | None = None
    former_names: tuple[tuple[str, date], ...] = ()  # name, last day
    case: str | None = None

    @property
    def id(self) -> str:
        """The truth's own id."""
        return f"organisation-{self.serial:08d}"

    @property
    def category(self) -> str:
        """主体类别 of a body."""
        return INDIVIDUAL_BUSINESS if self.uscc.startswith("92") else LEGAL_ENTITY

    @property
    def ended(self) -> date:
        """The day after which nothing new happens to it."""
        return self.deregistered or self.revoked or WORLD_NOW


def serial_of(city: City, sort: int, index: int) -> int:
    """Return the serial of an ordinary organisation."""
    return PLANTED + index * 6 + city.index * 3 + sort


def place_of(serial: int) -> tuple[City, int, int]:
    """Return city, sort and index of an ordinary organisation's serial."""
    index, rest = divmod(serial - PLANTED, 6)
    return CITIES[rest // 3], rest % 3, index


def companion(organisation: int, place: int) -> int:
    """Return the serial of the person in one of the eight places of an organisation."""
    return PLANTED + organisation * 8 + place


class Parties:
    """Everybody, computed on demand; what was computed is kept for a while."""

    def __init__(self, seed: int) -> None:
        self.chance = Chance(seed)
        self.units = {city.slug: units(city) for city in CITIES}
        self._unit_codes = {u.uscc[8:17] for found in self.units.values() for u in found.values()}
        self._org_places = self.chance.shuffle("organisation code", codes.ORG_PLACES)
        self._reg_places = self.chance.shuffle("registration", codes.REG_PLACES)
        self._trades = {
            (city.index, sort): self.chance.shuffle(f"trade {city.slug} {sort}", TRADE_PLACES)
            for city in CITIES
            for sort in range(4)
        }
        self._people = {
            city.index: self.chance.shuffle(f"person {city.slug}", codes.PERSON_PLACES)
            for city in CITIES
        }
        self._kept: dict[int, Organisation] = {}
        self._kept_people: dict[int, Person] = {}

    def organisation(self, serial: int) -> Organisation:
        """Return an ordinary organisation, or a planted one that was `keep`-ed."""
        found = self._kept.get(serial)
        if found is None:
            city, sort, index = place_of(serial)
            found = self.compose(serial, city, sort, index)
            if len(self._kept) > 60_000:
                for old in [key for key in self._kept if key >= PLANTED][:30_000]:
                    del self._kept[old]
            self._kept[serial] = found
        return found

    def person(self, serial: int) -> Person:
        """Return a person, planted or brought along by an organisation."""
        found = self._kept_people.get(serial)
        if found is None:
            owner = (serial - PLANTED) // 8
            city = self._kept[owner].city if owner < PLANTED else place_of(owner)[0]
            found = self.compose_person(serial, city)
            if len(self._kept_people) > 60_000:
                for old in [key for key in self._kept_people if key >= PLANTED][:30_000]:
                    del self._kept_people[old]
            self._kept_people[serial] = found
        return found

    def keep(self, organisation: Organisation) -> Organisation:
        """Remember a planted organisation as it is."""
        self._kept[organisation.serial] = organisation
        return organisation

    def keep_person(self, person: Person) -> Person:
        """Remember a planted person as it is."""
        self._kept_people[person.serial] = person
        return person

    def unit(self, city: City, slug: str) -> Unit:
        """Return a department or lender of a city."""
        return self.units[city.slug][slug]

    def compose_person(self, serial: int, city: City, name: str | None = None) -> Person:
        """Return the person of a serial with a number of the city's demo division."""
        place = self._people[city.index][_person_index(serial)]
        number = codes.id_number(city.demo_division, place)
        draw = self.chance.of("person", serial)
        male = int(number[16]) % 2 == 1
        return Person(serial, name or person_name(draw, male=male), number, city)

    def brand(self, city: City, sort: int, index: int) -> str:
        """Return the trade name number `index` of a city and sort (3: planted)."""
        round_, place = divmod(index, TRADE_PLACES)
        return trade_name(self._trades[city.index, sort][place], round_)

    def code(self, serial: int, head: str, division: str) -> str:
        """Return the unified code of a serial."""
        org = codes.org_code(self._org_places[serial])
        if org in self._unit_codes:  # units have theirs whatever the seed
            org = codes.org_code(self._org_places[codes.ORG_PLACES - 1 - serial])
        return codes.uscc(head, division, org)

    def compose(self, serial: int, city: City, sort: int, index: int) -> Organisation:
        """Return an organisation as its draws make it; `index` numbers its trade name."""
        draw = self.chance.of("organisation", serial)
        region, district = draw.weighted("district", city.districts)
        trader = sort == TRADER
        trades = TRADER_TRADES if trader else FIRM_TRADES
        industry, word, scope, _ = draw.weighted("trade", tuple((t, t[3]) for t in trades))
        if draw.hits("bare industry", 40):
            industry = industry[1:]
        established, status, ended = _life(draw, trader=trader)
        brand = self.brand(city, 3 if serial < PLANTED else sort, index)
        coop = sort == FIRM and serial >= PLANTED and draw.hits("coop", 25)
        sole = sort == FIRM and not coop and serial >= PLANTED and draw.hits("sole", 30)
        name, entity_type, head = city.short + brand + word + "有限公司", "公司", "91"
        if trader:
            name, entity_type, head = district + brand + word, INDIVIDUAL_BUSINESS, "92"
        elif coop:
            name, entity_type, head = district + brand + "种植专业合作社", "农民专业合作社", "93"
        elif sole:
            name, entity_type = city.short + brand + word + "中心(个人独资)", "个人独资"
        elif sort == BRANCH:
            name, entity_type = name + city.short + "分公司", "分支机构"
        moved = draw.hits("moved", 30)
        division = draw.weighted("old district", city.districts)[0] if moved else region
        code = self.code(serial, head, division)
        old = established < OLD_CODES_UNTIL
        lead = 6 + draw.below("lead", 4) if trader else draw.below("lead", 4)
        capital = None if sort == BRANCH else self._capital(draw, trader=trader)
        return Organisation(
            serial=serial,
            name=name,
            uscc=code,
            city=city,
            region=region,
            entity_type=entity_type,
            status=status,
            established=established,
            approved=established,
            industry=industry,
            scope=scope,
            address=self._address(draw, city, sort, index, serial, district),
            authority=self.unit(city, f"market-regulation-{region}"),
            legal_rep=_representative(draw, serial, city, sort, index),
            quality=draw.normal("quality"),
            capital=capital,
            paid=None if capital is None else capital * draw.below("paid", 11) // 10,
            deregistered=ended if status == "注销" else None,
            revoked=ended if status == "吊销未注销" else None,
            operating_to=months_after(established, 240) if draw.hits("term", 300) else None,
            former_names=_former(draw, city, name, established, ended) if sort == FIRM else (),
            org_code=code[8:17] if old else None,
            reg_no=codes.reg_no(division, lead, self._reg_places[serial]) if old else None,
            tax_no=division + code[8:17] if old else None,
        )

    @staticmethod
    def _capital(draw: Draw, *, trader: bool) -> int:
        if trader:
            return (1 + draw.below("capital", 30)) * 10_000
        return draw.weighted("capital", CAPITALS) * 10_000

    @staticmethod
    def _address(draw: Draw, city: City, sort: int, index: int, serial: int, district: str) -> str:
        clustered = index < 40 or (index < 10_400 and (index - 40) % 7 < 2)
        if serial >= PLANTED and city is SHENYANG and sort == FIRM and clustered:
            return CLUSTER_ADDRESS
        road = draw.pick("road", ROADS)
        if sort == FIRM and serial >= PLANTED and draw.hits("agent", 60):
            return f"辽宁省{city.name}{district}{ROADS[0]}{1 + draw.below('agent house', 8)}号"
        house = 1 + draw.below("house", 320)
        room = f"{1 + draw.below('floor', 18)}0{1 + draw.below('door', 9)}室"
        zone = "高新技术产业开发区" if city is BENXI and draw.hits("zone", 20) else ""
        return f"辽宁省{city.name}{district}{zone}{road}{house}号{room}"


def _life(draw: Draw, *, trader: bool) -> tuple[date, str, date]:
    """Return establishment, status and the day it ended (today when it did not)."""
    young = draw.hits("young", 620 if trader else 500)
    days = draw.below("age", 1825) if young else 1825 + draw.below("age", 7000)
    established = WORLD_NOW - timedelta(days=days + 30)
    status = draw.weighted("status", STATUSES)
    ended = established + timedelta(days=20 + draw.below("end", max(1, days)))
    return established, status, ended


def _representative(draw: Draw, serial: int, city: City, sort: int, index: int) -> int:
    """Return the legal representative: for three ordinary firms in ten a trader of the city."""
    if serial >= PLANTED and sort == FIRM and draw.hits("shared representative", 300):
        trader = draw.below("representative", index * 3 // 2 + 8)
        return companion(serial_of(city, TRADER, trader), 0)
    return companion(serial, 0)


def _former(
    draw: Draw, city: City, name: str, established: date, ended: date
) -> tuple[tuple[str, date], ...]:
    """Return the earlier name of the eight percent of firms that had one."""
    if not draw.hits("renamed", 80) or not name.startswith(city.short):
        return ()
    days = draw.below("renamed on", max(1, (ended - established).days))
    return ((city.name + name.removeprefix(city.short), established + timedelta(days=days)),)


def _person_index(serial: int) -> int:
    """Return a number below five million that differs for every person of one city."""
    if serial < PLANTED:
        return 4_000_000 + serial
    owner, place = divmod(serial - PLANTED, 8)
    if owner < PLANTED:
        return 4_100_000 + owner * 8 + place
    _, sort, index = place_of(owner)
    if sort == FIRM:
        return 1_000_000 + index * 8 + place
    return index if sort == TRADER else 3_900_000 + index
