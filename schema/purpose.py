"""Purposes 用途 of a question (access rules §3)."""

from __future__ import annotations

from enum import Enum

import strawberry


@strawberry.enum(description="用途 what a question is for.")
class Purpose(Enum):
    P1 = strawberry.enum_value("P1", description="行政许可/审批")
    P2 = strawberry.enum_value("P2", description="处罚裁量/强制")
    P3 = strawberry.enum_value("P3", description="日常监管/双随机")
    P4 = strawberry.enum_value("P4", description="政府采购/招投标/公共资源")
    P5 = strawberry.enum_value("P5", description="财政资金/项目")
    P6 = strawberry.enum_value("P6", description="评优评先/表彰")
    P7 = strawberry.enum_value("P7", description="人员录用/任职")
    P8 = strawberry.enum_value("P8", description="联合奖惩执行")
    P9 = strawberry.enum_value("P9", description="信贷融资（授权）")
    P10 = strawberry.enum_value("P10", description="本人查询")
    P11 = strawberry.enum_value("P11", description="信用报告/信用代证")
    P12 = strawberry.enum_value("P12", description="风险研判/关联分析")
    P13 = strawberry.enum_value("P13", description="修复/异议办理")
    P14 = strawberry.enum_value("P14", description="审计监督")
    P15 = strawberry.enum_value("P15", description="司法协助")
    P16 = strawberry.enum_value("P16", description="数据质量")
    P17 = strawberry.enum_value("P17", description="统计（去标识）")
