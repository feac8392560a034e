"""Evidence: the kept question and lists behind an entry, encrypted with a key of its own.

The entry's key encrypts the evidence and keys the entry's digests; it is stored wrapped by the
month's key. Destroying the wrapped key erases the evidence and makes the digests unguessable,
while the log still verifies.
"""

import hmac
import os
from base64 import b64decode, b64encode
from dataclasses import field
from hashlib import sha256

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from client.merkle import leaf_hash
from client.profile import LABEL
from client.value import value_class
from security.entry import Entry, Lists, encode, timestamp
from security.errors import SecurityError
from security.keyed import Keyed
from security.keys import KeyFolder
from security.pending import Pending

_NONCE = 12
_DIGESTS = b"xinqiao entry digests v1"
_EVIDENCE = b"xinqiao entry evidence v1"


@value_class
class Evidence:
    """The question as it was asked and the lists of what was disclosed.

    `variables` is JSON text. Signature base and signature are empty for the public reader. `body`
    is the signed question's body as received: its digest is in the signature base, so it proves
    what was asked; document and variables are read out of it and not stored beside it. `label`
    is the signature's, which the answer's signature covers. `cost` is what the question could
    cost at most, 0 where it was not reckoned (access rules §8). With `by_digest` the body names a
    trusted document, which is then kept beside it.
    """

    signature_base: bytes = b""
    signature: bytes = b""
    document: str = ""
    variables: bytes = b"{}"
    lists: Lists = field(default_factory=Lists)
    body: bytes = b""
    label: str = LABEL
    cost: int = 0
    by_digest: bool = False

    def plain(self) -> bytes:
        """Write as JSON, as it is encrypted."""
        lists = self.lists
        kept: dict[str, object] = {
            "v": 1,
            "signatureBase": self.signature_base.decode(),
            "signature": b64encode(self.signature).decode(),
        }
        kept |= self._asked()
        if self.by_digest:
            kept["document"] = self.document
        if self.label != LABEL:
            kept["label"] = self.label
        if self.cost:
            kept["cost"] = self.cost
        kept["subjects"], kept["records"] = lists.subjects.hex(), lists.records.hex()
        kept["disclosed"], kept["masked"] = lists.disclosed, lists.masked
        return orjson.dumps(kept)

    def _asked(self) -> dict[str, str]:
        if not self.body:
            return {"document": self.document, "variables": self.variables.decode()}
        try:
            return {"body": self.body.decode()}
        except UnicodeDecodeError:
            return {"bodyBase64": b64encode(self.body).decode()}

    @classmethod
    def parse(cls, plain: bytes) -> "Evidence":
        """Read what `plain` wrote."""
        value = orjson.loads(plain)
        lists = Lists(
            bytes.fromhex(value["subjects"]),
            bytes.fromhex(value["records"]),
            tuple(value["disclosed"]),
            tuple(value["masked"]),
        )
        body = value["body"].encode() if "body" in value else b64decode(value.get("bodyBase64", ""))
        document, variables = (
            _asked(body) if body else (value["document"], value["variables"].encode())
        )
        by_digest = bool(body) and "document" in value
        if by_digest:
            document = value["document"]
        return cls(
            value["signatureBase"].encode(),
            b64decode(value["signature"]),
            document,
            variables,
            lists,
            body,
            value.get("label", LABEL),
            value.get("cost", 0),
            by_digest,
        )


def _asked(body: bytes) -> tuple[str, bytes]:
    """Read document and variables of a question's body; empty for what is no question, and the
    document where the body only names it."""
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", b"{}"
    if not isinstance(asked, dict) or not isinstance(asked.get("query") or "", str):
        return "", b"{}"
    return asked.get("query") or "", orjson.dumps(asked.get("variables") or {})


class EvidenceKeys:
    """The monthly keys that wrap the entries' keys, in the node's folder of keys."""

    def __init__(self, keys: KeyFolder) -> None:
        self._keys = keys
        self._ciphers: dict[str, AESGCM] = {}

    def record(self, entry: Entry, evidence: Evidence, *, node: str, time: float) -> Pending:
        """Encrypt the evidence under a fresh key and write the entry that commits to it."""
        random = os.urandom(16 + 32 + _NONCE)
        salt, key, nonce = random[:16], random[16:48], random[48:]
        moment = timestamp(time)
        month = moment[:7]
        derived = Keyed(key).digest
        sealed = AESGCM(derived(_EVIDENCE)).encrypt(bytes(_NONCE), evidence.plain(), salt)
        ciphertext = salt + sealed
        data = encode(
            entry,
            evidence.lists,
            node=node,
            time=moment,
            salt=salt,
            digest_key=derived(_DIGESTS),
            evidence=sha256(ciphertext).digest(),
        )
        leaf = leaf_hash(data)
        wrapped = nonce + self._cipher(month).encrypt(nonce, key, leaf)
        lists = evidence.lists
        return Pending(
            leaf,
            data,
            month,
            wrapped,
            lists.subjects,
            lists.records,
            lists.coordinates,
            ciphertext,
        )

    def open(self, leaf: bytes, month: str, wrapped_key: bytes, ciphertext: bytes) -> Evidence:
        """Decrypt the evidence of the entry with this leaf; SecurityError `EVIDENCE_UNREADABLE`."""
        try:
            key = self.entry_key(leaf, month, wrapped_key)
            cipher = AESGCM(_derived(key, _EVIDENCE))
            plain = cipher.decrypt(bytes(_NONCE), ciphertext[16:], ciphertext[:16])
        except InvalidTag:
            raise SecurityError(
                "EVIDENCE_UNREADABLE", "Restore the evidence and its month's key from a backup."
            ) from None
        return Evidence.parse(plain)

    def entry_key(self, leaf: bytes, month: str, wrapped_key: bytes) -> bytes:
        """Unwrap an entry's key; raises InvalidTag when it is not that of the leaf."""
        cipher = self._cipher(month, create=False)
        return cipher.decrypt(wrapped_key[:_NONCE], wrapped_key[_NONCE:], leaf)

    def _cipher(self, month: str, create: bool = True) -> AESGCM:
        cipher = self._ciphers.get(month)
        if cipher is None:
            name = f"evidence-{month}"
            key = self._keys.secret(name) if create else self._keys.existing_secret(name)
            cipher = self._ciphers[month] = AESGCM(key)
        return cipher


def keyed_digest(entry_key: bytes, name: str, digest: bytes) -> str:
    """Give a digest as an entry holds it, to check an entry against its evidence.

    `name` is the entry's member, `digest` the SHA-256 of its value.
    """
    key = _derived(entry_key, _DIGESTS)
    return hmac.digest(key, name.encode() + b"\n" + digest, "sha256").hex()


def _derived(key: bytes, purpose: bytes) -> bytes:
    return hmac.digest(key, purpose, "sha256")
