# SPDX-License-Identifier: Apache-2.0
"""The C heap from outside equals what the C library says of itself."""
import json
import os
import re
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

import gobuild
from process import LOITER, PATIENCE_S, Target

CHECK = os.path.join(os.path.dirname(LOITER), 'tests/unit/native/c_heap_check')
PAGE = 4096
# This machine's own, and those that scripts/setup unpacks.
GLIBCS = ('own', '2.31', '2.41')


def loader(glibc):
    """What to put before a command so that it runs on that glibc."""
    if glibc == 'own':
        return []
    libraries = gobuild.glibc_dir(glibc)
    if not libraries:
        pytest.skip(f'scripts/setup could not fetch glibc {glibc}')
    return [os.path.join(libraries, 'ld-linux-x86-64.so.2'), '--library-path', libraries]


def heaps(glibc='own', static=False, **env):
    more = {'env': {**os.environ, **env}} if env else {}
    if static:
        return Target([gobuild.build_c('heaps', '-pthread', '-static')], **more)
    if glibc == 'own':
        return Target([gobuild.build_c('heaps', '-pthread')], **more)
    prefix = loader(glibc)
    return Target([*prefix, gobuild.build_c_old('heaps')], **more)


def read(target, *limits):
    run = subprocess.run([CHECK, str(target.pid), *map(str, limits)], check=False, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_S)
    assert run.returncode == 0, run
    got = json.loads(run.stdout)
    assert_sums(got)
    return got


def assert_sums(got):
    """What must hold of every answer."""
    names = ('used', 'free', 'fastbin', 'top', 'unknown')
    assert got['ascending']
    for a in got['arenas']:
        assert sum(a[n] for n in names) == a['system']
        assert a['fragmented'] + a['trimmable'] <= a['free'] + a['fastbin'] + a['top']
    for name in names + ('trimmable', 'fragmented', 'system'):
        if got['counted']:
            assert got[name] == sum(a[name] for a in got['arenas'])
    if got['counted'] and not got['notes']:
        assert got['r_used'] == got['used'] and got['r_top'] == got['top']
        assert got['r_free'] == got['free'] + got['fastbin']
        assert got['r_mmapped'] == got['mmapped'] == got['mmapped_found']


class Info:
    """mallinfo2() and malloc_info() of the target."""

    def __init__(self, target):
        text = target.say('info').decode()
        sums, _, xml = text.partition('\n')
        has, arena, used, free, fast, keep, n, mmapped = map(int, sums.split())
        root = ElementTree.fromstring(xml)
        self.heaps = [Heap(h) for h in root.findall('heap')]
        own = Heap(root, len(self.heaps))
        assert not has or (own.system, own.fast, own.used) == (arena, fast, used)
        self.used, self.system, self.fast = own.used, own.system, own.fast
        self.keep = keep if has else None
        total = root.find("total[@type='mmap']")
        self.mmapped, self.mmapped_chunks = int(total.get('size')), int(total.get('count'))
        assert not has or (self.mmapped, self.mmapped_chunks) == (mmapped, n)
        assert not has or self.system - self.used == free


class Heap:
    def __init__(self, element, tops=1):
        def size(path):
            return int(element.find(path).get('size'))
        self.system = size("system[@type='current']")
        self.fast = size("total[@type='fast']")
        # With the top. malloc_info() adds each free chunk's size word up, its lowest bit as well.
        self.rest = size("total[@type='rest']") + tops - \
            int(element.find("total[@type='rest']").get('count'))
        self.used = self.system - self.fast - self.rest


def assert_same(got, info, how=('walked',)):
    assert got['counted'] and got['allocator'] == 'glibc'
    assert (got['used'], got['fastbin'], got['system']) == (info.used, info.fast, info.system)
    assert got['unknown'] == 0 and got['torn'] == 0
    assert (got['mmapped'], got['mmapped_chunks']) == (info.mmapped, info.mmapped_chunks)
    assert got['mmapped_found'] == info.mmapped and got['notes'] == []
    assert [(a['used'], a['fastbin'], a['free'] + a['top']) for a in got['arenas']] == \
        [(h.used, h.fast, h.rest) for h in info.heaps]
    if info.keep is not None:
        assert got['arenas'][0]['top'] == info.keep
    assert {a['how'] for a in got['arenas']} == set(how)


