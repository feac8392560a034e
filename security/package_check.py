"""核验查询证据包 Checks an evidence package of a Xinqiao node, entry by entry, offline.

Usage: python3 check.py PACKAGE [--vkey KEY]...   exit 0 holds, 1 does not, 2 unreadable

This file is written into every package and stands alone: Python 3.11 and the library
`cryptography` are all it needs. It was handed over by the node it checks: read it, or do what it
does with other tools (README.txt names them). A KEY is a verifier key of the log or of a witness
that you have from elsewhere.
"""

import binascii
import hmac
import json
import sys
import zipfile
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

FORM = "xinqiao evidence package v1"
MAX_SIZE = 64 * 1024 * 1024
"""Most bytes of a package, unpacked."""
SKEW = 5
"""Seconds that the caller's clock may be ahead of the node's."""

Verify = Callable[[str, bytes, bytes, bytes], bool | None]
"""(algorithm, public key, signature, data): holds, does not, or cannot be judged here (None)."""


@dataclass(frozen=True)
class Check:
    """One thing that was checked; `holds` is None for what cannot be judged from the package."""

    name: str
    holds: bool | None
    says: str


@dataclass(frozen=True)
class Key:
    """A verifier key of a log (type 1) or of a witness (type 4), C2SP signed-note."""

    name: str
    id: bytes
    type: int
    public: bytes
    text: str


def check_package(
    files: Mapping[str, bytes], trusted: Sequence[str] = (), verify: Verify | None = None
) -> list[Check]:
    """Check a package's files; `trusted` are verifier keys known from elsewhere.

    Raises ValueError or KeyError when the files are no package.
    """
    about = json.loads(files["about.json"])
    if about["form"] != FORM:
        raise ValueError("the package is of another form")
    entry = json.loads(files["entry.json"])
    verify = verify or verify_signature
    checks = _log(files, about, trusted)
    checks += _evidence(files, about, entry)
    if "request/signature-base.txt" in files:
        checks += _request(files, about, entry, verify)
    if "answer/body" in files:
        checks += _answer(files, about, verify)
    if "timestamp.tsr" in files:
        stamped = sha256(files["checkpoint"]).digest() in files["timestamp.tsr"]
        checks.append(
            Check(
                "timestamp",
                None if stamped else False,
                "时间戳须另以机构证书核验 verify it with the authority's certificates: README.txt"
                if stamped
                else "时间戳不是本检查点的 the timestamp is of something else",
            )
        )
    return checks


def _log(files: Mapping[str, bytes], about: Any, trusted: Sequence[str]) -> list[Check]:
    leaf = sha256(b"\x00" + files["entry.json"]).digest()
    head, _, note = files["proof.tlog-proof"].decode().partition("\n\n")
    form, *lines = [line for line in head.split("\n") if not line.startswith("extra ")]
    if form != "c2sp.org/tlog-proof@v1" or not lines[0].startswith("index "):
        raise ValueError("the proof is of another form")
    index = int(lines[0][6:])
    path = [b64decode(line, validate=True) for line in lines[1:]]
    text, _, block = note.rpartition("\n\n")
    text += "\n"
    origin, size, root = text.split("\n")[:3]
    same = note.encode() == files["checkpoint"] and leaf.hex() == about["leaf"]
    included = root_of(leaf, index, int(size), path) == b64decode(root)
    checks = [
        Check(
            "inclusion",
            same and included,
            f"登记在日志 {origin} 第 {index} 条(共 {size} 条)the log holds this entry there"
            if same and included
            else "登记不在该检查点之下 the checkpoint's log does not hold this entry there",
        )
    ]
    keys = [key_of(line) for line in files["vkeys"].decode().splitlines()]
    signed: list[tuple[Key, int | None]] = []
    broken: list[str] = []
    for _, name, encoded in [line.split(" ") for line in block.splitlines()]:
        raw = b64decode(encoded, validate=True)
        key = next((k for k in keys if (k.name, k.id) == (name, raw[:4])), None)
        if key is None:
            continue
        at = int.from_bytes(raw[4:12], "big") if key.type == 4 else None
        data = text.encode() if at is None else b"cosignature/v1\ntime %d\n%b" % (at, text.encode())
        if _ed25519(key.public, raw[4 if at is None else 12 :], data):
            signed.append((key, at))
        else:
            broken.append(name)
    own = [key for key, at in signed if at is None and key.name == origin]
    known = [key for key in own if key.text in trusted]
    ok = bool(own) and not broken
    checks.append(
        Check(
            "checkpoint",
            ok if known or not ok else None,
            f"签名不符 a signature does not hold: {', '.join(broken) or origin}"
            if not ok
            else f"检查点由 {origin} 签名 signed by the log's key"
            + ("" if known else ":公钥仅由本包给出,请与他处公布者核对 compare the key in vkeys"),
        )
    )
    witnesses = [(key, at) for key, at in signed if at is not None]
    told = ", ".join(f"{key.name} {_moment(at or 0)}" for key, at in witnesses)
    trust = any(key.text in trusted for key, _ in witnesses)
    checks.append(
        Check(
            "witnesses",
            True if trust else None,
            f"见证 cosigned by {told}" + ("" if trust else ":请核对公钥 compare the keys in vkeys")
            if witnesses
            else "无见证 no witness has cosigned this checkpoint",
        )
    )
    return checks


