import type { Logger as WinstonLogger } from 'winston';

/** thence's own log (never a task's). `logger.child({ service })` names the part that speaks. */
export type Logger = Pick<WinstonLogger, 'debug' | 'info' | 'warn' | 'error' | 'child'>;
