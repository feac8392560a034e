"""HTTP signatures at the node: questions verified, answers signed (RFC 9421, RFC 9530).

One strict profile (docs/formats.md): fixed components in a fixed order, one signature, lifetime
of at most a minute, algorithm by the registry. Signing questions is `client.question`.
"""

from collections.abc import Iterable
from string import punctuation
from typing import NoReturn
from urllib.parse import quote

from client.profile import (
    BODILESS_METHODS,
    LABEL,
    MAX_LIFETIME,
    NO_PURPOSE,
    OPTIONAL_FIELDS,
    REQUEST_TAG,
    RESPONSE_TAG,
    SIGNED_FIELDS,
    SignatureInput,
    Signer,
    body_digest,
    content_digest,
    is_key_id,
    is_nonce,
    names_sm3,
    parse_signature,
    parse_signature_input,
    request_base,
    request_form,
    response_base,
    response_components,
    sm3_digest,
)
from client.question import sign_request
from client.receipt import Receipt
from client.structured import byte_sequence, parse_display_string, parse_string, parse_token
from client.value import value_class
from security.entry import redacted
from security.errors import SignatureError
from security.registry import PUBLIC, Caller, Registry

__all__ = [
    "Once",
    "ReceivedRequest",
    "VerifiedRequest",
    "body_digest",
    "claimed_key",
    "read_request",
    "sign_request",
    "sign_response",
    "verify_request",
]

MAX_SKEW = 5
"""Seconds that a caller's clock may be ahead of ours."""
MAX_TEXT = 256
"""Characters of a case number, a person's name or a reference in a header field."""
MAX_FIELD = 4096
"""Bytes of a header field of the profile."""

_FIELD_NAMES = {name.encode(): name for name in SIGNED_FIELDS}
_PARAMETERS = {"created", "expires", "nonce", "keyid", "tag"}
_MESSAGES = {
    "SIGNATURE_MISSING": "Send Signature and Signature-Input together, or neither.",
    "SIGNATURE_MALFORMED": "Write each signed header once and in the form of the profile.",
    "SIGNATURE_COMPONENTS": "Cover exactly the components and parameters of the profile, in order.",
    "SIGNATURE_LIFETIME": f"Let expires be 1 to {MAX_LIFETIME} seconds after created.",
    "SIGNATURE_NOT_YET_VALID": "Set the clock: the signature was made in the future.",
    "SIGNATURE_EXPIRED": "Sign the question again: the signature's time is over.",
    "ALGORITHM_NOT_ALLOWED": "Leave alg out: the algorithm follows from the registered key.",
    "DIGEST_MISMATCH": "Send Content-Digest with the SHA-256 of the body as it is sent.",
}


@value_class
class ReceivedRequest:
    """A question as it arrived: nothing verified, but enough to bind an answer to it.

    `fault` names a header field of the profile that cannot be read; `body_sm3` is there when
    Content-Digest has one.
    """

    method: str
    target_uri: str
    fields: dict[str, str]
    body_digest: bytes
    has_body: bool
    fault: str | None = None
    body_sm3: bytes | None = None

    @property
    def is_signed(self) -> bool:
        """Whether it carries a signature, good or bad."""
        return "signature" in self.fields or "signature-input" in self.fields


@value_class
class Once:
    """What may be used once: a nonce of a key, in the hour of the day of its `created`."""

    key_id: str
    nonce: str
    hour: int


@value_class
class VerifiedRequest:
    """Who asks, with which key, for what; of the public reader only `caller` is set."""

    caller: Caller
    key_id: str | None = None
    purpose: str | None = None
    case: str = ""
    actor: str | None = None
    correlation: str | None = None
    authorization: str | None = None
    once: Once | None = None
    signature_base: bytes = b""
    signature: bytes = b""


_UNSIGNED = VerifiedRequest(PUBLIC)


