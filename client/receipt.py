"""Receipts: the promise that an access is in the log, and the proof that it was kept."""

import re

from client.structured import byte_sequence, parse_byte_sequence
from client.value import value_class

MAX_DELAY = 2
"""Seconds within which an entry must be in the log."""

_RECEIPT = re.compile(
    r"leaf=(:[A-Za-z0-9+/=]+:), time=@([0-9]{1,12}), delay=([0-9]{1,6}), "
    r'log="([!#-\[\]-~]{1,256})", body=(:[A-Za-z0-9+/=]+:)'
)


@value_class
class Receipt:
    """What a node promises with an answer.

    `leaf` is the entry's leaf hash, `time` Unix seconds, `delay` seconds until it must be in
    the log named `log`, `body` the SHA-256 of the question's body as the node received it.
    """

    leaf: bytes
    time: int
    delay: int
    log: str
    body: bytes

    def header(self) -> str:
        """Serialise as the dictionary of `Credit-Receipt` (RFC 9651 §3.2)."""
        return (
            f"leaf={byte_sequence(self.leaf)}, time=@{self.time}, delay={self.delay}, "
            f'log="{self.log}", body={byte_sequence(self.body)}'
        )

    @classmethod
    def parse(cls, value: str) -> "Receipt":
        """Read `Credit-Receipt` in its one serialised form or raise ValueError."""
        match = _RECEIPT.fullmatch(value)
        if match is None:
            raise ValueError("the receipt is not in the form of docs/formats.md")
        leaf, body = parse_byte_sequence(match[1]), parse_byte_sequence(match[5])
        if len(leaf) != 32 or len(body) != 32:
            raise ValueError("the receipt's hashes must be 32 bytes long")
        return cls(leaf, int(match[2]), int(match[3]), match[4], body)
