# SPDX-License-Identifier: Apache-2.0
"""What is shipped to be put to use by others: Kubernetes, scrapers, the example configuration."""
import glob
import os
import re
import shutil
import subprocess

import pytest
import yaml

import gobuild
from daemon import Daemon
from process import LOITER

DEPLOY = os.path.join(gobuild.ROOT, 'scripts/deploy')
CAPABILITIES = {'SYS_PTRACE', 'CHECKPOINT_RESTORE', 'DAC_READ_SEARCH', 'BPF', 'PERFMON'}
# What each object may hold, by where it stands: a slip of the pen is an error here, not at a cluster
# that leaves it out in silence. [] stands for each element of a list, * for each key.
KNOWN = {
    'Namespace': 'apiVersion kind metadata metadata.name metadata.labels metadata.labels.*',
    'ServiceAccount': 'apiVersion kind metadata metadata.name metadata.namespace '
                      'automountServiceAccountToken',
    'ConfigMap': 'apiVersion kind metadata metadata.name metadata.namespace data data.*',
    'DaemonSet': '''
        apiVersion kind metadata metadata.name metadata.namespace metadata.labels metadata.labels.*
        spec spec.selector spec.selector.matchLabels spec.selector.matchLabels.*
        spec.updateStrategy spec.updateStrategy.type spec.updateStrategy.rollingUpdate
        spec.updateStrategy.rollingUpdate.maxUnavailable spec.template spec.template.metadata
        spec.template.metadata.labels spec.template.metadata.labels.*
        spec.template.metadata.annotations spec.template.metadata.annotations.*
        spec.template.spec''',
}
POD = '''serviceAccountName automountServiceAccountToken enableServiceLinks hostPID
    terminationGracePeriodSeconds nodeSelector nodeSelector.* tolerations tolerations[].operator
    containers volumes volumes[].name volumes[].configMap volumes[].configMap.name volumes[].secret
    volumes[].secret.secretName volumes[].secret.defaultMode volumes[].hostPath
    volumes[].hostPath.path volumes[].hostPath.type'''
CONTAINER = '''name image imagePullPolicy args ports ports[].name ports[].containerPort
    securityContext securityContext.runAsUser securityContext.runAsGroup securityContext.privileged
    securityContext.allowPrivilegeEscalation securityContext.readOnlyRootFilesystem
    securityContext.capabilities securityContext.capabilities.drop securityContext.capabilities.add
    securityContext.seccompProfile securityContext.seccompProfile.type
    securityContext.appArmorProfile securityContext.appArmorProfile.type
    securityContext.seLinuxOptions securityContext.seLinuxOptions.type
    resources resources.requests resources.requests.cpu resources.requests.memory
    resources.limits resources.limits.cpu resources.limits.memory volumeMounts volumeMounts[].name
    volumeMounts[].mountPath volumeMounts[].subPath volumeMounts[].readOnly'''
PROBE = 'httpGet httpGet.path httpGet.port periodSeconds timeoutSeconds failureThreshold'


class Strict(yaml.SafeLoader):
    """A key that stands there twice is an error, as it is to a cluster's strict reader."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f'twice in one mapping: {keys}'
        return super().construct_mapping(node, deep)


def read(*path):
    with open(os.path.join(DEPLOY, *path), encoding='utf-8') as file:
        return list(yaml.load_all(file, Strict))


def paths(value, at=''):
    """'spec.ports[].name' of everything in value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            here = f'{at}.{key}' if at else key
            yield here
            yield from paths(inner, here)
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, at + '[]')


def allowed():
    """{kind: regex of the paths that it may have}."""
    probes = ' '.join(f'{name} {" ".join(f"{name}.{word}" for word in PROBE.split())}'
                      for name in ('startupProbe', 'livenessProbe', 'readinessProbe'))
    container = ' '.join(f'containers[].{word}' for word in (CONTAINER + ' ' + probes).split())
    pod = ' '.join(f'spec.template.spec.{word}' for word in (POD + ' ' + container).split())
    rows = {**KNOWN, 'DaemonSet': KNOWN['DaemonSet'] + ' ' + pod}
    return {kind: re.compile('|'.join(re.escape(word).replace(r'\*', r'[\w./-]+')
                                      for word in words.split()))
            for kind, words in rows.items()}


@pytest.fixture(scope='module')
def objects():
    return {o['kind']: o for o in read('kubernetes', 'daemonset.yaml')}


@pytest.fixture(scope='module')
def pod(objects):
    return objects['DaemonSet']['spec']['template']['spec']


@pytest.fixture(scope='module')
def container(pod):
    one, = pod['containers']
    return one


def test_kubernetes_knows_every_field(objects):
    known = allowed()
    assert set(objects) == set(known)
    for kind, o in objects.items():
        unknown = [path for path in paths(o) if not known[kind].fullmatch(path)]
        assert not unknown, (kind, unknown)