def _evidence(files: Mapping[str, bytes], about: Any, entry: Any) -> list[Check]:
    if "evidence" not in entry:
        return [Check("evidence", None, f"节点事件 {entry['kind']} an event of the node itself")]
    if "evidence.bin" not in files:
        erased = about["evidence"] == "ERASED"
        told = (
            "证据已删除 ERASED by a decision or at the end of retention" if erased else "证据未附"
        )
        return [Check("evidence", None, told)]
    sealed, key = files["evidence.bin"], bytes.fromhex(files["entry.key"].decode().strip())
    ok = sha256(sealed).hexdigest() == entry["evidence"]
    try:
        cipher = AESGCM(hmac.digest(key, b"xinqiao entry evidence v1", "sha256"))
        kept = json.loads(cipher.decrypt(bytes(12), sealed[16:], sealed[:16]))
    except InvalidTag:
        return [Check("evidence", False, "证据与密钥不符 evidence.bin does not open by entry.key")]
    checks = [
        Check(
            "evidence",
            ok,
            "证据即登记时所存 the evidence is what the entry committed to"
            if ok
            else "证据不是登记所指 the entry names other evidence",
        )
    ]
    asked = kept_question(kept)
    shown = {name: files.get(f"request/{name}", b"") for name in asked}
    if shown != asked:
        checks.append(Check("request", False, "请求文件与证据不符 request/ differs from evidence"))
    digests = hmac.digest(key, b"xinqiao entry digests v1", "sha256")

    def keyed(name: str, digest: bytes) -> str:
        return hmac.digest(digests, name.encode() + b"\n" + digest, "sha256").hex()

    wrong = []
    for name in ("subjects", "records"):
        listed = bytes.fromhex(kept[name])
        if entry[name] != {
            "count": len(listed) // 16,
            "digest": keyed(name, sha256(listed).digest()),
        }:
            wrong.append(name)
    for name in ("disclosed", "masked"):
        text = "\n".join(kept[name]).encode()
        if entry[name]["digest"] != keyed(name, sha256(text).digest()):
            wrong.append(name)
    if entry["operation"] and entry["operation"] != keyed(
        "operation", sha256(asked["document.graphql"]).digest()
    ):
        wrong.append("operation")
    signature = asked["signature.bin"]
    if entry["requestSignature"] and entry["requestSignature"] != keyed(
        "requestSignature", sha256(signature).digest()
    ):
        wrong.append("requestSignature")
    sent = _body_digest(asked)
    if sent is not None and entry["requestBody"] != keyed("requestBody", sent):
        wrong.append("requestBody")
    if "answer/body" in files and entry["responseBody"] != keyed(
        "responseBody", sha256(files["answer/body"]).digest()
    ):
        wrong.append("responseBody")
    says = "各摘要与登记一致 the entry's digests are of this question and these lists"
    if wrong:
        says = f"摘要不符 the entry's digests are of something else: {', '.join(wrong)}"
    return [*checks, Check("digests", not wrong, says)]


def _body_digest(asked: Mapping[str, bytes]) -> bytes | None:
    """The SHA-256 of the question's body, by the body or by what its sender signed of it."""
    if asked["body"]:
        return sha256(asked["body"]).digest()
    signed = asked["signature-base.txt"].decode().partition('"content-digest": sha-256=:')[2]
    return b64decode(signed.partition(":")[0]) if signed else None


def kept_question(kept: Any) -> dict[str, bytes]:
    """Give the files of `request/` that evidence, as JSON, stands for; empty ones among them."""
    body = kept["body"].encode() if "body" in kept else b64decode(kept.get("bodyBase64", ""))
    document, variables = kept.get("document", ""), kept.get("variables", "{}").encode()
    if body:
        try:
            asked = json.loads(body)
        except ValueError:
            asked = {}
        if isinstance(asked, dict) and isinstance(asked.get("query"), str):
            document = asked["query"]
            variables = json.dumps(asked.get("variables") or {}, ensure_ascii=False).encode()
    return {
        "signature-base.txt": kept["signatureBase"].encode(),
        "signature.bin": b64decode(kept["signature"]),
        "body": body,
        "document.graphql": document.encode(),
        "variables.json": variables,
        "label": kept.get("label", "").encode(),
    }


