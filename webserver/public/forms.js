/*
 * data-async    sent without leaving the page; the content is looked at again afterwards
 * data-confirm  asks first
 * data-filter   a form whose fields filter the page as they change
 * data-dialog   a link whose page opens in a dialog
 * data-plan     a form that lists what it would change, in [data-plan-result]: made anew as its fields change
 * data-stay     a button whose answer is shown in its form, in [data-answer]
 * data-into     a file whose text is put into the field of this id
 */
import { toast } from './frame.js';
import { go, refresh } from './live.js';
import { showTimes } from './time.js';

const dialog = document.getElementById('dialog');
const dialogContent = document.getElementById('dialog-content');

export function start() {
  document.addEventListener('submit', (event) => void onSubmit(event));
  document.addEventListener('input', onFilter);
  document.addEventListener('change', onFilter);
  document.addEventListener('input', onPlan);
  document.addEventListener('change', (event) => void onFile(event));
  document.addEventListener('click', (event) => void onClick(event));
  dialog?.addEventListener('click', (event) => {
    // The dialog itself is only hit outside its content.
    if (event.target === dialog) dialog.close();
  });
}

const confirmed = new WeakSet();

function ask(question) {
  const box = document.getElementById('confirm');
  box.querySelector('p').textContent = question;
  box.returnValue = 'no';
  box.showModal();
  return new Promise((resolve) => box.addEventListener('close', () => resolve(box.returnValue === 'yes'), { once: true }));
}

async function onSubmit(event) {
  const form = event.target;
  if (event.submitter?.dataset.stay !== undefined) {
    event.preventDefault();
    return void stay(form, event.submitter);
  }
  if (form.dataset.filter !== undefined) {
    event.preventDefault();
    return void filter(form);
  }
  if (form.dataset.confirm && !confirmed.has(form)) {
    event.preventDefault();
    if (!(await ask(form.dataset.confirm))) return;
    confirmed.add(form);
    form.requestSubmit(event.submitter);
    confirmed.delete(form);
    return;
  }
  if (form.dataset.async === undefined && !(form.dataset.trigger !== undefined && dialog?.contains(form))) return;
  event.preventDefault();
  const button = event.submitter;
  const body = new URLSearchParams(new FormData(form, button));
  const hadFocus = button !== null && document.activeElement === button;
  if (button) button.disabled = true;
  try {
    const headers = { Accept: 'application/json' };
    const response = await fetch(form.action, { method: 'POST', body, headers, credentials: 'same-origin' });
    if (response.status === 401) return location.reload();
    const answer = await response.json();
    if (!response.ok) return fail(form, answer.error ?? `The server answered ${response.status}.`);
    if (dialog?.contains(form)) {
      dialog.close();
      toast(answer.text, { link: answer.to });
    } else if (form.dataset.quiet === undefined) toast(answer.text);
    await refresh();
  } catch {
    fail(form, 'The server does not answer. Nothing may have been changed; look and try again.');
  } finally {
    if (button) button.disabled = false;
    // A disabled button loses the focus: who works by keyboard stays where they were.
    if (hadFocus && document.activeElement === document.body) button.focus();
  }
}

async function stay(form, button) {
  const place = form.querySelector('[data-answer]');
  const say = (text, isGood) => {
    place.hidden = false;
    place.classList.toggle('is-info', isGood);
    place.classList.toggle('is-error', !isGood);
    place.lastElementChild.textContent = text;
  };
  // Before the button is disabled: a disabled one is not part of the form.
  const body = new URLSearchParams(new FormData(form, button));
  button.disabled = true;
  try {
    const response = await fetch(form.action, {
      method: 'POST',
      body,
      headers: { Accept: 'application/json' },
      credentials: 'same-origin',
    });
    if (response.status === 401) return location.reload();
    const answer = await response.json();
    say(answer.text ?? answer.error, answer.isGood === true);
  } catch {
    say('The server does not answer. Try again.', false);
  } finally {
    button.disabled = false;
  }
}

function fail(form, text) {
  const place = form.querySelector('[data-error]');
  if (!place) return toast(text, { kind: 'error' });
  place.hidden = false;
  place.lastElementChild.textContent = text;
  place.scrollIntoView({ block: 'nearest' });
}

async function onFile({ target }) {
  const field = target.dataset?.into && document.getElementById(target.dataset.into);
  if (field && target.files.length > 0) field.value = await target.files[0].text();
}

let planTimer = 0;
function onPlan(event) {
  const form = event.target.closest?.('form[data-plan]');
  if (!form) return;
  clearTimeout(planTimer);
  const place = form.querySelector('[data-plan-result]');
  place.inert = true;
  planTimer = setTimeout(() => void plan(form), event.target.matches('input[type=checkbox], select') ? 0 : 300);
}

let plans = 0;
async function plan(form) {
  const number = ++plans;
  const url = new URL(form.getAttribute('action'), location.href);
  url.searchParams.set('fragment', '1');
  const body = new URLSearchParams(new FormData(form));
  body.set('intent', 'preview');
  try {
    const response = await fetch(url, { method: 'POST', body, credentials: 'same-origin' });
    if (response.status === 401) return location.reload();
    const text = await response.text();
    if (!response.ok) throw new Error(`status ${response.status}`);
    // Something was changed once more meanwhile: that answer is the one to show.
    if (number !== plans || !form.isConnected) return;
    const template = document.createElement('template');
    template.innerHTML = text;
    showTimes(template.content);
    form.querySelector('[data-plan-result]').replaceWith(template.content.querySelector('[data-plan-result]'));
    form.querySelector('[data-error]').hidden = true;
  } catch {
    if (number === plans) fail(form, 'The server does not answer. Try again.');
  }
}

let filterTimer = 0;
/** What is typed in one go is one step of the history. */
let typingIn = null;
document.addEventListener('focusout', () => (typingIn = null));
function onFilter(event) {
  const form = event.target.closest?.('form[data-filter]');
  if (!form) return;
  clearTimeout(filterTimer);
  const isTyping = event.type === 'input' && event.target.type === 'search';
  filterTimer = setTimeout(
    () => {
      const history = isTyping && typingIn === event.target ? 'replace' : 'push';
      if (isTyping) typingIn = event.target;
      void filter(form, history);
    },
    isTyping ? 180 : 0,
  );
}

function filter(form, history = 'push') {
  clearTimeout(filterTimer);
  const url = new URL(form.getAttribute('action') || location.pathname, location.href);
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value !== '') query.append(name, value);
  url.search = query.toString();
  if (url.href !== location.href) return go(url.href, history);
}

async function onClick(event) {
  if (event.target.closest?.('[data-close]') && dialog?.contains(event.target)) {
    event.preventDefault();
    dialog.close();
    return;
  }
  const link = event.target.closest?.('a[data-dialog]');
  if (!link || !dialog || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  try {
    const url = new URL(link.href);
    url.searchParams.set('fragment', '1');
    const response = await fetch(url, { credentials: 'same-origin' });
    if (!response.ok) return location.assign(link.href);
    dialogContent.innerHTML = await response.text();
    showTimes(dialogContent);
    dialog.showModal();
    dialogContent.querySelector('input:not([type=hidden]), textarea, select')?.focus();
  } catch {
    location.assign(link.href);
  }
}
