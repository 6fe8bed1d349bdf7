# SPDX-License-Identifier: Apache-2.0
"""loiter attach: what only grows is named, and nothing else; how a target ends is told apart."""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import gobuild
from process import LOITER, PATIENCE_S, Run, Target, assert_refused

OLDEST, NEWEST = gobuild.releases()[0], gobuild.releases()[-1]
EVERYTHING = ('growth', 'sleep', 'rpc', 'read', 'labels', 'ticker',
              'burst', 'pool', 'cache', 'bounded', 'idle')
# Looks as often as a test wants them: the budget is another test's.
OFTEN = ('--interval', '500ms', '--budget', '100')


def grower(*sites, release=NEWEST, mode='default'):
    return Target([gobuild.build('grower', release, mode), *sites])


class Attached:
    """loiter attach that runs, with its JSON a line."""
    FORM, PARSE = ['--json'], staticmethod(json.loads)

    def __init__(self, *args, patience_s=PATIENCE_S):
        self.argv = [LOITER, 'attach', *self.FORM, *map(str, args)]
        self._err = tempfile.TemporaryFile()
        self._child = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=self._err)
        self._patience = threading.Timer(patience_s, self._child.kill)
        self._patience.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._patience.cancel()
        self._child.kill()
        self._child.wait()
        self._child.stdout.close()
        self._err.close()

    def __iter__(self):
        for line in self._child.stdout:
            yield self.PARSE(line)

    def until(self, state):
        """The documents up to the first interval in that state."""
        ret = []
        for document in self:
            ret.append(document)
            if document.get('state') == state:
                return ret
        raise AssertionError(f'{self.argv} ended, and the target never was {state}: {ret[-1:]}')

    def interrupt(self):
        self._child.send_signal(signal.SIGINT)

    def has_said(self):
        """Whether anything stands on standard error."""
        return os.fstat(self._err.fileno()).st_size > 0

    def looks(self, n):
        """The documents of so many looks and of the end, by an interrupt."""
        ret = []
        for document in self:
            ret.append(document)
            if document.get('number') == n - 1:
                self.interrupt()
                break
        code, documents, err = self.rest()
        assert (code, err) == (130, ''), (self.argv, code, err)
        return ret + documents

    def rest(self):
        """(exit code, remaining documents, standard error)."""
        documents = list(self)
        code = self._child.wait(PATIENCE_S)
        self._err.seek(0)
        return code, documents, self._err.read().decode()


class AttachedText(Attached):
    """The same as a person reads it, line by line."""
    FORM, PARSE = [], staticmethod(bytes.decode)


def function_of(site):
    return site.split()[0]


def split(documents):
    intervals = [d for d in documents if d['schema'] == 'loiter.interval/1']
    closing = [d for d in documents if d['schema'] == 'loiter.snapshot/1']
    return intervals, closing


def check_against_truth(truth, documents):
    intervals, (closing,) = split(documents)
    leaks = {site['func']: site for site in truth['sites'] if site['leaks']}
    grew = {function_of(group['site']) for interval in intervals for group in interval['groups']
            if group['grows']}
    assert grew == set(leaks)
    findings = {function_of(f['site']): f for f in closing['findings']}
    assert set(findings) == set(leaks)
    for function, finding in findings.items():
        assert (finding['verdict'], finding['pattern']) == ('suspect', leaks[function]['pattern'])
        words = re.match(r'\+[\d,]+ a minute, ([\d,]+) of ([\d,]+) left in ',
                         finding['evidence'][0])
        assert words, finding
        # Who sleeps in between may be awake, and so elsewhere, at the very moment of a look: those
        # whose tick it was just then, a quarter where two are at work and the machine is small.
        left, were = (int(n.replace(',', '')) for n in words.groups())
        assert left <= (0.3 * were if leaks[function]['pattern'] == 'sleeping' else 0), finding
    last = intervals[-1]
    assert [i['number'] for i in intervals] == list(range(len(intervals)))
    assert last['lost_events'] == 0 and last['overhead']['cpu_ms'] > 0
    for site in (group['site'] for group in last['groups'] if group['grows']):
        leak = leaks[function_of(site)]
        growths = [g['growth'] for i in intervals for g in i['groups']
                   if g['site'] == site and g['grows']]
        # Tickers may drop ticks where the machine is busy, but never add any.
        assert 0 < growths[-1]['rate_per_min'] < 1.2 * leak['per_min'], (site, growths[-1])
        cohorts = [growth['cohort'] for growth in growths]
        assert all(c['now'] <= c['then'] for c in cohorts), (site, cohorts)
        # The same here: many of one tick are awake together, at one look, not at look after look.
        seen = cohorts[-4:] if leak['pattern'] == 'sleeping' else cohorts[-1:]
        assert max(c['now'] / c['then'] for c in seen) >= 0.95, (site, cohorts)