def _request(files: Mapping[str, bytes], about: Any, entry: Any, verify: Verify) -> list[Check]:
    base = files["request/signature-base.txt"]
    lines = dict(line.split(": ", 1) for line in base.decode().split("\n"))
    covered, _, pairs = lines['"@signature-params"'].partition(")")
    parameters = dict(pair.split("=", 1) for pair in pairs.split(";")[1:])
    key_id = parameters["keyid"].strip('"')
    problems = []
    body, digest = files.get("request/body", b""), lines.get('"content-digest"')
    if body and _content_digest(body) not in (digest or "").split(", "):
        problems.append("content-digest")
    if key_id != entry["keyId"] or parameters["nonce"].strip('"') != entry["nonce"]:
        problems.append("keyId, nonce")
    if lines['"credit-purpose"'] != (entry["purpose"] or "none") or '"@method"' not in covered:
        problems.append("purpose")
    at = datetime.fromisoformat(entry["time"]).timestamp()
    if not int(parameters["created"]) - SKEW <= at < int(parameters["expires"]) + SKEW:
        problems.append("created, expires")
    checks = [
        Check(
            "question",
            not problems,
            "签名所含与登记、正文一致 what was signed agrees with the entry and the body"
            if not problems
            else f"签名所含与登记或正文不符 differs from the entry or body: {', '.join(problems)}",
        )
    ]
    key = next((k for k in about["callerKeys"] if k["keyId"] == key_id), None)
    if key is None:
        return [*checks, Check("signature", False, f"包内无此公钥 no key {key_id} in about.json")]
    public = bytes.fromhex(key["public"])
    holds = verify(key["algorithm"], public, files["request/signature.bin"], base)
    named = sha256(public).hexdigest()[:8] == key_id.rpartition("-")[2]
    checks.append(
        Check(
            "signature",
            holds,
            f"{key_id} 的签名成立 the caller's key made the signature"
            + ("" if named else ":公钥名非其摘要 (the key's name is not its digest)")
            if holds
            else f"签名不成立 {key_id} did not sign this"
            if holds is False
            else f"此处不能核验 {key['algorithm']} not judged here: xinqiao audit explain can",
        )
    )
    return [*checks, _standing(key, at, entry["time"])]


def _standing(key: Any, at: float, time: str) -> Check:
    ends = [_seconds(key[name]) for name in ("validTo", "revokedAt", "compromisedAt") if key[name]]
    name = key["keyId"]
    if not _seconds(key["validFrom"]) <= at < min(ends, default=at + 1):
        says = f"据节点名录,公钥当时无效 by the node's registry {name} was not valid at {time}"
        return Check("key", False, says)
    if key["compromisedAt"]:
        says = (
            f"公钥后来失密,须证明登记更早 {name} was compromised at {key['compromisedAt']}: prove"
        )
        return Check("key", None, f"{says} the entry older, by a cosignature or timestamp")
    says = f"据节点名录,公钥当时有效 by the node's registry {name} was valid at {time}"
    return Check("key", True, says)


def _answer(files: Mapping[str, bytes], about: Any, verify: Verify) -> list[Check]:
    if "answer/headers.txt" not in files:
        says = "答复无签名头,仅以摘要核对 no headers of the answer: only its digest was compared"
        return [Check("answer", None, says)]
    status, *lines = files["answer/headers.txt"].decode().splitlines()
    headers = {k.strip().lower(): v.strip() for k, _, v in (x.partition(":") for x in lines if x)}
    body = files["answer/body"]
    digest = headers.get("content-digest", "")
    if not {"signature", "signature-input", "credit-receipt", "content-type"} <= set(headers):
        return [Check("answer", False, "答复未签名 the answer bears no signature of the node")]
    if "request/signature-base.txt" not in files:
        says = (
            "请求未签名,答复签名所及之地址未存 the question was unsigned: its address was not kept"
        )
        return [Check("answer", None, says)]
    label, _, given = headers["signature-input"].partition("=")
    components, _, parameters = given.partition(")")
    key_id = next(p[6:].strip('"') for p in parameters.split(";") if p.startswith("keyid="))
    given_signature = headers["signature"]
    signature = b64decode(given_signature[len(label) + 2 : -1], validate=True)
    base = files.get("request/signature-base.txt", b"").decode()
    asked = dict(line.split(": ", 1) for line in base.split("\n") if line)
    of = files.get("request/label", b"credit").decode()
    sent = f"{of}=:{b64encode(files.get('request/signature.bin', b'')).decode()}:"
    values = {
        '"@status"': status.split(" ")[1],
        '"content-type"': headers["content-type"],
        '"content-digest"': digest,
        '"credit-receipt"': headers["credit-receipt"],
        '"@method";req': asked.get('"@method"', ""),
        '"@target-uri";req': asked.get('"@target-uri"', ""),
        '"content-digest";req': asked.get('"content-digest"', ""),
        '"signature";req': sent,
    }
    signed = [f"{name}: {values[name]}" for name in components[1:].split(" ")]
    data = "\n".join([*signed, f'"@signature-params": {given}']).encode()
    leaf = f"leaf=:{b64encode(bytes.fromhex(about['leaf'])).decode()}:"
    key = about["nodeKeys"].get(key_id)
    holds: bool | None = False
    whole = _content_digest(body) in digest.split(", ")
    whole = whole and given_signature == f"{label}=:{b64encode(signature).decode()}:"
    if key and whole and leaf in headers["credit-receipt"]:
        holds = verify(key["algorithm"], bytes.fromhex(key["public"]), signature, data)
    found = {
        True: f"答复由 {key_id} 签名,回执即本登记 the node signed this answer to this question",
        False: "答复的签名或回执不成立 signature or receipt of the answer does not hold",
        None: "此处不能核验答复签名 the answer's algorithm cannot be judged here",
    }
    return [Check("answer", holds, found[holds])]


