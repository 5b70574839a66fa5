"""What a published repository holds: model, card, pictures, records, and the fairhub and script that reproduce it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from fairhub import card
from fairhub.card.base import public
from fairhub.errors import UserError, plain
from fairhub.proof import items
from fairhub.proof.recipe import Recipe
from fairhub.proof.recipe import to_json as recipe_json
from fairhub.publish.names import is_model, is_ours
from fairhub.publish.script import script
from fairhub.publish.wheel import wheel
from fairhub.report import Report, to_json

Source = Path | bytes
Record = TypeVar("Record", Report, Recipe)


@dataclass(frozen=True)
class Contents:
    """Files of a repository: what each is called there, and where its bytes are."""

    files: dict[str, Source]

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of every file."""
        return {name: len(s) if isinstance(s, bytes) else s.stat().st_size for name, s in self.files.items()}

    @property
    def digest(self) -> str:
        """Short hash of all files, by name."""
        sha = hashlib.sha256()
        for name, source in sorted(self.files.items()):
            inside = source if isinstance(source, bytes) else source.read_bytes()
            sha.update(hashlib.sha256(name.encode() + b"\0" + inside).digest())
        return sha.hexdigest()[:12]

    def __str__(self) -> str:
        """One line a file, and their sum."""
        rows = [f"  {_readable(size):>9}  {name}" for name, size in self.sizes.items()]
        return "\n".join([*rows, f"  {_readable(sum(self.sizes.values())):>9}  in {len(rows)} files"])


def contents(
    run: Path,
    report: Report,
    recipe: Recipe,
    repo: str,
    *,
    weights: bool = True,
    tag: str | None = None,
    endpoint: str = card.HUB,
) -> Contents:
    """Collect what is published of a run.

    Args:
        run: The run folder.
        report: Its report; published without the folders of this machine.
        recipe: Its recipe; the same.
        repo: `org/name` where it goes; card and script name it.
        weights: Whether the model goes too; without it, only what is needed to make it from its base.
        tag: The tag it gets, which the script then names.
        endpoint: Of the Hub.

    Raises:
        UserError: A link lies in the folder, or a name that goes into the script is none.
    """
    _refuse_links(run)
    pictures = [path for path in sorted((run / "figures").glob("*.png")) if is_ours(f"figures/{path.name}")]
    made_by = wheel()
    recipe = replace(recipe, wheel={"file": made_by.path, "sha256": made_by.sha256})
    page = card.render(report, repo, weights=weights, pictures=[p.stem for p in pictures], endpoint=endpoint)
    files: dict[str, Source] = {"README.md": page.encode()}
    files |= dict(_model(run / "model")) if weights else {}
    files |= {f"figures/{path.name}": path for path in pictures}
    files["fairhub/report.json"] = to_json(_elsewhere(report)).encode()
    files["fairhub/recipe.json"] = recipe_json(_elsewhere(recipe)).encode()
    files |= {f"fairhub/{path.name}": path for path in [run / items.NAME] if path.is_file()}
    files[made_by.path] = made_by.content
    files |= {"reproduce.py": script(repo, tag, report, made_by, endpoint).encode()}
    files |= {name: text.encode() for name, text in card.eval_results(report, repo, endpoint=endpoint).items()}
    return Contents(files)


def _elsewhere(record: Record) -> Record:
    told = ("base_model", "settings", "transfer")  # a recipe has no transfer
    return replace(record, **{name: public(getattr(record, name)) for name in told if hasattr(record, name)})


def _model(folder: Path) -> Iterator[tuple[str, Source]]:
    """Yield the files of the model: what transformers writes there, and nothing that came to lie beside it."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and is_model(path.name):
            yield path.name, path


def _refuse_links(run: Path) -> None:
    """Refuse links in a run folder: what they lead to is not of the run, and would be uploaded.

    Raises:
        UserError: There is one.
    """
    for path in sorted(run.rglob("*")):
        if path.is_symlink():
            raise UserError(f"a run's folder holds its own files; {plain(path)} is a link; put the file in its place")


def _readable(size: float) -> str:
    for unit in ("B", "KB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
