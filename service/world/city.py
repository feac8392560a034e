"""The two cities of the demo world: districts, departments, lenders."""

from dataclasses import dataclass

from service.world import codes
from service.world.chance import Chance


@dataclass(frozen=True, slots=True)
class City:
    """A city: `division` is its GB/T 2260 code, `demo_division` numbers its invented people."""

    index: int
    slug: str
    name: str
    division: str
    demo_division: str
    districts: tuple[tuple[tuple[str, str], int], ...]  # ((code, name), weight)

    @property
    def short(self) -> str:
        """The name without 市, as firms bear it."""
        return self.name[:-1]


BENXI = City(
    0, "benxi", "本溪市", "210500", "210590",
    (
        (("210502", "平山区"), 24), (("210503", "溪湖区"), 20), (("210504", "明山区"), 32),
        (("210505", "南芬区"), 6), (("210521", "本溪满族自治县"), 9),
        (("210522", "桓仁满族自治县"), 9),
    ),
)  # fmt: skip
SHENYANG = City(
    1, "shenyang", "沈阳市", "210100", "210190",
    (
        (("210102", "和平区"), 12), (("210103", "沈河区"), 11), (("210104", "大东区"), 9),
        (("210105", "皇姑区"), 9), (("210106", "铁西区"), 13), (("210111", "苏家屯区"), 9),
        (("210112", "浑南区"), 16), (("210113", "沈北新区"), 7), (("210114", "于洪区"), 7),
        (("210115", "辽中区"), 3), (("210123", "康平县"), 1), (("210124", "法库县"), 1),
        (("210181", "新民市"), 2),
    ),
)  # fmt: skip
CITIES = (BENXI, SHENYANG)


@dataclass(frozen=True, slots=True)
class Unit:
    """A department that decides or reports, or a lender; `abbr` is its mark in document numbers."""

    slug: str
    name: str
    uscc: str
    city: str
    region: str
    kind: str  # department | institution | lender | supplier
    abbr: str


_DEPARTMENTS = (
    ("market-regulation", "市场监督管理局", "市监", "11"),
    ("business-environment", "营商环境建设局", "营商", "11"),
    ("ecology", "生态环境局", "环", "11"),
    ("transport", "交通运输局", "交", "11"),
    ("urban-management", "城市管理综合行政执法局", "城执", "11"),
    ("emergency", "应急管理局", "应急", "11"),
    ("health", "卫生健康委员会", "卫", "11"),
    ("housing", "住房和城乡建设局", "建", "11"),
    ("finance", "金融发展局", "金", "11"),
    ("assets", "人民政府国有资产监督管理委员会", "国资", "11"),
    ("tax", "税务局", "税", "11"),
    ("social-security", "人力资源和社会保障局", "人社", "11"),
    ("court", "中级人民法院", "法", "11"),
    ("housing-fund", "住房公积金管理中心", "公积金", "12"),
    ("credit-centre", "公共信用信息中心", "信用", "12"),
)
_LENDERS = (("lender-a", "砚桥银行股份有限公司"), ("lender-b", "麓汀农村商业银行股份有限公司"))
_FURTHER = (
    ("medical-insurance", "医疗保障局", "医保", "11"),
    ("fire", "消防救援支队", "消", "11"),
    ("treasury", "财政局", "财", "11"),
)
_SUPPLIERS = (
    ("water", "澄汀供水有限公司"),
    ("power", "岚桥供电有限公司"),
    ("gas", "苇青燃气有限公司"),
    ("heating", "霁雪供热有限公司"),
)
UNIT_SERIALS = 2048
UNIT_SEED = 20201022  # units bear the same codes in every world: catalogues name them


def units(city: City) -> dict[str, Unit]:
    """Return the departments, district bureaux, lenders and suppliers of a city by slug."""
    places = Chance(UNIT_SEED).shuffle("organisation code", codes.ORG_PLACES)
    found: dict[str, Unit] = {}

    def add(slug: str, name: str, head: str, region: str, kind: str, abbr: str) -> None:
        serial = UNIT_SERIALS + city.index * 128 + len(found)
        code = codes.uscc(head, region, codes.org_code(places[serial]))
        found[slug] = Unit(slug, name, code, city.slug, region, kind, abbr)

    for slug, name, abbr, head in _DEPARTMENTS:
        kind = "department" if head == "11" else "institution"
        add(slug, city.name + name, head, city.division, kind, city.name[0] + abbr)
    for (code, district), _ in city.districts:
        name = district + "市场监督管理局"
        add(f"market-regulation-{code}", name, "11", code, "department", district[:2] + "市监")
    for slug, name in _LENDERS:
        add(slug, f"{name}{city.short}分行", "91", city.division, "lender", "")
    for slug, name, abbr, head in _FURTHER:
        add(slug, city.name + name, head, city.division, "department", city.name[0] + abbr)
    for slug, name in _SUPPLIERS:
        add(slug, city.short + name, "91", city.division, "supplier", "")
    if city is SHENYANG:
        name = "铁岭市公共信用信息中心"  # a third party whose grades reach Shenyang
        add("tieling-credit-centre", name, "12", "211200", "institution", "铁信用")
    return found
