/*
 * Tasks × runs. The server sends one character per cell; only rows in view are in the document, and a row is drawn again only when its
 * text has changed, so that 500 tasks × 100 runs stay quick.
 */
import { Poller } from './poll.js';
import { duration, formatTime, zone } from './time.js';

const ROW = 26;
const BAR = 52;
const SPARE_ROWS = 12;
const OPEN_UP_TO = 120;
/** A date needs the width of this many runs. */
const DATE_EVERY = 4;

export function attach(box) {
  const codes = JSON.parse(box.dataset.codes);
  const labels = JSON.parse(box.dataset.labels);
  const stateOf = Object.fromEntries(Object.entries(codes).map(([state, code]) => [code, state]));
  const storageKey = `thence.closed ${box.dataset.runBase}`;
  const stored = readClosed(storageKey);
  const closed = new Set(stored ?? []);
  let isFirst = stored === null;
  const drawn = new Map();
  let grid = null;
  let rows = [];
  let parts = null;

  const poller = new Poller({
    url: box.dataset.source,
    everyMs: 1000,
    onText: (text) => {
      grid = JSON.parse(text);
      // Until the reader says otherwise, a large DAG shows its groups only.
      if (isFirst && grid.rows.length > OPEN_UP_TO) closeAll();
      isFirst = false;
      update();
    },
  });
  void poller.now();
  const observer = new MutationObserver(() => {
    if (box.isConnected) return;
    poller.stop();
    observer.disconnect();
    hideTip();
  });
  observer.observe(document.getElementById('main'), { childList: true });
  document.addEventListener('thence:zone', () => grid && update());
  for (const button of document.querySelectorAll('[data-grid]')) {
    button.onclick = () => {
      closed.clear();
      if (button.dataset.grid === 'collapse') closeAll();
      remember();
    };
  }

  function closeAll() {
    for (const row of grid?.rows ?? []) if (row.kind === 'group') closed.add(row.id);
  }

  function remember() {
    try {
      localStorage.setItem(storageKey, JSON.stringify([...closed]));
    } catch {
      // Private windows may forbid it.
    }
    update();
  }

  function update() {
    const hasGroups = grid.rows.some((row) => row.kind === 'group');
    for (const button of document.querySelectorAll('[data-grid]')) button.hidden = !hasGroups;
    if (grid.runs.length === 0 || grid.rows.length === 0) {
      parts = null;
      drawn.clear();
      box.replaceChildren(
        element('div', 'empty', grid.rows.length === 0 ? 'This DAG has no tasks.' : 'No runs yet. Switch the DAG on, or trigger a run.'),
      );
      return;
    }
    rows = visibleRows();
    if (!parts) build();
    drawHead();
    parts.body.style.height = `${rows.length * ROW}px`;
    drawRows();
    drawLegend();
  }

  /** Rows whose groups are all open; a closed group's cells sum up its tasks. */
  function visibleRows() {
    const parents = new Map(grid.rows.filter((row) => row.kind === 'group').map((row) => [row.id, row.parent]));
    const isHidden = (id) => id !== null && (closed.has(id) || isHidden(parents.get(id) ?? null));
    const members = new Map();
    for (const row of grid.rows) {
      if (row.kind === 'group') continue;
      for (let id = row.parent; id !== null && id !== undefined; id = parents.get(id)) {
        if (!members.has(id)) members.set(id, []);
        members.get(id).push(grid.cells[row.id]);
      }
    }
    return grid.rows
      .filter((row) => !isHidden(row.parent))
      .map((row) => ({ ...row, cells: row.kind === 'group' ? summary(members.get(row.id) ?? []) : grid.cells[row.id] }));
  }

  /** What most needs a look decides. */
  function summary(texts) {
    const rank = grid.attention.map((state) => codes[state]);
    let result = '';
    for (let i = 0; i < grid.runs.length; i++) {
      let best = ' ';
      for (const text of texts) {
        const code = text[i];
        if (code !== ' ' && (best === ' ' || rank.indexOf(code) < rank.indexOf(best))) best = code;
      }
      result += best;
    }
    return result;
  }

  function build() {
    const scroll = element('div', 'grid-scroll');
    const inner = element('div', 'grid-inner');
    const head = element('div', 'grid-head');
    const corner = element('div', 'grid-corner');
    const runs = element('div', 'grid-runs');
    const body = element('div', 'grid-body');
    const legend = element('div', 'legend');
    head.append(corner, runs);
    inner.append(head, body);
    scroll.append(inner);
    box.replaceChildren(scroll, legend);
    parts = { scroll, corner, runs, body, legend, headKey: '', legendKey: '' };
    drawn.clear();
    scroll.addEventListener('scroll', drawRows, { passive: true });
    scroll.addEventListener('keydown', onKey);
    scroll.addEventListener('mouseover', onHover);
    scroll.addEventListener('mouseleave', leave);
    scroll.addEventListener('focusin', onHover);
    scroll.addEventListener('focusout', leave);
    // The newest run is on the right.
    requestAnimationFrame(() => (scroll.scrollLeft = scroll.scrollWidth));
  }

  function drawHead() {
    const key = JSON.stringify([grid.runs, zone()]);
    if (key === parts.headKey) return;
    parts.headKey = key;
    const took = grid.runs.map((run) => (run.start === null ? 0 : (run.end ?? Date.now()) - run.start));
    const longest = Math.max(1, ...took);
    const tick = element('span', 'scale', duration(longest));
    tick.style.top = '4px';
    const hint = element('span', '', `${rows.filter((row) => row.kind === 'task').length} tasks`);
    parts.corner.replaceChildren(tick, hint);
    const links = grid.runs.map((run, index) => {
      const link = element('a', 'grid-run');
      link.href = runHref(run);
      link.dataset.column = index;
      link.setAttribute('aria-label', `${labels[run.state]}, ${run.type} run ${run.id}`);
      const before = grid.runs[index - 1];
      // From the newest run backwards; a date of the day that the next one says is left out.
      const later = grid.runs[index + DATE_EVERY];
      const hasRoom = index > 1 || index === grid.runs.length - 1;
      if (hasRoom && (grid.runs.length - 1 - index) % DATE_EVERY === 0 && (!later || dayOf(later) !== dayOf(run))) {
        link.append(element('span', index > 1 ? 'date' : 'date is-first', dayOf(run)));
      }
      if (before && run.version !== null && before.version !== null && before.version !== run.version) {
        link.classList.add('is-new-version');
        link.append(element('span', 'version', `v${run.version}`));
      }
      const bar = element('span', `bar s-${run.state}`);
      bar.style.height = `${run.start === null ? 4 : Math.max(4, Math.round(Math.sqrt(took[index] / longest) * BAR))}px`;
      const mark = element('span', 'mark');
      if (run.type !== 'scheduled') mark.append(markIcon(run.type));
      link.append(bar, mark);
      return link;
    });
    parts.runs.replaceChildren(...links);
  }

  function drawRows() {
    if (!parts) return;
    const top = Math.max(0, Math.floor(parts.scroll.scrollTop / ROW) - SPARE_ROWS);
    const bottom = Math.min(rows.length, Math.ceil((parts.scroll.scrollTop + parts.scroll.clientHeight) / ROW) + SPARE_ROWS);
    const wanted = new Set();
    for (let index = top; index < bottom; index++) {
      const row = rows[index];
      const key = `${row.kind} ${row.id}`;
      wanted.add(key);
      const text = JSON.stringify([
        row.cells,
        row.label,
        row.isMapped,
        grid.mapped[row.id],
        row.depth,
        closed.has(row.id),
        parts.headKey.length,
      ]);
      let known = drawn.get(key);
      if (!known || known.text !== text) {
        const fresh = drawRow(row);
        if (known) {
          const focused = known.element.contains(document.activeElement) ? document.activeElement.dataset.column : null;
          known.element.replaceWith(fresh);
          if (focused) fresh.querySelector(`[data-column='${focused}']`)?.focus();
        } else parts.body.append(fresh);
        known = { element: fresh, text };
        drawn.set(key, known);
      }
      known.element.style.top = `${index * ROW}px`;
      known.element.dataset.row = index;
    }
    for (const [key, { element: old }] of drawn) {
      if (wanted.has(key) || old.contains(document.activeElement)) continue;
      old.remove();
      drawn.delete(key);
    }
  }

  function drawRow(row) {
    const line = element('div', `grid-row is-${row.kind}`);
    const name = element('div', 'grid-name');
    name.title = row.id;
    name.style.paddingInlineStart = `${16 + row.depth * 16}px`;
    if (row.kind === 'group') {
      const button = element('button');
      button.type = 'button';
      button.setAttribute('aria-expanded', String(!closed.has(row.id)));
      button.append(chevron(), element('span', 'label', labelOf(row)));
      button.onclick = () => {
        if (!closed.delete(row.id)) closed.add(row.id);
        remember();
      };
      name.append(button);
    } else name.append(element('span', 'label', labelOf(row)));
    const cells = element('div', 'grid-cells');
    for (let i = 0; i < grid.runs.length; i++) {
      const state = stateOf[row.cells[i]];
      if (!state) {
        cells.append(element('span', 'cell'));
        cells.lastChild.style.visibility = 'hidden';
        continue;
      }
      const cell = element(row.kind === 'group' ? 'span' : 'a', `cell s-${state}${row.kind === 'group' ? ' is-group' : ''}`);
      cell.dataset.column = i;
      if (row.kind !== 'group') {
        cell.href = `${runHref(grid.runs[i])}/tasks/${encodeURIComponent(row.id)}`;
        const counts = grid.mapped[row.id]?.[i];
        if (counts) cell.classList.add('is-mapped');
        cell.setAttribute('aria-label', `${row.id}: ${labels[state]}${counts ? ` (${inWords(counts)})` : ''}`);
        cell.tabIndex = -1;
      }
      cells.append(cell);
    }
    // One stop of the tab key per row; arrows go on from there.
    const last = [...cells.querySelectorAll('a')].at(-1);
    if (last) last.tabIndex = 0;
    line.append(name, cells);
    return line;
  }

  function drawLegend() {
    const present = new Set(rows.flatMap((row) => [...row.cells]));
    const key = [...present].sort().join('');
    if (key === parts.legendKey) return;
    parts.legendKey = key;
    parts.legend.replaceChildren(
      ...Object.keys(codes)
        .filter((state) => present.has(codes[state]))
        .map((state) => {
          const entry = element('span');
          entry.append(element('i', `s-${state}`), labels[state]);
          return entry;
        }),
    );
  }

  const dayOf = ({ logical, start }) => {
    const at = logical ?? start;
    return at === null ? '' : formatTime(new Date(at), 'date');
  };
  const runHref = (run) => `${box.dataset.runBase}/${encodeURIComponent(run.id)}`;

  function onKey(event) {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const from = event.target.closest('[data-column]');
    if (!step || !from) return;
    event.preventDefault();
    const jump = event.shiftKey ? 10 : 1;
    const column = Math.min(grid.runs.length - 1, Math.max(0, Number(from.dataset.column) + step[1] * jump));
    let row = from.closest('.grid-row') ? Number(from.closest('.grid-row').dataset.row) : -1;
    for (let left = Math.abs(step[0]) * jump; left > 0; left--) {
      let next = row + step[0];
      while (rows[next] && rows[next].kind === 'group') next += step[0];
      if (next < -1 || (next >= 0 && !rows[next])) break;
      row = next;
    }
    if (row >= 0) {
      const top = row * ROW;
      const { scroll } = parts;
      const headHeight = parts.runs.offsetHeight;
      if (top < scroll.scrollTop) scroll.scrollTop = top;
      if (top + ROW + headHeight > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = top + ROW + headHeight - scroll.clientHeight;
      drawRows();
    }
    const line = row < 0 ? parts.runs : drawn.get(`${rows[row].kind} ${rows[row].id}`)?.element;
    line?.querySelector(`a[data-column='${column}']`)?.focus({ preventScroll: row < 0 });
  }

  function onHover(event) {
    const at = event.target.closest('[data-column]');
    for (const marked of parts.scroll.querySelectorAll('.is-hover')) marked.classList.remove('is-hover');
    if (!at) return hideTip();
    const run = grid.runs[Number(at.dataset.column)];
    parts.runs.children[Number(at.dataset.column)]?.classList.add('is-hover');
    const line = at.closest('.grid-row');
    const row = line ? rows[Number(line.dataset.row)] : null;
    showTip(
      at,
      row ? row.id : run.id,
      row
        ? [
            ['State', labels[stateOf[row.cells[Number(at.dataset.column)]]]],
            ...mappedFacts(row, at.dataset.column),
            ['Run', run.id],
            ...runFacts(run),
          ]
        : [['State', labels[run.state]], ['Type', run.type], ...runFacts(run)],
    );
  }

  function mappedFacts(row, column) {
    const counts = grid.mapped[row.id]?.[column];
    return counts ? [['Instances', inWords(counts)]] : [];
  }

  const labelOf = (row) => (row.isMapped ? `${row.label} [ ]` : row.label);
  const inWords = (counts) =>
    grid.attention
      .filter((state) => counts[state])
      .map((state) => `${counts[state].toLocaleString('en-US')} ${labels[state].toLowerCase()}`)
      .join(', ');

  function runFacts(run) {
    return [
      ...(run.logical === null ? [] : [['Logical date', formatTime(new Date(run.logical), 'full')]]),
      ...(run.start === null
        ? []
        : [
            ['Started', formatTime(new Date(run.start), 'full')],
            [run.end === null ? 'Running for' : 'Run took', duration((run.end ?? Date.now()) - run.start)],
          ]),
      ...(run.version === null ? [] : [['Version', `v${run.version}`]]),
    ];
  }

  function leave() {
    for (const marked of parts?.scroll.querySelectorAll('.is-hover') ?? []) marked.classList.remove('is-hover');
    hideTip();
  }
}

function readClosed(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? 'null');
  } catch {
    return null;
  }
}

