# SPDX-License-Identifier: Apache-2.0
"""The systemd unit: without complaints, closed, and what it leaves open is enough to work with."""
import os
import re
import shutil
import subprocess

import pytest

import gobuild
from daemon import Daemon
from process import LOITER, Run, Target

HERE = os.path.dirname(os.path.abspath(__file__))
UNIT = os.path.join(gobuild.ROOT, 'scripts/deploy/systemd/loiter.service.in')
# Of 10: 0 is closed, systemd calls up to 5 "medium" and the stock service 9.6.
EXPOSURE = 2.5

has_systemd = pytest.mark.skipif(not shutil.which('systemd-analyze'), reason='no systemd-analyze')
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')


def settings():
    """{key: [values]} of [Service]."""
    ret = {}
    with open(UNIT, encoding='utf-8') as lines:
        for line in lines.read().split('[Service]')[1].split('[Install]')[0].splitlines():
            if '=' in line and not line.startswith('#'):
                key, value = line.split('=', 1)
                ret.setdefault(key, []).append(value)
    return ret


@pytest.fixture
def unit(tmp_path):
    """As it is installed, of the program and configuration that are here."""
    with open(UNIT, encoding='utf-8') as file:
        text = file.read().replace('@bindir@', os.path.dirname(LOITER))
    path = tmp_path / 'loiter.service'
    path.write_text(text.replace('@sysconfdir@', '/etc'))
    return path


def analyze(*words):
    return subprocess.run(['systemd-analyze', *words], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)


@has_systemd
def test_systemd_understands_all_of_it(unit):
    done = analyze('verify', '--man=no', str(unit))
    assert done.returncode == 0 and not done.stdout.strip(), done.stdout


@has_systemd
def test_it_is_closed_but_for_what_it_needs(unit):
    done = analyze('security', '--offline=true', '--no-pager', str(unit))
    level = re.search(r'Overall exposure level for \S+: ([\d.]+)', done.stdout)
    assert level and float(level[1]) <= EXPOSURE, done.stdout


def as_service(*argv):
    """
    A command line that has the rights that the unit leaves, and no more: its capabilities and system
    calls, and files that cannot be written but in directories of /tmp.
    """
    words = settings()
    assert words['AmbientCapabilities'] == words['CapabilityBoundingSet']
    capabilities = ','.join('+' + name.removeprefix('CAP_').lower()
                            for name in words['AmbientCapabilities'][0].split())
    read_only = ('mount --make-rprivate / && mount --bind /tmp /tmp && mount -o remount,bind,ro / && '
                 'exec "$@"')
    return ['unshare', '--mount', 'sh', '-c', read_only, 'sh',
            'setpriv', '--reuid=61184', '--regid=61184', '--clear-groups', '--no-new-privs',
            f'--inh-caps=-all,{capabilities}', f'--ambient-caps=-all,{capabilities}',
            f'--bounding-set=-all,{capabilities}',
            '/usr/bin/python3', os.path.join(HERE, 'closed.py'), UNIT, *map(str, argv)]


class Service(Daemon):
    """A daemon with those rights."""

    def start(self, ready=True):
        os.chmod(self._dir.name, 0o777)
        if self.argv[0] != 'unshare':
            self.argv = as_service(*self.argv)
        super().start(ready)


@pytest.fixture
def others():
    """A Go process of root's."""
    with Target([gobuild.build('tiny', gobuild.releases()[-1])]) as target:
        yield target


@has_systemd
@needs_root
def test_its_capabilities_are_enough_to_trace(others):
    done = subprocess.run(as_service(LOITER, 'doctor', '--json', others.pid), text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0, done
    plain = Run('doctor', '--json', others.pid)
    assert done.stdout == plain.out.decode(), 'doctor has another answer than for root'


@has_systemd
@needs_root
def test_its_capabilities_are_enough_for_a_snapshot(others):
    done = subprocess.run(as_service(LOITER, 'snapshot', '--json', '--memory', others.pid),
                          text=True, capture_output=True, check=False)
    assert done.returncode == 0 and '"unexplained_bytes"' in done.stdout, done


@has_systemd
@needs_root
def test_the_daemon_works_with_them(others):
    with Service(watchdog_s=60) as service:
        ready = service.says('ready')
        assert re.search(r'\b[1-9]\d* of them Go', ready['msg']), ready
        with open(f'/proc/{service.pid}/status', encoding='ascii') as status:
            assert re.search(r'^Uid:\s61184\s', status.read(), re.M)
        service.reload('[daemon]\nlog-level = debug\n')
        service.says('reloaded')


@has_systemd
@needs_root
def test_the_rules_are_in_force_in_these_tests(tmp_path):
    """Otherwise those above would prove nothing."""
    tmp_path.chmod(0o777)
    attempts = {'open("/etc/loiter-test", "w")': 'Read-only file system',
                '__import__("os").chown(%r, 0, 0)' % str(tmp_path): 'Operation not permitted',
                '__import__("os").setuid(0)': 'Operation not permitted',
                '__import__("socket").socket(16, 3)': 'Operation not permitted',
                '__import__("mmap").mmap(-1, 4096, prot=7)': 'Permission denied'}
    for attempt, refusal in attempts.items():
        done = subprocess.run(as_service('/usr/bin/python3', '-c', attempt), text=True,
                              capture_output=True, check=False)
        assert done.returncode == 1 and refusal in done.stderr, (attempt, done)


def test_its_program_gets_no_core_file_and_no_new_rights():
    words = settings()
    assert words['LimitCORE'] == ['0'] and words['NoNewPrivileges'] == ['yes']
    # notify-reload is of systemd 253; Debian 12 has 252.
    assert words['Type'] == ['notify'] and words['ExecReload'] == ['/bin/kill -HUP $MAINPID']
