"""What a department writes about something: one row of a feed file, by English field name."""

from datetime import date

from service.world.act import Licence, Penalty, until_text, wan
from service.world.city import Unit
from service.world.party import NATURAL_PERSON, Organisation, Parties, Person
from service.world.tie import BranchTie, Guarantee, Holding, Loan, Office, Party

Row = dict[str, str]
ID_CARD = "身份证"


def _day(value: date | None) -> str:
    return value.isoformat() if value else ""


def _yuan(value: int | None) -> str:
    return "" if value is None else str(value)


def percent(millionths: int | None) -> str:
    """Return a share in percent with four decimals, empty if nobody said."""
    if millionths is None:
        return ""
    return f"{millionths // 10_000}.{millionths % 10_000:04d}".rstrip("0").rstrip(".")


def source(unit: Unit) -> Row:
    """Return the columns that name the reporting unit."""
    return {"sourceUnitName": unit.name, "sourceUnitUscc": unit.uscc}


def _party(prefix: str, party: Party, *, numbered: bool = True) -> Row:
    if isinstance(party, Person):
        return {
            f"{prefix}Name": party.name,
            f"{prefix}Category": NATURAL_PERSON,
            f"{prefix}Code": "",
            f"{prefix}IdType": ID_CARD if numbered else "",
            f"{prefix}IdNo": (party.number or "") if numbered else "",
        }
    category = party.category if isinstance(party, Organisation) else "法人及非法人组织"
    return {
        f"{prefix}Name": party.name,
        f"{prefix}Category": category,
        f"{prefix}Code": party.uscc,
        f"{prefix}IdType": "",
        f"{prefix}IdNo": "",
    }


def _subject(parties: Parties, subject: Organisation | Person) -> Row:
    if isinstance(subject, Person):
        return {
            "counterpartyName": subject.name,
            "counterpartyCategory": NATURAL_PERSON,
            "personIdType": ID_CARD,
            "personIdNo": subject.number or "",
        }
    rep = parties.person(subject.legal_rep)
    told = subject.serial % 5 < 3
    return {
        "counterpartyName": subject.name,
        "counterpartyCategory": subject.category,
        "uscc": subject.uscc,
        "regNo": subject.reg_no or "",
        "orgCode": subject.org_code or "",
        "taxNo": subject.tax_no or "",
        "legalRepName": rep.name,
        "legalRepIdType": ID_CARD if told else "",
        "legalRepIdNo": (rep.number or "") if told else "",
    }


def licence_row(parties: Parties, act: Licence) -> Row:
    """Return a licence as its unit reports it; no end is 长期 or 2099-12-31."""
    long = act.valid_to is None
    return {
        **_subject(parties, act.subject),
        "documentName": act.document_name,
        "documentNo": act.document_no,
        "licenceCategory": act.category,
        "certificateName": act.certificate_name,
        "certificateNo": act.certificate_no,
        "content": act.content,
        "decisionDate": _day(act.decided),
        "licenceValidFrom": _day(act.valid_from),
        "licenceValidTo": "长期" if long and act.index % 3 == 0 else until_text(act.valid_to),
        "issuerName": act.issuer.name,
        "issuerUscc": act.issuer.uscc,
        "licenceStatus": act.status,
        **source(act.source),
        "remark": act.remark,
        **dict(act.sent_as),
    }


def penalty_row(parties: Parties, act: Penalty) -> Row:
    """Return a penalty as its unit reports it; amounts in 万元."""
    return {
        **_subject(parties, act.subject),
        "documentNo": act.document_no,
        "violationType": act.violation,
        "facts": act.facts,
        "legalBasis": act.basis,
        "penaltyTypes": ";".join(act.types),
        "content": act.content,
        "fineAmount": wan(act.fine),
        "confiscatedAmount": wan(act.confiscated),
        "licenceAffected": act.licence_affected,
        "decisionDate": _day(act.decided),
        "effectiveUntil": "2099-12-31",
        "pubDeadline": _day(act.deadline),
        "issuerName": act.issuer.name,
        "issuerUscc": act.issuer.uscc,
        **source(act.source),
        "remark": act.remark,
        "procedure": act.procedure,
        "performed": act.performed,
        "performedOn": _day(act.performed_on),
        "reviewStatus": act.review,
        **dict(act.sent_as),
    }


