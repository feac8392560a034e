"""National codes of bodies and persons: what a string is, and everything that is wrong with it."""

from store.identifiers.credit_code import org_code_of_uscc, uscc
from store.identifiers.finding import Finding, Identification, Kind, Severity
from store.identifiers.identification import identify
from store.identifiers.identity_number import id_number
from store.identifiers.organisation_code import org_code
from store.identifiers.registration_number import reg_no

__all__ = [
    "Finding",
    "Identification",
    "Kind",
    "Severity",
    "id_number",
    "identify",
    "org_code",
    "org_code_of_uscc",
    "reg_no",
    "uscc",
]
