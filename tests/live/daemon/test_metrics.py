# SPDX-License-Identifier: Apache-2.0
"""Metrics, rules and dashboard against Debian's promtool and Prometheus: what they take, and that a
rule that never fires, or fires at once, fails the rules' own tests.

The metrics are those of the made-up nodes that the unit tests use, as their writer prints them.
"""
import contextlib
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.parse

import pytest
import yaml

import gobuild
from process import LOITER, PATIENCE_S
from test_servers import EXTRA, free_ports, get

DEPLOY = os.path.join(gobuild.ROOT, 'scripts/deploy')
RULES = os.path.join(DEPLOY, 'prometheus')
DASHBOARD = os.path.join(DEPLOY, 'grafana/loiter.json')
WRITER = os.path.join(os.path.dirname(LOITER), 'tests/unit/report/write_metrics')
OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
PLAIN = 'text/plain; version=0.0.4; charset=utf-8'


def program(name):
    path = shutil.which(name, path=f'{os.environ["PATH"]}:{EXTRA}')
    if not path:
        pytest.skip(f'{name} is not there: scripts/setup --test fetches it')
    return path


def promtool(*args, stdin=b''):
    """(exit code, what it printed)."""
    done = subprocess.run([program('promtool'), *args], input=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=PATIENCE_S, check=False)
    return done.returncode, done.stdout.decode()


def sample(name, form):
    return subprocess.run([WRITER, name, form], stdout=subprocess.PIPE, check=True).stdout


@pytest.mark.parametrize('name', ['typical', 'hostile'])
def test_promtool_finds_nothing_to_say_of_the_metrics(name):
    assert promtool('check', 'metrics', stdin=sample(name, 'plain')) == (0, '')


def test_the_page_the_rules_and_the_dashboard_name_what_is_written():
    done = subprocess.run([sys.executable, os.path.join(gobuild.ROOT, 'scripts/check-metrics')],
                          stdout=subprocess.PIPE, text=True, check=False,
                          env={**os.environ, 'LOITER': LOITER})
    assert done.returncode == 0, done.stdout


def rules():
    with open(os.path.join(RULES, 'loiter.rules.yml'), encoding='utf-8') as file:
        return yaml.safe_load(file)


def run_rules_tests(folder, changed, alert):
    """promtool's verdict on the tests of one alert, with other rules in the place of ours."""
    for name in os.listdir(RULES):
        shutil.copy(os.path.join(RULES, name), folder)
    with open(os.path.join(folder, 'loiter.rules.yml'), 'w', encoding='utf-8') as file:
        yaml.safe_dump(changed, file)
    path = os.path.join(folder, 'loiter.rules.test.yml')
    with open(path, encoding='utf-8') as file:
        tests = yaml.safe_load(file)
    tests['tests'] = [test for test in tests['tests']
                      if alert in {case['alertname'] for case in test.get('alert_rule_test', ())}]
    with open(path, 'w', encoding='utf-8') as file:
        yaml.safe_dump(tests, file)
    return promtool('test', 'rules', path)


def test_rules_are_rules_and_pass_their_tests():
    paths = [os.path.join(RULES, name) for name in sorted(os.listdir(RULES))
             if name.endswith('.rules.yml')]
    code, output = promtool('check', 'rules', *paths)
    assert code == 0, output
    code, output = promtool('test', 'rules', os.path.join(RULES, 'loiter.rules.test.yml'))
    assert code == 0, output


ALERTS = [rule['alert'] for group in rules()['groups'] for rule in group['rules']
          if 'alert' in rule]


@pytest.mark.parametrize('alert', ALERTS)
def test_the_tests_of_an_alert_see_when_it_is_broken(alert, tmp_path):
    def change(**fields):
        changed = rules()
        for group in changed['groups']:
            for rule in group['rules']:
                if rule.get('alert') == alert:
                    rule.update(fields)
        return changed

    own = next(rule for group in rules()['groups'] for rule in group['rules']
               if rule.get('alert') == alert)
    assert {'summary', 'description'} <= own['annotations'].keys()
    code, output = run_rules_tests(tmp_path, rules(), alert)
    assert code == 0, output
    for broken in (change(expr='vector(1) > 2'), change(**{'for': '0s'}),
                   change(labels={'severity': 'none'})):
        code, output = run_rules_tests(tmp_path, broken, alert)
        assert code != 0 and alert in output, output


def test_each_query_of_the_dashboard_is_one(tmp_path):
    with open(DASHBOARD, encoding='utf-8') as file:
        dashboard = json.load(file)
    queries = [target['expr'] for panel in dashboard['panels']
               for target in panel.get('targets', ())]
    queries += [note['expr'] for note in dashboard['annotations']['list']]
    assert len(queries) > 40
    names = {variable['name'] for variable in dashboard['templating']['list']}
    assert {name for query in queries for name in re.findall(r'\$(\w+)', query)} <= \
        names | {'__rate_interval'}
    # As rules, for promtool parses those without a server.
    path = tmp_path / 'queries.yml'
    path.write_text(yaml.safe_dump({'groups': [{'name': 'dashboard', 'rules': [
        {'record': f'query:{i}', 'expr': re.sub(r'\$\w+', '5m', query)}
        for i, query in enumerate(queries)]}]}).replace('query:', 'query:n'), encoding='utf-8')
    code, output = promtool('check', 'rules', path)
    assert code == 0, output
    ids = [panel['id'] for panel in dashboard['panels']]
    assert len(ids) == len(set(ids))


