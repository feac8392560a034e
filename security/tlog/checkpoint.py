"""Signing checkpoints (C2SP tlog-checkpoint); reading them is `client.checkpoint`."""

from client.checkpoint import Checkpoint
from client.errors import ClientError
from security.tlog.note import NoteSigner

__all__ = ["Checkpoint", "open_own", "sign_checkpoint"]


def sign_checkpoint(size: int, root: bytes, signer: NoteSigner) -> bytes:
    """Sign the head of the log whose origin is the signer's name; deterministic (RFC 8032)."""
    return signer.sign(Checkpoint(signer.name, size, root).text())


def open_own(note: bytes, signer: NoteSigner) -> Checkpoint:
    """Read a head that the signer's key, or one before it, signed; raises as `Checkpoint.open`."""
    for key in signer.former:
        try:
            return Checkpoint.open(note, key)
        except ClientError:
            continue
    return Checkpoint.open(note, signer.verifier)