@pytest.mark.parametrize('glibc', GLIBCS)
def test_every_arena_is_what_the_library_says(glibc):
    with heaps(glibc) as t:
        assert_same(read(t), Info(t))
        t.say('make 5 200 20000')
        t.say('big 7 300000')
        got, info = read(t), Info(t)
        assert_same(got, info)
        assert len(got['arenas']) == len(info.heaps) > 1 and got['mmapped_chunks'] >= 7
        if glibc != 'own':
            assert got['version'] == glibc
        # Some of it stays in fastbins and tcache, most goes to bins.
        t.say('thin 3')
        got, info = read(t), Info(t)
        assert_same(got, info)
        assert got['fastbin'] > 0 and got['free'] > 1 << 20 and got['tcache'] > 0
        assert got['fragmented'] > got['free'] * 0.9
        t.say('smaller 2')
        assert_same(read(t), Info(t))
        t.say('drop')
        got = read(t)
        assert_same(got, Info(t))
        assert got['trimmable'] > 0


@pytest.mark.parametrize('glibc', GLIBCS)
def test_the_lists_alone_say_the_same(glibc):
    with heaps(glibc) as t:
        t.say('make 3 400 20000')
        t.say('free 50')
        walked, listed = read(t), read(t, 1)
        assert_same(listed, Info(t), ['listed'])
        for name in ('used', 'free', 'fastbin', 'top', 'trimmable', 'fragmented', 'r_used',
                     'r_free', 'ranges'):
            assert walked[name] == listed[name], name
        # What it saves, and what it cannot know.
        assert listed['bytes_read'] < walked['bytes_read'] / 2
        assert listed['tcache'] is None and walked['tcache'] is not None


@pytest.mark.parametrize('glibc', GLIBCS)
def test_a_large_heap_is_known_by_its_lists(glibc):
    with heaps(glibc) as t:
        t.say('make 4 400 60000')
        t.say('free 50')
        before = read(t)
        # The main arena is small.
        assert_same(before, Info(t), ['walked', 'listed'])
        assert before['system'] > 64 << 20 and before['bytes_read'] < 32 << 20
        # At their arenas' beginnings all tcaches were found.
        added = json.loads(t.say('cache 1000 7'))['bytes']
        assert 0 < read(t)['tcache'] - before['tcache'] <= added


@pytest.mark.parametrize('glibc', GLIBCS)
def test_what_is_not_walked_is_said(glibc):
    with heaps(glibc) as t:
        t.say('make 2 200 20000')
        t.say('thin 2')
        info = Info(t)
        got = read(t, 1 << 20, 1000)
        assert got['unknown'] > 0 and got['notes']
        assert any(a['how'] in ('partly', 'unread') for a in got['arenas'])
        assert got['system'] == info.system and got['used'] < info.used
        assert got['r_unknown'] == got['unknown']


@pytest.mark.parametrize('glibc', GLIBCS)
def test_what_threads_keep_is_counted_apart(glibc):
    with heaps(glibc) as t:
        before = read(t)
        for size, n in ((24, 7), (100, 5), (1000, 7)):
            added = json.loads(t.say(f'cache {size} {n}'))['bytes']
            after = read(t)
            # What was there of that size before went into the same bin.
            assert 0 < after['tcache'] - before['tcache'] <= added
            before = after
        assert_same(before, Info(t))
        assert json.loads(t.say('cache 1000 7'))['bytes'] > 0
        assert read(t)['tcache'] == before['tcache']


def anonymous_bytes(t):
    return int(t.status('RssAnon').split()[0]) * 1024


@pytest.mark.parametrize('glibc', GLIBCS)
def test_trimmable_is_what_malloc_trim_gives_back(glibc):
    with heaps(glibc) as t:
        t.say('make 4 6000 3000')
        t.say('thin 2')
        told, before = read(t)['trimmable'], anonymous_bytes(t)
        t.say('trim')
        given = before - anonymous_bytes(t)
        assert told > 8 << 20
        # A top's last pages were never touched.
        assert abs(told - given) <= 200 * 1024, (told, given)


