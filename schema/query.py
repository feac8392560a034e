"""The root of the API."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import strawberry

from schema.access import (
    AccessEntry,
    AccessEntryConnection,
    AccessEntryFilter,
    AccessHistory,
    ExposureReport,
)
from schema.access_review import (
    AccessStatistics,
    ReviewFindingConnection,
    ReviewFindingFilter,
)
from schema.analysis import Analysis, analysis_arguments
from schema.association import (
    InvestorSimilarity,
    SharedAttributes,
    shared_arguments,
    similarity_arguments,
)
from schema.beneficial import (
    BeneficialOwners,
    CircularOwnership,
    RelatedParties,
    beneficial_arguments,
    circular_arguments,
    related_arguments,
)
from schema.binding import described
from schema.catalog_record import CatalogRecord
from schema.catalogue import RecordKind
from schema.company_group import CompanyGroup, group_arguments
from schema.connection import After, Before, Connection, First, Last, compiled
from schema.control import (
    Controlled,
    Controllers,
    controlled_arguments,
    controller_arguments,
)
from schema.cost import at_most, sized
from schema.coverage import Catalogue, Coverage, catalogue_arguments, coverage_arguments
from schema.decision import RecordDecision, decision_arguments
from schema.export import (
    DeclaredInterestConnection,
    GraphExport,
    export_arguments,
    interest_arguments,
)
from schema.guarantee import (
    GuaranteeCircle,
    GuaranteeExposure,
    circle_arguments,
    exposure_arguments,
)
from schema.investigation import Investigation, investigation_arguments
from schema.job import Job, JobResult
from schema.matching import PersonMatch
from schema.neighbourhood import Neighbourhood
from schema.neighbourhood_change import NeighbourhoodDigest, digest_arguments
from schema.node import Node
from schema.ownership import Ownership, owner_arguments
from schema.party import (
    Organisation,
    OrganisationFilter,
    OrganisationOrder,
    Party,
    Person,
    PersonFilter,
)
from schema.paths import Paths, link_arguments, path_arguments
from schema.queue import TaskConnection, queue_arguments
from schema.recognition import GradeMapping, GradingScheme
from schema.record import Record, RecordFilter, RecordOrderArgument
from schema.reference import Region, RegionFilter, Unit, UnitFilter
from schema.relation_change import (
    RelationDifference,
    Timeline,
    difference_arguments,
    timeline_arguments,
)
from schema.relation_kind import RelationKind
from schema.reporting import ReportingStatistics, reporting_arguments
from schema.risk import RiskPropagation, risk_arguments
from schema.screening import JobReview, Screening, lookup_arguments, screen_arguments
from schema.search import MatchKind, OrganisationConnection, SearchConnection
from schema.submission import (
    Submission,
    SubmissionFindingConnection,
    batch_arguments,
    finding_arguments,
    listed_arguments,
)
from schema.watch import WatchNotices, watch_arguments


def _node(
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="标识.")],
) -> Any: ...


def _organisation(
    code: Annotated[
        str,
        strawberry.argument(
            description="代码 USCC, any other code, or scheme:value (lei:…, finbench-company:423)."
        ),
    ],
) -> Any: ...


def _person(
    id_: Annotated[
        strawberry.ID | None,
        strawberry.argument(name="id", description="标识 that the caller was given."),
    ] = strawberry.UNSET,
    code: Annotated[
        str | None, strawberry.argument(description="代码 scheme:value (finbench-person:755).")
    ] = strawberry.UNSET,
) -> Any: ...


def _search(
    text: Annotated[
        str,
        strawberry.argument(
            description="检索词 two or more characters of a name, or a code, old or new, in full."
        ),
    ],
    kinds: Annotated[
        list[MatchKind] | None,
        strawberry.argument(description="匹配方式 only hits of these; all of them if null."),
    ] = strawberry.UNSET,
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
    last: Last = strawberry.UNSET,
    before: Before = strawberry.UNSET,
) -> Any: ...


def _organisations(
    filter_: Annotated[
        OrganisationFilter | None, strawberry.argument(name="filter", description="筛选.")
    ] = strawberry.UNSET,
    order_by: Annotated[
        OrganisationOrder | None, strawberry.argument(description="排序 by name unless given.")
    ] = strawberry.UNSET,
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
    last: Last = strawberry.UNSET,
    before: Before = strawberry.UNSET,
) -> Any: ...


def _person_match(
    token: Annotated[
        str,
        strawberry.argument(
            description="比对令牌 xqm1.…, made with the agreement's match key only."
        ),
    ],
) -> Any: ...


def _persons(
    filter_: Annotated[PersonFilter, strawberry.argument(name="filter", description="筛选.")],
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
    last: Last = strawberry.UNSET,
    before: Before = strawberry.UNSET,
) -> Any: ...


def _records(
    filter_: Annotated[
        RecordFilter | None, strawberry.argument(name="filter", description="筛选.")
    ] = strawberry.UNSET,
    order_by: RecordOrderArgument = strawberry.UNSET,
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
    last: Last = strawberry.UNSET,
    before: Before = strawberry.UNSET,
) -> Any: ...


def _catalog_records(
    item: Annotated[
        str | None, strawberry.argument(description="目录项 name of the item; all of them if null.")
    ] = strawberry.UNSET,
    filter_: Annotated[
        RecordFilter | None, strawberry.argument(name="filter", description="筛选.")
    ] = strawberry.UNSET,
    order_by: RecordOrderArgument = strawberry.UNSET,
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
    last: Last = strawberry.UNSET,
    before: Before = strawberry.UNSET,
) -> Any: ...


def _regions(
    filter_: Annotated[
        RegionFilter | None, strawberry.argument(name="filter", description="筛选.")
    ] = strawberry.UNSET,
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
    last: Last = strawberry.UNSET,
    before: Before = strawberry.UNSET,
) -> Any: ...


def _units(
    filter_: Annotated[
        UnitFilter | None, strawberry.argument(name="filter", description="筛选.")
    ] = strawberry.UNSET,
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
    last: Last = strawberry.UNSET,
    before: Before = strawberry.UNSET,
) -> Any: ...


def _neighbourhood(
    subject: Annotated[
        str, strawberry.argument(description="主体 any code, scheme:value, or a global id.")
    ],
    hops: Annotated[int, strawberry.argument(description="层数 levels, 1–4.")] = 1,
    kinds: Annotated[
        list[RelationKind] | None,
        strawberry.argument(description="关系类型 to follow; all that the caller may see if null."),
    ] = strawberry.UNSET,
    as_of: Annotated[
        dt.date | None, strawberry.argument(description="时点 the default is today.")
    ] = strawberry.UNSET,
    max_nodes: Annotated[int, strawberry.argument(description="节点上限 1–5000.")] = 500,
    max_fan: Annotated[
        int, strawberry.argument(description="扇出上限: above it a node is shown, not expanded.")
    ] = 100,
) -> Any: ...


def _access_entries(
    filter_: Annotated[
        AccessEntryFilter | None, strawberry.argument(name="filter", description="筛选.")
    ] = strawberry.UNSET,
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
) -> Any: ...


def _access_entry(
    index: Annotated[
        int | None, strawberry.argument(description="序号 position in the log.")
    ] = strawberry.UNSET,
    leaf: Annotated[
        str | None, strawberry.argument(description="叶哈希 as in the receipt, hexadecimal.")
    ] = strawberry.UNSET,
    log: Annotated[
        str | None,
        strawberry.argument(
            description="日志 origin of an ended log for `index`; else the present."
        ),
    ] = strawberry.UNSET,
) -> Any: ...


def _access_history(
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
) -> Any: ...


def _exposure_report(
    since: Annotated[dt.datetime, strawberry.argument(description="时间自 inclusive.")],
    until: Annotated[
        dt.datetime | None, strawberry.argument(description="时间至 exclusive.")
    ] = strawberry.UNSET,
    subjects: Annotated[
        list[str] | None,
        strawberry.argument(description="主体 up to 1,000 codes, old or new, or scheme:value."),
    ] = strawberry.UNSET,
    records: Annotated[
        list[strawberry.ID] | None,
        strawberry.argument(description="记录标识 up to 1,000; one of the two lists is given."),
    ] = strawberry.UNSET,
) -> Any: ...


def _review_findings(
    filter_: Annotated[
        ReviewFindingFilter | None, strawberry.argument(name="filter", description="筛选.")
    ] = strawberry.UNSET,
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
) -> Any: ...


def _access_statistics(
    half: Annotated[str, strawberry.argument(description="半年 for example 2026H1.")],
) -> Any: ...


def _job(
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="任务标识.")],
) -> Any: ...


def _jobs(first: First = strawberry.UNSET) -> Any: ...


def _job_result(
    id_: Annotated[strawberry.ID, strawberry.argument(name="id", description="任务标识.")],
    part: Annotated[int, strawberry.argument(description="分段 from 0.")] = 0,
) -> Any: ...


@strawberry.type(description="查询 what can be asked of this node.")
class Query:
    node: Node | None = compiled(_node, "节点 by its global id; null when there is none to see.")
    organisation: Organisation | None = compiled(
        _organisation, "组织 by any of its codes; null when there is none to see."
    )
    organisations: OrganisationConnection = compiled(_organisations, "组织 list, filtered.")
    search: SearchConnection = compiled(
        _search,
        "检索 organisations by names and codes they have or had, best first, with reasons.",
        cost=20,
    )
    person: Person | None = compiled(
        _person, "自然人 by the id the caller was given, or by an open code; one of the two."
    )
    person_match: PersonMatch = compiled(
        _person_match, "自然人比对 for partner cities: yes or no, and kinds of records."
    )
    persons: Connection[Person] = compiled(
        _persons, "自然人 search; empty for those who may not search persons."
    )
    subjects: list[Party] = described(
        "办件主体 the parties this question was opened for: the caller's own, and those that its"
        " case, authorisation or approval names.",
        size=at_most(100),
    )
    records: Connection[Record] = compiled(
        _records, "信用记录 of every kind, newest decision first."
    )
    catalog_records: Connection[CatalogRecord] = compiled(
        _catalog_records, "目录记录 of the items that the city defined, newest decision first."
    )
    regions: Connection[Region] = compiled(_regions, "行政区划 by region id.")
    units: Connection[Unit] = compiled(_units, "单位 by USCC.")
    schemes: list[GradingScheme] = described("评价方案 the grading schemes that this node knows.")
    grade_mappings: list[GradeMapping] = described(
        "评价映射 the signed mappings of grades, in force or not."
    )
    kinds: list[RecordKind] = described(
        "记录类型 the kinds that this node serves.", cost=20, size=at_most(30)
    )
    catalogue: Catalogue = compiled(
        catalogue_arguments,
        "目录 what this city shares, and who may ask what for which matter.",
        cost=20,
    )
    coverage: list[Coverage] = compiled(
        coverage_arguments,
        "覆盖 per item and source: what came last, is overdue or not shared.",
        cost=100,
    )
    analysis: Analysis = compiled(
        analysis_arguments,
        "多维分析 organisations and records counted by up to three dimensions; small cells hidden.",
        cost=1000,
    )
    neighbourhood: Neighbourhood | None = compiled(
        _neighbourhood,
        "关联邻域 from the graph; null when there is no such subject to see.",
        cost=200,
        size=sized(["maxNodes"], ["nodes", "edges"]),
    )
    owners: Ownership | None = compiled(
        owner_arguments,
        "穿透持股 who finally owns a company; null when there is none to see.",
        cost=300,
        rows=("owners",),
    )
    controllers: Controllers | None = compiled(
        controller_arguments,
        "疑似控制人 of a company; null when there is none to see.",
        cost=300,
    )
    controlled: Controlled | None = compiled(
        controlled_arguments,
        "控制企业 what a subject controls; null when there is none to see.",
        cost=300,
        rows=("controlled",),
    )
    beneficial_owners: BeneficialOwners | None = compiled(
        beneficial_arguments,
        "受益所有人 of a firm; null when there is none to see.",
        cost=100,
    )
    related_parties: RelatedParties | None = compiled(
        related_arguments,
        "关联方 of a firm; null when there is none to see.",
        cost=100,
    )
    circular_ownership: CircularOwnership | None = compiled(
        circular_arguments,
        "循环持股 around a firm; null when there is none to see.",
        cost=100,
    )
    paths: Paths | None = compiled(
        path_arguments,
        "关联路径 between two subjects; null when one of them is none to see.",
        cost=300,
        rows=("paths",),
    )
    links: Paths | None = compiled(
        link_arguments,
        "关联 a shortest path between each two of a group, or from one of it to each other.",
        cost=1000,
    )
    investigations: list[Investigation] = described(
        "研判 that the caller has saved, and those shared in its unit, newest first.",
        cost=100,
    )
    investigation: Investigation | None = compiled(
        investigation_arguments,
        "研判 one of them; null when there is none to open.",
        cost=100,
    )
    graph_export: GraphExport | None = compiled(
        export_arguments,
        "图谱导出 a neighbourhood, or the paths to another subject, as a file; null when there is"
        " no such subject to see.",
        cost=100,
    )
    declared_interests: DeclaredInterestConnection | None = compiled(
        interest_arguments,
        "申报权益 in a body, as declared; null when there is none to see.",
        cost=100,
    )
    shared_attributes: SharedAttributes | None = compiled(
        shared_arguments,
        "共有属性 what other bodies have as well: suspicion, and no finding.",
        cost=100,
    )
    investor_similarity: InvestorSimilarity | None = compiled(
        similarity_arguments,
        "投资人相似度 of two bodies; null when one of them is none to see.",
        cost=100,
    )
    neighbourhood_digest: NeighbourhoodDigest | None = compiled(
        digest_arguments,
        "邻域摘要 each change around a subject within a period, once; null when there is none to"
        " see.",
        rows=("changes",),
        cost=100,
    )
    timeline: Timeline | None = compiled(
        timeline_arguments,
        "关系时间线 what became of a subject's relations, newest first.",
        cost=100,
    )
    diff: RelationDifference | None = compiled(
        difference_arguments,
        "关系差异 a subject's relations on two days.",
        cost=100,
    )
    guarantee_circle: GuaranteeCircle | None = compiled(
        circle_arguments,
        "担保圈 all who are tied to a subject by guarantees; null when there is none to see.",
        cost=100,
    )
    guarantee_exposure: GuaranteeExposure | None = compiled(
        exposure_arguments,
        "担保敞口 what a guarantor may have to pay; null when there is none to see.",
        cost=100,
    )
    risk_propagation: RiskPropagation = compiled(
        risk_arguments,
        "风险传导 whom trouble of some subjects reaches, by a stated model.",
        cost=1000,
    )
    reporting_statistics: ReportingStatistics = compiled(
        reporting_arguments,
        "报送统计 per unit, kind and period; for a unit its own, for stewards and supervisors all.",
        cost=100,
    )
    company_group: CompanyGroup | None = compiled(
        group_arguments,
        "企业族群 of a subject; null when it is in none or there is none to see.",
        cost=100,
    )
    watch_notices: WatchNotices | None = compiled(
        watch_arguments,
        "关注提示 whom a subject stands for that is listed; null when there is none to see.",
        cost=100,
    )
    work_queue: TaskConnection | None = compiled(
        queue_arguments,
        "待办 faults that units must mend, newest first; for stewards, and the offices of a"
        " district theirs.",
        cost=20,
    )
    access_entries: AccessEntryConnection | None = compiled(
        _access_entries,
        "查询登记 sealed entries of the access log: all for auditors and supervisors, for a"
        " subject those about itself that are not investigative.",
        cost=50,
    )
    access_entry: AccessEntry | None = compiled(
        _access_entry,
        "查询登记 one sealed entry by place or leaf; for auditors and supervisors.",
        cost=50,
    )
    access_history: AccessHistory | None = compiled(
        _access_history,
        "本人被查询记录 who read about the subject that asks, without investigations.",
        cost=50,
        rows=("nodes",),
    )
    exposure_report: ExposureReport | None = compiled(
        _exposure_report,
        "知悉范围 who saw these subjects or records since a time; for auditors and supervisors.",
        cost=500,
    )
    review_findings: ReviewFindingConnection | None = compiled(
        _review_findings,
        "审查事项 what the rules found; for auditors and supervisors.",
        cost=50,
        rows=("nodes",),
    )
    access_statistics: AccessStatistics | None = compiled(
        _access_statistics,
        "半年统计 of accesses and reviews; for auditors and supervisors.",
        cost=500,
    )
    job: Job | None = compiled(
        _job,
        "任务 of the caller; null when there is none.",
        cost=100,
    )
    jobs: list[Job] = compiled(
        _jobs,
        "任务 of the caller, newest first.",
        cost=100,
    )
    job_result: JobResult | None = compiled(
        _job_result,
        "任务结果 of the caller's finished job, for the same purpose and case; null when none.",
        cost=100,
    )
    job_reviews: list[JobReview] | None = described(
        "待审任务 jobs that wait for approval, oldest first; for supervisors.",
        cost=100,
    )
    lookup: list[Organisation | None] | None = compiled(
        lookup_arguments,
        "批量查询 organisations by code in the order given, null for what there is none to see.",
        cost=100,
    )
    screen: list[Screening | None] | None = compiled(
        screen_arguments,
        "批量筛查 what the organisations of these codes stand on today, in the order given.",
        cost=100,
    )
    batch: Submission | None = compiled(
        batch_arguments,
        "报送 what became of a submitted file; for its unit and stewards.",
        cost=100,
    )
    batches: list[Submission] | None = compiled(
        listed_arguments,
        "报送 submitted files, newest first; for units theirs, for stewards all.",
        cost=100,
    )
    batch_findings: SubmissionFindingConnection | None = compiled(
        finding_arguments,
        "报送问题 findings of a submitted file by line.",
        cost=100,
    )
    record_decisions: list[RecordDecision] | None = compiled(
        decision_arguments,
        "记录处置 proposed and decided, newest first; for stewards.",
        cost=100,
    )
