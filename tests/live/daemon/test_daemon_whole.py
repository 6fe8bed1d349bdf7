# SPDX-License-Identifier: Apache-2.0
"""loiter daemon as a whole: what hangs there, what is asked of one process, and who may ask."""
import http.server
import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request

import pytest

from daemon import Daemon
from process import PATIENCE_S

OFTEN = '[daemon]\ninterval = 500ms\nbudget = 100%\n'
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='needs root, for processes of others')


def get(base, path, **headers):
    """(status, body) of an answer, also of one that refuses."""
    request = urllib.request.Request(base + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


def base_of(daemon):
    return daemon.says('listening')['msg'].rstrip('/')


def until(ready):
    end = time.monotonic() + PATIENCE_S
    while not (found := ready()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def children(pid):
    """Those of a process, and theirs."""
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as file:
        own = [int(word) for word in file.read().split()]
    return own + [below for child in own for below in children(child)]


@pytest.fixture(scope='module')
def served():
    with Daemon(config=OFTEN) as daemon:
        yield daemon, base_of(daemon)


def name_of(base, target):
    """PID-STARTTIME of a target, once it is seen."""
    def listed():
        return [t['labels']['__param_proc'] for t in json.loads(get(base, '/targets')[1])
                if t['labels']['__param_proc'].startswith(f'{target.pid}-')]

    return until(listed)[0]


@pytest.mark.parametrize('path, begin', (
    ('/', b'<!'), ('/metrics', b'#'), ('/targets', b'['), ('/api/v1/processes', b'{'),
    ('/healthz', b'ok'), ('/readyz', b'ready')))
def test_what_is_asked_for_often_is_there_once_it_is_ready(served, path, begin):
    status, body = get(served[1], path)
    assert status == 200 and body.lower().startswith(begin), (status, body[:200])


def test_a_process_is_looked_at_when_it_is_asked_for(served, tiny):
    _, base = served
    name = name_of(base, tiny)
    status, body = get(base, f'/api/v1/snapshot?proc={name}')
    snapshot = json.loads(body)
    assert status == 200 and snapshot['process']['pid'] == tiny.pid
    status, body = get(base, f'/proc/{name}/debug/pprof/goroutine?debug=1')
    assert status == 200 and body.startswith(b'goroutine profile: total ')
    status, body = get(base, f'/proc/{name}/')
    assert status == 200 and b'class="spark' in body
    tiny.kill()
    tiny.wait()
    assert get(base, f'/debug/pprof/goroutine?proc={name}')[0] in (404, 410)


def test_it_may_do_no_more_than_it_has_to(served):
    daemon, _ = served
    with open(f'/proc/{daemon.pid}/status', encoding='ascii') as lines:
        status = dict(line.rstrip('\n').split(':\t', 1) for line in lines if ':\t' in line)
    assert int(status['Seccomp']) == 2
    # SYS_ADMIN, DAC_OVERRIDE, NET_ADMIN, SYS_MODULE, SYS_RAWIO
    for bit in (21, 1, 12, 16, 17):
        assert not int(status['CapEff'], 16) >> bit & 1
    with open(f'/proc/{daemon.pid}/limits', encoding='ascii') as lines:
        core = next(line for line in lines if line.startswith('Max core file size'))
    assert core.split()[4:6] == ['0', '0']


@pytest.mark.parametrize('number', (signal.SIGTERM, signal.SIGKILL))
def test_none_of_its_processes_is_left(number):
    with Daemon(config=OFTEN) as daemon:
        daemon.says('ready')
        own = children(daemon.pid)
        assert own
        daemon.signal(number)
        daemon.ends()
        until(lambda: not [pid for pid in own if os.path.exists(f'/proc/{pid}')])


def test_who_knows_the_token_may_ask_and_a_new_one_counts_after_a_reload(tmp_path):
    token = tmp_path / 'token'
    token.write_text('first-of-the-tokens\n')
    config = f'{OFTEN}[http]\ntoken-file = {token}\n'
    with Daemon(config=config) as daemon:
        base = base_of(daemon)
        assert get(base, '/metrics')[0] == 401
        assert get(base, '/metrics', Authorization='Bearer first-of-the-tokens')[0] == 200
        token.write_text('second-of-the-tokens\n')
        daemon.reload(config)
        daemon.says('reloaded')
        assert get(base, '/metrics', Authorization='Bearer first-of-the-tokens')[0] == 401
        assert get(base, '/metrics', Authorization='Bearer second-of-the-tokens')[0] == 200
        token.write_text('short\n')
        daemon.reload(config)
        assert 'token' in daemon.says('reload-refused')['msg']
        assert get(base, '/metrics', Authorization='Bearer second-of-the-tokens')[0] == 200


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes whatever comes."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.server.seen.append((self.path, self.headers['X-Key'], len(body)))
        self.send_response(200)
        self.send_header('Content-Type', 'application/x-protobuf')
        self.send_header('Content-Length', '0')
        self.end_headers()

    def log_message(self, *_):
        pass


def test_a_collector_is_told(tmp_path):
    headers = tmp_path / 'headers'
    headers.write_text('# mine\nX-Key: 7\n')
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Collector) as server:
        server.seen = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f'http://127.0.0.1:{server.server_port}'
        with Daemon('--otlp', url,
                    config=f'{OFTEN}[otlp]\ninterval = 1s\nheaders-file = {headers}\n'):
            until(lambda: [s for s in server.seen if s[:2] == ('/v1/metrics', '7') and s[2] > 0])
        server.shutdown()


def test_what_it_knew_is_there_after_a_restart():
    with Daemon(config=OFTEN) as daemon:
        daemon.says('ready')
        daemon.signal(signal.SIGTERM)
        assert daemon.ends() == 0
        assert os.stat(daemon.state).st_mode & 0o777 == 0o700
        assert sum(entry.stat().st_size for entry in os.scandir(daemon.state)) > 0
        daemon.start()
        daemon.says('ready')
        assert not [line for line in daemon.log() if line['event'] == 'state-file']


def test_an_address_that_is_taken_is_one_sentence(served):
    daemon, base = served
    with Daemon('--listen', base.split('//')[1], config=OFTEN, ready=False) as second:
        assert second.ends() in (2, 3, 4, 6)
        said = [line for line in second.log() if 'event' not in line]
        assert len(said) <= 1
    assert daemon.alive()
