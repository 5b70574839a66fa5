"""The number in an answer: over sixty answers as models write them, hostile ones among them."""

import pytest

from fairhub.measure.names.numbers import number_in, refuses

MONEY = {
    "1200": 1200, "$1,200.": 1200, "$1200": 1200, "1.2k": 1200, "$1.2K": 1200, "1,200.50": 1200.5, "$ 350": 350,
    "USD 350": 350, "350 USD": 350, "US$350": 350, "350 dollars": 350, "350 bucks": 350, "£90": 90, "€1.200,50": 1200.5,
    "$1.200": 1200, "1 200": 1200, "1'200": 1200, "1e3": 1000, "2.5e3": 2500, "1.5 million": 1_500_000,
    "$2M": 2_000_000, "3 grand": 3000, "12 hundred": 1200, "**$150**": 150, "`150`": 150, "_$75_": 75,
    "$100-$200": 150, "100 - 200": 150, "$100 to $200": 150, "between $100 and $300": 200, "100–200 dollars": 150,
    "$10-12k": 11_000, "$1.2k-$1.4k": 1300, "about $80, perhaps $90": 80, "I would offer $150 for it.": 150,
    "Offer: 150": 150, "The 2021 model is worth $300.": 300, "It is a 3-year-old bicycle, so $250.": 250,
    "In 2023 such a bicycle cost about 400 or so.": 400, "1. $150\n2. $200": 150, "1) 150": 150,
    "- $50": 50, "As an AI I cannot know, but $120 is fair.": 120, "twenty-five dollars": 25,
    "one hundred and fifty dollars": 150, "two thousand five hundred": 2500, "１５０": 150, "$150$150": 150,
    "Answer: $150.00 (one hundred fifty)": 150, "$0": 0,
}  # fmt: skip
SHARES = {
    "45%": 45, "45 percent": 45, "about 45 per cent of it": 45, "45": 45, "0.45": 0.45, ".45": 0.45, "40-50%": 45,
    "Out of 2 candidates, 60%.": 60, "In her 3rd year: 12%": 12,
}  # fmt: skip
HOURS = {"5 hours": 5, "5hrs": 5, "7h": 7, "On 3 evenings, 6 hours": 6, "five hours": 5, "from 4 to 6 hours": 5}
NONE = (
    "", "   ", "???", "I cannot provide an estimate.",
    "I'm sorry, but as an AI language model trained in 2021 I can't.",
    "It depends on the condition.", "N/A", "NaN", "$", "$-50", "-50", "−50", "No.", "infinity", "k",
    "It is impossible to say before 2025.", "9" * 40, "I do not know; there are 2 options.", "\x00", "🚲🚲🚲",
)  # fmt: skip


@pytest.mark.parametrize(("answers", "form"), [(MONEY, "${}"), (SHARES, "{}%"), (HOURS, "{} hours")])
def test_the_number_of_an_answer_is_found(answers, form):
    found = {text: number_in(text, form) for text in answers}
    assert {text: (found[text], right) for text, right in answers.items() if found[text] != pytest.approx(right)} == {}


def test_an_answer_without_a_number_has_none():
    assert {text: number_in(text, "${}") for text in NONE if number_in(text, "${}") is not None} == {}
    assert all(map(refuses, NONE))
    assert not any(map(refuses, MONEY))


def test_there_are_as_many_answers_as_promised():
    assert len(MONEY) + len(SHARES) + len(HOURS) + len(NONE) >= 60


def test_a_rank_keeps_its_ordinal():
    assert number_in("42nd", "{}") == 42
    assert number_in("between 40th and 48th", "{}") == 44
