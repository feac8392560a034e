"""The life of keys for the command line: rotated, revoked, invited, judged.

What concerns a caller's key changes the node's directory; what concerns a key of the node itself
changes its key folder and the papers that partners and clients read. Either way the access log
has the change.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from client.algorithm import Algorithm
from client.key_change import USES
from security.entry import timestamp
from security.errors import KeyFileError
from security.invitation import invite
from security.key_event import TOKEN, KeyHistory, answer_key, log_key, state_change
from security.key_standing import standing_of
from security.keys import KeyFolder, key_id
from security.pkcs11 import TokenKey, TokenUri
from security.registry import FOREVER, RegisteredKey, Registry, load_registry
from security.tlog.note import NoteSigner
from service.enrolled import enrolled_keys, key_state, node_connection, operator, read_public
from service.enrolment import (
    AnswerKey,
    EnrolmentError,
    node_directory,
    own_keys,
    publish_node,
)
from service.home import NodeHome
from service.process import held
from service.settings import load_settings, one_setting

DAY = 86_400.0
DEFAULT_OVERLAP = 7.0
"""Days for which an old key is good beside its successor."""
INVITATION_SECRET = "invitation"  # noqa: S105  (the name of a file)
"""The node's secret under which codes are kept."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did: the old key's id, the new one's, until when both are good."""

    of: str
    old: str
    new: str
    until: float


async def rotate_identity(
    root: Path,
    node: str,
    name: str,
    *,
    old: str | None = None,
    public: str | None = None,
    algorithm: Algorithm | None = None,
    overlap_days: float = DEFAULT_OVERLAP,
) -> Rotation:
    """Let a caller's key be followed by a new one: made here, or held elsewhere (`public`).

    `old` is the key's id where the caller has several. Raises EnrolmentError KEY_UNKNOWN,
    KEY_AMBIGUOUS, KEY_ENDED, OVERLAP, IDENTITY_UNKNOWN, PUBLIC_KEY.
    """
    _check_overlap(overlap_days)
    folder = KeyFolder(root / "identities")
    async with node_connection(root, node) as connection:
        # Another would take a rotation that is under way for one that was left half done.
        with held(root / "identities.lock"):
            registry, now = await load_registry(connection), time.time()
            if public is None and (half := _half_done(folder, registry, name)) is not None:
                return half
            former = _to_follow(registry, name, old, now)
            if public is not None:
                told = read_public(public)
                id_ = key_id(name, told.public)
            elif not folder.has(name):
                raise EnrolmentError(
                    "IDENTITY_UNKNOWN",
                    "this machine does not hold the identity's key: name the new one with --public",
                )
            else:
                made = folder.signing_key(name, f"{name}.next", algorithm or former.algorithm)
                told, id_ = made.public_key, made.key_id
            if id_ in registry.keys:
                raise EnrolmentError("PUBLIC_KEY", "name a key that the node does not know yet")
            successor = RegisteredKey(
                id_, former.caller, told.algorithm, told.public, now, now + _lifetime(former)
            )
            device = await connection.fetchval(
                "SELECT device FROM key_registry WHERE key_id = $1", former.key_id
            )
            overlap = overlap_days * DAY
            directory = node_directory(connection, NodeHome(root, node), operator())
            await directory.rotate(former, successor, overlap, device)
            if public is None:
                folder.replace(name, f"{name}.next")
    return Rotation(name, former.key_id, id_, now + overlap)


def _half_done(folder: KeyFolder, registry: Registry, name: str) -> Rotation | None:
    """Finish a rotation that was enrolled when the machine stopped before the file's turn."""
    if not (folder.has(name) and folder.has(f"{name}.next")):
        return None
    made = folder.signing_key(name, f"{name}.next").key_id
    if made not in registry.keys:
        return None
    old = folder.signing_key(name).key_id
    folder.replace(name, f"{name}.next")
    until = registry.keys[old].valid_to if old in registry.keys else time.time()
    return Rotation(name, old, made, until)


def _lifetime(key: RegisteredKey) -> float:
    return key.valid_to - key.valid_from


async def revoke(
    root: Path, node: str, id_: str, compromised_from: str | None = None
) -> dict[str, Any]:
    """Revoke a key from now on, and say since when somebody else may have held it.

    `compromised_from` is RFC 3339, or a day. Raises EnrolmentError KEY_UNKNOWN, TIME.
    """
    since = None if compromised_from is None else read_time(compromised_from)
    now = time.time()
    if since is not None and since > now:
        raise EnrolmentError("TIME", "a compromise is not in the future")
    async with node_connection(root, node) as connection:
        key = (await load_registry(connection)).keys.get(id_)
        if key is None:
            raise EnrolmentError("KEY_UNKNOWN", "the node knows no key of that id; see `key list`")
        await node_directory(connection, NodeHome(root, node), operator()).revoke(key, now, since)
    return await show(root, node, id_)


async def show(root: Path, node: str, id_: str) -> dict[str, Any]:
    """One key of a node's registry with its whole life. Raises EnrolmentError KEY_UNKNOWN."""
    for row in await enrolled_keys(root, node):
        if row["keyId"] == id_:
            return row
    raise EnrolmentError("KEY_UNKNOWN", "the node knows no key of that id; see `key list`")


async def invite_device(
    root: Path, node: str, name: str, device: str, minutes: int, key_days: int
) -> str:
    """Make a one-time code by which an enrolled caller enrols a device's own key.

    Raises InvitationError `INVITATION_TERMS`, `CALLER_UNKNOWN`.
    """
    async with node_connection(root, node) as connection:
        return await invite(
            connection,
            KeyFolder(NodeHome(root, node).keys).secret(INVITATION_SECRET),
            name,
            device,
            operator(),
            minutes=minutes,
            key_days=key_days,
        )


