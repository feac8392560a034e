"""A node's settings: one TOML file in the node's folder, overridden by environment variables.

A variable is `XINQIAO_<SETTING>` for every node of the machine, or `XINQIAO_<NODE>_<SETTING>`
for one; the second wins. With the suffix `_FILE` it names a file that holds the value.
`docs/settings.md` lists them, and a test keeps it complete.
"""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from security.policy import policy_file
from service.home import NodeHome
from store.rule_set import Transition

if TYPE_CHECKING:
    from security.witness.address import WitnessAddress

SHANGHAI = ZoneInfo("Asia/Shanghai")
_DAY = 24.0  # hours
_BRIEF = 0.05  # seconds; what is done more often than this keeps a processor busy
_FORMS = {
    "label": re.compile(r".*\S.*"),
    "region": re.compile(r"[0-9]{6}"),
    "host": re.compile(r"\S+"),
    "origin": re.compile(r"(https?://[^\s/?#@]+/?)?"),
    "policy": re.compile(r"[0-9]{4}-[0-9]+"),
}
_KEY = re.compile(r"""\s*["']?([A-Za-z0-9_-]+)["']?\s*[=.]""")


class SettingsError(Exception):
    """A setting that cannot be used; `message` names it and says what it takes."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def _setting(doc: str, default: Any = MISSING, *, least: float = 0, most: float = math.inf) -> Any:
    """What a setting means, and for a number the least and the most that it takes."""
    return field(default=default, metadata={"doc": doc, "least": least, "most": most})


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
    region: str = _setting("GB/T 2260 code of the city whose records originate here, six digits.")
    host: str = _setting("Address to listen on.", "127.0.0.1")
    port: int = _setting("Port of the API.", least=1, most=65_535)
    workers: int = _setting("Processes that answer; 1: the node's own process answers.", 1, least=1)
    origin: str = _setting(
        "Scheme, host and port that callers sign as @target-uri: https://benxi.example:8000.", ""
    )
    today: str = _setting(
        "Domain date (YYYY-MM-DD), or `system` for the day in Shanghai.", "system"
    )
    demo: bool = _setting("Demo divisions and demo identities are admitted.", False)
    database_url: str = _setting(
        "PostgreSQL to use instead of the embedded one; `{node}` stands for the node's name.", ""
    )
    database_password: str = _setting("Password for that PostgreSQL, where its URL has none.", "")
    postgres_log: str = _setting(
        "Folder of that PostgreSQL's jsonlog files, watched for reads that bypass the API.", ""
    )
    neo4j_uri: str = _setting("Neo4j to use instead of the embedded one.", "")
    neo4j_user: str = _setting("User name at that Neo4j.", "neo4j")
    neo4j_password: str = _setting("Password at that Neo4j.", "")
    neo4j_auth: str = _setting(
        "User name and password in one, `neo4j/secret`, as Neo4j's image takes them.", ""
    )
    neo4j_port: int = _setting(
        "Bolt port of the embedded Neo4j; 0 takes a free one.", 0, most=65_535
    )
    neo4j_java: str = _setting(
        "Further options of the embedded Neo4j's Java, such as `-Xmx4g` (768 MiB without).", ""
    )
    answer_key: str = _setting(
        "Token with the key that signs answers, an RFC 7512 URI (docs/keys.md); none: a file.", ""
    )
    policy: str = _setting("Version of the access policy, one that is shipped.", "2026-3")
    rule_transition: str = _setting(
        "Rule set of a decision from before the newest one: `decision_date` (that of its day) or"
        " `newest_more_lenient` (the newest where it displays shorter).",
        Transition.DECISION_DATE.value,
    )
    person_utility_arrears: bool = _setting(
        "Take arrears of natural persons at utilities, which need their consent.", False
    )
    partners: tuple[Partner, ...] = _setting(
        "Nodes of other cities, as name=url, comma-separated.", ()
    )
    witnesses: tuple[WitnessAddress, ...] = _setting(
        "Further witnesses of this node's logs, as `verifier-key url`, comma-separated.", ()
    )
    witness_quorum: int = _setting("Witnesses that must cosign a log's head; 0 for none.", 1)
    witness_interval: float = _setting(
        "Seconds between two asks of one witness.", 1.0, least=_BRIEF
    )
    witness_alarm: float = _setting("Seconds without enough cosignatures until the alarm.", 60.0)
    witness_stop: float = _setting(
        "Seconds without enough cosignatures until the node answers no more; 0 for never.", 0.0
    )
    public_per_minute: int = _setting("Unsigned requests per minute and address.", 30, least=1)
    public_burst: int = _setting("Unsigned requests at once, per address.", 60, least=1)
    public_cost: int = _setting("Most that one unsigned question may cost.", 5_000, least=1)
    public_cost_per_minute: int = _setting(
        "What the unsigned questions of one address may cost in a minute; 0: no limit.", 60_000
    )
    public_events: int = _setting(
        "Events of the public's subscriptions per minute and address, then later ones wait;"
        " 0: no limit.",
        600,
    )
    caller_cost: int = _setting("Most that one signed question may cost.", 50_000, least=1)
    caller_cost_per_minute: int = _setting(
        "What the signed questions of one caller may cost in a minute; 0: no limit.", 12_000_000
    )
    public_introspection: bool = _setting("Whether the public may ask for the schema.", True)
    trusted_documents: str = _setting(
        "Whether systems of partner cities and departments may ask registered documents only:"
        " `auto` (not in a demo), `required`, `off`.",
        "auto",
    )
    match_per_minute: int = _setting("Persons a partner may match per minute.", 60, least=1)
    max_body: int = _setting("Longest request body, bytes.", 1_000_000, least=1)
    mutation_hours: float = _setting(
        "Hours for which a change's clientKey is known.", 48.0, least=_DAY
    )
    job_limit: int = _setting("Jobs that one caller may have open.", 10, least=1)
    jobs_per_caller: int = _setting("Jobs of one caller at work at once.", 1, least=1)
    group_interval: float = _setting(
        "Seconds between two findings of company groups, at least.", 600.0, least=1
    )
    graph_job_memory: int = _setting(
        "Megabytes that one analysis of the whole graph may hold beside the snapshot.",
        4000,
        least=1,
    )
    jobs_at_once: int = _setting("Jobs that the node works on at once.", 2, least=1)
    job_hours: float = _setting("Hours for which a job's result is kept.", 24.0, least=0.1)
    job_part_subjects: int = _setting(
        "Most subjects that one part of a job discloses.", 500, least=1
    )
    bulk_review: int = _setting(
        "Codes of one job above which a supervisor approves it first.", 10_000
    )
    partner_bulk_review: int = _setting("The same for partner cities.", 500)
    max_upload: int = _setting("Longest upload, bytes.", 64_000_000, least=1)
    uploads_at_once: int = _setting("Uploads that arrive at once, in each process.", 2, least=1)
    subscriptions_per_caller: int = _setting(
        "Subscriptions of one caller, of the public of one address, in each process.", 20
    )
    sockets_per_address: int = _setting("WebSockets of one address, in each process.", 20)
    subscription_seconds: float = _setting(
        "Seconds that a subscriber may take to receive an event before it is cut.", 30.0, least=1
    )
    max_waiting: int = _setting(
        "Requests at work at once before 503, the log included.", 1_000, least=1
    )
    seal_interval: float = _setting(
        "Seconds between two seals of the access log.", 0.3, least=_BRIEF, most=1.5
    )
    mirror_interval: float = _setting(
        "Seconds between two pulls from a partner.", 2.0, least=_BRIEF
    )
    graph_interval: float = _setting(
        "Seconds between two looks at the outbox without a wake.", 1.0, least=_BRIEF
    )
    graph_seconds: float = _setting("Longest time of one graph question, seconds.", 5.0, least=0.1)

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
        """The address of the PostgreSQL that the node is given, its password included."""
        url = self.database_url.replace("{node}", self.node)
        if not url or not self.database_password:
            return url or None
        # asyncpg takes a password of the query only where the URL names none before the host.
        joint = "&" if urlsplit(url).query else "?"
        return f"{url}{joint}password={quote(self.database_password, safe='')}"

    @property
    def graph_uri(self) -> str | None:
        return self.neo4j_uri.replace("{node}", self.node) or None

    @property
    def graph_login(self) -> tuple[str, str]:
        """User name and password at the Neo4j that the node is given."""
        if self.neo4j_auth:
            user, _, password = self.neo4j_auth.partition("/")
            return user, password
        return self.neo4j_user, self.neo4j_password


def _number(setting: Field[Any], raw: Any) -> int | float:
    if isinstance(raw, bool):
        raise TypeError
    number = float(raw) if setting.type == "float" else int(raw)
    if isinstance(raw, float) and number != raw:
        raise ValueError
    if not (
        math.isfinite(number) and setting.metadata["least"] <= number <= setting.metadata["most"]
    ):
        raise ValueError
    return number


def _range(setting: Field[Any]) -> str:
    """What a number has to be, for the person who set another."""
    if setting.type not in ("int", "float"):
        return ""
    least, most = setting.metadata["least"], setting.metadata["most"]
    return f" From {least:g}" + (f" to {most:g}." if math.isfinite(most) else " upwards.")


def _parse(setting: Field[Any], raw: Any) -> Any:
    kind = setting.type
    if setting.name == "partners":
        pairs = raw.split(",") if isinstance(raw, str) else [f"{k}={v}" for k, v in raw.items()]
        partners = tuple(
            Partner(name.strip(), url.strip().rstrip("/"))
            for name, _, url in (pair.partition("=") for pair in pairs if pair.strip())
        )
        if not all(one.name and one.url.startswith(("http://", "https://")) for one in partners):
            raise ValueError
        return partners
    if setting.name == "witnesses":
        entries = raw.split(",") if isinstance(raw, str) else raw
        from security.witness.address import WitnessAddress

        return tuple(WitnessAddress.parse(one) for one in entries if one.strip())
    if kind == "bool":
        if isinstance(raw, bool):
            return raw
        return {"true": True, "1": True, "false": False, "0": False}[raw.lower()]
    if kind in ("int", "float"):
        return _number(setting, raw)
    if setting.name in _FORMS and not _FORMS[setting.name].fullmatch(str(raw)):
        raise ValueError
    if setting.name == "policy" and not policy_file(raw).is_file():
        raise ValueError
    if setting.name == "today" and raw != "system":
        date.fromisoformat(raw)
    if setting.name == "trusted_documents" and raw not in ("auto", "required", "off"):
        raise ValueError
    if setting.name == "rule_transition":
        return Transition(raw).value
    if setting.name == "neo4j_auth" and raw and "/" not in raw:
        raise ValueError
    return str(raw)


@dataclass(frozen=True, slots=True)
class SettingsReading:
    """What was read of a node's settings; `settings` is None when any of them has a fault."""

    settings: Settings | None
    faults: tuple[SettingsError, ...]


