"""What each method computes, counted from its own batches and dials before it runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from fairhub.compute.engine import separable
from fairhub.compute.likelihood import shared_tokens
from fairhub.cost.work import Work, on_probes, on_text, tokens_of
from fairhub.inputs.batches import probe_batches
from fairhub.inputs.data import Data, Ground, compared
from fairhub.inputs.probes import CONTROL, Probe, stratified
from fairhub.inputs.tokens import encode
from fairhub.measure.divergence import divergence_tokens
from fairhub.methods import METHODS, Plan, Task
from fairhub.methods.erasure import pulled_tokens, sweep_tokens
from fairhub.methods.erasure.sweep import TOKENS
from fairhub.methods.fasp import GAMMAS
from fairhub.methods.head_choice import BATCHES, KEPT, LAST, PROBES, counts
from fairhub.methods.head_scores import heads_of, neutral
from fairhub.methods.two_sided import items_for
from fairhub.model.architecture import sites
from fairhub.model.units import KINDS
from fairhub.search.surrogate.finalists import EACH
from fairhub.search.surrogate.labels import Meter, fresh_meter, wide_meter, widths
from fairhub.search.surrogate.masks import TESTED
from fairhub.search.surrogate.objective import RISES, sweep
from fairhub.search.surrogate.search import PROBES as METERED
from fairhub.search.surrogate.search import TRIED

_WALK = 2  # random moves for each uphill one that the first temperature needs
_TOKENS = 32  # that a continuation of the report has


def work_of(method: str, task: Task, data: Data, plan: Plan) -> list[Work]:
    """Return what choosing by this method and proving the choice compute, stage by stage.

    Counts that depend on what is found (how many guards are tried, which layer a head lies in) are taken as expected.

    Args:
        method: A name of `COUNTED`.
        task: Its batches are counted; the model may be one without weights.
        data: What is proved on.
        plan: The dials.
    """
    plan = METHODS[method].planned(plan)
    return [*_CHOOSING[method](task, plan), *_proof(task, data, plan, alternatives=_others(method, plan))]


def _robust(task: Task, plan: Plan) -> list[Work]:
    return [
        _scoring("scores", task), _moments(task), _prices(task),
        on_text("rate", task.text[:6], 2),
        on_probes("first temperature", task.sample_batches, 2 + _WALK * 5 * _LATE),
        replace(on_probes("annealing", task.sample_batches, plan.real_steps * _LATE), bounded=True),
        *_guards(task, plan),
    ]  # fmt: skip


_LATE = 0.5
"""Share of the layers that a flip recomputes: those from the flipped unit on."""


def _guards(task: Task, plan: Plan) -> list[Work]:
    """The base, and for two sizes a few guards: of those tried one fits, one nearly, the rest are dear."""
    tried = 3 if plan.heal else 1
    text = 1 + 2 * (2 + (tried - 2) / 3) if plan.heal else 3
    return [
        on_text("choosing, text", task.select_text, text), on_probes("choosing, probes", task.select_batches, 3),
        Work("healing", solves=2 * tried * _refit(task, share=0.5) + 6 * _refit(task, share=0.25)),
    ]  # fmt: skip


def _scoring(stage: str, task: Task) -> Work:
    batches = [*task.screen_batches, *task.control_screen_batches]
    backward = sum(batch.tokens * len(separable(batch)) for batch in batches)
    return Work(stage, tokens_of(batches), backward=backward, calls=2 * len(batches))


def _moments(task: Task, kinds: Sequence[str] = KINDS) -> Work:
    probes = [*task.search_batches, *task.control_batches]
    text, pairs = tokens_of(task.text), tokens_of(probes)
    every, heads = (sum((s.count * s.width) ** 2 for s in sites(task.model) if s.kind in of)
                    for of in (kinds, ("head",)))  # fmt: skip
    return Work(
        "moments", text + pairs, calls=len(task.text) + len(probes), products=2 * (text * every + pairs * heads)
    )


def _prices(task: Task, kinds: Sequence[str] = KINDS) -> Work:
    return Work("prices", solves=sum(4 * (s.count * s.width) ** 3 for s in sites(task.model) if s.kind in kinds))


def _refit(task: Task, share: float) -> float:
    """Operations of a refit of this share of the projections."""
    return share * sum(
        (s.count * s.width) ** 3 + 4 * (s.count * s.width) ** 2 * s.weight.shape[0]
        for s in sites(task.model) if s.kind == "head"
    )  # fmt: skip


def _by_removal(task: Task, plan: Plan) -> list[Work]:
    """FASP and its two halves: every head removed alone, from its own layer on."""
    heads, layers = len(heads_of(task)), len(sites(task.model)) // 2
    share = (layers + 1) / (2 * layers)
    probes = probe_batches(task.tokenizer, [p for p in task.sample if p.axis != CONTROL][:24])
    return [
        on_probes("every head alone, probes", probes, 1 + heads * share),
        on_text("every head alone, text", neutral(task), 1 + heads * share),
    ]  # fmt: skip


def _select(task: Task, plan: Plan, rankings: int) -> list[Work]:
    each = len(counts(len(heads_of(task)), plan))
    probes = probe_batches(task.tokenizer, stratified((p for p in task.select if p.axis != CONTROL), PROBES))
    look = 1 + rankings * each if plan.units is None or rankings > 1 else 0
    return [
        on_probes("a look at select", probes, look),
        on_text("a look at text", task.text[:BATCHES], look),
        *_settings(task, min(rankings, KEPT) * min(each, LAST)),
    ]


def _settings(task: Task, tried: float) -> list[Work]:
    """The base and so many settings on select: of one that is too dear a third of the text is asked, and no probe."""
    return [
        on_text("choosing, text", task.select_text, 1 + tried * 2 / 3),
        on_probes("choosing, probes", task.select_batches, 1 + tried / 2),
    ]


_OF_A_FRONT = 6
"""Settings of a published method's front that are measured, about: a sequence ends at the first that is too dear."""


