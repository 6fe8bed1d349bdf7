# SPDX-License-Identifier: Apache-2.0
"""Servers that nobody here wrote (test_servers.py), with clients that keep them busy: requests,
clients that leave in the middle of an answer, streams, configuration that is loaded again.
"""
import base64
import http.client
import json
import socket
import threading
import time

from process import snapshot_json
from test_servers import Running, SERVERS

CLIENTS = 4
PAUSE_S = 0.005

# Goroutines that a server of Debian's really leaks, or that it means to wait for ever: {server:
# {function in the stack: why}}. Everything else that is called likely or proven is an error.
EXPLAINED = {}

PROMETHEUS = '''global:
  scrape_interval: 1s
  evaluation_interval: 1s
scrape_configs:
''' + ''.join(f'''- job_name: self{i}
  static_configs: [{{{{targets: ["127.0.0.1:{{port}}", "localhost:{{port}}"]}}}}]
''' for i in range(5))

CADDY = '''{{
	admin 127.0.0.1:{port}
}}
:{port2} {{
	bind 127.0.0.1
	respond /hello "ok"
	encode gzip
	reverse_proxy /config/* 127.0.0.1:{port} {{
		health_uri /config/
		health_interval 1s
	}}
}}
'''


def busy_server(name):
    """The Server to start, with something to do for itself."""
    files = {'prometheus': {'conf': PROMETHEUS}, 'caddy': {'conf': CADDY}}
    return SERVERS[name]._replace(files=files.get(name, SERVERS[name].files))


def ask(port, method, path, body=None, keep=None, leave=False):
    """One request; over the connection keep where there is one, else over a new one."""
    c = keep or http.client.HTTPConnection('127.0.0.1', port, timeout=10)
    try:
        headers = {'Content-Type': 'application/json'} if body else {}
        c.request(method, path, body=json.dumps(body) if body else None, headers=headers)
        if not leave:
            c.getresponse().read()
    finally:
        if not keep:
            c.close()


def b64(text):
    return base64.b64encode(text.encode()).decode()


def ask_prometheus(ports, n, keep):
    now = time.time()
    span = f'&start={now - 30:.0f}&end={now:.0f}&step=1'
    paths = ['/metrics', '/api/v1/query?query=sum(rate(prometheus_http_requests_total[10s]))',
             '/api/v1/query_range?query={__name__=~"go_.*"}' + span,
             '/api/v1/label/__name__/values', '/api/v1/status/tsdb', '/api/v1/targets',
             '/federate?match[]={job=~"self.*"}']
    ask(ports[0], 'GET', paths[n % len(paths)], keep=None if n % 3 == 0 else keep,
        leave=n % 6 == 0)


def ask_etcd(ports, n, keep):
    key = b64(f'key{n % 50}')
    if n % 10 == 9:
        # A watcher that leaves.
        with socket.create_connection(('127.0.0.1', ports[0]), timeout=10) as c:
            body = json.dumps({'create_request': {'key': key}})
            c.sendall(f'POST /v3/watch HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n'
                      f'{body}'.encode())
            c.recv(100)
        return
    calls = [('/v3/kv/put', {'key': key, 'value': b64('v' * 200)}), ('/v3/kv/range', {'key': key}),
             ('/v3/kv/range', {'key': b64('a'), 'range_end': b64('z')}),
             ('/v3/lease/grant', {'TTL': 2, 'ID': 0}), ('/v3/kv/deleterange', {'key': key}),
             ('/v3/maintenance/status', {'x': 0})]
    path, body = calls[n % len(calls)]
    ask(ports[0], 'POST', path, body, None if n % 4 == 0 else keep, leave=n % 8 == 0)


def ask_caddy(ports, n, keep):
    if n % 100 == 99:
        # The admin's end loads what it has, so that servers start and end.
        c = http.client.HTTPConnection('127.0.0.1', ports[0], timeout=10)
        c.request('GET', '/config/')
        config = json.loads(c.getresponse().read())
        config.setdefault('logging', {})['logs'] = {f'n{n}': {'level': 'ERROR'}}
        c.close()
        ask(ports[0], 'POST', '/load', config)
        return
    ask(ports[1], 'GET', ['/hello', '/config/apps', '/config/'][n % 3],
        keep=None if n % 4 == 0 else keep, leave=n % 8 == 0)


ASK = {'prometheus': ask_prometheus, 'etcd': ask_etcd, 'caddy': ask_caddy}
# What is asked over a connection that stays open goes to the port of this number.
KEPT_PORT = {'prometheus': 0, 'etcd': 0, 'caddy': 1}


class Busy(Running):
    """A server under load, until it is closed."""

    def __init__(self, name, directory):
        super().__init__(busy_server(name), directory)
        self.name, self.answers, self.failures = name, 0, 0
        self._end = threading.Event()
        self._clients = [threading.Thread(target=self._ask_on, args=(i, )) for i in range(CLIENTS)]
        for client in self._clients:
            client.start()

    def _ask_on(self, n):
        keep = http.client.HTTPConnection('127.0.0.1', self.ports[KEPT_PORT[self.name]], timeout=10)
        while not self._end.is_set():
            try:
                ASK[self.name](self.ports, n, keep)
                self.answers += 1
            except (OSError, http.client.HTTPException, ValueError):
                # One that is loading its configuration has no ear for us.
                self.failures += 1
                keep.close()
            n += 1
            self._end.wait(PAUSE_S)
        keep.close()

    def close(self):
        if hasattr(self, '_end'):
            self._end.set()
            for client in self._clients:
                client.join()
        super().close()


def leaks_seen(server, *options):
    """The snapshot, and sentences on each group that is called likely or proven for no reason."""
    seen = snapshot_json(server.pid, '--leaks', *options)
    bad = []
    for g in seen['groups']:
        functions = [f['function'] for f in g['stack']]
        why = EXPLAINED.get(server.name, {})
        if g['verdict'] in ('likely', 'proven') and not any(f in why for f in functions):
            bad.append(f'{server.name}: {g["verdict"]} {g["pattern"]}: {g["count"]} in '
                       f'{g["wait_reason"]}: {" < ".join(map(str, functions))}')
    return seen, bad