def load_settings(
    node_home: NodeHome, environment: Mapping[str, str] = os.environ, **defaults: Any
) -> Settings:
    """The settings of a node: environment over file over `defaults` over the built-in ones.

    Raises SettingsError SETTINGS_UNREADABLE, SETTING_UNKNOWN, SETTING_INVALID, SETTING_MISSING,
    SETTING_TWICE, SETTING_FILE_UNREADABLE.
    """
    reading = read_settings(node_home, environment, **defaults)
    if reading.settings is None:
        raise reading.faults[0]
    return reading.settings


def read_settings(
    node_home: NodeHome, environment: Mapping[str, str] = os.environ, **defaults: Any
) -> SettingsReading:
    """The settings of a node with every fault in them, as `load_settings` raises the first."""
    path = node_home.settings_file
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        values: dict[str, Any] = {**defaults, **tomllib.loads(text)}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as cause:
        broken = SettingsError(
            "SETTINGS_UNREADABLE", f"{path.name} cannot be read: {cause}. Correct the file."
        )
        broken.__cause__ = cause
        return SettingsReading(None, (broken,))
    places = {name: f"{path.name}, line {line}" for name, line in _lines(text).items()}
    known = {setting.name: setting for setting in fields(Settings)}
    faults = [
        SettingsError(
            "SETTING_UNKNOWN",
            f"{places.get(name, path.name)}: there is no setting {name!r}; see docs/settings.md.",
        )
        for name in values
        if name not in known
    ]
    parsed: dict[str, Any] = {"node": node_home.name}
    for name, setting in known.items():
        if name == "node":
            continue
        doc = setting.metadata["doc"]
        try:
            found = _of_environment(name, node_home.name, environment)
            if found is not None:
                places[name], values[name] = found
            if name in values:
                parsed[name] = _parse(setting, values[name])
            elif setting.default is MISSING:
                faults.append(SettingsError("SETTING_MISSING", f"setting {name} is needed: {doc}"))
        except SettingsError as fault:
            faults.append(fault)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            where = f" ({places[name]})" if name in places else ""
            taken = f"setting {name}{where}: {doc}{_range(setting)}"
            faults.append(SettingsError("SETTING_INVALID", taken))
    if parsed.get("demo") and places.get("partners", "").startswith(path.name):
        parsed["partners"] = tuple(_moved(one, environment) for one in parsed.get("partners", ()))
    return SettingsReading(None if faults else Settings(**parsed), tuple(faults))


