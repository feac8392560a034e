"""How a natural person appears: a masked name and a token instead of an id.

The token is the person's id under a four-round Feistel permutation whose round function is
SHA-256 keyed with a secret of the scope (Luby and Rackoff 1988): nobody without the key can link
the tokens of two scopes or turn one into an id, and the node can. The same computation is written
as SQL, so that tokens are made inside the statement. Masks: access rules §6.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256
from uuid import UUID

# Compound surnames 复姓 in use; the mask shows both characters.
_SURNAMES = """
    欧阳 太史 端木 上官 司马 东方 独孤 南宫 万俟 闻人 夏侯 诸葛 尉迟 公羊
    赫连 澹台 皇甫 宗政 濮阳 公冶 太叔 申屠 公孙 慕容 仲孙 钟离 长孙 宇文
    司徒 鲜于 司空 令狐 闾丘 子车 亓官 司寇 巫马 公西 颛孙 壤驷 公良 漆雕
    乐正 宰父 谷梁 拓跋 夹谷 轩辕 呼延 左丘 东郭 南门 西门 第五 百里 叶赫
    那拉 爱新 完颜 纳兰 佟佳 富察 钮祜
"""
COMPOUND_SURNAMES: tuple[str, ...] = tuple(_SURNAMES.split())
_ROUNDS = (b"\x01", b"\x02", b"\x03", b"\x04")
_HALF = 1 << 64


def scope_key(secret: bytes, scope: str) -> bytes:
    """The token key of one scope, from the node's secret (at least 32 bytes)."""
    return hmac.new(secret, b"xinqiao person token v1\x00" + scope.encode(), sha256).digest()


def _round(key: bytes, number: int, half: int) -> int:
    return int.from_bytes(sha256(key + _ROUNDS[number] + half.to_bytes(8)).digest()[:8])


def token_of(key: bytes, person: UUID) -> str:
    """The token of a person, 32 hexadecimal digits."""
    left, right = divmod(person.int, _HALF)
    for number in range(4):
        left, right = right, left ^ _round(key, number, right)
    return f"{left:016x}{right:016x}"


def person_of(key: bytes, token: str) -> UUID | None:
    """The id behind a token; None when it is not 32 lower-case hexadecimal digits.

    A token of another scope gives an id that no person has.
    """
    if len(token) != 32 or not set(token) <= set("0123456789abcdef"):
        return None
    left, right = divmod(int(token, 16), _HALF)
    for number in reversed(range(4)):
        left, right = right ^ _round(key, number, left), left
    return UUID(int=left * _HALF + right)


def token_sql(key: str, person: str) -> str:
    """`token_of` as SQL: `key` is of type bytea, `person` of type uuid."""

    def keyed(number: int) -> Callable[[str], str]:
        return lambda half: (
            f"substr(sha256({key} || '\\x0{number}'::bytea || int8send({half})), 1, 8)::bigint"
        )

    def bound(previous: str, expressions: str) -> str:
        return f"(SELECT {expressions} FROM {previous} OFFSET 0)"

    first = (
        f"(SELECT substr(uuid_send({person}), 1, 8)::bigint AS l,"
        f" substr(uuid_send({person}), 9, 8)::bigint AS r OFFSET 0) f0"
    )
    step = first
    for number in range(1, 5):
        half = keyed(number)(f"f{number - 1}.r")
        step = bound(step, f"f{number - 1}.r AS l, f{number - 1}.l # {half} AS r") + f" f{number}"
    return f"(SELECT encode(int8send(f4.l) || int8send(f4.r), 'hex') FROM {step})"


def shown_part(name: str) -> str:
    """The part of a person's name that the mask shows: the surname, or one character."""
    if len(name) > 2 and name[:2] in COMPOUND_SURNAMES:
        return name[:2]
    return name[:1]


def masked(name: str) -> str:
    """A person's name as the mask shows it: 张*, 欧阳*, and one character of foreign names."""
    return shown_part(name) + "*"


def shown_part_sql(name: str, surnames: str) -> str:
    """`shown_part` as SQL: `surnames` is of type text[]."""
    return (
        f"CASE WHEN char_length({name}) > 2 AND left({name}, 2) = ANY({surnames})"
        f" THEN left({name}, 2) ELSE left({name}, 1) END"
    )


def masked_sql(name: str, surnames: str) -> str:
    """`masked` as SQL."""
    return f"({shown_part_sql(name, surnames)} || '*')"


def partly_masked(name: str) -> str:
    """A name as offices see it whose matter does not name the person: 张*三; two characters,
    minority and foreign names as `masked`."""
    shown = shown_part(name)
    rest = name[len(shown) :]
    han = 3 <= len(name) <= 4 and all("\u4e00" <= letter <= "\u9fff" for letter in name)
    return f"{shown}*{rest[-1]}" if han and len(rest) > 1 else f"{shown}*"


def partly_masked_sql(name: str, surnames: str) -> str:
    """`partly_masked` as SQL."""
    shown = shown_part_sql(name, surnames)
    return (
        f"({shown} || '*' || CASE WHEN {name} ~ '^[\u4e00-\u9fff]{{3,4}}$'"
        f" AND char_length({name}) - char_length({shown}) > 1 THEN right({name}, 1) ELSE '' END)"
    )
