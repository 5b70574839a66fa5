"""How the Space looks: a theme of system fonts, so that nothing is fetched from another host, and its style sheet."""

import gradio as gr

from fairhub.report.page.style import within

SYSTEM = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

_TABS = """
.gradio-container { max-width: 1160px !important; width: 100% !important; min-width: 0 !important;
  margin: 0 auto !important; }
.fh-hint, footer, footer button, footer a { color: var(--body-text-color) !important; }
.tab-container button.selected { color: #1d4ed8 !important; }
.dark .tab-container button.selected { color: #93c5fd !important; }
button:disabled { opacity: 1 !important; color: #475569 !important; background: #e2e8f0 !important; }
.dark button:disabled { color: #cbd5e1 !important; background: #334155 !important; }
input[type=range]::-webkit-slider-thumb { border: 2px solid #1d4ed8 !important; }
input[type=range]::-moz-range-thumb { border: 2px solid #1d4ed8 !important; }
.secondary-wrap input { text-overflow: ellipsis; padding-right: 1.9rem !important; }
.fh-head h1 { font-size: 1.7rem; margin: 0.2rem 0; }
.fh-head p { max-width: 46rem; margin: 0.2rem 0 0.6rem; color: var(--body-text-color); }
h2 { font-size: 1.1rem !important; font-weight: 600; }
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
.fh-text h2 { font-size: 0.9rem; margin: 0 0 0.4rem; }
.fh-text p { margin: 0; }
.fh-text mark { background: none; color: inherit; font-weight: 700; text-decoration: underline;
  text-decoration-thickness: 2px; text-underline-offset: 3px; }
.fh-text .fh-said { border-left: 3px solid var(--color-accent); padding-left: 0.5rem; display: block;
  margin-top: 0.5rem; }
.fh-own .fh-mistake { border-left: 3px solid #b84a00; padding-left: 0.6rem; font-weight: 600; }
.fh-own .fh-understood { border-left: 3px solid #2563eb; padding-left: 0.6rem; }
.fh-own p { margin: 0.3rem 0; overflow-wrap: anywhere; }
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
.fh-report h2 { margin: 0.8rem 0 0.2rem; font-size: 1rem; }
.fh-live progress { width: 100%; height: 0.9rem; accent-color: #2563eb; }
.fh-chart { margin: 0.4rem 0; }
.fh-chart figcaption { font-weight: 600; font-size: 0.9rem; }
.fh-chart svg { width: 100%; max-width: 560px; height: auto; }
.fh-chart text { fill: var(--body-text-color); font-size: 11px; }
.fh-chart .name { font-size: 12px; font-weight: 600; }
.fh-chart .axis { fill: none; stroke: var(--body-text-color-subdued); stroke-width: 1; }
.fh-chart polyline { fill: none; stroke-width: 2; }
.fh-chart .was { stroke: #8a8a8a; } .fh-chart .now { stroke: #0072b2; stroke-width: 3; }
.fh-chart .dot { fill: #0072b2; } .fh-chart .marked { fill: #d55e00; stroke: var(--body-text-color); stroke-width: 2; }
.dark .fh-chart .now { stroke: #56b4e9; } .dark .fh-chart .dot { fill: #56b4e9; }
.dark .fh-chart .marked { fill: #f0894a; }
.fh-map { overflow-x: auto; }
.fh-map h2 { margin: 0.6rem 0 0.3rem; font-size: 0.95rem; }
.fh-grid { padding: 3px; }
.fh-row { display: flex; gap: 2px; margin-bottom: 2px; align-items: center; }
.fh-row > span { width: 1.6rem; font-size: 0.7rem; text-align: center; flex: none; }
.fh-line { display: flex; flex-wrap: wrap; gap: 3px; }
.fh-unit { min-width: 1.6rem; height: 1.6rem; margin: 0 !important; padding: 0 0.25rem; font-size: 0.72rem;
  border-radius: 4px; cursor: pointer; border: 1px solid #8a94a6; color: #111; flex: none; }
.fh-unit.carries { background: color-mix(in srgb, #4aa3df calc(var(--s) * 100%), #fff); }
.fh-unit.dampens { background: color-mix(in srgb, #f08a5d calc(var(--s) * 100%), #fff); }
.fh-row .fh-unit[aria-pressed="true"]::after { content: "×"; font-size: 1rem; }
.fh-unit[aria-pressed="true"] { background: #1f2937; color: #fff; text-decoration: line-through; border-color: #000; }
.dark .fh-unit[aria-pressed="true"] { background: #000; border-color: #cbd5e1; }
.fh-unit:focus-visible { outline: 3px solid #f59e0b; outline-offset: 1px; }
.fh-audit > .from { border-left: 4px solid #2563eb; padding-left: 0.6rem; color: var(--ink); }
.fh-share button, .fh-share a { display: inline-block; border: 1px solid var(--border-color-primary);
  border-radius: 6px; padding: 0.15rem 0.6rem; font-weight: 500; font-size: 0.9rem !important;
  margin: 0 0.2rem 0.2rem 0; color: var(--ink); text-decoration: none;
  background: var(--panel); cursor: pointer; }
.fh-audit > h2 { font-size: 1.35rem !important; margin-top: 0.6rem; overflow-wrap: anywhere; }
.fh-audit > section > h2 { margin-top: 1.6rem; }
.fh-audit td, .fh-audit th { border-left: 0; border-right: 0; border-top: 0; }
.fh-audit td *, .fh-audit summary { color: inherit; }
@media (max-width: 640px) {
  .gradio-container .main { padding: 0.8rem !important; }
  .row, .row > .form { flex-direction: column !important; align-items: stretch !important; }
  .gradio-container .tab-container button { padding: 0 0.55rem; font-size: 0.9rem; }
  .fh-head h1 { font-size: 1.35rem; }
  .fh-big { font-size: 1.3rem; }
}
"""
"""Of the tabs; findings look as their own page does."""
CSS = _TABS + within(".fh-audit", ".dark")


def theme() -> gr.themes.Base:
    """Return the theme: every text keeps a contrast of 4.5 to 1 with what is behind it, by light and in the dark."""
    look = gr.themes.Default(
        primary_hue=gr.themes.colors.blue, secondary_hue=gr.themes.colors.blue, neutral_hue=gr.themes.colors.slate,
        font=SYSTEM, font_mono=MONO,
    )  # fmt: skip
    return look.set(
        body_text_color_subdued="*neutral_600", body_text_color_subdued_dark="*neutral_300",
        block_info_text_color="*neutral_600", block_info_text_color_dark="*neutral_300",
        block_title_text_color="*neutral_700", block_title_text_color_dark="*neutral_100",
        color_accent="*primary_700", slider_color="*primary_700", slider_color_dark="*primary_400",
        checkbox_border_color="*neutral_500", checkbox_border_color_dark="*neutral_400",
        link_text_color="*primary_700", link_text_color_dark="*primary_300",
        button_primary_background_fill="*primary_700", button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_800", button_primary_background_fill_hover_dark="*primary_800",
    )  # fmt: skip
