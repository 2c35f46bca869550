/** The thread in which large graphs are laid out. */
import { parentPort, workerData } from 'node:worker_threads';
import { layoutWithDagre, layoutWithElk } from './layout-engines';
import type { EngineGraph } from './layout-engines';

const { input, engine } = workerData as { input: EngineGraph; engine: 'dagre' | 'elk' };
void (async () => {
  parentPort?.postMessage(engine === 'dagre' ? layoutWithDagre(input) : await layoutWithElk(input));
})();
