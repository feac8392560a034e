"""A place in a text where personal data stands."""

from __future__ import annotations

from typing import NamedTuple

ID_NUMBER = "ID_NUMBER"
PHONE = "PHONE"
BANK_CARD = "BANK_CARD"
PLATE = "PLATE"
EMAIL = "EMAIL"
ACCOUNT = "ACCOUNT"
PASSPORT = "PASSPORT"
ADDRESS = "ADDRESS"
BIRTH_DATE = "BIRTH_DATE"
NAME = "NAME"
HELD = "HELD"  # it cannot be hidden safely

LABELS = {
    ID_NUMBER: "身份证号",
    PHONE: "电话",
    BANK_CARD: "银行卡号",
    PLATE: "车牌",
    EMAIL: "电子邮箱",
    ACCOUNT: "账号",
    PASSPORT: "证件号",
    ADDRESS: "地址",
    BIRTH_DATE: "出生日期",
    NAME: "姓名",
}
"""What stands in the place of each."""


class Span(NamedTuple):
    """Characters `start` to before `end`, and what they are."""

    start: int
    end: int
    kind: str
