// The feed of changes, newest first.

import {el, tenantLink, time, value} from './dom.js';

const longest = 100;
const list = document.querySelector('#feed ol');
let waiting = []; // to be shown with the next frame: a bulk write is thousands of changes

export function show(change) {
  waiting.push(change);
  if (waiting.length === 1) setTimeout(draw, 50);
  if (waiting.length > longest) waiting.splice(1, waiting.length - longest);
}

function draw() {
  document.querySelector('#feed .hint').hidden = true;
  list.prepend(...waiting.reverse().map((change) => el('li', {}, describe(change))));
  waiting = [];
  while (list.children.length > longest) list.lastChild.remove();
}

// describe returns a change for people, with a link to the tenant unless own says that it
// stands there.
export function describe(change, own = false) {
  const line = el('span', {className: 'change'});
  if (change.kind === 'reset') {
    line.append('Every tenant may have changed.');
    return line;
  }
  const name = change.keys?.find((k) => k.kind === 'identifier')?.value ?? change.tenant_id;
  line.append(el('b', {textContent: change.kind}), ' ');
  if (!own) line.append(tenantLink(change.tenant_id, name), ' ');
  if (change.fields?.length) line.append(el('span', {textContent: change.fields.join(', ')}), ' ');
  if (change.actor) line.append('by ', value(change.actor), ' ');
  line.append(el('small', {}, time(change.at)));
  return line;
}
