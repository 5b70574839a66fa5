"""`fairhub audit`: measure, change nothing."""

from typing import Any

import typer

from fairhub.commands.options import (
    Axis,
    Context,
    Device,
    Dtype,
    Json,
    Model,
    Probes,
    Text,
    echo_json,
    loaded,
    plan_sanity,
)


def audit(
    model: Model = None, axis: Axis = None, context: Context = None, probes: Probes = None, text: Text = None,
    device: Device = "auto", dtype: Dtype = None, json: Json = False,
) -> None:  # fmt: skip
    """Measure how differently a model treats people; change nothing."""
    from fairhub.repair import Request
    from fairhub.repair import audit as run

    plan_sanity(0.02, None)
    figures = run(loaded(model, device, dtype), Request("audit", tuple(axis or ()), tuple(context or ()), probes, text))
    _show_audit(figures, json)


def _show_audit(figures: list[Any], as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        echo_json({"figures": [asdict(f) for f in figures]})
        return
    for f in figures:
        b = f.before
        typer.echo(
            f"{f.name:<12}{f.split:<10}{f.axis:<20}{f.context:<12}{b.value:9.4f}  [{b.low:.4f}, {b.high:.4f}]"
            f"  {f.items} items, {f.clusters} clusters, {f.better} is better"
        )
