"""A signing key that never leaves its token: PKCS#11 behind the same interface as key files.

The token is named by an RFC 7512 URI, its PIN by a file. Ed25519 (CKM_EDDSA) and P-256
(CKM_ECDSA) keys are used, whichever the object is. The binding is the extra `pkcs11`
(python-pkcs11); without it only this module's functions fail.
"""

import contextlib
import stat
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from client.algorithm import Algorithm, PublicKey
from security.errors import SecurityError
from security.keys import key_id

SCHEME = "pkcs11:"

_PATH = frozenset({"token", "object", "id", "serial", "type", "manufacturer", "model"})
_QUERY = frozenset({"module-path", "pin-source"})
_EDWARDS = bytes.fromhex("130c656477617264733235353139")  # PrintableString edwards25519
_EDWARDS_OID = bytes.fromhex("06032b6570")  # 1.3.101.112
_P256 = bytes.fromhex("06082a8648ce3d030107")  # 1.2.840.10045.3.1.7


class TokenError(SecurityError):
    """A token or its key cannot be used; the message never holds the PIN."""


@dataclass(frozen=True, slots=True)
class TokenUri:
    """Where a key is: module, token, object label or id, the file of the PIN."""

    module: Path
    token: str
    label: str | None = None
    id: bytes | None = None
    serial: bytes | None = None
    pin: Path | None = None

    @classmethod
    def parse(cls, text: str) -> "TokenUri":
        """Read an RFC 7512 URI; TokenError `TOKEN_URI`.

        It names `token`, `object` or `id`, and `module-path`; `pin-source` is a file. A PIN in
        the URI itself (`pin-value`) is refused: settings are read by more eyes than files.
        """
        if not text.startswith(SCHEME):
            raise _bad_uri("it begins with pkcs11:")
        path, _, query = text.removeprefix(SCHEME).partition("?")
        named = _attributes(path, ";", _PATH)
        asked = _attributes(query, "&", _QUERY)
        module, token = asked.get("module-path"), named.get("token")
        if module is None or token is None or not {"object", "id"} & named.keys():
            raise _bad_uri("name token, object or id, and module-path")
        if unquote(named.get("type", "private")) != "private":
            raise _bad_uri("type is private")
        source = asked.get("pin-source")
        return cls(
            Path(unquote(module)),
            unquote(token),
            unquote(named["object"]) if "object" in named else None,
            unquote_to_bytes(named["id"]) if "id" in named else None,
            unquote_to_bytes(named["serial"]) if "serial" in named else None,
            None if source is None else Path(unquote(source).removeprefix("file:")),
        )

    def read_pin(self) -> str | None:
        """Read the PIN from its file; TokenError `TOKEN_PIN_FILE`."""
        if self.pin is None:
            return None
        try:
            if stat.S_IMODE(self.pin.stat().st_mode) & 0o077:
                raise TokenError("TOKEN_PIN_FILE", "Run chmod 600 on the file that has the PIN.")
            return self.pin.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
        except (OSError, UnicodeDecodeError):
            raise TokenError(
                "TOKEN_PIN_FILE", "Make the file that pin-source names readable to the node."
            ) from None


class TokenKey:
    """A private key in a token: `Signer` for questions and answers. Threads may share it."""

    __slots__ = ("_lock", "_owner", "_private", "_uri", "algorithm", "key_id", "public")

    def __init__(self, uri: TokenUri, owner: str) -> None:
        """Open the token and find the key; the key's id is `<owner>-<8 digits>` as of any key.

        Raises TokenError `TOKEN_UNAVAILABLE`, `TOKEN_MODULE`, `TOKEN_PIN`, `TOKEN_KEY`.
        """
        self._uri, self._owner = uri, owner
        self._lock = threading.Lock()
        self._private, found = _open(uri)
        self.algorithm: Algorithm = found.algorithm
        self.public: bytes = found.public
        self.key_id: str = key_id(owner, found.public)

    @property
    def public_key(self) -> PublicKey:
        """The public key with its algorithm."""
        return PublicKey(self.algorithm, self.public)

    def sign(self, data: bytes) -> bytes:
        """Sign; 64 bytes. Opens the session again once when the token has dropped it.

        Raises TokenError `TOKEN_UNAVAILABLE`.
        """
        binding = _binding()
        with self._lock:
            try:
                return self._sign(binding, data)
            except binding.PKCS11Error:
                self._private, found = _open(self._uri)
                if found.public != self.public:
                    raise TokenError(
                        "TOKEN_KEY", "Restart the node: the token holds another key now."
                    ) from None
            with _unavailable(binding):
                return self._sign(binding, data)

    def _sign(self, binding: ModuleType, data: bytes) -> bytes:
        if self.algorithm is Algorithm.ED25519:
            return bytes(self._private.sign(data, mechanism=binding.Mechanism.EDDSA))
        digest = sha256(data).digest()
        return bytes(self._private.sign(digest, mechanism=binding.Mechanism.ECDSA))


