import type { EntitySchema } from 'typeorm';

/** Every table of ours, as TypeORM sees it. */
export const entities: readonly EntitySchema[] = [];
