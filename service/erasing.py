"""Evidence over the years, for the command line: erased, purged, dated by a third party."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from client.checkpoint import Checkpoint
from client.note import Note
from security.erasure import (
    Act,
    Decision,
    ask_decision,
    confirm_decision,
    demand_reason,
    erase,
    needs_second,
    waiting_decision,
)
from security.errors import SecurityError
from security.evidence_store import Place, find_entry
from security.keys import KeyFolder
from security.policy import Role
from security.retention import Purged, RetentionRule, change_rule, purge, retention_rules
from security.timestamp import Stamp, attach, request_over
from service.enrolled import node_connection
from service.enrolment import EnrolmentError
from service.evidence import Bench, bench, head_over, kept_of, reference, told
from service.proof import OwnLog


async def erase_one(
    root: Path, node: str, entry: str, *, name: str, reason: str, log: str = "access"
) -> tuple[Place, Decision | None]:
    """Erase an entry's evidence, or, where that takes a second person, ask for one.

    As a steward or supervisor. Raises SecurityError ERASED when nothing is left to erase,
    REASON_REQUIRED, ENTRY_UNKNOWN.
    """
    demand_reason(reason)
    act = f"/audit/erase/{told(entry)}"
    async with bench(root, node, log, name, act, "", Role.STEWARD, Role.SUPERVISOR) as at:
        place = await at.place(entry)
        _, state = await kept_of(at, place)
        _demand_kept(state)
        if needs_second(place.entry, name):
            return place, await ask_decision(at.connection, Act.ERASE, place.leaf, name, reason)
        await erase(at.connection, node, place, name)
    return place, None


async def confirm(root: Path, node: str, id_: str, *, name: str) -> tuple[Decision, str]:
    """Confirm a decision as the second person; the decision and what became of the evidence.

    An erasure is done at once, by a supervisor or steward; an opening is left to whoever asked,
    for 24 hours. Raises SecurityError DECISION_UNKNOWN, DECISION_OWN, ERASED.
    """
    roles = (Role.STEWARD, Role.SUPERVISOR, Role.AUDITOR)
    async with bench(root, node, "access", name, f"/audit/confirm/{told(id_)}", "", *roles) as at:
        async with at.connection.transaction():
            decision = await waiting_decision(at.connection, id_, name)
            if decision.act is Act.OPEN:
                _demand_role(at, Role.AUDITOR, Role.SUPERVISOR)
                await confirm_decision(at.connection, decision, name)
                return decision, "OPEN"
            _demand_role(at, Role.STEWARD, Role.SUPERVISOR)
            place = await _anywhere(at, decision.leaf)
            if not await erase(at.connection, node, place, name, decision):
                _demand_kept("ERASED")
    return decision, "ERASED"


async def _anywhere(at: Bench, leaf: bytes) -> Place:
    """Find an entry in either log of the node."""
    try:
        return await at.place(leaf.hex())
    except SecurityError:
        other = OwnLog.of(at.root, at.node, "audit")
        return await find_entry(at.connection, other.folder, other.signer.name, leaf, None)


def _demand_kept(state: str) -> None:
    if state == "ERASED":
        raise SecurityError("ERASED", "The evidence was erased; the entry still verifies.")
    if state != "KEPT":
        raise SecurityError("EVIDENCE_MISSING", "Look for the evidence in a backup.")


def _demand_role(at: Bench, *roles: Role) -> None:
    if at.who.caller.role not in roles:
        raise EnrolmentError(
            "ROLE_NOT_ALLOWED", f"let an identity do it that this node knows as {', '.join(roles)}"
        )


async def purge_node(
    root: Path, node: str, *, on: date | None, dry_run: bool
) -> tuple[list[RetentionRule], list[Purged], list[str]]:
    """Erase a node's evidence that is past retention: the rules, what went, months' keys gone."""
    today = datetime.now(UTC).date()
    async with node_connection(root, node):
        logs = {name: OwnLog.of(root, node, name) for name in ("access", "audit")}
        sizes = {}
        for own in logs.values():
            async with own.connected():
                sizes[own.signer.name] = (own.folder, _size(own))
        async with logs["access"].connected() as connection:
            rules = await retention_rules(connection, on or today)
            secrets = KeyFolder(logs["access"].home.keys)
            purged, months = await purge(
                connection, sizes, node, secrets, on or today, dry_run=dry_run
            )
            if not dry_run and purged:
                await connection.execute("VACUUM evidence, access_subject, access_record")
    return rules, purged, months


async def keep_for(
    root: Path, node: str, kind: str, months: int, source: str, *, name: str
) -> RetentionRule:
    """Let a class of evidence be kept so many months from today on, as a supervisor.

    Raises SecurityError RETENTION_TOO_SHORT, RETENTION_CLASS, REASON_REQUIRED.
    """
    demand_reason(source)
    today = datetime.now(UTC).date()
    async with bench(root, node, "access", name, "/audit/retention", "", Role.SUPERVISOR) as at:
        rules = {rule.kind: rule for rule in await retention_rules(at.connection, today)}
        if kind not in rules:
            raise SecurityError("RETENTION_CLASS", f"Name one of {', '.join(sorted(rules))}.")
        rule = replace(rules[kind], valid_from=today, months=months, source=source)
        await change_rule(at.connection, at.log.signer.name, node, rule, name)
    return rule


async def timestamp_request_for(root: Path, node: str, entry: str, *, log: str) -> bytes:
    """A request for a timestamp over the head that holds an entry, remembered for its answer."""
    own = OwnLog.of(root, node, log)
    async with node_connection(root, node), own.connected() as connection:
        leaf, index = reference(entry)
        place = await find_entry(connection, own.folder, own.signer.name, leaf, index)
        return await request_over(connection, place.log, head_over(own, place))


async def timestamp_attach(
    root: Path, node: str, token: bytes, anchors: Sequence[bytes]
) -> tuple[int, Stamp]:
    """Keep an authority's answer that verifies by these certificates."""
    async with node_connection(root, node) as connection:
        return await attach(connection, token, anchors)


def _size(own: OwnLog) -> int:
    note = own.note(witnessed=False)
    return 0 if note is None else Checkpoint.parse(Note.parse(note).text).size
