# SPDX-License-Identifier: Apache-2.0
"""The live screen of attach and top: what it shows, what keys do, and what it leaves behind."""
import os
import re
import shutil
import signal
import subprocess

import pytest

import gobuild
from process import LOITER, PATIENCE_S, Target
from screen import Terminal

NEWEST = gobuild.releases()[-1]
OFTEN = ('--interval', '300ms', '--budget', '100', '--probes', 'none')
XTERM = {'TERM': 'xterm'}


def grower(*sites):
    return Target([gobuild.build('grower', NEWEST), *sites])


def order(terminal, *functions):
    """Those functions in the order in which the table has them."""
    return [name for name in terminal.rows() if name in functions]


@pytest.fixture(scope='module')
def leaky():
    with grower('growth', 'idle', 'pool', 'bounded') as target:
        yield target


def test_rows_say_what_grows_and_keys_change_what_is_shown(leaky):
    with Terminal('attach', leaky.pid, *OFTEN, columns=140) as t:
        t.shows('sendForever', 'suspect growing-group', 'goroutines', 'RSS', 'threads',
                'of a core', 'A MINUTE')
        assert f'pid {leaky.pid}' in t.text
        t.until(lambda _: re.match(r'[\d,]+ \+\d+ \+1,\d\d\d 0/[\d,]+ ',
                                   ' '.join(t.rows().get('sendForever', ''))), 'what grows')
        # It is the first, and selected: Enter opens it.
        t.until(lambda _: list(t.rows())[:1] == ['sendForever'], 'it in the first row')
        t.type('\r')
        t.shows('main.sendForever', 'created by', 'main.growth', 'blocked on', 'chan int 0/0',
                'runtime.chansend1', '0 of ', 'q back')
        t.type('\033')
        t.shows('A MINUTE', 'q quit')
        # A filter acts as it is typed, and Esc takes it away.
        t.type('/')
        t.shows('Enter: keep it')
        t.type('POOL')
        t.shows('poolWorker')
        t.shows_no('sendForever')
        t.shows_no('idleOne')
        t.type('\r')
        t.shows('filter: POOL')
        t.type('\033')
        t.shows('sendForever', 'idleOne')
        t.type('/no such thing\r')
        t.shows('no site has that')
        t.type('\033')
        t.shows('idleOne')
        t.type('?')
        t.shows('Keys', 'freeze the picture')
        t.type('x')
        t.shows('idleOne')
        assert t.quit() == 0
        # The closing report stands below, with the terminal as it was.
        assert t.restored()
    assert 'growing-group' in t.raw.decode() and 'watched for' in t.raw.decode()


def test_sorting_goes_round(leaky):
    with Terminal('attach', leaky.pid, *OFTEN) as t:
        t.shows('sort: growth', 'poolWorker', 'idleOne')
        t.type('s')
        t.shows('sort: count')

        def by_count(_):
            counts = [int(row[0].replace(',', '')) for row in t.rows().values()]
            return len(counts) > 3 and counts == sorted(counts, reverse=True)
        t.until(by_count, 'most first')
        for name in ('age', 'rate', 'growth'):
            t.type('s')
            t.shows('sort: ' + name)
        t.until(lambda _: list(t.rows())[0] == 'sendForever', 'what grows first')
        assert t.quit() == 0


def test_a_frozen_picture_stands_still_and_can_be_opened(leaky):
    def looks(t):
        return t.text.split('\n')[1]

    with Terminal('attach', leaky.pid, *OFTEN) as t:
        t.shows('growing-group')
        t.type('f')
        t.shows('FROZEN', 'f go on')
        frozen, then = looks(t), t.until(lambda _: t.rows().get('sendForever'), 'its row')
        # Keys are answered, from the copy; meanwhile there are other looks (the count of leaked
        # goroutines never stands still).
        t.type('/idle')
        t.shows_no('sendForever')
        t.type('\033')
        t.shows('sendForever')
        t.type('g\r')
        t.shows('created by', 'main.growth')
        t.until(lambda _: looks(t) == frozen, 'the head of that moment')
        t.type('q')
        t.until(lambda _: t.rows().get('sendForever') == then, 'the same row')
        t.type(' ')
        t.shows_no('FROZEN')
        t.until(lambda _: looks(t) != frozen, 'another look')
        t.until(lambda _: t.rows().get('sendForever', then)[0] != then[0], 'more of them')
        assert t.quit() == 0


