# SPDX-License-Identifier: Apache-2.0
"""What the Go runtime itself keeps alive: each kind of it is found, and nothing besides."""
import json
import os
import subprocess

import pytest

import gobuild
from process import LOITER, Target, snapshot_json

UNIT = os.path.join(os.path.dirname(LOITER), 'tests/unit')
CHECK = os.path.join(UNIT, 'goruntime/roots-check')
REACH = os.path.join(UNIT, 'collect/reach-check')
OLDEST, NEWEST = gobuild.releases()[0], gobuild.releases()[-1]

# By what a kind of waiter is found; the others are found by variables and stacks alone.
FOUND_BY = {
    'finalizer': 'finalizer', 'finalizer-function': 'finalizer', 'finalizer-deep': 'finalizer',
    'queue': 'queue', 'pinner': 'special', 'weak': 'weak',
}


# Of a goroutine in the kernel each word of the stack counts, and one that is old may look like a
# pointer to anything: so a dead one may pass for alive, now and then.
PROCESSES = 6


def combinations():
    return ([(r, 'default') for r in gobuild.releases()] +
            [(r, m) for r in (OLDEST, NEWEST) for m in ('stripped', 'pie-stripped', 'cgo')])


@pytest.fixture(scope='module', params=combinations(), ids=lambda c: f'go{c[0]}-{c[1]}')
def target(request):
    path = gobuild.build('roots', *request.param)
    with Target([path]) as target:
        target.path = path
        target.built = request.param
        target.minor = gobuild.minor(request.param[0])
        yield target


def check(target, addresses=()):
    result = subprocess.run([CHECK, str(target.pid), target.path, *map(str, addresses)], text=True,
                            check=True, stdout=subprocess.PIPE)
    return json.loads(result.stdout)


def test_each_root_is_found(target):
    objects = target.truth['objects']
    found = check(target, objects.values())
    kinds = dict(zip(objects, found['addresses']))
    assert found['complete'], found
    assert set(kinds) <= set(FOUND_BY)
    assert ('pinner' in kinds, 'weak' in kinds) == (target.minor >= 21, target.minor >= 24)
    for name, by in kinds.items():
        assert by == [FOUND_BY[name]], (name, by)


def test_what_lost_its_root_is_not(target):
    lost = target.truth['lost']
    found = check(target, lost.values())
    assert dict(zip(lost, found['addresses'])) == {name: [] for name in lost}


def test_cleanups_are_found_in_the_specials_and_in_the_queue(target):
    words = check(target)['words']
    if target.minor < 24:
        assert words['cleanup'] == 0
    else:
        assert words['cleanup'] >= (1 if target.minor < 26 else 3)
    assert words['queue'] >= 2
    assert words['module'] == 0


def held_by_finalizers(target):
    memory = snapshot_json(target.pid, '--memory', '--no-leaks')['memory']
    entries = [r for r in memory['retained_by'] if r['variable'] == '(finalizers)']
    assert all(e['kind'] == 'runtime' for e in entries), entries
    return sum(e['bytes'] for e in entries)


def test_what_only_a_finalizer_holds_is_no_garbage(target):
    """An old word on a stack may lead there, too, and a stack goes first."""
    want, found = target.truth['held'], [held_by_finalizers(target)]
    while found[-1] < want and len(found) < PROCESSES:
        with Target([target.path]) as fresh:
            found.append(held_by_finalizers(fresh))
    assert found[-1] >= want, found


def called_dead(target):
    """The goroutines that one pass over the running process calls dead."""
    out = subprocess.run([REACH, str(target.pid)], text=True, check=True, stdout=subprocess.PIPE)
    found = json.loads(out.stdout)
    assert found.get('why_not') is None, found['why_not']
    return {g['goid'] for g in found['parked'] if g['dead']}


def test_whom_a_root_keeps_is_alive_and_his_neighbour_dead(target):
    fresh, missed = Target([target.path]), None
    for _ in range(PROCESSES):
        with fresh:
            dead, truth = called_dead(fresh), fresh.truth
            lost = {g for g in truth['dead'].values()} | set(truth['also'])
            alive = {kind: g for kind, g in truth['alive'].items() if g in dead}
            assert not alive, f'called dead: {alive}'
            assert dead <= lost, dead - lost
            now = {kind for kind, g in truth['dead'].items() if g not in dead}
            missed = now if missed is None else missed & now
            if not missed:
                return
        fresh = Target([target.path])
    fresh.close()
    pytest.fail(f'always passed for alive: {missed}')


def test_the_program_goes_on(target):
    assert target.alive() and target.status('TracerPid') == '0'


def test_what_a_plugin_holds_is_alive():
    plugin = gobuild.build('plugin', NEWEST, 'plugin')
    path = gobuild.build('plugged', NEWEST, 'cgo')
    missed = True
    for _ in range(PROCESSES):
        with Target([path, plugin]) as target:
            target.path = path
            found = check(target)
            assert found['complete'] and found['words']['module'] > 0, found
            dead = called_dead(target)
            assert target.truth['alive'] not in dead and dead <= {target.truth['dead']}
            missed = missed and not dead
    assert not missed
