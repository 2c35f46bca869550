import { LocalExecutor } from '../../executors/local/local-executor';
import { describeExecutor } from './conformance';

describeExecutor('local', (home) => new LocalExecutor({ home, killGraceMs: 500 }), { runsIn: 'process' });
