// Commands in bash. {{ … }} is filled in before the command runs; the last line that it prints is the task's output.
import { BashOperator, chain, DAG } from 'thence';

const dag = new DAG('bash_pipeline', {
  description: 'Three commands that hand a file on',
  schedule: '@daily',
  startDate: '2026-01-01',
  defaultArgs: { executionTimeout: { minutes: 1 } },
  tags: ['example'],
});

// {{ ds }} is the run's logical date and would do, but a run that was triggered without one has none.
const DAY = '{{ (dag_run.logical_date or dag_run.run_after).toISODate() }}';

const make = new BashOperator('make', {
  dag,
  env: { DAY },
  command: `
    set -eu
    file=$(mktemp)
    for day in 1 2 3; do echo "$DAY $day" >> "$file"; done
    echo "wrote $(wc -l < "$file") lines" >&2
    echo "$file"`,
});

// Outputs of earlier tasks stand in templates too. Handing them over as variables spares the quoting.
const count = new BashOperator('count', {
  dag,
  command: 'grep -c "^$DAY" "$FILE"',
  env: { FILE: "{{ ti.xcom_pull('make') }}", DAY },
});

const tidy = new BashOperator('tidy', {
  dag,
  command: 'rm "$FILE" && echo "removed a file of {{ ti.xcom_pull(task_ids="count") }} lines of $DAY"',
  env: { FILE: "{{ ti.xcom_pull('make') }}", DAY },
});

chain(make, count, tidy);
