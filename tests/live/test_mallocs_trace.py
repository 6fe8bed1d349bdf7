# SPDX-License-Identifier: Apache-2.0
"""trace/mallocs sees C allocations in bursts, and forgets what is freed."""
import os
import random
import subprocess
import time

import pytest

import gobuild
from process import LOITER, Target

CHECK = os.path.join(os.path.dirname(LOITER), 'tests/unit/trace/trace_check')

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='BPF programs want root')


def check(target, *args):
    return Target([CHECK, str(target.pid), 'mallocs', *map(str, args)])


def leaker(*args, static=False):
    flags = ['-pthread'] + (['-static'] if static else [])
    return Target([gobuild.build_c('leaker', *flags), *map(str, args)])


class Sites:
    """The survivors and ends of several collects, by the site that the target knows."""

    def __init__(self, target):
        self.starts = sorted((s['at'], name) for name, s in target.truth['sites'].items())
        self.of = {}
        self.gone = {}

    def name(self, pc):
        below = [name for at, name in self.starts if at <= pc < at + 256]
        return below[-1] if below else 'elsewhere'

    def add(self, got):
        for s in got['survivors']:
            assert s['stack_bytes'] > 0
            self.of[s['id']] = self.name(s['pc'])
        for i, fate in got['ends']:
            # That is no end: it may have gone, and may be there.
            if fate != 'unsure':
                self.gone.setdefault(self.of[i], []).append(fate)

    def count(self, name):
        return sum(n == name for n in self.of.values())


def bursts(c, sites, n, ms=10):
    got = []
    for _ in range(n):
        for _ in range(4):
            c.say(f'burst {ms}')
            # Jitter, so that no burst keeps time with the target.
            time.sleep(random.uniform(0.02, 0.1))
        got.append(c.ask('collect'))
        sites.add(got[-1])
    return got


# Kernels from 6.13 on have sessions; those from 6.6 on take two links.
OLD_KERNEL = (1, 0, 'no-session')


@pytest.mark.parametrize('static,options', [(False, ()), (True, ()), (False, OLD_KERNEL)],
                         ids=['shared', 'static', 'two-links'])
def test_the_leaks_are_what_is_never_seen_to_go(static, options):
    with leaker(300, 1000, static=static) as t, check(t, *options) as c:
        sites = Sites(t)
        got = bursts(c, sites, 2)
        # Until each healthy site that lives across bursts has given itself away.
        for _ in range(30):
            if sites.gone.get('cache_entry') and sites.gone.get('session'):
                break
            got += bursts(c, sites, 1)
        assert not {'leak_small', 'leak_odd', 'at_start'} & set(sites.gone)
        assert sites.gone['cache_entry'] and sites.gone['session']
        judged = {sites.name(s['pc']): s for s in c.ask('sites 100')}
        assert judged['leak_small']['candidate'] and judged['leak_odd']['candidate']
        assert not judged['cache_entry']['candidate'] and not judged['session']['candidate']
        assert sites.count('at_start') == 0
        # Freed at once, hundreds in each burst: it must not be among the survivors.
        assert sites.count('churn') <= sites.count('leak_small') // 20
        assert sum(g['short_lived'] for g in got) > 100
        assert all(g['lost'] == g['unreadable'] == 0 for g in got)


def test_sizes_come_from_the_heap():
    with leaker() as t, check(t) as c:
        sites = Sites(t)
        c.say('burst 30')
        got = c.ask('collect')
        sites.add(got)
        small = [s['bytes'] for s in got['survivors'] if sites.of[s['id']] == 'leak_small']
        # malloc(150) takes a chunk of 160.
        assert small and set(small) == {160}


def test_what_is_freed_while_nothing_is_armed_confuses_nobody():
    with leaker(40, 80) as t, check(t) as c:
        sites = Sites(t)
        for _ in range(60):
            got = bursts(c, sites, 1)
            if sites.gone.get('cache_entry') and sites.gone.get('session'):
                break
            # A whole lifetime passes unseen; the heap, or the next owner, tells.
            time.sleep(0.1)
        assert got[-1]['bursts'] == 4
        assert sites.gone['cache_entry'] and sites.gone['session']
        assert not {'leak_small', 'leak_odd'} & set(sites.gone)


