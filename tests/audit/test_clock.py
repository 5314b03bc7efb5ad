"""A clock that is put on tells another year, month, weekday, hour, minute and second, whoever is asked."""

from __future__ import annotations

import datetime
import time

import pytest

from radfuse.audit.clock import put_on_the_clock


def test_whoever_tells_the_time_tells_a_later_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, names in (
        (time, ("time", "time_ns", "localtime", "gmtime", "ctime", "asctime", "strftime")),
        (datetime, ("datetime", "date")),
    ):
        for name in names:
            monkeypatch.setattr(module, name, getattr(module, name))  # put back afterwards
    before, seconds, day = datetime.datetime.now(), time.time(), datetime.date.today()
    put_on_the_clock()
    now = datetime.datetime.now()
    told = {time.time() - seconds, time.time_ns() / 1e9 - seconds, (now - before).total_seconds()}
    assert all(400 * 86400 < later < 401 * 86400 for later in told)
    assert (datetime.date.today() - day).days in (400, 401)
    assert time.localtime()[:4] == now.timetuple()[:4]
    assert time.gmtime(0).tm_year == 1970
    assert time.localtime(0) == time.localtime(0.0)
    assert (now.year, now.month, now.weekday()) != (before.year, before.month, before.weekday())
    assert time.strftime("%Y-%m-%d %H") == now.strftime("%Y-%m-%d %H")
    assert time.ctime()[:13] == time.asctime()[:13] == now.ctime()[:13]
    assert time.strftime("%Y", (1999, *(1,) * 8)) == "1999"
    assert issubclass(datetime.datetime, datetime.date)
    assert not isinstance(before, type("Own", (datetime.datetime,), {}))
    assert isinstance(before, datetime.datetime)  # made by the class that was replaced
    assert isinstance(day, datetime.date)
