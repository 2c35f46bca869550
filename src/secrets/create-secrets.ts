import type { Pool } from 'pg';
import type { Config } from '../config/config';
import type { Cipher } from './cipher';
import { databaseSecrets } from './database-backend';
import { fileSecrets } from './file-backend';
import { loadCipher } from './load-cipher';
import { moduleSecrets } from './module-backend';
import { firstOf, secretsOfConfig } from './secrets';
import type { SecretsBackend } from './secrets';

export const FILE_PREFIX = 'file:';

/** All places in the order in which they answer: THENCE_SECRETS_BACKEND, then THENCE_CONN_* and THENCE_VAR_*, then the database. */
export function createSecrets(config: Config, pool: Pool, cipher: Cipher = loadCipher(config)): SecretsBackend {
  return firstOf([
    ...config.secretsBackends.map((name) =>
      name.startsWith(FILE_PREFIX) ? fileSecrets(name.slice(FILE_PREFIX.length)) : moduleSecrets(name),
    ),
    secretsOfConfig(config),
    databaseSecrets({ pool, cipher }),
  ]);
}
