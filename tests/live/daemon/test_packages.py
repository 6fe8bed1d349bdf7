# SPDX-License-Identifier: Apache-2.0
"""The Debian package and the tree of the container image: whole, clean, and they run where they are."""
import gzip
import json
import os
import re
import shutil
import subprocess

import pytest

import gobuild
from process import Target

ROOT = gobuild.ROOT
DEPLOY = os.path.join(ROOT, 'scripts/deploy')
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')


def call(*argv, **more):
    done = subprocess.run(list(map(str, argv)), text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **more)
    assert done.returncode == 0, f'{argv}: exit code {done.returncode}\n{done.stdout}'
    return done.stdout


@pytest.fixture(scope='module')
def release():
    """The build that packages are made of: that of scripts/reproducible, where it has run."""
    path = os.environ.get('LOITER_RELEASE', os.path.join(ROOT, 'build/release'))
    call(os.path.join(DEPLOY, 'release-build'), path)
    return path


@pytest.fixture(scope='module')
def package(release, tmp_path_factory):
    path = tmp_path_factory.mktemp('deb') / 'loiter.deb'
    call(os.path.join(DEPLOY, 'debian/make-deb'), '--build', release, '--output', path)
    yield path
    shutil.rmtree(path.parent)


@pytest.fixture(scope='module')
def unpacked(package, tmp_path_factory):
    """Control files in DEBIAN, the rest below it."""
    path = tmp_path_factory.mktemp('unpacked')
    call('dpkg-deb', '--raw-extract', package, path)
    yield path
    shutil.rmtree(path)


def field(package, name):
    return call('dpkg-deb', '--field', package, name).strip()


def rows(package):
    """Yields (mode, owner, path) of each file."""
    for line in call('dpkg-deb', '--contents', package).splitlines():
        words = line.split(None, 5)
        yield words[0], words[1], words[5].removeprefix('.')


def test_package_has_each_field_and_runs_no_script(package, unpacked):
    for name in ('Package', 'Version', 'Architecture', 'Maintainer', 'Installed-Size', 'Section',
                 'Priority', 'Description', 'Depends'):
        assert field(package, name), name
    depends = field(package, 'Depends')
    for library in ('libc6', 'libbpf1', 'libelf1', 'libzydis'):
        assert re.search(rf'\b{library}\S* \(>= ', depends), depends
    assert sorted(os.listdir(unpacked / 'DEBIAN')) == ['conffiles', 'control', 'md5sums']
    first, *more = field(package, 'Description').splitlines()
    assert len(first) <= 80 and not first.endswith('.') and len(more) > 2
    version = call(unpacked / 'usr/bin/loiter', '--version').split()[-1]
    assert field(package, 'Version').rsplit('-', 1)[0] == version


def test_package_has_files_where_debian_has_them(package):
    places = re.compile(r'/(usr/(bin/loiter|share/(man/man[578]/loiter[\w.-]*\.[578]\.gz|'
                        r'doc/loiter/.+)|lib/systemd/system/loiter\.service)|etc/loiter/\w+\.conf)')
    for mode, owner, path in rows(package):
        assert owner == 'root/root', path
        if mode[0] == 'd':
            assert mode == 'drwxr-xr-x', path
            continue
        assert mode == ('-rwxr-xr-x' if path == '/usr/bin/loiter' else '-rw-r--r--'), path
        assert places.fullmatch(path), path


def test_package_is_documented(unpacked):
    doc = unpacked / 'usr/share/doc/loiter'
    assert (doc / 'copyright').read_text().startswith('Format: https://www.debian.org/')
    with gzip.open(doc / 'changelog.Debian.gz', 'rt') as log:
        assert re.match(r'loiter \(\S+\) \w+; urgency=', log.read())
    assert {'README.md', 'SECURITY.md', 'loiter.cdx.json', 'examples'} <= set(os.listdir(doc))
    for page in sorted((unpacked / 'usr/share/man').rglob('*.gz')):
        # RFC 1952: no name, no time, best compression.
        assert page.read_bytes()[3:9] == b'\0\0\0\0\0\2', page
    pages = {os.path.basename(page) for page in (unpacked / 'usr/share/man').rglob('*.gz')}
    assert {'loiter.8.gz', 'loiter-snapshot.8.gz'} <= pages


def test_configuration_is_kept_and_the_rest_is_sealed(unpacked):
    control = unpacked / 'DEBIAN'
    assert (control / 'conffiles').read_text() == '/etc/loiter/loiter.conf\n'
    call('md5sum', '--check', '--strict', '--quiet', control / 'md5sums', cwd=unpacked)
    sealed = {line.split('  ')[1] for line in (control / 'md5sums').read_text().splitlines()}
    there = {str(path.relative_to(unpacked)) for path in (unpacked / 'usr').rglob('*')
             if path.is_file()}
    assert sealed == there


