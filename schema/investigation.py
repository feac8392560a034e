"""Investigations 研判 that a caller has saved and opens again."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import strawberry

from schema.binding import described


@strawberry.type(description="研判 a question about subjects with its drawing, saved.")
class Investigation:
    id: strawberry.ID = described("标识.")
    title: str = described("标题.")
    document: str = described("问题 the GraphQL document; send it again to see the same.")
    variables: str = described("变量 as JSON.")
    layout: str = described("布局 as JSON, as it was given.")
    subjects: list[str] = described("主体 as they were named.")
    position: str = described("图位置 of the graph or snapshot that was seen.")
    as_of: dt.date = described("时点 to ask of.")
    saved_at: dt.datetime = described("保存时间 give it as `knownAt` to see what was known then.")
    own: bool = described("本人保存 false: shared by a caller of the same unit.")
    shared: bool = described("已共享 with the callers of the owner's unit.")
    changes: int = described(
        "此后变更 statements about relations of its subjects since it was saved; 0: none."
    )


def investigation_arguments(
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="标识.")],
) -> Any: ...


def saving_arguments(
    client_key: Annotated[
        str, strawberry.argument(description="幂等键 8–64 characters, one for each change.")
    ],
    title: Annotated[str, strawberry.argument(description="标题 1–200 characters.")],
    document: Annotated[str, strawberry.argument(description="问题 the GraphQL document.")],
    subjects: Annotated[
        list[str],
        strawberry.argument(description="主体 1 to 50, each any code, scheme:value or global id."),
    ],
    position: Annotated[str, strawberry.argument(description="图位置 that the answer carried.")],
    variables: Annotated[str, strawberry.argument(description="变量 a JSON object.")] = "{}",
    layout: Annotated[str, strawberry.argument(description="布局 JSON, kept as it is.")] = "{}",
    as_of: Annotated[
        dt.date | None, strawberry.argument(description="时点 the default is today.")
    ] = strawberry.UNSET,
    shared: Annotated[
        bool, strawberry.argument(description="共享 with the callers of one's own unit.")
    ] = False,
) -> Any: ...


def deletion_arguments(
    client_key: Annotated[
        str, strawberry.argument(description="幂等键 8–64 characters, one for each change.")
    ],
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="标识.")],
) -> Any: ...


@strawberry.type(description="删除结果.")
class InvestigationDeletion:
    id: strawberry.ID = described("标识.")
    deleted: bool = described("已删除 false: there was none of one's own.")
