"""Paths 关联路径: how subjects hang together, shortest first, with what stands behind each step."""

from __future__ import annotations

import datetime as dt
from enum import Enum
from typing import Annotated, Any

import strawberry

from schema.association import SharedAttribute
from schema.binding import described
from schema.neighbourhood import NeighbourhoodEdge, RelationKind, Truncation
from schema.party import Party


@strawberry.enum(description="关联含义 only edges of this meaning are followed.")
class LinkMeaning(Enum):
    OWNERSHIP = strawberry.enum_value("OWNERSHIP", description="出资 holdings of any size")
    CONTROL = strawberry.enum_value(
        "CONTROL", description="控制 holdings above one half, legal representatives, head offices"
    )
    MANAGEMENT = strawberry.enum_value(
        "MANAGEMENT", description="任职 representatives, officers, branches"
    )
    DEBT = strawberry.enum_value("DEBT", description="债务 guarantees and loans")


@strawberry.type(description="路径节点 one party on a path, or a hub beside it.")
class PathNode:
    key: str = described("节点键 names the node in this answer only.")
    party: Party | None = described("主体 null for a loan.")
    hub: bool = described("枢纽 true: has more relations than `maxFan`, met and not passed.")


@strawberry.type(description="路径步 from one node of a path to the next.")
class PathStep:
    source: str = described("起点 key of a node.")
    target: str = described("终点 key of a node.")
    edges: list[NeighbourhoodEdge] = described(
        "关系 all that tie the two, whatever their direction."
    )


@strawberry.type(description="路径 a simple path: no node twice.")
class Path:
    length: int = described("长度 number of steps.")
    nodes: list[str] = described("节点 keys from start to end.")
    steps: list[PathStep] = described("步骤.")


@strawberry.type(description="关联路径 paths, shortest first, ties in the order of internal ids.")
class Paths:
    as_of: dt.date = described("时点 relations in force on that day.")
    position: str = described("图位置 how far the graph has followed the store; opaque.")
    truncated: list[Truncation] = described(
        "截断 what may be missing: `stage` is the length of path from which on. FAN: hubs were met"
        " and not passed; ask with `hubs: true`."
    )
    missing: list[str] = described("未找到 subjects asked about that are none to see.")
    nodes: list[PathNode] = described("节点 the subjects asked about, those on paths, and hubs.")
    paths: list[Path] = described("路径 empty: no visible path.")
    shared: list[SharedAttribute] = described(
        "共有属性 addresses that both ends of `paths` have: never a step of a path; that of a"
        " cluster, `crowded`, says nothing about the two."
    )


AsOf = Annotated[dt.date | None, strawberry.argument(description="时点 the default is today.")]
Kinds = Annotated[
    list[RelationKind] | None,
    strawberry.argument(description="关系类型 to follow; all that the caller may see if null."),
]
Meaning = Annotated[LinkMeaning | None, strawberry.argument(description="含义 any if null.")]
MaxLength = Annotated[
    int, strawberry.argument(description="最大长度 steps of a path, 1 up to what the role may.")
]
MaxFan = Annotated[
    int,
    strawberry.argument(description="扇出上限: a node with more relations is a hub, 1–1000."),
]
MaxNodes = Annotated[
    int, strawberry.argument(description="节点上限 looked at during the search, 1–20000.")
]
Hubs = Annotated[
    bool, strawberry.argument(description="经过枢纽 true: pass hubs of up to 10,000 relations.")
]


def path_arguments(
    source: Annotated[
        str,
        strawberry.argument(name="from", description="起点 any code, scheme:value, or global id."),
    ],
    target: Annotated[
        str,
        strawberry.argument(name="to", description="终点 any code, scheme:value, or global id."),
    ],
    first: Annotated[int, strawberry.argument(description="条数 at most so many paths, 1–10.")] = 3,
    max_length: MaxLength = 4,
    kinds: Kinds = strawberry.UNSET,
    meaning: Meaning = strawberry.UNSET,
    as_of: AsOf = strawberry.UNSET,
    max_fan: MaxFan = 100,
    max_nodes: MaxNodes = 5_000,
    hubs: Hubs = False,
) -> Any: ...


def link_arguments(
    subjects: Annotated[
        list[str],
        strawberry.argument(description="主体 2 to 50, each any code, scheme:value or global id."),
    ],
    centre: Annotated[
        str | None,
        strawberry.argument(
            name="from", description="中心 only paths from this subject to each of the others."
        ),
    ] = strawberry.UNSET,
    max_length: MaxLength = 4,
    kinds: Kinds = strawberry.UNSET,
    meaning: Meaning = strawberry.UNSET,
    as_of: AsOf = strawberry.UNSET,
    max_fan: MaxFan = 100,
    max_nodes: MaxNodes = 5_000,
    hubs: Hubs = False,
) -> Any: ...
