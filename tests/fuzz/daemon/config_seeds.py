#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what the fuzz targets of daemon/ begin with: seeds.py DIRECTORY"""
import os
import sys

CONFIG = {
    'empty': '',
    'whole': '''# every kind of value
[daemon]
interval = 30s
budget = 0.5%
memory-max = 96M
discover = no
examine = no
trace-locks = no
state-directory = /var/lib/loiter
log-level = debug
cgroup = system.slice
node = node-7

[http]
listen = *:9646
token-file = /etc/loiter/token
tls-certificate = /c
tls-key = /k
tls-client-ca = /a
hosts = a b.example
prove = 200ms

[otlp]
url = https://collector:4318
headers-file = /h
''',
    'colon': '[http]\nlisten: [::1]:9646 ; here\n',
    'twice': '[daemon]\ninterval=1\ninterval=2\n',
    'nul': '[daemon]\ninter\0val=1\n',
    'long': '[http]\nhosts = ' + 'x' * 5000 + '\n',
    'bom': '\ufeff[daemon]\n  budget = 1\r\n',
    'bare': '[daemon]\nbudget\n',
}


def main(folder):
    config = os.path.join(folder, 'config')
    os.makedirs(config, exist_ok=True)
    for name, text in CONFIG.items():
        with open(os.path.join(config, name), 'w', encoding='utf-8', newline='') as seed:
            seed.write(text)


if __name__ == '__main__':
    main(sys.argv[1])
