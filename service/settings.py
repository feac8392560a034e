"""A node's settings: one TOML file in the node's folder, overridden by environment variables.

A variable is `XINQIAO_<SETTING>` for every node of the machine, or `XINQIAO_<NODE>_<SETTING>`
for one; the second wins. `docs/settings.md` lists them, and a test keeps it complete.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from service.home import NodeHome

SHANGHAI = ZoneInfo("Asia/Shanghai")


class SettingsError(Exception):
    """A setting that cannot be used; `message` names it and says what it takes."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def _setting(doc: str, default: Any = MISSING) -> Any:
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True, slots=True)
class Partner:
    """Another city's node: its name here, where it answers, its public key file."""

    name: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a node is told; every attribute is a setting of the same name."""

    node: str = _setting("Name of the node: lower-case letters, digits, hyphens.")
    label: str = _setting("Chinese name of the city, for people.")
    region: str = _setting("GB/T 2260 code of the city whose records originate here.")
    host: str = _setting("Address to listen on.", "127.0.0.1")
    port: int = _setting("Port of the API.")
    origin: str = _setting("Scheme, host and port that callers sign as @target-uri.", "")
    today: str = _setting(
        "Domain date (YYYY-MM-DD), or `system` for the day in Shanghai.", "system"
    )
    demo: bool = _setting("Demo divisions and demo identities are admitted.", False)
    database_url: str = _setting(
        "PostgreSQL to use instead of the embedded one; `{node}` stands for the node's name.", ""
    )
    neo4j_uri: str = _setting("Neo4j to use instead of the embedded one.", "")
    neo4j_user: str = _setting("User name at that Neo4j.", "neo4j")
    neo4j_password: str = _setting("Password at that Neo4j.", "")
    neo4j_port: int = _setting("Bolt port of the embedded Neo4j; 0 takes a free one.", 0)
    policy: str = _setting("Version of the access policy.", "2026-1")
    partners: tuple[Partner, ...] = _setting(
        "Nodes of other cities, as name=url, comma-separated.", ()
    )
    public_per_minute: int = _setting("Unsigned requests per minute and address.", 30)
    public_burst: int = _setting("Unsigned requests at once, per address.", 60)
    max_body: int = _setting("Longest request body, bytes.", 1_000_000)
    max_waiting: int = _setting("Requests at work at once before 503, the log included.", 1_000)
    seal_interval: float = _setting("Seconds between two seals of the access log.", 0.3)
    max_delay: float = _setting("Seconds until a receipt's entry must be in the log.", 2.0)
    mirror_interval: float = _setting("Seconds between two pulls from a partner.", 2.0)
    graph_interval: float = _setting("Seconds between two looks at the outbox without a wake.", 1.0)
    graph_seconds: float = _setting("Longest time of one graph question, seconds.", 5.0)

    @property
    def url(self) -> str:
        """The origin that callers sign, without a trailing slash."""
        return (self.origin or f"http://{self.host}:{self.port}").rstrip("/")

    def domain_date(self) -> date:
        """Today in the domain: the fixed date of a demo, else the date in Shanghai."""
        if self.today == "system":
            return datetime.now(SHANGHAI).date()
        return date.fromisoformat(self.today)

    @property
    def postgres_url(self) -> str | None:
        return self.database_url.replace("{node}", self.node) or None

    @property
    def graph_uri(self) -> str | None:
        return self.neo4j_uri.replace("{node}", self.node) or None


def _parse(setting: Field[Any], raw: Any) -> Any:
    kind = setting.type
    if setting.name == "partners":
        pairs = raw.split(",") if isinstance(raw, str) else [f"{k}={v}" for k, v in raw.items()]
        return tuple(
            Partner(name.strip(), url.strip().rstrip("/"))
            for name, _, url in (pair.partition("=") for pair in pairs if pair.strip())
        )
    if kind == "bool" and isinstance(raw, str):
        return {"true": True, "1": True, "false": False, "0": False}[raw.lower()]
    if kind == "int":
        return int(raw)
    if kind == "float":
        return float(raw)
    return raw if kind == "bool" else str(raw)


def load_settings(
    node_home: NodeHome, environment: Mapping[str, str] = os.environ, **defaults: Any
) -> Settings:
    """The settings of a node: environment over file over `defaults` over the built-in ones.

    Raises SettingsError SETTINGS_UNREADABLE, SETTING_UNKNOWN, SETTING_INVALID, SETTING_MISSING.
    """
    path = node_home.settings_file
    values: dict[str, Any] = dict(defaults)
    if path.exists():
        try:
            values |= tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as cause:
            raise SettingsError(
                "SETTINGS_UNREADABLE", f"{path.name} cannot be read: {cause}. Correct the file."
            ) from cause
    known = {setting.name: setting for setting in fields(Settings)}
    for name in values:
        if name not in known:
            raise SettingsError(
                "SETTING_UNKNOWN",
                f"{path.name}: there is no setting {name!r}; see docs/settings.md.",
            )
    values["node"] = node_home.name
    prefix = f"XINQIAO_{node_home.name.upper().replace('-', '_')}_"
    for name in known:
        for variable in (f"XINQIAO_{name.upper()}", prefix + name.upper()):
            if variable in environment and name != "node":
                values[name] = environment[variable]
    parsed: dict[str, Any] = {}
    for name, setting in known.items():
        if name in values:
            try:
                parsed[name] = _parse(setting, values[name])
            except (ValueError, KeyError, TypeError, AttributeError) as cause:
                raise SettingsError(
                    "SETTING_INVALID", f"setting {name}: {setting.metadata['doc']}"
                ) from cause
        elif setting.default is MISSING:
            raise SettingsError(
                "SETTING_MISSING", f"setting {name} is needed: {setting.metadata['doc']}"
            )
    settings = Settings(**parsed)
    if settings.today != "system":
        try:
            date.fromisoformat(settings.today)
        except ValueError as cause:
            raise SettingsError(
                "SETTING_INVALID", "setting today: a date YYYY-MM-DD, or `system`"
            ) from cause
    return settings


def write_settings(path: Path, values: Mapping[str, str | int | float | bool]) -> None:
    """Write a settings file for a new node; an existing one is left as it is."""
    if path.exists():
        return
    lines = ["# Settings of this node; docs/settings.md explains them all.\n"]
    for name, value in values.items():
        shown = str(value).lower() if isinstance(value, bool) else value
        lines.append(f'{name} = "{value}"\n' if isinstance(value, str) else f"{name} = {shown}\n")
    path.write_text("".join(lines), encoding="utf-8")
    path.chmod(0o600)
