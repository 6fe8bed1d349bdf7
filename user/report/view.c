// SPDX-License-Identifier: Apache-2.0
#include "report/view.h"

#include <string.h>

void view_init(struct view *v, bool many)
{
	*v = (struct view){ .page = many ? VIEW_NODE : VIEW_PROCESS };
	v->top = v->page;
}

const char *view_sort_name(enum view_page page, enum view_sort sort)
{
	static const char *const names[][VIEW_SORTS] = {
		[VIEW_NODE] = { "worst", "goroutines", "RSS", "threads" },
		[VIEW_PROCESS] = { "growth", "count", "age", "rate" },
	};

	return names[page == VIEW_NODE ? VIEW_NODE : VIEW_PROCESS][sort];
}

static struct view_cursor *cursor(struct view *v)
{
	return &v->cursor[v->page];
}

/* --- Moving --- */

static void move_to(struct view *v, size_t at)
{
	struct view_cursor *c = cursor(v);

	if (at >= v->n)
		at = v->n ? v->n - 1 : 0;
	c->at = at;
	c->moved = c->chosen = true;
	if (v->page == VIEW_SITE)
		c->first = at;
}

static void move_by(struct view *v, bool down, size_t by)
{
	size_t at = cursor(v)->at;

	if (down)
		move_to(v, at + by);
	else
		move_to(v, at > by ? at - by : 0);
}

void view_settle(struct view *v, const struct view_row *list, size_t n, size_t rows)
{
	struct view_cursor *c = cursor(v);
	size_t at = c->at;

	v->n = n;
	v->rows = rows;
	if (!list) {
		/* Lines scroll as long as there are more of them below. */
		v->n = n > rows ? n - rows + 1 : 1;
		c->at = c->at < v->n ? c->at : v->n - 1;
		c->first = c->at;
		return;
	}
	if (!c->chosen)
		at = 0;
	for (size_t i = 0; c->chosen && !c->moved && i < n; i++)
		if (list[i].key == c->key) {
			at = i;
			break;
		}
	if (at >= n)
		at = n ? n - 1 : 0;
	c->at = at;
	c->key = n ? list[at].key : c->key;
	c->moved = false;
	if (c->first > at)
		c->first = at;
	if (rows && at - c->first >= rows)
		c->first = at - rows + 1;
	if (c->first + rows > n)
		c->first = n > rows ? n - rows : 0;
}

/* --- Pages --- */

static enum view_wish enter(struct view *v)
{
	if (v->page == VIEW_SITE || !v->n)
		return VIEW_NOTHING;
	/* The row that is shown as selected is the one that is meant from here on. */
	cursor(v)->chosen = true;
	v->page++;
	v->cursor[v->page] = (struct view_cursor){ 0 };
	v->n = 0;
	/* What was looked for among processes is not what is looked for among their sites. */
	if (v->page == VIEW_PROCESS)
		v->filter[0] = '\0';
	return VIEW_DRAW;
}

static enum view_wish back(struct view *v)
{
	if (v->page == v->top)
		return VIEW_QUIT;
	v->page--;
	v->n = 0;
	if (v->page == VIEW_NODE)
		v->filter[0] = '\0';
	return VIEW_DRAW;
}

void view_leave(struct view *v)
{
	while (v->page != v->top)
		back(v);
	v->typing = false;
}

/* --- The filter --- */

static void erase_one(char *s)
{
	size_t n = strlen(s);

	while (n && ((uint8_t)s[--n] & 0xc0) == 0x80)
		;
	s[n] = '\0';
}

/* Appends a character as UTF-8 (RFC 3629), if all of it fits. */
static void append(char *s, uint32_t c)
{
	size_t n = strlen(s);
	char bytes[5] = "";

	if (c < 0x80) {
		bytes[0] = (char)c;
	} else if (c < 0x800) {
		bytes[0] = (char)(0xc0 | c >> 6);
		bytes[1] = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		bytes[0] = (char)(0xe0 | c >> 12);
		bytes[1] = (char)(0x80 | (c >> 6 & 0x3f));
		bytes[2] = (char)(0x80 | (c & 0x3f));
	} else {
		bytes[0] = (char)(0xf0 | c >> 18);
		bytes[1] = (char)(0x80 | (c >> 12 & 0x3f));
		bytes[2] = (char)(0x80 | (c >> 6 & 0x3f));
		bytes[3] = (char)(0x80 | (c & 0x3f));
	}
	if (n + strlen(bytes) < VIEW_FILTER)
		strcpy(s + n, bytes);
}

static bool is_text(uint32_t key)
{
	return key >= 0x20 && key != 0x7f && key < VIEW_KEY_UP;
}

static enum view_wish type(struct view *v, uint32_t key)
{
	if (is_text(key)) {
		append(v->filter, key);
		return VIEW_DRAW;
	}
	switch (key) {
	case VIEW_KEY_ERASE:
		/* As in a pager: with nothing left to erase the line goes away. */
		v->typing = v->filter[0];
		erase_one(v->filter);
		return VIEW_DRAW;
	case VIEW_KEY_ENTER:
		v->typing = false;
		/* Who looked for a row stays there when the others come back. */
		cursor(v)->chosen = cursor(v)->chosen || (v->filter[0] && v->n);
		return VIEW_DRAW;
	case VIEW_KEY_ESCAPE:
		v->typing = false;
		v->filter[0] = '\0';
		return VIEW_DRAW;
	default:
		return VIEW_NOTHING;
	}
}

/* --- Keys --- */

static enum view_wish move(struct view *v, uint32_t key)
{
	size_t page = v->rows > 1 ? v->rows - 1 : 1;

	switch (key) {
	case VIEW_KEY_UP:
	case 'k':
		move_by(v, false, 1);
		return VIEW_DRAW;
	case VIEW_KEY_DOWN:
	case 'j':
		move_by(v, true, 1);
		return VIEW_DRAW;
	case VIEW_KEY_PAGE_UP:
		move_by(v, false, page);
		return VIEW_DRAW;
	case VIEW_KEY_PAGE_DOWN:
		move_by(v, true, page);
		return VIEW_DRAW;
	case VIEW_KEY_HOME:
	case 'g':
		move_to(v, 0);
		return VIEW_DRAW;
	case VIEW_KEY_END:
	case 'G':
		move_to(v, v->n);
		return VIEW_DRAW;
	default:
		return VIEW_NOTHING;
	}
}

static enum view_wish command(struct view *v, uint32_t key)
{
	switch (key) {
	case VIEW_KEY_ENTER:
		return enter(v);
	case VIEW_KEY_ESCAPE:
		if (!v->filter[0] || v->page == VIEW_SITE)
			return back(v);
		v->filter[0] = '\0';
		return VIEW_DRAW;
	case 'q':
		return back(v);
	case 's':
		if (v->page == VIEW_SITE)
			return VIEW_NOTHING;
		v->sort[v->page] = (v->sort[v->page] + 1) % VIEW_SORTS;
		/* Who sorts anew wants to see what comes first. */
		*cursor(v) = (struct view_cursor){ 0 };
		return VIEW_DRAW;
	case '/':
		v->typing = v->page != VIEW_SITE;
		return VIEW_DRAW;
	case 'f':
	case ' ':
		v->frozen = !v->frozen;
		return VIEW_DRAW;
	case '?':
	case 'h':
		v->help = true;
		return VIEW_DRAW;
	default:
		return move(v, key);
	}
}

enum view_wish view_key(struct view *v, uint32_t key)
{
	if (v->help) {
		v->help = false;
		return VIEW_DRAW;
	}
	return v->typing ? type(v, key) : command(v, key);
}
