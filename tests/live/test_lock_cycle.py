# SPDX-License-Identifier: Apache-2.0
"""Deadlocks of C threads, by /proc and memory alone: the target says the truth of itself."""
import os
import subprocess

import pytest

import gobuild
from process import LOITER, PATIENCE_S, Target

CHECK = os.path.join(os.path.dirname(os.path.abspath(LOITER)), 'tests/unit/native/lock_check')

# Frame pointers or none, symbols or none, and a frame that only rbp leads out of in all of them.
BUILDS = {
    'default': (),
    'O0': ('-O0',),
    'frame-pointer': ('-fno-omit-frame-pointer',),
    'no-frame-pointer': ('-fomit-frame-pointer',),
    'stripped': ('-fomit-frame-pointer', '-s'),
    'stripped-frame-pointer': ('-fno-omit-frame-pointer', '-s'),
    'static': ('-static',),
    'no-pie': ('-no-pie',),
}


def facts(pid, span_ms, threshold_ms):
    """The lines of lock_check as (kind, fields) pairs."""
    out = subprocess.run([CHECK, str(pid), str(span_ms), str(threshold_ms)], check=True,
                         stdout=subprocess.PIPE, timeout=PATIENCE_S).stdout.decode()
    return [(line.split('\t')[0], line.split('\t')[1:]) for line in out.splitlines()]


class Verdicts:
    """What lock_check found: cycles and stalls (each a finding with its waits), and all waits."""

    def __init__(self, pid, span_ms=300, threshold_ms=100):
        self.cycles, self.stalls, self.waits = [], [], {}
        holds, stack, looking = None, None, False
        for kind, f in facts(pid, span_ms, threshold_ms):
            if kind in ('cycle', 'stall'):
                holds = {'verdict': f[0], 'n': int(f[1]), 'behind': int(f[2]), 'site': f[3],
                         'waits': [], 'evidence': []}
                (self.cycles if kind == 'cycle' else self.stalls).append(holds)
            elif kind == 'evidence':
                holds['evidence'].append(f[0])
            elif kind == 'wait':
                wait = {'tid': int(f[0]), 'kind': f[2], 'lock': int(f[3], 16), 'owner': int(f[4]),
                        'validated': f[5] == 'validated', 'stack': []}
                stack = wait['stack']
                if looking:
                    self.waits[wait['tid']] = wait
                else:
                    holds['waits'].append(wait)
            elif kind == 'holder':
                holds['holder'] = {'tid': int(f[0]), 'stack': []}
                stack = holds['holder']['stack']
            elif kind == 'frame':
                stack.append({'pc': int(f[0], 16), 'function': f[1], 'file': f[2],
                              'line': int(f[3])})
            elif kind == 'look':
                looking = True


def function_at(truth, pc):
    """Which of the target's own functions a pc lies in, by their addresses; None for others."""
    below = [(start, name) for name, start in truth['functions'].items() if start <= pc]
    return max(below)[1] if below and pc - max(below)[0] < 0x400 else None


def own_frames(truth, stack):
    """The target's named functions on a stack, by address: it works for stripped files too."""
    names = [function_at(truth, frame['pc'] - 1) for frame in stack]
    return [name for name in names if name]


def rotated(tids):
    at = tids.index(min(tids))
    return tids[at:] + tids[:at]


@pytest.fixture(scope='module', params=sorted(BUILDS))
def deadlock(request):
    with Target([gobuild.build_c('deadlock', '-pthread', *BUILDS[request.param])]) as t:
        t.build = request.param
        yield t


def test_each_cycle_is_proven_with_its_threads_and_locks(deadlock):
    truth, found = deadlock.truth, Verdicts(deadlock.pid)
    assert sorted([w['tid'] for w in c['waits']] for c in found.cycles) == \
        sorted(rotated(c) for c in truth['cycles'])
    for cycle in found.cycles:
        assert cycle['verdict'] == 'proven', cycle
        for wait, after in zip(cycle['waits'], cycle['waits'][1:] + cycle['waits'][:1]):
            assert wait['kind'] == 'pthread_mutex' and wait['validated'], wait
            assert wait['lock'] == truth['waits_for'][str(wait['tid'])], wait
            assert wait['owner'] == after['tid'], wait


def test_both_stacks_lead_to_where_the_locks_were_taken(deadlock):
    truth = deadlock.truth
    for cycle in Verdicts(deadlock.pid).cycles:
        for wait in cycle['waits']:
            # One thread alone calls take_second() itself.
            want = ['take_second', 'sick'] if cycle['n'] == 1 else \
                ['take_second', 'take_both', 'sick']
            assert own_frames(truth, wait['stack']) == want, wait
            if 'stripped' in deadlock.build:
                continue
            frame = next(f for f in wait['stack'] if f['function'] == 'take_second')
            assert frame['file'].endswith('/deadlock.c') and frame['line'] > 0, frame


def test_a_lock_whose_holder_sleeps_is_suspect_with_both_stacks(deadlock):
    truth, found = deadlock.truth, Verdicts(deadlock.pid)
    stall = next(s for s in found.stalls if s['waits'][0]['lock'] == truth['stall']['lock'])
    assert stall['verdict'] == 'suspect'
    assert stall['waits'][0]['tid'] == truth['stall']['waiter']
    assert stall['holder']['tid'] == truth['stall']['holder']
    assert own_frames(truth, stall['waits'][0]['stack']) == ['take_second', 'shut_out']
    assert own_frames(truth, stall['holder']['stack']) == ['sleeper']


def test_healthy_threads_are_not_named(deadlock):
    truth = deadlock.truth
    # Longer than the longest hold, over a threshold that all of them exceed now and then.
    found = Verdicts(deadlock.pid, span_ms=2500, threshold_ms=2000)
    named = {w['tid'] for f in found.cycles + found.stalls for w in f['waits']}
    named |= {f['holder']['tid'] for f in found.stalls if 'holder' in f}
    assert not named & set(truth['healthy']), named
    assert len(found.cycles) == len(truth['cycles']) and len(found.stalls) == 1


@pytest.mark.parametrize('release', (gobuild.releases()[0], gobuild.releases()[-1]))
@pytest.mark.parametrize('mode', ('cgo', 'cgo-stripped'))
def test_goroutines_in_c_that_lock_each_other_out(release, mode):
    with Target([gobuild.build('cgolock', release, mode)]) as t:
        found = Verdicts(t.pid)
        assert len(found.cycles) == 1, found.cycles
        cycle = found.cycles[0]
        assert cycle['verdict'] == 'proven' and cycle['n'] == 2
        assert {w['lock'] for w in cycle['waits']} == set(t.truth['locks'])
        assert cycle['behind'] == t.truth['behind']
        assert not found.stalls, found.stalls
        if mode == 'cgo':
            for wait in cycle['waits']:
                assert 'c_take_both' in [f['function'] for f in wait['stack']], wait
