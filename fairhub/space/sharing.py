"""A finding to pass on: as a picture, and as an address that opens it."""

import base64
from urllib.parse import urlencode

from fairhub.errors import plain
from fairhub.plots.canvas import png
from fairhub.plots.groups import judged
from fairhub.report import Audit
from fairhub.space.markup import esc

_LONGEST = 3000
"""Letters of an address that every browser and most messages take."""
_LETTERS = 60  # of a model's name in a picture's title


def address(model: str, groups: str = "", pairs: str = "") -> str:
    """Return what opens a model with groups and pairs of one's own; nothing where that would be too long."""
    said = {"model": model, "groups": groups.strip(), "pairs": pairs.strip()}
    made = f"?{urlencode({name: text for name, text in said.items() if text})}"
    return made if len(made) <= _LONGEST else ""


def bar(audit: Audit, opens: str) -> str:
    """Return the buttons that pass a finding on, as HTML; `JS` makes them work.

    Args:
        audit: The finding.
        opens: Its address; empty where it has none.
    """
    title = f"Who does {plain(audit.model, _LETTERS)} judge worse?"
    picture = judged(audit.figures, title)
    parts = []
    if picture is not None:
        source = f"data:image/png;base64,{base64.b64encode(png(picture)).decode()}"
        parts += [
            '<button type="button" data-copy="picture">Copy as a picture</button>',
            f'<a href="{source}" download="{esc(_file(audit.model))}">Save the picture</a>',
        ]
    if opens:
        parts.append(f'<button type="button" data-copy="link" data-address="{esc(opens)}">Copy the link</button>')
    return f'<p class="fh-share">{" ".join(parts)} <span role="status"></span></p>' if parts else ""


def _file(model: str) -> str:
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-.") else "-" for letter in model)
    return f"fairhub-{kept[-_LETTERS:].strip('-.') or 'audit'}.png"


JS = """
const say = (button, words) => { button.closest('.fh-share').querySelector('[role=status]').textContent = words; };
const copy = {
  link: button => navigator.clipboard.writeText(new URL(button.dataset.address, location.origin + location.pathname)),
  picture: async button => {
    const source = button.closest('.fh-share').querySelector('a[download]').href;
    const bytes = Uint8Array.from(atob(source.split(',')[1]), letter => letter.charCodeAt(0));
    await navigator.clipboard.write([new ClipboardItem({'image/png': new Blob([bytes], {type: 'image/png'})})]);
  },
};
element.addEventListener('click', async event => {
  const button = event.target.closest('[data-copy]');
  if (!button) return;
  try {
    await copy[button.dataset.copy](button);
    say(button, 'Copied.');
  } catch {
    say(button, button.dataset.copy === 'link'
      ? `This browser copies nothing here; the address is ${button.dataset.address}`
      : 'This browser copies no pictures here; save it instead.');
  }
});
"""
"""Copies what a button names; where a browser does not, it says what to do instead."""
