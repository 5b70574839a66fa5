"""How the Space looks: a theme of system fonts, so that nothing is fetched from another host, and its style sheet."""

import gradio as gr

SYSTEM = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

CSS = """
.gradio-container { max-width: 1160px !important; margin: 0 auto !important; }
.fh-head h1 { font-size: 1.7rem; margin: 0.2rem 0; }
.fh-head p { max-width: 46rem; margin: 0.2rem 0 0.6rem; color: var(--body-text-color); }
.fh-verdict { font-size: 1.1rem; font-weight: 600; max-width: 52rem; margin: 0.4rem 0 0.8rem; }
.fh-facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); gap: 0.7rem; margin: 0.6rem 0; }
.fh-fact { border: 1px solid var(--border-color-primary); border-radius: 10px; padding: 0.7rem 0.9rem;
  background: var(--background-fill-secondary); }
.fh-fact dt { font-size: 0.85rem; font-weight: 600; }
.fh-fact dd { margin: 0; }
.fh-big { font-size: 1.55rem; font-weight: 700; line-height: 1.3; }
.fh-why { font-size: 0.85rem; }
.fh-pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(260px, 1fr)); gap: 0.8rem; }
.fh-text { border: 1px solid var(--border-color-primary); border-radius: 10px; padding: 0.8rem 1rem;
  background: var(--background-fill-secondary); overflow-wrap: anywhere; }
.fh-text h3 { font-size: 0.9rem; margin: 0 0 0.4rem; }
.fh-text p { margin: 0; }
.fh-text mark { background: none; color: inherit; font-weight: 700; text-decoration: underline;
  text-decoration-thickness: 2px; text-underline-offset: 3px; }
.fh-text .fh-said { border-left: 3px solid var(--color-accent); padding-left: 0.5rem; display: block;
  margin-top: 0.5rem; }
.fh-scroll { overflow-x: auto; margin: 0.5rem 0 1rem; }
.fh-scroll table { border-collapse: collapse; font-size: 0.9rem; width: 100%; }
.fh-scroll caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.fh-scroll th, .fh-scroll td { text-align: left; padding: 0.3rem 0.6rem; white-space: nowrap;
  border-bottom: 1px solid var(--border-color-primary); }
.fh-bar { display: inline-block; height: 0.7rem; border-radius: 2px; vertical-align: middle; margin-right: 0.4rem; }
.fh-bar.a { background: #0072b2; } .fh-bar.b { background: #d55e00; }
.dark .fh-bar.a { background: #56b4e9; } .dark .fh-bar.b { background: #f0894a; }
.fh-pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); gap: 0.8rem;
  align-items: start; }
.fh-figure { margin: 0.4rem 0; background: #fff; border: 1px solid var(--border-color-primary); border-radius: 10px;
  padding: 0.6rem; }
.fh-figure img { width: 100%; height: auto; display: block; }
.fh-document { overflow-x: auto; }
details.fh summary, .fh-report summary { cursor: pointer; font-weight: 600; padding: 0.4rem 0; }
.fh-report h3 { margin: 0.8rem 0 0.2rem; font-size: 1rem; }
@media (max-width: 640px) { .fh-head h1 { font-size: 1.35rem; } .fh-big { font-size: 1.3rem; } }
"""


def theme() -> gr.themes.Base:
    """Return the theme; both hues keep their contrast in the dark."""
    return gr.themes.Default(
        primary_hue=gr.themes.colors.blue, secondary_hue=gr.themes.colors.blue, neutral_hue=gr.themes.colors.slate,
        font=SYSTEM, font_mono=MONO,
    )  # fmt: skip
