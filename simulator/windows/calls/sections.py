"""Sections and their views: shared memory and mapped files."""

from __future__ import annotations

from simulator.windows import placed_view, section, view
from simulator.windows.calls.base import Calls, Steps
from simulator.windows.calls.virtual import owner_of
from simulator.windows.constants import CURRENT_PROCESS
from simulator.windows.placeholders import Requirements


class SectionCalls(Calls):
    """CreateFileMapping, MapViewOfFile and what goes with them."""

    def create_file_mapping(
        self, file_handle: int, protect: int, maximum_size: int = 0, name: str | None = None
    ) -> Steps[int]:
        """A handle to a new section, or to the one of that name, with last error 183: that keeps its size and
        protection [CreateFileMapping].

        `file_handle`: of an open file, or INVALID_HANDLE_VALUE: backed by the paging files. `protect`: a PAGE_ constant
        with SEC_ flags. `maximum_size` in bytes; 0: the file's, which a larger one extends. The handle is good for what
        `protect` allows. 0 with last error 3 or 206 if the name is none, 5 if the file isn't open for that, 6 no such
        file or the name is another kind's, 8 larger than a file that can't be extended or than any section, 87, 112 the
        disk is full, 193 SEC_IMAGE of no image or no file, 1006 the file is empty, 1314 SEC_LARGE_PAGES without the
        privilege, 1450 no frames in a row or no pool for prototype PTEs, 1450 to 1452 or 1816 none for the rest, 1455
        the commit limit.
        """
        found = yield from self._call(section.create, self.own, file_handle, protect, maximum_size, name, failed=None)
        if found is None:
            return 0
        handle: int
        handle, self.last_error = found
        return handle

    def open_file_mapping(self, access: int, name: str) -> Steps[int]:
        """A handle to the section of that name, for FILE_MAP_ access [OpenFileMapping]; 0 with last error 2 if there's
        none, 6 if the name is another kind's, 87 without a name."""
        return (yield from self._call(section.open_named, self.own, access, name))

    def map_view_of_file(self, handle: int, access: int, offset: int = 0, size: int = 0) -> Steps[int]:
        """The address of a new view [MapViewOfFile]; see `map_view_of_file_ex`."""
        return (yield from self.map_view_of_file_ex(handle, access, offset, size, 0))

    def map_view_of_file_ex(self, handle: int, access: int, offset: int, size: int, base: int) -> Steps[int]:
        """The address of a new view of `size` bytes (0: to the section's end) from `offset` on, at `base` (0: anywhere)
        [MapViewOfFileEx].

        FILE_MAP_COPY counts only if it is alone. 0 with last error 5 if it would go beyond the section, or section or
        handle don't allow the access; 6; 8 if there is no room; 87; 487 if the base isn't free; 1132 if base or offset
        isn't a multiple of 64 KiB; 1450 if there's no pool for a file's prototype PTEs; 1455 if there's no commit
        charge for a copy-on-write view.
        """
        return (yield from self._call(view.map_view, self.own, handle, access, offset, size, base))

    def map_view_of_file3(
        self,
        handle: int,
        process_handle: int,
        base: int,
        offset: int,
        size: int,
        allocation_type: int,
        protect: int,
        lowest_starting_address: int = 0,
        highest_ending_address: int = 0,
        alignment: int = 0,
    ) -> Steps[int]:
        """The address of a new view with a PAGE_ protection in a process (0 or -1: this one), at `base` (0: anywhere
        that requirements allow), or in a placeholder's place (MEM_REPLACE_PLACEHOLDER) [MapViewOfFile3].

        0 with last error as `map_view_of_file_ex`, and 87 for other flags, protections or requirements, 487 if there's
        no placeholder of that address and size.
        """
        wanted = Requirements(lowest_starting_address, highest_ending_address, alignment)
        place = (process_handle or CURRENT_PROCESS, base, offset, size)
        return (yield from self._call(self._map_view, handle, *place, allocation_type, protect, wanted))

    def unmap_view_of_file2(self, process_handle: int, address: int, flags: int = 0) -> Steps[bool]:
        """Unmap a view of a process; with MEM_PRESERVE_PLACEHOLDER a placeholder is there again [UnmapViewOfFile2].
        False with last error 487 if there's no view, or it replaced no placeholder, 87 for other flags."""
        return (yield from self._call(self._unmap_view, process_handle, address, flags, failed=False))

    def unmap_view_of_file_ex(self, address: int, flags: int = 0) -> Steps[bool]:
        """The same in this process [UnmapViewOfFileEx]."""
        return (yield from self.unmap_view_of_file2(CURRENT_PROCESS, address, flags))

    def unmap_view_of_file(self, address: int) -> Steps[bool]:
        """Unmap the view that holds an address [UnmapViewOfFile]; False with last error 487 if none does."""
        return (yield from self._call(view.unmap, self.own, address, failed=False))

    def flush_view_of_file(self, address: int, size: int = 0) -> Steps[bool]:
        """Start writing the dirty pages of a part of a view (`size` 0: to its end) to its file [FlushViewOfFile]; they
        stay where they are, clean. False with last error 487 if there's no view, 87 if the part leaves it."""
        return (yield from self._call(view.flush, self.own, address, size, failed=False))

    def _map_view(
        self, handle: int, process: int, base: int, offset: int, size: int, kind: int, protect: int,
        wanted: Requirements,
    ) -> int:  # fmt: skip
        target = owner_of(self.own, process)
        return placed_view.map_view(self.own, handle, target, base, offset, size, kind, protect, wanted)

    def _unmap_view(self, process: int, address: int, flags: int) -> bool:
        return placed_view.unmap_view(owner_of(self.own, process), address, flags)
