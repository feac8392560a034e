"""What rests on a decision of persons, for the command line: authorisations, approvals, cases.

Who decides is an identity of this machine that the node knows under the right role.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from client.keys import SigningKey
from schema.records import kinds as declared
from security.approval import (
    Approval,
    Question,
    approvals,
    approved_question,
    decide_approval,
    request_approval,
)
from security.authorisation import (
    DAYS,
    Authorisation,
    Method,
    authorisations,
    new_authorisation,
    record_authorisation,
    revoke_authorisation,
)
from security.case import cases, close_case, open_case
from security.entry import redacted
from security.event import append_event
from security.field_encryption import FieldCipher
from security.keys import KeyFolder
from security.policy import PolicyError, Role
from security.registry import Caller, Registry, load_registry
from service.enrolled import key_state, node_connection
from service.enrolment import EnrolmentError, identity_key, log_origin
from service.home import NodeHome
from service.subject import subject_of


@dataclass(frozen=True, slots=True)
class Desk:
    """A node's database and who decides there."""

    connection: asyncpg.Connection[Any]
    home: NodeHome
    caller: Caller

    async def tell(self, kind: str, **detail: object) -> None:
        """Say in the access log what was decided and by whom; ids only, nobody is named."""
        node = self.home.name
        told = {"by": self.caller.id, **detail}
        await append_event(self.connection, log_origin(node, "access"), node, kind, told)

    @property
    def cipher(self) -> FieldCipher:
        """What encrypts at this node."""
        return FieldCipher(KeyFolder(self.home.keys))

    async def subject(self, text: str) -> UUID:
        """The subject of a code, of an identity card number, or of the id of a person that the
        caller was shown. Raises EnrolmentError SUBJECT_UNKNOWN."""
        return await subject_of(self.connection, self.home, text, self.caller.role)


@asynccontextmanager
async def desk(root: Path, node: str, name: str, *roles: Role) -> AsyncIterator[Desk]:
    """Open a node for an identity of this machine that has one of these roles there.

    Raises EnrolmentError IDENTITY_UNKNOWN, ROLE_NOT_ALLOWED.
    """
    key = identity_key(root, name)
    async with node_connection(root, node) as connection:
        found = decider(await load_registry(connection), key, name, time.time())
        if found is None or found.role not in roles:
            named = ", ".join(roles)
            raise EnrolmentError(
                "ROLE_NOT_ALLOWED", f"let an identity decide that this node knows as {named}"
            )
        yield Desk(connection, NodeHome(root, node), found)


def decider(registry: Registry, key: SigningKey, name: str, now: float) -> Caller | None:
    """Who decides with a key of this machine; None unless it is a valid one of that caller's.

    A file under somebody's name is not yet that one's key.
    """
    known = registry.keys.get(key.key_id)
    if known is None or known.caller.id != name or known.public != key.public:
        return None
    return known.caller if key_state(known, now) == "valid" else None


