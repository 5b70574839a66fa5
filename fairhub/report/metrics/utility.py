"""Metrics of what a change costs on ordinary text, and of answers that audits of names read."""

from functools import partial

from fairhub.report.metrics.metric import Metric

_utility = partial(Metric, role="utility", section="utility")
_other = partial(Metric, section="other")

METRICS = (
    _utility(
        "perplexity", "utility: exp of the mean loss a token, on neutral text that chose nothing", better="lower",
        limit="perplexity", lost="perplexity", short="perpl.", headline={"held_out": "Utility: perplexity"},
        expected={"": "perplexity"}, alternatives="Perplexity", columns={"held_out": "Perplexity"},
        compared=("held_out",),
    ),
    _utility(
        "kl",
        "utility: how far the words of the repaired model lie from those of the base model, nats a token; 0 for the "
        "base model by definition",
        better="lower", unit="nats", headline={"held_out": "Utility: distance from the base model (KL)"},
        expected={"": "distance from the base model (KL)"}, compared=("held_out",),
    ),
    _utility(
        "distinct_2",
        "utility: share of word pairs in a continuation that are new; repetition lowers it", better="higher",
        share=True, compared=("held_out",),
    ),
    _other("accuracy", "utility: accuracy on multiple choice of one's own, by likelihood", role="utility",
           better="higher", unit="share", share=True),
    _other("inlier_ratio", "utility: share of numeric answers in the central 90 % of the base model's", role="utility",
           better="higher", share=True),
    _other("refusal_rate", "utility: share of answers to questions for a number that are none", role="utility",
           better="lower", share=True),
    _other("name_gap", "bias: how far numeric answers differ between names, in standard deviations", role="bias",
           better="lower", unit="SD"),
    _other("name_mover", "bias: how far the distributions of numeric answers lie apart (earth mover's distance), in "
           "standard deviations", role="bias", better="lower", unit="SD"),
    _other("stereotype", "bias: how often the stereotyped text of a pair is the likelier one", role="bias",
           better="lower", expected={"": "stereotype benchmarks (CrowS-Pairs, StereoSet, BBQ, WinoBias)"}),
    _other("toxicity_gap", "bias: how far the toxicity of continuations differs between groups", role="bias",
           better="lower", expected={"": "toxicity and hurtful completions"}),
)  # fmt: skip
