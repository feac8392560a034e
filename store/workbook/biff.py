"""Old workbooks (XLS): what their records say beside what the library reads of them."""

from __future__ import annotations

import struct

from store.workbook.error_cell import ERRORS, SINCE, SINCE_1904, UNKNOWN

OLE = b"\xd0\xcf\x11\xe0"
_Cells = dict[tuple[int, int], str]


def stream_of(content: bytes) -> bytes:
    """The stream of the workbook in a file of streams (MS-CFB 2), b"" when it is not found."""
    size = 1 << int.from_bytes(content[30:32], "little")
    count = len(content) // size

    def sector(number: int) -> bytes:
        return content[(number + 1) * size : (number + 2) * size]

    tables, following = list(_numbers(content[76:512])), _numbers(content[68:72])[0]
    for _ in range(count):
        if following >= count:
            break
        *more, following = _numbers(sector(following))
        tables += more
    chain = [n for table in tables[:count] if table < count for n in _numbers(sector(table))]

    def joined(number: int) -> bytes:
        found = list[bytes]()
        while number < len(chain) and len(found) <= count:
            found.append(sector(number))
            number = chain[number]
        return b"".join(found)

    directory = joined(_numbers(content[48:52])[0])
    for at in range(0, len(directory) - 127, 128):
        entry = directory[at : at + 128]
        name = entry[: max(int.from_bytes(entry[64:66], "little") - 2, 0)]
        if name in ("Workbook".encode("utf-16-le"), "Book".encode("utf-16-le")):
            first, length = struct.unpack("<II", entry[116:124])
            return joined(first)[:length]
    return b""


def _numbers(block: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(block) // 4}I", block[: len(block) // 4 * 4])


def errors_of(stream: bytes) -> tuple[str, dict[int, _Cells]]:
    """Day 0 of a workbook's numbers of days, and by the place of a sheet its cells that show an
    error, which the library reads as empty (MS-XLS 2.4.24, 2.4.127)."""
    since, found = SINCE, dict[int, _Cells]()
    places = dict[int, int]()  # of each sheet by where it begins
    at = begun = 0
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, at)
        body = stream[at + 4 : at + 4 + length]
        code = None
        match kind:
            case 0x0809:  # BOF
                begun = at
            case 0x0085 if len(body) > 4:  # BoundSheet8
                places[int.from_bytes(body[:4], "little")] = len(places)
            case 0x0022 if len(body) >= 2:  # Date1904
                since = SINCE_1904 if body[0] else SINCE
            case 0x0205 if len(body) >= 8 and body[7]:  # BoolErr
                code = body[6]
            case 0x0006 | 0x0206 | 0x0406 if body[6:7] == b"\x02" and body[12:14] == b"\xff\xff":
                code = body[8]  # Formula
        if code is not None:
            row, column = struct.unpack_from("<HH", body)
            cells = found.setdefault(places.get(begun, -1), {})
            cells[row, column] = ERRORS.get(code, UNKNOWN)
        at += 4 + length
    return since, found
