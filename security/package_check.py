"""核验查询证据包 Checks an evidence package of a Xinqiao node, entry by entry, offline.

Usage: python3 check.py PACKAGE [--vkey KEY]...
Exit status: 0 holds, 1 does not, 2 unreadable, 3 holds, but no KEY that you gave has signed

This file is written into every package and stands alone: Python 3.11 and the library
`cryptography` are all it needs. It was handed over by the node it checks: read it, or do what it
does with other tools (README.txt names them). A KEY is a verifier key of the log or of a witness
that you have from elsewhere.
"""

import hmac
import json
import re
import sys
import zipfile
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any
from unicodedata import category
from urllib.parse import unquote

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
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
LAST = 253402300800
"""The year 10000: no signature is of a later second."""
NAMES = re.compile(
    r"README\.txt|check\.py|about\.json|entry\.json|entry\.key|evidence\.bin|proof\.tlog-proof"
    r"|checkpoint|vkeys|timestamp\.tsr|MANIFEST\.sha256|answer/(?:body|headers\.txt)|request/(?:body"
    r"|signature-base\.txt|signature\.bin|document\.graphql|variables\.json|label)"
    r"|keys/[0-9]{1,15}\.tlog-proof"
)
"""The files that a package may have."""

ID_NUMBER = re.compile(
    r"(?<![0-9])[1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    r"[0-9]{3}[0-9Xx](?![0-9])"
)
"""Identity numbers, which no entry holds: `[id]` stands for each."""
WIDE = str.maketrans(
    "\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19\uff38\uff58", "0123456789Xx"
)
"""Full-width digits as those that they stand for."""

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
    files: Mapping[str, bytes],
    trusted: Sequence[str] = (),
    verify: Verify | None = None,
    stamped_at: float | None = None,
) -> list[Check]:
    """Check a package's files; `trusted` are verifier keys known from elsewhere.

    `stamped_at` is the time of the package's timestamp (Unix seconds) where it was verified.

    Raises ValueError or KeyError when the files are no package.
    """
    about = json.loads(files["about.json"])
    if about["form"] != FORM:
        raise ValueError("the package is of another form")
    entry = json.loads(files["entry.json"])
    verify = verify or verify_signature
    checks, cosigned = _log(files, about, [*trusted, *_linked(about, trusted, verify)])
    checks += _evidence(files, about, entry)
    if "request/signature-base.txt" in files:
        stamp = [] if stamped_at is None else [(int(stamped_at), True)]
        checks += _request(files, about, entry, verify, [*cosigned, *stamp])
    checks += _keys(files, about, verify)
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


@dataclass(frozen=True)
class Proof:
    """A C2SP tlog-proof, read: what is signed of its head and by whom, nothing verified yet."""

    index: int
    path: list[bytes]
    extra: bytes
    note: bytes
    text: str
    lines: list[tuple[str, bytes]]

    @classmethod
    def read(cls, data: bytes) -> "Proof":
        """Read a proof; ValueError when it is none."""
        head, _, note = data.decode().partition("\n\n")
        form, *lines = head.split("\n")
        extra = b""
        if lines and lines[0].startswith("extra "):
            extra = b64decode(lines.pop(0)[6:], validate=True)
        if form != "c2sp.org/tlog-proof@v1" or not lines or not lines[0].startswith("index "):
            raise ValueError("the proof is of another form")
        path = [b64decode(line, validate=True) for line in lines[1:]]
        text, _, block = note.rpartition("\n\n")
        signed = []
        for line in block.splitlines():
            dash, name, encoded = line.split(" ")
            if dash != "—":
                raise ValueError("the checkpoint is of another form")
            signed.append((name, b64decode(encoded, validate=True)))
        return cls(int(lines[0][6:]), path, extra, note.encode(), text + "\n", signed)

    @property
    def origin(self) -> str:
        """The log that the head is of."""
        return self.text.split("\n")[0]

    @property
    def size(self) -> int:
        """Number of entries under the head."""
        return int(self.text.split("\n")[1])

    def holds(self, entry: bytes) -> bool:
        """Tell whether the path leads from the entry to the head's root."""
        root = b64decode(self.text.split("\n")[2], validate=True)
        leaf = sha256(b"\x00" + entry).digest()
        return root_of(leaf, self.index, self.size, self.path) == root

    def signers(self, keys: Sequence[Key]) -> tuple[list[tuple[Key, int | None]], list[str]]:
        """Give the keys that signed, a witness with its time, and the names whose lines fail."""
        signed: list[tuple[Key, int | None]] = []
        broken: list[str] = []
        for name, raw in self.lines:
            key = next((k for k in keys if (k.name, k.id) == (name, raw[:4])), None)
            if key is None:
                continue
            at = int.from_bytes(raw[4:12], "big") if key.type == 4 else None
            text = self.text.encode()
            data = text if at is None else b"cosignature/v1\ntime %d\n%b" % (at, text)
            if (at is None or at < LAST) and _ed25519(
                key.public, raw[4 if at is None else 12 :], data
            ):
                signed.append((key, at))
            else:
                broken.append(name)
        return signed, broken


