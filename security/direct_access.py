"""Reads that bypass the API: what sessions other than the node's did, from PostgreSQL's own log.

PostgreSQL writes each statement of a foreign session to its log (jsonlog); the node's own sessions
are silent. Of a statement only a digest of its form is kept, without literals. Pure but for
`DirectAccess`, which reads the files.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from security.finding import Rule, Rules
from security.review_queue import Deadline, NewFinding, record_finding

OWN = "xinqiao"
"""The application name under which the node itself connects."""
CHUNK = 1 << 20
"""Bytes read of the log at a time."""
KEPT_FORMS = 10
KEPT_DAYS = 200
"""Days for which the files of the log are kept: six months at least (access rules §8, A17)."""

_LITERAL = re.compile(
    r"""--[^\n]*|/\*.*?\*/            # comments
      |\$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$
      |(?:\b[eEbBxXnN]|\bU&)?'(?:[^'\\]|''|\\.)*'
      |\b\d+(?:\.\d+)?\b""",
    re.DOTALL | re.VERBOSE,
)
_WORD = re.compile(r"[a-z_][a-z0-9_$]*")
_NAMED = re.compile(r"\b(?:from|join|table|into|update|copy|only)\s+[\"a-z0-9_.]+", re.IGNORECASE)
_STATEMENT = re.compile(r"(?:statement|execute [^:]*): (.*)", re.DOTALL)
# Turning the log off, and reading around the tables: files, statistics, the write-ahead log.
_EVASION = re.compile(
    r"\blog_(?:statement|min_|parameter_|destination|connections|disconnections|duration)"
    r"|\blogging_collector\b|\b(?:table|query|schema|database|cursor)_to_xml"
    r"|\bpg_(?:stats\b|statistic\b|stats_ext_exprs\b|(?:stat_)?read_|ls_dir\b|logical_|largeobject)"
    r"|\blo_(?:get|export|open)\b|\bdblink|\bget_raw_page\b|\bpg_read_",
    re.IGNORECASE,
)
_WRITES = frozenset({"insert", "update", "delete", "merge", "truncate"})
_WRAPPING = frozenset({"with", "explain", "prepare", "declare"})
_HARMLESS = frozenset(
    {"set", "reset", "show", "begin", "start", "commit", "rollback", "end", "abort", "savepoint"}
    | {"release", "discard", "deallocate", "listen", "unlisten", "notify", "close"}
    | {"checkpoint", "vacuum", "analyze", "reindex", "cluster"}
)
_CHANGES = frozenset(
    {"insert", "update", "delete", "merge", "truncate", "alter", "drop", "create", "grant"}
    | {"revoke", "do", "call", "import", "reassign", "comment", "security", "refresh", "load"}
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log: when, who, and what was done; `statement` is None where nothing was."""

    time: datetime
    session: str
    user: str
    application: str
    host: str
    statement: str | None
    silent: bool = False  # a session ended of which no statement was logged


def read_line(raw: bytes, database: str) -> Line | None:
    """A line of jsonlog that tells of a foreign session at the database, None for all others."""
    try:
        told = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    message = str(told.get("message", ""))
    replicating = message.startswith("received replication command: ")
    if told.get("dbname") != database and not replicating:
        return None
    found = _STATEMENT.match(message)
    statement = message if replicating else found[1] if found else None
    ended = message.startswith("disconnection: ") and told.get("line_num") == 2
    silent = ended and told.get("application_name") != OWN
    if statement is None and not silent:
        return None
    return Line(
        _moment(str(told.get("timestamp", ""))),
        str(told.get("session_id", "")),
        str(told.get("user", "")),
        str(told.get("application_name", "")),
        str(told.get("remote_host", "")),
        statement,
        silent,
    )


def _moment(text: str) -> datetime:
    """PostgreSQL's own form with log_timezone UTC: `2026-07-01 03:04:05.678 UTC`."""
    return datetime.fromisoformat(text.removesuffix(" UTC")).replace(tzinfo=UTC)


def form_of(statement: str) -> str:
    """A statement without literals and comments, in lower case, its white space single."""
    return " ".join(_LITERAL.sub(_blank, statement).lower().split())


def _blank(match: re.Match[str]) -> str:
    text = match[0]
    return " " if text.startswith(("--", "/*")) else " ? "


def touches(statement: str, tables: frozenset[str]) -> Rule | None:
    """What a foreign statement is a finding of: a change, a read of a table of the node, or None
    for what reads neither (settings, transactions, maintenance, the system's catalogue). To turn
    the log off, or to read what lies under the tables, counts as a read."""
    if statement.startswith("received replication command: "):
        return Rule.DIRECT_READ if "BASE_BACKUP" in statement.upper() else None
    words = _WORD.findall(form_of(statement))
    evades = words[:1] != ["show"] and _EVASION.search(statement)
    worst: Rule | None = Rule.DIRECT_READ if evades else None
    # A query may hide in a literal, as that of query_to_xml does; names alone, as psql's own
    # look-ups have them, are no query.
    hidden = " ".join(_NAMED.findall(" ".join(_literals(statement)))).lower()
    for part in form_of(statement).split(";"):
        words = _WORD.findall(part.replace('"', " "))
        if not words or words[0] in _HARMLESS:
            continue
        if words[0] in _CHANGES or _changes_within(part, words):
            return Rule.DIRECT_CHANGE
        if tables & set(words) or tables & set(_WORD.findall(hidden)) or 'u&"' in part:
            worst = Rule.DIRECT_READ
    return worst


