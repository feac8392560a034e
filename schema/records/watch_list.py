"""重点关注对象名单, watch list for supervision (records.md §6.3; tasks 22-23 of the plan)."""

from __future__ import annotations

from schema.records.block import decided_by, removal, reported_by, subject
from store.kind import Field, FieldType, Kind, Visibility

KIND = Kind(
    name="watch_list",
    label="重点关注对象名单",
    type_name="WatchListing",
    plural="watchListings",
    description="A subject that supervision keeps an eye on; never public.",
    natural_key=("watch_code", "included_on"),
    includes_subject=True,
    negative=False,
    class_of_organisations=Visibility.GOVERNMENT,
    class_of_persons=Visibility.GOVERNMENT,
    fields=(
        *subject(),
        Field(
            "watch_code",
            "关注名单编码",
            aliases=("名单编码", "关注类别"),
            required=True,
            max_length=64,
            hot=True,
        ),
        Field("grounds", "关注事由", aliases=("列入事由",), required=True, max_length=1000),
        Field("included_on", "列入日期", FieldType.DATE, required=True, envelope="decision_date"),
        *decided_by("supervising_unit", "监管单位"),
        Field("measures", "监管措施", max_length=2000),
        Field("review_by", "复核期限", FieldType.DATE),
        *removal("退出", "exit_on"),
        *reported_by(),
    ),
)
