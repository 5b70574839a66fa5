"""What the tests of probes share: the shipped probes, and files of them."""

import json
import re

from fairhub.inputs.probes import crows_pairs, holistic_bias, templates, vignettes

OURS = ("search", "select", "held_out")
SHIPPED = templates()
VIGNETTES = vignettes()
PUBLIC_SOURCES = {"holistic_bias": holistic_bias, "crows_pairs": crows_pairs}


def values(probes, split, *fields):
    return {getattr(p, field).casefold() for p in probes if p.split == split for field in fields}


def slotted(text, term):
    """The text with every whole occurrence of the term as a slot, the article before it made neutral."""
    return re.sub(r"\b([Aa])n(?= \{\})", r"\1", re.sub(rf"(?<!\w){re.escape(term)}(?!\w)", "{}", text))


def write(path, *lines):
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path
