"""metrics.md: every metric, out of the catalogue."""

from typing import Final

from docs.written.parts import MARK, table
from engine.control.observing.catalogue import METRICS, OTHER

_METRICS: Final = f"""\
# Metrics

`metrics.listen = ["127.0.0.1:9925"]` serves `GET /metrics` for Prometheus, on private addresses only; `posthouse metrics`
prints the same. What to make of them, alerts and a dashboard: [monitoring](monitoring.md).

A counter begins at 0 when the daemon starts, and some stay a few seconds behind. No metric names a person. A label whose
values others choose has so many values at most (in brackets); the rest is added up as `{OTHER}`, or left out where figures
can't be added. A figure that can't be had is absent.

"""


def metrics() -> str:
    rows = [
        (
            f"`{each.name}`", each.kind,
            ", ".join(f"`{label}`" for label in each.labels) + (f" ({each.most})" if each.most else ""), each.help,
        )
        for each in METRICS
    ]  # fmt: skip
    return MARK + _METRICS + table(("metric", "kind", "labels", "says"), rows)
