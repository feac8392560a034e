"""Every kind, imported from each of its formats, read back by each role field by field (X02).

Roles, purposes and the matrix are read out of the tables of access rules §3 and §3.1, which
data/access_rules_3.md has verbatim (`access_rules.py`); classes and masks are transcribed by hand
from §2 and §6 and from the visibility columns of records.md (section behind each kind), none from
the declarations or the policy file. The real importer reads the files, the real cipher keeps the numbers, the compiled API answers.
"""

# ruff: noqa: E501 - the tables stay tables.

from __future__ import annotations

import base64
import csv
import datetime as dt
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

from resolvers.context import Context
from resolvers.limits import Limits
from resolvers.operation import Operations
from schema.definition import CreditSchema
from schema.records import kinds
from security.field_encryption import FieldCipher
from security.keys import KeyFolder
from security.policy import Grounds, Policy, PolicyError, load_policy
from service.spreadsheet import Sheet, write_workbook
from store.intake import IntakeRules, import_paths
from store.intake.layout import layouts
from store.intake.template import Template
from store.pool import open_pool
from tests.databases import Databases
from tests.service import access_rules
from tests.store.test_intake import code, number

TODAY = dt.date(2026, 6, 30)
ROLES = ("PUB", "SELF", "AGENT", "ANALYST", "DEPT", "PCITY", "STEWARD", "AUDITOR", "SUPERVISOR")
CATEGORIES = ("firm", "shop", "person")
CATEGORY = {
    "firm": ("法人及非法人组织", "LEGAL_ENTITY"),
    "shop": ("个体工商户", "INDIVIDUAL_BUSINESS"),
    "person": ("自然人", "NATURAL_PERSON"),
}
FORMS = ("utf-8", "gb18030", "xlsx", "jsonl", "json", "court", "2015")

# Free text that names a third person with number and phone; what must not reach open readers.
TEXT = f"原告赵丽华与本案有关，身份证号{number(77)}，电话13804140001，拒不改正，数额巨大。"
PERSONAL = ("赵丽华", number(77), "13804140001")

# --- the tables ---------------------------------------------------------------------------------

# The envelope, records.md §0: GraphQL path, class. M: shown even of a list membership (§3.1, ○).
ENVELOPE = """
kind           M
subjectCategory M
status         M
decisionDate   M
originRegion   M
issuerName     M
issuerUscc     M
objection      M
reportedName   O
reportedCode   O
documentNo     O
receivedAt     O
originPlatform O
severity       O
ruleSetId      O
displayFrom    O
displayMinUntil O
displayUntil   O
remark         G
"""

