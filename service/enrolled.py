"""Callers and keys of a node for the command line: listed, enrolled, revoked."""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from client.algorithm import PublicKey, verifier
from client.ed25519 import is_sound
from security.entry import timestamp
from security.keys import KeyFolder, key_id
from security.policy import Role
from security.registry import (
    FOREVER,
    SANDBOX,
    SANDBOX_DAYS,
    Algorithm,
    Caller,
    RegisteredKey,
    bind_subject,
    load_registry,
)
from service.database import database
from service.demo import SELF_IDENTITIES
from service.enrolment import EnrolmentError, establish, node_directory
from service.home import NodeHome
from service.preparation import prepare_database
from service.settings import load_settings
from service.subject import subject_of
from store.regions import load_regions
from store.restriction import restrict_subject


@asynccontextmanager
async def node_connection(root: Path, node: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A connection to a node's prepared database, its server started when none runs."""
    establish(root)
    node_home = NodeHome(root, node)
    settings = load_settings(node_home)
    with database(settings, node_home) as dsn:
        await prepare_database(dsn, root, settings)
        connection = await asyncpg.connect(dsn)
        try:
            yield connection
        finally:
            await connection.close()


@dataclass(frozen=True, slots=True)
class Particulars:
    """What a caller is beside its name and role; `subject` and `barred` are codes."""

    label: str = ""
    unit: str | None = None
    region: str | None = None
    district: str | None = None
    subject: str | None = None
    barred: tuple[str, ...] = ()


_LIFE = """
SELECT k.key_id, k.device, k.enrolled_by, k.enrolled_at, k.ended_by, k.successor, u.last_used
  FROM key_registry k LEFT JOIN key_use u USING (key_id)
"""


async def enrolled_keys(root: Path, node: str) -> list[dict[str, Any]]:
    """What the registry of a node holds, as JSON values; times are RFC 3339 or null."""
    async with node_connection(root, node) as connection:
        registry = await load_registry(connection)
        lives = {row["key_id"]: row for row in await connection.fetch(_LIFE)}
    now = time.time()
    return [
        key_json(key, lives.get(key.key_id, {}), now)
        for key in sorted(registry.keys.values(), key=lambda k: (k.caller.id, k.key_id))
    ]


def key_json(key: RegisteredKey, life: Mapping[str, Any], now: float) -> dict[str, Any]:
    """A key as commands show it: `life` is what the registry says beside the key itself."""
    enrolled, used = life.get("enrolled_at"), life.get("last_used")
    return {
        "caller": key.caller.id,
        "name": key.caller.name,
        "role": key.caller.role,
        "unit": key.caller.unit_uscc,
        "district": key.caller.district,
        "keyId": key.key_id,
        "algorithm": str(key.algorithm),
        "public": key.public.hex(),
        "state": key_state(key, now),
        "device": life.get("device"),
        "validFrom": _shown(key.valid_from),
        "validTo": _shown(key.valid_to),
        "revokedAt": _shown(key.revoked_at),
        "compromisedAt": _shown(key.compromised_at),
        "successor": life.get("successor"),
        "enrolledBy": life.get("enrolled_by"),
        "enrolledAt": None if enrolled is None else _shown(enrolled.timestamp()),
        "endedBy": life.get("ended_by"),
        "lastUsed": None if used is None else _shown(used.timestamp()),
    }


def _shown(seconds: float) -> str | None:
    return None if seconds in (0.0, FOREVER) else timestamp(seconds)


def operator() -> str:
    """Who gives this command, as log entries name it: the account of the machine."""
    try:
        name = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # an account without a name
        name = str(os.getuid())
    return f"operator {name}"


async def enrol_new(
    root: Path,
    node: str,
    name: str,
    role: str,
    told: Particulars,
    algorithm: Algorithm = Algorithm.ED25519,
) -> str:
    """Make an identity's key on this machine, enrol it and give the key id.

    Raises EnrolmentError IDENTITY_NAME, ROLE_UNKNOWN, DISTRICT_UNKNOWN, UNIT_REQUIRED,
    SUBJECT_UNKNOWN.
    """
    _check(name, role, told)
    async with node_connection(root, node) as connection:
        key = KeyFolder(root / "identities").signing_key(name, algorithm=algorithm)
        home = NodeHome(root, node)
        await _enrol(connection, home, name, role, told, key.key_id, key.public_key)
    return key.key_id


async def enrol_foreign(
    root: Path, node: str, name: str, role: str, public: str, told: Particulars
) -> str:
    """Enrol a key that somebody else holds, by its public half, and give the key id.

    Raises as `enrol_new`, and EnrolmentError PUBLIC_KEY.
    """
    _check(name, role, told)
    key = read_public(public)
    id_ = key_id(name, key.public)
    async with node_connection(root, node) as connection:
        await _enrol(connection, NodeHome(root, node), name, role, told, id_, key)
    return id_


def read_public(text: str) -> PublicKey:
    """A public key as an operator types it: digits of Ed25519, or `<algorithm>:<digits>`.

    Raises EnrolmentError PUBLIC_KEY.
    """
    try:
        key = PublicKey.parse(text)
        verifier(key.algorithm, key.public)
        if key.algorithm is Algorithm.ED25519 and not is_sound(key.public):
            raise ValueError
    except ValueError:
        raise EnrolmentError(
            "PUBLIC_KEY",
            "give the Ed25519 public key as 64 hexadecimal digits, another as"
            " ecdsa-p256-sha256:… or sm2-sm3: and the 130 digits of its uncompressed point",
        ) from None
    return key


async def bind_to_subject(root: Path, node: str, name: str, code: str) -> None:
    """Say whom an identity of role SELF speaks for.

    Raises EnrolmentError IDENTITY_UNKNOWN, SUBJECT_UNKNOWN.
    """
    async with node_connection(root, node) as connection:
        known = (await load_registry(connection)).keys.values()
        if not any(k.caller.id == name and k.caller.role == Role.SELF for k in known):
            raise EnrolmentError(
                "IDENTITY_UNKNOWN", "the node knows no identity of that name with role SELF"
            )
        home = NodeHome(root, node)
        await bind_subject(connection, name, await subject_of(connection, home, code))


async def bind_demo(root: Path, node: str, golden: Mapping[str, Any]) -> None:
    """Bind the demo's citizen and firm to their subjects in the world that was imported, and
    restrict the person whom only named units may see (W25).

    `golden` names them (`self_person`, `self_firm`); a node that does not know one goes without.
    """
    codes = {name: golden.get(key) for name, key in SELF_IDENTITIES.items()}
    async with node_connection(root, node) as connection:
        for name, code in codes.items():
            if isinstance(code, str):
                with contextlib.suppress(EnrolmentError):
                    found = await subject_of(connection, NodeHome(root, node), code)
                    await bind_subject(connection, name, found)
        number = golden["W25"]["parties"]["R"]["idNumber"] if "W25" in golden else None
        if number:
            with contextlib.suppress(EnrolmentError):
                found = await subject_of(connection, NodeHome(root, node), number)
                await restrict_subject(connection, found, "只限指定单位查询")


def _check(name: str, role: str, told: Particulars) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", name) or name == "public":
        raise EnrolmentError("IDENTITY_NAME", "name it with 1-32 lower-case letters and digits")
    roles = [one for one in Role if one is not Role.PUB]
    if role not in roles:
        raise EnrolmentError("ROLE_UNKNOWN", f"the role is one of {', '.join(roles)}")
    known = {region.id for region in load_regions(demo=True)}
    if told.district is not None and told.district not in known:
        raise EnrolmentError("DISTRICT_UNKNOWN", "name the district by its region's id, as 210504")
    if role == Role.DEPT and not told.unit:
        raise EnrolmentError("UNIT_REQUIRED", "name the department's USCC with --unit")


async def _enrol(
    connection: asyncpg.Connection[Any],
    home: NodeHome,
    name: str,
    role: str,
    told: Particulars,
    id_: str,
    public: PublicKey,
) -> None:
    former = await connection.fetchval("SELECT role FROM caller WHERE id = $1", name)
    if former is not None and former != role:
        raise EnrolmentError("IDENTITY_NAME", "another caller has this name: choose another")
    subject = await subject_of(connection, home, told.subject) if told.subject else None
    barred = [await subject_of(connection, home, code) for code in told.barred]
    caller = Caller(
        name,
        told.label or name,
        role,
        told.unit,
        told.region,
        subject=subject,
        district=told.district,
        barred=frozenset(barred),
    )
    now, until = time.time(), FOREVER
    if name.startswith(SANDBOX):
        if not load_settings(home).demo:
            raise EnrolmentError(
                "SANDBOX_ELSEWHERE", "enrol it at a node of the demo world, or choose another name"
            )
        until = now + SANDBOX_DAYS * 86_400
    directory = node_directory(connection, home, operator())
    key = RegisteredKey(id_, caller, public.algorithm, public.public, now, until)
    await directory.enrol(key)


def key_state(key: RegisteredKey, now: float) -> str:
    """What a key is good for at a time, in a word or two."""
    if now >= key.compromised_at:
        return "compromised"
    if now >= key.revoked_at:
        return "revoked"
    if now >= min(key.valid_to, key.caller.valid_to):
        return "expired"
    return "valid" if now >= max(key.valid_from, key.caller.valid_from) else "not yet valid"
