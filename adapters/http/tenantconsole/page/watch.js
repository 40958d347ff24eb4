// The change log as it grows. This is fetch and no EventSource, which can send no token and
// does not say why it failed.

import {get, open, Problem, url} from './api.js';

const silence = 50_000; // the service says something every 15 seconds

// follow calls changed with every change after the position, and state with what the
// connection is. Where changes were lost, changed gets one of the kind reset.
export async function follow(at, changed, state) {
  for (let failures = 0; ;) {
    await visible(); // a hidden page would take one of the six connections of its browser
    try {
      for await (const line of lines(at)) {
        failures = 0;
        state('Live');
        at = line.position;
        if (line.type === 'change') changed(line);
      }
    } catch (error) {
      if (error instanceof Problem && error.status === 410) {
        at = (await get('/v1/bounds').catch(() => ({newest: at}))).newest;
        changed({kind: 'reset', position: at});
      }
      if (!document.hidden) state(error instanceof Problem && error.status ? `Not live: ${error.message}` : 'Not live: connecting …');
    }
    const patience = Math.min(10_000, 250 * 2 ** failures++);
    await new Promise((resolve) => { setTimeout(resolve, patience * (0.5 + Math.random() / 2)); });
  }
}

// lines yields the lines of one stream, which ends now and then.
async function* lines(at) {
  const stop = new AbortController();
  const hidden = () => { if (document.hidden) stop.abort(); };
  document.addEventListener('visibilitychange', hidden);
  let timer = setTimeout(() => stop.abort(), silence);
  try {
    const answer = await open('GET', url(`/v1/watch?after=${encodeURIComponent(at)}`),
      {headers: {Accept: 'application/x-ndjson'}, signal: stop.signal});
    let rest = '';
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const {done, value} = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => stop.abort(), silence);
      const whole = (rest + value).split('\n');
      rest = whole.pop();
      for (const line of whole) yield JSON.parse(line);
    }
  } finally {
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', hidden);
    stop.abort();
  }
}

async function visible() {
  while (document.hidden) {
    await new Promise((resolve) => { document.addEventListener('visibilitychange', resolve, {once: true}); });
  }
}
