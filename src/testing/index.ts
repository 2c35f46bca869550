/** `import { runDag } from 'thence/testing'`: what unit tests of DAGs are written with. */
export { fails, returns, takes, type MockBehaviour, type TaskMock } from './kit/mocks';
export { loadDag } from './kit/load-dag';
export { runDag, type RunDagOptions } from './kit/run-dag';
export { TestRun, type ExpectedStates, type TestCallback, type TestTask } from './kit/test-run';
