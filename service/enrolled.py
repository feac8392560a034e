"""Callers and keys of a node for the command line: listed, enrolled, revoked."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from security.keys import KeyFolder
from security.policy import Role
from security.registry import (
    Algorithm,
    Caller,
    RegisteredKey,
    enrol_caller,
    enrol_key,
    load_registry,
    revoke_key,
)
from service.enrolment import EnrolmentError, establish
from service.home import NodeHome
from service.node import prepare_database
from service.serve import database
from service.settings import load_settings


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
            "keyId": key.key_id,
            "algorithm": str(key.algorithm),
            "public": key.public.hex(),
            "state": _state(key, now),
        }
        for key in sorted(registry.keys.values(), key=lambda k: (k.caller.id, k.key_id))
    ]


async def enrol_new(root: Path, node: str, name: str, role: str, label: str) -> str:
    """Make an identity's key on this machine, enrol it and give the key id.

    Raises EnrolmentError IDENTITY_NAME, ROLE_UNKNOWN.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", name) or name == "public":
        raise EnrolmentError("IDENTITY_NAME", "name it with 1-32 lower-case letters and digits")
    if role not in set(Role) - {Role.PUB}:
        raise EnrolmentError("ROLE_UNKNOWN", "the role is one of PCITY, ANALYST, AUDITOR")
    async with node_connection(root, node) as connection:
        registry = await load_registry(connection)
        key = KeyFolder(root / "identities").signing_key(name)
        known = next((k.caller for k in registry.keys.values() if k.caller.id == name), None)
        if known is not None and known.role != role:
            raise EnrolmentError("IDENTITY_NAME", "another caller has this name: choose another")
        caller = Caller(name, label, role)
        await enrol_caller(connection, caller)
        await enrol_key(
            connection, RegisteredKey(key.key_id, caller, Algorithm.ED25519, key.public)
        )
    return key.key_id


async def revoke_now(root: Path, node: str, key_id: str) -> None:
    """Revoke a key; EnrolmentError KEY_UNKNOWN when the node does not know it."""
    async with node_connection(root, node) as connection:
        if key_id not in (await load_registry(connection)).keys:
            raise EnrolmentError("KEY_UNKNOWN", "the node knows no key of that id; see `key list`")
        await revoke_key(connection, key_id, time.time())


def _state(key: RegisteredKey, now: float) -> str:
    if now >= min(key.revoked_at, key.compromised_at):
        return "revoked"
    if now >= min(key.valid_to, key.caller.valid_to):
        return "expired"
    return "valid" if now >= max(key.valid_from, key.caller.valid_from) else "not yet valid"
