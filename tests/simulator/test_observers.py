"""Observers: who is called when, and that nobody is called for nothing."""

from __future__ import annotations

from typing import Any

from simulator.config import Trimming
from simulator.machine import Observe
from simulator.memory.state import State
from simulator.observe import Hooks, Observer
from tests.simulator.small import build, loads, windows


class Diary(Observer):
    """Writes down every call."""

    def __init__(self) -> None:
        """Nothing has happened."""
        self.calls: list[tuple[Any, ...]] = []

    def started(self, state: State) -> None:
        """Built."""
        self.calls.append(("started",))

    def decided(self, state: State, time: int, policy: str, goal: int, decision: Any) -> None:
        """A policy answered."""
        self.calls.append(("decided", time, policy, goal))

    def sampled(self, state: State, time: int) -> None:
        """A sample."""
        self.calls.append(("sampled", time))

    def finished(self, state: State, time: int) -> None:
        """Over."""
        self.calls.append(("finished", time))


class Stepper(Observer):
    """Counts steps."""

    steps = 0

    def stepped(self, state: State, time: int) -> None:
        """One more."""
        self.steps += 1


def test_observers_are_called_in_order_of_time() -> None:
    diary = Diary()
    build(
        [[(1, 0, 250, 0)]],
        manager=windows(trimming=Trimming(policy="windows", period=100)),
        observers=[diary],
        observe=Observe(sample_every=150),
    ).run()
    assert diary.calls == [
        ("started",),
        ("sampled", 0),
        ("decided", 100, "windows", 0),
        ("sampled", 150),
        ("decided", 200, "windows", 0),
        ("finished", 250),
    ]


def test_hooks_that_nobody_overrides_call_nobody() -> None:
    hooks = Hooks([Diary(), Observer()])
    assert not hooks.wanted("stepped")
    assert hooks.wanted("decided")
    hooks.call("stepped", None, 0)


def test_the_hook_of_each_step_is_for_those_who_want_it() -> None:
    class Loud(Observer):
        def __getattribute__(self, name: str) -> Any:
            assert name != "stepped", "a hook that isn't overridden was looked up"
            return super().__getattribute__(name)

    stepper = Stepper()
    build([loads([1])], observers=[stepper], watched=False).run()
    assert stepper.steps > 0
    machine = build([loads([1])], observers=[Diary()], watched=False)
    assert not machine.state.record[0]["steps_watched"]
    machine.run()


def test_every_observer_is_called() -> None:
    diaries = [Diary(), Diary()]
    build([loads([1])], observers=diaries).run()
    assert diaries[0].calls == diaries[1].calls != []
