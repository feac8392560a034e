"""What the doctor says of one node and its servers: pure judgements over what was observed."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass

from service.doctor.finding import Finding, fault, fine
from service.settings import SettingsError

OLDEST_POSTGRES = 180_000
OLDEST_NEO4J = 5
LARGEST_OFFSET = 2.0
"""Seconds a clock may differ: a node takes questions of up to 5 s ahead of it, for 60 s."""


def judge_settings(faults: Sequence[SettingsError]) -> list[Finding]:
    """One finding for each setting that cannot be used."""
    if not faults:
        return [fine("settings", "设置有效", "the settings are valid")]
    return [
        fault(
            "settings",
            one.code,
            (f"设置有误：{one.message}", one.message),
            (
                "按 docs/settings.md 更正该行或该环境变量",
                "correct that line or variable as docs/settings.md says",
            ),
        )
        for one in faults
    ]


@dataclass(frozen=True, slots=True)
class Port:
    """What became of an attempt to listen; `holder` is pid and name of who does already, `served`
    that the node has a process although it does not answer."""

    host: str
    port: int
    problem: int | None
    holder: tuple[int, str] | None = None
    own: bool = False
    served: bool = False


def judge_port(port: Port, node: str) -> Finding:
    """Whether the node can listen, or listens already."""
    place = f"{port.host}:{port.port}"
    if port.own:
        return fine("port", f"节点正在 {place} 运行", f"the node runs at {place}")
    if port.problem is None:
        return fine("port", f"端口 {place} 可用", f"port {place} is free")
    variable = f"XINQIAO_{node.upper().replace('-', '_')}_PORT"
    if port.served:
        return fault(
            "port",
            "NODE_NOT_READY",
            (
                f"节点已在 {place} 启动，但没有就绪",
                f"the node runs at {place} and is not ready",
            ),
            (
                "正在启动则稍候；否则查看其输出、PostgreSQL 与磁盘空间",
                "wait if it was just started; else see what it printed, PostgreSQL and the disk",
            ),
        )
    if port.problem == errno.EADDRINUSE:
        who = "" if port.holder is None else f" (pid {port.holder[0]}, {port.holder[1]})"
        return fault(
            "port",
            "PORT_TAKEN",
            (f"端口 {place} 已被占用{who}", f"port {place} is taken{who}"),
            (
                f"停止占用者，或设置 {variable} 换一个端口",
                f"stop what listens there, or set {variable} to another port",
            ),
        )
    if port.problem in (errno.EACCES, errno.EPERM):
        return fault(
            "port",
            "PORT_FORBIDDEN",
            (f"无权监听端口 {place}", f"this account may not listen at port {place}"),
            (f"把 {variable} 设为 1024 以上", f"set {variable} to 1024 or more"),
        )
    return fault(
        "port",
        "PORT_ADDRESS",
        (
            f"本机没有地址 {port.host}（{errno.errorcode.get(port.problem, port.problem)}）",
            (
                f"this machine has no address {port.host}"
                f" ({errno.errorcode.get(port.problem, port.problem)})"
            ),
        ),
        (
            "把设置 host 改为本机地址，例如 127.0.0.1",
            "set `host` to an address of this machine, such as 127.0.0.1",
        ),
    )


@dataclass(frozen=True, slots=True)
class Offset:
    """Seconds that another clock is ahead of ours, give or take `uncertainty`."""

    clock: str
    seconds: float
    uncertainty: float


def judge_clock(offset: Offset) -> Finding:
    """Whether another clock agrees with ours, as far as signatures need."""
    if abs(offset.seconds) - offset.uncertainty <= LARGEST_OFFSET:
        return fine("clock", f"与 {offset.clock} 时钟一致", f"the clock agrees with {offset.clock}")
    ahead = ("快", "ahead of") if offset.seconds < 0 else ("慢", "behind")
    seconds = f"{abs(offset.seconds):.0f}"
    return fault(
        "clock",
        "CLOCK_SKEW",
        (
            f"本机时钟比 {offset.clock} {ahead[0]} {seconds} 秒，签名将被拒绝",
            (
                f"this clock is {seconds} s {ahead[1]} that of {offset.clock}: signatures will be"
                " refused"
            ),
        ),
        (
            "两边都启用 NTP（timedatectl set-ntp true），再次运行 doctor",
            "enable NTP on both (`timedatectl set-ntp true`) and run doctor again",
        ),
    )


@dataclass(frozen=True, slots=True)
class Server:
    """An external database server as found; `problem` when it cannot be used at all."""

    problem: str | None
    version: str = ""
    number: int = 0
    encoding: str = "UTF8"
    may_create: bool = True


def judge_postgres(server: Server) -> Finding:
    """Whether the PostgreSQL that a node is given will do."""
    if server.problem is not None:
        return fault(
            "postgres",
            "POSTGRES_UNREACHABLE",
            (f"连接不上 PostgreSQL：{server.problem}", f"PostgreSQL: {server.problem}"),
            (
                "检查 database_url、密码与网络，以及 pg_hba.conf",
                "check database_url, its password, the network and pg_hba.conf",
            ),
        )
    if server.number < OLDEST_POSTGRES:
        return fault(
            "postgres",
            "POSTGRES_OLD",
            (
                f"PostgreSQL {server.version} 太旧，需要 18 以上",
                f"PostgreSQL {server.version} is too old, 18 or newer is needed",
            ),
            ("升级 PostgreSQL（pg_upgrade）", "upgrade PostgreSQL (pg_upgrade)"),
        )
    if server.encoding != "UTF8":
        return fault(
            "postgres",
            "POSTGRES_ENCODING",
            (
                f"数据库编码是 {server.encoding}，需要 UTF8",
                f"the database is encoded in {server.encoding}, UTF8 is needed",
            ),
            (
                "重建：CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
                "make it again: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
            ),
        )
    if not server.may_create:
        return fault(
            "postgres",
            "POSTGRES_RIGHTS",
            (
                "该账户不能在数据库中建表",
                "the account may not create tables in the database",
            ),
            (
                "以所有者身份执行 GRANT CREATE ON SCHEMA public，或让节点账户成为数据库所有者",
                "GRANT CREATE ON SCHEMA public, or make the node's account the database's owner",
            ),
        )
    return fine("postgres", f"PostgreSQL {server.version}", f"PostgreSQL {server.version}")


def judge_neo4j(server: Server) -> Finding:
    """Whether the Neo4j that a node is given will do."""
    if server.problem is not None:
        return fault(
            "neo4j",
            "NEO4J_UNREACHABLE",
            (f"连接不上 Neo4j：{server.problem}", f"Neo4j: {server.problem}"),
            (
                "检查 neo4j_uri、用户名、密码与网络",
                "check neo4j_uri, user name, password and the network",
            ),
        )
    if server.number < OLDEST_NEO4J:
        return fault(
            "neo4j",
            "NEO4J_OLD",
            (
                f"Neo4j {server.version} 太旧，需要 5 以上",
                f"Neo4j {server.version} is too old, 5 or newer is needed",
            ),
            ("升级 Neo4j", "upgrade Neo4j"),
        )
    return fine("neo4j", f"Neo4j {server.version}", f"Neo4j {server.version}")
