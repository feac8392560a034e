"""Evidence for the command line: opened on the record, packaged.

Who does it is an identity of this machine whose key the node knows; opening is an entry of the
audit log, durable before anything is shown.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg

from client.checkpoint import Checkpoint
from client.key_change import changes_of
from client.keys import NodeKeys
from client.log_proof import LogProof
from client.note import Note, VerifierKey
from client.receipt import Receipt
from resolvers.pseudonym import masked
from security.entry import Entry, Lists
from security.erasure import Act, Decision, ask_decision, may_open, named_subjects
from security.errors import SecurityError
from security.evidence import Evidence, EvidenceKeys
from security.evidence_store import Kept, Place, find_entry, kept_evidence
from security.keys import KeyFolder
from security.package import KeptAnswer, Package, verify_by_algorithm
from security.package_check import Check, check_package
from security.pending import store
from security.policy import Role
from security.registry import FOREVER, Registry, load_registry
from security.signature import VerifiedRequest, read_request, sign_request, verify_request
from security.timestamp import stamped
from security.tlog.reader import TileReader
from service.enrolled import node_connection
from service.enrolment import EnrolmentError, identity_key, log_origin
from service.proof import OwnLog
from service.settings import load_settings

MANY = 20
"""Subjects of one entry above which its evidence is opened by two persons (access rules §5.2)."""

_NAMED = """
SELECT r.audit_ref, s.category, o.name, o.uscc, p.name AS person
  FROM unnest($1::bytea[]) WITH ORDINALITY AS r (audit_ref, at)
  LEFT JOIN subject s USING (audit_ref)
  LEFT JOIN organisation o ON o.subject_id = s.subject_id
  LEFT JOIN person p ON p.subject_id = s.subject_id
 ORDER BY r.at
"""

_EARLY = "SELECT note FROM cosigned_head WHERE log = $1 AND size > $2 ORDER BY size LIMIT 1"
_HISTORY = """
SELECT DISTINCT s.leaf, s.index FROM key_event e JOIN access_sealed s USING (leaf)
 WHERE e.key_id = ANY ($1) AND s.log = $2
   AND e.change IN ('ENROL', 'ROTATE', 'REVOKE', 'COMPROMISE')
 ORDER BY s.index
"""


@dataclass(frozen=True, slots=True)
class Bench:
    """A node's log opened by somebody: its database, and who works there."""

    log: OwnLog
    connection: asyncpg.Connection[Any]
    registry: Registry
    root: Path
    who: VerifiedRequest

    @property
    def node(self) -> str:
        return self.log.home.name

    async def place(self, text: str) -> Place:
        """Find an entry by index, leaf hash in hex, or receipt.

        By leaf hash or receipt it is found in logs that ended, too, as far as their files are
        left. Raises SecurityError ENTRY_UNKNOWN.
        """
        leaf, index = reference(text)
        logs = [self.log] if leaf is None else [self.log, *self.log.ended()]
        for number, log in enumerate(logs, 1):
            try:
                return await find_entry(self.connection, log.folder, log.signer.name, leaf, index)
            except SecurityError as error:
                if error.code != "ENTRY_UNKNOWN" or number == len(logs):
                    raise
        raise AssertionError

    def log_of(self, place: Place) -> OwnLog:
        """The log that an entry stands in: the present one, or one that ended."""
        logs = [self.log, *self.log.ended()]
        return next(log for log in logs if log.signer.name == place.log)


@dataclass(frozen=True, slots=True)
class Opened:
    """Evidence that was opened on the record: the package it makes, what of it holds, who it
    names (of persons a masked name), and the leaf of the entry that records the opening."""

    package: Package
    checks: tuple[Check, ...]
    subjects: tuple[dict[str, Any], ...]
    recorded: str | None


@asynccontextmanager
async def bench(
    root: Path, node: str, log: str, name: str, act: str, case: str, *roles: Role
) -> AsyncIterator[Bench]:
    """Open a node's log for an identity of this machine, by a question that it signs.

    `act` becomes the path of what is signed. Raises EnrolmentError IDENTITY_UNKNOWN,
    ROLE_NOT_ALLOWED, LOG_UNKNOWN, SignatureError for a key that the node does not take.
    """
    key = identity_key(root, name)
    async with node_connection(root, node):
        own = OwnLog.of(root, node, log)
        if log == "feed":
            raise EnrolmentError("LOG_UNKNOWN", "evidence is kept of these logs: access, audit")
        async with own.connected() as connection:
            registry = await load_registry(connection)
            url, now = load_settings(own.home).url + act, time.time()
            asked = sign_request(key, "GET", url, now=now, purpose="P14", case=case)
            headers = [(k.encode(), v.encode()) for k, v in asked.headers]
            who = verify_request(read_request("GET", url, headers, b""), registry, now)
            if who.caller.role not in roles:
                raise EnrolmentError(
                    "ROLE_NOT_ALLOWED",
                    f"let an identity do it that this node knows as {', '.join(roles)}",
                )
            yield Bench(own, connection, registry, root, who)


