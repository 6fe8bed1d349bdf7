# SPDX-License-Identifier: Apache-2.0
"""A loiter daemon under a service manager of the test's own."""
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

from process import LOITER, PATIENCE_S

PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)')


def pairs(line):
    """A line of the log as {name: value}."""
    return {name: re.sub(r'\\(["\\])', r'\1', value[1:-1]) if value[:1] == '"' else value
            for name, value in PAIR.findall(line)}


class Manager:
    """Where a service tells how it is: the words of sd_notify(3), each datagram a string."""

    def __init__(self):
        self.name = f'@loiter-{os.getpid()}-{time.monotonic_ns()}'
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind('\0' + self.name[1:])

    def hears(self, timeout_s):
        """The next one; None: there was none in that time."""
        self._socket.settimeout(max(timeout_s, 0.001))
        try:
            return self._socket.recv(4096).decode()
        except socket.timeout:
            return None

    def until(self, begin):
        """Those up to the first that begins like this."""
        end, heard = time.monotonic() + PATIENCE_S, []
        while time.monotonic() < end:
            word = self.hears(end - time.monotonic())
            if word is not None:
                heard.append(word)
            if word is not None and word.startswith(begin):
                return heard
        raise AssertionError(f'{begin} was never said, but {heard}')

    def close(self):
        self._socket.close()


class Daemon:
    """One that has said READY, unless `ready` is false; `config` is what its file says."""

    def __init__(self, *args, config='', ready=True, watchdog_s=None, env=(), **popen):
        self._dir = tempfile.TemporaryDirectory()
        self.path = os.path.join(self._dir.name, 'loiter.conf')
        self.state = os.path.join(self._dir.name, 'state')
        self.write(config)
        self.manager = Manager()
        self.argv = [LOITER, 'daemon', '--config', self.path, '--listen', '127.0.0.1:0',
                     '--state', self.state, *map(str, args)]
        self._env = {**os.environ, **dict(env), 'NOTIFY_SOCKET': self.manager.name}
        if watchdog_s:
            self._env['WATCHDOG_USEC'] = str(int(watchdog_s * 1e6))
        self._popen = popen
        self.start(ready)

    def start(self, ready=True):
        """Once more, after an end."""
        self._lines, self._seen = [], 0
        self._more = threading.Condition()
        self._child = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                       env=self._env, text=True, **self._popen)
        self.pid = self._child.pid
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        try:
            if ready:
                self.manager.until('READY=1')
        except BaseException:
            self.close()
            raise

    def _read(self):
        for line in self._child.stderr:
            with self._more:
                self._lines.append(line)
                self._more.notify_all()
        with self._more:
            self._lines.append(None)
            self._more.notify_all()

    def write(self, config):
        with open(self.path, 'w', encoding='utf-8') as file:
            file.write(config)

    def log(self):
        """All that it has said so far, a dict a line."""
        with self._more:
            return [pairs(line) for line in self._lines if line]

    def says(self, event):
        """Waits for the next line of that kind that nobody waited for yet."""
        def found():
            for at in range(self._seen, len(self._lines)):
                line = self._lines[at]
                if line is None or pairs(line).get('event') == event:
                    self._seen = at + (line is not None)
                    return True
            return False

        with self._more:
            assert self._more.wait_for(found, PATIENCE_S), (event, self._lines)
            assert self._seen and self._lines[self._seen - 1] and \
                pairs(self._lines[self._seen - 1]).get('event') == event, (event, self._lines)
            return pairs(self._lines[self._seen - 1])

    def signal(self, number):
        self._child.send_signal(number)

    def reload(self, config):
        self.write(config)
        self.signal(signal.SIGHUP)

    def alive(self):
        return self._child.poll() is None

    def ends(self):
        """Waits for its end; the exit code."""
        code = self._child.wait(PATIENCE_S)
        self._reader.join()
        return code

    def kill(self):
        self._child.kill()
        return self.ends()

    def close(self):
        self._child.kill()
        self.ends()
        self._child.stderr.close()
        self.manager.close()
        self._dir.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