def _log(
    files: Mapping[str, bytes], about: Any, trusted: Sequence[str]
) -> tuple[list[Check], list[tuple[int, bool]]]:
    """Check the proof and its head; also the times of cosignatures, and whether each is trusted."""
    leaf = sha256(b"\x00" + files["entry.json"]).digest()
    proof = Proof.read(files["proof.tlog-proof"])
    origin = proof.origin
    same = proof.note == files["checkpoint"] and leaf.hex() == about["leaf"]
    same = same and (origin, proof.index) == (about["log"], about["index"])
    same = same and json.loads(files["entry.json"])["node"] == about["node"]
    included = same and proof.holds(files["entry.json"])
    checks = [
        Check(
            "inclusion",
            included,
            f"登记在日志 {origin} 第 {proof.index} 条(共 {proof.size} 条)"
            "the log holds this entry there"
            if included
            else "登记不在该检查点之下 the checkpoint's log does not hold this entry there",
        )
    ]
    signed, broken = proof.signers([key_of(line) for line in files["vkeys"].decode().splitlines()])
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
    told = ", ".join(f"{key.name} {_moment(at)}" for key, at in witnesses)
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
    return checks, [(at, key.text in trusted) for key, at in witnesses]


def _evidence(files: Mapping[str, bytes], about: Any, entry: Any) -> list[Check]:
    if "evidence" not in entry:
        if any(name.startswith(("request/", "answer/", "evidence")) for name in files):
            return [
                Check("evidence", False, "节点事件无请求 an event has neither question nor answer")
            ]
        return [Check("evidence", None, f"节点事件 {entry['kind']} an event of the node itself")]
    if "evidence.bin" not in files:
        if about["evidence"] == "KEPT" or any(name.startswith("request/") for name in files):
            told = "请求无证据可核 the evidence is missing that would vouch for the question"
            return [Check("evidence", False, told)]
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
        # A body may name a trusted document instead, which is then kept beside it.
        with suppress(ValueError, RecursionError):  # of a refused question: it is no question
            asked = json.loads(body)
            named = asked.get("query") or document if isinstance(asked, dict) else None
            if isinstance(named, str) and named.encode():
                sent = json.dumps(asked.get("variables") or {}, ensure_ascii=False).encode()
                document, variables = named, sent
    return {
        "signature-base.txt": kept["signatureBase"].encode(),
        "signature.bin": b64decode(kept["signature"]),
        "body": body,
        "document.graphql": document.encode(),
        "variables.json": variables,
        "label": kept.get("label", "").encode(),
    }


def _request(
    files: Mapping[str, bytes],
    about: Any,
    entry: Any,
    verify: Verify,
    proven: Sequence[tuple[int, bool]],
) -> list[Check]:
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
    for name in ("actor", "case", "correlation"):
        claimed = _claimed(lines.get(f'"credit-{name}"'))
        # A correlation may be the node's own, where the caller named none.
        if claimed != entry[name] and not (name == "correlation" and claimed is None):
            problems.append(name)
    if about["caller"] is not None and about["caller"]["id"] != entry["caller"]:
        problems.append("caller")
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
    return [*checks, _standing(key, at, entry["time"], int(parameters["created"]), proven)]


def _claimed(value: str | None) -> str | None:
    """The text of a header field as an entry holds it: without identity numbers."""
    if value is None:
        return None
    text = value.removeprefix("%")[1:-1]
    if value.startswith("%"):
        text = unquote(text)
    parts, end = [], 0
    for found in ID_NUMBER.finditer(text.translate(WIDE)):
        parts.append(text[end : found.start()])
        end = found.end()
    return "[id]".join([*parts, text[end:]])


