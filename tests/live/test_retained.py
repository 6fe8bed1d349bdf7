# SPDX-License-Identifier: Apache-2.0
"""Who holds the heap: what loiter says against how much the program saw its heap grow."""
import pytest

import gobuild
from process import Run, Target, snapshot, snapshot_json

# The oldest and the newest of each form that the collector's masks have had, and what is between.
FORMS = (18, 19, 20, 21, 22, 24, 27)
RELEASES = [r for r in gobuild.releases() if gobuild.minor(r) in FORMS]
MODES = ('default', 'stripped')
# The program's own numbers move by a few pages between two collections.
SHARE = 0.02


def near(ours, theirs):
    return abs(ours - theirs) <= theirs * SHARE


@pytest.fixture(scope='module', params=[(r, m) for r in RELEASES for m in MODES],
                ids=lambda c: f'go{c[0]}-{c[1]}')
def held(request):
    with Target([gobuild.build('retainer', *request.param)]) as target:
        target.release, target.mode = request.param
        target.json = snapshot_json(target.pid, '--memory')
        target.memory = target.json['memory']
        target.by_name = {r['variable'] or r['site']: r for r in target.memory['retained_by']}
        yield target


def variable(target, name):
    """The entry of a variable: by name, or where there are no symbols by its bytes."""
    if target.mode == 'default':
        return target.by_name[name]
    wanted = target.truth['holds'][name]
    found = [r for r in target.memory['retained_by']
             if r['kind'] == 'variable' and near(r['exclusive_bytes'], wanted)]
    assert found, f'{name}: nothing of {wanted} bytes in {target.by_name}'
    assert all(r['variable'].startswith(('.bss+0x', '.data+0x')) for r in found)
    return found[0]


@pytest.mark.parametrize('name', ['main.cache', 'main.list', 'main.boxed', 'main.hooks'])
def test_a_variable_is_named_with_its_bytes(held, name):
    entry = variable(held, name)
    truth = held.truth['holds'][name]
    assert near(entry['bytes'], truth), (entry, truth)
    assert near(entry['exclusive_bytes'], truth), (entry, truth)


def test_the_way_is_told_in_gos_words(held):
    if held.mode == 'default':
        assert variable(held, 'main.cache')['path'] == 'main.cache -> map -> []uint8'
        assert variable(held, 'main.cache')['type'] == 'map[int][]uint8'
        assert variable(held, 'main.list')['path'] == 'main.list -> *main.node'
        assert variable(held, 'main.boxed')['path'] == 'main.boxed -> *main.square -> []uint8'
        assert 'used_by' not in variable(held, 'main.cache')
    else:
        assert 'main.fill' in variable(held, 'main.cache')['used_by']
        # What is in an interface has its type beside it, with symbols or without.
        assert variable(held, 'main.boxed')['path'].endswith(' -> *main.square -> []uint8')


def test_what_two_variables_share_is_exclusive_to_none(held):
    truth = held.truth['holds']
    first, second = (variable(held, n) for n in ('main.first', 'main.second'))
    assert near(first['exclusive_bytes'], truth['main.first'])
    assert near(second['exclusive_bytes'], truth['main.second'])
    # It is counted first to one of them, and to one alone.
    both = truth['main.first'] + truth['main.second'] + truth['shared']
    assert near(first['bytes'] + second['bytes'], both)
    assert near(held.memory['retained']['shared_bytes'], truth['shared'])


def test_a_stack_holds_what_its_goroutine_still_uses(held):
    entry = next(r for n, r in held.by_name.items() if n.startswith('main.holdOnStack '))
    assert entry['kind'] == 'goroutines' and entry['goroutines'] == 1
    assert near(entry['exclusive_bytes'], held.truth['holds']['main.holdOnStack'])


def test_leaked_goroutines_are_told_with_what_they_hold(held):
    entry = next(r for n, r in held.by_name.items() if n.startswith('main.leak '))
    assert (entry['goroutines'], entry['verdict']) == (4, 'proven')
    assert near(entry['exclusive_bytes'], held.truth['holds']['main.leak'])
    assert near(held.memory['retained']['leaked_bytes'], entry['exclusive_bytes'])
    group = next(g for g in held.json['groups'] if g['id'] == entry['group'])
    assert group['pattern'] == 'nil-chan-recv'
    assert group['held']['heap_bytes'] == entry['exclusive_bytes']


def test_every_group_says_what_it_holds_alone(held):
    known = [g for g in held.json['groups'] if g['held']['heap_bytes'] is not None]
    assert len(known) >= len(held.json['groups']) - 1
    total = sum(g['held']['heap_bytes'] for g in known)
    assert total <= held.memory['retained']['live_bytes']
    stale = next(g for g in known if any(f['function'] == 'main.dead' for f in g['stack']))
    assert stale['held']['heap_bytes'] < 1 << 20


def test_a_stale_word_on_a_stack_holds_nothing(held):
    # The program's collector freed its 8 MiB, though the frame has the pointer still.
    assert held.truth['holds']['main.dead'] < 1 << 20
    assert not any(n.startswith('main.dead ') for n in held.by_name)


def test_all_of_the_heap_is_reached_once(held):
    sums = held.memory['retained']
    assert near(sums['live_bytes'], held.truth['heap_alloc'])
    listed = sum(r['bytes'] for r in held.memory['retained_by'])
    assert listed + sums['other_bytes'] == sums['live_bytes']
    assert sums['unread_bytes'] == 0
    assert all(r['exclusive_bytes'] <= r['bytes'] for r in held.memory['retained_by'])


@pytest.fixture
def newest():
    with Target([gobuild.build('retainer', gobuild.releases()[-1])]) as target:
        yield target


def test_a_map_that_grows_is_seen_to_grow(newest):
    def cache():
        memory = snapshot_json(newest.pid, '--memory')['memory']
        return next(r['bytes'] for r in memory['retained_by'] if r['variable'] == 'main.cache')

    before = cache()
    grown = newest.ask('grow 64')
    assert near(cache() - before, grown)


def test_text_says_who_holds_how_much(newest):
    lines = snapshot(newest.pid, '--memory').decode().splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith('HELD BY ') for line in lines)
    assert any('MiB  main.cache' in line for line in lines)
    assert any('4 goroutines (proven) at main.leak main.go:' in line for line in lines)


def test_without_memory_nothing_is_said_of_it(newest):
    run = Run('snapshot', newest.pid, '--no-memory')
    assert run.code == 0 and b'HELD BY' not in run.out, run


def test_the_program_goes_on(held):
    assert held.alive() and held.status('TracerPid') == '0'
