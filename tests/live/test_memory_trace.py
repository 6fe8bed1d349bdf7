# SPDX-License-Identifier: Apache-2.0
"""trace/memory and trace/thread see exactly what a process did."""
import os

import pytest

import gobuild
from process import LOITER, Target

CHECK = os.path.join(os.path.dirname(LOITER), 'tests/unit/trace/trace_check')
PAGE = 4096

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='BPF programs want root')


@pytest.fixture
def steps():
    with Target([gobuild.build_c('steps', '-pthread')]) as t:
        yield t


def check(target, *args):
    return Target([CHECK, str(target.pid), *map(str, args)])


def test_bytes_by_kind_are_what_the_process_did(steps):
    with check(steps, 'memory') as c:
        truth = steps.ask('memory')
        got = c.ask('collect')
        assert truth['brk_moved'] == 7 * PAGE
        for kind, (calls, size) in got['totals'].items():
            if 'fault' not in kind:
                assert [calls, size] == truth.get(kind, [0, 0]), kind
        assert got['failed'] == truth['failed']
        assert got['lost_sites'] == got['lost_samples'] == 0
        for kind, total in got['totals'].items():
            mine = [s for s in got['sites'] if s['kind'] == kind]
            assert [sum(s['calls'] for s in mine), sum(s['bytes'] for s in mine)] == total
        again = c.ask('collect')
        assert all(total[0] == 0 for kind, total in again['totals'].items()
                   if 'fault' not in kind)


def test_page_faults_are_given_to_the_code_that_touched(steps):
    with check(steps, 'memory', 1 << 20, 1) as c:
        truth = steps.ask('memory')
        got = c.ask('collect')
        mine = [s for s in got['sites'] if s['kind'] == 'page fault'
                and truth['touch'] <= s['pcs'][0] < truth['touch'] + 64]
        assert sum(s['calls'] for s in mine) == truth['touched']
        sampled = [s for s in got['samples'] if s['kind'] == 'page fault'
                   and truth['touch'] <= s['pc'] < truth['touch'] + 64]
        assert len(sampled) == truth['touched']
        assert len({s['addr'] for s in sampled}) == truth['touched']
        assert all(s['stack_bytes'] > 0 for s in sampled)
        assert got['peak_anon'] >= truth['touched'] // 2 * PAGE


def test_ranges_are_what_was_not_given_back(steps):
    with check(steps, 'memory') as c:
        steps.ask('memory')
        # All that it had is gone; what could not be matched is told as given back.
        got = c.ask('collect')
        had = [r for r in got['ranges'] if r['had']]
        assert sum(r['bytes'] for r in had if r['bytes'] in (3 << 20, 9 * PAGE)) <= 9 * PAGE
        steps.say('maps 100')
        assert c.ask('collect')['ranges'] == []
        kept = steps.ask('keep 12')
        got = c.ask('collect')
        had = [r for r in got['ranges'] if r['had'] and r['bytes'] == 3 * PAGE]
        assert sorted(r['addr'] for r in had) == sorted(kept)
        assert len({r['site'] for r in had}) == 1
        assert {s['kind'] for s in got['sites'] if s['hash'] == had[0]['site']} == {'mmap'}
        grown = steps.ask('grow')
        got = c.ask('collect')
        (moved,) = [r for r in got['ranges'] if r['had']]
        assert (moved['addr'], moved['bytes']) == (grown[-1], 6 * PAGE)
        assert (moved['moved_from'], moved['moved_bytes']) == (kept[0], 3 * PAGE)
        steps.say('drop 12')
        got = c.ask('collect')
        assert len(got['ranges']) == 12 and not any(r['had'] for r in got['ranges'])
        assert got['lost_ranges'] == 0


def test_what_the_calls_cost_is_measured(steps):
    with check(steps, 'memory') as c:
        price = c.ask('price')
        assert 1 < price['syscall_ns'] < 100000, price
        assert price['arm_ms'] > 0 and price['disarm_ms'] > 0


