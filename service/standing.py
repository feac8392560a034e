"""On what a question rests beside its signature: agreement, catalogue, case, authorisation,
approval, and whose the caller is.

Cases, approvals and authorisations are read when the question comes, so that what is closed or
revoked counts from its own commit on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from security.approval import Question, approved_subjects
from security.authorisation import usable_authorisation
from security.case import case_subjects
from security.policy import Grounds, KindsOf, PolicyError, Reach, Role, Row, Scope
from security.registry import Caller
from security.signature import VerifiedRequest
from store.catalogue import Catalogue
from sync.agreement import Agreement

if TYPE_CHECKING:
    from service.node import Node

_REMEMBERED = 256  # combinations of edition, agreement and region
_CATEGORIES = ("LEGAL_ENTITY", "INDIVIDUAL_BUSINESS", "NATURAL_PERSON")


@dataclass(frozen=True, slots=True)
class Sharing:
    """What an edition of the catalogue and an agreement share with callers of a region."""

    government_kinds: frozenset[str]
    shared_kinds: frozenset[str]
    unshared: frozenset[tuple[str, str]]


async def scope_of(
    node: Node, verified: VerifiedRequest, *, exchanging: bool = False, counted: bool = False
) -> Scope:
    """What a caller may see at this moment for what it claims.

    `counted` says that the use of its authorisation was counted when this began.

    Raises PolicyError, and FORBIDDEN_AGREEMENT for a partner city without an agreement in force
    unless `exchanging`: the exchange judges ended agreements by itself.
    """
    caller = verified.caller
    row = node.policy.row(caller.role)
    agreement = None
    if row.role is Role.PCITY:
        agreement = node.agreements.get(caller.region or "")
        if agreement is None and not exchanging:
            raise PolicyError(
                "FORBIDDEN_AGREEMENT", "no agreement in force names the caller's city"
            )
    grounds = await grounds_of(node, row, verified, agreement, counted=counted)
    scope = node.policy.scope(
        caller.id,
        row.role,
        verified.purpose,
        verified.case,
        grounds,
        kinds=node.kind_names,
    )
    demand_agreed(agreement, verified.purpose)
    return scope


async def grounds_of(
    node: Node,
    row: Row,
    verified: VerifiedRequest,
    agreement: Agreement | None,
    *,
    counted: bool = False,
) -> Grounds:
    """The grounds of one question.

    Raises PolicyError AUTHORISATION_INVALID for an authorisation that does not hold.
    """
    caller, purpose = verified.caller, verified.purpose
    if row.kinds is KindsOf.NONE and row.clear is Reach.NONE:
        return Grounds(
            own=_own(caller),
            barred=caller.barred,
            actor=verified.actor,
            district=caller.district,
        )
    catalogue = node.catalogues.on(node.settings.domain_date())
    sharing = _sharing(node, catalogue, agreement, caller.region or "")
    found = Grounds(
        agreement=agreement.id if agreement else None,
        partner=caller.region if agreement else None,
        government_kinds=sharing.government_kinds,
        shared_kinds=sharing.shared_kinds,
        unshared=sharing.unshared,
        unit=caller.unit_uscc,
        actor=verified.actor,
        district=caller.district,
        own=_own(caller),
        barred=caller.barred,
    )
    if row.kinds is KindsOf.APPLICATION:
        kinds = catalogue.application_kinds(caller.unit_uscc or "", purpose or "")
        found = replace(found, application_kinds=kinds)
    if row.kinds is KindsOf.AUTHORISATION and verified.authorization is not None:
        return await _authorised(node, found, verified, counted)
    if row.clear is Reach.MATTER and verified.case:
        subjects = await case_subjects(node.pool, caller.unit_uscc or "", verified.case, purpose)
        return replace(found, matter=subjects)
    return found


async def with_approval(node: Node, scope: Scope, question: Question) -> Scope:
    """The scope with what a supervisor opened for this very question (access rules §5.2)."""
    if scope.row.clear is not Reach.APPROVED or not scope.case:
        return scope
    subjects, approval = await approved_subjects(
        node.pool, scope.caller, scope.case, question.digest, datetime.now(UTC)
    )
    if approval is None:
        return scope
    return replace(scope, grounds=replace(scope.grounds, approved=subjects, approval=approval))


def legal_basis(grounds: Grounds) -> str | None:
    """What the log names as the ground of an access."""
    for name, value in (
        ("agreement", grounds.agreement),
        ("authorisation", grounds.authorisation),
        ("approval", grounds.approval),
    ):
        if value is not None:
            return f"{name} {value}"
    return None


def demand_agreed(agreement: Agreement | None, purpose: str | None) -> None:
    """Raise PolicyError PURPOSE_NOT_ALLOWED when an agreement leaves the purpose out."""
    if agreement is not None and purpose and purpose not in agreement.purposes:
        raise PolicyError(
            "PURPOSE_NOT_ALLOWED", "the agreement between the cities does not have this purpose"
        )


def _own(caller: Caller) -> frozenset[UUID]:
    return frozenset() if caller.subject is None else frozenset({caller.subject})


def _sharing(node: Node, catalogue: Catalogue, agreement: Agreement | None, region: str) -> Sharing:
    """Remembered by what never changes: editions and agreements are immutable."""
    key = (catalogue.edition, agreement.id if agreement else None, region)
    known = node.sharing.get(key)
    if known is None:
        if len(node.sharing) >= _REMEMBERED:
            node.sharing.clear()
        known = node.sharing[key] = Sharing(
            catalogue.government_kinds(),
            _shared(agreement, catalogue.travelling(region)),
            _unshared(catalogue, agreement),
        )
    return known


def _shared(agreement: Agreement | None, travelling: frozenset[str]) -> frozenset[str]:
    return agreement.shared_kinds & travelling if agreement else frozenset()


def _unshared(catalogue: Catalogue, agreement: Agreement | None) -> frozenset[tuple[str, str]]:
    """The kinds and categories of subjects that the catalogue's rows, or the agreement, leave
    out."""
    agreed = None if agreement is None else {(i.kind, i.category) for i in agreement.items}
    return frozenset(
        (item.kind, category)
        for item in catalogue.items.values()
        for category in _CATEGORIES
        if category not in item.categories
        or (agreed is not None and (item.kind, category) not in agreed)
    )


async def _authorised(
    node: Node, found: Grounds, verified: VerifiedRequest, counted: bool
) -> Grounds:
    one = await usable_authorisation(
        node.pool,
        verified.authorization or "",
        verified.caller.id,
        verified.purpose,
        datetime.now(UTC),
        counted=counted,
    )
    return replace(
        found,
        authorisation=one.id,
        authorised=frozenset({one.subject}),
        authorised_kinds=one.kinds,
    )
