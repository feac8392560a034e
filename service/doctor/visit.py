"""A visit of the doctor: the machine first, then each node of it."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

from service.demo import CITIES, city_settings, is_demo
from service.doctor.finding import Finding
from service.doctor.machine import examine_machine
from service.doctor.node import examine_node, is_running
from service.doctor.node_judgement import judge_settings
from service.home import NodeHome
from service.settings import SettingsReading, read_settings


def examine(root: Path, node: str | None = None) -> list[Finding]:
    """Check the machine and one node, or all nodes of it; before a first start, the demo's.

    Raises HomeError for a name that no node can have.
    """
    names = [node] if node is not None else nodes_of(root)
    readings = {name: reading(root, name) for name in names}
    settings = [one.settings for one in readings.values() if one.settings is not None]
    own = {one.node: is_running(one) for one in settings}
    idle = [one for one in settings if not own[one.node]]
    findings = examine_machine(root, idle, settings)
    for name, found in readings.items():
        about = judge_settings(found.faults)
        if found.settings is not None:
            about += asyncio.run(examine_node(root, found.settings, own=own[name]))
        findings += [dataclasses.replace(one, node=name) for one in about]
    return findings


def nodes_of(root: Path) -> list[str]:
    """The nodes that a home holds, else those that a first start founds."""
    try:
        found = sorted({path.parent.name for path in root.glob("*/settings.toml")})
    except OSError:
        found = []
    return found or [city.node for city in CITIES]


def reading(root: Path, name: str) -> SettingsReading:
    """A node's settings as they are, or, before its first start, as they will be."""
    node_home = NodeHome(root, name)
    founded: dict[str, Any] = {}
    if not node_home.settings_file.exists() and is_demo(root):
        founded = next((dict(city_settings(one)) for one in CITIES if one.node == name), {})
    return read_settings(node_home, **founded)