def make_token_key(uri: TokenUri, algorithm: Algorithm) -> None:
    """Make a key in the token under the URI's label, not extractable.

    Raises TokenError `TOKEN_KEY` when one is there, for sm2-sm3, or when the token refuses.
    """
    binding = _binding()
    with _unavailable(binding), contextlib.ExitStack() as opened:
        session = opened.enter_context(_session(binding, uri, writes=True))
        if uri.label is None or list(session.get_objects(_wanted(binding, uri))):
            raise TokenError("TOKEN_KEY", "Name an object that the token does not have yet.")
        kinds, mechanisms = binding.KeyType, binding.Mechanism
        kind, parameters, mechanism = {
            Algorithm.ED25519: (kinds.EC_EDWARDS, _EDWARDS, mechanisms.EC_EDWARDS_KEY_PAIR_GEN),
            Algorithm.ECDSA_P256_SHA256: (kinds.EC, _P256, mechanisms.EC_KEY_PAIR_GEN),
        }.get(algorithm, (None, b"", None))
        if kind is None:
            raise TokenError("TOKEN_KEY", "Tokens are used with Ed25519 and P-256 keys.")
        domain = session.create_domain_parameters(
            kind, {binding.Attribute.EC_PARAMS: parameters}, local=True
        )
        domain.generate_keypair(store=True, label=uri.label, id=uri.id, mechanism=mechanism)


def _attributes(text: str, separator: str, known: frozenset[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, text.split(separator)):
        name, equals, value = part.partition("=")
        if name not in known or not equals or name in found:
            raise _bad_uri(
                f"{name or part} is not taken" if name != "pin-value" else "PIN in a file"
            )
        found[name] = value
    return MappingProxyType(found)


def _bad_uri(why: str) -> TokenError:
    return TokenError(
        "TOKEN_URI",
        "Write pkcs11:token=…;object=…?module-path=…&pin-source=file:… (RFC 7512): " + why + ".",
    )


def _binding() -> ModuleType:
    try:
        import pkcs11
    except ImportError:
        raise TokenError(
            "TOKEN_MODULE", "Install the extra xinqiao[pkcs11] to use keys in tokens."
        ) from None
    return pkcs11


@contextlib.contextmanager
def _unavailable(binding: ModuleType) -> Iterator[None]:
    try:
        yield
    except binding.PKCS11Error as error:
        raise TokenError(
            "TOKEN_UNAVAILABLE", f"Bring the token back and ask again: {type(error).__name__}."
        ) from None


def _open(uri: TokenUri) -> tuple[Any, PublicKey]:
    binding = _binding()
    with _unavailable(binding):
        session = _session(binding, uri, writes=False)
        private = list(session.get_objects(_wanted(binding, uri)))
        if len(private) != 1:
            raise TokenError(
                "TOKEN_KEY", "Name the one private key to use: by object label, by id, or by both."
            )
        attributes = binding.Attribute
        curve = bytes(private[0][attributes.EC_PARAMS])
        own = private[0][attributes.ID] or None
        wanted = {attributes.CLASS: binding.ObjectClass.PUBLIC_KEY}
        wanted |= {attributes.ID: own} if own else {attributes.LABEL: private[0].label}
        public = list(session.get_objects(wanted))
        if len(public) != 1 or curve not in (_P256, _EDWARDS, _EDWARDS_OID):
            raise TokenError(
                "TOKEN_KEY", "Keep one Ed25519 or P-256 key with its public half in the token."
            )
        point = bytes(public[0][attributes.EC_POINT])
        size, algorithm = (
            (65, Algorithm.ECDSA_P256_SHA256) if curve == _P256 else (32, Algorithm.ED25519)
        )
        # Some modules give the point in a DER octet string, others bare.
        return private[0], PublicKey(algorithm, point[-size:])


def _wanted(binding: ModuleType, uri: TokenUri) -> dict[Any, Any]:
    wanted: dict[Any, Any] = {binding.Attribute.CLASS: binding.ObjectClass.PRIVATE_KEY}
    if uri.label is not None:
        wanted[binding.Attribute.LABEL] = uri.label
    if uri.id is not None:
        wanted[binding.Attribute.ID] = uri.id
    return wanted


def _session(binding: ModuleType, uri: TokenUri, *, writes: bool) -> Any:
    errors = binding.exceptions
    try:
        library = binding.lib(str(uri.module))
    except (RuntimeError, OSError, binding.PKCS11Error):
        raise TokenError(
            "TOKEN_MODULE", "Name the token's PKCS#11 library in module-path, readable to the node."
        ) from None
    pin = uri.read_pin()
    try:
        token = library.get_token(token_label=uri.token, token_serial=uri.serial)
        try:
            return token.open(rw=writes, user_pin=pin)
        except errors.UserAlreadyLoggedIn:  # by another session of this process
            return token.open(rw=writes)
    except (errors.PinIncorrect, errors.PinLocked, errors.PinInvalid, errors.PinLenRange):
        raise TokenError(
            "TOKEN_PIN", "Correct the PIN in the file that pin-source names: the token refuses it."
        ) from None
