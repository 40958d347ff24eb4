// The service: its requests, its answers and its problems.

const {api} = document.documentElement.dataset;
let token = ''; // in the memory of this page only

// Problem is why a request failed. Its status is 0 if there was no answer.
export class Problem extends Error {
  constructor(status, {title, detail, field, code, applied} = {}) {
    super([title ?? `The service answered with status ${status}.`, field && `${field}:`, detail].filter(Boolean).join(' '));
    Object.assign(this, {status, code, applied});
  }
}

// signIn is called if the service wants a credential, and resolves to a token.
let signIn = async () => '';
let signingIn; // while it goes on, for all requests that wait for it
export function onSignIn(f) { signIn = f; }

// send returns the answer to a request, whatever its status.
async function send(method, url, {body, headers, signal}) {
  headers = {Accept: 'application/json', ...headers};
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (token) headers.Authorization = `Bearer ${token}`;
  try {
    return await fetch(url, {method, body, headers, signal, redirect: 'error'});
  } catch (error) {
    if (signal?.aborted) throw error;
    const unknown = method === 'GET' ? '' : 'Whether it has changed anything is not known.';
    throw new Problem(0, {title: 'The service does not answer.', detail: unknown});
  }
}

// open returns the answer to a request that succeeds, and asks for a token where it takes one.
export async function open(method, url, options = {}) {
  for (;;) {
    const used = token;
    const answer = await send(method, url, options);
    if (answer.ok) return answer;
    const problem = new Problem(answer.status, await answer.json().catch(() => ({})));
    if (answer.status !== 401) throw problem;
    if (used !== token) continue; // another request has a new one
    signingIn ??= signIn(problem.message).then((given) => { token = given; }).finally(() => { signingIn = undefined; });
    await signingIn;
  }
}

// ask returns the JSON of an answer, and its entity tag.
export async function ask(method, path, options) {
  const answer = await open(method, api + path, options);
  const text = await answer.text();
  return {value: text === '' ? undefined : parse(text), etag: answer.headers.get('ETag')};
}

export const get = async (path, signal) => (await ask('GET', path, {signal})).value;
export const url = (path) => api + path;

// tenantPath is the path of a tenant. A browser would take an ID of dots for a directory.
export function tenantPath(id) {
  if (id === '.' || id === '..') throw new Problem(0, {title: `No browser can ask for a tenant with the ID ${id}`});
  return `/v1/tenants/${encodeURIComponent(id)}`;
}

// exact says that this browser keeps every number as it is written. One that does not would
// change numbers of metadata that nobody has touched.
export const exact = typeof JSON.rawJSON === 'function';

// parse is JSON.parse, but a number that JavaScript would change stays as it is written.
export function parse(text) {
  return JSON.parse(text, (_, v, context) =>
    typeof v === 'number' && exact && String(v) !== context.source ? JSON.rawJSON(context.source) : v);
}

// pretty writes JSON for people. Characters that reorder or hide others are escaped.
export function pretty(json) {
  return JSON.stringify(json, null, 2).replace(/[\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
