# SPDX-License-Identifier: Apache-2.0
"""The Go heap from outside against the process's own runtime.MemStats, in every release."""
import bisect
import json
import os
import re
import struct
import subprocess

import pytest

import gobuild
from conftest import start_goroutines
from process import LOITER, Target

CHECK = os.path.join(os.path.dirname(LOITER), 'tests/unit/goruntime/heap-check')
OLDEST, NEWEST = gobuild.releases()[0], gobuild.releases()[-1]
PAGE = 4096
# What MemStats says for a heap that will never be collected, and what we do.
NEVER, NEVER_READ = 1 << 62, 2**64 - 2

# Fields of the layout whose shift by a word must be refused, whatever the direction.
GUARDED = '''span_start span_npages span_nelems span_freeindex span_class span_state span_elem_size
    heap_pages heap_allspans heap_arenas pages_chunks arena_spans chunk_size chunk_scavenged
    stats_small_allocs stats_small_frees stats_large_free stats_large_frees'''.split()


def combinations():
    ret = [(r, m) for r in gobuild.releases() for m in ('default', 'stripped')]
    for release in (OLDEST, NEWEST):
        ret += [(release, m) for m in ('pie', 'pie-stripped', 'cgo', 'cgo-stripped')]
    return ret


def start(release, mode, *args):
    path = gobuild.build('heap', release, mode)
    ret = Target([path, *args])
    ret.path, ret.release, ret.mode = path, release, mode
    return ret


def check(target, *args):
    """What heap-check says of the target."""
    result = subprocess.run([CHECK, str(target.pid), target.path, *map(str, args)], text=True,
                            check=True, stdout=subprocess.PIPE)
    return json.loads(result.stdout)


def read_quietly(target):
    """What heap-check finds while MemStats is the same before and after, and that MemStats. The
    runtime's own goroutines (the scavenger) may do something in between: then once more."""
    places = [target.truth[k] for k in ('node', 'blob', 'table')]
    for _ in range(20):
        before = target.ask('memstats')
        found = check(target, *places)
        if target.ask('memstats') == before:
            return before, found
    raise AssertionError('the target never stood still')


def assert_equal_memstats(truth, found):
    read = found['memstats']
    assert read['stable']
    for name, value in truth.items():
        if name == 'NextGC' and value >= NEVER:
            assert read[name] == NEVER_READ
        elif name != 'BySize':
            assert read[name] == value, name
    # Class 0 is for large objects, of which BySize tells nothing; its last ones are ours alone.
    by_size = read['BySize']
    assert by_size[1:len(truth['BySize'])] == truth['BySize'][1:]
    live = sum(size * (mallocs - frees) for size, mallocs, frees in by_size)
    assert 0 <= truth['HeapAlloc'] - live < truth['HeapAlloc']


@pytest.fixture(scope='module', params=combinations(), ids=lambda c: f'go{c[0]}-{c[1]}')
def quiet(request):
    with start(*request.param) as t:
        t.memstats, t.found = read_quietly(t)
        yield t


def test_every_field_of_memstats_is_read_exactly(quiet):
    assert quiet.memstats['NumGC'] >= 3
    assert_equal_memstats(quiet.memstats, quiet.found)
    assert quiet.found['memstats']['gogc'] == quiet.truth['gogc']
    limit = quiet.found['memstats']['memory_limit_bytes']
    assert limit == (None if gobuild.minor(quiet.release) < 19 else 2**63 - 1)


def test_the_last_collection_is_dated(quiet):
    read = quiet.found['memstats']
    # Of a process that has run for less than the time that the test itself may take.
    assert 0 < read['last_gc_age_ns'] < 600 * 10**9
    assert 0 < read['heap_marked_bytes'] <= read['heap_live_bytes']


def test_each_way_finds_the_same_variables(quiet):
    assert quiet.found['layout'] == 'table'
    by_symbol, by_code = quiet.found['symbol'], quiet.found['code']
    # Go 1.25: cleanups got a queue of their own.
    missing = [] if gobuild.minor(quiet.release) >= 25 else ['cleanups']
    assert [name for name, at in by_code.items() if not at] == missing
    if 'stripped' in quiet.mode:
        assert set(by_symbol.values()) == {0}
    else:
        assert by_symbol == by_code


def test_spans_and_ranges_add_up_to_memstats(quiet):
    truth, found = quiet.memstats, quiet.found
    assert set(found['dropped'].values()) == {0}
    assert found['spans']['in_use'] == truth['HeapInuse']
    assert found['spans']['live'] == truth['HeapAlloc']
    ranges = found['ranges']
    assert ranges['disorder'] == 0
    assert ranges['heap'] == truth['HeapInuse']
    assert ranges['stacks'] == found['spans']['manual'] >= truth['StackInuse']
    # Pages in a P's cache are in no span, and may be given back; each cache has at most 64. From
    # Go 1.26 on up to a chunk of 4 MiB at the heap's beginning is in none either.
    hidden = 64 * 8192 * os.cpu_count() + (4 << 20) * (gobuild.minor(quiet.release) >= 26)
    assert 0 <= truth['HeapReleased'] - ranges['scavenged'] <= hidden
    assert ranges['free'] + ranges['scavenged'] == truth['HeapIdle']


def test_objects_are_where_the_target_says(quiet):
    node, blob, table = quiet.found['addresses']
    assert all(a['range'] == 'heap' and a['state'] == 1 and a['allocated']
               for a in (node, blob, table))
    assert (node['elem_size'], node['noscan']) == (48, False)
    assert (blob['elem_size'], blob['noscan'], blob['class']) == (1 << 20, True, 0)
    assert (table['elem_size'], table['noscan'], table['class']) == (65536, False, 0)
    assert table['typed'] == (gobuild.minor(quiet.release) >= 22)
    nodes = next(c for c in quiet.found['memstats']['BySize'] if c[0] == 48)
    assert 0 <= nodes[1] - nodes[2] - quiet.truth['live_nodes'] < 2000


