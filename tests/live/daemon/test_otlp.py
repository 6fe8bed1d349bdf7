# SPDX-License-Identifier: Apache-2.0
"""What loiter sends by OTLP, to a collector that takes it and to ones that do not."""
import email.utils
import http.server
import os
import shutil
import signal
import ssl
import subprocess
import threading
import time

import pytest

from otlp import FEED, Feed, Receiver

pytestmark = pytest.mark.skipif(not os.access(FEED, os.X_OK), reason=f'{FEED} is not built')


@pytest.fixture
def receiver():
    with Receiver() as r:
        yield r


def one(points, service, name, **attributes):
    found = [p for p in points if (p['service'], p['name']) == (service, name) and
             attributes.items() <= p['attributes'].items()]
    assert len(found) == 1, found
    return found[0]


def test_metrics_arrive_in_the_protocols_own_reading(receiver):
    with Feed(receiver.url) as feed:
        feed.say('look 7')
        points = receiver.metrics()['points']
        rss = one(points, 'shop-api', 'loiter_resident_memory_bytes')
        assert (rss['value'], rss['unit']) == (123456789, 'By')
        assert (rss['kind'], rss['start']) == ('gauge', 0)
        assert one(points, 'db', 'loiter_threads')['value'] == 2
        found = one(points, 'shop-api', 'loiter_findings', verdict='proven', pattern='orphan-send')
        assert found['value'] == 1
        sent = one(points, 'loiter', 'loiter_otlp_sent')
        assert (sent['kind'], sent['start']) == ('counter', 1700000000 * 10**9)
        assert not any('4242' in str(p) for p in points), 'a pid is no identity'
        assert feed.say('idle') | {'longest_s': 0} == {
            'sent': 2, 'failed': 0, 'dropped': 0, 'rejected': 0, 'longest_s': 0}


def test_a_finding_arrives_once_and_so_does_its_end(receiver):
    with Feed(receiver.url) as feed:
        feed.say('look 7')
        (record,) = receiver.logs()['records']
        assert record['body'] == 'goroutines can never run again'
        assert (record['severity'], record['number']) == ('ERROR', 17)
        assert record['resource']['service.name'] == 'shop-api'
        assert record['resource']['host.name'] == 'host-1'
        assert record['attributes']['loiter.finding.change'] == 'new'
        assert record['attributes']['loiter.finding.count'] == 7
        assert record['attributes']['loiter.finding.evidence'] == ['3 of 3 passes']
        assert feed.say('idle')['sent'] == 2
        for _ in range(3):
            feed.say('look 7')
        assert feed.say('idle')['sent'] == 5, 'metrics alone'
        for _ in range(3):
            feed.say('look 0')
        (record,) = receiver.logs()['records']
        assert record['attributes']['loiter.finding.change'] == 'ended'


def test_headers_of_the_configuration_go_along(receiver):
    with Feed(receiver.url, 'header=Authorization: Bearer xyz') as feed:
        feed.say('look 1')
        headers = receiver.metrics()['headers']
        assert headers['Authorization'] == ['Bearer xyz']
        assert headers['User-Agent'][0].startswith('loiter/')


def test_what_is_refused_for_now_is_sent_again(receiver):
    receiver.answer('503', '429', '502', '504')
    with Feed(receiver.url) as feed:
        feed.say('look 7')
        assert [receiver.metrics()['answer'] for _ in range(5)] == ['503', '429', '502', '504',
                                                                    '200']
        counts = feed.say('idle')
        assert (counts['sent'], counts['failed'], counts['dropped']) == (2, 4, 0)
        assert feed.said.next().startswith('bad: ' + receiver.url + ' does not take metrics: '
                                           'it answers 503: not today')
        assert 'takes metrics again, after 4 tries' in feed.said.next()


def test_it_waits_as_long_as_the_collector_asks(receiver):
    receiver.answer('503 1')
    with Feed(receiver.url) as feed:
        feed.say('look 7')
        receiver.metrics()
        start = time.monotonic()
        assert receiver.metrics()['answer'] == '200'
        assert time.monotonic() - start > 0.9, 'it came back too soon'


def test_a_date_is_understood_as_well(receiver):
    receiver.answer('503 ' + email.utils.formatdate(time.time() - 1000, usegmt=True))
    with Feed(receiver.url) as feed:
        feed.say('look 7')
        assert feed.say('idle')['sent'] == 2


@pytest.mark.parametrize('status', ['400', '401', '404', '413', '500', '501', 'redirect'])
def test_what_is_refused_for_good_is_dropped_at_once(receiver, status):
    receiver.answer(status)
    with Feed(receiver.url) as feed:
        feed.say('look 7')
        assert receiver.metrics()['answer'] == status
        counts = feed.say('idle')
        assert (counts['sent'], counts['failed'], counts['dropped']) == (1, 1, 1)
        assert 'they are dropped' in feed.said.next()


def test_a_finding_that_was_dropped_is_told_with_the_next_look(receiver):
    receiver.answer('200', '400')
    with Feed(receiver.url) as feed:
        feed.say('look 7')
        assert receiver.logs()['answer'] == '400'
        feed.say('idle')
        feed.say('look 8')
        (record,) = receiver.logs()['records']
        assert record['attributes']['loiter.finding.change'] == 'new'
        assert record['attributes']['loiter.finding.count'] == 8


