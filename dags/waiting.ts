// Waiting without a process: deferrable tasks leave their wait to the triggerer, and hold no slot until it is over.
import { writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BashOperator, DAG, ExternalTaskSensor, FileSensor, TriggerDagRunOperator } from 'thence';

// ---- a DAG that others trigger
const child = new DAG('waiting_child', {
  description: 'Writes a file when it is told which',
  schedule: null,
  pausedUponCreation: false,
  params: { type: 'object', properties: { file: { type: 'string', default: '' } } },
  tags: ['example'],
});
const work = child.task('work', async ({ conf }) => {
  await sleep(1_000);
  if (typeof conf['file'] === 'string') await writeFile(conf['file'], 'done\n');
});
work.then(child.task('rest', () => sleep(1_000)));

// ---- and one that waits for it
const dag = new DAG('waiting', {
  description: 'Triggers runs of another DAG, and waits for a file, a task and a whole run of it',
  schedule: null,
  tags: ['example'],
});
const file = path.join(os.tmpdir(), 'thence-waiting-{{ run_id }}.txt');
const runId = 'for__{{ run_id }}'; // the same for each try: a task that is tried again finds its run
const deferred = { deferrable: true, pokeInterval: { seconds: 1 } } as const;

const trigger = new TriggerDagRunOperator('trigger', { dag, dagId: 'waiting_child', runId, conf: { file }, resetDagRun: true });
const fileOfChild = new FileSensor('file_of_child', { dag, path: file, ...deferred });
const workOfChild = new ExternalTaskSensor('work_of_child', { dag, dagId: 'waiting_child', taskId: 'work', runId, ...deferred });
const wholeRun = new TriggerDagRunOperator('whole_run', { dag, dagId: 'waiting_child', waitForCompletion: true, ...deferred });
const tidyUp = new BashOperator('tidy_up', { dag, command: `rm '${file}'` });

trigger.then([fileOfChild, workOfChild]).then(wholeRun).then(tidyUp);
