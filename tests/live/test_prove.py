# SPDX-License-Identifier: Apache-2.0
"""--prove: a process that was stopped goes on as if it had not been, and only the dead are dead."""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

import gobuild
from process import LOITER, PATIENCE_S, Run, Target, assert_refused, snapshot_json

OLDEST, NEWEST = gobuild.releases()[0], gobuild.releases()[-1]
# The exact pass again and again, without what else a snapshot looks at.
CHECK = os.path.join(os.path.dirname(LOITER), 'tests/unit/collect/exact-check')
# A hundred a kind in the normal run; scripts/bench prove-stops has ten thousand.
STOPS = int(os.environ.get('LOITER_STOPS', '100'))
KILLS = 20


def start(release=NEWEST, mode='cgo', prefix=()):
    return Target([gobuild.build('stopped', release, mode)], ready_prefix=prefix)


def await_turns(target):
    """Each thing that the target does goes on; nothing of it was spoiled."""
    before = target.ask('state')
    end = time.monotonic() + PATIENCE_S
    while True:
        now = target.ask('state')
        stuck = [name for name, n in now.items()
                 if name not in ('bad', 'late_us') and n <= before[name]]
        assert now['bad'] == 0, now
        if not stuck:
            return now
        assert time.monotonic() < end, f'no turn of {stuck} since'
        time.sleep(0.01)


def assert_free(pid):
    """No thread is stopped or traced."""
    for tid in os.listdir(f'/proc/{pid}/task'):
        try:
            with open(f'/proc/{pid}/task/{tid}/status', encoding='ascii') as lines:
                status = dict(line.rstrip('\n').split(':\t', 1) for line in lines if ':\t' in line)
        except (FileNotFoundError, ProcessLookupError):
            continue
        assert status['TracerPid'] == '0', status
        assert status['State'][0] not in 'Tt', status


def passes(target, times, max_ms=2000):
    argv = [CHECK, str(target.pid), str(max_ms), str(times)]
    # One that fails says why in its line; the others go on.
    run = subprocess.run(argv, stdout=subprocess.PIPE, check=False)
    return [json.loads(line) for line in run.stdout.splitlines()]


@pytest.fixture(scope='module', params=[(NEWEST, 'cgo'), (OLDEST, 'default'),
                                        ('1.22.12', 'pie-stripped')],
                ids=lambda p: f'go{p[0]}-{p[1]}')
def stopped(request):
    with start(*request.param) as t:
        yield t


def test_stops_spoil_nothing_and_prove_the_dead_alone(stopped):
    lost = set(stopped.truth['lost'])
    await_turns(stopped)
    seen = passes(stopped, STOPS)
    assert len(seen) == STOPS
    exact = [p for p in seen if p.get('why_not', '') is None]
    for p in exact:
        assert set(p['dead']) <= lost, p
    # Now and then a thread that is just at work on one, or on the list that it is in, saves some.
    assert sum(len(p['dead']) for p in exact) >= 0.9 * len(lost) * len(exact)
    # A thread that waits for a fork's child cannot be stopped, nor counts a world in between.
    assert len(exact) >= 0.7 * STOPS, [p for p in seen if p not in exact]
    await_turns(stopped)
    assert_free(stopped.pid)


def test_it_goes_on_when_we_are_killed_in_the_pause(stopped):
    for _ in range(KILLS):
        with subprocess.Popen([CHECK, str(stopped.pid), '2000', '1000'],
                              stdout=subprocess.DEVNULL) as tool:
            while stopped.status('TracerPid') == '0':
                assert tool.poll() is None
            # Anywhere between the first thread and the last.
            for _ in range(random.randrange(200)):
                pass
            tool.kill()
        await_turns(stopped)
        assert_free(stopped.pid)


def test_it_goes_on_after_ctrl_c(stopped):
    with subprocess.Popen([LOITER, 'snapshot', '--prove=2s', str(stopped.pid)],
                          stdout=subprocess.DEVNULL) as tool:
        while stopped.status('TracerPid') == '0' and tool.poll() is None:
            pass
        tool.send_signal(signal.SIGINT)
    assert tool.returncode in (0, 130)
    await_turns(stopped)
    assert_free(stopped.pid)


