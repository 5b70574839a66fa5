"""What tests of the card share: reports of their own, and what a reader sees of a page."""

import re
from dataclasses import replace

import fake_report
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt  # what typer prints its help with

from fairhub.report import verdict
from fairhub.report.verdict import beyond_chance
from fairhub.report.wording import direction, level, odds, shift
from fairhub.stats.statistics import Interval

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
    """Rows that hold the figure: its place, counts and direction, before, after and change with their intervals.

    Single gaps and pairs of groups have tables of their own.
    """
    if figure.groups:
        return gap_shown(figure, text_rows)
    wanted = [f"{figure.items:,} / {figure.clusters:,}", level(figure, figure.before), level(figure, figure.after)]
    wanted += [shift(figure.change), figure.split]
    wanted += [part for part in (figure.axis, figure.context) if part != "all"]
    named = f"{figure.name} ({direction(figure)})"
    return [row for row in text_rows if named in row and all(part in row for part in wanted)]


def gap_shown(figure, text_rows):
    """Rows that hold a single gap, or a pair of groups: the groups, before, after and change."""
    one, other = figure.groups
    named = [f"{one} (against {other})", f"{one} and {other}"]
    wanted = [figure.axis, figure.split, shift(figure.change), level(figure, figure.before)]
    if figure.name.startswith("direction."):
        wanted += [figure.name.removeprefix("direction."), level(figure, figure.after)]
    else:
        wanted += [odds(figure.after.value) if figure.after else "-"]
    return [row for row in text_rows if row[1] in named and all(part in row for part in wanted)]


def listed(figures):
    """Figures that a page has a row for: single gaps beyond chance, of pairs of groups only how they are judged."""
    sure = beyond_chance([f for f in figures if f.name.startswith("direction.")])
    return [f for f in figures if not f.groups or f in sure or f.name == "judgement"]
