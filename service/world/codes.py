"""Check characters of invented codes: enough to make a code, never to judge one."""

from datetime import date, timedelta

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
ORG_BLOCK = "XD"
ORG_PLACES = 31**6
BIRTHS_FROM = date(1950, 1, 1)
BIRTH_DAYS = (date(1990, 12, 31) - BIRTHS_FROM).days + 1
SEQUENCES = 999
PERSON_PLACES = BIRTH_DAYS * SEQUENCES
REG_PLACES = 10**7

_USCC_VALUE = {character: value for value, character in enumerate(USCC_ALPHABET)}
_USCC_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))
_ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_ID_WEIGHTS = tuple(pow(2, 17 - place, 11) for place in range(17))


def org_code(place: int) -> str:
    """Return the nine characters of an organisation code in block XD (GB 11714-1997)."""
    letters = []
    for _ in range(6):
        place, digit = divmod(place, 31)
        letters.append(USCC_ALPHABET[digit])
    body = ORG_BLOCK + "".join(reversed(letters))
    total = sum(weight * int(letter, 36) for weight, letter in zip(_ORG_WEIGHTS, body, strict=True))
    return body + "0123456789X0"[11 - total % 11]


def uscc_check(body: str) -> str:
    """Return the 18th character for the first 17 (GB 32100-2015)."""
    total = sum(
        weight * _USCC_VALUE[letter] for weight, letter in zip(_USCC_WEIGHTS, body, strict=True)
    )
    return USCC_ALPHABET[-total % 31]


def uscc(head: str, division: str, code: str) -> str:
    """Return a unified social credit code from class head, division and organisation code."""
    body = head + division + code
    return body + uscc_check(body)


def uscc_with_inner_fault(code: str) -> str:
    """Return the code with a wrong 17th character and an 18th that is right for it."""
    wrong = "0" if code[16] != "0" else "1"
    body = code[:16] + wrong
    return body + uscc_check(body)


def id_number(division: str, place: int) -> str:
    """Return an identity number (GB 11643-1999) in a demo division, unique for its place."""
    days, sequence = divmod(place, SEQUENCES)
    born = BIRTHS_FROM + timedelta(days=days)
    body = f"{division}{born:%Y%m%d}{sequence + 1:03d}"
    total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, body, strict=True))
    return body + "10X98765432"[total % 11]


def reg_no(division: str, lead: int, place: int) -> str:
    """Return a 15-digit registration number (GS 15-2006); lead 0-3 domestic, 6-9 individual."""
    body = f"{division}{lead}{place:07d}"
    product = 10
    for digit in body:
        product = (((product + int(digit)) % 10 or 10) * 2) % 11
    return body + str((11 - product) % 10)
