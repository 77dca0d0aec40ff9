"""Least recently used within each working set, exactly: a bound for local replacement. An example of a policy in plain
Python."""

from collections.abc import Sequence

from simulator.policies.base import Decision, MemoryView, Policy, WorkingSetView, np, policy


def by_use(ws: WorkingSetView) -> list[int]:
    """The entries of a working set that aren't locked, the least recently used first."""
    entries = ws.entries
    order = np.argsort(entries.use)
    return entries.entry[order][~entries.locked[order]].tolist()


@policy("local-lru", requires={"last_access"})
class LocalLru(Policy):
    """Least recently used (Mattson et al., "Evaluation techniques for storage hierarchies", IBM Systems Journal 9(2),
    1970) within each working set. Who loses a page when it isn't said whose it shall be: the process with most pages
    above its minimum, so that allotments tend to be equal; pages below the minimum go last. Sees every use."""

    def replace(self, view: MemoryView, process: int | None) -> int | None:
        """Of the process, or of the fullest one."""
        sets = [ws for ws in view.working_sets if process in (None, ws.index)]
        return next(iter(self.choose(sets, 1)), None)

    def trim(self, view: MemoryView, goal: int) -> Decision:
        """One after another, each from who is the fullest then; if there aren't so many, one look more."""
        chosen = self.choose(view.working_sets, goal)
        return Decision(trimmed=np.array(chosen, np.int64), examined=min(goal, len(chosen) + 1))

    def choose(self, sets: Sequence[WorkingSetView], count: int) -> list[int]:
        """What the fullest lose, until there are enough."""
        left = {ws.index: by_use(ws)[::-1] for ws in sets}
        above = {ws.index: ws.size - ws.minimum for ws in sets}
        chosen: list[int] = []
        while len(chosen) < count and (losers := [index for index in left if left[index]]):
            loser = max(losers, key=above.__getitem__)
            above[loser] -= 1
            chosen.append(left[loser].pop())
        return chosen
