# SPDX-License-Identifier: Apache-2.0
"""What loiter sends by OTLP, to OpenTelemetry's own Collector, which scripts/setup has built."""
import os
import re
import socket
import subprocess

import pytest

import gobuild
from otlp import FEED, Feed, Lines

COLLECTOR = os.path.join(gobuild.ROOT, 'build/otelcol/otelcol')
CONFIG = '''
receivers:
  otlp:
    protocols:
      http:
        endpoint: 127.0.0.1:{port}
exporters:
  debug:
    verbosity: detailed
service:
  telemetry:
    metrics:
      level: none
  pipelines:
    metrics: {{receivers: [otlp], exporters: [debug]}}
    logs: {{receivers: [otlp], exporters: [debug]}}
'''

pytestmark = [
    pytest.mark.skipif(not os.access(FEED, os.X_OK), reason=f'{FEED} is not built'),
    pytest.mark.skipif(not os.access(COLLECTOR, os.X_OK),
                       reason=f'{COLLECTOR} is not there: scripts/setup --test builds it'),
]


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


@pytest.fixture
def collector(tmp_path):
    """Its URL, and the lines that it prints."""
    port = free_port()
    config = tmp_path / 'config.yaml'
    config.write_text(CONFIG.format(port=port), encoding='ascii')
    child = subprocess.Popen([COLLECTOR, '--config', f'file:{config}'], text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        lines = Lines(child.stdout)
        lines.until(lambda line: 'Everything is ready' in line)
        yield f'http://127.0.0.1:{port}', lines, child
    finally:
        child.kill()
        child.wait()


def test_a_real_collector_takes_metrics_and_findings(collector):
    url, lines, child = collector
    with Feed(url, 'give-up=20') as feed:
        feed.say('look 7')
        # Only what is known to have arrived has an end.
        feed.say('idle')
        for _ in range(3):
            feed.say('look 0')
        counts = feed.say('idle')
        assert (counts['failed'], counts['dropped'], counts['rejected']) == (0, 0, 0)
    # It says all that it has before it ends.
    child.terminate()
    while lines.next() is not None:
        pass
    text = ''.join(lines.all)
    assert len(re.findall(r'-> Name: loiter_resident_memory_bytes\n.*\n *-> Unit: By\n'
                          r' *-> DataType: Gauge', text)) >= 2
    assert re.search(r'-> Name: loiter_otlp_sent\n.*\n *-> Unit: *\n *-> DataType: Sum\n'
                     r' *-> IsMonotonic: true\n *-> AggregationTemporality: Cumulative', text)
    assert '-> service.name: Str(shop-api)' in text and '-> k8s.pod.uid: Str(1-2-3)' in text
    assert re.search(r'SeverityText: ERROR\nSeverityNumber: Error\(17\)\n'
                     r'EventName: loiter.finding\nBody: Str\(goroutines can never run again\)\n', text)
    assert '-> loiter.finding.change: Str(new)' in text
    assert '-> loiter.finding.evidence: Slice(["3 of 3 passes"])' in text
    assert '-> loiter.finding.change: Str(ended)' in text
