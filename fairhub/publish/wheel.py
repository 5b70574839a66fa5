"""The wheel of this very fairhub, built from its installed files without a network: what is published carries it."""

import base64
import hashlib
import importlib.metadata
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import fairhub
from fairhub.errors import UserError
from fairhub.proof.assembly import VERSION

_EPOCH = (1980, 1, 1, 0, 0, 0)
_SCRIPTS = "[console_scripts]\nfairhub = fairhub.__main__:main\nhf-fairhub = fairhub.__main__:main\n"
_WHEEL = "Wheel-Version: 1.0\nGenerator: fairhub\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@dataclass(frozen=True)
class Wheel:
    """A wheel: its file's name and content."""

    name: str
    content: bytes

    @property
    def path(self) -> str:
        """Where a repository holds it."""
        return f"fairhub/{self.name}"

    @property
    def sha256(self) -> str:
        """Hash of the content."""
        return hashlib.sha256(self.content).hexdigest()

    def url(self, endpoint: str, repo: str, revision: str = "main") -> str:
        """Return where the Hub has it, with its hash, which installers check."""
        return f"{endpoint}/{repo}/resolve/{revision}/{self.path}#sha256={self.sha256}"


def wheel() -> Wheel:
    """Build the wheel: the same files make the same bytes.

    Raises:
        UserError: What fairhub needs is not known here: it is neither installed nor a checkout.
    """
    about = f"fairhub-{VERSION}.dist-info"
    files = {f"fairhub/{name}": content for name, content in _package().items()}
    files |= {
        f"{about}/METADATA": _metadata().encode(), f"{about}/WHEEL": _WHEEL.encode(),
        f"{about}/entry_points.txt": _SCRIPTS.encode(),
    }  # fmt: skip
    files[f"{about}/RECORD"] = _record(files, f"{about}/RECORD").encode()
    return Wheel(f"fairhub-{VERSION}-py3-none-any.whl", _zipped(files))


def _package() -> dict[str, bytes]:
    root = Path(str(fairhub.__file__)).parent
    inside = {path.relative_to(root): path for path in sorted(root.rglob("*")) if path.is_file()}
    return {name.as_posix(): path.read_bytes() for name, path in inside.items() if not _generated(name)}


def _generated(name: Path) -> bool:
    return name.suffix in (".pyc", ".pyo") or any(part == "__pycache__" or part.startswith(".") for part in name.parts)


def _metadata() -> str:
    needs = "".join(f"Requires-Dist: {need}\n" for need in sorted(_needs()))
    return f"Metadata-Version: 2.1\nName: fairhub\nVersion: {VERSION}\nRequires-Python: >=3.11\n{needs}"


def _needs() -> list[str]:
    """Return what fairhub needs, as the checkout it runs from says, or else as it was installed."""
    beside = Path(str(fairhub.__file__)).parent.parent
    if (beside / "requirements.txt").is_file() and (beside / "README.md").is_file():
        lines = (line.partition("#")[0].strip() for line in (beside / "requirements.txt").read_text().splitlines())
        return ["".join(line.split()) for line in lines if line]
    try:
        told = importlib.metadata.requires("fairhub") or []
    except importlib.metadata.PackageNotFoundError as error:
        raise UserError(
            "what is published carries the fairhub that made it; this one is neither installed nor a checkout; run: "
            "pip install . in its folder"
        ) from error
    return ["".join(need.split()) for need in told if "extra ==" not in need]


def _record(files: Mapping[str, bytes], own: str) -> str:
    """Return the list of files with their hashes, as installers check them."""
    rows = []
    for name, content in files.items():
        mark = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append(f"{name},sha256={mark},{len(content)}\n")
    return "".join([*rows, f"{own},,\n"])


def _zipped(files: Mapping[str, bytes]) -> bytes:
    """Pack files, not compressed: every version of the compressor makes other bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as pack:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            pack.writestr(entry, content)
    return buffer.getvalue()
