"""The Space for programs: endpoints and MCP tools that keep no state between calls, beside the page for people."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from typing import Any

import gradio as gr

from fairhub import report as records
from fairhub.defaults import METHOD
from fairhub.errors import UserError
from fairhub.report.audit_file import from_json
from fairhub.request import Request
from fairhub.space import audits, running, zero
from fairhub.space.asking import QUICK, request
from fairhub.space.callers import Listener, caller
from fairhub.space.gallery_tab import finished
from fairhub.space.reading import checked, read_pair
from fairhub.space.shared import Shared, models_in_turn, repairs_in_turn
from fairhub.space.sizes import size_of
from fairhub.space.toasts import told
from fairhub.space.worker import AUDIT, Standing, What
from fairhub.studies.diagnose import diagnosis
from fairhub.studies.diagnose.diagnosis import PAIR


def add(shared: Shared) -> None:
    """Add the endpoints to the page that is being built; the MCP server offers each as a tool."""
    default = next(iter(shared.models.offered))

    @told
    def audit(model: str = default, axes: list[str] | None = None) -> dict[str, Any]:
        """Measure how differently a language model treats people, and change nothing. Takes minutes on a CPU.

        Args:
            model: Hub id, such as org/name; safetensors only, within this Space's limit.
            axes: Only these axes, such as gender or race; all where it is left out.

        Returns:
            Figures, each with its 95 % interval, its split, its number of items, and which direction is better.
        """
        known = request(axes or [], [], METHOD, 1, QUICK).axes  # refused here, before it costs anybody a turn
        return {"model": model, "figures": _measured(shared, model, known)}

    @told
    def diagnose(first: str = PAIR[0], second: str = PAIR[1], model: str = default) -> dict[str, Any]:
        """Show how differently a language model goes on after two texts that differ only in who they speak of.

        Args:
            first: A text that stops where a judgement comes next.
            second: The same text about somebody else.
            model: Hub id; safetensors only, within this Space's limit.

        Returns:
            Both continuations, the next words that differ most with their probabilities, the divergence in nats, and
            where in the model the two texts part.
        """
        pair = checked(first, second)
        with shared.models.borrowed(model) as loaded:
            found = read_pair(loaded, pair)
            inside = diagnosis.document(diagnosis.diagnose(loaded, pair), [])
        return {"model": model} | asdict(found) | {"inside": inside}

    @told
    def report(run: str) -> dict[str, Any]:
        """Return the report of a finished repair: figures before and after with intervals, controls, verdict.

        Args:
            run: What `repair` gave, or the name of a run of the gallery.
        """
        return _document(shared, run)

    gr.api(audit, api_name="audit", **repairs_in_turn())
    gr.api(diagnose, api_name="diagnose", **models_in_turn())
    gr.api(report, api_name="report")
    _add_repair(shared, default)


def _add_repair(shared: Shared, default: str) -> None:
    @told
    def repair(
        model: str = default, axes: list[str] | None = None, contexts: list[str] | None = None,
        method: str = METHOD, budget: float = 2, depth: str = QUICK,
    ) -> Iterator[dict[str, Any]]:  # fmt: skip
        """Find what makes a language model treat people differently, remove it, and prove it on unseen prompts.

        Tells how it goes on every few seconds, and the report at its end; who stops listening stops it.

        Args:
            model: Hub id; safetensors only, within this Space's limit.
            axes: Only these axes, such as gender or race; all where it is left out.
            contexts: Only these contexts, such as hiring or lending; all where it is left out.
            method: How units are chosen, such as robust, fairness_pruning or attention_pruning.
            budget: How much perplexity may rise, per cent.
            depth: "Quick look" takes minutes, "Full" longer, with narrower intervals.
        """
        what = request(axes or [], contexts or [], method, budget, depth)
        for key, stands in _done(shared, model, what, "repair"):
            told_last = {"run": key} | asdict(stands)
            yield told_last
        yield told_last | {"report": _document(shared, key)}

    gr.api(repair, api_name="repair", **repairs_in_turn())


def _measured(shared: Shared, model: str, axes: tuple[str, ...]) -> list[dict[str, Any]]:
    if zero.on_zero():
        source = shared.models.source(model)
        return [asdict(figure) for figure in zero.audited(source, axes, size_of(source))]
    *_, (key, _) = _done(shared, model, audits.asked(axes), "audit")
    found = from_json((shared.visitors.latest(key) / AUDIT).read_text())
    return [asdict(figure) for figure in found.figures]


def _done(shared: Shared, model: str, request: Request, what: What) -> Iterator[tuple[str, Standing]]:
    """Do a job of a new visit in its turn; yield the key to it and how it stands, whenever that changes.

    Raises:
        UserError: It did not finish, nobody listens, or who asked has one under way already.
    """
    told_last, listener = None, Listener()
    with shared.repairs.place(caller()) as ticket:  # before anything is made for who has no place
        source, key = shared.models.source(model), shared.visitors.new()
        job = shared.visitors.new_job(key, size_of(source))
        running.prepare(job, source, request, shared.models.device, what)
        with closing(shared.followed(job, ticket)) as looks:
            for look in looks:
                listener.check()
                if look.standing != told_last:
                    yield key, look.standing
                told_last = look.standing
    if look.standing.state != "finished":
        raise UserError(look.standing.why or look.standing.what)


def _document(shared: Shared, run: str) -> dict[str, Any]:
    gallery = finished(shared.gallery)
    folder = gallery[run] if run in gallery else shared.visitors.run(run, "run 1")
    return dict(asdict(records.read(folder / "report.json")))
