# SPDX-License-Identifier: Apache-2.0
"""What `loiter attach` says of real processes: that it holds together, and is in the manual."""
import json
import os
import re
import signal
import subprocess
import sys
import threading

import pytest

import gobuild
from process import LOITER, PATIENCE_S, Run, Target

NEWEST = gobuild.releases()[-1]
OFTEN = ('--interval', '500ms', '--budget', '100')
PROBES = {'goroutines', 'futex', 'memory', 'threads', 'oncpu'}
NO_TRACING = ('setpriv', '--bounding-set=-bpf,-perfmon,-sys_admin')
# Numbers that nothing real has: where one is 0, something unknown was taken for a fact.
NEVER_0 = {'pid', 'tid', 'hz', 'rss_bytes', 'peak_rss_bytes', 'budget_percent', 'line', 'expected',
           'oldest_s', 'longest_s', 'p99_wait_s', 'start_time'}


def go():
    return Target([gobuild.build('grower', NEWEST, 'default'), 'growth', 'rpc', 'ticker'])


def cgo():
    return Target([gobuild.build('cgotrace', NEWEST, 'cgo')])


def c_locks():
    return Target([gobuild.build_c('deadlock', '-pthread')])


def c_heap():
    return Target([gobuild.build_c('leaker', '-pthread')])


TARGETS = {'go': go, 'cgo': cgo, 'c_locks': c_locks, 'c_heap': c_heap}


def watch(target, *args, until, prefix=()):
    """What loiter attach writes until the pattern `until` is in it, and then on Ctrl-C."""
    with subprocess.Popen([*prefix, LOITER, 'attach', str(target.pid), *OFTEN, *args],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as child:
        patience = threading.Timer(PATIENCE_S, child.kill)
        patience.start()
        text = ''
        for line in child.stdout:
            text += line.decode()
            if re.search(until, text, re.M | re.S):
                child.send_signal(signal.SIGINT)
                break
        text += child.stdout.read().decode()
        patience.cancel()
        assert child.wait() == 130, text[-2000:]
    return text


@pytest.fixture(scope='module', params=TARGETS)
def documents(request, tmp_path_factory):
    """The file of one run, and what is in it."""
    path = tmp_path_factory.mktemp(request.param) / 'attach.json'
    with TARGETS[request.param]() as target:
        text = watch(target, '--json', until=r'("collectors": {.*){6}')
    path.write_text(text, encoding='utf-8')
    return path, [json.loads(line) for line in text.splitlines()]


def objects(value):
    """Every object in a document."""
    if isinstance(value, list):
        for element in value:
            yield from objects(element)
    elif isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from objects(inner)


def intervals(documents):
    return [d for d in documents[1] if d['schema'] == 'loiter.interval/1']


def test_every_field_is_in_the_man_page(documents):
    done = subprocess.run([sys.executable, os.path.join(gobuild.ROOT, 'scripts/check-man'),
                           documents[0]], stdout=subprocess.PIPE, text=True, check=False,
                          env={**os.environ, 'LOITER': LOITER})
    assert done.returncode == 0, done.stdout


def test_nothing_unknown_is_a_zero(documents):
    for o in (o for i in intervals(documents) for o in objects(i)):
        zero = {k for k in NEVER_0 & set(o) if o[k] == 0}
        assert not zero, (zero, o)
        assert not [k for k, v in o.items() if v == '' or v == '0x0'], o
        assert all(v > 0 for k, v in o.items() if k.endswith('_left_out')), o
        if 'per_s' in o:
            assert 0 < o['seen'] <= 1 and 0 <= o['low'] <= o['per_s'] <= o['high'], o
        if 'wakes' in o and 'wait_reason' in o:
            assert ('mean_wait_s' in o) == (o['wakes'] > 0), o


def test_each_collector_says_how_it_fared(documents):
    *_, last = [i for i in intervals(documents) if i['events']]
    assert set(last['collectors']) == PROBES
    for name, c in last['collectors'].items():
        assert c['on'] or (c['seen'], c['cores'], c['hits']) == (None, None, None), (name, c)
        assert not c['on'] or 0 <= c['seen'] <= 1, (name, c)
    assert last['lost_events'] == sum(c['lost'] for c in last['collectors'].values())
    assert last['overhead']['budget_percent'] == 100
    # What is on has its member, also when it saw nothing.
    on = {name for name, c in last['collectors'].items() if c['on']}
    assert ('locks' in last['events']) == ('futex' in on), last['events'].keys()
    assert ('oncpu' in last['events']) == ('oncpu' in on)
    assert ('goroutines' in last['events']) == ('goroutines' in on)


def test_nothing_is_traced_unless_it_is_asked_for():
    with c_locks() as target:
        none = Run('attach', target.pid, '--json', '--for', '1s', '--probes', 'none', *OFTEN)
        one = watch(target, '--json', '--probes', 'oncpu', until=r'("collectors": {.*){2}')
    for line in none.out.splitlines():
        i = json.loads(line)
        if i['schema'] == 'loiter.interval/1':
            assert i['events'] == {} and 'collectors' not in i and 'findings' not in i
            assert i['overhead']['target_cpu'] is None
            assert i['overhead']['budget_percent'] is None
    asked = [json.loads(line) for line in one.splitlines()]
    assert {name for i in asked for name in i.get('collectors', ())} == {'oncpu'}
    assert {name for i in asked for name in i.get('events', ())} == {'oncpu'}


def test_the_lines_name_a_deadlock_when_it_is_proven_and_once():
    with c_locks() as target:
        text = watch(target, until=r'(^PROVEN .*){3}')
    assert not [line for line in text.splitlines() if len(line) > 80], text
    live, closing = text.rsplit('\n\nc-deadlock', 1)
    for part in (live, closing):
        assert sorted(re.findall(r'^PROVEN  (\S+) thread', part, re.M)) == ['2', '3', 'a'], text
        assert 'take_second deadlock.c:' in part and 'try: take these locks' in part
    # That there is no Go in it is said by the first line, and is no refusal.
    assert 'not Go' in live and 'refused' not in live and 'goroutines' not in closing


def test_a_refusal_is_named_once_and_the_looks_go_on():
    with go() as target:
        text = watch(target, until=r'refused.*GROWS', prefix=NO_TRACING)
        told = watch(target, '--json', until='"collectors"', prefix=NO_TRACING)
    refused = {name for line in told.splitlines()
               for name, c in json.loads(line).get('collectors', {}).items() if c['refused']}
    assert refused == PROBES, told
    said = [name for names in re.findall(r'^  ((?:\w+, )*\w+) refused(?: in part)?:', text, re.M)
            for name in names.split(', ')]
    assert sorted(said) == sorted(refused), text
    assert 'GROWS' in text and '`loiter doctor` says' in re.sub(r'\s+', ' ', text)
