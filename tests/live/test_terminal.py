# SPDX-License-Identifier: Apache-2.0
"""What a person at a terminal meets: colour, width, refusals, Ctrl-C."""
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios

import pytest

from process import LOITER, PATIENCE_S, Run, snapshot

INTERRUPTED = 130


def on_terminal(*args, columns=80, **environment):
    """Runs loiter with a terminal for all three; returns (exit code, what the screen got)."""
    screen, line = pty.openpty()
    fcntl.ioctl(line, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
    env = {key: value for key, value in os.environ.items() if key not in ('NO_COLOR', 'COLUMNS')}
    child = subprocess.Popen([LOITER, *map(str, args)], stdin=line, stdout=line, stderr=line,
                             env={**env, 'TERM': 'xterm', **environment})
    os.close(line)
    text = b''
    while True:
        try:
            chunk = os.read(screen, 1 << 16)
        except OSError:     # the kernel's end of file on a terminal
            break
        if not chunk:
            break
        text += chunk
    os.close(screen)
    return child.wait(PATIENCE_S), text.decode('utf-8')


def test_colour_only_where_it_is_welcome(newest):
    assert '\033[' in on_terminal('snapshot', newest.pid)[1]
    assert '\033' not in on_terminal('snapshot', newest.pid, NO_COLOR='1')[1]
    assert '\033' not in on_terminal('snapshot', newest.pid, TERM='dumb')[1]
    assert b'\033' not in snapshot(newest.pid)
    assert '\033[' in on_terminal('snapshot', newest.pid, NO_COLOR='')[1]


@pytest.mark.parametrize('columns', [40, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(newest, columns):
    for args in ([newest.pid], ['--all'], [newest.pid, '--goroutines']):
        code, text = on_terminal('snapshot', *args, columns=columns, NO_COLOR='1')
        assert code == 0
        if args == ['--all']:
            # Sentences below the table are the terminal's to wrap.
            text = text.split('\r\n\r\n')[0]
        # What was slow had a line that says so, and that the next one took the place of.
        lines = re.split(r'\r\n?', text.replace('\033[K', ''))
        wide = [line for line in lines if len(line) > columns]
        assert not wide, wide


def test_a_pipe_gets_every_group_and_a_terminal_the_first(newest):
    code, text = on_terminal('snapshot', newest.pid, NO_COLOR='1')
    assert code == 0 and 'more groups' in text
    assert b'more groups' not in snapshot(newest.pid)


def test_a_binary_form_is_refused_on_a_terminal(newest, tmp_path):
    code, text = on_terminal('snapshot', newest.pid, '--format', 'pprof')
    assert code == 2
    assert text == 'loiter: pprof is binary and stdout is a terminal; add -o FILE\r\n'
    assert on_terminal('snapshot', newest.pid, '--format', 'pprof', '-o', tmp_path / 'p') == (0, '')


def test_quick_work_shows_no_progress(tiny):
    code, text = on_terminal('snapshot', tiny.pid, NO_COLOR='1')
    assert code == 0 and '\033[K' not in text


def waits_for_reader(pid):
    """Whether a process is inside openat() (system call 257) of a path that ends in /pipe."""
    with open(f'/proc/{pid}/syscall', encoding='ascii') as where:
        fields = where.read().split()
    if fields[0] != '257':
        return False
    with open(f'/proc/{pid}/mem', 'rb', buffering=0) as memory:
        memory.seek(int(fields[2], 16))
        return memory.read(4096).split(b'\0')[0].endswith(b'/pipe')


def test_ctrl_c_is_130_and_silent(tiny, tmp_path):
    """Where it certainly waits: the pipe that it is to write to has no reader."""
    os.mkfifo(tmp_path / 'pipe')
    child = subprocess.Popen([LOITER, 'snapshot', str(tiny.pid), '-o', tmp_path / 'pipe'],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not waits_for_reader(child.pid):
        assert child.poll() is None
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=PATIENCE_S)
    assert (child.returncode, out, err) == (INTERRUPTED, b'', b'')


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_no_temporary_file(newest, tmp_path, number):
    hits = 0
    for _ in range(500):
        child = subprocess.Popen([LOITER, 'snapshot', str(newest.pid), '-o', tmp_path / 'answer'])
        while not os.listdir(tmp_path) and child.poll() is None:
            pass
        child.send_signal(number)
        code = child.wait(PATIENCE_S)
        left = os.listdir(tmp_path)
        if code == 0:
            assert left == ['answer']
            os.unlink(tmp_path / 'answer')
            continue
        assert code == (INTERRUPTED if number == signal.SIGINT else -number)
        # It may have got as far as the rename: then what is there is whole.
        assert left in ([], ['answer'])
        for name in left:
            assert 'goroutines' in (tmp_path / name).read_text(encoding='utf-8')
            os.unlink(tmp_path / name)
        hits += 1
        if hits == 20:
            return
    raise AssertionError(f'{number} came in time {hits} times only')


def test_output_replaces_the_file_behind_a_link_and_keeps_its_mode(tiny, tmp_path):
    (tmp_path / 'old').write_text('old')
    (tmp_path / 'old').chmod(0o600)
    (tmp_path / 'link').symlink_to('old')
    run = Run('snapshot', tiny.pid, '-o', tmp_path / 'link')
    assert (run.code, run.out, run.err) == (0, b'', '')
    assert (tmp_path / 'link').is_symlink()
    assert 'goroutines' in (tmp_path / 'old').read_text(encoding='utf-8')
    assert (tmp_path / 'old').stat().st_mode & 0o777 == 0o600
    assert sorted(os.listdir(tmp_path)) == ['link', 'old']
