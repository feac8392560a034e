"""What is so: one row of a truth file for everything in the world."""

from dataclasses import asdict
from typing import Any

from service.world.act import Licence, Penalty, until_text, wan
from service.world.city import Unit
from service.world.party import Organisation, Person
from service.world.tie import BranchTie, Guarantee, Holding, Loan, Office, Party

Row = dict[str, Any]


def _ref(party: Party) -> str:
    return party.uscc if isinstance(party, Unit) else party.id


def _day(value: object) -> str | None:
    return None if value is None else str(value)


def unit_truth(unit: Unit) -> Row:
    """Return a department or lender."""
    return asdict(unit)


def person_truth(person: Person) -> Row:
    """Return a person with the invented number."""
    return {
        "id": person.id,
        "name": person.name,
        "idType": "身份证",
        "idNumber": person.number,
        "city": person.city.slug,
        "case": person.case,
    }


def organisation_truth(body: Organisation, rep: Person) -> Row:
    """Return a body; capital in 万元."""
    return {
        "id": body.id,
        "name": body.name,
        "uscc": body.uscc,
        "orgCode": body.org_code,
        "regNo": body.reg_no,
        "taxNo": body.tax_no,
        "category": body.category,
        "entityType": body.entity_type,
        "regStatus": body.status,
        "establishedOn": str(body.established),
        "approvedOn": str(body.approved),
        "deregisteredOn": _day(body.deregistered),
        "revokedOn": _day(body.revoked),
        "operatingTo": _day(body.operating_to),
        "registeredCapital": wan(body.capital) or None,
        "paidInCapital": wan(body.paid) or None,
        "address": body.address,
        "city": body.city.slug,
        "regionCode": body.region,
        "regAuthority": body.authority.name,
        "industry": body.industry,
        "formerNames": [{"name": name, "until": str(day)} for name, day in body.former_names],
        "legalRep": rep.id,
        "quality": body.quality,
        "case": body.case,
    }


def holding_truth(holding: Holding) -> Row:
    """Return a holding; money in 元, the share in millionths."""
    return {
        "company": holding.company.id,
        "holder": _ref(holding.holder),
        "subscribed": holding.subscribed,
        "paid": holding.paid,
        "shareMillionths": holding.share,
        "contributionForm": holding.form,
        "shareClass": holding.share_class,
        "from": str(holding.since),
        "to": _day(holding.until),
        "stub": not holding.numbered,
        "case": holding.case,
    }


def office_truth(office: Office) -> Row:
    """Return a legal representative or officer."""
    return {
        "company": office.company.id,
        "person": office.person.id,
        "position": office.position,
        "from": str(office.since),
        "to": _day(office.until),
        "stub": not office.numbered,
        "case": office.case,
    }


def branch_truth(tie: BranchTie) -> Row:
    """Return a branch and its firm."""
    return {"parent": tie.parent.id, "branch": tie.branch.id, "from": str(tie.since),
            "to": _day(tie.until), "case": tie.case}  # fmt: skip


def guarantee_truth(guarantee: Guarantee) -> Row:
    """Return a guarantee; amount in 元."""
    return {
        "guaranteeNo": guarantee.number,
        "guarantor": _ref(guarantee.guarantor),
        "debtor": _ref(guarantee.debtor),
        "creditor": guarantee.creditor.uscc,
        "loanNo": guarantee.loan,
        "amount": guarantee.amount,
        "guaranteeKind": guarantee.kind,
        "from": str(guarantee.since),
        "to": str(guarantee.until),
        "status": guarantee.status,
        "city": guarantee.city.slug,
        "case": guarantee.case,
    }


def loan_truth(loan: Loan) -> Row:
    """Return a loan; amounts in 元."""
    return {
        "loanNo": loan.number,
        "borrower": _ref(loan.borrower),
        "lender": loan.lender.uscc,
        "amount": loan.amount,
        "balance": loan.balance,
        "issuedOn": str(loan.issued),
        "dueOn": str(loan.due),
        "city": loan.city.slug,
        "case": loan.case,
    }


def licence_truth(act: Licence) -> Row:
    """Return a licence."""
    return {
        "documentNo": act.document_no,
        "subject": act.subject.id,
        "city": act.city.slug,
        "issuerUscc": act.issuer.uscc,
        "licenceCategory": act.category,
        "documentName": act.document_name,
        "certificateNo": act.certificate_no,
        "decisionDate": str(act.decided),
        "licenceValidTo": until_text(act.valid_to),
        "licenceStatus": act.status,
        "sentOn": str(act.sent),
        "case": act.case,
    }


def penalty_truth(act: Penalty) -> Row:
    """Return a penalty; amounts in 万元."""
    return {
        "documentNo": act.document_no,
        "subject": act.subject.id,
        "city": act.city.slug,
        "issuerUscc": act.issuer.uscc,
        "violationType": act.violation,
        "penaltyTypes": list(act.types),
        "fineAmount": wan(act.fine) or None,
        "confiscatedAmount": wan(act.confiscated) or None,
        "procedure": act.procedure,
        "severity": act.severity,
        "sector": act.sector or None,
        "decisionDate": str(act.decided),
        "pubDeadline": str(act.deadline),
        "reviewStatus": act.review,
        "sentOn": str(act.sent),
        "case": act.case,
    }
