import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which DAGs a user has marked as favorites. */
export class Favorites1763817000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE dag_favorite (
      username text NOT NULL REFERENCES app_user ON DELETE CASCADE,
      dag_id text NOT NULL REFERENCES dag ON DELETE CASCADE,
      PRIMARY KEY (username, dag_id)
    )`);
    await runner.query('CREATE INDEX dag_favorite_of_dag ON dag_favorite (dag_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE dag_favorite');
  }
}
