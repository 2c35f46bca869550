/** What in a connection is not for a log: its password, in the URI's own spelling too, and what its extra fields say under such a name. */
import type { JsonValue } from '../core/json';
import type { ConnectionInfo } from '../execution-api/execution-api';

const secretName = /pass|secret|token|api_?key|private_?key|access_?key|credential|authorization/i;

export function secretParts({ password, uri, extra }: Pick<ConnectionInfo, 'password' | 'uri' | 'extra'>): string[] {
  const spelledInUri = /^[^:/?#]+:\/\/[^:@/?#]*:([^@/?#]*)@/.exec(uri)?.[1];
  return [password, spelledInUri, ...stringsIn(extra, false)].filter((text) => typeof text === 'string');
}

function stringsIn(value: JsonValue, isSecret: boolean): string[] {
  if (typeof value === 'string') return isSecret ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item) => stringsIn(item as JsonValue, isSecret));
  return Object.entries(value).flatMap(([name, item]) => stringsIn(item, isSecret || secretName.test(name)));
}
