// The list of tenants, by pages, and the search.

import {ask, get} from './api.js';
import {badge, el, say, tenantLink, time, value} from './dom.js';

const limit = 50;
const typing = 150; // ms without a key before a search begins
let last; // the ID of the tenant that was opened

// list shows what the query of the address says, and returns what the page tells it.
export function list(view, query) {
  const rows = el('tbody');
  const note = el('p', {className: 'hint', role: 'status'});
  const created = el('button', {type: 'button', textContent: 'There are new tenants: show', hidden: true, onclick: load});
  const pages = el('nav', {'aria-label': 'Pages'});
  const search = el('input', {type: 'search', value: query.get('q') ?? '', placeholder: 'Search  ( / )', 'aria-label': 'Search', oninput: soon});
  const status = el('select', {'aria-label': 'Status', onchange: changed}, ...['', 'provisioning', 'active', 'suspended', 'deleted'].map(
    (s) => el('option', {value: s, textContent: s || 'any status', selected: s === (query.get('status') ?? '')})));
  view.replaceChildren(
    el('form', {role: 'search', onsubmit: (e) => { e.preventDefault(); changed(); }}, search, status), note, created,
    el('table', {onkeydown: arrows}, el('caption', {textContent: 'Tenants', className: 'hidden'}),
      el('thead', {}, el('tr', {}, ...['Identifier', 'Name', 'Status', 'Updated'].map((h) => el('th', {scope: 'col', textContent: h})))), rows),
    pages);

  let timer, request, refreshing, touched = new Set();
  const busy = () => rows.parentElement.hasAttribute('aria-busy'); // what is loaded may be of before a change
  const at = (id) => rows.querySelector(`tr[data-id="${CSS.escape(id)}"]`);
  load().then(() => { if (last !== undefined) at(last)?.querySelector('a').focus(); });

  function soon() {
    clearTimeout(timer);
    timer = setTimeout(changed, typing);
  }

  function changed() {
    clearTimeout(timer);
    query = new URLSearchParams();
    if (search.value) query.set('q', search.value);
    if (status.value) query.set('status', status.value);
    history.replaceState(null, '', `#/?${query}`);
    load();
  }

  async function load() {
    request?.abort();
    request = new AbortController();
    const {signal} = request;
    const q = new URLSearchParams(query);
    q.set('limit', limit);
    rows.parentElement.setAttribute('aria-busy', 'true');
    created.hidden = true;
    try {
      const page = await get(`/v1/tenants?${q}`, signal);
      if (signal.aborted) return;
      rows.replaceChildren(...page.tenants.map(row));
      pages.replaceChildren();
      if (query.has('cursor')) pages.append(link('First page', ''));
      if (page.next_cursor) pages.append(link('Next page', page.next_cursor));
      const searched = query.has('q');
      note.textContent = page.tenants.length === 0 ? 'No tenant.' : searched ? `The best ${page.tenants.length} matches.` : '';
      if (!searched) count(signal);
    } catch (error) {
      if (!signal.aborted) say(error.message, true);
    } finally {
      if (!signal.aborted) rows.parentElement.removeAttribute('aria-busy');
    }
  }

  // count says how many there are, which a large table takes longer to say than its page.
  async function count(signal) {
    const {count: n} = await get(`/v1/tenants:count${status.value && `?status=${status.value}`}`, signal).catch(() => ({}));
    if (n !== undefined && !signal.aborted) note.textContent = n === 1 ? '1 tenant.' : `${n.toLocaleString()} tenants, newest first.`;
  }

  function link(text, cursor) {
    const q = new URLSearchParams(query);
    q.delete('cursor');
    if (cursor) q.set('cursor', cursor);
    return el('a', {href: `#/?${q}`, textContent: text});
  }

  function row(t) {
    const name = tenantLink(t.id, t.identifier);
    name.addEventListener('click', () => { last = t.id; });
    const r = el('tr', {}, el('td', {}, name), el('td', {}, value(t.name)), el('td', {}, badge(t.status)), el('td', {}, time(t.updated_at)));
    r.dataset.id = t.id;
    return r;
  }

  // arrows move from row to row.
  function arrows(e) {
    const here = e.target.closest('tr');
    const to = {ArrowDown: here?.nextElementSibling, ArrowUp: here?.previousElementSibling}[e.key];
    if (!to) return;
    e.preventDefault();
    to.querySelector('a').focus();
  }

  // refresh shows the rows that were touched as they are now.
  async function refresh() {
    if (!busy()) {
      const ids = [...touched].filter(at);
      touched = new Set();
      const found = ids.length && await ask('POST', '/v1/tenants:batchGet', {body: JSON.stringify({ids})}).catch(() => undefined);
      if (found) renew(ids, found.value.tenants);
    }
    refreshing = touched.size ? setTimeout(refresh, 200) : undefined;
  }

  function renew(ids, tenants) {
    for (const id of ids) {
      const old = at(id);
      const t = tenants.find((candidate) => candidate.id === id);
      if (!old) continue;
      if (!t) { old.classList.add('gone'); continue; }
      const focused = old.contains(document.activeElement);
      const now = row(t);
      old.replaceWith(now);
      if (focused) now.querySelector('a').focus();
    }
  }

  search.addEventListener('keydown', (e) => {
    if (e.key === 'ArrowDown') { e.preventDefault(); rows.querySelector('a')?.focus(); }
  });

  return {
    change(c) {
      if (c.kind === 'reset') load();
      else if (at(c.tenant_id) || busy()) {
        touched.add(c.tenant_id);
        refreshing ??= setTimeout(refresh, 200);
      }
      if (c.kind === 'create' && !at(c.tenant_id)) created.hidden = false; // rows must not move while somebody reads them
    },
    search: () => search.focus(),
    close() { clearTimeout(timer); clearTimeout(refreshing); request?.abort(); },
  };
}