# records.md: each kind's own columns: header in the file | field in the API | class | cell | value
# in the answer (nothing: the cell). O*: open after the scan of free text (§6). Of `{…}` cells the
# party fills in its own. The first line of a kind: name | type | class of firms, of persons.
KINDS = """
licence | Licence | O G            §2
行政相对人名称 | reportedName | E | {name}
行政相对人类别 | subjectCategory | E | {category}
统一社会信用代码 | uscc | O | {uscc}
工商注册号 | regNo | O | {regNo}
组织机构代码 | orgCode | O | {orgCode}
税务登记号 | taxNo | O | {taxNo}
事业单位证书号 | instCertNo | O |
社会组织登记证号 | socialCertNo | O |
法定代表人 | legalRepName | O | {rep}
法定代表人证件类型 | legalRepIdType | R | {repType} | {repTypeCode}
法定代表人证件号码 | - | R | {repNo}
自然人证件类型 | personIdType | R | {idType} | {idTypeCode}
自然人证件号码 | - | R | {idNo}
行政许可决定文书名称 | documentName | O | 食品经营许可决定书
项目名称 | projectName | O | 食品经营
行政许可决定文书号 | documentNo | E | {no}
许可类别 | licenceCategory | O | 普通 | ORDINARY
许可证书名称 | certificateName | O | 食品经营许可证
许可编号 | certificateNo | O | JY12105040000001
许可内容 | content | O* | {text}
许可决定日期 | decisionDate | E | 2026-03-02
有效期自 | licenceValidFrom | O | 2026-03-02
有效期至 | licenceValidTo | O | 2031-03-01
许可机关 | issuerName | E | 本溪市示例局
许可机关统一社会信用代码 | issuerUscc | E | {organ}
当前状态 | licenceStatus | O | 1 | IN_FORCE
数据来源单位 | - | E | 本溪市示例局
数据来源单位代码 | - | E | {organ}
备注 | remark | G | 内部备注
信息使用范围 | useScope | I | {scope} | {scopeCode}
数据生产部门编码 | producerCode | I | 生产部门07
采集日期 | collectedOn | I | 2026-03-03

penalty | Penalty | O G            §3
行政相对人名称 | reportedName | E | {name}
行政相对人类别 | subjectCategory | E | {category}
统一社会信用代码 | uscc | O | {uscc}
工商注册号 | regNo | O | {regNo}
组织机构代码 | orgCode | O | {orgCode}
税务登记号 | taxNo | O | {taxNo}
事业单位证书号 | instCertNo | O |
社会组织登记证号 | socialCertNo | O |
法定代表人 | legalRepName | O | {rep}
法定代表人证件类型 | legalRepIdType | R | {repType} | {repTypeCode}
法定代表人证件号码 | - | R | {repNo}
自然人证件类型 | personIdType | R | {idType} | {idTypeCode}
自然人证件号码 | - | R | {idNo}
行政处罚决定书文号 | documentNo | E | {no}
处罚名称 | penaltyName | O | 未按规定公示
违法行为类型 | violationType | O | 违反公示规定
违法事实 | facts | O* | {text}
处罚依据 | legalBasis | O | 《中华人民共和国行政处罚法》
处罚类别 | penaltyTypes | O | 罚款;没收违法所得、没收非法财物 | FINE CONFISCATION
处罚内容 | content | O* | {text}罚款2000元
罚款金额（万元） | fineAmount | O | 0.2
没收违法所得、没收非法财物的金额（万元） | confiscatedAmount | O | 0.35
暂扣或吊销证照名称及编号 | licenceAffected | O | 食品经营许可证
处罚决定日期 | decisionDate | E | 2026-03-02
处罚有效期 | effectiveUntil | O | 2027-03-02
公示截止期 | pubDeadline | O | 2027-03-01
处罚机关 | issuerName | E | 本溪市示例局
处罚机关统一社会信用代码 | issuerUscc | E | {organ}
数据来源单位 | - | E | 本溪市示例局
数据来源单位代码 | - | E | {organ}
备注 | remark | G | 内部备注
程序种类 | procedure | I | {procedure} | {procedureCode}
失信程度 | severity | E | {severity} | {severityCode}
履行情况 | performed | G | 是 | true
履行日期 | performedOn | G | 2026-03-20
履行证明材料 | evidenceRef | G | 缴款书1号
复议/诉讼状态 | reviewStatus | G | 无 | NONE
信息使用范围 | useScope | I | {scope} | {scopeCode}
数据生产部门编码 | producerCode | I | 生产部门07
采集日期 | collectedOn | I | 2026-03-03

inspection | Inspection | O G      §4; details G and inspectors I by access rules §2
主体名称 | reportedName | E | {name}
主体类别 | subjectCategory | E | {category}
统一社会信用代码 | uscc | O | {uscc}
注册号 | regNo | O | {regNo}
组织机构代码 | orgCode | O | {orgCode}
证件类型 | personIdType | R | {idType} | {idTypeCode}
证件号码 | - | R | {idNo}
抽查计划编号 | planNo | O | 2026-双随机-1
抽查任务编号 | documentNo | E | {no}
检查类型 | inspectKind | O | 双随机抽查 | RANDOM
检查日期 | decisionDate | E | 2026-03-02
检查机关 | issuerName | E | 本溪市示例局
检查机关代码 | issuerUscc | E | {organ}
检查人员 | inspectors | I | 孙检查、李检查
检查事项 | items | G | 公示信息
检查结果 | resultCode | O | 未发现问题 | NO_PROBLEM
检查结果说明 | resultText | G | 一切正常
后续处理 | followUp | G | 无须处理
公示日期 | publishedOn | O | 2026-03-10
数据来源单位 | - | E | 本溪市示例局
数据来源单位代码 | - | E | {organ}
备注 | remark | G | 内部备注

commitment | Commitment | O G      §5, 可向社会公开
承诺编码 | documentNo | E | {commitmentNo}
承诺人名称 | reportedName | E | {name}
主体类别 | subjectCategory | E | {category}
统一社会信用代码 | uscc | O | {uscc}
注册号 | regNo | O | {regNo}
组织机构代码 | orgCode | O | {orgCode}
证件类型 | personIdType | R | {idType} | {idTypeCode}
证件号码 | - | R | {idNo}
承诺类型 | commitmentType | O | 容缺受理型 | DEFERRED_MATERIALS
承诺事由 | reason | O | 办理许可
承诺内容 | content | O* | {text}
违诺责任 | liability | O | 撤销许可
承诺作出日期 | decisionDate | E | 2026-03-02
承诺有效期 | validUntil | O | 2027-03-02
承诺履行状态 | fulfilment | O | 部分履行 | PART
未履行的承诺内容 | unperformed | O* | {text}
违诺责任追究内容 | liabilityTaken | O | 责令改正
认定日期 | assessedOn | O | 2026-04-02
认定单位 | assessor | O | 本溪市认定局
认定单位代码 | assessorUscc | O | {organ}
受理单位 | issuerName | E | 本溪市示例局
受理单位代码 | issuerUscc | E | {organ}
公开类型 | publicationType | O | {publication} | {publicationCode}
数据来源单位 | - | E | 本溪市示例局
数据来源单位代码 | - | E | {organ}
备注 | remark | G | 内部备注

red_list | RedListing | O G        §6.1
主体名称 | reportedName | E | {name}
主体类别 | subjectCategory | E | {category}
统一社会信用代码 | uscc | O | {uscc}
注册号 | regNo | O | {regNo}
组织机构代码 | orgCode | O | {orgCode}
证件类型 | personIdType | R | {idType} | {idTypeCode}
证件号码 | - | R | {idNo}
名单种类 | listCode | O | 守合同重信用 | CONTRACTS
评价年度 | year | O | 2025
认定文号 | documentNo | E | {no}
认定时间 | decisionDate | E | 2026-03-02
认定单位 | issuerName | E | 本溪市示例局
认定单位代码 | issuerUscc | E | {organ}
认定依据 | basis | O | 评价办法
有效期自 | validFrom | O | 2026-03-02
有效期至 | validTo | O | 2028-03-01
移出日期 | removedOn | O |
移出原因 | removedReason | O |
数据来源单位 | - | E | 本溪市示例局
数据来源单位代码 | - | E | {organ}
备注 | remark | G | 内部备注

serious_list | SeriousListing | O G   §6.2; persons named in it are not open (A4)
主体名称 | reportedName | E | {name}
主体类别 | subjectCategory | E | {category}
统一社会信用代码 | uscc | O | {uscc}
注册号 | regNo | O | {regNo}
组织机构代码 | orgCode | O | {orgCode}
证件类型 | personIdType | R | {idType} | {idTypeCode}
证件号码 | - | R | {idNo}
名单种类 | listCode | O | 安全生产严重失信 | WORK_SAFETY
认定文书号 | documentNo | E | {no}
列入日期 | decisionDate | E | 2026-03-02
认定单位 | issuerName | E | 本溪市示例局
认定单位代码 | issuerUscc | E | {organ}
认定依据 | legalBasis | O | 《安全生产法》
失信事实 | facts | O* | {text}
列入原因 | includeReason | O | 发生事故
责任人员 | liablePersons | G | 钱负责
事先告知送达日期 | noticeDeliveredOn | G | 2026-02-02
惩戒措施 | measures | O | 限制参加评优
失信程度 | severity | E | 严重 | SERIOUS
移出日期 | removedOn | O |
移出原因 | removedReason | O |
审批意见 | signOff | I | 同意列入
数据来源单位 | - | E | 本溪市示例局
数据来源单位代码 | - | E | {organ}
备注 | remark | G | 内部备注

watch_list | WatchListing | G G    §6.3
主体名称 | reportedName | E | {name}
主体类别 | subjectCategory | E | {category}
统一社会信用代码 | uscc | O | {uscc}
注册号 | regNo | O | {regNo}
组织机构代码 | orgCode | O | {orgCode}
证件类型 | personIdType | R | {idType} | {idTypeCode}
证件号码 | - | R | {idNo}
关注名单编码 | watchCode | O | ZD-01
关注事由 | grounds | O | 多次投诉
列入日期 | decisionDate | E | 2026-03-02
监管单位 | issuerName | E | 本溪市示例局
监管单位代码 | issuerUscc | E | {organ}
监管措施 | measures | O | 提高抽查比例
复核期限 | reviewBy | O | 2026-09-02
退出日期 | exitOn | O |
退出原因 | removedReason | O |
数据来源单位 | - | E | 本溪市示例局
数据来源单位代码 | - | E | {organ}
备注 | remark | G | 内部备注

court_defaulter | CourtDefault | O O   §7
被执行人姓名/名称 | reportedName | E | {name}
类型 | subjectCategory | E | {category}
性别 | gender | O | {gender} | {genderCode}
年龄 | age | O | {age}
身份证号码/组织机构代码 | idMasked | O | {card} | {cardShown}
证件类型 | personIdType | R | {idType} | {idTypeCode}
证件号码 | - | R | {idNo}
法定代表人或者负责人姓名 | legalRepName | O | {rep}
执行法院 | issuerName | E | 本溪市明山区人民法院
执行法院代码 | issuerUscc | E | {organ}
省份 | province | O | 辽宁
案号 | documentNo | E | {caseNo}
执行依据文号 | basisNo | O | （2025）辽0504民初9号
做出执行依据单位 | basisUnit | O | 本溪市明山区人民法院
立案时间 | decisionDate | E | 2026-03-02
发布时间 | publishedOn | O | 2026-03-20
生效法律文书确定的义务 | duty | O* | {text}
被执行人的履行情况 | performance | O | 部分未履行 | PART
已履行部分 | performedPart | O | 2000元
未履行部分 | unperformedPart | O | 8000元
失信被执行人行为具体情形 | behaviour | O | 违反财产报告制度 | FALSE_REPORT_OF_PROPERTY
失信程度 | severity | E | 严重 | SERIOUS
退出日期 | removedOn | O |
退出原因 | removedReason | O |
数据来源单位 | - | E | 本溪市明山区人民法院
数据来源单位代码 | - | E | {organ}

abnormal_operation | AbnormalOperation | O G   §8.1
企业名称 | reportedName | E | {name}
主体类别 | subjectCategory | E | {category}
统一社会信用代码 | uscc | O | {uscc}
注册号 | regNo | O | {regNo}
组织机构代码 | orgCode | O | {orgCode}
列入经营异常名录原因 | reason | O | 未按期公示年报 | NO_ANNUAL_REPORT
列入日期 | decisionDate | E | 2026-03-02
作出决定机关（列入） | issuerName | E | 本溪市示例局
作出决定机关（列入）代码 | issuerUscc | E | {organ}
标记为经营异常状态 | markedAbnormal | O | 否 | false
失信程度 | severity | E | 一般 | ORDINARY
移出日期 | removedOn | O |
移出经营异常名录原因 | removedReason | O |
作出决定机关（移出） | removedBy | O |
数据来源单位 | - | E | 本溪市示例局
数据来源单位代码 | - | E | {organ}

tax_arrears | TaxArrears | O G     §8.2
主体名称 | reportedName | E | {name}
主体类别 | subjectCategory | E | {category}
统一社会信用代码 | uscc | O | {uscc}
注册号 | regNo | O | {regNo}
组织机构代码 | orgCode | O | {orgCode}
证件类型 | personIdType | R | {idType} | {idTypeCode}
证件号码 | - | R | {idNo}
税种 | taxType | O | 契税 | DEED_TAX
欠缴所属期 | period | O | 2026-01
欠缴金额（元） | owedAmount | O | 12500.55
公告日期 | decisionDate | E | 2026-03-02
公告文号 | documentNo | E | {no}
主管税务机关 | issuerName | E | 本溪市示例局
主管税务机关代码 | issuerUscc | E | {organ}
缴清日期 | clearedOn | O |
数据来源单位 | - | E | 本溪市示例局
数据来源单位代码 | - | E | {organ}
备注 | remark | G | 内部备注

social_insurance_arrears | SocialInsuranceArrears | G R   §8.2
主体名称 | reportedName | E | {name}
主体类别 | subjectCategory | E | {category}
统一社会信用代码 | uscc | O | {uscc}
注册号 | regNo | O | {regNo}
组织机构代码 | orgCode | O | {orgCode}
证件类型 | personIdType | R | {idType} | {idTypeCode}
证件号码 | - | R | {idNo}
险种 | insuranceKind | O | 工伤 | WORK_INJURY
欠缴所属期 | period | O | 2026-01
欠缴金额（元） | owedAmount | O | 12500.55
欠缴人数 | headcount | O | 7
认定日期 | decisionDate | E | 2026-03-02
经办机构 | issuerName | E | 本溪市示例局
经办机构代码 | issuerUscc | E | {organ}
缴清日期 | clearedOn | O |
数据来源单位 | - | E | 本溪市示例局
数据来源单位代码 | - | E | {organ}
备注 | remark | G | 内部备注

housing_fund_arrears | HousingFundArrears | G R   §8.2
主体名称 | reportedName | E | {name}
主体类别 | subjectCategory | E | {category}
统一社会信用代码 | uscc | O | {uscc}
注册号 | regNo | O | {regNo}
组织机构代码 | orgCode | O | {orgCode}
证件类型 | personIdType | R | {idType} | {idTypeCode}
证件号码 | - | R | {idNo}
欠缴所属期 | period | O | 2026-01
欠缴金额（元） | owedAmount | O | 12500.55
欠缴人数 | headcount | O | 7
认定日期 | decisionDate | E | 2026-03-02
公积金中心 | issuerName | E | 本溪市示例局
公积金中心代码 | issuerUscc | E | {organ}
缴清日期 | clearedOn | O |
数据来源单位 | - | E | 本溪市示例局
数据来源单位代码 | - | E | {organ}
备注 | remark | G | 内部备注

utility_arrears | UtilityArrears | G A   §8.2; account §6, the address of a person access rules §2 (R)
主体名称 | reportedName | E | {name}
主体类别 | subjectCategory | E | {category}
统一社会信用代码 | uscc | O | {uscc}
注册号 | regNo | O | {regNo}
组织机构代码 | orgCode | O | {orgCode}
证件类型 | personIdType | R | {idType} | {idTypeCode}
证件号码 | - | R | {idNo}
公用事业种类 | utility | O | 燃气 | GAS
用户编号 | accountNo | O | 210500-0012{tail} | ****{tail}
用户地址 | meterAddress | R | 明山区某街1号
欠缴所属期 | period | O | 2026-01
欠缴金额（元） | owedAmount | O | 12500.55
逾期天数 | overdueDays | O | 40
催缴日期 | decisionDate | E | 2026-03-02
供应单位 | issuerName | E | 本溪市示例局
供应单位代码 | issuerUscc | E | {organ}
缴清日期 | clearedOn | O |
数据来源单位 | - | E | 本溪市示例局
数据来源单位代码 | - | E | {organ}
备注 | remark | G | 内部备注

evaluation | Evaluation | G G      §10.1
主体名称 | reportedName | E | {name}
主体类别 | subjectCategory | E | {category}
统一社会信用代码 | uscc | O | {uscc}
注册号 | regNo | O | {regNo}
组织机构代码 | orgCode | O | {orgCode}
证件类型 | personIdType | R | {idType} | {idTypeCode}
证件号码 | - | R | {idNo}
评价方案 | scheme | O | SY-1000
方案版本 | schemeVersion | O | v2
评价得分 | score | O | 812.5
评价等级 | grade | O |
评价日期 | decisionDate | E | 2026-03-02
数据截止日期 | dataAsOf | O | 2026-02-28
有效期至 | validUntil | O | 2027-03-02
评价单位 | issuerName | E | 本溪市示例局
评价单位代码 | issuerUscc | E | {organ}
评价指标 | indicators | G | 纳税20、履约30
一票否决项 | vetoes | O | 无
模型摘要 | modelHash | O | a1b2
数据来源单位 | - | E | 本溪市示例局
数据来源单位代码 | - | E | {organ}
备注 | remark | G | 内部备注
"""

