export async function checkDags(_path: string | undefined, _options: { types: boolean }): Promise<void> {}
