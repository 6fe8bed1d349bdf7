# SPDX-License-Identifier: Apache-2.0
"""loiter daemon as a service: ready, reloaded, watched over, ended, killed and begun anew."""
import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

import gobuild
from daemon import Daemon
from leftovers import assert_gone, kernel_objects
from process import LOITER, PATIENCE_S, Run, Target, assert_refused

OFTEN = '[daemon]\ninterval = 200ms\nbudget = 100%\n'
# What a kernel may refuse, and what it then says of it.
MACHINE = ('discovery', 'trace-locks', 'capabilities')
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='needs root, for processes of others')


def burden():
    return gobuild.build_c('burden', '-shared', '-fPIC')


def test_it_says_when_it_is_ready_and_how_it_is():
    with Daemon(config=OFTEN) as daemon:
        ready = daemon.says('ready')
        assert ready['level'] == 'notice' and ready['msg'].split()[0].isdigit()
        status = daemon.manager.until('STATUS=')[-1]
        assert int(status.split('=')[1].split()[0]) > 0
        # No line a look: who is well says nothing.
        daemon.manager.until('STATUS=')
        events = [line['event'] for line in daemon.log()]
        assert events[:1] == ['listening'] and events.count('ready') == 1
        assert set(events) <= {'listening', 'ready', *MACHINE}


def test_without_a_service_manager_it_runs_as_well():
    env = {k: v for k, v in os.environ.items() if k != 'NOTIFY_SOCKET'}
    child = subprocess.Popen([LOITER, 'daemon', '--listen', '127.0.0.1:0', '--interval', '200ms',
                              '--state', 'none'], stderr=subprocess.PIPE, text=True, env=env)
    try:
        while 'event=ready' not in child.stderr.readline():
            assert child.poll() is None
        child.send_signal(signal.SIGTERM)
        assert child.wait(PATIENCE_S) == 0
    finally:
        child.kill()
        child.wait()
        child.stderr.close()


@pytest.mark.parametrize('number', (signal.SIGTERM, signal.SIGINT))
def test_a_signal_ends_it_well(number):
    with Daemon(config=OFTEN) as daemon:
        daemon.signal(number)
        assert daemon.manager.until('STOPPING=1')
        assert daemon.ends() == 0
        assert f'from process {os.getpid()}' in daemon.says('stopping')['msg']


def test_a_signal_that_the_parent_ignores_counts_all_the_same():
    def ignore():
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    with Daemon(config=OFTEN, preexec_fn=ignore) as daemon:
        daemon.signal(signal.SIGHUP)
        daemon.says('reloaded')
        daemon.signal(signal.SIGTERM)
        assert daemon.ends() == 0


def test_a_reload_says_what_has_changed_and_from_when_it_counts():
    with Daemon(config=OFTEN) as daemon:
        daemon.reload('[daemon]\ninterval = 150ms\nbudget = 100%\n[cells]\ndeadline = 9s\n')
        now, later = daemon.says('config-changed'), daemon.says('config-changed')
        assert (now['key'], now['old'], now['new'], now['level']) == \
            ('interval', '200ms', '150ms', 'info')
        assert (later['key'], later['level']) == ('deadline', 'warning')
        assert 'next start' in later['msg']
        daemon.says('reloaded')
        heard = daemon.manager.until('RELOADING=1')
        begun = int(heard[-1].split('MONOTONIC_USEC=')[1])
        assert begun <= time.monotonic_ns() // 1000
        daemon.manager.until('READY=1')
        # And it goes on.
        daemon.manager.until('STATUS=')


def test_an_option_stays_over_the_file():
    with Daemon('--interval', '300ms', config='[daemon]\nbudget = 50%\n') as daemon:
        daemon.reload('[daemon]\nbudget = 40%\ninterval = 7s\n')
        daemon.says('reloaded')
        assert [line['key'] for line in daemon.log() if line['event'] == 'config-changed'] == \
            ['budget']


