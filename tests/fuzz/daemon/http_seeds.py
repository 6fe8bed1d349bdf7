#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Requests to begin with: seeds.py DIRECTORY writes DIRECTORY/route and DIRECTORY/http."""
import os
import sys

TARGETS = [
    '/', '/metrics', '/healthz', '/readyz', '/targets', '/api/v1/processes',
    '/api/v1/snapshot?proc=42-777&prove=50ms', '/debug/pprof?proc=42-777',
    '/debug/pprof/?proc=42-777', '/debug/pprof/goroutine?proc=42-777&debug=2',
    '/debug/pprof/heap?proc=42%2D777&gc=0&seconds=1', '/proc/42-777',
    '/proc/42-777/debug/pprof/goroutineleak', '/proc/42-777/debug/pprof/threadcreate?debug=1',
    '/proc/42-777/flamegraph.svg', '/nosuch']
WORDS = [
    'application/openmetrics-text;version=1.0.0;q=0.6,text/plain;q=0.5,*/*;q=0.1',
    'node7:9646', '[::1]:9646', '127.0.0.1:9646', 'localhost', 'W/"1-2", "3"', '*',
    'Bearer 0123456789abcdef', 'br;q=1.0, gzip;q=0.8, *;q=0.1', 'cross-site', 'navigate']
HEADERS = [
    'Accept: ' + WORDS[0], 'If-None-Match: *', 'Accept-Encoding: gzip',
    'Authorization: ' + WORDS[7],
    'Authorization: Basic YTpi', 'Sec-Fetch-Site: cross-site', 'Content-Length: 3',
    'Transfer-Encoding: chunked', 'Connection: close', 'Expect: 100-continue', 'Host: elsewhere']


def write(directory, texts):
    os.makedirs(directory, exist_ok=True)
    for i, text in enumerate(texts):
        with open(os.path.join(directory, str(i)), 'wb') as f:
            f.write(text.encode())


def main():
    write(os.path.join(sys.argv[1], 'route'), TARGETS + WORDS)
    requests = [f'{method} {t} HTTP/1.1\r\nHost: localhost\r\n' for t in TARGETS
                for method in ('GET', 'HEAD')]
    write(os.path.join(sys.argv[1], 'http'), [r + '\r\n' for r in requests] + [
        f'POST / HTTP/1.0\r\nHost: 127.0.0.1\r\n{h}\r\n\r\nabc' for h in HEADERS] + [
        requests[0] + h + '\r\n\r\n' for h in HEADERS])


if __name__ == '__main__':
    main()
