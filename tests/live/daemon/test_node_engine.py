# SPDX-License-Identifier: Apache-2.0
"""A node that goes on for months: who is looked at when, what is told of it, what survives."""
import contextlib
import json
import os
import signal
import subprocess
import tempfile
import threading

import pytest

from process import LOITER, PATIENCE_S, Target
from test_attach import grower
import gobuild

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='needs root, for processes of others')
CHECK = os.path.join(os.path.dirname(LOITER), 'tests/unit/collect/node-check')
INTERVAL_S = 2
TURNS = 12      # in an interval


class Node:
    """node-check that runs: its looks, one after the other."""

    def __init__(self, *words, state='-', interval=INTERVAL_S, budget=100):
        self._child = subprocess.Popen([CHECK, str(interval), str(budget), state, *words],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._patience = threading.Timer(PATIENCE_S, self._child.kill)
        self._patience.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._patience.cancel()
        self.kill()
        self._child.stdin.close()
        self._child.stdout.close()

    def kill(self):
        self._child.kill()
        self._child.wait()

    def save(self):
        self._child.stdin.write('save\n')
        self._child.stdin.flush()

    def look(self):
        text = ''
        for line in self._child.stdout:
            if line == '\f\n':
                return json.loads(text)
            text += line
        raise AssertionError(f'node-check ended, exit code {self._child.wait()}')

    def until(self, ready, most=300):
        """The first look for which ready(look) is true."""
        look = None
        for _ in range(most):
            look = self.look()
            if ready(look):
                return look
        raise AssertionError({**look, 'processes': look['processes'][:5]})

    def until_process(self, pid, ready, **more):
        """(look, process): the first look in which it is there, and ready(process)."""
        look = self.until(lambda look: any(ready(p) for p in of(look, pid)), **more)
        return look, of(look, pid)[0]


def of(look, pid, where='processes'):
    return [p for p in look[where] if p['pid'] == pid]


def saved(directory):
    return os.path.join(directory, 'node.state')


@pytest.fixture
def directory():
    with tempfile.TemporaryDirectory() as name:
        yield name


def test_a_quiet_process_rests_and_a_leak_is_noticed_within_three_intervals():
    with grower('idle') as target, Node('discover') as node:
        _, p = node.until_process(target.pid, lambda p: p['interval_s'] > INTERVAL_S)
        assert p['kind'] == 'go' and p['tally'][0] >= 2
        target.tell('leak')
        began = node.look()
        look, p = node.until_process(target.pid, lambda p: 'growing-group' in p['findings'])
        # By the node's own turns: what else runs on the machine makes them late.
        assert look['number'] - began['number'] <= 3 * TURNS
        assert p['growing_sites'] == 1 and p['interval_s'] < INTERVAL_S
        assert p['tally'][1] == 0


@pytest.mark.parametrize('words', ([], ['discover']))
def test_who_comes_and_goes_is_told_with_and_without_bpf(words):
    with Node(*words) as node:
        first = node.look()
        assert first['discovers'] == bool(words) and first['began'] == 0
        with grower('idle') as target:
            _, p = node.until_process(target.pid, lambda p: True)
            assert p['began']
            node.until_process(target.pid, lambda p: p['tally'][0] >= 1)
            target.tell('exit')
            look = node.until(lambda look: of(look, target.pid, 'gone'))
            assert of(look, target.pid, 'gone')[0]['state'] == 'exited'
            assert not of(look, target.pid)
        assert look['left_out'] == 0 and look['ended'] >= 1


def test_an_exec_in_place_is_an_end_and_a_beginning():
    with grower('idle') as target, Node('discover') as node:
        _, old = node.until_process(target.pid, lambda p: p['tally'][0] >= 1)
        target.tell('exec')
        look = node.until(lambda look: of(look, target.pid, 'gone'))
        gone, = of(look, target.pid, 'gone')
        assert (gone['state'], gone['start_time']) == ('exec', old['start_time'])
        new, = of(look, target.pid)
        assert new['began'] and new['start_time'] == old['start_time']
        assert new['tally'] == [0, 0, 0] and new['kind'] != 'go'


def test_one_that_stands_still_is_no_failure_and_holds_up_nobody():
    with grower('idle') as stopped, grower('idle') as other, Node('discover') as node:
        node.until(lambda look: all(of(look, t.pid) and of(look, t.pid)[0]['tally'][0] >= 1
                                    for t in (stopped, other)))
        os.kill(stopped.pid, signal.SIGSTOP)
        _, p = node.until_process(stopped.pid, lambda p: p['state'] == 'stopped')
        had = p['tally']
        other.tell('leak')
        look, _ = node.until_process(other.pid, lambda p: 'growing-group' in p['findings'])
        p, = of(look, stopped.pid)
        assert p['state'] == 'stopped' and p['tally'][1] == 0 and p['tally'][0] <= had[0] + 1
        os.kill(stopped.pid, signal.SIGCONT)
        node.until_process(stopped.pid, lambda p: p['state'] == 'running' and
                           p['tally'][0] > had[0])


def test_a_read_that_never_ends_holds_up_nobody():
    with Target([gobuild.build_c('climber', '-pthread', '-g'), 'stuck']) as stuck, \
         grower('idle') as other, Node('discover') as node:
        node.until_process(other.pid, lambda p: p['tally'][0] >= 1)
        other.tell('leak')
        look, _ = node.until_process(other.pid, lambda p: 'growing-group' in p['findings'])
        assert of(look, stuck.pid) and stuck.alive()


def churn(n):
    """n processes that each live for a moment, twenty at a time."""
    script = f'i=0; while [ $i -lt {n // 20} ]; do i=$((i + 1)); ' \
             'for k in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do ' \
             '/bin/true & done; wait; done'
    return subprocess.Popen(['nice', 'sh', '-c', script])


def test_two_thousand_short_lives_leave_nothing_behind():
    with grower('idle') as target, Node('discover') as node:
        before, p = node.until_process(target.pid, lambda p: p['tally'][0] >= 2)
        most, child = 0, churn(2000)
        try:
            while child.poll() is None:
                most = max(most, node.look()['n'])
        finally:
            child.kill()
            child.wait()
        after, now = node.until_process(target.pid, lambda q: q['tally'][0] > p['tally'][0])
        # Others start processes as well, but not by the hundred.
        assert most < before['n'] + 200 and after['n'] < before['n'] + 100
        assert after['rss'] < before['rss'] + (16 << 20)
        assert after['discovers'] and after['left_out'] == 0
        assert now['tally'][1] == 0


def test_what_is_known_survives_a_kill(directory):
    with grower('growth') as target:
        with Node('discover', state=directory) as node:
            node.until_process(target.pid, lambda p: 'growing-group' in p['findings'])
            writes = node.look()['saved']
            node.save()
            look, p = node.until_process(target.pid, lambda p: True)
            while look['saved'] == writes:
                look = node.look()
            assert look['failed'] == 0
            p, = of(look, target.pid)
            node.kill()
        with Node('discover', state=directory) as node:
            look = node.look()
            again, = of(look, target.pid)
            assert look['failed'] == 0
            assert again['first_s'] < 0 and again['points'] > 1
            assert p['tally'][0] <= again['tally'][0] <= p['tally'][0] + 2
            # It was seen to grow, and so is looked at often from the start.
            _, hot = node.until_process(target.pid, lambda q: q['tally'][0] > again['tally'][0] or
                                        q['looked'])
            assert hot['interval_s'] < INTERVAL_S


def test_nobody_has_what_was_known_of_another(directory):
    with grower('idle') as target:
        with Node(state=directory) as node:
            node.until_process(target.pid, lambda p: p['tally'][0] >= 2)
            node.save()
            node.until(lambda look: look['saved'] > 0)
            node.kill()
        target.tell('exec')
        with open(f'/proc/{target.pid}/comm', encoding='ascii') as comm:
            while comm.read().strip() != 'sleep':
                comm.seek(0)
        with Node(state=directory) as node:
            p, = of(node.look(), target.pid)
            assert p['tally'] == [0, 0, 0] and p['first_s'] >= 0


def damage(path, how):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    if how == 'garbage':
        with open(path, 'wb') as out:
            out.write(os.urandom(5000))
    elif how == 'directory':
        os.mkdir(path)
    elif how == 'huge':
        with open(path, 'wb') as out:
            out.truncate(1 << 34)


@pytest.mark.parametrize('how', ('garbage', 'directory', 'huge'))
def test_a_state_that_is_no_good_is_counted_and_forgotten(directory, how):
    damage(saved(directory), how)
    with grower('idle') as target, Node(state=directory) as node:
        look, _ = node.until_process(target.pid, lambda p: p['tally'][0] >= 1)
        assert look['failed'] >= 1


def test_a_disk_that_is_full_is_counted_and_no_more(directory):
    mounted = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'loiter', directory],
                             check=False, stderr=subprocess.PIPE)
    if mounted.returncode:
        pytest.skip('no file system can be mounted')
    try:
        with open(os.path.join(directory, 'filler'), 'wb', buffering=0) as out:
            with contextlib.suppress(OSError):
                while True:
                    out.write(bytes(4096))
        with grower('idle') as target, Node(state=directory) as node:
            look = node.until(lambda look: look['failed'] > 0)
            assert look['saved'] == 0 and not os.path.exists(saved(directory))
            assert os.listdir(directory) == ['filler']
            os.unlink(os.path.join(directory, 'filler'))
            node.save()
            node.until(lambda look: look['saved'] > 0)
            assert target.alive()
    finally:
        subprocess.run(['umount', '-l', directory], check=True)


