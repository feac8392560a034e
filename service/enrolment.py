"""Who knows whom: public keys of nodes and demo identities, written where all may read them.

Private keys stay in `<home>/<node>/keys` and `<home>/identities`; `<home>/public` holds what is
handed over in real life when a partner or a user is enrolled.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from client.algorithm import PublicKey
from client.keys import NodeKeys
from client.note import VerifierKey
from security.directory import Connection, Directory
from security.errors import KeyFileError
from security.key_event import HISTORY, TOKEN, KeyHistory
from security.keys import KeyFolder, SigningKey
from security.pkcs11 import TokenKey, TokenUri
from security.registry import Caller, RegisteredKey
from security.sealed_entry import LogFiles
from security.tlog.note import NoteSigner
from security.witness.cosigner import Cosigner
from service.demo import CITIES, IDENTITIES, found_settings, is_demo
from service.home import NodeHome, open_folder
from service.process import held, replace_file
from service.recognition import share_match_key, sign_demo_mappings
from service.settings import one_setting
from store.kind import Kinds
from sync.agreement import AgreementParty, PartyKeys, read_agreement, record_agreement
from sync.demo import DEMO_AGREEMENT, demo_agreement

AnswerKey = SigningKey | TokenKey
LOGS = ("access", "audit", "feed")
PAPERS = ("agreement", "acknowledgement")


class EnrolmentError(Exception):
    """A key or an identity that is not there; `message` says how to get it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """The private signing keys of one node."""

    answer: AnswerKey
    access: NoteSigner
    audit: NoteSigner
    feed: NoteSigner
    agreement: NoteSigner
    acknowledgement: NoteSigner
    witness: Cosigner


def log_origin(node: str, log: str) -> str:
    """The name of a node's log, a schema-less URL (C2SP tlog-checkpoint)."""
    return f"xinqiao.{node}/{log}"


def succession(node_home: NodeHome, log: str) -> list[str]:
    """The origins that a log has had, its present one last; each successor has a key of its own.

    A log whose files were lost is ended and succeeded (`service.succession`).
    """
    folder, found = KeyFolder(node_home.keys), [log]
    while folder.has(f"{log}-{len(found) + 1}-note"):
        found.append(f"{log}-{len(found) + 1}")
    return [log_origin(node_home.name, name) for name in found]


def current_origin(node_home: NodeHome, log: str) -> str:
    """The name of a node's log now."""
    return succession(node_home, log)[-1]


def former_logs(node_home: NodeHome, log: str) -> list[LogFiles]:
    """The ended logs before the present one, oldest first, with what is left of their files."""
    return [
        LogFiles(origin, node_home.log / f"{log}-ended-{number}", ended=True)
        for number, origin in enumerate(succession(node_home, log)[:-1], 1)
    ]


def former_signer(node_home: NodeHome, origin: str) -> NoteSigner:
    """The key of an ended log, with those before it."""
    folder, history = KeyFolder(node_home.keys), KeyHistory.read(node_home.keys)
    return _note_signer(folder, history, origin.rpartition("/")[2], origin)


def own_keys(node_home: NodeHome) -> OwnKeys:
    """A node's private signing keys, made at first use."""
    folder, history = KeyFolder(node_home.keys), KeyHistory.read(node_home.keys)
    notes = {
        name: _note_signer(folder, history, origin.rpartition("/")[2], origin)
        for name in (*LOGS, *PAPERS)
        for origin in (current_origin(node_home, name),)
    }
    witness = log_origin(node_home.name, "witness")
    return OwnKeys(
        answer=own_answer_key(node_home, folder, history),
        witness=Cosigner(witness, folder.note_signer(witness, "witness-note").private),
        **notes,
    )