def test_moving_goes_to_each_row_and_no_further(leaky):
    def detail(t):
        return next((line for line in t.text.split('\n') if line.startswith('>')), '')

    with Terminal('attach', leaky.pid, *OFTEN) as t:
        t.shows('growing-group', '> ', 'by main.growth')
        t.type('s')
        t.shows('sort: count')
        t.type('/idleOne\r')
        t.until(lambda _: 'by main.idle ' in detail(t), 'the selected one below')
        t.type('\033')
        # The row is the same one when others stand above it again.
        t.shows('poolWorker')
        t.until(lambda _: 'by main.idle ' in detail(t), 'the same one')
        t.type('G')
        t.until(lambda _: 'by main.idle ' not in detail(t), 'the last one')
        last = detail(t)
        t.type('\033[B' * 3 + 'jj' + '\033[6~')
        t.type('g' + '\033[A' + 'k' + '\033[5~')
        t.until(lambda _: detail(t) != last, 'the first one')
        assert t.quit() == 0


SIZES = [(20, 5), (1, 1), (2, 40), (7, 3), (300, 2), (40, 10), (20, 5), (250, 80), (80, 24)]


def test_every_size_has_room_for_something(leaky):
    with Terminal('attach', leaky.pid, *OFTEN, columns=20, lines=5) as t:
        t.shows('goroutines')
        for columns, lines in SIZES:
            t.resize(columns, lines)
            # A stack, help, the filter, and back to the table.
            t.type('\r')
            t.type('GG?x')
            t.type('q/' + 'm\r' + '\033')
        t.shows('A MINUTE', 'sendForever', 'q quit')
        t.resize(100, 30)
        t.shows('LEFT')
        assert all(len(line) <= 100 for line in t.text.split('\n'))
        assert t.quit() == 0


ENDS = {
    'q': (lambda t, _: t.type('q'), 0),
    'ctrl-c': (lambda t, _: t.type('\x03'), 130),
    'term': (lambda t, _: t.signal(signal.SIGTERM), -signal.SIGTERM),
    'target': (lambda _, target: target.kill(), 0),
}


@pytest.mark.parametrize('how', ENDS)
def test_the_terminal_is_as_before_and_the_report_below(how):
    act, code = ENDS[how]
    with grower('idle') as target, Terminal('attach', target.pid, *OFTEN, **XTERM) as t:
        t.until(lambda _: b'idleOne' in t.raw, 'the table')
        assert t.raw.count(b'\033[?1049h') == 1 and not t.restored()
        act(t, target)
        assert t.end() == code
        assert t.restored()
    report = t.left_behind()
    assert 'idleOne' in report and 'watched for' in report
    assert 'BLOCKED ON' in report and 'q quit' not in report


@pytest.mark.parametrize('number', [signal.SIGSEGV, signal.SIGABRT, signal.SIGQUIT,
                                    signal.SIGUSR1])
def test_the_terminal_is_as_before_when_loiter_dies(tiny, number):
    with Terminal('attach', tiny.pid, *OFTEN, **XTERM) as t:
        t.until(lambda _: b'of a core' in t.raw, 'the screen')
        t.signal(number)
        assert t.end() == -number
        assert t.restored()


def test_a_time_limit_ends_it(tiny):
    with Terminal('attach', tiny.pid, '--for', '1s', *OFTEN, **XTERM) as t:
        assert t.end() == 0
        assert t.restored()
    assert 'watched for ' in t.left_behind()


@pytest.mark.parametrize('environment', [{'TERM': 'dumb'}, {'TERM': 'no-such-terminal'}])
def test_a_terminal_that_cannot_be_drawn_on_gets_lines(tiny, environment):
    with Terminal('attach', tiny.pid, '--for', '1s', *OFTEN, **environment) as t:
        assert t.end() == 0
        assert b'\033[?' not in t.raw and b'a look every 0.3 s' in t.raw
        assert t.restored()
    with Terminal('top', tiny.pid, TERM='dumb') as t:
        assert t.end() == 2
        assert b'loiter: top: this is no terminal' in t.raw


def test_without_a_keyboard_there_are_lines(tiny):
    with Terminal('attach', tiny.pid, *OFTEN) as other:
        line = os.ttyname(other._line)
        with open(line, 'wb', buffering=0) as out:
            run = subprocess.run([LOITER, 'attach', str(tiny.pid), '--for', '1s', *OFTEN],
                                 stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False,
                                 env={**os.environ, 'TERM': 'xterm'}, timeout=PATIENCE_S)
        assert run.returncode == 0
        other.until(lambda t: b'a look every 0.3 s' in t.raw, 'lines')
        assert b'\033[?1049' not in other.raw


COLOUR = re.compile(rb'\033\[(?:[0-9]+;)*[34][0-7][;m]')


