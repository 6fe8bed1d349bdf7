# SPDX-License-Identifier: Apache-2.0
"""No goroutine of a busy server is called a leak that is none; `scripts/bench servers` looks for
ten minutes.
"""
import pytest

import busyservers

LOOKS = 8


@pytest.fixture(scope='module', params=busyservers.ASK)
def server(request, tmp_path_factory):
    running = busyservers.Busy(request.param, str(tmp_path_factory.mktemp(request.param)))
    yield running
    running.close()


@pytest.mark.parametrize('options', [(), ('--prove=1s', )], ids=['running', 'stopped'])
def test_nobody_is_called_a_leak(server, options):
    before = server.answers
    for _ in range(LOOKS):
        seen, bad = busyservers.leaks_seen(server, *options)
        assert not bad, '\n'.join(bad)
        if options:
            assert seen['quality']['stopped_ms'] > 0, seen['quality']
    assert server.answers > before, 'it was not busy'
