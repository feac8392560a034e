"""双公示 as it was reported before 2018: fewer columns, no codes of units, its own status codes."""

from service.world.act import Licence, Penalty
from service.world.row import Row

# Batches that still came on the old forms: city, unit, kind, day of the batch.
_BATCHES = frozenset(
    {
        ("benxi", "business-environment", "licence", "20220617"),
        ("benxi", "market-regulation", "licence", "20221118"),
        ("shenyang", "market-regulation", "licence", "20221118"),
        ("shenyang", "market-regulation", "penalty", "20230317"),
        ("benxi", "ecology", "penalty", "20230616"),
        ("shenyang", "transport", "penalty", "20231215"),
    }
)
_KEPT = (
    "documentNo", "content", "counterpartyName", "uscc", "orgCode", "regNo", "taxNo", "personIdNo",
    "legalRepName", "issuerName", "facts", "legalBasis", "remark",
)  # fmt: skip


def is_former(city: str, unit: str, kind: str, sent: str) -> bool:
    """Return whether the batch of a day (YYYYMMDD) came on the form of 2015/16."""
    return (city, unit, kind, sent) in _BATCHES


def former_row(act: Licence | Penalty, row: Row) -> Row:
    """Return the row of 2018 as the form of 2015/16 has it; 状态 0 正常, 1 撤销."""
    kept = {name: row[name] for name in _KEPT if name in row}
    shared = {
        **kept,
        "decisionDate": row["decisionDate"].replace("-", "/"),
        "areaCode": act.city.division,
        "stampedOn": f"{act.sent:%Y/%m/%d}",
    }
    if isinstance(act, Licence):
        return {
            **shared,
            "projectName": act.document_name.removesuffix("决定书"),
            "approvalCategory": act.category,
            "licenceValidTo": row["licenceValidTo"].replace("-", "/"),
            "status": "0" if act.status == "1" else "1",
        }
    types = act.types[:2]
    return {
        **shared,
        "caseName": f"{act.violation}案",
        "penaltyType": types[0],
        "penaltyTypeTwo": types[1] if len(types) > 1 else "",
        "status": "1" if act.review == "撤销" else "0",
    }
