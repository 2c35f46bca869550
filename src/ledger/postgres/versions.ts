/** Versions of DAGs, compiled. A version never changes, so they are kept as long as there is room. */
import type { Pool, PoolClient } from 'pg';
import { compileDag } from '../../dag-spec/compiled-dag';
import type { CompiledDag } from '../../dag-spec/compiled-dag';
import type { DagSpec } from '../../dag-spec/spec';
import type { VersionId } from '../ledger';
import { prepared } from './connections';

export interface LoadedVersion {
  readonly dag: CompiledDag;
  readonly bundleHash: string;
  readonly filePath: string;
}

const KEPT = 500;

const readVersions = prepared<{ id: string; spec: DagSpec; bundle_hash: string; file_path: string }>(
  'read_versions',
  'SELECT id, spec, bundle_hash, file_path FROM dag_version WHERE id = ANY($1::uuid[])',
);

export class VersionCache {
  private readonly loaded = new Map<VersionId, LoadedVersion>();

  /** Reads what is missing over `client`. @throws when a version does not exist. */
  async load(client: PoolClient | Pool, versions: Iterable<VersionId>): Promise<void> {
    const missing = [...new Set(versions)].filter((version) => !this.loaded.has(version));
    if (missing.length === 0) return;
    const { rows } = await readVersions(client, missing);
    for (const { id, spec, bundle_hash: bundleHash, file_path: filePath } of rows) {
      this.loaded.set(id, { dag: compileDag(id, spec), bundleHash, filePath });
    }
    const gone = missing.find((version) => !this.loaded.has(version));
    if (gone) throw new Error(`there is no DAG version ${gone}`);
  }

  has(version: VersionId): boolean {
    return this.loaded.has(version);
  }

  /** Of a version that `load` has been asked for in this operation. */
  get(version: VersionId): LoadedVersion {
    const found = this.loaded.get(version);
    if (!found) throw new Error(`DAG version ${version} is not loaded`);
    this.loaded.delete(version);
    this.loaded.set(version, found);
    return found;
  }

  /** Forgets the least recently used; between operations only. */
  trim(): void {
    for (const version of this.loaded.keys()) {
      if (this.loaded.size <= KEPT) return;
      this.loaded.delete(version);
    }
  }
}
