"""Things that go wrong on demand. Each fault is a small object; fault.py says when it is asked.

lost.py       the answer gets lost, comes late or cannot be read
refused.py    the whole request is refused
fields.py     one field fails, the rest of the document stands
meanwhile.py  others change the board just before, or a write changes nothing
imports.py    a bulk import goes wrong after its start
"""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import fields as settings_of
from typing import Any

from order_sync.sandbox.faults import fields, imports, lost, meanwhile, refused
from order_sync.sandbox.faults.fault import Fault
from order_sync.sandbox.faults.lost import ServerTimeLimit

__all__ = [
    "Fault",
    "FaultKind",
    "ServerTimeLimit",
    "Setting",
    "available_faults",
    "fault_families",
    "fault_from_texts",
    "make_fault",
    "parse_fault",
]

_KINDS: dict[str, type[Fault]] = {
    kind.name: kind
    for kind in (
        lost.LoseAnswerBeforeWrite,
        lost.LoseAnswerAfterWrite,
        lost.ForgetsKey,
        lost.BadGatewayBeforeWrite,
        lost.BadGatewayAfterWrite,
        lost.UnavailableBeforeWrite,
        lost.UnavailableAfterWrite,
        lost.GatewayTimeoutBeforeWrite,
        lost.GatewayTimeoutAfterWrite,
        lost.MidDocumentTimeout,
        lost.StillExecuting,
        lost.Hang,
        lost.HtmlBody,
        lost.UnreadableBody,
        lost.CutBody,
        lost.ErrorWithoutPath,
        lost.ErrorWithoutPathBeforeWrite,
        refused.RateLimited,
        refused.Conflict,
        refused.ConflictAfterWrite,
        refused.Locked,
        refused.InternalError,
        refused.InternalErrorAfterWrite,
        refused.PoisonousRow,
        refused.NotAllowed,
        refused.Blocked,
        fields.RateLimitedAlias,
        fields.LockedAlias,
        fields.InternalErrorInAlias,
        fields.InternalErrorInAliasAfterWrite,
        fields.SubitemsLimit,
        fields.ExpiredCursor,
        meanwhile.ItemDeleted,
        meanwhile.LabelRemoved,
        meanwhile.IgnoredWrite,
        imports.ImportStuck,
        imports.ImportFailed,
        imports.ImportRejected,
        imports.ImportPartlyDone,
        imports.ImportUploadLost,
    )
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that can be set about a fault; `default` is None, a number or a text."""

    name: str
    default: Any


@dataclass(frozen=True, slots=True)
class FaultKind:
    name: str
    says: str
    settings: tuple[Setting, ...]


def available_faults() -> dict[str, str]:
    """Name of every fault, and what it does."""
    return {name: kind.says for name, kind in _KINDS.items()}


def fault_families() -> dict[str, list[FaultKind]]:
    """All faults by what they have in common, which is what their file says it holds."""
    families: dict[str, list[FaultKind]] = {}
    for kind in _KINDS.values():
        said = (sys.modules[kind.__module__].__doc__ or "").partition("\n")[0].rstrip(".")
        settings = tuple(Setting(one.name, one.default) for one in settings_of(kind) if one.init)
        families.setdefault(said, []).append(FaultKind(kind.name, kind.says, settings))
    return families


def make_fault(name: str, **settings: Any) -> Fault:
    """Raises ValueError: no such fault or setting, or a setting of the wrong kind."""
    if name not in _KINDS:
        raise ValueError(f"there is no fault {name!r}; choose from: {', '.join(_KINDS)}")
    known = _setting_types(name)
    for key in settings:
        if key not in known:
            raise ValueError(f"{name} has no setting {key!r}; choose from: {', '.join(known)}")
    if settings.get("times", 1) is None:
        settings["times"] = 0
    for key, value in settings.items():
        _check_setting(key, value, known[key])
    return _KINDS[name](**settings)


def _setting_types(name: str) -> dict[str, Any]:
    return {one.name: one.type for one in settings_of(_KINDS[name]) if one.init}


def _check_setting(key: str, value: Any, kind: Any) -> None:
    accepted: dict[Any, tuple[type, ...]] = {int: (int,), float: (int, float), str: (str,)}
    if isinstance(value, bool) or not isinstance(value, accepted.get(kind, (str, type(None)))):
        raise ValueError(f"{key} cannot be {value!r}")
    if key != "seed" and isinstance(value, int | float) and not 0 <= value < math.inf:
        raise ValueError(f"{key} has to be 0 or more, not {value}")


def parse_fault(text: str) -> Fault:
    """A fault as written on the command line: `NAME` or `NAME:key=value,key=value`.

    Raises:
        ValueError: no such fault or setting, or a value that cannot be read.
    """
    name, _, listed = text.partition(":")
    texts: dict[str, str] = {}
    for pair in filter(None, listed.split(",")):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not equals:
            raise ValueError(f"expected key=value, not {pair!r}")
        texts[key] = value
    return fault_from_texts(name.strip(), texts)


def fault_from_texts(name: str, texts: Mapping[str, str]) -> Fault:
    """A fault with settings as people write them.

    Raises:
        ValueError: no such fault or setting, or a value that cannot be read.
    """
    types = _setting_types(name) if name in _KINDS else {}
    settings = {key: _read_setting(key, text, types.get(key, str)) for key, text in texts.items()}
    return make_fault(name, **settings)


def _read_setting(key: str, value: str, kind: Any) -> Any:
    try:
        if kind is float and not value.isdecimal():
            return float(value)
        return int(value) if kind in (int, float) else value
    except ValueError:
        raise ValueError(f"{key} has to be a number, not {value!r}") from None
