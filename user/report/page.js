/* SPDX-License-Identifier: Apache-2.0 */
/* All can be read without this: it narrows a long table, and widens boxes of a flame graph. */
'use strict';

/* A table with many rows gets a box to type a part of a name in. */
function narrow(table) {
	const rows = [...table.tBodies[0].rows];
	if (rows.length < 12)
		return;
	const box = document.createElement('p');
	const label = document.createElement('label');
	const input = document.createElement('input');
	const told = document.createElement('span');
	box.className = 'filter';
	label.textContent = 'Filter';
	label.htmlFor = input.id = table.id + '-filter';
	input.type = 'search';
	input.autocomplete = 'off';
	told.className = 'muted';
	told.setAttribute('role', 'status');
	box.append(label, input, told);
	table.closest('.sheet').before(box);
	input.addEventListener('input', () => {
		const wanted = input.value.trim().toLowerCase();
		let shown = 0;
		for (const row of rows) {
			row.hidden = !row.textContent.toLowerCase().includes(wanted);
			shown += row.hidden ? 0 : 1;
		}
		told.textContent = wanted === '' ? '' : shown + ' of ' + rows.length;
	});
}

/* A box of the flame graph that is chosen takes all of the width; those beside it go. */
function zoom(flame) {
	const svg = flame.querySelector('svg');
	const boxes = [...svg.querySelectorAll('g[data-d]')].map(g => ({
		g, rect: g.querySelector('rect'), text: g.querySelector('text'),
		name: g.querySelector('title').textContent, depth: +g.dataset.d,
		x: +g.querySelector('rect').getAttribute('x'),
		width: +g.querySelector('rect').getAttribute('width'),
	}));
	if (!boxes.length)
		return;
	const tell = document.createElement('p'), words = document.createElement('span');
	const whole = document.createElement('button');
	const root = boxes.reduce((a, b) => b.depth < a.depth ? b : a);
	let at = root;

	tell.className = 'tell';
	words.setAttribute('role', 'status');
	words.textContent = 'Click a box to zoom in; or arrow keys, Enter and Escape.';
	whole.type = 'button';
	whole.textContent = 'Whole graph';
	whole.hidden = true;
	tell.append(whole, words);
	flame.querySelector('.drawing').before(tell);
	svg.classList.add('zooms');
	svg.setAttribute('tabindex', '0');
	svg.setAttribute('role', 'application');

	const within = (a, b) => a.x >= b.x - 0.11 && a.x + a.width <= b.x + b.width + 0.11;
	const place = (box, x, width) => {
		box.g.setAttribute('display', width < 0.2 ? 'none' : 'inline');
		box.rect.setAttribute('x', x);
		box.rect.setAttribute('width', Math.max(width, 0));
		if (!box.text) {
			box.text = document.createElementNS('http://www.w3.org/2000/svg', 'text');
			box.text.setAttribute('y', +box.rect.getAttribute('y') + 12);
			box.g.append(box.text);
		}
		const room = Math.floor((width - 6) / 7.2);
		const name = box.name.replace(/ \([^(]*\)$/, '');
		box.text.setAttribute('x', x + 3);
		box.text.textContent = room < 4 ? '' : name.length <= room ? name :
			name.slice(0, room - 1) + '\u2026';
	};
	const show = box => {
		const scale = root.width / box.width;
		for (const b of boxes) {
			if (b.depth < box.depth && within(box, b))
				place(b, root.x, root.width);
			else if (b.depth >= box.depth && within(b, box))
				place(b, root.x + (b.x - box.x) * scale, b.width * scale);
			else
				b.g.setAttribute('display', 'none');
		}
		whole.hidden = box === root;
	};
	const step = box => {
		if (!box)
			return;
		at.g.classList.remove('at');
		at = box;
		at.g.classList.add('at');
		words.textContent = at.name;
	};
	const seen = b => b.g.getAttribute('display') !== 'none';
	const level = depth => boxes.filter(b => b.depth === depth && seen(b))
		.sort((a, b) => a.x - b.x);
	const beside = by => { const all = level(at.depth); return all[all.indexOf(at) + by]; };
	const keys = {
		ArrowUp: () => step(level(at.depth + 1).filter(b => within(b, at))
			.sort((a, b) => b.width - a.width)[0]),
		ArrowDown: () => step(level(at.depth - 1).find(b => within(at, b))),
		ArrowLeft: () => step(beside(-1)),
		ArrowRight: () => step(beside(1)),
		Enter: () => show(at),
		Escape: () => { show(root); step(root); },
	};
	for (const b of boxes) {
		b.g.addEventListener('click', () => { step(b); show(b); });
		b.g.addEventListener('mouseenter', () => { words.textContent = b.name; });
	}
	whole.addEventListener('click', () => { show(root); step(root); svg.focus(); });
	svg.addEventListener('keydown', event => {
		if (!keys[event.key] || event.ctrlKey || event.altKey || event.metaKey)
			return;
		event.preventDefault();
		keys[event.key]();
	});
}

document.querySelectorAll('table.long').forEach(narrow);
document.querySelectorAll('.flame').forEach(zoom);
