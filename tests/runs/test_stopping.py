"""When is a training asked to stop, and when is it interrupted at once?"""

import os
import signal

import pytest

from batchnorm.runs import StopRequest, listen_for_stop


def interrupt_twice() -> None:
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)


def test_one_process_alone_obeys_what_it_hears() -> None:
    with listen_for_stop() as stop:
        signal.raise_signal(signal.SIGTERM)
    assert stop.signal == "SIGTERM"


def test_a_second_signal_interrupts() -> None:
    with pytest.raises(KeyboardInterrupt), listen_for_stop():
        interrupt_twice()


def test_what_torchrun_sends_behind_a_signal_does_not_interrupt(monkeypatch) -> None:
    monkeypatch.setitem(os.environ, "RANK", "1")
    with listen_for_stop() as stop:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
    assert stop.heard == "SIGINT"


def test_a_second_signal_some_time_later_interrupts_under_torchrun_too(monkeypatch) -> None:
    monkeypatch.setitem(os.environ, "RANK", "1")
    monkeypatch.setattr("batchnorm.runs._stopping.AT_ONCE", 0.0)
    with pytest.raises(KeyboardInterrupt), listen_for_stop():
        interrupt_twice()


def test_one_of_several_does_not_stop_before_the_others_know() -> None:
    assert StopRequest(heard="SIGINT", alone=False).signal is None


def test_all_stop_of_whom_one_was_asked() -> None:
    stop = StopRequest(alone=False)
    stop.agree(True)
    assert stop.signal == "a signal to another process"
