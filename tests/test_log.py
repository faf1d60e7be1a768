from __future__ import annotations

from streamgaps.log import INFO, WARNING, Log


def test_it_is_set_up_before_the_first_event_and_again_when_it_is_set_up_again() -> None:
    """But not for events that are too low."""
    log, calls = Log(), []
    log.set_up(WARNING, lambda: calls.append("first"))
    log.info("too low")
    assert calls == []
    log.warning("heard")
    log.warning("heard")
    assert calls == ["first"]
    log.set_up(INFO, lambda: calls.append("second"))
    log.info("heard")
    assert calls == ["first", "second"]
