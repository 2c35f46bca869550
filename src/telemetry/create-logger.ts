import winston from 'winston';
import type { Config } from '../config/config';
import { coloursFor } from './colours';
import type { Logger } from './logger';

/**
 * thence's own log, on stderr so that stdout stays for what a command prints. `pretty` is for people (coloured on a terminal), `json` is
 * one object a line: `time`, `level`, `message`, and what the caller gave.
 */
export function createLogger({ logLevel, logFormat }: Pick<Config, 'logLevel' | 'logFormat'>, service?: string): Logger {
  const logger = winston.createLogger({
    level: logLevel,
    format: logFormat === 'json' ? json : pretty,
    transports: [new winston.transports.Stream({ stream: process.stderr })],
  });
  // Not as defaultMeta: that would win over what a child says of itself.
  return service === undefined ? logger : logger.child({ service });
}

/** For what has no one to talk to, such as tests. */
export const silentLogger: Logger = winston.createLogger({ silent: true });

const errors = winston.format((info) => {
  for (const [key, value] of Object.entries(info)) if (value instanceof Error) info[key] = value.stack ?? value.message;
  return info;
});

const json = winston.format.combine(
  errors(),
  winston.format((info) => Object.assign(info, { time: new Date().toISOString() }))(),
  winston.format.json(),
);

const colours = coloursFor(process.stderr);
const paint: { readonly [level: string]: (text: string) => string } = {
  error: colours.red,
  warn: colours.yellow,
  info: colours.green,
  debug: colours.dim,
};

const pretty = winston.format.combine(
  errors(),
  winston.format.printf(({ level, message, service, ...rest }) => {
    const time = colours.dim(new Date().toISOString().slice(11, 23));
    const who = typeof service === 'string' ? colours.cyan(`${service}: `) : '';
    const { stack, ...more } = rest as { stack?: string };
    const details = Object.entries(more).map(([key, value]) => ` ${colours.dim(`${key}=`)}${inOneLine(value)}`);
    return `${time} ${(paint[level] ?? String)(level.padEnd(5))} ${who}${String(message)}${details.join('')}${stack ? `\n${stack}` : ''}`;
  }),
);

function inOneLine(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
