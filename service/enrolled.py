"""Callers and keys of a node for the command line: listed, enrolled, revoked."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from security.keys import KeyFolder, key_id
from security.policy import Role
from security.registry import (
    Algorithm,
    Caller,
    RegisteredKey,
    bind_subject,
    enrol_caller,
    enrol_key,
    load_registry,
    revoke_key,
)
from service.demo import SELF_IDENTITIES
from service.enrolment import EnrolmentError, establish
from service.home import NodeHome
from service.node import prepare_database
from service.serve import database
from service.settings import load_settings
from service.subject import subject_of


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


async def enrolled_keys(root: Path, node: str) -> list[dict[str, Any]]:
    """What the registry of a node holds, as JSON values."""
    async with node_connection(root, node) as connection:
        registry = await load_registry(connection)
    now = time.time()
    return [
        {
            "caller": key.caller.id,
            "name": key.caller.name,
            "role": key.caller.role,
            "unit": key.caller.unit_uscc,
            "district": key.caller.district,
            "keyId": key.key_id,
            "algorithm": str(key.algorithm),
            "public": key.public.hex(),
            "state": _state(key, now),
        }
        for key in sorted(registry.keys.values(), key=lambda k: (k.caller.id, k.key_id))
    ]


async def enrol_new(root: Path, node: str, name: str, role: str, told: Particulars) -> str:
    """Make an identity's key on this machine, enrol it and give the key id.

    Raises EnrolmentError IDENTITY_NAME, ROLE_UNKNOWN, UNIT_REQUIRED, SUBJECT_UNKNOWN.
    """
    _check(name, role, told)
    async with node_connection(root, node) as connection:
        key = KeyFolder(root / "identities").signing_key(name)
        await _enrol(connection, NodeHome(root, node), name, role, told, key.key_id, key.public)
    return key.key_id


async def enrol_foreign(
    root: Path, node: str, name: str, role: str, public: str, told: Particulars
) -> str:
    """Enrol a key that somebody else holds, by its public half, and give the key id.

    `public` is 64 hexadecimal digits (Ed25519). Raises as `enrol_new`, and EnrolmentError
    PUBLIC_KEY.
    """
    _check(name, role, told)
    try:
        raw = bytes.fromhex(public)
        Ed25519PublicKey.from_public_bytes(raw)
    except ValueError:
        raise EnrolmentError(
            "PUBLIC_KEY", "give the Ed25519 public key as 64 hexadecimal digits"
        ) from None
    id_ = key_id(name, raw)
    async with node_connection(root, node) as connection:
        await _enrol(connection, NodeHome(root, node), name, role, told, id_, raw)
    return id_


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
    """Bind the demo's citizen and firm to their subjects in the world that was imported.

    `golden` names them (`self_person`, `self_firm`); a node that does not know one goes without.
    """
    codes = {name: golden.get(key) for name, key in SELF_IDENTITIES.items()}
    async with node_connection(root, node) as connection:
        for name, code in codes.items():
            if isinstance(code, str):
                with contextlib.suppress(EnrolmentError):
                    found = await subject_of(connection, NodeHome(root, node), code)
                    await bind_subject(connection, name, found)


def _check(name: str, role: str, told: Particulars) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", name) or name == "public":
        raise EnrolmentError("IDENTITY_NAME", "name it with 1-32 lower-case letters and digits")
    roles = [one for one in Role if one is not Role.PUB]
    if role not in roles:
        raise EnrolmentError("ROLE_UNKNOWN", f"the role is one of {', '.join(roles)}")
    if role == Role.DEPT and not told.unit:
        raise EnrolmentError("UNIT_REQUIRED", "name the department's USCC with --unit")


async def _enrol(
    connection: asyncpg.Connection[Any],
    home: NodeHome,
    name: str,
    role: str,
    told: Particulars,
    id_: str,
    public: bytes,
) -> None:
    registry = await load_registry(connection)
    known = next((k.caller for k in registry.keys.values() if k.caller.id == name), None)
    if known is not None and known.role != role:
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
    await enrol_caller(connection, caller)
    await enrol_key(connection, RegisteredKey(id_, caller, Algorithm.ED25519, public))


async def revoke_now(root: Path, node: str, id_: str) -> None:
    """Revoke a key; EnrolmentError KEY_UNKNOWN when the node does not know it."""
    async with node_connection(root, node) as connection:
        if id_ not in (await load_registry(connection)).keys:
            raise EnrolmentError("KEY_UNKNOWN", "the node knows no key of that id; see `key list`")
        await revoke_key(connection, id_, time.time())


def _state(key: RegisteredKey, now: float) -> str:
    if now >= min(key.revoked_at, key.compromised_at):
        return "revoked"
    if now >= min(key.valid_to, key.caller.valid_to):
        return "expired"
    return "valid" if now >= max(key.valid_from, key.caller.valid_from) else "not yet valid"