async def open_evidence(
    root: Path,
    node: str,
    entry: str,
    *,
    name: str,
    log: str = "access",
    case: str = "",
    reason: str = "",
    answer: bytes | None = None,
    export: bool = False,
) -> Opened:
    """Open an entry's evidence as an auditor or supervisor, and record that first.

    `export` says that it leaves in a package. Raises SecurityError ENTRY_UNKNOWN,
    SECOND_PERSON_REQUIRED for an entry of more than `MANY` subjects until another has confirmed.
    """
    act = f"/audit/{'package' if export else 'evidence'}/{told(entry)}"
    async with bench(root, node, log, name, act, case, Role.AUDITOR, Role.SUPERVISOR) as at:
        place = await at.place(entry)
        kept, state = await kept_of(at, place)
        if kept is not None and named_subjects(place.entry) > MANY:
            await _demand_second(at, place, name, reason or case)
        package = await _package(at, place, kept, state)
        if answer is not None:
            package = replace(package, answer=KeptAnswer.parse(answer))
        recorded = None
        subjects: tuple[dict[str, Any], ...] = ()
        if kept is not None:
            recorded = await _record(at, place, kept, "EXPORT" if export else "UNMASK")
            subjects = await _named(at.connection, kept.evidence.lists.subjects)
        of = at.log_of(place)
        trusted = [key.text for key in (*of.signer.verifiers, *of.witnesses)]
        checks = check_package(package.files(), trusted, verify_by_algorithm)
    return Opened(package, tuple(checks), subjects, recorded)


async def kept_of(at: Bench, place: Place) -> tuple[Kept | None, str]:
    keys = EvidenceKeys(KeyFolder(at.log.home.keys))
    if "evidence" not in json.loads(place.entry):
        return None, "NONE"
    try:
        return await kept_evidence(at.connection, keys, place.leaf), "KEPT"
    except SecurityError as error:
        if error.code not in ("ERASED", "EVIDENCE_MISSING"):
            raise
        return None, "ERASED" if error.code == "ERASED" else "MISSING"


async def _demand_second(at: Bench, place: Place, name: str, reason: str) -> None:
    if await may_open(at.connection, place.leaf, name):
        return
    decision = await ask_decision(at.connection, Act.OPEN, place.leaf, name, reason)
    raise second_person(decision)


def second_person(decision: Decision) -> SecurityError:
    return SecurityError(
        "SECOND_PERSON_REQUIRED",
        f"Let another person confirm within 7 days: xinqiao audit confirm {decision.id} --as NAME",
    )


async def _record(at: Bench, place: Place, kept: Kept, kind: str) -> str:
    """Record in the audit log that evidence is opened; nothing is shown before."""
    who, lists = at.who, kept.evidence.lists
    plain = kept.evidence.plain()
    entry = Entry(
        kind=kind,
        caller=who.caller.id,
        role=who.caller.role,
        decision="ALLOWED",
        status=200,
        policy_version=load_settings(at.log.home).policy,
        data_version="",
        request_body=sha256(b"").digest(),
        response_body=sha256(plain).digest(),
        rows=1,
        key_id=who.key_id,
        nonce=None if who.once is None else who.once.nonce,
        request_signature=who.signature,
        purpose=who.purpose,
        case=who.case,
        correlation=place.leaf.hex(),
    )
    evidence = Evidence(
        who.signature_base, who.signature, lists=Lists(lists.subjects, lists.records)
    )
    keys = EvidenceKeys(KeyFolder(at.log.home.keys))
    pending = keys.record(entry, evidence, node=at.node, time=time.time())
    await store(at.connection, log_origin(at.node, "audit"), [pending])
    return pending.leaf.hex()


