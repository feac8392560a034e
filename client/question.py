"""Signing a question (docs/formats.md, "Signature profile")."""

import os
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import TypedDict

from client.errors import ClientError
from client.profile import (
    BODILESS_METHODS,
    LABEL,
    MAX_LIFETIME,
    NO_PURPOSE,
    REQUEST_TAG,
    Signer,
    body_digest,
    content_digest,
    is_key_id,
    request_base,
    request_form,
    sm3_digest,
)
from client.structured import byte_sequence, display_string, string, token


class Claims(TypedDict, total=False):
    """What a question says beside its document, by name; see `sign_request`."""

    operation_name: str | None
    purpose: str | None
    case: str
    actor: str | None
    correlation: str | None
    authorization: str | None
    nonce: str | None
    lifetime: int
    sm3: bool


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it was sent: what the answer's signature must be bound to."""

    method: str
    target_uri: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    body_digest: bytes

    def header(self, name: str) -> str | None:
        """Give one header field by its lower-case name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None


def unsigned_question(
    method: str, target_uri: str, body: bytes = b"", content_type: str = "application/json"
) -> Question:
    """Make a question of the public reader."""
    if method in BODILESS_METHODS:
        return Question(method, target_uri, (), b"", body_digest(b""))
    digest = body_digest(body)
    headers = (("content-type", content_type), ("content-digest", content_digest(digest)))
    return Question(method, target_uri, headers, body, digest)


def sign_request(
    signer: Signer,
    method: str,
    target_uri: str,
    body: bytes = b"",
    *,
    now: float,
    content_type: str = "application/json",
    purpose: str | None = None,
    case: str = "",
    actor: str | None = None,
    correlation: str | None = None,
    authorization: str | None = None,
    nonce: str | None = None,
    lifetime: int = MAX_LIFETIME,
    sm3: bool = False,
) -> Question:
    """Sign a question with the sender's key.

    `now` is Unix time in seconds, `lifetime` 1–60 seconds; `nonce` is random when not given.
    `sm3` sends the body's SM3 digest beside SHA-256, so that an SM2 signature covers both.
    Raises ClientError (`QUESTION_MALFORMED`) for values that the header fields cannot hold.
    Source: RFC 9421 §3.1, RFC 9530 §2, RFC 9651.
    """
    try:
        fields = {
            "credit-purpose": token(purpose or NO_PURPOSE),
            "credit-case": display_string(case),
        }
        if actor is not None:
            fields["credit-actor"] = display_string(actor)
        if correlation is not None:
            fields["credit-correlation"] = string(correlation)
        if authorization is not None:
            fields["credit-authorization"] = string(authorization)
        if not is_key_id(signer.key_id) or not 1 <= lifetime <= MAX_LIFETIME:
            raise ValueError("the key id or the lifetime is out of range")
        if method in BODILESS_METHODS and body:
            raise ValueError(f"a {method} question has no body")
        optional = [name for name in fields if name not in ("credit-purpose", "credit-case")]
        digest = body_digest(body)
        if method not in BODILESS_METHODS:
            fields["content-type"] = content_type
            fields["content-digest"] = content_digest(digest, sm3_digest(body) if sm3 else None)
        created = int(now)
        nonce = nonce or urlsafe_b64encode(os.urandom(18)).decode()
        parameters = (
            f";created={created};expires={created + lifetime};nonce={string(nonce)}"
            f';keyid="{signer.key_id}";tag="{REQUEST_TAG}"'
        )
        components, names = request_form(method, optional)
        base = request_base(names, components, parameters, method, target_uri, fields)
    except ValueError as error:
        raise ClientError("QUESTION_MALFORMED", f"The question cannot be signed: {error}") from None
    fields["signature-input"] = f"{LABEL}={components}{parameters}"
    fields["signature"] = f"{LABEL}={byte_sequence(signer.sign(base))}"
    return Question(method, target_uri, tuple(fields.items()), body, digest)