def _moved(partner: Partner, environment: Mapping[str, str]) -> Partner:
    """The other city of a demo, at the port that the environment gives it on this machine."""
    port = _of_environment("port", partner.name, environment)
    if port is None or not partner.url.startswith("http://127.0.0.1:"):
        return partner
    return Partner(partner.name, f"http://127.0.0.1:{int(port[1])}")


def one_setting(name: str, node_home: NodeHome, environment: Mapping[str, str] = os.environ) -> str:
    """One setting of a node that is text, whatever the others hold; empty without a value.

    Raises SettingsError SETTINGS_UNREADABLE, SETTING_TWICE, SETTING_FILE_UNREADABLE.
    """
    found = _of_environment(name, node_home.name, environment)
    if found is not None:
        return found[1]
    path = node_home.settings_file
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as cause:
        raise SettingsError(
            "SETTINGS_UNREADABLE", f"{path.name} cannot be read: {cause}. Correct the file."
        ) from cause
    return str(values.get(name, ""))


def _lines(text: str) -> dict[str, int]:
    """The line on which each key of a settings file stands."""
    keys = enumerate((_KEY.match(line) for line in text.splitlines()), 1)
    return {key[1]: number for number, key in keys if key is not None}


def _of_environment(name: str, node: str, environment: Mapping[str, str]) -> tuple[str, str] | None:
    """The variable that sets a setting, and its value: the node's own before everybody's.

    A variable with the suffix `_FILE` names a file that holds the value, as secrets of containers
    come; one line break at its end is not part of it.
    """
    for prefix in (f"XINQIAO_{node.upper().replace('-', '_')}_", "XINQIAO_"):
        variable = prefix + name.upper()
        by_file = f"{variable}_FILE"
        if variable in environment and environment.get(by_file):
            raise SettingsError(
                "SETTING_TWICE", f"setting {name}: set {variable} or {by_file}, not both"
            )
        if variable in environment:
            return variable, environment[variable]
        if environment.get(by_file):
            try:
                text = Path(environment[by_file]).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as cause:
                reason = getattr(cause, "strerror", None) or "it is not UTF-8"
                raise SettingsError(
                    "SETTING_FILE_UNREADABLE",
                    f"setting {name}: the file that {by_file} names cannot be read ({reason})",
                ) from cause
            return by_file, text.removesuffix("\n").removesuffix("\r")
    return None


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