# Lines that the file itself closes further: kind | word | class | cells that differ. Simple
# procedure is internal (records §3), minor is not published (§9.1), the use or publication that
# the unit states (§2 信息使用范围, §5 公开类型).
NARROWER = """
penalty | simple | I | procedure=简易程序 procedureCode=SIMPLE
penalty | minor | G | severity=轻微 severityCode=MINOR
penalty | inside | G | scope=1 scopeCode=GOVERNMENT
licence | inside | G | scope=1 scopeCode=GOVERNMENT
licence | consent | A | scope=2 scopeCode=AUTHORISED
commitment | limited | G | publication=特定范围内公开 publicationCode=LIMITED
commitment | closed | I | publication=不可公开 publicationCode=NOT_PUBLIC
"""

# The form of 2015/16 (records.md, head): its headers under the headers of 2018; others it lacks.
FORMER = {
    "licence": {
        "行政许可决定书文号": "行政许可决定文书号",
        "项目名称": "项目名称",
        "审批类别": "许可类别",
        "许可内容": "许可内容",
        "行政相对人名称": "行政相对人名称",
        "行政相对人代码_1(统一社会信用代码)": "统一社会信用代码",
        "行政相对人代码_2(组织机构代码)": "组织机构代码",
        "行政相对人代码_3(工商登记码)": "工商注册号",
        "行政相对人代码_4(税务登记号)": "税务登记号",
        "行政相对人代码_5(居民身份证号)": "自然人证件号码",
        "法定代表人姓名": "法定代表人",
        "许可机关": "许可机关",
        "许可决定日期": "许可决定日期",
        "许可截止期": "有效期至",
        "当前状态": "",
        "地方编码": "",
        "数据更新时间戳": "",
        "信息使用范围": "信息使用范围",
        "备注": "备注",
    },
    "penalty": {
        "行政处罚决定书文号": "行政处罚决定书文号",
        "处罚名称": "处罚名称",
        "处罚类别1": "处罚类别",
        "处罚类别2": "",
        "处罚事由": "违法事实",
        "处罚依据": "处罚依据",
        "行政相对人名称": "行政相对人名称",
        "行政相对人代码_1(统一社会信用代码)": "统一社会信用代码",
        "行政相对人代码_2(组织机构代码)": "组织机构代码",
        "行政相对人代码_3(工商登记码)": "工商注册号",
        "行政相对人代码_4(税务登记号)": "税务登记号",
        "行政相对人代码_5(居民身份证号)": "自然人证件号码",
        "法定代表人姓名": "法定代表人",
        "处罚机关": "处罚机关",
        "处罚结果": "处罚内容",
        "处罚决定日期": "处罚决定日期",
        "处罚截止期": "处罚有效期",
        "当前状态": "",
        "地方编码": "",
        "数据更新时间戳": "",
        "信息使用范围": "信息使用范围",
        "备注": "备注",
    },
}
# What follows from that form all the same: the category from the codes, an identity card from its
# number, 有效 from status 0, 一般 from a fine (§9.1).
FORMER_FOLLOWS = {"行政相对人类别", "自然人证件类型", "当前状态", "失信程度"}