def _changes_within(part: str, words: list[str]) -> bool:
    """Whether a change is wrapped in another statement: COPY FROM, EXPLAIN ANALYZE DELETE."""
    if words[0] == "copy" and not part.split("copy", 1)[1].lstrip().startswith("("):
        return "from" in words
    return words[0] in _WRAPPING | {"copy"} and bool(_WRITES & set(words))


def _literals(statement: str) -> Iterable[str]:
    return [match[0] for match in _LITERAL.finditer(statement)]


@dataclass(slots=True)
class Session:
    """What one foreign session did to the node's tables, as one part of the log tells."""

    line: Line
    last: datetime
    statements: int = 0
    forms: dict[str, None] = field(default_factory=dict)


def sessions(lines: Iterable[Line], tables: frozenset[str]) -> dict[tuple[Rule, str], Session]:
    """The findings in some lines, by rule and session."""
    found: dict[tuple[Rule, str], Session] = {}
    for line in lines:
        rule = Rule.DIRECT_READ if line.silent else touches(line.statement or "", tables)
        if rule is None:
            continue
        one = found.setdefault((rule, line.session), Session(line, line.time))
        one.last = line.time
        if line.statement is not None:
            one.statements += 1
            if len(one.forms) < KEPT_FORMS:
                one.forms[sha256(form_of(line.statement).encode()).hexdigest()[:16]] = None
    return found


_TABLES = """
SELECT relname FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
   AND relname NOT IN ('region', 'working_day')
"""
_MOVE = """
INSERT INTO postgres_log_position AS p (file, position) VALUES ($1, $3)
ON CONFLICT (file) DO UPDATE SET position = EXCLUDED.position WHERE p.position = $2
RETURNING true
"""


@dataclass(frozen=True, slots=True)
class DirectAccess:
    """Follows the jsonlog files in `folder`; findings and position change together."""

    pool: asyncpg.Pool[Any]
    folder: Path
    rules: Rules
    deadline: Deadline
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def advance(self) -> int:
        """Read what is new of one file, at most 1 MiB; gives the bytes read."""
        positions = {
            row["file"]: row["position"]
            for row in await self.pool.fetch("SELECT file, position FROM postgres_log_position")
        }
        for path in sorted(self.folder.glob("*.json")):
            start = positions.get(path.name, 0)
            data = await asyncio.to_thread(_whole_lines, path, start)
            if data:
                await self._take(path.name, start, data)
                return len(data)
        return 0

    async def _take(self, file: str, start: int, data: bytes) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            database = await connection.fetchval("SELECT current_database()")
            read = [read_line(raw, database) for raw in data.split(b"\n") if raw]
            tables = frozenset(row["relname"] for row in await connection.fetch(_TABLES))
            found = sessions([line for line in read if line is not None], tables)
            if not await connection.fetchval(_MOVE, file, start, start + len(data)):
                return
            for (rule, session), one in found.items():
                await record_finding(connection, self._finding(rule, session, one))

    def _finding(self, rule: Rule, session: str, one: Session) -> NewFinding:
        detail: Mapping[str, object] = {
            "databaseUser": one.line.user,
            "application": one.line.application,
            "host": one.line.host or "local",
            "forms": list(one.forms),
            "unlogged": one.line.silent,
        }
        return NewFinding(
            rule=rule,
            version=self.rules.version,
            key=f"{session}|{one.line.time.date()}",
            caller="",
            actor=one.line.user,
            signs=max(one.statements, 1),
            detail=detail,
            first_time=one.line.time,
            last_time=one.last,
            deadline=self.deadline(self.clock().astimezone(self.rules.zone).date()),
        )

    async def tidy(self) -> None:
        """Remove files of the log that were read and are older than is kept."""
        oldest = (self.clock() - timedelta(days=KEPT_DAYS)).timestamp()
        for path in self.folder.glob("*.*"):
            if path.suffix in (".json", ".log") and path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)


def _whole_lines(path: Path, start: int) -> bytes:
    """What follows `start` up to the last line end, at most 1 MiB; empty when nothing is whole."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            data = file.read(CHUNK)
    except FileNotFoundError:
        return b""
    end = data.rfind(b"\n") + 1
    # A line longer than what is read at once tells nothing that is kept: pass over its part.
    return data[:end] if end or len(data) < CHUNK else data
