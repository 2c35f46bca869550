/**
 * Template files: an option that ends in one of the class's `templateExt` ('report.sql') is read beside the DAG file when the DAG
 * is stored, and travels with its bundle, so that a worker needs no dags folder.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ThenceError } from '../core/errors';
import type { Expand } from '../dag/expand';

/** By path relative to the dags folder, with '/'. */
export type TemplateFiles = { readonly [path: string]: string };

interface TemplatedTask {
  readonly id: string;
  readonly '~written': object;
  readonly '~expand': Expand | null;
}
interface TemplatedClass {
  readonly templateFields: readonly string[];
  readonly templateExt: readonly string[];
}

export function readTemplateFiles(
  tasks: readonly TemplatedTask[],
  source: { readonly dagsFolder: string; readonly filePath: string },
): TemplateFiles {
  const files: Record<string, string> = {};
  for (const task of tasks) {
    const read = (name: string, option: string): string => {
      const key = keyOf(source.filePath, name);
      if (key.startsWith('../'))
        throw new ThenceError(
          'DAG_FILE',
          `\`${option}\` of task "${task.id}" names the file "${name}", which lies outside the dags folder`,
        );
      return (files[key] ??= readTemplate(path.join(source.dagsFolder, key), name, option, task.id));
    };
    embedTemplateFiles(task, { ...task['~written'], ...literalsOf(task) }, read);
  }
  return files;
}

/** All elements of the options that are expanded over literals. */
function literalsOf(task: TemplatedTask): Record<string, unknown> {
  const keys = task['~expand']?.keys ?? [];
  return Object.fromEntries(
    keys.flatMap(({ name, target, source }) => (target === 'option' && source.kind === 'literal' ? [[name, source.elements]] : [])),
  );
}

/**
 * The template options among `written`, with the names of template files replaced by their contents.
 * @param read (name as written, option) → content
 */
function embedTemplateFiles(
  task: TemplatedTask,
  written: Readonly<Record<string, unknown>>,
  read: (name: string, option: string) => string,
): Record<string, unknown> {
  const { templateFields, templateExt } = task.constructor as unknown as TemplatedClass;
  const embed = (value: unknown, option: string): unknown => {
    if (typeof value === 'string') return isFileName(value, templateExt) ? read(value, option) : value;
    return Array.isArray(value) ? value.map((one) => embed(one, option)) : value;
  };
  const present = templateFields.filter((field) => written[field] !== undefined);
  return Object.fromEntries(present.map((field) => [field, embed(written[field], field)]));
}

/** What a runner uses: contents come from the bundle. @param written the task's options, those of its instance over them */
export function embedFromBundle(
  task: TemplatedTask,
  written: Readonly<Record<string, unknown>>,
  files: TemplateFiles,
  filePath: string,
): Record<string, unknown> {
  return embedTemplateFiles(task, written, (name, option) => {
    const content = files[keyOf(filePath, name)];
    if (content === undefined)
      throw new ThenceError(
        'DAG_FILE',
        `\`${option}\` of task "${task.id}" names the template file "${name}", which is not in the stored code of its DAG`,
      );
    return content;
  });
}

/** A command such as `bash run.sh` is no file name: it has a space; `./{{ ds }}.sh` is a template itself. */
function isFileName(value: string, extensions: readonly string[]): boolean {
  return extensions.some((extension) => value.endsWith(extension)) && !/\s|\{\{|\{%/.test(value);
}

function keyOf(filePath: string, name: string): string {
  return path.posix.join(path.posix.dirname(filePath.split(path.sep).join('/')), name);
}

function readTemplate(file: string, name: string, option: string, taskId: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ThenceError(
      'DAG_FILE',
      `\`${option}\` of task "${taskId}" names the template file "${name}", which cannot be read beside the DAG file (${(error as Error).message}); end the value with a space if it is no file`,
    );
  }
}
