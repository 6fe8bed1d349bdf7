# SPDX-License-Identifier: Apache-2.0
"""Probes on the Go scheduler: what is counted is what the program did, and nothing stays behind."""
import json
import os
import subprocess
import time

import pytest

import gobuild
from process import LOITER, PATIENCE_S, Target

DRIVER = os.path.join(os.path.dirname(LOITER), 'tests/unit/trace/goroutine_trace')
RELEASES = gobuild.releases()
N = 300
PARK, READY, BIRTH, DEATH = range(4)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='tracing needs root')


class Tracer:
    """The driver on a target."""

    def __init__(self, pid, *args):
        self.child = subprocess.Popen([DRIVER, str(pid), *map(str, args)], text=True, bufsize=1,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.sums = {'parks': {}, 'wakes': {}, 'births': {}, 'deaths': {}, 'lost': 0, 'events': 0,
                     'sampled': 0, 'lost_events': 0, 'hits': [0] * 4, 'armed_ns': 0}
        self.totals = {'unmatched': 0, 'lost_records': 0}
        self.last = {}

    def ask(self, command):
        self.child.stdin.write(command + '\n')
        line = self.child.stdout.readline()
        assert line, f'the driver ended on {command}'
        return json.loads(line)

    def collect(self):
        """Adds what was counted since to the sums, by the functions that the stacks go through."""
        t = self.last = self.ask('collect')
        for park in t['parks']:
            assert park['stack_whole'] or t['lost_stacks'], park
            add(self.sums['parks'], (park['reason'], *park['stack']), park['count'])
        for wake in t['wakes']:
            assert wake['waits'] == wake['count'], wake
            add(self.sums['wakes'], (wake['reason'], tuple(wake['stack']), tuple(wake['waker'])),
                wake['count'])
        for go in t['gos']:
            add(self.sums['births'], (go['at'], go['start']), go['births'])
            add(self.sums['deaths'], (go['at'], go['start']), go['deaths'])
        for key in self.totals:
            self.totals[key] += t[key]
        self.sums['lost'] += t['lost_records'] + t['lost_stacks']
        self.sums['events'] += t['n_events']
        for key in ('sampled', 'lost_events', 'armed_ns'):
            self.sums[key] += t[key]
        self.sums['hits'] = [a + b for a, b in zip(self.sums['hits'], t['hits'])]
        return t

    def check_sums(self):
        """Each hit is in a sum, or in a count of losses; when the probes are off."""
        s, t = self.sums, self.totals
        assert sum(s['parks'].values()) + sum(s['wakes'].values()) + t['unmatched'] + \
            sum(s['births'].values()) + sum(s['deaths'].values()) + t['lost_records'] == \
            sum(s['hits']), (s['hits'], t)
        if not t['lost_records']:
            assert [sum(s[key].values()) for key in ('parks', 'births', 'deaths')] == \
                [s['hits'][kind] for kind in (PARK, BIRTH, DEATH)]

    def collect_until(self, done):
        """A goroutine says that it is done a moment before it is gone."""
        end = time.monotonic() + PATIENCE_S
        while True:
            self.collect()
            if done(self.sums):
                return
            assert time.monotonic() < end, self.sums

    def kill(self):
        self.child.kill()
        self.child.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self.child.stdin.close()
        self.child.stdout.close()


def add(sums, key, n):
    if n:
        sums[key] = sums.get(key, 0) + n


def through(sums, *functions):
    """The sum of the entries whose stack goes through all of these functions."""
    return sum(n for key, n in sums.items()
               if all(any(f == part or f in part for part in key) for f in functions))


def combinations():
    return [(r, 'default') for r in RELEASES] + [
        (r, m) for r in (RELEASES[0], RELEASES[-1]) for m in ('pie-stripped', 'cgo')]


@pytest.fixture(params=combinations(), ids=lambda c: f'go{c[0]}-{c[1]}')
def traced(request):
    with Target([gobuild.build('traced', *request.param)]) as t:
        yield t


@pytest.fixture
def newest_traced():
    with Target([gobuild.build('traced', RELEASES[-1])]) as t:
        yield t


def check_counts(target, tracer):
    tracer.ask('arm')
    truth = target.ask(f'spawn {N}')
    tracer.collect_until(lambda s: through(s['parks'], 'main.receive') >= N)
    births = [g for g in tracer.last['gos'] if g['at'] == 'main.spawn']
    parks = [p for p in tracer.last['parks'] if 'main.receive' in p['stack']]
    target.ask('release')
    tracer.collect_until(lambda s: through(s['deaths'], 'main.spawn') >= N)
    tracer.ask('disarm')
    tracer.collect()
    tracer.check_sums()
    sums = tracer.sums

    assert through(sums['births'], 'main.spawn', 'main.receive') == N
    assert through(sums['deaths'], 'main.spawn', 'main.receive') == N
    assert through(sums['parks'], 'chan receive', 'main.receive') == N
    assert through(sums['wakes'], 'chan receive', 'main.receive', 'main.release') == N
    assert sums['lost'] == 0
    assert births and all(g['parent_goid'] == truth['goid'] for g in births)
    assert all(g['parent'] == ['main.spawn', 'main.main', 'runtime.main', 'runtime.goexit']
               for g in births)
    assert parks and all(p['blocked_on'] == truth['gate'] and not p['several'] for p in parks)
    assert all(p['stack'] == ['runtime.chanrecv', 'runtime.chanrecv1', 'main.receive',
                              'runtime.goexit'] for p in parks)


def test_counts_are_what_the_program_did(traced):
    with Tracer(traced.pid) as tracer:
        sites = tracer.ask('sites')
        assert sites['multi']
        assert all(s['kind'] in ('emulated', 'trampoline') for s in sites['sites']), sites
        check_counts(traced, tracer)


def test_counts_are_the_same_without_uprobe_multi(newest_traced):
    with Tracer(newest_traced.pid, 0, 0, 'no-multi') as tracer:
        assert not tracer.ask('sites')['multi']
        check_counts(newest_traced, tracer)


@pytest.mark.parametrize('release', [RELEASES[0], RELEASES[-1]])
def test_no_hit_is_forgotten_under_load(release):
    with Target([gobuild.build('traced', release)]) as target, Tracer(target.pid, 100) as tracer:
        sums = tracer.sums
        tracer.ask('sites')
        # It runs while the probes come on, while they are emptied, and while they go off.
        target.tell('churn 1000000')
        tracer.ask('arm')
        tracer.collect_until(lambda s: through(s['births'], 'main.short') > 1000)
        tracer.ask('disarm')
        tracer.collect()
        tracer.check_sums()
        assert sums['lost'] == 0
        target.receive()
        before = {key: through(sums[key], 'main.short') for key in ('births', 'deaths')}
        tracer.ask('arm')
        target.ask('churn 20000')
        tracer.collect_until(
            lambda s: through(s['deaths'], 'main.short') - before['deaths'] >= 20000)
        tracer.ask('disarm')
        tracer.collect()
        tracer.check_sums()
        assert through(sums['births'], 'main.short') - before['births'] == 20000
        assert through(sums['deaths'], 'main.short') - before['deaths'] == 20000
        assert sums['sampled'] > 0


def test_a_select_names_a_channel_of_its_own(newest_traced):
    with Tracer(newest_traced.pid) as tracer:
        tracer.ask('arm')
        truth = newest_traced.ask('select 5')
        tracer.collect_until(lambda s: through(s['parks'], 'main.choose') >= 5)
        parks = [p for p in tracer.last['parks'] if 'main.choose' in p['stack']]
        assert parks and all(p['blocked_on'] in (truth['gate'], truth['other']) for p in parks)
        newest_traced.ask('release')


def test_what_happens_while_it_is_off_is_not_counted(newest_traced):
    with Tracer(newest_traced.pid) as tracer:
        newest_traced.ask('spawn 20')
        tracer.ask('arm')
        newest_traced.ask('release')
        tracer.collect_until(lambda s: through(s['deaths'], 'main.spawn') >= 20)
        tracer.ask('disarm')
        tracer.collect()
        assert through(tracer.sums['births'], 'main.spawn') == 0
        # Their parks were not seen, so nothing is said of how long they lasted.
        assert through(tracer.sums['wakes'], 'chan receive', 'main.receive') == 0
        hits, armed_ns = tracer.sums['hits'][:], tracer.sums['armed_ns']
        assert hits[DEATH] >= 20 and armed_ns > 0
        newest_traced.ask('spawn 20')
        tracer.collect()
        assert tracer.sums['hits'] == hits
        assert tracer.sums['armed_ns'] == armed_ns
        newest_traced.ask('release')


def test_events_are_single_and_right(newest_traced):
    with Tracer(newest_traced.pid, 1) as tracer:
        tracer.ask('arm')
        truth = newest_traced.ask('spawn 30')
        newest_traced.ask('release')
        tracer.ask('disarm')
        t = tracer.collect()
        assert t['lost_events'] == 0
        assert t['n_events'] == t['sampled'] == sum(t['hits'])
        waited = {e['goid'] for e in t['events']
                  if e['kind'] == PARK and e['blocked_on'] == truth['gate']}
        assert len(waited) == 30 and truth['goid'] not in waited
        woken = {e['goid'] for e in t['events'] if e['kind'] == READY and e['waited_ns']
                 and e['other_goid'] == truth['goid']}
        assert waited <= woken
        assert sum(e['kind'] == BIRTH and e['other_goid'] == truth['goid']
                   for e in t['events']) >= 30


def test_an_overrun_ring_loses_events_and_counts_them(newest_traced):
    with Tracer(newest_traced.pid, 1, 4096) as tracer:
        tracer.ask('arm')
        newest_traced.ask('spawn 1000')
        newest_traced.ask('release')
        tracer.ask('disarm')
        t = tracer.collect()
        assert t['lost_events'] > 0
        assert t['sampled'] == sum(t['hits'])
        assert t['n_events'] + t['lost_events'] == t['sampled']
        # The sums do not go through the ring.
        assert through(tracer.sums['births'], 'main.spawn') == 1000
        assert through(tracer.sums['parks'], 'main.receive') == 1000


def test_sites_that_find_no_room_are_counted(newest_traced):
    with Tracer(newest_traced.pid, 0, 0, 'multi', 3) as tracer:
        tracer.ask('arm')
        newest_traced.ask('churn 2000')
        newest_traced.ask('spawn 100')
        newest_traced.ask('release')
        tracer.ask('disarm')
        tracer.collect()
        assert tracer.totals['lost_records'] > 0
        tracer.check_sums()
        # Stacks gave way for new ones: what fits now is whole.
        tracer.ask('arm')
        newest_traced.ask('churn 2000')
        tracer.ask('disarm')
        lost = tracer.totals['lost_records']
        tracer.collect()
        assert tracer.totals['lost_records'] > lost
        tracer.check_sums()


def programs():
    out = subprocess.run(['bpftool', '-j', 'prog', 'show'], check=True, stdout=subprocess.PIPE).stdout
    return {p['id'] for p in json.loads(out) if p.get('name', '').startswith('goroutine_')}


def text_at(pid, path, offset):
    """The byte of the process's memory that the file has at that offset."""
    with open(f'/proc/{pid}/maps', encoding='utf-8') as lines:
        for line in lines:
            span, _, file_offset, _, _, *name = line.split()
            start, end = (int(a, 16) for a in span.split('-'))
            at = start + offset - int(file_offset, 16)
            if name == [path] and start <= at < end:
                with open(f'/proc/{pid}/mem', 'rb') as mem:
                    mem.seek(at)
                    return mem.read(1)
    raise AssertionError(f'{path} is not mapped')


@pytest.mark.parametrize('mode', ['multi', 'no-multi'])
def test_killed_it_leaves_nothing(newest_traced, mode):
    path = newest_traced.argv[0]
    before = programs()
    with Tracer(newest_traced.pid, 0, 0, mode) as tracer:
        offsets = [s['offset'] for s in tracer.ask('sites')['sites']]
        with open(path, 'rb') as f:
            original = [f.read(1) for o in offsets if f.seek(o)]
        assert [text_at(newest_traced.pid, path, o) for o in offsets] == original
        tracer.ask('arm')
        newest_traced.ask('spawn 10')
        assert all(text_at(newest_traced.pid, path, o) in (b'\xcc', b'\xe8') for o in offsets)
        mine = programs() - before
        assert mine
        tracer.kill()
        end = time.monotonic() + PATIENCE_S
        while (mine & programs() or
               [text_at(newest_traced.pid, path, o) for o in offsets] != original):
            assert time.monotonic() < end, 'probes have stayed'
        newest_traced.ask('release')
        assert newest_traced.alive()


def test_the_end_of_the_target_is_no_error_to_collect(newest_traced):
    with Tracer(newest_traced.pid) as tracer:
        tracer.ask('arm')
        newest_traced.ask('spawn 10')
        newest_traced.close()
        tracer.ask('disarm')
        tracer.collect()
        assert through(tracer.sums['births'], 'main.spawn') == 10


def test_bursts_keep_to_the_budget(newest_traced):
    with Tracer(newest_traced.pid) as tracer:
        tracer.ask('pace 1')
        newest_traced.tell('churn 100000000')
        spent = budget = dearest = bursts = hits = 0
        end = time.monotonic() + PATIENCE_S
        while bursts < 5 or spent > budget:
            # Nothing to wait for but the time in which bursts come.
            time.sleep(0.5)
            step = tracer.ask('step')
            assert step['failed'] == 0
            cost = (step['probe_cores'] + step['own_cores']) * step['elapsed_s']
            spent, dearest = spent + cost, max(dearest, cost)
            budget += step['budget_cores'] * step['elapsed_s']
            bursts, hits = step['bursts'], hits + step['hits']
            tracer.collect()
            assert time.monotonic() < end, (spent, budget, bursts)
            # What one burst costs is known only when it is over; no more than that is overdrawn.
            assert bursts < 3 or spent < budget + 2 * dearest, (spent, budget, dearest)
        assert hits > 0
        assert through(tracer.sums['births'], 'main.short') > 0
        newest_traced.close()
        tracer.child.stdin.write('step\n')
        assert tracer.child.wait(PATIENCE_S) == 1
