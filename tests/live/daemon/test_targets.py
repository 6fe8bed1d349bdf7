# SPDX-License-Identifier: Apache-2.0
"""What /targets says of made-up nodes, as Prometheus's own discovery takes it from HTTP."""
import http.server
import json
import os
import shutil
import subprocess
import threading

import pytest

import gobuild
from process import LOITER, PATIENCE_S

WRITE_PAGE = os.path.join(os.path.dirname(LOITER), 'tests/unit/report/write_page')
EXTRA = os.path.join(gobuild.ROOT, 'build/servers/usr/bin')
PROMTOOL = shutil.which('promtool', path=f'{os.environ.get("PATH", "")}:{EXTRA}')

pytestmark = [
    pytest.mark.skipif(not os.path.exists(WRITE_PAGE), reason='write_page is not built'),
    pytest.mark.skipif(not PROMTOOL, reason='there is no promtool: scripts/setup --test'),
]


class Handler(http.server.BaseHTTPRequestHandler):
    body = b''

    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Type', 'application/json')
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        pass


def discovered(folder, body):
    """The labels of each target that Prometheus would scrape."""
    Handler.body = body
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        config = folder / 'prometheus.yml'
        config.write_text('scrape_configs:\n- job_name: loiter\n  http_sd_configs:\n'
                          f'  - url: http://127.0.0.1:{server.server_port}/targets\n')
        try:
            done = subprocess.run([PROMTOOL, 'check', 'service-discovery', '--timeout=3s', config,
                                   'loiter'], check=True, stdout=subprocess.PIPE,
                                  timeout=PATIENCE_S, env={**os.environ, 'NO_PROXY': '127.0.0.1'})
        finally:
            server.shutdown()
            thread.join()
    found = json.loads(done.stdout[done.stdout.index(b'['):])
    assert not [one for one in found if one.get('error')]
    return [one['labels'] for one in found]


@pytest.mark.parametrize('sample', ['typical', 'hostile'])
def test_prometheus_takes_every_target_as_one_of_its_own(tmp_path, sample):
    body = subprocess.run([WRITE_PAGE, 'targets', sample], check=True,
                          stdout=subprocess.PIPE).stdout
    said = json.loads(body)
    found = discovered(tmp_path, body)
    assert len(found) == len(said) > 10
    assert {one['__param_proc'] for one in found} == {t['labels']['__param_proc'] for t in said}
    # Series are told apart by what does not begin with two underscores.
    assert len({json.dumps({k: v for k, v in one.items() if k[:2] != '__'}, sort_keys=True)
                for one in found}) == len(found)