function element(name, className = '', text = null) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== null) made.textContent = text;
  return made;
}

const marks = { manual: 'M4.5 2.8v10.4L13 8 4.5 2.8Z', backfill: 'M7.5 3.5 3 8l4.5 4.5M13 3.5 8.5 8l4.5 4.5' };
function markIcon(type) {
  return svg(marks[type]);
}
function chevron() {
  return svg('m6 3.5 4.5 4.500L6 12.5');
}
function svg(path) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  made.setAttribute('class', 'icon');
  made.setAttribute('viewBox', '0 0 16 16');
  made.setAttribute('width', '12');
  made.setAttribute('height', '12');
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  line.setAttribute('d', path);
  made.append(line);
  return made;
}

let tip = null;
function showTip(at, title, facts) {
  tip ??= document.body.appendChild(element('div', 'tip'));
  const list = element('dl');
  for (const [name, value] of facts) list.append(element('dt', '', name), element('dd', 'num', value));
  tip.replaceChildren(element('strong', '', title), list);
  tip.hidden = false;
  const from = at.getBoundingClientRect();
  const size = tip.getBoundingClientRect();
  const left = Math.min(window.innerWidth - size.width - 8, Math.max(8, from.left + from.width / 2 - size.width / 2));
  const above = from.top - size.height - 8;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 8 ? above : from.bottom + 8}px`;
}
function hideTip() {
  if (tip) tip.hidden = true;
}
