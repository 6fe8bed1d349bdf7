#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Talks to the real HTTP server over made-up cells, as scrapers, people and attackers do.

check_http.py HTTP_SERVE [NAME...]    all checks, or those whose names contain NAME
"""
import base64
import contextlib
import gzip
import inspect
import os
import resource
import select
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

LONG = 30   # seconds that nothing here takes unless it is broken
T1 = 'proc=1-7'
SLOW = 500


class Server:
    def __init__(self, *options):
        self.process = subprocess.Popen([sys.argv[1], *options], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        ready = self.process.stdout.readline().split()
        self.port = int(ready[1]) if ready else None

    def tell(self, line):
        self.process.stdin.write(line + '\n')
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip('\n')

    def counts(self):
        return dict(zip(('requests', 'refused', 'failed', 'sent_away'),
                        map(int, self.tell('counts').split())))

    def connect(self):
        return socket.create_connection(('127.0.0.1', self.port), LONG)

    def get(self, path, **more):
        with self.connect() as s:
            return ask(s, path, **more)


@contextlib.contextmanager
def serving(*options, publish=True):
    server = Server(*options)
    assert server.port, options
    try:
        if publish:
            server.tell('publish')
        yield server
        server.process.stdin.write('quit\n')
        server.process.stdin.flush()
        assert server.process.stdout.readline() == 'closed\n'
        assert server.process.wait(LONG) == 0
    finally:
        server.process.kill()
        server.process.wait()


class Reply:
    def __init__(self, head, body):
        lines = head.decode('latin-1').split('\r\n')
        self.status = int(lines[0].split()[1])
        self.fields = [(k.lower(), v.strip()) for k, v in (x.split(':', 1) for x in lines[1:])]
        self.headers = dict(self.fields)
        self.body = body

    def __repr__(self):
        return f'{self.status} {self.headers} {self.body[:200]!r}'


def request(path, method='GET', host='127.0.0.1', headers=(), version='1.1'):
    lines = [f'{method} {path} HTTP/{version}']
    lines += [f'Host: {host}'] if host is not None else []
    return '\r\n'.join([*lines, *headers, '', '']).encode('latin-1')


def read_reply(s, head_only=False):
    """One reply, or None when the connection ends without one."""
    data = b''
    while b'\r\n\r\n' not in data:
        more = s.recv(65536)
        if not more:
            return None
        data += more
    head, body = data.split(b'\r\n\r\n', 1)
    reply = Reply(head, body)
    want = 0 if head_only or reply.status == 304 else int(reply.headers['content-length'])
    while len(reply.body) < want:
        more = s.recv(1 << 20)
        assert more, reply
        reply.body += more
    return reply


def ask(s, path, **more):
    s.sendall(request(path, **more))
    return read_reply(s, more.get('method') == 'HEAD')


def wait_for(what):
    until = time.monotonic() + LONG
    while not what():
        assert time.monotonic() < until
        time.sleep(0.01)


def is_closed(s):
    """The peer ends it, sooner or later."""
    try:
        while s.recv(65536):
            pass
    except (ConnectionError, ssl.SSLError):
        pass
    return True


def published_bodies_are_served_with_their_types():
    with serving() as s:
        for path, kind, body in (
                ('/', 'text/html; charset=utf-8', b'<!DOCTYPE html><title>x</title>'),
                ('/metrics', 'text/plain; version=0.0.4; charset=utf-8', b'up 1\n'),
                ('/targets', 'application/json', b'[]'),
                ('/api/v1/processes?x=1', 'application/json', b'{}' + 100000 * b' '),
                ('/healthz', 'text/plain; charset=utf-8', b'ok\n'),
                ('/readyz', 'text/plain; charset=utf-8', b'ready\n')):
            r = s.get(path)
            assert (r.status, r.headers['content-type'], r.body) == (200, kind, body), r
            assert r.headers['x-content-type-options'] == 'nosniff'
            assert r.headers['referrer-policy'] == 'no-referrer'
            csp = r.headers['content-security-policy']
            assert csp.startswith("default-src 'none'") and "script-src 'sha256-abc='" in csp
        r = s.get('/metrics', headers=['Accept: application/openmetrics-text;version=1.0.0,'
                                       'text/plain;version=0.0.4;q=0.5,*/*;q=0.1'])
        assert r.headers['content-type'].startswith('application/openmetrics-text'), r
        assert r.body == b'# EOF\n' and 'Accept' in r.headers['vary']


def before_the_first_look_there_is_nothing_to_scrape():
    with serving('--stale-s', '1', publish=False) as s:
        for path in ('/', '/metrics', '/targets', '/api/v1/processes', '/readyz'):
            r = s.get(path)
            assert r.status == 503 and int(r.headers['retry-after']) > 0, r
        assert s.get('/healthz').status == 200
        # Without a look for longer than that, it is not well.
        wait_for(lambda: s.get('/healthz').status == 503)
        s.tell('publish')
        assert s.get('/healthz').status == 200 and s.get('/readyz').status == 200


def what_has_not_changed_is_not_sent_again():
    with serving() as s:
        tag = s.get('/metrics').headers['etag']
        assert s.get('/metrics', headers=['Accept: application/openmetrics-text']
                     ).headers['etag'] != tag
        r = s.get('/metrics', headers=[f'If-None-Match: W/{tag}'])
        assert r.status == 304 and r.headers['etag'] == tag and not r.body, r
        s.tell('publish')
        assert s.get('/metrics', headers=[f'If-None-Match: {tag}']).status == 200


def large_bodies_are_packed_for_who_takes_that():
    with serving() as s:
        # The node's page is small, and goes as it is.
        assert 'content-encoding' not in s.get('/', headers=['Accept-Encoding: gzip']).headers
        tags = {s.get('/api/v1/processes').headers['etag']}
        for _ in range(3):
            big = s.get('/api/v1/processes')
            packed = s.get('/api/v1/processes', headers=['Accept-Encoding: br, gzip;q=0.5'])
            assert packed.headers['content-encoding'] == 'gzip', packed
            assert gzip.decompress(packed.body) == big.body and len(packed.body) < len(big.body)
            assert 'Accept-Encoding' in big.headers['vary']
            assert 'content-encoding' not in big.headers
            assert packed.headers['etag'] != big.headers['etag']
            again = s.get('/api/v1/processes', headers=[
                'Accept-Encoding: gzip', f'If-None-Match: {packed.headers["etag"]}'])
            assert again.status == 304, again
            tags |= {big.headers['etag'], packed.headers['etag']}
            s.tell('publish')
        assert len(tags) == 6


def a_connection_serves_many_requests():
    with serving() as s, s.connect() as c:
        for path in ('/metrics', '/nosuch', f'/debug/pprof/heap?{T1}', '/debug/pprof/heap',
                     '/healthz'):
            r = ask(c, path)
            assert r.headers.get('connection', '').lower() != 'close', r
        c.sendall(request('/healthz') * 3)
        got = b''
        while got.count(b'ok\n') < 3:
            more = c.recv(65536)
            assert more, got
            got += more


def head_is_get_without_the_body():
    with serving() as s, s.connect() as c:
        for path in ('/metrics', '/nosuch', f'/debug/pprof/heap?{T1}', '/'):
            get, head = ask(c, path), ask(c, path, method='HEAD')
            assert head.status == get.status and head.body == b'', head
            for name in ('content-type', 'content-length'):
                assert head.headers[name] == get.headers[name]


def other_methods_are_refused():
    with serving() as s:
        for method in ('POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'CONNECT', 'TRACE', 'BREW'):
            r = s.get('/metrics', method=method)
            assert (r.status, r.headers['allow']) == (405, 'GET, HEAD'), (method, r)
        r = s.get('/debug/pprof/symbol', method='POST', headers=['Content-Length: 3'])
        assert r.status == 413, r
        assert s.get('/metrics', headers=['Content-Length: 1000000000']).status == 413
        assert s.get('/metrics', headers=['Transfer-Encoding: chunked']).status == 413
        assert s.get('/metrics', headers=['Content-Length: 0']).status == 200
        assert s.tell('note').startswith('413 127.0.0.1 ')


def a_host_that_is_not_ours_is_misdirected():
    with serving('--host', 'node7') as s:
        for host in ('localhost', '127.0.0.1:9646', '[::1]:1', 'NODE7', 'node7:80'):
            assert s.get('/metrics', host=host).status == 200, host
        for host in ('evil.example', 'node7.evil.example', '127.0.0.1.evil.example', ''):
            assert s.get('/metrics', host=host).status == 421, host
        assert s.get('/metrics', headers=['Host: evil.example']).status == 400
        assert s.get('/metrics', host=None).status == 400
        assert s.get('/metrics', host=None, version='1.0').status == 200
        assert s.get('/metrics', host='evil.example', version='1.0').status == 421


def all_addresses_are_of_both_kinds():
    with tempfile.NamedTemporaryFile('w') as f:
        f.write('t' * 20)
        f.flush()
        # Where there is no IPv6, it is the older kind alone.
        with serving('--token-file', f.name, '--listen', '::') as s:
            assert s.get('/healthz').status == 200
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(('::1', 0))
    except OSError:
        return
    with serving('--listen', '::1') as s:
        with socket.create_connection(('::1', s.port), LONG) as c:
            assert ask(c, '/metrics', host=f'[::1]:{s.port}').status == 200


def a_page_of_another_server_may_link_but_not_fetch():
    link = ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate']
    image = ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: no-cors']
    with serving('--prove', '100') as s:
        assert s.get('/', headers=link).status == 200
        assert s.get(f'/api/v1/snapshot?{T1}', headers=image).status == 403
        assert s.get(f'/api/v1/snapshot?{T1}&prove=50', headers=link).status == 403
        assert s.get(f'/api/v1/snapshot?{T1}&prove=50',
                     headers=['Sec-Fetch-Site: same-origin']).status == 200


def profiles_are_as_net_http_pprof_has_them():
    with serving() as s:
        for what, name in enumerate(('goroutine', 'goroutineleak', 'heap', 'threadcreate'), 3):
            for path in (f'/debug/pprof/{name}?{T1}', f'/proc/1-7/debug/pprof/{name}'):
                r = s.get(path)
                assert r.status == 200, r
                assert r.headers['content-type'] == 'application/octet-stream'
                assert r.headers['content-disposition'] == f'attachment; filename="{name}"'
                assert r.body == b'what %d start 7 debug 0 prove 0' % what
            r = s.get(f'/debug/pprof/{name}?{T1}&debug=1')
            assert r.headers['content-type'] == 'text/plain; charset=utf-8'
            assert 'content-disposition' not in r.headers and b'debug 1' in r.body
        assert b'debug 2' in s.get(f'/debug/pprof/goroutine?{T1}&debug=2').body
        for path, status in ((f'/debug/pprof/nosuch?{T1}', 404), ('/debug/pprof/heap', 400),
                             (f'/debug/pprof/heap?{T1}&seconds=1', 400),
                             (f'/debug/pprof/profile?{T1}', 404),
                             ('/debug/pprof/heap?proc=5-7', 404),
                             ('/debug/pprof/heap?proc=4-7', 503)):
            r = s.get(path)
            assert r.status == status and r.headers['x-go-pprof'] == '1', r
            assert r.headers['content-type'] == 'text/plain; charset=utf-8'
            assert r.body.count(b'\n') == 1 and 'content-disposition' not in r.headers
        r = s.get(f'/debug/pprof/?{T1}')
        assert r.status == 200 and f'"heap?{T1}"'.encode() in r.body, r
        r = s.get(f'/debug/pprof?{T1}')
        assert (r.status, r.headers['location']) == (301, f'pprof/?{T1}')


def a_process_has_its_page_and_snapshot():
    with serving('--prove', '100') as s:
        for path, kind, body in (
                ('/proc/1-7/', 'text/html; charset=utf-8', b'what 1 start 7 debug 0 prove 0'),
                ('/proc/1-7/flamegraph.svg', 'image/svg+xml', b'what 2 start 7 debug 0 prove 0'),
                (f'/api/v1/snapshot?{T1}&prove=100', 'application/json; charset=utf-8',
                 b'what 0 start 7 debug 0 prove 100')):
            r = s.get(path)
            assert (r.status, r.headers['content-type'], r.body) == (200, kind, body), r
            assert r.headers['cache-control'] == 'no-store'
        r = s.get(f'/api/v1/snapshot?{T1}&prove=101')
        assert r.status == 403 and b'stopped' in r.body, r
        assert s.get('/proc/1-7').headers['location'] == '1-7/'


def what_a_cell_could_not_do_is_a_real_error():
    with serving() as s:
        # ESRCH, ESTALE, ENODATA, EPERM, EOPNOTSUPP, EFAULT, EBADMSG, EBUSY, ENOMEM, ETIMEDOUT,
        # EPROTO, EIO, E2BIG
        for err, status in ((3, 404), (116, 404), (61, 404), (1, 403), (95, 501), (14, 502),
                            (74, 502), (16, 503), (12, 503), (110, 504), (71, 502), (5, 503),
                            (7, 500)):
            r = s.get(f'/api/v1/snapshot?proc={1000 + err}-7')
            assert r.status == status, (err, r)
            assert r.body == rb'hostile \x1b[31m name\x0d\x0aSet-Cookie: x' + b'\n', r
            assert 'set-cookie' not in r.headers
        c = s.counts()
        assert (c['requests'], c['refused'], c['failed']) == (13, 4, 9), c


def a_token_is_needed_where_one_is_set_up():
    first, second = 'a' * 16, 'correct-horse-battery'
    with tempfile.NamedTemporaryFile('w') as f:
        f.write(f'\n{first}\n  {second}\n')
        f.flush()
        with serving('--token-file', f.name, '--listen', '0.0.0.0') as s:
            def status(*headers, path='/metrics'):
                return s.get(path, headers=headers).status

            def basic(password):
                both = base64.b64encode(f'any:{password}'.encode()).decode()
                return status('Authorization: Basic ' + both)
            r = s.get('/metrics')
            assert r.status == 401, r
            assert [v.split()[0] for k, v in r.fields if k == 'www-authenticate'] == [
                'Bearer', 'Basic']
            assert status('Authorization: Bearer ' + first) == 200
            assert status('Authorization: bearer  ' + second) == 200
            assert basic(second) == 200 and basic('x') == 401 and basic('') == 401
            for wrong in ('', first[:-1], first + 'a', first + ' ' + second, 'x' * 4000):
                assert status('Authorization: Bearer ' + wrong) == 401, wrong
            assert status('Authorization: Basic !!!') == 401
            assert status(path='/healthz') == 200 and status(path='/readyz') == 200
            assert status(path='/nosuch') == 401
            f.seek(0)
            f.truncate()
            f.write('short')
            f.flush()
            assert 'at least' in s.tell('reload')
            assert status('Authorization: Bearer ' + first) == 200
            f.write('b' * 16)
            f.flush()
            assert s.tell('reload') == 'ok'
            assert status('Authorization: Bearer ' + first) == 401
            assert status('Authorization: Bearer short' + 'b' * 16) == 200


def what_keeps_nobody_out_is_not_opened():
    with tempfile.TemporaryDirectory() as d:
        empty = os.path.join(d, 'empty')
        open(empty, 'w').close()
        for options, why in ((('--listen', '0.0.0.0'), 'others reach'),
                             (('--listen', '::'), 'others reach'),
                             (('--token-file', empty), 'no token'),
                             (('--token-file', d + '/nosuch'), 'No such file'),
                             (('--certificate', empty), 'certificate and its key'),
                             (('--certificate', empty, '--key', empty), 'no certificate')):
            r = subprocess.run([sys.argv[1], *options], capture_output=True, text=True,
                               timeout=LONG)
            assert r.returncode == 1 and why in r.stderr, (options, r)


def openssl(*args):
    subprocess.run(['openssl', *args], check=True, capture_output=True)


def make_authority(d, name):
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
            '-keyout', f'{d}/{name}.key', '-out', f'{d}/{name}.pem', '-subj', f'/CN={name}',
            '-days', '2')


def make_certificate(d, name, authority, purpose, days='2'):
    with open(f'{d}/{name}.ext', 'w', encoding='ascii') as f:
        f.write(f'extendedKeyUsage={purpose}\nsubjectAltName=IP:127.0.0.1\n')
    openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout',
            f'{d}/{name}.key', '-out', f'{d}/{name}.csr', '-subj', f'/CN={name}')
    openssl('x509', '-req', '-in', f'{d}/{name}.csr', '-CA', f'{d}/{authority}.pem', '-CAkey',
            f'{d}/{authority}.key', '-CAcreateserial', '-out', f'{d}/{name}.pem', '-days', days,
            '-extfile', f'{d}/{name}.ext')


def tls_get(server, d, path, client=None, version=None):
    """The status; None when there is not even a connection."""
    context = ssl.create_default_context(cafile=f'{d}/ours.pem')
    if version:
        context.minimum_version = context.maximum_version = version
    if client:
        context.load_cert_chain(f'{d}/{client}.pem', f'{d}/{client}.key')
    try:
        with server.connect() as c, context.wrap_socket(c, server_hostname='127.0.0.1') as t:
            reply = ask(t, path)
            return reply and reply.status
    except (ssl.SSLError, ConnectionError):
        return None


def a_client_shows_its_certificate():
    with tempfile.TemporaryDirectory() as d:
        make_authority(d, 'ours')
        make_authority(d, 'theirs')
        make_certificate(d, 'server', 'ours', 'serverAuth')
        make_certificate(d, 'client', 'ours', 'clientAuth')
        make_certificate(d, 'wrong-use', 'ours', 'serverAuth')
        make_certificate(d, 'stranger', 'theirs', 'clientAuth')
        make_certificate(d, 'expired', 'ours', 'clientAuth', days='-1')
        tls = ('--certificate', f'{d}/server.pem', '--key', f'{d}/server.key')
        with serving(*tls, '--client-ca', f'{d}/ours.pem', '--listen', '0.0.0.0') as s:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                assert tls_get(s, d, '/metrics', 'client', version) == 200
                assert tls_get(s, d, '/metrics', None, version) == 403
                assert tls_get(s, d, '/healthz', None, version) == 200
                for who in ('wrong-use', 'stranger', 'expired'):
                    assert tls_get(s, d, '/metrics', who, version) in (403, None), who
            with s.connect() as plain:
                plain.sendall(request('/metrics'))
                assert is_closed(plain)
            # Those who never end their handshake are slow clients as others.
            slow = [s.connect() for _ in range(SLOW)]
            assert tls_get(s, d, '/metrics', 'client') == 200
            for c in slow:
                c.close()
        with serving(*tls) as s:
            assert tls_get(s, d, '/metrics') == 200
        bad = subprocess.run([sys.argv[1], '--certificate', f'{d}/server.pem', '--key',
                              f'{d}/client.key'], capture_output=True, text=True, timeout=LONG)
        assert bad.returncode == 1 and 'server.pem' in bad.stderr, bad
        with tempfile.NamedTemporaryFile('w') as f:
            f.write('t' * 20)
            f.flush()
            # Either will do.
            with serving(*tls, '--client-ca', f'{d}/ours.pem', '--token-file', f.name) as s:
                assert tls_get(s, d, '/metrics', 'client') == 200
                assert tls_get(s, d, '/metrics') == 401


def certificates_are_changed_while_it_serves():
    with tempfile.TemporaryDirectory() as d:
        for authority in ('ours', 'theirs'):
            make_authority(d, authority)
            make_certificate(d, 'server-' + authority, authority, 'serverAuth')
            make_certificate(d, 'client-' + authority, authority, 'clientAuth')

        def install(authority):
            for name in (f'server-{authority}.pem', f'server-{authority}.key', f'{authority}.pem'):
                kind = 'ca.pem' if name == f'{authority}.pem' else 'server' + name[-4:]
                shutil.copy(f'{d}/{name}', f'{d}/{kind}')

        def connect(server, who):
            context = ssl.create_default_context(cafile=f'{d}/{who}.pem')
            context.load_cert_chain(f'{d}/client-{who}.pem', f'{d}/client-{who}.key')
            return context.wrap_socket(server.connect(), server_hostname='127.0.0.1')
        install('ours')
        with serving('--certificate', f'{d}/server.pem', '--key', f'{d}/server.key',
                     '--client-ca', f'{d}/ca.pem') as s:
            with connect(s, 'ours') as idle, connect(s, 'ours') as waits:
                assert ask(idle, '/metrics').status == 200
                assert s.tell('reload') == 'ok'
                # Nothing has changed, and nobody is troubled.
                assert ask(idle, '/metrics').status == 200
                waits.sendall(request('/api/v1/snapshot?proc=2-7'))
                wait_for(lambda: s.tell('starts') == '1')
                shutil.copy(f'{d}/theirs.pem', f'{d}/server.pem')
                assert 'certificate' in s.tell('reload')
                assert ask(idle, '/metrics').status == 200
                install('theirs')
                assert s.tell('reload') == 'ok'
                assert is_closed(idle)
                with connect(s, 'theirs') as new:
                    assert ask(new, '/metrics').status == 200
                # Who waited gets an answer, and the connection ends with it.
                s.tell('land')
                r = read_reply(waits)
                assert (r.status, r.headers['connection'].lower()) == (200, 'close'), r
                assert is_closed(waits)
            for authority in 20 * ('ours', 'theirs'):
                install(authority)
                assert s.tell('reload') == 'ok'
                with connect(s, authority) as c:
                    assert ask(c, '/metrics').status == 200


def a_thousand_askers_cost_one_look():
    with serving() as s:
        askers = [s.connect() for _ in range(1000)]
        for c in askers:
            c.sendall(request('/api/v1/snapshot?proc=2-7'))
        # All have been heard, none answered, and others are served meanwhile.
        wait_for(lambda: s.counts()['requests'] == 1000)
        assert s.get('/healthz').status == 200
        assert not select.select(askers, [], [], 0)[0]
        assert s.tell('starts') == '1'
        s.tell('land')
        for c in askers:
            r = read_reply(c)
            assert (r.status, r.body) == (200, b'landed'), r
            c.close()
        assert s.tell('starts') == '1'
        # The next one wants to know how it is now.
        with s.connect() as c:
            c.sendall(request('/api/v1/snapshot?proc=2-7'))
            wait_for(lambda: s.tell('starts') == '2')
            s.tell('land')
            assert read_reply(c).status == 200


def different_asks_are_bounded():
    with serving() as s:
        askers = [s.connect() for _ in range(12)]
        for i, c in enumerate(askers):
            c.sendall(request(f'/api/v1/snapshot?proc=2-{i + 1}'))
        wait_for(lambda: s.counts()['failed'] == 4)
        assert s.tell('starts') == '8'
        s.tell('land')
        assert sorted(read_reply(c).status for c in askers) == 8 * [200] + 4 * [503]
        for c in askers:
            c.close()


def a_cell_that_never_answers_is_given_up():
    with serving('--cell-s', '1') as s:
        with s.connect() as c:
            assert ask(c, '/api/v1/snapshot?proc=2-7').status == 504
            # The cell may answer after all, and nobody is told.
            assert s.tell('land') == 'ok'
            assert ask(c, '/healthz').status == 200


def who_goes_away_while_waiting_is_missed_by_nobody():
    with serving() as s:
        for _ in range(20):
            with s.connect() as c:
                c.sendall(request('/api/v1/snapshot?proc=2-7'))
        wait_for(lambda: s.tell('starts') != '0')
        wait_for(lambda: s.counts()['requests'] == 20)
        s.tell('land')
        assert s.get('/healthz').status == 200


def slow_clients_harm_nobody():
    with serving() as s:
        slow = []
        for i in range(SLOW):
            c = s.connect()
            c.sendall(request('/metrics')[:i % 30])
            slow.append(c)
        for _ in range(20):
            assert s.get('/healthz').status == 200
            assert s.get(f'/debug/pprof/heap?{T1}').status == 200
        for c in slow:
            c.close()


def more_slow_clients_than_places_harm_nobody():
    with serving('--connections', '64') as s:
        slow = []
        for i in range(SLOW):
            c = s.connect()
            c.sendall(request('/metrics')[:i % 30])
            slow.append(c)
            if i % 25 == 0:
                assert s.get('/metrics').status == 200
        assert s.counts()['sent_away'] >= SLOW - 64
        for c in slow:
            c.close()


def who_trickles_is_sent_away():
    with serving('--request-s', '1') as s, s.connect() as c:
        try:
            for byte in request('/metrics' + 10000 * 'x'):
                c.sendall(bytes([byte]))
                time.sleep(0.05)
            assert False, 'it was heard to its end'
        except ConnectionError:
            pass
        assert s.counts()['sent_away'] == 1


def who_does_not_take_an_answer_harms_nobody():
    with serving('--connections', '64') as s:
        slow = []
        for i in range(100):
            c = socket.socket()
            c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            c.settimeout(LONG)
            c.connect(('127.0.0.1', s.port))
            c.sendall(request(f'/api/v1/snapshot?proc=3-{i + 1}'))
            slow.append(c)
            if i % 10 == 9:
                assert s.get('/healthz').status == 200
        # More answers than may be held at a time were asked for.
        wait_for(lambda: s.counts()['requests'] == 110)
        assert s.counts()['failed'] > 0
        assert s.get('/metrics').status == 200
        for c in slow:
            c.close()


def some_places_are_left_to_those_who_need_not_wait():
    with serving('--connections', '64') as s:
        askers = [s.connect() for _ in range(55)]
        for c in askers:
            c.sendall(request('/api/v1/snapshot?proc=2-7'))
        wait_for(lambda: s.counts()['failed'] == 55 - 48)
        assert s.get('/healthz').status == 200
        s.tell('land')
        assert sorted(read_reply(c).status for c in askers) == 48 * [200] + 7 * [503]
        for c in askers:
            c.close()


def an_end_answers_those_who_wait():
    with serving() as s:
        askers = [s.connect() for _ in range(50)]
        for c in askers:
            c.sendall(request('/api/v1/snapshot?proc=2-7'))
        wait_for(lambda: s.counts()['requests'] == 50)
        s.process.stdin.write('quit\n')
        s.process.stdin.flush()
        assert all(read_reply(c).status == 503 for c in askers)
        for c in askers:
            c.close()


def malformed_requests_are_refused():
    bad = [b'\r\n\r\n', b'GET\r\n\r\n', b'GET /metrics\r\n\r\n', b'\0' * 100,
           b'\xff' * 5000 + b'\r\n\r\n',
           b'GET /metrics HTTP/9.9\r\nHost: localhost\r\n\r\n',
           b'GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n',
           b'GET * HTTP/1.1\r\nHost: localhost\r\n\r\n',
           b'GET /' + b'a' * 4000 + b' HTTP/1.1\r\nHost: localhost\r\n\r\n',
           b'GET /' + b'a' * 100000 + b' HTTP/1.1\r\nHost: localhost\r\n\r\n',
           b'GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: ' + b'a' * 100000 + b'\r\n\r\n',
           b'GET /metrics HTTP/1.1\r\nHost: localhost\r\n' + b'X: y\r\n' * 20000 + b'\r\n',
           b'GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n',
           b'GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1x\r\n\r\n',
           b'GET /api/v1/snapshot?proc=%00 HTTP/1.1\r\nHost: localhost\r\n\r\n',
           b'GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n',
           b'GET /proc/1-7/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n',
           b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(500)]
    # libmicrohttpd may miss the end of what came with it, and then it is the time that ends it.
    with serving('--request-s', '1') as s:
        for b in bad:
            with s.connect() as c:
                reply = None
                try:
                    c.sendall(b)
                    c.shutdown(socket.SHUT_WR)
                    reply = read_reply(c)
                except OSError:
                    pass
                assert reply is None or 400 <= reply.status < 600, (b[:60], reply)
        assert s.get('/healthz').status == 200
        assert s.tell('starts') == '0'


def main():
    # One descriptor a client, and there are many.
    resource.setrlimit(resource.RLIMIT_NOFILE, 2 * resource.getrlimit(resource.RLIMIT_NOFILE)[1:])
    for name, check in list(globals().items()):
        is_check = inspect.isfunction(check) and '_' in name and \
            not inspect.signature(check).parameters
        if is_check and (not sys.argv[2:] or any(w in name for w in sys.argv[2:])):
            began = time.monotonic()
            check()
            print(f'{name}: ok, {time.monotonic() - began:.2f} s', flush=True)


if __name__ == '__main__':
    main()
