"""行政检查 (双随机、一公开), administrative inspection (records.md §4)."""

from __future__ import annotations

from schema.records.block import decided_by, reported_by, subject
from store.kind import Code, CodeList, Field, FieldType, Kind, Visibility

INSPECTION_KIND = CodeList(
    "InspectionKind",
    "检查类型",
    (
        Code("ROUTINE", "日常", ("日常检查",)),
        Code("SPECIAL", "专项", ("专项检查",)),
        Code("RANDOM", "双随机抽查", ("双随机",)),
        Code("JOINT", "联合抽查", ("跨部门联合抽查",)),
    ),
)

INSPECTION_RESULT = CodeList(
    "InspectionResult",
    "检查结果",
    (
        Code("NO_PROBLEM", "未发现问题"),
        Code("NOT_DISCLOSED", "未按规定公示应当公示的信息"),
        Code("FALSE_DISCLOSURE", "公示信息隐瞒真实情况弄虚作假", ("隐瞒真实情况弄虚作假",)),
        Code("UNREACHABLE", "通过登记的住所无法联系", ("通过登记的住所（经营场所）无法联系",)),
        Code("CORRECTION_ORDERED", "发现问题已责令改正"),
        Code("UNCOOPERATIVE", "不配合检查情节严重"),
        Code("NO_SUCH_ACTIVITY", "未发现开展本次抽查涉及的经营活动"),
        Code("TO_BE_HANDLED", "发现问题待后续处理"),
    ),
)

KIND = Kind(
    name="inspection",
    label="行政检查",
    type_name="Inspection",
    plural="inspections",
    description="An inspection by an authority and its result.",
    natural_key=("task_no",),
    includes_subject=True,
    negative=False,
    fields=(
        *subject(),
        Field("plan_no", "抽查计划编号", aliases=("计划编号",), max_length=64),
        Field(
            "task_no",
            "抽查任务编号",
            aliases=("任务编号",),
            required=True,
            max_length=64,
            envelope="document_no",
        ),
        Field(
            "inspect_kind",
            "检查类型",
            FieldType.CODE,
            aliases=("抽查类型",),
            required=True,
            codes=INSPECTION_KIND,
            hot=True,
        ),
        Field(
            "inspected_on",
            "检查日期",
            FieldType.DATE,
            aliases=("抽查日期",),
            required=True,
            envelope="decision_date",
        ),
        *decided_by("inspector_unit", "检查机关", aliases=("检查实施机关",)),
        Field("inspectors", "检查人员", max_length=200, visibility=Visibility.INTERNAL),
        Field("items", "检查事项", max_length=2000, visibility=Visibility.GOVERNMENT),
        Field(
            "result_code",
            "检查结果",
            FieldType.CODE,
            required=True,
            codes=INSPECTION_RESULT,
            hot=True,
        ),
        Field("result_text", "检查结果说明", max_length=2000, visibility=Visibility.GOVERNMENT),
        Field("follow_up", "后续处理", max_length=2000, visibility=Visibility.GOVERNMENT),
        Field("published_on", "公示日期", FieldType.DATE),
        *reported_by(),
    ),
)
