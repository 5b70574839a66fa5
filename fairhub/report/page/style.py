"""How the page looks: by light and in the dark, from a telephone's width on; colours never say a thing alone."""

LIGHT = """--ink: #1b1f24; --soft: #50565e; --paper: #ffffff; --panel: #f4f6f8; --line: #c9ced4;
  --worse: #ffd9b3; --worse-strong: #b84a00; --better: #e3dcf5; --better-strong: #5b3f9e; --on-strong: #ffffff;
  --mere: #c3c9d0; --shared: #b84a00; --focus: #0b57d0;"""
DARK = """--ink: #e8eaed; --soft: #b6bcc4; --paper: #15181c; --panel: #1f2429; --line: #444b53;
  --worse: #5a2f0c; --worse-strong: #ffab66; --better: #3a2f5c; --better-strong: #c5b3f5; --on-strong: #15181c;
  --mere: #59616a; --shared: #ffab66; --focus: #8ab4f8;"""
FRAME = """
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.5;
  font-family: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main, header, footer { max-width: 70rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1.5rem; }
footer { padding: 1rem 1rem 2rem; color: var(--soft); font-size: .9rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .3rem; overflow-wrap: anywhere; }
@media (max-width: 40rem) { h1 { font-size: 1.35rem; } }
"""
"""Of the document itself."""
RULES = """
h2 { font-size: 1.2rem; margin: 2rem 0 .4rem; }
h3 { font-size: 1rem; margin: 1rem 0 .4rem; }
p { max-width: 46rem; margin: .4rem 0; overflow-wrap: anywhere; }
.from, .note, .legend { color: var(--soft); font-size: .9rem; }
.lead { font-size: 1.15rem; font-weight: 600; }
ul { padding-left: 1.2rem; margin: .4rem 0; max-width: 60rem; overflow-wrap: anywhere; }
li { margin: .2rem 0; }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1.5rem;
  align-items: start; }
.scroll { overflow-x: auto; margin: .5rem 0; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
table { border-collapse: collapse; font-size: .9rem; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 500; }
thead th { color: var(--soft); vertical-align: bottom; }
.grid { width: 100%; }
.grid td { text-align: center; padding: .2rem .3rem; color: var(--soft); }
.grid thead th:not(:first-child) { text-align: center; font-size: .8rem; padding: .25rem .2rem; }
.grid th[scope="rowgroup"] { padding-top: .7rem; font-weight: 700; }
.grid th[scope="row"] { padding-left: .6rem; white-space: normal; overflow-wrap: anywhere; min-width: 5.5rem; }
.grid td.worse, .grid td.better { border: 1px solid var(--paper); }
.ends { display: flex; justify-content: space-between; gap: 1rem; font-size: .9rem; color: var(--soft); }
.ends span:last-child { text-align: right; }
.worse, .grid td.worse { background: var(--worse); color: var(--ink); }
.better, .grid td.better { background: var(--better); color: var(--ink); }
.worse.strong, .grid td.worse.strong { background: var(--worse-strong); color: var(--on-strong); font-weight: 700; }
.better.strong, .grid td.better.strong { background: var(--better-strong); color: var(--on-strong); font-weight: 700; }
.legend dt { display: inline-block; padding: 0 .5rem; min-width: 2.2rem; text-align: center; }
.legend dd { display: inline; margin: 0; }
.legend div { margin: .2rem 0; max-width: 46rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr)); gap: .8rem; }
.text { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .9rem; }
.text dl { margin: .5rem 0 0; font-size: .9rem; }
.text dl div { display: flex; justify-content: space-between; gap: 1rem; }
.text dd { margin: 0; font-weight: 600; white-space: nowrap; }
.who { font-size: .85rem; font-weight: 600; color: var(--soft); margin: 0; }
mark { background: none; color: inherit; font-weight: 700; text-decoration: underline; text-underline-offset: .2em; }
.bar { width: 100%; max-width: 46rem; height: .9rem; display: block; }
.mere { fill: var(--mere); } .shared { fill: var(--shared); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 11.5rem), 1fr)); gap: .8rem;
  margin: .5rem 0; }
.cards div { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .9rem; }
.cards dt { font-weight: 600; } .cards dd { margin: 0; font-size: .9rem; color: var(--soft); }
.cards b { display: block; font-size: 1.4rem; color: var(--ink); }
details { border: 1px solid var(--line); border-radius: .5rem; padding: .3rem .9rem; margin: .8rem 0; }
summary { cursor: pointer; padding: .3rem 0; font-weight: 600; }
.heard { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 40rem) { .grid thead th:not(:first-child) span { writing-mode: vertical-rl; }
  .grid td { padding: .2rem .1rem; } .grid { font-size: .82rem; } }
@media print { details { border: 0; } }
"""
"""Of what stands in it; as rules inside another (`within`) they reach nothing beside it."""
_COLOURS = (
    f":root {{ color-scheme: light dark; {LIGHT} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {DARK} }} }}"
)
CSS = _COLOURS + FRAME + RULES


def within(selector: str, dark: str) -> str:
    """Return the style of the parts as they stand in another page.

    Args:
        selector: What they stand in there.
        dark: What that stands in where the page is dark.
    """
    return f"{selector} {{ {LIGHT} }}\n{dark} {selector} {{ {DARK} }}\n{selector} {{ {RULES} }}\n"
