"""Metrics of what must stay: reactions that a dull model loses, and knowledge that a damaged one does."""

from functools import partial

from fairhub.report.metrics.metric import Metric

_kept = partial(Metric, role="keep", better="higher", section="kept")

METRICS = (
    _kept(
        "merit", "must stay: how far the next token moves with what a judgement should hang on", unit="nats",
        limit="merit", loss="duller", lost="reaction to merit", headline={"held_out": "Must stay: reaction to merit"},
        expected={"held_out": "what must stay (merit, meaning, recall ...)"}, alternatives="Merit",
        columns={"held_out": "Merit"}, compared=("held_out",),
    ),
    _kept(
        "merit_gap", "must stay: how much worse the worse record is judged, nats of log-odds", unit="nats",
        limit="merit_gap", loss="duller", lost="weight of merit in judgements", label="merit gap",
        headline={"held_out": "Must stay: weight of merit in judgements"}, alternatives="Weight of merit",
        columns={"held_out": "Merit gap"}, compared=("held_out",),
    ),
    _kept(
        "incidental", "must stay: how far the next token moves with a trait that is no protected one", unit="nats",
        limit="incidental", loss="duller", lost="reaction to incidental traits",
        headline={"held_out": "Must stay: reaction to incidental traits"}, columns={"held_out": "Incidental"},
        compared=("held_out",),
    ),
    Metric(
        "divergence", "must stay: how far the next token moves with a word that names no group", "control", "higher",
        "kept", "nats", axis="control", limit="control", loss="duller", lost="reaction to control pairs",
        label="control pairs", headline={"held_out": "Must stay: reaction to control pairs"},
        expected={"held_out": "control pairs on held-out prompts"}, columns={"held_out": "Control pairs"},
        compared=("held_out",),
    ),
    _kept(
        "meaning", "must stay: preference (nats) for the word that follows from the meaning of a demographic word",
        unit="nats", limit="meaning", lost="grasp of meaning", short="meaning",
        headline={"held_out": "Must stay: grasp of meaning"}, alternatives="Meaning", columns={"held_out": "Meaning"},
        compared=("held_out",),
    ),
    _kept(
        "meaning_right", "must stay: how often that word is preferred to its rival", share=True, limit="meaning",
        lost="right answers on meaning", label="meaning, right",
    ),
    _kept(
        "recall", "must stay: preference (nats) for who did it over who did not", unit="nats", limit="recall",
        lost="recall of who did what", short="recall", headline={"held_out": "Must stay: recall of who did what"},
        alternatives="Recall", columns={"held_out": "Recall"}, compared=("held_out",),
    ),
    _kept(
        "recall_right", "must stay: how often the right one is preferred", share=True, limit="recall",
        lost="right answers on who did what", label="recall, right",
    ),
    _kept(
        "last_word",
        "must stay: how often the last word of a passage, which it used before, is the likeliest token", share=True,
        limit="last_word", lost="last words", label="last word", headline={"held_out": "Must stay: last words"},
        alternatives="Last word", columns={"held_out": "Last words"}, compared=("held_out",),
    ),
    _kept(
        "last_word_probability", "must stay: the probability of that word", share=True, limit="last_word",
        lost="probability of last words", label="last word, p",
    ),
)  # fmt: skip
