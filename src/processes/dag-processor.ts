/** `thence dag-processor`: turns the files of the dags folder into stored versions. */
import { openServer } from '../app';
import type { Config } from '../config/config';
import { DagProcessor } from '../dag-processor/dag-processor';
import { createWakeup } from '../service/wakeup';
import { createLogger } from '../telemetry/create-logger';
import { runProcess } from './run-process';

export async function runDagProcessor(config: Config): Promise<number> {
  const logger = createLogger(config, 'dag-processor');
  return runProcess('the DAG processor', logger, async (signal) => {
    const { database, close } = await openServer(config, 'dag-processor', logger, signal);
    const processor = new DagProcessor({ database, config, logger, wakeup: createWakeup(database.pool) });
    processor.start();
    logger.info(`watching ${config.dagsFolder}`);
    return {
      async stop() {
        await processor.stop();
        await close();
      },
    };
  });
}
