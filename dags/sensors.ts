// Sensors wait for something outside of the DAG. How each waits is an option: with its process, or in pieces that hold no slot.
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { BashOperator, DAG, FileSensor, FunctionSensor, TimeDeltaSensor } from 'thence';

const dag = new DAG('sensors', {
  description: 'Waits for a time, for a file and for what is in it',
  schedule: '@daily',
  startDate: '2026-01-01',
  tags: ['example'],
});
const file = path.join(os.tmpdir(), 'thence-sensors-{{ run_id }}.txt');

// One second after the end of the day that the run stands for: late data has come by then.
const dayIsOver = new TimeDeltaSensor('day_is_over', { dag, delta: { seconds: 1 }, mode: 'reschedule' });

const write = new BashOperator('write', { dag, command: `sleep 1; printf 'one\\ntwo\\nthree\\n' > '${file}'` });

// Begins beside the task that writes. Mode 'reschedule' gives its slot back between two looks.
const arrived = new FileSensor('arrived', { dag, path: file, mode: 'reschedule', pokeInterval: { seconds: 1 }, timeout: { minutes: 5 } });

// Asks a function until it is done; the value is the task's output. `softFail` would skip what follows, instead of failing the run.
const lines = new FunctionSensor('lines', {
  dag,
  inputs: { arrived },
  pokeInterval: 500,
  timeout: { minutes: 1 },
  softFail: true,
  run: async ({ inputs, log }) => {
    const found = (await readFile(inputs.arrived[0]!, 'utf8')).trim().split('\n');
    log.info(`${found.length} lines so far`);
    return { done: found.length >= 3, value: found };
  },
});

const report = dag.task(
  'report',
  { inputs: { lines } },
  ({ inputs }) => `${inputs.lines.length} lines, the last is ${inputs.lines.at(-1)}`,
);
const tidyUp = new BashOperator('tidy_up', { dag, command: `rm -f '${file}'`, triggerRule: 'all_done' });

dayIsOver.then([write, arrived]);
report.then(tidyUp);
tidyUp.after(write);