def test_colour_is_left_out_where_it_is_not_wanted(leaky):
    with Terminal('attach', leaky.pid, *OFTEN) as t:
        t.shows('growing-group')
        assert COLOUR.search(t.raw)
    with Terminal('attach', leaky.pid, *OFTEN, NO_COLOR='1') as t:
        t.shows('growing-group')
        assert not COLOUR.search(t.raw)


HOSTILE = b'a\033[2Jb\xff\xcc\x81\xe6\xbc\xa2\xe2\x80\xaez'


def test_hostile_names_steer_nothing(tmp_path):
    path = os.path.join(os.fsencode(tmp_path), HOSTILE)
    shutil.copy(gobuild.build('grower', NEWEST), path)
    with Target([path, 'idle']) as target:
        with Terminal('attach', target.pid, *OFTEN) as t:
            # A combining character and one that turns the line are named, a wide one is shown.
            t.shows('a\\x1b[2Jb\\xff\\u{301}漢', '\\u{202e}z', 'idleOne')
            t.quit()
        with Terminal('attach', target.pid, *OFTEN, LANG='C') as t:
            t.shows('a\\x1b[2Jb\\xff\\u{301}\\u{6f22}\\u{202e}z', 'idleOne')
            on_screen = t.raw
            t.quit()
        assert max(on_screen) < 0x80
        assert b'\033[2Jb' not in on_screen


def test_top_lists_the_worst_first_and_opens_it(leaky):
    with grower('idle') as calm:
        with Terminal('top', calm.pid, leaky.pid, *OFTEN, **XTERM) as xterm, \
             Terminal('top', calm.pid, leaky.pid, *OFTEN) as t:
            t.shows('2 processes', 'GOROUTINES', 'growing-group', 'sort: worst')
            pids = [int(line.split()[0]) for line in t.text.split('\n')
                    if line.split() and line.split()[0].isdigit()]
            t.until(lambda _: pids[0] == leaky.pid or pids[1] == leaky.pid, 'both')
            t.until(lambda _: re.search(rf'VERDICT\n +{leaky.pid} ', t.text), 'the worst first')
            t.type('\r')
            t.shows(f'pid {leaky.pid}', 'sendForever', 'q back')
            t.type('\r')
            t.shows('created by', 'main.growth')
            t.type('\033')
            t.shows('A MINUTE', 'sendForever')
            t.type('\033')
            t.shows('2 processes', 'q quit')
            t.type('/' + str(calm.pid) + '\r')
            t.until(lambda _: str(leaky.pid) not in t.text, 'one of them')
            t.type('\r')
            t.shows(f'pid {calm.pid}', 'idleOne')
            # It ends under the eyes of whoever looks at it.
            calm.kill()
            t.shows('1 process', f'pid {calm.pid}: exited')
            assert t.quit() == 0
            xterm.until(lambda _: b'exited' in xterm.raw, 'its end')
            assert xterm.quit() == 0
            assert xterm.restored()
            # Who quits wants no report; that one has ended is said.
            left = xterm.left_behind().strip().split('\r\n')
            assert len(left) == 1 and f'pid {calm.pid}  exited' in left[0], left


def test_top_is_for_the_whole_machine(leaky):
    with Terminal('top', '--interval', '500ms', '--budget', '100', **{'columns': 160}) as t:
        t.shows('processes', 'of them Go', 'KIND', 'CORES')
        # Whatever else runs here, it is one of them, and so are we, who are not Go.
        t.type(f'/{leaky.pid}\r')
        t.until(lambda _: re.search(rf'\n +{leaky.pid} +grower\S* +go .*growing-group', t.text),
                'the process, and what is wrong')
        t.type('f')
        t.shows('FROZEN')
        t.type('\r')
        t.shows(f'pid {leaky.pid}', 'sendForever', 'q back')
        t.type('\r')
        t.shows('created by', 'main.growth')
        t.type('qqf')
        t.shows('of them Go', 'f freeze')
        t.type(f'/{os.getpid()}\r')
        t.until(lambda _: re.search(rf'\n +{os.getpid()} +python\S* +c ', t.text), 'ourselves')
        t.type('\r')
        t.shows(f'pid {os.getpid()}', 'RSS', 'threads')
        t.type('q')
        t.shows('of them Go')
        assert t.quit() == 0


def test_many_processes_get_their_reports_after_the_screen(leaky):
    with grower('idle') as calm:
        with Terminal('attach', calm.pid, leaky.pid, *OFTEN, **XTERM) as t:
            # Both have been looked at.
            t.until(lambda _: b'growing-group' in t.raw, 'the list')
            calm.kill()
            t.until(lambda _: b'exited' in t.raw, 'its end')
            assert b'watched for' not in t.raw
            assert t.quit() == 0
            assert t.restored()
    assert t.left_behind().count('watched for') == 2
