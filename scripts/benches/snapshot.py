# SPDX-License-Identifier: Apache-2.0
"""Measures what `loiter snapshot` costs, against the target's own goroutine profiles.

One Go process with N goroutines at 20 sites; in each round, one after the other: nothing, loiter,
pprof debug=1 and debug=2 of the target itself (written to nowhere). The target watches a 1 ms
ticker; its longest gap in each phase is what the phase did to the service. Medians are printed, and
the bars that loiter has to reach. Not a test: numbers depend on the machine and on what else runs.
"""
import argparse
import collections
import os
import statistics
import subprocess
import sys
import time

import gobuild
from process import LOITER, Target

PHASES = ('idle', 'loiter', 'debug=1', 'debug=2')
# Nanoseconds, but rss in KiB; what a phase does not have is None.
Sample = collections.namedtuple('Sample', 'wall cpu rss gap', defaults=(None, None, None, None))
BYTES_A_GOROUTINE = 3500


class BenchTarget(Target):
    """The bench program answers each command with one line."""

    def say(self, command):
        self._child.stdin.write(command.encode() + b'\n')
        return [int(n) for n in self._line_without_limit().split()]

    def _line_without_limit(self):
        # debug=2 of a million goroutines takes minutes: no patience is long enough.
        while b'\n' not in self._buffer:
            chunk = os.read(self._child.stdout.fileno(), 1 << 16)
            if not chunk:
                raise RuntimeError('the target died')
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b'\n')
        return line

    _line = _line_without_limit


def run_spending(*argv):
    """Runs it, its output to nowhere; what it cost."""
    reader, writer = os.pipe()

    def give_fd3():
        os.dup2(writer, 3)

    child = subprocess.Popen([gobuild.build_c('spend'), *argv], stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, pass_fds=(3, ), preexec_fn=give_fd3)
    os.close(writer)
    child.wait()
    with os.fdopen(reader) as result:
        wall, cpu, rss, code = map(int, result.read().split())
    if code != 0:
        raise SystemExit(f'bench: {" ".join(argv)} ended with exit code {code}')
    return Sample(wall, cpu, rss)


def run_loiter(pid, *options):
    """One snapshot of pid; its cost."""
    return run_spending(LOITER, 'snapshot', str(pid), *options)


def cpu_ticks(pid):
    with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as stat:
        fields = stat.read().rpartition(')')[2].split()
    return int(fields[11]) + int(fields[12])


def await_rest(pid):
    """A profile may leave a collection behind, which must not be the next phase's burden."""
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        before = cpu_ticks(pid)
        time.sleep(0.2)
        if cpu_ticks(pid) - before <= 4:
            return


def run_phase(target, phase, idle_ns):
    """One phase of a round; idle lasts as long as loiter did."""
    await_rest(target.pid)
    target.say('reset')
    if phase == 'idle':
        time.sleep(idle_ns / 1e9)
        sample = Sample(idle_ns)
    elif phase == 'loiter':
        sample = run_loiter(target.pid)
    else:
        sample = Sample(target.say('pprof' + phase[-1])[0])
    return sample._replace(gap=target.say('gap')[0])