# The court's own names (records.md §7), under the headers above; its list is 严重 (§9.1).
COURT_FOLLOWS = {"失信程度"}
COURT = {
    "iname": "被执行人姓名/名称",
    "partyTypeName": "类型",
    "sexy": "性别",
    "age": "年龄",
    "cardNum": "身份证号码/组织机构代码",
    "businessEntity": "法定代表人或者负责人姓名",
    "courtName": "执行法院",
    "areaName": "省份",
    "caseCode": "案号",
    "gistId": "执行依据文号",
    "gistUnit": "做出执行依据单位",
    "regDate": "立案时间",
    "publishDate": "发布时间",
    "duty": "生效法律文书确定的义务",
    "performance": "被执行人的履行情况",
    "performedPart": "已履行部分",
    "unperformPart": "未履行部分",
    "disruptTypeName": "失信被执行人行为具体情形",
}

# Kinds that §3.1 has no row for, as docs/access.md publishes them: marks for firms and for persons by
# the purposes of §3.1.
MATRIX = """
licence                  ●●●●●●-●●● ●●------●-
red_list                 ●-●●●●-●●● ----●●-●●-
watch_list               --●----●-● ----------
inspection               ●●●○○●-●-● ----------
"""
PURPOSES = access_rules.purposes()
RULES = access_rules.roles()