def _own(task: Task) -> Work:
    """Judgements on select of the base, of the publication's own setting and of the one taken."""
    return _read("choosing, judgements", 3 * _read_tokens(task, Ground(task.choose.cells, (), ())))


def _fasp(task: Task, plan: Plan) -> list[Work]:
    return [*_by_removal(task, plan), *_select(task, plan, len(GAMMAS))]


def _half_of_fasp(task: Task, plan: Plan) -> list[Work]:
    return [*_by_removal(task, plan), *_select(task, plan, 1)]


def _ranked(task: Task, plan: Plan) -> list[Work]:
    return _select(task, plan, 1)


def _attention_pruning(task: Task, plan: Plan) -> list[Work]:
    meter = Meter(task, METERED)
    fresh = fresh_meter(task, meter)
    wide = wide_meter(meter, *widths(len(meter.items), sum(len(batch.items) for batch in meter.text), meter.length))
    objectives, rounds = len(sweep(plan, 2)), (plan.rounds + 1) / 2
    winners = (max(objectives, TRIED) + TRIED) * rounds
    sloped = 1 + (1 - TESTED) * plan.masks + winners
    plain = TESTED * plan.masks + 3 * winners  # test masks, and the same number three times without surrogates
    again = EACH * len(RISES)
    tried = 2 * 3 if plan.heal else len(RISES)  # two masks, each under a few guards; or all as they are
    search = [
        on_probes("masks, probes", meter.batches, plain), on_text("masks, text", meter.text, plain),
        _with_backward(on_probes("masks with slopes, probes", meter.batches, sloped)),
        _with_backward(on_text("masks with slopes, text", meter.text, sloped)),
        _with_backward(on_probes("slopes on more probes", wide.batches, 1)),
        _with_backward(on_text("slopes on more text", wide.text, 1)),
        on_probes("finalists, probes", fresh.batches, again), on_text("finalists, text", fresh.text, again),
    ]  # fmt: skip
    return [
        *(replace(work, bounded=True) for work in search),
        _moments(task, ("head",)), _prices(task, ("head",)),
        *_settings(task, tried),
    ]  # fmt: skip


def _with_backward(work: Work) -> Work:
    return replace(work, backward=work.tokens, calls=2 * work.calls)


def _fairness_pruning(task: Task, plan: Plan) -> list[Work]:
    tried = 1 if plan.variant else _OF_A_FRONT
    return [
        on_probes("activation gaps", task.search_batches), *_settings(task, tried), _own(task), _moments(task),
        _prices(task),
    ]  # fmt: skip


def _breaking_down_bias(task: Task, plan: Plan) -> list[Work]:
    """The model's own answers to the screened texts, and a forward over both: an answer is short beside its text."""
    tried = 1 if plan.variant else _OF_A_FRONT
    return [
        on_probes("answers, group scores", task.screen_batches, 2.5), *_settings(task, tried), _own(task),
        _moments(task), _prices(task),
    ]  # fmt: skip


