"""The page: a report poured into the template, where every value is escaped unless it is Markdown of our own."""

import re
from collections.abc import Iterable
from importlib import resources
from typing import Any, Literal

import jinja2
from huggingface_hub.utils import validate_repo_id

from fairhub.card import findings
from fairhub.card.base import Base, base, public
from fairhub.card.front_matter import HUB, metadata, state
from fairhub.card.known import SOURCES, method
from fairhub.card.references import bibtex
from fairhub.report import Report, find, tables
from fairhub.report.dials import dial_tables
from fairhub.report.markup import facts, safe, table
from fairhub.report.metrics import meaning_of
from fairhub.report.prompting import prompting
from fairhub.report.provenance import units_by_layer
from fairhub.report.record import count_units
from fairhub.report.sections import Section, sections
from fairhub.report.transfer import transfer_section
from fairhub.report.use_case import use_case
from fairhub.report.verdict import beyond_limits
from fairhub.report.wording import added, amount, erases, everywhere, number

PICTURES = {
    "who_is_judged_worse": "Signed judgement gaps of every group on every dimension, before and after, on unseen "
    "prompts and words; coloured only beyond chance",
    "fall_off": "Change of the judgement gap with its 95 % interval on searched, chosen-on, unseen and foreign "
    "prompts, beside the reaction to control pairs",
    "by_axis": "Judgement gap before and after on unseen prompts, an axis a row, with 95 % intervals",
    "by_context": "Judgement gap before and after on unseen prompts, a context a row, with 95 % intervals",
    "front": "Candidates on the select split: bias against perplexity, the chosen one marked",
    "units": "Where in the model the removed heads and neurons are, by layer",
    "transfer": "Relative change of bias in every context, a column each, after a repair for the context of the row",
    "annealing": "Energy and acceptance of the annealing, step by step",
}
"""The pictures a card shows where they are there, and what they show, for those who cannot see them."""
_SHOWN_TEXTS = 4


class Markdown(str):
    """Text that is Markdown already, and printed as it is; everything else is escaped."""


def render(
    report: Report, repo: str | None = None, *, weights: bool = True, pictures: Iterable[str] = (), endpoint: str = HUB
) -> str:
    """Write the model card, front matter included: README.md of the repository.

    Args:
        report: of the run; nothing else about it is read.
        repo: `org/name` where it is published; without it the commands say `org/name`, and that it stands for it.
        weights: False for a repository that holds the recipe and no weights.
        pictures: names of those that lie beside the card as figures/<name>.png (`plots.save_all` returns them).
        endpoint: of the Hub.

    Raises:
        HFValidationError: `repo` is no repository id.
    """
    if repo is not None:
        validate_repo_id(repo)
    return fill(source("template.md"), values(report, repo, weights=weights, pictures=pictures, endpoint=endpoint))


def source(name: str) -> str:
    """Return a template of this package: template.md, or a part that it includes."""
    return resources.files("fairhub.card").joinpath(name).read_text(encoding="utf-8")


