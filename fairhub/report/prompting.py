"""How the model was asked, in one sentence: as plain text, or in its chat template."""

from collections.abc import Mapping
from typing import Any

from fairhub.report.record import Report


def prompting(report: Report) -> str:
    """Return how the model was asked and in which format part of held_out was asked beside; empty for older reports."""
    settings = report.settings or {}
    if "chat" not in settings:
        return ""
    beside = any(figure.metric.prompt_format for figure in report.figures)
    return f"{_used(settings)}{_BESIDE[settings['chat'] == 'on'] if beside else ''}."


def _used(settings: Mapping[str, Any]) -> str:
    if settings["chat"] != "on":
        return "The model was asked with plain texts that it goes on with"
    told = ", with a system prompt of the user's own" if settings.get("system") else ""
    return f"The model was asked in its chat template{told}: each text begins its answer"


_BESIDE = {
    True: "; figures named `_in_text` are of the same texts without a chat",
    False: "; figures named `_in_chat` are of texts that begin its answer in its chat template",
}