def _standing(
    key: Any, at: float, time: str, created: int, proven: Sequence[tuple[int, bool]]
) -> Check:
    """Judge the key by the registry; one compromised later by who saw the entry before that.

    `proven` are the times of cosignatures and of the timestamp, with whether they can be trusted.
    """
    ends = [_seconds(key[name]) for name in ("validTo", "revokedAt", "compromisedAt") if key[name]]
    name = key["keyId"]
    if not _seconds(key["validFrom"]) <= at < min(ends, default=at + 1):
        says = f"据节点名录,公钥当时无效 by the node's registry {name} was not valid at {time}"
        return Check("key", False, says)
    if not key["compromisedAt"]:
        says = f"据节点名录,公钥当时有效 by the node's registry {name} was valid at {time}"
        return Check("key", True, says)
    stolen = _seconds(key["compromisedAt"])
    says = f"公钥后来失密 {name} was compromised at {key['compromisedAt']}: "
    early = [one for one in proven if one[0] < stolen]
    if early and created > min(one[0] for one in early) + SKEW:
        return Check("key", False, f"{says}见证早于签名 witnessed before it was signed")
    if any(trusted for _, trusted in early):
        seen = _moment(min(moment for moment, trusted in early if trusted))
        return Check("key", True, f"{says}此前已有见证,仍算 it counts, witnessed at {seen}")
    if early:
        says += "见证在前而其公钥未核 a witness saw it before: compare the key in vkeys"
        return Check("key", None, says)
    if proven:
        says += "见证均在其后,不算 it does not count, whoever witnessed it did so later"
        return Check("key", False, says)
    says += "无见证 only the node's word says that the entry is older: ask for a witness's or stamp"
    return Check("key", None, says)


def _keys(files: Mapping[str, bytes], about: Any, verify: Verify) -> list[Check]:
    """Check what the log itself tells of the caller's keys, and the node's changes of its own."""
    checks = []
    told = sorted(name for name in files if name.startswith("keys/"))
    if told:
        problems = [name for name in told if not _told_by_log(files, files[name], about)]
        says = f"公钥名录所载与日志 {len(told)} 条登记一致 the log tells the same of the keys"
        if problems:
            says = f"公钥登记不成立或与名录不符 the log tells otherwise: {', '.join(problems)}"
        checks.append(Check("history", not problems, says))
    holds = [_statement_holds(one, about, verify) for one in about["nodeKeyChanges"]]
    if holds:
        says = (
            f"节点 {len(holds)} 次换钥,新旧密钥均已签名 both keys signed each change of the node's"
        )
        if False in holds:
            says = "节点换钥声明不成立 a statement about a change of the node's keys is forged"
        checks.append(
            Check("changes", False if False in holds else None if None in holds else True, says)
        )
    return checks


def _told_by_log(files: Mapping[str, bytes], data: bytes, about: Any) -> bool:
    """Tell whether an entry about a key stands in the access log and agrees with about.json."""
    proof = Proof.read(data)
    signed, broken = proof.signers([key_of(line) for line in files["vkeys"].decode().splitlines()])
    own = any(at is None and key.name == proof.origin for key, at in signed)
    entry = json.loads(proof.extra)
    if broken or not own or not proof.holds(proof.extra) or entry["kind"] != "KEY_CHANGE":
        return False
    if entry["node"] != about["node"]:
        return False
    event = entry["detail"]
    key = next((k for k in about["callerKeys"] if k["keyId"] == event["keyId"]), None)
    if key is None or (event["algorithm"], event["public"]) != (key["algorithm"], key["public"]):
        return False
    change, ended = event["change"], (key["revokedAt"], key["compromisedAt"])
    if change == "COMPROMISE":
        return None not in ended and _seconds(ended[1]) <= _seconds(event["compromisedAt"]) + 1
    if change == "REVOKE":
        return ended[0] is not None and _seconds(ended[0]) <= _seconds(event["at"]) + 1
    return change in ("ENROL", "ROTATE")


def _linked(about: Any, trusted: Sequence[str], verify: Verify) -> list[str]:
    """Give the log's keys before and after a trusted one, as far as its holders signed so.

    A change that names a compromise leads nowhere.
    """
    found: list[str] = []
    changes = about["nodeKeyChanges"]
    for one in [*changes, *reversed(changes)]:
        if one["use"] in ("answer", "acknowledgement") or one["compromised"] is not None:
            continue
        sides = [_log_key(one[side]) for side in ("old", "new")]
        if any(key in trusted or key in found for key in sides):
            found += sides if _statement_holds(one, about, verify) else []
    return found


