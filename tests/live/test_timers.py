# SPDX-License-Identifier: Apache-2.0
"""Timers that nobody waits for, and the many ways to have many timers and be healthy.

tests/targets/timers makes them in one way a process, and states how many it has left behind, in
which function, and what the heap grew by.
"""
import json
import os
import shutil

import pytest

import gobuild
from exact import attach
from process import Run, Target, snapshot
from test_core import gcore

PATTERN = 'timer-pile-up'
OLD = [r for r in gobuild.releases() if gobuild.minor(r) in (18, 21, 22)]
# Where the collector frees timers that nobody looks at any more.
NEW = [r for r in gobuild.releases() if gobuild.minor(r) in (23, 27)]
# Where a program may still ask for the old ones.
BOTH = [r for r in gobuild.releases() if gobuild.minor(r) in (23, 26)]
MODES = ('default', 'stripped')
LEAKS = ('after', 'nested', 'newtimer', 'running')
HEALTHY = ('connections', 'requests', 'stop', 'reset', 'func', 'soon', 'limiter', 'sleep')
ASYNC = {'GODEBUG': 'asynctimerchan=1'}
# Of a sample of 8,192 a hundredth is three times its error; of bytes that the heap grew by, what
# the program has besides.
COUNT_WITHIN = 0.01
BYTES_WITHIN = 0.05
# More looks than growth wants. On a machine that is busy with something else what grows may not
# seem to do so steadily.
GROW = ('--interval', '1s', '--for', '10s')
TRIES = 3
# What one look would call a pile.
PILE = 10000


def start(way, release, mode='default', env=None):
    path = gobuild.build('timers', release, mode)
    return Target([path, way], env={**os.environ, **(env or {})})


def look(target, *args):
    """The snapshot, its timers and what is found of them."""
    args = args or (target.pid, '--no-leaks', '--no-memory')
    j = json.loads(snapshot(*args, '--json'))
    return j['goroutines']['timers'], [f for f in j['findings'] if f['pattern'] == PATTERN]


def assert_counted(timers, truth):
    assert timers['unwaited'] == pytest.approx(truth['unwaited'], rel=COUNT_WITHIN), timers
    assert timers['unwaited_bytes'] == pytest.approx(truth['bytes'], rel=BYTES_WITHIN), timers


def assert_found(found, truth):
    assert len(found) == 1, found
    assert found[0]['verdict'] == 'suspect'
    assert found[0]['count'] == pytest.approx(truth['unwaited'], rel=COUNT_WITHIN)
    assert found[0]['site'].startswith(truth['func'] + ' main.go:'), found
    assert any('in a loop: ' + truth['func'] in line for line in found[0]['evidence']), found


@pytest.mark.parametrize('mode', MODES)
@pytest.mark.parametrize('release', OLD)
@pytest.mark.parametrize('way', LEAKS)
def test_a_pile_is_found_with_its_bytes_and_its_maker(way, release, mode):
    with start(way, release, mode) as target:
        timers, found = look(target)
    assert_counted(timers, target.truth)
    assert_found(found, target.truth)


@pytest.mark.parametrize('release', OLD)
@pytest.mark.parametrize('way', HEALTHY)
def test_many_timers_are_no_pile(way, release):
    with start(way, release) as target:
        timers, found = look(target)
    assert not found
    assert timers['unwaited'] == pytest.approx(
        target.truth['unwaited'], rel=COUNT_WITHIN, abs=8), timers


@pytest.mark.parametrize('release', NEW)
@pytest.mark.parametrize('way', ('after', 'many', 'connections'))
def test_what_the_collector_frees_is_not_there(way, release):
    with start(way, release) as target:
        timers, found = look(target)
    assert not found
    assert timers['unwaited'] == 0 and timers['total'] < 100, timers


@pytest.mark.parametrize('release', BOTH)
@pytest.mark.parametrize('way', ('after', 'running'))
def test_the_old_timers_of_a_new_release_are_found(way, release):
    with start(way, release, 'stripped', env=ASYNC) as target:
        timers, found = look(target)
    assert_counted(timers, target.truth)
    assert_found(found, target.truth)
    assert any('asynctimerchan=1' in line for line in found[0]['evidence']), found


def test_kinds_are_told_apart():
    with start('func', OLD[0]) as target:
        timers, _ = look(target)
        assert timers['func'] == pytest.approx(40000, rel=COUNT_WITHIN)
        assert timers['channel'] == timers['sleep'] == 0
    with start('sleep', OLD[0]) as target:
        timers, _ = look(target)
        assert timers['sleep'] == timers['waited'] == timers['channel'] == 12000, timers
        assert timers['read'] == timers['total']
    with start('limiter', OLD[-1]) as target:
        timers, _ = look(target)
        assert timers['ticker'] == 1, timers


def test_of_many_a_sample_is_read():
    with start('many', OLD[-1]) as target:
        timers, found = look(target, target.pid)
    assert timers['read'] < 10000
    assert_counted(timers, target.truth)
    assert_found(found, target.truth)
    assert any('estimated by' in line for line in found[0]['evidence']), found


@pytest.mark.skipif(not shutil.which('gcore'), reason='gcore (gdb) is not installed')
def test_a_core_has_them(tmp_path):
    with start('after', OLD[-1]) as target:
        core = gcore(target.pid, tmp_path)
    timers, found = look(target, '--core', core)
    assert_counted(timers, target.truth)
    assert_found(found, target.truth)
    assert timers['first_s'] is None and timers['last_s'] is None


@pytest.mark.parametrize('release', (OLD[0], OLD[-1]))
def test_a_pile_that_grows_is_found_early(release):
    found, tries = [], 0
    with start('grow', release) as target:
        while not found and tries < TRIES:
            _, closing = attach(target, *GROW)
            found = [f for f in closing['findings'] if f['pattern'] == PATTERN]
            tries += 1
    assert len(found) == 1, closing['findings']
    assert found[0]['verdict'] == 'suspect'
    assert found[0]['count'] == closing['goroutines']['timers']['unwaited'] < PILE
    assert found[0]['site'].startswith(target.truth['func'])
    assert any(' a minute' in line for line in found[0]['evidence']), found


def test_timers_that_stay_as_they_are_do_not_grow():
    with start('requests', OLD[-1]) as target:
        _, closing = attach(target, '--interval', '1s', '--for', '7s')
    assert closing['goroutines']['timers']['unwaited'] == target.truth['unwaited']
    assert not [f for f in closing['findings'] if f['pattern'] == PATTERN]


def test_a_difference_tells_what_came(tmp_path):
    files = [tmp_path / 'a.json', tmp_path / 'b.json']
    with start('grow', OLD[-1]) as target:
        for file in files:
            snapshot(target.pid, '--json', '--no-leaks', '--no-memory', '-o', file)
            # Until there are enough of them, however slow the machine is.
            while look(target)[0]['unwaited'] < 1500:
                pass
    run = Run('diff', *files, '--json')
    assert run.code == 0, run
    found = [f for f in json.loads(run.out)['findings'] if f['pattern'] == PATTERN]
    assert [f['verdict'] for f in found] == ['candidate'], run
    assert found[0]['site'].startswith(target.truth['func'])
