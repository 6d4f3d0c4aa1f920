import { randomBytes } from 'node:crypto';
import { link, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SecretError } from './error.ts';
import { KEY_BYTES } from './keys.ts';

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'unknown error');

function decode(content: Buffer): Uint8Array | undefined {
  if (content.length === KEY_BYTES) return content;
  const text = content.toString('latin1').trim();
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, 'hex');
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return Buffer.from(text, 'base64');
  return undefined;
}

/** Reads the master key: 32 bytes, raw, or as 64 hexadecimal or 44 base64 characters. Refuses a file that others than its owner can read. */
export async function loadMasterKey(path: string): Promise<Uint8Array> {
  let content: Buffer;
  try {
    const { mode } = await stat(path);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0)
      throw new SecretError(
        'keyFile',
        `The master key file ${path} can be read by others (mode ${(mode & 0o777).toString(8)}): set its mode to 600.`,
      );
    content = await readFile(path);
  } catch (cause) {
    if (cause instanceof SecretError) throw cause;
    throw new SecretError('keyFile', `The master key file ${path} cannot be read (${codeOf(cause)}).`, { cause });
  }
  const key = decode(content);
  if (key === undefined)
    throw new SecretError(
      'keyFile',
      `The master key file ${path} must hold ${KEY_BYTES} bytes, raw, hexadecimal or base64; it has ${content.length} bytes.`,
    );
  return key;
}

/** Makes a new master key file, mode 0600; two processes that start together end with one key. Keeps a file that exists. */
export async function createMasterKeyFile(path: string): Promise<void> {
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(`${randomBytes(KEY_BYTES).toString('base64')}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    // A link fails where the name exists, so a whole file appears at once or not at all.
    await link(draft, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST')
      throw new SecretError('keyFile', `The master key file ${path} cannot be made (${codeOf(cause)}).`, { cause });
  } finally {
    await rm(draft, { force: true });
  }
}

/** Without it a power cut may leave secrets that no key opens any more. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return; // folders can't be opened there
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