def own_answer_key(node_home: NodeHome, folder: KeyFolder, history: KeyHistory) -> AnswerKey:
    """The key that signs a node's answers: the one its last change names.

    A node that has none yet takes the token that the setting `answer_key` names, or makes a file.
    Raises KeyFileError `ANSWER_KEY_PLACE`, TokenError.
    """
    place, changes = history.place("answer", "answer"), history.of("answer")
    token = one_setting("answer_key", node_home)
    if place != TOKEN and (changes or not token or folder.has("answer")):
        return folder.signing_key(node_home.name, place)
    if not token:
        raise KeyFileError(
            "ANSWER_KEY_PLACE", "Name the token with the answer key in the setting answer_key."
        )
    key = TokenKey(TokenUri.parse(token), node_home.name)
    if changes and changes[-1].change.new.public != key.public_key:
        raise KeyFileError(
            "ANSWER_KEY_PLACE", "Name the token that holds the key which the last change names."
        )
    return key


def _note_signer(folder: KeyFolder, history: KeyHistory, use: str, origin: str) -> NoteSigner:
    first = f"{use}-note"
    *before, present = history.places(use, first)
    also = []
    for at, place in enumerate(before):
        until = history.signing_until(use, at)
        if until > time.time() and folder.has(place):
            also.append(folder.note_signer(origin, place, until=until))
    return folder.note_signer(
        origin, present, also=tuple(reversed(also)), former=history.former(use, origin)
    )


def node_directory(connection: Connection, node_home: NodeHome, by: str) -> Directory:
    """The directory of a node's callers as somebody changes it; `by` says who."""
    return Directory(connection, current_origin(node_home, "access"), node_home.name, by)


def token_paths(node_home: NodeHome) -> list[Path]:
    """What a node has to read to use the token of its answer key: library and PIN file."""
    token = one_setting("answer_key", node_home)
    if not token:
        return []
    uri = TokenUri.parse(token)
    return [uri.module] if uri.pin is None else [uri.module, uri.pin]


def keys_stamp(node_home: NodeHome) -> int:
    """A number that changes when a key of the node's own is changed."""
    path = node_home.keys / HISTORY
    return path.stat().st_mtime_ns if path.exists() else 0


def establish(root: Path) -> None:
    """Make settings, keys and identities of the demo where they are missing.

    Where the home is not the demo's nothing is made: an operator founds such nodes.
    """
    if not is_demo(root):
        return
    open_folder(root, 0o711)
    with held(root / "found.lock"):
        found_settings(root)
        open_folder(root / "public", 0o755)
        open_folder(root / "identities", 0o700)
        for city in CITIES:
            publish_node(root, NodeHome(root, city.node), city.region, city.label)
        _publish_identities(root)
        _sign_demo_agreement(root)
        _sign_demo_mappings(root)


def publish_node(root: Path, node_home: NodeHome, region: str, label: str) -> None:
    """Write a node's region, name and public keys to `<home>/public/<node>.json`.

    `system` is the key with which the node itself asks its partners.
    """
    keys, changes = own_keys(node_home), KeyHistory.read(node_home.keys).recorded
    system = KeyFolder(root / "identities").signing_key(node_home.name)
    document = {
        "region": region,
        "label": label,
        "system": {"keyId": system.key_id, "public": system.public_key.text},
        "answers": {
            **{
                one.change.old.key_id: one.change.old.public.text
                for one in changes
                if one.change.use == "answer" and one.change.ends_at > time.time()
            },
            keys.answer.key_id: keys.answer.public_key.text,
        },
        "logs": {
            **_ended_logs(node_home),
            **{key.name: key.verifier.text for key in (keys.access, keys.audit, keys.feed)},
        },
        "agreement": keys.agreement.verifier.text,
        "acknowledgement": keys.acknowledgement.verifier.text,
        "witness": keys.witness.verifier.text,
        "changes": [one.change.to_json() for one in changes],
    }
    _write(root / "public" / f"{node_home.name}.json", document)


def _ended_logs(node_home: NodeHome) -> dict[str, str]:
    """The keys of logs that were succeeded: their receipts and checkpoints still verify."""
    folder, history = KeyFolder(node_home.keys), KeyHistory.read(node_home.keys)
    return {
        origin: _note_signer(folder, history, origin.rpartition("/")[2], origin).verifier.text
        for log in LOGS
        for origin in succession(node_home, log)[:-1]
    }