@pytest.mark.parametrize('text, line, word', (
    ('[daemon]\nintervall = 3s\n', 2, 'intervall'),
    ('[daemon]\ninterval = 3 weeks\n', 2, 'duration'),
    ('[daemon]\ninterval\n', 2, 'neither'),
    ('\0\0\0', 1, 'NUL'),
))
def test_a_bad_file_is_refused_and_the_old_one_stays(text, line, word):
    with Daemon(config=OFTEN) as daemon:
        daemon.reload(text)
        refused = daemon.says('reload-refused')
        assert refused['level'] == 'error' and refused['file'] == daemon.path
        assert f'{daemon.path}:{line}' in refused['msg'] and word in refused['msg']
        assert refused['msg'].endswith('; the old configuration stays')
        # A manager that waits for the end of a reload is not left waiting.
        daemon.manager.until('RELOADING=1')
        daemon.manager.until('READY=1')
        daemon.manager.until('STATUS=')
        daemon.reload(OFTEN)
        daemon.says('reloaded')
        assert 'config-changed' not in [line['event'] for line in daemon.log()]


def test_a_file_that_has_gone_is_refused_too():
    with Daemon(config=OFTEN) as daemon:
        os.unlink(daemon.path)
        daemon.signal(signal.SIGHUP)
        assert 'No such file' in daemon.says('reload-refused')['msg']
        assert daemon.alive()


def test_reloads_in_a_row_are_no_flood():
    with Daemon(config=OFTEN) as daemon:
        for _ in range(40):
            daemon.reload('[daemon]\nnonsense = 1\n')
            daemon.manager.until('RELOADING=1')
            daemon.manager.until('READY=1')
        assert len([line for line in daemon.log() if line['event'] == 'reload-refused']) == 10
        daemon.manager.until('STATUS=')


@pytest.mark.parametrize('text, words', (
    ('[daemon]\nintervall = 3s\n', (':2', '"intervall"', 'loiter.conf(5)')),
    ('[deamon]\ninterval = 3s\n', (':2', '[deamon]')),
    ('[daemon]\ninterval = 3s\ninterval = 4s\n', (':3: interval', ':2')),
    ('[http]\nlisten = 0.0.0.0:1\n', (':2: listen', 'token-file')),
))
def test_a_bad_file_at_the_start_is_one_sentence(tmp_path, text, words):
    path = tmp_path / 'loiter.conf'
    path.write_text(text)
    assert_refused(Run('daemon', '--config', path), 2, str(path), *words)


@pytest.mark.parametrize('args, words', (
    (('--interval', 'often'), ('--interval', '"often" is not a duration')),
    (('--interval', '1ms'), ('--interval', 'too little')),
    (('--budget', '200'), ('--budget', 'percentage')),
    (('--listen', 'localhost'), ('--listen', 'address')),
    (('--listen', '0.0.0.0:9646'), ('--listen', 'token-file')),
    (('--otlp', 'collector'), ('--otlp', 'HTTP')),
    (('--state', 'here'), ('--state', 'absolute')),
    (('--config', '/nowhere/at/all'), ('/nowhere/at/all', 'No such file')),
    (('4242',), ('4242', 'one argument too many')),
))
def test_a_bad_option_is_one_sentence(args, words):
    assert_refused(Run('daemon', *args), 2, *words)


def test_killed_and_begun_anew_it_leaves_nothing_behind():
    with Daemon(config=OFTEN) as daemon:
        daemon.says('ready')
        left = kernel_objects(daemon.pid)
        assert daemon.kill() == -signal.SIGKILL
        assert_gone(left)
        daemon.start()
        daemon.says('ready')
        daemon.signal(signal.SIGTERM)
        assert daemon.ends() == 0


