/** What in a connection or a variable is not for a log. */
import { isSensitiveName, jsonContainer, sensitiveTexts } from '../core/sensitive';
import type { ConnectionInfo } from '../execution-api/execution-api';

/** Its password, in the URI's own spelling too, and what its extra fields say under such a name. */
export function secretParts({ password, uri, extra }: Pick<ConnectionInfo, 'password' | 'uri' | 'extra'>): string[] {
  const spelledInUri = /^[^:/?#]+:\/\/[^:@/?#]*:([^@/?#]*)@/.exec(uri)?.[1];
  return [password, spelledInUri, ...sensitiveTexts(extra)].filter((text) => typeof text === 'string').flatMap(withLines);
}

/** All of it under a sensitive name; otherwise what its JSON says under one. */
export function secretPartsOfVariable(key: string, value: string): string[] {
  const isSecret = isSensitiveName(key);
  const inside = sensitiveTexts(jsonContainer(value), isSecret);
  return [...(isSecret ? [value] : []), ...inside].flatMap(withLines);
}

const shortestLine = 8;

/** A log is written line by line: a private key is hidden by each of its lines. */
function withLines(secret: string): string[] {
  if (!secret.includes('\n')) return [secret];
  const lines = secret.split('\n').map((line) => line.trim());
  return [secret, ...lines.filter((line) => line.length >= shortestLine && !/^-+(BEGIN|END) /.test(line))];
}