def firm_row(parties: Parties, body: Organisation, unit: Unit) -> Row:
    """Return a body as the market regulator's extract states it; capital in 万元."""
    rep = parties.person(body.legal_rep)
    return {
        "name": body.name,
        "uscc": body.uscc,
        "orgCode": body.org_code or "",
        "regNo": body.reg_no or "",
        "taxNo": body.tax_no or "",
        "entityType": body.entity_type,
        "regStatus": body.status,
        "establishedOn": _day(body.established),
        "approvedOn": _day(body.approved),
        "deregisteredOn": _day(body.deregistered),
        "revokedOn": _day(body.revoked),
        "operatingFrom": _day(body.established),
        "operatingTo": _day(body.operating_to)
        or ("2099-12-31" if body.serial % 7 == 0 else "长期"),
        "registeredCapital": wan(body.capital),
        "currency": "CNY" if body.capital is not None else "",
        "paidInCapital": wan(body.paid),
        "address": body.address,
        "regionCode": body.region,
        "regAuthority": body.authority.name,
        "industry": body.industry,
        "businessScope": body.scope,
        "formerNames": ";".join(name for name, _ in body.former_names),
        "legalRepName": rep.name,
        "legalRepIdType": ID_CARD,
        "legalRepIdNo": rep.number or "",
        **source(unit),
    }


def holder_row(holding: Holding, unit: Unit, *, closed: bool) -> Row:
    """Return a holding; before it ended (`closed` False) its end was not known."""
    return {
        "companyName": holding.company.name,
        "companyUscc": holding.company.uscc,
        **_party("holder", holding.holder, numbered=holding.numbered),
        "subscribed": wan(holding.subscribed),
        "paid": wan(holding.paid),
        "ratio": percent(holding.share),
        "contributionForm": holding.form,
        "subscribedOn": _day(holding.since) if holding.subscribed is not None else "",
        "paidOn": _day(holding.since) if holding.paid else "",
        "shareClass": holding.share_class,
        "from": _day(holding.since),
        "to": _day(holding.until) if closed else "",
        **source(unit),
    }


def officer_row(office: Office, unit: Unit) -> Row:
    """Return an officer; a stub has no number."""
    person = office.person
    return {
        "companyName": office.company.name,
        "companyUscc": office.company.uscc,
        "personName": person.name,
        "personIdType": ID_CARD if office.numbered else "",
        "personIdNo": (person.number or "") if office.numbered else "",
        "position": office.position,
        "from": _day(office.since),
        "to": _day(office.until),
        **source(unit),
    }


def branch_row(tie: BranchTie, unit: Unit) -> Row:
    """Return a branch and its firm."""
    return {
        "parentName": tie.parent.name,
        "parentUscc": tie.parent.uscc,
        "branchName": tie.branch.name,
        "branchUscc": tie.branch.uscc,
        "from": _day(tie.since),
        "to": _day(tie.until),
        **source(unit),
    }


def guarantee_row(guarantee: Guarantee, unit: Unit) -> Row:
    """Return a guarantee; amount in 元, empty if unknown."""
    return {
        "guaranteeNo": guarantee.number,
        **_party("guarantor", guarantee.guarantor),
        **_party("debtor", guarantee.debtor),
        "creditorName": guarantee.creditor.name,
        "creditorCode": guarantee.creditor.uscc,
        "loanNo": guarantee.loan or "",
        "amount": _yuan(guarantee.amount),
        "currency": "" if guarantee.amount is None else "CNY",
        "guaranteeKind": guarantee.kind,
        "from": _day(guarantee.since),
        "to": _day(guarantee.until),
        "status": guarantee.status,
        **source(unit),
    }


def loan_row(loan: Loan, unit: Unit) -> Row:
    """Return a loan; amounts in 元."""
    return {
        "loanNo": loan.number,
        **_party("borrower", loan.borrower),
        "lenderName": loan.lender.name,
        "lenderCode": loan.lender.uscc,
        "amount": _yuan(loan.amount),
        "balance": _yuan(loan.balance),
        "currency": "CNY",
        "issuedOn": _day(loan.issued),
        "dueOn": _day(loan.due),
        **source(unit),
    }