async def _package(at: Bench, place: Place, kept: Kept | None, state: str) -> Package:
    entry = json.loads(place.entry)
    log = at.log_of(place)
    key = at.registry.keys.get(entry.get("keyId") or "")
    dated = await stamped(at.connection, place.log, place.index)
    early = await at.connection.fetchval(_EARLY, place.log, place.index)
    if early is not None and key is not None and key.compromised_at != FOREVER:
        dated = None  # what counts is who saw the entry first
    if dated is not None:
        note = dated[0]
    else:
        note = head_over(log, place) if early is None else early.encode()
    size = Checkpoint.parse(Note.parse(note).text).size
    path = TileReader(log.folder).inclusion(place.index, size)
    callers = [
        one
        for one in at.registry.keys.values()
        if key is not None and one.caller.id == key.caller.id
    ]
    told = await _key_history(at, [one.key_id for one in callers])
    published = (at.root / "public" / f"{at.node}.json").read_text(encoding="utf-8")
    changes = changes_of(published)
    answers = {c.old.key_id: c.old.public for c in changes if c.use == "answer"}
    return Package(
        at.node,
        place,
        LogProof(place.index, path, note),
        state,
        tuple(dict.fromkeys((*log.signer.verifiers, *_cosigners(note, log.witnesses), *told[0]))),
        {**answers, **NodeKeys.from_json(published).answers},
        kept,
        sorted(callers, key=lambda one: one.key_id != (entry.get("keyId") or "")),
        [change.to_json() for change in changes],
        timestamp=dated[1] if dated else None,
        history=told[1],
    )


async def _key_history(
    at: Bench, key_ids: Sequence[str]
) -> tuple[tuple[VerifierKey, ...], tuple[LogProof, ...]]:
    """What the access log tells of keys, each entry with its proof; and the keys to check it."""
    present = at.log if at.log.name == "access" else OwnLog.of(at.root, at.node, "access")
    signers: list[VerifierKey] = []
    proofs = []
    for log in (present, *present.ended()):
        for row in await at.connection.fetch(_HISTORY, list(key_ids), log.signer.name):
            try:
                place = await find_entry(
                    at.connection, log.folder, log.signer.name, row["leaf"], None
                )
                note = head_over(log, place)
                size = Checkpoint.parse(Note.parse(note).text).size
                path = TileReader(log.folder).inclusion(place.index, size)
            except SecurityError:
                continue  # the files of a log that ended may be lost
            signers += log.signer.verifiers
            proofs.append(LogProof(place.index, path, note, place.entry))
    return tuple(signers), tuple(proofs)


def head_over(log: OwnLog, place: Place) -> bytes:
    """The last head that witnesses signed where it holds the entry, else the newest."""
    for witnessed in (True, False):
        note = log.note(witnessed)
        if note is not None and Checkpoint.parse(Note.parse(note).text).size > place.index:
            return note
    return place.checkpoint


def _cosigners(note: bytes, witnesses: Sequence[VerifierKey]) -> list[VerifierKey]:
    signed = {(line.name, line.id) for line in Note.parse(note).signatures}
    return [key for key in witnesses if (key.name, key.id) in signed]


async def _named(
    connection: asyncpg.Connection[Any], subjects: bytes
) -> tuple[dict[str, Any], ...]:
    """Who is meant by the references of an entry, each once, in the answer's order."""
    refs = list(dict.fromkeys(subjects[at : at + 16] for at in range(0, len(subjects), 16)))
    rows = await connection.fetch(_NAMED, refs)
    return tuple(
        {
            "reference": row["audit_ref"].hex(),
            "category": row["category"],
            "name": row["name"] or (masked(row["person"]) if row["person"] else None),
            "uscc": row["uscc"],
        }
        for row in rows
    )


def reference(text: str) -> tuple[bytes | None, int | None]:
    """A leaf hash or an index, from either as text or from a receipt."""
    text = text.strip()
    if text.isascii() and text.isdecimal() and len(text) < 19:
        return None, int(text)
    try:
        leaf = Receipt.parse(text).leaf if text.startswith("leaf=") else bytes.fromhex(text)
    except ValueError:
        leaf = b""
    if len(leaf) != 32:
        raise SecurityError(
            "ENTRY_UNKNOWN", "Name an entry by index, by leaf hash or by its receipt; see --log."
        )
    return leaf, None


def told(text: str) -> str:
    """What was named, as it may stand in a path."""
    leaf, index = None, None
    if text.startswith("leaf="):
        leaf, index = reference(text)
    return leaf.hex() if leaf else str(index) if index else "".join(filter(str.isalnum, text))[:64]
