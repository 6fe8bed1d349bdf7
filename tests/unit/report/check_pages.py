#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the pages of made-up nodes and processes against what HTML, a policy of the browser and
people who cannot see, or not well, ask of them; and the JSON beside them.

check_pages.py WRITE_PAGE PAGE_CSS
"""
import base64
import hashlib
import html.parser
import json
import re
import subprocess
import sys

NODES = ('typical', 'calm', 'hostile', 'huge', 'empty')
PROCESSES = ('typical', 'hostile', 'empty', 'one_group', 'huge', 'leaky', 'proven')
PAGES = [('node', s) for s in NODES] + [(w, s) for w in ('process', 'slot') for s in PROCESSES]
VOID = {'meta', 'link', 'br', 'input'}
# What the pages are made of: a name can bring in no other, and none of these more than once.
ELEMENTS = set('html head meta title link style body a header div p span nav ul li main section '
               'h1 h2 h3 article table caption thead tbody tr th td details summary ol code strong '
               'dl dt dd footer script time svg g path circle rect text'.split())
ATTRIBUTES = set('lang charset http-equiv content name rel href class id tabindex role aria-label '
                 'aria-labelledby aria-hidden datetime scope width height viewbox cx cy r fill '
                 'stroke stroke-width stroke-linecap stroke-linejoin d vector-effect x y rx data-d '
                 'preserveaspectratio'.split())


def write(what, sample):
    return subprocess.run([sys.argv[1], what, sample], check=True,
                          stdout=subprocess.PIPE).stdout.decode('utf-8')


class Page(html.parser.HTMLParser):
    """A tree of (tag, attributes, children), and all elements in their order."""
    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.top = ('', {}, [])
        self.open, self.all = [self.top], []
        self.feed(text)
        self.close()
        assert len(self.open) == 1, f'{self.open[-1][:2]} is not closed'

    def handle_starttag(self, tag, attrs):
        assert len({k for k, _ in attrs}) == len(attrs), (tag, attrs)
        element = (tag, dict(attrs), [])
        self.open[-1][2].append(element)
        self.all.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open[-1][0] == tag, f'</{tag}> ends {self.open[-1][:2]}'
        self.open.pop()

    def handle_data(self, data):
        self.open[-1][2].append(data)

    def named(self, *tags):
        return [e for e in self.all if e[0] in tags]


def text_of(element):
    return ''.join(c if isinstance(c, str) else text_of(c) for c in element[2])


def pages():
    for what, sample in PAGES:
        text = write(what, sample)
        yield f'{what} {sample}', text, Page(text)


def nothing_but_our_own_markup_is_in_a_page():
    for name, text, page in pages():
        assert {e[0] for e in page.all} <= ELEMENTS, (name, {e[0] for e in page.all} - ELEMENTS)
        used = {k for e in page.all for k in e[1]}
        assert used <= ATTRIBUTES, (name, used - ATTRIBUTES)
        assert [len(page.named(t)) for t in ('script', 'style', 'main', 'h1')] == [1] * 4
        control = re.search('[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]', text)
        assert not control, (name, control)


def the_policy_names_the_style_and_the_script_and_nothing_else():
    for name, text, page in pages():
        policy, = [e[1]['content'] for e in page.named('meta')
                   if e[1].get('http-equiv') == 'Content-Security-Policy']
        rules = dict(rule.split(' ', 1) for rule in policy.split('; '))
        assert rules['default-src'] == rules['base-uri'] == rules['form-action'] == "'none'", name
        for tag, rule in (('style', 'style-src'), ('script', 'script-src')):
            inside = re.search(f'<{tag}>(.*?)</{tag}>', text, re.S).group(1)
            digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
            assert rules[rule] == f"'sha256-{digest}'", name


def links_lead_to_the_contract_s_addresses_or_into_the_page():
    address = re.compile(r'(proc/\d+-\d+/|metrics|targets|api/v1/processes|\.\./\.\./'
                         r'((api/v1/snapshot|debug/pprof/'
                         r'(goroutine|goroutineleak|heap|threadcreate))'
                         r'\?proc=\d+-\d+(&debug=[12])?)?)')
    for name, _, page in pages():
        ids = [e[1]['id'] for e in page.all if 'id' in e[1]]
        # The samples of names have two processes of one identity nowhere.
        assert len(ids) == len(set(ids)), name
        for e in page.named('a'):
            href = e[1]['href']
            if href.startswith('#'):
                assert href[1:] in ids, (name, href)
            else:
                assert address.fullmatch(href), (name, href)
        for e in page.all:
            assert e[1].get('aria-labelledby', ids[0]) in ids, (name, e[1])


def who_does_not_see_finds_the_way():
    for name, _, page in pages():
        assert page.named('html')[0][1]['lang'] == 'en'
        first, = [e for e in page.named('a')][:1]
        assert first[1]['href'] == '#main', name
        assert [len(page.named(t)) for t in ('header', 'nav', 'footer')] == [1, 1, 1], name
        levels = [int(e[0][1]) for e in page.named('h1', 'h2', 'h3')]
        assert levels[0] == 1 and all(b <= a + 1 for a, b in zip(levels, levels[1:])), name
        for table in page.named('table'):
            assert text_of(table[2][0]).strip() and table[2][0][0] == 'caption', name
        assert all('scope' in e[1] for e in page.named('th')), name
        for e in page.named('svg'):
            assert e[1].get('aria-hidden') == 'true' or (e[1]['role'] == 'img' and
                                                          e[1]['aria-label']), name
        for e in page.named('a', 'h1', 'h2', 'h3', 'summary'):
            assert text_of(e).strip(), (name, e)


def a_verdict_is_a_word_and_never_a_colour_alone():
    for name, _, page in pages():
        for e in page.all:
            kind = e[1].get('class', '').split()
            if 'badge' in kind:
                assert text_of(e) == kind[1], name


def who_has_findings_comes_before_who_has_none():
    page = Page(write('node', 'typical'))
    cards = [text_of(e[2][1]) for e in page.named('article')]
    assert cards == ['ledgerd', 'shop-api', 'image-resizer'], cards
    badges = [text_of(e) for e in page.named('span') if e[1].get('class', '').startswith('badge')]
    # Two of the summary, then those of each process, the gravest first.
    assert badges == ['proven', 'suspect', 'proven', 'proven', 'likely', 'suspect', 'suspect']
    rows = [text_of(e) for e in page.named('tr')]
    assert len(rows) == 101 and rows[1].endswith('grows')


def a_page_says_what_was_not_seen():
    text = text_of(Page(write('node', 'typical')).top)
    assert 'beginnings and ends missed, found by /proc12' in text
    assert 'processes that may not be read1' in text
    assert 'Not seen' not in text_of(Page(write('node', 'calm')).top)
    assert 'No process has findings.' in text_of(Page(write('node', 'calm')).top)


def a_page_of_a_process_has_all_that_its_report_has():
    text = text_of(Page(write('process', 'leaky')).top)
    for words in ('12,031 goroutines can never run again', 'main.fetch.func1', 'fetch.go:48',
                  'give the channel made at fetch.go:40 a buffer of 1', '17,043 goroutines',
                  'never stopped'):
        assert words in text, words
    typical = text_of(Page(write('process', 'typical')).top)
    for part in ('go.heap.live', 'kernel.other', 'unexplained', 'RSS 1.8 GiB', 'GOGC'):
        assert part in typical, part
    assert 'run as root' in typical


def the_slot_is_there_once_whatever_the_names_are():
    for sample in PROCESSES:
        assert write('slot', sample).count('<!--') == 1, sample
        assert '<!--' not in write('process', sample), sample


def unique(pairs):
    assert len({k for k, _ in pairs}) == len(pairs), pairs
    return dict(pairs)


def the_json_is_valid_and_unknown_is_never_0():
    for sample in NODES:
        body = json.loads(write('processes', sample), object_pairs_hook=unique)
        assert body['schema'] == 'loiter.processes/1'
        assert body['totals']['total'] == len(body['processes'])
    typical = json.loads(write('processes', 'typical'))
    ledger, shop = typical['processes'][:2]
    assert ledger['goroutines'] == {'now': None} and 'examined' not in ledger
    assert shop['proc'] == '4242-987654' and shop['examined']['likely']['goroutines'] == 12031
    lazy, = [p for p in shop['examined']['parts'] if p['name'] == 'go.heap.lazyfree']
    assert lazy['bytes'] is None and len(shop['examined']['parts']) == 15
    assert [p['state'] for p in typical['gone']] == ['exited']


def each_go_process_is_a_target_of_its_own():
    for sample in NODES:
        targets = json.loads(write('targets', sample), object_pairs_hook=unique)
        labels = [t['labels'] for t in targets]
        assert all(t['targets'] == ['10.0.0.7:9646'] for t in targets)
        seen = {tuple(sorted((k, v) for k, v in one.items() if not k.startswith('__')))
                for one in labels}
        assert len(seen) == len(labels), f'{sample}: two would be one series'
        for one in labels:
            assert all(re.fullmatch('[a-zA-Z_][a-zA-Z0-9_]*', k) for k in one)
            assert all(isinstance(v, str) and 0 < len(v) <= 200 for v in one.values())
    typical = json.loads(write('targets', 'typical'))
    shop, = [t['labels'] for t in typical if t['labels']['exe'] == 'shop-api']
    assert shop == {'__scheme__': 'http', '__metrics_path__': '/debug/pprof/goroutine',
                    '__param_proc': '4242-987654', 'exe': 'shop-api', 'service_name': 'shop-api',
                    'unit': 'shop-api.service', 'node': 'node-17', 'replica': '0', 'kind': 'go',
                    'go_version': 'go1.24.9'}
    assert not [t for t in typical if t['labels']['exe'] == 'ledgerd']


# --- Colours ---

def luminance(colour):
    channels = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(c * w for c, w in zip(linear, (0.2126, 0.7152, 0.0722)))


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def words_can_be_read_in_light_and_dark():
    """WCAG 2.2: 4.5 for text, 3 for lines that mean something."""
    with open(sys.argv[2], encoding='ascii') as css:
        schemes = re.findall(r':root \{(.*?)\n\t*\}', css.read(), re.S)
    light, dark = [dict(re.findall(r'--([\w-]+): (#[0-9a-f]{6})', s)) for s in schemes[:2]]
    for name, scheme in (('light', light), ('dark', dark)):
        pairs = [(front, ground, 4.5) for front in ('text', 'muted', 'link')
                 for ground in ('ground', 'sheet', 'raised')]
        pairs += [(v, v + '-tint', 4.5) for v in ('proven', 'likely', 'suspect', 'calm')]
        pairs += [('grows', 'sheet', 4.5), ('likely', 'sheet', 4.5)]
        pairs += [(line, ground, 3) for line in ('goroutines', 'rss', 'focus', 'muted')
                  for ground in ('sheet', 'ground')]
        for front, ground, least in pairs:
            has = contrast(scheme[front], scheme[ground])
            assert has >= least, f'{name}: {front} on {ground} has {has:.2f}'


def main():
    checks = [c for n, c in sorted(globals().items())
              if callable(c) and n.count('_') > 2]
    for check in checks:
        check()
        print('ok', check.__name__)
    assert len(checks) == 12, len(checks)


if __name__ == '__main__':
    main()
