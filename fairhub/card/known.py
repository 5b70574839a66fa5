"""What a card knows that no report says: what a method does, what a metric means, where a source lives."""

from dataclasses import dataclass

from fairhub.methods import METHODS
from fairhub.report.record import OTHERWISE


@dataclass(frozen=True)
class Known:
    """A method in words, and the papers to cite for it."""

    title: str
    what: str
    papers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """A source of prompts or text: its id on the Hub where it has one, what it is used for, its paper."""

    hub_id: str | None
    use: str
    paper: str | None = None


_OTHERS = {
    "importance": Known("least importance, a control", "The units that matter least for neutral text were removed."),
    "audit": Known("audit", "The model was measured and left alone."),
}
"""What reports name and no method is."""


def method(name: str) -> Known:
    """Return what is known of a method; one added later is named, not explained."""
    if name in METHODS:
        return Known(METHODS[name].title, METHODS[name].what, METHODS[name].papers)
    later = "What this recipe does is documented in the version of fairhub that made the run."
    return _OTHERS.get(name) or Known(name, later)


SOURCES = {
    "fairhub probes": Source(None, "search, select, held_out and, its vignettes, external"),
    "HolisticBias": Source("fairnlp/holistic-bias", "external", "smith2022holisticbias"),
    "CrowS-Pairs": Source("nyu-mll/crows_pairs", "external", "nangia2020crows"),
    "WikiText-2 (raw)": Source("Salesforce/wikitext", "neutral text of every split", "merity2017pointer"),
    "BOLD Wikipedia passages": Source("AmazonScience/bold", "neutral text of every split", "dhamala2021bold"),
}

LICENCES = {"HuggingFaceTB/SmolLM2-135M-Instruct": "apache-2.0"}
"""Licences of base models that reports made before the licence was recorded are known to name."""

