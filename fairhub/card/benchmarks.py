"""Results for `.eval_results/`, which the Hub shows on a benchmark's own page, if it has registered the benchmark."""

from collections.abc import Mapping
from types import MappingProxyType

from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml
from huggingface_hub.utils import yaml_dump

from fairhub.card.front_matter import HUB
from fairhub.report import Report

Benchmark = tuple[str, str]
"""A data set's id on the Hub, and the task within it."""

REGISTERED: Mapping[str, Benchmark] = MappingProxyType({})
"""Figures by name that a registered benchmark defines.

The Hub shows such a result only where the data set carries its Benchmark tag (an `eval.yaml` at its root) and stands
on its list of allowed ones. No figure of fairhub is one of those today, so nothing is claimed."""


def eval_results(
    report: Report, repo: str | None = None, *, registered: Mapping[str, Benchmark] = REGISTERED, endpoint: str = HUB
) -> dict[str, str]:
    """Return files to publish, path to YAML: one a registered benchmark that was measured; {} where there is none.

    Args:
        report: of the run.
        repo: `org/name` where it is published, for the link to the report.
        registered: which figures are whose.
        endpoint: of the Hub.
    """
    files = {}
    for figure in report.figures:
        place = (figure.split in ("held_out", "external"), figure.axis, figure.context)
        part = figure.after or figure.before
        if figure.name not in registered or place != (True, "all", "all"):
            continue
        dataset, task = registered[figure.name]
        entry = EvalResultEntry(
            dataset_id=dataset,
            task_id=task,
            value=float(f"{part.value:.6g}"),
            date=report.created,
            source_url=f"{endpoint}/{repo}/blob/main/fairhub/report.json" if repo else None,
            notes=f"95 % interval {part.low:.6g} to {part.high:.6g}, {figure.items} items",
        )
        files[f".eval_results/{figure.name}.yaml"] = yaml_dump(eval_result_entries_to_yaml([entry]), sort_keys=False)
    return files
