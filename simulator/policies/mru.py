"""Most recently used: right for cyclic scans that don't fit, wrong for nearly all else. An example of a policy in plain
Python."""

from simulator.policies.base import Decision, MemoryView, Policy, np, policy


@policy("mru", requires={"last_access"})
class Mru(Policy):
    """Most recently used (Chou and DeWitt, "An evaluation of buffer management strategies for relational database
    systems", VLDB 1985, for looping scans): takes the page whose last use is the most recent, among all processes.
    Published for buffers: sees every use."""

    def replace(self, view: MemoryView, process: int | None) -> int | None:
        """Of the process, or of all."""
        chosen = self.newest(view, 1, process)
        return int(chosen[0]) if len(chosen) else None

    def trim(self, view: MemoryView, goal: int) -> Decision:
        """As many as are wanted; if there aren't so many, one look more."""
        chosen = self.newest(view, goal)
        return Decision(trimmed=chosen, examined=min(goal, len(chosen) + 1))

    def newest(self, view: MemoryView, count: int, process: int | None = None) -> np.ndarray:
        """The entries used last that aren't locked, the last first."""
        sets = [ws.entries for ws in view.working_sets if process in (None, ws.index)]
        entry = np.concatenate([s.entry[~s.locked] for s in sets] or [np.empty(0, np.int64)])
        use = np.concatenate([s.use[~s.locked] for s in sets] or [np.empty(0, np.int64)])
        return entry[np.argsort(-use)][:count]
