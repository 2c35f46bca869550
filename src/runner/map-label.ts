/** `mapIndexTemplate`: how the pages name one instance of a mapped task. */
import type { RunTask } from '../core/workload';
import type { TaskContext } from '../dag/context';
import type { ExecutionApi } from '../execution-api/execution-api';
import { renderTemplates } from '../templates/render';
import { fetchFromContext, templateScope, type Scope } from '../templates/scope';
import type { AttemptLog } from './attempt-log';
import { storable } from './error-info';

const MAX_LENGTH = 250;

/**
 * Rendered before the task, so that the label is there while it runs, and again after it, when `output` (what it returned) and what it
 * pushed are known. Only the second time an error is worth a line: the task goes on either way.
 */
export class MapLabel {
  private stored: string | null = null;

  constructor(
    private readonly workload: RunTask,
    private readonly context: TaskContext,
    private readonly api: ExecutionApi,
    private readonly log: AttemptLog,
  ) {}

  async before(): Promise<void> {
    const text = await this.render(templateScope(this.context)).catch(() => null);
    if (text !== null) await this.store(text);
  }

  /** @param output of a try that failed: undefined */
  async after(output: unknown): Promise<void> {
    const base = templateScope(this.context);
    const withOutput: Scope = (ask) => Object.create(base(ask), { output: { value: output, enumerable: true } }) as Record<string, unknown>;
    try {
      const text = await this.render(withOutput);
      if (text !== null) await this.store(text);
    } catch (error) {
      this.log.write('warn', 'thence', `The instance has no label, its mapIndexTemplate cannot be rendered: ${(error as Error).message}`);
    }
  }

  private async render(scope: Scope): Promise<string | null> {
    const template = this.context.task['~written'].mapIndexTemplate;
    if (template === undefined || this.workload.mapIndex < 0) return null;
    return renderTemplates(template, scope, fetchFromContext(this.context));
  }

  private async store(text: string): Promise<void> {
    const label = storable(this.log.mask(text)).slice(0, MAX_LENGTH);
    if (label === this.stored) return;
    await this.api.setMapLabel(this.workload.attemptId, label);
    this.stored = label;
  }
}
