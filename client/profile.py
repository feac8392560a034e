"""The signature profile of questions and answers: RFC 9421 and RFC 9530, one fixed form.

The forms are listed in docs/formats.md. Everything here is pure; what signs questions and
reads answers is in `client.question` and `client.answer`, what a node does with them in
`security.signature`.
"""

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Protocol

from cryptography.hazmat.primitives.hashes import SM3, Hash

from client.structured import byte_sequence, parse_byte_sequence
from client.value import value_class

REQUEST_TAG = "credit-query-v1"
RESPONSE_TAG = "credit-answer-v1"
LABEL = "credit"
MAX_LIFETIME = 60
"""Longest time between `created` and `expires`, in seconds."""
NO_PURPOSE = "none"
"""Token of `credit-purpose` when no purpose is claimed (RFC 9651 has no empty token)."""
BODILESS_METHODS = frozenset({"GET", "HEAD", "DELETE"})

OPTIONAL_FIELDS = ("credit-actor", "credit-correlation", "credit-authorization")
SIGNED_FIELDS = frozenset(
    {
        "content-type",
        "content-digest",
        "credit-purpose",
        "credit-case",
        "credit-receipt",
        "signature",
        "signature-input",
        *OPTIONAL_FIELDS,
    }
)

_KEY_ID = re.compile(r"[A-Za-z0-9._:/@#-]{1,128}")
_NONCE = re.compile(r"[A-Za-z0-9+/=_.:-]{16,128}")
_INPUT = re.compile(
    r'([a-z*][a-z0-9_.*-]{0,63})=(\([^()]{0,400}\))((?:;[a-z]+=(?:[0-9]{1,15}|"[ !#-\[\]-~]*"))*)'
)
_PARAMETER = re.compile(r';([a-z]+)=(?:([0-9]{1,15})|"([^"]*)")')
_SIGNATURE = re.compile(r"([a-z*][a-z0-9_.*-]{0,63})=(:[A-Za-z0-9+/=]*:)")


class Signer(Protocol):
    """Whatever signs with one enrolled key."""

    @property
    def key_id(self) -> str: ...

    def sign(self, data: bytes) -> bytes: ...


@value_class
class SignatureInput:
    """One member of `Signature-Input`: covered components and parameters as sent."""

    label: str
    components: str
    parameters: str
    values: Mapping[str, str | int]

    @property
    def key_id(self) -> str:
        """The key's id as claimed, empty when the parameter is missing."""
        return str(self.values.get("keyid", ""))


def parse_signature_input(value: str) -> SignatureInput:
    """Read the one canonical member of `Signature-Input` (RFC 9421 §4.1) or raise ValueError."""
    match = _INPUT.fullmatch(value)
    if match is None:
        raise ValueError("Signature-Input must hold one signature in canonical form")
    label, components, parameters = match.groups()
    found = _PARAMETER.findall(parameters)
    values = {name: int(number) if number else text for name, number, text in found}
    if len(values) < len(found):
        raise ValueError("a signature parameter is given twice")
    return SignatureInput(label, components, parameters, values)


def parse_signature(value: str, label: str) -> bytes:
    """Read the one member of `Signature` with this label (RFC 9421 §4.2) or raise ValueError."""
    match = _SIGNATURE.fullmatch(value)
    if match is None or match[1] != label:
        raise ValueError("Signature must hold one signature with the label of Signature-Input")
    return parse_byte_sequence(match[2])


def is_key_id(text: object) -> bool:
    """Tell whether a text may name a key (1–128 characters, no spaces or quotes)."""
    return isinstance(text, str) and _KEY_ID.fullmatch(text) is not None


def is_nonce(text: object) -> bool:
    """Tell whether a text may be a nonce (16–128 characters of base64, either alphabet, or .:)."""
    return isinstance(text, str) and _NONCE.fullmatch(text) is not None


def content_digest(digest: bytes, sm3: bytes | None = None) -> str:
    """Write `Content-Digest` (RFC 9530 §2) of a SHA-256 value, an SM3 value behind it if given."""
    written = f"sha-256={byte_sequence(digest)}"
    return written if sm3 is None else f"{written}, sm3={byte_sequence(sm3)}"


