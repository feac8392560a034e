"""Who knows whom: public keys of nodes and demo identities, written where all may read them.

Private keys stay in `<home>/<node>/keys` and `<home>/identities`; `<home>/public` holds what is
handed over in real life when a partner or a user is enrolled.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from client.keys import NodeKeys
from client.note import VerifierKey
from security.keys import KeyFolder, SigningKey
from security.registry import Algorithm, Caller, RegisteredKey, enrol_caller, enrol_key
from security.tlog.note import NoteSigner
from service.demo import CITIES, IDENTITIES, found_settings, is_demo
from service.home import NodeHome, open_folder
from service.process import held, replace_file
from service.recognition import share_match_key, sign_demo_mappings
from sync.agreement import AgreementParty, PartyKeys, read_agreement, record_agreement
from sync.demo import DEMO_AGREEMENT, demo_agreement

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

    answer: SigningKey
    access: NoteSigner
    audit: NoteSigner
    feed: NoteSigner
    agreement: NoteSigner
    acknowledgement: NoteSigner


def log_origin(node: str, log: str) -> str:
    """The name of a node's log, a schema-less URL (C2SP tlog-checkpoint)."""
    return f"xinqiao.{node}/{log}"


def own_keys(node_home: NodeHome) -> OwnKeys:
    """A node's private signing keys, made at first use."""
    folder = KeyFolder(node_home.keys)
    notes = [
        folder.note_signer(log_origin(node_home.name, name), f"{name}-note")
        for name in (*LOGS, *PAPERS)
    ]
    return OwnKeys(folder.signing_key(node_home.name, "answer"), *notes)


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
    keys = own_keys(node_home)
    system = KeyFolder(root / "identities").signing_key(node_home.name)
    document = {
        "region": region,
        "label": label,
        "system": {"keyId": system.key_id, "public": system.public.hex()},
        "answers": {keys.answer.key_id: keys.answer.public.hex()},
        "logs": {
            signer.name: signer.verifier.text for signer in (keys.access, keys.audit, keys.feed)
        },
        "agreement": keys.agreement.verifier.text,
        "acknowledgement": keys.acknowledgement.verifier.text,
    }
    _write(root / "public" / f"{node_home.name}.json", document)


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
                "public": folder.signing_key(one.name).public.hex(),
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


async def record_agreements(connection: asyncpg.Connection[Any], root: Path) -> None:
    """Take the agreements in `<home>/public`, each signed by the parties' known keys."""
    known = {}
    for path in sorted((root / "public").glob("*.json")):
        if path.stem != "identities":
            document = json.loads(path.read_text(encoding="utf-8"))
            known[document["region"]] = VerifierKey.parse(document["agreement"])
    for path in sorted((root / "public").glob("*.agreement")):
        await record_agreement(connection, path.read_bytes(), known)


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


async def enrol_identities(connection: asyncpg.Connection[Any], root: Path) -> None:
    """Enrol the demo identities at a node, each with its public key."""
    path = root / "public" / "identities.json"
    if not path.exists():
        return
    for row in json.loads(path.read_text(encoding="utf-8")):
        caller = Caller(
            row["name"],
            row["label"],
            row["role"],
            row.get("unit"),
            row["region"],
            district=row.get("district"),
        )
        await enrol_caller(connection, caller)
        await enrol_key(
            connection,
            RegisteredKey(row["keyId"], caller, Algorithm.ED25519, bytes.fromhex(row["public"])),
        )
