import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The master key of tests, and what services need beside it to open secrets and reach servers on this machine. */
export const MASTER_KEY = Buffer.alloc(32, 7);

export function secretSettings(): { readonly masterKeyFile: string; readonly egressAllow: string } {
  const masterKeyFile = join(mkdtempSync(join(tmpdir(), 'sluice-key-')), 'master-key');
  writeFileSync(masterKeyFile, MASTER_KEY, { mode: 0o600 });
  return { masterKeyFile, egressAllow: 'loopback' };
}
