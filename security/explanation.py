"""What a file of evidence is and whether it holds, with nothing but the file and known keys.

Pure: packages, tlog-proofs, receipts, checkpoints, fork proofs and timestamps are told apart by
their content, never by their name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, StrEnum

import orjson

from client.checkpoint import Checkpoint
from client.errors import ClientError
from client.log_proof import HEADER, LogProof
from client.merkle import verify_inclusion
from client.note import COSIGNATURE, Note, VerifierKey, cosigned_at
from client.receipt import Receipt
from client.structured import parse_base64
from security.errors import LogError, SecurityError
from security.package import verify_by_algorithm
from security.package_check import UNREADABLE, Check, check_package, read_package_bytes
from security.timestamp import Stamp, read_timestamp, verify_timestamp
from security.witness.fork import explain_fork, is_fork_proof


class Form(StrEnum):
    """The kinds of file that can be explained."""

    PACKAGE = "package"
    PROOF = "tlog-proof"
    RECEIPT = "receipt"
    CHECKPOINT = "checkpoint"
    FORK = "fork proof"
    TIMESTAMP = "timestamp"


class Outcome(IntEnum):
    """The result of an explanation; the value is the exit status."""

    HOLDS = 0
    BROKEN = 1
    UNREADABLE = 2
    UNVOUCHED = 3


_TITLES = {
    Form.PACKAGE: "查询证据包 an evidence package of one access",
    Form.PROOF: "日志证明 a proof that an entry stands in a log (C2SP tlog-proof)",
    Form.RECEIPT: "回执 a receipt of an access",
    Form.CHECKPOINT: "检查点 the signed head of a log (C2SP tlog-checkpoint)",
    Form.FORK: "分叉证明 a proof that a log shows two histories",
    Form.TIMESTAMP: "可信时间戳 a timestamp (RFC 3161)",
}


@dataclass(frozen=True, slots=True)
class Known:
    """What the reader trusts: keys of logs and witnesses, certificates of authorities (PEM)."""

    keys: tuple[VerifierKey, ...] = ()
    anchors: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a file is and what was checked; `vouched` when a key that the reader knows signed."""

    form: Form
    checks: tuple[Check, ...]
    vouched: bool = True

    @property
    def title(self) -> str:
        """What the file is, in Chinese and English."""
        return _TITLES[self.form]

    @property
    def outcome(self) -> Outcome:
        """Broken when anything does not hold; unvouched when it holds by unknown keys alone."""
        if any(check.holds is False for check in self.checks):
            return Outcome.BROKEN
        return Outcome.HOLDS if self.vouched else Outcome.UNVOUCHED


def explain(
    data: bytes, known: Known, *, leaf: bytes | None = None, stamped: bytes | None = None
) -> Explanation:
    """Tell what a file is and whether it holds.

    `leaf` is the leaf hash that a proof is of, where the proof does not hold the entry itself;
    `stamped` what a timestamp is over. Raises SecurityError `EXPLAIN_UNKNOWN` for what is none of
    the forms, `EXPLAIN_UNREADABLE` for a damaged one.
    """
    try:
        if data.startswith(b"PK\x03\x04"):
            return _package(data, known)
        if data.startswith(HEADER.encode()):
            return _proof(LogProof.parse(data), leaf, known)
        if is_fork_proof(data):
            return _fork(data, known)
        if data.lstrip().startswith(b"{"):
            return _receipt(data, known)
        if data.startswith(b"leaf=:"):
            return _promise(data.decode().strip())
        if data.startswith(b"\x30"):
            return _timestamp(data, known, stamped)
        return _checkpoint(data, known)
    except ClientError as error:
        if error.code == "NOTE_MALFORMED":
            raise SecurityError(
                "EXPLAIN_UNKNOWN",
                "Give a package, tlog-proof, receipt, checkpoint, fork proof or timestamp.",
            ) from None
        raise SecurityError("EXPLAIN_UNREADABLE", error.message) from None
    except LogError as error:
        raise SecurityError("EXPLAIN_UNREADABLE", error.message) from None
    except UNREADABLE:
        raise SecurityError(
            "EXPLAIN_UNREADABLE", "Get the file again from where it came: it is damaged."
        ) from None


def _package(data: bytes, known: Known) -> Explanation:
    files = read_package_bytes(data)
    keys = [key.text for key in known.keys]
    token = files.get("timestamp.tsr") if known.anchors else None
    stamped, one = None, None
    if token is not None:
        one = _stamp_check(token, files["checkpoint"], known)
        stamped = read_timestamp(token).at.timestamp() if one.holds else None
    checks = check_package(files, keys, verify_by_algorithm, stamped)
    vouched = any(check.name == "checkpoint" and check.holds for check in checks)
    if one is not None:
        checks = [check for check in checks if check.name != "timestamp"] + [one]
    return Explanation(Form.PACKAGE, tuple(checks), vouched)


def _proof(proof: LogProof, leaf: bytes | None, known: Known) -> Explanation:
    head, checks, vouched = _head(proof.checkpoint, known)
    of = leaf or proof.leaf
    if of is None:
        says = "请以 --leaf 指明所证之登记 name the entry's leaf hash by --leaf"
        return Explanation(Form.PROOF, (*checks, Check("inclusion", None, says)), False)
    one = _included(of, proof.index, proof.path, head)
    return Explanation(Form.PROOF, (*checks, one), vouched)