def test_the_watchdog_is_fed_for_as_long_as_it_looks(tmp_path):
    stall = tmp_path / 'stall'
    with Daemon(config=OFTEN, watchdog_s=1,
                env={'LD_PRELOAD': burden(), 'BURDEN_STALL': str(stall)}) as daemon:
        daemon.manager.until('WATCHDOG=1')
        stall.touch()
        # Not fed for longer than the manager would wait. A machine that is short of CPU may have
        # kept a look waiting before, which then went on.
        end = time.monotonic() + PATIENCE_S
        while daemon.manager.hears(2.5):
            assert time.monotonic() < end
        until_stuck(daemon)
        # Reloads are answered meanwhile.
        daemon.signal(signal.SIGHUP)
        daemon.says('reloaded')
        stall.unlink()
        daemon.says('look-goes-on')
        daemon.manager.until('WATCHDOG=1')


def until_stuck(daemon):
    """Waits until it has said, last of all, that a look is stuck."""
    end = time.monotonic() + PATIENCE_S
    while [line['event'] for line in daemon.log()
           if line['event'] in ('look-stuck', 'look-goes-on')][-1:] != ['look-stuck']:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_look_that_does_not_end_does_not_keep_it_from_ending(tmp_path):
    stall = tmp_path / 'stall'
    with Daemon(config=OFTEN, watchdog_s=1,
                env={'LD_PRELOAD': burden(), 'BURDEN_STALL': str(stall)}) as daemon:
        stall.touch()
        while daemon.manager.hears(2.5):
            assert daemon.alive()
        until_stuck(daemon)
        daemon.signal(signal.SIGTERM)
        assert daemon.ends() == 0
        assert daemon.log()[-1]['event'] == 'look-left'


def test_a_target_that_cannot_be_read_to_the_end_holds_up_nobody():
    with Target([gobuild.build_c('climber', '-pthread', '-g'), 'stuck']) as stuck, \
         Daemon(config=OFTEN, watchdog_s=5) as daemon:
        daemon.manager.until('WATCHDOG=1')
        for _ in range(3):
            daemon.manager.until('STATUS=')
        assert stuck.alive() and not [line for line in daemon.log() if line['level'] == 'error']


def test_over_its_cap_on_memory_it_forgets_and_goes_on():
    with Daemon('--interval', '200ms', config='[daemon]\nmemory-max = 32M\n',
                env={'LD_PRELOAD': burden(), 'BURDEN_MIB': '64'}) as daemon:
        said = daemon.says('memory-cap')
        assert int(said['rss_bytes']) > int(said['memory_max_bytes']) == 32 << 20
        for _ in range(3):
            daemon.manager.until('STATUS=')
        # Not at every look: it would never know anything.
        assert len([line for line in daemon.log() if line['event'] == 'memory-cap']) == 1


def test_a_reader_of_the_log_that_does_not_read_holds_up_nobody():
    ours, its = os.pipe()
    with open('/dev/null', 'wb') as null:
        child = None
        try:
            os.set_blocking(its, False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(its, b'x' * 4096)
            os.set_blocking(its, True)
            child = subprocess.Popen([LOITER, 'daemon', '--listen', '127.0.0.1:0', '--state',
                                      'none', '--interval', '200ms'], stdout=null, stderr=its)
            os.close(its)
            # It has its signals in hand once it has a descriptor for them.
            end = time.monotonic() + PATIENCE_S
            while not any('signalfd' in link for link in links(child.pid)):
                assert time.monotonic() < end
            child.send_signal(signal.SIGTERM)
            assert child.wait(PATIENCE_S) == 0
        finally:
            os.close(ours)
            if child:
                child.kill()
                child.wait()


def links(pid):
    """What the descriptors of a process are."""
    found = []
    for fd in os.listdir(f'/proc/{pid}/fd'):
        try:
            found.append(os.readlink(f'/proc/{pid}/fd/{fd}'))
        except OSError:
            continue
    return found


def test_every_key_is_in_the_man_page():
    done = subprocess.run([sys.executable, os.path.join(gobuild.ROOT, 'scripts/check-man')],
                          stdout=subprocess.PIPE, text=True, check=False,
                          env={**os.environ, 'LOITER': LOITER})
    assert done.returncode == 0, done.stdout
