// Commands in bash. {{ … }} is filled in before the command runs; the last line that it prints is the task's output.
import { BashOperator, chain, DAG } from 'thence';

const dag = new DAG('bash_pipeline', {
  description: 'Three commands that hand a file on',
  schedule: '@daily',
  startDate: '2026-01-01',
  defaultArgs: { executionTimeout: { minutes: 1 } },
  tags: ['example'],
});

const make = new BashOperator('make', {
  dag,
  command: `
    set -eu
    file=$(mktemp)
    for day in 1 2 3; do echo "{{ ds }} $day" >> "$file"; done
    echo "wrote $(wc -l < "$file") lines" >&2
    echo "$file"`,
});

// Outputs of earlier tasks stand in templates too. Handing them over as variables spares the quoting.
const count = new BashOperator('count', {
  dag,
  command: 'grep -c "^$DAY" "$FILE"',
  env: { FILE: "{{ ti.xcom_pull('make') }}", DAY: '{{ ds }}' },
});

const tidy = new BashOperator('tidy', {
  dag,
  command: 'rm "$FILE" && echo "removed a file of {{ ti.xcom_pull(task_ids="count") }} lines, next is {{ macros.ds_add(ds, 1) }}"',
  env: { FILE: "{{ ti.xcom_pull('make') }}" },
});

chain(make, count, tidy);