def _included(leaf: bytes, index: int, path: Sequence[bytes], head: Checkpoint) -> Check:
    if verify_inclusion(leaf, index, head.size, path, head.root):
        says = f"登记 {leaf.hex()} 为日志第 {index} 条 the entry stands in the log at this index"
        return Check("inclusion", True, says)
    return Check("inclusion", False, f"登记 {leaf.hex()} 不在此处 the log does not hold it there")


def _checkpoint(data: bytes, known: Known) -> Explanation:
    _, checks, vouched = _head(data, known)
    return Explanation(Form.CHECKPOINT, checks, vouched)


def _head(data: bytes, known: Known) -> tuple[Checkpoint, tuple[Check, ...], bool]:
    """Read a signed head: its log, what holds of its signatures, whether a known key signed it."""
    note = Note.parse(data)
    head = Checkpoint.parse(note.text)
    of = {(key.name, key.id): key for key in known.keys}
    text, own, witnesses = note.text.encode(), False, []
    wrong, unknown = [], []
    for line in note.signatures:
        key = of.get((line.name, line.id))
        if key is None:
            unknown.append(line.name)
        elif not key.verifies(text, line.signature):
            wrong.append(line.name)
        elif key.type == COSIGNATURE:
            at = datetime.fromtimestamp(cosigned_at(line.signature), UTC)
            witnesses.append(f"{line.name} {at:%Y-%m-%dT%H:%M:%SZ}")
        else:
            own = own or key.name == head.origin
    says = f"{head.origin}: {head.size:,} 条登记 entries, root {head.root.hex()}"
    checks = [Check("head", None, says)]
    if wrong:
        says = f"签名不符 signatures do not hold: {', '.join(wrong)}"
        checks.append(Check("signatures", False, says))
    if own:
        checks.append(
            Check("log", True, f"由日志 {head.origin} 签名 signed by the log's known key")
        )
    else:
        says = f"本机不识 {head.origin} 的公钥 the log's key is not known here: give it by --vkey"
        checks.append(Check("log", None, says))
    if witnesses:
        checks.append(Check("witnesses", True, f"见证 cosigned by {', '.join(witnesses)}"))
    else:
        others = [name for name in unknown if name != head.origin]
        says = f"未识之签名 signatures of unknown keys: {', '.join(others)}" if others else "无见证"
        checks.append(Check("witnesses", None, f"{says} no known witness has cosigned it"))
    return head, tuple(checks), own


def _receipt(data: bytes, known: Known) -> Explanation:
    value = orjson.loads(data)
    if "receipt" in value and "leaf" not in value:  # what `xinqiao query --json` prints
        value = value["receipt"]
    leaf = bytes.fromhex(value["leaf"])
    if "proof" not in value:
        state = value.get("state", "promised")
        says = f"登记 {leaf.hex()} 状态 state: {state};尚无证明 no proof is with it"
        holds = False if state == "unknown" else None
        return Explanation(Form.RECEIPT, (Check("state", holds, says),), False)
    head, checks, vouched = _head(value["checkpoint"].encode(), known)
    path = [parse_base64(one) for one in value["proof"]]
    one = _included(leaf, int(value["index"]), path, head)
    return Explanation(Form.RECEIPT, (*checks, one), vouched)


def _promise(header: str) -> Explanation:
    receipt = Receipt.parse(header)
    at = datetime.fromtimestamp(receipt.time + receipt.delay, UTC)
    says = (
        f"节点承诺登记 {receipt.leaf.hex()} 于 {at:%Y-%m-%dT%H:%M:%SZ} 前入日志 {receipt.log}"
        " the node promised that the log holds the entry by then"
    )
    return Explanation(Form.RECEIPT, (Check("promise", None, says),), False)


def _fork(data: bytes, known: Known) -> Explanation:
    try:
        found = explain_fork(data, [key.text for key in known.keys])
    except LogError as error:
        if error.code != "FORK_UNPROVEN":
            raise
        says = f"两个检查点并不矛盾 nothing is proven: {error.message}"
        return Explanation(Form.FORK, (Check("fork", False, says),))
    return Explanation(Form.FORK, (Check("fork", True, found.statement),), found.holds)


def _timestamp(data: bytes, known: Known, stamped: bytes | None) -> Explanation:
    if stamped is not None and known.anchors:
        return Explanation(Form.TIMESTAMP, (_stamp_check(data, stamped, known),))
    stamp = read_timestamp(data)
    says = f"{_told(stamp)}:请以 --anchor、--data 核验 verify with --anchor and --data"
    return Explanation(Form.TIMESTAMP, (Check("timestamp", None, says),), False)


def _stamp_check(token: bytes, data: bytes, known: Known) -> Check:
    try:
        return Check("timestamp", True, _told(verify_timestamp(token, data, known.anchors)))
    except SecurityError as error:
        return Check("timestamp", False, f"时间戳不成立 {error.message}")


def _told(stamp: Stamp) -> str:
    return (
        f"{stamp.authority} 于 {stamp.at:%Y-%m-%dT%H:%M:%SZ} 见过 had seen SHA-256"
        f" {stamp.digest.hex()}"
    )