def test_a_full_ring_counts_what_it_could_not_take(steps):
    with check(steps, 'memory', 4 * PAGE) as c:
        steps.say('maps 500')
        got = c.ask('collect')
        samples = sum(s['kind'] == 'mmap' for s in got['samples'])
        assert got['totals']['mmap'] == [500, 500 * PAGE]
        assert 0 < samples < 500 and got['lost_samples'] >= 500 - samples
        # Emptied, it takes again.
        steps.say('maps 3')
        got = c.ask('collect')
        assert sum(s['kind'] == 'mmap' for s in got['samples']) == 3


def test_parts_are_armed_by_themselves(steps):
    with check(steps, 'memory', 1 << 20, 0, 2) as c:
        truth = steps.ask('memory')
        totals = c.ask('collect')['totals']
        assert totals['page fault'][0] >= truth['touched'] and totals['mmap'] == [0, 0]
    with check(steps, 'memory', 1 << 20, 0, 1) as c:
        truth = steps.ask('memory')
        totals = c.ask('collect')['totals']
        assert totals['page fault'] == [0, 0] and totals['mmap'] == truth['mmap']


def test_another_process_is_not_counted(steps):
    with Target([gobuild.build_c('steps', '-pthread')]) as other, check(steps, 'memory') as c:
        other.say('memory')
        got = c.ask('collect')
        assert all(calls == 0 for kind, (calls, _) in got['totals'].items()
                   if 'fault' not in kind)


def test_every_birth_and_exit_of_a_thread_is_seen(steps):
    with check(steps, 'thread') as c:
        tids = steps.ask('start 40')
        got = c.ask('collect')
        assert (got['births'], got['exits'], got['lost']) == (40, 0, [0] * 4)
        assert sorted(e['tid'] for e in got['events'] if e['born']) == sorted(tids)
        assert {e['creator'] for e in got['events']} == {steps.pid}
        assert [s['births'] for s in got['sites']] == [40]
        assert {e['site'] for e in got['events']} == {got['sites'][0]['id']}
        assert got['samples'] == 40
        steps.say('stop')
        got = c.ask('collect')
        assert (got['births'], got['exits'], got['lifetimes']) == (0, 40, 40)
        assert sorted(e['tid'] for e in got['events']) == sorted(tids)
        assert all(0 < e['born_ns'] < e['at_ns'] for e in got['events'])


def test_a_child_process_is_no_thread(steps):
    with check(steps, 'thread') as c:
        steps.say('fork')
        steps.say('brief 3')
        got = c.ask('collect')
        assert (got['forks'], got['births'], got['exits']) == (1, 3, 3)


def settled_threads(target, checker):
    """Their number, and what was collected until an interval around it had no birth and no exit:
    the runtime may be starting one more."""
    got = [checker.ask('collect')]
    while True:
        threads = int(target.status('Threads'))
        got.append(checker.ask('collect'))
        last = got[-1]
        if not (last['births'] or last['exits']) and int(target.status('Threads')) == threads:
            return threads, got


@pytest.mark.parametrize('release', [gobuild.releases()[0], gobuild.releases()[-1]])
def test_goroutines_that_block_in_c_cost_a_thread_each(release):
    with Target([gobuild.build('cgotrace', release, 'cgo')]) as t, check(t, 'thread') as c:
        before, _ = settled_threads(t, c)
        t.say('block 200')
        after, all_of = settled_threads(t, c)
        births = sum(g['births'] for g in all_of)
        assert births - sum(g['exits'] for g in all_of) == after - before
        assert births >= 190
        assert sum(s['births'] for g in all_of for s in g['sites']) == births
        assert all(g['lost'][:2] == [0, 0] for g in all_of)


def test_a_thread_from_before_has_no_lifetime(steps):
    steps.say('start 5')
    with check(steps, 'thread') as c:
        steps.say('stop')
        got = c.ask('collect')
        assert (got['births'], got['exits'], got['lifetimes']) == (0, 5, 0)
        assert all(e['born_ns'] == 0 for e in got['events'])