# §3: the purposes of each role.
ALLOWED: dict[str, tuple[str | None, ...]] = {
    role: RULES[role].purposes or (None,) for role in ROLES
}


def _reach() -> Iterator[tuple[tuple[str, str], set[str]]]:
    """§3: what a role reads that nothing names, that has a case, whose grounds name the subject."""
    for role in ROLES:
        row = RULES[role]
        yield (role, "-"), set(row.unnamed) - ({"P"} if row.case_for_persons else set())
        if row.case_for_persons:
            yield (role, "case"), set(row.unnamed)
        if role in NAMED_BY:
            yield (role, "named"), set(row.named)


# §6: the name of a person that the grounds do not name, and of one that they do (王小明).
NAMES = """
PUB        王*   -
SELF       王*   王小明
AGENT      王*   王小明
ANALYST    王*   王小明
DEPT       王*明 王小明
PCITY      王*   -
STEWARD    王*明 王小明
AUDITOR    王*明 -
SUPERVISOR 王*明 -
"""
NAMED_BY = {"SELF": "own", "AGENT": "authorised", "ANALYST": "approved", "DEPT": "matter", "STEWARD": "matter"}  # fmt: skip

# --- reading the tables -------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    header: str
    name: str
    level: str
    cell: str
    value: str


@dataclass(frozen=True)
class Table:
    kind: str
    type_name: str
    firms: str
    persons: str
    columns: tuple[Column, ...]


def _tables() -> Iterator[Table]:
    for block in KINDS.strip().split("\n\n"):
        head, *lines = block.splitlines()
        kind, type_name, classes = (part.strip() for part in head.split("|"))
        columns = []
        for line in lines:
            header, name, level, cell, *value = (part.strip() for part in line.split("|"))
            columns.append(Column(header, name, level, cell, value[0] if value else cell))
        firms, persons = classes.split()[:2]
        yield Table(kind, type_name, firms, persons, tuple(columns))


LEVELS = dict(line.split() for line in ENVELOPE.strip().splitlines())
TABLES = {table.kind: table for table in _tables()}
MARKS = {
    **access_rules.marks(),
    **{
        kind: {
            (purpose, category): marks[category == "person"][at]
            for at, purpose in enumerate(PURPOSES)
            for category in CATEGORIES
        }
        for kind, *marks in (line.split() for line in MATRIX.strip().splitlines())
    },
}
REACH = dict(_reach())
MASKS = {role: names for role, *names in (line.split() for line in NAMES.strip().splitlines())}
NARROWED = [
    (kind, word, level, dict(cell.split("=") for cell in cells.split()))
    for kind, word, level, cells in (
        (part.strip() for part in line.split("|")) for line in NARROWER.strip().splitlines()
    )
]


@dataclass(frozen=True)
class Line:
    """One line of a file: what it says and what is to be told of it."""

    kind: str
    form: str
    category: str
    word: str
    level: str  # class of the record
    cells: dict[str, str]
    told: dict[str, Any] = field(default_factory=dict)  # field of the API -> value
    levels: dict[str, str] = field(default_factory=dict)  # field of the API -> class


