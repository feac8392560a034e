"""Agreements 合作协议: which partner gets which record kinds, for what, on what legal basis, how
long, and who signed.

An agreement is a signed note (C2SP signed-note) whose text is the line `xinqiao agreement v1`
and the document in canonical JSON (RFC 8785). It is in force only when every party has signed
with the key by which it is known here. Source: cross-region requirements X01–X03, X38.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson

from client.errors import ClientError
from security.tlog.note import Note, NoteSigner, VerifierKey
from store.connection import Connection
from store.kind import Kinds
from sync.canonical import Value, canonical
from sync.catalogue import Item, lacking
from sync.database import Reader
from sync.errors import AgreementError

_HEADER = "xinqiao agreement v1\n"
_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}")
_PURPOSE = re.compile(r"P[1-9][0-9]?")


@dataclass(frozen=True, slots=True)
class PartyKeys:
    """A party's verifier keys: what it signs agreements, feed checkpoints and acknowledgements
    with."""

    agreement: VerifierKey
    feed: VerifierKey
    acknowledgement: VerifierKey


@dataclass(frozen=True, slots=True)
class AgreementParty:
    """A city that is party to an agreement; `region` is its GB/T 2260 code."""

    region: str
    name: str
    keys: PartyKeys

    def has_signed(self, note: Note) -> bool:
        """Whether the note bears the party's signature, and none in its name that is false."""
        key, text = self.keys.agreement, note.text.encode()
        own = [line for line in note.signatures if (line.name, line.id) == (key.name, key.id)]
        return bool(own) and all(key.verifies(text, line.signature) for line in own)


@dataclass(frozen=True, slots=True)
class LegalBasis:
    """A dated rule on which the exchange rests."""

    title: str
    number: str
    dated: date


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the parties agreed; `valid_to` is exclusive, None without end."""

    id: str
    title: str
    parties: tuple[AgreementParty, ...]
    catalogue_version: str
    items: tuple[Item, ...]
    purposes: tuple[str, ...]
    legal_basis: tuple[LegalBasis, ...]
    valid_from: date
    valid_to: date | None

    def __post_init__(self) -> None:
        regions = {party.region for party in self.parties}
        tags = {item.tag for item in self.items}
        if (
            _ID.fullmatch(self.id) is None
            or len(regions) < 2
            or len(regions) != len(self.parties)
            or len(tags) != len(self.items)
            or not self.legal_basis
            or not all(_PURPOSE.fullmatch(purpose) for purpose in self.purposes)
            or (self.valid_to is not None and self.valid_to <= self.valid_from)
        ):
            raise AgreementError(
                "AGREEMENT_MALFORMED",
                "Draw the agreement up again: it needs an id, two parties or more, each item once,"
                " purposes P1…P17, a legal basis, and an end after its beginning.",
            )

    @property
    def shared_kinds(self) -> frozenset[str]:
        """The record kinds of which at least one item travels."""
        return frozenset(item.kind for item in self.items)

    def item(self, tag: str) -> Item | None:
        """The item of that tag, if the agreement shares it."""
        return next((item for item in self.items if item.tag == tag), None)

    def party(self, region: str) -> AgreementParty:
        """The party of that region; AgreementError `AGREEMENT_PARTY` when it is none."""
        for party in self.parties:
            if party.region == region:
                return party
        raise AgreementError("AGREEMENT_PARTY", "Name a city that is party to the agreement.")

    def in_force(self, day: date) -> bool:
        """Tell whether it is valid on that day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)

    def text(self) -> str:
        """The text that the parties sign."""
        return _HEADER + canonical(_document(self)).decode() + "\n"


def sign_agreement(agreement: Agreement, signers: Iterable[NoteSigner]) -> bytes:
    """Sign as these parties; signing a note that others signed is `countersign`."""
    text = agreement.text()
    signatures = tuple(Note.parse(signer.sign(text)).signatures[0] for signer in signers)
    return Note(text, signatures).bytes()


def countersign(note: bytes, signer: NoteSigner) -> bytes:
    """Add a party's signature to a note that another party has signed."""
    parsed = Note.parse(note)
    own = Note.parse(signer.sign(parsed.text)).signatures[0]
    others = tuple(line for line in parsed.signatures if line.id != own.id)
    return Note(parsed.text, (*others, own)).bytes()


def read_agreement(note: bytes, known: Mapping[str, VerifierKey] | None = None) -> Agreement:
    """Read an agreement that all its parties have signed.

    `known` gives the agreement keys of regions as this node knows them; a party that it names
    must have signed with that key. Raises AgreementError `AGREEMENT_MALFORMED`,
    `AGREEMENT_UNSIGNED` or `AGREEMENT_KEY`.
    """
    parsed, agreement = _parse(note)
    for party in agreement.parties:
        key = party.keys.agreement
        if known is not None and known.get(party.region, key) != key:
            raise AgreementError(
                "AGREEMENT_KEY", "Ask the partner: the agreement names a key that is not its own."
            )
        if not party.has_signed(parsed):
            raise AgreementError(
                "AGREEMENT_UNSIGNED", "Let every party sign the agreement with its own key."
            )
    return agreement