@pytest.mark.parametrize('how', ['hang', 'garbage', 'cut'])
def test_no_answer_and_nonsense_are_tried_again(receiver, how):
    receiver.answer(how)
    with Feed(receiver.url, 'timeout=0.3') as feed:
        feed.say('look 7')
        assert receiver.metrics()['answer'] == how
        assert receiver.metrics()['answer'] == '200'
        counts = feed.say('idle')
        assert (counts['sent'], counts['failed'], counts['dropped']) == (2, 1, 0)


@pytest.mark.parametrize('how', ['html', 'endless'])
def test_what_was_taken_is_not_sent_twice_whatever_is_said_of_it(receiver, how):
    receiver.answer(how)
    with Feed(receiver.url) as feed:
        feed.say('look 7')
        counts = feed.say('idle')
        assert (counts['sent'], counts['failed'], counts['dropped']) == (2, 0, 0)


def test_a_partial_success_is_counted_and_said(receiver):
    receiver.answer('partial 3')
    with Feed(receiver.url) as feed:
        feed.say('look 7')
        counts = feed.say('idle')
        assert (counts['sent'], counts['rejected']) == (2, 3)
        said = feed.said.next()
        assert 'left out 3 of ' in said and 'too \\x1b[31mold' in said


def test_looks_never_wait_for_a_collector_that_hangs(receiver):
    receiver.answer('hang')
    with Feed(receiver.url, 'timeout=60') as feed:
        feed.say('look 7')
        receiver.metrics()
        counts = feed.say('many 500')
        assert counts['dropped'] > 300, 'the queue is bounded'
        # Against a hang of 60 s; a look takes microseconds.
        assert counts['longest_s'] < 10


def test_a_collector_that_is_down_and_comes_back_is_told_of_what_is_so_then():
    with Receiver() as first:
        port, url = first.port, first.url
    with Feed(url, 'give-up=0.2') as feed:
        feed.say('look 7')
        # The request is dropped, the finding is not.
        assert feed.say('idle')['dropped'] == 2
        with Receiver(port) as again:
            feed.say('look 9')
            (record,) = again.logs()['records']
            assert record['attributes']['loiter.finding.change'] == 'new'
            assert record['attributes']['loiter.finding.count'] == 9


def test_what_is_left_is_sent_at_the_end(receiver):
    with Feed(receiver.url) as feed:
        feed.tell('look 7')
        assert feed.finish() == 0
        receiver.metrics()
        receiver.logs()


def test_it_ends_though_the_collector_hangs(receiver):
    receiver.answer('hang', 'hang')
    with Feed(receiver.url, 'timeout=600', 'linger=0.2') as feed:
        feed.say('look 7')
        receiver.metrics()
        start = time.monotonic()
        assert feed.finish() == 0
        assert time.monotonic() - start < 30


def test_it_ends_though_it_waits_for_the_next_try(receiver):
    receiver.answer('503 100')
    with Feed(receiver.url, 'linger=5') as feed:
        feed.say('look 7')
        receiver.metrics()
        while feed.say('counts')['failed'] == 0:
            pass
        assert feed.finish() == 0
        # One more try each, and no wait for it.
        receiver.metrics()
        receiver.logs()


def test_nothing_is_fetched_from_elsewhere_than_the_web():
    for url in ('file:///etc/passwd', 'ftp://127.0.0.1/', 'http://a:b@127.0.0.1/'):
        with Feed(url) as feed:
            assert feed.finish() == 2
            assert feed.said.next().startswith('OTLP: the URL ')


class Silent(http.server.BaseHTTPRequestHandler):
    """Takes all that comes."""

    def do_POST(self):
        self.rfile.read(int(self.headers['Content-Length']))
        self.send_response(200)
        self.send_header('Content-Length', '0')
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def tls(tmp_path):
    """URL of a collector with a certificate of its own, and the file of that."""
    if not shutil.which('openssl'):
        pytest.skip('there is no openssl to make a certificate')
    files = [str(tmp_path / 'key'), str(tmp_path / 'cert')]
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=test',
                    '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', files[0],
                    '-out', files[1]],
                   check=True, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files[1], files[0])
    with http.server.HTTPServer(('127.0.0.1', 0), Silent) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f'https://127.0.0.1:{server.server_port}', files[1]
        server.shutdown()
        thread.join()


def test_a_certificate_is_checked(tls):
    url, cert = tls
    with Feed(url, f'ca={cert}') as feed:
        feed.say('look 7')
        assert feed.say('idle')['sent'] == 2
    with Feed(url, 'give-up=0.2') as feed:
        feed.say('look 7')
        counts = feed.say('idle')
        assert (counts['sent'], counts['dropped']) == (0, 2)
        assert 'certificate' in feed.said.next()


def test_a_proxy_of_somebodys_shell_is_not_asked(receiver, monkeypatch):
    monkeypatch.setenv('http_proxy', 'http://127.0.0.1:1')
    with Feed(receiver.url) as feed:
        feed.say('look 7')
        assert feed.say('idle')['failed'] == 0


def test_signals_are_left_to_others(receiver):
    with Feed(receiver.url) as feed:
        feed.say('look 7')
        feed.say('idle')
        with open(f'/proc/{feed.pid}/status', encoding='ascii') as status:
            assert 'Threads:\t2' in status.read()
        threads = [int(t) for t in os.listdir(f'/proc/{feed.pid}/task')]
        with open(f'/proc/{feed.pid}/task/{max(threads)}/status', encoding='ascii') as status:
            blocked = next(int(line.split()[1], 16) for line in status
                           if line.startswith('SigBlk:'))
        for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            assert blocked & 1 << (s - 1)
