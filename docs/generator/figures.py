"""Every metric and every alert."""

from __future__ import annotations

from docs.generator.words import code, comments, sentence, table
from order_sync import metrics
from order_sync.rules.alerts import Alert


def metric_list() -> str:
    return table(
        ("metric", "own labels", "meaning"),
        (
            (code(metrics.PREFIX + m.name), ", ".join(map(code, m.labels)), m.about)
            for m in metrics.METRICS
        ),
    )


def alert_list() -> str:
    rows = ((code(Alert[name].value), sentence(why)) for name, why in comments(Alert).items())
    return table(("event", "what has happened"), rows)
