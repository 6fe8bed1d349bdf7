# SPDX-License-Identifier: Apache-2.0
"""The Go distribution's own leak programs, looked at from outside; `scripts/bench recall` runs them
often and with every release that can.
"""
import pytest

import gobuild
import leakprograms
import leakrecall

NEWEST = gobuild.releases()[-1]
# By name alone: nothing in that release could tell.
WITHOUT_DETECTOR = '1.21.13'


@pytest.fixture(scope='module')
def outcomes():
    return [leakrecall.examine(p, NEWEST) for p in leakprograms.programs(NEWEST)]


@pytest.fixture(scope='module', params=['1.26.8', WITHOUT_DETECTOR])
def older_outcomes(request):
    return [leakrecall.examine(p, request.param) for p in
            leakprograms.programs(request.param)]


def assert_recall(outcomes, grade):
    found, all_ = leakrecall.share(outcomes, grade)
    assert all_ > 0
    assert found >= leakrecall.LEAST * all_, '\n'.join(leakrecall.missed(outcomes, grade))


def assert_nothing_strange(outcomes, grade):
    bad = [line for o in outcomes for line in o.strange[grade]]
    assert not bad, '\n'.join(bad)


def test_the_answer_key_is_read():
    programs = leakprograms.programs(NEWEST)
    assert len(programs) > 80
    assert {'NoLeakGlobal', 'Cond', 'Etcd7902', 'Syncthing5795'} <= {p.name for p in programs}
    assert [p.name for p in programs if not p.leaks] == ['NoLeakGlobal', 'DaisyChain']


@pytest.mark.parametrize('grade', leakrecall.GRADES)
def test_what_the_runtime_finds_is_found(outcomes, grade):
    assert_recall(outcomes, grade)


@pytest.mark.parametrize('grade', leakrecall.GRADES)
def test_nothing_more_is_found_than_leaks(outcomes, grade):
    assert_nothing_strange(outcomes, grade)


@pytest.mark.parametrize('grade', leakrecall.GRADES)
def test_older_releases_are_seen_as_well(older_outcomes, grade):
    assert_recall(older_outcomes, grade)
    assert_nothing_strange(older_outcomes, grade)
