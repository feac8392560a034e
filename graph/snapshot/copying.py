"""Rows of PostgreSQL as arrays, by COPY in binary: no Python object per row.

Every column of the query must be NOT NULL and of a fixed width, so that all rows are equally long
and a block of them is one structured array. Source: PostgreSQL, COPY, binary format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import numpy as np

from graph.snapshot.column import Array

_HEADER = 19  # signature of 11 bytes, flags, length of the extension (none)
_BLOCK = 4 << 20  # bytes gathered before they are taken apart


async def copy_rows(
    connection: asyncpg.Connection[Any],
    query: str,
    parameters: Sequence[Any],
    columns: Mapping[str, str],
) -> dict[str, Array]:
    """The rows of a query as arrays by name.

    `columns` gives their types in order as numpy names them (i2, i4, i8), `uuid` for ids, which
    become two arrays with the suffixes `_hi` and `_lo`.
    """
    row = _row(columns)
    taken: list[Array] = []
    pending = bytearray()
    begun = False

    def take(whole: bool) -> None:
        nonlocal begun
        if not begun:
            if len(pending) < _HEADER:
                return
            del pending[:_HEADER]
            begun = True
        count = len(pending) // row.itemsize
        if count and (whole or len(pending) >= _BLOCK):
            size = count * row.itemsize
            taken.append(_native(np.frombuffer(bytes(pending[:size]), row)))
            del pending[:size]

    async def gather(data: bytes) -> None:
        pending.extend(data)
        if len(pending) >= _BLOCK:
            take(False)

    await connection.copy_from_query(query, *parameters, output=gather, format="binary")
    take(True)
    if bytes(pending) != b"\xff\xff":
        raise ValueError("the rows of a COPY are not all of one length")
    if not taken:
        taken.append(_native(np.zeros(0, row)))
    found = {}
    for name in taken[0].dtype.names or ():
        found[name] = np.concatenate([block[name] for block in taken])
    return found


def _row(columns: Mapping[str, str]) -> np.dtype[Any]:
    fields: list[tuple[str, str]] = [("_fields", ">i2")]
    for name, dtype in columns.items():
        fields.append((f"_{name}", ">i4"))
        if dtype == "uuid":
            fields += [(f"{name}_hi", ">u8"), (f"{name}_lo", ">u8")]
        else:
            fields.append((name, f">{dtype}"))
    return np.dtype(fields)


def _native(rows: Array) -> Array:
    """The values alone, in the byte order of this machine."""
    names = [name for name in rows.dtype.names or () if not name.startswith("_")]
    found = np.empty(len(rows), [(name, rows.dtype[name].newbyteorder("=")) for name in names])
    for name in names:
        found[name] = rows[name]
    return found
