// What a person may choose when they trigger a run: the web UI makes a form of it, and bad values never start a run.
import { DAG } from 'thence';
import { z } from 'zod';

const dag = new DAG('params_form', {
  description: 'A form for the run: a choice, a number, a date, a switch and text',
  params: z.object({
    region: z.enum(['eu', 'us', 'asia']).default('eu').describe('Whose orders to count'),
    limit: z.int().min(1).max(100).default(10).describe('At most this many'),
    since: z.iso.date().default('2026-01-01').describe('Orders from this day on'),
    dryRun: z.boolean().default(true).describe('Only say what would be done'),
    note: z.string().max(200).optional().describe('For the log'),
  }),
  tags: ['example'],
});

const plan = dag.task('plan', ({ params, log }) => {
  if (params.note) log.info(params.note);
  return Array.from({ length: params.limit }, (_, index) => `${params.region}-${index + 1}`); // typed: params.limit is a number
});

dag.task('carry_out', { inputs: { plan } }, ({ inputs, params }) =>
  params.dryRun
    ? `would send ${inputs.plan.length} orders since ${params.since}`
    : `sent ${inputs.plan.length} orders since ${params.since}`,
);
