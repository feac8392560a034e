"""公共信用综合评价 and other graded evaluations (records.md §10.1; GB/T 45255-2025).

A grade means something only with its scheme and version: bare letters are never compared.
"""

from __future__ import annotations

from schema.records.block import decided_by, reported_by, subject
from store.kind import Field, FieldType, Kind, Visibility

KIND = Kind(
    name="evaluation",
    label="综合评价",
    type_name="Evaluation",
    plural="evaluations",
    description="A grade or score that a city or authority gave under a scheme of its own.",
    natural_key=("scheme", "evaluated_on"),
    includes_subject=True,
    negative=False,
    class_of_organisations=Visibility.GOVERNMENT,
    class_of_persons=Visibility.GOVERNMENT,
    fields=(
        *subject(),
        Field(
            "scheme",
            "评价方案",
            aliases=("评价体系",),
            required=True,
            max_length=64,
            hot=True,
            example="BX-ABCD",
            description="id of the scheme without its version, see `schemes`",
        ),
        Field(
            "scheme_version",
            "方案版本",
            required=True,
            max_length=16,
            hot=True,
            example="2025",
        ),
        Field("score", "评价得分", FieldType.DECIMAL, aliases=("得分",), hot=True),
        Field("grade", "评价等级", aliases=("等级",), max_length=16, hot=True, example="A"),
        Field("evaluated_on", "评价日期", FieldType.DATE, required=True, envelope="decision_date"),
        Field("data_as_of", "数据截止日期", FieldType.DATE),
        Field("valid_until", "有效期至", FieldType.DATE, open_ended=True, hot=True),
        *decided_by("evaluator", "评价单位"),
        Field("indicators", "评价指标", max_length=10000, visibility=Visibility.GOVERNMENT),
        Field("vetoes", "一票否决项", max_length=1000),
        Field("model_hash", "模型摘要", max_length=64),
        *reported_by(),
    ),
)
