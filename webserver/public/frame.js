// Colours, time zone, short messages, and keys that work everywhere.
const root = document.documentElement;

export function start() {
  document.getElementById('theme')?.addEventListener('click', nextTheme);
  document.getElementById('zone')?.addEventListener('change', (event) => {
    root.dataset.zone = event.target.value;
    remember('thence.zone', event.target.value);
    document.dispatchEvent(new CustomEvent('thence:zone'));
  });
  for (const toast of document.querySelectorAll('[data-toast]')) leaveLater(toast);
  document.addEventListener('keydown', onKey);
}

const themes = ['system', 'light', 'dark'];
function nextTheme(event) {
  const theme = themes[(themes.indexOf(root.dataset.theme) + 1) % themes.length];
  root.dataset.theme = theme;
  remember('thence.theme', theme);
  const button = event.currentTarget;
  button.title = `Colours: ${theme}`;
  for (const icon of button.querySelectorAll('[data-theme-icon]')) icon.hidden = icon.dataset.themeIcon !== theme;
}

function remember(name, value) {
  const path = document.body.dataset.base || '/';
  document.cookie = `${name}=${value}; path=${path}; max-age=31536000; samesite=lax`;
}

/** `link`: where to read on. */
export function toast(text, { kind = 'success', link = null } = {}) {
  const box = document.createElement('div');
  box.className = `toast is-${kind}`;
  const body = document.createElement('div');
  body.textContent = text;
  if (link) {
    const anchor = document.createElement('a');
    anchor.href = link;
    anchor.className = 'link';
    anchor.textContent = ' Show';
    body.append(anchor);
  }
  const mark = document.createElement('span');
  mark.className = `dot s-${kind === 'error' ? 'failed' : 'success'}`;
  box.append(mark, body);
  document.getElementById('toasts').append(box);
  leaveLater(box, kind === 'error' ? 9000 : 5000);
}

function leaveLater(element, ms = 5000) {
  setTimeout(() => element.remove(), ms);
}

function onKey(event) {
  const typing = event.target.closest?.('input, textarea, select, [contenteditable]');
  if (event.key === '/' && !typing && !event.metaKey && !event.ctrlKey) {
    const search = document.querySelector('#main input[type=search]');
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  }
  if (event.key === 'Escape' && typing?.type === 'search') {
    typing.value = '';
    typing.dispatchEvent(new Event('input', { bubbles: true }));
    typing.blur();
  }
}