async def judge(
    root: Path,
    node: str,
    id_: str,
    signed: str,
    sealed: str | None = None,
    cosigned: str | None = None,
    *,
    witnesses: bool = False,
) -> dict[str, Any]:
    """Whether a signature of a key counts as evidence (docs/keys.md). Times are RFC 3339.

    Raises EnrolmentError KEY_UNKNOWN, TIME.
    """
    moments = [None if one is None else read_time(one) for one in (sealed, cosigned)]
    async with node_connection(root, node) as connection:
        key = (await load_registry(connection)).keys.get(id_)
    if key is None:
        raise EnrolmentError("KEY_UNKNOWN", "the node knows no key of that id; see `key list`")
    found = standing_of(key, read_time(signed), *moments, witnesses=witnesses)
    return {
        "keyId": id_,
        "state": key_state(key, time.time()),
        "counts": found.counts,
        "reason": str(found.reason),
        "message": found.message,
        "provenAt": None if found.proven_at is None else timestamp(found.proven_at),
    }


async def rotate_own(
    root: Path,
    node: str,
    use: str,
    *,
    algorithm: Algorithm | None = None,
    overlap_days: float = DEFAULT_OVERLAP,
    compromised_from: str | None = None,
    in_file: bool = False,
) -> Rotation:
    """Give the node a new key for one use; the access log gets the statement of both keys.

    A running node signs with it within two seconds. An answer key goes into the token that the
    setting names, unless it is to be `in_file`. Raises EnrolmentError KEY_USE, OVERLAP, TIME,
    TokenError, KeyFileError.
    """
    if use not in USES:
        raise EnrolmentError("KEY_USE", f"a node has these keys: {', '.join(USES)}")
    _check_overlap(overlap_days)
    since = None if compromised_from is None else read_time(compromised_from)
    home = NodeHome(root, node)
    async with node_connection(root, node) as connection:
        with held(root / "found.lock"):
            return await _rotate_own(
                connection, root, home, use, algorithm, overlap_days * DAY, since, in_file
            )


async def _rotate_own(
    connection: asyncpg.Connection[Any],
    root: Path,
    home: NodeHome,
    use: str,
    algorithm: Algorithm | None,
    overlap: float,
    compromised: float | None,
    in_file: bool,
) -> Rotation:
    folder, history = KeyFolder(home.keys), KeyHistory.read(home.keys)
    settings, keys = load_settings(home), own_keys(home)
    if use == "answer":
        token = "" if in_file else one_setting("answer_key", home)
        place, new_key = _next_answer_key(home, folder, history, keys.answer, algorithm, token)
        old, new = _answering(keys.answer), _answering(new_key)
    else:
        if algorithm not in (None, Algorithm.ED25519):
            raise EnrolmentError("KEY_USE", "logs and their papers are signed with Ed25519")
        signer: NoteSigner = getattr(keys, use)
        use = signer.name.rpartition("/")[2]  # a log that succeeded another has a name of its own
        place = history.next_place(use, f"{use}-note")
        old, new = log_key(signer), log_key(folder.note_signer(signer.name, place))
    # Signatures of the same second count for the new key, which is published before it signs.
    now = float(int(time.time()))
    change = state_change(
        home.name, use, old, new, since=now, overlap=overlap, compromised=compromised
    )
    await node_directory(connection, home, operator()).record_own(change)
    history.extended(change, place).write(home.keys)
    publish_node(root, home, settings.region, settings.label)
    return Rotation(use, change.old.key_id, change.new.key_id, change.ends_at)


def _next_answer_key(
    home: NodeHome,
    folder: KeyFolder,
    history: KeyHistory,
    present: AnswerKey,
    algorithm: Algorithm | None,
    token: str,
) -> tuple[str, AnswerKey]:
    """The key of the token that is named, which must be another one, else a new file's."""
    if token:
        found = TokenKey(TokenUri.parse(token), home.name)
        if found.public_key == present.public_key:
            raise KeyFileError(
                "ANSWER_KEY_PLACE", "Name another key of the token in the setting answer_key first."
            )
        return TOKEN, found
    place = history.next_place("answer", "answer")
    return place, folder.signing_key(home.name, place, algorithm or present.algorithm)


def _answering(key: AnswerKey) -> Any:
    return answer_key(key.key_id, key.public_key, key.sign)


def _to_follow(registry: Registry, name: str, old: str | None, now: float) -> RegisteredKey:
    known = [key for key in registry.keys.values() if key.caller.id == name]
    if old is not None:
        known = [key for key in known if key.key_id == old]
    if not known:
        raise EnrolmentError("KEY_UNKNOWN", "the node knows no such key; see `key list`")
    good = [key for key in known if key_state(key, now) == "valid"]
    if not good:
        raise EnrolmentError("KEY_ENDED", "no key of it is valid: enrol a new one instead")
    lasting = [key for key in good if key.valid_to == FOREVER] or good
    if len(lasting) > 1:
        raise EnrolmentError("KEY_AMBIGUOUS", "it has several keys: name the one with --key")
    return lasting[0]


def _check_overlap(days: float) -> None:
    if not 0 <= days <= 366:
        raise EnrolmentError("OVERLAP", "let both keys be good for 0 to 366 days")


def read_time(text: str) -> float:
    """A time as an operator types it, in Unix seconds: RFC 3339, or a day (its start in UTC).

    Raises EnrolmentError TIME.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise EnrolmentError(
            "TIME", "write a time as 2026-11-23T08:00:00+08:00, or a day as 2026-11-23"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