def _party(form: str, category: str, key: str) -> dict[str, str]:
    """The words of a party; each form has its own three, so that no file meets another's."""
    at = FORMS.index(form)
    person = category == "person"
    firm = code(500 + 10 * at + CATEGORIES.index(category), "92" if category == "shop" else "91")
    card = number(500 + at, "19640101") if person else ""
    serial = f"{at}{CATEGORIES.index(category)}"
    found = {
        "name": "王小明"
        if person
        else f"本溪第{serial}{'小吃店' if category == 'shop' else '机械有限公司'}",
        "category": CATEGORY[category][0],
        "uscc": "" if person else firm,
        "regNo": "",
        "orgCode": "" if person else firm[8:17],
        "taxNo": "" if person else firm,
        "rep": "" if person else "周代表",
        "repType": "" if person else "身份证",
        "repTypeCode": "" if person else "IDENTITY_CARD",
        "repNo": "" if person else number(600 + at),
        "idType": "身份证" if person else "",
        "idTypeCode": "IDENTITY_CARD" if person else "",
        "idNo": card,
        "gender": "男性" if person else "",
        "genderCode": "MALE" if person else "",
        "age": "62" if person else "",
        "card": f"{card[:10]}****{card[14:]}" if person else firm,
        "cardShown": f"{card[:10]}****{card[14:]}" if person else firm,
        "text": TEXT,
        "organ": code(900001, "11"),
        "procedure": "普通程序",
        "procedureCode": "ORDINARY",
        "severity": "一般",
        "severityCode": "ORDINARY",
        "scope": "0",
        "scopeCode": "PUBLIC",
        "publication": "可向社会公开",
        "publicationCode": "PUBLIC",
        "no": f"{key}-{form}-{category}",
        "tail": f"{4000 + 10 * at + CATEGORIES.index(category)}",
    }
    words = (None, *(word for _, word, _, _ in NARROWED))
    count = words.index(key.partition("/")[2] or None) + 20 * int(serial)
    found["commitmentNo"] = f"21050420260302{count:06d}"
    found["caseNo"] = f"（2026）辽0504执{1000 + count}号"
    return found


def _line(
    kind: str, form: str, category: str, word: str, level: str, changed: dict[str, str]
) -> Line:
    table = TABLES[kind]
    party = _party(form, category, f"{kind}/{word}" if word else kind) | changed
    if form == "court" and category == "person":
        party["idNo"] = party["idType"] = party["idTypeCode"] = ""  # the court hides the number
    has = {column.header for column in table.columns}
    if form == "2015":
        has = {*FORMER[kind].values(), *FORMER_FOLLOWS}
    if form == "court":
        has = {*COURT.values(), *COURT_FOLLOWS}
    line = Line(kind, form, category, word, level, {})
    for column in table.columns:
        cell, value = (text.format(**party) for text in (column.cell, column.value))
        line.cells[column.header] = cell
        if column.name != "-":
            line.told[column.name] = value if value and column.header in has else None
            line.levels[column.name] = column.level
    return line


def _lines() -> Iterator[Line]:
    for form in FORMS:
        forms = {"court": ("court_defaulter",), "2015": ("licence", "penalty")}
        for kind in forms.get(form, tuple(TABLES)):
            for category in CATEGORIES:
                if kind == "abnormal_operation" and category == "person":
                    continue  # records.md §8.1: firms and individual businesses
                table = TABLES[kind]
                level = table.persons if category == "person" else table.firms
                yield _line(kind, form, category, "", level, {})
            for narrowed, word, level, changed in NARROWED:
                if narrowed == kind and not (form == "2015" and word in ("simple", "minor")):
                    yield _line(kind, form, "firm", word, level, changed)


LINES = tuple(_lines())
FILES = sorted({(line.form, line.kind) for line in LINES})


def _rows(kind: str, form: str) -> list[dict[str, str]]:
    """The file's lines under its own headers: those of the kind's template."""
    lines = [line for line in LINES if (line.kind, line.form) == (kind, form)]
    if form == "court":
        return [
            {name: _as_the_court(name, line.cells[of]) for name, of in COURT.items()}
            for line in lines
        ]
    if form == "2015":
        headers = FORMER[kind]
        rows = [
            {new: line.cells[of] if of else "" for new, of in headers.items()} for line in lines
        ]
        for row in rows:
            row["当前状态"] = "0"
            if kind == "penalty":
                row["处罚类别1"], row["处罚类别2"] = "1", "2"
        return rows
    return [dict(line.cells) for line in lines]


def _as_the_court(name: str, cell: str) -> str:
    match name:
        case "regDate":
            return cell.replace("-", "")
        case "publishDate":
            year, month, day = cell.split("-")
            return f"{year}年{month}月{day}日"
        case "partyTypeName":
            return {"自然人": "0", "法人及非法人组织": "1", "个体工商户": "3"}[cell]
        case "age":
            return cell or "0"
    return cell


