"""The body of `fairhub compare`: runs methods or takes runs, writes compare.json, compare.md and compare.png."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from fairhub.errors import UserError
from fairhub.model.loading import Loaded
from fairhub.pipeline import remembered
from fairhub.request import Request
from fairhub.studies.compare.document import markdown, text, to_json
from fairhub.studies.compare.entries import compare
from fairhub.studies.compare.picture import pareto
from fairhub.studies.compare.published import on_own_ground
from fairhub.studies.compare.running import run_methods


def compared(
    load: Callable[[], Loaded], request: Request, names: str, runs: Sequence[Path], out: Path, as_json: bool,
    repaired: Callable[[Path], Loaded] | None = None,
) -> str:  # fmt: skip
    """Compare finished runs, or first run methods; write the comparison to `out` and return what to show.

    Args:
        load: Loads the model afresh; not called where `runs` are given and nothing more is asked.
        request: What is asked of every method.
        names: Methods, separated by commas.
        runs: Folders of finished runs; none to run methods.
        out: Where the comparison goes.
        as_json: Return compare.json instead of a table.
        repaired: Loads the model of a run folder: then each published method is measured on its own ground too.

    Raises:
        UserError: Something the user can mend.
    """
    asked = [name.strip() for name in names.split(",") if name.strip()]
    if not runs and len(asked) < 2:
        raise UserError(f"a comparison needs 2 methods; got {names!r}; name them as in --methods robust,fasp")
    memory = remembered()
    found = compare(runs or run_methods(load, request, asked, out, memory))
    if repaired is not None:
        found = replace(found, published=on_own_ground(load(), repaired, found.entries, memory))
    document = to_json(found)
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "compare.json").write_text(document + "\n", encoding="utf-8")
        (out / "compare.md").write_text(markdown(found), encoding="utf-8")
        if (picture := pareto(found)) is not None:
            picture.savefig(out / "compare.png")
    except OSError as error:
        raise UserError(f"a comparison must be able to write; {out}: {error.strerror}; choose another --out") from error
    return document if as_json else f"{text(found)}\n\nwritten   {out}/compare.md, compare.json, compare.png"
