"""Points in time as people type them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from order_sync.errors import ConfigError

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def point_in_time(text: str, now: datetime) -> datetime:
    """What `7d`, `24h`, `2026-03-01` or `2026-03-01 14:30` mean, on the clock of this computer.

    Args:
        now: with a time zone; spans of time end then.

    Raises:
        ConfigError: it is none of these, or longer ago than there are dates.
    """
    given = text.strip()
    try:
        if span := re.fullmatch(r"(\d+)\s*([mhdw])", given.lower(), re.ASCII):
            return now - timedelta(**{_UNITS[span[2]]: int(span[1])})
        return datetime.fromisoformat(given).astimezone()
    except (ValueError, OverflowError, OSError) as error:
        raise ConfigError(
            f'"{text}" is no point in time',
            hint="write a span such as 24h or 7d, or a date such as 2026-03-01",
        ) from error
