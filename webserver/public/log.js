// The log of one try: follows while it is written, searches, wraps; lines are grouped so that the browser skips those out of sight.
import { formatTime } from './time.js';

const CHUNK = 400;
const QUICK_MS = 700;
const CALM_MS = 1500;

export function attach(box) {
  const status = document.getElementById('log-status');
  const hits = document.getElementById('log-hits');
  const search = document.getElementById('log-search');
  const buttons = Object.fromEntries([...document.querySelectorAll('[data-log]')].map((button) => [button.dataset.log, button]));
  let next = 0;
  let count = 0;
  let errors = 0;
  let chunk = null;
  let done = false;
  let timer = 0;
  let lastTop = 0;
  box.replaceChildren();

  const choice = (name, fallback) => {
    try {
      return (localStorage.getItem(`thence.log.${name}`) ?? String(fallback)) === 'true';
    } catch {
      return fallback;
    }
  };
  const settings = { time: choice('time', true), wrap: choice('wrap', window.innerWidth < 820), follow: true };
  for (const [name, button] of Object.entries(buttons)) {
    button.onclick = () => {
      settings[name] = !settings[name];
      try {
        if (name !== 'follow') localStorage.setItem(`thence.log.${name}`, String(settings[name]));
      } catch {
        // Private windows may forbid it.
      }
      show();
      if (name === 'follow' && settings.follow) box.scrollTop = box.scrollHeight;
    };
  }
  show();
  // Scrolling up is reading; scrolling to the end is following again.
  box.addEventListener(
    'scroll',
    () => {
      const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
      // Lines that turn out taller than expected move the end away: that is no scrolling up.
      const follow = atEnd || (settings.follow && box.scrollTop >= lastTop);
      lastTop = box.scrollTop;
      if (settings.follow === follow || box.scrollHeight <= box.clientHeight) return;
      settings.follow = follow;
      show();
    },
    { passive: true },
  );
  search?.addEventListener('input', () => find(true));
  search?.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || !box.isConnected) return;
    event.preventDefault();
    step(event.shiftKey ? -1 : 1);
  });
  document.addEventListener('thence:zone', () => {
    for (const at of box.querySelectorAll('.at')) at.textContent = clock(at.dataset.time);
  });
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible' && box.isConnected && !done) void read();
  });
  void read();

  function show() {
    box.classList.toggle('no-time', !settings.time);
    box.classList.toggle('is-wrapped', settings.wrap);
    for (const [name, button] of Object.entries(buttons)) button.setAttribute('aria-pressed', String(settings[name]));
  }

  async function read() {
    clearTimeout(timer);
    if (!box.isConnected || document.visibilityState === 'hidden') return;
    let wait = CALM_MS;
    try {
      const url = new URL(box.dataset.source, location.href);
      url.searchParams.set('from', String(next));
      const response = await fetch(url, { credentials: 'same-origin' });
      if (response.status === 401) return location.reload();
      if (response.ok) {
        const page = await response.json();
        if (!box.isConnected) return;
        append(page.lines);
        // A full page: there is more at once.
        wait = page.lines.length > 0 && page.next !== next ? (page.lines.length > 500 ? 0 : QUICK_MS) : CALM_MS;
        next = page.next;
        done = page.done;
      }
    } catch {
      // The page's own refresh says that the connection is lost; this goes on with it.
    }
    tell();
    if (!done) timer = setTimeout(() => void read(), wait);
  }

  function append(lines) {
    if (lines.length === 0) return;
    const first = count === 0;
    for (const line of lines) {
      if (!chunk || chunk.childElementCount >= CHUNK) {
        chunk = document.createElement('div');
        chunk.className = 'log-chunk';
        box.append(chunk);
      }
      chunk.append(draw(line));
      count++;
      if (line.level === 'error') errors++;
    }
    if (search?.value) find(false);
    if (settings.follow && !(first && done)) box.scrollTop = box.scrollHeight;
  }

  function tell() {
    if (!status) return;
    const words = [
      count === 0
        ? done
          ? 'This try printed nothing.'
          : 'Nothing printed yet.'
        : `${count.toLocaleString('en-US').replaceAll(',', '\u202f')} line${count === 1 ? '' : 's'}`,
    ];
    if (errors > 0) words.push(`${errors} error${errors === 1 ? '' : 's'}`);
    const dot = document.createElement('span');
    dot.className = `dot ${done ? 's-removed' : 's-running'}`;
    status.replaceChildren(dot, `${words.join(' · ')}${done ? '' : ' · live'}`);
  }

  function draw({ time, level, source, message }) {
    const line = document.createElement('div');
    line.className = `log-line is-${level} from-${source}`;
    const at = document.createElement('span');
    at.className = 'at num';
    at.dataset.time = time;
    at.textContent = clock(time);
    const kind = document.createElement('span');
    kind.className = 'level';
    kind.textContent = source === 'stderr' ? 'err' : source === 'stdout' ? 'out' : level;
    const text = document.createElement('span');
    text.className = 'text';
    text.append(...ansi(message));
    line.append(at, kind, text);
    return line;
  }

  function clock(time) {
    return `${formatTime(new Date(time), 'time')}.${time.slice(20, 23)}`;
  }

  let marks = [];
  let current = -1;
  function find(fromStart) {
    if (!box.isConnected) return;
    for (const mark of box.querySelectorAll('mark')) mark.replaceWith(mark.textContent);
    marks = [];
    const wanted = (search?.value ?? '').toLowerCase();
    if (wanted !== '') {
      for (const text of box.querySelectorAll('.text')) {
        if (marks.length >= 5000) break;
        if (!text.textContent.toLowerCase().includes(wanted)) continue;
        text.normalize();
        const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
        const nodes = [];
        while (walker.nextNode()) nodes.push(walker.currentNode);
        for (const node of nodes) markIn(node, wanted);
      }
    }
    if (fromStart) {
      current = -1;
      if (marks.length > 0) step(1);
    }
    showCount();
  }

  function markIn(node, wanted) {
    for (let rest = node; rest;) {
      const at = rest.nodeValue.toLowerCase().indexOf(wanted);
      if (at < 0) return;
      const hit = rest.splitText(at);
      rest = hit.splitText(wanted.length);
      const mark = document.createElement('mark');
      hit.replaceWith(mark);
      mark.append(hit);
      marks.push(mark);
    }
  }

  function step(by) {
    if (marks.length === 0) return;
    marks[current]?.classList.remove('is-current');
    current = (current + by + marks.length) % marks.length;
    marks[current].classList.add('is-current');
    settings.follow = false;
    show();
    marks[current].scrollIntoView({ block: 'center', inline: 'nearest' });
    showCount();
  }

  function showCount() {
    if (hits) hits.textContent = search?.value ? (marks.length === 0 ? 'no match' : `${current + 1} of ${marks.length}`) : '';
  }
}

/** Colours that programs write for terminals; every other control sequence is left out. */
function ansi(text) {
  if (!text.includes('\u001b')) return [text];
  const nodes = [];
  let classes = [];
  for (const part of text.split(/(\u001b\[[0-9;?]*[A-Za-z])/)) {
    const sequence = /^\u001b\[([0-9;]*)m$/.exec(part);
    if (sequence) {
      for (const code of sequence[1].split(';').map(Number)) {
        if (code === 0) classes = [];
        else if (code === 39) classes = classes.filter((name) => !/^ansi-[39]\d$/.test(name));
        else if (code === 22) classes = classes.filter((name) => name !== 'ansi-1' && name !== 'ansi-2');
        else classes.push(`ansi-${code}`);
      }
    } else if (part !== '' && !part.startsWith('\u001b')) {
      if (classes.length === 0) nodes.push(part);
      else {
        const span = document.createElement('span');
        span.className = classes.join(' ');
        span.textContent = part;
        nodes.push(span);
      }
    }
  }
  return nodes;
}