@pytest.mark.parametrize('options', [(), OLD_KERNEL], ids=['session', 'two-links'])
def test_every_function_that_allocates_is_followed_to_its_free(options):
    with leaker() as t, check(t, *options) as c:
        t.say('still')
        c.say('arm')
        t.say('all')
        c.say('disarm')
        got = c.ask('collect')
        # calloc, realloc of nothing, malloc, realloc, posix_memalign, aligned_alloc, memalign,
        # valloc, strdup; the second may call malloc inside, the fourth is a free as well.
        assert got['allocs'] in (9, 10), got
        assert got['short_lived'] == got['frees'] == 9, got
        assert got['survivors'] == [] and got['lost'] == 0
        t.say('again')


def test_a_full_table_counts_what_it_could_not_take():
    with leaker(5000, 5000) as t, check(t, 1, 16) as c:
        c.say('burst 100')
        got = c.ask('collect')
        assert got['lost'] > 0 and got['sampled'] + got['lost'] == got['allocs']
        # Its slots come back.
        c.say('burst 30')
        assert c.ask('collect')['sampled'] > 0


def test_one_in_so_many_is_sampled():
    with leaker() as t, check(t, 8) as c:
        for _ in range(4):
            c.say('burst 30')
        got = c.ask('collect')
        assert got['allocs'] > 1000
        assert got['allocs'] / 16 < got['sampled'] < got['allocs'] / 4


def text_of(pid, name, offset_end=1 << 21):
    """The bytes of the process's executable mapping of the C library."""
    with open(f'/proc/{pid}/maps', encoding='utf-8') as maps:
        line = next(l for l in maps if name in l and ' r-xp ' in l)
    start, end = (int(x, 16) for x in line.split()[0].split('-'))
    with open(f'/proc/{pid}/mem', 'rb') as mem:
        mem.seek(start)
        return mem.read(min(end - start, offset_end))


@pytest.mark.parametrize('options', [(), OLD_KERNEL], ids=['session', 'two-links'])
def test_a_killed_tracer_leaves_no_probe(options):
    with leaker() as t:
        before = text_of(t.pid, 'libc.so')
        with check(t, *options) as c:
            c.say('arm')
            assert text_of(t.pid, 'libc.so') != before
            c.kill()
            c.wait()
        # The kernel ends the links of a dead process a moment after it.
        deadline = time.monotonic() + 30
        while text_of(t.pid, 'libc.so') != before:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert t.alive() and t.ask('counts')['churn'] > 0


def test_nothing_is_probed_between_bursts():
    with leaker() as t:
        before = text_of(t.pid, 'libc.so')
        with check(t) as c:
            c.say('burst 10')
            # Waits until the probes are off.
            c.ask('collect')
            assert text_of(t.pid, 'libc.so') == before


def test_the_target_may_end_in_a_burst():
    t = leaker()
    with check(t) as c:
        c.say('arm')
        t.close()
        c.say('disarm')
        assert subprocess.run(['true'], check=False).returncode == 0
        assert c.alive()


@pytest.mark.parametrize('name,word', [('ld-musl-x86_64.so.1', 'musl'),
                                       ('libjemalloc.so.2', 'jemalloc')])
def test_another_allocator_is_refused_by_name(tmp_path, name, word):
    library = tmp_path / name
    subprocess.run(['cc', '-shared', '-x', 'c', '/dev/null', '-o', library], check=True)
    with Target([gobuild.build_c('plain')], env={**os.environ, 'LD_PRELOAD': str(library)}) as t:
        run = subprocess.run([CHECK, str(t.pid), 'mallocs'], stdin=subprocess.DEVNULL,
                             capture_output=True, check=False, text=True)
        assert run.returncode == 77 and word in run.stderr, run


def test_a_program_without_a_c_library_is_refused():
    with Target([gobuild.build('tiny', gobuild.releases()[-1])]) as t:
        run = subprocess.run([CHECK, str(t.pid), 'mallocs'], stdin=subprocess.DEVNULL,
                             capture_output=True, check=False, text=True)
        assert run.returncode == 1 and 'no C library' in run.stderr, run


