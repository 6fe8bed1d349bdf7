# SPDX-License-Identifier: Apache-2.0
"""Long futex waits by BPF, with both sides' stacks, on the deadlock target."""
import json
import os
import subprocess

import pytest

import gobuild
from process import LOITER, PATIENCE_S, Run, Target
from test_lock_cycle import BUILDS, own_frames

CHECK = os.path.join(os.path.dirname(os.path.abspath(LOITER)), 'tests/unit/native/futex_check')
THRESHOLD_NS = 100_000_000


class Traced:
    """What futex_check saw in one interval: locks by address, sleepers by tid."""

    def __init__(self, pid, ms):
        run = subprocess.run([CHECK, str(pid), str(ms)], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
        if run.returncode == 77:
            pytest.skip(run.stderr.decode())
        assert run.returncode == 0, run.stderr
        self.locks, self.now, side = {}, {}, None
        for line in run.stdout.decode().splitlines():
            kind, *f = line.split('\t')
            if kind == 'counts':
                self.waits, self.lost, self.blind = map(int, f)
            elif kind == 'lock':
                lock = {'tgid': int(f[0]), 'waits': int(f[2]), 'total': int(f[3]),
                        'longest': int(f[4]), 'wakes': int(f[5]), 'timed': f[6] == '1'}
                self.locks[int(f[1], 16)] = lock
            elif kind in ('waiter', 'waker'):
                side = lock[kind] = {'tid': int(f[0]), 'stack': []}
            elif kind == 'now':
                side = self.now[int(f[0])] = {'uaddr': int(f[1], 16), 'waited': int(f[2]),
                                              'stack': []}
            elif kind == 'frame':
                side['stack'].append({'pc': int(f[0], 16), 'function': f[1]})


@pytest.fixture(scope='module', params=sorted(BUILDS))
def traced(request):
    with Target([gobuild.build_c('deadlock', '-pthread', *BUILDS[request.param])]) as t:
        # Longer than two of the longest holds.
        t.traced, t.build = Traced(t.pid, 2000), request.param
        yield t


def test_a_lock_held_long_is_told_with_the_stacks_of_both_sides(traced):
    truth, lock = traced.truth, traced.traced.locks[traced.truth['slow']]
    assert lock['tgid'] == traced.pid and lock['waits'] >= 1 and not lock['timed']
    assert lock['longest'] >= THRESHOLD_NS and lock['total'] >= lock['longest']
    assert own_frames(truth, lock['waiter']['stack']) == ['waiter'], lock
    assert own_frames(truth, lock['waker']['stack']) == ['long_holder'], lock
    assert lock['wakes'] >= 1
    assert {lock['waiter']['tid'], lock['waker']['tid']} <= set(truth['healthy'])


def test_each_wait_over_the_threshold_is_counted_and_no_other(traced):
    found = traced.traced
    assert found.lost == 0 and found.blind == 0
    assert all(lock['longest'] >= THRESHOLD_NS for lock in found.locks.values())
    # They hold it for 120 ms in turn.
    assert found.locks[traced.truth['busy']]['waits'] >= 3
    assert own_frames(traced.truth, found.locks[traced.truth['busy']]['waker']['stack']) == \
        ['mover']


def test_those_that_slept_before_we_came_are_seen_with_their_stacks(traced):
    truth, found = traced.truth, traced.traced
    for cycle in truth['cycles']:
        for tid in cycle:
            sleeper = found.now[tid]
            assert sleeper['uaddr'] == truth['waits_for'][str(tid)]
            # Nobody saw it begin: this is what it has slept since we came.
            assert sleeper['waited'] >= 1_000_000_000
            want = ['take_second', 'sick'] if len(cycle) == 1 else \
                ['take_second', 'take_both', 'sick']
            assert own_frames(truth, sleeper['stack']) == want, sleeper
            assert sleeper['uaddr'] not in found.locks, 'it never ended'


def test_intervals_join_what_is_traced_with_what_is_read(traced):
    run = subprocess.run([CHECK.replace('futex_check', 'watch_check'), str(traced.pid), '1000',
                          '3'], stdout=subprocess.PIPE, timeout=PATIENCE_S, check=True)
    lines = [line.split('\t') for line in run.stdout.decode().splitlines()]
    truth = traced.truth
    cycles = [f[1:] for f in lines if f[0] == 'cycle']
    assert sorted(cycles) == sorted(
        ['proven', *map(str, c[c.index(min(c)):] + c[:c.index(min(c))])] for c in truth['cycles'])
    ages = {int(f[1]): int(f[2]) for f in lines if f[0] == 'wait'}
    for cycle in truth['cycles']:
        # They slept before the first of three looks.
        assert all(ages[tid] >= 2 * 10 ** 9 for tid in cycle), ages
    contended = {int(f[1], 16): i for i, f in enumerate(lines) if f[0] == 'contended'}
    waiter, waker = lines[contended[truth['busy']] + 1:][:2]
    assert int(waiter[1]) in truth['healthy'] and int(waker[1]) in truth['healthy']
    if 'stripped' not in traced.build:
        assert 'mover' in waiter[2:] and 'mover' in waker[2:], (waiter, waker)


def test_of_a_crowd_at_one_lock_a_sample_is_looked_at():
    with Target([gobuild.build_c('crowd', '-pthread', '-g'), '2000']) as crowd:
        run = Run('attach', crowd.pid, '--probes', 'futex', '--json', '--interval', '500ms',
                  '--budget', '100', '--for', '4s')
    assert run.code == 0, run
    documents = [json.loads(line) for line in run.out.splitlines()]
    cycle = next(f for f in documents[-1]['findings'] if f['pattern'] == 'lock-cycle')
    assert cycle['verdict'] == 'proven' and cycle['count'] == 2
    # The last of them is one of the crowd, and not one of its first.
    assert all(f'thread {tid} ' in ' '.join(cycle['evidence'][:2]) for tid in crowd.truth['cycle'])
    assert cycle['evidence'][2] == '2,000 more threads wait for these locks'
