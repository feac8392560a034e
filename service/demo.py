"""The two demo cities and who asks them: what `xinqiao run` founds on an empty machine."""

from __future__ import annotations

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
    """Who asks in the demo: name, role, and the node whose own system it is, if any."""

    name: str
    label: str
    role: str
    region: str
    node: str | None = None


IDENTITIES = (
    DemoIdentity("benxi", "本溪市信用信息平台", "PCITY", BENXI.region, "benxi"),
    DemoIdentity("shenyang", "沈阳市信用信息平台", "PCITY", SHENYANG.region, "shenyang"),
    DemoIdentity("analyst", "信用中心分析员", "ANALYST", BENXI.region),
    DemoIdentity("auditor", "审计员", "AUDITOR", BENXI.region),
)


def partner_of(city: DemoCity) -> DemoCity:
    """The other city."""
    return SHENYANG if city is BENXI else BENXI


def found_settings(root: Path) -> None:
    """Write the settings files of both nodes where they are missing."""
    for city in CITIES:
        node_home = NodeHome(root, city.node).create()
        partner = partner_of(city)
        write_settings(
            node_home.settings_file,
            {
                "label": city.label,
                "region": city.region,
                "port": city.port,
                "today": WORLD_DATE,
                "demo": True,
                "public_burst": 200,
                "partners": f"{partner.node}=http://127.0.0.1:{partner.port}",
            },
        )
