# SPDX-License-Identifier: Apache-2.0
"""Cells, by the driver of tests/unit/daemon: asked for by line, answered by JSON and bytes."""
import json
import os
import select
import subprocess

from process import LOITER, PATIENCE_S

DRIVER = os.path.join(os.path.dirname(LOITER), 'tests/unit/daemon/cell_driver')
(SNAPSHOT, PAGE, FLAMEGRAPH, GOROUTINE, GOROUTINELEAK, HEAP, THREADCREATE, EXAMINATION) = range(8)


def stat_of(pid):
    """Fields of /proc/PID/stat from the state on; None when it is gone."""
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as text:
            return text.read().rpartition(')')[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def start_time(pid):
    return int(stat_of(pid)[19])


def status_of(pid, field):
    with open(f'/proc/{pid}/status', encoding='ascii', errors='replace') as lines:
        return next(line.split(':', 1)[1].strip() for line in lines
                    if line.startswith(field + ':'))


def children(pid):
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as text:
        return [int(p) for p in text.read().split()]


class Answer:
    def __init__(self, head, body):
        self.err, self.why, self.body = head['err'], head['why'], body

    def __repr__(self):
        return f'{self.err or "0"} {self.why!r} {self.body[:200]!r}'


class Cells:
    """A driver that is ready; with a misdeed, all its cells commit that."""

    def __init__(self, *misdeed, prefix=()):
        self._child = subprocess.Popen([*prefix, DRIVER, *misdeed], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, bufsize=0)
        self._buffer = b''
        self._asked = 0
        self._answers = {}
        self.pid = self._line()['ready']

    def _more(self):
        ready, _, _ = select.select([self._child.stdout], [], [], PATIENCE_S)
        assert ready, 'no answer'
        chunk = os.read(self._child.stdout.fileno(), 1 << 20)
        assert chunk, f'the driver ended: {self._child.wait()}'
        self._buffer += chunk

    def _line(self):
        while b'\n' not in self._buffer:
            self._more()
        line, _, self._buffer = self._buffer.partition(b'\n')
        return json.loads(line.decode('utf-8', 'surrogateescape'))

    def start(self, pid, what, debug=0, prove_ms=0, deadline_ms=0, start=None):
        """Asks; the number by which the answer is known."""
        self._asked += 1
        start = start_time(pid) if start is None else start
        self._child.stdin.write(
            f'ask {pid} {start} {what} {debug} {prove_ms} {deadline_ms}\n'.encode())
        return self._asked

    def _hear(self):
        """The next line; answers are put aside, counts returned."""
        line = self._line()
        if 'ended' not in line:
            return line
        while len(self._buffer) < line['len']:
            self._more()
        body, self._buffer = self._buffer[:line['len']], self._buffer[line['len']:]
        self._answers[line['ended']] = Answer(line, body)
        return None

    def answer(self, number):
        while number not in self._answers:
            self._hear()
        return self._answers.pop(number)

    def has(self, number):
        return number in self._answers

    def ask(self, pid, what, **more):
        return self.answer(self.start(pid, what, **more))

    def counts(self):
        self._child.stdin.write(b'news\n')
        while True:
            counts = self._hear()
            if counts:
                return counts

    @property
    def keeper(self):
        return children(self.pid)[0]

    @property
    def foreman(self):
        return children(self.keeper)[0]

    def running(self):
        """Pids of cells; none while there is no foreman."""
        return [cell for foreman in children(self.keeper) for cell in children(foreman)]

    def kill(self):
        self._child.kill()
        self._child.wait()

    def close(self):
        self.kill()
        self._child.stdin.close()
        self._child.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
