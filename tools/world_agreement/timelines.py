"""The plot: ready replicas of both worlds over time, one small chart per pair, as one SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby

import numpy as np

from scalecert.recording.model import Recording
from world_agreement.pairs import Pair

_WIDTH, _HEIGHT, _GAP, _TOP = 250, 120, 24, 34
_COLOURS = {"sim": "#1f6feb", "local": "#d1570a"}


def plot(recordings: Mapping[Pair, Sequence[tuple[Recording, Recording]]]) -> str:
    """Return the chart of every pair, a row per policy; each run of a world is a thin line."""
    rows = [list(row) for _, row in groupby(recordings, key=lambda pair: pair.policy)]
    columns = max(len(row) for row in rows)
    width = columns * (_WIDTH + _GAP) + _GAP
    height = len(rows) * (_HEIGHT + _GAP + _TOP) + _GAP
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
            f' viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">'
        ),
        f'<rect width="{width}" height="{height}" fill="white"/>',
        *_legend(width),
    ]
    for number, row in enumerate(rows):
        for column, pair in enumerate(row):
            x = _GAP + column * (_WIDTH + _GAP)
            y = _GAP + number * (_HEIGHT + _GAP + _TOP)
            parts += [
                f'<g transform="translate({x},{y})">',
                *_chart(pair, recordings[pair]),
                "</g>",
            ]
    return "\n".join([*parts, "</svg>", ""])


def _legend(width: int) -> list[str]:
    places = zip(_COLOURS.items(), (width - 150, width - 80), strict=True)
    return [f'<text x="{x}" y="16" fill="{colour}">{name}</text>' for (name, colour), x in places]


def _chart(pair: Pair, runs: Sequence[tuple[Recording, Recording]]) -> list[str]:
    plan = runs[0][0].plan
    duration, most = float(plan.scenario.spec.duration), plan.policy.max_replicas
    title = f"{pair.policy}: {pair.scenario}" + (" (unseen)" if pair.unseen else "")
    parts = [
        f'<text x="0" y="12">{escape(title)}</text>',
        f'<g transform="translate(0,{_TOP - 14})">',
    ]
    for count in range(most + 1):
        y = _HEIGHT * (1 - count / most)
        parts.append(f'<line x1="0" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#eee"/>')
        parts.append(f'<text x="-4" y="{y + 3:.1f}" text-anchor="end" font-size="8">{count}</text>')
    for name, index in (("sim", 0), ("local", 1)):
        parts += [_line(run[index], duration, most, _COLOURS[name]) for run in runs]
    end = f'<text x="{_WIDTH}" y="{_HEIGHT + 12}" text-anchor="end" font-size="8">'
    return [*parts, f"{end}{duration:g} s</text>", "</g>"]


def _line(recording: Recording, duration: float, most: int, colour: str) -> str:
    times = np.asarray(recording.series["pods.time_seconds"], dtype=np.float64)
    ready = np.asarray(recording.series["pods.ready"], dtype=np.float64)
    seen = times <= duration
    corners = np.repeat(ready[seen], 2)
    edges = np.append(np.repeat(times[seen], 2)[1:], duration)
    points = " ".join(
        f"{x / duration * _WIDTH:.1f},{_HEIGHT * (1 - y / most):.1f}"
        for x, y in zip(edges, corners, strict=True)
    )
    return (
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.2"'
        ' stroke-opacity="0.7"/>'
    )