# --- A real Prometheus ---

class Exporter(http.server.ThreadingHTTPServer):
    """Answers each path with (type, body), and knows when each has been asked for again."""

    def __init__(self, answers):
        self.answers, self.asked = answers, dict.fromkeys(answers, 0)
        self.changed = threading.Condition()
        super().__init__(('127.0.0.1', 0), Answer)

    def wait_for_scrapes(self, n):
        """Until each has been asked for n times since it began."""
        with self.changed:
            assert self.changed.wait_for(lambda: min(self.asked.values()) >= n, PATIENCE_S), \
                self.asked


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        kind, body = self.server.answers[self.path]
        self.send_response(200)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        with self.server.changed:
            self.server.asked[self.path] += 1
            self.server.changed.notify_all()

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def prometheus(folder, exporter):
    """Its base URL, once each answer has been scraped."""
    port, = free_ports(1)
    config = {'global': {'scrape_interval': '1s', 'evaluation_interval': '1s'},
              'rule_files': [os.path.join(RULES, '*.rules.yml')],
              'scrape_configs': [{
                  'job_name': f'loiter{path.replace("/", "-")}', 'metrics_path': path,
                  'honor_labels': True,
                  'static_configs': [{'targets': [f'127.0.0.1:{exporter.server_port}']}],
              } for path in exporter.answers]}
    path = folder / 'prometheus.yml'
    path.write_text(yaml.safe_dump(config), encoding='utf-8')
    with open(folder / 'log', 'wb') as log:
        server = subprocess.Popen(
            [program('prometheus'), f'--config.file={path}', f'--storage.tsdb.path={folder}/data',
             f'--web.listen-address=127.0.0.1:{port}'], stdout=log, stderr=log)
    serving = threading.Thread(target=exporter.serve_forever)
    serving.start()
    try:
        # It asks for the second time when it has done with the first answer.
        exporter.wait_for_scrapes(2)
        yield f'http://127.0.0.1:{port}'
    finally:
        server.kill()
        server.wait()
        exporter.shutdown()
        exporter.server_close()
        serving.join()


def query(url, expression):
    answer = json.loads(get(f'{url}/api/v1/query?' + urllib.parse.urlencode({'query': expression})))
    assert answer['status'] == 'success', answer
    return answer['data']['result']


def test_prometheus_takes_both_formats_with_all_that_is_in_them(tmp_path):
    answers = {f'/{name}/{form}': (kind, sample(name, form)) for name in ('typical', 'hostile')
               for form, kind in (('openmetrics', OPENMETRICS), ('plain', PLAIN))}
    exporter = Exporter(answers)
    with prometheus(tmp_path, exporter) as url:
        targets = json.loads(get(f'{url}/api/v1/targets'))['data']['activeTargets']
        assert [t['lastError'] for t in targets] == [''] * len(answers)
        for path, (_, body) in answers.items():
            job = f'loiter{path.replace("/", "-")}'
            lines = [line for line in body.decode().splitlines() if line[0] != '#']
            # What has come, of this scrape: as many as were written.
            (samples,) = query(url, f'scrape_samples_scraped{{job="{job}"}}')
            assert int(samples['value'][1]) == len(lines)
            (samples,) = query(url, f'scrape_samples_post_metric_relabeling{{job="{job}"}}')
            assert int(samples['value'][1]) == len(lines)
        shop = query(url, 'loiter_leaked_goroutines{job="loiter-typical-openmetrics",'
                          'exe="shop-api",verdict="proven"}')
        assert [s['value'][1] for s in shop] == ['7'] and shop[0]['metric']['pod_uid'] == '8a1c'
        hostile = query(url, 'count by (exe) (loiter_processes{job="loiter-hostile-openmetrics"})')
        assert any(s['metric']['exe'].startswith('a"b\\c\nd\ufffd[2Je') for s in hostile)
        check_rules(url, exporter)


def errors_of_rules(url):
    groups = json.loads(get(f'{url}/api/v1/rules'))['data']['groups']
    return [(rule['name'], rule.get('lastError')) for group in groups for rule in group['rules']
            if rule['health'] == 'err']


def check_rules(url, exporter):
    """What the rules make of two instances of one program, which are alike."""
    # Rules come to each other's results one after another, once a second.
    for scrapes in range(3, 20):
        exporter.wait_for_scrapes(scrapes)
        assert not errors_of_rules(url)
        ranked = query(url, 'loiter:site_blocked:rms_owned{exe="shop-api",wait_reason="chan send"}')
        if ranked and ranked[0]['metric']['owner'] != 'unknown':
            break
    assert [(s['value'][1], s['metric']['owner'], s['metric']['site']) for s in ranked] == \
        [('12', 'team-shop', 'main.fetch.func1 fetch.go:48')]
    (processes,) = query(url, 'loiter:program_processes:sum{exe="shop-api"}')
    assert processes['value'][1] == '2'
    alerts = json.loads(get(f'{url}/api/v1/alerts'))['data']['alerts']
    assert {'LoiterProvenLeak', 'LoiterGrowingSite'} <= {
        alert['labels']['alertname'] for alert in alerts
        if alert['labels'].get('exe') == 'shop-api'}
