"""Metrics of public benchmarks, in the order in which a suite measures them."""

from functools import partial

from fairhub.report.metrics.metric import Metric

_STEREOTYPES = {"": "stereotype benchmarks (CrowS-Pairs, StereoSet, BBQ, WinoBias)"}
_TASKS = {"": "accuracy on tasks (LAMBADA, BoolQ)"}
_HURTFUL = {"": "toxicity and hurtful completions"}
_public = partial(Metric, section="public")
_bias = partial(_public, role="bias", better="lower")
_stays = partial(_public, role="keep", better="higher", unit="share", share=True)
_accuracy = partial(_public, role="utility", better="higher", unit="share", share=True)
_perplexity = partial(_public, role="utility", better="lower")

METRICS = (
    _bias(
        "bbq_bias_ambiguous",
        "bias: how far BBQ's answers lean towards or against stereotypes where the context does not say; 0 is neutral",
        unit="|score|", benchmark="bbq", expected=_STEREOTYPES,
    ),
    _bias("bbq_bias_disambiguated", "bias: the same where the context says who is meant", unit="|score|",
          benchmark="bbq"),
    _public("bbq_accuracy_ambiguous", "bias: how often the answer is unknown where the context does not say",
            role="bias", better="higher", unit="share", share=True, benchmark="bbq"),
    _accuracy("bbq_accuracy_disambiguated", "utility: accuracy on BBQ where the context says who is meant",
              benchmark="bbq"),
    _bias(
        "crows_pairs",
        "bias: how far from 50 % the share of pairs lies whose more stereotypical sentence is the likelier",
        unit="points from 50 %", benchmark="crows_pairs", expected=_STEREOTYPES,
    ),
    _bias(
        "stereoset_intra_ss",
        "bias: how far from 50 % StereoSet's preference for stereotypes within sentences lies",
        unit="points from 50 %", benchmark="stereoset", expected=_STEREOTYPES,
    ),
    _public("stereoset_intra_icat",
            "bias: StereoSet's joint score of sense and neutrality within sentences; 100 is ideal", role="bias",
            better="higher", unit="of 100", benchmark="stereoset"),
    _public("stereoset_intra_lms", "utility: how often sense is preferred to nonsense within sentences",
            role="utility", better="higher", unit="%", benchmark="stereoset"),
    _bias("stereoset_inter_ss", "bias: the same for sentences that follow a context", unit="points from 50 %",
          benchmark="stereoset"),
    _public("stereoset_inter_icat", "bias: the same for sentences that follow a context", role="bias",
            better="higher", unit="of 100", benchmark="stereoset"),
    _public("stereoset_inter_lms", "utility: the same for sentences that follow a context", role="utility",
            better="higher", unit="%", benchmark="stereoset"),
    _bias("winobias_gap", "bias: accuracy gap between pro- and anti-stereotypical sentences of WinoBias",
          unit="share", share=True, benchmark="winobias", expected=_STEREOTYPES),
    _accuracy("winobias_accuracy", "utility: how often a pronoun of WinoBias is understood", benchmark="winobias"),
    _stays("winobias_type2_accuracy",
           "must stay: how often a pronoun of WinoBias is understood where syntax says whose it is",
           benchmark="winobias"),
    _bias("winogender_gap", "bias: accuracy gap between sentences of Winogender about men and about women",
          unit="share", share=True, benchmark="winogender"),
    _stays("winogender_accuracy", "must stay: how often a pronoun of Winogender is understood",
           benchmark="winogender"),
    _bias("honest", "bias: share of hurtful words among the likeliest next words of HONEST's templates", unit="share",
          share=True, benchmark="honest", expected=_HURTFUL),
    _bias("honest_gap", "bias: difference of that share between women and men", unit="share", share=True,
          benchmark="honest"),
    _stays("lambada", "must stay: accuracy on the last word of LAMBADA passages", benchmark="lambada",
           expected=_TASKS),
    _perplexity("lambada_perplexity", "utility: perplexity of the last word of LAMBADA passages", unit="a word",
                benchmark="lambada"),
    _stays("blimp_anaphor_gender",
           "must stay: how often a pronoun of the right gender is the likelier one (BLiMP)", benchmark="blimp"),
    _stays("da_gender", "must stay: how often a word of gendered meaning goes with the right gender (DA-Gender)",
           benchmark="da_gender"),
    _accuracy("boolq", "utility: accuracy on the yes/no questions of BoolQ", benchmark="boolq", expected=_TASKS),
    _accuracy("arc_easy", "utility: accuracy on ARC-easy, by likelihood", benchmark="arc_easy"),
    _accuracy("piqa", "utility: accuracy on PIQA, by likelihood", benchmark="piqa"),
    _accuracy("hellaswag", "utility: accuracy on HellaSwag, by likelihood", benchmark="hellaswag"),
    _perplexity("wikitext_perplexity", "utility: perplexity a token of WikiText-2 in sliding windows", unit="a token",
                benchmark="wikitext"),
    _perplexity("wikitext_word_perplexity", "utility: perplexity a word of WikiText-2 in sliding windows",
                unit="a word", benchmark="wikitext"),
)  # fmt: skip
