import type { MigrationInterface, QueryRunner } from 'typeorm';

/** DAG files that somebody wants looked at again; the DAG processor takes the rows away. */
export class ParseRequests1763822500000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE parse_request (
      file_path text PRIMARY KEY,
      requested_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE parse_request');
  }
}
