/**
 * Encryption of what is stored: AES-256-GCM with a key derived from the secret key. A stored text is
 *
 *   v1:<key id>:<base64url of nonce (12 bytes), tag (16), ciphertext>
 *
 * The key id tells which key made it, so that a changed key is noticed as such and old rows are found by the rotation. The place (which
 * variable, which field of which connection) is authenticated too: a ciphertext that is copied to another row does not open there.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { ThenceError } from '../core/errors';

export interface Cipher {
  /** Of the key that encrypts. */
  readonly keyId: string;
  /** Of all keys that can be read with: the one that encrypts, and earlier ones. */
  readonly keyIds: readonly string[];
  /** @param place where it will be stored, for people too: 'variable "x"' */
  encrypt(text: string, place: string): string;
  /** @throws CONFIG when it was encrypted with a key that is not here, or was changed since */
  decrypt(stored: string, place: string): string;
}

interface Key {
  readonly id: string;
  readonly bytes: Buffer;
}

const [nonceLength, tagLength] = [12, 16];

/** @param secretKeys the first encrypts; the others are those of before, to read with */
export function createCipher(secretKeys: readonly [string, ...string[]]): Cipher {
  const keys = [...new Set(secretKeys)].map(deriveKey);
  const [current] = keys as [Key];
  const keyIds = keys.map(({ id }) => id);
  return {
    keyId: current.id,
    keyIds,
    encrypt(text, place) {
      const nonce = randomBytes(nonceLength);
      const cipher = createCipheriv('aes-256-gcm', current.bytes, nonce).setAAD(Buffer.from(place));
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return ['v1', current.id, Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')].join(':');
    },
    decrypt(stored, place) {
      const [version, id, sealed = ''] = stored.split(':');
      if (version !== 'v1') throw new ThenceError('CONFIG', `${place} cannot be read: it is not in a form that this version knows`);
      const key = keys.find((each) => each.id === id);
      if (!key) {
        throw new ThenceError(
          'CONFIG',
          `${place} cannot be read: it was encrypted with the secret key ${id}, and this process has ${keyIds.join(' and ')}. ` +
            'Set THENCE_SECRET_KEY, or THENCE_SECRET_KEY_PREVIOUS, to the key that it was stored with (and restart what runs), or store it again',
        );
      }
      const bytes = Buffer.from(sealed, 'base64url');
      try {
        const decipher = createDecipheriv('aes-256-gcm', key.bytes, bytes.subarray(0, nonceLength), { authTagLength: tagLength })
          .setAAD(Buffer.from(place))
          .setAuthTag(bytes.subarray(nonceLength, nonceLength + tagLength));
        return decipher.update(bytes.subarray(nonceLength + tagLength), undefined, 'utf8') + decipher.final('utf8');
      } catch (error) {
        throw new ThenceError('CONFIG', `${place} cannot be read: what is stored was changed, or belongs to another place`, {
          cause: error,
        });
      }
    },
  };
}

/** Keys of their own: what signs sessions and tokens encrypts nothing. */
function deriveKey(secretKey: string): Key {
  return {
    id: Buffer.from(hkdfSync('sha256', secretKey, '', 'thence key id', 4)).toString('hex'),
    bytes: Buffer.from(hkdfSync('sha256', secretKey, '', 'thence encryption at rest', 32)),
  };
}
