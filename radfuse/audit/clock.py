"""A clock that stands at another time: year, month, weekday, hour, minute and second are all others."""

from __future__ import annotations

import datetime as module
import time
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

_ON = timedelta(days=400, hours=5, minutes=17, seconds=23)


class _Alike(type):
    """Lets an object of the class that was replaced count as one of the class in its place."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.__mro__[1]) if cls in _PUT_ON else type.__instancecheck__(cls, instance)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, cls.__mro__[1]) if cls in _PUT_ON else type.__subclasscheck__(cls, other)


class _LaterDate(date, metaclass=_Alike):
    @classmethod
    def today(cls) -> Any:
        return (datetime.now() + _ON).date()


class _LaterTime(datetime, metaclass=_Alike):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        return datetime.now(tz) + _ON

    @classmethod
    def today(cls) -> Any:
        return datetime.now() + _ON

    @classmethod
    def utcnow(cls) -> Any:
        return datetime.now(module.UTC).replace(tzinfo=None) + _ON


_PUT_ON: tuple[type, ...] = (_LaterDate, _LaterTime)


def put_on_the_clock() -> None:
    """Let all that asks for the time of day from here on be told a later one; how long things take stays as it is."""
    now, now_ns, on = time.time, time.time_ns, _ON.total_seconds()
    local, utc, tell, text = time.localtime, time.gmtime, time.strftime, time.asctime
    patches: dict[str, Any] = {
        "time": lambda: now() + on,
        "time_ns": lambda: now_ns() + int(on * 1e9),
        "localtime": lambda seconds=None: local(now() + on if seconds is None else seconds),
        "gmtime": lambda seconds=None: utc(now() + on if seconds is None else seconds),
        "ctime": lambda seconds=None: text(local(now() + on if seconds is None else seconds)),
        "asctime": lambda when=None: text(local(now() + on) if when is None else when),
        "strftime": lambda form, when=None: tell(form, local(now() + on) if when is None else when),
    }
    for name, patch in patches.items():
        setattr(time, name, patch)
    module.datetime, module.date = _LaterTime, _LaterDate  # type: ignore[misc]