def _content_digest(body: bytes) -> str:
    """The member of Content-Digest (RFC 9530) that every message of the profile has."""
    return f"sha-256=:{b64encode(sha256(body).digest()).decode()}:"


def verify_signature(algorithm: str, public: bytes, signature: bytes, data: bytes) -> bool | None:
    """Verify with Ed25519 or ECDSA P-256 (r ‖ s, RFC 9421 §3.3.4); None for other algorithms."""
    if algorithm == "ed25519":
        return _ed25519(public, signature, data)
    if algorithm != "ecdsa-p256-sha256":
        return None
    try:
        key = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), public)
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        key.verify(encode_dss_signature(r, s), data, ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return len(signature) == 64


def _ed25519(public: bytes, signature: bytes, data: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def key_of(text: str) -> Key:
    """Read a verifier key, name+hex(id)+base64(type ‖ public key); ValueError unless exact."""
    name, hexed, encoded = text.split("+", 2)
    raw = b64decode(encoded, validate=True)
    id_ = sha256(name.encode() + b"\n" + raw).digest()[:4]
    if len(raw) != 33 or raw[0] not in (1, 4) or id_.hex() != hexed:
        raise ValueError("not a verifier key")
    return Key(name, id_, raw[0], raw[1:], text)


def root_of(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Give the root that a path leads to (RFC 9162 §2.1.3.2); None for one of wrong length."""
    if not 0 <= index < size:
        return None
    position, last, current = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if position & 1 or position == last:
            current = sha256(b"\x01" + sibling + current).digest()
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            current = sha256(b"\x01" + current + sibling).digest()
        position, last = position >> 1, last >> 1
    return current if last == 0 else None


def read_package_bytes(data: bytes) -> dict[str, bytes]:
    """Read a package's files; ValueError when it is none, or far too large.

    Every file must be what MANIFEST.sha256 says of it.
    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as packed:
            if sum(info.file_size for info in packed.infolist()) > MAX_SIZE:
                raise ValueError("the package is too large")
            return _whole({info.filename: packed.read(info) for info in packed.infolist()})
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, zlib.error) as error:
        raise ValueError("not a package, or a damaged one") from error


def read_package(path: Path) -> dict[str, bytes]:
    """Read a package from its zip or from the folder into which it was unpacked; ValueError."""
    if not path.is_dir():
        return read_package_bytes(path.read_bytes())
    found = [one for one in path.rglob("*") if one.is_file()]
    return _whole({one.relative_to(path).as_posix(): one.read_bytes() for one in found})


def _whole(files: dict[str, bytes]) -> dict[str, bytes]:
    lines = files["MANIFEST.sha256"].decode().splitlines()
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    found = {n: sha256(data).hexdigest() for n, data in files.items() if n != "MANIFEST.sha256"}
    if found != listed:
        raise ValueError("the files are not those of MANIFEST.sha256")
    return files


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def main(arguments: list[str]) -> int:
    """Check the package named first and print every result."""
    if not arguments:
        print(__doc__)
        return 2
    trusted = [key for flag, key in pairwise(arguments) if flag == "--vkey"]
    try:
        checks = check_package(read_package(Path(arguments[0])), trusted)
    except (OSError, ValueError, KeyError, TypeError, IndexError, binascii.Error) as error:
        print(f"✘ 无法读取 unreadable: {error}")
        return 2
    for check in checks:
        mark = {True: "✔", False: "✘", None: "·"}[check.holds]
        print(f"{mark} {check.name}: {check.says}")
    return 1 if any(check.holds is False for check in checks) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