async def grant(
    root: Path,
    node: str,
    name: str,
    *,
    to: str,
    kinds: Sequence[str],
    purpose: str,
    days: int = DAYS,
    uses: int = 1,
    subject: str | None = None,
    evidence: Path | None = None,
) -> dict[str, Any]:
    """Authorise a caller: by the subject itself, or by a steward over the counter with the paper.

    Raises EnrolmentError GRANTEE_UNKNOWN, SUBJECT_UNKNOWN, SUBJECT_UNBOUND, KIND_UNDECLARED, and
    PolicyError AUTHORISATION_MALFORMED.
    """
    unknown = sorted(set(kinds) - set(declared().by_name))
    if unknown:
        raise EnrolmentError("KIND_UNDECLARED", f"no kind of this node: {', '.join(unknown)}")
    paper = await asyncio.to_thread(_digest, evidence) if evidence else None
    async with desk(root, node, name, Role.SELF, Role.STEWARD) as at:
        known = {key.caller for key in (await load_registry(at.connection)).keys.values()}
        if not any(caller.id == to and caller.role == Role.AGENT for caller in known):
            raise EnrolmentError("GRANTEE_UNKNOWN", "name an enrolled caller of role AGENT")
        itself = at.caller.role == Role.SELF
        if itself and at.caller.subject is None:
            raise _unbound()
        who = at.caller.subject if itself else await at.subject(subject or "")
        assert who is not None
        one = new_authorisation(
            who,
            to,
            kinds,
            purpose,
            at=datetime.now(UTC),
            days=days,
            max_uses=uses,
            method=Method.APP if itself else Method.COUNTER,
            granted_by=name,
            evidence_hash=paper,
        )
        async with at.connection.transaction():
            await record_authorisation(at.connection, one)
            await at.tell(
                "AUTHORISATION",
                act="GRANTED",
                id=one.id,
                grantee=to,
                kinds=sorted(one.kinds),
                purpose=purpose,
                validTo=one.valid_to.isoformat(timespec="seconds"),
                maxUses=one.max_uses,
            )
    return _told(one)


def _digest(paper: Path) -> bytes:
    return sha256(paper.read_bytes()).digest()


async def revoke(root: Path, node: str, name: str, id_: str) -> None:
    """Revoke an authorisation at once: a subject its own, a steward any.

    Raises EnrolmentError AUTHORISATION_UNKNOWN.
    """
    async with desk(root, node, name, Role.SELF, Role.STEWARD) as at:
        itself = at.caller.role == Role.SELF
        if itself and at.caller.subject is None:
            raise _unbound()
        own = at.caller.subject if itself else None
        async with at.connection.transaction():
            if not await revoke_authorisation(at.connection, id_, name, own):
                raise EnrolmentError(
                    "AUTHORISATION_UNKNOWN", "no authorisation of this id is in force; see `list`"
                )
            await at.tell("AUTHORISATION", act="REVOKED", id=id_)


async def listed_authorisations(root: Path, node: str, name: str) -> list[dict[str, Any]]:
    """What was authorised: to a subject its own, to stewards and supervisors all."""
    async with desk(root, node, name, Role.SELF, Role.STEWARD, Role.SUPERVISOR) as at:
        if at.caller.role == Role.SELF and at.caller.subject is None:
            raise _unbound()
        return [_told(one) for one in await authorisations(at.connection, at.caller.subject)]


def _unbound() -> EnrolmentError:
    return EnrolmentError(
        "SUBJECT_UNBOUND", "bind the identity to its subject first: `xinqiao key bind`"
    )


def _told(one: Authorisation) -> dict[str, Any]:
    return {
        "id": one.id,
        "grantee": one.grantee,
        "kinds": sorted(one.kinds),
        "purpose": one.purpose,
        "validFrom": one.valid_from.isoformat(timespec="seconds"),
        "validTo": one.valid_to.isoformat(timespec="seconds"),
        "uses": f"{one.used}/{one.max_uses}",
        "method": one.method.value,
        "textVersion": one.text_version,
        "grantedBy": one.granted_by,
        "revoked": one.revoked_at is not None,
    }


async def ask_approval(
    root: Path,
    node: str,
    name: str,
    *,
    case: str,
    subjects: Sequence[str],
    reason: str,
    question: Question,
) -> str:
    """Ask a supervisor for a question about named subjects; gives the request's id."""
    async with desk(root, node, name, Role.ANALYST) as at:
        found = [await at.subject(text) for text in subjects]
        async with at.connection.transaction():
            id_ = await request_approval(
                at.connection, name, case, found, reason, question, at.cipher
            )
            await at.tell("APPROVAL", act="REQUESTED", id=id_, case=case, subjects=len(found))
        return id_


