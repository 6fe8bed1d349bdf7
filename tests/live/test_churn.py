# SPDX-License-Identifier: Apache-2.0
"""A target that gives birth to goroutines, grows their stacks and buries them while it is read."""
import time

import pytest

import blocked
import gobuild
import goprofile
from conftest import start_goroutines
from process import snapshot, snapshot_json
from test_matrix import shown_frames

CHURN = ['main.churnRootA', 'main.churnRootB', 'main.churner', 'main.churnA', 'main.churnB']


@pytest.fixture(scope='module', params=[gobuild.releases()[0], '1.22.12', gobuild.releases()[-1]])
def churning(request):
    with start_goroutines(request.param, 'stripped') as t:
        t.release = request.param
        _, t.records = goprofile.parse_debug1(t.profile(1))
        t.say('churn on')
        yield t
        t.say('churn off')
        beat = t.ask('beat')
        assert beat['beats'] > 0 and beat['bad'] == 0


def check_stable(target, seen):
    """The goroutines that stand still are exact, whatever happens around them."""
    moving = [*target.truth['moving'], *CHURN]
    theirs = goprofile.tally((r._replace(labels='') for r in target.records), moving)
    ours = {}
    for g in seen['groups']:
        frames = shown_frames(g['stack'])
        # One that is being born has no frame of its own yet.
        if not g['system'] and frames and not goprofile.moves(frames, moving):
            ours['', frames] = ours.get(('', frames), 0) + g['count']
    cut = goprofile.cut_like([r._replace(labels='') for r in target.records], ours)
    for key, count in theirs.items():
        assert cut.get(key, 0) == count, goprofile.difference(theirs, cut)


def test_stable_groups_stay_exact_in_a_row_of_snapshots(churning):
    total_torn = 0
    for _ in range(10):
        begin = time.time()
        seen = snapshot_json(churning.pid)
        window = (begin, time.time(), gobuild.minor(churning.release))
        check_stable(churning, seen)
        bad = blocked.check_all(churning.truth, seen, window)
        assert not bad, '\n'.join(bad)
        quality = seen['quality']
        assert quality['unreadable'] == 0, quality
        total_torn += quality['torn'] + quality['torn_retried']
        assert quality['goroutines_read'] == seen['goroutines']['total'] + \
            seen['goroutines']['system']
    assert len({g['id'] for g in seen['goroutine_list']}) == len(seen['goroutine_list'])


def test_no_stack_mixes_two_goroutines(churning):
    for _ in range(10):
        for g in snapshot_json(churning.pid)['groups']:
            names = {f['function'] for f in g['stack']}
            a, b = names & {'main.churnA', 'main.churnRootA'}, names & {'main.churnB',
                                                                      'main.churnRootB'}
            assert not (a and b), g
            if a or b:
                assert not names & {x['func'] for x in churning.truth['groups']}, g


def test_texts_stay_readable(churning):
    for form, parse in (('debug1', goprofile.parse_debug1), ('debug2', goprofile.parse_debug2)):
        text = snapshot(churning.pid, '--format', form).decode('utf-8', 'surrogateescape')
        parse(text)


def test_a_goroutine_that_never_parks_is_running_and_has_no_invented_stack(newest):
    newest.say('busy on')
    try:
        seen = snapshot_json(newest.pid)
        assert seen['goroutines']['by_state'].get('running', 0) >= 1
        for g in seen['goroutine_list']:
            if g['state'] == 'running':
                assert g['blocked_on']['kind'] == 'none'
    finally:
        newest.say('busy off')


def test_an_age_is_never_more_than_the_wait(newest):
    """Garbage collections write wait times, even of a cycle before the goroutine parked."""
    for _ in range(3):
        newest.say('gc')
    truth = newest.ask('late')
    newest.say('gc')
    born = {m['goid']: g['born'] / 1e9 for g in truth['groups'] for m in g['members']}
    seen = snapshot_json(newest.pid)
    now = time.time()
    for g in seen['goroutine_list']:
        if g['id'] in born and g['wait_s'] is not None:
            assert g['wait_s'] <= now - born[g['id']] + 0.05, g


def test_the_target_is_never_traced_and_ticks_on(newest):
    newest.ask('beat')
    for _ in range(20):
        snapshot(newest.pid, '--json')
        assert newest.status('TracerPid') == '0'
        assert newest.status('State')[0] in 'SR'
    beat = newest.ask('beat')
    assert beat['beats'] > 0 and beat['bad'] == 0
