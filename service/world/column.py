"""Columns of the feed files: English name, Chinese header, national id (records.md §2, §3)."""

from typing import NamedTuple


class Column(NamedTuple):
    """One column of a file kind; `national` is empty where the 2018 form has no id."""

    name: str
    label: str
    national: str = ""


def columns_of(text: str) -> tuple[Column, ...]:
    """Return the columns that lines of name, header and national id describe."""
    return tuple(Column(*line.split()) for line in text.strip().splitlines())


def _subject(prefix: str) -> tuple[Column, ...]:
    return columns_of(f"""
counterpartyName 行政相对人名称 {prefix}_XDR_MC
counterpartyCategory 行政相对人类别 {prefix}_XDR_LB
uscc 统一社会信用代码 {prefix}_XDR_SHXYM
regNo 工商注册号 {prefix}_XDR_GSZC
orgCode 组织机构代码 {prefix}_XDR_ZZJG
taxNo 税务登记号 {prefix}_XDR_SWDJ
instCertNo 事业单位证书号 {prefix}_XDR_SYDW
socialCertNo 社会组织登记证号 {prefix}_XDR_SHZZ
legalRepName 法定代表人 {prefix}_FRDB
legalRepIdType 法定代表人证件类型 {prefix}_FR_ZJLX
legalRepIdNo 法定代表人证件号码 {prefix}_FR_ZJHM
personIdType 自然人证件类型 {prefix}_XDR_ZJLX
personIdNo 自然人证件号码 {prefix}_XDR_ZJHM
""")


LICENCE = (
    *_subject("XK"),
    *columns_of("""
documentName 行政许可决定文书名称 XK_XKWS
documentNo 行政许可决定文书号 XK_WSH
licenceCategory 许可类别 XK_XKLB
certificateName 许可证书名称 XK_XKZS
certificateNo 许可编号 XK_XKBH
content 许可内容 XK_NR
decisionDate 许可决定日期 XK_JDRQ
licenceValidFrom 有效期自 XK_YXQZ
licenceValidTo 有效期至 XK_YXQZI
issuerName 许可机关 XK_XKJG
issuerUscc 许可机关统一社会信用代码 XK_XKJGDM
licenceStatus 当前状态 XK_ZT
sourceUnitName 数据来源单位 XK_LYDW
sourceUnitUscc 数据来源单位代码 XK_LYDWDM
remark 备注 BZ
"""),
)
PENALTY = (
    *_subject("CF"),
    *columns_of("""
documentNo 行政处罚决定书文号 CF_WSH
violationType 违法行为类型 CF_WFXW
facts 违法事实 CF_SY
legalBasis 处罚依据 CF_YJ
penaltyTypes 处罚类别 CF_CFLB
content 处罚内容 CF_NR
fineAmount 罚款金额（万元） CF_NR_FK
confiscatedAmount 没收违法所得、没收非法财物的金额（万元） CF_NR_WFFF
licenceAffected 暂扣或吊销证照名称及编号 CF_NR_ZKDX
decisionDate 处罚决定日期 CF_JDRQ
effectiveUntil 处罚有效期 CF_YXQ
pubDeadline 公示截止期 CF_GSJZQ
issuerName 处罚机关 CF_CFJG
issuerUscc 处罚机关统一社会信用代码 CF_CFJGDM
sourceUnitName 数据来源单位 CF_SJLY
sourceUnitUscc 数据来源单位代码 CF_SJLYDM
remark 备注 BZ
procedure 程序种类
performed 履行情况
performedOn 履行日期
reviewStatus 复议/诉讼状态
"""),
)
_SOURCE = "sourceUnitName 数据来源单位\nsourceUnitUscc 数据来源单位代码"
FIRMS = columns_of(f"""
name 主体名称
uscc 统一社会信用代码
orgCode 组织机构代码
regNo 注册号
taxNo 税务登记号
entityType 主体类型
regStatus 登记状态
establishedOn 成立日期
approvedOn 核准日期
deregisteredOn 注销日期
revokedOn 吊销日期
operatingFrom 营业期限自
operatingTo 营业期限至
registeredCapital 注册资本(万元)
currency 币种
paidInCapital 实缴资本(万元)
address 住所
regionCode 所在区划代码
regAuthority 登记机关
industry 行业代码
businessScope 经营范围
formerNames 曾用名
legalRepName 法定代表人
legalRepIdType 法定代表人证件类型
legalRepIdNo 法定代表人证件号码
{_SOURCE}
""")
HOLDERS = columns_of(f"""
companyName 企业名称
companyUscc 企业统一社会信用代码
holderName 股东名称
holderCategory 股东类型
holderCode 股东代码
holderIdType 证件类型
holderIdNo 证件号码
subscribed 认缴出资额(万元)
paid 实缴出资额(万元)
ratio 出资比例(%)
contributionForm 出资方式
subscribedOn 认缴日期
paidOn 实缴日期
shareClass 股份类别
from 起始日期
to 终止日期
{_SOURCE}
""")
OFFICERS = columns_of(f"""
companyName 企业名称
companyUscc 企业统一社会信用代码
personName 姓名
personIdType 证件类型
personIdNo 证件号码
position 职务
from 起始日期
to 终止日期
{_SOURCE}
""")
BRANCHES = columns_of(f"""
parentName 总机构名称
parentUscc 总机构统一社会信用代码
branchName 分支机构名称
branchUscc 分支机构统一社会信用代码
from 成立日期
to 终止日期
{_SOURCE}
""")
GUARANTEES = columns_of(f"""
guaranteeNo 担保编号
guarantorName 担保人名称
guarantorCategory 担保人类别
guarantorCode 担保人代码
guarantorIdType 担保人证件类型
guarantorIdNo 担保人证件号码
debtorName 被担保人名称
debtorCategory 被担保人类别
debtorCode 被担保人代码
debtorIdType 被担保人证件类型
debtorIdNo 被担保人证件号码
creditorName 债权人名称
creditorCode 债权人代码
loanNo 借款编号
amount 担保金额(元)
currency 币种
guaranteeKind 担保方式
from 起始日期
to 终止日期
status 状态
{_SOURCE}
""")
LOANS = columns_of(f"""
loanNo 借款编号
borrowerName 借款人名称
borrowerCategory 借款人类别
borrowerCode 借款人代码
borrowerIdType 证件类型
borrowerIdNo 证件号码
lenderName 贷款机构名称
lenderCode 贷款机构代码
amount 借款金额(元)
balance 余额(元)
currency 币种
issuedOn 放款日期
dueOn 到期日期
{_SOURCE}
""")
COLUMNS = {
    "licence": LICENCE,
    "penalty": PENALTY,
    "firms": FIRMS,
    "holders": HOLDERS,
    "officers": OFFICERS,
    "branches": BRANCHES,
    "guarantees": GUARANTEES,
    "loans": LOANS,
}
