"""Grade mappings and match keys of a node: signed, loaded, and those that the demo starts with."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import asyncpg

from resolvers.errors import QuestionError
from security.keys import KeyFolder
from security.tlog.note import Note, NoteSigner
from service.process import replace_file
from service.rate import RateLimit
from store.scheme import shipped_schemes
from sync.agreement import Agreement, countersign, read_agreement
from sync.errors import MappingError
from sync.mapping import GradeMapping, check_mapping, read_draft
from sync.mapping_note import named_agreement, read_mapping, record_mapping, sign_mapping
from sync.person_token import MatchKey, TokenError

DEMO_MAPPINGS = ("sy-1000-v2", "bx-abcd-2025")


def read_note_or_draft(path: Path) -> bytes | GradeMapping:
    """A signed mapping, or a draft in TOML. Raises MappingError and `DOCUMENT_UNREADABLE`."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MappingError(
            "DOCUMENT_UNREADABLE", f"{path} cannot be read: {error.strerror}"
        ) from None
    if content.startswith(b"xinqiao grade mapping "):
        return content
    try:
        return read_draft(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise MappingError("MAPPING_MALFORMED", "Save the draft as UTF-8 text.") from None


def signed_by(told: bytes | GradeMapping, agreement: Agreement, signer: NoteSigner) -> bytes:
    """The mapping with this party's signature, checked before it is signed. MappingError."""
    if isinstance(told, bytes):
        if named_agreement(told) != agreement.id:
            raise MappingError("MAPPING_AGREEMENT", "Sign it under the agreement that it names.")
        return countersign(told, signer)
    check_mapping(told, shipped_schemes(), agreement)
    return sign_mapping(told, [signer])


def sign_demo_mappings(root: Path, signers: Iterable[NoteSigner]) -> None:
    """Sign the demo's mappings as both cities where they are missing.

    One that was signed under a former agreement stays what it is; the new one has an id of its own.
    """
    agreement = read_agreement((root / "public" / "demo.agreement").read_bytes())
    folder = resources.files("sync").joinpath("data")
    for name in DEMO_MAPPINGS:
        path = root / "public" / f"demo-{name}.mapping"
        mapping = replace(
            read_draft(folder.joinpath(f"{name}.toml").read_text("utf-8")), agreement=agreement.id
        )
        if path.exists():
            if _is_of(path, agreement):
                continue
            mapping = replace(mapping, id=f"{mapping.id}-{agreement.id.rpartition('-')[2]}")
        check_mapping(mapping, shipped_schemes(), agreement)
        replace_file(path, sign_mapping(mapping, signers).decode(), 0o644)


def _is_of(path: Path, agreement: Agreement) -> bool:
    try:
        return read_mapping(path.read_bytes(), agreement).agreement == agreement.id
    except MappingError:
        return False


async def record_mappings(connection: asyncpg.Connection[Any], root: Path) -> None:
    """Take the mappings in `<home>/public`, each signed by every party of its agreement."""
    for path in sorted((root / "public").glob("*.mapping")):
        try:
            await record_mapping(connection, path.read_bytes(), shipped_schemes())
        except MappingError as error:
            raise MappingError(error.code, f"{path.name}: {error.message}") from error


def share_match_key(folders: Iterable[KeyFolder], agreement: str) -> None:
    """Give the demo's cities one match key; in real life it is handed over on a safe road."""
    name, (first, *others) = match_key_name(agreement), folders
    shared = first.secret(name)
    for folder in others:
        folder.secret(name, make=lambda: shared)


def match_key_name(agreement: str) -> str:
    """The name of an agreement's match key in a node's key folder."""
    return f"match-{agreement}"


def match_key(folder: KeyFolder, agreement: str) -> MatchKey | None:
    """The match key of an agreement, None where the node was not given one."""
    name = match_key_name(agreement)
    if not folder.names(name):
        return None
    return MatchKey(agreement, folder.existing_secret(name))


@dataclass(frozen=True, slots=True)
class AgreementMatcher:
    """Reads tokens of one partner city under one agreement, so many a minute."""

    key: MatchKey
    partner: str
    rate: RateLimit

    def read(self, token: str) -> bytes:
        """The 32 bytes in a token; QuestionError RATE_LIMITED, TOKEN_MALFORMED, TOKEN_NOT_KEYED."""
        if not self.rate.admit(self.partner, time.monotonic()):
            raise QuestionError("RATE_LIMITED", "match persons more slowly: every match is counted")
        try:
            return self.key.read(token)
        except TokenError as error:
            raise QuestionError(error.code, error.message) from None


def parties_signed(note: bytes) -> tuple[str, ...]:
    """The names of the keys that signed a note."""
    return tuple(line.name for line in Note.parse(note).signatures)
