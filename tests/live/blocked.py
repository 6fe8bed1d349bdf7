# SPDX-License-Identifier: Apache-2.0
"""Holds loiter's goroutine_list against what the target says of each of its goroutines.

Each function returns a list of sentences, empty when all is right: a test shows them all at once.
"""


def address(text):
    return int(text, 16) if text else 0


def _unequal(what, pairs):
    return [f'{what}: {name} is {got!r}, not {want!r}'
            for name, got, want in pairs if got != want]


def _left(what, got_s, until_ns, window_s):
    """A time left must lie between what it was when loiter began and when it ended."""
    early, late = until_ns / 1e9 - window_s[1], until_ns / 1e9 - window_s[0]
    if got_s is not None and early - 0.1 <= got_s <= late + 0.1:
        return []
    return [f'{what}: {got_s} s left, not between {early:.3f} and {late:.3f}']


def _chan(what, got, want, window_s):
    if not want.get('addr'):
        return _unequal(what, [('nil', got.get('nil'), True), ('dir', got.get('dir'), want['dir'])])
    bad = _unequal(what, [
        ('addr', address(got.get('addr')), want['addr']), ('type', got.get('type'), want['type']),
        ('dir', got.get('dir'), want['dir']), ('cap', got.get('cap'), want['cap']),
        ('len', got.get('len'), want['len']), ('closed', got.get('closed'), False),
        ('senders', got.get('senders'), want['senders']),
        ('receivers', got.get('receivers'), want['receivers'])])
    # Go 1.23 on: a timer's channel knows its timer. Before, nothing leads from one to the other.
    if 'timer_left_s' in got:
        bad += _left(what, got['timer_left_s'], want.get('until', 0), window_s)
    elif 'until' in want and window_s[2] >= 23:
        bad.append(f'{what}: the timer behind the channel is not told')
    return bad


def _select(what, got, want, window_s):
    cases = {address(c.get('addr')): c for c in got.get('cases', [])}
    bad = _unequal(what, [('n_cases', got.get('n_cases'), len(want.get('cases', [])))])
    for case in want.get('cases', []):
        mine = cases.pop(case['addr'], None)
        if mine is None:
            bad.append(f'{what}: no case on {case["addr"]:#x} ({case["type"]})')
        else:
            bad += _chan(f'{what}, case {case["type"]}', mine, case, window_s)
    return bad + [f'{what}: a case too many: {c}' for c in cases.values()]


def _fd(what, got, want, window_s):
    # Go's network for a tcp6 socket is plain tcp.
    proto = got.get('proto')
    proto = proto[:3] if proto in ('tcp6', 'udp6') else proto
    bad = _unequal(what, [
        ('fd', got.get('fd'), want['fd']), ('proto', proto, want['proto'][:4]),
        ('mode', got.get('mode'), want['mode']),
        ('tcp_state', got.get('tcp_state'), want.get('tcp_state')),
        ('peer', got.get('peer'), want.get('peer')),
        ('has_deadline', got.get('has_deadline'), 'until' in want)])
    if 'local' in want:
        bad += _unequal(what, [('local', got.get('local'), want['local'])])
    if 'until' in want:
        bad += _left(what, got.get('deadline_s'), want['until'], window_s)
    return bad


def _lock(what, got, want, _):
    bad = []
    if 'addr' in want:
        bad += _unequal(what, [('addr', address(got.get('addr')), want['addr'])])
    if 'waiters' in want:
        bad += _unequal(what, [('waiters', got.get('waiters'), want['waiters'])])
    if 'state' in want:
        bad += _unequal(what, [('state', got.get('state'), want['state'])])
    if 'counter' in want:
        bad += _unequal(what, [('counter', got.get('counter'), want['counter'])])
    if want['kind'] == 'rwmutex':
        bad += _unequal(what, [('for_read', got.get('for_read'), want.get('for_read', False))])
    if want['kind'] == 'mutex':
        bad += _unequal(what, [('locked', got.get('locked'), True)])
    return bad


def _timer(what, got, want, window_s):
    return _left(what, got.get('timer_left_s'), want['until'], window_s)


_KINDS = {'chan': _chan, 'select': _select, 'fd': _fd, 'mutex': _lock, 'rwmutex': _lock,
          'waitgroup': _lock, 'cond': _lock, 'timer': _timer}


def check_object(what, got, want, window):
    """window: when the run began and ended, wall clock seconds, and the minor release."""
    if got.get('kind') != want['kind']:
        return [f'{what}: blocked on {got.get("kind")!r}, not {want["kind"]!r}']
    check = _KINDS.get(want['kind'])
    return check(what, got, want, window) if check else []


def check_goroutine(group, member, got, found, window):
    """One goroutine of the truth against its entry of the list and its group."""
    what = f'{group["name"]}, goroutine {member["goid"]}'
    reason = member['reason']
    state, reason = ('syscall', None) if reason == 'syscall' else ('waiting', reason)
    inner = next((f['function'] for f in found['stack']
                  if (f['function'] or '').startswith('main.')), None)
    bad = _unequal(what, [
        ('state', got['state'], state), ('wait_reason', got['wait_reason'], reason),
        ('function', inner, group['func']), ('labels', got['labels'], group.get('labels', {})),
        ('system', got['system'], False),
        ('locked_to_thread', got['locked_to_thread'], group.get('locked', False))])
    if window[2] >= 21 and group['parent']:
        bad += _unequal(what, [('created_by_goroutine', got['created_by_goroutine'],
                                group['parent'])])
    if state == 'syscall' and not got['thread']:
        bad.append(f'{what}: no thread')
    parked_at_most = window[1] - group['born'] / 1e9
    if got['wait_s'] is not None and got['wait_s'] > parked_at_most + 0.1:
        bad.append(f'{what}: waits {got["wait_s"]} s, which began {parked_at_most:.1f} s ago')
    return bad + check_object(what, got['blocked_on'], member['obj'], window)


def check_all(truth, snapshot, window):
    """Every goroutine that the target declares."""
    listed = {g['id']: g for g in snapshot['goroutine_list']}
    groups = {g['id']: g for g in snapshot['groups']}
    bad = []
    for group in truth['groups']:
        for member in group['members']:
            got = listed.get(member['goid'])
            if got is None:
                bad.append(f'{group["name"]}: goroutine {member["goid"]} is missing')
            else:
                bad += check_goroutine(group, member, got, groups[got['group']], window)
    return bad
