# SPDX-License-Identifier: Apache-2.0
"""The first command of the README, and what loiter says of the service that it starts."""
import json
import os
import re
import signal
import subprocess

import pytest

import gobuild
from process import PATIENCE_S, Target, snapshot_json

QUICKSTART = os.path.join(gobuild.ROOT, 'scripts/quickstart')


@pytest.fixture(scope='module')
def demo(tmp_path_factory):
    path = tmp_path_factory.mktemp('demo') / 'demo'
    subprocess.run(['go', 'build', '-buildvcs=false', '-ldflags=-s -w', '-o', path, '.'],
                   cwd=os.path.join(gobuild.ROOT, 'scripts/demo'), check=True,
                   env={**os.environ, 'GOFLAGS': '', 'GOWORK': 'off'})
    with Target([str(path)]) as service:
        service.snapshot = snapshot_json(service.pid)
        yield service


def groups_with(snapshot, function):
    return [g for g in snapshot['groups']
            if any(frame['function'] == function for frame in g['stack'])]


def test_every_leak_of_the_demo_is_a_group_of_its_size(demo):
    for function, count in demo.truth['leaks'].items():
        assert [g['count'] for g in groups_with(demo.snapshot, function)] == [count], function


def test_the_demo_waits_on_what_its_sources_say(demo):
    (send,) = groups_with(demo.snapshot, 'main.askSupplier')
    assert send['wait_reason'] == 'chan send'
    assert send['created_by']['function'] == 'main.(*shop).price'
    assert send['blocked_on']['type'] == 'int'
    assert send['blocked_on']['cap'] == 0
    (lock,) = groups_with(demo.snapshot, 'main.(*shop).lookUp')
    assert lock['blocked_on']['kind'] == 'mutex'
    (nil,) = groups_with(demo.snapshot, 'main.(*shop).awaitReload')
    assert (nil['verdict'], nil['pattern']) == ('proven', 'nil-chan-recv')


def test_nothing_healthy_of_the_demo_is_proven(demo):
    proven = {g['stack'][0]['function'] + g['pattern'] for g in demo.snapshot['groups']
              if g['verdict'] == 'proven'}
    assert len(proven) == 1, proven
    (workers,) = groups_with(demo.snapshot, 'main.(*shop).work')
    assert workers['count'] == 8


def running(pid):
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as stat:
            return stat.read().rpartition(')')[2].split()[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_quickstart_shows_the_leaks_and_leaves_nothing_running():
    done = subprocess.run([QUICKSTART], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=10 * PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    leaked = json.loads(re.search(r'has leaked (\{.*\})', done.stderr)[1])
    for function in ('main.askSupplier', 'main.(*shop).awaitReload'):
        assert re.search(rf'\b{leaked[function]}\b.*{re.escape(function)}', done.stdout), done.stdout
    assert not running(re.search(r'loiter snapshot (\d+)', done.stderr)[1])


def test_quickstart_takes_a_pid(tiny):
    done = subprocess.run([QUICKSTART, str(tiny.pid)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=10 * PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    assert f'pid {tiny.pid}' in done.stdout
    assert tiny.alive()


def test_quickstart_cleans_up_when_interrupted():
    script = subprocess.Popen([QUICKSTART], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, start_new_session=True)
    for line in script.stdout:
        started = re.search(r'loiter snapshot (\d+)', line)
        if started:
            break
    assert started and running(started[1])
    os.killpg(script.pid, signal.SIGINT)
    script.communicate(timeout=PATIENCE_S)
    assert not running(started[1])
