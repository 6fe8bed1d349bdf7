# SPDX-License-Identifier: Apache-2.0
"""loiter on a terminal that is read as a person reads it, and typed at."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

import pyte

from process import LOITER, PATIENCE_S

# What xterm's way onto its other screen and back is (terminfo: smcup, rmcup).
ENTER, LEAVE = b'\033[?1049h', b'\033[?1049l'


def _take_terminal():
    """In the child: the terminal is its session's."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """A run of loiter on a terminal of its own. pyte understands the kernel console's codes; it
    does not know a second screen, so for that `raw` is all that was written."""

    def __init__(self, *args, columns=100, lines=30, **environment):
        self._master, self._line = pty.openpty()
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b''
        self.resize(columns, lines)
        self.before = termios.tcgetattr(self._line)
        env = {key: value for key, value in os.environ.items()
               if key not in ('NO_COLOR', 'COLUMNS', 'LINES', 'LC_ALL', 'LC_CTYPE')}
        env.update({'TERM': 'linux', 'LANG': 'C.UTF-8', **environment})
        self.child = subprocess.Popen([LOITER, *map(str, args)], stdin=self._line,
                                      stdout=self._line, stderr=self._line, env=env,
                                      preexec_fn=_take_terminal)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()
        os.close(self._master)
        os.close(self._line)

    def resize(self, columns, lines):
        fcntl.ioctl(self._line, termios.TIOCSWINSZ, struct.pack('HHHH', lines, columns, 0, 0))
        self.screen.resize(lines, columns)

    @property
    def text(self):
        return '\n'.join(line.rstrip() for line in self.screen.display)

    def _read(self, timeout):
        """Takes what there is within that time; whether there was anything."""
        ready, _, _ = select.select([self._master], [], [], timeout)
        if ready:
            chunk = os.read(self._master, 1 << 16)
            self.raw += chunk
            self._stream.feed(chunk)
        return bool(ready)

    def until(self, true, what=''):
        """Reads until true(self); what it returned."""
        end = time.monotonic() + PATIENCE_S
        while True:
            found = true(self)
            if found:
                return found
            assert time.monotonic() < end, f'never came: {what}\n{self.text}'
            assert self._read(0.2) or self.child.poll() is None, f'ended: {what}\n{self.text}'

    def shows(self, *words):
        return self.until(lambda t: all(word in t.text for word in words), words)

    def shows_no(self, word):
        return self.until(lambda t: word not in t.text, 'no ' + word)

    def type(self, keys):
        os.write(self._master, keys.encode() if isinstance(keys, str) else keys)

    def signal(self, number):
        self.child.send_signal(number)

    def end(self):
        """The exit code, with all that was written read."""
        end = time.monotonic() + PATIENCE_S
        while self.child.poll() is None or self._read(0):
            assert time.monotonic() < end, f'does not end\n{self.text}'
            self._read(0.05)
        return self.child.returncode

    def quit(self):
        self.type('q')
        return self.end()

    def restored(self):
        """Whether the terminal is as it was: modes, and which of its screens."""
        return (termios.tcgetattr(self._line) == self.before and
                self.raw.count(ENTER) == self.raw.count(LEAVE) and
                self.raw.rfind(LEAVE) >= self.raw.rfind(ENTER))

    def left_behind(self):
        """What was written after the screen was left, without codes."""
        return re.sub(r'\033(\[[0-9;?]*[a-zA-Z]|[=>])', '', self.raw.rpartition(LEAVE)[2].decode())

    def rows(self):
        """{function: the words of its row} of the table of sites."""
        ret = {}
        for line in self.text.split('\n'):
            words = line.split()
            if words and words[0].replace(',', '').isdigit():
                where = next((word for word in words if 'main.' in word or '…' in word), None)
                if where:
                    ret[where.partition('.')[2]] = words
        return ret

