"""The signature algorithms as the node uses them; what they are is in `client.algorithm`."""

from client.algorithm import (
    Algorithm,
    PrivateKey,
    PublicKey,
    Verifier,
    algorithm_of,
    load_private_key,
    new_private_key,
    private_pem,
    public_bytes,
)
from client.algorithm import verifier as _verifier
from client.errors import ClientError
from security.errors import SecurityError

__all__ = [
    "Algorithm",
    "PrivateKey",
    "PublicKey",
    "Verifier",
    "algorithm_of",
    "load_private_key",
    "new_private_key",
    "private_pem",
    "public_bytes",
    "verifier",
]


def verifier(algorithm: str, public: bytes) -> Verifier:
    """Make a verifier of a registered public key; `verify` raises InvalidSignature.

    Raises SecurityError `PUBLIC_KEY_MALFORMED` when it is no key of this algorithm,
    `ALGORITHM_UNAVAILABLE` when this machine cannot verify with it.
    """
    try:
        return _verifier(algorithm, public)
    except ValueError:
        raise SecurityError(
            "PUBLIC_KEY_MALFORMED", "Enrol the public key in the encoding of its algorithm."
        ) from None
    except ClientError as error:
        raise SecurityError(error.code, error.message) from None
