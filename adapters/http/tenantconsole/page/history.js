// The history of a tenant, which is read from the change log when somebody opens it.

import {get} from './api.js';
import {el, say} from './dom.js';
import {describe} from './feed.js';

const page = 1000; // full pages never change, and the browser keeps them
const longest = 100;

export function history(id) {
  const list = el('ol');
  const progress = el('progress');
  const note = el('p', {className: 'hint', role: 'status'});
  const element = el('details', {className: 'history', ontoggle: toggled}, el('summary', {textContent: 'History'}), progress, note, list);
  let reading;

  function toggled() {
    reading?.abort();
    if (element.open) read((reading = new AbortController()).signal);
  }

  async function read(signal) {
    list.replaceChildren();
    note.textContent = '';
    progress.hidden = false;
    try {
      const {oldest, newest} = await get('/v1/bounds', signal);
      const first = revision(oldest);
      progress.max = revision(newest) - first || 1;
      for (let after = oldest; ;) {
        const {changes} = await get(`/v1/changes?limit=${page}&after=${after}`, signal);
        changes.forEach(add);
        if (changes.length < page) break;
        after = changes.at(-1).position;
        progress.value = revision(after) - first;
      }
      note.textContent = list.children.length ? '' : 'The change log holds no change of this tenant any more.';
    } catch (error) {
      if (!signal.aborted) say(error.message, true);
    } finally {
      if (!signal.aborted) { progress.hidden = true; reading = undefined; }
    }
  }

  function add(change) {
    if (change.tenant_id !== id || list.querySelector(`[data-position="${CSS.escape(change.position)}"]`)) return;
    const li = el('li', {}, describe(change, true));
    li.dataset.position = change.position;
    list.prepend(li);
    if (list.children.length > longest) list.lastChild.remove();
  }

  return {
    element,
    change(c) { if (element.open && !reading) add(c); }, // else the reading comes to it
    close() { reading?.abort(); },
  };
}

const revision = (position) => Number.parseInt(position, 10);
