// The page: which view is shown, and what all views share.

import {get, onSignIn} from './api.js';
import {say} from './dom.js';
import {show} from './feed.js';
import {list} from './list.js';
import {watchNode} from './node.js';
import {tenant} from './tenant.js';
import {follow} from './watch.js';

const view = document.getElementById('view');
let current; // the view that is shown
let access = {};

function route() {
  current?.close();
  say('');
  const address = location.hash.slice(1) || '/';
  const id = idOf(address);
  current = id ? tenant(view, id, access) : list(view, new URLSearchParams(address.split('?')[1]));
}

function idOf(address) {
  try {
    return decodeURIComponent(address.match(/^\/tenants\/(.+)$/)?.[1] ?? '');
  } catch { // somebody has typed it
    return '';
  }
}

onSignIn((reason) => new Promise((resolve) => {
  const dialog = document.getElementById('sign-in');
  const form = dialog.querySelector('form');
  dialog.querySelector('#sign-in-reason').textContent = reason;
  dialog.oncancel = (e) => e.preventDefault(); // nothing can be done without
  form.onsubmit = (e) => {
    e.preventDefault();
    const given = form.token.value.trim();
    form.reset();
    dialog.close();
    resolve(given);
  };
  dialog.showModal();
}));

document.addEventListener('keydown', (e) => {
  const typing = e.target.closest('input, textarea, select, dialog');
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.key === '/' && !typing && current?.search) { e.preventDefault(); current.search(); }
  if (e.key === 'Escape' && !typing && !current?.search) location.hash = '#/';
});

async function start() {
  for (;;) {
    try {
      access = await get('/v1/access');
      document.getElementById('access').textContent = [access.actor, !access.write && 'read only'].filter(Boolean).join(', ');
      return (await get('/v1/bounds')).newest; // before the first view, which then misses no change
    } catch (error) {
      say(error.message, true);
      await new Promise((resolve) => { setTimeout(resolve, 2000); });
    }
  }
}

const at = await start();
addEventListener('hashchange', route);
route();
watchNode();
follow(at, (change) => { show(change); current.change(change); }, (state) => { document.getElementById('stream').textContent = state; });
