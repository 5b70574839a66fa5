"""The metadata of a card: what the Hub reads, sorts and filters by."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from huggingface_hub import EvalResult, ModelCardData

from fairhub.card.base import base, slug
from fairhub.card.known import SOURCES
from fairhub.report import Figure, Report, is_public
from fairhub.report.verdict import worse
from fairhub.report.wording import direction, named
from fairhub.stats.statistics import Interval

HUB = "https://huggingface.co"
State = Literal["repaired", "unchanged", "audited"]


def metadata(report: Report, repo: str | None = None, *, weights: bool = True, endpoint: str = HUB) -> ModelCardData:
    """Return the metadata of the card.

    The relation to the base model is "finetune": the Hub has no word for pruned. Before and after are results of
    their own, with names of their own; the interval stands beside each value, in its `args`.

    Args:
        report: of the run.
        repo: `org/name` where it is published.
        weights: whether the repository holds weights; a recipe alone is no model that transformers loads.
        endpoint: of the Hub.
    """
    model = base(report)
    licence = model.hub_licence
    known: dict[str, Any] = {
        "license_name": slug(model.licence or "") or None if licence == "other" else None,
        "license_link": f"{endpoint}/{model.hub_id}" if licence == "other" and model.hub_id else None,
        "base_model_relation": "finetune" if model.hub_id else None,
        "co2_eq_emissions": _emissions(report),
    }
    return ModelCardData(
        model_name=model_name(report, repo),
        base_model=model.hub_id,
        language=["en"],  # that of every probe; nothing is claimed of another
        library_name="transformers" if weights else "fairhub",
        license=licence,
        pipeline_tag="text-generation",
        tags=_tags(report),
        datasets=_datasets(report),
        eval_results=list(_results(report, repo, endpoint)),
        **{key: value for key, value in known.items() if value is not None},
    )


def state(report: Report) -> State:
    """Whether the weights were changed, could have been and were not, or were only measured."""
    if report.pruning or report.healing:
        return "repaired"
    return "audited" if all(figure.after is None for figure in report.figures) else "unchanged"


def model_name(report: Report, repo: str | None) -> str:
    """Return the name of the result: that of its repository, else base model and method."""
    return repo.rpartition("/")[2] if repo else slug(f"{base(report).name}-{named(report)}") or "model"


def headline_figures(figures: Sequence[Figure]) -> list[Figure]:
    """Return what was measured over all axes on prompts that chose nothing, and every figure that got worse."""
    unseen = [f for f in figures if f.split in ("held_out", "external")]
    whole = [f for f in unseen if f.context == "all" and f.axis in ("all", "control")]
    return whole + [f for f in worse(unseen) if f not in whole]


def _tags(report: Report) -> list[str]:
    axes = sorted({f.axis for f in report.figures if not is_public(f)} - {"all", "control"})
    done = ["pruning"] if report.pruning else []
    tags = ["fairhub", slug(report.method), "fairness", "bias", *done, *(slug(axis) for axis in axes)]
    return list(dict.fromkeys(tag for tag in tags if tag))


def _datasets(report: Report) -> list[str] | None:
    """Only ids that the Hub has: a data set it does not know would be a dead link."""
    known = (SOURCES.get(str(source.get("name"))) for source in report.data)
    return list(dict.fromkeys(source.hub_id for source in known if source and source.hub_id)) or None


def _emissions(report: Report) -> dict[str, Any] | None:
    grams = report.cost.get("co2_eq_grams")
    if not isinstance(grams, int | float):
        return None
    how = {"source": report.cost.get("co2_eq_source"), "hardware_used": report.cost.get("device")}
    return {"emissions": grams, "training_type": "pruning"} | {key: _flat(value) for key, value in how.items() if value}


def _results(report: Report, repo: str | None, endpoint: str) -> Iterator[EvalResult]:
    source = f"{endpoint}/{repo}/blob/main/fairhub/report.json" if repo else None
    for figure in headline_figures(report.figures):
        parts = {"base model": None if figure.before == Interval(0, 0, 0) else figure.before, "repaired": figure.after}
        if state(report) == "unchanged":
            parts.pop("repaired")
        for which, part in parts.items():
            if part is not None:
                yield _result(figure, which, part, source)


def _result(figure: Figure, which: str, part: Interval, source: str | None) -> EvalResult:
    places = [p for p in (figure.axis, figure.context) if p != "all"]
    told = _flat(f"{figure.name} {', '.join(places)} ({direction(figure)}), {which}")
    kind = "benchmark" if is_public(figure) else "text" if figure.role == "utility" else "prompts"
    return EvalResult(
        task_type="text-generation",
        dataset_type=f"fairhub-{kind}",
        dataset_name=_flat(f"fairhub {kind}, {figure.split}"),
        dataset_split=_flat(figure.split),
        metric_type=_flat(figure.name),
        metric_name=told,
        metric_value=_rounded(part.value),
        metric_args={
            "low": _rounded(part.low), "high": _rounded(part.high), "level": 0.95,
            "items": figure.items, "clusters": figure.clusters,
        },
        source_name="fairhub report" if source else None,
        source_url=source,
    )  # fmt: skip


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _flat(value: object) -> str:
    """One line: a line break in a value could end the front matter."""
    return " ".join(str(value).split())