def read_request(
    method: str, target_uri: str, headers: Iterable[tuple[bytes, bytes]], body: bytes
) -> ReceivedRequest:
    """Take the parts of a question that signatures concern; never fails.

    `headers` are ASGI's: lower-case names, raw values. `target_uri` is made of the node's
    configured origin, never of the Host header.
    """
    fields: dict[str, str] = {}
    fault = None
    for raw_name, raw_value in headers:
        name = _FIELD_NAMES.get(raw_name)
        if name is None:
            continue
        value = raw_value.strip(b" \t")
        if (
            name in fields
            or len(value) > MAX_FIELD
            or not value.isascii()
            or not (text := value.decode()).isprintable()
        ):
            fault = name
        else:
            fields[name] = text
    if fault is not None:
        fields.pop(fault, None)
    if not target_uri.isascii():
        target_uri = quote(target_uri, safe=punctuation)
    sm3 = sm3_digest(body) if names_sm3(fields.get("content-digest")) else None
    return ReceivedRequest(method, target_uri, fields, body_digest(body), bool(body), fault, sm3)


def verify_request(
    received: ReceivedRequest, registry: Registry, now: float, *, unread: bool = False
) -> VerifiedRequest:
    """Verify a question's signature; a question without one is the public reader's.

    `now` is Unix time in seconds. Of an `unread` body only the signed digest is known: whether it
    is the body's must be verified again when that is here. Raises SignatureError with
    `SIGNATURE_MISSING`, `SIGNATURE_MALFORMED`, `SIGNATURE_COMPONENTS`, `SIGNATURE_LIFETIME`,
    `SIGNATURE_NOT_YET_VALID`, `SIGNATURE_EXPIRED`, `SIGNATURE_INVALID`, `DIGEST_MISMATCH`,
    `KEY_UNKNOWN`, `KEY_REVOKED`, `KEY_EXPIRED`, `KEY_NOT_YET_VALID` or `ALGORITHM_NOT_ALLOWED`.
    Whether the nonce is fresh is decided by the access log. Source: RFC 9421 §3.2.
    """
    fields = received.fields
    if not received.is_signed and received.fault in (None, "content-type", "content-digest"):
        digest = fields.get("content-digest")
        if digest is not None and digest != content_digest(received.body_digest, received.body_sm3):
            _refuse("DIGEST_MISMATCH")
        return _UNSIGNED
    if received.fault is not None:
        _refuse("SIGNATURE_MALFORMED")
    if "signature" not in fields or "signature-input" not in fields:
        _refuse("SIGNATURE_MISSING")
    try:
        sent = parse_signature_input(fields["signature-input"])
        signature = parse_signature(fields["signature"], sent.label)
    except ValueError:
        _refuse("SIGNATURE_MALFORMED")
    once = _check_parameters(sent, now)
    if received.has_body and received.method in BODILESS_METHODS:
        # Nothing would sign it, and it would be kept as what was asked.
        raise SignatureError(
            "SIGNATURE_COMPONENTS", f"Send {received.method} without a body: nothing signs it."
        )
    base = _base(received, sent)
    key = registry.usable(sent.key_id, now)
    if received.method not in BODILESS_METHODS:
        digest = fields.get("content-digest")
        if not unread and digest != content_digest(received.body_digest, received.body_sm3):
            _refuse("DIGEST_MISMATCH")
    registry.verify(key, signature, base)
    try:
        purpose = parse_token(fields["credit-purpose"])
        if redacted(purpose) != purpose:  # the log would keep the number
            raise ValueError
        actor = fields.get("credit-actor")
        correlation = fields.get("credit-correlation")
        authorization = fields.get("credit-authorization")
        return VerifiedRequest(
            key.caller,
            key.key_id,
            None if purpose == NO_PURPOSE else _bounded(purpose),
            _bounded(parse_display_string(fields["credit-case"])),
            None if actor is None else _bounded(parse_display_string(actor)),
            None if correlation is None else _bounded(parse_string(correlation)),
            None if authorization is None else _bounded(parse_string(authorization)),
            once,
            base,
            signature,
        )
    except ValueError:
        _refuse("SIGNATURE_MALFORMED")