def test_growth_asks_for_a_heavier_look_and_shows_what_it_found():
    with grower('growth') as target, Node('discover', 'examine') as node:
        look, p = node.until_process(target.pid, lambda p: p.get('examined'), most=400)
        assert p['examined'] == 'growth' and 'orphan-send' in p['findings']
        assert look['asked'] >= 1
        # Not again at once, though it goes on growing.
        asked = look['asked']
        later = [node.look() for _ in range(TURNS)][-1]
        assert later['asked'] - asked <= TURNS // 4


def test_it_keeps_to_its_budget():
    with grower('growth') as target, Node('discover', budget=0.5) as node:
        node.until_process(target.pid, lambda p: p['tally'][0] >= 1)
        # What the start was given is gone with the first interval.
        first = node.until(lambda look: look['elapsed_s'] > INTERVAL_S)
        last = [node.look() for _ in range(3 * TURNS)][-1]
        spent_s = (last['core_percent'] * last['elapsed_s'] -
                   first['core_percent'] * first['elapsed_s']) / 100
        seconds = last['elapsed_s'] - first['elapsed_s']
        # What is saved up for a minute, what is earned, and what each turn takes by itself.
        assert spent_s < 0.005 * 60 + 0.005 * seconds + 3 * TURNS * 0.01