@pytest.mark.parametrize('release', [OLDEST, NEWEST])
def test_only_what_grows_is_named_by_two_attaches_at_once(release):
    with grower(*EVERYTHING, release=release) as target:
        # At once: what neither reads, a pipe holds only so much of.
        with Attached(target.pid, *OFTEN) as one, Attached(target.pid, *OFTEN) as other, \
             ThreadPoolExecutor() as pool:
            for documents in pool.map(lambda attached: attached.looks(14), (one, other)):
                check_against_truth(target.truth, documents)


@pytest.mark.parametrize('release', [OLDEST, NEWEST])
def test_threads_that_are_in_c_are_put_to_their_go_call(release):
    # Beside them a library's loops, and workers that come back from C again and again.
    # Go 1.26: where a processor is always free, these calls leave no trace in the goroutine.
    with Target([gobuild.build('grower', release, 'cgo-stripped'),
                 'cgo', 'cgopool', 'cgoshort', 'idle'],
                env={**os.environ, 'GOMAXPROCS': '400'}) as target:
        while int(target.status('Threads')) < 200 + 16 + 100:
            time.sleep(0.05)
        with Attached(target.pid, *OFTEN) as attached:
            intervals = []
            for interval in attached:
                intervals.append(interval)
                if interval.get('elapsed_s', 0) > 12 and len(intervals) > 14:
                    break
            attached.interrupt()
            (closing,) = split(attached.rest()[1])[1]
        own = {int(tid) for tid in os.listdir(f'/proc/{target.pid}/task')}
    (finding,) = closing['findings']
    assert (finding['pattern'], function_of(finding['site'])) == ('cgo-threads', 'main.callC')
    assert (finding['verdict'], finding['count']) == ('suspect', 200)
    assert re.match(r'200 of 200 have been in that very call for at least [1-9]\d s',
                    finding['evidence'][0]), finding
    (held,) = [g for g in intervals[-1]['groups'] if g['held']]
    assert held['pattern'] == 'cgo-threads' and not held['grows']
    assert held['growth']['cohort']['same_park'] == 200
    (site,) = [s for s in intervals[-1]['threads']['sites']
               if function_of(s['site']) == 'main.callC']
    assert (site['kind'], site['count']) == ('cgo', 200)
    assert site['tids'] and set(site['tids']) <= own


@pytest.mark.parametrize('release', [OLDEST, NEWEST])
def test_a_connection_is_one_finding_although_it_is_two_goroutines(release):
    with grower('body', 'idle', release=release) as target, \
            Attached(target.pid, *OFTEN) as attached:
        (closing,) = split(attached.looks(8))[1]
    (finding,) = closing['findings']
    assert finding['pattern'] == 'http-body-open'
    assert function_of(finding['site']) == 'net/http.(*persistConn).readLoop'


def test_the_text_has_80_columns_and_names_the_leak_and_the_cost():
    with grower('growth', 'pool', 'idle') as target:
        # As long as it takes to look often enough on a machine that is busy.
        for seconds in 5, 15, 45:
            run = Run('attach', target.pid, '--for', f'{seconds}s', *OFTEN, '--fail-on', 'suspect')
            text = run.out.decode()
            if text.count(' goroutines ') > 10:
                break
    assert run.code == 1 and run.err == '', run
    assert not [line for line in text.splitlines() if len(line) > 80]
    assert re.search(r'GROWS +\d+ +\+\d+  chan send  main\.sendForever main\.go:\d+\n'
                     r' +\+1,\d\d\d a minute, 0 of \d+ left in \d+ s', text), text
    assert 'SUSPECT' in text and 'growing-group' in text
    assert re.search(rf'watched for {seconds}s · \d+ looks · cost [\d.]+ % of a core', text), text
    assert not re.search(r'GROWS.*(poolWorker|idleOne)', text), text


