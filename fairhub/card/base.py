"""The base model of a report, as a stranger may be told of it: its id, page, licence, and no path of anyone's disk."""

import re
from dataclasses import dataclass
from typing import Any

from fairhub.card.known import LICENCES
from fairhub.report import Report
from fairhub.report.origin import UNFETCHABLE

_HUB_ID = re.compile(r"(?:[A-Za-z0-9][\w.-]{0,95}/)?[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_LICENCES = frozenset(
    "apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0 "
    "bigcode-openrail-m afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear cc cc0-1.0 "
    "cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-4.0 "
    "cc-by-nc-sa-4.0 ecl-2.0 epl-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc "
    "mpl-2.0 ms-pl ncsa osl-3.0 odc-by odbl unlicense wtfpl zlib llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 "
    "gemma deepfloyd-if-license unknown other".split()
)
"""Identifiers the Hub accepts as `license`; any other goes in as `other` with its name."""


@dataclass(frozen=True)
class Base:
    """A base model by name."""

    hub_id: str | None
    """None for a folder of the user's own."""
    name: str
    """Without its owner."""
    revision: str | None
    """None where none was recorded."""
    sha256: str | None
    licence: str | None
    """As recorded; None where it was not."""

    @property
    def commit(self) -> bool:
        """Whether the revision is a commit on the Hub."""
        return self.revision is not None and re.fullmatch(r"[0-9a-f]{40}", self.revision) is not None

    @property
    def hub_licence(self) -> str | None:
        """The licence as an identifier of the Hub; `other` where the Hub has none for it."""
        if self.licence is None:
            return None
        plain = slug(self.licence)
        return plain if plain in _LICENCES else "other"


def base(report: Report) -> Base:
    """Read the base model off a report; keys that are missing are None."""
    told: dict[str, Any] = report.base_model
    # An id may name its revision, and may be a folder: then only its last part is anyone's business.
    name, _, asked = str(told.get("id") or "a model").partition("@")
    on_hub = told.get("revision") not in UNFETCHABLE and _HUB_ID.fullmatch(name) is not None
    licence = told.get("licence") or LICENCES.get(name)
    return Base(
        hub_id=name if on_hub else None,
        name=public(name).rstrip("/").rpartition("/")[2] or "a model",
        revision=_text(told.get("revision")) or asked or None,
        sha256=_text(told.get("sha256")),
        licence=_text(licence),
    )


def slug(text: str) -> str:
    """Lower-case letters, digits, dots and hyphens: what a tag or a licence identifier may hold."""
    return re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-")[:60]


def public(value: Any) -> Any:
    """A value of the report without the folders of the machine that made it."""
    if isinstance(value, dict):
        return {key: public(part) for key, part in value.items()}
    if isinstance(value, list):
        return [public(part) for part in value]
    if isinstance(value, str) and re.match(r"[/~.\\]|[A-Za-z]:[\\/]", value):
        return re.split(r"[/\\]", value.rstrip("/\\"))[-1]
    return value


def _text(value: Any) -> str | None:
    return str(value) if value else None
