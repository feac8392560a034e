"""The evidence package 查询证据包: one file with which a court or a partner checks one access.

A zip of plain files with instructions and a checker in it (docs/proof.md). Everything in it is
made here from what the node keeps; `security.package_check` reads it, here as at the reader's.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from importlib import resources
from typing import Any

import orjson

from client.algorithm import PublicKey
from client.errors import ClientError
from client.log_proof import LogProof
from client.note import VerifierKey
from security.algorithm import Algorithm, verifier
from security.errors import SecurityError
from security.evidence_store import Kept, Place
from security.package_check import FORM, kept_question
from security.registry import FOREVER, RegisteredKey

_NEVER = (1980, 1, 1, 0, 0, 0)
MANIFEST = "MANIFEST.sha256"


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as whoever asked has kept it; `headers` is empty when only the body was."""

    body: bytes
    headers: bytes = b""

    @classmethod
    def parse(cls, data: bytes) -> KeptAnswer:
        """Read a body, or a response as `xinqiao query --keep` and `curl -i` write it."""
        if not data.startswith(b"HTTP/"):
            return cls(data)
        for gap in (b"\r\n\r\n", b"\n\n"):
            head, found, body = data.partition(gap)
            if found:
                return cls(body, head.replace(b"\r\n", b"\n") + b"\n")
        raise SecurityError(
            "ANSWER_UNREADABLE", "Give the answer's body, or the whole response as curl -i prints."
        )


@dataclass(frozen=True, slots=True)
class Package:
    """What a package is made of.

    `state` is `KEPT`, `ERASED`, `MISSING` or `NONE` (an event of the node, which has no evidence);
    `caller_keys` all keys of the caller, as the registry knows them today; `node_keys` the keys
    that sign answers, `changes` the node's statements about changes of its keys; `vkeys` the
    log's verifier keys and those of its witnesses; `history` what the access log tells of the
    caller's keys, each entry in the `extra` of its proof.
    """

    node: str
    place: Place
    proof: LogProof
    state: str
    vkeys: Sequence[VerifierKey]
    node_keys: Mapping[str, PublicKey]
    kept: Kept | None = None
    caller_keys: Sequence[RegisteredKey] = ()
    changes: Sequence[Mapping[str, Any]] = ()
    answer: KeptAnswer | None = None
    timestamp: bytes | None = None
    history: Sequence[LogProof] = ()
    made_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def files(self) -> dict[str, bytes]:
        """Give the package's files by name, the manifest last."""
        files = {
            "README.txt": _text("package_readme.txt").encode(),
            "check.py": _text("package_check.py").encode(),
            "about.json": orjson.dumps(self._about(), option=orjson.OPT_INDENT_2),
            "entry.json": self.place.entry,
            "proof.tlog-proof": self.proof.text().encode(),
            "checkpoint": self.proof.checkpoint,
            "vkeys": "".join(f"{key.text}\n" for key in self.vkeys).encode(),
        }
        if self.kept is not None:
            files["evidence.bin"] = self.kept.ciphertext
            files["entry.key"] = self.kept.key.hex().encode() + b"\n"
            asked = kept_question(orjson.loads(self.kept.evidence.plain()))
            files |= {f"request/{name}": data for name, data in asked.items() if data}
        if self.answer is not None:
            files["answer/body"] = self.answer.body
            if self.answer.headers:
                files["answer/headers.txt"] = self.answer.headers
        if self.timestamp is not None:
            files["timestamp.tsr"] = self.timestamp
        for number, proof in enumerate(self.history, 1):
            files[f"keys/{number}.tlog-proof"] = proof.text().encode()
        lines = [f"{sha256(data).hexdigest()}  {name}\n" for name, data in files.items()]
        return {**files, MANIFEST: "".join(lines).encode()}

    def _about(self) -> dict[str, Any]:
        caller = self.caller_keys[0].caller if self.caller_keys else None
        return {
            "form": FORM,
            "node": self.node,
            "log": self.place.log,
            "index": self.place.index,
            "leaf": self.place.leaf.hex(),
            "evidence": self.state,
            "madeAt": _moment(self.made_at.timestamp()),
            "caller": None
            if caller is None
            else {
                "id": caller.id,
                "name": caller.name,
                "role": caller.role,
                "unit": caller.unit_uscc,
                "region": caller.region,
            },
            "callerKeys": [key_record(key) for key in self.caller_keys],
            "nodeKeys": {
                id_: {"algorithm": str(key.algorithm), "public": key.public.hex()}
                for id_, key in self.node_keys.items()
            },
            "nodeKeyChanges": list(self.changes),
        }


def key_record(key: RegisteredKey) -> dict[str, Any]:
    """Give a key of the registry as packages and commands show it; times are RFC 3339."""
    return {
        "keyId": key.key_id,
        "algorithm": str(key.algorithm),
        "public": key.public.hex(),
        "validFrom": _moment(max(key.valid_from, key.caller.valid_from)),
        "validTo": _moment(min(key.valid_to, key.caller.valid_to)),
        "revokedAt": _moment(key.revoked_at),
        "compromisedAt": _moment(key.compromised_at),
    }


def packed(files: Mapping[str, bytes]) -> bytes:
    """Write the files as a zip; equal files give equal bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, _NEVER)
            info.external_attr = 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(info, data)
    return out.getvalue()


def verify_by_algorithm(
    algorithm: str, public: bytes, signature: bytes, data: bytes
) -> bool | None:
    """Verify with any algorithm of the profile; None where this machine cannot (`sm2-sm3`)."""
    from cryptography.exceptions import InvalidSignature

    try:
        verifier(Algorithm(algorithm), public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    except (SecurityError, ClientError) as error:
        return None if error.code == "ALGORITHM_UNAVAILABLE" else False
    return True


def _moment(seconds: float) -> str | None:
    if seconds == FOREVER:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:23] + "Z"


def _text(name: str) -> str:
    return resources.files("security").joinpath(name).read_text(encoding="utf-8")
