import { EntitySchema } from 'typeorm';
import { managed, text } from './columns';

export interface DagFavoriteRow {
  readonly username: string;
  readonly dag_id: string;
}

export const dagFavoriteEntity = new EntitySchema<DagFavoriteRow>({
  name: 'dag_favorite',
  columns: {
    username: text({ primary: true, primaryKeyConstraintName: 'dag_favorite_pkey' }),
    dag_id: text({ primary: true, primaryKeyConstraintName: 'dag_favorite_pkey' }),
  },
  foreignKeys: [
    {
      name: 'dag_favorite_username_fkey',
      target: 'app_user',
      columnNames: ['username'],
      referencedColumnNames: ['username'],
      onDelete: 'CASCADE',
    },
    { name: 'dag_favorite_dag_id_fkey', target: 'dag', columnNames: ['dag_id'], referencedColumnNames: ['dag_id'], onDelete: 'CASCADE' },
  ],
  indices: managed('dag_favorite_of_dag'),
});