def _write(folder: Path, kind: str, form: str) -> Path:
    rows = _rows(kind, form)
    endings = {"xlsx": "xlsx", "jsonl": "jsonl", "json": "json", "court": "json"}
    path = folder / f"{kind}_{form}.{endings.get(form, 'csv')}"
    match form:
        case "xlsx":
            write_workbook(
                path, [Sheet("数据", [list(rows[0]), *(list(row.values()) for row in rows)])]
            )
        case "jsonl":
            path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        case "json" | "court":
            path.write_text(json.dumps(rows, ensure_ascii=False))
        case _:
            encoding = "utf-8" if form == "2015" else form
            with path.open("w", encoding=encoding, newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
    return path


# --- the node -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class City:
    pool: asyncpg.Pool[Any]
    cipher: FieldCipher
    named: frozenset[UUID]


@pytest.fixture(scope="module")
async def city(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[City]:
    """A database into which every file was imported once."""
    folder = tmp_path_factory.mktemp("files")
    async with databases.fresh() as dsn:
        pool = await open_pool(dsn, max_size=4)
        keys = folder / "keys"
        cipher = FieldCipher(KeyFolder(keys))
        paths = [_write(folder, kind, form) for form, kind in FILES]
        summary = await import_paths(
            pool,
            paths,
            kinds=kinds(),
            cipher=cipher,
            region="210500",
            platform="benxi",
            today=TODAY,
            report_dir=folder / "reports",
            rules=IntakeRules(person_utility_arrears=True),
        )
        reports = "".join(
            path.read_text("utf-8-sig") for path in (folder / "reports").rglob("*.csv")
        )
        assert (summary.lines, summary.rejected) == (len(LINES), 0), reports[:3000]
        assert sorted(batch.kind for batch in summary.batches) == sorted(kind for _, kind in FILES)
        named = await pool.fetch("SELECT subject_id FROM subject")
        yield City(pool, cipher, frozenset(row["subject_id"] for row in named))
        await pool.close()


Read = Callable[..., Awaitable[dict[str, dict[str, Any]]]]


@pytest.fixture(scope="module")
def operations() -> Operations:
    # The one question about every field of every kind has more aliases than callers may.
    return Operations(CreditSchema(kinds()), limits=Limits(aliases=1_000))


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy()


MONEY = ("fineAmount", "confiscatedAmount", "owedAmount")


def _document() -> str:
    parts = []
    for table in TABLES.values():
        own = [
            column.name
            for column in table.columns
            if column.level != "E" and column.name not in ("-", "remark")
        ]
        shown = [
            f"{table.kind}_{name}: {name}{' { value }' if name in MONEY else ''}" for name in own
        ]
        parts.append(f"... on {table.type_name} {{ {' '.join(shown)} }}")
    return (
        "query($after: String) { records(first: 100, after: $after) { totalCount"
        " pageInfo { hasNextPage endCursor } nodes {"
        f" id {' '.join(LEVELS)} timeliness {{ workingDays }} sourceUnit {{ name uscc }} {' '.join(parts)} }} }} }}"
    )


DOCUMENT = _document()


@pytest.fixture
def read(city: City, operations: Operations, policy: Policy) -> Read:
    """All records that a role reads, by kind and document number or what stands for one."""

    async def run(role: str, purpose: str | None, grounds: str = "-") -> dict[str, dict[str, Any]]:
        every = frozenset(TABLES)
        given: dict[str, Any] = {"government_kinds": every}
        match role:
            case "PCITY":
                given |= {"agreement": "a-1", "shared_kinds": every, "partner": "210100"}
            case "DEPT":
                given |= {"application_kinds": every, "actor": "李科员", "unit": code(900002, "11")}
            case "AGENT":
                given |= {"authorisation": "1", "authorised_kinds": every}
        if grounds == "named":
            given[NAMED_BY[role]] = city.named
        case = "" if grounds == "-" else "案1"
        scope = policy.scope("caller", role, purpose, case, Grounds(**given), kinds=every)
        plan = operations.prepare(DOCUMENT, None, scope)
        context = Context(
            city.pool, scope, TODAY, b"k" * 32,
            read_number=lambda sealed: city.cipher.decrypt(sealed, b"person"),
        )  # fmt: skip
        found: dict[str, dict[str, Any]] = {}
        after, total = None, None
        while True:
            answer = await plan.run(context, {"after": after})
            told = orjson.loads(answer.body)
            assert "errors" not in told, told
            page = told["data"]["records"]
            total = page["totalCount"]
            found |= {node["id"]: node for node in page["nodes"]}
            assert not any("\n" in node["id"] for node in page["nodes"])
            if not page["pageInfo"]["hasNextPage"]:
                break
            after = page["pageInfo"]["endCursor"]
        assert len(found) == total
        return found

    return run


@pytest.fixture(scope="module")
async def ids(city: City) -> dict[str, Line]:
    """The line behind each id of the API: the records of a file in the order of its lines."""
    rows = await city.pool.fetch(
        "SELECT r.kind, r.record_id, b.file_name FROM record r"
        " JOIN batch b ON b.sha256 = r.batch_sha ORDER BY r.line_no"
    )
    found: dict[str, Line] = {}
    for form, kind in FILES:
        lines = [line for line in LINES if (line.form, line.kind) == (form, kind)]
        stem = f"{kind}_{form}."
        records = [row["record_id"] for row in rows if row["file_name"].startswith(stem)]
        assert len(lines) == len(records), (kind, form, len(lines), len(records), len(rows))
        for line, record in zip(lines, records, strict=True):
            id_ = f"{TABLES[kind].type_name}:{record}"
            found[base64.b64encode(id_.encode()).decode()] = line
    assert len(found) == len(rows) == len(LINES)
    return found


# --- what is to be seen -------------------------------------------------------------------------


def expected(line: Line, role: str, purpose: str | None, grounds: str) -> dict[str, Any] | None:
    """What the tables let the role see of the line, field by field; None for nothing."""
    columns = REACH[role, grounds]
    person = line.category == "person"
    mark = MARKS[line.kind].get((purpose or "", line.category), "●")
    if role in ("SELF", "STEWARD", "AUDITOR", "SUPERVISOR"):
        mark = "●"
    share = "P" if person else "G"
    open_ = line.level == "O" and "O" in columns
    shared = line.level in "OG" and share in columns
    whole = (
        (shared and mark == "●")
        or (line.level == "A" and "A" in columns)
        or (line.level == "R" and "R" in columns)
        or (line.level == "I" and "I" in columns)
    )
    member = shared and mark == "○"
    if not (open_ or whole or member):
        return None
    named = grounds == "named"
    told: dict[str, Any] = {}
    for name, level in line.levels.items():
        of = LEVELS.get(name, level)
        match of:
            case "M":
                seen = True
            case "O" | "O*":
                seen = open_ or whole
            case "G":
                seen = whole
            case "R":
                seen = "R" in columns
            case "I":
                seen = "I" in columns
            case _:
                raise AssertionError(of)
        value = line.told[name] if seen else None
        if of == "O*" and value is not None and not whole:
            value = "screened"
        told[name] = value
    if person and told["reportedName"] is not None:
        told["reportedName"] = MASKS[role][named]
    told["subjectCategory"] = CATEGORY[line.category][1]
    return told


def shown(line: Line, node: dict[str, Any]) -> dict[str, Any]:
    """The node in the words of the table."""
    told: dict[str, Any] = {}
    for name in line.levels:
        value = node[name] if name in node else node[f"{line.kind}_{name}"]
        if isinstance(value, dict):
            value = value["value"]
        if isinstance(value, list):
            value = " ".join(value)
        if isinstance(value, bool):
            value = str(value).lower()
        told[name] = None if value in (None, "") else str(value)
    return told


ASKED = [
    (role, purpose, grounds)
    for role in ROLES
    for purpose in ALLOWED[role]
    for of, grounds in REACH
    if of == role
]


@pytest.mark.parametrize(("role", "purpose", "grounds"), ASKED)
async def test_every_field_of_every_kind_from_every_format(
    read: Read, ids: dict[str, Line], role: str, purpose: str | None, grounds: str
) -> None:
    found = await read(role, purpose, grounds)
    wrong = []
    for id_, line in ids.items():
        want, node = expected(line, role, purpose, grounds), found.get(id_)
        got = shown(line, node) if node is not None else None
        if want is not None and got is not None:
            for name, value in want.items():
                if value == "screened":
                    text = got[name] or ""
                    assert "拒不改正" in text, (line, text)
                    assert not any(word in text for word in PERSONAL), (line, text)
                    got[name] = value
            assert node is not None
            _check_envelope(line, node, member=want["reportedName"] is None)
            differing = {name: (want[name], got[name]) for name in want if want[name] != got[name]}
        else:
            differing = {} if want is got else {"record": (want is not None, got is not None)}
        if differing:
            wrong.append(f"{line.kind} {line.form} {line.category} {line.word}: {differing}")
    assert not wrong, "\n".join(wrong)


def _check_envelope(line: Line, node: dict[str, Any], *, member: bool) -> None:
    """What no column of the file says: of a member nothing but the row M of the table."""
    given = {name for name, level in LEVELS.items() if level != "M" and node[name] is not None}
    if member:
        assert not given, (line, given)
        assert node["sourceUnit"] is None, line
        assert node["timeliness"]["workingDays"] is None, line
    else:
        assert given >= {"reportedName", "receivedAt", "originPlatform"}, (line, given)
        assert node["sourceUnit"]["name"], line
        assert node["timeliness"]["workingDays"] is not None, line
    if line.category == "person":
        assert node["reportedCode"] is None, line
    empty = {name for name, level in LEVELS.items() if level == "M" and node[name] is None}
    # The form of 2015/16 and the courts have no code of the deciding unit.
    assert empty <= ({"issuerUscc"} if line.form in ("2015", "court") else set()), (line, empty)


def test_the_table_has_every_column_of_every_form() -> None:
    """No field escapes the table: headers as the templates that departments get have them."""
    known = layouts(kinds())
    for kind, table in TABLES.items():
        assert [column.header for column in table.columns] == Template(known[kind]).headers, kind
    for kind, headers in FORMER.items():
        assert sorted(headers) == sorted(Template(known[f"{kind}@2015"]).headers), kind
    assert sorted(TABLES) == sorted(kind.name for kind in kinds())


def test_every_cell_that_differs_from_the_rules_does_so_for_a_reason(policy: Policy) -> None:
    assert {*RULES} == {*ROLES, *access_rules.UNSERVED}
    for role in access_rules.UNSERVED:
        with pytest.raises(PolicyError) as refused:
            policy.row(role)
        assert refused.value.code == "ROLE_NOT_SERVED"
    for (role, column), differs in access_rules.DIFFERS.items():
        assert RULES[role].written[column] != (differs.unnamed, differs.named), (role, column)
    for role in ROLES:
        assert policy.row(role).hops == HOPS.get(role, RULES[role].hops), role
    assert not {line.split()[0] for line in MATRIX.strip().splitlines()} & {*access_rules.marks()}
    assert {*MARKS} == {*TABLES}


# The one row whose graph is no walk: duplicates are tasks of the work queue.
HOPS = {"STEWARD": 0}


@pytest.mark.parametrize("role", ROLES)
def test_purposes_outside_the_row_are_refused(policy: Policy, role: str) -> None:
    grounds = Grounds(agreement="a", authorisation="1", actor="李科员", unit="1")
    for number_ in range(1, 18):
        purpose = f"P{number_}"
        if purpose in ALLOWED[role] or role == "PUB":
            continue
        with pytest.raises(PolicyError) as refused:
            policy.scope("x", role, purpose, "", grounds)
        assert refused.value.code == "PURPOSE_NOT_ALLOWED", (role, purpose)
    if role != "PUB":
        with pytest.raises(PolicyError) as refused:
            policy.scope("x", role, None, "", grounds)
        assert refused.value.code == "PURPOSE_REQUIRED"


async def test_numbers_are_nowhere_in_the_answers_of_those_who_may_not_see_them(read: Read) -> None:
    digits = re.compile(r"\d{17}[\dX]")
    secret = {number(500 + at, "19640101") for at in range(len(FORMS))}
    secret |= {number(600 + at) for at in range(len(FORMS))}
    for role, purpose, grounds in ASKED:
        if grounds == "-":
            body = json.dumps(await read(role, purpose, grounds), ensure_ascii=False)
            assert not secret & set(digits.findall(body)), (role, purpose)


@pytest.mark.parametrize("blank", ["", " ", "\u3000", "\u200b", "-"])
def test_a_blank_names_neither_officer_nor_case(policy: Policy, blank: str) -> None:
    every = frozenset(TABLES)
    given = Grounds(application_kinds=every, government_kinds=every, unit="1", actor=blank)
    with pytest.raises(PolicyError) as refused:
        policy.scope("x", "DEPT", "P1", "", given)
    assert refused.value.code == "ACTOR_REQUIRED"
    scope = policy.scope("x", "ANALYST", "P12", blank, Grounds(government_kinds=every))
    with pytest.raises(PolicyError) as refused:
        scope.demand_persons()
    assert refused.value.code == "CASE_REQUIRED"
