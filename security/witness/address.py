"""Where a witness of a log is, and by which key its cosignatures are known."""

from dataclasses import dataclass

from client.errors import ClientError
from client.note import COSIGNATURE, VerifierKey


@dataclass(frozen=True, slots=True)
class WitnessAddress:
    """A witness: its key (cosignature type) and the URL before `/add-checkpoint`."""

    key: VerifierKey
    url: str

    @classmethod
    def parse(cls, text: str) -> "WitnessAddress":
        """Read `verifier-key url`; ValueError when it is something else."""
        vkey, url = text.split()
        try:
            key = VerifierKey.parse(vkey)
        except ClientError:
            raise ValueError("not a verifier key") from None
        if key.type != COSIGNATURE or not url.startswith(("http://", "https://")):
            raise ValueError("not a witness's key and URL")
        return cls(key, url.rstrip("/"))