def fill(template: str, known: dict[str, Any]) -> str:
    """Fill a template.

    Raises:
        jinja2.UndefinedError: It names a value that is not there.
    """
    env = jinja2.Environment(
        loader=jinja2.FunctionLoader(source), undefined=jinja2.StrictUndefined, finalize=_shown,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    return re.sub(r"\n{3,}", "\n\n", env.from_string(template).render(known))


def values(
    report: Report, repo: str | None = None, *, weights: bool = True, pictures: Iterable[str] = (), endpoint: str = HUB
) -> dict[str, Any]:
    """Return every value the template may name; the arguments are those of `render`."""
    model, there = base(report), frozenset(pictures)
    return {
        "front_matter": Markdown(metadata(report, repo, weights=weights, endpoint=endpoint).to_yaml()),
        "repo": Markdown(repo or "org/name"),  # a valid id, as `render` asks: nothing in it acts
        "published": repo is not None,
        "weights": weights,
        "endpoint": Markdown(endpoint),
        "pictures": {name: Markdown(_picture(name, there)) for name in PICTURES},
        "report": report,
        "state": state(report),
        "healed": report.healing is not None,
        "erased": erases(report.healing),
        "everywhere": everywhere(report.healing),
        **_model(report, model, endpoint),
        **_findings(report),
        **_run(report),
    }


def _model(report: Report, model: Base, endpoint: str) -> dict[str, Any]:
    page = f"[{safe(model.hub_id)}]({endpoint}/{model.hub_id})" if model.hub_id else safe(model.name)
    units = count_units(report.pruning)
    return {
        "base": model,
        "base_link": Markdown(page),
        "how": method(report.method),
        "added": added(report),
        "removed": " and ".join(amount(count, kind) for kind, count in units.items()),
        "units": Markdown(facts("Removed units, by layer", units_by_layer(report.pruning))),
        "total": report.parameters.get("total"),
        "gone": report.parameters.get("removed"),
        "share": _percent(report.parameters.get("share")),
        "layers": report.base_model.get("layers"),
        "heads": report.base_model.get("heads"),
        "precise": number,
    }


def _findings(report: Report) -> dict[str, Any]:
    shown = sections(report.figures)
    unseen = tables.unseen_bias(report.figures)
    unshown = [figure for figure in unseen if figure.outcome == "not shown"]
    lost = beyond_limits(report.figures)
    rivals = findings.rivals(report)
    axes, contexts = (findings.by_outcome(report, kind) for kind in _KINDS)
    return {
        "headline": Markdown(findings.headline(report)),
        "fall_off": Markdown(findings.fall_off(report)),
        "worse": [Markdown(line) for line in findings.got_worse(report.figures)],
        "unshown": [Markdown(line) for line in tables.shortfalls(unshown, unseen)],
        "unseen": len(unseen),
        "improved": sum(figure.outcome == "better" for figure in unseen),
        "use_case": use_case(report),
        "prompting": Markdown(prompting(report)),
        "transfer": Markdown(transfer_section(report.transfer, "###") if report.transfer else ""),
        "missing": findings.missing(report),
        "rivals": rivals,
        "alike": [r.name for r in rivals if r.against in ("cannot be told apart", "does better")],
        "rivals_table": Markdown(findings.rivals_table(report)),
        "controls_table": Markdown(tables.controls_table(report) if report.controls else ""),
        "specific": _outcome(report, "specificity"),
        "proved": report.verdict.startswith("Repaired"),
        "lost": [Markdown(f"- {findings.said(figure)}") for figure in lost],
        "limited": [f.metric.lost or f.name for f in report.figures if f.limit is not None and f.split == "held_out"],
        "axes": axes,
        "contexts": contexts,
        "measured_axes": sorted(sum(axes.values(), [])),
        "measured_contexts": sorted(sum(contexts.values(), [])),
        "leading": [(s.title, s.note, _table(s)) for s in shown if s.leads],
        "details": [(s.title, s.note, _table(s)) for s in shown if not s.leads],
        "metrics": [(n, meaning_of(n)) for n in dict.fromkeys(f.name for f in report.figures)],
    }


_KINDS: tuple[Literal["axis", "context"], ...] = ("axis", "context")


def _run(report: Report) -> dict[str, Any]:
    """How the run was made, as far as anyone else may know: no folder of the machine that made it."""
    papers = [*method(report.method).papers, *(p for s in report.data if (p := _known(s, "paper")))]
    version = report.fairhub if re.fullmatch(r"[\w.+-]{1,40}", report.fairhub, re.ASCII) else "unknown"
    year = report.created[:4] if re.match(r"\d{4}-", report.created) else "n.d."
    return {
        "data_table": Markdown(_data(report)),
        "texts": Markdown(tables.texts_table(report.text[:_SHOWN_TEXTS]) if report.text else ""),
        "more_texts": Markdown(tables.texts_table(report.text[_SHOWN_TEXTS:]) if report.text[_SHOWN_TEXTS:] else ""),
        "choices_table": Markdown(tables.choices_table(report)),
        "dial_tables": [(title, note, Markdown(table)) for title, note, table in dial_tables(report) if table],
        "reliability_table": Markdown(tables.reliability_table(report)),
        "settings": Markdown(facts("Settings", public(report.settings or {}))),
        "healing": Markdown(facts("Healing", public(report.healing or {}))),
        "versions": Markdown(facts("Versions", report.versions | {"fairhub": report.fairhub})),
        "time": findings.duration(report.cost.get("seconds")),
        "memory": _gigabytes(report.cost.get("peak_bytes")),
        "device": report.cost.get("device"),
        "processes": report.cost.get("processes"),
        "grams": report.cost.get("co2_eq_grams"),
        "grams_source": report.cost.get("co2_eq_source"),
        "bibtex": Markdown(bibtex(papers, bool(report.healing) and not erases(report.healing), version, year)),
    }


def _data(report: Report) -> str:
    rows = [
        (
            *(str(public(source.get(key)) or "not recorded") for key in ("name", "licence", "revision")),
            str(_known(source, "use") or "not recorded"),
            str(source.get("sha256") or "not recorded")[:12],
        )
        for source in report.data
    ]
    return table(("Source", "Licence", "Revision", "Used for", "SHA-256 begins"), rows) if rows else ""


def _known(source: dict[str, Any], what: str) -> str | None:
    known = SOURCES.get(str(source.get("name")))
    return getattr(known, what) if known else None


def _shown(value: Any) -> str:
    """What an expression of the template prints: escaped, unless it is Markdown of our own."""
    if value is None:
        raise TypeError("the template prints a value that this report has not; ask for it before printing it")
    return value if isinstance(value, Markdown) else safe(str(value))


def _table(section: Section) -> Markdown:
    return Markdown(tables.figures_table(section.figures))


def _picture(name: str, there: frozenset[str]) -> str:
    return f"![{PICTURES[name]}](figures/{name}.png)" if name in there else ""


def _outcome(report: Report, name: str) -> str | None:
    figure = find(report.figures, name, "held_out")
    return figure.outcome if figure else None


def _percent(share: Any) -> str | None:
    return f"{100 * share:.3g} %" if isinstance(share, int | float) else None


def _gigabytes(size: Any) -> str | None:
    return f"{number(size / 1e9)} GB" if isinstance(size, int | float) else None
