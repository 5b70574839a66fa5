"""`fairhub plan`: what each method would take, here and on the Hub's hardware."""

import typer

from fairhub.commands.options import (
    Axis,
    Chat,
    Context,
    Device,
    Dtype,
    Json,
    Memory,
    Model,
    Own,
    Probes,
    Seconds,
    System,
    Terms,
    Text,
    bytes_of,
    device_of,
    dtype_of,
    echo_json,
    own_groups,
    plan_sanity,
)


def plan(
    model: Model = None, axis: Axis = None, context: Context = None, probes: Probes = None, terms: Terms = None,
    own: Own = "", text: Text = None, chat: Chat = "auto", system: System = None, seconds: Seconds = None,
    device: Device = "auto", dtype: Dtype = None, memory: Memory = None, json: Json = False,
) -> None:  # fmt: skip
    """Say what each method would take: forward-equivalents, memory and hours, here and on the Hub's hardware."""
    from fairhub.cost.plan import as_json, forecast, table
    from fairhub.methods import Plan
    from fairhub.request import Request, refuse_chat

    plan_sanity(Plan.budget, seconds)
    refuse_chat(chat, system)
    request = Request(
        "", tuple(axis or ()), tuple(context or ()), probes, text, plan=Plan(seconds=seconds), chat=chat,
        system=system, own=own_groups(terms, own),
    )  # fmt: skip
    found = forecast(model, request, device_of(device), dtype_of(dtype), memory=bytes_of(memory))
    echo_json(as_json(found)) if json else typer.echo(table(found))
