"""What the doctor says of a machine: pure judgements over what was observed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from service.doctor.finding import Finding, State, fault, fine

MEBIBYTE = 1 << 20
EARLIEST_CLOCK = 1_767_225_600.0
"""2026-01-01 UTC: no clock of this release's time is earlier."""


def judge_locale(filesystem: str, output: str) -> Finding:
    """Whether names of files and printed text may be Chinese."""
    names = {filesystem.lower().replace("-", ""), output.lower().replace("-", "")}
    if names == {"utf8"}:
        return fine("locale", "编码 UTF-8", "encoding UTF-8")
    return fault(
        "locale",
        "LOCALE_NOT_UTF8",
        (
            f"文件名编码 {filesystem}、输出编码 {output}，不是 UTF-8",
            f"file names use {filesystem}, output uses {output}, not UTF-8",
        ),
        (
            "执行 export LC_ALL=C.UTF-8，并取消 PYTHONIOENCODING",
            "run `export LC_ALL=C.UTF-8` and unset PYTHONIOENCODING",
        ),
    )


@dataclass(frozen=True, slots=True)
class Space:
    """Room on the file system of a folder, bytes and inodes."""

    folder: Path
    free: int
    needed: int
    inodes: int | None = None


def judge_space(space: Space) -> Finding:
    """Whether a folder's file system has room to go on."""
    free, needed = space.free // MEBIBYTE, space.needed // MEBIBYTE
    if space.free >= space.needed and (space.inodes is None or space.inodes >= 10_000):
        return fine("space", f"{space.folder} 可用 {free:,} MiB", f"{free:,} MiB free")
    inodes = "" if space.inodes is None else f", {space.inodes:,} inodes"
    return fault(
        "space",
        "DISK_LOW",
        (
            f"{space.folder} 只剩 {free:,} MiB{inodes}，需要 {needed:,} MiB",
            f"{space.folder} has {free:,} MiB{inodes} left, {needed:,} MiB are needed",
        ),
        (
            "清理磁盘，或把 XINQIAO_HOME（缓存用 XINQIAO_CACHE）设到更大的磁盘",
            "free some space, or set XINQIAO_HOME (XINQIAO_CACHE for the cache) to a larger disk",
        ),
    )


def judge_memory(available: int, needed: int, limit: int | None) -> Finding:
    """Whether nodes that do not run yet have the memory to start; bytes."""
    found, wanted = available // MEBIBYTE, needed // MEBIBYTE
    if available >= needed:
        return fine("memory", f"可用内存 {found:,} MiB", f"{found:,} MiB of memory available")
    limited = "" if limit is None else f" (cgroup: {limit // MEBIBYTE:,} MiB)"
    return fault(
        "memory",
        "MEMORY_LOW",
        (
            f"可用内存 {found:,} MiB{limited}，启动需要 {wanted:,} MiB",
            f"{found:,} MiB of memory available{limited}, starting needs {wanted:,} MiB",
        ),
        (
            "停止其他程序、放宽容器内存限制，或使用外部 PostgreSQL 与 Neo4j",
            (
                "stop other programs, raise the container's limit, or use a PostgreSQL and Neo4j"
                " of your own"
            ),
        ),
    )


def judge_landlock(version: int) -> Finding:
    """Whether the kernel can keep nodes of one account apart."""
    if version:
        return fine("landlock", f"Landlock ABI {version}", f"Landlock ABI {version}")
    return fault(
        "landlock",
        "LANDLOCK_MISSING",
        (
            "内核没有 Landlock：同一账户下的节点可以互相读取文件",
            "the kernel has no Landlock: nodes under one account can read each other's files",
        ),
        (
            "一台机器运行多个节点时，启用 Landlock（内核 5.13+，lsm=…,landlock）或分用账户",
            (
                "for several nodes on a machine enable Landlock (kernel 5.13, lsm=…,landlock), or"
                " give each its own account"
            ),
        ),
        State.NOTICE,
    )


def judge_sm2(available: bool) -> Finding:
    """Whether the system's OpenSSL can compute SM2."""
    if available:
        return fine("sm2", "系统 OpenSSL 支持 SM2", "the system's OpenSSL has SM2")
    return fault(
        "sm2",
        "ALGORITHM_UNAVAILABLE",
        (
            "系统 OpenSSL 不支持 SM2：sm2-sm3 密钥不可用",
            "the system's OpenSSL has no SM2: keys for sm2-sm3 cannot be used",
        ),
        (
            "如需 SM2 密钥，安装 OpenSSL 3（Debian：libssl3）",
            "install OpenSSL 3 (Debian: libssl3) if SM2 keys are wanted",
        ),
        State.NOTICE,
    )


def judge_account(exists: bool, creatable: bool) -> Finding:
    """Whether root has an account that PostgreSQL can run as."""
    if exists:
        return fine("account", "账户 xinqiao 可用", "the account xinqiao is there")
    mend = ("执行 useradd --system --user-group xinqiao，或改用普通用户",
            "run `useradd --system --user-group xinqiao`, or start as another user")  # fmt: skip
    if creatable:
        return fault(
            "account", "ACCOUNT_MISSING",
            ("账户 xinqiao 将在首次启动时创建", "the first start will create the account xinqiao"),
            mend, State.NOTICE,
        )  # fmt: skip
    return fault(
        "account",
        "ACCOUNT_MISSING",
        (
            "PostgreSQL 不能以 root 运行，账户 xinqiao 不存在",
            "PostgreSQL does not run as root, and there is no account xinqiao",
        ),
        mend,
    )


def judge_program(check: str, label: str, version: str | None, problem: str) -> Finding:
    """Whether a program of the embedded servers runs: `java` or `postgres`."""
    if version is not None:
        return fine(check, version, version)
    return fault(
        check,
        "JAVA_MISSING" if check == "java" else "POSTGRES_MISSING",
        (f"{label} 不能运行：{problem}", f"{label} does not run: {problem}"),
        (
            "执行 make setup；仍然失败时删除 .venv 后重试",
            "run `make setup`; when that does not help, remove .venv and run it again",
        ),
    )


def judge_jars(missing: int, total: int) -> Finding:
    """Whether the jars of Neo4j are there."""
    if not missing:
        return fine("neo4j", f"Neo4j 组件 {total} 个", f"{total} jars of Neo4j")
    return fault(
        "neo4j",
        "NEO4J_NOT_INSTALLED",
        (
            f"Neo4j 组件缺 {missing}/{total} 个，首次启动时下载（约 180 MB）",
            f"{missing} of {total} jars of Neo4j are missing: the first start gets them (180 MB)",
        ),
        (
            "执行 make setup；镜像用 XINQIAO_MAVEN_REPOSITORY 指定",
            "run `make setup`; XINQIAO_MAVEN_REPOSITORY can name a mirror",
        ),
        State.NOTICE,
    )


def judge_own_clock(now: float, drift: float) -> Finding:
    """Whether our clock can be right; `drift` is how far it moved against the monotonic one."""
    if now >= EARLIEST_CLOCK and abs(drift) < 0.5:
        return fine("clock", "本机时钟正常", "this machine's clock is plausible")
    return fault(
        "clock",
        "CLOCK_WRONG",
        ("本机时钟不可信（过早或正在跳变）", "this machine's clock is too early, or is being set"),
        (
            "启用 NTP（timedatectl set-ntp true）并等待同步",
            "enable NTP (`timedatectl set-ntp true`) and wait until it is synchronised",
        ),
    )
