"""What a published repository holds: model, card, pictures, report, recipe and the script that reproduces it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from fairhub import card
from fairhub.card.base import public
from fairhub.hub.script import script
from fairhub.recipe import Recipe
from fairhub.recipe import to_json as recipe_json
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
    """
    pictures = sorted((run / "figures").glob("*.png"))
    page = card.render(report, repo, weights=weights, pictures=[p.stem for p in pictures], endpoint=endpoint)
    files: dict[str, Source] = {"README.md": page.encode()}
    files |= dict(_model(run / "model")) if weights else {}
    files |= {f"figures/{path.name}": path for path in pictures}
    files["fairhub/report.json"] = to_json(_elsewhere(report)).encode()
    files["fairhub/recipe.json"] = recipe_json(_elsewhere(recipe)).encode()
    files |= {"reproduce.py": script(repo, tag, report).encode()}
    files |= {name: text.encode() for name, text in card.eval_results(report, repo, endpoint=endpoint).items()}
    return Contents(files)


def _elsewhere(record: Record) -> Record:
    told = ("base_model", "settings", "transfer")  # a recipe has no transfer
    return replace(record, **{name: public(getattr(record, name)) for name in told if hasattr(record, name)})


def _model(folder: Path) -> Iterator[tuple[str, Source]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != "README.md" and not name.startswith("."):
            yield name, path


def _readable(size: float) -> str:
    for unit in ("B", "KB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
