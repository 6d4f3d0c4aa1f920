import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout's root. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
/** Where set-up puts programs that npm doesn't carry. Ignored by git; removing it is always safe. */
export const TOOLS = join(ROOT, '.tools');
/** The pinned Node, installed by npm as a development dependency; every script runs through it. */
export const NODE = join(ROOT, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