def _sign_demo_agreement(root: Path) -> None:
    path = root / "public" / "demo.agreement"
    if path.exists() and read_agreement(path.read_bytes()).id == DEMO_AGREEMENT:
        return
    keys = {city: own_keys(NodeHome(root, city.node)) for city in CITIES}
    parties = [
        AgreementParty(
            city.region,
            city.label,
            PartyKeys(own.agreement.verifier, own.feed.verifier, own.acknowledgement.verifier),
        )
        for city, own in keys.items()
    ]
    note = demo_agreement(parties, [own.agreement for own in keys.values()])
    replace_file(path, note.decode(), 0o644)


def _sign_demo_mappings(root: Path) -> None:
    homes = [NodeHome(root, city.node) for city in CITIES]
    sign_demo_mappings(root, [own_keys(home).agreement for home in homes])
    agreement = read_agreement((root / "public" / "demo.agreement").read_bytes())
    share_match_key([KeyFolder(home.keys) for home in homes], agreement.id)


def _publish_identities(root: Path) -> None:
    folder = KeyFolder(root / "identities")
    _write(
        root / "public" / "identities.json",
        [
            {
                "name": one.name,
                "label": one.label,
                "role": one.role,
                "region": one.region,
                "unit": one.unit,
                "district": one.district,
                "keyId": folder.signing_key(one.name).key_id,
                "public": folder.signing_key(one.name).public_key.text,
            }
            for one in IDENTITIES
        ],
    )


def _write(path: Path, document: Any) -> None:
    text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        replace_file(path, text, 0o644)


def node_keys(root: Path, node: str) -> NodeKeys:
    """The public keys of a node, as a client holds them. Raises EnrolmentError."""
    path = root / "public" / f"{node}.json"
    if not path.exists():
        raise EnrolmentError(
            "NODE_KEYS_MISSING", f"put the node's public keys into {path.name} in {path.parent}"
        )
    return NodeKeys.from_json(path.read_text(encoding="utf-8"))


def partner_region(root: Path, node: str) -> str:
    """The region of a partner's node, as its public keys name it."""
    node_keys(root, node)
    document = json.loads((root / "public" / f"{node}.json").read_text(encoding="utf-8"))
    return str(document["region"])


async def record_agreements(connection: asyncpg.Connection[Any], root: Path, kinds: Kinds) -> None:
    """Take the agreements in `<home>/public`, each signed by the parties' known keys."""
    known = {}
    for path in sorted((root / "public").glob("*.json")):
        if path.stem != "identities":
            document = json.loads(path.read_text(encoding="utf-8"))
            known[document["region"]] = VerifierKey.parse(document["agreement"])
    for path in sorted((root / "public").glob("*.agreement")):
        await record_agreement(connection, path.read_bytes(), known, kinds=kinds)


def known_log_keys(root: Path, export: Path) -> list[str] | None:
    """The keys that this machine knows for the log of an export; None when it knows none."""
    try:
        origin = (export / "vkeys").read_text(encoding="ascii").partition("+")[0]
    except (OSError, UnicodeDecodeError):
        return None
    known = [
        node_keys(root, path.stem).logs[origin].text
        for path in sorted((root / "public").glob("*.json"))
        if path.stem != "identities" and origin in node_keys(root, path.stem).logs
    ]
    return known or None


def identity_key(root: Path, name: str) -> SigningKey:
    """The private key of an identity of this machine. Raises EnrolmentError IDENTITY_UNKNOWN."""
    path = root / "identities" / f"{name}.pem"
    if not path.exists():
        raise EnrolmentError(
            "IDENTITY_UNKNOWN",
            f"there is no identity of that name here; `xinqiao key new {name}` makes one"
            if name.isidentifier()
            else "there is no identity of that name here",
        )
    return KeyFolder(root / "identities").signing_key(name)


async def enrol_identities(directory: Directory, root: Path) -> None:
    """Enrol the demo identities at a node, each with its public key."""
    path = root / "public" / "identities.json"
    if not path.exists():
        return
    async with directory.connection.transaction():
        for row in json.loads(path.read_text(encoding="utf-8")):
            caller = Caller(
                row["name"],
                row["label"],
                row["role"],
                row.get("unit"),
                row["region"],
                district=row.get("district"),
            )
            key = PublicKey.parse(row["public"])
            await directory.enrol(RegisteredKey(row["keyId"], caller, key.algorithm, key.public))
