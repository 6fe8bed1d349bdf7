# SPDX-License-Identifier: Apache-2.0
"""Target processes, and loiter runs on them."""
import json
import os
import select
import subprocess
import tempfile
import time

import gobuild

LOITER = os.environ.get('LOITER', os.path.join(gobuild.ROOT, 'build/loiter'))
# A safety net for a hang, never a measure of speed.
PATIENCE_S = 60


class Target:
    """A target program that has said READY; `truth` is what it says of itself."""

    def __init__(self, argv, ready_prefix=(), **popen):
        self.argv = argv
        self._child = subprocess.Popen([*ready_prefix, *argv], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, bufsize=0, **popen)
        self._buffer = b''
        try:
            line = self._line()
            assert line.startswith(b'READY '), line
            self.truth = json.loads(line[len('READY '):])
        except BaseException:
            self.close()
            raise
        # With a prefix (unshare, chroot) the child is not the target.
        self.pid = self.truth.get('pid', self._child.pid) if not ready_prefix else self._child.pid

    def _more(self):
        ready, _, _ = select.select([self._child.stdout], [], [], PATIENCE_S)
        assert ready, f'{self.argv}: no answer'
        chunk = os.read(self._child.stdout.fileno(), 1 << 20)
        assert chunk, f'{self.argv} ended, exit code {self._child.wait()}'
        self._buffer += chunk

    def _line(self):
        while b'\n' not in self._buffer:
            self._more()
        line, _, self._buffer = self._buffer.partition(b'\n')
        return line

    def tell(self, command):
        """Sends a command that has no answer, or whose answer receive() waits for."""
        self._child.stdin.write(command.encode() + b'\n')

    def receive(self):
        """The bytes of the answer to the last command."""
        length = int(self._line().split()[1])
        while len(self._buffer) < length:
            self._more()
        answer, self._buffer = self._buffer[:length], self._buffer[length:]
        return answer

    def say(self, command):
        """Sends a command; returns the bytes of the answer."""
        self.tell(command)
        return self.receive()

    def ask(self, command):
        """say() for an answer in JSON."""
        return json.loads(self.say(command))

    def profile(self, debug):
        return self.say(f'pprof{debug}').decode('utf-8', 'surrogateescape')

    def status(self, field):
        """A field of /proc/PID/status."""
        with open(f'/proc/{self.pid}/status', encoding='ascii', errors='replace') as lines:
            return next(line.split(':', 1)[1].strip() for line in lines
                        if line.startswith(field + ':'))

    def alive(self):
        return self._child.poll() is None

    def wait(self):
        """Waits for the end of the process; its exit code."""
        return self._child.wait(PATIENCE_S)

    def kill(self):
        self._child.kill()

    def close(self):
        self._child.kill()
        self._child.wait()
        self._child.stdin.close()
        self._child.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Run:
    """One run of loiter that ended: code, out (bytes), err (text), seconds, rss_kb."""

    def __init__(self, *args, prefix=(), **popen):
        argv = [*prefix, LOITER, *map(str, args)]
        start = time.monotonic()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                     **popen)
            try:
                child.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                raise
            out.seek(0)
            err.seek(0)
            self.out, self.err = out.read(), err.read().decode('utf-8', 'replace')
        self.seconds = time.monotonic() - start
        self.code = child.returncode
        self.argv = argv

    def __repr__(self):
        return f'{" ".join(self.argv)}\nexit {self.code}\n{self.err}{self.out[:2000]!r}'


def snapshot(*args, **kw):
    """`loiter snapshot ARGS` that must succeed; returns its standard output."""
    run = Run('snapshot', *args, **kw)
    assert run.code == 0, run
    return run.out


def snapshot_json(*args, **kw):
    return json.loads(snapshot(*args, '--json', '--goroutines', **kw))


def assert_refused(run, code, *words):
    """One sentence on stderr, nothing on stdout, the exit code of the contract."""
    assert run.code == code, run
    assert run.out == b'', run
    assert run.err.startswith('loiter: ') and run.err.endswith('\n'), run
    assert run.err.count('\n') == 1, run
    for word in words:
        assert word in run.err, run
