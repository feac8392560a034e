"""A sealer as a process of its own: `python -m tests.faults.sealing FOLDER ORIGIN`.

It reads the database's address from standard input, says `ready`, and seals from the next line
on, so that a fault can be laid between start and first seal.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

import asyncpg

from security.keys import KeyFolder
from security.sealer import Sealer

INTERVAL = 0.02


async def seal(dsn: str, folder: Path, origin: str) -> None:
    signer = KeyFolder(folder / "keys").note_signer(origin, "access-note")
    sealer = Sealer(lambda: asyncpg.connect(dsn), folder / "log", signer)
    await sealer.run(asyncio.Event(), INTERVAL)


if __name__ == "__main__":
    # What it prints would be counted among the writes that fail.
    logging.disable(logging.CRITICAL)
    address = sys.stdin.readline().strip()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    asyncio.run(seal(address, Path(sys.argv[1]), sys.argv[2]))