@pytest.mark.parametrize('mode', ['cgo', 'cgo-stripped'])
@pytest.mark.parametrize('release', [gobuild.releases()[0], gobuild.releases()[-1]])
def test_a_leak_through_cgo_is_named_in_both_languages(release, mode):
    with Target([gobuild.build('cgotrace', release, mode)]) as t, check(t) as c:
        sites, survivors = Sites(t), []
        for _ in range(40):
            survivors += bursts(c, sites, 1, 20)[-1]['survivors']
            judged = {sites.name(s['pc']): s for s in c.ask('sites 100')}
            if sites.gone.get('twin_in_c') and len(survivors) > 60 and \
                    judged.get('leak_in_c', {}).get('candidate'):
                break
        assert judged['leak_in_c']['candidate'] and judged['leak_in_c']['gone'] == 0
        assert judged['twin_in_c']['gone'] > 0 and not judged['twin_in_c']['candidate']
        mine = [s for s in survivors if sites.of[s['id']] in t.truth['sites']]
        assert len(mine) > 20
        for s in mine:
            assert s['goid'] > 0
            assert t.truth['sites'][sites.of[s['id']]]['go'] in s['go'], s


def watch_heap(t):
    return Target([CHECK, str(t.pid), 'heap'])


def looks(c, done):
    """Bursts and looks until done(sites) says so; the sites of the last look."""
    for _ in range(40):
        for _ in range(4):
            c.say('burst 15')
            time.sleep(random.uniform(0.02, 0.1))
        got = c.ask('look 100')
        if done(got['sites']):
            break
    return got['sites']


def by_caller(sites):
    ret = {}
    for s in sites:
        ret.setdefault(s['c'][0], []).append(s)
    return ret


@pytest.mark.parametrize('stripped', [False, True], ids=['', 'stripped'])
def test_c_stacks_are_unwound_without_frame_pointers(stripped, tmp_path):
    path = gobuild.build_c('leaker', '-pthread', '-fomit-frame-pointer')
    if stripped:
        copy = tmp_path / 'leaker'
        subprocess.run(['strip', '-o', copy, path], check=True)
        path = str(copy)
    with Target([path, '300', '1000']) as t, watch_heap(t) as c:
        if stripped:
            # No names, but the stacks are as deep: site, work, the C library's thread start.
            sites = looks(c, lambda s: len(s) >= 4)
            assert all(len(s['c']) >= 4 for s in sites if s['survivors'] > 3)
            return
        sites = by_caller(looks(c, lambda s: len(s) >= 4 and all(
            x['candidate'] == ('leak' in x['c'][0]) for x in s if x['survivors'] > 20)))
        for name in ('leak_small', 'leak_odd', 'cache_entry', 'session'):
            assert all(s['c'][:2] == [name, 'work'] for s in sites[name]), sites[name]
            assert all(s['c_line'].split('/')[-1].startswith('leaker.c:') for s in sites[name])
        assert all(s['candidate'] for n in ('leak_small', 'leak_odd') for s in sites[n])
        assert not any(s['candidate'] for n in ('cache_entry', 'session') for s in sites[n])


@pytest.mark.parametrize('release', [gobuild.releases()[0], gobuild.releases()[-1]])
def test_c_and_go_frames_are_joined(release):
    with Target([gobuild.build('cgotrace', release, 'cgo')]) as t, watch_heap(t) as c:
        sites = by_caller(looks(c, lambda s: {x['c'][0] for x in s if x['survivors'] > 20}
                                >= {'leak_in_c', 'twin_in_c'} and any(x['gone'] for x in s)))
        for name, truth in t.truth['sites'].items():
            for s in sites[name]:
                assert truth['go'] in s['go'], s
                assert not any(f.startswith('runtime.') for f in s['c']), s
        assert any(s['candidate'] for s in sites['leak_in_c'])
        assert not any(s['candidate'] for s in sites['twin_in_c'] if s['survivors'] > 20)


def test_bursts_keep_to_a_budget_and_still_find_the_leaks():
    with leaker(300, 1000) as t, check(t) as c:
        sites = Sites(t)
        c.say('pace 40')
        spent, elapsed = 0, 0
        for _ in range(60):
            time.sleep(0.5)
            step = c.ask('step')
            assert step['failed'] == 0
            spent += step['probe_cores'] * step['elapsed_s']
            elapsed += step['budget_cores'] * step['elapsed_s']
            sites.add(c.ask('collect'))
            if step['bursts'] > 8 and sites.gone.get('cache_entry') and sites.count('leak_odd') > 3:
                break
        assert sites.gone['cache_entry'] and sites.count('leak_small') > sites.count('leak_odd') > 3
        assert not {'leak_small', 'leak_odd'} & set(sites.gone)
        # The first burst measures, and a governor pays back what it took: no more than half over.
        assert spent < 1.5 * elapsed, (spent, elapsed)
