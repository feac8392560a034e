"""Purposes 用途 of questions, as people choose them.

The same as `schema.purpose` (a test compares them), without what that takes to import: a shell
asks for them at each press of the tab key.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PURPOSES: Mapping[str, str] = MappingProxyType(
    {
        "P1": "行政许可/审批",
        "P2": "处罚裁量/强制",
        "P3": "日常监管/双随机",
        "P4": "政府采购/招投标/公共资源",
        "P5": "财政资金/项目",
        "P6": "评优评先/表彰",
        "P7": "人员录用/任职",
        "P8": "联合奖惩执行",
        "P9": "信贷融资（授权）",
        "P10": "本人查询",
        "P11": "信用报告/信用代证",
        "P12": "风险研判/关联分析",
        "P13": "修复/异议办理",
        "P14": "审计监督",
        "P15": "司法协助",
        "P16": "数据质量",
        "P17": "统计（去标识）",
    }
)
"""Code and Chinese name of each purpose (access rules §2)."""
