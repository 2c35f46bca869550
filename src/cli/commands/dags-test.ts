export async function testDag(_dagId: string, _date: string | undefined, _options: object): Promise<void> {}
export async function testTask(_dagId: string, _taskId: string, _date: string | undefined, _options: object): Promise<void> {}