def claimed_key(received: ReceivedRequest) -> str | None:
    """The key that a question names, good or bad, without what looks like an identity number.

    None where it names none. It says what was tried, never who tried it.
    """
    try:
        claimed = parse_signature_input(received.fields["signature-input"]).values.get("keyid")
    except (KeyError, ValueError):
        return None
    return redacted(claimed) if isinstance(claimed, str) and is_key_id(claimed) else None


def sign_response(
    received: ReceivedRequest,
    key: Signer,
    *,
    status: int,
    content_type: str,
    body: bytes,
    receipt: Receipt,
    now: float,
    digest: bytes | None = None,
) -> list[tuple[bytes, bytes]]:
    """Give the header fields of a signed answer, Content-Type among them.

    `digest` is the SHA-256 of the body when it is known already. Source: RFC 9421 §2.4.
    """
    body_header = content_digest(body_digest(body) if digest is None else digest)
    receipt_header = receipt.header()
    request_digest = received.fields.get("content-digest")
    request_signature = received.fields.get("signature")
    parameters = f';created={int(now)};keyid="{key.key_id}";tag="{RESPONSE_TAG}"'
    base = response_base(
        parameters,
        status=status,
        content_type=content_type,
        digest=body_header,
        receipt=receipt_header,
        method=received.method,
        target_uri=received.target_uri,
        request_digest=request_digest,
        request_signature=request_signature,
    )
    components = response_components(request_digest, request_signature)
    return [
        (b"content-type", content_type.encode()),
        (b"content-digest", body_header.encode()),
        (b"credit-receipt", receipt_header.encode()),
        (b"signature-input", f"{LABEL}={components}{parameters}".encode()),
        (b"signature", f"{LABEL}={byte_sequence(key.sign(base))}".encode()),
    ]


def _check_parameters(sent: SignatureInput, now: float) -> Once:
    values = sent.values
    claimed = sent.key_id if is_key_id(sent.key_id) else None
    if "alg" in values:
        _refuse("ALGORITHM_NOT_ALLOWED")
    created, expires, nonce = values.get("created"), values.get("expires"), values.get("nonce")
    if (
        values.keys() != _PARAMETERS
        or values["tag"] != REQUEST_TAG
        or not isinstance(created, int)
        or not isinstance(expires, int)
        or not isinstance(nonce, str)
        or not is_nonce(nonce)
        or redacted(nonce) != nonce  # an identity number, which the log would keep
        or claimed is None
    ):
        _refuse("SIGNATURE_COMPONENTS")
    if not 1 <= expires - created <= MAX_LIFETIME:
        _refuse("SIGNATURE_LIFETIME")
    if created > now + MAX_SKEW:
        _refuse("SIGNATURE_NOT_YET_VALID")
    if now >= expires:
        _refuse("SIGNATURE_EXPIRED")
    return Once(claimed, nonce, created // 3600 % 24)


def _base(received: ReceivedRequest, sent: SignatureInput) -> bytes:
    fields = received.fields
    optional = [name for name in OPTIONAL_FIELDS if name in fields]
    components, names = request_form(received.method, optional)
    if sent.components != components:
        _refuse("SIGNATURE_COMPONENTS")
    try:
        return request_base(
            names, components, sent.parameters, received.method, received.target_uri, fields
        )
    except KeyError:
        _refuse("SIGNATURE_COMPONENTS")
    except UnicodeEncodeError:
        _refuse("SIGNATURE_MALFORMED")


def _bounded(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise ValueError("the text of a header field is too long")
    return text


def _refuse(code: str) -> NoReturn:
    raise SignatureError(code, _MESSAGES[code])
