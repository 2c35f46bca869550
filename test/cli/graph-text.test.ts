import { compileDag } from '../../src/dag-spec/compiled-dag';
import { toDot, toMermaid, toTree } from '../../src/cli/graph-text';
import { dagSpec } from '../support/factories';

const dag = compileDag(
  'v',
  dagSpec({
    dagId: 'sales "eu"',
    groups: [{ id: 'load', parent: null, doc: null }],
    tasks: [
      'extract',
      { id: 'load.orders', group: 'load' },
      { id: 'load.items', group: 'load' },
      { id: 'join', triggerRule: 'none_failed' },
      'mail',
    ],
    edges: [
      ['extract', 'load.orders'],
      { from: 'extract', to: 'load.items', label: 'eu only' },
      ['load.orders', 'join'],
      ['load.items', 'join'],
      ['join', 'mail'],
    ],
  }),
);

test('the tree draws each task below its upstreams, and what follows a join only once', () => {
  expect(toTree(dag)).toBe(
    [
      'extract <FunctionOperator>',
      '├── load.orders <FunctionOperator>',
      '│   └── join <FunctionOperator> (none_failed)',
      '│       └── mail <FunctionOperator>',
      '└── [eu only] load.items <FunctionOperator>',
      '    └── join <FunctionOperator> (none_failed) ↑',
    ].join('\n'),
  );
});

test('dot has quoted names, groups as clusters, and labels', () => {
  const lines = toDot(dag).split('\n');
  expect(lines[0]).toBe('digraph "sales \\"eu\\"" {');
  expect(lines).toContain('  subgraph "cluster_load" {');
  expect(lines).toContain('    "load.orders" [tooltip="FunctionOperator"];');
  expect(lines).toContain('  "extract" -> "load.items" [label="eu only"];');
  expect(lines.at(-1)).toBe('}');
});

test('Mermaid numbers its nodes, since task ids may be words of its own', () => {
  const text = toMermaid(dag);
  expect(text).toMatch(/^flowchart LR\n/);
  expect(text).toContain('subgraph g0["load"]');
  expect(text).toMatch(/t0\["extract"\]/);
  expect(text).toMatch(/t0 -->\|"eu only"\| t\d/);
});
