# SPDX-License-Identifier: Apache-2.0
"""Looks at busy servers for ten minutes: nobody's goroutine may be called a leak that is none.

Debian's prometheus, etcd and caddy run at once, each with clients that keep it busy
(tests/live/busyservers.py). They are looked at in turn, while they run and with --prove.
"""
import collections
import tempfile
import time

import busyservers

ROW = '{:<11} {:<8} {:>6} {:>11} {:>7} {:>8} {:>12} {:>9}'


class Tally:
    """All looks of one kind at one server."""

    def __init__(self):
        self.looks, self.unsure, self.goroutines, self.longest_ms = 0, 0, 0, 0
        self.passes, self.bad = collections.Counter(), collections.Counter()

    def add(self, seen, bad):
        quality = seen['quality']
        self.looks += 1
        self.goroutines = max(self.goroutines, seen['goroutines']['total'])
        self.passes[quality['passes']] += 1
        self.unsure += not quality['passes']
        self.longest_ms = max(self.longest_ms, quality['stopped_ms'] or 0)
        self.bad.update(bad)


def look_on(servers, options):
    tallies = {(s.name, kind): Tally() for s in servers for kind in ('running', 'stopped')}
    end = time.monotonic() + 60 * options.minutes
    while time.monotonic() < end:
        for server in servers:
            for kind, more in (('running', []), ('stopped', ['--prove=1s'])):
                tallies[server.name, kind].add(*busyservers.leaks_seen(server, *more))
    return tallies


def print_table(tallies, servers):
    answers = {s.name: s.answers for s in servers}
    print(ROW.format('server', 'looks', 'number', 'goroutines', 'passes', 'no view', 'longest stop',
                     'answers'))
    for (name, kind), t in tallies.items():
        stop = f'{t.longest_ms:.1f} ms' if t.longest_ms else '-'
        passes = t.passes.most_common(1)[0][0] if t.passes else '-'
        print(ROW.format(name, kind, t.looks, t.goroutines, str(passes), t.unsure, stop,
                         answers[name]))
    print()


def run(options):
    servers = []
    with tempfile.TemporaryDirectory() as directory:
        try:
            for name in busyservers.ASK:
                servers.append(busyservers.Busy(name, tempfile.mkdtemp(dir=directory)))
            tallies = look_on(servers, options)
        finally:
            for server in servers:
                server.close()
    print_table(tallies, servers)
    bad = collections.Counter()
    for t in tallies.values():
        bad.update(t.bad)
    for line, n in bad.most_common():
        print(f'    {n} times {line}')
    print(f'{"FAIL" if bad else "pass"}  {len(bad)} sites are called leaks for no reason')
    return 1 if bad else 0


def add_options(parser):
    parser.add_argument('--minutes', type=float, default=10)