def test_exit_exec_stop_and_interrupt_are_different_facts():
    with grower('idle') as target, Attached(target.pid, *OFTEN) as attached:
        attached.until('running')
        os.kill(target.pid, signal.SIGSTOP)
        stopped = attached.until('stopped')[-1]
        assert 'goroutines' not in stopped and stopped['reason']
        os.kill(target.pid, signal.SIGCONT)
        attached.until('running')
        attached.interrupt()
        code, documents, err = attached.rest()
        assert (code, err) == (130, '')
        assert documents[-1]['schema'] == 'loiter.snapshot/1'
        assert target.alive()

    for command, state in (('exit', 'exited'), ('exec', 'exec')):
        with grower('idle') as target, Attached(target.pid, *OFTEN) as attached:
            attached.until('running')
            target.tell(command)
            attached.until(state)
            code, (closing,), err = attached.rest()
            assert (code, err) == (0, '')
            assert closing['goroutines']['total'] > 40
            assert any('gone at the end' in note for note in closing['quality']['notes'])


def test_several_processes_go_on_when_one_ends():
    with grower('idle') as one, grower('idle') as other, \
         Attached(one.pid, other.pid, *OFTEN) as attached:
        attached.until('running')
        one.tell('exit')
        ended = attached.until('exited')[-1]
        assert ended['process']['pid'] == one.pid
        assert attached.until('running')[-1]['process']['pid'] in (one.pid, other.pid)
        other.tell('exit')
        attached.until('exited')
        assert attached.rest()[0] == 0


def test_all_finds_those_that_are_there_and_those_that_come():
    with grower('idle') as here, Attached('--all', '--interval', '300ms') as attached:
        seen = set()
        late = None
        try:
            for document in attached:
                if document['schema'] == 'loiter.interval/1':
                    seen.add(document['process']['pid'])
                if here.pid in seen and late is None:
                    late = grower('idle')
                if late and late.pid in seen:
                    break
            attached.interrupt()
            code, documents, _ = attached.rest()
            assert code == 130
            assert {here.pid, late.pid} <= {d['process']['pid'] for d in split(documents)[1]}
        finally:
            if late:
                late.close()


@pytest.mark.skipif(os.geteuid() != 0 or not os.path.isdir('/sys/fs/cgroup/unified'),
                    reason='needs root and a cgroup2 to make a group in')
def test_a_cgroup_is_watched_with_what_is_below_it():
    name = f'/sys/fs/cgroup/unified/loiter-test-{os.getpid()}'
    os.makedirs(name + '/below')
    try:
        with grower('idle') as target:
            with open(name + '/below/cgroup.procs', 'w', encoding='ascii') as procs:
                procs.write(str(target.pid))
            run = Run('attach', '--cgroup', name, '--json', '--for', '1s', *OFTEN)
            assert run.code == 0, run
            documents = [json.loads(line) for line in run.out.splitlines()]
            pids = {d['process']['pid'] for d in documents if 'process' in d}
            assert pids == {target.pid}
    finally:
        os.rmdir(name + '/below')
        os.rmdir(name)


def test_a_program_that_is_not_go_is_watched_without_goroutines():
    with Target([gobuild.build_c('plain')]) as target:
        run = Run('attach', target.pid, '--json', '--for', '500ms', *OFTEN)
    assert run.code == 0, run
    first = json.loads(run.out.splitlines()[0])
    assert 'goroutines' not in first and first['threads']['total'] == 1


def test_what_cannot_be_is_refused(tiny):
    assert_refused(Run('attach'), 2, 'no target')
    assert_refused(Run('attach', 'shop'), 2, 'not a process id')
    assert_refused(Run('attach', tiny.pid, tiny.pid), 2, 'named twice')
    assert_refused(Run('attach', tiny.pid, '--all'), 2, 'more than one kind of target')
    assert_refused(Run('attach', tiny.pid, '--probes', 'locks'), 2, 'no probe "locks"')
    assert_refused(Run('attach', tiny.pid, '--interval', '1ms'), 2, '--interval', 'too short')
    assert_refused(Run('attach', tiny.pid, '--for', 'ever'), 2, 'not a duration')
    assert_refused(Run('attach', tiny.pid, '--budget', '0'), 2, 'not a percentage')
    assert_refused(Run('attach', tiny.pid, '--format', 'pprof'), 2, 'text, json')
    assert_refused(Run('attach', tiny.pid, '-o', '/nowhere/x'), 2, '/nowhere/x')
    assert_refused(Run('attach', '--cgroup', 'no/such'), 3, 'no such cgroup')
    assert_refused(Run('attach', 2 ** 31 - 1), 3, 'no such process')
    assert_refused(Run('attach', tiny.pid, 2 ** 31 - 1), 3, 'no such process')


