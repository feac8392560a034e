"""What the doctor observes of a node's files: its keys and its logs; nothing is changed."""

from __future__ import annotations

import stat
from pathlib import Path

from client.algorithm import load_private_key
from client.checkpoint import Checkpoint
from client.errors import ClientError
from client.keys import NodeKeys
from client.note import Note
from security.errors import LogError
from security.tlog.reader import TileReader
from security.tlog.tile import BUNDLE_LEVEL, HASH_SIZE, WIDTH, tiles_of
from service.doctor.finding import Finding, fault, fine
from service.enrolment import LOGS, current_origin
from service.home import NodeHome


def examine_keys(folder: Path, *, set_up: bool, in_token: bool = False) -> list[Finding]:
    """Check that key files are there, readable by their owner alone, and whole.

    `in_token`: the key that signs answers is in a token, so its file may be missing.
    """
    if not folder.is_dir():
        return []
    faults = []
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o077:
        faults.append(_open(f"{folder.name}/", folder, 700))
    files = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    for path in files:
        name = f"{folder.name}/{path.name}"
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            faults.append(_open(name, path, 600))
        elif path.suffix == ".pem":
            try:
                load_private_key(path.read_bytes())
            except (OSError, ValueError, ClientError):
                faults.append(
                    _lost(name, "KEY_FILE_MALFORMED", "不是可用的私钥", "is no usable key")
                )
    wanted = [f"{log}-note.pem" for log in LOGS] + ([] if in_token else ["answer.pem"])
    if set_up and any(path.suffix == ".pem" for path in files):
        if (folder.parent / "postgres").exists():
            wanted.append("postgres.password")
        faults += [
            _lost(name, "KEY_FILE_MISSING", "不见了", "is missing")
            for name in wanted
            if not (folder / name).exists()
        ]
    label = f"{folder.name}/: {len(files)}"
    return faults or [fine("keys", f"密钥文件 {label}", f"key files {label}")]


def _open(name: str, path: Path, mode: int) -> Finding:
    return fault(
        "keys",
        "KEY_FILE_OPEN",
        (f"{name} 可被他人读取", f"others can read {name}"),
        (f"执行 chmod {mode} {path}", f"run `chmod {mode} {path}`"),
    )


def _lost(name: str, code: str, chinese: str, english: str) -> Finding:
    return fault(
        "keys",
        code,
        (f"密钥 {name} {chinese}", f"the key {name} {english}"),
        (
            "从备份恢复该文件；没有备份时，作为新节点重新加入并通知伙伴",
            "restore the file from its backup; without one, enrol as a new node and tell partners",
        ),
    )


def examine_log(node_home: NodeHome, log: str, papers: Path) -> list[Finding]:
    """Check that a log's files hold all that its checkpoint promises."""
    folder = node_home.log / log
    reader = TileReader(folder)
    try:
        note = reader.checkpoint()
        if note is None:
            lost = (folder / "tile").exists()
            return [_files_lost(log, "checkpoint")] if lost else []
        checkpoint = _checkpoint(note, papers, current_origin(node_home, log))
        for tile in tiles_of(checkpoint.size):
            if tile.width < WIDTH:
                reader.tile(tile)
                continue
            size = (folder / tile.path).stat().st_size
            if tile.level != BUNDLE_LEVEL and size != WIDTH * HASH_SIZE:
                return [_files_lost(log, tile.path)]
        if checkpoint.size and reader.root(checkpoint.size) != checkpoint.root:
            return [_diverged(log)]
    except FileNotFoundError as cause:
        return [_files_lost(log, Path(str(cause.filename)).relative_to(folder).as_posix())]
    except LogError as cause:
        return [_files_lost(log, cause.message.removeprefix("Restore ").partition(" ")[0])]
    except ClientError:
        return [_diverged(log)]
    except OSError as cause:
        return [_files_lost(log, f"{folder.name} ({cause.strerror})")]
    count = f"{checkpoint.size:,}"
    return [fine("log", f"日志 {log} 完整，{count} 条", f"log {log} is whole, {count} entries")]


def _checkpoint(note: bytes, papers: Path, origin: str) -> Checkpoint:
    key = None
    if papers.exists():
        key = NodeKeys.from_json(papers.read_text(encoding="utf-8")).logs.get(origin)
    if key is None:
        return Checkpoint.parse(Note.parse(note).text)
    return Checkpoint.open(note, key)


def _files_lost(log: str, path: str) -> Finding:
    return fault(
        "log",
        "LOG_FILES_LOST",
        (
            f"日志 {log} 缺少或损坏 {path}，与检查点不符",
            f"log {log} lacks {path}, which its checkpoint promises",
        ),
        (
            "停止节点，从副本（伙伴、审计导出、备份）恢复 log/ 下的文件",
            "stop the node and restore the files below log/ from a copy: backup, export, partner",
        ),
    )


def _diverged(log: str) -> Finding:
    return fault(
        "log",
        "LOG_DIVERGED",
        (
            f"日志 {log} 的检查点与文件或密钥不符，可能被改动",
            f"log {log}: checkpoint, files and key do not belong together; it may be altered",
        ),
        (
            "保留现场，用 xinqiao audit verify 核对导出，从备份恢复 log/ 与 keys/",
            (
                "keep all as it is, compare with an export by `xinqiao audit verify`, restore"
                " log/ and keys/ from one backup"
            ),
        ),
    )
