# SPDX-License-Identifier: Apache-2.0
"""A collector that can be told to behave badly, and the sender that is fed with invented looks."""
import json
import os
import queue
import subprocess
import threading

import gobuild
from process import LOITER, PATIENCE_S

FEED = os.path.join(os.path.dirname(LOITER), 'tests/unit/daemon/otlp_feed')


def receiver_path():
    source = os.path.join(gobuild.TARGETS, 'otlpreceiver')

    def make(path):
        gobuild.go(gobuild.releases()[-1], 'build', '-C', source, '-o', path, '.', CGO_ENABLED='0')

    return gobuild.cached('otlpreceiver', gobuild.sources_key(source), make)


class Lines:
    """The lines of a pipe as they come, read by a thread."""

    def __init__(self, pipe):
        self._queue = queue.Queue()
        self.all = []
        threading.Thread(target=self._read, args=(pipe,), daemon=True).start()

    def _read(self, pipe):
        for line in pipe:
            self._queue.put(line)
        self._queue.put(None)

    def next(self):
        """The next one; None at the end."""
        line = self._queue.get(timeout=PATIENCE_S)
        if line is not None:
            self.all.append(line)
        return line

    def until(self, what):
        """The first one that what() is true of."""
        while (line := self.next()) is not None:
            if what(line):
                return line
        raise AssertionError(f'it ended after {self.all}')


class Receiver:
    """tests/targets/otlpreceiver, at a port of its own or at that one."""

    def __init__(self, port=0):
        self._child = subprocess.Popen([receiver_path(), f'127.0.0.1:{port}'], text=True,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._lines = Lines(self._child.stdout)
        self.port = json.loads(self._lines.next().removeprefix('READY '))['port']
        self.url = f'http://127.0.0.1:{self.port}'

    def answer(self, *how):
        """How the next requests are answered, in their turn. To be said before they are made."""
        for one in how:
            self._child.stdin.write(f'{one}\n')
            self._child.stdin.flush()
            assert self._lines.next() == 'OK\n'

    def next(self, path):
        """The next request to that path; those to the other one are passed over."""
        while True:
            got = json.loads(self._lines.next())
            assert 'error' not in got, got
            if got['path'] == path:
                return got

    def metrics(self):
        return self.next('/v1/metrics')

    def logs(self):
        return self.next('/v1/logs')

    def close(self):
        self._child.kill()
        self._child.wait()
        self._child.stdin.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Feed:
    """tests/unit/daemon/otlp_feed."""

    def __init__(self, url, *args):
        self._child = subprocess.Popen([FEED, url, *args], text=True, stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.pid = self._child.pid
        self._answers = Lines(self._child.stdout)
        self.said = Lines(self._child.stderr)

    def tell(self, command):
        self._child.stdin.write(command + '\n')
        self._child.stdin.flush()

    def say(self, command):
        """Its counts after the command."""
        self.tell(command)
        answer = self._answers.next()
        assert answer is not None, f'it ended: {self.said.all}'
        return json.loads(answer)

    def finish(self):
        """Closes; its exit code."""
        self._child.stdin.close()
        return self._child.wait(timeout=PATIENCE_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._child.kill()
        self._child.wait()
