# SPDX-License-Identifier: Apache-2.0
"""Every leak that loiter knows by name, and its healthy look-alikes, in every Go release.

tests/targets/leaks states which of its goroutines can never run again, what that is called and what
they hold. Where the release has a leak detector of its own, it must agree with the target, so that
the target is held to the truth as well.
"""
import re

import pytest

import gobuild
from process import Target, snapshot_json

RELEASES = gobuild.releases()
OLDEST, NEWEST = RELEASES[0], RELEASES[-1]
MODES = ('default', 'pie-stripped')
# Nobody has to see more than the wait itself.
ENDLESS = ('nil-chan-send', 'nil-chan-recv', 'select-forever')
# What each grade asks for.
GRADES = {'likely': [], 'proven': ['--prove=5s']}
# The scheduler's stacks, those of goroutines that run, and registers count as a whole, with what is
# old in them: that hides a few, others in each process.
PROCESSES = 6
# In the best of them.
LEAST = 0.97
# What a goroutine waits on is held as well: a channel, a lock, the object that it stands in.
HELD_WITHIN = 0.05


class Truth:
    """What the target says of itself."""

    def __init__(self, truth):
        self.spots = truth['spots']
        self.leaks = {i: s for s in self.spots if s.get('patterns') for i in s['goids']}
        self.healthy = {i: s for s in self.spots if not s.get('patterns') for i in s['goids']}
        assert len(self.leaks) > 200 and len(self.healthy) > 500


class Look:
    """One snapshot of one process, beside its truth."""

    def __init__(self, target, grade):
        self.grade = grade
        self.told = Truth(target.truth)
        self.json = snapshot_json(target.pid, '--leaks', *GRADES[grade])
        self.by_id = {g['id']: g for g in self.json['goroutine_list']}
        self.groups = {g['id']: g for g in self.json['groups']}

    def found(self, spot):
        """The goroutines of the spot that have the verdict that they should have."""
        want = 'proven' if spot['patterns'][0] in ENDLESS else self.grade
        return [i for i in spot['goids'] if self.by_id[i]['verdict'] == want]

    def missed(self, spot):
        return len(self.found(spot)) < len(spot['goids'])

    def count(self, verdict):
        return sum(1 for g in self.by_id.values() if g['verdict'] == verdict)


def sought(look):
    """The spots of leaks that have to be found."""
    return [s for s in look.told.spots if s.get('patterns') and not s.get('hidden')]


def held(look, spot):
    """The bytes of heap that loiter says the leaks of a spot hold."""
    ids = {look.by_id[i]['group'] for i in spot['goids']}
    assert sum(look.groups[i]['count'] for i in ids) == len(spot['goids']), spot
    assert all(look.groups[i]['held']['stack_bytes'] for i in ids), spot
    return sum(look.groups[i]['held']['heap_bytes'] or 0 for i in ids)


def states_bytes(look):
    return [s for s in sought(look) if s.get('heap_bytes')]


def never(looks, right):
    """Names of spots that were right(look, spot) in no process."""
    return {s['name'] for s in sought(looks[0])} - {
        s['name'] for look in looks for s in sought(look) if right(look, s)}


def is_found(look, spot):
    return not look.missed(spot)


def is_measured(look, spot):
    want = spot.get('heap_bytes', 0)
    return not want or held(look, spot) >= (1 - HELD_WITHIN) * want


@pytest.fixture(scope='module', params=[(r, m, g) for r in RELEASES for m in MODES for g in GRADES],
                ids=lambda c: f'go{c[0]}-{c[1]}-{c[2]}')
def looks(request):
    """Looks while it runs, or in one short stop, at one process or more: see PROCESSES."""
    release, mode, grade = request.param
    seen = []
    while not seen or len(seen) < PROCESSES and any(
            never(seen, right) for right in (is_found, is_measured)):
        with Target([gobuild.build('leaks', release, mode)]) as target:
            seen.append(Look(target, grade))
    return seen


def test_every_leak_is_found(looks):
    assert not never(looks, is_found)
    best = max(sum(len(look.found(s)) for s in sought(look)) for look in looks)
    assert best >= LEAST * sum(len(s['goids']) for s in sought(looks[0]))


def test_every_leak_has_its_name(looks):
    bad = []
    for look in looks:
        for spot in look.told.spots:
            names = {look.by_id[i]['pattern'] for i in look.found(spot)} if spot.get(
                'patterns') else set()
            if names - set(spot['patterns'] if names else ()):
                bad.append(f'{spot["name"]}: {names}')
    assert not bad, '\n'.join(bad)


def test_nothing_healthy_is_above_ok(looks):
    bad = []
    for look in looks:
        for i, got in look.by_id.items():
            if i not in look.told.leaks and got['verdict'] not in ('ok', 'unknown'):
                spot = look.told.healthy.get(i)
                stack = look.groups[got['group']]['stack']
                where = spot['name'] if spot else ' < '.join(str(f['function']) for f in stack)
                bad.append(f'{where}: goroutine {i} is {got["verdict"]}, {got["pattern"]}')
    assert not bad, '\n'.join(bad)


def test_what_leaks_hold_is_counted(looks):
    # Less, where an old word hides something of it, too.
    assert not never(looks, is_measured), [
        (s['name'], held(look, s), s['heap_bytes']) for look in looks for s in states_bytes(look)]
    assert len(states_bytes(looks[0])) == 7


def test_nothing_is_held_that_others_have(looks):
    for look in looks:
        for spot in states_bytes(look):
            assert held(look, spot) <= (1 + HELD_WITHIN) * spot['heap_bytes'], spot['name']


def test_the_totals_are_of_those_goroutines(looks):
    for look in looks:
        assert look.json['goroutines']['likely'] == look.count('likely')
        assert look.json['goroutines']['proven'] == look.count('proven')


def test_the_quality_tells_how_it_was_seen(looks):
    for look in looks:
        quality = look.json['quality']
        assert quality['passes'] > (0 if look.grade == 'proven' else 1)
        assert quality['span_s'] > 0
        assert (quality['stopped_ms'] is not None) == (look.grade == 'proven')


@pytest.mark.parametrize('release, env', [(NEWEST, {}),
                                          ('1.26.8', {'GOEXPERIMENT': 'goroutineleakprofile'})])
def test_the_runtimes_own_detector_agrees_with_the_target(release, env):
    with Target([gobuild.build('leaks', release, **env)]) as target:
        told = Truth(target.truth)
        text = target.say('leaks').decode()
    found = {int(n) for n in re.findall(r'^goroutine (\d+) \[[^\]]*\(leaked\)', text, re.M)}
    sure = {i for i, s in told.leaks.items() if not s.get('hidden')}
    assert len(sure - found) <= 0.02 * len(sure)
    # It does not see weak pointers, and Go 1.26 not that main's select {} is as it should be.
    allowed = {i for i, s in told.healthy.items() if s['name'].endswith('a weak pointer')} | {1}
    assert found - set(told.leaks) <= allowed
