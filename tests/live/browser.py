# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, driven by W3C WebDriver over plain HTTP."""
import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

from process import PATIENCE_S

ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'
KEYS = {'Tab': '\ue004', 'Enter': '\ue007', 'Escape': '\ue00c', 'ArrowUp': '\ue013',
        'ArrowDown': '\ue015', 'ArrowRight': '\ue014', 'Space': ' '}


def missing():
    """What is not installed, or None."""
    return next((p for p in ('chromedriver', 'chromium') if not shutil.which(p)), None)


class Browser:
    def __init__(self, javascript=True, size=(1280, 900)):
        # Proxies of the surroundings are not asked for a server of this machine.
        self._http = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._home = tempfile.TemporaryDirectory(prefix='loiter-chromium-')
        self._session = None
        self._driver = subprocess.Popen(['chromedriver', '--port=0'], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True, env={**os.environ, 'HOME': self._home.name})
        try:
            self._start(javascript, size)
        except BaseException:
            self.close()
            raise

    def _start(self, javascript, size):
        line = next(l for l in self._driver.stdout if 'started successfully' in l)
        self._port = int(re.search(r'on port (\d+)', line).group(1))
        options = {'args': ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-proxy-server',
                            '--disable-dev-shm-usage', '--disable-background-networking',
                            f'--window-size={size[0]},{size[1]}',
                            f'--user-data-dir={self._home.name}/profile']}
        if not javascript:
            options['prefs'] = {'profile.managed_default_content_settings.javascript': 2}
        answer = self._ask('POST', '/session', {'capabilities': {'alwaysMatch': {
            'browserName': 'chrome', 'goog:chromeOptions': options,
            'goog:loggingPrefs': {'browser': 'ALL'}}}})
        self._session = answer['sessionId']

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            if self._session:
                self._ask('DELETE', f'/session/{self._session}')
        finally:
            self._driver.terminate()
            self._driver.wait(PATIENCE_S)
            self._driver.stdout.close()
            self._home.cleanup()

    def _ask(self, method, path, body=None):
        request = urllib.request.Request(f'http://127.0.0.1:{self._port}{path}', method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={'Content-Type': 'application/json'})
        try:
            with self._http.open(request, timeout=PATIENCE_S) as answer:
                return json.load(answer)['value']
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)['value']['message']) from None

    def _tell(self, path, body=None):
        return self._ask('POST', f'/session/{self._session}/{path}', body or {})

    def _get(self, path):
        return self._ask('GET', f'/session/{self._session}/{path}')

    def open(self, url):
        self._tell('url', {'url': url})

    def back(self):
        self._tell('back')

    def url(self):
        return self._get('url')

    def title(self):
        return self._get('title')

    def find(self, css):
        return self._tell('element', {'using': 'css selector', 'value': css})[ELEMENT]

    def find_all(self, css):
        return [e[ELEMENT] for e in
                self._tell('elements', {'using': 'css selector', 'value': css})]

    def link(self, text):
        return self._tell('element', {'using': 'link text', 'value': text})[ELEMENT]

    def text(self, element):
        """As it is seen: nothing of what is hidden."""
        return self._get(f'element/{element}/text')

    def shown(self, element):
        return self._get(f'element/{element}/displayed')

    def attribute(self, element, name):
        return self._get(f'element/{element}/attribute/{name}')

    def click(self, element):
        self._tell(f'element/{element}/click')

    def type(self, element, text):
        self._tell(f'element/{element}/value', {'text': text})

    def press(self, *keys):
        """To whatever has the focus."""
        actions = [{'type': kind, 'value': KEYS[key]} for key in keys
                   for kind in ('keyDown', 'keyUp')]
        self._tell('actions', {'actions': [{'type': 'key', 'id': 'keys', 'actions': actions}]})

    def focused(self):
        return self._get('element/active')[ELEMENT]

    def run(self, script, *args):
        return self._tell('execute/sync', {'script': script, 'args': list(args)})

    def devtools(self, command, **params):
        return self._tell('goog/cdp/execute', {'cmd': command, 'params': params})

    def media(self, **features):
        """Emulates what the reader prefers: prefers_color_scheme='dark'."""
        self.devtools('Emulation.setEmulatedMedia', features=[
            {'name': k.replace('_', '-'), 'value': v} for k, v in features.items()])

    def complaints(self):
        """What the browser has said since the last time: refused by the policy, for one."""
        return [e for e in self._tell('se/log', {'type': 'browser'})
                if e['level'] in ('SEVERE', 'WARNING')]

    def accessible(self):
        """(role, name) of all that a screen reader is told, in its order."""
        nodes = self.devtools('Accessibility.getFullAXTree')['nodes']
        return [(n['role']['value'], n.get('name', {}).get('value', '')) for n in nodes
                if not n['ignored']]

    def screenshot(self, path):
        """All of the page, not only what has room in the window."""
        shot = self.devtools('Page.captureScreenshot', captureBeyondViewport=True, format='png')
        with open(path, 'wb') as out:
            out.write(base64.b64decode(shot['data']))
