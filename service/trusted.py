"""Trusted documents at a node: who may ask nothing else, and what the command line does of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from security.policy import PolicyError, Role
from security.signature import VerifiedRequest
from security.trusted import TrustedDesk, listed_documents
from service.enrolled import node_connection, operator
from service.enrolment import EnrolmentError, log_origin

if TYPE_CHECKING:
    from service.node import Node

_SYSTEMS = frozenset({Role.PCITY, Role.DEPT})


def needs_trusted(node: Node, verified: VerifiedRequest) -> bool:
    """Whether the question must be a registered document: a system of a partner city or of a
    department asks. Keys that were enrolled on a device are persons', and ask what they like."""
    if not node.demands_trusted or verified.caller.role not in _SYSTEMS:
        return False
    key = node.registry.keys.get(verified.key_id or "")
    return key is None or key.device is None


def trusted_document(
    node: Node, verified: VerifiedRequest, document: str, digest: bytes | None
) -> str:
    """The text that may be asked: that of the digest when there is no text.

    Raises PolicyError DOCUMENT_UNKNOWN, DOCUMENT_NOT_TRUSTED.
    """
    caller = verified.caller.id
    if not document and digest is not None:
        found = node.trusted.text(caller, digest)
        if found is None:
            raise PolicyError("DOCUMENT_UNKNOWN", "the caller has no document of this digest")
        return found
    if needs_trusted(node, verified) and not node.trusted.holds(caller, document):
        raise PolicyError(
            "DOCUMENT_NOT_TRUSTED", "ask one of the documents that were registered for the caller"
        )
    return document


def documents_of(path: Path) -> dict[str, str]:
    """The documents of a file by name: one GraphQL document, or JSON with many of them.

    JSON is an object from any key to a document, as Relay's compiler writes, or a manifest with
    `operations` that have `name` and `body`, as Apollo's does. Raises EnrolmentError
    DOCUMENT_UNREADABLE.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".json":
            return {path.stem: text}
        told = json.loads(text)
        if "operations" in told and isinstance(told["operations"], list):
            return {str(one.get("name", "")): str(one["body"]) for one in told["operations"]}
        return {str(name): body for name, body in told.items() if isinstance(body, str)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EnrolmentError(
            "DOCUMENT_UNREADABLE", f"{path.name} cannot be read as GraphQL or a manifest: {error}"
        ) from error


async def add_documents(
    root: Path, node: str, caller: str, paths: Sequence[Path]
) -> list[dict[str, Any]]:
    """Register the documents of files, each checked against the schema and limits before any is.

    Raises EnrolmentError DOCUMENT_UNREADABLE, DOCUMENT_INVALID, and SecurityError CALLER_UNKNOWN,
    TRUSTED_LIMIT.
    """
    # They load all that answers questions: only what is added is checked by it.
    from resolvers.operation import Operations
    from schema.definition import CreditSchema
    from schema.records import kinds

    wanted = [(name, text) for path in paths for name, text in documents_of(path).items()]
    operations = Operations(CreditSchema(kinds()))
    for name, text in wanted:
        faults = operations.faults(text)
        if faults:
            raise EnrolmentError("DOCUMENT_INVALID", f"{name}: {faults[0]}")
    async with node_connection(root, node) as connection:
        desk = TrustedDesk(connection, log_origin(node, "access"), node, operator())
        async with connection.transaction():
            return [
                {"name": name, "document": (await desk.add(caller, text, name)).hex()}
                for name, text in wanted
            ]


async def remove_document(root: Path, node: str, caller: str, digest: str) -> bool:
    """Take a document back; False when the caller has none of this digest."""
    try:
        named = bytes.fromhex(digest.removeprefix("sha256:"))
    except ValueError:
        return False
    async with node_connection(root, node) as connection:
        desk = TrustedDesk(connection, log_origin(node, "access"), node, operator())
        return await desk.remove(caller, named)


async def list_documents(root: Path, node: str, caller: str | None) -> list[dict[str, Any]]:
    """The documents of a caller, or of all, for people."""
    async with node_connection(root, node) as connection:
        return [
            {
                "caller": row["caller_id"],
                "document": row["digest"].hex(),
                "name": row["name"],
                "characters": row["characters"],
                "by": row["added_by"],
                "since": row["added_at"].isoformat(),
            }
            for row in await listed_documents(connection, caller)
        ]
