"""Cosigning checkpoints (C2SP tlog-cosignature, type 04); verifying is `client.note`."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client.note import COSIGNATURE, NoteSignature, VerifierKey, cosigned_message, is_name


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A witness's private Ed25519 key; it signs nothing else, because the signed message does not
    name the witness."""

    name: str
    private: Ed25519PrivateKey

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise ValueError("a witness's name has no spaces and no plus sign")

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self.private.public_key().public_bytes_raw(), COSIGNATURE)

    def cosign(self, text: str, at: int) -> NoteSignature:
        """Cosign a checkpoint's text at a time, Unix seconds from 1 on."""
        if not 0 < at < 1 << 63:
            raise ValueError("a cosignature's time is after 1970 and below 2^63")
        signature = self.private.sign(cosigned_message(text.encode(), at))
        return NoteSignature(self.name, self.verifier.id, at.to_bytes(8, "big") + signature)
