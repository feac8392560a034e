"""Import rate: penalties and holders through the whole intake into a migrated database.

    python -m bench.intake DSN [lines]

DSN names an empty, migrated database that may be filled.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg

from bench.table import Cell, Table
from schema.records import kinds
from security.field_encryption import FieldCipher
from security.keys import KeyFolder
from service.collecting import IMPORTING, seldom_collected
from store.identifiers.check_characters import id_check, org_check, uscc_check
from store.intake import import_paths
from store.pool import open_pool
from store.screening import screen


def _code(serial: int, head: str) -> str:
    org = f"XD{serial:06d}"
    body = f"{head}210500{org}{org_check(org)}"
    return body + uscc_check(body)


def _number(serial: int) -> str:
    body = f"210590{19500101 + serial // 1000 % 28}{serial % 1000:03d}"
    return body + id_check(body)


def _penalties(lines: int) -> Iterator[dict[str, str]]:
    """The whole form of 30 columns; facts of 130 characters, of which each tenth names a person."""
    issuer = _code(999_999, "11")
    for i in range(lines):
        uscc = _code(i % 5000, "91")
        yield {
            "CF_XDR_MC": f"本溪示例{i % 5000}有限公司",
            "CF_XDR_LB": "法人及非法人组织",
            "CF_XDR_SHXYM": uscc,
            "CF_XDR_GSZC": "",
            "CF_XDR_ZZJG": uscc[8:17],
            "CF_XDR_SWDJ": "",
            "CF_XDR_SYDW": "",
            "CF_XDR_SHZZ": "",
            "CF_FRDB": "张三",
            "CF_FR_ZJLX": "",
            "CF_FR_ZJHM": "",
            "CF_XDR_ZJLX": "",
            "CF_XDR_ZJHM": "",
            "CF_WSH": f"本市监处〔2025〕{i}号",
            "CF_WFXW": "未按规定公示",
            "CF_SY": f"经查，当事人自2025年{i % 9 + 1}月起未按照规定期限公示年度报告，"
            f"{'经营者王伟' if i % 10 == 0 else '有关人员'}在调查中陈述，"
            f"上述期间共销售商品{i % 700}件，货值金额{i}元，"
            "违反了《企业信息公示暂行条例》第八条第一款的规定。"
            "案发后当事人能够积极配合调查，如实陈述违法事实并主动提供证据材料，未造成危害后果。",
            "CF_YJ": "《企业信息公示暂行条例》第十七条、《中华人民共和国行政处罚法》第三十三条",
            "CF_CFLB": "罚款",
            "CF_NR": "责令改正，罚款人民币2000元",
            "CF_NR_FK": "0.2",
            "CF_NR_WFFF": "",
            "CF_NR_ZKDX": "",
            "CF_JDRQ": f"2025-05-{i % 28 + 1:02d}",
            "CF_YXQ": "2099-12-31",
            "CF_GSJZQ": f"2028-05-{i % 28 + 1:02d}",
            "CF_CFJG": "本溪市市场监督管理局",
            "CF_CFJGDM": issuer,
            "CF_SJLY": "本溪市市场监督管理局",
            "CF_SJLYDM": issuer,
            "BZ": "",
        }


def _holders(lines: int) -> Iterator[dict[str, str]]:
    for i in range(lines):
        yield {
            "企业名称": f"本溪示例{i % 5000}有限公司",
            "企业统一社会信用代码": _code(i % 5000, "91"),
            "股东名称": f"股东{i}",
            "股东类型": "自然人",
            "证件类型": "身份证",
            "证件号码": _number(i),
            "认缴出资额(万元)": "100",
            "出资比例(%)": "10",
            "起始日期": f"2015-03-{i // 5000 % 28 + 1:02d}",
            "数据来源单位": "本溪市市场监督管理局",
            "数据来源单位代码": _code(999_999, "11"),
        }


async def measure(dsn: str, lines: int, folder: Path) -> Table:
    """Import so many lines of each sort; files are written to `folder`."""
    cipher = FieldCipher(KeyFolder(folder / "keys"))
    rows: list[tuple[Cell, ...]] = []
    pool = await open_pool(dsn, max_size=2)
    for name, made in (("penalty", _penalties(lines)), ("holders", _holders(lines))):
        path = folder / f"20250601_{name}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer, columns = None, 0
            for row in made:
                if writer is None:
                    writer, columns = csv.DictWriter(file, list(row)), len(row)
                    writer.writeheader()
                writer.writerow(row)
        server = await _server_seconds(pool)
        began, spent = time.perf_counter(), time.process_time()
        with seldom_collected(IMPORTING):  # as the command does
            summary = await import_paths(
                pool,
                [path],
                kinds=kinds(),
                cipher=cipher,
                region="210500",
                platform="benxi",
                today=date(2026, 6, 30),
                report_dir=folder,
            )
        wall, cpu = time.perf_counter() - began, time.process_time() - spent
        after = await _server_seconds(pool)
        on_server = None if server is None or after is None else lines / max(after - server, 0.01)
        assert summary.lines == lines, summary
        assert not summary.rejected, summary
        rows.append(
            (
                f"{lines:,} {name} lines of {columns} columns",
                lines / wall,
                lines / cpu,
                on_server,
                await _copied(pool, path),
            )
        )
    longest = await pool.fetchval(
        "SELECT extract(epoch FROM max(committed_at - previous))::float8 FROM (SELECT committed_at,"
        " lag(committed_at) OVER (PARTITION BY batch_id ORDER BY first_line) AS previous"
        " FROM batch_chunk) c"
    )
    if longest is not None:
        label = f"longest time between two committed chunks: {longest:.2f} s"
        rows.append((label, None, None, None, None))
    rows.append((f"screening 200 characters: {_screening():.0f} µs", None, None, None, None))
    await pool.close()
    return Table(
        "Import",
        (
            "what",
            "lines/s",
            "lines per second of importer CPU",
            "lines per second of PostgreSQL CPU",
            "bare COPY, lines/s",
        ),
        rows,
    )


async def _server_seconds(pool: asyncpg.Pool[Any]) -> float | None:
    """CPU seconds of all processes of a PostgreSQL on this machine so far; None of another one."""
    try:
        backend = int(await pool.fetchval("SELECT pg_backend_pid()"))
        postmaster = int(_stat(backend)[1])
        ticks = sum(map(int, _stat(postmaster)[11:15]))
        for child in _children(postmaster):
            with contextlib.suppress(OSError):  # it has ended, and counts in its parent
                ticks += sum(map(int, _stat(int(child))[11:13]))
    except OSError:
        return None
    return ticks / os.sysconf("SC_CLK_TCK")


def _stat(process: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def _children(process: int) -> list[str]:
    return Path(f"/proc/{process}/task/{process}/children").read_text().split()


def _screening() -> float:
    """Microseconds for a text of 200 characters in which nothing is to be hidden, best of five."""
    text = (list(_penalties(2))[1]["CF_SY"] * 2)[:200]
    spent = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(1_000):
            screen(text)
        spent.append((time.process_time() - began) * 1_000)
    return min(spent)


async def _copied(pool: asyncpg.Pool[Any], path: Path) -> float:
    """Lines a second when the file is read as CSV and copied into text columns, unexamined."""
    began = time.perf_counter()
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        width = len(next(reader))
        columns = [f"c{at}" for at in range(width)]
        rows = list(reader)
    async with pool.acquire() as connection, connection.transaction():
        listed = ", ".join(f"{column} text" for column in columns)
        await connection.execute(f"CREATE TABLE by_hand ({listed})")
        await connection.copy_records_to_table("by_hand", records=rows, columns=columns)
    taken = time.perf_counter() - began
    await pool.execute("DROP TABLE by_hand")
    return len(rows) / taken


def main() -> None:
    """Run the benchmark on the database that is named."""
    lines = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    with tempfile.TemporaryDirectory() as folder:
        print(asyncio.run(measure(sys.argv[1], lines, Path(folder))).markdown())


if __name__ == "__main__":
    main()
