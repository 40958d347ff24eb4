// How the node answers: how far it has followed the change log, its caches, its replicas.

import {open, parse} from './api.js';
import {el} from './dom.js';

const every = 2000; // ms
const {status} = document.documentElement.dataset;
const section = document.getElementById('node');

// watchNode shows the status of the node as long as the page is there, if it has one.
export async function watchNode() {
  if (!status) return;
  section.hidden = false;
  const list = section.appendChild(el('dl'));
  for (;;) {
    if (!document.hidden) {
      try {
        const state = parse(await (await open('GET', status)).text());
        list.replaceChildren(...terms(state).flatMap(([term, v]) => [el('dt', {textContent: term}), el('dd', {}, v)]));
      } catch (error) {
        list.replaceChildren(el('dt', {textContent: 'Status'}), el('dd', {textContent: error.message}));
      }
    }
    await new Promise((resolve) => { setTimeout(resolve, every); });
  }
}

// terms are those of a DebugState of tenancyhttp.
function terms({position, serving, last_contact: contact, lag_seconds: lag = 0, caches, replicas = []}) {
  const out = [['Position', position]];
  if (contact) out.push(['Behind the log', `${lag.toFixed(1)} s`]);
  if (caches || replicas.length) out.push(['Serves from memory', serving ? 'yes' : 'no']);
  for (const [name, cache] of [['Local cache', caches?.local], ['Shared cache', caches?.shared]]) {
    if (cache) out.push([name, ratio(cache)]);
  }
  for (const r of replicas) out.push(['Replica', `${r.phase}, ${r.tenants.toLocaleString()} tenants`]);
  return out;
}

function ratio({hits, negatives, stale, misses, unanswered}) {
  const lookups = hits + negatives + stale + misses + unanswered;
  if (!lookups) return 'not asked yet';
  const share = (hits + negatives) / lookups;
  const text = `${(100 * share).toFixed(1)} % of ${lookups.toLocaleString()} lookups`;
  return el('span', {}, el('meter', {value: share, 'aria-label': 'Hit ratio'}), ` ${text}`);
}
