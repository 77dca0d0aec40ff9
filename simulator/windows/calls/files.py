"""Files: opening and making them, their size, and having them written."""

from __future__ import annotations

from simulator.windows import constants, file, sharing
from simulator.windows.calls.base import Calls, Steps
from simulator.windows.requests import WaitForWrite


class FileCalls(Calls):
    """CreateFile and what goes with it. What a file holds is reached through its mappings."""

    def create_file(
        self,
        name: str,
        size: int | None = None,
        disk: str | None = None,
        access: int = constants.GENERIC_READ | constants.GENERIC_WRITE,
        disposition: int = constants.OPEN_EXISTING,
        share: int = sharing.EVERYTHING,
    ) -> Steps[int]:
        """A handle to a file, made if `disposition` says so [CreateFile]; last error 183 if CREATE_ALWAYS or
        OPEN_ALWAYS found it there, else 0.

        A file that this call makes has `size` bytes (0 unless given) on `disk` (the first one unless given). `share`:
        the FILE_SHARE_ flags of what others may do while this handle is open, all unless given; 0: nothing.
        INVALID_HANDLE_VALUE (-1, which CreateFileMapping takes for the paging files) with last error 2 if there's no
        such file, 3 no such disk or no name, 5 writing to an image, 32 somebody has it open and the two don't share, or
        the image is mapped, 80 CREATE_NEW of one that exists, 87, 112 the disk is full, 206 the name is too long, 1224
        truncating what is mapped.
        """
        found = yield from self._call(
            self.system.files.open, self.own, name, size, disk, access, disposition, share, failed=None
        )
        if found is None:
            return constants.INVALID_HANDLE_VALUE
        handle: int
        handle, self.last_error = found
        return handle

    def get_file_size(self, handle: int) -> Steps[int | None]:
        """An open file's bytes [GetFileSize]; None with last error 6 if there's no such handle."""
        return (yield from self._call(file.size_of, self.own, handle, failed=None))

    def set_end_of_file(self, handle: int, size: int) -> Steps[bool]:
        """Make an open file so many bytes long [SetEndOfFile]; False with last error 5 if it isn't open for writing, 6,
        87, 112 if its disk is full, 1224 if it would become shorter while it's mapped."""
        return (yield from self._call(file.set_end, self.own, handle, size, failed=False))

    def flush_file_buffers(self, handle: int) -> Steps[bool]:
        """Have all modified pages of an open file written, and wait until they are [FlushFileBuffers]. What only a
        view knows to be dirty is FlushViewOfFile's. False with last error 5 if it isn't open for writing, or 6."""
        flushed = yield from self._call(file.flush_file, self.own, handle, failed=None)
        if flushed is None:
            return False
        contents = flushed.contents()
        while (request := self.system.pages.write_in_flight(contents)) >= 0:
            yield WaitForWrite(request)
        return True