def mappings(pid):
    """(start, end, path) of each; the data behind a file's own has that file's path."""
    last_end, last_path = 0, ''
    with open(f'/proc/{pid}/maps', encoding='utf-8') as lines:
        for line in lines:
            words = line.split(None, 5)
            first, end = (int(x, 16) for x in words[0].split('-'))
            path = words[5].strip() if len(words) > 5 else ''
            if not path and first == last_end and last_path.startswith('/'):
                path = last_path
            last_end, last_path = end, path
            yield first, end, path


def resident_in_nothing(pid, table):
    """Resident bytes of anonymous mappings: all, and those in no range of the table."""
    starts = [r[0] for r in table]
    all_bytes = left = 0
    with open(f'/proc/{pid}/pagemap', 'rb') as pagemap:
        for first, end, path in mappings(pid):
            if path:
                continue
            pagemap.seek(first // PAGE * 8)
            words = pagemap.read((end - first) // PAGE * 8)
            for i, (word,) in enumerate(struct.iter_unpack('<Q', words)):
                if not word >> 63:
                    continue
                address = first + i * PAGE
                at = bisect.bisect_right(starts, address) - 1
                all_bytes += PAGE
                left += PAGE * (at < 0 or table[at][1] <= address)
    return all_bytes, left


def test_what_is_resident_lies_in_a_range(quiet):
    if 'cgo' in quiet.mode:
        pytest.skip("C's own memory is there too")
    resident, left = resident_in_nothing(quiet.pid, quiet.found['table'])
    assert resident > 10 << 20
    assert left <= resident / 100


@pytest.mark.parametrize('args', [('gogc=-1',), ('gogc=0',), ('gogc=-1', 'limit=60000000'),
                                  ('gogc=100', 'limit=20000000'),
                                  ('gogc=400', 'limit=70000000')], ids='_'.join)
# Go 1.19 has the limit; Go 1.21 another headroom below it.
@pytest.mark.parametrize('release', [OLDEST, *gobuild.releases()[1:4], NEWEST])
def test_the_next_goal_follows_gogc_and_the_limit(release, args):
    with start(release, 'stripped', *args) as t:
        truth, found = read_quietly(t)
    assert_equal_memstats(truth, found)
    assert found['memstats']['gogc'] == t.truth['gogc']
    if len(args) == 2 and release != OLDEST:
        assert found['memstats']['memory_limit_bytes'] == int(args[1].split('=')[1])


# What sums kept in the Ps' caches may lack, or be ahead of: a span of each class in each.
CACHED = os.cpu_count() * 2 * 68 * 32768


@pytest.mark.parametrize('release', [OLDEST, '1.22.12', NEWEST])
def test_a_heap_that_moves_is_read_between_before_and_after(release):
    with start(release, 'stripped') as t:
        t.say('churn')
        collections = t.ask('memstats')['NumGC']
        last = 0
        for _ in range(8):
            before = t.ask('memstats')
            found = check(t)
            read = found['memstats']
            after = t.ask('memstats')
            for name in ('TotalAlloc', 'Mallocs', 'Frees', 'NumGC', 'PauseTotalNs'):
                slack = CACHED if name in ('TotalAlloc', 'Mallocs', 'Frees') else 0
                assert before[name] - slack <= read[name] <= after[name] + slack, name
            assert read['HeapInuse'] + read['HeapIdle'] == read['HeapSys']
            assert read['HeapAlloc'] <= read['HeapInuse'] + CACHED
            assert found['ranges']['disorder'] == 0
            last = after['NumGC']
        assert last > collections
        assert t.alive()


def start_newer(mode):
    """A release that no table has."""
    ret = Target([gobuild.copy_with(gobuild.build('heap', NEWEST, mode), f'heap-newer-{mode}',
                                    f'go{NEWEST}'.encode(), b'go1.99.1')])
    ret.path = ret.argv[0]
    return ret


def test_a_release_of_the_future_is_read_by_its_dwarf():
    assert len(NEWEST) == len('1.99.1')
    with start_newer('default') as t:
        truth, found = read_quietly(t)
    assert found['layout'] == 'dwarf'
    assert_equal_memstats(truth, found)


@pytest.mark.parametrize('mode', ['c-shared', 'c-shared-stripped'])
@pytest.mark.parametrize('release', [OLDEST, NEWEST])
def test_the_heap_of_a_library_is_found(release, mode):
    with start_goroutines(release, mode) as t:
        t.path = t.argv[1]
        # A moment in which nobody allocates comes.
        found = next(f for f in (check(t) for _ in range(50)) if f['memstats']['stable'])
    assert found['spans']['in_use'] == found['memstats']['HeapInuse'] > 0
    assert found['ranges']['heap'] == found['memstats']['HeapInuse']
    assert 0 not in (found['code'][k] for k in ('mheap', 'memstats', 'controller', 'chunks'))
    assert found['memstats']['gogc'] == 100
    assert set(found['dropped'].values()) == {0}


@pytest.mark.parametrize('release', [OLDEST, '1.21.13', NEWEST])
def test_a_wrong_layout_is_refused(release):
    with start(release, 'stripped') as t:
        accepted = check(t, 'accepted')['accepted']
    assert not [a for a in accepted if re.sub(r'[+-]8$', '', a) in GUARDED]
