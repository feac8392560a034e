"""Traditional characters 繁体 read as the simplified ones 简体 that names are registered in.

Source: 企业名称登记管理规定 (2020), art. 5 (names are in standard characters 规范汉字); the table
store/data/traditional_characters.csv (OpenCC).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib import resources

from store.statement import plain_name


def simplified(text: str) -> str:
    """The text, each traditional character replaced by one simplified one: 瀋陽 is 沈阳.

    One character stands for one, whatever its neighbours, so that fragments of a text stay
    fragments. 乾 becomes 干 in names and in what is searched for alike.
    """
    return text if text.isascii() else text.translate(_table())


def searched_name(name: str) -> str:
    """A name as search compares it: half-width, without blanks, in simplified characters."""
    return simplified(plain_name(name))


@cache
def _table() -> Mapping[int, str]:
    table = resources.files("store").joinpath("data/traditional_characters.csv")
    lines = table.read_text("utf-8").splitlines()
    return {ord(row["traditional"]): row["simplified"] for row in csv.DictReader(lines)}
