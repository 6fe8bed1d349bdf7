# SPDX-License-Identifier: Apache-2.0
"""The daemon's pages in a real browser: made-up nodes and processes, served as the daemon does."""
import http.server
import os
import subprocess
import threading

import pytest

import browser
from process import LOITER

WRITE_PAGE = os.path.join(os.path.dirname(LOITER), 'tests/unit/report/write_page')
PROCESS = '/proc/4242-987654/'
# The pages by their address; who is served is the test's choice.
ALL = {'/': ('node', 'typical'), PROCESS: ('process', 'leaky'),
       '/hostile': ('node', 'hostile'), '/hostile-process': ('process', 'hostile'),
       '/calm': ('node', 'calm'), '/empty': ('node', 'empty'), '/memory': ('process', 'typical'),
       '/empty-process': ('process', 'empty'), '/huge': ('node', 'huge')}

pytestmark = [
    pytest.mark.skipif(not os.path.exists(WRITE_PAGE), reason='write_page is not built'),
    pytest.mark.skipif(bool(browser.missing()), reason=f'{browser.missing()} is not installed'),
]


class Handler(http.server.BaseHTTPRequestHandler):
    bodies = {}

    def do_GET(self):
        body = self.bodies.get(self.path)
        self.send_response(200 if body else 404)
        self.send_header('Content-Type', 'text/html; charset=utf-8')
        self.send_header('X-Content-Type-Options', 'nosniff')
        self.end_headers()
        self.wfile.write(body or b'<!doctype html><title>no</title>')

    def log_message(self, *_):
        pass


@pytest.fixture(scope='module')
def site():
    Handler.bodies = {path: subprocess.run([WRITE_PAGE, *what], check=True,
                                           stdout=subprocess.PIPE).stdout
                      for path, what in ALL.items()}
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()
        thread.join()


@pytest.fixture(scope='module')
def chromium():
    with browser.Browser() as b:
        yield b


@pytest.fixture
def page(chromium, site):
    """At the node's page; what a test has changed of the reader's wishes is gone."""
    chromium.media()
    chromium.open(site + '/')
    chromium.complaints()
    return chromium


def keep(page, name):
    """A screenshot, where somebody wants to see it."""
    folder = os.environ.get('LOITER_SCREENSHOTS')
    if folder:
        page.screenshot(os.path.join(folder, name))


def test_from_the_node_to_a_process_and_back(page, site):
    assert page.title() == '3 findings · node-17 · loiter'
    assert page.text(page.find('h1')) == '3 of 103 processes need a look'
    keep(page, 'node.png')
    page.click(page.link('shop-api'))
    assert page.url() == site + PROCESS
    assert page.text(page.find('h1')) == 'shop-api'
    assert '12,031 goroutines can never run again' in page.text(page.find('main'))
    keep(page, 'process.png')
    page.click(page.link('loiter on node-17'))
    assert page.url() == site + '/'
    assert page.complaints() == []


def test_a_finding_leads_to_its_goroutines_and_they_to_their_stack(page, site):
    page.open(site + PROCESS)
    orphan, = [e for e in page.find_all('.finding.likely') if 'fetch.func1' in page.text(e)]
    href = page.run('return arguments[0].querySelector(".site a").getAttribute("href")',
                    {browser.ELEMENT: orphan})
    page.click(page.find(f'.finding a[href="{href}"]'))
    row = page.find(href)
    assert '12,031' in page.text(row) and 'runtime.gopark' not in page.text(row)
    page.click(page.find(f'{href} summary'))
    assert 'runtime.gopark' in page.text(row)


def test_everything_can_be_read_without_javascript(site):
    with browser.Browser(javascript=False) as reader:
        reader.open(site + '/')
        # It is off indeed: the box that a script adds is not there.
        assert not reader.find_all('.filter')
        assert len(reader.find_all('svg.spark')) > 10
        reader.click(reader.link('shop-api'))
        assert not reader.find_all('.tell')
        text = reader.text(reader.find('main'))
        for words in ('12,031 goroutines can never run again', 'Try: give the channel',
                      'sync.Mutex.Lock', 'goroutine profile'):
            assert words in text, words
        boxes = [e for e in reader.find_all('.flame rect') if reader.shown(e)]
        assert len(boxes) > 5
        reader.click(reader.find('td details summary, th details summary'))
        assert reader.shown(reader.find('details[open] li'))


def test_the_keyboard_goes_the_way_of_the_page(page):
    page.press('Tab')
    skip = page.focused()
    assert page.text(skip) == 'Skip to the content' and page.shown(skip)
    assert page.run('return arguments[0].getBoundingClientRect().top >= 0',
                    {browser.ELEMENT: skip})
    way = []
    for _ in range(8):
        page.press('Tab')
        way.append(page.text(page.focused()))
    assert way[:6] == ['Findings', 'Processes', 'loiter itself', 'ledgerd', 'shop-api',
                       'image-resizer']
    page.open(page.url())
    page.press('Tab', 'Enter', 'Tab')
    assert page.text(page.focused()) == 'ledgerd'
    outline = page.run('const s = getComputedStyle(document.activeElement);'
                       'return [s.outlineStyle, parseFloat(s.outlineWidth)]')
    assert outline[0] == 'solid' and outline[1] >= 2
    page.press('Enter')
    assert page.url().endswith('/proc/811-100811/')


def test_a_long_table_is_narrowed_by_typing(page):
    rows = ('return [...document.querySelectorAll("#processes tbody tr")]'
            '.filter(r => !r.hidden).length')
    everybody = page.run(rows)
    box = page.find('.filter input')
    page.type(box, 'postgres')
    few = page.run(rows)
    assert 0 < few < everybody
    assert page.text(page.find('.filter [role=status]')) == f'{few} of {everybody}'