def test_a_budget_is_kept_by_longer_intervals():
    intervals, said = [], False
    with grower(*EVERYTHING) as target, \
            Attached(target.pid, '--interval', '100ms', '--budget', '0.2') as attached:
        for interval in attached:
            intervals.append(interval)
            # The next one after it was told is that late.
            if said:
                attached.interrupt()
                break
            said = attached.has_said()
        code, _, err = attached.rest()
    assert code == 130
    assert 'to keep to 0.2 % of a core' in err and err.count('\n') == 1
    # The first reads every stack; 20 s of the budget may be used at once.
    spent = 0
    for i in intervals[1:]:
        assert spent * 0.9 <= 2 * (i['elapsed_s'] + 20), i
        spent += i['overhead']['cpu_ms']
    told = float(re.search(r'after ([\d.]+) s', err).group(1))
    assert max(i['span_s'] for i in intervals[-2:]) >= 0.9 * told


@pytest.mark.parametrize('mode', ['default', 'stripped'])
def test_the_variable_that_holds_more_at_the_end_is_named(mode):
    """What grows in Go's heap has no site that parks: two ledgers tell."""
    with Target([gobuild.build('memory', NEWEST, mode), 'global', 'ring']) as target, \
            Attached(target.pid, *OFTEN) as attached:
        for look in attached:
            # The first ledger is read after the first look, and before the second.
            if look['number'] == 1:
                target.ask('grow')
                break
        closing = split(attached.looks(4))[1][0]
    memory = closing['memory']
    assert sum(part['bytes'] for part in memory['parts']) == memory['rss_bytes']
    (finding,) = [f for f in closing['findings'] if f['pattern'] == 'growing-global']
    assert finding['verdict'] == 'candidate', finding
    if mode == 'default':
        assert finding['site'] == 'main.global', finding
    assert re.search(r'24\.\d MiB more than before', finding['summary']), finding


def test_every_field_is_in_the_man_page(tmp_path):
    path = tmp_path / 'attach.json'
    with grower('growth', 'rpc', 'ticker') as target:
        run = Run('attach', target.pid, '--json', '--for', '4s', *OFTEN, '-o', path)
    assert (run.code, run.out) == (0, b''), run
    done = subprocess.run([sys.executable, os.path.join(gobuild.ROOT, 'scripts/check-man'), path],
                          stdout=subprocess.PIPE, text=True, check=False,
                          env={**os.environ, 'LOITER': LOITER})
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope='module')
def busy_shop(tmp_path_factory):
    path = tmp_path_factory.mktemp('demo') / 'shop'
    subprocess.run(['go', 'build', '-buildvcs=false', '-ldflags=-s -w', '-o', path, '.'],
                   cwd=os.path.join(gobuild.ROOT, 'scripts/demo'), check=True,
                   env={**os.environ, 'GOFLAGS': '', 'GOWORK': 'off'})
    with Target([str(path), 'traffic']) as service:
        yield service


def test_each_growing_site_of_the_demo_is_named_and_no_healthy_one(busy_shop):
    with Attached(busy_shop.pid, '--interval', '1s', '--budget', '100') as attached:
        intervals, (closing,) = split(attached.looks(10))
    found = {function_of(f['site']): (f['verdict'], f['pattern']) for f in closing['findings']}
    assert found == {
        'main.askSupplier': ('suspect', 'growing-group'),
        'main.sendAudit': ('suspect', 'io-no-deadline'),
        'main.(*shop).lookUp': ('suspect', 'growing-group'),
        'main.(*shop).awaitReload': ('proven', 'nil-chan-recv'),
    }
    grew = {function_of(g['site']) for i in intervals for g in i['groups'] if g['grows']}
    # The connections of sendAudit's requests grow with it.
    assert grew - set(found) == {'net/http.(*persistConn).readLoop',
                                 'net/http.(*persistConn).writeLoop'}