def _log_key(side: Any) -> str:
    """Write a log's key in a statement as a verifier key."""
    raw = b"\x01" + bytes.fromhex(side["public"])
    return f"{side['keyId']}+{b64encode(raw).decode()}"


def _statement_holds(change: Any, about: Any, verify: Verify) -> bool | None:
    """Tell whether the old key and the new one signed a change; None where one cannot be judged."""
    members = ("node", "use", "old", "new", "since", "until", "compromised")
    content = json.dumps(
        {name: change[name] for name in members},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    holds: list[bool | None] = [change["node"] == about["node"]]
    for side in ("old", "new"):
        algorithm, _, digits = change[side]["public"].rpartition(":")
        signature = b64decode(change[f"{side}Signature"], validate=True)
        data = b"xinqiao key change v1\n" + content.encode()
        holds.append(verify(algorithm or "ed25519", bytes.fromhex(digits), signature, data))
    return False if False in holds else None if None in holds else True


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
    named = [p[6:].strip('"') for p in parameters.split(";") if p.startswith("keyid=")]
    key_id = named[0]
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
    if not data.startswith(b"PK\x03\x04"):
        raise ValueError("not a package, or a damaged one")
    try:
        with zipfile.ZipFile(BytesIO(data)) as packed:
            members = packed.infolist()
            if sum(info.file_size for info in members) > MAX_SIZE:
                raise ValueError("the package is too large")
            if len({info.filename for info in members}) != len(members):
                raise ValueError("the package has two files of one name")
            if any(info.compress_type not in METHODS for info in members):
                raise ValueError("the package is packed in another way")
            return _whole({info.filename: packed.read(info) for info in members})
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, zlib.error) as error:
        raise ValueError("not a package, or a damaged one") from error


def read_package(path: Path) -> dict[str, bytes]:
    """Read a package from its zip or from the folder into which it was unpacked; ValueError."""
    if not path.is_dir():
        with path.open("rb") as file:
            return read_package_bytes(file.read(MAX_SIZE + 1))
    found = [one for one in path.rglob("*") if one.is_file()]
    if sum(one.stat().st_size for one in found) > MAX_SIZE:
        raise ValueError("the package is too large")
    return _whole({one.relative_to(path).as_posix(): one.read_bytes() for one in found})


def _whole(files: dict[str, bytes]) -> dict[str, bytes]:
    lines = files["MANIFEST.sha256"].decode().splitlines()
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    found = {n: sha256(data).hexdigest() for n, data in files.items() if n != "MANIFEST.sha256"}
    if found != listed:
        raise ValueError("the files are not those of MANIFEST.sha256")
    if strange := [name for name in files if NAMES.fullmatch(name) is None]:
        raise ValueError(f"no package has a file {strange[0]!r}")
    return files


UNREADABLE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What reading a file raises that is no package, or a damaged one."""


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def printable(text: str) -> str:
    """Give a text in one line: what a file has put into it may not steer a terminal."""
    hidden = ("Cc", "Cf", "Cn", "Cs", "Zl", "Zp")
    return "".join(ascii(c)[1:-1] if category(c) in hidden else c for c in text)


def _print(line: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    print(printable(line).encode(encoding, "backslashreplace").decode(encoding))


def main(arguments: list[str]) -> int:
    """Check the package named first and print every result."""
    if not arguments:
        print(__doc__)
        return 2
    trusted = [key for flag, key in pairwise(arguments) if flag == "--vkey"]
    try:
        given = [key_of(text) for text in trusted]
        checks = check_package(read_package(Path(arguments[0])), trusted)
    except UNREADABLE as error:
        _print(f"✘ 无法读取 unreadable: {type(error).__name__} {error}")
        return 2
    for check in checks:
        mark = {True: "✔", False: "✘", None: "·"}[check.holds]
        _print(f"{mark} {check.name}: {check.says}")
    if any(check.holds is False for check in checks):
        return 1
    found = {check.name: check.holds for check in checks}
    if found["checkpoint"] is None:
        _print("! 未给出或不符之日志公钥 not by a log's key that you gave: compare, and use --vkey")
        return 3
    if any(key.type == 4 for key in given) and not found["witnesses"]:
        _print("! 所给见证者均未见证 no witness whose key you gave has signed")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
