/**
 * Elements of expansions from Postgres. Each question looks up the source's present identity, which is the version (xmin) of one row: of
 * the XCom itself, or of a mapped source that of its tally, which changes with every change of its instances. What was parsed for that
 * identity is kept.
 */
import type { Pool } from 'pg';
import { AttemptGone } from './execution-api';
import type { MapItem } from './execution-api';
import { elementsOf, noSuchItem, WeighedCache } from './map-items';
import { whileAway } from './while-away';

const CACHE_BYTES = 64 * 1024 * 1024;
/** For the string itself and its place in the list. */
const ELEMENT_BYTES = 24;
const INDEX_BYTES = 8;

interface Identity {
  readonly run: string;
  /** Of an output that is not mapped. */
  readonly written: string | null;
  /** Of a mapped source. */
  readonly tally: string | null;
}

export class PostgresMapItems {
  private readonly elements = new WeighedCache<readonly string[]>(CACHE_BYTES, (list) =>
    list.reduce((bytes, text) => bytes + text.length * 2 + ELEMENT_BYTES, 0),
  );
  private readonly indexes = new WeighedCache<readonly number[]>(CACHE_BYTES, (list) => list.length * INDEX_BYTES);

  constructor(private readonly pool: Pool) {}

  /** @throws AttemptGone, NOT_FOUND */
  async pull(attemptId: string, item: MapItem): Promise<string> {
    const identity = await this.identify(attemptId, item.taskId);
    if (identity.tally !== null) return this.outputOf(identity, item);
    if (identity.written === null) throw noSuchItem(item);
    const key = JSON.stringify([identity.run, item.taskId, identity.written]);
    const elements = await this.elements.get(key, () => this.parse(identity.run, item));
    const element = elements[item.index];
    if (element === undefined) throw noSuchItem(item);
    return element;
  }

  private async identify(attemptId: string, taskId: string): Promise<Identity> {
    const { rows } = await whileAway(() =>
      this.pool.query<Identity>({
        name: 'map_item_source',
        text: `SELECT t.run::text AS run, x.xmin::text AS written, y.xmin::text AS tally
               FROM attempt a JOIN task_instance t ON t.pk = a.ti
                 LEFT JOIN xcom x ON x.run = t.run AND x.task_id = $2 AND x.map_index = -1 AND x.key = 'return_value'
                 LEFT JOIN task_tally y ON y.run = t.run AND y.task_id = $2
               WHERE a.id = $1 AND a.state <> 'ended'`,
        values: [attemptId, taskId],
      }),
    );
    if (!rows[0]) throw new AttemptGone(attemptId);
    return rows[0];
  }

  private async parse(run: string, item: MapItem): Promise<readonly string[]> {
    const elements = elementsOf(await this.value(run, item, -1));
    if (!elements) throw noSuchItem(item);
    return elements;
  }

  private async outputOf({ run, tally }: Identity, item: MapItem): Promise<string> {
    const indexes = await this.indexes.get(JSON.stringify([run, item.taskId, tally]), () => this.withOutput(run, item.taskId));
    const mapIndex = indexes[item.index];
    if (mapIndex === undefined) throw noSuchItem(item);
    return this.value(run, item, mapIndex);
  }

  private async withOutput(run: string, taskId: string): Promise<readonly number[]> {
    const { rows } = await whileAway(() =>
      this.pool.query<{ map_index: number }>(
        `SELECT map_index FROM xcom WHERE run = $1 AND task_id = $2 AND map_index >= 0 AND key = 'return_value' ORDER BY map_index`,
        [run, taskId],
      ),
    );
    return rows.map((row) => row.map_index);
  }

  private async value(run: string, item: MapItem, mapIndex: number): Promise<string> {
    const { rows } = await whileAway(() =>
      this.pool.query<{ value: string }>({
        name: 'map_item_value',
        text: `SELECT value FROM xcom WHERE run = $1 AND task_id = $2 AND map_index = $3 AND key = 'return_value'`,
        values: [run, item.taskId, mapIndex],
      }),
    );
    if (!rows[0]) throw noSuchItem(item);
    return rows[0].value;
  }
}
