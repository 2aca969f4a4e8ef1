"""Figures as text that Prometheus reads (exposition format 0.0.4), with a bound on how many there can be."""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from deliverability.text import clean
from engine.control.observing.catalogue import OTHER, Metric

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
LONGEST: Final = 100  # characters of a label's value

Values = tuple[str, ...]
"""Of the metric's labels, in their order."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts by upper bound, not added up; the last bound is infinite. `total`: the sum of what was measured."""

    counts: Mapping[float, int]
    total: float


@dataclass(frozen=True, slots=True)
class Family:
    """A metric with its figures."""

    metric: Metric
    figures: Mapping[Values, float | Histogram]


def one(metric: Metric, figure: float) -> Family:
    """A metric without labels."""
    return Family(metric, {(): figure})


def by(metric: Metric, figures: Mapping[str, float]) -> Family:
    """A metric with one label."""
    return Family(metric, {(name,): figure for name, figure in figures.items()})


def added_up(metric: Metric, figures: Mapping[Values, float]) -> Family:
    """With at most `metric.most` values of the first label: the largest; all others are added up under "other"."""
    sums: dict[str, float] = {}
    for values, figure in figures.items():
        sums[values[0]] = sums.get(values[0], 0) + figure
    names = sorted(sums, key=lambda name: (-sums[name], name))
    named = set(names if len(names) <= metric.most else names[: metric.most])
    found: dict[Values, float] = {}
    for values, figure in figures.items():
        key = values if values[0] in named else (OTHER, *values[1:])
        found[key] = found.get(key, 0) + figure
    return Family(metric, found)


def first(metric: Metric, figures: Mapping[str, float]) -> Family:
    """With at most `metric.most` values of its label, the smallest figures; what can't be added up is left out beyond."""
    names = sorted(figures, key=lambda name: (figures[name], name))[: metric.most]
    return by(metric, {name: figures[name] for name in names})


def exposition(families: Iterable[Family]) -> str:
    """The text."""
    lines = []
    for each in families:
        metric = each.metric
        lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
        for values, figure in sorted(each.figures.items()):
            labels = tuple(zip(metric.labels, values, strict=True))
            if isinstance(figure, Histogram):
                lines += _histogram(metric.name, labels, figure)
            else:
                lines.append(f"{metric.name}{_written(labels)} {_figure(figure)}")
    return "\n".join(lines) + "\n"


def _histogram(name: str, labels: tuple[tuple[str, str], ...], found: Histogram) -> list[str]:
    lines, so_far = [], 0
    for bound, count in sorted(found.counts.items()):
        so_far += count
        until = "+Inf" if bound == float("inf") else _figure(bound)
        lines.append(f"{name}_bucket{_written((*labels, ('le', until)))} {so_far}")
    return [*lines, f"{name}_sum{_written(labels)} {_figure(found.total)}", f"{name}_count{_written(labels)} {so_far}"]


def _figure(figure: float) -> str:
    return str(int(figure)) if figure == int(figure) else f"{figure:.3f}"


def _written(labels: tuple[tuple[str, str], ...]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    """Two that begin alike stay two: of a series that is there twice Prometheus takes nothing of the whole answer."""
    if len(value) > LONGEST:
        value = f"{value[: LONGEST - 9]}~{zlib.crc32(value.encode('utf-8', 'replace')):08x}"
    return clean(value).replace("\\", "\\\\").replace('"', '\\"')