def test_the_pod_has_the_rights_it_needs_alone(pod, container):
    context = container['securityContext']
    assert pod['hostPID'] is True and not pod['automountServiceAccountToken']
    assert context['capabilities']['drop'] == ['ALL']
    assert set(context['capabilities']['add']) == CAPABILITIES
    assert context['readOnlyRootFilesystem'] and not context['privileged']
    assert not context['allowPrivilegeEscalation']
    assert context['seccompProfile']['type'] == 'RuntimeDefault'
    writable = [mount['mountPath'] for mount in container['volumeMounts']
                if not mount.get('readOnly')]
    assert writable == ['/var/lib/loiter']
    assert {'requests', 'limits'} == set(container['resources'])


def test_kubernetes_and_systemd_give_the_same_capabilities():
    with open(os.path.join(DEPLOY, 'systemd/loiter.service.in'), encoding='utf-8') as unit:
        words = re.search(r'^CapabilityBoundingSet=(.*)$', unit.read(), re.M)[1].split()
    assert {word.removeprefix('CAP_') for word in words} == CAPABILITIES
    with open(os.path.join(DEPLOY, 'container/Containerfile'), encoding='utf-8') as file:
        assert set(re.findall(r'--cap-add=(\w+)', file.read())) == CAPABILITIES


def test_what_the_pod_refers_to_is_there(objects, pod, container):
    volumes = {volume['name'] for volume in pod['volumes']}
    assert {mount['name'] for mount in container['volumeMounts']} == volumes
    labels = objects['DaemonSet']['spec']['template']['metadata']['labels']
    assert objects['DaemonSet']['spec']['selector']['matchLabels'].items() <= labels.items()
    port = container['ports'][0]['containerPort']
    annotations = objects['DaemonSet']['spec']['template']['metadata']['annotations']
    assert annotations['prometheus.io/port'] == str(port)
    for probe in ('startupProbe', 'livenessProbe', 'readinessProbe'):
        get = container[probe]['httpGet']
        assert get['port'] == container['ports'][0]['name']
        assert get['path'] in ('/healthz', '/readyz')
    assert f'*:{port}' in objects['ConfigMap']['data']['loiter.conf']
    assert pod['serviceAccountName'] == objects['ServiceAccount']['metadata']['name']


def program_keys():
    """{(section, key): default} that the program has."""
    done = subprocess.run([LOITER, '--dump-options'], text=True, stdout=subprocess.PIPE,
                          check=True)
    rows = [line.split('\t') for line in done.stdout.splitlines() if line.startswith('key\t')]
    return {(row[1], row[2]): row[3] for row in rows}


def pairs_of(text):
    """Yields (section, key, value) of a configuration, those commented out too."""
    section = None
    for line in text.splitlines():
        head = re.fullmatch(r'\[(\w+)\]', line)
        pair = re.fullmatch(r'#?([a-z-]+) = (.*)', line)
        if head:
            section = head[1]
        elif pair:
            yield section, pair[1], pair[2]


def test_the_example_configuration_says_the_defaults():
    keys = program_keys()
    with open(os.path.join(DEPLOY, 'loiter.conf'), encoding='utf-8') as file:
        text = file.read()
    found = list(pairs_of(text))
    assert len(found) >= 10
    for section, key, value in found:
        assert (section, key) in keys, f'{key} is not in [{section}]'
        # Without a default it shows how a value looks.
        assert value == (keys[section, key] or value), key
    assert not re.search(r'^[a-z]', text, re.M), 'something in it is set'


def test_the_daemon_reads_what_is_shipped(objects, tmp_path):
    token = tmp_path / 'token'
    token.write_text('0123456789abcdef0123456789abcdef\n')
    with open(os.path.join(DEPLOY, 'loiter.conf'), encoding='utf-8') as file:
        example = file.read()
    pod_conf = objects['ConfigMap']['data']['loiter.conf'].replace(
        '/etc/loiter/token/token', str(token))
    for text in (example, pod_conf):
        with Daemon(config=text) as daemon:
            assert daemon.alive()


def test_scrapers_are_told_of_paths_that_are_served():
    for job in read('scrape', 'parca.yml')[0]['scrape_configs']:
        served = {f'/debug/pprof/{name}' for name in ('goroutine', 'goroutineleak', 'heap')}
        profiles = job['profiling_config']['pprof_config']
        assert {p['path'] for p in profiles.values() if p['enabled']} == served
        assert job['http_sd_configs'][0]['url'].endswith(':9646/targets')
    with open(os.path.join(DEPLOY, 'scrape/alloy.river'), encoding='utf-8') as file:
        river = file.read()
    assert set(re.findall(r'"(/debug/\S+)"', river)) == served
    assert river.count('{') == river.count('}') and ':9646/targets"' in river
    for name in ('prometheus.yml', 'prometheus-kubernetes.yml', 'victoriametrics.yml'):
        for job in read('scrape', name)[0]['scrape_configs']:
            assert job['job_name'].startswith('loiter')


@pytest.mark.skipif(not shutil.which('promtool'), reason='no promtool')
def test_prometheus_takes_its_example():
    path = os.path.join(DEPLOY, 'scrape/prometheus.yml')
    done = subprocess.run(['promtool', 'check', 'config', '--syntax-only', path], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, done.stdout


def test_every_file_says_its_licence():
    for path in glob.glob(os.path.join(DEPLOY, '**/*.y*ml'), recursive=True):
        with open(path, encoding='utf-8') as file:
            assert 'SPDX-License-Identifier: Apache-2.0' in file.readline(), path
