/*
 * Makes an element's children like those of another, touching only what differs: what is hovered, focused, scrolled or opened stays so.
 *
 * data-key or id   which old element a new one is, wherever it has moved to
 * data-keep="x"    owned by a script: left alone while the new one carries the same x, replaced when not
 * data-own="a b"   attributes that a script has taken over
 */
export function morph(target, source) {
  morphChildren(target, source);
}

const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.dataset?.key || node.id || null : null);

function morphChildren(target, source) {
  const keyed = new Map();
  for (const child of target.children) if (keyOf(child)) keyed.set(keyOf(child), child);

  let at = target.firstChild;
  for (const wanted of [...source.childNodes]) {
    const key = keyOf(wanted);
    let match = null;
    if (key) {
      match = keyed.get(key) ?? null;
      if (match && match.nodeName !== wanted.nodeName) match = null;
      keyed.delete(key);
    } else {
      // The next sibling of the same kind that has no name of its own.
      let candidate = at;
      while (candidate && (keyOf(candidate) || candidate.nodeName !== wanted.nodeName)) {
        if (candidate.nodeType === Node.ELEMENT_NODE && keyOf(candidate)) break;
        candidate = candidate.nextSibling;
      }
      if (candidate && !keyOf(candidate) && candidate.nodeName === wanted.nodeName) match = candidate;
    }
    if (!match) {
      target.insertBefore(wanted, at);
      continue;
    }
    if (match === at) at = at.nextSibling;
    else target.insertBefore(match, at);
    morphNode(match, wanted);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function morphNode(old, wanted) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== wanted.nodeValue) old.nodeValue = wanted.nodeValue;
    return;
  }
  if (old.dataset?.keep !== undefined || wanted.dataset?.keep !== undefined) {
    if (old.dataset.keep !== wanted.dataset?.keep) old.replaceWith(wanted);
    return;
  }
  if (old.nodeName === 'TIME' && old.dateTime === wanted.dateTime && old.dataset.format === wanted.dataset.format) return;
  if (old.dataset?.since !== undefined && old.dataset.since === wanted.dataset?.since) return;
  if (old.isEqualNode(wanted)) return;
  morphAttributes(old, wanted);
  morphChildren(old, wanted);
}

function morphAttributes(old, wanted) {
  const own = new Set((old.dataset?.own ?? '').split(' '));
  // Whether something is open is the reader's choice.
  if (old.nodeName === 'DETAILS') own.add('open');
  for (const { name, value } of [...wanted.attributes]) {
    if (own.has(name) || old.getAttribute(name) === value) continue;
    old.setAttribute(name, value);
    if (name === 'value' && old.nodeName === 'INPUT' && old !== document.activeElement) old.value = value;
  }
  for (const { name } of [...old.attributes]) {
    if (!own.has(name) && !wanted.hasAttribute(name)) old.removeAttribute(name);
  }
  if (old.nodeName === 'OPTION') old.selected = wanted.hasAttribute('selected');
}
