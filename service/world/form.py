"""Forms of the further record kinds (records.md §4–§8, §10) and of 双公示 before 2018."""

from types import MappingProxyType

from service.world.column import Column, columns_of

_SUBJECT = """
subjectName 主体名称
subjectCategory 主体类别
uscc 统一社会信用代码
regNo 注册号
orgCode 组织机构代码
personIdType 证件类型
personIdNo 证件号码
"""
_SOURCE = """
sourceUnitName 数据来源单位
sourceUnitUscc 数据来源单位代码
"""
_REPORTED = f"{_SOURCE}remark 备注\n"
_REMOVAL = """
removedOn 移出日期
removedReason 移出原因
"""
ABNORMAL_OPERATION = columns_of(f"""
name 企业名称
subjectCategory 主体类别
uscc 统一社会信用代码
regNo 注册号
orgCode 组织机构代码
reason 列入经营异常名录原因
includedOn 列入日期
includedBy 作出决定机关（列入）
includedByUscc 作出决定机关（列入）代码
removedOn 移出日期
removedReason 移出经营异常名录原因
removedBy 作出决定机关（移出）
{_SOURCE.strip()}
""")
SERIOUS_LIST = columns_of(f"""{_SUBJECT}listCode 名单种类
documentNo 认定文书号
includedOn 列入日期
recogniser 认定单位
recogniserUscc 认定单位代码
legalBasis 认定依据
facts 失信事实
includeReason 列入原因
liablePersons 责任人员
noticeDeliveredOn 事先告知送达日期
measures 惩戒措施
severity 失信程度
{_REMOVAL.strip()}
{_REPORTED.strip()}
""")
RED_LIST = columns_of(f"""{_SUBJECT}listCode 名单种类
year 评价年度
documentNo 认定文号
recognisedOn 认定时间
recogniser 认定单位
recogniserUscc 认定单位代码
basis 认定依据
validFrom 有效期自
validTo 有效期至
{_REMOVAL.strip()}
{_REPORTED.strip()}
""")
WATCH_LIST = columns_of(f"""{_SUBJECT}watchCode 关注名单编码
grounds 关注事由
includedOn 列入日期
supervisingUnit 监管单位
supervisingUnitUscc 监管单位代码
measures 监管措施
reviewBy 复核期限
exitOn 退出日期
removedReason 退出原因
{_REPORTED.strip()}
""")
# The court's own keys (records.md §7); the day of leaving the list has none.
COURT_DEFAULTER = columns_of("""
name 被执行人姓名/名称 iname
gender 性别 sexy
age 年龄 age
partyKind 类型 partyTypeName
idMasked 身份证号码/组织机构代码 cardNum
legalRepName 法定代表人或者负责人姓名 businessEntity
court 执行法院 courtName
province 省份 areaName
caseNo 案号 caseCode
basisNo 执行依据文号 gistId
basisUnit 做出执行依据单位 gistUnit
filedOn 立案时间 regDate
duty 生效法律文书确定的义务 duty
performance 被执行人的履行情况 performance
performedPart 已履行部分 performedPart
unperformedPart 未履行部分 unperformPart
behaviour 失信被执行人行为具体情形 disruptTypeName
publishedOn 发布时间 publishDate
removedOn 退出日期
removedReason 退出原因
""")
INSPECTION = columns_of(f"""{_SUBJECT}planNo 抽查计划编号
taskNo 抽查任务编号
inspectKind 检查类型
inspectedOn 检查日期
inspectorUnit 检查机关
inspectorUnitUscc 检查机关代码
inspectors 检查人员
items 检查事项
resultCode 检查结果
resultText 检查结果说明
followUp 后续处理
publishedOn 公示日期
{_REPORTED.strip()}
""")
COMMITMENT = columns_of(f"""
code 承诺编码
subjectName 承诺人名称
{_SUBJECT.strip().partition(chr(10))[2]}
commitmentType 承诺类型
reason 承诺事由
content 承诺内容
liability 违诺责任
madeOn 承诺作出日期
validUntil 承诺有效期
fulfilment 承诺履行状态
unperformed 未履行的承诺内容
liabilityTaken 违诺责任追究内容
assessedOn 认定日期
assessor 认定单位
assessorUscc 认定单位代码
acceptor 受理单位
acceptorUscc 受理单位代码
publicationType 公开类型
{_REPORTED.strip()}
""")
EVALUATION = columns_of(f"""{_SUBJECT}scheme 评价方案
schemeVersion 方案版本
score 评价得分
grade 评价等级
evaluatedOn 评价日期
dataAsOf 数据截止日期
validUntil 有效期至
evaluator 评价单位
evaluatorUscc 评价单位代码
indicators 评价指标
vetoes 一票否决项
{_REPORTED.strip()}
""")
TAX_ARREARS = columns_of(f"""{_SUBJECT}taxType 税种
period 欠缴所属期
owedAmount 欠税金额（元）
announcedOn 公告日期
announceNo 公告文号
taxAuthority 主管税务机关
taxAuthorityUscc 主管税务机关代码
clearedOn 缴清日期
{_REPORTED.strip()}
""")
SOCIAL_INSURANCE_ARREARS = columns_of(f"""{_SUBJECT}insuranceKind 险种
period 欠缴所属期
owedAmount 欠缴金额（元）
headcount 欠缴人数
assessedOn 认定日期
agency 经办机构
agencyUscc 经办机构代码
clearedOn 缴清日期
{_REPORTED.strip()}
""")
HOUSING_FUND_ARREARS = columns_of(f"""{_SUBJECT}period 欠缴所属期
owedAmount 欠缴金额（元）
headcount 欠缴人数
assessedOn 认定日期
centre 公积金中心
centreUscc 公积金中心代码
clearedOn 缴清日期
{_REPORTED.strip()}
""")
UTILITY_ARREARS = columns_of(f"""{_SUBJECT}utility 公用事业种类
accountNo 用户编号
meterAddress 用户地址
period 欠缴所属期
owedAmount 欠费金额（元）
overdueDays 逾期天数
noticeOn 催缴日期
supplier 供应单位
supplierUscc 供应单位代码
clearedOn 缴清日期
{_REPORTED.strip()}
""")
# 2015/16: no codes of the units, no categories; SJC is the time stamp, DFBM the city's code.
LICENCE_2015 = columns_of("""
documentNo 行政许可决定书文号 XK_WSH
projectName 项目名称 XK_XMMC
approvalCategory 审批类别 XK_SPLB
content 许可内容 XK_NR
counterpartyName 行政相对人名称 XK_XDR
uscc 行政相对人代码_1(统一社会信用代码) XK_XDR_SHXYM
orgCode 行政相对人代码_2(组织机构代码) XK_XDR_ZDM
regNo 行政相对人代码_3(工商登记码) XK_XDR_GSDJ
taxNo 行政相对人代码_4(税务登记号) XK_XDR_SWDJ
personIdNo 行政相对人代码_5(居民身份证号) XK_XDR_SFZ
legalRepName 法定代表人姓名 XK_FR
decisionDate 许可决定日期 XK_JDRQ
licenceValidTo 许可截止期 XK_JZQ
issuerName 许可机关 XK_XZJG
status 当前状态 XK_ZT
areaCode 地方编码 DFBM
stampedOn 数据更新时间戳 SJC
remark 备注 BZ
""")
PENALTY_2015 = columns_of("""
documentNo 行政处罚决定书文号 CF_WSH
caseName 处罚名称 CF_CFMC
penaltyType 处罚类别1 CF_CFLB1
penaltyTypeTwo 处罚类别2 CF_CFLB2
facts 处罚事由 CF_SY
legalBasis 处罚依据 CF_YJ
counterpartyName 行政相对人名称 CF_XDR_MC
uscc 行政相对人代码_1(统一社会信用代码) CF_XDR_SHXYM
orgCode 行政相对人代码_2(组织机构代码) CF_XDR_ZDM
regNo 行政相对人代码_3(工商登记码) CF_XDR_GSDJ
taxNo 行政相对人代码_4(税务登记号) CF_XDR_SWDJ
personIdNo 行政相对人代码_5(居民身份证号) CF_XDR_SFZ
legalRepName 法定代表人姓名 CF_FR
content 处罚结果 CF_JG
decisionDate 处罚决定日期 CF_JDRQ
issuerName 处罚机关 CF_XZJG
status 当前状态 CF_ZT
areaCode 地方编码 DFBM
stampedOn 数据更新时间戳 SJC
remark 备注 BZ
""")
FORMS = MappingProxyType(
    {
        "abnormal_operation": ABNORMAL_OPERATION,
        "serious_list": SERIOUS_LIST,
        "red_list": RED_LIST,
        "watch_list": WATCH_LIST,
        "court_defaulter": COURT_DEFAULTER,
        "inspection": INSPECTION,
        "commitment": COMMITMENT,
        "evaluation": EVALUATION,
        "tax_arrears": TAX_ARREARS,
        "social_insurance_arrears": SOCIAL_INSURANCE_ARREARS,
        "housing_fund_arrears": HOUSING_FUND_ARREARS,
        "utility_arrears": UTILITY_ARREARS,
    }
)
KINDS = tuple(FORMS)
NUMBERS = frozenset(
    {"owedAmount", "headcount", "overdueDays", "score", "year", "fineAmount", "confiscatedAmount"}
)


def form(kind: str, generation: int) -> tuple[Column, ...] | None:
    """Return the form of a further kind, or of 双公示 in its generation of 2015; else None."""
    if generation == 2015:
        return {"licence": LICENCE_2015, "penalty": PENALTY_2015}[kind]
    return FORMS.get(kind)