def names_sm3(digest: str | None) -> bool:
    """Tell whether a `Content-Digest` has an SM3 value to be checked."""
    return digest is not None and "sm3=" in digest


def body_digest(body: bytes) -> bytes:
    """Hash a message body with SHA-256."""
    return sha256(body).digest()


def sm3_digest(body: bytes) -> bytes:
    """Hash a message body with SM3 (GB/T 32905)."""
    hashing = Hash(SM3())
    hashing.update(body)
    return hashing.finalize()


def _form(names: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    names = tuple(names)
    quoted = (f'"{n[:-4]}";req' if n.endswith(";req") else f'"{n}"' for n in names)
    return f"({' '.join(quoted)})", names


def request_form(method: str, optional: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    """Give the one permitted list of covered components of a question, as text and as names.

    `optional` holds the names of `OPTIONAL_FIELDS` that are sent.
    """
    sent = frozenset(optional)
    content = () if method in BODILESS_METHODS else ("content-type", "content-digest")
    return _REQUEST_FORMS[bool(content), sent]


def _request_forms() -> dict[tuple[bool, frozenset[str]], tuple[str, tuple[str, ...]]]:
    forms = {}
    for content in (False, True):
        for bits in range(1 << len(OPTIONAL_FIELDS)):
            sent = tuple(name for i, name in enumerate(OPTIONAL_FIELDS) if bits >> i & 1)
            middle = ("content-type", "content-digest") if content else ()
            names = ("@method", "@target-uri", *middle, "credit-purpose", "credit-case", *sent)
            forms[content, frozenset(sent)] = _form(names)
    return forms


_REQUEST_FORMS = _request_forms()
_RESPONSE_FORMS = {
    (digest, signed): _form(
        (
            "@status",
            "content-type",
            "content-digest",
            "credit-receipt",
            "@method;req",
            "@target-uri;req",
            *(("content-digest;req",) if digest else ()),
            *(("signature;req",) if signed else ()),
        )
    )[0]
    for digest in (False, True)
    for signed in (False, True)
}


def signature_base(components: Iterable[tuple[str, str]], parameters: str) -> bytes:
    """Build any signature base of serialised component identifiers and values (RFC 9421 §2.5).

    `request_base` and `response_base` write the same for the profile's own forms, faster.
    """
    given = tuple(components)
    lines = [f"{identifier}: {value}\n" for identifier, value in given]
    covered = " ".join(identifier for identifier, _ in given)
    return f'{"".join(lines)}"@signature-params": ({covered}){parameters}'.encode("ascii")


def request_base(
    names: tuple[str, ...],
    components: str,
    parameters: str,
    method: str,
    target_uri: str,
    fields: Mapping[str, str],
) -> bytes:
    """Build the signature base of a question (RFC 9421 §2.5)."""
    lines = [f'"@method": {method}\n"@target-uri": {target_uri}\n']
    lines += [f'"{name}": {fields[name]}\n' for name in names[2:]]
    lines.append(f'"@signature-params": {components}{parameters}')
    return "".join(lines).encode("ascii")


def response_components(request_digest: str | None, request_signature: str | None) -> str:
    """Give the covered components of an answer to a question with these two header fields."""
    return _RESPONSE_FORMS[request_digest is not None, request_signature is not None]


def response_base(
    parameters: str,
    *,
    status: int,
    content_type: str,
    digest: str,
    receipt: str,
    method: str,
    target_uri: str,
    request_digest: str | None,
    request_signature: str | None,
) -> bytes:
    """Build the signature base of an answer, bound to its question (RFC 9421 §2.4, §2.5)."""
    bound = "" if request_digest is None else f'"content-digest";req: {request_digest}\n'
    if request_signature is not None:
        bound += f'"signature";req: {request_signature}\n'
    components = response_components(request_digest, request_signature)
    return (
        f'"@status": {status}\n"content-type": {content_type}\n"content-digest": {digest}\n'
        f'"credit-receipt": {receipt}\n"@method";req: {method}\n"@target-uri";req: {target_uri}\n'
        f'{bound}"@signature-params": {components}{parameters}'
    ).encode("ascii")
