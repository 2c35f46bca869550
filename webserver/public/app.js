// Everything works without this file, apart from the grid and the log; with it, pages follow what happens.
import { start as startLive } from './live.js';
import { start as startTimes } from './time.js';
import { start as startForms } from './forms.js';
import { start as startFrame } from './frame.js';
import { attach as attachGrid } from './grid.js';
import { attach as attachGraph } from './graph.js';
import { attach as attachLog } from './log.js';

// Parts that the browser draws itself: attached once to each element, whenever content has come.
const parts = [
  ['#grid', attachGrid],
  ['#graph', attachGraph],
  ['#log', attachLog],
];
const attached = new WeakSet();

function attachParts() {
  for (const [selector, attach] of parts) {
    const element = document.querySelector(selector);
    if (!element || attached.has(element)) continue;
    attached.add(element);
    attach(element);
  }
}

document.documentElement.classList.add('js');
startTimes();
startFrame();
startForms();
startLive();
document.addEventListener('thence:content', attachParts);
attachParts();
