# SPDX-License-Identifier: Apache-2.0
"""Builds the target programs with every Go release, once for each state of the sources.

The results stay below build/live; a key made of the sources, the release and the mode names them.
"""
import fcntl
import hashlib
import os
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TARGETS = os.path.join(ROOT, 'tests/targets')
CACHE = os.path.join(ROOT, 'build/live')

# What each mode adds to `go build`; cgo says whether C takes part.
MODES = {
    'default': dict(cgo=False, args=[]),
    'stripped': dict(cgo=False, args=['-ldflags=-s -w']),
    'pie': dict(cgo=False, args=['-buildmode=pie']),
    'cgo': dict(cgo=True, args=['-ldflags=-linkmode=external']),
    'pie-stripped': dict(cgo=False, args=['-buildmode=pie', '-ldflags=-s -w']),
    'cgo-stripped': dict(cgo=True, args=['-ldflags=-linkmode=external -s -w']),
    'plugin': dict(cgo=True, args=['-buildmode=plugin']),
    'c-shared': dict(cgo=True, args=['-buildmode=c-shared', '-tags=cshared']),
    'c-shared-stripped': dict(cgo=True, args=['-buildmode=c-shared', '-tags=cshared',
                                              '-ldflags=-s -w']),
}


def releases():
    """The releases that loiter reads, oldest first: '1.18.10' and on."""
    with open(os.path.join(ROOT, 'scripts/go-releases'), encoding='ascii') as lines:
        return [line.strip() for line in lines if line.strip() and line[0] != '#']


def minor(release):
    return int(release.split('.')[1])


def local_env(**more):
    """The environment for the machine's own go command."""
    return {**os.environ, 'GOFLAGS': '', 'GOTOOLCHAIN': 'local', 'GOWORK': 'off', **more}


def go(release, *args, **env):
    """Runs the go command of a release; returns what it printed."""
    result = subprocess.run(
        ['nice', 'go', *args], cwd=TARGETS, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, check=False,
        env=local_env(**{'GOTOOLCHAIN': 'go' + release, **env}))
    if result.returncode != 0:
        raise RuntimeError(f'go {" ".join(args)} (go{release}):\n{result.stdout}')
    return result.stdout


def sources_key(directory, *more):
    """Changes when a file of the directory or one of the further words does."""
    digest = hashlib.sha256(repr(more).encode())
    for name in sorted(os.listdir(directory)):
        with open(os.path.join(directory, name), 'rb') as source:
            digest.update(name.encode() + b'\0' + source.read() + b'\0')
    return digest.hexdigest()[:16]


def cached(name, key, make):
    """CACHE/name-key, made by make(path) when it is not there. Older ones of that name go away."""
    os.makedirs(CACHE, exist_ok=True)
    path = os.path.join(CACHE, f'{name}-{key}')
    with open(os.path.join(CACHE, 'lock'), 'w', encoding='ascii') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path):
            for old in os.listdir(CACHE):
                if old.rpartition('-')[0] == name:
                    os.unlink(os.path.join(CACHE, old))
            make(path + '.new')
            os.rename(path + '.new', path)
    return path


def _modfile(release):
    """A go.mod of that release's own language version, and so with its own defaults."""
    path = os.path.join(CACHE, f'go{minor(release)}.mod')
    with open(path, 'w', encoding='ascii') as out:
        out.write(f'module loiter.test/targets\n\ngo 1.{minor(release)}\n')
    return path


def build(target, release, mode='default', **env):
    """The path of tests/targets/TARGET built that way. env: GOARCH='386' and the like."""
    how = MODES[mode]
    source = os.path.join(TARGETS, target)
    name = '-'.join([target, release, mode, *env.values()])

    def make(path):
        go(release, 'build', f'-modfile={_modfile(release)}', '-o', path, *how['args'],
           './' + target, CGO_ENABLED='1' if how['cgo'] else '0', **env)

    return cached(name, sources_key(source, how), make)


def build_c(name, *args):
    """The path of tests/targets/c/NAME.c compiled; other arguments, another name."""
    source = os.path.join(TARGETS, 'c')

    def make(path):
        subprocess.run(['cc', '-g', '-O2', '-o', path, os.path.join(source, name + '.c'), *args],
                       check=True)

    kind = hashlib.sha256(repr(args).encode()).hexdigest()[:4] if args else ''
    return cached(f'c-{name}{kind}', sources_key(source, args), make)


def glibc_dir(version):
    """Where scripts/setup has unpacked that glibc's libraries; None: it could not be fetched."""
    return next((path for top in ('usr/lib', 'lib') for path in
                 [os.path.join(ROOT, 'build/glibc', version, top, 'x86_64-linux-gnu')]
                 if os.path.exists(os.path.join(path, 'libc.so.6'))), None)


def build_c_old(name):
    """As build_c(), linked with glibc 2.31, so that it runs on that one and all later ones."""
    libraries = glibc_dir('2.31')

    def file(name):
        return subprocess.run(['cc', f'-print-file-name={name}'], check=True, text=True,
                              stdout=subprocess.PIPE).stdout.strip()

    return build_c(name, '-nostdlib', '-no-pie', '-fno-stack-protector', '-U_FORTIFY_SOURCE',
                   file('crt1.o'), file('crti.o'), file('crtbegin.o'),
                   *(os.path.join(libraries, so) for so in
                     ('libpthread.so.0', 'libc.so.6', 'ld-linux-x86-64.so.2')),
                   file('libgcc.a'), file('crtend.o'), file('crtn.o'))


def copy_with(path, name, old, new, count=None):
    """A copy of a binary in which the bytes old read new; they must be of one length."""
    assert len(old) == len(new)
    with open(path, 'rb') as source:
        data = source.read()
    found = data.count(old)
    assert found > 0 and count in (None, found), f'{found} of {old!r} in {path}'
    copy = os.path.join(CACHE, name)
    with open(copy, 'wb') as out:
        out.write(data.replace(old, new))
    shutil.copymode(path, copy)
    return copy
