"""The number in an answer: whatever it is wrapped in, or that there is none."""

import re
import unicodedata
from dataclasses import dataclass

_POWERS = {
    "k": 1e3, "thousand": 1e3, "grand": 1e3, "m": 1e6, "mn": 1e6, "mil": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9,
    "billion": 1e9, "hundred": 1e2,
}  # fmt: skip
_DIGITS = (
    r"(?:\d{1,3}(?:[, '’]\d{3})+(?!\d)|\d{1,3}(?:\.\d{3})+,\d{1,2}(?!\d)|\d+)(?:\.\d+)?(?:e[+-]?\d{1,2}(?!\w))?|\.\d+"
)
_POWER = rf"(?:\s?({'|'.join(sorted(_POWERS, key=len, reverse=True))})(?![a-z]))?"
_CURRENCY = r"(?:us\s?\$|usd|us dollars?|dollars?|[$£€])"
_AFTER = r"(?:\s?(usd|us dollars?|dollars?|bucks|%|percent(?:age points)?|per cent|hours?|hrs?|h(?![a-z])))?"
_NUMBER = re.compile(rf"(?<![\w.,])(-)?({_CURRENCY}\s?)?(-)?({_DIGITS})(st|nd|rd|th)?{_POWER}{_AFTER}", re.I)
_BETWEEN = re.compile(r"\s*(?:-|–|—|to|and|~)\s*", re.I)
_LIST = re.compile(r"^\s*\d+[.)]\s+(?=\D*\d)")
_REFUSAL = re.compile(
    r"\b(?:as an? (?:ai|artificial|language)|i(?:'m| am) (?:sorry|unable|not able)"
    r"|i (?:can(?:no|')t|do not|don't|won't)|(?:can|could|would) ?not (?:provide|answer|give|say|estimate)"
    r"|unable to|impossible to|not possible|n/a|unknown)\b",
    re.I,
)
_MOST = 1e12  # beyond it an answer is no answer but a stutter
_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_WORDS = {word: i for i, word in enumerate(_UNITS)} | {word: 20 + 10 * i for i, word in enumerate(_TENS)}
_SPELT = re.compile(rf"\b(?:(?:{'|'.join(_WORDS)}|hundred|thousand|million)(?:[ -](?:and )?|\b))+", re.I)


@dataclass(frozen=True)
class _Found:
    value: float
    marked: bool
    """Whether it has the unit that was asked for, or any where none was."""
    doubtful: bool
    """Whether it could be something else: a year, an ordinal, the number of a list."""
    start: int
    end: int


def refuses(text: str) -> bool:
    """Return whether an answer says that it gives none, or gives no number at all."""
    return number_in(text) is None


def number_in(text: str, form: str = "{}") -> float | None:
    """Return the number that an answer gives, or None where it gives none.

    `$1,200.`, `1.2k`, `twelve hundred`, `1e3` and `**1200** dollars` are the same number; of a range the middle
    counts; a number with the unit asked for goes before others; of several the first counts. What refuses gives no
    number unless one has its unit. Negative numbers are none: nothing asked for can be negative.

    Args:
        text: What a model wrote.
        form: The form that was asked for, such as "${}" or "{} hours".
    """
    text = _LIST.sub("", _plain(text))
    found = _joined(text, _numbers(text, form.replace("{}", "").strip().lower()))
    if _REFUSAL.search(text):
        found = [n for n in found if n.marked]
    for wanted in (lambda n: n.marked and not n.doubtful, lambda n: not n.doubtful, lambda n: True):
        for number in filter(wanted, found):
            return number.value
    return None


def _plain(text: str) -> str:
    """Return the text without markup, in simple characters, with spelt numbers as digits."""
    text = unicodedata.normalize("NFKC", text).replace("−", "-").replace("⁄", "/")
    text = re.sub(r"[*_`#|]|\\", "", text)
    return _SPELT.sub(lambda m: f"{_spelt(m.group())} ", text)


def _spelt(words: str) -> str:
    total, part = 0, 0
    parts = [word for word in re.split(r"[ -]+", words.lower().strip()) if word != "and"]
    if all(word in ("hundred", "thousand", "million") for word in parts):  # "1.2 million": a power, not a number
        return " ".join(parts)
    for word in parts:
        if word == "hundred":
            part = max(part, 1) * 100
        elif word in ("thousand", "million"):
            total, part = total + max(part, 1) * int(_POWERS[word]), 0
        else:
            part += _WORDS[word]
    return str(total + part)


def _numbers(text: str, unit: str) -> list[_Found]:
    found = []
    for m in _NUMBER.finditer(text):
        minus, currency, inner, digits, ordinal, power, after = m.groups()
        value = _value(digits, bool(currency)) * _POWERS.get((power or "").lower(), 1.0)
        if minus or inner or value > _MOST or text[m.end() : m.end() + 1] in ("/", ":"):
            continue
        year = (
            not currency and not after and not power and digits.isdigit() and 1900 <= value <= 2035 and len(text) > 12
        )
        found.append(_Found(value, _marked(unit, currency, after), bool(ordinal and unit) or year, m.start(), m.end()))
    return found


def _marked(unit: str, currency: str | None, after: str | None) -> bool:
    after = (after or "").lower()
    if unit == "$":
        return bool(currency) or after in ("usd", "bucks") or "dollar" in after
    if unit == "%":
        return after.startswith("per") or after == "%"
    if unit == "hours":
        return after.startswith("h")
    return bool(currency or after)


def _value(digits: str, money: bool) -> float:
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+,\d{1,2}", digits):  # 1.200,50
        return float(digits.replace(".", "").replace(",", "."))
    if money and re.fullmatch(r"[1-9]\d{0,2}(?:\.\d{3})+", digits):  # $1.200: no price has three decimals
        return float(digits.replace(".", ""))
    return float(re.sub(r"[, '’]", "", digits))


def _joined(text: str, found: list[_Found]) -> list[_Found]:
    """Return the numbers with each range as its middle; a unit or a power at its end belongs to both."""
    joined: list[_Found] = []
    for number in found:
        before = joined[-1] if joined else None
        if before is None or not _is_range(text, before, number):
            joined.append(number)
            continue
        low = before.value
        if low and number.value / low >= 100:  # 10-12k
            low *= next((power for power in (1e3, 1e6) if low * power <= number.value), 1.0)
        joined[-1] = _Found(
            (low + number.value) / 2, before.marked or number.marked, before.doubtful and number.doubtful,
            before.start, number.end,
        )  # fmt: skip
    return joined


def _is_range(text: str, before: _Found, after: _Found) -> bool:
    joint = text[before.end : after.start]
    if "and" in joint.lower() and not re.search(r"between\s*$", text[: before.start], re.I):
        return False
    return bool(_BETWEEN.fullmatch(joint))
