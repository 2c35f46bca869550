/** Where everything is. Ids may hold `: + ~` and more, so every path is made here and nowhere else. */
import type { Request } from 'express';

export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | null | undefined>>;

export interface Links {
  /** A path below the base path, with a query. */
  to(path: string, query?: Query): string;
  dag(dagId: string, tab?: string, query?: Query): string;
  run(dagId: string, runId: string, query?: Query): string;
  /** A command on a run: '/dags/d/runs/r/mark'. */
  runAction(dagId: string, runId: string, action: string): string;
  task(dagId: string, runId: string, taskId: string, query?: Query): string;
  taskAction(dagId: string, runId: string, taskId: string, action: string, query?: Query): string;
  asset(name: string): string;
}

export function createLinks(basePath: string, assetHash: string): Links {
  const part = encodeURIComponent;
  const to = (path: string, query: Query = {}): string => `${basePath}${path}${queryString(query)}`;
  return {
    to,
    dag: (dagId, tab, query) => to(`/dags/${part(dagId)}${tab ? `/${tab}` : ''}`, query),
    run: (dagId, runId, query) => to(`/dags/${part(dagId)}/runs/${part(runId)}`, query),
    runAction: (dagId, runId, action) => to(`/dags/${part(dagId)}/runs/${part(runId)}/${action}`),
    task: (dagId, runId, taskId, query) => to(`/dags/${part(dagId)}/runs/${part(runId)}/tasks/${part(taskId)}`, query),
    taskAction: (dagId, runId, taskId, action, query) =>
      to(`/dags/${part(dagId)}/runs/${part(runId)}/tasks/${part(taskId)}/${action}`, query),
    asset: (name) => `${basePath}/static/${assetHash}/${name}`,
  };
}

function queryString(query: Query): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === '' || value === false) continue;
    for (const item of Array.isArray(value) ? value : [value]) search.append(name, String(item));
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

/** A query parameter as one string; '' when it is missing. */
export function queryText(request: Request, name: string): string {
  const value = request.query[name];
  return typeof value === 'string' ? value.trim() : Array.isArray(value) && typeof value[0] === 'string' ? value[0].trim() : '';
}

export function queryList(request: Request, name: string): string[] {
  const value = request.query[name];
  return (Array.isArray(value) ? value : [value]).filter((item): item is string => typeof item === 'string' && item !== '');
}

/** A whole number between `least` and `most`, or the default for everything else. */
export function queryNumber(request: Request, name: string, fallback: number, least: number, most: number): number {
  const text = queryText(request, name);
  const value = Number(text);
  return text !== '' && Number.isInteger(value) ? Math.min(most, Math.max(least, value)) : fallback;
}

/** Only a path of ours may be gone to after login: never another host ('//evil', '/\evil', 'https:'). */
export function safeReturnPath(path: unknown, basePath: string): string {
  const home = `${basePath}/`;
  if (typeof path !== 'string' || !path.startsWith(home) || /^\/[/\\]/.test(path) || /[\u0000-\u001f\\]/.test(path)) return home;
  return path;
}
