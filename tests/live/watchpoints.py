# SPDX-License-Identifier: Apache-2.0
"""Takes the debug registers of another process, as a debugger would."""
import ctypes
import errno
import os
import struct

PERF_EVENT_OPEN = 298
PERF_TYPE_BREAKPOINT, RW, LEN_8 = 5, 3, 8
PERF_FLAG_FD_CLOEXEC = 8
REGISTERS = 4

_libc = ctypes.CDLL(None, use_errno=True)


def _watch(tid, addr):
    # struct perf_event_attr up to config2: type, size, bp_type at 52, bp_addr, bp_len.
    attr = bytearray(128)
    struct.pack_into('=II', attr, 0, PERF_TYPE_BREAKPOINT, len(attr))
    struct.pack_into('=IQQ', attr, 52, RW, addr, LEN_8)
    buffer = (ctypes.c_char * len(attr)).from_buffer(attr)
    fd = _libc.syscall(PERF_EVENT_OPEN, ctypes.byref(buffer), tid, -1, -1, PERF_FLAG_FD_CLOEXEC)
    if fd < 0:
        raise OSError(ctypes.get_errno(), 'perf_event_open')
    return fd


class Registers:
    """All that a process's main thread has left, until the end of the block."""

    def __init__(self, pid, addr=0x10000):
        self.fds = []
        for _ in range(REGISTERS):
            try:
                self.fds.append(_watch(pid, addr))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for fd in self.fds:
            os.close(fd)
