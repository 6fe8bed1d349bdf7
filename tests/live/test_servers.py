# SPDX-License-Identifier: Apache-2.0
"""Servers that nobody here wrote, stripped as Debian ships them, against their own pprof.

They listen on loopback and keep their data in a temporary directory. A server is busy by itself, so
its profile is taken before and after loiter's look: a group that has one size in both must have it
in loiter's answer as well.
"""
import collections
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest

import gobuild
import goprofile
from process import PATIENCE_S, snapshot

# Where scripts/setup --test unpacks Debian's packages, when PATH does not have them.
EXTRA = os.path.join(gobuild.ROOT, 'build/servers/usr/bin')
# argv after the program: {dir} its directory, {port} and {port2} free ports on loopback.
Server = collections.namedtuple('Server', 'program args files env profile')

SERVERS = {
    'prometheus': Server(
        'prometheus', ['--config.file={dir}/conf', '--storage.tsdb.path={dir}/data',
                       '--web.listen-address=127.0.0.1:{port}'],
        {'conf': 'global: {scrape_interval: 1h}\n'}, {}, 'http://127.0.0.1:{port}'),
    'node-exporter': Server(
        'prometheus-node-exporter', ['--web.listen-address=127.0.0.1:{port}'], {}, {},
        'http://127.0.0.1:{port}'),
    'etcd': Server(
        'etcd', ['--data-dir={dir}/data', '--enable-pprof',
                 '--listen-client-urls=http://127.0.0.1:{port}',
                 '--advertise-client-urls=http://127.0.0.1:{port}',
                 '--listen-peer-urls=http://127.0.0.1:{port2}',
                 '--initial-advertise-peer-urls=http://127.0.0.1:{port2}',
                 '--initial-cluster=default=http://127.0.0.1:{port2}'],
        {}, {}, 'http://127.0.0.1:{port}'),
    'caddy': Server(
        'caddy', ['run', '--config', '{dir}/conf', '--adapter', 'caddyfile'],
        {'conf': '{{\n\tadmin 127.0.0.1:{port}\n}}\n'
                 ':{port2} {{\n\tbind 127.0.0.1\n\trespond "ok"\n}}\n'},
        {'HOME': '{dir}', 'XDG_DATA_HOME': '{dir}', 'XDG_CONFIG_HOME': '{dir}'},
        'http://127.0.0.1:{port}'),
}

# Goroutines of the very request that asks for the profile.
OF_THE_REQUEST = {'net/http/pprof.handler.ServeHTTP', 'runtime/pprof.writeGoroutine',
                  'runtime/pprof.runtime_goroutineProfileWithLabels',
                  'net/http.(*connReader).backgroundRead'}


def free_ports(n):
    sockets = [socket.create_server(('127.0.0.1', 0)) for _ in range(n)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def get(url):
    request = urllib.request.Request(url, headers={'Connection': 'close'})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return answer.read().decode('utf-8', 'surrogateescape')


class Running:
    """A server that answers."""

    def __init__(self, server, directory):
        path = shutil.which(server.program, path=EXTRA + ':' + os.environ['PATH'])
        if not path:
            pytest.skip(f'{server.program} is not installed')
        port, port2 = free_ports(2)
        names = dict(dir=directory, port=port, port2=port2)
        for name, text in server.files.items():
            with open(os.path.join(directory, name), 'w', encoding='ascii') as out:
                out.write(text.format(**names) if '{port' in text else text)
        env = {k: v.format(**names) for k, v in server.env.items()}
        self.log = os.path.join(directory, 'log')
        with open(self.log, 'wb') as log:
            self._child = subprocess.Popen([path, *(a.format(**names) for a in server.args)],
                                           stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           cwd=directory, env={**os.environ, **env})
        self.pid, self.path, self.ports = self._child.pid, path, (port, port2)
        self.url = server.profile.format(**names) + '/debug/pprof/goroutine?debug='
        self._await_answer()

    def _await_answer(self):
        limit = time.monotonic() + PATIENCE_S
        while True:
            try:
                get(self.url + '1')
                return
            except (urllib.error.URLError, OSError):
                if self._child.poll() is not None or time.monotonic() > limit:
                    self.close()
                    with open(self.log, encoding='utf-8', errors='replace') as log:
                        raise AssertionError(f'it does not answer:\n{log.read()}') from None
                time.sleep(0.05)

    def profile(self):
        return goprofile.parse_debug1(get(self.url + '1'))[1]

    def close(self):
        self._child.terminate()
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


@pytest.fixture(scope='module', params=SERVERS)
def server(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp(request.param)
    running = Running(SERVERS[request.param], str(directory))
    yield running
    running.close()


def look(server):
    """What differs in one before, loiter, after."""
    before = server.profile()
    text = snapshot(server.pid, '--format', 'debug1').decode('utf-8', 'surrogateescape')
    after = server.profile()
    ours = goprofile.parse_debug1(text)[1]
    a, b = (goprofile.tally(r, OF_THE_REQUEST) for r in (before, after))
    mine = goprofile.cut_like(before + after, goprofile.tally(ours, OF_THE_REQUEST))
    # One without frames is being born: the request's own reader often is.
    still = {k: n for k, n in a.items() if b.get(k) == n and k[1]}
    assert len(still) > 1
    moved = {k for k in set(a) | set(b) if a.get(k) != b.get(k)}
    strange = {k: n for k, n in mine.items() if k not in still and k not in moved and k[1]}
    return still, mine, strange


def test_groups_equal_its_own_profile(server):
    # A group may be elsewhere for just the moment of our look: then look again.
    for _ in range(5):
        still, mine, strange = look(server)
        wrong = goprofile.difference(still, {k: n for k, n in mine.items() if k in still})
        if not wrong and not strange:
            return
    assert not wrong
    assert not goprofile.difference({}, strange)


def test_every_format_is_written_without_an_error(server, tmp_path):
    for form in ('text', 'json', 'folded', 'flamegraph', 'debug1', 'debug2'):
        assert snapshot(server.pid, '--format', form)
    path = tmp_path / 'pprof'
    snapshot(server.pid, '--format', 'pprof', '-o', path)
    top = subprocess.run(['go', 'tool', 'pprof', '-top', str(path)], capture_output=True, text=True,
                         env=gobuild.local_env(), check=True)
    assert 'runtime.gopark' in top.stdout


def test_the_answer_is_complete(server):
    seen = json.loads(snapshot(server.pid, '--json', '--goroutines'))
    assert seen['process']['exe'] == os.path.realpath(server.path)
    assert seen['process']['stripped'] is True
    assert seen['quality']['unreadable'] == 0 and seen['quality']['torn'] == 0
    for g in seen['groups']:
        assert g['stack'] or g['state'] in ('running', 'runnable', 'idle'), g
        assert all(f['function'] for f in g['stack']), g
    listening = [g['blocked_on'] for g in seen['goroutine_list']
                 if g['blocked_on'].get('tcp_state') == 'LISTEN']
    assert listening, 'no goroutine accepts connections'
    assert all(o['fd'] > 0 and o['local'] for o in listening)