BOXES = ('return [...document.querySelectorAll(".flame g[data-d]")]'
         '.filter(g => g.getAttribute("display") !== "none")'
         '.map(g => [g.querySelector("title").textContent.split(" ")[0],'
         ' +g.querySelector("rect").getAttribute("width")])')


def test_the_flame_graph_zooms_by_mouse_and_by_keyboard(page, site):
    page.open(site + PROCESS)
    before = dict(page.run(BOXES))
    whole = before['all']
    box = page.run('return [...document.querySelectorAll(".flame g[data-d]")]'
                   '.find(g => g.querySelector("title").textContent.startsWith("main.fetch.func1"))'
                   '.querySelector("rect")')[browser.ELEMENT]
    page.click(box)
    zoomed = dict(page.run(BOXES))
    assert zoomed['main.fetch.func1'] == whole > before['main.fetch.func1']
    assert 'net.(*conn).Read' in before and 'net.(*conn).Read' not in zoomed
    page.click(page.find('.flame button'))
    assert dict(page.run(BOXES)) == before
    # The button gave the focus to the picture.
    page.press('ArrowUp', 'Enter')
    assert dict(page.run(BOXES))['main.fetch.func1'] == whole
    assert 'main.fetch.func1' in page.text(page.find('.flame .tell'))
    page.press('Escape')
    assert dict(page.run(BOXES)) == before
    assert page.complaints() == []


# Each piece of text with the colour that it has, and those of what stands behind it.
COLOURS = '''
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = {};
while (walker.nextNode()) {
	const e = walker.currentNode.parentElement;
	const words = walker.currentNode.data.trim();
	if (!words || !e.checkVisibility() || e.closest('svg, script, style'))
		continue;
	let ground = e;
	while (ground && getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)')
		ground = ground.parentElement;
	found[getComputedStyle(e).color + ' on ' +
	      getComputedStyle(ground || document.body).backgroundColor] = words;
}
return found;
'''


def contrast(pair):
    """Of "rgb(1, 2, 3) on rgb(4, 5, 6)", as WCAG 2.2 has it."""
    def luminance(colour):
        parts = [int(c) / 255 for c in colour[len('rgb('):-1].split(', ')]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return sum(c * w for c, w in zip(linear, (0.2126, 0.7152, 0.0722)))
    low, high = sorted(luminance(colour) for colour in pair.split(' on '))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_all_words_can_be_read_in_both_schemes(page, site, scheme):
    grounds = set()
    for path in ('/', PROCESS, '/memory', '/calm', '/empty'):
        page.open(site + path)
        page.media(prefers_color_scheme=scheme)
        keep(page, f'{scheme}-{ALL[path][0]}-{ALL[path][1]}.png')
        colours = page.run(COLOURS)
        assert len(colours) > 2
        for pair, words in colours.items():
            assert contrast(pair) >= 4.5, f'{path}: {words!r} is {pair}'
        grounds.add(page.run('return getComputedStyle(document.body).backgroundColor'))
    # The scheme was heard: the ground is light, or dark.
    ground, = grounds
    assert (contrast(f'{ground} on rgb(255, 255, 255)') < 2) == (scheme == 'light')


def test_a_screen_reader_is_told_where_things_are(page, site):
    for path in (PROCESS, '/'):
        page.open(site + path)
        told = page.accessible()
        roles = [role for role, _ in told]
        assert [roles.count(r) for r in ('banner', 'navigation', 'main', 'contentinfo')] == [1] * 4
        assert all(name for role, name in told if role in ('image', 'link', 'heading', 'region',
                                                           'article', 'application', 'searchbox'))
        assert 'table' in roles and 'columnheader' in roles and 'rowheader' in roles
    pictures = [name for role, name in told if role == 'image']
    assert any(name.startswith('Goroutines in 3h10m: from 1,020 to ') for name in pictures)


@pytest.mark.parametrize('path', ALL)
def test_a_narrow_window_scrolls_no_more_than_its_tables(page, site, path):
    page.devtools('Emulation.setDeviceMetricsOverride', width=360, height=740,
                  deviceScaleFactor=1, mobile=False)
    try:
        page.open(site + path)
        assert page.run('return document.documentElement.scrollWidth') <= 360
        keep(page, f'narrow-{ALL[path][0]}-{ALL[path][1]}.png')
    finally:
        page.devtools('Emulation.clearDeviceMetricsOverride')


@pytest.mark.parametrize('path', ALL)
def test_no_name_becomes_more_than_text(page, site, path):
    page.open(site + path)
    # An alert would make this fail, and a style, a picture or a script would be complained about.
    assert page.run('return document.scripts.length') == 1
    assert page.run('return document.querySelectorAll("[onload],[onclick],[style],img,iframe")'
                    '.length') == 0
    assert [c for c in page.complaints() if 'favicon' not in c['message']] == []


def test_it_keeps_still_and_prints_without_what_is_for_the_screen(page):
    page.media(prefers_reduced_motion='reduce')
    assert page.run('return [...document.querySelectorAll("*")].filter(e => {'
                    'const s = getComputedStyle(e); return s.scrollBehavior !== "auto" || '
                    's.animationName !== "none" || parseFloat(s.transitionDuration) > 0}).length'
                    ) == 0
    page.devtools('Emulation.setEmulatedMedia', media='print')
    assert not page.shown(page.find('.top nav')) and not page.shown(page.find('.filter'))
    assert page.shown(page.link('shop-api'))