def check_snapshot(seen, truth):
    listed = {g['id']: g for g in seen['goroutine_list']}
    named = [i for i in truth['lost'] if listed[i]['verdict'] == 'proven']
    assert len(named) >= 0.9 * len(truth['lost']), named
    assert not {listed[i]['verdict'] for i in truth['healthy']} & {'proven', 'likely', 'suspect'}
    proven = {g['id'] for g in seen['goroutine_list'] if g['verdict'] == 'proven'}
    assert proven <= set(truth['lost'])


def prove(target, *args, **kw):
    """A snapshot with a stop; a stop that meets a fork is tried again."""
    for _ in range(10):
        run = Run('snapshot', target.pid, '--prove=2s', '--json', '--goroutines', *args, **kw)
        if run.code == 0 and not json.loads(run.out)['quality']['notes']:
            break
    assert run.code == 0, run
    return json.loads(run.out)


def test_a_snapshot_tells_how_long_the_stop_was(stopped):
    seen = prove(stopped)
    assert seen['quality']['passes'] == 1
    assert 0 < seen['quality']['stopped_ms'] < 2000
    check_snapshot(seen, stopped.truth)
    assert snapshot_json(stopped.pid)['quality']['stopped_ms'] is None


@pytest.mark.parametrize('release', ['1.22.12', '1.24.9', NEWEST])
def test_types_that_reflect_made_are_known(release):
    """They lie in the heap, and its copy is given back while it is followed."""
    with Target([gobuild.build('reflected', release)]) as target:
        seen = prove(target)
        assert seen['leaks']['why_not'] is None and seen['quality']['passes'] == 1, seen['leaks']
        proven = {g['id'] for g in seen['goroutine_list'] if g['verdict'] == 'proven'}
        # A word of the last ones may still stand somewhere.
        assert len(proven & set(target.truth['lost'])) >= 90
        assert not proven & set(target.truth['held'])


def test_what_would_take_too_long_is_refused_with_the_estimate(stopped):
    run = Run('snapshot', stopped.pid, '--prove=100us')
    if run.code == 2:
        run = Run('snapshot', stopped.pid, '--prove=1ms')
    assert_refused(run, 3, 'would stop it for about', 'longer than', '--prove=')
    assert_free(stopped.pid)


# PTRACE_SEIZE, and no more: what is seized runs on, and is let go when this ends.
TRACER = """
import ctypes, sys
assert ctypes.CDLL(None).ptrace(0x4206, int(sys.argv[1]), None, None) == 0
print("here", flush=True)
sys.stdin.read()
"""


def test_what_is_traced_already_is_refused_by_name():
    # One that gets no signals: each would stop it for that tracer.
    with Target([gobuild.build('exact', NEWEST)]) as t:
        with subprocess.Popen([sys.executable, '-c', TRACER, str(t.pid)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as tracer:
            assert tracer.stdout.readline() == b'here\n'
            run = Run('snapshot', t.pid, '--prove=2s')
            assert_refused(run, 4, f'pid {tracer.pid} traces it already')
            tracer.kill()
        assert_free(t.pid)
        assert t.say('run 10')


def test_a_process_stopped_by_a_signal_is_read_and_stays_stopped():
    with start(mode='default') as t:
        os.kill(t.pid, signal.SIGSTOP)
        while t.status('State')[0] != 'T':
            pass
        check_snapshot(prove(t), t.truth)
        assert t.status('State')[0] == 'T'
        os.kill(t.pid, signal.SIGCONT)
        await_turns(t)


def test_a_process_in_another_pid_namespace():
    with start(prefix=('unshare', '--pid', '--fork', '--mount-proc', '--kill-child')) as t:
        with open(f'/proc/{t.pid}/task/{t.pid}/children', encoding='ascii') as children:
            t.pid = int(children.read())
        check_snapshot(prove(t), t.truth)
        await_turns(t)


@pytest.mark.skipif(not shutil.which('gcore'), reason='gcore (gdb) is not installed')
def test_a_core_proves_without_a_stop(stopped, tmp_path):
    subprocess.run(['gcore', '-o', str(tmp_path / 'core'), str(stopped.pid)], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    run = Run('snapshot', '--core', tmp_path / f'core.{stopped.pid}', '--leaks', '--json',
              '--goroutines')
    assert run.code == 0, run
    seen = json.loads(run.out)
    assert seen['quality']['stopped_ms'] is None
    check_snapshot(seen, stopped.truth)