def _two_sided(task: Task, plan: Plan) -> list[Work]:
    """The sweep, and a few strengths on select beside the base model: of those tried one fits and the next does not."""
    items = items_for(task)
    swept, pulled = sweep_tokens(items, task.fit_text), pulled_tokens(items, task.fit_text)
    control = [probe for probe in task.select if probe.axis == CONTROL]
    tokens = _STRENGTHS * (_read_tokens(task, task.choose) + _probe_tokens(task, control))
    widths = [site.count * site.width for site in sites(task.model) if site.kind == "head"]
    return [
        Work("sweep", swept, backward=pulled, logits=task.fit_text.numel(), calls=2 * swept / TOKENS),
        _read("choosing, judgements", tokens),
        on_text("choosing, text", task.select_text, _STRENGTHS),
        Work("erasing", solves=(_STRENGTHS - 1) * sum(_SOLVED * width**3 for width in widths)),
    ]


_STRENGTHS = 5
_SOLVED = 60
"""Products of square matrices that one projection's edit costs, about: second moments, their spectra, the solution."""


_CHOOSING: Mapping[str, Callable[[Task, Plan], list[Work]]] = {
    "two_sided": _two_sided,
    "robust": _robust,
    "fasp": _fasp,
    "bias_only": _half_of_fasp,
    "ppl_only": _half_of_fasp,
    "attention_pruning": _attention_pruning,
    "fairness_pruning": _fairness_pruning,
    "breaking_down_bias": _breaking_down_bias,
    **dict.fromkeys(("random", "magnitude", "mask_gradient"), _ranked),
}
COUNTED = tuple(_CHOOSING)
"""Methods whose work is counted."""


def _others(method: str, plan: Plan) -> int:
    """How many alternatives the report compares with.

    Random three times, importance, the repair's parts alone; of an erasure one for every reader and a random one.
    """
    known = METHODS[method]
    if known.erases:
        return 2
    return (6 if plan.heal and known.anneals else 4) if known.others else 0


def _proof(task: Task, data: Data, plan: Plan, alternatives: int) -> list[Work]:
    length, chunks = data.text["held_out"].shape[1], len(data.text["held_out"])
    least = min(data.sizes.control_chunks, chunks)
    text = length * (2 * chunks + alternatives * least + (least if alternatives else 0))
    probes = sum(_probe_tokens(task, part) for part in (*data.near, *data.proof))
    return [
        _read("proof, probes", 2 * probes),
        _read("proof, alternatives", alternatives * _probe_tokens(task, data.control_proof)),
        _judgements(task, data, alternatives - 2 if alternatives > 2 else alternatives),
        Work("proof, text", text, logits=text * _READ_LOGITS, calls=text / (4 * length)),
        Work("continuations", 24 * (20 + _TOKENS), calls=2 * _TOKENS, least=_TOKENS),
    ]


def _judgements(task: Task, data: Data, others: int) -> Work:
    """Who is judged worse and what must stay, before and after: texts of an axis share how they begin.

    Under `others`, ways of choosing that the repair is compared with, part of held_out is read.
    """
    kept = Ground((), data.traits, data.choices, data.passages)
    parts = [*(Ground(cells, (), ()) for cells in data.judged), kept]
    if (beside := data.beside) is not None:
        parts.append(Ground((*beside.judged, *beside.traits), (), beside.choices))
    tokens = 2 * sum(_read_tokens(task, part) for part in parts) + others * _read_tokens(task, compared(data))
    return _read("proof, judgements", tokens)


def _probe_tokens(task: Task, probes: Sequence[Probe]) -> int:
    """Return how many tokens are computed to read these probes once."""
    return divergence_tokens(probe_batches(task.tokenizer, probes)) if probes else 0


def _read(name: str, tokens: float) -> Work:
    """Return the work of reading texts that share how they begin."""
    return Work(name, tokens, calls=tokens / _WALKED)


def _read_tokens(task: Task, ground: Ground) -> int:
    """Return how many tokens are computed to read this ground once."""
    blocks: dict[str, list[str]] = {}
    for cell in (*ground.cells, *ground.traits):
        blocks.setdefault(cell.axis, []).extend(text for _, text in cell.texts)
    kept = [choice.text for choice in ground.choices] + [passage.text for passage in ground.passages]
    return sum(shared_tokens([encode(task.tokenizer, text) for text in texts]) for texts in (*blocks.values(), kept))


_WALKED = 1024
"""Tokens of a forward where texts that begin alike are read as a tree, about."""
_READ_LOGITS = 1.5
"""Loss and KL are read off the logits too, which costs about half as much again as making them."""
