"""The demo's agreement: which records of legal entities 法人 its cities may share.

What travels of these on a day is decided by each city's own catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from security.tlog.note import NoteSigner
from sync.agreement import Agreement, AgreementParty, LegalBasis, sign_agreement
from sync.catalogue import RELATION, Item

KINDS = (
    "abnormal_operation",
    "commitment",
    "court_defaulter",
    "evaluation",
    "inspection",
    "licence",
    "penalty",
    "red_list",
    "serious_list",
    "tax_arrears",
)
DEMO_AGREEMENT = "benxi-shenyang-2026-3"
"""Its id; 2026-1 shared penalties only, 2026-2 no relations."""


def demo_agreement(parties: Iterable[AgreementParty], signers: Iterable[NoteSigner]) -> bytes:
    """Draw up the demo's agreement between these parties and sign it with the parties' keys.

    The legal basis is the city plan that asks for the exchange (本政发〔2020〕9号, task 10).
    """
    agreement = Agreement(
        id=DEMO_AGREEMENT,
        title="沈阳市与本溪市公共信用信息共享协议（演示）",
        parties=tuple(parties),
        catalogue_version="v3",
        items=tuple(Item(kind, "LEGAL_ENTITY") for kind in (*KINDS, RELATION)),
        purposes=("P1", "P3", "P4", "P5", "P8", "P12"),
        legal_basis=(
            LegalBasis("本溪市社会信用体系建设工作方案", "本政发〔2020〕9号", date(2020, 10, 22)),
        ),
        valid_from=date(2026, 1, 1),
        valid_to=None,
    )
    return sign_agreement(agreement, signers)
