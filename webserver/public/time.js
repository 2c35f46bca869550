/*
 * Instants in the reader's choice of zone, "5 min ago", and running clocks. The server writes UTC, which stays without this file.
 * `duration` is the twin of webserver/ui/html.ts.
 */
const formats = new Map();

export function zone() {
  const choice = document.documentElement.dataset.zone;
  if (choice === 'local') return Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (choice === 'dag' && document.body.dataset.dagZone) return document.body.dataset.dagZone;
  return 'UTC';
}

function partsOf(date, timeZone) {
  let format = formats.get(timeZone);
  if (!format) {
    const digits = { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' };
    format = new Intl.DateTimeFormat('en-CA', { ...digits, hourCycle: 'h23', timeZone });
    formats.set(timeZone, format);
  }
  return Object.fromEntries(format.formatToParts(date).map(({ type, value }) => [type, value]));
}

export function formatTime(date, style) {
  const p = partsOf(date, zone());
  const day = `${p.year}-${p.month}-${p.day}`;
  if (style === 'date') return day;
  if (style === 'time') return `${p.hour}:${p.minute}:${p.second}`;
  if (style === 'clock') return `${p.hour}:${p.minute}`;
  if (style === 'minute') return `${day} ${p.hour}:${p.minute}`;
  if (style === 'relative') return relative(date);
  return `${day} ${p.hour}:${p.minute}:${p.second}`;
}

function relative(date) {
  const seconds = (date.getTime() - Date.now()) / 1000;
  const away = Math.abs(seconds);
  if (away > 7 * 86_400) return formatTime(date, 'minute');
  let text;
  if (away < 60) text = `${Math.floor(away)} s`;
  else if (away < 3600) text = `${Math.floor(away / 60)} min`;
  else if (away < 86_400) text = `${Math.floor(away / 3600)} h ${String(Math.floor((away % 3600) / 60)).padStart(2, '0')} m`;
  else text = `${Math.floor(away / 86_400)} d ${Math.floor((away % 86_400) / 3600)} h`;
  if (away < 3) return 'now';
  return seconds > 0 ? `in ${text}` : `${text} ago`;
}

export function duration(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = ms / 1000;
  if (seconds < 10) return `${(Math.floor(seconds * 10) / 10).toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const two = (value) => String(Math.floor(value)).padStart(2, '0');
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${two(seconds % 60)} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${two((seconds % 3600) / 60)} m`;
  return `${Math.floor(seconds / 86_400)} d ${two((seconds % 86_400) / 3600)} h`;
}

/** `all` false: only what changes by itself. */
export function showTimes(root = document, all = true) {
  for (const element of root.querySelectorAll(all ? 'time[datetime]' : "time[data-format='relative']")) {
    const date = new Date(element.dateTime);
    const text = formatTime(date, element.dataset.format);
    if (element.textContent !== text) element.textContent = text;
    if (all) element.title = `${formatTime(date, 'full')} ${zone()}`;
  }
  for (const element of root.querySelectorAll('[data-since]')) {
    // Whole seconds past ten: digits that cannot be read only flicker.
    const text = duration(Math.max(0, Date.now() - Date.parse(element.dataset.since)));
    if (element.textContent !== text) element.textContent = text;
  }
}

export function start() {
  showTimes();
  setInterval(() => {
    if (document.visibilityState === 'visible') showTimes(document, false);
  }, 1000);
  document.addEventListener('thence:zone', () => showTimes());
}
