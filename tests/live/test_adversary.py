# SPDX-License-Identifier: Apache-2.0
"""A program whose every living reference moves or hides, and 300 leaks among them.

Short: `scripts/bench adversary` is the same for as long as one likes.
"""
import time

import pytest

import gobuild
import process
from process import Target, snapshot_json

RELEASES = (gobuild.releases()[0], gobuild.releases()[-1])
LOOKS = 2


def graded(look, *verdicts):
    """The ids of the goroutines that nothing alive reaches, so it says."""
    return {g['id'] for g in look['goroutine_list'] if g['verdict'] in verdicts}


@pytest.fixture(params=RELEASES, ids=lambda r: 'go' + r)
def adversary(request):
    with Target([gobuild.build('adversary', request.param)]) as target:
        target.leaked = set(target.truth['leaked'])
        yield target


def test_no_living_goroutine_is_likely_and_most_leaks_are(adversary):
    answers = 0
    for _ in range(LOOKS):
        look = snapshot_json(adversary.pid, '--leaks')
        dead = graded(look, 'likely', 'proven')
        wrong = {g: adversary.ask(f'who {g}') for g in dead - adversary.leaked}
        assert not wrong, look['quality']
        answers += bool(dead)
        # What words of stacks that were given away still point to stays alive, for us.
        assert not dead or len(dead) >= 0.9 * len(adversary.leaked), look['quality']
    assert answers, look['quality']
    assert adversary.ask('check') == {'ok': True, 'wrong': None}


def test_a_suspect_says_why_it_is_no_more(adversary):
    """Unasked, it takes a second: whether that is enough depends on the machine."""
    look = snapshot_json(adversary.pid)
    if graded(look, 'suspect') & adversary.leaked:
        assert any('sure' in n or '--leaks' in n for n in look['quality']['notes'])
    assert not graded(look, 'likely', 'proven') - adversary.leaked


def test_a_heap_that_grows_faster_than_it_is_read_is_given_up(monkeypatch):
    # It fights with the target for the machine.
    monkeypatch.setattr(process, 'PATIENCE_S', 240)
    release = gobuild.releases()[-1]
    with Target([gobuild.build('adversary', release), '-heap=16', '-grow=1024', '-gc=0']) as target:
        start = target.ask('status')['heap_inuse']
        begun = time.monotonic()
        look = snapshot_json(target.pid, '--leaks', '--no-memory')
        grown = target.ask('status')['heap_inuse'] - start
        dead = graded(look, 'likely', 'proven')
        assert not dead - set(target.truth['leaked'])
        # A machine with no time for the target lets it grow by less, and then it can be read.
        if grown / (time.monotonic() - begun) >= 1 << 30:
            assert not dead
            assert look['quality']['notes']
