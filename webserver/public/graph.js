// Pan, zoom, and the paths through a task on hover. The server lays out and colours; the viewBox is this script's own.
export function attach(box) {
  let svg = box.querySelector('svg');
  let size = sizeOf(svg);
  fitHeight();
  let view = fitted();
  apply();

  // A graph with other groups open comes with another size.
  document.addEventListener('thence:content', () => {
    if (!box.isConnected) return;
    svg = box.querySelector('svg');
    const now = sizeOf(svg);
    if (now.width !== size.width || now.height !== size.height) {
      size = now;
      fitHeight();
      view = fitted();
    }
    apply();
  });

  for (const button of box.querySelectorAll('[data-graph]')) {
    button.onclick = () => {
      if (button.dataset.graph === 'fit') view = fitted();
      else zoom(button.dataset.graph === 'in' ? 0.8 : 1.25, view.x + view.width / 2, view.y + view.height / 2);
      apply();
    };
  }
  box.addEventListener(
    'wheel',
    (event) => {
      // The page scrolls over a graph; with Ctrl or a pinch it zooms, as in maps.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const at = toGraph(event);
      zoom(Math.exp(event.deltaY * 0.004), at.x, at.y);
      apply();
    },
    { passive: false },
  );

  let drag = null;
  box.addEventListener('pointerdown', (event) => {
    if (event.button !== 0 || event.target.closest('.graph-tools')) return;
    drag = { id: event.pointerId, x: event.clientX, y: event.clientY, view: { ...view }, moved: false };
  });
  box.addEventListener('pointermove', (event) => {
    if (!drag || event.pointerId !== drag.id) return;
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    if (!drag.moved && Math.hypot(dx, dy) < 4) return;
    if (!drag.moved) {
      drag.moved = true;
      box.setPointerCapture(event.pointerId);
      svg.classList.add('is-panning');
    }
    const scale = view.width / box.clientWidth;
    view.x = drag.view.x - dx * scale;
    view.y = drag.view.y - dy * scale;
    apply();
  });
  let swallowClick = false;
  const end = () => {
    // A drag that ends over a task is no click on it.
    swallowClick = drag?.moved ?? false;
    setTimeout(() => (swallowClick = false), 0);
    drag = null;
    svg.classList.remove('is-panning');
  };
  box.addEventListener('click', (event) => swallowClick && (event.preventDefault(), event.stopPropagation()), true);
  box.addEventListener('pointerup', end);
  box.addEventListener('pointercancel', end);
  box.addEventListener('dragstart', (event) => event.preventDefault());

  box.addEventListener('mouseover', (event) => lightPaths(event.target.closest('.node')?.dataset.node ?? null));
  box.addEventListener('mouseleave', () => lightPaths(null));
  box.addEventListener('focusin', (event) => lightPaths(event.target.closest('.node')?.dataset.node ?? null));
  box.addEventListener('focusout', () => lightPaths(null));
  new ResizeObserver(() => {
    const middle = { x: view.x + view.width / 2, y: view.y + view.height / 2 };
    const scale = view.width / (view.boxWidth || box.clientWidth);
    view = { x: 0, y: 0, width: box.clientWidth * scale, height: box.clientHeight * scale, boxWidth: box.clientWidth };
    view.x = middle.x - view.width / 2;
    view.y = middle.y - view.height / 2;
    apply();
  }).observe(box);

  function sizeOf(element) {
    return { width: Number(element.dataset.width), height: Number(element.dataset.height) };
  }

  /** As high as the graph wants, within what the window has. */
  function fitHeight() {
    const most = Math.max(360, window.innerHeight - 240);
    box.style.height = `${Math.min(most, Math.max(320, size.height + 48))}px`;
  }

  /** All of it, but never larger than life. On a narrow screen rather the beginning than a stamp. */
  function fitted() {
    const [width, height] = [box.clientWidth, box.clientHeight];
    const scale = Math.max(1, Math.min(Math.max(size.width / width, size.height / height), 1.6));
    const whole = { width: width * scale, height: height * scale };
    const x = size.width <= whole.width ? (size.width - whole.width) / 2 : 0;
    const y = size.height <= whole.height ? (size.height - whole.height) / 2 : 0;
    return { x, y, ...whole, boxWidth: width };
  }

  function zoom(factor, x, y) {
    const width = Math.min(Math.max(view.width * factor, 160), Math.max(size.width, box.clientWidth) * 3);
    const real = width / view.width;
    view = { ...view, x: x - (x - view.x) * real, y: y - (y - view.y) * real, width, height: view.height * real };
  }

  function toGraph(event) {
    const bounds = box.getBoundingClientRect();
    return {
      x: view.x + ((event.clientX - bounds.left) / bounds.width) * view.width,
      y: view.y + ((event.clientY - bounds.top) / bounds.height) * view.height,
    };
  }

  function apply() {
    svg.setAttribute('viewBox', `${view.x} ${view.y} ${view.width} ${view.height}`);
  }

  let lit = null;
  function lightPaths(id) {
    if (id === lit) return;
    lit = id;
    for (const edge of svg.querySelectorAll('.edge'))
      edge.classList.toggle('is-near', id !== null && (edge.dataset.from === id || edge.dataset.to === id));
  }
}