def _parse(note: bytes) -> tuple[Note, Agreement]:
    try:
        parsed = Note.parse(note)
        if not parsed.text.startswith(_HEADER):
            raise ValueError
        body = parsed.text[len(_HEADER) : -1].encode()
        agreement = _agreement(orjson.loads(body))
        if canonical(_document(agreement)) != body:
            raise ValueError
    except (ClientError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise AgreementError(
            "AGREEMENT_MALFORMED", "Get the agreement again: this is not a signed agreement."
        ) from error
    return parsed, agreement


async def record_agreement(
    connection: Connection,
    note: bytes,
    known: Mapping[str, VerifierKey] | None = None,
    *,
    kinds: Kinds,
) -> Agreement:
    """Verify an agreement and keep it; the same one again changes nothing.

    Raises AgreementError as `read_agreement` does, `AGREEMENT_CHANGED` when another text is
    known under its id, and `AGREEMENT_FIELDS` for a new one of whose items no copy could be kept.
    """
    agreement = read_agreement(note, known)
    if not await connection.fetchval(
        "SELECT EXISTS (SELECT FROM agreement WHERE agreement_id = $1)", agreement.id
    ):
        check_fields(agreement, kinds)
    kept = await connection.fetchval(
        """
        INSERT INTO agreement (agreement_id, note, parties, valid_from, valid_to)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (agreement_id) DO UPDATE SET note = agreement.note
        RETURNING note
        """,
        agreement.id,
        note,
        sorted(party.region for party in agreement.parties),
        agreement.valid_from,
        agreement.valid_to,
    )
    if Note.parse(bytes(kept)).text != agreement.text():
        raise AgreementError(
            "AGREEMENT_CHANGED", "Give the changed agreement a new id: the old one stays as signed."
        )
    return agreement


def check_fields(agreement: Agreement, kinds: Kinds) -> None:
    """Raise AgreementError `AGREEMENT_FIELDS` when copies of an item could not be kept.

    Its message names each such item with the fields that it has to show.
    """
    missing = {item.tag: lacking(item, kinds) for item in agreement.items}
    told = [f"{tag}: {', '.join(names)}" for tag, names in missing.items() if names]
    if told:
        raise AgreementError(
            "AGREEMENT_FIELDS",
            f"Draw the agreement up again: no copy is kept without these ({'; '.join(told)}).",
        )


async def active_agreement(connection: Reader, partner: str, today: date) -> Agreement | None:
    """The agreement with the partner (a region id) in force on that day, the latest begun first."""
    note = await connection.fetchval(
        """
        SELECT note FROM agreement
        WHERE $1 = ANY (parties) AND valid_from <= $2 AND (valid_to IS NULL OR $2 < valid_to)
        ORDER BY valid_from DESC, agreement_id DESC LIMIT 1
        """,
        partner,
        today,
    )
    return None if note is None else _parse(bytes(note))[1]


async def latest_agreement(connection: Reader, partner: str, today: date) -> Agreement | None:
    """The agreement in force, else the one that ended last: its partner still gets tombstones."""
    note = await connection.fetchval(
        """
        SELECT note FROM agreement WHERE $1 = ANY (parties) AND valid_from <= $2
        ORDER BY coalesce(valid_to, 'infinity') > $2 DESC,
                 CASE WHEN coalesce(valid_to, 'infinity') > $2 THEN valid_from END DESC,
                 valid_to DESC, agreement_id DESC
        LIMIT 1
        """,
        partner,
        today,
    )
    return None if note is None else _parse(bytes(note))[1]


async def agreements_in_force(connection: Reader, region: str, today: date) -> list[Agreement]:
    """The agreements to which a region is party on that day, the latest begun last."""
    rows = await connection.fetch(
        """
        SELECT note FROM agreement
        WHERE $1 = ANY (parties) AND valid_from <= $2 AND (valid_to IS NULL OR $2 < valid_to)
        ORDER BY valid_from, agreement_id
        """,
        region,
        today,
    )
    return [_parse(bytes(row["note"]))[1] for row in rows]


def _document(agreement: Agreement) -> Value:
    return {
        "v": 1,
        "id": agreement.id,
        "title": agreement.title,
        "parties": [
            {
                "region": party.region,
                "name": party.name,
                "keys": {
                    "agreement": party.keys.agreement.text,
                    "feed": party.keys.feed.text,
                    "acknowledgement": party.keys.acknowledgement.text,
                },
            }
            for party in agreement.parties
        ],
        "catalogue": {
            "version": agreement.catalogue_version,
            "items": [
                {
                    "kind": item.kind,
                    "subjectCategory": item.category,
                    "fields": None if item.fields is None else [*sorted(item.fields)],
                }
                for item in agreement.items
            ],
        },
        "purposes": list(agreement.purposes),
        "legalBasis": [
            {"title": basis.title, "number": basis.number, "dated": basis.dated.isoformat()}
            for basis in agreement.legal_basis
        ],
        "validFrom": agreement.valid_from.isoformat(),
        "validTo": None if agreement.valid_to is None else agreement.valid_to.isoformat(),
    }


def _agreement(document: Any) -> Agreement:
    if document["v"] != 1:
        raise ValueError("this release reads version 1")
    end = document["validTo"]
    return Agreement(
        id=document["id"],
        title=document["title"],
        parties=tuple(
            AgreementParty(
                party["region"],
                party["name"],
                PartyKeys(
                    VerifierKey.parse(party["keys"]["agreement"]),
                    VerifierKey.parse(party["keys"]["feed"]),
                    VerifierKey.parse(party["keys"]["acknowledgement"]),
                ),
            )
            for party in document["parties"]
        ),
        catalogue_version=document["catalogue"]["version"],
        items=tuple(
            Item(
                item["kind"],
                item["subjectCategory"],
                None if item["fields"] is None else frozenset(item["fields"]),
            )
            for item in document["catalogue"]["items"]
        ),
        purposes=tuple(document["purposes"]),
        legal_basis=tuple(
            LegalBasis(basis["title"], basis["number"], date.fromisoformat(basis["dated"]))
            for basis in document["legalBasis"]
        ),
        valid_from=date.fromisoformat(document["validFrom"]),
        valid_to=None if end is None else date.fromisoformat(end),
    )
