# SPDX-License-Identifier: Apache-2.0
"""A file system of one file, executable, which answers until it is told not to.

As a program: MOUNTPOINT FILE, and lines on stdin: "stall OPCODE" (14 open, 15 read), "go".
Requests of that kind are taken and kept; each is told on stdout as "HELD OPCODE PID". It ends with
its stdin.
"""
import ctypes
import os
import select
import struct
import subprocess
import sys

PATIENCE_S = 60
LOOKUP, FORGET, GETATTR, OPEN, READ, STATFS, RELEASE, FLUSH = 1, 2, 3, 14, 15, 17, 18, 25
INIT, OPENDIR, INTERRUPT, DESTROY, BATCH_FORGET = 26, 27, 36, 38, 42
NO_ANSWER = (FORGET, BATCH_FORGET, INTERRUPT)
ROOT, FILE = 1, 2
ENOENT, ENOSYS = 2, 38


class Server:
    def __init__(self, mountpoint, path):
        with open(path, 'rb') as file:
            self._bytes = file.read()
        self._fd = os.open('/dev/fuse', os.O_RDWR)
        options = f'fd={self._fd},rootmode=40000,user_id=0,group_id=0,allow_other'
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b'stalled', mountpoint.encode(), b'fuse', 0, options.encode()) != 0:
            raise OSError(ctypes.get_errno(), 'mount')
        self._stalled, self._held = 0, []

    def _attributes(self, node):
        mode, size = (0o100755, len(self._bytes)) if node == FILE else (0o40755, 0)
        return struct.pack('<6Q10I', node, size, (size + 511) // 512, 0, 0, 0, 0, 0, 0, mode, 1,
                           0, 0, 0, 4096, 0)

    def _body(self, opcode, node, rest):
        """What is answered; a number is an errno."""
        if opcode == INIT:
            return struct.pack('<IIIIHHIIHHI7I', 7, 31, 65536, 0, 1, 1, 65536, 1, 0, 0, 0, *[0] * 7)
        if opcode == LOOKUP:
            if rest != b'file\0':
                return ENOENT
            return struct.pack('<QQQQII', FILE, 0, 3600, 3600, 0, 0) + self._attributes(FILE)
        if opcode == GETATTR:
            return struct.pack('<QII', 3600, 0, 0) + self._attributes(node)
        if opcode in (OPEN, OPENDIR):
            return struct.pack('<QII', 0, 0, 0)
        if opcode == READ:
            _, offset, size = struct.unpack_from('<QQI', rest)
            return self._bytes[offset:offset + size]
        return b'' if opcode in (RELEASE, FLUSH, DESTROY) else ENOSYS

    def _answer(self, opcode, unique, node, rest):
        body = self._body(opcode, node, rest)
        err, body = (-body, b'') if isinstance(body, int) else (0, body)
        try:
            os.write(self._fd, struct.pack('<IiQ', 16 + len(body), err, unique) + body)
        except FileNotFoundError:
            pass  # who asked has been killed

    def _request(self):
        request = os.read(self._fd, 1 << 18)
        _, opcode, unique, node, _, _, pid, _ = struct.unpack_from('<IIQQIIII', request)
        rest = request[40:]
        if opcode in NO_ANSWER:
            return
        if opcode == self._stalled:
            self._held.append((opcode, unique, node, rest))
            print('HELD', opcode, pid, flush=True)
        else:
            self._answer(opcode, unique, node, rest)

    def _command(self):
        words = os.read(0, 100).decode().split()
        if not words:
            return False
        if words[0] == 'stall':
            self._stalled = int(words[1])
        else:
            self._stalled = 0
            for held in self._held:
                self._answer(*held)
            self._held = []
        print('DONE', flush=True)
        return True

    def serve(self):
        print('MOUNTED', flush=True)
        while True:
            ready, _, _ = select.select([self._fd, 0], [], [])
            if self._fd in ready:
                try:
                    self._request()
                except OSError:
                    return
            if 0 in ready and not self._command():
                return


class StalledFS:
    """The server in a process of its own: who uses the file must not be who serves it."""

    def __init__(self, directory, path):
        self._directory = directory
        self.path = os.path.join(directory, 'file')
        self._child = subprocess.Popen([sys.executable, __file__, directory, path],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self._held = []
        self._expect('MOUNTED')

    def _line(self):
        line = b''
        while not line.endswith(b'\n'):
            ready, _, _ = select.select([self._child.stdout], [], [], PATIENCE_S)
            assert ready, 'nothing is asked of the file system'
            char = os.read(self._child.stdout.fileno(), 1)
            assert char, 'the file system has ended'
            line += char
        return line.decode().split()

    def _expect(self, word):
        while True:
            words = self._line()
            if words[0] == word:
                return
            self._held.append(int(words[2]))

    def stall(self, opcode):
        self._child.stdin.write(f'stall {opcode}\n'.encode())
        self._expect('DONE')

    def go(self):
        self._child.stdin.write(b'go\n')
        self._expect('DONE')

    def await_held(self, pids):
        """Until a request of one of these is held."""
        while not set(self._held) & set(pids()):
            words = self._line()
            self._held.append(int(words[2]))
        return (set(self._held) & set(pids())).pop()

    def close(self):
        self._child.stdin.close()
        self._child.wait()
        self._child.stdout.close()
        ctypes.CDLL(None).umount2(self._directory.encode(), 2)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


if __name__ == '__main__':
    Server(sys.argv[1], sys.argv[2]).serve()
