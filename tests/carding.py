"""What tests of the card share: reports of their own, and what a reader sees of a page."""

import re
from dataclasses import replace

import fake_report
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt  # what typer prints its help with

from fairhub.report import verdict
from fairhub.report.wording import direction, level, shift
from fairhub.statistics import Interval

MARKDOWN = MarkdownIt("commonmark").enable("table")


def unchanged():
    """A run that looked and took nothing: measured twice, to the same effect."""
    figures = []
    for f in fake_report.figures(cost=0.0):
        still = f.change and replace(f.change, value=0, low=0, high=0, relative=0, relative_low=0, relative_high=0, p=1)
        figures.append(replace(f, after=f.before, change=still) if still else replace(f, after=Interval(0, 0, 0)))
    figures = [f for f in figures if f.name != "specificity"]
    parts = {"pruning": [], "healing": None, "controls": (), "parameters": {"total": 134515008, "removed": 0}}
    return fake_report.report(tuple(figures), verdict=verdict(figures, units=0), **parts)


def section(text, title):
    depth = len(title) - len(title.lstrip("#"))
    return re.split(rf"\n#{{1,{depth}}} ", text.split(f"\n{title}\n")[1])[0]


def tokens(text):
    body = ModelCard(text).text
    found = MARKDOWN.parse(body)
    return found + [child for token in found for child in token.children or []]


def rows(text):
    """Cells of every table, as a reader sees them."""
    found, seen = [], MARKDOWN.parse(ModelCard(text).text)
    for place, token in enumerate(seen):
        if token.type == "tr_open":
            found.append([])
        if token.type in ("td_open", "th_open"):
            found[-1].append("".join(child.content for child in seen[place + 1].children if child.type == "text"))
    return found


def shown(figure, text_rows):
    """Rows that hold the figure: its place, counts and direction, before, after and change with their intervals."""
    wanted = [f"{figure.items:,} / {figure.clusters:,}", level(figure, figure.before), level(figure, figure.after)]
    wanted += [shift(figure.change), figure.split]
    wanted += [part for part in (figure.axis, figure.context) if part != "all"]
    named = f"{figure.name} ({direction(figure)})"
    return [row for row in text_rows if named in row and all(part in row for part in wanted)]
