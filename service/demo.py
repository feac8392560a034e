"""The two demo cities and who asks them: what `xinqiao run` founds on an empty machine."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from service.home import NodeHome
from service.settings import write_settings

WORLD_DATE = "2026-06-30"


@dataclass(frozen=True, slots=True)
class DemoCity:
    """A city of the demo: its node's name, Chinese name, GB/T 2260 code, port."""

    node: str
    label: str
    region: str
    port: int


BENXI = DemoCity("benxi", "本溪", "210500", 8000)
SHENYANG = DemoCity("shenyang", "沈阳", "210100", 8001)
CITIES = (BENXI, SHENYANG)


@dataclass(frozen=True, slots=True)
class DemoIdentity:
    """Who asks in the demo: name, role, the node whose own system it is, if any; its unit and
    district."""

    name: str
    label: str
    role: str
    region: str
    node: str | None = None
    unit: str | None = None
    district: str | None = None


# Units of the demo world, which bear the same codes in every world.
MARKET_REGULATION = "11210500XDGX51K63J"
MARKET_REGULATION_210504 = "11210504XDW09FQ95M"

IDENTITIES = (
    DemoIdentity("benxi", "本溪市信用信息平台", "PCITY", BENXI.region, "benxi"),
    DemoIdentity("shenyang", "沈阳市信用信息平台", "PCITY", SHENYANG.region, "shenyang"),
    DemoIdentity("analyst", "信用中心分析员", "ANALYST", BENXI.region),
    DemoIdentity("auditor", "审计员", "AUDITOR", BENXI.region),
    DemoIdentity(
        "department", "本溪市市场监督管理局", "DEPT", BENXI.region, unit=MARKET_REGULATION
    ),
    DemoIdentity(
        "district",
        "明山区市场监督管理局",
        "DEPT",
        BENXI.region,
        unit=MARKET_REGULATION_210504,
        district="210504",
    ),
    DemoIdentity("citizen", "市民本人", "SELF", BENXI.region),
    DemoIdentity("firm", "企业本身", "SELF", BENXI.region),
    DemoIdentity("bank", "授权查询银行", "AGENT", BENXI.region),
    DemoIdentity("steward", "数据管理员", "STEWARD", BENXI.region),
    DemoIdentity("supervisor", "监督审批人", "SUPERVISOR", BENXI.region),
)
SELF_IDENTITIES = {"citizen": "self_person", "firm": "self_firm"}
"""Keys of the world's golden file that name whom these speak for."""


def partner_of(city: DemoCity) -> DemoCity:
    """The other city."""
    return SHENYANG if city is BENXI else BENXI


def is_demo(root: Path, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a home is the demo's: `XINQIAO_DEMO` says so, or every node in it does.

    A home without nodes becomes the demo's. One whose settings cannot be read is left alone.
    """
    named = environment.get("XINQIAO_DEMO")
    if named is not None:
        return named.lower() in ("true", "1")
    try:
        return all(
            tomllib.loads(path.read_text(encoding="utf-8")).get("demo") is True
            for path in root.glob("*/settings.toml")
        )
    except (OSError, ValueError):
        return False


def city_settings(city: DemoCity) -> dict[str, str | int | float | bool]:
    """The settings that a city of the demo is founded with."""
    partner = partner_of(city)
    return {
        "label": city.label,
        "region": city.region,
        "port": city.port,
        "today": WORLD_DATE,
        "demo": True,
        "public_burst": 200,
        "public_cost_per_minute": 1_000_000,
        "partners": f"{partner.node}=http://127.0.0.1:{partner.port}",
    }


def found_settings(root: Path) -> None:
    """Write the settings files of both nodes where they are missing."""
    for city in CITIES:
        write_settings(NodeHome(root, city.node).create().settings_file, city_settings(city))
