"""Hints of personal data in a text: e-mail addresses, telephone numbers, card numbers and IBANs.

Hints: an example.com address is one too, and a name or a street is not found. Only counts come back, never the data.
"""

import re
from collections.abc import Callable

MOST_CHARACTERS = 20_000
"""Of each text."""
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*\.[a-z]{2,24}\b", re.IGNORECASE)
_CARD = re.compile(r"(?<![\w.,-])\d(?:[ -]?\d){12,18}(?![\w-])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_PHONE = re.compile(r"(?<![\w.+-])(?:\+|00)[1-9]\d{0,2}[ ()./-]{0,2}\d(?:[ ()./-]{0,2}\d){5,12}(?![\w-])")
_DIGITS = re.compile(r"\d[\d -]")


def personal_data_in(text: str) -> dict[str, int]:
    """How many of each the text seems to hold; those that it does not hold are left out."""
    text = text[:MOST_CHARACTERS]
    found = {"e-mail addresses": len(_EMAIL.findall(text))} if "@" in text else {}
    if _DIGITS.search(text):
        ibans, text = _take(_IBAN, text, _is_iban)
        cards, text = _take(_CARD, text, _is_card)
        found |= {"IBANs": ibans, "card numbers": cards, "telephone numbers": len(_PHONE.findall(text))}
    return {kind: count for kind, count in found.items() if count}


def _take(pattern: re.Pattern[str], text: str, holds: Callable[[str], bool]) -> tuple[int, str]:
    """How many there are, and the text without them, so that a card number is no telephone number too."""
    true = [found for found in pattern.findall(text) if holds(found)]
    for found in true:
        text = text.replace(found, " ")
    return len(true), text


def _is_card(text: str) -> bool:
    """Luhn's check, and a first digit that card networks use."""
    digits = [int(c) for c in text if c.isdigit()]
    doubled = [sum(divmod(2 * d, 10)) for d in digits[-2::-2]]
    return digits[0] in (2, 3, 4, 5, 6) and (sum(digits[::-2]) + sum(doubled)) % 10 == 0


def _is_iban(text: str) -> bool:
    """ISO 7064 mod 97-10, as ISO 13616 has it."""
    plain = text.replace(" ", "")
    return 15 <= len(plain) <= 34 and int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1
