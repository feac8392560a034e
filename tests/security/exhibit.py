"""A small log with signed questions in it, made by the functions that a node uses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any

import asyncpg
import orjson

from client.log_proof import LogProof
from client.note import Note
from security.access_log import AccessLog
from security.entry import Entry, Lists
from security.evidence import Evidence, EvidenceKeys
from security.evidence_store import Place, find_entry, kept_evidence
from security.keys import KeyFolder
from security.package import KeptAnswer, Package
from security.registry import Algorithm, Caller, RegisteredKey, Registry
from security.sealer import Sealer
from security.signature import read_request, sign_request, sign_response, verify_request
from security.tlog.checkpoint import Checkpoint
from security.tlog.reader import TileReader
from security.tlog.verify import export_log, verify_export

ORIGIN = "xinqiao.benxi/access"
URL = "http://127.0.0.1:8000/graphql"
QUESTION = orjson.dumps(
    {"query": "query F($code: String!) { organisation(code: $code) { name } }",
     "variables": {"code": "91210503XDXBLPC747"}}
)  # fmt: skip
ANSWER = '{"data":{"organisation":{"name":"本溪筠泓萱建筑工程有限公司"}}}'.encode()
MEDIA = "application/json; charset=utf-8"


@dataclass
class Asked:
    """One access: its leaf, and the answer as the asker kept it."""

    leaf: bytes
    kept_answer: bytes


@dataclass
class Exhibit:
    """A log on a real database and folder."""

    pool: Any
    dsn: str
    folder: Path
    secrets: KeyFolder
    now: float = 1_780_000_000.0
    nonces: int = 0
    callers: dict[str, RegisteredKey] = field(default_factory=dict)

    @property
    def keys(self) -> EvidenceKeys:
        return EvidenceKeys(self.secrets)

    @property
    def signer(self) -> Any:
        return self.secrets.note_signer(ORIGIN, "access-note")

    def caller(self) -> Any:
        """The caller's signing key, registered under its algorithm."""
        key = self.secrets.signing_key("shenyang")
        caller = Caller("shenyang", "沈阳市信用信息平台", "PCITY", region="210100")
        self.callers[key.key_id] = RegisteredKey(
            key.key_id, caller, Algorithm.ED25519, key.public, valid_from=1_000_000_000.0
        )
        return key

    async def ask(
        self,
        at: float | None = None,
        *,
        subjects: int = 1,
        kind: str = "QUERY",
        sign: Mapping[str, str] = MappingProxyType({}),
        **claims: Any,
    ) -> Asked:
        """Log a signed question at a time and sign its answer, as the pipeline does.

        `claims` are what the entry says in another way than the question.
        """
        now = self.now if at is None else at
        asked = sign_request(
            self.caller(), "POST", URL, QUESTION, now=now, purpose="P1", case="沈审〔2026〕12号",
            **sign,
        )  # fmt: skip
        headers = [(name.encode(), value.encode()) for name, value in asked.headers]
        received = read_request("POST", URL, headers, QUESTION)
        who = verify_request(received, Registry.of(self.callers.values()), now)
        refs = b"".join(sha256(b"%d" % number).digest()[:16] for number in range(subjects))
        entry = Entry(
            kind=kind, caller=who.caller.id, role=who.caller.role, decision="ALLOWED", status=200,
            policy_version="2026-2", data_version="7", request_body=received.body_digest,
            response_body=sha256(ANSWER).digest(), rows=1, key_id=who.key_id,
            nonce=who.once.nonce if who.once else None, request_signature=who.signature,
            operation=sha256(orjson.loads(QUESTION)["query"].encode()).digest(),
            purpose=who.purpose, case=who.case, actor=who.actor, correlation=who.correlation,
        )  # fmt: skip
        entry = replace(entry, **claims)
        evidence = Evidence(
            who.signature_base, who.signature, body=QUESTION,
            lists=Lists(refs, bytes(16), ("Organisation.name",), ("Person.name",)),
        )  # fmt: skip
        log = AccessLog(self.pool, ORIGIN, "benxi", self.keys, clock=lambda: now)
        receipt = await log.append(entry, evidence)
        signed = sign_response(
            received, self.secrets.signing_key("benxi", "answer"), status=200, content_type=MEDIA,
            body=ANSWER, receipt=receipt, now=now,
        )  # fmt: skip
        lines = [b"HTTP/1.1 200 OK", *(name + b": " + value for name, value in signed)]
        return Asked(receipt.leaf, b"\r\n".join([*lines, b"", ANSWER]))

    async def seal(self) -> None:
        """Seal all that is pending."""
        sealer = Sealer(lambda: asyncpg.connect(self.dsn), self.folder / "log", self.signer)
        assert await sealer.start() is not None
        while await sealer.seal():
            pass
        await sealer.close()

    async def place(self, leaf: bytes) -> Place:
        return await find_entry(self.pool, self.folder / "log", ORIGIN, leaf, None)

    async def package(self, asked: Asked, *, answer: bool = True) -> Package:
        """The package of one access, with its answer."""
        place = await self.place(asked.leaf)
        path = TileReader(self.folder / "log").inclusion(place.index, place.size)
        node_key = self.secrets.signing_key("benxi", "answer")
        return Package(
            "benxi", place, LogProof(place.index, path, place.checkpoint), "KEPT",
            self.signer.verifiers, {node_key.key_id: node_key.public_key},
            await kept_evidence(self.pool, self.keys, asked.leaf), list(self.callers.values()),
            answer=KeptAnswer.parse(asked.kept_answer) if answer else None,
        )  # fmt: skip

    def verdict(self) -> Any:
        """What `audit verify` says of the log."""
        keys = [self.signer.verifier.text]
        export_log(self.folder / "log", self.folder / "export", keys)
        return verify_export(self.folder / "export", keys)

    def size(self) -> int:
        note = TileReader(self.folder / "log").checkpoint()
        return 0 if note is None else Checkpoint.parse(Note.parse(note).text).size

    def entries(self) -> list[dict[str, Any]]:
        """All sealed entries."""
        reader, size = TileReader(self.folder / "log"), self.size()
        return [orjson.loads(reader.entry(index, size)) for index in range(size)]


@asynccontextmanager
async def exhibit(dsn: str, folder: Path) -> AsyncIterator[Exhibit]:
    async with asyncpg.create_pool(dsn, min_size=1, max_size=3) as pool:
        yield Exhibit(pool, dsn, folder, KeyFolder(folder / "keys"))


def erased(package: Package) -> Package:
    return replace(package, state="ERASED", kept=None)
