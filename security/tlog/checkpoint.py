"""Signing checkpoints (C2SP tlog-checkpoint); reading them is `client.checkpoint`."""

from client.checkpoint import Checkpoint
from security.tlog.note import NoteSigner

__all__ = ["Checkpoint", "sign_checkpoint"]


def sign_checkpoint(size: int, root: bytes, signer: NoteSigner) -> bytes:
    """Sign the head of the log whose origin is the signer's name; deterministic (RFC 8032)."""
    return signer.sign(Checkpoint(signer.name, size, root).text())