def test_a_static_program_has_the_same_arenas():
    with heaps(static=True) as t:
        t.say('make 3 200 20000')
        t.say('thin 3')
        t.say('big 3 500000')
        got = read(t)
        assert_same(got, Info(t))
        assert got['evidence'] == '__libc_malloc'


def test_one_arena_and_no_tcache():
    with heaps(GLIBC_TUNABLES='glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1') as t:
        t.say('make 4 100 20000')
        t.say('thin 2')
        got = read(t)
        assert_same(got, Info(t))
        assert got['tcache'] == 0 and len(got['arenas']) == 1 and got['fastbin'] > 1 << 20


def test_no_memory_from_the_break():
    with heaps(GLIBC_TUNABLES='glibc.malloc.mmap_threshold=65536') as t:
        t.say('big 40 70000')
        t.say('smaller 3')
        assert_same(read(t), Info(t))


@pytest.mark.parametrize('glibc', GLIBCS)
def test_memory_that_another_one_took_of_the_break_is_unknown(glibc):
    with heaps(glibc) as t:
        t.say('foreign 12288')
        got, info = read(t), Info(t)
        assert (got['system'], got['fastbin']) == (info.system, info.fast)
        # malloc itself counts it as used.
        assert got['used'] + got['unknown'] == info.used
        assert 12288 <= got['unknown'] < 12288 + PAGE
        assert got['used'] > 2 << 20


def test_pages_that_were_never_touched_stay_so():
    with heaps() as t:
        t.say('make 1 3000 2000')
        before = int(t.status('VmPTE').split()[0]), int(t.status('VmRSS').split()[0])
        read(t)
        assert (int(t.status('VmPTE').split()[0]), int(t.status('VmRSS').split()[0])) == before


@pytest.mark.parametrize('glibc', GLIBCS)
def test_a_heap_that_changes_is_read_without_a_stop(glibc):
    with heaps(glibc) as t:
        t.say('make 2 200 50000')
        quiet = read(t)
        t.say('churn')
        for _ in range(20):
            got = read(t)
            assert got['counted'] and len(got['arenas']) >= len(quiet['arenas'])
            # What stays is much, what changes little.
            assert got['used'] + got['unknown'] > quiet['used'] * 0.9
            assert got['used'] < quiet['used'] + (32 << 20)
            assert got['unknown'] < got['system'] * 0.25


@pytest.mark.parametrize('release', [gobuild.releases()[0], gobuild.releases()[-1]])
@pytest.mark.parametrize('mode', ['cgo', 'cgo-stripped'])
@pytest.mark.parametrize('glibc', ('own', '2.41'))
def test_the_same_through_cgo(glibc, release, mode):
    with Target([*loader(glibc), gobuild.build('cgoheap', release, mode)]) as t:
        t.say('make 3 300 20000')
        t.say('thin 2')
        # The Go runtime may just be starting a thread, which takes memory of malloc's.
        before, truth = None, json.loads(t.say('info'))
        while before != truth:
            before, got, truth = truth, read(t), json.loads(t.say('info'))
        assert got['notes'] == []
        assert abs(got['used'] - truth['used']) <= truth['used'] / 1000
        assert got['fastbin'] == truth['fastbin'] and got['system'] == truth['system']
        assert (got['mmapped'], got['mmapped_chunks']) == (truth['mmapped'], truth['mmaps'])


@pytest.mark.parametrize('name,word', [('ld-musl-x86_64.so.1', 'musl'),
                                       ('libjemalloc.so.2', 'jemalloc'),
                                       ('libtcmalloc_minimal.so.4', 'tcmalloc')])
def test_another_allocator_is_told_by_name(tmp_path, name, word):
    library = tmp_path / name
    subprocess.run(['cc', '-shared', '-x', 'c', '/dev/null', '-o', library], check=True)
    with heaps(LD_PRELOAD=str(library)) as t:
        got = read(t)
        assert got['allocator'] == word and not got['counted'] and got['used'] is None
        assert re.search(f'{word}.*is not read', ' '.join(got['notes']))


def test_a_program_without_a_c_library_has_no_c_heap():
    for mode in ('default', 'stripped'):
        with Target([gobuild.build('tiny', gobuild.releases()[-1], mode)]) as t:
            got = read(t)
            assert got['allocator'] in ('none', None) and not got['counted'] and got['notes']
            assert got['ranges'] == 0
