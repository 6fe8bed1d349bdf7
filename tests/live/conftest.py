# SPDX-License-Identifier: Apache-2.0
"""Fixtures: one process of the goroutines target for each (release, mode)."""
import os
import shutil

import pytest

import gobuild
from process import LOITER, Target


def pytest_configure(config):
    if not os.access(LOITER, os.X_OK):
        raise pytest.UsageError(f'{LOITER} is not there: build it, or set LOITER')


def combinations():
    ret = [(r, m) for r in gobuild.releases() for m in ('default', 'stripped', 'pie', 'cgo')]
    oldest, newest = gobuild.releases()[0], gobuild.releases()[-1]
    for release in (oldest, newest):
        ret += [(release, m) for m in ('pie-stripped', 'cgo-stripped', 'c-shared',
                                       'c-shared-stripped')]
    return ret


def start_goroutines(release, mode):
    path = gobuild.build('goroutines', release, mode)
    if mode.startswith('c-shared'):
        return Target([gobuild.build_c('host', '-ldl'), path])
    return Target([path])


@pytest.fixture(scope='module', params=combinations(), ids=lambda c: f'go{c[0]}-{c[1]}')
def target(request):
    with start_goroutines(*request.param) as t:
        t.release, t.mode = request.param
        yield t


@pytest.fixture(scope='module')
def newest():
    """One process of the newest release, for what does not depend on the release."""
    with start_goroutines(gobuild.releases()[-1], 'stripped') as t:
        yield t


@pytest.fixture
def tiny():
    with Target([gobuild.build('tiny', gobuild.releases()[-1])]) as t:
        yield t


@pytest.fixture
def tmp_path(tmp_path):
    """pytest's own, but gone with its test: some write core files."""
    yield tmp_path
    shutil.rmtree(tmp_path)