METRICS = {
    "judgement": "bias: who is judged worse: mean over axes, pairs of groups and dimensions of the squared difference "
    "(nats) in log-odds of negative against positive words about a person; unbiased, so that chance alone gives 0",
    "judgement.leave_one_frame_out": "bias: the same with the smallest and largest value that leaving out one sentence "
    "form makes of it; a range, no interval",
    **{
        f"judgement.{name}": f"bias: the same on words for {name} people and their opposites"
        for name in ("bad", "incompetent", "cold", "criminal", "poor", "menial")
    },
    **{
        f"direction.{name}": f"bias: signed: how much more {name} a group is judged than the others, nats of log-odds"
        for name in ("bad", "incompetent", "cold", "criminal", "poor", "menial")
    },
    "systematic": "what a group's name changes everywhere, meaning included: the shift of the next token that "
    "different templates and terms share (squared Hellinger distance, nats)",
    "reaction": "the whole shift of the next token when a term is changed (squared Hellinger distance, nats), the "
    "systematic part inside",
    "merit": "must stay: how far the next token moves with what a judgement should hang on",
    "merit_gap": "must stay: how much worse the worse record is judged, nats of log-odds",
    "incidental": "must stay: how far the next token moves with a trait that is no protected one",
    "meaning": "must stay: preference (nats) for the word that follows from the meaning of a demographic word",
    "meaning_right": "must stay: how often that word is preferred to its rival",
    "recall": "must stay: preference (nats) for who did it over who did not",
    "recall_right": "must stay: how often the right one is preferred",
    "last_word": "must stay: how often the last word of a passage, which it used before, is the likeliest token",
    "last_word_probability": "must stay: the probability of that word",
    "divergence": "Jensen-Shannon divergence (nats) between the next-token distributions after the two texts of a pair "
    "that differ in one term; nearly all of it is reaction to a changed word, on control pairs all of it",
    "divergence.against_repair": "of another way of choosing: divergence under this repair (before) and the other "
    "(after), in pairs over the same prompts",
    "judgement.against_repair": "of another way of choosing: the judgement gap under this repair (before) and the "
    "other (after), in pairs over the same prompts and words",
    "specificity": "relative change of divergence on demographic pairs minus that on control pairs, in percentage "
    "points; below 0, the repair did more to demographics than to words in general",
    "perplexity": "utility: exp of the mean loss a token, on neutral text that chose nothing",
    "kl": "utility: how far the words of the repaired model lie from those of the base model, nats a token; 0 for the "
    "base model by definition",
    "distinct_2": "utility: share of word pairs in a continuation that are new; repetition lowers it",
    "lambada": "must stay: accuracy on the last word of LAMBADA passages",
    "blimp_anaphor_gender": "must stay: how often a pronoun of the right gender is the likelier one (BLiMP)",
    "da_gender": "must stay: how often a word of gendered meaning goes with the right gender (DA-Gender)",
    "winobias_type2_accuracy": "must stay: how often a pronoun of WinoBias is understood where syntax says whose it is",
    "boolq": "utility: accuracy on the yes/no questions of BoolQ",
    "stereotype": "bias: how often the stereotyped text of a pair is the likelier one",
    "lambada_perplexity": "utility: perplexity of the last word of LAMBADA passages",
    "arc_easy": "utility: accuracy on ARC-easy, by likelihood",
    "arc_easy_normalised": "utility: accuracy on ARC-easy, by likelihood a character",
    "piqa": "utility: accuracy on PIQA, by likelihood",
    "piqa_normalised": "utility: accuracy on PIQA, by likelihood a character",
    "hellaswag": "utility: accuracy on HellaSwag, by likelihood",
    "hellaswag_normalised": "utility: accuracy on HellaSwag, by likelihood a character",
    "wikitext_perplexity": "utility: perplexity a token of WikiText-2 in sliding windows",
    "wikitext_word_perplexity": "utility: perplexity a word of WikiText-2 in sliding windows",
    "crows_pairs": "bias: how far from 50 % the share of pairs lies whose more stereotypical sentence is the likelier",
    "stereoset_intra_ss": "bias: how far from 50 % StereoSet's preference for stereotypes within sentences lies",
    "stereoset_inter_ss": "bias: the same for sentences that follow a context",
    "stereoset_intra_icat": "bias: StereoSet's joint score of sense and neutrality within sentences; 100 is ideal",
    "stereoset_inter_icat": "bias: the same for sentences that follow a context",
    "stereoset_intra_lms": "utility: how often sense is preferred to nonsense within sentences",
    "stereoset_inter_lms": "utility: the same for sentences that follow a context",
    "bbq_bias_ambiguous": "bias: how far BBQ's answers lean towards or against stereotypes where the context does not "
    "say; 0 is neutral",
    "bbq_bias_disambiguated": "bias: the same where the context says who is meant",
    "bbq_accuracy_ambiguous": "bias: how often the answer is unknown where the context does not say",
    "bbq_accuracy_disambiguated": "utility: accuracy on BBQ where the context says who is meant",
    "winobias_gap": "bias: accuracy gap between pro- and anti-stereotypical sentences of WinoBias",
    "winobias_accuracy": "utility: how often a pronoun of WinoBias is understood",
    "winogender_gap": "bias: accuracy gap between sentences of Winogender about men and about women",
    "winogender_accuracy": "must stay: how often a pronoun of Winogender is understood",
    "honest": "bias: share of hurtful words among the likeliest next words of HONEST's templates",
    "honest_gap": "bias: difference of that share between women and men",
    "toxicity_gap": "bias: how far the toxicity of continuations differs between groups",
    "inlier_ratio": "utility: share of numeric answers in the central 90 % of the base model's",
    "refusal_rate": "utility: share of answers to questions for a number that are none",
    "name_gap": "bias: how far numeric answers differ between names, in standard deviations",
}
"""Figures by name, in words. One that is not listed is shown all the same, without a definition."""

EXPECTED = (
    (("judgement",), "held_out", "all", "who is judged worse on held-out prompts"),
    (("judgement",), "external", "all", "who is judged worse on external sources"),
    (("merit",), "held_out", "all", "what must stay (merit, meaning, recall ...)"),
    (("divergence",), "held_out", "all", "divergence on held-out prompts"),
    (("divergence",), "external", "all", "divergence on external sources"),
    (("specificity",), "held_out", "all", "specificity on held-out prompts"),
    (("divergence",), "held_out", "control", "control pairs on held-out prompts"),
    (("perplexity",), None, "all", "perplexity"),
    (("kl",), None, "all", "distance from the base model (KL)"),
    (("lambada", "boolq"), None, "all", "accuracy on tasks (LAMBADA, BoolQ)"),
    (
        ("crows_pairs", "stereoset_intra_ss", "bbq_bias_ambiguous", "winobias_gap", "stereotype"),
        None,
        "all",
        "stereotype benchmarks (CrowS-Pairs, StereoSet, BBQ, WinoBias)",
    ),
    (("honest", "toxicity_gap"), None, "all", "toxicity and hurtful completions"),
)  # fmt: skip
"""What a reader may look for: names of figures any of which will do, split (None: any), axis, and how to name it."""


def meaning_of(name: str) -> str | None:
    """Return what a figure of this name says; None where the name is of a later fairhub."""
    bare, otherwise, prompt_format = name.partition(OTHERWISE)
    said = METRICS.get(name) or METRICS.get(bare)
    return f"{said}; {_ASKED.get(prompt_format, prompt_format)}" if said and otherwise and name not in METRICS else said


_ASKED = {"chat": "asked in the model's chat template", "text": "asked as plain text"}
