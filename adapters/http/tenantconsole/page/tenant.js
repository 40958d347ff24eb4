// One tenant: what it is, its names, its history, and what may be done with it.

import {ask, exact, get, parse, pretty, tenantPath} from './api.js';
import {badge, confirmed, el, say, time, value} from './dom.js';
import {history as historyOf} from './history.js';

export function tenant(view, id, access) {
  let stored, etag; // what is shown, and its entity tag
  let loading = false, again = false;
  const heading = el('h2', {tabIndex: -1});
  const facts = el('dl');
  const notice = el('p', {className: 'notice', role: 'status', hidden: true});
  const conflict = el('section', {className: 'conflict', hidden: true, 'aria-label': 'Conflict'});
  const identifier = el('input', {name: 'identifier', required: true, autocomplete: 'off', spellcheck: false});
  const name = el('input', {name: 'name', required: true, autocomplete: 'off'});
  const metadata = el('textarea', {name: 'metadata', rows: 12, spellcheck: false});
  const names = el('ul');
  const suspend = el('button', {type: 'button', textContent: 'Suspend', onclick: () => setStatus('suspend')});
  const activate = el('button', {type: 'button', textContent: 'Activate', onclick: () => setStatus('activate')});
  const editable = access.write && exact;
  const edit = el('form', {onsubmit: (e) => { e.preventDefault(); save(etag); }},
    el('label', {}, 'Name ', name), el('label', {}, 'Metadata ', metadata),
    el('div', {className: 'buttons'}, el('button', {textContent: 'Save', className: 'primary'}),
      el('button', {type: 'button', textContent: 'Undo', onclick: fill})));
  const rename = el('form', {onsubmit: (e) => { e.preventDefault(); renamed(); }},
    el('label', {}, 'Identifier ', identifier), el('div', {className: 'buttons'}, el('button', {textContent: 'Rename'})));
  name.readOnly = metadata.readOnly = identifier.readOnly = !editable;
  for (const b of [edit, rename]) b.querySelector('.buttons').hidden = !editable;
  const log = historyOf(id);
  const all = el('div', {hidden: true}, el('div', {className: 'buttons', hidden: !access.write}, suspend, activate), facts, notice, conflict,
    edit, rename, el('h3', {textContent: 'Names'}), names, log.element);
  view.replaceChildren(el('p', {}, el('a', {href: '#/', textContent: '← All tenants'})), heading, all);
  if (access.write && !exact) say('This browser would change numbers in metadata; a newer one can edit.', true);
  load().then(() => heading.focus());

  // load shows the tenant as it is now. Loads follow one another: an older answer must not
  // replace a newer one, also not that of a write.
  async function load() {
    again = true;
    if (loading) return;
    loading = true;
    try {
      while (again) {
        again = false;
        const before = etag;
        const [answer, {names: found}] = await Promise.all([ask('GET', tenantPath(id)), get(`${tenantPath(id)}/names`).catch(noNames)]);
        if (etag !== before) again = true;
        else show(answer, found);
      }
    } catch (error) {
      if (error.status === 404) { all.hidden = true; heading.textContent = 'There is no such tenant.'; }
      say(error.message, true);
    } finally {
      loading = false;
    }
  }

  function show(answer, found) {
    if (answer.etag !== etag) {
      if (stored && touched()) {
        notice.textContent = 'This tenant has changed since you began to edit.';
        notice.hidden = false;
      } else {
        take(answer);
      }
    }
    all.hidden = false;
    names.replaceChildren(...found.map(named), ...(found.length ? [] : [el('li', {className: 'hint', textContent: 'None beside the identifier.'})]));
  }

  // take shows the state of an answer.
  function take(answer) {
    stored = answer.value;
    etag = answer.etag;
    conflict.hidden = notice.hidden = true;
    fill();
  }

  function fill() {
    heading.replaceChildren(value(stored.name), ' ', badge(stored.status));
    document.title = `${stored.identifier} – Tenants`;
    suspend.hidden = stored.status === 'suspended';
    activate.hidden = stored.status === 'active';
    identifier.value = stored.identifier;
    name.value = stored.name;
    metadata.value = pretty(stored.metadata);
    facts.replaceChildren(...Object.entries({
      ID: value(stored.id),
      Isolation: stored.isolation ?? '–',
      Schema: value(stored.schema_name ?? '–'),
      'Database URL': stored.database_url === undefined ? 'none' : 'set, not shown',
      Created: time(stored.created_at),
      Updated: time(stored.updated_at),
      Revision: JSON.stringify(stored.revision),
    }).flatMap(([term, v]) => [el('dt', {textContent: term}), el('dd', {}, v)]));
  }

  const edited = () => name.value !== stored.name || metadata.value !== pretty(stored.metadata);
  const touched = () => edited() || identifier.value !== stored.identifier;

  // act does something, and says what came of it.
  async function act(done, f) {
    say('');
    try {
      await f();
      say(done);
    } catch (error) {
      say(error.applied === 'unknown' ? `${error.message} It may have happened.` : error.message, true);
    }
  }

  async function setStatus(verb) {
    if (!await confirmed(`${verb === 'suspend' ? 'Suspend' : 'Activate'} ${stored.identifier}?`)) return;
    await act(verb === 'suspend' ? 'Suspended.' : 'Activated.', async () => keep(await ask('POST', `${tenantPath(id)}:${verb}`)));
  }

  async function renamed() {
    if (!await confirmed(`Rename ${stored.identifier} to ${identifier.value}? Links with the old identifier may end.`)) return;
    await act('Renamed.', async () => keep(await ask('POST', `${tenantPath(id)}:rename`, {body: JSON.stringify({identifier: identifier.value})})));
  }

  // keep shows the state of an answer, but not instead of what is being edited. The edit was
  // of the state before, unless nobody has changed what it is about.
  function keep(answer) {
    const mine = edited() && {name: name.value, metadata: metadata.value};
    const same = stored.name === answer.value.name && pretty(stored.metadata) === pretty(answer.value.metadata);
    const was = etag;
    take(answer);
    if (!mine) return;
    Object.assign(name, {value: mine.name});
    Object.assign(metadata, {value: mine.metadata});
    if (!same) etag = was; // saving is a conflict
  }

  // save writes the edit over the state that has the entity tag.
  async function save(tag) {
    let body;
    try {
      const typed = parse(metadata.value);
      if (typed === null || typeof typed !== 'object' || Array.isArray(typed) || JSON.isRawJSON(typed)) throw new SyntaxError('it is not an object');
      const {metadata: _, database_url: __, ...rest} = stored; // what is left out stays
      body = `${JSON.stringify({...rest, name: name.value}).slice(0, -1)},"metadata":${metadata.value}}`;
    } catch (error) {
      say(`The metadata are no JSON object: ${error.message}`, true);
      metadata.focus();
      return;
    }
    await act('Saved.', async () => {
      try {
        take(await ask('PUT', tenantPath(id), {body, headers: {'If-Match': tag}}));
      } catch (error) {
        if (error.status !== 412) throw error;
        await showConflict();
        throw error;
      }
    });
  }

  // showConflict shows what is stored now beside what is being edited.
  async function showConflict() {
    const theirs = await ask('GET', tenantPath(id));
    conflict.replaceChildren(
      el('h3', {textContent: 'Somebody else has changed this tenant'}),
      el('p', {}, 'Stored now: ', value(theirs.value.name), ' ', badge(theirs.value.status), ' ', value(theirs.value.identifier)),
      el('pre', {textContent: pretty(theirs.value.metadata)}),
      el('div', {className: 'buttons'},
        el('button', {type: 'button', textContent: 'Take what is stored', onclick: () => { take(theirs); heading.focus(); }}),
        el('button', {type: 'button', textContent: 'Save mine over it', onclick: () => { stored = theirs.value; save(theirs.etag); }})));
    conflict.hidden = false;
    conflict.querySelector('button').focus();
  }

  return {
    async change(c) {
      if (c.kind !== 'reset' && c.tenant_id !== id) return;
      log.change(c);
      if (`"${c.position}"` !== etag) await load();
    },
    close() { log.close(); document.title = 'Tenants'; },
  };
}

// noNames is for a store that keeps none.
function noNames(error) {
  if (error.status !== 501) throw error;
  return {names: []};
}

function named(n) {
  const about = [n.kind === 'former' ? 'was its identifier' : n.verified_at ? 'domain' : 'domain, not verified yet'];
  if (n.primary) about.push('primary');
  const li = el('li', {}, value(n.value), ` – ${about.join(', ')}`);
  if (n.expires_at) li.append(', until ', time(n.expires_at));
  return li;
}