def test_program_is_stripped_and_hardened(unpacked):
    program = unpacked / 'usr/bin/loiter'
    assert '.debug_info' not in call('readelf', '-SW', program)
    call(os.path.join(ROOT, 'scripts/check-hardening'), program)
    assert ROOT.encode() not in program.read_bytes()


def test_unit_runs_what_is_installed(unpacked):
    unit = (unpacked / 'usr/lib/systemd/system/loiter.service').read_text()
    command = re.search(r'^ExecStart=(.*)$', unit, re.M)[1].split()
    assert command == ['/usr/bin/loiter', 'daemon', '--config', '/etc/loiter/loiter.conf']
    for path in (command[0], command[-1]):
        assert (unpacked / path[1:]).is_file()
    assert not re.search(r'@\w+dir@', unit)


@needs_root
def test_package_installs_runs_and_goes_without_a_trace(package, tmp_path):
    admin = tmp_path / 'var/lib/dpkg'
    for name in ('info', 'updates', 'triggers'):
        (admin / name).mkdir(parents=True)
    (admin / 'status').touch()
    dpkg = ['dpkg', f'--root={tmp_path}', '--force-depends', f'--log={tmp_path}/dpkg.log']
    call(*dpkg, '--install', package)
    program = tmp_path / 'usr/bin/loiter'
    with Target([gobuild.build('tiny', gobuild.releases()[-1])]) as target:
        seen = json.loads(call(program, 'snapshot', '--json', target.pid))
        assert seen['process']['pid'] == target.pid
    # A configuration that was changed outlives the package, and is gone with its purge.
    (tmp_path / 'etc/loiter/loiter.conf').write_text('[daemon]\ninterval = 15s\n')
    call(*dpkg, '--remove', 'loiter')
    assert not program.exists() and (tmp_path / 'etc/loiter/loiter.conf').exists()
    call(*dpkg, '--purge', 'loiter')
    left = [path for path in tmp_path.rglob('*') if 'loiter' in path.name]
    assert not left


@pytest.fixture(scope='module')
def image(release, tmp_path_factory):
    """The file system of the container image."""
    path = tmp_path_factory.mktemp('image') / 'root'
    call(os.path.join(DEPLOY, 'container/gather-root'), path, release)
    yield path
    shutil.rmtree(path.parent)


def inside(image, *argv, **more):
    """A program in the image, with the machine's processes, as a container with hostPID has them."""
    script = 'mount --bind /proc "$0/proc" && mount --rbind /sys "$0/sys" && exec chroot "$0" "$@"'
    return subprocess.run(['unshare', '--mount', '--propagation=private', 'sh', '-c', script,
                           str(image), *map(str, argv)], text=True, capture_output=True,
                          check=False, **more)


@needs_root
def test_image_has_all_that_runs_and_nothing_else_that_does(image):
    done = inside(image, '/usr/bin/loiter', '--version')
    assert done.returncode == 0 and done.stdout.startswith('loiter '), done
    programs = [path for path in image.rglob('*') if path.is_file() and os.access(path, os.X_OK)
                and not re.search(r'\.so(\.|$)', path.name)]
    assert [path.name for path in programs] == ['loiter']
    assert not [path for path in image.rglob('*') if path.is_file() and path.stat().st_mode & 0o6000]


@needs_root
def test_image_looks_at_processes_of_the_machine(image):
    with Target([gobuild.build('tiny', gobuild.releases()[-1])]) as target:
        done = inside(image, '/usr/bin/loiter', 'snapshot', '--json', '--memory', target.pid)
        assert done.returncode == 0, done
        assert json.loads(done.stdout)['process']['pid'] == target.pid


def test_image_says_what_it_is_made_of(image):
    doc = image / 'usr/share/doc'
    bill = json.loads((doc / 'loiter/loiter.cdx.json').read_text())
    libraries = {part['name']: part for part in bill['components']
                 if any(p['name'] == 'file' for p in part['properties'])}
    there = {path.name for path in image.rglob('*.so*') if path.is_file()}
    assert there == set(libraries)
    for part in libraries.values():
        package = re.match(r'pkg:deb/debian/([^@]+)@', part['purl'])[1]
        assert (doc / package / 'copyright').is_file(), package


def test_image_is_built_by_what_is_there():
    with open(os.path.join(DEPLOY, 'container/Containerfile'), encoding='utf-8') as file:
        text = file.read()
    assert re.findall(r'^FROM (\S+)', text, re.M)[-1] == 'scratch'
    for script in re.findall(r'\bscripts/[\w/-]+', re.search(r'^RUN (.*)', text, re.M)[1]):
        assert os.access(os.path.join(ROOT, script), os.X_OK), script
    assert not re.search(r'^(ADD|USER)\b', text, re.M)
    assert 'ENTRYPOINT ["/usr/bin/loiter"]' in text