async def shown_approval(root: Path, node: str, name: str, id_: str) -> dict[str, Any]:
    """A request with the question it asks: to a supervisor any, to an analyst its own.

    Raises PolicyError APPROVAL_UNKNOWN.
    """
    async with desk(root, node, name, Role.SUPERVISOR, Role.ANALYST) as at:
        one, question = await approved_question(at.connection, id_, at.cipher)
        if at.caller.role != Role.SUPERVISOR and one.requester != name:
            raise PolicyError("APPROVAL_UNKNOWN", "no request has this id; see `approval list`")
        return {
            **_approval(one),
            "document": question.document,
            "operationName": question.operation_name,
            "variables": dict(question.variables),
        }


async def decide(
    root: Path, node: str, name: str, id_: str, *, granted: bool, decision: str
) -> None:
    """Grant or refuse a request, as a supervisor."""
    async with desk(root, node, name, Role.SUPERVISOR) as at:
        async with at.connection.transaction():
            await decide_approval(
                at.connection, id_, name, granted=granted, decision=decision, at=datetime.now(UTC)
            )
            await at.tell("APPROVAL", act="GRANTED" if granted else "REFUSED", id=id_)


async def listed_approvals(root: Path, node: str, name: str) -> list[dict[str, Any]]:
    """Requests and decisions: to a supervisor all, to an analyst its own."""
    async with desk(root, node, name, Role.SUPERVISOR, Role.ANALYST) as at:
        every = at.caller.role == Role.SUPERVISOR
        return [
            _approval(one)
            for one in await approvals(at.connection)
            if every or one.requester == name
        ]


def _approval(one: Approval) -> dict[str, Any]:
    return {
        "id": one.id,
        "requester": one.requester,
        "case": one.case,
        "subjects": len(one.subjects),
        "reason": one.reason,
        "question": one.question_digest.hex() if one.question_digest else None,
        "requestedAt": one.requested_at.isoformat(timespec="seconds"),
        "state": _STATES[one.granted],
        "decidedBy": one.decided_by,
        "validTo": one.valid_to.isoformat(timespec="seconds") if one.valid_to else None,
    }


_STATES = {None: "waiting", True: "granted", False: "refused"}


async def open_matter(
    root: Path,
    node: str,
    *,
    unit: str,
    number: str,
    purpose: str,
    subjects: Sequence[str],
    opened_by: str,
) -> None:
    """Open a unit's matter, or add subjects to it; `unit` empty for the node's own stewards."""
    async with node_connection(root, node) as connection:
        home = NodeHome(root, node)
        found = [await subject_of(connection, home, text) for text in subjects]
        async with connection.transaction():
            await open_case(connection, unit, number, purpose, found, opened_by)
            detail = {"act": "OPENED", "unit": unit, "purpose": purpose, "subjects": len(found)}
            await _tell_of_case(connection, node, number, {**detail, "by": redacted(opened_by)})


async def close_matter(root: Path, node: str, *, unit: str, number: str) -> None:
    """Close a unit's matter. Raises EnrolmentError CASE_UNKNOWN."""
    async with node_connection(root, node) as connection:
        async with connection.transaction():
            if not await close_case(connection, unit, number):
                raise EnrolmentError("CASE_UNKNOWN", "the unit has no open case of this number")
            await _tell_of_case(connection, node, number, {"act": "CLOSED", "unit": unit})


async def _tell_of_case(
    connection: asyncpg.Connection[Any], node: str, number: str, detail: dict[str, object]
) -> None:
    told = {**detail, "case": redacted(number)}
    await append_event(connection, log_origin(node, "access"), node, "CASE", told)


async def listed_matters(root: Path, node: str, unit: str | None) -> list[dict[str, Any]]:
    """Matters, newest first."""
    async with node_connection(root, node) as connection:
        return [
            {
                "unit": one.unit,
                "number": one.number,
                "purpose": one.purpose,
                "subjects": one.subjects,
                "openedBy": one.opened_by,
                "openedAt": one.opened_at.isoformat(timespec="seconds"),
                "state": "open" if one.closed_at is None else "closed",
            }
            for one in await cases(connection, unit)
        ]
