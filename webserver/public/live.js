// The page's content follows the server, and filters change it in place.
import { morph } from './morph.js';
import { Poller } from './poll.js';
import { showTimes } from './time.js';

const main = document.getElementById('main');
let poller = null;

export function start() {
  const every = Number(document.body.dataset.live);
  if (every > 0) follow(location.href, every);
  document.addEventListener('click', onClick);
  window.addEventListener('popstate', () => void go(location.href, 'none'));
}

/** Looks at once, for something that was just done. */
export function refresh() {
  return poller?.now();
}

/** Shows another address of the same page, without loading it anew. `history`: 'push', 'replace' or 'none'. */
export async function go(address, history = 'push') {
  if (!poller) {
    location.assign(address);
    return;
  }
  if (history !== 'none') window.history[`${history}State`](null, '', address);
  const every = poller.everyMs;
  poller.stop();
  follow(address, every);
  await poller.now();
}

function follow(address, everyMs) {
  const url = new URL(address);
  url.searchParams.set('fragment', '1');
  url.hash = '';
  poller = new Poller({ url: url.href, everyMs, onText: show });
  poller.later();
}

function show(text) {
  const template = document.createElement('template');
  template.innerHTML = text;
  showTimes(template.content);
  morph(main, template.content);
  document.dispatchEvent(new CustomEvent('thence:content'));
}

function onClick(event) {
  const link = event.target.closest?.('a[data-soft]');
  if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  // Links inside a drawing say their address as an object.
  const address = typeof link.href === 'string' ? link.href : new URL(link.href.baseVal, location.href).href;
  void go(address);
}