def measure(n, options, phases):
    """{phase: [Sample]} for n goroutines; the first look, which warms things up, is not counted."""
    samples = {phase: [] for phase in phases}
    with BenchTarget([gobuild.build('bench', options.release), str(n), str(options.depth)]) as target:
        idle_ns = max(run_loiter(target.pid).wall, 10**8)
        for r in range(options.rounds):
            for i in range(len(phases)):
                phase = phases[(i + r) % len(phases)]
                samples[phase].append(run_phase(target, phase, idle_ns))
                print(f'\r{n:,} goroutines: round {r + 1} of {options.rounds}, {phase} done   ', end='',
                      file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return samples


def median(samples, field):
    values = [getattr(s, field) for s in samples]
    return None if not values or None in values else statistics.median(values)


def cell(value, unit):
    if value is None:
        return '-'
    if unit == 'MB':
        return f'{value * 1024 / 1e6:.0f} MB'
    if unit == 'ratio':
        return f'{value:.1f}x'
    return f'{value / 1e6:,.1f} ms' if value < 1e9 else f'{value / 1e9:,.2f} s'


ROW = '{:>10}  {:<8} {:>10} {:>10} {:>8} {:>10} {:>8}'


def print_table(results):
    print(ROW.format('goroutines', 'phase', 'wall', 'CPU', 'peak', 'ticker gap', 'wall'))
    print(ROW.format('', '', '', '', 'resident', '(longest)', 'ratio'))
    for n, samples in results.items():
        base = median(samples['loiter'], 'wall')
        for phase, taken in samples.items():
            wall = median(taken, 'wall')
            ratio = wall / base if phase.startswith('debug') else None
            print(ROW.format(f'{n:,}', phase, cell(wall, 'time'),
                             cell(median(taken, 'cpu'), 'time'), cell(median(taken, 'rss'), 'MB'),
                             cell(median(taken, 'gap'), 'time'), cell(ratio, 'ratio')))
        print()


def bar(ok, text):
    print(f'{"pass" if ok else "FAIL"}  {text}')
    return ok


def ratio_bar(million, phase, want):
    if phase not in million:
        return True
    ratio = median(million[phase], 'wall') / median(million['loiter'], 'wall')
    return bar(ratio >= want, f'{ratio:.1f} times faster than {phase} (at least {want})')


def check_million(million):
    """The bars at a million goroutines."""
    cpu, rss = median(million['loiter'], 'cpu'), median(million['loiter'], 'rss') * 1024
    gap = median(million['loiter'], 'gap')
    # Noise: what the ticker does when nobody looks. Half as much again and 1 ms on top of the
    # worst idle round is no longer that.
    idle = max(s.gap for s in million['idle'])
    ok = bar(cpu <= 1.2e9, f'{cpu / 1e9:.2f} s CPU (at most 1.2 s)')
    ok &= bar(rss <= 64e6, f'{rss / 1e6:.1f} MB resident (at most 64 MB)')
    ok &= ratio_bar(million, 'debug=1', 7)
    ok &= ratio_bar(million, 'debug=2', 60)
    ok &= bar(gap <= 1.5 * idle + 1e6, f'ticker gap {gap / 1e6:.1f} ms '
              f'(idle: median {median(million["idle"], "gap") / 1e6:.1f}, worst {idle / 1e6:.1f})')
    return ok


def check_linear(results):
    """CPU a goroutine must not grow with their number; below 100 k fixed costs weigh in."""
    each = {n: median(s['loiter'], 'cpu') / n for n, s in results.items() if n >= 100_000}
    if len(each) < 2:
        return True
    grows = any(more > 1.5 * less for n, less in each.items() for m, more in each.items() if m > n)
    return bar(not grows, 'CPU is linear in goroutines: ' + ', '.join(
        f'{ns:,.0f} ns each at {n:,}' for n, ns in each.items()))


def check_large_binary(rounds):
    """A stripped 100 MB binary against a small one."""
    from test_servers import Running, SERVERS
    import tempfile
    with tempfile.TemporaryDirectory() as directory:
        try:
            server = Running(SERVERS['prometheus'], directory)
        except BaseException as reason:  # pytest.skip is no Exception
            print(f'skip  a stripped 100 MB binary: {reason}')
            return True
        try:
            size = os.path.getsize(server.path)
            with Target([gobuild.build('tiny', gobuild.releases()[-1], 'stripped')]) as tiny:
                run_loiter(server.pid)
                large = [run_loiter(server.pid) for _ in range(rounds)]
                small = [run_loiter(tiny.pid) for _ in range(rounds)]
        finally:
            server.close()
    more = median(large, 'wall') - median(small, 'wall')
    return bar(more <= 0.2e9, f'a stripped binary of {size / 1e6:.0f} MB adds {more / 1e6:.0f} ms '
               f'({median(small, "wall") / 1e6:.0f} to {median(large, "wall") / 1e6:.0f} ms; '
               'at most 200 ms)')


def available_bytes():
    with open('/proc/meminfo', encoding='ascii') as lines:
        return next(int(l.split()[1]) * 1024 for l in lines if l.startswith('MemAvailable'))


def run(options):
    phases = PHASES[:3] if options.no_debug2 else PHASES
    results = {}
    for n in options.goroutines:
        if n * BYTES_A_GOROUTINE > available_bytes():
            print(f'skip  {n:,} goroutines: not enough memory', file=sys.stderr)
            continue
        results[n] = measure(n, options, phases)
    print_table(results)
    ok = True
    if 1_000_000 in results:
        ok &= check_million(results[1_000_000])
    ok &= check_linear(results)
    ok &= check_large_binary(options.rounds)
    return 0 if ok else 1


def add_options(parser):
    parser.add_argument('--goroutines', metavar='N,N', default='10000,100000,1000000',
                        type=lambda text: [int(n) for n in text.split(',')])
    parser.add_argument('--release', default=gobuild.releases()[-1], metavar='1.N.P',
                        help='of Go, that the target is built with')
    parser.add_argument('--depth', type=int, default=8,
                        help='calls below a goroutine\'s first function, or up to 4 more; 8 gives 13 '
                        'to 17 stack entries, as a goroutine that serves a connection has')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--no-debug2', action='store_true',
                        help='leave out debug=2, which takes minutes at a million goroutines')
